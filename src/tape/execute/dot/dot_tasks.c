#include "tape/execute/dot/dot_plan.h"

enum {
  SHARED_ITEMS = 8,
  SHARED_BYTES = 1 << 18,
  INNER_BYTES = 3 << 18,
  OWN_BYTES = 1 << 18,
  LEAST_TASKS = 4,
  HEADS_LEAST = 8,
  SHORT = 4
};

static void cut_items(struct execute *x, struct dot *d) {
  uint64_t n = d->col.extent, threads = x->threads;
  if (d->items < 16 && n >= 128)
    d->cols_block = n >= 512 ? 128 : 64;
  else if (n >= 256 && d->k * n > 100000)
    d->cols_block = 128;
  d->cols_block =
      (d->cols_block + x->backend->dot_cols - 1) / x->backend->dot_cols * x->backend->dot_cols; /* whole panels */
  if (d->cols_block > n) d->cols_block = n;
  d->cols_blocks = (n + d->cols_block - 1) / d->cols_block;
  /* picoseconds a tile row of the block: 45 GFLOP/s, narrow tiles as if they were 16 wide */
  uint64_t wide = d->cols_block < 16 ? 16 : d->cols_block,
           item = (d->row.extent * wide * d->k / d->tiles) * 45 + 100000;
  d->split = threads > 1 && d->items * d->cols_blocks < 4 * threads && d->chunks >= 2 * threads;
  if (d->split) {
    d->cols_block = n, d->cols_blocks = 1;
    item = d->row.extent * (n < 16 ? 16 : n) * CANON_CHUNK * 45 + 100000;
    for (uint32_t i = 0; i < d->loops; i++) item *= d->loop[i].extent;
    d->items_task = plan_grain(x, d->chunks, item); /* chunks, here */
    d->tasks = (d->chunks + d->items_task - 1) / d->items_task;
    plan_need_workspace(x, d->chunks * record_elements(d->record) * 4);
    return;
  }
  d->items_task = plan_grain(x, d->items * d->cols_blocks, item);
  /* A task walks all of k for its columns of b: with much of it, several items must share the walk, or memory is the
   * limit. */
  uint64_t shared = (d->items * d->cols_blocks + 2 * threads - 1) / (2 * threads);
  if (shared > SHARED_ITEMS) shared = SHARED_ITEMS;
  if (d->k * d->cols_block * 4 > SHARED_BYTES && d->items_task < shared) d->items_task = shared;
  if (d->items_task > d->items) {
    d->items_task = d->items;
    if (d->items * d->cols_blocks * item < 15000000) d->cols_block = n, d->cols_blocks = 1;
  }
  uint64_t heads = d->items / d->tiles;
  if (!x->options.small_tasks && heads >= HEADS_LEAST * threads) /* whole ones: what a head shares is read once */
    d->items_task = (d->items_task + d->tiles - 1) / d->tiles * d->tiles;
  if (!x->options.small_tasks) { /* even tasks */
    uint64_t groups = (d->items + d->items_task - 1) / d->items_task;
    d->items_task = (d->items + groups - 1) / groups;
  }
  d->tasks = (d->items + d->items_task - 1) / d->items_task * d->cols_blocks;
}

/* How many of `count` tiles or panels make a task: enough to pay for what is read again by every task, few enough for
 * several tasks a thread. Picoseconds: of one, on a fast machine. */
static uint64_t even_share(const struct execute *x, uint64_t count, uint64_t picoseconds, uint64_t most) {
  uint64_t share = plan_grain(x, count, picoseconds), least = count / (LEAST_TASKS * x->threads);
  if (least > most) least = most;
  if (share < least && !x->options.small_tasks) share = least;
  uint64_t tasks = (count + share - 1) / share;
  return (count + tasks - 1) / tasks;
}

/* One matrix by another: columns with all of their rows, or rows with all of their columns. */
static void cut_matrix(struct execute *x, struct dot *d) {
  uint64_t n = d->col.extent, product = d->row.extent * n * dot_depth_of(x, d, 0) * 14;
  d->phased = d->chunks > 1 && !d->in_group && d->from_a != DOT_IN_PLACE;
  if (!d->phased) product *= d->chunks;
  if (d->by_cols) {
    d->items_task = d->items;
    d->cols_block = even_share(x, d->panels, product / d->panels, 4) * d->panel_cols;
    if (d->cols_block > n) d->cols_block = n;
    d->cols_blocks = (n + d->cols_block - 1) / d->cols_block;
  } else {
    d->items_task = even_share(x, d->tiles, product / d->tiles, SHARED_ITEMS);
    if (x->options.small_tasks && d->tiles > 8 * SHORT) d->items_task = SHORT; /* so that tests see short ones too */
    uint64_t tasks = (d->tiles + d->items_task - 1) / d->items_task, late = 2 * x->threads;
    if (!d->phased && tasks > 2 * late && d->items_task >= SHORT) {
      d->long_tasks = tasks - late, d->items_short = d->items_task / SHORT;
      d->tasks = d->long_tasks + (d->tiles - d->long_tasks * d->items_task + d->items_short - 1) / d->items_short;
      return;
    }
  }
  d->tasks = (d->items + d->items_task - 1) / d->items_task * d->cols_blocks;
}

void dot_cut_tasks(struct execute *x, struct dot *d) {
  uint64_t rows = x->backend->dot_rows, n = d->col.extent, depth = dot_depth_of(x, d, 0);
  d->tiles = (d->row.extent + rows - 1) / rows;
  d->items = d->tiles;
  for (uint32_t i = 0; i < d->loops; i++) d->items *= d->loop[i].extent;
  d->cols_block = n, d->cols_blocks = 1;
  bool splits = x->threads > 1 && d->items * d->panels < 4 * x->threads && d->chunks >= 2 * x->threads;
  if (d->loops == 0 && !splits && !d->halo_a && !d->halo_b)
    cut_matrix(x, d);
  else
    cut_items(x, d);
  /* in even blocks of whole panels that stay in a core's own cache */
  uint64_t panels = (d->cols_block + d->panel_cols - 1) / d->panel_cols,
           fit = INNER_BYTES / 4 / (depth * d->panel_cols) ? INNER_BYTES / 4 / (depth * d->panel_cols) : 1,
           blocks = (panels + fit - 1) / fit;
  d->cols_inner = (panels + blocks - 1) / blocks * d->panel_cols;
  d->group = OWN_BYTES / 4 / (depth * rows) ? OWN_BYTES / 4 / (depth * rows) : 1;
  if (d->group > d->tiles) d->group = d->tiles;
}
