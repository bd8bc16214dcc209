#include "tape/record/example.h"

#include <string.h>

#include "numeric/canon.h"

uint64_t example_next(uint64_t *seed) {
  uint64_t z = (*seed += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

struct tape_record example_record(uint8_t op, uint8_t dtype, uint8_t space, uint64_t first_leaf) {
  return (struct tape_record){.op = op,
                              .dtype = dtype,
                              .space = space,
                              .first_leaf = first_leaf,
                              .reducer = op == TAPE_MAP ? TAPE_NONE : TAPE_CHAIN};
}

void example_dims(struct tape_record *r, uint8_t out_rank, uint8_t k_rank, const uint32_t *dim) {
  r->out_rank = out_rank;
  r->k_rank = k_rank;
  memcpy(r->dim, dim, sizeof *dim * (out_rank + k_rank));
}

struct tape_operand *example_operand(struct tape_record *r, uint8_t space, uint8_t dtype, uint64_t first_leaf) {
  struct tape_operand *x = &r->operand[r->operands++];
  *x = (struct tape_operand){.space = space, .dtype = dtype, .first_leaf = first_leaf};
  return x;
}

struct tape_axis *example_axis(struct tape_operand *x, uint32_t extent, int32_t offset) {
  struct tape_axis *a = &x->axis[x->axes++];
  *a = (struct tape_axis){.extent = extent, .offset = offset, .div = 1, .indirect = TAPE_INDIRECT_NONE};
  return a;
}

void example_term(struct tape_axis *a, uint8_t dim, int32_t coef) {
  a->term[a->terms++] = (struct tape_term){.dim = dim, .coef = coef};
}

uint8_t example_literal(struct tape_record *r, uint32_t word, bool i32) {
  r->literal[r->literals] = word;
  if (i32) r->literal_i32 |= (uint16_t)(1u << r->literals);
  return (uint8_t)(TAPE_REGISTER_LITERAL + r->literals++);
}

uint8_t example_op(struct tape_record *r, uint8_t code, uint8_t a, uint8_t b, uint8_t c) {
  r->body[r->body_ops] = (struct tape_body_op){.code = code, .a = a, .b = b, .c = c};
  return (uint8_t)(TAPE_REGISTER_BODY + r->body_ops++);
}

/* An axis that follows one dim, the ordinary case. */
static void follow(struct tape_operand *x, uint32_t extent, uint8_t dim) {
  example_term(example_axis(x, extent, 0), dim, 1);
}

static void entry(struct layout_entry *e, const char *name, uint8_t number, uint8_t dtype, uint8_t rank, uint32_t rows,
                  uint32_t cols) {
  *e = (struct layout_entry){.number = number, .dtype = dtype, .rank = rank, .dim = {rows, cols}};
  strcpy(e->name, name);
}

enum { LEAF_DIVERGED, LEAF_W, LEAF_M, LEAF_COUNT }; /* of the state */
enum { TEMP_PICK, TEMP_X, TEMP_Y, TEMP_MAX, TEMP_Z, TEMP_LABEL, TEMP_SCATTER, TEMP_WIDE, TEMP_NARROW, TEMPS };
enum { DATA_X = 0, DATA_LABEL = 2, DATA_BLOB = 5 };

/* Two of eight samples, in an order that changes every fourth step. */
static void pick_record(struct tape_record *r) {
  *r = example_record(TAPE_MAP, TAPE_I32, TAPE_TEMP, TEMP_PICK);
  example_dims(r, 1, 0, (uint32_t[]){2});
  uint8_t four = example_literal(r, 4, true), eight = example_literal(r, 8, true), two = example_literal(r, 2, true);
  uint8_t step = example_op(r, CANON_STEP, 0, 0, 0), epoch = example_op(r, CANON_IDIV, step, four, 0);
  uint8_t part = example_op(r, CANON_IMOD, step, four, 0), first = example_op(r, CANON_IMUL, part, two, 0);
  uint8_t lin = example_op(r, CANON_LIN, 0, 0, 0), i = example_op(r, CANON_IADD, first, lin, 0);
  example_op(r, CANON_PERM, epoch, eight, i);
}

static void gather_record(struct tape_record *r, uint64_t leaf, uint8_t number, uint8_t dtype, uint32_t columns) {
  *r = example_record(TAPE_MAP, dtype, TAPE_TEMP, leaf);
  example_dims(r, columns ? 2 : 1, 0, (uint32_t[]){2, columns});
  follow(example_operand(r, TAPE_TEMP, TAPE_I32, TEMP_PICK), 2, 0);
  struct tape_operand *from = example_operand(r, TAPE_DATA, dtype, 0);
  from->data_number = number;
  example_axis(from, 8, 0)->indirect = 0;
  if (columns) follow(from, columns, 1);
}

/* y[b, j] = sum over i of x[b, i] * w[i, j] */
static void dot_record(struct tape_record *r) {
  *r = example_record(TAPE_DOT, TAPE_F32, TAPE_TEMP, TEMP_Y);
  example_dims(r, 2, 1, (uint32_t[]){2, 4, 3});
  struct tape_operand *x = example_operand(r, TAPE_TEMP, TAPE_F32, TEMP_X);
  follow(x, 2, 0);
  follow(x, 3, 2);
  struct tape_operand *w = example_operand(r, TAPE_IN, TAPE_F32, LEAF_W);
  follow(w, 3, 2);
  follow(w, 4, 1);
}

static void rows_operand(struct tape_record *r) {
  struct tape_operand *y = example_operand(r, TAPE_TEMP, TAPE_F32, TEMP_Y);
  follow(y, 2, 0);
  follow(y, 4, 1);
}

static void fold_records(struct tape_record *max, struct tape_record *sum) {
  *max = example_record(TAPE_FOLD, TAPE_F32, TAPE_TEMP, TEMP_MAX);
  max->reducer = TAPE_FMAX;
  example_dims(max, 1, 1, (uint32_t[]){2, 4});
  rows_operand(max);
  *sum = example_record(TAPE_FOLD, TAPE_F32, TAPE_TEMP, TEMP_Z);
  sum->reducer = TAPE_LANES;
  example_dims(sum, 1, 1, (uint32_t[]){2, 4});
  rows_operand(sum);
  follow(example_operand(sum, TAPE_TEMP, TAPE_F32, TEMP_MAX), 2, 0);
  example_op(sum, CANON_EXP, example_op(sum, CANON_SUB, 0, 1, 0), 0, 0);
}

/* scatter[v, j] = sum over b of y[b, j] where label[b] == v */
static void put_record(struct tape_record *r) {
  *r = example_record(TAPE_PUT, TAPE_F32, TAPE_TEMP, TEMP_SCATTER);
  example_dims(r, 2, 1, (uint32_t[]){3, 4, 2});
  follow(example_operand(r, TAPE_TEMP, TAPE_I32, TEMP_LABEL), 2, 2);
  struct tape_operand *y = example_operand(r, TAPE_TEMP, TAPE_F32, TEMP_Y);
  follow(y, 2, 2);
  follow(y, 4, 1);
}

/* wide[b, j] = y[b, floor(j / 2)]; narrow[b, j] = wide[b, (j + 1) / 2 where that divides], else 1 */
static void stretch_records(struct tape_record *wide, struct tape_record *narrow) {
  *wide = example_record(TAPE_MAP, TAPE_F32, TAPE_TEMP, TEMP_WIDE);
  example_dims(wide, 2, 0, (uint32_t[]){2, 8});
  struct tape_operand *y = example_operand(wide, TAPE_TEMP, TAPE_F32, TEMP_Y);
  follow(y, 2, 0);
  follow(y, 4, 1);
  y->axis[1].div = 2;
  y->axis[1].mode = TAPE_FLOOR;
  *narrow = example_record(TAPE_MAP, TAPE_F32, TAPE_TEMP, TEMP_NARROW);
  example_dims(narrow, 2, 0, (uint32_t[]){2, 5});
  struct tape_operand *x = example_operand(narrow, TAPE_TEMP, TAPE_F32, TEMP_WIDE);
  x->fill = 0x3f800000;
  follow(x, 2, 0);
  follow(x, 8, 1);
  x->axis[1].offset = 1;
  x->axis[1].div = 2;
}

static void diverged_record(struct tape_record *r) {
  *r = example_record(TAPE_MAP, TAPE_I32, TAPE_OUT, LEAF_DIVERGED);
  example_dims(r, 1, 0, (uint32_t[]){1});
  follow(example_operand(r, TAPE_IN, TAPE_I32, LEAF_DIVERGED), 1, 0);
  example_axis(example_operand(r, TAPE_TEMP, TAPE_F32, TEMP_Z), 2, 0);
  uint8_t zero = example_literal(r, 0, true), nothing = example_op(r, CANON_SUB, 1, 1, 0);
  uint8_t finite = example_op(r, CANON_FEQ, nothing, nothing, 0);
  example_op(r, CANON_IOR, 0, example_op(r, CANON_IEQ, finite, zero, 0), 0);
}

/* w' = w - 0.5 * scatter, with one element in eight left alone at random */
static void update_record(struct tape_record *r) {
  *r = example_record(TAPE_MAP, TAPE_F32, TAPE_OUT, LEAF_W);
  example_dims(r, 2, 0, (uint32_t[]){3, 4});
  struct tape_operand *w = example_operand(r, TAPE_IN, TAPE_F32, LEAF_W);
  follow(w, 3, 0);
  follow(w, 4, 1);
  struct tape_operand *g = example_operand(r, TAPE_TEMP, TAPE_F32, TEMP_SCATTER);
  follow(g, 3, 0);
  follow(g, 4, 1);
  uint8_t rate = example_literal(r, 0xbf000000, false), salt = example_literal(r, 7, true);
  uint8_t limit = example_literal(r, 0x20000000, true), lin = example_op(r, CANON_LIN, 0, 0, 0);
  uint8_t random = example_op(r, CANON_RAND, lin, salt, 0), keep = example_op(r, CANON_ULT, random, limit, 0);
  uint8_t moved = example_op(r, CANON_FMA, rate, 1, 0);
  example_op(r, CANON_SEL, keep, 0, moved);
}

/* m' = the second leaf of the blob, read as f32 */
static void window_record(struct tape_record *r) {
  *r = example_record(TAPE_MAP, TAPE_F32, TAPE_OUT, LEAF_M);
  example_dims(r, 2, 0, (uint32_t[]){3, 4});
  struct tape_operand *x = example_operand(r, TAPE_DATA, TAPE_F32, 1);
  x->data_number = DATA_BLOB;
  follow(x, 3, 0);
  follow(x, 4, 1);
}

static void count_record(struct tape_record *r) {
  *r = example_record(TAPE_FOLD, TAPE_I32, TAPE_OUT, LEAF_COUNT);
  r->reducer = TAPE_ISUM;
  example_dims(r, 1, 1, (uint32_t[]){1, 2});
  follow(example_operand(r, TAPE_TEMP, TAPE_I32, TEMP_LABEL), 2, 1);
  uint8_t one = example_literal(r, 1, true);
  example_op(r, CANON_IEQ, 0, one, 0);
}

void example_tape(struct example *e) {
  memset(e, 0, sizeof *e);
  entry(&e->entry[0], "diverged", 0, TAPE_I32, 1, 1, 0);
  entry(&e->entry[1], "w", 0, TAPE_F32, 2, 3, 4);
  entry(&e->entry[2], "m", 0, TAPE_F32, 2, 3, 4);
  entry(&e->entry[3], "count", 0, TAPE_I32, 1, 1, 0);
  entry(&e->entry[4], "train/x", DATA_X, TAPE_F32, 2, 8, 3);
  entry(&e->entry[5], "train/label", DATA_LABEL, TAPE_I32, 1, 8, 0);
  entry(&e->entry[6], "initial", DATA_BLOB, TAPE_U8, 1, 3 * TAPE_LEAF_BYTES, 0);
  pick_record(&e->record[0]);
  gather_record(&e->record[1], TEMP_X, DATA_X, TAPE_F32, 3);
  dot_record(&e->record[2]);
  fold_records(&e->record[3], &e->record[4]);
  gather_record(&e->record[5], TEMP_LABEL, DATA_LABEL, TAPE_I32, 0);
  put_record(&e->record[6]);
  stretch_records(&e->record[7], &e->record[8]);
  diverged_record(&e->record[9]);
  update_record(&e->record[10]);
  window_record(&e->record[11]);
  count_record(&e->record[12]);
  e->tape = (struct tape){.records_count = EXAMPLE_RECORDS,
                          .temp_leaves = TEMPS,
                          .state_leaves = 4,
                          .layout = {.state_count = 4, .data_count = 3, .entry = e->entry},
                          .record = e->record};
  layout_place(&e->tape.layout);
  e->tape.counts.dot_flops = 2 * 8 * 3;
  /* pick 2 * (6 + 256); max 2 * 4 * 1; z 2 * 4 * (1 + 32 + 1); put 12 + 2 * 4; diverged 4; w' 12 * (1 + 32 + 1 + 1 +
   * 1); count 2 * (1 + 1) */
  e->tape.counts.body_ops = 524 + 8 + 272 + 20 + 4 + 432 + 4;
  /* 4-byte words: pick 2; x 6 + 2 + 24; y 8 + 6 + 12; max 2 + 8; z 2 + 8 + 2; label 2 + 2 + 8; put 12 + 2 + 8; wide 16
   * + 8; narrow 10 + 16; diverged 1 + 1 + 2; w' 12 + 12 + 12; m' 12 + 12; count 1 + 2 */
  e->tape.counts.bytes = 4 * (2 + 32 + 26 + 10 + 12 + 12 + 22 + 24 + 26 + 4 + 36 + 24 + 3);
}

/* Random records. */

static uint32_t below(uint64_t *seed, uint32_t n) { return (uint32_t)(example_next(seed) >> 33) % n; }

static uint32_t random_word_of(uint64_t *seed, bool f32) {
  static const uint32_t special[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                     0x7fc00000, 1,          0x00800000, 0x7f7fffff, 0x40490fdb, 0x33800000};
  if (!f32) return below(seed, 4) ? below(seed, 9) - 3 : (uint32_t)example_next(seed);
  return below(seed, 3) ? 0x3e000000 + below(seed, 0x02000000) : special[below(seed, sizeof special / sizeof *special)];
}

static void random_dims(struct tape_record *r, uint64_t *seed) {
  static const uint32_t long_dims[] = {33, 257, 500, 700};
  r->out_rank = (uint8_t)(1 + below(seed, 3));
  r->k_rank = r->op == TAPE_MAP ? 0 : (uint8_t)(1 + below(seed, 2));
  for (uint32_t d = 0; d < (uint32_t)r->out_rank + r->k_rank; d++) r->dim[d] = 1 + below(seed, 4);
  if (r->k_rank && below(seed, 2)) r->dim[r->out_rank] = long_dims[below(seed, 4)];
}

static void random_axis(struct tape_record *r, uint8_t o, uint64_t *seed) {
  struct tape_axis *a = example_axis(&r->operand[o], 1 + below(seed, 6), (int32_t)below(seed, 7) - 3);
  a->div = (uint16_t)(1 + below(seed, 2) * below(seed, 3));
  if (a->div > 1) a->mode = (uint8_t)below(seed, 2);
  if (!below(seed, 4)) a->extent = 1 + below(seed, 900);
  for (uint8_t d = 0; d < r->out_rank + r->k_rank && a->terms < TAPE_TERMS_MAX; d++) {
    if (below(seed, 2) || (r->op == TAPE_PUT && (o ? d == 0 : d < r->out_rank))) continue;
    int32_t coef = (int32_t)below(seed, 5) - 2;
    example_term(a, d, coef ? coef : 3);
  }
  if (o && r->op != TAPE_PUT && !below(seed, 3)) {
    uint8_t from = (uint8_t)below(seed, o);
    if (r->operand[from].dtype != TAPE_F32) a->indirect = from;
  }
}

static void random_operands(struct tape_record *r, uint64_t *seed) {
  uint8_t count = r->op == TAPE_DOT || r->op == TAPE_PUT ? 2 : (uint8_t)below(seed, 6);
  for (uint8_t o = 0; o < count; o++) {
    static const uint8_t spaces[] = {TAPE_TEMP, TAPE_IN, TAPE_DATA};
    uint8_t dtype = (uint8_t)below(seed, 3);
    if (r->op == TAPE_DOT) dtype = TAPE_F32;
    if (r->op == TAPE_PUT) dtype = o ? TAPE_F32 : TAPE_I32;
    struct tape_operand *x = example_operand(r, spaces[below(seed, 3)], dtype, below(seed, 100));
    if (x->space == TAPE_DATA) x->data_number = (uint8_t)below(seed, 9);
    if (r->op != TAPE_DOT) x->fill = random_word_of(seed, dtype == TAPE_F32);
    for (uint32_t axes = 1 + below(seed, 3); axes--;) random_axis(r, o, seed);
  }
}

/* A register of type want ('t': any) among those defined, or -1. */
static int random_register(const struct tape_record *r, const char *types, char want, uint64_t *seed) {
  for (int tries = 0; tries < 30; tries++) {
    uint8_t reg = (uint8_t)below(seed, TAPE_REGISTER_BODY + TAPE_BODY_MAX);
    bool there = reg < TAPE_REGISTER_LITERAL ? reg < r->operands
                 : reg < TAPE_REGISTER_BODY  ? reg - TAPE_REGISTER_LITERAL < r->literals
                                             : reg - TAPE_REGISTER_BODY < r->body_ops;
    if (there && (want == 't' || types[reg] == want)) return reg;
  }
  return -1;
}

static void random_body_op(struct tape_record *r, char *types, uint64_t *seed) {
  uint8_t code = (uint8_t)below(seed, CANON_PERM + 1);
  const struct canon_op *op = canon_op(code);
  if (!op) return;
  uint8_t given[3] = {0, 0, 0};
  char common = 't';
  if (code == CANON_COORD) given[0] = (uint8_t)below(seed, r->out_rank + r->k_rank);
  for (uint8_t i = 0; i < op->arity; i++) {
    int reg = random_register(r, types, op->argument[i] == 't' ? common : op->argument[i], seed);
    if (reg < 0) return;
    if (op->argument[i] == 't') common = types[reg];
    given[i] = (uint8_t)reg;
  }
  if (code == CANON_PERM) given[1] = TAPE_REGISTER_LITERAL; /* random_body puts a fitting literal there */
  types[TAPE_REGISTER_BODY + r->body_ops] = op->result == 't' ? common : op->result;
  example_op(r, code, given[0], given[1], given[2]);
}

/* Returns the type of the result. */
static char random_body(struct tape_record *r, uint64_t *seed) {
  char types[TAPE_REGISTER_BODY + TAPE_BODY_MAX] = {0};
  for (uint8_t o = 0; o < r->operands; o++) types[o] = r->operand[o].dtype == TAPE_F32 ? 'f' : 'i';
  types[example_literal(r, 1 + below(seed, 60), true)] = 'i';
  for (uint32_t n = below(seed, 4); n--;) {
    bool i32 = below(seed, 2);
    types[example_literal(r, random_word_of(seed, !i32), i32)] = i32 ? 'i' : 'f';
  }
  for (uint32_t n = below(seed, 3) ? 1 + below(seed, 40) : 0; n--;) random_body_op(r, types, seed);
  return r->body_ops   ? types[TAPE_REGISTER_BODY + r->body_ops - 1]
         : r->operands ? types[r->operands - 1]
                       : types[TAPE_REGISTER_LITERAL];
}

void example_random(struct tape_record *r, uint64_t *seed) {
  do {
    *r = example_record((uint8_t)(TAPE_MAP + below(seed, 4)), TAPE_F32, (uint8_t)below(seed, 2), below(seed, 1000));
    random_dims(r, seed);
    random_operands(r, seed);
    if (r->op == TAPE_DOT || r->op == TAPE_PUT) continue;
    char type = random_body(r, seed);
    if (type == 'i') r->dtype = (uint8_t)(TAPE_I32 + below(seed, 2));
    if (r->op == TAPE_FOLD)
      r->reducer = (uint8_t)(type == 'f' ? TAPE_CHAIN + below(seed, 4) : TAPE_ISUM + below(seed, 3));
  } while (record_check(r, NULL) != RECORD_OK);
}
