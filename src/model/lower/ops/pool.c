/* MaxPool and GlobalMaxPool: the greatest, and where it was. docs/lower.md 4.12, 4.39, TAPE 7 "max pool". */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/window.h"

static const uint32_t minus_infinity = 0xff800000u;

/* What loses against every number of the type. */
static uint32_t least_of(const struct value *x) { return x->dtype == TAPE_F32 ? minus_infinity : 0x80000000u; }

/* The attributes of MaxPool, or GlobalMaxPool's one window. */
static bool pool_read(struct graph *g, struct application *a, const struct value *x, struct window *w) {
  bool global = strcmp(a->node->op, "GlobalMaxPool") == 0;
  if (!(global ? window_whole(g, a, x, w) : window_read(g, a, x, NULL, w))) return false;
  if (window_taps(w) <= TAPE_K_MAX) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "a window of more than 2^20 places: use ReduceMax");
  return false;
}

/* The lowest tap that holds the maximum; 255 or 7fffffff where it is NaN. */
static struct value where_greatest(struct graph *g, const struct window *w, struct value *x, struct value *y) {
  struct index axis[TAPE_RANK_MAX], here[TAPE_RANK_MAX];
  struct build b;
  window_fold(&b, g, w, y, TAPE_IMIN, window_taps(w) <= 255 ? TAPE_U8 : TAPE_I32, axis);
  window_at_place(w, here);
  uint8_t in = build_read(&b, x, axis, least_of(x));
  uint8_t most = build_read(&b, y, here, 0);
  uint8_t never = build_i32(&b, INT32_MAX);
  uint8_t equal = build_op2(&b, x->dtype == TAPE_F32 ? CANON_FEQ : CANON_IEQ, in, most);
  uint8_t tap = build_op0(&b, CANON_KLIN);
  return build_end(&b, build_op(&b, CANON_SEL, equal, tap, never));
}

/* Horner's rule over batch, channel and spatial axes: where the tap `where` lies in x, row-major, or with storage_order
 * 1 with the spatial axes the other way round. */
static struct value indices(struct graph *g, const struct application *a, const struct window *w, const struct value *x,
                            struct value *where) {
  bool turned = attribute_int(a->node, "storage_order", 0) != 0;
  uint32_t taps = window_taps(w);
  uint8_t at[WINDOW_AXES_MAX], index, extent;
  struct build b;
  build_map(&b, g->e, TAPE_I32, where);
  uint8_t tap = build_use(&b, where);
  for (uint32_t s = 0; s < w->axes; s++) {
    taps /= w->kernel[s];
    uint8_t part = tap;
    if (taps > 1) {
      uint8_t inner = build_i32(&b, (int32_t)taps);
      part = build_op2(&b, CANON_IDIV, tap, inner);
      tap = build_op2(&b, CANON_IMOD, tap, inner);
    }
    uint8_t dilation = build_i32(&b, (int32_t)w->dilation[s]);
    uint8_t stride = build_i32(&b, (int32_t)w->stride[s]);
    uint8_t pad = build_i32(&b, (int32_t)w->pad[s]);
    uint8_t place = build_op(&b, CANON_COORD, b.at[2 + s], 0, 0);
    part = build_op2(&b, CANON_IMUL, part, dilation);
    place = build_op2(&b, CANON_IMUL, place, stride);
    place = build_op2(&b, CANON_ISUB, place, pad);
    at[s] = build_op2(&b, CANON_IADD, place, part);
  }
  index = build_op(&b, CANON_COORD, b.at[0], 0, 0);
  extent = build_i32(&b, (int32_t)x->dim[1]);
  index = build_op2(&b, CANON_IMUL, index, extent);
  uint8_t channel = build_op(&b, CANON_COORD, b.at[1], 0, 0);
  index = build_op2(&b, CANON_IADD, index, channel);
  for (uint32_t n = 0; n < w->axes; n++) {
    uint32_t s = turned ? w->axes - 1 - n : n;
    extent = build_i32(&b, (int32_t)w->in[s]);
    index = build_op2(&b, CANON_IMUL, index, extent);
    index = build_op2(&b, CANON_IADD, index, at[s]);
  }
  struct value v = build_pending(&b, index);
  v.type = ONNX_INT64;
  return v;
}

static void pool_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  struct window w;
  struct build b;
  struct index axis[TAPE_RANK_MAX];
  if (!x || !pool_read(g, a, x, &w)) return;
  const struct tensor *second = graph_output(g, a, 1);
  bool real = x->dtype == TAPE_F32, asked = second && second->uses;
  struct value y = window_result(&w, x->dim[0], x->dim[1]);
  y.dtype = x->dtype;
  y.type = x->type;
  window_fold(&b, g, &w, &y, real ? TAPE_FMAX : TAPE_IMAX, x->dtype, axis);
  uint8_t in = build_read(&b, x, axis, least_of(x));
  y = build_end(&b, in);
  y.type = x->type;
  graph_result(g, a, y);
  bool wanted = real && g->mode == GRAPH_TRAIN && graph_wants(g, a, 0);
  if (!wanted && !asked) return;
  struct value *saved = graph_save(g, a, 1);
  if (!saved) return;
  *saved = where_greatest(g, &w, x, &y);
  if (!asked) return;
  if (value_elements(x) > INT32_MAX) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "its Indices would not fit into 32 bits");
    return;
  }
  graph_result_at(g, a, 1, indices(g, a, &w, x, saved));
}

/* Windows apart: each input place asks the one window over it whether it was the greatest. */
static struct value ask_window(struct graph *g, const struct window *w, const struct value *x, struct value *where,
                               struct value *dy) {
  struct value dx = value_shaped(TAPE_F32, x->rank, x->dim, value_channels_last(x->rank));
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, TAPE_F32, &dx);
  axis[0] = index_dim(0);
  axis[1] = index_dim(b.at[1]);
  for (uint8_t s = 0; s < w->axes; s++) axis[2 + s] = window_over(w, s, b.at[2 + s]);
  uint8_t chosen = build_read(&b, where, axis, UINT32_MAX);
  uint8_t d = build_read(&b, dy, axis, 0);
  uint8_t zero = build_f32(&b, 0), tap = 0;
  for (uint8_t s = 0; s < w->axes; s++) { /* tap = (tap * kernel + (place + pad) mod kernel) */
    uint8_t kernel = build_i32(&b, (int32_t)w->kernel[s]);
    uint8_t part = build_op(&b, CANON_COORD, b.at[2 + s], 0, 0);
    if (w->pad[s]) {
      uint8_t pad = build_i32(&b, (int32_t)w->pad[s]);
      part = build_op2(&b, CANON_IADD, part, pad);
    }
    part = build_op2(&b, CANON_IMOD, part, kernel);
    if (s) {
      tap = build_op2(&b, CANON_IMUL, tap, kernel);
      part = build_op2(&b, CANON_IADD, tap, part);
    }
    tap = part;
  }
  uint8_t mine = build_op2(&b, CANON_IEQ, chosen, tap);
  return build_pending(&b, build_op(&b, CANON_SEL, mine, d, zero));
}

/* Windows that overlap or leave gaps: each input place adds up, tap by tap, the windows that it was the greatest of. */
static struct value add_windows(struct graph *g, const struct window *w, const struct value *x, struct value *where,
                                struct value *dy) {
  struct value dx = value_shaped(TAPE_F32, x->rank, x->dim, value_channels_last(x->rank));
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  window_fold(&b, g, w, &dx, TAPE_CHAIN, TAPE_F32, axis);
  for (uint8_t s = 0; s < w->axes; s++)
    axis[2 + s] = window_backward(w, s, (uint8_t)(1 + s), (uint8_t)(w->axes + 2 + s));
  uint8_t chosen = build_read(&b, where, axis, UINT32_MAX);
  uint8_t d = build_read(&b, dy, axis, 0);
  uint8_t zero = build_f32(&b, 0);
  uint8_t tap = build_op0(&b, CANON_KLIN);
  uint8_t mine = build_op2(&b, CANON_IEQ, chosen, tap);
  return build_end(&b, build_op(&b, CANON_SEL, mine, d, zero));
}

static void pool_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  struct window w;
  value_settle(g->e, dy);
  if (emit_failed(g->e) || !pool_read(g, a, x, &w)) return;
  graph_gradient(g, a, 0,
                 window_apart(&w) ? ask_window(g, &w, x, &a->saved[0], dy) : add_windows(g, &w, x, &a->saved[0], dy));
}

const struct rule rules_pool[] = {{.op = "MaxPool",
                                   .opset_first = 12,
                                   .inputs_min = 1,
                                   .inputs_max = 1,
                                   .outputs_max = 2,
                                   .lower = pool_lower,
                                   .differentiate = pool_differentiate},
                                  {.op = "GlobalMaxPool",
                                   .opset_first = 1,
                                   .inputs_min = 1,
                                   .inputs_max = 1,
                                   .outputs_max = 1,
                                   .lower = pool_lower,
                                   .differentiate = pool_differentiate},
                                  {0}};
