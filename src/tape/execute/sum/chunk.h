/* chunk: sums over all rows of what a group makes, by chunks of k (NUMERICS 3.1), as its bands bring the rows.
 *
 * The rows of a chunk may come from several bands, on any threads. Who brings rows adds them at once, while they are in
 * its cache, if all rows of the chunk in front of them have been added; else whoever adds those goes on with these.
 * Uses: plan. */
#ifndef TAPE_CHUNK_H
#define TAPE_CHUNK_H
#include <stdatomic.h>

#include "tape/execute/plan/plan.h"

struct chunks {
  uint64_t k;
  uint32_t count;
  uint32_t bands;       /* of the group; 0: in none */
  bool at_once;         /* a chunk is not begun before all of its rows are there */
  atomic_bool *brought; /* one a band */
  atomic_uint *added;   /* rows of each chunk, and whether somebody is at it */
  uint64_t sums; /* bytes into the workspace: [count, elements of the record], this item's alone while its group runs */
};

/* chunks_plan fills c and takes the memory; false: out of memory. For an item of one record, whose k falls into the
 * group's bands along its leading dims. */
bool chunks_plan(struct execute *x, const struct item *item, struct chunks *c);
static inline float *chunks_sums(const struct execute *x, const struct chunks *c) {
  return (float *)(void *)(place_at(x, x->workspace) + c->sums);
}

/* Where an operand's rows from position k on begin to be read: what the thread's own band made may lie in its buffer,
 * what others made lies where everybody reads it. */
struct chunks_operand {
  struct place own, others;
};
struct chunks_operand chunks_operand(const struct execute *x, const struct tape_operand *o);
static inline const float *chunks_read(const struct execute *x, const struct chunks *c, const struct chunks_operand *o,
                                       uint64_t k, uint32_t thread) {
  bool own = c->bands > 0 && !c->at_once && k / (c->k / c->bands) == x->seat[thread].band;
  return (const float *)(const void *)(own ? place_at_thread(x, o->own, thread) : place_at(x, o->others));
}

/* chunks_begin before the first band; chunks_bring once everything in front of the item has run for a band. It calls
 * add(context, chunk, low, high, thread) for positions [low, high) of k, which are of that chunk and (unless at_once)
 * of one band; those of a chunk in order, never two at a time, and after the last band all of it. */
typedef void chunks_add(void *context, uint32_t chunk, uint64_t low, uint64_t high, uint32_t thread);
void chunks_begin(struct chunks *c);
void chunks_bring(struct chunks *c, uint32_t band, uint32_t thread, chunks_add *add, void *context);

#endif
