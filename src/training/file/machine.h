/* machine: what this computer has to offer. Uses: /proc, cgroup v2 and v1 files. */
#ifndef TRAINING_MACHINE_H
#define TRAINING_MACHINE_H
#include <stdint.h>

/* machine_memory_available: bytes that can still be taken: the smallest of MemAvailable and what each enclosing cgroup
 * leaves; UINT64_MAX when the system does not say. */
uint64_t machine_memory_available(void);

/* machine_threads: CPUs that are online and that this process may run on (taskset, cpuset), 1 to 256. */
uint32_t machine_threads(void);

/* machine_seconds: a clock that only moves forward, for progress and speed, never for a result. */
double machine_seconds(void);

#endif
