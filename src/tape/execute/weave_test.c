/* Random tapes like blocks of transformers: every plan gives the definition's bits.
 *
 * Back ends, threads, small tasks or not, temps kept or not are drawn for each run. Where temps are not kept, the
 * plan's memory begins as NaN, so that what reads before it writes is seen. A run without arguments takes a few seeds,
 * and sees that bands and the other ways of placing values are taken; `tape_weave_test FIRST COUNT` takes others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/check/check.h"
#include "tape/execute/dot/dot_plan.h"
#include "tape/execute/plan/plan.h"
#include "tape/execute/stage/stage_weave.h"
#include "tape/record/example.h"

enum { POOLS = 9 };

static struct stage s;
static struct pool *pools[POOLS]; /* of that many threads; one needs none */

/* What the plans took: how often. */
struct seen {
  uint32_t groups, apart, here, far, over, local, part_dots, part_rows, tails, blanks;
};
static struct seen seen;
static uint64_t words, nans; /* of the states after two steps, those that are not 0 */

static void look(const struct execute *x) {
  seen.groups += x->groups_count;
  for (uint32_t i = 0; i < x->items_count; i++)
    seen.apart += x->item[i].apart, seen.part_dots += x->item[i].group && x->item[i].kind == ITEM_DOT;
  for (uint32_t i = 0; i < x->items_count; i++) {
    const struct dot *d = x->item[i].kind == ITEM_DOT && x->item[i].group ? x->item[i].plan : NULL;
    if (d) seen.part_rows += d->part_rows, seen.tails += d->tail != DOT_TAIL_NONE, seen.blanks += d->blank != NULL;
  }
  for (uint32_t n = 0; n < x->tape->records_count; n++) {
    const struct value *v = &x->value[n];
    seen.here += value_lies_here(v), seen.far += v->far, seen.over += v->over && x->tape->record[n].space == TAPE_TEMP;
    seen.local += v->local;
  }
}

/* What nobody has written is a NaN. */
static void soil(struct execute *x) {
  const uint64_t part[][2] = {{x->temps.offset, x->buffers.offset + x->threads * x->buffer_bytes},
                              {x->accumulators.offset, x->bulk_bytes}}; /* and workspace, and copies */
  for (int i = 0; i < 2; i++)
    for (uint64_t at = part[i][0]; at + 4 <= part[i][1]; at += 4)
      memcpy(x->base[BASE_BULK] + at, &(uint32_t){0x7fc0dead}, 4);
}

static bool accepted(uint64_t seed) {
  struct why why = {""};
  struct arena scratch;
  assert_true(arena_open(&scratch, 1 << 20));
  bool good = tape_count(&s.tape, &s.tape.counts) && tape_check(&s.tape, &scratch, &why) == TAPE_OK;
  if (!good) fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, why.text);
  arena_shut(&scratch);
  return good;
}

static void run(struct execute *x, uint8_t *state, uint64_t seed, bool soiled) {
  for (uint32_t step = 0; step < 2; step++) {
    if (soiled) soil(x);
    execute_step(x, state, 5 + step, seed);
  }
}

static void count_nans(const uint8_t *state, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 4) {
    uint32_t word;
    memcpy(&word, state + i, 4);
    words += word != 0, nans += word == CANON_NAN;
  }
}

/* The plan that a draw asks for; the first of a tape keeps its temps. */
static struct execute_options options(uint64_t pick, bool materialise) {
  static const uint32_t threads[] = {1, 2, 3, 4, 8};
  const struct backend *backend = pick % 4 ? backend_best() : stage_backend((uint32_t)(pick >> 3) % 3);
  return (struct execute_options){.backend = backend ? backend : backend_best(),
                                  .pool = pools[threads[(pick >> 8) % 5]],
                                  .materialise = materialise,
                                  .small_tasks = (pick >> 12) % 4 != 0,
                                  .recognise_nothing = (pick >> 16) % 16 == 0};
}

static bool same(uint64_t seed, const struct execute_options *o, const char *what, const uint8_t *a, const uint8_t *b,
                 size_t bytes) {
  if (memcmp(a, b, bytes) == 0) return true;
  size_t i = 0;
  while (a[i] == b[i]) i++;
  uint32_t record = 0, word[2];
  for (uint32_t n = 0; n < s.tape.records_count; n++) {
    const struct tape_record *r = &s.record[n];
    if ((r->space == TAPE_TEMP) == (what[0] == 't') && i / TAPE_LEAF_BYTES >= r->first_leaf &&
        i / TAPE_LEAF_BYTES < r->first_leaf + record_leaves(r))
      record = n;
  }
  memcpy(&word[0], a + i / 4 * 4, 4);
  memcpy(&word[1], b + i / 4 * 4, 4);
  fprintf(stderr, "seed %llu: %s, %u threads%s%s%s: %s of record %u differ at byte %zu: %08x, %08x\n",
          (unsigned long long)seed, o->backend->name, o->pool ? pool_threads(o->pool) : 1,
          o->small_tasks ? ", small tasks" : "", o->materialise ? ", materialise" : "",
          o->recognise_nothing ? ", recognise nothing" : "", what, record, i, word[0], word[1]);
  return false;
}

static bool compare(uint64_t seed, uint64_t draw, uint32_t variants) {
  if (!accepted(seed)) return false;
  const void *const *data = (const void *const *)s.data;
  size_t bytes = (size_t)s.tape.state_leaves * TAPE_LEAF_BYTES, temps = (size_t)s.tape.temp_leaves * TAPE_LEAF_BYTES;
  uint8_t *before = stage_blob(&s, STAGE_PLAIN), *plain = aligned_alloc(64, bytes), *fast = aligned_alloc(64, bytes);
  struct execute_options definition = {.plain = !STAGE_SANITIZED, .materialise = true, .pool = pools[2]};
  struct execute *x, *y;
  struct why why;
  assert_int_equal(execute_open(&x, &s.tape, data, &definition, &why), EXECUTE_OK);
  memcpy(plain, before, bytes);
  run(x, plain, seed, false);
  count_nans(plain, bytes);
  bool good = true;
  for (uint32_t v = 0; v < variants && good; v++) {
    struct execute_options o = options(example_next(&draw) >> 20, v == 0);
    assert_int_equal(execute_open(&y, &s.tape, data, &o, &why), EXECUTE_OK);
    look(y);
    memcpy(fast, before, bytes);
    run(y, fast, seed, !o.materialise); /* padding is zeros where temps are kept */
    good = same(seed, &o, "state", plain, fast, bytes);
    if (good && o.materialise) good = same(seed, &o, "temps", execute_temps(x), execute_temps(y), temps);
    execute_shut(y);
  }
  execute_shut(x);
  free(before), free(plain), free(fast);
  return good;
}

static uint64_t first = 1, count = STAGE_SANITIZED ? 3 : 6;

static void tapes(void **state) {
  (void)state;
  uint32_t bad = 0, records = 0;
  for (uint64_t seed = first; seed < first + count; seed++) {
    uint64_t draw = stage_weave(&s, seed);
    records += s.tape.records_count;
    if (!compare(seed, draw, 6)) bad++;
    stage_end(&s);
  }
  fprintf(stderr, "%u records; %u groups, %u dots in groups, %u apart, %u local, %u here, %u far, %u over\n", records,
          seen.groups, seen.part_dots, seen.apart, seen.local, seen.here, seen.far, seen.over);
  fprintf(stderr, "%.1f %% NaN, %u parts of rows, %u tails, %u blanks\n", 100.0 * (double)nans / (double)words,
          seen.part_rows, seen.tails, seen.blanks);
  assert_int_equal(bad, 0);
  if (count < 6) return; /* too few to see everything */
  assert_true(seen.groups && seen.apart && seen.here && seen.far && seen.over && seen.local);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tapes)};
  if (argc > 2) first = strtoull(argv[1], NULL, 10), count = strtoull(argv[2], NULL, 10);
  for (uint32_t n = 2; n < POOLS; n++)
    if (!(pools[n] = pool_open(n))) return 1;
  int failed = cmocka_run_group_tests_name("weave", tests, NULL, NULL);
  for (uint32_t n = 2; n < POOLS; n++) pool_shut(pools[n]);
  return failed;
}
