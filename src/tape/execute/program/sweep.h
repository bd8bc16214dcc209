/* sweep: reading an operand at consecutive indices of some of a record's dims, the others held fixed.
 *
 * An index map is brought to its simplest form once: axes that can never leave the value become one linear address, a
 * FLOOR axis over a dim that it divides becomes linear over two dims, dims that walk together merge. What is left
 * decides how a block is read: as a pointer into the value, one word, runs of an odometer, or element by element.
 * TAPE 4.4, 4.5 */
#ifndef TAPE_SWEEP_H
#define TAPE_SWEEP_H
#include "tape/execute/plan/plan.h"

/* A block that sweep_read fills has room for this many words behind it. Where the next dim outside is the one that lies
 * side by side in memory, so many rows at once are turned in registers. */
enum { SWEEP_SLACK = 16, SWEEP_TURNED_ROWS = 16 };

struct sweep_axis {
  int64_t offset, fixed[PLAN_DIMS], coef[PLAN_DIMS], stride; /* fixed: by record dim; coef: by sweep dim */
  uint32_t extent, div;
  bool floor, moves;
  int32_t index; /* node that holds the indirect index, -1 without */
};

struct sweep {
  struct place place;
  uint8_t dtype;
  uint32_t fill;
  uint32_t dims, extent[PLAN_DIMS]; /* outermost first */
  int64_t flat[PLAN_DIMS], step[PLAN_DIMS], base, fixed[PLAN_DIMS];
  uint32_t axes, fixed_dims; /* axes that need arithmetic; record dims 0..fixed_dims-1 may hold coordinates */
  struct sweep_axis axis[TAPE_RANK_MAX];
  bool tight;          /* what is read lands where there is no room behind it, or others write behind where it lies */
  bool moves;          /* some axis' number changes along the sweep */
  bool inner_moves;    /* ... along its innermost dim */
  bool inner_straight; /* ... and there by a constant step, without a divisor or an index */
  bool plain;          /* words one behind the other, whatever is held fixed: read where they lie */
};

/* Where a block stands: coordinates of the dims held fixed (0 for the moving ones), first index along the sweep,
 * length. */
struct moment {
  uint32_t coord[PLAN_DIMS];
  uint64_t start;
  uint32_t n, k; /* k: row-major where the sweep is over outputs */
};

/* The registers of one thread: a word or a block a node. */
struct frame {
  const uint32_t **at;
  bool *uniform;
  uint32_t *slots;
  uint32_t thread;
  uint16_t *active; /* of a program with branches: the nodes that the last block needed, for these choices */
  uint32_t active_count;
  uint64_t choices; /* two bits a branch: all along the block, and which; 0 before the first */
};

/* sweep_make prepares operand o of r for moving dims [first, first + count). index[axis] is the node of its indirect
 * operand and index_dims[axis] the record dims that one depends on (bits). */
void sweep_make(struct sweep *s, const struct tape_record *r, const struct tape_operand *o, struct place place,
                uint32_t first, uint32_t count, const int32_t *index, const uint32_t *index_dims);

/* sweep_read makes *at point at m->n words, or at one if it returns true (the same word all along). `out` has room for
 * n. */
bool sweep_read(const struct sweep *s, const struct execute *x, const struct moment *m, const struct frame *f,
                uint32_t *out, const uint32_t **at);

/* sweep_ask asks for what sweep_read would read of rows that hold their numbers, into the second cache. */
void sweep_ask(const struct sweep *s, const struct execute *x, const struct moment *m, const struct frame *f);

/* Bytes of a row that lie one behind the other and whose numbers hold along it; 0 where there are none. */
static inline uint64_t sweep_row_bytes(const struct sweep *s) {
  if (s->dims == 0 || s->inner_moves || s->flat[s->dims - 1] != 1) return 0;
  return (uint64_t)s->extent[s->dims - 1] * tape_dtype_bytes(s->dtype);
}

/* Words of a row that lie one behind the other and are read in place; 0 where there are none. */
static inline uint32_t sweep_rows(const struct sweep *s) {
  if (s->dims == 0 || s->inner_moves || s->dtype == TAPE_U8 || s->flat[s->dims - 1] != 1) return 0;
  return s->extent[s->dims - 1];
}

/* Rows whose elements lie apart, and the next row's beside them. */
static inline bool sweep_turned(const struct sweep *s) {
  return s->dims > 1 && s->dtype != TAPE_U8 && s->flat[s->dims - 1] != 1 && s->flat[s->dims - 2] == 1;
}

/* Linear all the way and always in range: address = base + sum of fixed + walk. */
static inline bool sweep_linear(const struct sweep *s) { return s->axes == 0; }

#endif
