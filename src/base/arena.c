#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"

enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector */

struct arena arena_over(void *memory, size_t size_bytes) {
  return (struct arena){.at = memory, .size_bytes = size_bytes};
}

static void *map(size_t bytes) {
  return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

bool arena_open(struct arena *a, size_t limit_bytes) {
  void *at = map(limit_bytes);
  if (at == MAP_FAILED) return false;
  *a = arena_over(at, limit_bytes);
  return true;
}

/* A large page more is mapped than is needed, and what lies in front of the first bound is given back. */
bool arena_open_whole(struct arena *a, size_t bytes) {
  if (bytes < PAGES_LARGE_MIN) return arena_open(a, bytes);
  void *at = bytes <= SIZE_MAX - PAGES_LARGE_BYTES ? map(bytes + PAGES_LARGE_BYTES) : MAP_FAILED;
  if (at == MAP_FAILED) return false;
  size_t head = -(uintptr_t)at & (PAGES_LARGE_BYTES - 1);
  if (head) munmap(at, head);
  *a = arena_over((uint8_t *)at + head, bytes + PAGES_LARGE_BYTES - head);
  pages_large(a->at, bytes);
  return true;
}

void arena_shut(struct arena *a) {
  if (a->at) munmap(a->at, a->size_bytes);
  *a = (struct arena){0};
}

void *arena_take(struct arena *a, size_t count, size_t size) {
  size_t bytes, padding = -((uintptr_t)a->at + a->used_bytes) & (ALIGNMENT - 1);
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  size_t left = a->size_bytes - a->used_bytes;
  if (padding > left || bytes > left - padding) return NULL;
  uint8_t *at = a->at + a->used_bytes + padding;
  a->used_bytes += padding + bytes;
  return memset(at, 0, bytes);
}

char *arena_text(struct arena *a, const char *text, size_t length) {
  if (length == SIZE_MAX) return NULL;
  char *copy = arena_take(a, length + 1, 1);
  if (copy && length) memcpy(copy, text, length);
  return copy;
}

size_t arena_mark(const struct arena *a) { return a->used_bytes; }
void arena_reset(struct arena *a, size_t mark) { a->used_bytes = mark; }
