/* The slow twin: every kernel of a back end as the plainest loop over numeric/reference. It runs on any machine, tests
 * compare the vector back ends with it, and whole runs on it must give the same roots. */
#include "numeric/backend.h"
#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/reference/reference.h"

#include <math.h>
#include <string.h>

enum { ROWS = 4, COLS = 16 };

static uint32_t word(float x) {
  uint32_t w;
  memcpy(&w, &x, sizeof w);
  return w;
}

static float real(uint32_t w) {
  float x;
  memcpy(&x, &w, sizeof x);
  return x;
}

static bool scalar_dot(const struct dot_tile *t) {
  float s[ROWS][COLS];
  for (uint32_t i = 0; i < t->rows; i++)
    for (uint32_t j = 0; j < t->cols; j++) s[i][j] = t->store == DOT_MORE ? t->c[(ptrdiff_t)i * t->c_row + j] : 0.0f;
  for (uint32_t r = 0; r < t->runs_count; r++)
    for (uint32_t k = 0; k < t->runs[r].length; k++) {
      const float *a = t->a + t->runs[r].a + (ptrdiff_t)k * t->a_k;
      const float *b = t->b + t->runs[r].b + (ptrdiff_t)k * t->b_k;
      for (uint32_t i = 0; i < t->rows; i++)
        for (uint32_t j = 0; j < t->cols; j++) s[i][j] = fmaf(a[(ptrdiff_t)i * t->a_row], b[j], s[i][j]);
    }
  bool nan = false;
  for (uint32_t i = 0; i < t->rows; i++)
    for (uint32_t j = 0; j < t->cols; j++) {
      float *c = t->c + (ptrdiff_t)i * t->c_row + j;
      switch (t->store) {
      case DOT_FIRST: *c = 0.0f + s[i][j]; break;
      case DOT_NEXT: *c = *c + s[i][j]; break;
      case DOT_RAW:
      case DOT_MORE: *c = s[i][j]; break;
      }
      nan |= *c != *c;
    }
  return nan;
}

static void scalar_dot_pack(uint32_t depth, uint32_t cols, const float *in, ptrdiff_t in_k, ptrdiff_t in_col,
                            float *out, ptrdiff_t out_k) {
  for (uint32_t p = 0; p < depth; p++)
    for (uint32_t j = 0; j < cols; j++) out[(ptrdiff_t)p * out_k + j] = in[(ptrdiff_t)p * in_k + (ptrdiff_t)j * in_col];
}

/* An operand whose mask bit is set is read before the first store: it may be the word that out begins with. */
static void apply(uint8_t code, int mask, uint32_t n, uint32_t *out, const uint32_t *a, const uint32_t *b,
                  const uint32_t *c) {
  uint32_t a0 = a ? *a : 0, b0 = b ? *b : 0, c0 = c ? *c : 0;
  for (uint32_t i = 0; i < n; i++)
    out[i] =
        reference_apply(code, a && !(mask & 1) ? a[i] : a0, b && !(mask & 2) ? b[i] : b0, c && !(mask & 4) ? c[i] : c0);
}

#define MAP(code, mask)                                                                                                \
  static void map_##code##_##mask(uint32_t n, uint32_t *out, const uint32_t *a, const uint32_t *b,                     \
                                  const uint32_t *c) {                                                                 \
    apply(CANON_##code, mask, n, out, a, b, c);                                                                        \
  }
#define MAPS_1(code) MAP(code, 0) MAP(code, 1)
#define MAPS_2(code) MAPS_1(code) MAP(code, 2) MAP(code, 3)
#define MAPS_3(code) MAPS_2(code) MAP(code, 4) MAP(code, 5) MAP(code, 6) MAP(code, 7)
#define ROW_1(code) [CANON_##code] = {map_##code##_0, map_##code##_1},
#define ROW_2(code) [CANON_##code] = {map_##code##_0, map_##code##_1, map_##code##_2, map_##code##_3},
#define ROW_3(code)                                                                                                    \
  [CANON_##code] = {map_##code##_0, map_##code##_1, map_##code##_2, map_##code##_3,                                    \
                    map_##code##_4, map_##code##_5, map_##code##_6, map_##code##_7},
#define ALL(ONE, TWO, THREE)                                                                                           \
  TWO(ADD)                                                                                                             \
  TWO(SUB)                                                                                                             \
  TWO(MUL)                                                                                                             \
  TWO(DIV)                                                                                                             \
  THREE(FMA)                                                                                                           \
  ONE(SQRT)                                                                                                            \
  ONE(NEG) ONE(ABS) TWO(MIN) TWO(MAX) ONE(FLOOR) ONE(CEIL) ONE(RINT) ONE(TRUNC) ONE(EXP) ONE(LOG) ONE(TANH) ONE(ERF)   \
      ONE(SINPI) ONE(COSPI) TWO(IADD) TWO(ISUB) TWO(IMUL) TWO(UMULH) TWO(IAND) TWO(IOR) TWO(IXOR) TWO(SHL) TWO(SHR)    \
          TWO(USHR) TWO(IMIN) TWO(IMAX) TWO(IDIV) TWO(IMOD) TWO(FLT) TWO(FLE) TWO(FEQ) TWO(ILT) TWO(ULT) TWO(IEQ)      \
              THREE(SEL) ONE(ITOF) ONE(FTOI) ONE(BITS) ONE(UNBITS)
ALL(MAPS_1, MAPS_2, MAPS_3)

static void scalar_canonical(uint32_t n, uint32_t *words) {
  for (uint32_t i = 0; i < n; i++)
    if ((words[i] & 0x7fffffffu) > 0x7f800000u) words[i] = CANON_NAN;
}

static void scalar_copy_far(uint32_t n, uint32_t *out, const uint32_t *in) { memcpy(out, in, n * sizeof *out); }
static void scalar_copies_settle(void) {}

static void scalar_widen_u8(uint32_t n, uint32_t *out, const uint8_t *in) {
  for (uint32_t i = 0; i < n; i++) out[i] = in[i];
}

static void scalar_narrow_u8(uint32_t n, uint8_t *out, const uint32_t *in) {
  for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)in[i];
}

static uint32_t scalar_lanes(uint32_t n, const uint32_t *x) {
  float l[CANON_LANES] = {0.0f};
  for (uint32_t k = 0; k < n; k++) l[k % CANON_LANES] += real(x[k]);
  for (uint32_t w = CANON_LANES / 2; w > 0; w /= 2)
    for (uint32_t j = 0; j < w; j++) l[j] += l[j + w];
  return word(l[0]);
}

static uint32_t scalar_fmax(uint32_t n, const uint32_t *x) {
  uint32_t s = reference_apply(CANON_MAX, x[0], x[0], 0);
  for (uint32_t k = 1; k < n; k++) s = reference_apply(CANON_MAX, s, x[k], 0);
  return s;
}

static uint32_t scalar_fmin(uint32_t n, const uint32_t *x) {
  uint32_t s = reference_apply(CANON_MIN, x[0], x[0], 0);
  for (uint32_t k = 1; k < n; k++) s = reference_apply(CANON_MIN, s, x[k], 0);
  return s;
}

static void scalar_tails(uint32_t lines, uint32_t n, const uint32_t *x, ptrdiff_t line, uint32_t low, uint32_t span,
                         uint32_t *end) {
  for (uint32_t l = 0; l < lines; l++) {
    uint32_t first = l / 8 * 8, most = 0;
    for (uint32_t i = first; i < lines && i < first + 8; i++) {
      const uint32_t *at = x + (ptrdiff_t)i * line;
      uint32_t high = n;
      while (high > most && (at[high - 1] & 0x7fffffffu) - low <= span) high--;
      if (high > most) most = high;
    }
    end[l] = (most + 15) / 16 * 16 < n ? (most + 15) / 16 * 16 : n;
  }
}

static uint32_t scalar_largest(uint32_t lines, uint32_t n, const uint32_t *x, ptrdiff_t line) {
  uint32_t most = 0;
  for (uint32_t l = 0; l < lines; l++, x += line)
    for (uint32_t i = 0; i < n; i++)
      if ((x[i] & 0x7fffffffu) > most) most = x[i] & 0x7fffffffu;
  return most;
}

static void scalar_column_chain(uint32_t rows, uint32_t cols, const float *x, ptrdiff_t row, float *s) {
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t j = 0; j < cols; j++) s[j] = s[j] + x[(ptrdiff_t)r * row + j];
}

static void scalar_column_dot(uint32_t rows, uint32_t cols, const float *x, ptrdiff_t x_row, const float *y,
                              ptrdiff_t y_row, float *s) {
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t j = 0; j < cols; j++) s[j] = fmaf(x[(ptrdiff_t)r * x_row + j], y[(ptrdiff_t)r * y_row + j], s[j]);
}

static void scalar_rows_fma(uint32_t rows, uint32_t cols, const float *x, ptrdiff_t x_row, const float *w, float *y,
                            ptrdiff_t y_row) {
  for (uint32_t r = 0; r < rows; r++, x += x_row, y += y_row)
    for (uint32_t j = 0; j < cols; j++) y[j] = fmaf(x[j], w[j], y[j]);
}

static void scalar_window_max(uint32_t places, uint32_t cols, ptrdiff_t step, uint32_t taps, const float *const *x,
                              float *m, uint8_t *first) {
  for (uint32_t p = 0; p < places; p++)
    for (uint32_t j = 0; j < cols; j++, m++, first++) {
      const ptrdiff_t at = (ptrdiff_t)p * step + j;
      uint32_t best = word(x[0][at]);
      for (uint32_t t = 0; t < taps; t++) best = reference_apply(CANON_MAX, best, word(x[t][at]), 0);
      *first = 255;
      for (uint32_t t = taps; t-- > 0;)
        if (x[t][at] == real(best)) *first = (uint8_t)t;
      *m = real(best);
    }
}

static void scalar_window_back(uint32_t windows, uint32_t wide, uint32_t cols, const uint8_t *first, const float *dy,
                               uint32_t tap, const float *mask, float *out) {
  for (uint32_t w = 0; w < windows; w++)
    for (uint32_t t = 0; t < wide; t++)
      for (uint32_t j = 0; j < cols; j++) {
        const size_t from = (size_t)w * cols + j, to = ((size_t)w * wide + t) * cols + j;
        bool mine = first[from] == tap + t && !(mask && mask[to] <= 0);
        out[to] = !mine ? 0 : dy[from] == dy[from] ? dy[from] : real(CANON_NAN);
      }
}

static void scalar_rand(uint32_t count, uint32_t *out, const uint32_t *x, uint32_t s, uint32_t step, uint64_t seed) {
  for (uint32_t j = 0; j < count; j++) out[j] = random_word(x[j], s, step, seed);
}

static void scalar_perm(uint32_t count, uint32_t *out, uint32_t e, int32_t n, int32_t first, uint64_t seed) {
  for (uint32_t j = 0; j < count; j++) out[j] = (uint32_t)random_perm(e, n, (int32_t)((uint32_t)first + j), seed);
}

const struct backend backend_scalar = {
    .name = "scalar",
    .dot_rows = ROWS,
    .dot_cols = COLS,
    .dot = scalar_dot,
    .dot_pack = scalar_dot_pack,
    .map = {ALL(ROW_1, ROW_2, ROW_3)},
    .canonical = scalar_canonical,
    .widen_u8 = scalar_widen_u8,
    .copy_far = scalar_copy_far,
    .copies_settle = scalar_copies_settle,
    .narrow_u8 = scalar_narrow_u8,
    .lanes = scalar_lanes,
    .fmax = scalar_fmax,
    .fmin = scalar_fmin,
    .tails = scalar_tails,
    .largest = scalar_largest,
    .column_chain = scalar_column_chain,
    .column_dot = scalar_column_dot,
    .rows_fma = scalar_rows_fma,
    .window_max = scalar_window_max,
    .window_back = scalar_window_back,
    .rand = scalar_rand,
    .perm = scalar_perm,
};
