/* pages: memory of several megabytes on large pages, where the system has them.
 *
 * A step walks through all its memory many times; on pages of 4 KiB it misses the TLB at every one. Linux gives pages
 * of 2 MiB to memory that asks (transparent_hugepage/enabled: madvise or always). Nothing but speed depends on it, so
 * a system that refuses is not an error. Uses: nothing, POSIX. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H
#include <stddef.h>

/* PAGES_LARGE_MIN: smaller memory is not worth a large page. */
enum { PAGES_LARGE_BYTES = 1 << 21, PAGES_LARGE_MIN = 1 << 22 };

/* pages_large asks for large pages under bytes at `at`, before they are touched. Only pages that lie inside as a whole
 * become large, so nothing beside takes more memory than it did. */
void pages_large(void *at, size_t bytes);

/* pages_take gives uninitialised memory aligned to 64 bytes, to 4096 where it is as large, on large pages from
 * PAGES_LARGE_MIN on; NULL when it is refused. Given back with free. */
void *pages_take(size_t bytes);

#endif
