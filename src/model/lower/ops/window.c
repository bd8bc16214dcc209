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
  w->padded |= before || after || (uint64_t)(w->out[n] - 1) * w->stride[n] + reach > whole;
  return true;
}

bool window_read(struct graph *g, const struct application *a, const struct value *x, const uint32_t *kernel,
                 struct window *w) {
  uint32_t pads[2 * WINDOW_AXES_MAX];
  const char *automatic = attribute_text(a->node, "auto_pad", "NOTSET");
  *w = (struct window){.axes = x->rank - 2u};
  if (x->rank < 3 || w->axes > WINDOW_AXES_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "takes %s; it needs batch, channels and 1 to 3 spatial axes of floats",
                 shape_text(x->rank, x->dim).text);
    return false;
  }
  if (strcmp(automatic, "NOTSET") != 0 && strcmp(automatic, "VALID") != 0 && strcmp(automatic, "SAME_UPPER") != 0 &&
      strcmp(automatic, "SAME_LOWER") != 0) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "auto_pad '%s' is none that ONNX has", automatic);
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
    if (!place(g, a, w, n, pads[n], pads[n + w->axes], automatic, attribute_int(a->node, "ceil_mode", 0) != 0))
      return false;
  }
  return true;
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
