/* convolve: the three products of a convolution: its output, and what reaches weights and input. Conv takes them as
 * they are; ConvTranspose is the input's product run forward. docs/lower.md 4.11, 4.38. Uses: window. */
#ifndef LOWER_OPS_CONVOLVE_H
#define LOWER_OPS_CONVOLVE_H
#include "model/lower/ops/window.h"

struct convolution {
  struct window w;
  uint32_t batch, groups, in, out; /* channels of one group */
};

/* x [batch, groups in, w.in..], weight [groups out, in, kernel..], y and dy [batch, groups out, w.out..]; weight and dy
 * are emitted. Each is one dot; x gives convolve_input its shape alone. */
struct value convolve_forward(struct graph *g, const struct convolution *c, struct value *x, struct value *weight);
struct value convolve_weight(struct graph *g, const struct convolution *c, struct value *x, const struct value *weight,
                             struct value *dy);
struct value convolve_input(struct graph *g, const struct convolution *c, const struct value *x, struct value *weight,
                            struct value *dy);

#endif
