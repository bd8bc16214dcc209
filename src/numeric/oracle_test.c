/* soft and reference: known answers, then agreement with each other on boundary and seeded operands. NUMERICS 4.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/agreement/agreement.h"
#include "numeric/canon.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"

enum {
  ONE = 0x3f800000,
  TWO = 0x40000000,
  HALF = 0x3f000000,
  INF = 0x7f800000,
  NAN_ = 0x7fc00000,
  MAXIMUM = 0x7f7fffff
};
#define MINUS 0x80000000u

struct answer {
  uint8_t code;
  uint32_t a, b, c, result;
};

/* Worked by hand from the sentences of IEEE 754-2019 and NUMERICS 2, not taken from a run. */
static const struct answer answers[] = {
    /* 1 + 2^-24 is a tie and goes to even, 1 + 2^-24 + 2^-47 in one fma does not; (1 + 3 2^-23)^2 - 1 keeps 9 2^-46 as
       two ulp */
    {CANON_ADD, ONE, 0x33800000, 0, ONE},
    {CANON_ADD, 0x3f800001, 0x33800000, 0, 0x3f800002},
    {CANON_FMA, 0x33800001, ONE, ONE, 0x3f800001},
    {CANON_FMA, 0x3f800003, 0x3f800003, ONE | MINUS, 0x35400002},
    /* zeros: x - x = +0, -0 + -0 = -0, -0 + 0 = +0, fma(0, -1, 0) = +0 */
    {CANON_SUB, ONE, ONE, 0, 0},
    {CANON_ADD, MINUS, MINUS, 0, MINUS},
    {CANON_ADD, MINUS, 0, 0, 0},
    {CANON_FMA, 0, ONE | MINUS, 0, 0},
    {CANON_FMA, 0, ONE | MINUS, MINUS, MINUS},
    {CANON_MUL, 0, ONE | MINUS, 0, MINUS},
    /* subnormals: half of the smallest is a tie to +0, three quarters of it is not; 2^-126 - 2^-149 is the largest */
    {CANON_MUL, 1, HALF, 0, 0},
    {CANON_MUL, 1, 0x3f400000, 0, 1},
    {CANON_MUL, 3, HALF, 0, 2},
    {CANON_SUB, 0x00800000, 1, 0, 0x007fffff},
    {CANON_DIV, 0x00800000, TWO, 0, 0x00400000},
    {CANON_FMA, 1, 1, 1, 1},
    /* overflow at and below the half beyond the largest */
    {CANON_ADD, MAXIMUM, 0x73000000, 0, INF},
    {CANON_ADD, MAXIMUM, 0x72ffffff, 0, MAXIMUM},
    {CANON_MUL, MAXIMUM, TWO | MINUS, 0, INF | MINUS},
    /* infinities and invalid operations */
    {CANON_SUB, INF, INF, 0, NAN_},
    {CANON_MUL, INF, 0, 0, NAN_},
    {CANON_DIV, ONE, MINUS, 0, INF | MINUS},
    {CANON_DIV, 0, 0, 0, NAN_},
    {CANON_DIV, INF, INF, 0, NAN_},
    {CANON_FMA, INF, ONE, INF | MINUS, NAN_},
    {CANON_FMA, MAXIMUM, MAXIMUM, INF | MINUS, INF | MINUS},
    {CANON_ADD, 0xffabcdef, ONE, 0, NAN_},
    /* 1/3 and sqrt(2) */
    {CANON_DIV, ONE, 0x40400000, 0, 0x3eaaaaab},
    {CANON_SQRT, TWO, 0, 0, 0x3fb504f3},
    {CANON_SQRT, 1, 0, 0, 0x1a3504f3},
    {CANON_SQRT, MINUS, 0, 0, MINUS},
    {CANON_SQRT, 1 | MINUS, 0, 0, NAN_},
    {CANON_NEG, 0xff800001, 0, 0, NAN_},
    {CANON_NEG, 0, 0, 0, MINUS},
    {CANON_ABS, 0x80000001, 0, 0, 1},
    /* minimum, maximum */
    {CANON_MIN, 0, MINUS, 0, MINUS},
    {CANON_MAX, MINUS, 0, 0, 0},
    {CANON_MIN, NAN_, ONE, 0, NAN_},
    {CANON_MAX, INF, 0x7f800001, 0, NAN_},
    {CANON_MAX, ONE | MINUS, TWO | MINUS, 0, ONE | MINUS},
    /* to integers: 2.5, 3.5, -0.5, 0.49999997, 2^23 - 0.5 */
    {CANON_RINT, 0x40200000, 0, 0, TWO},
    {CANON_RINT, 0x40600000, 0, 0, 0x40800000},
    {CANON_RINT, HALF | MINUS, 0, 0, MINUS},
    {CANON_RINT, 0x3effffff, 0, 0, 0},
    {CANON_RINT, 0x4affffff, 0, 0, 0x4b000000},
    {CANON_FLOOR, 0x80000001, 0, 0, ONE | MINUS},
    {CANON_CEIL, 0x80000001, 0, 0, MINUS},
    {CANON_TRUNC, 0xbfc00000, 0, 0, ONE | MINUS},
    {CANON_FLOOR, INF | MINUS, 0, 0, INF | MINUS},
    /* integers */
    {CANON_UMULH, 0xffffffff, 0xffffffff, 0, 0xfffffffe},
    {CANON_SHR, 0x80000000, 33, 0, 0xc0000000},
    {CANON_USHR, 0x80000000, 33, 0, 0x40000000},
    {CANON_SHL, 3, 63, 0, 0x80000000},
    {CANON_IDIV, (uint32_t)-7, 2, 0, (uint32_t)-4},
    {CANON_IMOD, (uint32_t)-7, 2, 0, 1},
    {CANON_IDIV, 7, (uint32_t)-2, 0, (uint32_t)-4},
    {CANON_IMOD, 7, (uint32_t)-2, 0, (uint32_t)-1},
    {CANON_IDIV, 0x80000000, 0xffffffff, 0, 0x80000000},
    {CANON_IMOD, 0x80000000, 0xffffffff, 0, 0},
    {CANON_IDIV, 5, 0, 0, 0},
    {CANON_IMOD, 5, 0, 0, 0},
    {CANON_IMIN, 0x80000000, 1, 0, 0x80000000},
    {CANON_ILT, 0xffffffff, 0, 0, 1},
    {CANON_ULT, 0xffffffff, 0, 0, 0},
    /* comparisons */
    {CANON_FEQ, 0, MINUS, 0, 1},
    {CANON_FLT, MINUS, 0, 0, 0},
    {CANON_FLE, NAN_, NAN_, 0, 0},
    {CANON_SEL, 0x80000000, 11, 12, 11},
    {CANON_SEL, 0, 11, 12, 12},
    /* conversions: 2^24 + 1 and 2^24 + 3 are ties, 2^31 - 1 rounds up */
    {CANON_ITOF, 0x01000001, 0, 0, 0x4b800000},
    {CANON_ITOF, 0x01000003, 0, 0, 0x4b800002},
    {CANON_ITOF, 0x7fffffff, 0, 0, 0x4f000000},
    {CANON_ITOF, 0x80000000, 0, 0, 0xcf000000},
    {CANON_FTOI, 0x4f000000, 0, 0, 0x7fffffff},
    {CANON_FTOI, 0xcf000000, 0, 0, 0x80000000},
    {CANON_FTOI, 0xcf000001, 0, 0, 0x80000000},
    {CANON_FTOI, 0x4effffff, 0, 0, 0x7fffff80},
    {CANON_FTOI, 0xbf7fffff, 0, 0, 0},
    {CANON_FTOI, NAN_, 0, 0, 0},
    {CANON_BITS, 0xffffffff, 0, 0, NAN_},
    {CANON_UNBITS, 0x7f800001, 0, 0, NAN_},
    {CANON_UNBITS, 0xff800000, 0, 0, 0xff800000},
    /* ends of the functions */
    {CANON_EXP, 0, 0, 0, ONE},
    {CANON_EXP, INF, 0, 0, INF},
    {CANON_EXP, INF | MINUS, 0, 0, 0},
    {CANON_EXP, 0x42b17218, 0, 0, INF}, /* 88.72284 > 128 ln 2, by less than one ulp */
    {CANON_EXP, 0xc2cff1b6, 0, 0, 0},   /* -103.97209 < -150 ln 2 */
    {CANON_EXP, 0xc2cff1b4, 0, 0, 1},   /* -103.97208 > -150 ln 2 */
    {CANON_LOG, ONE, 0, 0, 0},
    {CANON_LOG, 0, 0, 0, INF | MINUS},
    {CANON_LOG, MINUS, 0, 0, INF | MINUS},
    {CANON_LOG, 1 | MINUS, 0, 0, NAN_},
    {CANON_LOG, INF, 0, 0, INF},
    {CANON_LOG, INF | MINUS, 0, 0, NAN_},
    {CANON_LOG, TWO, 0, 0, 0x3f317218},
    {CANON_TANH, MINUS, 0, 0, MINUS},
    {CANON_TANH, INF, 0, 0, ONE},
    {CANON_TANH, 1 | MINUS, 0, 0, 1 | MINUS},
    {CANON_ERF, MINUS, 0, 0, MINUS},
    {CANON_ERF, INF | MINUS, 0, 0, ONE | MINUS},
    {CANON_SINPI, MINUS, 0, 0, MINUS},
    {CANON_SINPI, ONE, 0, 0, 0},
    {CANON_SINPI, ONE | MINUS, 0, 0, MINUS},
    {CANON_SINPI, HALF, 0, 0, ONE},
    {CANON_SINPI, 0x3fc00000, 0, 0, ONE | MINUS},
    {CANON_SINPI, MAXIMUM, 0, 0, 0},
    {CANON_SINPI, INF, 0, 0, NAN_},
    {CANON_COSPI, HALF, 0, 0, 0},
    {CANON_COSPI, 0x3fc00000, 0, 0, 0},
    {CANON_COSPI, ONE | MINUS, 0, 0, ONE | MINUS},
    {CANON_COSPI, 0x4b7fffff, 0, 0, ONE | MINUS}, /* 2^24 - 1 is odd */
    {CANON_COSPI, MAXIMUM, 0, 0, ONE},
    {CANON_COSPI, INF | MINUS, 0, 0, NAN_},
};

static void known_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    const struct answer *q = &answers[i];
    uint32_t soft = soft_apply(q->code, q->a, q->b, q->c), reference = reference_apply(q->code, q->a, q->b, q->c);
    if (soft != q->result || reference != q->result)
      fail_msg("%s %08x %08x %08x is %08x, soft gives %08x, reference %08x", canon_op(q->code)->name, q->a, q->b, q->c,
               q->result, soft, reference);
  }
}

static void other_codes_give_zero(void **state) {
  (void)state;
  for (int code = 0; code < 256; code++)
    if (!canon_op((uint8_t)code) || code > CANON_UNBITS) {
      assert_int_equal(soft_apply((uint8_t)code, ONE, TWO, HALF), 0);
      assert_int_equal(reference_apply((uint8_t)code, ONE, TWO, HALF), 0);
    }
}

static void fail_on(uint64_t differ, const struct disagreement *d) {
  if (differ)
    fail_msg("%s differs on %llu operands, first %08x %08x %08x: soft %08x, reference %08x", canon_op(d->code)->name,
             (unsigned long long)differ, d->operand[0], d->operand[1], d->operand[2], d->soft, d->reference);
}

static void soft_is_reference_on_the_boundary(void **state) {
  (void)state;
  for (int code = 0; code <= CANON_UNBITS; code++) {
    struct disagreement first;
    if (canon_op((uint8_t)code)) fail_on(agreement_boundary((uint8_t)code, &first), &first);
  }
}

static void soft_is_reference_at_random(void **state) {
  (void)state;
  for (int code = 0; code <= CANON_UNBITS; code++) {
    struct disagreement first;
    if (canon_op((uint8_t)code)) fail_on(agreement_random((uint8_t)code, 1, 0, 100000, &first), &first);
  }
}

/* tanh, erf and sinpi are odd, cospi is even, on every bit pattern tried; all but NaN. */
static void functions_are_symmetric(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 200000; i++) {
    uint32_t x = i * 21473u & 0x7fffffffu;
    for (uint8_t code = CANON_TANH; code <= CANON_COSPI; code++) {
      uint32_t plus = soft_apply(code, x, 0, 0), minus = soft_apply(code, x | MINUS, 0, 0);
      if (plus != NAN_) assert_int_equal(minus, code == CANON_COSPI ? plus : plus ^ MINUS);
    }
  }
}

/* Every line of the file holds, and the reader of lines refuses what is none. */
static void vectors_hold(void **state) {
  (void)state;
  FILE *file = fopen("vectors/canon1.txt", "r");
  assert_non_null(file);
  char line[256];
  uint32_t count = 0;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    enum vector_verdict verdict = vector_line(line);
    if (verdict != VECTOR_HOLDS && verdict != VECTOR_COMMENT) fail_msg("verdict %d on: %s", (int)verdict, line);
    count += verdict == VECTOR_HOLDS;
  }
  fclose(file);
  assert_true(count > 2000);
  assert_int_equal(vector_line("add 3f800000 3f800000 40000000"), VECTOR_HOLDS);
  assert_int_equal(vector_line("add 3f800000 3f800000 40000001"), VECTOR_SOFT_DIFFERS);
  assert_int_equal(vector_line("add 3f800000 3f800000"), VECTOR_MALFORMED);
  assert_int_equal(vector_line("add 3f800000 3f800000 4000000"), VECTOR_MALFORMED);
  assert_int_equal(vector_line("add 3f800000 3f800000 40000000 "), VECTOR_MALFORMED);
  assert_int_equal(vector_line("fmax 00000001 0000000000000000"), VECTOR_MALFORMED);
  assert_int_equal(vector_line("fmax 00000000 0000000000000000 00000000"), VECTOR_MALFORMED);
  assert_int_equal(vector_line("plus 3f800000 3f800000 40000000"), VECTOR_MALFORMED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),
      cmocka_unit_test(other_codes_give_zero),
      cmocka_unit_test(soft_is_reference_on_the_boundary),
      cmocka_unit_test(soft_is_reference_at_random),
      cmocka_unit_test(functions_are_symmetric),
      cmocka_unit_test(vectors_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
