/* Dots by parts, on any thread, in any order, operands in the thread's own buffer: the definition's bits. And which
 * copies a plan makes of what it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape/execute/dot/dot_plan.h"
#include "tape/execute/stage/stage_layers.h"
#include "tape/record/example.h"

enum { RANK = 6 };

/* One operand: the record's dims in the order in which they lie, outermost first, 0 ends; counted from 1. */
struct shape {
  uint32_t out_rank, k_rank, dim[RANK];
  uint8_t a[RANK], b[RANK];
  uint64_t parts;
  enum dot_from from_a, from_b;
};

static const struct shape shapes[] = {
    /* rows that are the leading dims, and b whole: as it lies, turned, wide, over chunks */
    {3, 1, {6, 5, 70, 40}, {1, 2, 4}, {4, 3}, 30, DOT_IN_PLACE, DOT_IN_PLACE},
    {3, 1, {6, 5, 70, 40}, {1, 2, 4}, {3, 4}, 30, DOT_IN_PLACE, DOT_SHARED},
    {3, 1, {4, 70, 260, 13}, {1, 2, 4}, {4, 3}, 280, DOT_IN_PLACE, DOT_IN_PLACE},
    {2, 1, {12, 9, 1030}, {1, 3}, {2, 3}, 12, DOT_IN_PLACE, DOT_SHARED},
    /* the operands the other way round */
    {3, 1, {6, 29, 33, 40}, {4, 3}, {1, 2, 4}, 174, DOT_IN_PLACE, DOT_IN_PLACE},
    /* batches of their own b, heads inside and outside, all four ways round */
    {3, 1, {5, 30, 33, 31}, {1, 2, 4}, {1, 4, 3}, 5, DOT_IN_PLACE, DOT_IN_PLACE},
    {3, 1, {5, 30, 33, 31}, {1, 2, 4}, {1, 3, 4}, 5, DOT_IN_PLACE, DOT_OWN},
    {4, 1, {4, 3, 30, 40, 130}, {1, 2, 3, 5}, {1, 4, 2, 5}, 12, DOT_IN_PLACE, DOT_OWN},
    {4, 1, {4, 3, 30, 40, 130}, {1, 5, 2, 3}, {1, 5, 2, 4}, 12, DOT_IN_PLACE, DOT_IN_PLACE},
    {4, 1, {3, 2, 130, 40, 40}, {1, 2, 5, 3}, {1, 4, 2, 5}, 6, DOT_IN_PLACE, DOT_OWN},
    {3, 1, {2, 129, 33, 600}, {1, 4, 2}, {1, 3, 4}, 2, DOT_IN_PLACE, DOT_OWN},
    {3, 1, {2, 1024, 33, 5}, {1, 4, 2}, {1, 3, 4}, 2, DOT_OWN, DOT_OWN}, /* its k are pages apart */
    /* b moves with an inner dim only, and is copied for all of it beforehand, or read in place */
    {3, 1, {6, 3, 20, 40}, {1, 2, 4}, {2, 3, 4}, 6, DOT_IN_PLACE, DOT_OWN},
    {4, 1, {6, 3, 5, 20, 40}, {1, 2, 3, 5}, {2, 4, 5}, 6, DOT_IN_PLACE, DOT_SHARED},
    /* a weight's gradient: rows side by side, k over two dims; its parts are pieces of both */
    {2, 2, {130, 40, 9, 10}, {3, 4, 1}, {3, 4, 2}, 130, DOT_OWN, DOT_IN_PLACE},
    {2, 2, {265, 260, 3, 10}, {3, 4, 1}, {2, 3, 4}, 265, DOT_OWN, DOT_SHARED},
    /* chunk by chunk, and so not by parts */
    {2, 2, {130, 40, 2, 300}, {3, 4, 1}, {3, 4, 2}, 1, DOT_OWN, DOT_IN_PLACE},
    /* wide ones, of which each task has columns of its own: forward, and a weight's gradient with its rows shared */
    {2, 1, {70, 1024, 5}, {1, 3}, {3, 2}, 1, DOT_IN_PLACE, DOT_OWN},
    {2, 1, {20, 200, 520}, {1, 3}, {2, 3}, 1, DOT_IN_PLACE, DOT_OWN},
    {2, 2, {140, 1024, 2, 4}, {3, 4, 1}, {3, 4, 2}, 1, DOT_SHARED, DOT_OWN},
    {2, 2, {140, 160, 2, 300}, {3, 4, 1}, {3, 4, 2}, 1, DOT_SHARED, DOT_IN_PLACE},
    /* more chunks than the shared copies have places */
    {2, 2, {128, 130, 6, 257}, {3, 4, 1}, {3, 4, 2}, 1, DOT_SHARED, DOT_IN_PLACE},
    /* rows enough to pay for a copy of b that could be read where it lies, and one fewer */
    {3, 1, {4, 256, 70, 9}, {1, 2, 4}, {4, 3}, 1024, DOT_IN_PLACE, DOT_SHARED},
    {3, 1, {3, 341, 70, 9}, {1, 2, 4}, {4, 3}, 1023, DOT_IN_PLACE, DOT_IN_PLACE},
    /* no parts: one row, or the leading dim is the columns' */
    {1, 1, {70, 40}, {2}, {2, 1}, 1, DOT_IN_PLACE, DOT_IN_PLACE},
    {2, 1, {4, 70, 40}, {3}, {3, 1, 2}, 1, DOT_IN_PLACE, DOT_IN_PLACE},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static uint32_t bands_seen;  /* operands read in a thread's own buffer */
static uint32_t short_seen;  /* products whose last tasks are short */
static uint32_t asks_seen;   /* heads that ask for the next one */
static uint32_t places_seen; /* products that ask for the places of their sums */
static uint32_t turns_seen;  /* shared copies whose places are used again */

static void add_shape(struct stage *s, const struct shape *h, enum stage_content content) {
  struct tape_record r = {.op = TAPE_DOT, .reducer = TAPE_CHAIN};
  r.out_rank = (uint8_t)h->out_rank;
  r.k_rank = (uint8_t)h->k_rank;
  for (uint32_t d = 0; d < h->out_rank + h->k_rank; d++) r.dim[d] = h->dim[d];
  struct stage_value value[2];
  for (int o = 0; o < 2; o++) {
    const uint8_t *lies = o ? h->b : h->a;
    uint32_t elements = 1;
    for (uint32_t i = 0; i < RANK && lies[i]; i++) elements *= h->dim[lies[i] - 1];
    struct stage_value data = stage_data(s, TAPE_F32, elements, content);
    value[o] = stage_made(s, data, elements);
  }
  for (int o = 0; o < 2; o++) {
    const uint8_t *lies = o ? h->b : h->a;
    struct tape_operand *at = stage_operand(&r, value[o]);
    for (uint32_t i = 0; i < RANK && lies[i]; i++)
      stage_axis(at, h->dim[lies[i] - 1], 0, (uint8_t)(lies[i] - 1), 1, 0, 0);
  }
  stage_add(s, &r, NULL);
}

static const struct item *dot_of(const struct execute *x, uint32_t record) {
  for (uint32_t i = 0; i < x->items_count; i++)
    if (x->item[i].first == record && x->item[i].kind == ITEM_DOT) return &x->item[i];
  return NULL;
}

/* Is part p of the operand's value all that part p of the outputs reads? The leading dims that make up the parts stand
 * in front of the operand's axes too, in the same order. */
static bool own_piece(const struct dot *d, const struct tape_operand *o, uint64_t parts, bool halo) {
  const struct tape_record *r = d->record;
  uint32_t axis = 0;
  if (halo || parts == 1) return false;
  for (uint32_t dim = 0; parts > 1; dim++) {
    if (r->dim[dim] == 1) continue;
    while (axis < o->axes && o->axis[axis].extent == 1) axis++;
    if (axis == o->axes) return false;
    const struct tape_axis *y = &o->axis[axis++];
    if (y->terms != 1 || y->term[0].dim != dim || y->term[0].coef != 1 || y->offset || y->div != 1 ||
        y->extent != r->dim[dim])
      return false;
    if (r->dim[dim] % parts == 0) return true;
    if (parts % r->dim[dim] != 0) return false;
    parts /= r->dim[dim];
  }
  return true;
}

/* Computes the record's value again, by parts, and compares. Operands that may lie in a thread's buffer do. */
static void by_parts(struct execute *x, struct stage *s, uint32_t record, uint64_t parts, bool alone,
                     const uint8_t *want, const char *name) {
  const struct item *item = dot_of(x, record);
  struct dot *d = item->plan;
  const struct tape_record *r = &s->record[record];
  uint64_t bytes = 4 * record_elements(r);
  uint8_t *out = place_at(x, x->value[record].place), *buffer[2] = {NULL, NULL};
  memset(out, 0xaa, bytes);
  dot_begin(x, item);
  struct place kept[2], *at[2] = {&d->a, &d->b};
  uint32_t producer[2], inside = 0;
  for (uint32_t o = 0; o < 2; o++) {
    uint32_t of = o ? 1 - d->operand_a : d->operand_a;
    producer[o] = plan_producer(x, r->operand[of].first_leaf);
    kept[o] = x->value[producer[o]].place;
    if (alone && own_piece(d, &r->operand[of], parts, o ? d->halo_b : d->halo_a)) inside |= 1u << o;
  }
  for (uint64_t p = parts; p-- > 0;) {
    uint32_t thread = (uint32_t)(p / 3 % 2);
    uint64_t low = p, high = p + 1;
    if (!alone && p > 0) low = --p;
    uint64_t offset = 0;
    struct seat seat = x->seat[thread];
    for (uint32_t o = 0; o < 2; o++) /* one band of each, and nothing around it */
      if (inside >> o & 1) {
        uint64_t band = x->value[producer[o]].bytes / parts;
        buffer[o] = malloc(band);
        memcpy(buffer[o], place_at(x, kept[o]) + band * p, band);
        if (!offset) x->seat[thread] = (struct seat){.buffer = buffer[o], .band = p};
        *at[o] = (struct place){BASE_BAND, (uint64_t)((uintptr_t)buffer[o] - (uintptr_t)x->seat[thread].buffer), band};
        x->value[producer[o]].place = *at[o];
        offset = 1;
        bands_seen++;
      }
    dot_part(x, item, low, high, parts, thread);
    for (uint32_t o = 0; o < 2; o++)
      if (inside >> o & 1) {
        *at[o] = x->value[producer[o]].place = kept[o];
        free(buffer[o]);
      }
    x->seat[thread] = seat;
  }
  if (memcmp(out, want, bytes) == 0) return;
  uint64_t e = 0;
  while (memcmp(out + 4 * e, want + 4 * e, 4) == 0) e++;
  fail_msg("%s, %llu parts%s: element %llu differs", name, (unsigned long long)parts, alone ? ", one by one" : "",
           (unsigned long long)e);
}

static void compare(struct stage *s, uint32_t record, const char *name, const struct shape *h) {
  struct execute *x, *y;
  struct why why;
  stage_seal(s);
  struct execute_options plain = {.plain = !STAGE_SANITIZED, .materialise = true, .pool = stage_pool};
  assert_int_equal(execute_open(&x, &s->tape, (const void *const *)s->data, &plain, &why), EXECUTE_OK);
  uint8_t *state = aligned_alloc(64, 4096);
  execute_step(x, state, 1, 1);
  const uint8_t *want = execute_temps(x) + s->record[record].first_leaf * TAPE_LEAF_BYTES;
  for (uint32_t b = 0; b < STAGE_BACKENDS; b++) {
    const struct tape_record *r = &s->record[record];
    struct execute_options o = {.backend = stage_backend(b), .pool = stage_pool, .materialise = true};
    if (!o.backend || (o.backend == &backend_scalar && record_elements(r) * record_k(r) > 3000000)) continue;
    assert_int_equal(execute_open(&y, &s->tape, (const void *const *)s->data, &o, &why), EXECUTE_OK);
    execute_step(y, state, 1, 1);
    assert_memory_equal(execute_temps(y) + s->record[record].first_leaf * TAPE_LEAF_BYTES, want,
                        4 * record_elements(&s->record[record]));
    const struct item *item = dot_of(y, record);
    assert_non_null(item);
    uint64_t parts = dot_parts(item);
    if (h) {
      const struct dot *d = item->plan;
      turns_seen += d->phases > DOT_SLOTS && d->copies_a > 0;
      if (o.backend->dot_cols == 32 && (parts != h->parts || d->from_a != h->from_a || d->from_b != h->from_b))
        fail_msg("%s: %d parts, a from %d, b from %d", name, (int)parts, d->from_a, d->from_b);
    }
    for (uint64_t n = 1; parts > 1 && n <= parts; n++)
      if (parts % n == 0 && (n == 1 || parts / n <= 6 || parts / n >= 65)) {
        by_parts(y, s, record, n, true, want, name);
        by_parts(y, s, record, n, false, want, name);
      }
    execute_shut(y);
    if (!h) continue;
    o.small_tasks = true; /* which also makes small products ask for what they read next */
    assert_int_equal(execute_open(&y, &s->tape, (const void *const *)s->data, &o, &why), EXECUTE_OK);
    execute_step(y, state, 1, 1);
    assert_memory_equal(execute_temps(y) + s->record[record].first_leaf * TAPE_LEAF_BYTES, want,
                        4 * record_elements(&s->record[record]));
    const struct dot *d = dot_of(y, record)->plan;
    asks_seen += d->asks && d->loops > 0;
    places_seen += d->asks && d->c_far && d->tiles > 2;
    short_seen += d->items_short > 0;
    execute_shut(y);
  }
  execute_shut(x);
  free(state);
}

static void products(void **state) {
  (void)state;
  static struct stage s;
  for (uint32_t i = 0; i < 2 * SHAPES; i++) {
    char name[32];
    uint64_t products = 1;
    for (uint32_t d = 0; d < shapes[i / 2].out_rank + shapes[i / 2].k_rank; d++) products *= shapes[i / 2].dim[d];
    if (i % 2 && products > 5000000) continue; /* the definition takes a while */
    snprintf(name, sizeof name, "shape %u%s", i / 2, i % 2 ? ", wild" : "");
    stage_begin(&s, 30 + i);
    add_shape(&s, &shapes[i / 2], i % 2 ? STAGE_WILD : STAGE_PLAIN);
    compare(&s, 2, name, &shapes[i / 2]);
    stage_end(&s);
  }
  assert_true(bands_seen > SHAPES);
  assert_true(turns_seen > 0);
  assert_true(asks_seen > 0);
  assert_true(short_seen > 0);
  assert_true(places_seen > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(products)};
  return cmocka_run_group_tests(tests, stage_open_2, stage_shut_pool);
}
