/* Whole tapes drawn at random: records that feed each other, rewrite the state others still read, read windows of
 * bytes as any dtype and miss their extents. Every plan gives the bits of the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/record/example.h"

enum { KNOWN_MAX = 96, RECORDS_MOST = 24, ELEMENTS_MOST = 1500, TERMS_MOST = 40000 };

struct known {
  struct stage_value value;
  uint64_t elements;
  bool window; /* of a data tensor of bytes: any NaN pattern may come up */
};

struct draw {
  struct stage stage;
  struct known known[KNOWN_MAX];
  uint32_t knowns, entries;
  struct stage_value entry[STAGE_ENTRIES];
  bool taken[STAGE_ENTRIES];
  uint64_t seed;
};

static uint32_t below(struct draw *d, uint32_t n) { return (uint32_t)(example_next(&d->seed) >> 33) % n; }

static void know(struct draw *d, struct stage_value v, uint64_t elements, bool window) {
  if (d->knowns < KNOWN_MAX) d->known[d->knowns++] = (struct known){v, elements, window};
}

/* Shapes come from few, so that values fit each other and maps join. */
static uint32_t draw_shape(struct draw *d, uint32_t *dim) {
  static const uint32_t shape[][4] = {{1, 1},     {2, 3, 5}, {1, 600},  {2, 9, 65},     {3, 2, 8, 24}, {2, 1, 513},
                                      {2, 33, 8}, {1, 1300}, {2, 5, 3}, {3, 4, 1, 130}, {2, 600, 1},   {1, 15}};
  uint32_t pick = below(d, sizeof shape / sizeof *shape);
  memcpy(dim, shape[pick] + 1, shape[pick][0] * sizeof *dim);
  return shape[pick][0];
}

static uint8_t draw_dtype(struct draw *d) { return below(d, 5) < 3 ? TAPE_F32 : (uint8_t)(TAPE_I32 + below(d, 2)); }

static int32_t draw_small(struct draw *d) {
  static const int32_t odd[] = {INT32_MIN, INT32_MAX, -1000000007, 65537};
  return below(d, 40) ? (int32_t)below(d, 7) - 3 : odd[below(d, 4)];
}

static void draw_axis(struct draw *d, struct tape_record *r, uint8_t o, uint32_t extent) {
  struct tape_axis *a = example_axis(&r->operand[o], extent, below(d, 3) ? 0 : draw_small(d));
  if (!below(d, 6)) a->div = (uint16_t)(2 + below(d, 3)), a->mode = (uint8_t)below(d, 2);
  if (!below(d, 200)) a->div = UINT16_MAX, a->mode = TAPE_FLOOR;
  uint32_t rank = (uint32_t)r->out_rank + r->k_rank, first = 0;
  if (r->op == TAPE_PUT) first = o ? 1 : r->out_rank;
  for (uint32_t n = first; n < rank && a->terms < TAPE_TERMS_MAX; n++) {
    if (below(d, 5) < 3) continue;
    int32_t coef = below(d, 3) ? 1 : draw_small(d);
    if (below(d, 8) == 0) a->offset = (int32_t)r->dim[n] - 1, coef = -1;
    example_term(a, (uint8_t)n, coef ? coef : 1);
  }
  if (o && r->op != TAPE_PUT && !below(d, 4)) {
    uint8_t from = (uint8_t)below(d, o);
    if (r->operand[from].dtype != TAPE_F32) a->indirect = from;
  }
}

static void draw_operand(struct draw *d, struct tape_record *r, const struct known *k) {
  uint8_t o = r->operands;
  struct tape_operand *x = stage_operand(r, k->value);
  if (r->op != TAPE_DOT && below(d, 2))
    x->fill = x->dtype == TAPE_F32 ? (below(d, 2) ? 0xff800000 : CANON_NAN) : (uint32_t)draw_small(d);
  if (k->elements == record_elements(r) && below(d, 5) && r->op != TAPE_PUT) {
    for (uint8_t n = 0; n < r->out_rank; n++) example_term(example_axis(x, r->dim[n], 0), n, 1);
    return;
  }
  uint64_t left = k->elements;
  while (x->axes < 3 && left > 1) {
    uint32_t extent = 1 + below(d, 66);
    while (left % extent) extent--;
    if (x->axes < 2 && extent > 1) draw_axis(d, r, o, extent), left /= extent;
    if (x->axes == 2 || below(d, 3) == 0) break;
  }
  draw_axis(d, r, o, (uint32_t)left);
}

static uint8_t register_of(struct draw *d, const struct tape_record *r, const char *type, char want) {
  for (int tries = 0; tries < 60; tries++) {
    uint32_t pick = below(d, 3);
    uint8_t reg = pick == 0 ? (uint8_t)(r->operands ? below(d, r->operands) : 255)
                  : pick == 1
                      ? (uint8_t)(TAPE_REGISTER_LITERAL + below(d, r->literals))
                      : (uint8_t)(r->body_ops ? TAPE_REGISTER_BODY + r->body_ops - 1 - below(d, r->body_ops) : 255);
    if (reg != 255 && (want == 't' || type[reg] == want)) return reg;
  }
  return 255;
}

static char draw_body(struct draw *d, struct tape_record *r) {
  static const uint32_t words[] = {0, 0x3f800000, 0x7f800000, 0x80000000, 0x7fc00000, 1, 0xc0490fdb, 0x00400000};
  char type[TAPE_REGISTER_BODY + TAPE_BODY_MAX] = {0};
  for (uint8_t o = 0; o < r->operands; o++) type[o] = r->operand[o].dtype == TAPE_F32 ? 'f' : 'i';
  type[example_literal(r, 1 + below(d, 900), true)] = 'i';
  type[example_literal(r, words[below(d, 8)], false)] = 'f';
  type[example_literal(r, (uint32_t)draw_small(d), true)] = 'i';
  for (uint32_t n = below(d, 4) ? 1 + below(d, 9) : 0; n--;) {
    uint8_t code = (uint8_t)below(d, CANON_PERM + 1), given[3] = {0};
    if (!below(d, 4)) code = below(d, 2) ? CANON_UNBITS : CANON_BITS;
    const struct canon_op *op = canon_op(code);
    if (!op || (code == CANON_KLIN && !r->k_rank) || (code == CANON_PERM && r->op != TAPE_MAP)) continue;
    char common = 't';
    bool found = true;
    for (uint8_t i = 0; i < op->arity && found; i++) {
      given[i] = register_of(d, r, type, op->argument[i] == 't' ? common : op->argument[i]);
      found = given[i] != 255;
      if (found && op->argument[i] == 't') common = type[given[i]];
    }
    if (!found) continue;
    if (code == CANON_COORD) given[0] = (uint8_t)below(d, (uint32_t)r->out_rank + r->k_rank);
    if (code == CANON_PERM) given[1] = TAPE_REGISTER_LITERAL;
    type[TAPE_REGISTER_BODY + r->body_ops] = op->result == 't' ? common : op->result;
    example_op(r, code, given[0], given[1], given[2]);
  }
  return r->body_ops   ? type[TAPE_REGISTER_BODY + r->body_ops - 1]
         : r->operands ? type[r->operands - 1]
                       : type[TAPE_REGISTER_LITERAL];
}

/* A body that an earlier record has already, with its result left in the other dtype (NUMERICS 1.3): what is computed
 * once for both must come out as each of them stores it. */
static bool twin_of(struct draw *d, struct tape_record *r) {
  const struct stage *s = &d->stage;
  if (s->tape.records_count == 0) return false;
  *r = s->record[s->tape.records_count - 1 - below(d, s->tape.records_count < 3 ? s->tape.records_count : 3)];
  if (r->op != TAPE_MAP || r->body_ops == 0 || r->body_ops == TAPE_BODY_MAX) return false;
  uint8_t last = (uint8_t)(TAPE_REGISTER_BODY + r->body_ops - 1);
  if (r->body[r->body_ops - 1].code == CANON_UNBITS || r->body[r->body_ops - 1].code == CANON_BITS) {
    r->body_ops--;
    if (!r->body_ops) return false;
    r->dtype = r->dtype == TAPE_F32 ? TAPE_I32 : TAPE_F32;
  } else {
    example_op(r, r->dtype == TAPE_F32 ? CANON_BITS : CANON_UNBITS, last, 0, 0);
    r->dtype = r->dtype == TAPE_F32 ? TAPE_I32 : TAPE_F32;
  }
  return true;
}

static const struct known *known_f32(struct draw *d, uint8_t dtype) {
  for (int tries = 0; tries < 200; tries++) {
    const struct known *k = &d->known[below(d, d->knowns)];
    if (k->value.dtype == dtype) return k;
  }
  return NULL;
}

static bool draw_record(struct draw *d, struct tape_record *r) {
  uint32_t pick = below(d, 20);
  if (pick == 19) return twin_of(d, r);
  *r = example_record(pick < 11   ? TAPE_MAP
                      : pick < 15 ? TAPE_FOLD
                      : pick < 18 ? TAPE_DOT
                                  : TAPE_PUT,
                      TAPE_F32, TAPE_TEMP, 0);
  if (d->stage.tape.records_count && below(d, 3)) { /* as the record before */
    const struct tape_record *p = &d->stage.record[d->stage.tape.records_count - 1];
    r->out_rank = p->out_rank;
    memcpy(r->dim, p->dim, sizeof p->dim[0] * p->out_rank);
  } else {
    r->out_rank = (uint8_t)draw_shape(d, r->dim);
  }
  if (r->op != TAPE_MAP) {
    static const uint32_t k[] = {1, 2, 3, 5, 30, 257, 511, 512, 513, 1030};
    r->k_rank = (uint8_t)(1 + below(d, 2));
    for (uint8_t n = 0; n < r->k_rank; n++) r->dim[r->out_rank + n] = k[below(d, n ? 4 : 10)];
    r->reducer = TAPE_CHAIN;
  }
  if (record_elements(r) * record_k(r) > TERMS_MOST) return false;
  if (r->op == TAPE_DOT || r->op == TAPE_PUT) {
    for (int o = 0; o < 2; o++) {
      const struct known *k = known_f32(d, o == 0 && r->op == TAPE_PUT ? TAPE_I32 : TAPE_F32);
      if (!k) return false;
      draw_operand(d, r, k);
    }
    return true;
  }
  for (uint32_t n = below(d, 5); n--;)
    draw_operand(
        d, r, &d->known[below(d, 3) ? d->knowns - 1 - below(d, d->knowns < 5 ? d->knowns : 5) : below(d, d->knowns)]);
  if (draw_body(d, r) == 'i') r->dtype = (uint8_t)(TAPE_I32 + below(d, 2));
  if (r->op == TAPE_FOLD)
    r->reducer = (uint8_t)(r->dtype == TAPE_F32 ? TAPE_CHAIN + below(d, 4) : TAPE_ISUM + below(d, 3));
  return true;
}

/* A dot whose operands are made for it: products, convolutions, strided gradients, locally connected layers. */
static bool draw_dot(struct draw *d, struct tape_record *r) {
  static const uint32_t size[] = {1, 2, 3, 4, 6, 9, 14, 17, 33};
  *r = example_record(TAPE_DOT, TAPE_F32, TAPE_TEMP, 0);
  r->reducer = TAPE_CHAIN;
  r->out_rank = (uint8_t)(1 + below(d, 4));
  r->k_rank = (uint8_t)(1 + below(d, 3));
  uint32_t rank = (uint32_t)r->out_rank + r->k_rank;
  for (uint32_t n = 0; n < rank; n++) r->dim[n] = size[below(d, 9)];
  if (!below(d, 4)) r->dim[rank - 1] = 520;
  if (record_elements(r) > ELEMENTS_MOST || record_elements(r) * record_k(r) > TERMS_MOST) return false;
  for (uint8_t o = 0; o < 2; o++) {
    uint8_t order[2 * TAPE_RANK_MAX];
    uint32_t elements = 1;
    struct tape_operand x = {.space = TAPE_DATA, .dtype = TAPE_F32};
    for (uint8_t n = 0; n < rank; n++) order[n] = n;
    for (uint32_t n = rank; n-- > 1 && below(d, 2);) {
      uint32_t m = below(d, n + 1);
      uint8_t swap = order[n];
      order[n] = order[m], order[m] = swap;
    }
    for (uint32_t n = 0; n < rank && x.axes < TAPE_RANK_MAX; n++) {
      if (below(d, 5) < 2) continue;
      uint8_t dim = order[n], with = (uint8_t)below(d, rank);
      struct tape_axis *a = example_axis(&x, r->dim[dim], 0);
      if (dim != with && !below(d, 3)) { /* two dims, ascending */
        int32_t one = 1, two = below(d, 3) ? (below(d, 2) ? 1 : -1) : 2;
        example_term(a, dim < with ? dim : with, dim < with ? one : two);
        example_term(a, dim < with ? with : dim, dim < with ? two : one);
        a->offset = below(d, 2) ? 0 : (int32_t)below(d, 5) - 2;
        a->extent = 1 + (below(d, 2) ? r->dim[dim] : r->dim[dim] / 2);
        if (!below(d, 4)) a->div = 2;
      } else {
        example_term(a, dim, 1);
        if (!below(d, 6)) a->offset = below(d, 2) ? -1 : 1;
        if (!below(d, 6)) a->term[0].coef = -1, a->offset = (int32_t)r->dim[dim] - 1;
        if (!below(d, 10)) a->extent = (r->dim[dim] + 1) / 2;
      }
      elements *= a->extent;
      if (elements > 4000) return false;
    }
    if (!x.axes) example_axis(&x, 1, 0);
    struct stage_value v = {0};
    bool found = false;
    for (uint32_t n = 0; n < d->knowns && !found; n++)
      if (d->known[n].elements == elements && d->known[n].value.dtype == TAPE_F32 && !d->known[n].window)
        v = d->known[n].value, found = true;
    if (!found) {
      if (d->stage.datas >= 30) return false;
      v = stage_data(&d->stage, TAPE_F32, elements, below(d, 3) ? STAGE_PLAIN : STAGE_WILD);
      know(d, v, elements, false);
    }
    struct tape_operand *to = stage_operand(r, v);
    to->axes = x.axes;
    memcpy(to->axis, x.axis, sizeof x.axis);
  }
  return true;
}

static void draw_tape(struct draw *d, uint64_t seed) {
  stage_begin(&d->stage, seed);
  d->knowns = d->entries = 0;
  d->seed = seed;
  memset(d->taken, 0, sizeof d->taken);
  for (uint32_t n = 2 + below(d, 5); n--;) {
    uint32_t dim[TAPE_RANK_MAX], rank = draw_shape(d, dim), copies = 1 + below(d, 3);
    uint8_t dtype = draw_dtype(d);
    for (; copies--; d->entries++) {
      uint64_t elements = 1;
      for (uint32_t i = 0; i < rank; i++) elements *= dim[i];
      d->entry[d->entries] = stage_state(&d->stage, dtype, rank, dim);
      know(d, d->entry[d->entries], elements, false);
    }
  }
  for (uint8_t dtype = TAPE_F32; dtype <= TAPE_U8; dtype++) {
    static const uint32_t sizes[] = {15, 585, 600, 16, 1300};
    uint32_t elements = sizes[below(d, 5)];
    know(d, stage_data(&d->stage, dtype, elements, STAGE_WILD), elements, false);
  }
  /* a blob of bytes, read as words from its second leaf on */
  struct stage_value blob = stage_data(&d->stage, TAPE_U8, 3 * TAPE_LEAF_BYTES, STAGE_WILD);
  uint8_t *bytes = d->stage.data[blob.number];
  for (uint32_t i = 0; i < 3 * TAPE_LEAF_BYTES; i++) bytes[i] = (uint8_t)(example_next(&d->seed) >> 30);
  for (uint32_t i = 3; i < 3 * TAPE_LEAF_BYTES; i += 12) bytes[i] = 0x7f, bytes[i - 1] |= 0x80; /* NaN */
  blob.first_leaf = 1;
  for (uint8_t dtype = TAPE_F32; dtype <= TAPE_I32; dtype++) {
    blob.dtype = dtype;
    know(d, blob, 585, true);
    blob.first_leaf = 1 + below(d, 2);
  }
  uint32_t records = 3 + below(d, RECORDS_MOST - 3);
  for (uint32_t n = 0, tries = 0; n < records && tries < 500; tries++) {
    static struct tape_record r;
    struct why why;
    bool drawn = below(d, 6) ? draw_record(d, &r) : draw_dot(d, &r);
    if (!drawn || record_check(&r, &why) != RECORD_OK || record_elements(&r) > ELEMENTS_MOST) continue;
    int32_t to = -1;
    for (uint32_t e = 0; e < d->entries && to < 0 && below(d, 5); e++) {
      const struct layout_entry *l = &d->stage.state[e];
      if (d->taken[e] || l->dtype != r.dtype || l->rank != r.out_rank || memcmp(l->dim, r.dim, 4u * l->rank) != 0)
        continue;
      to = (int32_t)e;
    }
    struct stage_value v = stage_add(&d->stage, &r, to >= 0 ? &d->entry[to] : NULL);
    if (to >= 0)
      d->taken[to] = true;
    else
      know(d, v, record_elements(&r), false);
    n++;
  }
  stage_seal(&d->stage);
}

static uint64_t first_seed = 2600, seeds = 150;

static void whole_tapes(void **state) {
  (void)state;
  static struct draw d;
  for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
    draw_tape(&d, seed);
    assert_true(stage_agrees(&d.stage, seed, 5, stage_pool, NULL));
    stage_end(&d.stage);
  }
}

static bool reads(const struct tape_record *r, const struct tape_record *value) {
  for (uint8_t o = 0; o < r->operands; o++)
    if (r->operand[o].space == TAPE_TEMP && r->operand[o].first_leaf == value->first_leaf) return true;
  return false;
}

/* One element of one temp value is another one, and everything that follows from it follows: where maps run as one
 * pass, too. */
static void altered_values(void **state) {
  (void)state;
  static struct draw d;
  uint32_t altered = 0, read_next = 0;
  for (uint64_t seed = first_seed; seed < first_seed + seeds; seed += 3) {
    draw_tape(&d, seed);
    for (uint32_t n = 0; n < d.stage.tape.records_count; n++) {
      const struct tape_record *r = &d.stage.record[n];
      bool next = n + 1 < d.stage.tape.records_count && reads(r + 1, r);
      struct execute_alteration a = {
          .record = n, .element = below(&d, (uint32_t)record_elements(r)), .word = 0x41234567};
      if (r->space != TAPE_TEMP || (!next && below(&d, 8))) continue;
      assert_true(stage_agrees(&d.stage, seed, 2, stage_pool, &a));
      altered++;
      read_next += next;
    }
    stage_end(&d.stage);
  }
  assert_true(altered > seeds / 3 && read_next > seeds / 12);
}

/* Dots most of whose taps lie outside, the deciding axes over dims that other axes may walk too. */
static void skipped_taps(void **state) {
  (void)state;
  static struct draw d;
  for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
    enum { ROW, PLACE, WIDE, GROUP, TAP, CHANNEL, ROLES };
    uint8_t dim_of[ROLES], order[4] = {ROW, PLACE, WIDE, GROUP};
    uint32_t size[ROLES];
    d.seed = seed;
    stage_begin(&d.stage, seed);
    size[ROW] = 8 + below(&d, 10), size[PLACE] = 2 + below(&d, 6), size[WIDE] = 2 + below(&d, 20);
    size[GROUP] = 1 + below(&d, 3), size[TAP] = 2 + below(&d, 5), size[CHANNEL] = 2 + below(&d, 8);
    if (!below(&d, 4)) size[CHANNEL] = 200; /* more than one chunk */
    struct tape_record r = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 4, .k_rank = 2};
    for (uint32_t n = 4; n-- > 1;) {
      uint32_t m = below(&d, n + 1);
      uint8_t swap = order[n];
      order[n] = order[m], order[m] = swap;
    }
    for (uint8_t n = 0; n < ROLES; n++) dim_of[n < 4 ? order[n] : n] = n;
    for (uint8_t n = 0; n < ROLES; n++) r.dim[dim_of[n]] = size[n];
    for (uint8_t o = 0; o < 2; o++) {
      struct tape_operand x = {.space = TAPE_DATA, .dtype = TAPE_F32};
      uint32_t elements = 1, first = below(&d, ROLES);
      for (uint32_t i = 0; i < ROLES; i++) {
        uint32_t n = below(&d, 2) ? (i + first) % ROLES : i;
        bool there = false;
        for (uint8_t a = 0; a < x.axes; a++) there |= x.axis[a].term[x.axis[a].terms - 1].dim == dim_of[n];
        if (there || x.axes == TAPE_RANK_MAX - 1) continue;
        if (o == 0 && n == TAP) { /* the axis that decides */
          struct tape_axis *a = example_axis(&x, 1 + below(&d, size[PLACE]), (int32_t)below(&d, 3) - 1);
          example_term(a, dim_of[PLACE], 1);
          example_term(a, dim_of[TAP], below(&d, 3) ? -1 : 1);
          a->div = (uint16_t)(1 + below(&d, 2));
        } else if (n == CHANNEL || n == (o ? WIDE : ROW) || (n != (o ? ROW : WIDE) && !below(&d, 3))) {
          example_term(example_axis(&x, size[n], 0), dim_of[n], 1);
        } else {
          continue;
        }
        elements *= x.axis[x.axes - 1].extent;
      }
      if (!x.axes) example_axis(&x, 1, 0);
      struct stage_value v = stage_data(&d.stage, TAPE_F32, elements, STAGE_PLAIN);
      struct tape_operand *to = stage_operand(&r, v);
      to->axes = x.axes;
      memcpy(to->axis, x.axis, sizeof x.axis);
    }
    stage_add(&d.stage, &r, NULL);
    stage_seal(&d.stage);
    if (record_elements(&r) * record_k(&r) < 400000) assert_true(stage_agrees(&d.stage, seed, 2, stage_pool, NULL));
    stage_end(&d.stage);
  }
}

int main(int argc, char **argv) {
  if (argc == 3) first_seed = strtoull(argv[1], NULL, 10), seeds = strtoull(argv[2], NULL, 10);
  const struct CMUnitTest tests[] = {cmocka_unit_test(skipped_taps), cmocka_unit_test(whole_tapes),
                                     cmocka_unit_test(altered_values)};
  return cmocka_run_group_tests_name("whole", tests, stage_open_3, stage_shut_pool);
}
