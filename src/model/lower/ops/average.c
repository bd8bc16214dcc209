/* AveragePool and GlobalAveragePool. docs/lower.md 4.13. NUMERICS 4.6: mean = div(sum, n). */
#include <inttypes.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/window.h"

/* Every window counts all its taps, or there is no padding to leave out. */
static bool counts_all(const struct application *a, const struct window *w) {
  return !w->padded || attribute_int(a->node, "count_include_pad", 0) != 0;
}

static bool average_read(struct graph *g, struct application *a, const struct value *x, struct window *w) {
  if (!window_read(g, a, x, NULL, w)) return false;
  if (attribute_int(a->node, "ceil_mode", 0)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "ceil_mode is 1: pad the input instead");
    return false;
  }
  if (window_taps(w) <= TAPE_K_MAX) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "a window of more than 2^20 places: use GlobalAveragePool");
  return false;
}

/* f32 register: taps of the window at this output place. Left out are those beyond the input: along an axis there are
 * min(first + kernel - 1 .. ) - max(.. ) + 1, with a dilation the taps t of 0 <= p s + t d - pad < in. */
static uint8_t taps_counted(struct build *b, const struct application *a, const struct window *w) {
  if (counts_all(a, w)) return build_f32(b, (float)window_taps(w));
  uint8_t count = 0, zero = build_i32(b, 0);
  for (uint8_t s = 0; s < w->axes; s++) {
    uint8_t first = build_op(b, CANON_COORD, b->at[2 + s], 0, 0);
    uint8_t stride = build_i32(b, (int32_t)w->stride[s]);
    uint8_t pad = build_i32(b, (int32_t)w->pad[s]);
    uint8_t dilation = build_i32(b, (int32_t)w->dilation[s]);
    uint8_t less = build_i32(b, (int32_t)(w->dilation[s] - 1));
    uint8_t last = build_i32(b, (int32_t)w->in[s] - 1);
    uint8_t taps = build_i32(b, (int32_t)w->kernel[s]);
    first = build_op2(b, CANON_IMUL, first, stride);
    first = build_op2(b, CANON_ISUB, first, pad);
    uint8_t low = build_op2(b, CANON_ISUB, less, first); /* ceil(-first / dilation), at least 0 */
    low = build_op2(b, CANON_IDIV, low, dilation);
    low = build_op2(b, CANON_IMAX, low, zero);
    uint8_t one = build_i32(b, 1);
    uint8_t high = build_op2(b, CANON_ISUB, last, first); /* floor((in - 1 - first) / dilation) + 1, at most kernel */
    high = build_op2(b, CANON_IDIV, high, dilation);
    high = build_op2(b, CANON_IADD, high, one);
    high = build_op2(b, CANON_IMIN, high, taps);
    uint8_t part = build_op2(b, CANON_ISUB, high, low);
    count = s ? build_op2(b, CANON_IMUL, count, part) : part;
  }
  return build_op1(b, CANON_ITOF, count);
}

static void average_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  struct window w;
  struct build b;
  struct index axis[TAPE_RANK_MAX];
  uint32_t out[TAPE_RANK_MAX];
  if (!x || !average_read(g, a, x, &w)) return;
  struct value y = window_result(&w, x->dim[0], x->dim[1]);
  for (uint8_t p = 0; p < y.rank; p++) out[p] = y.dim[y.order[p]];
  build_free(&b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, y.rank, out, w.axes, w.kernel, &y);
  axis[0] = index_dim(0);
  axis[1] = index_dim((uint8_t)(w.axes + 1));
  for (uint8_t s = 0; s < w.axes; s++) axis[2 + s] = window_forward(&w, s, (uint8_t)(1 + s), (uint8_t)(w.axes + 2 + s));
  uint8_t in = build_read(&b, x, axis, 0);
  struct value sum = build_end(&b, in);
  build_map(&b, g->e, TAPE_F32, &sum);
  in = build_use(&b, &sum);
  uint8_t count = taps_counted(&b, a, &w);
  graph_result(g, a, build_pending(&b, build_op2(&b, CANON_DIV, in, count)));
}

static struct value divided(struct graph *g, struct application *a, const struct window *w, struct value *dy) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, dy);
  uint8_t d = build_use(&b, dy);
  uint8_t count = taps_counted(&b, a, w);
  return build_pending(&b, build_op2(&b, CANON_DIV, d, count));
}

/* Each window's share, then each input place the shares of the windows over it. */
static void average_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  struct value dx = value_shaped(TAPE_F32, x->rank, x->dim, value_channels_last(x->rank));
  struct window w;
  struct build b;
  struct index axis[TAPE_RANK_MAX];
  uint32_t out[TAPE_RANK_MAX];
  if (!average_read(g, a, x, &w)) return;
  struct value share = divided(g, a, &w, dy);
  axis[0] = index_dim(0);
  axis[1] = index_dim((uint8_t)(w.axes + 1));
  if (window_apart(&w)) {
    build_map(&b, g->e, TAPE_F32, &dx);
    for (uint8_t s = 0; s < w.axes; s++) axis[2 + s] = window_over(&w, s, (uint8_t)(1 + s));
    uint8_t d = build_read(&b, &share, axis, 0);
    graph_gradient(g, a, 0, build_pending(&b, d));
    return;
  }
  for (uint8_t p = 0; p < dx.rank; p++) out[p] = dx.dim[dx.order[p]];
  build_free(&b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, dx.rank, out, w.axes, w.kernel, &dx);
  for (uint8_t s = 0; s < w.axes; s++)
    axis[2 + s] = window_backward(&w, s, (uint8_t)(1 + s), (uint8_t)(w.axes + 2 + s));
  uint8_t d = build_read(&b, &share, axis, 0);
  graph_gradient(g, a, 0, build_end(&b, d));
}

/* Sum down the spatial axes, over their product. */
static void global_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  struct build b;
  if (!x) return;
  if (x->rank < 3) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "takes %s; it needs batch, channels and spatial axes of floats",
                 shape_text(x->rank, x->dim).text);
    return;
  }
  struct value sum;
  build_fold(&b, g->e, TAPE_CHAIN, TAPE_F32, x, ((1u << x->rank) - 1) & ~3u);
  uint8_t in = build_use(&b, x);
  sum = build_end(&b, in);
  uint32_t places = 1;
  for (uint32_t n = 2; n < x->rank; n++) places *= x->dim[n];
  build_map(&b, g->e, TAPE_F32, &sum);
  in = build_use(&b, &sum);
  graph_result(g, a, build_pending(&b, build_op2(&b, CANON_DIV, in, build_f32(&b, (float)places))));
}

static void global_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  uint32_t places = 1;
  struct build b;
  for (uint32_t n = 2; n < x->rank; n++) places *= x->dim[n];
  value_settle(g->e, dy);
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t d = build_use(&b, dy);
  graph_gradient(g, a, 0, build_pending(&b, build_op2(&b, CANON_DIV, d, build_f32(&b, (float)places))));
}

const struct rule rules_average[] = {{.op = "AveragePool",
                                      .opset_first = 11,
                                      .inputs_min = 1,
                                      .inputs_max = 1,
                                      .outputs_max = 1,
                                      .lower = average_lower,
                                      .differentiate = average_differentiate},
                                     {.op = "GlobalAveragePool",
                                      .opset_first = 1,
                                      .inputs_min = 1,
                                      .inputs_max = 1,
                                      .outputs_max = 1,
                                      .lower = global_lower,
                                      .differentiate = global_differentiate},
                                     {0}};
