#include "model/lower/ops/window.h"

#include <inttypes.h>
#include <string.h>

static bool list(struct graph *g, const struct application *a, const char *name, uint32_t count, uint32_t absent,
                 int64_t least, uint32_t *out) {
  uint32_t have;
  const int64_t *given = attribute_ints(a->node, name, &have);
  for (uint32_t n = 0; n < count; n++) out[n] = absent;
  if (!given) return true;
  if (have != count) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "%s has %" PRIu32 " numbers, not %" PRIu32, name, have, count);
    return false;
  }
  for (uint32_t n = 0; n < count; n++) {
    if (given[n] < least || given[n] > UINT16_MAX) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "%s holds %" PRId64 ": %" PRId64 " to 65535", name, given[n], least);
      return false;
    }
    out[n] = (uint32_t)given[n];
  }
  return true;
}

/* Places of the output along one axis, and the padding before it. */
static bool place(struct graph *g, const struct application *a, struct window *w, uint32_t n, uint32_t before,
                  uint32_t after, const char *automatic, bool ceil) {
  uint64_t reach = (uint64_t)w->dilation[n] * (w->kernel[n] - 1) + 1, in = w->in[n];
  if (reach > INT32_MAX / 2 || in > INT32_MAX / 2) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "a window that reaches over %" PRIu64 " of %" PRIu64 " places", reach,
                 in);
    return false;
  }
  if (strncmp(automatic, "SAME", 4) == 0) {
    w->out[n] = (uint32_t)((in + w->stride[n] - 1) / w->stride[n]);
    uint64_t needs = (uint64_t)(w->out[n] - 1) * w->stride[n] + reach, more = needs > in ? needs - in : 0;
    w->pad[n] = (uint32_t)(strcmp(automatic, "SAME_UPPER") == 0 ? more / 2 : more - more / 2);
    w->after[n] = (uint32_t)more - w->pad[n];
    w->padded |= more > 0;
    return true;
  }
  if (strcmp(automatic, "VALID") == 0) before = after = 0;
  uint64_t whole = in + before + after;
  if (whole < reach || (ceil && before >= reach)) {
    graph_refuse(g, a, LOWER_ERR_SHAPE,
                 "a window of %" PRIu64 " places does not fit an axis of %" PRIu32 " with padding %" PRIu32
                 " and %" PRIu32,
                 reach, w->in[n], before, after);
    return false;
  }
  w->out[n] = (uint32_t)((whole - reach) / w->stride[n] + 1);
  /* One more where a part of a window is left, if it begins before the padding at the end (as PyTorch has it). */
  if (ceil && (whole - reach) % w->stride[n] && (uint64_t)w->out[n] * w->stride[n] < in + before) w->out[n]++;
  w->pad[n] = before;
  w->after[n] = after;
  w->beyond |= (uint64_t)(w->out[n] - 1) * w->stride[n] + reach > whole;
  w->padded |= before || after || w->beyond;
  return true;
}

/* What all windows have: axes, kernel, strides, dilations, and how padding is found. */
static bool attributes(struct graph *g, const struct application *a, const struct value *x, const uint32_t *kernel,
                       struct window *w, uint32_t *pads, const char **automatic) {
  *automatic = attribute_text(a->node, "auto_pad", "NOTSET");
  *w = (struct window){.axes = x->rank - 2u};
  if (x->rank < 3 || w->axes > WINDOW_AXES_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "takes %s; it needs batch, channels and 1 to 3 spatial axes of floats",
                 shape_text(x->rank, x->dim).text);
    return false;
  }
  if (strcmp(*automatic, "NOTSET") != 0 && strcmp(*automatic, "VALID") != 0 && strcmp(*automatic, "SAME_UPPER") != 0 &&
      strcmp(*automatic, "SAME_LOWER") != 0) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "auto_pad '%s' is none that ONNX has", *automatic);
    return false;
  }
  if (!list(g, a, "kernel_shape", w->axes, 0, 1, w->kernel) || !list(g, a, "strides", w->axes, 1, 1, w->stride) ||
      !list(g, a, "dilations", w->axes, 1, 1, w->dilation) || !list(g, a, "pads", 2 * w->axes, 0, 0, pads))
    return false;
  for (uint32_t n = 0; n < w->axes; n++) {
    w->in[n] = x->dim[n + 2];
    if (kernel && !w->kernel[n]) w->kernel[n] = kernel[n];
    if (!w->kernel[n] || (kernel && w->kernel[n] != kernel[n])) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "kernel_shape is missing or not the weight's");
      return false;
    }
  }
  return true;
}

bool window_read(struct graph *g, const struct application *a, const struct value *x, const uint32_t *kernel,
                 struct window *w) {
  uint32_t pads[2 * WINDOW_AXES_MAX];
  const char *automatic;
  if (!attributes(g, a, x, kernel, w, pads, &automatic)) return false;
  bool ceil = attribute_int(a->node, "ceil_mode", 0) != 0;
  for (uint32_t n = 0; n < w->axes; n++)
    if (!place(g, a, w, n, pads[n], pads[n + w->axes], automatic, ceil)) return false;
  return true;
}

/* ONNX: all = stride (in - 1) + output_padding + reach is the size without padding. With output_shape, or SAME, which
 * asks for in * stride, padding is what is too much of it; the odd one goes before, but with SAME_UPPER behind. */
bool window_read_transposed(struct graph *g, const struct application *a, const struct value *x, const uint32_t *kernel,
                            struct window *w) {
  uint32_t pads[2 * WINDOW_AXES_MAX], more[WINDOW_AXES_MAX], sizes, asked[TAPE_RANK_MAX];
  const char *automatic;
  if (!attributes(g, a, x, kernel, w, pads, &automatic) || !list(g, a, "output_padding", w->axes, 0, 0, more))
    return false;
  bool same = strncmp(automatic, "SAME", 4) == 0, valid = strcmp(automatic, "VALID") == 0;
  const int64_t *shape = attribute_ints(a->node, "output_shape", &sizes);
  if (shape && sizes != w->axes && sizes != w->axes + 2) { /* with the batch and the channels, as some write it */
    graph_refuse(g, a, LOWER_ERR_SHAPE, "output_shape has %" PRIu32 " numbers, not %" PRIu32, sizes, w->axes);
    return false;
  }
  for (uint32_t n = 0; n < w->axes; n++) {
    int64_t all = (int64_t)w->stride[n] * (w->in[n] - 1) + more[n] + (int64_t)w->dilation[n] * (w->kernel[n] - 1) + 1;
    int64_t size = all - (valid ? 0 : (int64_t)pads[n] + pads[n + w->axes]);
    if (same || shape) {
      size = shape ? shape[n + sizes - w->axes] : (int64_t)w->in[n] * w->stride[n];
      int64_t over = all > size ? all - size : 0;
      pads[n] = (uint32_t)(strcmp(automatic, "SAME_UPPER") == 0 ? over / 2 : over - over / 2);
    } else if (valid) {
      pads[n] = 0;
    }
    if (size < 1 || size > INT32_MAX / 2 || all > INT32_MAX / 2) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "an output of %" PRId64 " places along spatial axis %" PRIu32, size, n);
      return false;
    }
    asked[n] = (uint32_t)size;
    w->pad[n] = pads[n];
  }
  for (uint32_t n = 0; n < w->axes; n++) {
    w->out[n] = w->in[n];
    w->in[n] = asked[n];
  }
  return true;
}

bool window_whole(struct graph *g, const struct application *a, const struct value *x, struct window *w) {
  *w = (struct window){.axes = x->rank - 2u};
  bool fits = x->rank >= 3 && w->axes <= WINDOW_AXES_MAX;
  for (uint32_t n = 0; fits && n < w->axes; n++) {
    w->in[n] = w->kernel[n] = w->stride[n] = x->dim[n + 2];
    w->out[n] = w->dilation[n] = 1;
    fits = x->dim[n + 2] <= UINT16_MAX;
  }
  if (!fits)
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                 "takes %s; it needs batch, channels and 1 to 3 spatial axes of at most 65535 places",
                 shape_text(x->rank, x->dim).text);
  return fits;
}

uint32_t window_taps(const struct window *w) {
  uint64_t taps = 1;
  for (uint32_t n = 0; n < w->axes; n++) taps *= w->kernel[n];
  return taps > TAPE_K_MAX ? TAPE_K_MAX + 1 : (uint32_t)taps;
}

bool window_apart(const struct window *w) {
  for (uint32_t n = 0; n < w->axes; n++)
    if (w->stride[n] != w->kernel[n] || (w->dilation[n] != 1 && w->kernel[n] != 1)) return false;
  return true;
}

struct value window_result(const struct window *w, uint32_t batch, uint32_t channels) {
  uint32_t dim[TAPE_RANK_MAX] = {batch, channels};
  for (uint32_t n = 0; n < w->axes; n++) dim[n + 2] = w->out[n];
  return value_shaped(TAPE_F32, w->axes + 2, dim, value_channels_last(w->axes + 2));
}

struct index window_forward(const struct window *w, uint32_t axis, uint8_t place_dim, uint8_t tap) {
  struct index i = index_fixed(-(int32_t)w->pad[axis]);
  i = index_add(i, place_dim, (int32_t)w->stride[axis]);
  return index_add(i, tap, (int32_t)w->dilation[axis]);
}

struct index window_backward(const struct window *w, uint32_t axis, uint8_t place_dim, uint8_t tap) {
  struct index i = index_fixed((int32_t)w->pad[axis]);
  i = index_add(i, place_dim, 1);
  i = index_add(i, tap, -(int32_t)w->dilation[axis]);
  return index_div(i, w->stride[axis], TAPE_EXACT);
}

struct index window_over(const struct window *w, uint32_t axis, uint8_t place_dim) {
  struct index i = index_add(index_fixed((int32_t)w->pad[axis]), place_dim, 1);
  return index_div(i, w->stride[axis], TAPE_FLOOR);
}

void window_fold(struct build *b, struct graph *g, const struct window *w, const struct value *y, uint8_t reducer,
                 uint8_t dtype, struct index *axis) {
  uint32_t out[TAPE_RANK_MAX];
  for (uint8_t p = 0; p < y->rank; p++) out[p] = y->dim[y->order[p]];
  struct value v = *y;
  v.dtype = dtype;
  build_free(b, g->e, TAPE_FOLD, reducer, dtype, y->rank, out, w->axes, w->kernel, &v);
  axis[0] = index_dim(0);
  axis[1] = index_dim((uint8_t)(w->axes + 1));
  for (uint8_t s = 0; s < w->axes; s++)
    axis[2 + s] = window_forward(w, s, (uint8_t)(1 + s), (uint8_t)(w->axes + 2 + s));
}

void window_at_place(const struct window *w, struct index *axis) {
  axis[0] = index_dim(0);
  axis[1] = index_dim((uint8_t)(w->axes + 1));
  for (uint8_t s = 0; s < w->axes; s++) axis[2 + s] = index_dim((uint8_t)(1 + s));
}

struct value window_spread(struct graph *g, const struct window *w, const struct value *x, struct value *share) {
  struct value dx = value_shaped(TAPE_F32, x->rank, x->dim, value_channels_last(x->rank));
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  if (window_apart(w)) {
    window_at_place(w, axis);
    build_map(&b, g->e, TAPE_F32, &dx);
    for (uint32_t s = 0; s < w->axes; s++) axis[2 + s] = window_over(w, s, (uint8_t)(1 + s));
    uint8_t d = build_read(&b, share, axis, 0);
    return build_pending(&b, d);
  }
  window_fold(&b, g, w, &dx, TAPE_CHAIN, TAPE_F32, axis);
  for (uint8_t s = 0; s < w->axes; s++)
    axis[2 + s] = window_backward(w, s, (uint8_t)(1 + s), (uint8_t)(w->axes + 2 + s));
  uint8_t d = build_read(&b, share, axis, 0);
  return build_end(&b, d);
}
