/* Random records against a slow obvious twin, which follows TAPE 4 and NUMERICS 3 word for word and recomputes
 * everything at every k. */
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

enum { ONE = 0x3f800000, INFINITE = 0x7f800000 };

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
    reg[o] = words[o] = in_range[o] ? w->load(w->context, o, p->k, address) : r->operand[o].fill;
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

static uint32_t load_drawn(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
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
      for (uint32_t c = 0; c < chunks; c++) {
        chunk[c] = element_chunk(&r, &w, index, c);
        if (r.op != TAPE_MAP) assert_int_equal(chunk[c], twin_chunk(&r, &w, index, c));
      }
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

/* What element_visit tells, against the twin's addresses in the order of PROTOCOL P2.4. */
struct visit {
  const struct tape_record *r;
  uint64_t index, seed;
  uint32_t next, words[TAPE_OPERANDS_MAX], in_range, last_k;
  uint8_t last_o;
};

static uint32_t see(void *context, const struct element_word *at) {
  struct visit *v = context;
  struct place p = twin_place(v->r, v->index, at->k);
  uint64_t expected;
  bool walks = v->r->k_rank && record_depends_on_k(v->r, at->o),
       there = twin_address(v->r, at->o, &p, v->words, &expected);
  assert_int_equal(at->n, v->next++);
  assert_int_equal(at->in_range, there);
  if (there) assert_int_equal(at->index, expected);
  if (!walks) assert_int_equal(at->k, 0);
  if (walks && at->n && v->last_k == at->k) assert_true(v->last_o < at->o || !record_depends_on_k(v->r, v->last_o));
  v->in_range += there;
  v->last_k = at->k;
  v->last_o = at->o;
  uint32_t word = (uint32_t)(example_next(&v->seed) % 9) - 3;
  v->words[at->o] = there ? word : v->r->operand[at->o].fill;
  return word;
}

static void visits_agree_with_the_twin(void **state) {
  (void)state;
  uint64_t seed = 3, in_range = 0, words = 0;
  for (uint32_t n = 0; n < 1500; n++) {
    struct tape_record r;
    example_random(&r, &seed);
    struct visit v = {.r = &r, .index = example_next(&seed) % record_elements(&r), .seed = seed};
    uint32_t c = (uint32_t)(example_next(&seed) % element_chunks(&r)), k = record_k(&r) - 512 * c, walking = 0;
    for (uint8_t o = 0; o < r.operands; o++) walking += r.k_rank && record_depends_on_k(&r, o);
    uint32_t count = element_visit(&r, v.index, c, see, &v);
    assert_int_equal(count, v.next);
    assert_int_equal(count, element_words(&r, c));
    assert_int_equal(count, r.operands - walking + walking * (k < 512 ? k : 512));
    in_range += v.in_range;
    words += count;
  }
  assert_true(in_range > 1000 && in_range < words);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_records_agree_with_the_twin),
      cmocka_unit_test(addresses_agree_with_the_twin),
      cmocka_unit_test(visits_agree_with_the_twin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
