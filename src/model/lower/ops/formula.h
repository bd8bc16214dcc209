/* formula: bodies written as text, in the words of docs/lower.md 4. Uses: rule.
 *
 *   t = tanh(mul(0.5, x)); sel(flt(x, 0), div(add(t, t), sub(1, t)), x)
 *
 * A word before "(" is an operation of the canon; its arguments are made from left to right, then it. "t = .." gives a
 * result a name; the last part is the body's result. Numbers are literals of the type that the operation asks for
 * (decimal or hexadecimal, inf, nan), and all of them are made before the first operation, in the order of the text.
 * Texts are this program's own: one that does not parse is a broken invariant. */
#ifndef LOWER_OPS_FORMULA_H
#define LOWER_OPS_FORMULA_H
#include "model/lower/rule.h"

/* What a text may name besides its own parts: a register of the build, or a number that becomes a literal where it
 * first stands. */
struct formula_name {
  const char *name;
  uint8_t reg;
  bool number;
  float f32;
};
static inline struct formula_name formula_register(const char *name, uint8_t reg) {
  return (struct formula_name){.name = name, .reg = reg};
}
static inline struct formula_name formula_number(const char *name, float f32) {
  return (struct formula_name){.name = name, .number = true, .f32 = f32};
}

/* formula adds the text's body to b and returns the register of its result, of the type of b's record where nothing in
 * the text says otherwise. count is at most 16. */
uint8_t formula(struct build *b, const char *text, const struct formula_name *names, uint32_t count);
/* The texts that need no more than x, or x and y. */
uint8_t formula_of_x(struct build *b, const char *text, uint8_t x);
uint8_t formula_of_xy(struct build *b, const char *text, uint8_t x, uint8_t y);

/* Reads d, x and y, in this order, as the names d, x and y: name[0] to name[2]. */
void formula_use_dxy(struct build *b, struct value *d, struct value *x, struct value *y, struct formula_name *name);

/* log(1 + e) for a name e that was given before: Kahan's way, exact to a few units in the last place (lower.md 4.25).
 * Afterwards the name l stands for it, and u is taken. */
#define FORMULA_LOG1P "u = add(1, e); l = sel(feq(u, 1), e, sel(feq(u, inf), u, mul(log(u), div(e, sub(u, 1))))); "

/* x to the power y for f32 of any sign (lower.md 4.29), as the last part. */
#define FORMULA_POWER                                                                                                  \
  "a = abs(x); v = exp(mul(y, log(a))); i = feq(rint(y), y); h = mul(0.5, y); "                                        \
  "o = iand(i, ieq(feq(rint(h), h), 0)); s = sel(flt(x, 0), sel(i, sel(o, neg(v), v), nan), v); "                      \
  "sel(ior(feq(y, 0), feq(x, 1)), 1, s)"

#endif
