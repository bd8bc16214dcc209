/* Every back end that runs here equals numeric/reference bit for bit: every code, mask and edge size, on numbers that
 * include NaNs, infinities, subnormals and zeros of both signs. NaNs are compared after `canonical`, see backend.h.
 *
 * A plain program, because the machines under emulation that must agree too have no test library.
 *   backend_test [seed]      0 if all agree; else prints what differs */
#include "numeric/backend.h"
#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/reference/reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failures;

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      if (++failures == 20) exit(1);                                                                                   \
    }                                                                                                                  \
  } while (0)

static uint64_t state = 1;
static uint32_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 29);
}
static uint32_t below(uint32_t n) { return draw() % n; }

/* Words where an operation turns: as floats and as integers. */
static const uint32_t special[] = {0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000,
                                   0x80800000, 0x3f800000, 0xbf800000, 0x3f000000, 0xbf000000, 0x3effffff, 0x3f7fffff,
                                   0x3fc00000, 0x40200000, 0x4affffff, 0x4b000000, 0xcb000001, 0x4b7fffff, 0x4b800000,
                                   0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f800000, 0x7f7fffff, 0xff7fffff,
                                   0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xff8abcde, 0x7fffffff,
                                   0xffffffff, 0x00000002, 0x0000001f, 0x00000020, 0x00000021, 0xfffffffe, 0x7ffffffe,
                                   0x42b17218, 0xc2cff1b5, 0x3f317218, 0x0d000000, 0x5d000000, 0xb4000000};
enum { SPECIALS = sizeof special / sizeof *special };

enum kind { BITS, UNIT, SMALL, SPECIAL, KINDS };
static uint32_t word(enum kind kind) {
  switch (kind) {
  case BITS: return draw();
  case UNIT: return (draw() & 0x807fffffu) | 0x3f000000u;
  case SMALL: return (draw() & 0x807fffffu) | (below(40) << 23); /* products of two are subnormal or nothing */
  case SPECIAL: return special[below(SPECIALS)];
  case KINDS: break;
  }
  return 0;
}
static void fill(uint32_t n, uint32_t *words, enum kind kind) {
  for (uint32_t i = 0; i < n; i++) words[i] = word(kind);
}

/* Heap memory of the exact size, so that a sanitizer sees a read one word past the end. */
static void *take(size_t n, size_t size) {
  void *p = malloc(n * size);
  if (!p) exit(3);
  return p;
}

static bool is_nan(uint32_t w) { return (w & 0x7fffffffu) > 0x7f800000u; }
static uint32_t canonical(uint32_t w) { return is_nan(w) ? CANON_NAN : w; }
static uint32_t bits_of(float x) {
  uint32_t w;
  memcpy(&w, &x, sizeof w);
  return w;
}

static const uint32_t sizes[] = {1,  2,  3,   4,   5,   7,   8,   9,   12,  13,  15,   16,  17,
                                 23, 24, 25,  30,  31,  32,  33,  47,  48,  49,  63,   64,  65,
                                 95, 96, 127, 128, 129, 255, 256, 500, 511, 512, 1023, 1024};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* What a map gives against the scalar rule; all else that out holds stays. place: out is a fresh array, or operand
 * 0..2. */
static void test_map_once(const struct backend *b, uint8_t code, uint32_t mask, uint32_t n, uint32_t *const x[3],
                          int place) {
  const struct canon_op *op = canon_op(code);
  uint32_t want[BACKEND_BLOCK + 1], room[BACKEND_BLOCK + 1];
  uint32_t *out = place < 0 ? room : x[place];
  bool real = op->result == 'f' || op->result == 't';
  for (uint32_t i = 0; i < n; i++) {
    uint32_t w[3] = {0, 0, 0};
    for (int a = 0; a < op->arity; a++) w[a] = x[a][(mask >> a & 1) ? 0 : i];
    want[i] = reference_apply(code, w[0], w[1], w[2]);
  }
  room[n] = 0x5a5a5a5au;
  b->map[code][mask](n, out, x[0], op->arity > 1 ? x[1] : NULL, op->arity > 2 ? x[2] : NULL);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t got = real ? canonical(out[i]) : out[i], wanted = real ? canonical(want[i]) : want[i];
    CHECK(got == wanted, "%s %s mask %u n %u at %u: %08x, not %08x", b->name, op->name, mask, n, i, got, wanted);
    if (got != wanted) return;
  }
  CHECK(room[n] == 0x5a5a5a5au, "%s %s writes past its end", b->name, op->name);
}

/* Vectors of what a mask leaves, which take a short way, but for one word anywhere that must not. */
static void test_short_ways(const struct backend *b) {
  enum { N = 80 };
  static const uint32_t odd[] = {0xc2d00000u, 0xc2d00001u, 0xc2cfffffu, 0xff800000u, 0x7fc00000u, 0xffc00001u, 0, 1,
                                 0x80000000u, 0x80000001u, 0x3f800000u, 0xbf800000u, 0x7f800000u, 0x7f7fffffu};
  for (uint32_t at = 0; at < N; at += 3)
    for (size_t o = 0; o < sizeof odd / sizeof *odd; o++)
      for (int turn = 0; turn < 3; turn++) { /* exp of low ones; zeros by positive ones, odd on either side */
        uint32_t first[N], second[N], third[N] = {0}, *x[3] = {first, second, third};
        for (uint32_t i = 0; i < N; i++) first[i] = turn ? 0 : 0xce6e6b28u, second[i] = 0x40400000u;
        (turn == 2 ? second : first)[at] = odd[o];
        test_map_once(b, turn ? CANON_DIV : CANON_EXP, 0, N, x, -1);
      }
}

/* exp of vectors of ordinary numbers, but for one that must not go their way. */
static void test_exp_calm(const struct backend *b) {
  enum { N = 80 };
  static const uint32_t odd[] = {0x42aeac4fu, 0x42aeac50u, 0x42aeac51u, 0xc2aeac4fu, 0xc2aeac50u, 0xc2aeac51u,
                                 0x42b17218u, 0xc2cff1b5u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00001u};
  for (uint32_t at = 0; at < N; at += 3)
    for (size_t o = 0; o < sizeof odd / sizeof *odd; o++) {
      uint32_t first[N], *x[3] = {first, first, first};
      for (uint32_t i = 0; i < N; i++) first[i] = (draw() & 0x80ffffffu) | below(0x42) << 24; /* zeros, up to 64 */
      first[at] = odd[o];
      test_map_once(b, CANON_EXP, 0, N, x, -1);
    }
}

/* A float whose quotient by this odd one of 24 bits lies next to the middle between two floats: m, of 25 bits, the last
 * of them half a unit, is such that the last 25 bits of m * divisor are as small a number as `rest`. */
static float near_middle(uint32_t divisor, int32_t rest) {
  uint32_t inverse = divisor; /* modulo 8, then twice as many bits a step */
  for (int i = 0; i < 4; i++) inverse *= 2 - divisor * inverse;
  uint64_t m = ((uint32_t)rest * inverse) & 0x1ffffffu, product = m * divisor - (uint64_t)(int64_t)rest;
  return (float)(product >> 25);
}

/* Division by one word: by numbers of every size, and one operand among ordinary ones that is none. */
static void test_division_by_word(const struct backend *b) {
  enum { N = 37, ROUNDS = 3000 };
  for (uint32_t round = 0; round < ROUNDS; round++) {
    uint32_t first[N], second[N], *x[3] = {first, second, second}, size = 1 + below(N), exponent = 10 + below(200);
    second[0] = round % 7 ? (draw() & 0x807fffffu) | 1 | (100 + below(54)) << 23 : word(round % 14 ? BITS : SPECIAL);
    for (uint32_t i = 0; i < N; i++) {
      uint32_t near = bits_of(near_middle((second[0] & 0x7fffffu) | 0x800001u, (int32_t)below(16) - 8));
      first[i] = ((below(3) ? near : draw()) & 0x807fffffu) | (exponent + below(20)) << 23;
      if (below(8) == 0) first[i] = 0;
    }
    if (round % 3 == 0) first[below(N)] = word(SPECIAL);
    test_map_once(b, CANON_DIV, 2, size, x, -1);
  }
}

static void test_maps(const struct backend *b) {
  for (unsigned code = 0; code < BACKEND_CODES; code++) {
    const struct canon_op *op = canon_op((uint8_t)code);
    if (!op) {
      CHECK(!b->map[code][0], "%s: code %02x is none of the canon", b->name, code);
      continue;
    }
    for (uint32_t mask = 0; mask < 8; mask++) {
      bool there = mask < 1u << op->arity;
      CHECK(there == (b->map[code][mask] != NULL), "%s %s mask %u", b->name, op->name, mask);
      if (!there || !b->map[code][mask]) continue;
      for (int s = 0; s < SIZES; s++)
        for (enum kind kind = 0; kind < KINDS; kind++) {
          uint32_t n = sizes[s], *x[3];
          for (int a = 0; a < 3; a++) fill(n, x[a] = take(n, sizeof(uint32_t)), kind);
          test_map_once(b, (uint8_t)code, mask, n, x, (int)below(op->arity + 1u) - 1);
          for (int a = 0; a < 3; a++) free(x[a]);
        }
    }
    /* Every pair of special words, with a third at random. */
    for (uint32_t i = 0; i < SPECIALS; i++) {
      uint32_t first[SPECIALS], second[SPECIALS], third[SPECIALS], *x[3] = {first, second, third};
      for (uint32_t j = 0; j < SPECIALS; j++) first[j] = special[i], second[j] = special[j], third[j] = word(SPECIAL);
      test_map_once(b, (uint8_t)code, 0, SPECIALS, x, -1);
    }
  }
}

/* exp where its result is subnormal or nothing: back ends take a way of their own there. */
static void test_exp_low(const struct backend *b) {
  enum { STEPS = 1 << 14 };
  for (uint32_t i = 0; i < STEPS; i += BACKEND_BLOCK) {
    uint32_t x[BACKEND_BLOCK], *operands[3] = {x, x, x};
    for (uint32_t j = 0; j < BACKEND_BLOCK; j++) x[j] = bits_of(-105.0f + 18.5f * (float)(i + j) / STEPS) + below(3);
    for (uint32_t j = 0; j < 8; j++) x[j * 17] = 0xc2aeac4cu + j, x[j * 17 + 1] = 0xc2cffffcu + j;
    test_map_once(b, CANON_EXP, 0, BACKEND_BLOCK, operands, -1);
  }
}

/* One tile of random strides, runs and store against chains of the reference's fma. known: rows of a lie 1, 6, 16, 32
 * or 64 apart, as slim tiles want them. */
static void test_dot_once(const struct backend *b, uint32_t rows, uint32_t cols, uint32_t depth, enum kind kind,
                          bool known) {
  struct dot_run runs[BACKEND_BLOCK];
  struct dot_tile t = {.runs = runs, .rows = rows, .cols = cols, .store = (enum dot_store)below(4)};
  const struct dot_later later = {.at = (const float *)(const void *)runs,
                                  .step = (ptrdiff_t)below(40) - 20,
                                  .turn = (ptrdiff_t)below(4000) - 2000,
                                  .length = 1 + below(depth + 3)};
  t.later = below(2) ? &later : NULL;
  t.c_far = below(2);
  uint32_t pieces = below(3) ? 1 + below(4) : 1;
  bool a_turned = below(2);
  /* a is depth x rows or rows x depth with a gap, b depth x cols; the runs visit pieces of k in any order of memory. */
  uint32_t a_lead = (a_turned ? rows : depth) + below(4), b_lead = cols + below(9);
  if (known && !a_turned) a_lead = depth <= 16 ? 16u << below(3) : depth <= 32 ? 32u << below(2) : 64;
  if (known && !a_turned && below(4) == 0) a_lead = 6; /* rows may overlap, as a convolution's do */
  t.a_row = a_turned ? 1 : (ptrdiff_t)a_lead;
  t.a_k = a_turned ? (ptrdiff_t)a_lead : 1;
  t.b_k = (ptrdiff_t)b_lead;
  t.c_row = (ptrdiff_t)cols + below(5);
  size_t a_words = a_turned ? (size_t)(depth - 1) * a_lead + rows : (size_t)(rows - 1) * a_lead + depth;
  size_t b_words = (size_t)(depth - 1) * b_lead + cols, c_words = (size_t)(rows - 1) * (size_t)t.c_row + cols;
  uint32_t *a = take(a_words, 4), *bw = take(b_words, 4), *c = take(c_words, 4), *want = take(c_words, 4);
  fill((uint32_t)a_words, a, kind);
  fill((uint32_t)b_words, bw, kind);
  fill((uint32_t)c_words, c, kind == SPECIAL ? BITS : kind);
  memcpy(want, c, c_words * sizeof *c);
  /* Infinite sums without a NaN: a kernel that multiplies them by zero where there is no column must not say NaN. */
  if (kind == UNIT && below(4) == 0) {
    a[below(rows) * (uint32_t)t.a_row + below(depth) * (uint32_t)t.a_k] = 0x7f800000;
    for (size_t i = 0; i < b_words; i++) bw[i] &= 0x7fffffffu;
  }

  uint32_t order[BACKEND_BLOCK], count = 0;
  for (uint32_t k = 0; k < depth && t.runs_count < BACKEND_BLOCK; t.runs_count++) {
    uint32_t length = t.runs_count + 1 < pieces ? 1 + below(depth - k) : depth - k;
    runs[t.runs_count] = (struct dot_run){.a = (ptrdiff_t)k * t.a_k, .b = (ptrdiff_t)k * t.b_k, .length = length};
    k += length;
  }
  for (uint32_t i = t.runs_count; i > 1; i--) {
    uint32_t j = below(i);
    struct dot_run swap = runs[i - 1];
    runs[i - 1] = runs[j];
    runs[j] = swap;
  }
  for (uint32_t r = 0; r < t.runs_count; r++)
    for (uint32_t k = 0; k < runs[r].length; k++) order[count++] = (uint32_t)(runs[r].b / t.b_k) + k;

  bool nan = false;
  for (uint32_t i = 0; i < rows; i++)
    for (uint32_t j = 0; j < cols; j++) {
      uint32_t *to = want + (size_t)i * (size_t)t.c_row + j, s = t.store == DOT_MORE ? *to : 0;
      for (uint32_t k = 0; k < count; k++)
        s = reference_apply(CANON_FMA, a[(ptrdiff_t)i * t.a_row + (ptrdiff_t)order[k] * t.a_k],
                            bw[(size_t)order[k] * b_lead + j], s);
      if (t.store == DOT_FIRST || t.store == DOT_NEXT)
        s = reference_apply(CANON_ADD, t.store == DOT_FIRST ? 0 : *to, s, 0);
      *to = s;
      nan |= is_nan(s);
    }
  /* The words travel as floats from here on; the gaps between rows must come back as they were. */
  t.a = (const float *)(const void *)a;
  t.b = (const float *)(const void *)bw;
  t.c = (float *)(void *)c;
  bool said = b->dot(&t);
  CHECK(said == nan, "%s dot %u x %u: NaN %d, said %d", b->name, rows, cols, nan, said);
  for (size_t i = 0; i < c_words; i++) {
    bool gap = i % (size_t)t.c_row >= cols;
    uint32_t got = gap ? c[i] : canonical(c[i]), wanted = gap ? want[i] : canonical(want[i]);
    CHECK(got == wanted, "%s dot %u x %u depth %u runs %u store %d kind %d at %zu: %08x, not %08x", b->name, rows, cols,
          depth, t.runs_count, (int)t.store, (int)kind, i, got, wanted);
    if (got != wanted) break;
  }
  free(a), free(bw), free(c), free(want);
}

/* Words of c against those wanted; gaps between rows as they were. */
static void compare_rows(const char *what, uint32_t rows, uint32_t cols, ptrdiff_t row, const uint32_t *c,
                         const uint32_t *want) {
  for (size_t i = 0; i < (size_t)(rows - 1) * (size_t)row + cols; i++) {
    bool gap = i % (size_t)row >= cols;
    uint32_t got = gap ? c[i] : canonical(c[i]), wanted = gap ? want[i] : canonical(want[i]);
    CHECK(got == wanted, "%s %u x %u at %zu: %08x, not %08x", what, rows, cols, i, got, wanted);
    if (got != wanted) break;
  }
}

/* A line's tile: runs that leave out a row at either end, or none, against chains of the reference's fma. */
static void test_line_once(const struct backend *b, uint32_t rows, uint32_t cols, ptrdiff_t a_row, enum kind kind) {
  enum { RUNS = 4 };
  struct line_run run[RUNS];
  struct line_tile t = {.runs = run, .rows = rows, .cols = cols, .a_row = a_row, .store = (enum dot_store)below(2)};
  t.runs_count = below(RUNS + 1);
  t.b_k = (ptrdiff_t)(cols + below(5));
  t.c_row = (ptrdiff_t)(cols + below(5));
  const uint32_t depth = 9, a_words = rows * (uint32_t)a_row + depth, b_words = RUNS * depth * (uint32_t)t.b_k;
  const uint32_t c_words = rows * (uint32_t)t.c_row;
  uint32_t *a = take(a_words, 4), *bw = take(b_words, 4), *c = take(c_words, 4), *want = take(c_words, 4);
  fill(a_words, a, kind);
  fill(b_words, bw, kind);
  fill(c_words, c, kind == SPECIAL ? BITS : kind);
  memcpy(want, c, c_words * sizeof *c);
  for (uint32_t r = 0; r < RUNS; r++) {
    run[r] = (struct line_run){.b = (ptrdiff_t)(r * depth) * t.b_k, .length = 1 + below(depth), .end = (uint16_t)rows};
    uint32_t leaves = below(3);
    if (leaves == 1) run[r].first = 1;
    if (leaves == 2) run[r].end--;
    run[r].a = run[r].first * a_row + (ptrdiff_t)below(depth - run[r].length + 1);
  }
  bool nan = false;
  for (uint32_t i = 0; i < rows; i++)
    for (uint32_t j = 0; j < cols; j++) {
      uint32_t *to = want + (size_t)i * (size_t)t.c_row + j, s = 0;
      for (uint32_t r = 0; r < t.runs_count; r++)
        for (uint32_t k = 0; k < run[r].length && i >= run[r].first && i < run[r].end; k++)
          s = reference_apply(CANON_FMA, a[run[r].a + (ptrdiff_t)(i - run[r].first) * a_row + k],
                              bw[run[r].b + (ptrdiff_t)k * t.b_k + j], s);
      *to = reference_apply(CANON_ADD, t.store == DOT_FIRST ? 0 : *to, s, 0);
      nan |= is_nan(*to);
    }
  t.a = (const float *)(const void *)a;
  t.b = (const float *)(const void *)bw;
  t.c = (float *)(void *)c;
  bool said = b->line(&t);
  CHECK(said == nan, "%s line %u x %u: NaN %d, said %d", b->name, rows, cols, nan, said);
  compare_rows("line", rows, cols, t.c_row, c, want);
  free(a), free(bw), free(c), free(want);
}

static void test_line(const struct backend *b) {
  static const ptrdiff_t strides[] = {16, 32, 48, 7};
  uint32_t tested = 0;
  if (!b->line) return;
  for (uint32_t cols = 1; cols <= 32; cols++)
    for (uint32_t rows = 1; rows <= b->line_rows[cols > 16]; rows++)
      for (int i = 0; i < 4; i++) {
        if (!b->line_fits(rows, cols, strides[i])) continue;
        tested++;
        for (enum kind kind = 0; kind < KINDS; kind++) test_line_once(b, rows, cols, strides[i], kind);
      }
  CHECK(tested > 100 && b->line_fits(28, 16, 16) && b->line_fits(14, 32, 64), "%s: %u tiles of lines", b->name, tested);
}

/* All taps of a place as rows, lines of any length and place. */
static void test_patch_once(const struct backend *b, uint32_t pieces, uint32_t span, uint32_t cols, enum kind kind) {
  enum { LINES = 4, PLACES = 11 };
  struct patch_line line[LINES];
  struct patch_tile t = {.lines = line, .pieces = pieces, .span = span, .cols = cols};
  t.lines_count = below(LINES + 1);
  t.step = (ptrdiff_t)(1 + below(3));
  t.b_k = (ptrdiff_t)(cols + below(3));
  t.c_row = (ptrdiff_t)(cols + below(3));
  t.store = below(2) ? DOT_RAW : DOT_MORE;
  const uint32_t row_words = (PLACES - 1) * (uint32_t)t.step + span, a_words = LINES * pieces * row_words;
  const uint32_t b_words = (LINES * PLACES - 1) * (uint32_t)t.b_k + cols,
                 c_words = (pieces * span - 1) * (uint32_t)t.c_row + cols;
  uint32_t *a = take(a_words, 4), *bw = take(b_words, 4), *c = take(c_words, 4), *want = take(c_words, 4);
  fill(a_words, a, kind);
  fill(b_words, bw, kind);
  fill(c_words, c, kind == SPECIAL ? BITS : kind);
  memcpy(want, c, c_words * sizeof *c);
  uint32_t from[LINES][PATCH_PIECES];
  for (uint32_t n = 0; n < LINES; n++) {
    line[n].length = below(3) ? 1 + below(PLACES) : PLACES;
    line[n].b = (const float *)(const void *)(bw + n * PLACES * (uint32_t)t.b_k);
    for (uint32_t i = 0; i < pieces; i++) { /* often the last row, behind which the sanitizer looks */
      from[n][i] = (below(4) ? below(LINES * pieces) : LINES * pieces - 1) * row_words;
      line[n].row[i] = (const float *)(const void *)(a + from[n][i]);
    }
  }
  bool nan = false;
  for (uint32_t i = 0; i < pieces * span; i++)
    for (uint32_t j = 0; j < cols; j++) {
      uint32_t *to = want + (size_t)i * (size_t)t.c_row + j, s = t.store == DOT_MORE ? *to : 0;
      for (uint32_t n = 0; n < t.lines_count; n++)
        for (uint32_t p = 0; p < line[n].length; p++)
          s = reference_apply(CANON_FMA, a[from[n][i / span] + p * (uint32_t)t.step + i % span],
                              bw[(n * PLACES + p) * (uint32_t)t.b_k + j], s);
      *to = s;
      nan |= is_nan(s);
    }
  t.c = (float *)(void *)c;
  bool said = b->patch(&t);
  CHECK(said == nan, "%s patch %u x %u: NaN %d, said %d", b->name, pieces * span, cols, nan, said);
  compare_rows("patch", pieces * span, cols, t.c_row, c, want);
  free(a), free(bw), free(c), free(want);
}

static void test_patch(const struct backend *b) {
  uint32_t tested = 0;
  if (!b->patch) return;
  for (uint32_t pieces = 1; pieces <= PATCH_PIECES; pieces++)
    for (uint32_t span = 1; span <= 25; span++)
      for (uint32_t cols = 1; cols <= 32; cols++) {
        if (!b->patch_fits(pieces, span, cols)) continue;
        tested++;
        for (int again = 0; again < 3; again++)
          for (enum kind kind = 0; kind < KINDS; kind++) test_patch_once(b, pieces, span, cols, kind);
      }
  CHECK(tested > 20 && b->patch_fits(3, 3, 16) && b->patch_fits(5, 5, 6), "%s: %u patches", b->name, tested);
}

static void test_dot(const struct backend *b) {
  static const uint32_t depths[] = {1, 2, 3, 9, 31, 64};
  for (uint32_t rows = 1; rows <= b->dot_rows; rows++)
    for (uint32_t cols = 1; cols <= b->dot_cols; cols++) {
      for (enum kind kind = 0; kind < KINDS; kind++) test_dot_once(b, rows, cols, depths[below(6)], kind, false);
      test_dot_once(b, rows, cols, depths[below(6)], UNIT, false);
    }
  for (uint32_t rows = 1; rows <= b->slim_rows; rows++)
    for (uint32_t cols = 1; cols <= b->slim_cols; cols++)
      for (enum kind kind = 0; kind < KINDS; kind++) test_dot_once(b, rows, cols, depths[below(6)], kind, true);
  for (uint32_t rows = 1; rows <= BACKEND_FLAT_ROWS; rows++)
    for (uint32_t cols = b->dot_cols + 1; cols <= b->flat_cols[rows]; cols++)
      for (enum kind kind = 0; kind < KINDS; kind++) test_dot_once(b, rows, cols, depths[below(6)], kind, cols % 2);
  for (uint32_t i = 0; i < 24; i++)
    test_dot_once(b, 1 + below(b->dot_rows), 1 + below(b->dot_cols), 509 + below(4), i % 2 ? UNIT : SMALL, false);
  test_dot_once(b, b->dot_rows, b->dot_cols, 512, UNIT, false);
}

/* Panels of every width from operands of any stride; what lies between rows of the panel stays. */
static void test_dot_pack(const struct backend *b) {
  for (uint32_t cols = 1; cols <= b->dot_cols + 3; cols++)
    for (int turned = 0; turned < 3; turned++) {
      uint32_t depth = 1 + below(70), step = 1 + (turned == 2), in_lead = (turned ? depth : cols) * step + below(3);
      ptrdiff_t in_k = turned ? (ptrdiff_t)step : (ptrdiff_t)in_lead, in_col = turned ? (ptrdiff_t)in_lead : 1;
      ptrdiff_t out_k = (ptrdiff_t)cols + below(3);
      size_t in_words = (size_t)(depth - 1) * (size_t)in_k + (size_t)(cols - 1) * (size_t)in_col + 1;
      size_t out_words = (size_t)(depth - 1) * (size_t)out_k + cols;
      uint32_t *in = take(in_words, 4), *out = take(out_words, 4), *want = take(out_words, 4);
      fill((uint32_t)in_words, in, BITS);
      for (size_t i = 0; i < out_words; i++) out[i] = want[i] = 0x5a5a5a5au;
      for (uint32_t p = 0; p < depth; p++)
        for (uint32_t j = 0; j < cols; j++)
          want[(ptrdiff_t)p * out_k + j] = in[(ptrdiff_t)p * in_k + (ptrdiff_t)j * in_col];
      b->dot_pack(depth, cols, (const float *)(const void *)in, in_k, in_col, (float *)(void *)out, out_k);
      CHECK(memcmp(out, want, out_words * sizeof *out) == 0, "%s dot_pack %u x %u turned %d", b->name, depth, cols,
            turned);
      free(in), free(out), free(want);
    }
}

static void test_reductions(const struct backend *b) {
  for (uint32_t n = 1; n <= CANON_CHUNK; n++) {
    enum kind kind = n % 5 ? UNIT : (enum kind)below(KINDS);
    uint32_t *x = take(n, 4), l[CANON_LANES] = {0};
    fill(n, x, kind);
    uint32_t most = canonical(x[0]), least = most;
    for (uint32_t k = 0; k < n; k++) {
      l[k % CANON_LANES] = reference_apply(CANON_ADD, l[k % CANON_LANES], x[k], 0);
      most = reference_apply(CANON_MAX, most, x[k], 0);
      least = reference_apply(CANON_MIN, least, x[k], 0);
    }
    for (uint32_t w = CANON_LANES / 2; w > 0; w /= 2)
      for (uint32_t j = 0; j < w; j++) l[j] = reference_apply(CANON_ADD, l[j], l[j + w], 0);
    CHECK(canonical(b->lanes(n, x)) == canonical(l[0]), "%s lanes of %u", b->name, n);
    CHECK(canonical(b->fmax(n, x)) == most, "%s fmax of %u kind %d", b->name, n, (int)kind);
    CHECK(canonical(b->fmin(n, x)) == least, "%s fmin of %u kind %d", b->name, n, (int)kind);

    uint32_t *copy = take(n, 4);
    memcpy(copy, x, n * sizeof *x);
    uint32_t far[CANON_CHUNK + 33] = {0}, to = n % 17; /* off a line, and on it */
    uint32_t *line = far + (16 - (uintptr_t)far / 4 % 16) % 16;
    b->copy_far(n, line + to, x);
    b->copies_settle();
    CHECK(memcmp(line + to, x, n * sizeof *x) == 0 && line[to + n] == 0, "%s copy_far of %u", b->name, n);
    b->canonical(n, copy);
    for (uint32_t k = 0; k < n; k++) CHECK(copy[k] == canonical(x[k]), "%s canonical of %u at %u", b->name, n, k);

    uint8_t *bytes = take(n, 1);
    b->narrow_u8(n, bytes, x);
    for (uint32_t k = 0; k < n; k++) CHECK(bytes[k] == (uint8_t)x[k], "%s narrow_u8 of %u at %u", b->name, n, k);
    b->widen_u8(n, copy, bytes);
    for (uint32_t k = 0; k < n; k++) CHECK(copy[k] == bytes[k], "%s widen_u8 of %u at %u", b->name, n, k);
    free(x), free(copy), free(bytes);
  }
}

static void test_lines(const struct backend *b) {
  for (uint32_t n = 1; n <= 150; n++) {
    enum { LINES = 20 };
    uint32_t lines = 1 + below(LINES), lead = n + below(3), end[LINES], most = 0;
    uint32_t low = n % 2 ? 0 : 0x6f800000, span = n % 2 ? 0 : 0x10000000, want[LINES] = {0};
    uint32_t *x = take((size_t)lines * lead, 4);
    fill(lines * lead, x, (enum kind)below(KINDS));
    for (uint32_t l = 0; l < lines; l++)
      for (uint32_t i = below(n + 1); i < n && l % 8 != n % 11; i++) /* in some eights, one line has none */
        x[l * lead + i] = low + (span ? below(span + 1) : 0) + (below(2) << 31);
    for (uint32_t l = 0; l < lines; l++)
      for (uint32_t i = 0; i < n; i++) {
        uint32_t size = x[l * lead + i] & 0x7fffffff, *of = &want[l / 8 * 8];
        if ((size < low || size > low + span) && i >= *of) *of = (i / 16 + 1) * 16 < n ? (i / 16 + 1) * 16 : n;
        if (size > most) most = size;
      }
    b->tails(lines, n, x, (ptrdiff_t)lead, low, span, end);
    for (uint32_t l = 0; l < lines; l++)
      CHECK(end[l] == want[l / 8 * 8], "%s tail of line %u of %u words: %u, not %u", b->name, l, n, end[l],
            want[l / 8 * 8]);
    CHECK(b->largest(lines, n, x, (ptrdiff_t)lead) == most, "%s largest of %u x %u", b->name, lines, n);
    free(x);
  }
}

static void test_column_chain(const struct backend *b) {
  for (uint32_t cols = 1; cols <= 150; cols++) {
    uint32_t rows = cols % 16 ? 1 + below(9) : 512, lead = cols + below(3);
    size_t words = (size_t)(rows - 1) * lead + cols;
    uint32_t *x = take(words, 4), *s = take(cols, 4), *want = take(cols, 4);
    enum kind kind = (enum kind)below(KINDS);
    fill((uint32_t)words, x, kind);
    fill(cols, s, kind);
    for (uint32_t j = 0; j < cols; j++) {
      want[j] = s[j];
      for (uint32_t r = 0; r < rows; r++) want[j] = reference_apply(CANON_ADD, want[j], x[(size_t)r * lead + j], 0);
    }
    b->column_chain(rows, cols, (const float *)(const void *)x, (ptrdiff_t)lead, (float *)(void *)s);
    for (uint32_t j = 0; j < cols; j++)
      CHECK(canonical(s[j]) == canonical(want[j]), "%s column_chain %u x %u at %u", b->name, rows, cols, j);
    free(x), free(s), free(want);
  }
}

static void test_column_dot(const struct backend *b) {
  for (uint32_t cols = 1; cols <= 150; cols++) {
    uint32_t rows = cols % 16 ? 1 + below(9) : 512, lead[2] = {cols + below(3), cols + below(3)};
    uint32_t *x[2], *s = take(cols, 4), *want = take(cols, 4);
    enum kind kind = (enum kind)below(KINDS);
    for (int i = 0; i < 2; i++) {
      size_t words = (size_t)(rows - 1) * lead[i] + cols;
      x[i] = take(words, 4);
      fill((uint32_t)words, x[i], kind);
    }
    fill(cols, s, kind);
    for (uint32_t j = 0; j < cols; j++) {
      want[j] = s[j];
      for (uint32_t r = 0; r < rows; r++)
        want[j] = reference_apply(CANON_FMA, x[0][(size_t)r * lead[0] + j], x[1][(size_t)r * lead[1] + j], want[j]);
    }
    b->column_dot(rows, cols, (const float *)(const void *)x[0], (ptrdiff_t)lead[0], (const float *)(const void *)x[1],
                  (ptrdiff_t)lead[1], (float *)(void *)s);
    for (uint32_t j = 0; j < cols; j++)
      CHECK(canonical(s[j]) == canonical(want[j]), "%s column_dot %u x %u at %u", b->name, rows, cols, j);
    free(x[0]), free(x[1]), free(s), free(want);
  }
}

static void test_rows_fma(const struct backend *b) {
  for (uint32_t cols = 1; cols <= 70; cols++) {
    uint32_t rows = 1 + below(9), x_row = cols + below(3), y_row = cols + below(40);
    size_t x_words = (size_t)(rows - 1) * x_row + cols, y_words = (size_t)(rows - 1) * y_row + cols;
    uint32_t *x = take(x_words, 4), *w = take(cols, 4), *y = take(y_words, 4), *want = take(y_words, 4);
    enum kind kind = (enum kind)below(KINDS);
    fill((uint32_t)x_words, x, kind);
    fill(cols, w, kind);
    fill((uint32_t)y_words, y, kind);
    memcpy(want, y, y_words * 4);
    for (uint32_t r = 0; r < rows; r++)
      for (uint32_t j = 0; j < cols; j++) {
        uint32_t *at = &want[(size_t)r * y_row + j];
        *at = reference_apply(CANON_FMA, x[(size_t)r * x_row + j], w[j], *at);
      }
    b->rows_fma(rows, cols, (const float *)(const void *)x, (ptrdiff_t)x_row, (const float *)(const void *)w,
                (float *)(void *)y, (ptrdiff_t)y_row);
    for (size_t i = 0; i < y_words; i++)
      CHECK(canonical(y[i]) == canonical(want[i]), "%s rows_fma %u x %u at %zu", b->name, rows, cols, i);
    free(x), free(w), free(y), free(want);
  }
}

/* Sizes as places of one column, and as a few places with columns and a step of their own. */
static void test_window_max(const struct backend *b) {
  for (int s = 0; s < SIZES; s++)
    for (enum kind kind = 0; kind < KINDS; kind++) {
      uint32_t places = 1 + below(3) * below(9), cols = sizes[s], taps = s % 9 == 8 ? 255 : 1 + below(9);
      uint32_t step = cols + below(5), n = places * cols;
      const float *x[255];
      uint32_t *words[255];
      for (uint32_t t = 0; t < taps; t++) {
        size_t words_t = (size_t)(places - 1) * step + cols;
        words[t] = take(words_t, 4);
        fill(words_t, words[t], kind);
        if (kind == UNIT) /* ties, and zeros of both signs */
          for (size_t j = 0; j < words_t; j++) words[t][j] = special[below(2) ? below(2) : 8 + below(4)];
        x[t] = (const float *)(const void *)words[t];
      }
      float *m = take(n, sizeof *m);
      uint8_t *first = take(n, 1);
      b->window_max(places, cols, (ptrdiff_t)step, taps, x, m, first);
      for (uint32_t i = 0; i < n; i++) {
        size_t at = (size_t)(i / cols) * step + i % cols;
        uint32_t most = canonical(words[0][at]), lowest = 255;
        for (uint32_t t = 0; t < taps; t++) most = reference_apply(CANON_MAX, most, words[t][at], 0);
        for (uint32_t t = taps; t-- > 0;)
          if (reference_apply(CANON_FEQ, words[t][at], most, 0)) lowest = t;
        CHECK(bits_of(m[i]) == most, "%s window_max %u x %u taps %u at %u", b->name, places, cols, taps, i);
        CHECK(first[i] == lowest, "%s window_max %u x %u taps %u at %u: tap %u, not %u", b->name, places, cols, taps, i,
              first[i], lowest);
      }
      for (uint32_t t = 0; t < taps; t++) free(words[t]);
      free(m), free(first);
    }
}

static void test_window_back(const struct backend *b) {
  for (int s = 0; s < SIZES; s++)
    for (enum kind kind = 0; kind < KINDS; kind++) {
      uint32_t windows = 1 + below(kind == UNIT ? 200 : 7), wide = 1 + below(4), cols = sizes[s], from = windows * cols,
               to = from * wide;
      uint32_t tap = below(2) ? below(3) : 250, way = below(3); /* no mask, beside out, in its place */
      uint32_t *dy = take(from, 4), *mask = take(to, 4), *out = take(to, 4), *want = take(to, 4);
      uint8_t *first = take(from, 1);
      fill(from, dy, kind), fill(to, mask, kind);
      for (uint32_t i = 0; i < from; i++) first[i] = (uint8_t)(tap + below(wide + 1));
      for (uint32_t i = 0; i < to; i++) {
        uint32_t of = i / cols / wide * cols + i % cols;
        bool mine = first[of] == tap + i / cols % wide;
        if (way && reference_apply(CANON_FLE, mask[i], 0, 0)) mine = false;
        want[i] = mine ? canonical(dy[of]) : 0;
      }
      if (way == 2) memcpy(out, mask, to * sizeof *out);
      b->window_back(windows, wide, cols, first, (const float *)(const void *)dy, tap,
                     way == 0 ? NULL : (const float *)(const void *)(way == 2 ? out : mask), (float *)(void *)out);
      for (uint32_t i = 0; i < to; i++)
        CHECK(out[i] == want[i], "%s window_back %u of %u x %u, way %u, at %u", b->name, windows, wide, cols, way, i);
      free(dy), free(mask), free(out), free(want), free(first);
    }
}

static void test_random(const struct backend *b) {
  for (int i = 0; i < SIZES; i++)
    for (int pattern = 0; pattern < 3; pattern++) { /* anything, in a row, in a row from the middle of a counter */
      uint32_t n = sizes[i], *x = take(n, 4), *out = take(n, 4), start = pattern == 1 ? draw() & ~3u : draw();
      uint32_t s = draw(), step = draw();
      uint64_t seed = (uint64_t)draw() << 32 | draw();
      for (uint32_t j = 0; j < n; j++) x[j] = pattern ? start + j : draw();
      if (pattern == 1 && n > 70) x[70] ^= below(2);
      b->rand(n, out, x, s, step, seed);
      for (uint32_t j = 0; j < n; j++)
        CHECK(out[j] == random_word(x[j], s, step, seed), "%s rand n %u at %u", b->name, n, j);
      free(x), free(out);
    }
  static const int32_t counts[] = {
      1,  2,  3,  4,   5,   6,    7,     8,     9,     10,         15,        16,           17,
      24, 25, 26, 100, 999, 4096, 60000, 65536, 65537, 1000000007, INT32_MAX, INT32_MAX - 1};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (int i = 0; i < 6; i++) {
      int32_t n = counts[c], first = i == 0   ? -3
                                     : i == 1 ? n - 3
                                     : i == 2 ? INT32_MAX - 5
                                              : (int32_t)below((uint32_t)n);
      uint32_t count = 1 + below(70), e = draw(), *out = take(count, 4);
      uint64_t seed = (uint64_t)draw() << 32 | draw();
      b->perm(count, out, e, n, first, seed);
      for (uint32_t j = 0; j < count; j++) {
        int32_t want = random_perm(e, n, (int32_t)((uint32_t)first + j), seed);
        CHECK((int32_t)out[j] == want, "%s perm n %" PRId32 " first %" PRId32 " at %u: %" PRId32 ", not %" PRId32,
              b->name, n, first, j, (int32_t)out[j], want);
      }
      free(out);
    }
}

static void test_choice(void) {
  CHECK(backend_named("scalar") == &backend_scalar, "scalar runs everywhere");
  CHECK(backend_named("abacus") == NULL, "an unknown name is no back end");
  CHECK(backend_best() != NULL, "there is always one");
  backend_thread_enter();
  CHECK(backend_thread_check(), "a thread that entered computes exactly");
}

int main(int argc, char **argv) {
  if (argc > 1) state = strtoull(argv[1], NULL, 10) * 2 + 1;
  test_choice();
  static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct backend *b = backend_named(names[i]);
    if (!b) continue;
    test_maps(b);
    test_short_ways(b);
    test_exp_calm(b);
    test_division_by_word(b);
    test_exp_low(b);
    test_dot(b);
    test_line(b);
    test_patch(b);
    test_dot_pack(b);
    test_reductions(b);
    test_column_chain(b);
    test_column_dot(b);
    test_lines(b);
    test_rows_fma(b);
    test_window_max(b);
    test_window_back(b);
    test_random(b);
    printf("%s: %s\n", b->name, failures ? "DIFFERS" : "equal to the reference");
  }
  return failures != 0;
}
