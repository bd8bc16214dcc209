/* Bodies written as text: what they become, and how well the functions made of them agree with the exact ones. */
#include "model/lower/ops/formula.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

static struct arena arena;
static struct emit e;
static struct build b;

static void begin(uint8_t dtype) {
  struct why *why = NULL;
  struct value shape = value_shaped(dtype, 0, NULL, NULL);
  emit_begin(&e, &arena, why);
  build_map(&b, &e, dtype, &shape);
}

static void is_op(uint8_t n, uint8_t code, uint8_t x, uint8_t y, uint8_t z) {
  assert_true(n < b.r.body_ops);
  const struct tape_body_op *op = &b.r.body[n];
  assert_int_equal(op->code, code);
  assert_int_equal(op->a, x);
  assert_int_equal(op->b, y);
  assert_int_equal(op->c, z);
}

enum { LITERAL = TAPE_REGISTER_LITERAL, BODY = TAPE_REGISTER_BODY };

/* Literals in the order of the text, all before the first operation; operations in the order of their arguments. */
static void test_order(void **state) {
  (void)state;
  begin(TAPE_F32);
  uint8_t reg = formula_of_x(&b, "t = mul(0.5, x); sel(flt(x, -2), div(add(t, 3), t), max(t, inf))", 0);
  static const uint32_t words[] = {0x3f000000, 0xc0000000, 0x40400000, 0x7f800000};
  assert_int_equal(b.r.literals, 4);
  assert_int_equal(b.r.literal_i32, 0);
  assert_memory_equal(b.r.literal, words, sizeof words);
  assert_int_equal(b.r.body_ops, 6);
  is_op(0, CANON_MUL, LITERAL, 0, 0);
  is_op(1, CANON_FLT, 0, LITERAL + 1, 0);
  is_op(2, CANON_ADD, BODY, LITERAL + 2, 0);
  is_op(3, CANON_DIV, BODY + 2, BODY, 0);
  is_op(4, CANON_MAX, BODY, LITERAL + 3, 0);
  is_op(5, CANON_SEL, BODY + 1, BODY + 3, BODY + 4);
  assert_int_equal(reg, BODY + 5);
}

/* A number has the type that its operation asks for; what sel chooses from has the type of sel. */
static void test_types(void **state) {
  (void)state;
  begin(TAPE_F32);
  formula_of_x(&b, "unbits(ior(sel(ieq(bits(x), 1), 1, 0xffffffff), 1))", 0);
  assert_int_equal(b.r.literals, 2);
  assert_int_equal(b.r.literal_i32, 3);
  begin(TAPE_I32);
  formula_of_x(&b, "sel(feq(x, 1), 1, 0)", 0);
  assert_int_equal(b.r.literals, 3);
  assert_int_equal(b.r.literal_i32, 6);
}

/* Given numbers stand as literals where they are first named; equal parts appear once. */
static void test_names(void **state) {
  struct formula_name name[] = {formula_register("x", 0), formula_number("alpha", 0.25f), formula_number("unused", 7)};
  (void)state;
  begin(TAPE_F32);
  formula(&b, "h = 2; add(mul(alpha, x), mul(mul(alpha, x), h))", name, 3);
  static const uint32_t words[] = {0x40000000, 0x3e800000};
  assert_int_equal(b.r.literals, 2);
  assert_memory_equal(b.r.literal, words, sizeof words);
  assert_int_equal(b.r.body_ops, 3);
  is_op(0, CANON_MUL, LITERAL + 1, 0, 0);
  is_op(1, CANON_MUL, BODY, LITERAL, 0);
  is_op(2, CANON_ADD, BODY, BODY + 1, 0);
}

/* lower.md 4.25: "at most 4 units in the last place". */
enum { POINTS = 8192 };
static float given[POINTS], made[POINTS];
static struct sketch s;

static void compute(const char *op) {
  struct lowered_infer l;
  struct infer_shape shape = {.dtype = TAPE_F32, .rank = 1, .dim = {POINTS}};
  struct execute *x;
  struct why why;
  size_t mark = arena_mark(&arena);
  sketch_begin(&s, 1);
  s.model.opset = 24;
  sketch_input(&s, "x", (int64_t[]){-1, 0});
  sketch_node(&s, op, "x", "y");
  sketch_output(&s, "y");
  if (lower_infer(&s.model, &shape, &arena, &l, &why) != LOWER_OK) fail_msg("%s: %s", op, why.text);
  const void *data[2] = {given, l.weights};
  struct execute_options how = {.plain = false};
  assert_int_equal(execute_open(&x, &l.tape, data, &how, &why), EXECUTE_OK);
  size_t bytes = (size_t)l.tape.state_leaves * TAPE_LEAF_BYTES;
  uint8_t *memory = aligned_alloc(64, bytes);
  memset(memory, 0, bytes);
  execute_step(x, memory, 0, 1);
  memcpy(made, memory + l.tape.layout.entry[1].first_leaf * TAPE_LEAF_BYTES, sizeof made);
  free(memory);
  execute_shut(x);
  arena_reset(&arena, mark);
}

static double elu(double x) { return x < 0 ? expm1(x) : x; }
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static double mish(double x) { return x * tanh(softplus(x)); }
static double swish(double x) { return x / (1 + exp(-x)); }
static double softsign(double x) { return x / (1 + fabs(x)); }
static double celu(double x) { return elu(x); }
static double reciprocal(double x) { return 1 / x; }

static void test_accuracy(void **state) {
  static const struct {
    const char *op;
    double (*exact)(double);
    double low, high;
  } cases[] = {{"Elu", elu, -90, 10},
               {"Celu", celu, -90, 10},
               {"Softplus", softplus, -80, 80},
               {"Mish", mish, -80, 80},
               {"Swish", swish, -80, 80},
               {"Softsign", softsign, -1e6, 1e6},
               {"Reciprocal", reciprocal, -9, 9},
               {"Erf", erf, -5, 5},
               {"Sin", sin, -1000, 1000},
               {"Cos", cos, -1000, 1000},
               {"Tan", tan, -1000, 1000},
               {"Asin", asin, -1, 1},
               {"Acos", acos, -1, 1},
               {"Atan", atan, -1e5, 1e5},
               {"Sinh", sinh, -88, 88},
               {"Cosh", cosh, -88, 88},
               {"Asinh", asinh, -1e5, 1e5},
               {"Acosh", acosh, 1, 1e5},
               {"Atanh", atanh, -0.99999, 0.99999}};
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    sketch_begin(&s, 100 + c);
    for (uint32_t n = 0; n < POINTS; n++) { /* half of them evenly, half of them crowding at 0, or at 1 */
      double u = (double)sketch_draw(&s), from = fmax(cases[c].low, 0), far = u < 0 ? cases[c].low : cases[c].high;
      if (cases[c].low >= 1) from = 1, far = cases[c].high, u = fabs(u);
      double even = cases[c].low + (cases[c].high - cases[c].low) * (u + 1) / 2;
      given[n] = (float)(n % 2 ? even : from + (far - from) * pow(fabs(u), 9));
    }
    compute(cases[c].op);
    for (uint32_t n = 0; n < POINTS; n++) {
      double want = cases[c].exact((double)given[n]);
      float nearest = (float)want;
      double unit = (double)nextafterf(fabsf(nearest), INFINITY) - (double)fabsf(nearest);
      if (!(fabs((double)made[n] - want) <= 4 * unit))
        fail_msg("%s(%.9g) is %.9g, not %.9g: %.1f units", cases[c].op, (double)given[n], (double)made[n], want,
                 fabs((double)made[n] - want) / unit);
    }
  }
}

/* What the functions say at the ends of the numbers. */
static void test_ends(void **state) {
  static const struct {
    const char *op;
    float x, y;
  } cases[] = {{"Softplus", INFINITY, INFINITY},
               {"Softplus", -INFINITY, 0},
               {"Elu", -INFINITY, -1},
               {"Elu", INFINITY, INFINITY},
               {"Sinh", 90, INFINITY},
               {"Sinh", -90, -INFINITY},
               {"Cosh", -90, INFINITY},
               {"Asinh", 3e38f, 89.28999f},
               {"Atanh", 1, INFINITY},
               {"Atanh", -1, -INFINITY},
               {"Acosh", 1, 0},
               {"Acosh", 0.5f, NAN},
               {"Atanh", 2, NAN},
               {"Asin", 1.5f, NAN},
               {"Acos", -1, 3.1415927f},
               {"Acos", 1, 0},
               {"Atan", INFINITY, 1.5707964f},
               {"Sin", INFINITY, NAN},
               {"Sin", NAN, NAN},
               {"Elu", NAN, NAN},
               {"Softplus", NAN, NAN},
               {"Mish", INFINITY, INFINITY},
               {"HardSigmoid", NAN, NAN},
               {"HardSwish", -INFINITY, NAN},
               {"Sign", NAN, NAN},
               {"ThresholdedRelu", NAN, NAN}};
  (void)state;
  memset(given, 0, sizeof given);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    given[0] = cases[c].x;
    compute(cases[c].op);
    bool same = isnan(cases[c].y) ? isnan(made[0]) : made[0] == cases[c].y;
    if (!same)
      fail_msg("%s(%g) is %.9g, not %.9g", cases[c].op, (double)cases[c].x, (double)made[0], (double)cases[c].y);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_types),
                                     cmocka_unit_test(test_names), cmocka_unit_test(test_accuracy),
                                     cmocka_unit_test(test_ends)};
  if (!arena_open(&arena, (size_t)1 << 28)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_shut(&arena);
  return failed;
}
