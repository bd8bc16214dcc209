/* arena: memory with one owner, given back all at once.
 *
 * Two ways to get one: over bytes the caller owns, or a mapping whose pages cost nothing until they are touched, with a
 * limit so that a stranger's file cannot make it grow. Not thread safe; one arena, one thread. Uses: nothing. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
  uint8_t *at;
  size_t size_bytes, used_bytes;
};

/* arena_over lends memory that outlives the arena. */
struct arena arena_over(void *memory, size_t size_bytes);

/* arena_open maps at most limit_bytes of zeroed memory, touched lazily; false when the address space refuses.
 * arena_shut gives it back; a second call does nothing. arena_open_whole is for memory that will be used from end to
 * end, over and over: it begins at a large page's bound and lies on large pages (base/pages). */
bool arena_open(struct arena *a, size_t limit_bytes);
bool arena_open_whole(struct arena *a, size_t bytes);
void arena_shut(struct arena *a);

/* arena_take returns count * size zeroed bytes aligned to 64, or NULL when that does not fit or overflows. Zeroed
 * because a mark and reset may hand the same bytes out twice. */
void *arena_take(struct arena *a, size_t count, size_t size);

/* arena_text copies length bytes and a terminating 0; NULL when full. */
char *arena_text(struct arena *a, const char *text, size_t length);

size_t arena_mark(const struct arena *a);
void arena_reset(struct arena *a, size_t mark);

#endif
