/* dot_plan: a dot as tiles, loops and runs. Internal to dot*.c. Strides count floats. */
#ifndef TAPE_DOT_PLAN_H
#define TAPE_DOT_PLAN_H
#include <stdatomic.h>

#include "numeric/canon.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/dot/dot_ask.h"
#include "tape/execute/plan/halo.h"

/* A dim as the three arrays walk it. */
struct dot_dim {
  uint64_t extent;
  int64_t a, b, c;
  uint32_t of; /* the record's dim */
};

/* Where tiles read an operand: in its value (or halo); in a copy made once before the tiles, by all threads; or in a
 * copy of just the piece that the thread works on, made by that thread. */
enum dot_from { DOT_IN_PLACE, DOT_SHARED, DOT_OWN };

/* Which operand's lines may end in zeros, and along what they lie (dot_tail.h): rows of a along k; a's k along its
 * rows, or b's along its columns. */
enum dot_tail { DOT_TAIL_NONE, DOT_TAIL_A_K, DOT_TAIL_A_ROWS, DOT_TAIL_B_COLS };

/* How an operand lies along k before it is copied: k / length is a row of k with an address of its own. */
struct dot_depth {
  int64_t *from;
  uint64_t length;
  int64_t step;
};

struct dot {
  const struct tape_record *record;
  uint8_t operand_a; /* which of the record's operands is a, the one that does not move with the columns */
  struct halo *halo_a, *halo_b;
  struct place a, b, c; /* the value, or the halo's buffer */
  int64_t a_base, b_base;
  struct dot_dim loop[TAPE_RANK_MAX], row, col;
  uint32_t loops;
  enum dot_from from_a, from_b;
  bool by_cols; /* tasks are columns, all rows of them: b is wide, and each column of it is copied by one task alone */
  int64_t a_row, a_k, b_k;        /* as a tile walks, a_k and b_k inside a run */
  int64_t straight_a, straight_b; /* stride along all of k, in the value; 0: there is not one */
  enum dot_tail tail;
  struct dot_blank *blank; /* dot_blank.h; NULL: all outputs are wanted */
  bool asks, c_far;        /* is the memory of operands, of c, worth asking for? */
  struct dot_run *run;
  uint32_t *chunk, chunks; /* chunk c is runs chunk[c] .. chunk[c + 1] - 1, in the list of the loops' combination */
  uint64_t combination[TAPE_RANK_MAX]; /* what one step of a loop adds to it; all 0: one list for all */
  uint64_t k, tiles, items;            /* row tiles of a loop; tiles of all loops */
  uint64_t cols_block, cols_blocks, items_task, tasks;
  uint64_t long_tasks, items_short; /* of one matrix by rows: tasks after those many are short, so that all threads end
                                     * at nearly the same time; 0: all tasks are alike */
  bool phased;                      /* tasks begin chunk by chunk: what they share of a chunk stays in every cache */
  bool split;                       /* tasks are chunks, their sums meet in the workspace */

  /* A run is one region: for each phase, which is a chunk or all of k, the tasks that fill the shared copies, then
   * those of tiles, the next phase's copies before this one's tiles. They wait for each other by these counts. */
  uint64_t phases, copies_a, copies_b; /* tasks that copy a chunk */
  uint64_t grain_a, grain_b;           /* tiles and panels of each */
  _Atomic uint32_t *copied, *tiled;    /* of each phase: tasks done */
  _Atomic uint32_t *turn;              /* of each task of tiles: phases done */

  /* Copies of b: [batch, chunk, panel, k of the chunk, panel columns], of a: [chunk, tile, k of the chunk, rows of the
   * back end's tile]. A thread's own, and
   * shared ones of phases, are of one chunk. */
  struct dot_depth depth_a, depth_b;
  uint64_t share_a, share_b;            /* plan_copy */
  uint64_t panel_cols, panels, batches; /* batches: loops that move b; DOT_OWN: they stand outside all others */
  int64_t pack_loop[TAPE_RANK_MAX];     /* stride of each loop in the shared copy of b */
  uint64_t own_a, own_tail, own_blank;  /* where a's copy and the ends of tails and of blanks begin in the thread's
                                         * memory; b's copy is at its start */
  uint64_t group;                       /* row tiles whose a a thread copies together */
  uint64_t cols_inner;                  /* columns that are done for all rows of a task before the next */

  bool in_group;  /* run by parts alone */
  bool made_here; /* a is of its own group: near already */
  uint64_t parts; /* dot_parts */
  bool apart;     /* parts are combinations of the loops, though other dims stand between those */
  bool part_rows; /* parts are rows, which are the leading dims, not loops */
  atomic_bool nan;
};

/* Length of a chunk. Free order may keep a k of moderate length in one piece; a longer one is cut for the cache all the
 * same. */
static inline uint64_t dot_cut(const struct execute *x, const struct dot *d) {
  return x->options.free_order && d->k <= 4 * CANON_CHUNK ? d->k : CANON_CHUNK;
}

/* Where k lies in the copies, relative to its chunk. */
static inline int64_t dot_packed_a(const struct execute *x, const struct dot *d, uint64_t k) {
  return (int64_t)(k % dot_cut(x, d) * x->backend->dot_rows);
}
static inline int64_t dot_packed_b(const struct execute *x, const struct dot *d, uint64_t k) {
  return (int64_t)(k % dot_cut(x, d) * d->panel_cols);
}

/* dot_taps_fit: would skipping taps out of range save a fifth of the work or more? Then every combination of the output
 * coordinates that decide it gets its own list of runs (unpadded and strided input gradients, in phases), rows walk a
 * dim that decides nothing, and a is read where it lies. dot_taps_linear gives the address without the deciding axes;
 * dot_taps_cut, after the loops are laid out, the lists; false: out of memory. */
bool dot_taps_fit(const struct tape_record *r, const struct tape_operand *a, const struct tape_operand *b);
void dot_taps_linear(const struct tape_record *r, const struct tape_operand *a, int64_t *base, int64_t *coef);
bool dot_taps_cut(struct execute *x, struct dot *d, const struct tape_operand *a, const int64_t *coef_a,
                  const int64_t *coef_b);

/* What a call of dot_run or dot_part works with: addresses, and the rows that it cuts into tiles. */
struct dot_call {
  struct execute *x;
  struct dot *dot;
  const float *raw_a, *raw_b, *a, *b; /* a, b: of the shared copies, where there are some */
  float *c;
  uint64_t row_low, rows, tiles, items;
};

/* Do the loops that move b stand outside all others? Then whoever works at one batch is through with it. */
bool dot_batches_outside(const struct dot *d);

/* dot_choose decides from where the tiles read; dot_cut_tasks how rows and columns are shared out; dot_take_memory
 * takes what the copies then need. false: out of memory. */
bool dot_choose(struct execute *x, struct dot *d, bool taps, const int64_t *coef_a, const int64_t *coef_b);
void dot_cut_tasks(struct execute *x, struct dot *d);
bool dot_take_memory(struct execute *x, const struct item *item, struct dot *d);

/* Which chunk's place a chunk takes in the shared copies: of phases there are a few, used in turn. */
enum { DOT_SLOTS = 3 };
static inline uint64_t dot_slot(const struct dot *d, uint64_t chunk) { return d->phased ? chunk % DOT_SLOTS : chunk; }

/* Rows of a tile and columns of a panel lie `depth` * dot_rows and `depth` * panel_cols floats after those of the one
 * before. dot_copy is task i of those that fill the shared copies with a
 * chunk. dot_own_b copies columns [low, high) of one chunk for
 * one batch (from: its first element), dot_own_a `count` tiles of rows; both give where the tiles read, in the memory
 * of this thread. */
void dot_copy(struct execute *x, const struct dot *d, uint32_t chunk, uint64_t i);
const float *dot_own_b(const struct dot_call *call, uint32_t thread, const float *from, uint32_t chunk, uint64_t low,
                       uint64_t high);
const float *dot_own_a(const struct dot_call *call, uint32_t thread, const float *from, uint32_t chunk, uint64_t tile,
                       uint64_t count);
static inline uint64_t dot_depth_of(const struct execute *x, const struct dot *d, uint32_t chunk) {
  uint64_t cut = dot_cut(x, d), first = chunk * cut;
  return d->k - first < cut ? d->k - first : cut;
}

/* Dims of k longer than 1, outermost first, merged where both strides agree; at least one. */
uint32_t dot_k_dims(const struct tape_record *r, const int64_t *a, const int64_t *b, struct dot_dim *dim);
void dot_advance(const struct dot_dim *dim, uint32_t dims, uint64_t *at);

#endif
