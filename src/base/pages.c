#define _DEFAULT_SOURCE
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINE = 64, PAGE = 4096 };

void pages_large(void *at, size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (bytes < PAGES_LARGE_MIN) return;
  size_t head = -(uintptr_t)at & (PAGES_LARGE_BYTES - 1), whole = (bytes - head) / PAGES_LARGE_BYTES;
  (void)madvise((uint8_t *)at + head, whole * PAGES_LARGE_BYTES, MADV_HUGEPAGE);
#else
  (void)at;
  (void)bytes;
#endif
}

void *pages_take(size_t bytes) {
  void *at = NULL;
  size_t alignment = bytes < PAGE ? LINE : bytes < PAGES_LARGE_MIN ? PAGE : PAGES_LARGE_BYTES;
  if (posix_memalign(&at, alignment, bytes ? bytes : 1) != 0) return NULL;
  pages_large(at, bytes);
  return at;
}
