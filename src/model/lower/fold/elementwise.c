/* Element by element, with numpy's broadcasting. f32 is computed by the canon's own operations, so a constant has the
 * bits that a record would have given it. */
#include <string.h>

#include "model/lower/fold/array.h"
#include "numeric/canon.h"
#include "numeric/reference/reference.h"

/* One NaN, whatever the machine made. */
static double clean(double x) {
  uint64_t bits = 0x7ff8000000000000u;
  if (x == x) return x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static bool integer_op(uint8_t code, int64_t x, int64_t y, int64_t *out) {
  switch (code) {
  case CANON_ADD: return !__builtin_add_overflow(x, y, out);
  case CANON_SUB: return !__builtin_sub_overflow(x, y, out);
  case CANON_MUL: return !__builtin_mul_overflow(x, y, out);
  case CANON_DIV:
    if (!y || (x == INT64_MIN && y == -1)) return false;
    *out = x / y;
    return true;
  case CANON_IMOD: /* the sign of the divisor */
    if (!y) return false;
    *out = y == -1 ? 0 : x % y;
    if (*out && (*out < 0) != (y < 0)) *out += y;
    return true;
  case CANON_TRUNC: /* fmod: the sign of the dividend */
    if (!y) return false;
    *out = y == -1 ? 0 : x % y;
    return true;
  case CANON_MIN: *out = x < y ? x : y; return true;
  case CANON_MAX: *out = x > y ? x : y; return true;
  case CANON_FLT: *out = x < y; return true;
  case CANON_FLE: *out = x <= y; return true;
  case CANON_FEQ: *out = x == y; return true;
  case CANON_IAND: *out = x && y; return true;
  case CANON_IOR: *out = x || y; return true;
  case CANON_IXOR: *out = !x != !y; return true;
  }
  return false;
}

static double double_op(uint8_t code, double x, double y) {
  if ((code == CANON_MIN || code == CANON_MAX) && (x != x || y != y)) return clean(x + y);
  switch (code) {
  case CANON_ADD: return clean(x + y);
  case CANON_SUB: return clean(x - y);
  case CANON_MUL: return clean(x * y);
  case CANON_DIV: return clean(x / y);
  case CANON_MIN: return x < y ? x : y;
  case CANON_MAX: return x > y ? x : y;
  case CANON_FLT: return x < y;
  case CANON_FLE: return x <= y;
  }
  return x == y;
}

static bool compares(uint8_t code) { return code == CANON_FLT || code == CANON_FLE || code == CANON_FEQ; }

/* x and y of one kind. false: not for us; a sum beyond 64 bits refuses. */
static bool binary(struct fold *f, uint8_t code, const struct onnx_tensor *x, const struct onnx_tensor *y,
                   struct array *out) {
  const struct onnx_tensor *both[2] = {x, y};
  struct walk w;
  enum onnx_type type = compares(code) ? ONNX_BOOL : x->type;
  if (x->type != y->type || !walk_broadcast(&w, 2, both) || !array_make(f, type, w.rank, w.dim, out)) return false;
  for (uint64_t n = 0; n < out->t.count; n++, walk_next(&w)) {
    if (x->type == ONNX_FLOAT) {
      uint32_t word = reference_apply(code, word_of(x->f32[w.at[0]]), word_of(y->f32[w.at[1]]), 0);
      if (out->f)
        out->f[n] = float_of(word);
      else
        out->i[n] = word;
    } else if (x->type == ONNX_DOUBLE) {
      double d = double_op(code, x->f64[w.at[0]], y->f64[w.at[1]]);
      if (out->d)
        out->d[n] = d;
      else
        out->i[n] = d != 0;
    } else {
      int64_t i;
      if (!integer_op(code, x->i64[w.at[0]], y->i64[w.at[1]], &i)) {
        fold_refuse(f, "whole numbers known while lowering leave 64 bits, or are divided by zero");
        return false;
      }
      out->i[n] = array_fit(type, i);
    }
  }
  return true;
}

/* Gives what binary computed, or says whether it refused. */
static bool finish(struct fold *f, bool made, struct array *out) {
  if (made) array_give(f, 0, out);
  return made || emit_failed(f->g->e);
}

bool fold_binary(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0), *y = fold_input(f, 1);
  struct array out;
  uint8_t code = f->code;
  if (!x || !y) return false;
  if (code == CANON_IMOD && attribute_int(f->node, "fmod", 0)) code = CANON_TRUNC;
  if (code == CANON_IMOD || code == CANON_TRUNC) {
    if (array_floats(x->type)) return false;
  }
  return finish(f, f->turned ? binary(f, code, y, x, &out) : binary(f, code, x, y, &out), &out);
}

bool fold_logic(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0), *y = fold_input(f, 1);
  struct array out;
  if (!x || !y || x->type != ONNX_BOOL) return false;
  return finish(f, binary(f, f->code, x, y, &out), &out);
}

/* Min, Max, Sum of any number of inputs, from the left. */
bool fold_variadic(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  struct array sum;
  if (!x) return false;
  for (uint32_t n = 1; n < f->a->inputs_count; n++)
    if (!fold_input(f, n)) return false;
  if (f->a->inputs_count == 1) {
    if (!array_like(x, x->rank, x->dim, &sum)) return false;
    return finish(f, true, &sum);
  }
  size_t mark = 0;
  for (uint32_t n = 1; n < f->a->inputs_count; n++) {
    struct array next;
    if (!binary(f, f->code, n == 1 ? x : &sum.t, fold_input(f, n), &next)) return finish(f, false, NULL);
    if (n == 1) mark = next.mark;
    sum = next;
    sum.mark = mark;
  }
  return finish(f, true, &sum);
}

static double double_abs(double x) { return x < 0 || (x == 0 && 1 / x < 0) ? -x : x; }

/* Root rounded to nearest, in integers: the significand's root to 64 bits, then one rounding. */
static double double_root(double x) {
  uint64_t bits, root = 0;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52 & 2047);
  if (x < 0) return clean((double)float_of(CANON_NAN));
  if (x == 0 || exponent == 2047) return clean(x);
  uint64_t significand = bits & ((1ull << 52) - 1);
  if (exponent)
    significand |= 1ull << 52;
  else
    exponent = 1;
  while (!(significand >> 52)) significand <<= 1, exponent--;
  exponent -= 1075; /* x = significand * 2^exponent */
  if (exponent & 1) significand <<= 1, exponent--;
  unsigned __int128 rest = (unsigned __int128)significand << 54; /* the root has 53 or 54 bits */
  for (int bit = 54; bit >= 0; bit--) {
    uint64_t more = root | 1ull << bit;
    if ((unsigned __int128)more * more <= rest) root = more;
  }
  bool exact = (unsigned __int128)root * root == rest;
  exponent = exponent / 2 - 27;
  double y = (double)(root << 1 | !exact); /* one rounding: the last bit says that something follows */
  exponent--;
  for (; exponent > 0; exponent--) y *= 2;
  for (; exponent < 0; exponent++) y /= 2;
  return y;
}

static double double_floor(double x, bool up) {
  if (!(x < 0x1p53 && x > -0x1p53)) return clean(x);
  int64_t i = (int64_t)x;
  double y = (double)i;
  if (!up && y > x) y -= 1;
  if (up && y < x) y += 1;
  return y == 0 && x < 0 ? -0.0 : y == x ? x : y;
}

bool fold_unary(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  struct array out;
  bool integer = x && !array_floats(x->type);
  if (!x || (integer && f->code != CANON_NEG && f->code != CANON_ABS)) return false;
  if (x->type == ONNX_DOUBLE && f->code > CANON_CEIL) return false;
  if (!array_make(f, x->type, x->rank, x->dim, &out)) return emit_failed(f->g->e);
  for (uint64_t n = 0; n < out.t.count; n++) {
    if (out.f)
      out.f[n] = float_of(reference_apply(f->code, word_of(x->f32[n]), 0, 0));
    else if (integer)
      out.i[n] =
          array_fit(x->type, f->code == CANON_NEG || x->i64[n] < 0 ? (int64_t)(0 - (uint64_t)x->i64[n]) : x->i64[n]);
    else
      switch (f->code) {
      case CANON_NEG: out.d[n] = clean(-x->f64[n]); break;
      case CANON_ABS: out.d[n] = clean(double_abs(x->f64[n])); break;
      case CANON_SQRT: out.d[n] = double_root(x->f64[n]); break;
      default: out.d[n] = double_floor(x->f64[n], f->code == CANON_CEIL);
      }
  }
  array_give(f, 0, &out);
  return true;
}

/* Powers that are products and roots; others are for the rule. */
static bool power(double exponent, float base, float *out) {
  uint32_t x = word_of(base), one = word_of(1), y = one;
  bool below = exponent < 0;
  double size = below ? -exponent : exponent;
  if (size == 0.5) {
    y = reference_apply(CANON_SQRT, x, 0, 0);
  } else {
    if (!(size <= 64) || size != (double)(int)size) return false;
    if (size >= 1) y = x;
    for (int n = 1; n < (int)size; n++) y = reference_apply(CANON_MUL, y, x, 0);
  }
  *out = float_of(below ? reference_apply(CANON_DIV, one, y, 0) : y);
  return true;
}

static bool integer_power(int64_t base, int64_t exponent, int64_t *out) {
  *out = 1;
  if (exponent < 0) return false;
  if (base == 0 || base == 1) *out = exponent ? base : 1;
  if (base == -1) *out = exponent & 1 ? -1 : 1;
  if (base >= -1 && base <= 1) return true;
  for (; exponent; exponent--)
    if (__builtin_mul_overflow(*out, base, out)) return false;
  return true;
}

bool fold_power(struct fold *f) {
  const struct onnx_tensor *both[2] = {fold_input(f, 0), fold_input(f, 1)}, *x = both[0], *y = both[1];
  struct walk w;
  struct array out;
  if (!x || !y || x->type == ONNX_DOUBLE || (array_floats(y->type) && !array_floats(x->type)) ||
      !walk_broadcast(&w, 2, both) || !array_make(f, x->type, w.rank, w.dim, &out))
    return false;
  for (uint64_t n = 0; n < out.t.count; n++, walk_next(&w)) {
    if (out.f) {
      double e = y->f32 ? (double)y->f32[w.at[1]] : y->f64 ? y->f64[w.at[1]] : (double)y->i64[w.at[1]];
      if (!power(e, x->f32[w.at[0]], &out.f[n])) return false;
    } else {
      int64_t i;
      if (!integer_power(x->i64[w.at[0]], y->i64[w.at[1]], &i))
        return fold_refuse(f, "a power of whole numbers leaves 64 bits or has an exponent below 0");
      out.i[n] = array_fit(x->type, i);
    }
  }
  array_give(f, 0, &out);
  return true;
}

bool fold_not(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  struct array out;
  if (!x || x->type != ONNX_BOOL || !array_make(f, ONNX_BOOL, x->rank, x->dim, &out)) return false;
  for (uint64_t n = 0; n < out.t.count; n++) out.i[n] = !x->i64[n];
  array_give(f, 0, &out);
  return true;
}

bool fold_where(struct fold *f) {
  const struct onnx_tensor *in[3] = {fold_input(f, 0), fold_input(f, 1), fold_input(f, 2)};
  struct walk w;
  struct array out;
  if (!in[0] || !in[1] || !in[2] || in[0]->type != ONNX_BOOL || in[1]->type != in[2]->type ||
      !walk_broadcast(&w, 3, in) || !array_make(f, in[1]->type, w.rank, w.dim, &out))
    return false;
  uint32_t width = array_width(&out.t);
  for (uint64_t n = 0; n < out.t.count; n++, walk_next(&w)) {
    uint32_t from = in[0]->i64[w.at[0]] ? 1 : 2;
    memcpy(array_target(&out) + n * width, array_bytes(in[from]) + (uint64_t)w.at[from] * width, width);
  }
  array_give(f, 0, &out);
  return true;
}

bool fold_clip(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0), *bound[2] = {fold_input(f, 1), fold_input(f, 2)};
  const uint8_t code[2] = {CANON_MAX, CANON_MIN};
  struct array out, next;
  if (!x || !array_like(x, x->rank, x->dim, &out)) return false;
  for (uint32_t n = 0; n < 2; n++) {
    if (!fold_given(f, n + 1)) continue;
    if (!bound[n] || bound[n]->count != 1) return false;
    if (!binary(f, code[n], &out.t, bound[n], &next)) return emit_failed(f->g->e);
    if (array_target(&out)) next.mark = out.mark;
    out = next;
  }
  array_give(f, 0, &out);
  return true;
}

/* Toward zero; beyond 64 bits the nearest that there is, a NaN is 0. */
static int64_t whole(double x) {
  if (x != x) return 0;
  if (x >= 0x1p63) return INT64_MAX;
  return x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

static bool known_type(int64_t type) {
  return type == ONNX_FLOAT || type == ONNX_DOUBLE || type == ONNX_BOOL || type == ONNX_UINT8 || type == ONNX_INT8 ||
         type == ONNX_INT32 || type == ONNX_INT64;
}

bool fold_cast(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  int64_t to = attribute_int(f->node, "to", 0);
  struct array out;
  if (strcmp(f->node->op, "CastLike") == 0) {
    const struct tensor *like = graph_input(f->g, f->a, 1);
    if (!like || (!like->known && !like->content)) return false;
    to = like->content ? (int64_t)like->content->type : like->v.type;
  }
  if (!x || !known_type(to)) return false;
  if (to == (int64_t)x->type) {
    if (!array_like(x, x->rank, x->dim, &out)) return false;
    array_give(f, 0, &out);
    return true;
  }
  if (!array_make(f, (enum onnx_type)to, x->rank, x->dim, &out)) return false;
  for (uint64_t n = 0; n < out.t.count; n++) {
    if (array_floats(x->type)) {
      double d = x->f32 ? (double)x->f32[n] : x->f64[n];
      if (out.f)
        out.f[n] = (float)clean(d);
      else if (out.d)
        out.d[n] = clean(d);
      else
        out.i[n] = to == ONNX_BOOL ? d != 0 : array_fit((enum onnx_type)to, whole(d));
    } else if (out.f) {
      out.f[n] = (float)x->i64[n];
    } else if (out.d) {
      out.d[n] = (double)x->i64[n];
    } else {
      out.i[n] = array_fit((enum onnx_type)to, x->i64[n]);
    }
  }
  array_give(f, 0, &out);
  return true;
}
