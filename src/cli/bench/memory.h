/* memory: what this process holds, from /proc/self; 0 where the system does not tell. Uses: nothing. */
#ifndef CLI_BENCH_MEMORY_H
#define CLI_BENCH_MEMORY_H
#include <stdint.h>

/* Bytes of the process in memory now, and the most there ever were since it began or since memory_mark, which makes the
 * most what there is now (Linux alone; else it stays). */
uint64_t memory_now(void);
uint64_t memory_most(void);
void memory_mark(void);

#endif
