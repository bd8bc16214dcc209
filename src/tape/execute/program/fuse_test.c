/* Records made of every body of numeric/fused: that the plan finds it, once, and that the bits are the definition's;
 * and that it is left alone where somebody else reads one of its steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "numeric/fused.h"
#include "tape/execute/plan/plan.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/record/example.h"

enum { ROWS = 7, COLS = 111, NONE = 255 };

/* What a body reads: which values they are, and how the record walks them. */
struct inputs {
  struct stage_value value[FUSED_RESULT];
  uint32_t walk[FUSED_RESULT]; /* 0 all of it, 1 a row again and again, 2 a column, 3 one word; of words 4: a literal */
  uint32_t word[FUSED_RESULT];
  bool integer[FUSED_RESULT + FUSED_STEPS_MAX];
};

/* i32 where an operation says so; what sel chooses among is a float in all of them. */
static void find_types(const struct fused_body *b, struct inputs *in) {
  for (uint8_t s = 0; s < b->steps; s++) {
    const struct canon_op *op = canon_op(b->step[s].code);
    in->integer[FUSED_RESULT + s] = op->result == 'i';
    for (uint8_t a = 0; a < op->arity; a++)
      if (op->argument[a] == 'i') in->integer[b->step[s].from[a]] = true;
  }
}

/* A record's own copy of the step: its operands and literals come in as they are met. */
struct writer {
  struct tape_record r;
  const struct fused_body *body;
  const struct inputs *in;
  uint8_t operand[FUSED_RESULT], reg[FUSED_RESULT + FUSED_STEPS_MAX];
};

static void add_operands(struct writer *w, uint8_t from) {
  if (from == FUSED_NONE) return;
  if (from >= FUSED_RESULT) {
    for (uint8_t a = 0; a < 3; a++) add_operands(w, w->body->step[from - FUSED_RESULT].from[a]);
    return;
  }
  uint32_t walk = w->in->walk[from];
  if (w->operand[from] != NONE || walk == 4) return;
  w->operand[from] = w->r.operands;
  struct tape_operand *o = stage_operand(&w->r, w->in->value[from]);
  stage_axis(o, ROWS, 0, 0, walk == 0 || walk == 2, 0, 0);
  stage_axis(o, COLS, 0, 1, walk <= 1, 0, 0);
}

static uint8_t write(struct writer *w, uint8_t from) {
  if (from == FUSED_NONE) return 0;
  if (w->reg[from] != NONE) return w->reg[from];
  uint8_t reg = 0;
  if (from < FUSED_RESULT && w->in->walk[from] == 4) {
    reg = example_literal(&w->r, w->in->word[from], w->in->integer[from]);
  } else if (from < FUSED_RESULT) {
    reg = w->operand[from];
  } else {
    const struct fused_step *s = &w->body->step[from - FUSED_RESULT];
    uint8_t a = write(w, s->from[0]), b = write(w, s->from[1]), c = write(w, s->from[2]);
    reg = example_op(&w->r, s->code, a, b, c);
  }
  return w->reg[from] = reg;
}

static struct stage_value add_step(struct stage *s, const struct fused_body *b, const struct inputs *in, uint8_t step,
                                   const struct stage_value *to) {
  struct writer w = {.r = {.op = TAPE_MAP, .out_rank = 2, .dim = {ROWS, COLS}}, .body = b, .in = in};
  w.r.dtype = in->integer[FUSED_RESULT + step] ? TAPE_I32 : TAPE_F32;
  memset(w.operand, NONE, sizeof w.operand);
  memset(w.reg, NONE, sizeof w.reg);
  add_operands(&w, FUSED_RESULT + step);
  write(&w, FUSED_RESULT + step);
  return stage_add(s, &w.r, to);
}

/* The body over inputs drawn from the seed; its outputs go over state entries, which may be inputs of its own, or are
 * read later, by others. */
static void stage_body(struct stage *s, const struct fused_body *b, uint64_t *seed, uint8_t also, bool later) {
  static const uint32_t dim[] = {ROWS, COLS};
  struct inputs in = {0};
  struct stage_value entry[FUSED_KEPT_MAX + 1];
  find_types(b, &in);
  for (uint8_t k = 0; k < b->keeps && !later; k++) entry[k] = stage_state(s, TAPE_F32, 2, dim);
  if (also != NONE) entry[b->keeps] = stage_state(s, in.integer[FUSED_RESULT + also] ? TAPE_I32 : TAPE_F32, 2, dim);
  for (uint8_t v = 0; v < FUSED_RESULT; v++) {
    bool word = v >= FUSED_WORD;
    if (word ? v >= FUSED_WORD + b->words : v >= b->vectors) continue;
    in.walk[v] = word ? 3 + (uint32_t)(example_next(seed) % 2) : v ? (uint32_t)(example_next(seed) % 3) : 0;
    in.word[v] = 0x3f000000u + (uint32_t)(example_next(seed) % 0x1000000);
    if (v < b->keeps && !later && !in.integer[v] && example_next(seed) % 2)
      in.value[v] = entry[v], in.value[v].space = TAPE_IN, in.walk[v] = 0;
    else
      in.value[v] = stage_data(s, in.integer[v] ? TAPE_I32 : TAPE_F32, (uint64_t)ROWS * COLS, STAGE_WILD);
  }
  if (also != NONE) add_step(s, b, &in, also, &entry[b->keeps]);
  for (uint8_t k = 0; k < b->keeps; k++) {
    struct stage_value kept = add_step(s, b, &in, b->kept[k], later ? NULL : &entry[k]);
    if (later) entry[k] = kept;
  }
  for (uint8_t k = 0; k < b->keeps && later; k++) stage_show(s, entry[k], ROWS * COLS);
  stage_seal(s);
}

static uint32_t fused(struct stage *s) {
  struct execute *x;
  struct why why;
  struct execute_options options = {0};
  assert_int_equal(execute_open(&x, &s->tape, (const void *const *)s->data, &options, &why), EXECUTE_OK);
  uint32_t found = x->fused;
  execute_shut(x);
  return found;
}

static void bodies_are_found(void **state) {
  (void)state;
  static struct stage s;
  bool vectors = backend_best()->fused != NULL;
  for (uint8_t code = 0; code < BACKEND_FUSED; code++)
    for (uint64_t turn = 0; turn < 4; turn++) {
      uint64_t seed = 100 * turn + code;
      stage_begin(&s, seed);
      stage_body(&s, &fused_bodies[code], &seed, NONE, false);
      if (fused(&s) != vectors) fail_msg("%s: found %u times", fused_bodies[code].name, (unsigned)fused(&s));
      if (!stage_agrees(&s, seed, 6, stage_pool, NULL)) fail_msg("%s", fused_bodies[code].name);
      stage_end(&s);
    }
}

/* Every step that a body does not keep is asked for by a record of its own. */
static void read_by_others(void **state) {
  (void)state;
  static struct stage s;
  for (uint8_t code = 0; code < BACKEND_FUSED; code++) {
    const struct fused_body *b = &fused_bodies[code];
    for (uint8_t step = 0; step < b->steps; step++) {
      if (memchr(b->kept, step, b->keeps)) continue;
      uint64_t seed = 100u * step + code;
      stage_begin(&s, seed);
      stage_body(&s, b, &seed, step, false);
      if (!stage_agrees(&s, seed, 2, stage_pool, NULL)) fail_msg("%s, step %u", b->name, (unsigned)step);
      stage_end(&s);
    }
  }
}

static uint32_t far_piece, far_words; /* the longest written past the caches, and all of them */
static void (*copy_far)(uint32_t n, uint32_t *out, const uint32_t *in);

static void count_far(uint32_t n, uint32_t *out, const uint32_t *in) {
  if (n > far_piece) far_piece = n;
  far_words += n;
  copy_far(n, out, in);
}

/* In pieces past the caches, shorter ones where a body takes its time: 777 words are no whole number of either. */
static void written_far(void **state) {
  (void)state;
  static struct stage s;
  struct backend counting = *backend_best();
  copy_far = counting.copy_far, counting.copy_far = count_far;
  uint32_t slow = 0;
  for (uint8_t code = 0; code < BACKEND_FUSED; code++) {
    const struct fused_body *b = &fused_bodies[code];
    uint64_t seed = 1000u + code;
    struct execute *x;
    struct execute_options options = {.backend = &counting, .small_tasks = true};
    stage_begin(&s, seed);
    stage_body(&s, b, &seed, NONE, true);
    assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &options, NULL), EXECUTE_OK);
    for (uint8_t k = 0; k < b->keeps; k++) assert_true(x->value[k].far);
    uint8_t *blob = stage_blob(&s, STAGE_PLAIN);
    far_piece = far_words = 0;
    execute_step(x, blob, 1, 1);
    assert_int_equal(far_words, b->keeps * ROWS * COLS);
    bool erf = false;
    for (uint8_t i = 0; i < b->steps; i++) erf |= b->step[i].code == CANON_ERF && b->keeps == 1;
    if (erf && x->fused) assert_int_equal(far_piece, 256), slow++;
    execute_shut(x);
    free(blob);
    if (!stage_agrees(&s, seed, 6, stage_pool, NULL)) fail_msg("%s", b->name);
    stage_end(&s);
  }
  assert_true(slow > 0 || !counting.fused);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(bodies_are_found), cmocka_unit_test(read_by_others),
                                     cmocka_unit_test(written_far)};
  return cmocka_run_group_tests_name("fused bodies", tests, stage_open_3, stage_shut_pool);
}
