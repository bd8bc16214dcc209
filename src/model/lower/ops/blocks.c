/* Col2Im: blocks laid over each other into an image, what torch.nn.Fold does. docs/lower.md 4.20. */
#include <inttypes.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

enum { BLOCK_AXES_MAX = 2 };

struct laid {
  uint32_t axes, image[BLOCK_AXES_MAX], kernel[BLOCK_AXES_MAX], blocks[BLOCK_AXES_MAX], stride[BLOCK_AXES_MAX],
      dilation[BLOCK_AXES_MAX], pad[BLOCK_AXES_MAX];
  uint32_t dim[TAPE_RANK_MAX]; /* x seen as [n, channels, kernel.., blocks..] */
};

static int64_t listed(const int64_t *list, uint32_t count, uint32_t n, int64_t absent) {
  return list && n < count ? list[n] : absent;
}

static bool laid_read(struct graph *g, struct application *a, const struct value *x, struct laid *l) {
  const struct onnx_tensor *image = input_integers(g, a, 1, "image shape");
  const struct onnx_tensor *kernel = image ? input_integers(g, a, 2, "block shape") : NULL;
  uint32_t pads, strides, dilations;
  const int64_t *pad = attribute_ints(a->node, "pads", &pads), *stride = attribute_ints(a->node, "strides", &strides);
  const int64_t *dilation = attribute_ints(a->node, "dilations", &dilations);
  uint64_t taps = 1, blocks = 1, result[TAPE_RANK_MAX];
  if (!kernel) return false;
  l->axes = (uint32_t)image->count;
  bool fits = x->rank == 3 && image->count >= 1 && image->count <= BLOCK_AXES_MAX && kernel->count == image->count;
  for (uint32_t n = 0; fits && n < l->axes; n++) {
    int64_t k = kernel->i64[n], s = listed(stride, strides, n, 1), d = listed(dilation, dilations, n, 1);
    int64_t low = listed(pad, pads, n, 0), high = listed(pad, pads, n + l->axes, 0), in = image->i64[n];
    fits = k >= 1 && k <= 4096 && s >= 1 && s <= 4096 && d >= 1 && d <= 4096 && low >= 0 && low <= INT16_MAX &&
           high >= 0 && high <= INT16_MAX && in >= 1 && in <= INT32_MAX / 2 && in + low + high > d * (k - 1);
    if (!fits) break;
    l->image[n] = (uint32_t)in;
    l->kernel[n] = (uint32_t)k;
    l->stride[n] = (uint32_t)s;
    l->dilation[n] = (uint32_t)d;
    l->pad[n] = (uint32_t)low;
    l->blocks[n] = (uint32_t)((in + low + high - d * (k - 1) - 1) / s + 1);
    taps *= l->kernel[n];
    blocks *= l->blocks[n];
    result[2 + n] = l->image[n];
  }
  if (!fits || x->dim[1] % taps || x->dim[2] != blocks) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "blocks of %s do not fit its shapes, or have more than %d axes",
                 shape_text(x->rank, x->dim).text, BLOCK_AXES_MAX);
    return false;
  }
  l->dim[0] = x->dim[0];
  l->dim[1] = (uint32_t)(x->dim[1] / taps);
  for (uint32_t n = 0; n < l->axes; n++) {
    l->dim[2 + n] = l->kernel[n];
    l->dim[2 + l->axes + n] = l->blocks[n];
  }
  result[0] = l->dim[0];
  result[1] = l->dim[1];
  return move_fits(g, 2 + l->axes, result);
}

/* Each place sums the taps of all blocks that lie over it. */
static void laid_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  struct laid l;
  struct build b;
  struct index at[TAPE_RANK_MAX];
  if (!x || !laid_read(g, a, x, &l)) return;
  struct value plain = straightened(g, x);
  move_stored(g, &plain);
  if (emit_failed(g->e)) return;
  uint32_t rank = 2 + l.axes, out[TAPE_RANK_MAX] = {l.dim[0], l.dim[1]};
  for (uint32_t n = 0; n < l.axes; n++) out[2 + n] = l.image[n];
  struct value seen = value_view(&plain, 2 + 2 * l.axes, l.dim), shape = value_shaped(TAPE_F32, rank, out, NULL);
  build_free(&b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, rank, out, l.axes, l.kernel, &shape);
  move_own(at, 2, 0);
  for (uint32_t n = 0; n < l.axes; n++) {
    uint8_t tap = (uint8_t)(rank + n);
    at[2 + n] = index_dim(tap);
    struct index i = index_add(index_fixed((int32_t)l.pad[n]), (uint8_t)(2 + n), 1);
    at[2 + l.axes + n] = index_div(index_add(i, tap, -(int32_t)l.dilation[n]), l.stride[n], TAPE_EXACT);
  }
  uint8_t v = build_read(&b, &seen, at, 0);
  graph_result(g, a, build_end(&b, v));
}

static void laid_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  struct laid l;
  struct build b;
  struct index at[TAPE_RANK_MAX];
  if (!laid_read(g, a, x, &l)) return;
  struct value shape = value_shaped(TAPE_F32, 2 + 2 * l.axes, l.dim, NULL);
  build_map(&b, g->e, TAPE_F32, &shape);
  move_own(at, 2, 0);
  for (uint32_t n = 0; n < l.axes; n++) {
    struct index i = index_add(index_fixed(-(int32_t)l.pad[n]), (uint8_t)(2 + n), (int32_t)l.dilation[n]);
    at[2 + n] = index_add(i, (uint8_t)(2 + l.axes + n), (int32_t)l.stride[n]);
  }
  uint8_t d = build_read(&b, dy, at, 0);
  struct value sum = build_end(&b, d);
  if (!emit_failed(g->e)) graph_gradient(g, a, 0, value_view(&sum, x->rank, x->dim));
}

const struct rule rules_blocks[] = {{.op = "Col2Im",
                                     .opset_first = 18,
                                     .inputs_min = 3,
                                     .inputs_max = 3,
                                     .outputs_max = 1,
                                     .lower = laid_lower,
                                     .differentiate = laid_differentiate,
                                     .role = move_first_only},
                                    {0}};
