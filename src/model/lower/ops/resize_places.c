/* What Resize asks for, and the places of x that make up each place of its result. docs/lower.md 4.22. */
#include <string.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/resize.h"

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

bool resize_read(struct graph *g, struct application *a, const struct value *x, struct resize *r) {
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
double resize_origin(const struct resize *r, uint32_t axis, double p, bool *outside) {
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

int64_t resize_nearest(const struct resize *r, uint32_t axis, double x) {
  double p = down(x), rest = x - p;
  bool up = strcmp(r->nearest, "ceil") == 0                 ? rest > 0
            : strcmp(r->nearest, "round_prefer_ceil") == 0  ? rest >= 0.5
            : strcmp(r->nearest, "round_prefer_floor") == 0 ? rest > 0.5
                                                            : false;
  return (int64_t)held(p + up, r->in[axis]);
}

/* Row p of an axis's matrix. A tap beyond x counts for the last place, or with exclude_outside for none. */
void resize_row(const struct resize *r, uint32_t axis, double x, double *row) {
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
