/* Convolutions image by image, whole and by parts, on any thread, the images in the thread's own buffer: the
 * definition's bits. And that a plan cuts the places into the classes that it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape/execute/conv/conv_plan.h"
#include "tape/execute/stage/stage_layers.h"

static uint32_t bands_seen; /* images read in a thread's own buffer */

static const struct item *conv_of(const struct execute *x, uint32_t record) {
  for (uint32_t i = 0; i < x->items_count; i++)
    if (x->item[i].first == record && x->item[i].kind == ITEM_CONV) return &x->item[i];
  return NULL;
}

/* Computes the record's value again, by parts, each with its own images alone, and compares. */
static void by_parts(struct execute *x, struct stage *s, uint32_t record, uint64_t parts, const uint8_t *want,
                     uint32_t number) {
  const struct item *item = conv_of(x, record);
  struct conv *c = item->plan;
  const struct tape_record *r = &s->record[record];
  uint64_t bytes = 4 * record_elements(r);
  uint8_t *out = place_at(x, x->value[record].place);
  memset(out, 0xaa, bytes);
  conv_begin(x, item);
  const struct value *images = &x->value[plan_producer(x, r->operand[c->operand_a].first_leaf)];
  assert_true(conv_inside(item, c->operand_a) && !conv_inside(item, 1u - c->operand_a));
  uint64_t band = images->bytes / parts;
  struct place kept = c->a;
  for (uint64_t p = parts; p-- > 0;) {
    uint32_t thread = (uint32_t)(p / 3 % x->threads);
    struct seat seat = x->seat[thread];
    uint8_t *buffer = malloc(band);
    memcpy(buffer, place_at(x, kept) + band * p, band);
    x->seat[thread] = (struct seat){.buffer = buffer, .band = p};
    c->a = (struct place){BASE_BAND, 0, band};
    bands_seen++;
    conv_part(x, item, p, p + 1, parts, thread);
    c->a = kept;
    x->seat[thread] = seat;
    free(buffer);
  }
  if (memcmp(out, want, bytes) != 0) fail_msg("shape %u, %llu parts: differs", number, (unsigned long long)parts);
  memset(out, 0xaa, bytes);
  conv_part(x, item, parts / 2, parts, parts, 0);
  conv_part(x, item, 0, parts / 2, parts, x->threads - 1);
  if (memcmp(out, want, bytes) != 0) fail_msg("shape %u, two of %llu parts", number, (unsigned long long)parts);
}

static void compare(struct stage *s, uint32_t record, uint32_t number, const uint32_t *classes, bool thin, bool line) {
  struct execute *x, *y;
  struct why why;
  stage_seal(s);
  struct execute_options plain = {.plain = !STAGE_SANITIZED, .materialise = true, .pool = stage_pool};
  assert_int_equal(execute_open(&x, &s->tape, (const void *const *)s->data, &plain, &why), EXECUTE_OK);
  uint8_t *state = aligned_alloc(64, 4096);
  execute_step(x, state, 1, 1);
  const uint8_t *want = execute_temps(x) + s->record[record].first_leaf * TAPE_LEAF_BYTES;
  for (uint32_t b = 0; b < 2 * STAGE_BACKENDS; b++) {
    struct execute_options o = {
        .backend = stage_backend(b / 2), .pool = b % 2 ? stage_pool : NULL, .materialise = true};
    o.small_tasks = b % 2;
    if (!o.backend) continue;
    bool widest = strcmp(o.backend->name, "avx512") == 0;
    assert_int_equal(execute_open(&y, &s->tape, (const void *const *)s->data, &o, &why), EXECUTE_OK);
    execute_step(y, state, 1, 1);
    if (memcmp(execute_temps(y) + s->record[record].first_leaf * TAPE_LEAF_BYTES, want,
               4 * record_elements(&s->record[record])) != 0)
      fail_msg("shape %u, %s, %s: differs", number, o.backend->name, b % 2 ? "threads" : "alone");
    const struct item *item = conv_of(y, record);
    if (!item) fail_msg("shape %u is no convolution", number);
    const struct conv *c = item->plan;
    assert_int_equal(c->axes, 2);
    if (c->axis[0].classes != classes[0] || c->axis[1].classes != classes[1])
      fail_msg("shape %u: %u and %u classes", number, c->axis[0].classes, c->axis[1].classes);
    if (widest && (c->thin != NULL) != thin) fail_msg("shape %u: columns are %s", number, thin ? "channels" : "places");
    if (widest && (c->line != NULL) != line) fail_msg("shape %u: rows are %s", number, line ? "classes" : "lines");
    uint64_t parts = conv_parts(item);
    assert_int_equal(parts, s->record[record].dim[0]);
    assert_int_equal(conv_parts_fit(&s->record[record], 2), parts % 2 == 0 && parts >= 8);
    for (uint64_t n = 1; n <= parts; n++)
      if (parts % n == 0 && (o.backend != &backend_scalar || n == parts)) by_parts(y, s, record, n, want, number);
    execute_shut(y);
  }
  execute_shut(x);
  free(state);
}

/* What the classes along height and width must be, forward and backward, and where tiles have places for columns. */
enum { THIN_NEVER, THIN_FORWARD, THIN_BACKWARD, THIN_BOTH };
enum { LINES_FORWARD = 4, LINES_BACKWARD = 8, LINES_BOTH = 12 }; /* and all places of a line for rows */
struct shape {
  struct layer_shape layer;
  uint32_t groups, forward[2], backward[2], ways;
};
static const struct shape shapes[] = {
    {{4, 8, 7, 3, 10, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_BACKWARD},
    {{9, 7, 7, 3, 34, 3, 3, 0, 1, 1}, 0, {1, 1}, {5, 5}, THIN_BACKWARD}, /* dx: two at each border */
    {{12, 8, 9, 4, 8, 3, 3, 1, 2, 1}, 0, {2, 3}, {3, 2}, THIN_NEVER},    /* dx in two phases, one with a border */
    {{6, 4, 19, 16, 16, 3, 3, 1, 1, 1},
     0,
     {3, 3},
     {3, 3},
     THIN_NEVER}, /* known strides of rows, in one vector of columns */
    {{2, 3, 36, 32, 12, 3, 3, 1, 2, 1}, 0, {2, 2}, {2, 3}, THIN_NEVER},
    {{2, 2, 40, 64, 16, 1, 3, 0, 1, 1}, 0, {1, 1}, {1, 5}, THIN_NEVER},
    {{3, 20, 18, 1, 6, 5, 5, 2, 1, 1},
     0,
     {5, 5},
     {0, 0},
     THIN_FORWARD}, /* one channel: no columns for an input gradient */
    {{31, 3, 3, 60, 34, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_NEVER}, /* more than one chunk; rows over images */
    {{5, 9, 8, 6, 5, 1, 1, 0, 2, 1}, 0, {1, 1}, {2, 2}, THIN_NEVER},    /* places that meet no tap */
    {{4, 12, 11, 5, 7, 3, 2, 2, 1, 2}, 0, {3, 3}, {3, 1}, THIN_BOTH},   /* dilated: taps at a border come by twos */
    {{3, 9, 12, 12, 8, 3, 3, 1, 1, 1}, 4, {3, 3}, {3, 3}, THIN_NEVER},  /* groups */
    {{16, 6, 5, 32, 64, 3, 3, 1, 2, 1}, 2, {2, 3}, {3, 2}, THIN_NEVER},
    {{3, 8, 28, 1, 6, 5, 5, 2, 1, 1}, 0, {5, 5}, {0, 0}, THIN_FORWARD},
    {{8, 9, 9, 6, 16, 5, 5, 0, 1, 1}, 0, {1, 1}, {9, 9}, THIN_BACKWARD},
    {{2, 14, 14, 6, 16, 5, 5, 0, 1, 1}, 0, {1, 1}, {9, 9}, THIN_BACKWARD}, /* another known stride of rows */
    {{2, 9, 10, 70, 7, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_FORWARD},   /* more than one chunk */
    {{2, 3, 70, 5, 3, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_BOTH},       /* lines of more than one tile */
    {{3, 11, 9, 7, 8, 3, 2, 2, 1, 2}, 0, {3, 3}, {3, 1}, THIN_BOTH},       /* dilated */
    {{2, 3, 28, 16, 16, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_NEVER | LINES_BOTH},
    {{1, 3, 32, 16, 11, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_NEVER | LINES_FORWARD},  /* two tiles a line */
    {{2, 5, 28, 16, 32, 3, 3, 1, 2, 1}, 0, {3, 2}, {2, 3}, THIN_NEVER | LINES_BOTH},     /* dx: two lines of 14 */
    {{1, 3, 14, 24, 40, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_NEVER | LINES_BACKWARD}, /* a narrow panel at the end */
    {{1, 3, 12, 60, 24, 3, 3, 1, 1, 1}, 0, {3, 3}, {3, 3}, THIN_NEVER | LINES_BOTH},     /* more than one chunk */
    {{2, 3, 28, 32, 64, 1, 1, 0, 2, 1}, 0, {1, 1}, {2, 2}, THIN_NEVER | LINES_BOTH},
    {{1, 3, 13, 40, 50, 3, 3, 1, 1, 1}, 2, {3, 3}, {3, 3}, THIN_NEVER | LINES_BOTH}, /* groups */
};

static void convolutions(void **state) {
  (void)state;
  static struct stage s;
  for (uint32_t i = 0; i < 4 * sizeof shapes / sizeof shapes[0]; i++) {
    const struct shape *h = &shapes[i / 4];
    const struct layer_shape *l = &h->layer;
    enum stage_content content = i & 1 ? STAGE_WILD : STAGE_PLAIN;
    bool back = i & 2;
    if ((back && l->ci == 1)) continue;
    uint32_t inputs = l->n * l->h * l->w * l->ci;
    uint32_t filters = l->kh * l->kw * l->ci * l->co / (h->groups ? h->groups : 1);
    uint32_t outputs = l->n * layer_out_h(l) * layer_out_w(l) * l->co;
    stage_begin(&s, 60 + i);
    struct stage_value x = stage_data(&s, TAPE_F32, back ? outputs : inputs, content);
    struct stage_value f = stage_data(&s, TAPE_F32, filters, content);
    x = stage_made(&s, x, back ? outputs : inputs);
    f = stage_made(&s, f, filters);
    if (back)
      layer_grouped_input_gradient(&s, l, h->groups, x, f);
    else
      layer_grouped_forward(&s, l, h->groups, x, f);
    compare(&s, 2, i, back ? h->backward : h->forward, h->ways & (back ? THIN_BACKWARD : THIN_FORWARD),
            h->ways & (back ? LINES_BACKWARD : LINES_FORWARD));
    stage_end(&s);
  }
  assert_true(bands_seen > 100);
}

/* Products, depthwise layers and filter gradients are others' work. */
static void not_ours(void **state) {
  (void)state;
  static struct stage s;
  const struct layer_shape l = {4, 8, 8, 8, 8, 3, 3, 1, 1, 1}, one = {4, 8, 8, 8, 8, 1, 1, 0, 1, 1};
  stage_begin(&s, 1);
  struct stage_value x = stage_data(&s, TAPE_F32, 4 * 8 * 8 * 8, STAGE_PLAIN);
  struct stage_value f = stage_data(&s, TAPE_F32, 9 * 8 * 8, STAGE_PLAIN);
  layer_filter_gradient(&s, &l, x, x);
  layer_grouped_forward(&s, &l, 8, x, f);
  layer_forward(&s, &one, x, f);
  layer_product(&s, 4, 8, 8, 8, x, false, f, true, false);
  for (uint32_t r = 0; r < 4; r++) assert_false(conv_fits(&s.record[r]));
  layer_forward(&s, &l, x, f);
  assert_true(conv_fits(&s.record[4]));
  stage_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(convolutions), cmocka_unit_test(not_ours)};
  return cmocka_run_group_tests(tests, stage_open_2, stage_shut_pool);
}
