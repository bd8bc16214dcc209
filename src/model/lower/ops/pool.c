/* MaxPool: the greatest, and where it was. docs/lower.md 4.12, TAPE 7 "max pool". */
#include <inttypes.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/window.h"

static const uint32_t minus_infinity = 0xff800000u;

/* Opens a fold over the taps at every output place; dims [n, places.., c] and (taps..). axis[]: index of x. */
static void over_taps(struct build *b, struct graph *g, const struct window *w, const struct value *y, uint8_t reducer,
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

/* Index of a value of y's shape at the output place itself. */
static void at_place(const struct window *w, struct index *axis) {
  axis[0] = index_dim(0);
  axis[1] = index_dim((uint8_t)(w->axes + 1));
  for (uint8_t s = 0; s < w->axes; s++) axis[2 + s] = index_dim((uint8_t)(1 + s));
}

static bool pool_read(struct graph *g, struct application *a, const struct value *x, struct window *w) {
  if (!window_read(g, a, x, NULL, w)) return false;
  if (attribute_int(a->node, "storage_order", 0)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "storage_order is 1");
    return false;
  }
  if (window_taps(w) <= TAPE_K_MAX) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "a window of more than 2^20 places: use ReduceMax");
  return false;
}

static void pool_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  struct window w;
  struct build b;
  struct index axis[TAPE_RANK_MAX];
  if (!x || !pool_read(g, a, x, &w)) return;
  struct value y = window_result(&w, x->dim[0], x->dim[1]);
  over_taps(&b, g, &w, &y, TAPE_FMAX, TAPE_F32, axis);
  uint8_t in = build_read(&b, x, axis, minus_infinity);
  y = build_end(&b, in);
  graph_result(g, a, y);
  if (g->mode != GRAPH_TRAIN || !graph_wants(g, a, 0)) return;
  /* The lowest tap that holds it; 255 or 7fffffff where it is NaN. */
  over_taps(&b, g, &w, &y, TAPE_IMIN, window_taps(&w) <= 255 ? TAPE_U8 : TAPE_I32, axis);
  struct index here[TAPE_RANK_MAX];
  at_place(&w, here);
  in = build_read(&b, x, axis, minus_infinity);
  uint8_t most = build_read(&b, &y, here, 0);
  uint8_t never = build_i32(&b, INT32_MAX);
  uint8_t equal = build_op2(&b, CANON_FEQ, in, most);
  uint8_t tap = build_op0(&b, CANON_KLIN);
  struct value *saved = graph_save(g, a, 1);
  if (saved) saved[0] = build_end(&b, build_op(&b, CANON_SEL, equal, tap, never));
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
  uint32_t out[TAPE_RANK_MAX];
  struct build b;
  for (uint8_t p = 0; p < dx.rank; p++) out[p] = dx.dim[dx.order[p]];
  build_free(&b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, dx.rank, out, w->axes, w->kernel, &dx);
  axis[0] = index_dim(0);
  axis[1] = index_dim((uint8_t)(w->axes + 1));
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
                                   .outputs_max = 1,
                                   .lower = pool_lower,
                                   .differentiate = pool_differentiate},
                                  {0}};
