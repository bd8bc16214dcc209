/* Max pools and their gradients: the definition's bits under every plan, and that the paths for rows are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape/execute/plan/plan.h"
#include "tape/execute/stage/stage_layers.h"
#include "tape/execute/window/window.h"

static const struct item *item_of(const struct execute *x, uint32_t record) {
  for (uint32_t i = 0; i < x->items_count; i++)
    if (x->item[i].first <= record && record < x->item[i].first + x->item[i].count) return &x->item[i];
  return NULL;
}

/* The value as a state entry, so that plans that keep no temps show it too. */
static void show(struct stage *s, struct stage_value v, uint32_t elements) {
  struct stage_value entry = stage_state(s, TAPE_F32, 1, &elements);
  struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 1, .dim = {elements}};
  stage_axis(stage_operand(&r, v), elements, 0, 0, 1, 0, 0);
  stage_add(s, &r, &entry);
}

/* All back ends, alone and by threads, with temps kept and in bands, against the definition. */
static bool agrees(struct stage *s) {
  struct execute *x, *y;
  struct execute_options plain = {.plain = !STAGE_SANITIZED, .materialise = true};
  size_t bytes = (size_t)s->tape.state_leaves * TAPE_LEAF_BYTES, temps = (size_t)s->tape.temp_leaves * TAPE_LEAF_BYTES;
  bool same = true;
  assert_int_equal(execute_open(&x, &s->tape, (const void *const *)s->data, &plain, NULL), EXECUTE_OK);
  uint8_t *state = stage_blob(s, STAGE_PLAIN), *other = stage_blob(s, STAGE_PLAIN);
  execute_step(x, state, 1, 1);
  for (int v = 0; v < 4 * STAGE_BACKENDS; v++) {
    struct execute_options o = {.backend = stage_backend((uint32_t)v / 4),
                                .pool = v % 2 ? stage_pool : NULL,
                                .materialise = v % 4 > 1,
                                .small_tasks = v % 4 < 3};
    if (!o.backend) continue;
    assert_int_equal(execute_open(&y, &s->tape, (const void *const *)s->data, &o, NULL), EXECUTE_OK);
    execute_step(y, other, 1, 1);
    same &= memcmp(other, state, bytes) == 0;
    if (o.materialise) same &= memcmp(execute_temps(y), execute_temps(x), temps) == 0;
    execute_shut(y);
  }
  execute_shut(x);
  free(state), free(other);
  return same;
}

/* rows: of the pool; apart: are its windows so, and none cut, that the gradient has rows of its own? */
struct shape {
  struct layer_shape layer;
  bool rows, apart;
};
static const struct shape shapes[] = {
    {{4, 8, 8, 6, 6, 2, 2, 0, 2, 1}, true, true},    {{2, 7, 9, 32, 32, 2, 2, 0, 2, 1}, true, false},
    {{3, 9, 9, 5, 5, 3, 3, 0, 3, 1}, true, true},    {{8, 4, 6, 37, 37, 2, 2, 0, 2, 1}, true, true},
    {{2, 8, 8, 16, 16, 3, 3, 1, 2, 1}, false, true}, {{2, 8, 9, 20, 20, 3, 3, 0, 2, 1}, true, false},
    {{6, 2, 30, 1, 1, 2, 2, 0, 2, 1}, false, true},  {{6, 7, 14, 40, 40, 7, 7, 0, 7, 1}, true, true},
    {{16, 2, 2, 3, 3, 2, 2, 0, 2, 1}, true, true},   {{4, 6, 6, 130, 130, 2, 2, 0, 2, 1}, true, true},
};

static void pools(void **state) {
  (void)state;
  static struct stage s;
  for (uint32_t i = 0; i < 8 * sizeof shapes / sizeof shapes[0]; i++) {
    const struct shape *h = &shapes[i / 8];
    const struct layer_shape *l = &h->layer;
    enum stage_content content = i & 1 ? STAGE_WILD : STAGE_PLAIN;
    bool masked = i & 2, bytes = !(i & 4), back = l->kh == l->stride && l->pad == 0;
    uint32_t inputs = l->n * l->h * l->w * l->ci, outputs = l->n * layer_out_h(l) * layer_out_w(l) * l->ci;
    stage_begin(&s, 20 + i);
    struct stage_value x = stage_data(&s, TAPE_F32, inputs, content);
    struct stage_value dy = stage_data(&s, TAPE_F32, outputs, content);
    x = stage_made(&s, x, inputs);
    if (i & 1) dy = stage_made(&s, dy, outputs); /* else data, whose NaN may be any */
    struct stage_value max = layer_max(&s, l, x), first = layer_first(&s, l, x, max, bytes ? TAPE_U8 : TAPE_I32);
    uint32_t of_max = (i & 1) + 1u;
    struct stage_value dx = back ? layer_max_gradient(&s, l, first, dy, masked ? &x : NULL) : x;
    show(&s, max, outputs);
    show(&s, dx, inputs);
    stage_seal(&s);
    if (!agrees(&s)) fail_msg("shape %u", i);
    struct execute *e;
    struct execute_options options = {.pool = stage_pool};
    assert_int_equal(execute_open(&e, &s.tape, (const void *const *)s.data, &options, NULL), EXECUTE_OK);
    assert_int_equal(item_of(e, of_max)->kind, ITEM_WINDOW);
    assert_int_equal(item_of(e, of_max)->count, 2);
    assert_int_equal(window_by_rows(item_of(e, of_max)), h->rows && bytes);
    if (back) assert_int_equal(item_of(e, of_max + 2)->kind, bytes && h->apart ? ITEM_WINDOW_BACK : ITEM_MAP);
    execute_shut(e);
    stage_end(&s);
  }
}

/* A pool without a first tap, as evaluation has it. */
static void values_alone(void **state) {
  (void)state;
  static struct stage s;
  for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    const struct layer_shape *l = &shapes[i].layer;
    stage_begin(&s, 20 + i);
    struct stage_value x = stage_data(&s, TAPE_F32, l->n * l->h * l->w * l->ci, i & 1 ? STAGE_WILD : STAGE_PLAIN);
    show(&s, layer_max(&s, l, x), l->n * layer_out_h(l) * layer_out_w(l) * l->ci);
    stage_seal(&s);
    if (!agrees(&s)) fail_msg("shape %u", i);
    stage_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pools), cmocka_unit_test(values_alone)};
  return cmocka_run_group_tests(tests, stage_open_3, stage_shut_pool);
}
