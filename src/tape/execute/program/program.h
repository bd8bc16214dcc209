/* program: bodies of records as one list of operations over blocks, equal subexpressions once.
 *
 * Adjacent maps of one shape go into one program, so AdamW's m', v', w' are one pass (value numbering). Operations
 * whose result does not change in the inner loop (the block of a map, the k of a fold) are evaluated outside it; an
 * expression of coordinates alone becomes a table. Where such an expression chooses (a sel on an outer coordinate:
 * tensors put one behind the other, gates side by side) and chooses the same all along a block, only what it chose is
 * evaluated. Operations that are a body of numeric/fused together run as one. Uses: sweep, numeric/fused. */
#ifndef TAPE_PROGRAM_H
#define TAPE_PROGRAM_H
#include "tape/execute/program/sweep.h"

enum { PROGRAM_NODES_MAX = 240, PROGRAM_TABLE_WORDS_MAX = 1 << 16, PROGRAM_BRANCHES_MAX = 31, NODE_ARGS_MAX = 16 };

enum node_kind {
  NODE_LITERAL,
  NODE_OPERAND,
  NODE_OP,
  NODE_COPY,
  NODE_CANONICAL,
  NODE_COORD,
  NODE_KLIN,
  NODE_LIN,
  NODE_STEP,
  NODE_RAND,
  NODE_PERM,
  NODE_REDUCE, /* a row's terms to one word: code is the reducer */
  NODE_SPREAD, /* a row's word for all its elements */
  NODE_FUSED,  /* a body of numeric/fused: code is its number */
  NODE_BESIDE, /* what such a body keeps beside its last step: made where beside[0] is */
  NODE_GONE    /* a step of one, of no use to anybody else */
};

struct node {
  uint8_t kind, code, arity;
  bool late, needed, result;
  bool row;                    /* one word a row */
  bool gathers;                /* an operand whose rows an index picks */
  bool branch;                 /* a sel whose condition is a guide, or early */
  bool real;                   /* known to be a float */
  bool over;                   /* direct, to where an operand of the pass may lie */
  bool clean;                  /* its NaN are canonical already */
  uint16_t by_row;             /* arguments, as bits, that are a word a row while the node goes over whole rows */
  uint16_t arg[NODE_ARGS_MAX]; /* of an operation; of an operand, the indexes of its indirect axes */
  uint16_t beside[2];
  uint32_t word;  /* literal, coordinate's dim, perm's n; a fused body that is slow */
  uint32_t dims;  /* record dims that it depends on, as bits; bit 31: the state or a temp, not only coordinates */
  int16_t slot;   /* block of the frame; -1: a word or a pointer */
  int16_t direct; /* output whose memory is its slot, -1 without */
  const struct tape_record *record;
  uint8_t operand;
  struct sweep *sweep;
  uint32_t table; /* words of its period; 0: no table */
  struct place table_place;
  bool table_fixed, table_ready; /* fixed: of coordinates only, made once */
};

struct program {
  uint32_t nodes, slots, first, count; /* moving dims [first, first + count) */
  uint32_t k;                          /* terms of an output where outputs and k move as one, else 0 */
  uint64_t elements;                   /* along the moving dims */
  uint32_t row;                        /* elements of a row where blocks are whole rows and folds among the nodes */
  uint32_t late_dims, early_list, late_list;
  uint32_t guides, branches; /* late nodes in front of the list: coordinates and what is made of them alone */
  uint32_t dim[PLAN_DIMS];
  struct node *node; /* PROGRAM_NODES_MAX while it is built */
  uint16_t *list;    /* early nodes, then late ones */
};

/* program_begin: records of this shape; dims [first, first + count) move within a block: the outputs', those of k, or
 * both as one; what depends on late_dims
 * (bits) is evaluated by program_block, the rest by program_enter. false: out of memory. */
bool program_begin(struct program *p, struct execute *x, const struct tape_record *r, uint32_t first, uint32_t count,
                   uint32_t late_dims);

/* program_add appends r's body and returns the node of its result, -1 if there is no room. known[slot] >= 0 is the node
 * that an operand slot's value already has. */
int32_t program_add(struct program *p, const struct tape_record *r, const int16_t *known);

/* program_mask_u8 is the node of a value as the next reader would load it; program_copy a copy of a node in a block of
 * its own. */
int32_t program_mask_u8(struct program *p, int32_t node);
int32_t program_copy(struct program *p, int32_t node);

/* program_reduce folds a node's rows, p->row elements each, to a word a row, as the record's value would be stored;
 * program_spread is such a word for every element of its row. What is made of words of rows alone is one itself. */
int32_t program_reduce(struct program *p, int32_t node, uint8_t reducer);
int32_t program_spread(struct program *p, int32_t node);

/* program_finish drops what `results` do not need, makes the sweeps, fuses, gives out slots. A result whose `direct`
 * was set keeps it, but for one that is `over` and not among the last to be evaluated. tables: may a map's periodic
 * operands and coordinate expressions be tables of the plan (over `elements`)? false: out of memory. */
bool program_finish(struct program *p, struct execute *x, const int32_t *results, uint32_t count, uint64_t tables);

/* program_fuse puts bodies of numeric/fused where their operations stand, for program_finish; returns how many. */
uint32_t program_fuse(struct program *p, const struct execute *x, bool *live);

/* program_tighten, after program_finish: in a group, rows whose neighbours others may be writing are not read past
 * their end. */
void program_tighten(struct program *p, const struct execute *x, const struct item *item);

/* At run time: program_tables once before tasks; then per thread program_enter once a task, unit or block of outputs,
 * and program_block for each block. out[i] is where direct output i writes this block. */
void program_tables(struct program *p, const struct execute *x);
uint64_t program_frame_bytes(const struct execute *x);
struct frame program_frame(const struct execute *x, uint32_t thread);
void program_enter(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f);
void program_block(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f,
                   uint32_t *const *out);

#endif
