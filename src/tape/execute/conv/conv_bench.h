/* conv_bench: convolutions as a lowering writes them, one record a tape, beside oneDNN.
 *
 * Forward, filter gradient and input gradient of the layers of LeNet (6/16 and 32/64 channels) and of residual networks
 * with 16, 32 and 64 channels, at batch 128; one depthwise and one grouped layer besides. oneDNN is a program of its
 * own (numeric/peers), built with -DASSAY_BENCH_PEERS=ON, and has its arrays in the layout it likes best. Both take
 * turns, and medians are compared: of the thread's CPU time with one thread, of the wall clock with more. Clocks,
 * processes and threads: for the command line only. Uses: execute, stage, reference. */
#ifndef TAPE_CONV_BENCH_H
#define TAPE_CONV_BENCH_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct conv_bench_options {
  const char *peers;    /* folder of the peer program; NULL: where this build put it */
  const char *only;     /* only layers whose name contains this; NULL: all */
  uint32_t threads;     /* 1..256; 0: 1 */
  uint32_t repetitions; /* 0: 11 */
  bool json;            /* one object a line, else a table for people */
};

/* conv_bench prints a line for each record as soon as it is measured, then the geometric mean over the layers of the
 * models. same_bits: a sample of elements equals the definition. Returns 0; 1 if a bit differs; 2 if options are out of
 * range or no layer is left; 3 if memory or threads cannot be had. */
int conv_bench(const struct conv_bench_options *options, FILE *out);

#endif
