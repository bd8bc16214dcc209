/* backend: the block and tile kernels that a fast executor is made of, one table per instruction set.
 *
 * A back end equals numeric/reference bit for bit, except that it may leave a NaN's bits as they fall: `canonical` is
 * called once where a value is stored (NUMERICS 1.4). Kernels keep no state and may run on any thread whose control
 * register backend_thread_enter has set. Uses: canon. */
#ifndef NUMERIC_BACKEND_H
#define NUMERIC_BACKEND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BACKEND_BLOCK = 1024, BACKEND_FLAT_ROWS = 8, PATCH_PIECES = 5, BACKEND_CODES = 0x44, BACKEND_FUSED = 25 };

/* `length` consecutive k; the addresses of a and b, in floats relative to the tile's, at the first of them. */
struct dot_run {
  ptrdiff_t a, b;
  uint32_t length;
};

/* How a tile's chunk sums meet c: FIRST c = 0 + s (NUMERICS 3.2), NEXT c = c + s, RAW c = s (a workspace for split K),
 * MORE c = s where the chain s starts at c instead of +0: the k after those whose chain was left there by RAW. */
enum dot_store { DOT_FIRST, DOT_NEXT, DOT_RAW, DOT_MORE };

/* Where a later tile's operands lie, asked for into the second cache while this tile computes, one line a k and never
 * read: at, at + step, .. `length` of them, then a turn of `turn` floats, and so on. A hint: any address will do. Lines
 * in the order of memory are worth most, since the machine then runs ahead by itself; a step of half a line (8 floats)
 * asks at half the rate, which is what one core's queue of misses to far memory can bear. Only whole tiles
 * ask, and flat ones, which take no turns. */
struct dot_later {
  const float *at;
  ptrdiff_t step, turn;
  uint32_t length; /* at least 1 */
};

/* One chunk (runs of at most 512 k together) of a rows x cols tile: s[i][j] = chain of fma(a[i, k], b[k, j], s), k
 * ascending. a[i, k] = a[run.a + i * a_row + k * a_k]   b[k, j] = b[run.b + k * b_k + j]   c[i, j] = c[i * c_row + j]
 * strides in floats */
struct dot_tile {
  const struct dot_run *runs;
  uint32_t runs_count, rows, cols; /* at most dot_rows and dot_cols of the back end, but for slim and flat tiles */
  const float *a, *b;
  float *c;
  ptrdiff_t a_row, a_k, b_k, c_row;
  enum dot_store store;
  bool c_far;                    /* c lies beyond the second cache: asked for before the first k */
  const struct dot_later *later; /* NULL: nothing is asked for */
};

/* `length` consecutive k of a line_tile: rows first .. end - 1 alone meet them; a is the address of row `first`. */
struct line_run {
  ptrdiff_t a, b;
  uint32_t length;
  uint16_t first, end;
};

/* A dot_tile whose rows are places of an image's line, a_k 1: a tap may see nothing at one end of it. Of a run, `first`
 * is 0 or 1, `end` is rows or rows - 1, and not both 1 and rows - 1. store is FIRST or NEXT. */
struct line_tile {
  const struct line_run *runs;
  uint32_t runs_count, rows, cols;
  const float *a, *b;
  float *c;
  ptrdiff_t a_row, b_k, c_row;
  enum dot_store store;
};

/* Places of one line: row[i] is what the first of them sees of the image's ith row, b their gradient. */
struct patch_line {
  const float *row[PATCH_PIECES], *b;
  uint32_t length;
};

/* One chunk of a filter's gradient, all taps of a place as rows: c[(i * span + j) * c_row + l] = chain over the lines'
 * places p of fma(row[i][p * step + j], b[p * b_k + l], s), for i < pieces, j < span, l < cols. store is RAW or MORE.
 */
struct patch_tile {
  const struct patch_line *lines;
  uint32_t lines_count, pieces, span, cols;
  float *c;
  ptrdiff_t step, b_k, c_row;
  enum dot_store store;
};

/* Element-wise operation over n <= BACKEND_BLOCK words (of BITS, a copy, and of `canonical` below any number); unused
 * operands are NULL; out may equal an operand. */
typedef void backend_map(uint32_t n, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c);

/* Input of a fused body: a vector of n words, or one that is the same word for all elements. */
struct backend_in {
  const uint32_t *at;
  bool same;
};

/* One body of numeric/fused over n <= BACKEND_BLOCK elements: out[k] is its kth kept step, every NaN in it canonical;
 * an output may equal an input. */
typedef void backend_fused(uint32_t n, uint32_t *const *out, const struct backend_in *in);

struct backend {
  const char *name; /* scalar avx2 avx512 neon */
  uint32_t dot_rows, dot_cols;
  uint32_t slim_rows, slim_cols; /* a tile of at most slim_cols columns may have slim_rows rows where a_row is 1, or 6, 16,
                                  * 32 or 64 with a_k 1; 0: no more than any other */
  uint32_t flat_cols[BACKEND_FLAT_ROWS + 1]; /* a tile of so many rows may have more columns; 0: no more than any other.
                                              * c_far is nothing to it. */

  /* returns whether any value stored is a NaN */
  bool (*dot)(const struct dot_tile *tile);

  /* line is dot for tiles of lines, NULL: there is none. line_rows: most rows of up to 16 columns, and of up to 32;
   * line_fits: which are there, at cols columns or fewer. */
  bool (*line)(const struct line_tile *tile);
  bool (*line_fits)(uint32_t rows, uint32_t cols, ptrdiff_t a_row);
  uint32_t line_rows[2];

  /* Says, as dot does, whether a sum is a NaN. NULL: there is none. patch_fits: which are there. */
  bool (*patch)(const struct patch_tile *tile);
  bool (*patch_fits)(uint32_t pieces, uint32_t span, uint32_t cols);

  /* out[p * out_k + j] = in[p * in_k + j * in_col] for p < depth, j < cols: a panel of b whose columns are not side by
   * side (in_k == 1 is transposed in registers), or of a whose rows are. Any cols; all else in out stays. */
  void (*dot_pack)(uint32_t depth, uint32_t cols, const float *in, ptrdiff_t in_k, ptrdiff_t in_col, float *out,
                   ptrdiff_t out_k);

  /* map[code][m]: bit i of m says that operand i is one word for all elements. Every code 00..43 that the canon has is
   * there for every m < 1 << arity. min, max and functions already give CANON_NAN-or-any-NaN as the canon asks. */
  backend_map *map[BACKEND_CODES][8];

  /* BACKEND_FUSED of them in the order of fused_bodies; NULL: none here. */
  backend_fused *const *fused;

  /* Replaces every NaN by CANON_NAN, in place. Loads: widens u8 to words. Stores: narrows words to u8 (low 8 bits). */
  void (*canonical)(uint32_t n, uint32_t *words);
  void (*widen_u8)(uint32_t n, uint32_t *out, const uint8_t *in);
  void (*narrow_u8)(uint32_t n, uint8_t *out, const uint32_t *in);

  /* Copies words to where nobody looks for a while, past the caches where the machine can: a store that first fetches
   * the line it overwrites moves twice the bytes. Quick for whole lines (64 bytes) of `out`. Other threads may look
   * only after copies_settle on this one and what orders threads otherwise. */
  void (*copy_far)(uint32_t n, uint32_t *out, const uint32_t *in);
  void (*copies_settle)(void);

  /* Chunk results over n <= 512 words that are one chunk, k ascending: `lanes` sum (NUMERICS 3.4), fmin, fmax. */
  uint32_t (*lanes)(uint32_t n, const uint32_t *x);
  uint32_t (*fmax)(uint32_t n, const uint32_t *x);
  uint32_t (*fmin)(uint32_t n, const uint32_t *x);

  /* Of lines of n words, `line` words apart, each word without its sign: end[l] = where line l and the others of its
   * eight (0 to 7, 8 to 15, ..) end if all words from low to low + span behind their last other word are cut off by
   * sixteens, counted from the start (a multiple of 16, or n). largest: of all words; below 7f800000 all are finite. */
  void (*tails)(uint32_t lines, uint32_t n, const uint32_t *x, ptrdiff_t line, uint32_t low, uint32_t span,
                uint32_t *end);
  uint32_t (*largest)(uint32_t lines, uint32_t n, const uint32_t *x, ptrdiff_t line);

  /* s[j] = chain over r of s[j] + x[r * row + j], r ascending, j < cols (any cols): column sums of one chunk. */
  void (*column_chain)(uint32_t rows, uint32_t cols, const float *x, ptrdiff_t row, float *s);

  /* s[j] = chain over r of fma(x[r * x_row + j], y[r * y_row + j], s[j]) alike: columns of products. */
  void (*column_dot)(uint32_t rows, uint32_t cols, const float *x, ptrdiff_t x_row, const float *y, ptrdiff_t y_row,
                     float *s);

  /* y[r * y_row + j] = fma(x[r * x_row + j], w[j], y[r * y_row + j]), j < cols (any cols): one tap for a row of places.
   */
  void (*rows_fma)(uint32_t rows, uint32_t cols, const float *x, ptrdiff_t x_row, const float *w, float *y,
                   ptrdiff_t y_row);

  /* m[p * cols + j] = max over taps t of x[t][p * step + j], for p < places, j < cols (any cols); first of it = lowest
   * t with that x equal to it, 255 if none. taps <= 255. NaN come canonical. */
  void (*window_max)(uint32_t places, uint32_t cols, ptrdiff_t step, uint32_t taps, const float *const *x, float *m,
                     uint8_t *first);

  /* The gradient of a row of windows that lie side by side, along one row of their taps, `wide` of them numbered from
   * `tap`: out[(w * wide + t) * cols + j] = dy[w * cols + j] if first[w * cols + j] == tap + t and, unless mask is
   * NULL, mask there is not <= 0; else +0. NaN come canonical. out may be mask. */
  void (*window_back)(uint32_t windows, uint32_t wide, uint32_t cols, const uint8_t *first, const float *dy,
                      uint32_t tap, const float *mask, float *out);

  /* out[j] = rand(x[j], s) and out[j] = perm(e, n, first + j). */
  void (*rand)(uint32_t count, uint32_t *out, const uint32_t *x, uint32_t s, uint32_t step, uint64_t seed);
  void (*perm)(uint32_t count, uint32_t *out, uint32_t e, int32_t n, int32_t first, uint64_t seed);
};

/* backend_scalar is always there and is the slow twin. backend_best is the fastest that this machine runs, or the one
 * named by the environment variable ASSAY_BACKEND where it runs; backend_named returns NULL for an unknown name or a
 * machine that lacks it. */
extern const struct backend backend_scalar;
const struct backend *backend_best(void);
const struct backend *backend_named(const char *name);

/* backend_thread_enter sets round-to-nearest-even, no flush to zero, all exceptions masked (MXCSR 0x1f80, FPCR 0).
 * backend_thread_check says whether that still holds: a library that switched it would change bits. */
void backend_thread_enter(void);
bool backend_thread_check(void);

#endif
