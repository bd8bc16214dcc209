/* dot_plan: a dot as tiles, loops and runs. Internal to dot*.c. Strides count floats. */
#ifndef TAPE_DOT_PLAN_H
#define TAPE_DOT_PLAN_H
#include <stdatomic.h>

#include "numeric/canon.h"
#include "tape/execute/dot.h"
#include "tape/execute/halo.h"

/* A dim as the three arrays walk it. */
struct dot_dim {
  uint64_t extent;
  int64_t a, b, c;
  uint32_t of; /* the record's dim */
};

struct dot {
  const struct tape_record *record;
  struct halo *halo_a, *halo_b;
  struct place a, b, c; /* the value, or the halo's buffer */
  int64_t a_base, b_base;
  struct dot_dim loop[TAPE_RANK_MAX], row, col;
  uint32_t loops;
  int64_t a_k, b_k; /* inside a run */
  struct dot_run *run;
  uint32_t *chunk, chunks; /* chunk c is runs chunk[c] .. chunk[c + 1] - 1, in the list of the loops' combination */
  uint64_t combination[TAPE_RANK_MAX]; /* what one step of a loop adds to it; all 0: one list for all */
  uint64_t k, tiles, items;            /* row tiles of a loop; tiles of all loops */
  uint64_t cols_block, cols_blocks, items_task, tasks;
  bool split; /* tasks are chunks, their sums meet in the workspace */
  bool packed;
  struct place pack;                    /* [batch, panel, k, panel columns] */
  uint64_t panel_cols, panels, batches; /* batches: loops that move b */
  int64_t pack_loop[TAPE_RANK_MAX];     /* stride of each loop in the pack */
  struct dot_run *pack_run;             /* where b is read for the pack: a is the position in k */
  uint32_t pack_runs;
  int64_t pack_k; /* stride of b inside such a run */
  uint64_t pack_grain;
  atomic_bool nan;
};

/* Length of a chunk. Free order may keep a k of moderate length in one piece; a longer one is cut for the cache all the
 * same. */
static inline uint64_t dot_cut(const struct execute *x, const struct dot *d) {
  return x->options.free_order && d->k <= 4 * CANON_CHUNK ? d->k : CANON_CHUNK;
}

/* dot_taps_fit: would skipping taps out of range save a fifth of the work or more? Then every combination of the output
 * coordinates that decide it gets its own list of runs (unpadded and strided input gradients, in phases), rows walk a
 * dim that decides nothing, and a is read where it lies. dot_taps_linear gives the address without the deciding axes;
 * dot_taps_cut, after the loops are laid out, the lists; false: out of memory. */
bool dot_taps_fit(const struct tape_record *r, const struct tape_operand *a, const struct tape_operand *b);
void dot_taps_linear(const struct tape_record *r, const struct tape_operand *a, int64_t *base, int64_t *coef);
bool dot_taps_cut(struct execute *x, struct dot *d, const struct tape_operand *a, const int64_t *coef_a,
                  const int64_t *coef_b);

#endif
