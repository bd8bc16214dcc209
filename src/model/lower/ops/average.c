/* AveragePool and GlobalAveragePool. docs/lower.md 4.13. NUMERICS 4.6: mean = div(sum, n). */
#include <inttypes.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/window.h"

static bool counts_pad(const struct application *a) { return attribute_int(a->node, "count_include_pad", 0) != 0; }

/* Every window counts all its taps: there is no padding to leave out, or none reaches beyond what is counted. */
static bool counts_all(const struct application *a, const struct window *w) {
  return counts_pad(a) ? !w->beyond : !w->padded;
}

static bool average_read(struct graph *g, struct application *a, const struct value *x, struct window *w) {
  if (!window_read(g, a, x, NULL, w)) return false;
  if (window_taps(w) <= TAPE_K_MAX) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "a window of more than 2^20 places: use GlobalAveragePool");
  return false;
}

/* f32 register: taps of the window at this output place. Left out are those beyond the input, or, where padding counts,
 * beyond the padding at the end: along an axis there are min(..) - max(..) taps t with 0 <= p s + t d - pad < in. */
static uint8_t taps_counted(struct build *b, const struct application *a, const struct window *w) {
  if (counts_all(a, w)) return build_f32(b, (float)window_taps(w));
  bool pad_counts = counts_pad(a);
  uint8_t count = 0, zero = build_i32(b, 0);
  for (uint8_t s = 0; s < w->axes; s++) {
    uint8_t first = build_op(b, CANON_COORD, b->at[2 + s], 0, 0);
    uint8_t stride = build_i32(b, (int32_t)w->stride[s]);
    uint8_t pad = build_i32(b, (int32_t)w->pad[s]);
    uint8_t dilation = build_i32(b, (int32_t)w->dilation[s]);
    uint8_t less = build_i32(b, (int32_t)(w->dilation[s] - 1));
    uint8_t last = build_i32(b, (int32_t)(w->in[s] + (pad_counts ? w->after[s] : 0)) - 1);
    uint8_t taps = build_i32(b, (int32_t)w->kernel[s]);
    first = build_op2(b, CANON_IMUL, first, stride);
    first = build_op2(b, CANON_ISUB, first, pad);
    uint8_t low = zero;
    if (!pad_counts) {
      low = build_op2(b, CANON_ISUB, less, first); /* ceil(-first / dilation), at least 0 */
      low = build_op2(b, CANON_IDIV, low, dilation);
      low = build_op2(b, CANON_IMAX, low, zero);
    }
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
  if (!x || !average_read(g, a, x, &w)) return;
  struct value y = window_result(&w, x->dim[0], x->dim[1]);
  window_fold(&b, g, &w, &y, TAPE_CHAIN, TAPE_F32, axis);
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
  struct window w;
  if (!average_read(g, a, x, &w)) return;
  struct value share = divided(g, a, &w, dy);
  graph_gradient(g, a, 0, window_spread(g, &w, x, &share));
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
