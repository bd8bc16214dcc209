/* Resize: nearest by index, all else a matrix along each axis. docs/lower.md 4.22.
 *
 * Interpolation is separable: each axis has a matrix whose row p holds what place p of the result takes of the places
 * of x. The rows are computed in binary64 (resize_places.c) and rounded once. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/fold/fold.h"
#include "model/lower/ops/move.h"
#include "model/lower/ops/resize.h"
#include "model/lower/ops/tables.h"

enum { RESIZE_PLACES_MAX = 1 << 20, RESIZE_MATRIX_MAX = 1 << 22 };

/* How an axis is done: by `times` copies of each place, by an index, or by a matrix (and what lies outside). */
struct way {
  uint32_t times;
  struct value index, matrix, outside;
};

static void *list_of(struct graph *g, uint64_t count, size_t size) {
  if (!fold_keep(g, count)) return NULL;
  void *list = arena_take(g->arena, count, size);
  if (!list) emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  return list;
}

/* The places that lie outside x, as 0 and 1; rank 0 where none does. */
static void outside_way(struct graph *g, const struct resize *r, uint32_t axis, struct way *w) {
  int64_t *list = list_of(g, r->out[axis], sizeof *list);
  bool any = false, outside;
  for (uint32_t p = 0; list && p < r->out[axis]; p++) {
    resize_origin(r, axis, p, &outside);
    list[p] = outside;
    any |= outside;
  }
  if (list && any && move_constant(g, 1, &r->out[axis], list, &w->outside)) move_stored(g, &w->outside);
}

static void nearest_way(struct graph *g, const struct resize *r, uint32_t axis, struct way *w) {
  int64_t *list = list_of(g, r->out[axis], sizeof *list);
  bool outside, even = r->out[axis] % r->in[axis] == 0;
  if (!list) return;
  uint32_t times = even ? r->out[axis] / r->in[axis] : 1;
  for (uint32_t p = 0; p < r->out[axis]; p++) {
    list[p] = resize_nearest(r, axis, resize_origin(r, axis, p, &outside));
    even = even && list[p] == p / times;
  }
  w->times = even && times <= UINT16_MAX ? times : 0;
  if (w->times) return;
  if (move_constant(g, 1, &r->out[axis], list, &w->index)) move_stored(g, &w->index);
}

static void matrix_way(struct graph *g, const struct resize *r, uint32_t axis, struct way *w) {
  uint64_t count = (uint64_t)r->out[axis] * r->in[axis];
  bool outside;
  if (count > RESIZE_MATRIX_MAX) {
    emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "resizes %" PRIu32 " places to %" PRIu32 ", too many for a matrix of 2^22",
              r->in[axis], r->out[axis]);
    return;
  }
  float *matrix = list_of(g, count, sizeof *matrix);
  double *row = list_of(g, r->in[axis], sizeof *row);
  if (!matrix || !row) return;
  for (uint32_t p = 0; p < r->out[axis]; p++) {
    resize_row(r, axis, resize_origin(r, axis, p, &outside), row);
    for (uint32_t n = 0; n < r->in[axis]; n++) matrix[(uint64_t)p * r->in[axis] + n] = outside ? 0 : (float)row[n];
  }
  struct onnx_tensor t = {
      .name = "", .type = ONNX_FLOAT, .rank = 2, .dim = {r->out[axis], r->in[axis]}, .count = count};
  t.f32 = matrix;
  const struct onnx_tensor *shared = fold_share(g, &t);
  if (shared && graph_constant(g, shared, &w->matrix)) move_stored(g, &w->matrix);
}

/* One axis of v by the matrix (or, backward, its transpose): a dot over the axis. */
static struct value multiplied(struct graph *g, struct value *v, uint32_t axis, struct value *matrix, bool back) {
  struct value shape = value_shaped(TAPE_F32, v->rank, v->dim, v->order);
  struct index at[TAPE_RANK_MAX], of[2];
  uint32_t out[TAPE_RANK_MAX], k = v->dim[axis];
  uint8_t place[TAPE_RANK_MAX];
  struct build b;
  shape.dim[axis] = matrix->dim[back ? 1 : 0];
  for (uint8_t p = 0; p < v->rank; p++) {
    place[shape.order[p]] = p;
    out[p] = shape.dim[shape.order[p]];
  }
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, v->rank, out, 1, &k, &shape);
  for (uint8_t n = 0; n < v->rank; n++) at[n] = index_dim(n == axis ? v->rank : place[n]);
  of[back ? 1 : 0] = index_dim(place[axis]);
  of[back ? 0 : 1] = index_dim(v->rank);
  build_read(&b, v, at, 0);
  build_read(&b, matrix, of, 0);
  return build_end(&b, 0);
}

/* `value` where the axis lies outside x, else v. */
static struct value filled(struct graph *g, struct value *v, uint32_t axis, struct value *outside, float fill) {
  struct value shape = *v;
  struct build b;
  build_map(&b, g->e, v->dtype, &shape);
  struct index own = index_dim(b.at[axis]);
  uint8_t x = build_use(&b, v), beyond = build_read(&b, outside, &own, 0), y;
  y = v->dtype == TAPE_F32 ? build_f32(&b, fill) : build_i32(&b, (int32_t)fill);
  return build_pending(&b, build_op(&b, CANON_SEL, beyond, y, x));
}

/* All nearest axes in one map. */
static struct value picked(struct graph *g, struct value *x, const struct resize *r, struct way *w) {
  struct value shape = value_shaped(x->dtype, x->rank, r->out, x->order);
  struct index at[TAPE_RANK_MAX];
  struct build b;
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  for (uint8_t n = 0; n < x->rank; n++) {
    struct index own = at[n] = index_dim(b.at[n]);
    if (!r->moves[n]) continue;
    at[n] = w[n].times ? index_div(own, w[n].times, TAPE_FLOOR) : index_indirect(build_read(&b, &w[n].index, &own, 0));
  }
  uint8_t y = build_read(&b, x, at, 0);
  return build_pending(&b, y);
}

/* The adjoint of copies: a fold over them, all axes at once. */
static struct value uncopied(struct graph *g, struct value *dy, const struct resize *r, const struct way *w) {
  struct index at[TAPE_RANK_MAX];
  uint32_t out[TAPE_RANK_MAX], k[TAPE_RANK_MAX];
  uint8_t place[TAPE_RANK_MAX], k_rank = 0;
  struct value shape = value_shaped(TAPE_F32, dy->rank, r->in, dy->order);
  struct build b;
  value_settle(g->e, dy);
  for (uint8_t p = 0; p < dy->rank; p++) {
    place[dy->order[p]] = p;
    out[p] = r->in[dy->order[p]];
  }
  for (uint8_t n = 0; n < dy->rank; n++) {
    bool copies = r->moves[n] && w[n].times > 1;
    at[n] = index_add(index_fixed(0), place[n], copies ? (int32_t)w[n].times : 1);
    if (!copies) continue;
    at[n] = index_add(at[n], dy->rank + k_rank, 1);
    k[k_rank++] = w[n].times;
  }
  if (!k_rank) return *dy;
  build_free(&b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, dy->rank, out, k_rank, k, &shape);
  uint8_t d = build_read(&b, dy, at, 0);
  return build_end(&b, d);
}

/* The ways of all axes, made once and kept for the backward pass: 3 values each, and `times` in a fourth's word. */
enum { WAY_VALUES = 4 };
static bool ways_make(struct graph *g, struct application *a, const struct resize *r, uint32_t rank, struct way *w) {
  struct value *saved = graph_save(g, a, WAY_VALUES * TAPE_RANK_MAX);
  if (!saved) return false;
  for (uint32_t n = 0; n < rank && !emit_failed(g->e); n++) {
    w[n] = (struct way){0};
    if (!r->moves[n]) continue;
    if (r->out[n] > RESIZE_PLACES_MAX) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "resizes an axis to %" PRIu32 " places, at most 2^20", r->out[n]);
      return false;
    }
    if (strcmp(r->coordinate, "tf_crop_and_resize") == 0) outside_way(g, r, n, &w[n]);
    if (r->mode == RESIZE_NEAREST)
      nearest_way(g, r, n, &w[n]);
    else
      matrix_way(g, r, n, &w[n]);
    saved[WAY_VALUES * n] = w[n].index;
    saved[WAY_VALUES * n + 1] = w[n].matrix;
    saved[WAY_VALUES * n + 2] = w[n].outside;
    saved[WAY_VALUES * n + 3].word = w[n].times;
  }
  return !emit_failed(g->e);
}

static void resize_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), y;
  struct resize r;
  struct way w[TAPE_RANK_MAX];
  if (!x || !resize_read(g, a, x, &r)) return;
  if (r.mode != RESIZE_NEAREST && x->dtype != TAPE_F32) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "interpolates whole numbers; only the mode nearest lowers on them");
    return;
  }
  if (!ways_make(g, a, &r, x->rank, w)) return;
  move_stored(g, x);
  if (r.mode == RESIZE_NEAREST) {
    y = picked(g, x, &r, w);
  } else {
    y = *x;
    for (uint32_t n = 0; n < x->rank && !emit_failed(g->e); n++)
      if (r.moves[n]) y = multiplied(g, &y, n, &w[n].matrix, false);
  }
  for (uint32_t n = 0; n < x->rank && !emit_failed(g->e); n++)
    if (r.moves[n] && w[n].outside.rank) y = filled(g, &y, n, &w[n].outside, r.outside);
  graph_result(g, a, y);
}

static void resize_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  struct value d = *dy;
  struct resize r;
  struct way w[TAPE_RANK_MAX];
  if (!resize_read(g, a, x, &r)) return;
  for (uint32_t n = 0; n < x->rank; n++)
    w[n] = (struct way){.index = a->saved[WAY_VALUES * n],
                        .matrix = a->saved[WAY_VALUES * n + 1],
                        .outside = a->saved[WAY_VALUES * n + 2],
                        .times = a->saved[WAY_VALUES * n + 3].word};
  for (uint32_t n = 0; n < x->rank; n++)
    if (r.moves[n] && w[n].outside.rank) d = filled(g, &d, n, &w[n].outside, 0);
  for (uint32_t n = 0; n < x->rank && !emit_failed(g->e); n++) {
    if (!r.moves[n] || w[n].times) continue;
    d = r.mode == RESIZE_NEAREST ? move_put(g, &d, n, &w[n].index, x->dim[n])
                                 : multiplied(g, &d, n, &w[n].matrix, true);
  }
  if (r.mode == RESIZE_NEAREST) d = uncopied(g, &d, &r, w);
  graph_gradient(g, a, 0, d);
}

const struct rule rules_resize[] = {{.op = "Resize",
                                     .opset_first = 13,
                                     .inputs_min = 1,
                                     .inputs_max = 4,
                                     .outputs_max = 1,
                                     .lower = resize_lower,
                                     .differentiate = resize_differentiate,
                                     .role = move_first_only},
                                    {0}};
