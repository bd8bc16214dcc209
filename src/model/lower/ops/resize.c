/* Resize: nearest by index, all else a matrix along each axis. docs/lower.md 4.22.
 *
 * Interpolation is separable: each axis has a matrix whose row p holds what place p of the result takes of the places
 * of x. The rows are computed in binary64 with + - * / and rounded once. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/fold/fold.h"
#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

enum { RESIZE_PLACES_MAX = 1 << 20, RESIZE_MATRIX_MAX = 1 << 22 };
enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

struct resize {
  enum resize_mode mode;
  const char *coordinate, *nearest;
  bool antialias, exclude;
  double cubic, roi[TAPE_RANK_MAX][2], scale[TAPE_RANK_MAX];
  float outside; /* where tf_crop_and_resize reads beyond x */
  uint32_t in[TAPE_RANK_MAX], out[TAPE_RANK_MAX];
  bool moves[TAPE_RANK_MAX]; /* the axis is resized */
};

/* How an axis is done: by `times` copies of each place, by an index, or by a matrix (and what lies outside). */
struct way {
  uint32_t times;
  struct value index, matrix, outside;
};

static double down(double x) { /* floor; |x| below 2^53 */
  double y = (double)(int64_t)x;
  return y > x ? y - 1 : y;
}

static const struct onnx_tensor *numbers(struct graph *g, const struct application *a, uint32_t n) {
  const struct tensor *t = graph_input(g, a, n);
  const struct onnx_tensor *c = !t ? NULL : t->content ? t->content : t->peek;
  return c && c->count ? c : NULL;
}

static bool odd_shape(struct graph *g, struct application *a, const struct value *x) {
  graph_refuse(g, a, LOWER_ERR_SHAPE, "its scales, sizes, axes or roi do not fit %s, or leave nothing of it",
               shape_text(x->rank, x->dim).text);
  return false;
}

static bool read_modes(struct graph *g, struct application *a, struct resize *r) {
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const coordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                            "align_corners", "asymmetric",           "tf_crop_and_resize"};
  static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  const char *mode = attribute_text(a->node, "mode", "nearest");
  uint32_t m = 0, c = 0, n = 0;
  r->coordinate = attribute_text(a->node, "coordinate_transformation_mode", "half_pixel");
  r->nearest = attribute_text(a->node, "nearest_mode", "round_prefer_floor");
  r->antialias = attribute_int(a->node, "antialias", 0) != 0;
  r->exclude = attribute_int(a->node, "exclude_outside", 0) != 0;
  r->cubic = (double)attribute_float(a->node, "cubic_coeff_a", -0.75f);
  r->outside = attribute_float(a->node, "extrapolation_value", 0);
  while (m < 3 && strcmp(mode, modes[m]) != 0) m++;
  while (c < 6 && strcmp(r->coordinate, coordinates[c]) != 0) c++;
  while (n < 4 && strcmp(r->nearest, rounding[n]) != 0) n++;
  r->mode = (enum resize_mode)m;
  if (m < 3 && c < 6 && n < 4) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "resizes with mode '%s', '%s', '%s'", mode, r->coordinate, r->nearest);
  return false;
}

/* Axes that roi, scales and sizes speak of; how many, or UINT32_MAX. */
static uint32_t read_axes(const struct application *a, uint32_t rank, uint32_t axis[TAPE_RANK_MAX]) {
  uint32_t count, seen = 0;
  const int64_t *axes = attribute_ints(a->node, "axes", &count);
  if (!axes) count = rank;
  if (count > rank) return UINT32_MAX;
  for (uint32_t n = 0; n < count; n++) {
    axis[n] = n;
    if (axes && (!axis_resolve(axes[n], rank, &axis[n]) || seen >> axis[n] & 1)) return UINT32_MAX;
    seen |= 1u << axis[n];
  }
  return count;
}

static bool sizes_of(const struct application *a, const struct onnx_tensor *sizes, uint32_t count, const uint32_t *axis,
                     struct resize *r, double *out) {
  const char *policy = attribute_text(a->node, "keep_aspect_ratio_policy", "stretch");
  double best = 0;
  for (uint32_t n = 0; n < count; n++) {
    if (sizes->i64[n] < 1 || sizes->i64[n] > INT32_MAX) return false;
    out[axis[n]] = (double)sizes->i64[n];
    double scale = r->scale[axis[n]] = out[axis[n]] / (double)r->in[axis[n]];
    bool better = !n || (strcmp(policy, "not_larger") == 0 ? scale < best : scale > best);
    if (better) best = scale;
  }
  if (strcmp(policy, "stretch") == 0) return true;
  for (uint32_t n = 0; n < count; n++) {
    r->scale[axis[n]] = best;
    out[axis[n]] = down(best * (double)r->in[axis[n]] + 0.5);
  }
  return strcmp(policy, "not_larger") == 0 || strcmp(policy, "not_smaller") == 0;
}

static bool resize_read(struct graph *g, struct application *a, const struct value *x, struct resize *r) {
  const struct onnx_tensor *roi = numbers(g, a, 1), *scales = numbers(g, a, 2), *sizes = numbers(g, a, 3);
  double out[TAPE_RANK_MAX];
  uint64_t dim[TAPE_RANK_MAX];
  uint32_t axis[TAPE_RANK_MAX], count = read_axes(a, x->rank, axis);
  *r = (struct resize){0};
  if (!read_modes(g, a, r)) return false;
  bool crops = strcmp(r->coordinate, "tf_crop_and_resize") == 0;
  if (!scales && !sizes) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "has neither scales nor sizes that are known once the batch is");
    return false;
  }
  if (count > x->rank || (scales && (!scales->f32 || scales->count != count)) ||
      (!scales && (!sizes->i64 || sizes->count != count)) || (crops && (!roi || !roi->f32 || roi->count != 2 * count)))
    return odd_shape(g, a, x);
  for (uint32_t n = 0; n < x->rank; n++) {
    r->in[n] = x->dim[n];
    out[n] = x->dim[n];
    r->scale[n] = r->roi[n][1] = 1;
  }
  for (uint32_t n = 0; n < count && scales; n++) {
    r->scale[axis[n]] = (double)scales->f32[n];
    out[axis[n]] = r->scale[axis[n]] * (double)x->dim[axis[n]];
    if (!(out[axis[n]] >= 1 && out[axis[n]] <= INT32_MAX)) return odd_shape(g, a, x);
    out[axis[n]] = down(out[axis[n]]);
  }
  if (!scales && !sizes_of(a, sizes, count, axis, r, out)) return odd_shape(g, a, x);
  for (uint32_t n = 0; n < count && crops; n++)
    for (uint32_t end = 0; end < 2; end++) {
      r->roi[axis[n]][end] = (double)roi->f32[n + end * count];
      if (!(r->roi[axis[n]][end] >= -0x1p20 && r->roi[axis[n]][end] <= 0x1p20)) return odd_shape(g, a, x);
    }
  for (uint32_t n = 0; n < x->rank; n++) {
    dim[n] = (uint64_t)out[n];
    r->out[n] = (uint32_t)dim[n];
    r->moves[n] = r->scale[n] != 1 || r->out[n] != r->in[n] || (crops && (r->roi[n][0] != 0 || r->roi[n][1] != 1));
  }
  return move_fits(g, x->rank, dim);
}

/* Where place p of the result lies in x. */
static double origin(const struct resize *r, uint32_t axis, double p, bool *outside) {
  double in = r->in[axis], scale = r->scale[axis], width = scale * in, x;
  *outside = false;
  if (strcmp(r->coordinate, "align_corners") == 0) return width == 1 ? 0 : p * (in - 1) / (width - 1);
  if (strcmp(r->coordinate, "asymmetric") == 0) return p / scale;
  if (strcmp(r->coordinate, "tf_crop_and_resize") == 0) {
    double from = r->roi[axis][0], span = r->roi[axis][1] - from;
    x = (width == 1 ? span * (in - 1) / 2 : p * span * (in - 1) / (width - 1)) + from * (in - 1);
    *outside = x < 0 || x > in - 1;
    return x;
  }
  if (strcmp(r->coordinate, "pytorch_half_pixel") == 0 && width == 1) return -0.5;
  x = (p + 0.5) / scale - 0.5;
  if (strcmp(r->coordinate, "half_pixel_symmetric") == 0)
    x = in / 2 * (1 - r->out[axis] / width) + (p + 0.5) / scale - 0.5;
  return x;
}

static double kernel(const struct resize *r, double x) {
  double a = r->cubic, d = x < 0 ? -x : x;
  if (r->mode == RESIZE_LINEAR) return d < 1 ? 1 - d : 0;
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static double held(double x, uint32_t extent) { return x < 0 ? 0 : x > extent - 1 ? extent - 1 : x; }

static int64_t nearest(const struct resize *r, uint32_t axis, double x) {
  double p = down(x), rest = x - p;
  bool up = strcmp(r->nearest, "ceil") == 0                 ? rest > 0
            : strcmp(r->nearest, "round_prefer_ceil") == 0  ? rest >= 0.5
            : strcmp(r->nearest, "round_prefer_floor") == 0 ? rest > 0.5
                                                            : false;
  return (int64_t)held(p + up, r->in[axis]);
}

/* Row p of an axis's matrix. A tap beyond x counts for the last place, or with exclude_outside for none. */
static void row_of(const struct resize *r, uint32_t axis, double x, double *row) {
  double p = down(x), reach = r->mode == RESIZE_LINEAR ? 1 : 2, sum = 0, all = 0;
  double narrow = r->antialias && r->scale[axis] < 1 ? r->scale[axis] : 1;
  int64_t first = (int64_t)down(-reach / narrow) + 1, last = 1 - first; /* taps around floor(x) */
  memset(row, 0, r->in[axis] * sizeof *row);
  for (int64_t t = first; t <= last; t++) all += kernel(r, narrow * ((double)t - (x - p)));
  for (int64_t t = first; t <= last; t++) {
    double place = p + (double)t, weight = kernel(r, narrow * ((double)t - (x - p)));
    if (narrow != 1) weight = weight / all;
    bool beyond = place < 0 || place > r->in[axis] - 1;
    if (r->exclude && beyond) continue;
    row[(uint32_t)held(place, r->in[axis])] += weight;
    sum += weight;
  }
  for (uint32_t n = 0; r->exclude && sum != 0 && n < r->in[axis]; n++) row[n] = row[n] / sum;
}

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
    origin(r, axis, p, &outside);
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
    list[p] = nearest(r, axis, origin(r, axis, p, &outside));
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
    row_of(r, axis, origin(r, axis, p, &outside), row);
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
