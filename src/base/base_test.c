/* What the base room promises: spans are never left, memory is zeroed and bounded, hex round-trips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/glob.h"
#include "base/hex.h"
#include "base/nearest.h"
#include "base/pages.h"
#include "base/why.h"

static void a_reader_never_leaves_its_span(void **state) {
  (void)state;
  uint8_t bytes[7] = {1, 2, 3, 4, 5, 6, 7};
  struct reader r = reader_over(bytes, sizeof bytes);
  assert_int_equal(take_u32(&r), 0x04030201);
  assert_int_equal(take_u16(&r), 0x0605);
  assert_false(bytes_done(&r));
  assert_int_equal(take_u16(&r), 0); /* one byte left: short, and nothing is taken */
  assert_true(r.short_of);
  assert_false(bytes_done(&r));
}

static void a_writer_stops_when_full(void **state) {
  (void)state;
  uint8_t bytes[9] = {0};
  struct writer w = writer_over(bytes, 8);
  put_u64(&w, 0x0807060504030201);
  assert_false(w.full);
  put_u8(&w, 99);
  assert_true(w.full);
  assert_int_equal(bytes[8], 0);
  assert_int_equal(bytes[7], 8);
}

static void an_arena_zeroes_aligns_and_refuses(void **state) {
  (void)state;
  struct arena a;
  assert_true(arena_open(&a, 4096));
  size_t mark = arena_mark(&a);
  uint8_t *first = arena_take(&a, 10, 10);
  assert_non_null(first);
  assert_int_equal((uintptr_t)first % 64, 0);
  memset(first, 255, 100);
  arena_reset(&a, mark);
  uint8_t *again = arena_take(&a, 100, 1);
  assert_ptr_equal(first, again);
  for (int i = 0; i < 100; i++) assert_int_equal(again[i], 0);
  assert_null(arena_take(&a, SIZE_MAX, 2));
  assert_null(arena_take(&a, 4096, 1));
  assert_string_equal(arena_text(&a, "tape and more", 4), "tape");
  arena_shut(&a);
  arena_shut(&a);
}

/* Bytes of this process on large pages, of one mapping that holds `at`; SIZE_MAX where the system gives none to anybody
 * or does not say. */
static size_t large_bytes(const void *at) {
  char line[256];
  FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
  bool never = !f || !fgets(line, sizeof line, f) || strstr(line, "[never]");
  if (f) fclose(f);
  if (never || !(f = fopen("/proc/self/smaps", "r"))) return SIZE_MAX;
  size_t found = SIZE_MAX, kib;
  unsigned long low = 0, high = 0;
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "%lx-%lx ", &low, &high) == 2) continue;
    if (low <= (uintptr_t)at && (uintptr_t)at < high && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
      found = kib * 1024;
  }
  fclose(f);
  return found;
}

static void large_memory_lies_on_large_pages(void **state) {
  (void)state;
  enum { BYTES = 9 << 20 };
  struct arena a;
  assert_true(arena_open_whole(&a, BYTES));
  assert_true(a.size_bytes >= BYTES);
  assert_int_equal((uintptr_t)a.at % PAGES_LARGE_BYTES, 0);
  uint8_t *taken = pages_take(BYTES), *small = pages_take(1000);
  assert_non_null(taken);
  assert_non_null(small);
  assert_int_equal((uintptr_t)taken % PAGES_LARGE_BYTES, 0);
  assert_int_equal((uintptr_t)small % 64, 0);
  for (size_t i = 0; i < BYTES; i++) assert_int_equal(a.at[i], 0);
  memset(a.at, 1, BYTES);
  memset(taken, 1, BYTES);
  size_t of_arena = large_bytes(a.at), of_taken = large_bytes(taken);
  if (of_arena == SIZE_MAX || of_arena == 0) /* none left, or a system that gives none */
    print_message("no large pages here\n");
  else
    assert_in_range(of_taken, PAGES_LARGE_BYTES, BYTES);
  if (of_arena != SIZE_MAX) assert_in_range(of_arena, 0, BYTES); /* and no byte beyond it is resident for that */
  free(taken);
  free(small);
  arena_shut(&a);
  assert_true(arena_open_whole(&a, 100)); /* small: as arena_open */
  assert_non_null(arena_take(&a, 100, 1));
  arena_shut(&a);
  assert_false(arena_open_whole(&a, SIZE_MAX));
}

static void hex_round_trips_and_refuses(void **state) {
  (void)state;
  uint8_t bytes[3] = {0, 0xab, 0xff}, back[3];
  char text[7];
  hex_encode(bytes, 3, text);
  assert_string_equal(text, "00abff");
  assert_true(hex_decode(text, back, 3));
  assert_memory_equal(bytes, back, 3);
  assert_false(hex_decode("00abf", back, 3));
  assert_false(hex_decode("00abfff", back, 3));
  assert_false(hex_decode("00ABff", back, 3));
}

/* The answers of RFC 4648, section 10, and every way to write one of them wrong. */
static void base64_has_one_encoding(void **state) {
  (void)state;
  static const char *const known[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  uint8_t bytes[8];
  char text[9];
  size_t length;
  for (size_t n = 0; n < 7; n++) {
    base64_encode((const uint8_t *)"foobar", n, text);
    assert_string_equal(text, known[n]);
    assert_int_equal(base64_length(n), strlen(text));
    assert_true(base64_decode(text, strlen(text), bytes, n, &length));
    assert_int_equal(length, n);
    assert_memory_equal(bytes, "foobar", n);
    assert_false(n && base64_decode(text, strlen(text), bytes, n - 1, &length));
  }
  static const char *const wrong[] = {
      "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm-v", "Zm9v\n", "Z g="};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(base64_decode(wrong[i], strlen(wrong[i]), bytes, sizeof bytes, &length));
  for (uint32_t i = 0; i < 1u << 24; i += 4099) {
    const uint8_t three[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    base64_encode(three, 3, text);
    assert_true(base64_decode(text, 4, bytes, 3, &length));
    assert_memory_equal(bytes, three, 3);
  }
}

static void sums_that_do_not_fit_are_refused(void **state) {
  (void)state;
  uint64_t u;
  int64_t i;
  assert_false(checked_add_u64(UINT64_MAX, 1, &u));
  assert_true(checked_mul_u64(1ull << 32, 1ull << 31, &u));
  assert_false(checked_mul_u64(1ull << 32, 1ull << 32, &u));
  assert_false(checked_add_i64(INT64_MAX, 1, &i));
  assert_false(checked_mul_i64(INT64_MIN, -1, &i));
}

static void a_reason_is_cut_not_overrun(void **state) {
  (void)state;
  struct why why;
  why_set(&why, "%0700d", 7);
  assert_int_equal(strlen(why.text), WHY_MAX - 1);
  why_set(&why, "node %d", 3);
  why_before(&why, "%s: ", "model.onnx");
  assert_string_equal(why.text, "model.onnx: node 3");
  why_set(NULL, "nobody asks");
}

static void a_typing_error_finds_its_word(void **state) {
  (void)state;
  static const char *const known[] = {"train", "verify", "quote"};
  assert_string_equal(nearest_word("trian", known, 3, 1), "train"); /* a swap is one edit */
  assert_string_equal(nearest_word("verfy", known, 3, 2), "verify");
  assert_string_equal(nearest_word("quotes", known, 3, 2), "quote");
  assert_null(nearest_word("banana", known, 3, 2));
  assert_null(nearest_word("", known, 3, 2));
  assert_string_equal(nearest_word("banana", known, 3, UINT32_MAX), "train"); /* somebody has to be nearest */
  assert_null(nearest_word("train", known, 0, UINT32_MAX));
  char monster[200];
  memset(monster, 'x', sizeof monster - 1);
  monster[sizeof monster - 1] = 0;
  assert_null(nearest_word(monster, known, 3, 2));
}

static void patterns_match_whole_names(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *name;
    bool matches;
  } cases[] = {{"", "", true},        {"", "a", false},           {"*", "", true},          {"*", "abc", true},
               {"?", "", false},      {"?", "a", true},           {"a*z", "az", true},      {"a*z", "azb", false},
               {"a*z", "azbz", true}, {"*a*b*", "xaxxb", true},   {"*a*b*", "xbxa", false}, {"a?c", "abc", true},
               {"a?c", "ac", false},  {"*.bias", "0.bias", true}, {"**", "x", true},        {"a*?", "a", false},
               {"a*?", "ab", true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(glob_matches(cases[i].pattern, cases[i].name), cases[i].matches);
  assert_true(glob_is("a*") && glob_is("?") && !glob_is("a.b"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_match_whole_names),       cmocka_unit_test(a_reader_never_leaves_its_span),
      cmocka_unit_test(a_writer_stops_when_full),         cmocka_unit_test(an_arena_zeroes_aligns_and_refuses),
      cmocka_unit_test(large_memory_lies_on_large_pages), cmocka_unit_test(hex_round_trips_and_refuses),
      cmocka_unit_test(sums_that_do_not_fit_are_refused), cmocka_unit_test(a_reason_is_cut_not_overrun),
      cmocka_unit_test(a_typing_error_finds_its_word),    cmocka_unit_test(base64_has_one_encoding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
