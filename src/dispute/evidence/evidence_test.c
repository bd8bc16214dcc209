/* What a player computes from evidence is what the world holds, and what a referee makes of the words that it posts:
 * every element of every record of the example tape, of the long sums, and of tapes drawn at random. PROTOCOL P2.3,
 * P2.4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/drawn.h"
#include "numeric/soft/soft.h"
#include "tape/element/element.h"

static struct { uint32_t elements, chunked, out_of_range; } tally;

/* Counts the words that are posted as 0 because nothing is there. */
static uint32_t look(void *context, const struct element_word *at) {
  const uint8_t *words = context;
  uint32_t word = move_word(words, at->n);
  if (at->in_range) return word;
  assert_int_equal(word, 0);
  tally.out_of_range++;
  return word;
}

static void check_element(const struct party *p, uint16_t j, const struct tape_record *r, uint64_t index) {
  const struct world *w = p->world;
  const struct evidence *e = &p->evidence;
  uint32_t size = tape_dtype_bytes(r->dtype), per_leaf = TAPE_LEAF_BYTES / size, chunks = element_chunks(r);
  uint32_t results[MOVE_RESULTS_MAX], deniable, step = w->first_step + j - 1;
  const uint8_t *leaf = e->leaf(e->context, r->space, 0, r->first_leaf + index / per_leaf);
  uint32_t stored = referee_stored(r->dtype, leaf + index % per_leaf * size);
  struct referee_site site = {.record = r, .index = index, .step = step, .seed = w->seed};
  for (uint32_t c = 0; c < chunks; c++) {
    static uint8_t words[4 * MOVE_WORDS_MAX];
    uint32_t mine = evidence_chunk(e, r, step, w->seed, index, c);
    uint32_t count = evidence_words(e, r, index, c, words);
    assert_int_equal(count, element_words(r, c));
    assert_true(referee_words(&site, c, words, count, &results[c], &deniable, NULL));
    assert_int_equal(results[c], mine);
    element_visit(r, index, c, look, words);
  }
  assert_int_equal(chunks == 1 ? results[0] : element_combine(r, soft_apply, results, chunks), stored);
  tally.elements++;
  tally.chunked += chunks > 1;
}

static void check_world(const struct tape *tape, uint16_t steps, uint64_t seed, uint32_t elements_most) {
  struct world w;
  struct party p;
  world_open(&w, &tape, 1, steps, seed);
  party_open(&p, &w, NULL);
  for (uint16_t j = 1; j <= steps; j++) {
    assert_true(p.evidence.enter(&p, j, NULL));
    for (uint32_t n = 0; n < tape->records_count; n++) {
      const struct tape_record *r = &tape->record[n];
      uint64_t elements = record_elements(r), stride = 1 + elements / elements_most;
      for (uint64_t i = 0; i < elements; i += stride) check_element(&p, j, r, i);
    }
  }
  party_shut(&p);
  world_shut(&w);
}

static void words_and_chunks_give_what_is_stored(void **state) {
  (void)state;
  static struct built_tape b;
  struct example e;
  memset(&tally, 0, sizeof tally);
  example_tape(&e);
  check_world(&e.tape, 4, 600, 1000);
  long_tape(&b);
  check_world(&b.tape, 2, 601, 40);
  for (uint64_t n = 0; n < 60; n++) {
    uint64_t seed = 700 + n;
    drawn_tape(&b, &seed);
    check_world(&b.tape, 2, seed, 6);
  }
  print_message("%u elements, %u of them in several chunks; %u words out of range\n", tally.elements, tally.chunked,
                tally.out_of_range);
  assert_true(tally.elements > 3000 && tally.chunked > 300 && tally.out_of_range > 1000);
}

static const uint8_t *no_leaf(void *context, uint8_t space, uint8_t number, uint64_t index) {
  (void)context;
  (void)space;
  (void)number;
  (void)index;
  return NULL;
}

static void a_missing_leaf_reads_as_zeros(void **state) {
  (void)state;
  struct evidence e = {.leaf = no_leaf};
  struct tape_operand o = {.space = TAPE_IN, .dtype = TAPE_F32, .first_leaf = 3};
  assert_int_equal(evidence_word(&e, &o, 5000), 0);
}

static const uint8_t *no_hashes(void *context, uint8_t space, uint8_t number) {
  (void)context;
  (void)space;
  (void)number;
  return NULL;
}

static void a_tree_without_leaves_needs_no_hashes(void **state) {
  (void)state;
  struct evidence e = {.hashes = no_hashes};
  struct why why = {""};
  uint8_t node[MERKLE_BYTES];
  const uint8_t *hashes = evidence_tree(&e, TAPE_TEMP, 0, 0, &why);
  assert_non_null(hashes);
  evidence_row(hashes, 0, 0, 0, 1, node);
  assert_true(merkle_absent(node));
  assert_null(evidence_tree(&e, TAPE_IN, 0, 1, &why));
  assert_string_equal(why.text, "the leaf hashes of the state before the step are not there");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_and_chunks_give_what_is_stored),
      cmocka_unit_test(a_missing_leaf_reads_as_zeros),
      cmocka_unit_test(a_tree_without_leaves_needs_no_hashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
