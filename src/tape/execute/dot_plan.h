/* dot_plan: a dot as tiles, loops and runs. Internal to dot*.c. Strides count floats. */
#ifndef TAPE_DOT_PLAN_H
#define TAPE_DOT_PLAN_H
#include <stdatomic.h>

#include "tape/execute/dot.h"
#include "tape/execute/halo.h"

/* A dim as the three arrays walk it. */
struct dot_dim {
  uint64_t extent;
  int64_t a, b, c;
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
  uint32_t *chunk, chunks;  /* chunk c is runs chunk[c] .. chunk[c + 1] - 1 */
  uint64_t k, tiles, items; /* row tiles of a loop; tiles of all loops */
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

#endif
