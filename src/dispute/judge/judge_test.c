/* libassay-verify as a user of it sees it, its lines letter by letter, and its reasons against base/why's. why_plain.c
 * is linked here under other names, plain_*. Verdicts on recorded disputes are for tests/transcripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/why.h"
#include "dispute/judge/assay_verify.h"

__attribute__((format(printf, 2, 3))) void plain_why_set(struct why *why, const char *format, ...);
__attribute__((format(printf, 2, 3))) void plain_why_before(struct why *why, const char *format, ...);

static struct why ours, plain;

#define SAME(...)                                                                                                      \
  do {                                                                                                                 \
    why_set(&ours, __VA_ARGS__);                                                                                       \
    plain_why_set(&plain, __VA_ARGS__);                                                                                \
    assert_string_equal(plain.text, ours.text);                                                                        \
    why_before(&ours, __VA_ARGS__);                                                                                    \
    plain_why_before(&plain, __VA_ARGS__);                                                                             \
    assert_string_equal(plain.text, ours.text);                                                                        \
  } while (0)

static void reasons_are_formatted_like_the_c_librarys(void **state) {
  (void)state;
  SAME("nothing to fill in, 100 %%");
  SAME("%s and %s%s", "words", "more", "");
  SAME("%c%c", 'a', 'z');
  SAME("%d %i %d %d %d", 0, -1, INT32_MAX, INT32_MIN, 42);
  SAME("%u %u %u", 0u, 7u, UINT32_MAX);
  SAME("%x %02x %08x %04x", 0xabcu, 5u, 0x7fc00000u, 0x12345u);
  SAME("%" PRIu32 " %08" PRIx32 " %" PRIx32, UINT32_C(4000000000), UINT32_C(0xbeef), UINT32_C(0));
  SAME("%" PRIu64 " %" PRId64 " %016" PRIx64, UINT64_MAX, INT64_MIN, UINT64_C(0x123456789abcdef0));
  SAME("%ld %lu %lld %llu", -5L, 6UL, -7LL, 8ULL);
  SAME("%zu %03d %05u", (size_t)123456789, 7, 123456u);
  SAME("%hu %hhu %hd", (uint16_t)65535, (uint8_t)255, (int16_t)-3);
}

static void long_reasons_are_cut_alike(void **state) {
  (void)state;
  char words[2 * WHY_MAX];
  for (size_t length = WHY_MAX - 20; length < WHY_MAX + 20; length++) {
    memset(words, 'w', length);
    words[length] = 0;
    SAME("%s %d", words, 123);
    SAME("%d %s", 123, words);
  }
  plain_why_set(NULL, "nobody asks");
  plain_why_before(NULL, "nobody asks");
}

static struct assay_verdict example(void) {
  return (struct assay_verdict){.job_root = {0x0f, [31] = 0xa0},
                                .task = 4000000000,
                                .interval = 3,
                                .moves = 13,
                                .bytes = 40961,
                                .loser = ASSAY_CLAIMANT,
                                .reason = ASSAY_BY_PROOF,
                                .has_step = 1,
                                .has_leaf = 1,
                                .has_element = 1,
                                .step = 26,
                                .leaf = 70,
                                .tape = 1,
                                .record = 9,
                                .opcode = 2,
                                .element = 4294967295,
                                .committed = 0x3f800000,
                                .recomputed = 5,
                                .operand = 1,
                                .operand_space = 2,
                                .operand_word = 0xbe99999a,
                                .operand_element = 77};
}

#define JOB " job=0f000000000000000000000000000000000000000000000000000000000000a0 task=4000000000 interval=3"

static void assert_line(enum assay_outcome outcome, const struct assay_verdict *v, const char *expected) {
  char line[600];
  assert_int_equal(assay_verdict_line(outcome, v, line, sizeof line), strlen(expected));
  assert_string_equal(line, expected);
}

static void lines_letter_by_letter(void **state) {
  (void)state;
  struct assay_verdict v = example();
  assert_line(
      ASSAY_PROVEN, &v,
      "proven loser=claimant by=proof" JOB " moves=13 bytes=40961 step=26 space=temp leaf=70 tape=1 record=9 op=dot "
      "dtype=f32 element=4294967295 committed=3f800000 recomputed=00000005 operand=1 from=in at=77 word=be99999a");
  v.operand_space = 3;
  v.operand_number = 254;
  v.space = 1;
  v.inner = 2;
  v.opcode = 4;
  v.dtype = 2;
  assert_line(ASSAY_PROVEN, &v,
              "proven loser=claimant by=proof" JOB
              " inner=2 moves=13 bytes=40961 step=26 space=out leaf=70 tape=1 record=9 "
              "op=put dtype=u8 element=4294967295 committed=3f800000 recomputed=00000005 operand=1 from=data.254 at=77 "
              "word=be99999a");
  v = example();
  v.reason = ASSAY_NOTHING_TO_DENY;
  v.padding = 1;
  v.element = 1000;
  assert_line(ASSAY_PROVEN, &v,
              "proven loser=claimant by=nothing-to-deny" JOB " moves=13 bytes=40961 step=26 space=temp leaf=70 tape=1 "
              "record=9 op=dot dtype=f32 padding=1000 committed=3f800000 recomputed=00000005");
  v.loser = ASSAY_CHALLENGER;
  v.reason = ASSAY_BY_CLOCK;
  v.awaited = 11;
  v.has_element = 0;
  assert_line(ASSAY_SILENT, &v,
              "silent loser=challenger by=clock awaited=11" JOB " moves=13 bytes=40961 step=26 space=temp leaf=70");
  v.has_step = v.has_leaf = 0;
  assert_line(ASSAY_UNFINISHED, &v, "unfinished awaited=11" JOB " moves=13 bytes=40961");
  assert_line(ASSAY_DAMAGED, &v, "damaged");
}

/* A caller may have filled the struct itself, and room for a line is the caller's affair. */
static void numbers_without_words_and_lines_without_room(void **state) {
  (void)state;
  struct assay_verdict v;
  char whole[600], line[600];
  memset(&v, 0xff, sizeof v);
  size_t length = assay_verdict_line((enum assay_outcome)9, &v, whole, sizeof whole);
  assert_true(length > 0 && strncmp(whole, "? loser=? by=?", 14) == 0);
  for (size_t bytes = 0; bytes <= length + 2; bytes++) {
    size_t expected = bytes > length ? length : bytes ? bytes - 1 : 0;
    memset(line, '#', sizeof line);
    assert_int_equal(assay_verdict_line((enum assay_outcome)9, &v, line, bytes), expected);
    assert_memory_equal(line, whole, expected);
    if (bytes) assert_int_equal(line[expected], 0);
    assert_int_equal(line[bytes], '#');
  }
}

static void what_is_no_transcript_is_damaged(void **state) {
  (void)state;
  static const uint8_t bytes[100] = "ASDISP";
  struct assay_verdict v, zero;
  char reason[600];
  memset(&zero, 0, sizeof zero);
  for (size_t length = 0; length <= sizeof bytes; length++) {
    memset(&v, 0xff, sizeof v);
    assert_int_equal(assay_judge(bytes, length, &v, reason, sizeof reason), ASSAY_DAMAGED);
    assert_memory_equal(&v, &zero, sizeof v);
    assert_true(strlen(reason) > 10);
  }
  assert_int_equal(assay_judge(bytes, sizeof bytes, &v, NULL, 0), ASSAY_DAMAGED);
  assert_int_equal(assay_judge(bytes, sizeof bytes, &v, reason, 1), ASSAY_DAMAGED);
  assert_string_equal(reason, "");
  assert_int_equal(assay_judge(bytes, sizeof bytes, &v, reason, 4), ASSAY_DAMAGED);
  assert_int_equal(strlen(reason), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reasons_are_formatted_like_the_c_librarys),
      cmocka_unit_test(long_reasons_are_cut_alike),
      cmocka_unit_test(lines_letter_by_letter),
      cmocka_unit_test(numbers_without_words_and_lines_without_room),
      cmocka_unit_test(what_is_no_transcript_is_damaged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
