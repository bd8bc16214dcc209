/* One element: known answers worked out by hand for each opcode and mode, then random records against a twin that
 * follows TAPE 4 and NUMERICS 3 word for word and recomputes everything at every k. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"
#include "tape/element/element.h"
#include "tape/record/example.h"

enum { ONE = 0x3f800000, TWO = 0x40000000, THREE = 0x40400000, BIG = 0x4b800000 /* 2^24 */, INFINITE = 0x7f800000 };

/* Operands as arrays of words, and a count of loads. */
struct memory {
  const uint32_t *words[TAPE_OPERANDS_MAX];
  uint32_t loads;
};

static uint32_t load_array(void *context, uint8_t o, uint64_t index) {
  struct memory *m = context;
  m->loads++;
  return m->words[o][index];
}

static struct element_world world_over(struct memory *m) {
  return (struct element_world){.apply = soft_apply, .load = load_array, .context = m, .step = 5, .seed = 9};
}

static uint32_t value_at(const struct tape_record *r, const uint32_t *a, const uint32_t *b, uint64_t index) {
  struct memory m = {.words = {a, b}};
  struct element_world w = world_over(&m);
  assert_int_equal(record_check(r, NULL), RECORD_OK);
  return element_value(r, &w, index);
}

/* A record over operands of one axis, extent n, that follow `dim`. */
static struct tape_record record_over(uint8_t op, uint8_t dtype, uint8_t out_rank, uint8_t k_rank,
                                      const uint32_t *dim) {
  struct tape_record r = example_record(op, dtype, TAPE_TEMP, 0);
  example_dims(&r, out_rank, k_rank, dim);
  return r;
}

static struct tape_axis *line(struct tape_record *r, uint8_t dtype, uint32_t extent, uint8_t dim, int32_t coef) {
  struct tape_axis *a = example_axis(example_operand(r, TAPE_DATA, dtype, 0), extent, 0);
  example_term(a, dim, coef);
  return a;
}

static void a_map_reads_where_its_axes_say(void **state) {
  (void)state;
  const uint32_t x[6] = {10, 11, 12, 13, 14, 15};
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 2, 0, (uint32_t[]){3, 2});
  struct tape_operand *o = example_operand(&r, TAPE_IN, TAPE_I32, 0);
  example_term(example_axis(o, 2, 0), 1, 1); /* the transpose of [2, 3] */
  example_term(example_axis(o, 3, 0), 0, 1);
  static const uint32_t expected[6] = {10, 13, 11, 14, 12, 15};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), expected[i]);
}

static void out_of_range_reads_the_fill(void **state) {
  (void)state;
  const uint32_t x[3] = {10, 11, 12};
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 1, 0, (uint32_t[]){6});
  struct tape_axis *a = line(&r, TAPE_I32, 3, 0, -1); /* 4 - i: 4 3 2 1 0 -1 */
  a->offset = 4;
  r.operand[0].fill = 99;
  static const uint32_t backward[6] = {99, 99, 12, 11, 10, 99};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), backward[i]);
  a->offset = -1; /* i - 1, by 2 exact: -1 0 1 2 3 4 */
  a->term[0].coef = 1;
  a->div = 2;
  static const uint32_t exact[6] = {99, 10, 99, 11, 99, 12};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), exact[i]);
  a->mode = TAPE_FLOOR; /* floor(-1 / 2) = -1 */
  static const uint32_t floored[6] = {99, 10, 10, 11, 11, 12};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), floored[i]);
}

static void an_index_may_come_from_a_lower_slot(void **state) {
  (void)state;
  const uint32_t index[4] = {2, 0, (uint32_t)-1, 3}, table[3] = {70, 71, 72};
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 1, 0, (uint32_t[]){4});
  line(&r, TAPE_I32, 4, 0, 1);
  struct tape_operand *x = example_operand(&r, TAPE_DATA, TAPE_I32, 0);
  example_axis(x, 3, 0)->indirect = 0;
  x->fill = 5;
  static const uint32_t expected[4] = {72, 70, 5, 5}; /* no body: the last operand is the result, TAPE 4.2 */
  for (uint64_t i = 0; i < 4; i++) assert_int_equal(value_at(&r, index, table, i), expected[i]);
}

static void a_map_without_operands_is_its_literal(void **state) {
  (void)state;
  struct tape_record r = record_over(TAPE_MAP, TAPE_F32, 1, 0, (uint32_t[]){2});
  example_literal(&r, THREE, false);
  assert_int_equal(value_at(&r, NULL, NULL, 1), THREE);
}

static void a_u8_keeps_the_low_byte(void **state) {
  (void)state;
  const uint32_t x[1] = {0xfffffe42};
  struct tape_record r = record_over(TAPE_MAP, TAPE_U8, 1, 0, (uint32_t[]){1});
  example_axis(example_operand(&r, TAPE_IN, TAPE_I32, 0), 1, 0);
  assert_int_equal(value_at(&r, x, NULL, 0), 0x42);
}

/* Position, step and random words. The Philox word is Random123's known answer for counter 0, key 0. */
static void a_body_knows_where_it_is(void **state) {
  (void)state;
  struct memory m = {0};
  struct element_world w = world_over(&m);
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 2, 0, (uint32_t[]){3, 4});
  uint8_t zero = example_literal(&r, 0, true), seven = example_literal(&r, 7, true);
  example_op(&r, CANON_COORD, 1, 0, 0);
  assert_int_equal(element_value(&r, &w, 7), 3);
  r.body[0] = (struct tape_body_op){.code = CANON_COORD};
  assert_int_equal(element_value(&r, &w, 7), 1);
  r.body[0].code = CANON_LIN;
  assert_int_equal(element_value(&r, &w, 7), 7);
  r.body[0].code = CANON_STEP;
  assert_int_equal(element_value(&r, &w, 7), 5);
  r.body[0] = (struct tape_body_op){.code = CANON_RAND, .a = zero, .b = zero};
  w.step = 0;
  w.seed = 0;
  assert_int_equal(element_value(&r, &w, 0), 0x6627e8d5);
  r.body[0] = (struct tape_body_op){.code = CANON_PERM, .a = zero, .b = seven, .c = seven};
  assert_int_equal(element_value(&r, &w, 0), 0xffffffff); /* 7 lies outside 0..6 */
  r.body[0].c = zero;
  assert_int_equal(element_value(&r, &w, 0), (uint32_t)random_perm(0, 7, 0, 0));
}

static void klin_counts_over_the_k_dims(void **state) {
  (void)state;
  struct tape_record r = record_over(TAPE_FOLD, TAPE_I32, 1, 2, (uint32_t[]){1, 3, 4});
  r.reducer = TAPE_IMAX;
  uint8_t klin = example_op(&r, CANON_KLIN, 0, 0, 0);
  assert_int_equal(value_at(&r, NULL, NULL, 0), 11);
  r.reducer =
      TAPE_ISUM; /* 0 + .. + 11, plus twice the coordinates 0 + 1 + 2 and once 0 + .. + 3 summed over the rest */
  uint8_t row = example_op(&r, CANON_COORD, 1, 0, 0), column = example_op(&r, CANON_COORD, 2, 0, 0);
  example_op(&r, CANON_IADD, klin, example_op(&r, CANON_IADD, row, column, 0), 0);
  assert_int_equal(value_at(&r, NULL, NULL, 0), 66 + 4 * 3 + 3 * 6);
}

static void a_dot_is_a_chain_of_fma(void **state) {
  (void)state;
  const uint32_t a[3] = {ONE, TWO, THREE}, b[3] = {THREE, TWO, ONE};
  struct tape_record r = record_over(TAPE_DOT, TAPE_F32, 1, 1, (uint32_t[]){1, 3});
  line(&r, TAPE_F32, 3, 1, 1);
  line(&r, TAPE_F32, 3, 1, 1);
  assert_int_equal(value_at(&r, a, b, 0), 0x41200000); /* 10 */
}

/* NUMERICS 3.6: at k = 0 the first operand is out of range, and infinity times nothing is nothing. */
static void a_dot_skips_what_is_out_of_range(void **state) {
  (void)state;
  const uint32_t a[2] = {ONE, TWO}, b[3] = {INFINITE, ONE, ONE};
  struct tape_record r = record_over(TAPE_DOT, TAPE_F32, 1, 1, (uint32_t[]){1, 3});
  line(&r, TAPE_F32, 2, 1, 1)->offset = -1;
  line(&r, TAPE_F32, 3, 1, 1);
  assert_int_equal(value_at(&r, a, b, 0), THREE);
}

/* 2^24 and 1,023 ones: a chain of 512 loses 511 ones one by one, the second chunk sums its 512 first. */
static void chunks_are_summed_apart(void **state) {
  (void)state;
  uint32_t x[1024];
  for (uint32_t i = 0; i < 1024; i++) x[i] = i ? ONE : BIG;
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 1024});
  line(&r, TAPE_F32, 1024, 1, 1);
  assert_int_equal(value_at(&r, x, NULL, 0), BIG + 256); /* 2^24 + 512: the spacing is 2 */
  struct memory m = {.words = {x}};
  struct element_world w = world_over(&m);
  uint32_t chunk[2] = {element_chunk(&r, &w, 0, 0), element_chunk(&r, &w, 0, 1)};
  assert_int_equal(chunk[0], BIG);
  assert_int_equal(chunk[1], 0x44000000); /* 512 */
  assert_int_equal(element_combine(&r, soft_apply, chunk, 2), BIG + 256);
}

/* 2^24 in lane 0 and a one in the other 31: the tree adds 1 (lost), 2, 4, 8 and 16. */
static void lanes_are_summed_in_a_tree(void **state) {
  (void)state;
  uint32_t x[32];
  for (uint32_t i = 0; i < 32; i++) x[i] = i ? ONE : BIG;
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 32});
  line(&r, TAPE_F32, 32, 1, 1);
  assert_int_equal(value_at(&r, x, NULL, 0), BIG);
  r.reducer = TAPE_LANES;
  assert_int_equal(value_at(&r, x, NULL, 0), BIG + 15);
}

static void sums_start_at_plus_zero(void **state) {
  (void)state;
  const uint32_t x[1] = {0x80000000};
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 1});
  line(&r, TAPE_F32, 1, 1, 1);
  assert_int_equal(value_at(&r, x, NULL, 0), 0);
  r.reducer = TAPE_LANES;
  assert_int_equal(value_at(&r, x, NULL, 0), 0);
  r.reducer = TAPE_FMAX; /* not a sum: -0 stays */
  assert_int_equal(value_at(&r, x, NULL, 0), 0x80000000);
}

static void the_other_reducers(void **state) {
  (void)state;
  const uint32_t f[4] = {TWO, 0x80000000, 0, THREE}, nan[4] = {TWO, CANON_NAN, ONE, ONE},
                 i[4] = {5, (uint32_t)-7, 3, 4};
  const uint32_t high[4] = {0x7fffffff, 1, 0, 0};
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 4});
  line(&r, TAPE_F32, 4, 1, 1);
  r.reducer = TAPE_FMIN;
  assert_int_equal(value_at(&r, f, NULL, 0), 0x80000000); /* -0 is below +0 */
  assert_int_equal(value_at(&r, nan, NULL, 0), CANON_NAN);
  r.reducer = TAPE_FMAX;
  assert_int_equal(value_at(&r, f, NULL, 0), THREE);
  assert_int_equal(value_at(&r, nan, NULL, 0), CANON_NAN);
  r.dtype = r.operand[0].dtype = TAPE_I32;
  r.reducer = TAPE_IMIN;
  assert_int_equal(value_at(&r, i, NULL, 0), (uint32_t)-7);
  r.reducer = TAPE_IMAX;
  assert_int_equal(value_at(&r, i, NULL, 0), 5);
  r.reducer = TAPE_ISUM;
  assert_int_equal(value_at(&r, i, NULL, 0), 5);
  assert_int_equal(value_at(&r, high, NULL, 0), 0x80000000);
}

/* Row v of the result sums the sources whose index is v; an index outside adds nothing anywhere. */
static void a_put_scatters_in_order(void **state) {
  (void)state;
  const uint32_t index[5] = {2, 0, 2, (uint32_t)-1, 9},
                 source[10] = {ONE, TWO, ONE, ONE, TWO, THREE, BIG, BIG, BIG, BIG};
  struct tape_record r = record_over(TAPE_PUT, TAPE_F32, 2, 1, (uint32_t[]){3, 2, 5});
  line(&r, TAPE_I32, 5, 2, 1);
  struct tape_operand *x = example_operand(&r, TAPE_DATA, TAPE_F32, 0);
  example_term(example_axis(x, 5, 0), 2, 1);
  example_term(example_axis(x, 2, 0), 1, 1);
  static const uint32_t expected[6] = {ONE, ONE, 0, 0, THREE, 0x40a00000 /* 5 */};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, index, source, i), expected[i]);
}

/* The plain executor asks for every element, so what stays the same along k is read once. */
static void what_does_not_depend_on_k_is_loaded_once(void **state) {
  (void)state;
  const uint32_t x[8] = {ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE}, scale[1] = {TWO};
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 8});
  line(&r, TAPE_F32, 8, 1, 1);
  example_axis(example_operand(&r, TAPE_DATA, TAPE_F32, 0), 1, 0);
  example_op(&r, CANON_MUL, 0, 1, 0);
  struct memory m = {.words = {x, scale}};
  struct element_world w = world_over(&m);
  assert_int_equal(element_value(&r, &w, 0), 0x41800000); /* 16 */
  assert_int_equal(m.loads, 9);
}

/* The twin. */

struct place {
  uint32_t coordinate[2 * TAPE_RANK_MAX];
  uint64_t index;
  uint32_t k;
};

static struct place twin_place(const struct tape_record *r, uint64_t index, uint32_t k) {
  struct place p = {.index = index, .k = k};
  for (int d = r->out_rank - 1; d >= 0; d--) {
    p.coordinate[d] = (uint32_t)(index % r->dim[d]);
    index /= r->dim[d];
  }
  for (int d = r->out_rank + r->k_rank - 1; d >= r->out_rank; d--) {
    p.coordinate[d] = k % r->dim[d];
    k /= r->dim[d];
  }
  return p;
}

static bool twin_address(const struct tape_record *r, uint8_t o, const struct place *p, const uint32_t *words,
                         uint64_t *address) {
  *address = 0;
  for (uint8_t a = 0; a < r->operand[o].axes; a++) {
    const struct tape_axis *x = &r->operand[o].axis[a];
    int64_t num = x->offset, quotient = 0;
    for (uint8_t t = 0; t < x->terms; t++) num += (int64_t)x->term[t].coef * p->coordinate[x->term[t].dim];
    if (x->indirect != TAPE_INDIRECT_NONE) num += (int32_t)words[x->indirect];
    quotient = num / x->div; /* C truncates */
    if (num % x->div) {
      if (x->mode == TAPE_EXACT) return false;
      if (num < 0) quotient--;
    }
    if (quotient < 0 || quotient >= (int64_t)x->extent) return false;
    *address = *address * x->extent + (uint64_t)quotient;
  }
  return true;
}

static uint32_t twin_body(const struct tape_record *r, const struct element_world *w, const struct place *p,
                          bool *in_range, uint32_t *words) {
  uint32_t reg[TAPE_REGISTER_BODY + TAPE_BODY_MAX] = {0};
  uint64_t address;
  for (uint8_t o = 0; o < r->operands; o++) {
    in_range[o] = twin_address(r, o, p, reg, &address);
    reg[o] = words[o] = in_range[o] ? w->load(w->context, o, address) : r->operand[o].fill;
  }
  memcpy(reg + TAPE_REGISTER_LITERAL, r->literal, sizeof r->literal);
  for (uint8_t n = 0; n < r->body_ops; n++) {
    const struct tape_body_op *b = &r->body[n];
    uint32_t x = w->apply(b->code, reg[b->a], reg[b->b], reg[b->c]);
    if (b->code == CANON_COORD) x = p->coordinate[b->a];
    if (b->code == CANON_KLIN) x = p->k;
    if (b->code == CANON_LIN) x = (uint32_t)p->index;
    if (b->code == CANON_STEP) x = w->step;
    if (b->code == CANON_RAND) x = random_word(reg[b->a], reg[b->b], w->step, w->seed);
    if (b->code == CANON_PERM) x = (uint32_t)random_perm(reg[b->a], (int32_t)reg[b->b], (int32_t)reg[b->c], w->seed);
    reg[TAPE_REGISTER_BODY + n] = x;
  }
  if (r->body_ops) return reg[TAPE_REGISTER_BODY + r->body_ops - 1];
  return r->operands ? reg[r->operands - 1] : reg[TAPE_REGISTER_LITERAL];
}

static uint32_t twin_chunk(const struct tape_record *r, const struct element_world *w, uint64_t index, uint32_t c) {
  uint32_t body[512], lane[32] = {0}, words[512][TAPE_OPERANDS_MAX], n = 0, s = 0;
  bool in_range[512][TAPE_OPERANDS_MAX];
  for (uint32_t k = 512 * c; k < record_k(r) && n < 512; k++, n++) {
    struct place p = twin_place(r, index, k);
    body[n] = twin_body(r, w, &p, in_range[n], words[n]);
  }
  if (r->op == TAPE_DOT) {
    for (uint32_t k = 0; k < n; k++)
      if (in_range[k][0] && in_range[k][1]) s = w->apply(CANON_FMA, words[k][0], words[k][1], s);
    return s;
  }
  if (r->op == TAPE_PUT) {
    uint32_t v = twin_place(r, index, 0).coordinate[0];
    for (uint32_t k = 0; k < n; k++)
      if (words[k][0] == v) s = w->apply(CANON_ADD, s, words[k][1], 0);
    return s;
  }
  if (r->reducer == TAPE_LANES) {
    for (uint32_t k = 0; k < n; k++) lane[k % 32] = w->apply(CANON_ADD, lane[k % 32], body[k], 0);
    for (uint32_t half = 16; half; half /= 2)
      for (uint32_t j = 0; j < half; j++) lane[j] = w->apply(CANON_ADD, lane[j], lane[j + half], 0);
    return lane[0];
  }
  if (r->reducer == TAPE_CHAIN || r->reducer == TAPE_ISUM) {
    for (uint32_t k = 0; k < n; k++) s = w->apply(r->reducer == TAPE_CHAIN ? CANON_ADD : CANON_IADD, s, body[k], 0);
    return s;
  }
  static const uint8_t code[] = {
      [TAPE_FMIN] = CANON_MIN, [TAPE_FMAX] = CANON_MAX, [TAPE_IMIN] = CANON_IMIN, [TAPE_IMAX] = CANON_IMAX};
  s = body[0];
  for (uint32_t k = 1; k < n; k++) s = w->apply(code[r->reducer], s, body[k], 0);
  return s;
}

static uint32_t twin_value(const struct tape_record *r, const struct element_world *w, uint64_t index) {
  uint32_t value = 0;
  if (r->op == TAPE_MAP) {
    uint32_t words[TAPE_OPERANDS_MAX];
    bool in_range[TAPE_OPERANDS_MAX];
    struct place p = twin_place(r, index, 0);
    value = twin_body(r, w, &p, in_range, words);
  } else {
    static const uint8_t code[] = {CANON_ADD, CANON_ADD,  CANON_ADD,  CANON_MIN,
                                   CANON_MAX, CANON_IADD, CANON_IMIN, CANON_IMAX};
    bool sum = r->reducer == TAPE_CHAIN || r->reducer == TAPE_LANES || r->reducer == TAPE_ISUM;
    for (uint32_t c = 0; 512 * c < record_k(r); c++) {
      uint32_t s = twin_chunk(r, w, index, c);
      value = c || sum ? w->apply(code[r->reducer], value, s, 0) : s;
    }
  }
  return r->dtype == TAPE_U8 ? value & 255 : value;
}

/* Words that are a function of slot and index: small integers for i32 and u8, ordinary and special values for f32. */
struct drawn {
  const struct tape_record *r;
  uint64_t seed;
};

static uint32_t load_drawn(void *context, uint8_t o, uint64_t index) {
  static const uint32_t special[] = {0, 0x80000000, ONE, INFINITE, 0xff800000, CANON_NAN, 1, 0x7f7fffff};
  const struct drawn *d = context;
  uint64_t seed = d->seed ^ (uint64_t)o << 48 ^ index * 0x9e37;
  uint32_t x = (uint32_t)example_next(&seed), pick = (uint32_t)example_next(&seed) % 24;
  if (d->r->operand[o].dtype == TAPE_F32)
    return pick < 8 ? special[pick] : 0xbe000000 + x % 0x02000000 + (pick & 1) * 0x80000000u;
  if (d->r->operand[o].dtype == TAPE_U8) return pick < 20 ? x % 7 : x & 255;
  return pick < 20 ? x % 9 - 2 : x;
}

static void random_records_agree_with_the_twin(void **state) {
  (void)state;
  uint64_t seed = 1;
  uint32_t of_op[TAPE_PUT + 1] = {0}, several_chunks = 0;
  for (uint32_t n = 0; n < 1500; n++) {
    struct tape_record r;
    example_random(&r, &seed);
    struct drawn d = {.r = &r, .seed = example_next(&seed)};
    struct element_world w = {
        .apply = soft_apply, .load = load_drawn, .context = &d, .step = n, .seed = example_next(&seed)};
    uint64_t elements = record_elements(&r);
    of_op[r.op]++;
    for (uint64_t tries = 0; tries < 2; tries++) {
      uint64_t index = example_next(&seed) % elements;
      uint32_t value = element_value(&r, &w, index), chunk[4], chunks = (record_k(&r) + 511) / 512;
      assert_int_equal(value, twin_value(&r, &w, index));
      if (chunks > 4) continue;
      several_chunks += chunks > 1;
      for (uint32_t c = 0; c < chunks; c++) chunk[c] = element_chunk(&r, &w, index, c);
      assert_int_equal(element_combine(&r, soft_apply, chunk, chunks), value);
      w.apply = reference_apply; /* the two oracles agree on whole elements too */
      assert_int_equal(element_value(&r, &w, index), value);
      w.apply = soft_apply;
    }
  }
  for (uint8_t op = TAPE_MAP; op <= TAPE_PUT; op++) assert_true(of_op[op] > 100);
  assert_true(several_chunks > 100);
}

static void addresses_agree_with_the_twin(void **state) {
  (void)state;
  uint64_t seed = 2, in_range = 0, out_of_range = 0;
  for (uint32_t n = 0; n < 3000; n++) {
    struct tape_record r;
    example_random(&r, &seed);
    uint64_t index = example_next(&seed) % record_elements(&r), expected, address;
    uint32_t k = (uint32_t)(example_next(&seed) % record_k(&r)), words[TAPE_OPERANDS_MAX];
    struct place p = twin_place(&r, index, k);
    for (uint8_t o = 0; o < r.operands; o++) words[o] = (uint32_t)(example_next(&seed) % 9) - 3;
    for (uint8_t o = 0; o < r.operands; o++) {
      bool there = twin_address(&r, o, &p, words, &expected);
      assert_int_equal(element_address(&r, o, index, k, words, &address), there);
      if (there) assert_int_equal(address, expected);
      *(there ? &in_range : &out_of_range) += 1;
    }
  }
  assert_true(in_range > 1000 && out_of_range > 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_map_reads_where_its_axes_say),
      cmocka_unit_test(out_of_range_reads_the_fill),
      cmocka_unit_test(an_index_may_come_from_a_lower_slot),
      cmocka_unit_test(a_map_without_operands_is_its_literal),
      cmocka_unit_test(a_u8_keeps_the_low_byte),
      cmocka_unit_test(a_body_knows_where_it_is),
      cmocka_unit_test(klin_counts_over_the_k_dims),
      cmocka_unit_test(a_dot_is_a_chain_of_fma),
      cmocka_unit_test(a_dot_skips_what_is_out_of_range),
      cmocka_unit_test(chunks_are_summed_apart),
      cmocka_unit_test(lanes_are_summed_in_a_tree),
      cmocka_unit_test(sums_start_at_plus_zero),
      cmocka_unit_test(the_other_reducers),
      cmocka_unit_test(a_put_scatters_in_order),
      cmocka_unit_test(what_does_not_depend_on_k_is_loaded_once),
      cmocka_unit_test(random_records_agree_with_the_twin),
      cmocka_unit_test(addresses_agree_with_the_twin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
