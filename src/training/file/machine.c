#define _GNU_SOURCE /* sched_getaffinity */
#include "training/file/machine.h"
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The one number that a cgroup file holds; false for "max", an absent file, or nonsense. */
static bool number_of(const char *folder, const char *name, uint64_t *out) {
  char path[1024];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return false;
  FILE *f = fopen(path, "re");
  if (!f) return false;
  bool found = fscanf(f, "%" SCNu64, out) == 1;
  fclose(f);
  return found;
}

/* What a cgroup leaves: its limit less what is used, where page cache that can be dropped counts as unused. */
static uint64_t cgroup_left(const char *folder, const char *limit_name, const char *used_name) {
  uint64_t limit, used, cache = 0;
  if (!number_of(folder, limit_name, &limit) || !number_of(folder, used_name, &used)) return UINT64_MAX;
  char path[1024], line[256];
  snprintf(path, sizeof path, "%s/memory.stat", folder);
  FILE *f = fopen(path, "re");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "inactive_file %" SCNu64, &cache) == 1) break;
  if (f) fclose(f);
  used -= cache < used ? cache : used;
  return limit > used ? limit - used : 0;
}

static uint64_t meminfo_left(void) {
  FILE *f = fopen("/proc/meminfo", "re");
  if (!f) return UINT64_MAX;
  char line[256];
  uint64_t kib, left = UINT64_MAX;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1) left = kib * 1024;
  fclose(f);
  return left;
}

uint64_t machine_memory_available(void) {
  uint64_t left = meminfo_left();
  FILE *f = fopen("/proc/self/cgroup", "re");
  char line[768], folder[1024];
  while (f && fgets(line, sizeof line, f)) {
    line[strcspn(line, "\n")] = 0;
    bool v2 = strncmp(line, "0::", 3) == 0;
    char *v1 = strstr(line, ":memory:");
    if (!v2 && !v1) continue;
    const char *root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    snprintf(folder, sizeof folder, "%s%s", root, v2 ? line + 3 : v1 + 8);
    /* a limit may sit on any folder above ours, and inside a container only the root is visible */
    for (char *slash; strlen(folder) >= strlen(root); *slash = 0) {
      uint64_t here = v2 ? cgroup_left(folder, "memory.max", "memory.current")
                         : cgroup_left(folder, "memory.limit_in_bytes", "memory.usage_in_bytes");
      if (here < left) left = here;
      if (!(slash = strrchr(folder, '/'))) break;
    }
  }
  if (f) fclose(f);
  return left;
}

uint32_t machine_threads(void) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t mine; /* a system with more processors than the set has room for refuses: then all count */
  if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > 0 && CPU_COUNT(&mine) < n)
    n = CPU_COUNT(&mine);
  return n < 1 ? 1 : n > 256 ? 256 : (uint32_t)n;
}

double machine_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
