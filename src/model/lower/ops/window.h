/* window: how a kernel slides over the spatial axes of Conv and the pools. docs/lower.md 4.10. Uses: rule. */
#ifndef LOWER_OPS_WINDOW_H
#define LOWER_OPS_WINDOW_H
#include "model/lower/rule.h"

enum { WINDOW_AXES_MAX = 3 };

/* By spatial axis. place p of the output and tap t meet input place p * stride + t * dilation - pad. */
struct window {
  uint32_t axes;
  uint32_t in[WINDOW_AXES_MAX], out[WINDOW_AXES_MAX], kernel[WINDOW_AXES_MAX], stride[WINDOW_AXES_MAX],
      dilation[WINDOW_AXES_MAX], pad[WINDOW_AXES_MAX], after[WINDOW_AXES_MAX]; /* pad: before */
  bool padded;                                                                 /* somewhere */
  bool beyond; /* a window reaches beyond the padding at an axis' end (ceil_mode) */
};

/* window_read takes x [N, C, spatial..] and the node's kernel_shape, strides, pads, dilations, auto_pad, ceil_mode;
 * kernel is given where kernel_shape may be absent (Conv), else NULL. False: refused. */
bool window_read(struct graph *g, const struct application *a, const struct value *x, const uint32_t *kernel,
                 struct window *w);
/* The same for ConvTranspose: the window slides over the output, whose sizes are w->in, and x [N, C, w->out..]. */
bool window_read_transposed(struct graph *g, const struct application *a, const struct value *x, const uint32_t *kernel,
                            struct window *w);
/* One window over all of x's spatial axes: the global pools. */
bool window_whole(struct graph *g, const struct application *a, const struct value *x, struct window *w);
uint32_t window_taps(const struct window *w);
/* No input place lies in two windows' reach: every stride equals its kernel, and there is no dilation. */
bool window_apart(const struct window *w);
/* Output shape [N, channels, out..], channels last in memory. */
struct value window_result(const struct window *w, uint32_t batch, uint32_t channels);

/* Index of an input axis from output dim `place` and tap dim `tap`; and of an output axis from input dim and tap dim.
 */
struct index window_forward(const struct window *w, uint32_t axis, uint8_t place, uint8_t tap);
struct index window_backward(const struct window *w, uint32_t axis, uint8_t place, uint8_t tap);
/* Only where windows are apart: the output place over an input place. */
struct index window_over(const struct window *w, uint32_t axis, uint8_t place);

/* Opens a fold over the taps at every output place, dims [n, places.., c] and (taps..), result shaped like y but for
 * its dtype. axis[] is the index of x; window_at_place the one of what has y's shape. */
void window_fold(struct build *b, struct graph *g, const struct window *w, const struct value *y, uint8_t reducer,
                 uint8_t dtype, struct index *axis);
void window_at_place(const struct window *w, struct index *axis);

/* Every input place's sum of `share`, one value an output place, over the windows above it; x gives the shape. Where
 * windows are apart a waiting map, else a fold. */
struct value window_spread(struct graph *g, const struct window *w, const struct value *x, struct value *share);

#endif
