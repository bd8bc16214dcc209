#include "training/jobfile/literal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void known_answers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t bits;
  } known[] = {
      {"0", 0},
      {"-0.0", 0x80000000},
      {"1", 0x3f800000},
      {"1e-3", 0x3a83126f},
      {".5", 0x3f000000},
      {"5.", 0x40a00000},
      {"0.1", 0x3dcccccd},
      {"1/255", 0x3b808081},
      {"-1/3", 0xbeaaaaab},
      {"16777217", 0x4b800000}, /* a tie goes to even */
      {"16777219", 0x4b800002}, /* and here up */
      {"16777217.00000000000000000001", 0x4b800001},
      {"3.40282356779733661637539395458142568447e38", 0x7f7fffff},
      {"1.17549435e-38", 0x00800000},               /* smallest normal */
      {"1e-45", 0x00000001},                        /* smallest subnormal */
      {"7.0064923216240853546186479164495e-46", 0}, /* half of it, a tie, to even; next line is above */
      {"7.0064923216240853546186479164496e-46", 1},
      {"1e-60", 0},
      {"-0.5e-99", 0x80000000},
      {".0000000000000000000000000000000000000001e60", 0x60ad78ec}, /* 1e20 */
      {"0.000000000000000000000000000000000000001e-99/9999999999999999999999999999999999999999e99", 0},
      {"1.17549428e-38", 0x007fffff},
      {"1.175494315e-38", 0x00800000}, /* rounds up out of the subnormals */
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t bits = 0xdeadbeef;
    bool ok = literal_f32(known[i].text, &bits);
    if (!ok || bits != known[i].bits) print_error("%s gave %d %08x\n", known[i].text, ok, bits);
    assert_true(ok);
    assert_int_equal(bits, known[i].bits);
  }
}

/* glibc's strtof rounds correctly, so it is the slow twin for plain decimals; the C locale is what a test program
 * starts in. */
static void equals_strtof(void **state) {
  (void)state;
  uint64_t s = 7;
  for (int n = 0; n < 20000; n++) {
    s = s * 6364136223846793005u + 1442695040888963407u;
    uint32_t word = (uint32_t)(s >> 32);
    float x;
    memcpy(&x, &word, sizeof x);
    if ((word & 0x7f800000) == 0x7f800000) continue;
    char text[64];
    snprintf(text, sizeof text, "%.*g", 1 + (int)(s % 20), (double)x);
    uint32_t bits;
    float twin = strtof(text, NULL);
    bool finite = (bits_of(twin) & 0x7f800000) != 0x7f800000;
    assert_int_equal(literal_f32(text, &bits), finite);
    if (finite) assert_int_equal(bits, bits_of(twin));
  }
}

/* The quotient of two floats that are integers below 2^24 is what the machine's own correctly rounded division gives.
 */
static void equals_division(void **state) {
  (void)state;
  uint64_t s = 3;
  for (int n = 0; n < 20000; n++) {
    s = s * 6364136223846793005u + 1442695040888963407u;
    uint32_t a = (uint32_t)(s >> 40), b = (uint32_t)(s >> 16 & 0xffffff) + 1;
    char text[64];
    snprintf(text, sizeof text, "%u/%u", a, b);
    uint32_t bits;
    assert_true(literal_f32(text, &bits));
    assert_int_equal(bits, bits_of((float)a / (float)b));
  }
}

static void refuses(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "-",
      ".",
      "1/0",
      "1/",
      "/2",
      "nan",
      "inf",
      "0x1p3",
      "1e",
      "1e+",
      "1 ",
      " 1",
      "1,5",
      "1_0",
      "1/2/3",
      "1e100",
      "1e-140",
      "3.40282356779733661637539395458142568448e38",
      "--1",
      "1e9999999999",
      "12345678901234567890123456789012345678901",
      "0.0000000000000000000000000000000000000001",
      "9999999999999999999999999999999999999999e99/0.00000000000000000000000000000000000001e-99"};
  uint32_t bits;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (literal_f32(bad[i], &bits)) print_error("accepted: %s\n", bad[i]);
    assert_false(literal_f32(bad[i], &bits));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(equals_strtof),
                                     cmocka_unit_test(equals_division), cmocka_unit_test(refuses)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
