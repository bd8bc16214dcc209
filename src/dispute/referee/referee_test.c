/* The referee from posted words, against the rule of an element over memory, on random records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/moves/move.h"
#include "dispute/referee/referee.h"
#include "numeric/canon.h"
#include "numeric/soft/soft.h"
#include "tape/element/element.h"
#include "tape/record/example.h"

/* A memory in which every element is a function of slot and index. */
struct memory {
  const struct tape_record *r;
  uint64_t seed;
  uint8_t words[4 * MOVE_WORDS_MAX];
  uint32_t in_range, out_of_range, first_in_range, first_out_of_range;
};

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  const struct memory *m = context;
  (void)k;
  uint64_t seed = m->seed ^ (uint64_t)o << 48 ^ index * 0x9e37;
  uint32_t x = (uint32_t)example_next(&seed);
  switch ((enum tape_dtype)m->r->operand[o].dtype) {
  case TAPE_F32: return x % 16 == 0 ? CANON_NAN : 0xbe000000 + x % 0x02000000;
  case TAPE_I32: return x % 9 - 2;
  case TAPE_U8: return x % 7;
  }
  return 0;
}

static void set_word(uint8_t *words, uint32_t n, uint32_t word) {
  for (uint32_t i = 0; i < 4; i++) words[4 * n + i] = (uint8_t)(word >> (8 * i));
}

static uint32_t post(void *context, const struct element_word *at) {
  struct memory *m = context;
  uint32_t word = at->in_range ? load(m, at->o, at->k, at->index) : 0;
  uint32_t *first = at->in_range ? &m->first_in_range : &m->first_out_of_range;
  if (!(at->in_range ? m->in_range : m->out_of_range)) *first = at->n;
  *(at->in_range ? &m->in_range : &m->out_of_range) += 1;
  set_word(m->words, at->n, word);
  return word;
}

struct draw {
  struct tape_record r;
  struct memory m;
  struct referee_site site;
  uint32_t c, count;
};

static void draw(struct draw *d, uint64_t *seed) {
  memset(d, 0, sizeof *d);
  example_random(&d->r, seed);
  d->m.r = &d->r;
  d->m.seed = example_next(seed);
  d->site = (struct referee_site){&d->r, example_next(seed) % record_elements(&d->r), (uint32_t)*seed & 0xffff, *seed};
  d->c = (uint32_t)(example_next(seed) % element_chunks(&d->r));
  d->count = element_visit(&d->r, d->site.index, d->c, post, &d->m);
}

static void posted_words_give_what_memory_gives(void **state) {
  (void)state;
  static struct draw d;
  uint64_t seed = 11;
  uint32_t chunked = 0, of_op[TAPE_PUT + 1] = {0};
  for (uint32_t n = 0; n < 4000; n++) {
    draw(&d, &seed);
    struct element_world w = {
        .apply = soft_apply, .load = load, .context = &d.m, .step = d.site.step, .seed = d.site.seed};
    bool single = element_chunks(&d.r) == 1;
    uint32_t result = 0, deniable = 0;
    uint32_t expected = single ? element_value(&d.r, &w, d.site.index) : element_chunk(&d.r, &w, d.site.index, d.c);
    assert_true(referee_words(&d.site, d.c, d.m.words, d.count, &result, &deniable, NULL));
    assert_int_equal(result, expected);
    assert_int_equal(deniable, d.m.in_range);
    assert_false(referee_words(&d.site, d.c, d.m.words, d.count + 1, &result, &deniable, NULL));
    if (d.count) assert_false(referee_words(&d.site, d.c, d.m.words, d.count - 1, &result, &deniable, NULL));
    chunked += !single;
    of_op[d.r.op]++;
  }
  assert_true(chunked > 200);
  for (uint8_t op = TAPE_MAP; op <= TAPE_PUT; op++) assert_true(of_op[op] > 100);
}

static void results_combine_to_the_value(void **state) {
  (void)state;
  static struct draw d;
  uint64_t seed = 12;
  uint32_t several = 0;
  for (uint32_t n = 0; n < 1500; n++) {
    uint8_t results[4 * 8];
    draw(&d, &seed);
    uint32_t chunks = element_chunks(&d.r), value;
    if (d.r.op == TAPE_MAP || chunks > 8) continue;
    struct element_world w = {
        .apply = soft_apply, .load = load, .context = &d.m, .step = d.site.step, .seed = d.site.seed};
    for (uint32_t c = 0; c < chunks; c++) set_word(results, c, element_chunk(&d.r, &w, d.site.index, c));
    assert_true(referee_results(&d.r, results, chunks, &value, NULL));
    assert_int_equal(value, element_value(&d.r, &w, d.site.index));
    assert_false(referee_results(&d.r, results, chunks - 1, &value, NULL));
    several += chunks > 1;
    bool floats = d.r.reducer != TAPE_ISUM && d.r.reducer != TAPE_IMIN && d.r.reducer != TAPE_IMAX;
    set_word(results, chunks - 1, 0xffc00000); /* a NaN with other bits, or just an integer */
    assert_int_equal(referee_results(&d.r, results, chunks, &value, NULL), !floats);
  }
  assert_true(several > 50);
}

static void words_that_nobody_could_load_are_refused(void **state) {
  (void)state;
  static struct draw d;
  uint64_t seed = 13;
  uint32_t out_of_range = 0, bytes = 0, nans = 0, value, deniable;
  for (uint32_t n = 0; n < 4000; n++) {
    draw(&d, &seed);
    struct referee_operand at;
    if (d.m.out_of_range) {
      set_word(d.m.words, d.m.first_out_of_range, 1);
      bool accepted = referee_words(&d.site, d.c, d.m.words, d.count, &value, &deniable, NULL);
      assert_false(accepted);
      assert_false(referee_locate(&d.site, d.c, d.m.words, d.count, d.m.first_out_of_range, &at));
      set_word(d.m.words, d.m.first_out_of_range, 0);
      out_of_range++;
    }
    if (!d.m.in_range) continue;
    assert_true(referee_locate(&d.site, d.c, d.m.words, d.count, d.m.first_in_range, &at));
    if (at.dtype == TAPE_I32) continue;
    set_word(d.m.words, d.m.first_in_range, at.dtype == TAPE_U8 ? 256 : 0x7fc00001);
    assert_false(referee_words(&d.site, d.c, d.m.words, d.count, &value, &deniable, NULL));
    *(at.dtype == TAPE_U8 ? &bytes : &nans) += 1;
  }
  assert_true(out_of_range > 100 && bytes > 50 && nans > 100);
}

/* Where a word was read, against element_address over the words before it. */
static void words_are_found_where_they_were_read(void **state) {
  (void)state;
  static struct draw d;
  uint64_t seed = 14;
  uint32_t found = 0, missing = 0;
  for (uint32_t n = 0; n < 1500; n++) {
    draw(&d, &seed);
    uint32_t still = 0, walking = 0;
    uint8_t slot_still[TAPE_OPERANDS_MAX], slot_walking[TAPE_OPERANDS_MAX];
    for (uint8_t o = 0; o < d.r.operands; o++)
      if (d.r.k_rank && record_depends_on_k(&d.r, o))
        slot_walking[walking++] = o;
      else
        slot_still[still++] = o;
    for (uint32_t tries = 0; tries < 8 && d.count; tries++) {
      uint32_t word = (uint32_t)(example_next(&seed) % d.count), step = word < still ? 0 : (word - still) / walking;
      uint32_t k = word < still ? 0 : 512 * d.c + step, by_slot[TAPE_OPERANDS_MAX] = {0};
      uint8_t slot = word < still ? slot_still[word] : slot_walking[(word - still) % walking];
      for (uint32_t i = 0; i < still; i++) by_slot[slot_still[i]] = move_word(d.m.words, i);
      for (uint32_t i = 0; i < walking && word >= still; i++)
        by_slot[slot_walking[i]] = move_word(d.m.words, still + step * walking + i);
      for (uint8_t o = 0; o < d.r.operands; o++) { /* a word out of range counts as its fill */
        uint64_t ignored;
        if (!element_address(&d.r, o, d.site.index, k, by_slot, &ignored)) by_slot[o] = d.r.operand[o].fill;
      }
      uint64_t expected;
      struct referee_operand at;
      bool there = element_address(&d.r, slot, d.site.index, k, by_slot, &expected);
      assert_int_equal(referee_locate(&d.site, d.c, d.m.words, d.count, word, &at), there);
      *(there ? &found : &missing) += 1;
      if (!there) continue;
      const struct tape_operand *x = &d.r.operand[slot];
      assert_true(at.slot == slot && at.index == expected && at.space == x->space && at.number == x->data_number);
      assert_int_equal((at.leaf - x->first_leaf) * TAPE_LEAF_BYTES + at.offset, expected * tape_dtype_bytes(x->dtype));
    }
    struct referee_operand at;
    assert_false(referee_locate(&d.site, d.c, d.m.words, d.count, d.count, &at));
  }
  assert_true(found > 1000 && missing > 500);
}

static void bytes_are_read_as_the_canon_reads_them(void **state) {
  (void)state;
  static const uint8_t quiet[] = {1, 0, 0xc0, 0xff};
  assert_int_equal(referee_load(TAPE_F32, quiet), CANON_NAN);
  assert_int_equal(referee_stored(TAPE_F32, quiet), 0xffc00001);
  assert_int_equal(referee_load(TAPE_I32, quiet), 0xffc00001);
  assert_int_equal(referee_load(TAPE_U8, quiet + 3), 255);
  assert_int_equal(referee_stored(TAPE_U8, quiet + 3), 255);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(posted_words_give_what_memory_gives),
      cmocka_unit_test(results_combine_to_the_value),
      cmocka_unit_test(words_that_nobody_could_load_are_refused),
      cmocka_unit_test(words_are_found_where_they_were_read),
      cmocka_unit_test(bytes_are_read_as_the_canon_reads_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
