/* gemm_bench: our matrix product beside OpenBLAS and oneDNN, on the shapes that training is made of.
 *
 * The peers are programs of their own (numeric/peers), built with -DASSAY_BENCH_PEERS=ON. Ours and theirs take turns
 * within each repetition, so that a busy minute hits all of them, and medians are compared: of the thread's CPU time
 * with one thread, of the wall clock with more. Clocks, processes and threads: for the command line only. Uses: gemm,
 * reference. */
#ifndef NUMERIC_GEMM_GEMM_BENCH_H
#define NUMERIC_GEMM_GEMM_BENCH_H
#include "numeric/backend.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { GEMM_BENCH_THREADS_MAX = 64 };

struct gemm_bench_options {
  const struct backend *backend; /* NULL: backend_best() */
  const char *peers;             /* folder of the peer programs; NULL: where this build put them */
  const char *only;              /* only shapes whose name contains this; NULL: all */
  uint32_t threads;              /* 1..GEMM_BENCH_THREADS_MAX; 0: 1 */
  uint32_t repetitions;          /* 0: 11; fewer for shapes that take long */
  bool json;                     /* one object a line, else a table for people */
};

/* gemm_bench prints a line for each shape as soon as it is measured, then the geometric means over the shapes that
 * count (the skinny ones are printed, but bound by memory). A peer that is not there is left out. same_bits: elements
 * of c, all of a small product and a sample of a large one, equal the reference. Returns 0; 1 if a bit differs; 2 if
 * options are out of range or no shape is left; 3 if memory or threads cannot be had. */
int gemm_bench(const struct gemm_bench_options *options, FILE *out);

#endif
