/* gemm: whole matrix products from a back end's dot tiles, for plain matrices of any stride.
 *
 * The tape's executor plans its own dots; this is for callers that hold three matrices, and for the benchmark. A plan
 * cuts c into tiles that share nothing, so any pool may run them in any order on any number of threads: the bits are
 * those of the chain rule for each element (NUMERICS 3.1 to 3.3). Uses: backend. No state, no heap. */
#ifndef NUMERIC_GEMM_GEMM_H
#define NUMERIC_GEMM_GEMM_H
#include "numeric/backend.h"

/* c = a * b, `batch` times.   a (m, k)   b (k, n)   c (m, n)   strides in floats
 * a[i][p] = a[i * a_row + p * a_k]   b[p][j] = b[p * b_k + j * b_col]   c[i][j] = c[i * c_row + j]
 * A transposed operand is two swapped strides. c overlaps neither operand. Product x starts at a + x * a_batch, .. */
struct gemm {
  uint32_t m, n, k, batch;
  const float *a, *b;
  float *c;
  ptrdiff_t a_row, a_k, b_k, b_col, c_row;
  ptrdiff_t a_batch, b_batch, c_batch;
};

struct gemm_plan {
  const struct backend *backend;
  struct gemm product;
  uint32_t tile_rows, tile_cols; /* of one tile of c; the last of a row or column is smaller */
  uint32_t tiles_down, tiles_across;
  uint64_t tiles_count;
  bool pack_a, pack_b;
  bool ask_chunks, ask_panels, c_far; /* what tiles ask for early: the next chunk of both, the next panel of a; c */
  size_t scratch_bytes;               /* what each thread must bring to gemm_tile, 64-byte aligned */
};

enum gemm_status { GEMM_OK, GEMM_ERR_SHAPE };

/* gemm_plan sets *plan for a product that about `threads` threads will share. Returns GEMM_ERR_SHAPE, and leaves *plan
 * as it was, if m, n, k, batch or threads is 0, or k above GEMM_K_MAX. Costs nothing to speak of. */
enum { GEMM_K_MAX = 1 << 20 };
enum gemm_status gemm_plan(struct gemm_plan *plan, const struct backend *backend, const struct gemm *product,
                           uint32_t threads);

/* gemm_tile computes tile i < tiles_count. Returns whether a NaN was stored (its bits as they fall, see backend.h). The
 * thread's control register is set, see backend_thread_enter. Cost 2 * k flops for each element of the tile. */
bool gemm_tile(const struct gemm_plan *plan, uint64_t i, void *scratch);

#endif
