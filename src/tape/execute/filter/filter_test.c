/* Gradients of filters on all back ends and threads: the definition's bits, and by the way that the plan should take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape/execute/filter/filter_plan.h"
#include "tape/execute/stage/stage_layers.h"

enum way { TAP_BY_TAP, PATCHES, TURNED, ABREAST, IN_ROWS };
struct shape {
  struct layer_shape layer;
  uint32_t groups;
  enum way way;
  uint32_t rows; /* of a product: channels, and with them the taps of a row that see every place */
};
static const struct shape shapes[] = {
    {{2, 18, 17, 5, 10, 3, 3, 1, 1, 1}, 0, TAP_BY_TAP, 5},
    {{3, 14, 15, 16, 16, 3, 3, 1, 1, 1}, 0, ABREAST, 16},
    {{4, 14, 12, 16, 16, 3, 3, 1, 2, 1}, 0, TAP_BY_TAP, 16}, /* one vector of columns, rows side by side */
    {{3, 20, 19, 6, 9, 5, 5, 2, 1, 1}, 0, ABREAST, 6},
    {{6, 5, 40, 20, 12, 2, 4, 1, 1, 1}, 0, ABREAST, 20},
    {{90, 4, 3, 5, 14, 3, 3, 1, 1, 1}, 0, ABREAST, 5}, /* lines as long as a filter, and shorter */
    {{40, 9, 2, 8, 16, 3, 3, 1, 1, 1}, 0, ABREAST, 8},
    {{5, 13, 12, 16, 32, 3, 3, 1, 2, 1}, 0, TAP_BY_TAP, 16},
    {{11, 7, 7, 33, 40, 3, 3, 1, 1, 1}, 0, TAP_BY_TAP, 33}, /* blocks of k that go on from one another */
    {{9, 8, 9, 6, 9, 1, 1, 0, 2, 1}, 0, TAP_BY_TAP, 6},
    {{4, 12, 14, 6, 16, 5, 5, 0, 1, 1}, 0, TAP_BY_TAP, 30}, /* no border: taps of a row are rows */
    {{2, 20, 19, 4, 7, 3, 2, 2, 1, 2}, 0, TAP_BY_TAP, 4},
    {{3, 20, 18, 1, 16, 3, 3, 1, 1, 1}, 0, IN_ROWS, 1},
    {{3, 20, 18, 1, 10, 5, 5, 2, 1, 1}, 0, IN_ROWS, 1},
    {{2, 21, 22, 3, 20, 3, 3, 1, 2, 1}, 0, TURNED, 3},
    {{2, 21, 22, 2, 40, 3, 3, 1, 2, 1}, 0, PATCHES, 2},
    {{3, 19, 11, 1, 21, 3, 3, 1, 2, 1}, 0, IN_ROWS, 1},
    {{2, 20, 23, 3, 16, 3, 3, 1, 1, 1}, 0, IN_ROWS, 3},
    {{90, 5, 3, 1, 9, 5, 5, 2, 1, 1}, 0, IN_ROWS, 1},  /* lines shorter than a filter */
    {{3, 28, 28, 1, 6, 5, 5, 2, 1, 1}, 0, IN_ROWS, 1}, /* few columns: elsewhere it is a plain product */
    {{3, 9, 11, 1, 4, 5, 5, 2, 1, 1}, 0, IN_ROWS, 1},
    {{2, 14, 15, 1, 5, 5, 5, 2, 2, 1}, 0, IN_ROWS, 1},
    {{3, 10, 17, 1, 7, 5, 5, 2, 1, 1}, 0, IN_ROWS, 1},
    {{3, 13, 9, 1, 8, 5, 5, 2, 1, 1}, 0, IN_ROWS, 1},
    {{4, 14, 13, 2, 40, 3, 3, 1, 1, 2}, 0, TAP_BY_TAP, 2}, /* dilated: no piece of a row */
    {{4, 9, 12, 12, 8, 3, 3, 1, 1, 1}, 4, TAP_BY_TAP, 3},
    {{2, 6, 5, 32, 64, 3, 3, 1, 2, 1}, 2, TAP_BY_TAP, 16},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* What the back end sums where the rows lie: places of k, on any thread. */
static atomic_ullong places_in_rows;
static bool (*patch_counted)(const struct patch_tile *t);

static bool count_places(const struct patch_tile *t) {
  for (uint32_t i = 0; i < t->lines_count; i++) atomic_fetch_add(&places_in_rows, t->lines[i].length);
  return patch_counted(t);
}

/* Tiles that ask for what a later block reads. */
static atomic_ullong tiles_asking;
static bool (*dot_counted)(const struct dot_tile *t);

static bool count_asking(const struct dot_tile *t) {
  if (t->later) atomic_fetch_add(&tiles_asking, 1);
  return dot_counted(t);
}

static struct backend counting_places(const struct backend *b) {
  struct backend counting = *b;
  dot_counted = b->dot;
  counting.dot = count_asking;
  patch_counted = b->patch;
  if (b->patch) counting.patch = count_places;
  return counting;
}

static void look_at(const struct execute *x, const struct shape *h, uint32_t number) {
  if (h->layer.co <= 8 && h->way == IN_ROWS && !x->backend->patch) return;
  assert_int_equal(x->item[0].kind, ITEM_FILTER);
  const struct filter *f = x->item[0].plan;
  enum way way = f->abreast ? ABREAST : f->in_rows ? IN_ROWS : !f->patches ? TAP_BY_TAP : f->turned ? TURNED : PATCHES;
  /* other machines have other vectors, so they may turn patches where this table does not */
  bool same = x->backend->slim_cols == 16 ? way == h->way
                                          : f->patches == (h->way == PATCHES || h->way == TURNED || h->way == IN_ROWS);
  if (!same || f->rows != h->rows) fail_msg("shape %u: way %d, %u rows", number, (int)way, (unsigned)f->rows);
}

static void gradients(void **state) {
  (void)state;
  static struct stage s;
  struct execute *x, *y;
  struct why why;
  uint8_t *blob = aligned_alloc(64, 4096);
  for (uint32_t i = 0; i < 2 * SHAPES; i++) {
    const struct shape *h = &shapes[i / 2];
    const struct layer_shape *l = &h->layer;
    enum stage_content content = i % 2 ? STAGE_WILD : STAGE_PLAIN;
    stage_begin(&s, 400 + i);
    struct stage_value in = stage_data(&s, TAPE_F32, (uint64_t)l->n * l->h * l->w * l->ci, content);
    struct stage_value dy = stage_data(&s, TAPE_F32, (uint64_t)l->n * layer_out_h(l) * layer_out_w(l) * l->co, content);
    layer_grouped_filter_gradient(&s, l, h->groups, in, dy);
    stage_seal(&s);
    struct execute_options plain = {.plain = !STAGE_SANITIZED, .materialise = true};
    assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &plain, &why), EXECUTE_OK);
    execute_step(x, blob, 1, 1);
    for (uint32_t b = 0; b < 2 * STAGE_BACKENDS; b++) {
      struct execute_options o = {
          .backend = stage_backend(b / 2), .pool = b % 2 ? stage_pool : NULL, .materialise = true};
      o.small_tasks = b % 2;
      if (!o.backend) continue;
      const struct backend counting = counting_places(o.backend);
      o.backend = &counting;
      assert_int_equal(execute_open(&y, &s.tape, (const void *const *)s.data, &o, &why), EXECUTE_OK);
      look_at(y, h, i / 2);
      atomic_store(&places_in_rows, 0);
      atomic_store(&tiles_asking, 0);
      /* what a step before left there, borders that are zero for once among it, is no help */
      if (y->accumulators_words)
        memset(plan_accumulators(y, 0), 0x3f, y->threads * y->accumulators_words * sizeof(float));
      execute_step(y, blob, 1, 1);
      /* every place once, and by nothing else: whoever skips the kernel would still have to give its sums */
      assert_int_equal(places_in_rows, h->way == IN_ROWS && counting.patch ? record_k(&s.record[0]) : 0);
      const struct filter *f = y->item[0].plan;
      if (y->item[0].kind == ITEM_FILTER && f->patches) assert_int_equal(tiles_asking, 0);
      if (y->item[0].kind == ITEM_FILTER && !f->patches && f->k > f->depth && f->depth < CANON_CHUNK)
        assert_true(tiles_asking > 0); /* one block for the next, of the same chunk */
      if (memcmp(execute_temps(y), execute_temps(x), 4 * record_elements(&s.record[0])) != 0)
        fail_msg("shape %u, %s, %s: differs", i / 2, o.backend->name, b % 2 ? "threads" : "alone");
      execute_shut(y);
    }
    execute_shut(x);
    stage_end(&s);
  }
  free(blob);
}

/* What the last block of a chunk asks for is what the first of the next one reads. */
static const float *asked[1024];
static uint32_t asked_count;

static bool note_asked(const struct dot_tile *t) {
  if (t->later && asked_count < sizeof asked / sizeof *asked) asked[asked_count++] = t->later->at;
  return dot_counted(t);
}

static bool lies_in(const float *at, const void *data, uint64_t floats) {
  return (uintptr_t)at >= (uintptr_t)data && (uintptr_t)at < (uintptr_t)data + floats * sizeof(float);
}

/* More than one chunk: in blocks of 192, of 1 x 1 taps at every other place; of a whole chunk; and all taps of a line
 * beside each other, where vectors are wide enough. */
static void across_chunks(void **state) {
  (void)state;
  static const struct layer_shape shapes_across[] = {
      {2, 32, 34, 20, 20, 1, 1, 0, 2, 1}, {2, 18, 17, 5, 10, 3, 3, 1, 1, 1}, {10, 14, 15, 5, 14, 3, 3, 1, 1, 1}};
  static const uint32_t depths[] = {192, CANON_CHUNK, 384}, abreast = 128;
  static struct stage s;
  uint8_t *blob = aligned_alloc(64, 4096);
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t b = 0; b < STAGE_BACKENDS; b++) {
      const struct layer_shape *l = &shapes_across[i];
      struct execute_options o = {.backend = stage_backend(b), .materialise = true};
      struct execute *x;
      struct why why;
      if (!o.backend) continue;
      struct backend noting = *o.backend;
      dot_counted = noting.dot, noting.dot = note_asked;
      o.backend = &noting;
      stage_begin(&s, 700 + i);
      const uint64_t in_floats = (uint64_t)l->n * l->h * l->w * l->ci;
      const uint64_t dy_floats = (uint64_t)l->n * layer_out_h(l) * layer_out_w(l) * l->co;
      struct stage_value in = stage_data(&s, TAPE_F32, in_floats, STAGE_PLAIN);
      struct stage_value dy = stage_data(&s, TAPE_F32, dy_floats, STAGE_PLAIN);
      layer_filter_gradient(&s, l, in, dy);
      stage_seal(&s);
      assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &o, &why), EXECUTE_OK);
      assert_int_equal(x->item[0].kind, ITEM_FILTER);
      const struct filter *f = x->item[0].plan;
      assert_int_equal(f->depth, f->abreast ? abreast : depths[i]);
      asked_count = 0;
      execute_step(x, blob, 1, 1);
      bool next = i == 0; /* where the outputs' gradient of the next chunk begins */
      for (uint32_t m = 0; m < asked_count; m++)
        next |= asked[m] == (const float *)s.data[dy.number] + CANON_CHUNK * l->co;
      if (!next) fail_msg("%s, shape %u: no request for the next chunk", o.backend->name, i);
      if (i == 0) {
        static const uint32_t blocks[] = {192, 384, 512};
        for (uint32_t n = 0; n < asked_count; n++)
          if (!lies_in(asked[n], s.data[in.number], in_floats) && !lies_in(asked[n], s.data[dy.number], dy_floats))
            fail_msg("%s: request %u of %u is for memory that nobody reads", o.backend->name, n, asked_count);
        for (uint32_t n = 0; n < 3; n++) {
          const uint64_t line = blocks[n] / layer_out_w(l), y = line % layer_out_h(l), image = line / layer_out_h(l);
          const float *want = (const float *)s.data[in.number] + (image * l->h + y * l->stride) * l->w * l->ci;
          bool found = false;
          for (uint32_t m = 0; m < asked_count; m++) found |= asked[m] == want;
          if (!found) fail_msg("%s: nobody asks for the block at %u", o.backend->name, blocks[n]);
        }
      }
      execute_shut(x);
      stage_end(&s);
    }
  free(blob);
}

/* A product's weights, a forward layer and a depthwise one are others' work. */
static void not_ours(void **state) {
  (void)state;
  static struct stage s;
  const struct layer_shape l = {4, 8, 8, 8, 8, 3, 3, 1, 1, 1}, one = {4, 8, 8, 8, 8, 1, 1, 0, 1, 1};
  stage_begin(&s, 1);
  struct stage_value x = stage_data(&s, TAPE_F32, 4 * 8 * 8 * 8, STAGE_PLAIN);
  struct stage_value f = stage_data(&s, TAPE_F32, 9 * 8 * 8, STAGE_PLAIN);
  layer_forward(&s, &l, x, f);
  layer_grouped_filter_gradient(&s, &l, 8, x, x);
  layer_filter_gradient(&s, &one, x, x);
  layer_product(&s, 4, 8, 8, 8, x, true, f, false, false);
  const struct layer_shape few = {4, 8, 8, 1, 8, 3, 3, 1, 1, 1};
  layer_filter_gradient(&s, &few, x, x);
  for (uint32_t r = 0; r < 5; r++) assert_false(filter_fits(backend_best(), &s.record[r]));
  layer_filter_gradient(&s, &l, x, x);
  assert_true(filter_fits(backend_best(), &s.record[5]));
  stage_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(across_chunks), cmocka_unit_test(gradients),
                                     cmocka_unit_test(not_ours)};
  return cmocka_run_group_tests(tests, stage_open_2, stage_shut_pool);
}
