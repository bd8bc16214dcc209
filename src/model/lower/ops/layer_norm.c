/* Tensors brought to one size along some axes: LayerNormalization, RMSNormalization, GroupNormalization,
 * InstanceNormalization, MeanVarianceNormalization, LpNormalization. docs/lower.md 4.36, 4.37.
 *
 * A *row* is what is normalised together: the elements that differ only along the axes of `mask`. h is the normalised
 * tensor, which the backward pass reads again; scale and bias come after it. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/normalize.h"
#include "model/lower/ops/tables.h"

/* By what a row is divided: sqrt(mean square + epsilon); sqrt(mean square) + epsilon; sqrt(sum of squares); sum of
 * magnitudes. A row of zeros stays one in the last two. */
enum divisor { BY_DEVIATION, BY_DEVIATION_APART, BY_LENGTH, BY_MAGNITUDE };

struct norm {
  uint32_t mask, groups; /* groups: channels are seen as (group, channel of the group); 0: they are not */
  bool centred;
  enum divisor divisor;
  float epsilon;
  struct value *scale, *bias; /* NULL without. As they broadcast over h; over the grouped h if of_group */
  bool of_group;
  struct value seen[2]; /* room for the two */
};

enum { H, INVERSE, SIZE, SAVED }; /* a->saved: h with its groups, 1 / divisor and sqrt(mean square), one a row */

static struct value grouped(const struct norm *c, const struct value *x) {
  return c->groups ? value_split(x, 1, c->groups) : *x;
}

static struct value ungrouped(const struct norm *c, const struct value *x) {
  return c->groups ? value_merge(x, 1) : *x;
}

/* sqrt(div(sum, count)), or for magnitudes the sum itself: what a row's size is. */
static uint8_t size_of(struct build *b, const struct norm *c, uint8_t sum, float count) {
  if (c->divisor == BY_MAGNITUDE) return sum;
  if (c->divisor != BY_LENGTH) {
    uint8_t n = build_f32(b, count);
    sum = build_op2(b, CANON_DIV, sum, n);
  }
  if (c->divisor == BY_DEVIATION) {
    uint8_t least = build_f32(b, c->epsilon);
    sum = build_op2(b, CANON_ADD, sum, least);
  }
  return build_op1(b, CANON_SQRT, sum);
}

static uint8_t inverse_of(struct build *b, const struct norm *c, uint8_t size) {
  uint8_t one = build_f32(b, 1);
  if (c->divisor == BY_DEVIATION) return build_op2(b, CANON_DIV, one, size);
  if (c->divisor == BY_DEVIATION_APART) {
    uint8_t more = build_f32(b, c->epsilon);
    size = build_op2(b, CANON_ADD, size, more);
    return build_op2(b, CANON_DIV, one, size);
  }
  uint8_t zero = build_f32(b, 0);
  uint8_t none = build_op2(b, CANON_FEQ, size, zero);
  uint8_t inverse = build_op2(b, CANON_DIV, one, size);
  return build_op(b, CANON_SEL, none, zero, inverse);
}

/* h, and on the way mean, size and inverse of every row. */
static bool normalise(struct graph *g, struct application *a, struct value *x, const struct norm *c,
                      struct value *mean) {
  struct value rows = normalize_rows(x, c->mask), size, inverse, *saved = graph_save(g, a, SAVED);
  float count = (float)normalize_count(x, c->mask);
  struct build b;
  uint8_t in, m;
  if (!saved) return false;
  if (c->centred) {
    struct value sum = unbroadcast(g, x, &rows);
    build_map(&b, g->e, TAPE_F32, &sum);
    in = build_use(&b, &sum);
    m = build_f32(&b, count);
    *mean = build_end(&b, build_op2(&b, CANON_DIV, in, m));
  }
  build_fold(&b, g->e, sum_reducer(x, c->mask), TAPE_F32, x, c->mask);
  in = build_use(&b, x);
  if (c->centred) {
    m = build_use(&b, mean);
    in = build_op2(&b, CANON_SUB, in, m);
  }
  in = c->divisor == BY_MAGNITUDE ? build_op1(&b, CANON_ABS, in) : build_op2(&b, CANON_MUL, in, in);
  struct value sum = build_end(&b, in);
  build_map(&b, g->e, TAPE_F32, &sum);
  in = build_use(&b, &sum);
  size = build_end(&b, size_of(&b, c, in, count));
  build_map(&b, g->e, TAPE_F32, &size);
  in = build_use(&b, &size);
  inverse = build_end(&b, inverse_of(&b, c, in));
  build_map(&b, g->e, TAPE_F32, x);
  in = build_use(&b, x);
  if (c->centred) {
    m = build_use(&b, mean);
    in = build_op2(&b, CANON_SUB, in, m);
  }
  m = build_use(&b, &inverse);
  saved[H] = build_end(&b, build_op2(&b, CANON_MUL, in, m));
  saved[INVERSE] = inverse;
  saved[SIZE] = size;
  return !emit_failed(g->e);
}

/* fma(h, scale, bias), mul(h, scale), or h. */
static struct value scaled(struct graph *g, struct application *a, const struct norm *c) {
  struct value h = c->of_group ? a->saved[H] : ungrouped(c, &a->saved[H]);
  struct build b;
  if (!c->scale) return h;
  build_map(&b, g->e, TAPE_F32, &h);
  uint8_t y = build_use(&b, &h);
  uint8_t times = build_use(&b, c->scale);
  if (c->bias) {
    uint8_t more = build_use(&b, c->bias);
    y = build_op(&b, CANON_FMA, y, times, more);
  } else {
    y = build_op2(&b, CANON_MUL, y, times);
  }
  if (!c->of_group) return build_pending(&b, y);
  struct value out = build_end(&b, y);
  return emit_failed(g->e) ? out : ungrouped(c, &out);
}

static void norm_lower(struct graph *g, struct application *a, struct value *x, const struct norm *c,
                       struct value *mean) {
  struct value seen = grouped(c, x);
  if (!normalise(g, a, &seen, c, mean)) return;
  graph_result(g, a, scaled(g, a, c));
}

/* Body: dy times scale. */
static uint8_t use_upstream(struct build *b, const struct norm *c, struct value *dy, struct value *scale) {
  uint8_t up = build_use(b, dy);
  if (!c->scale) return up;
  uint8_t times = build_use(b, scale);
  return build_op2(b, CANON_MUL, up, times);
}

/* The scale as it broadcasts over the grouped h: one number a channel becomes [groups, channels of a group, 1..]. */
static struct value scale_of_groups(const struct norm *c) {
  return c->scale && c->groups && !c->of_group ? value_split(c->scale, 0, c->groups)
         : c->scale                            ? *c->scale
                                               : (struct value){0};
}

/* One number a row, to be taken from dy times scale: its mean; and for h, mean(dy h) so that dx = inverse (dy - mean -
 * h along). */
static struct value share_of(struct graph *g, const struct norm *c, struct application *a, struct value *sum,
                             float count, bool along) {
  struct build b;
  if (c->divisor == BY_LENGTH || c->divisor == BY_MAGNITUDE) return *sum;
  build_map(&b, g->e, TAPE_F32, sum);
  uint8_t s = build_use(&b, sum);
  uint8_t n = build_f32(&b, count);
  s = build_op2(&b, CANON_DIV, s, n);
  if (along && c->divisor == BY_DEVIATION_APART) {
    uint8_t size = build_use(&b, &a->saved[SIZE]);
    uint8_t inverse = build_use(&b, &a->saved[INVERSE]);
    uint8_t zero = build_f32(&b, 0);
    uint8_t none = build_op2(&b, CANON_FEQ, size, zero);
    inverse = build_op2(&b, CANON_MUL, size, inverse);
    s = build_op2(&b, CANON_DIV, s, inverse);
    s = build_op(&b, CANON_SEL, none, zero, s);
  }
  return build_end(&b, s);
}

static struct value input_gradient(struct graph *g, struct application *a, const struct norm *c, struct value *dy) {
  struct value *h = &a->saved[H], scale = scale_of_groups(c), mean = {0}, along;
  float count = (float)normalize_count(h, c->mask);
  struct build b;
  uint8_t up, at, part;
  if (c->centred) {
    build_fold(&b, g->e, sum_reducer(h, c->mask), TAPE_F32, h, c->mask);
    mean = build_end(&b, use_upstream(&b, c, dy, &scale));
    mean = share_of(g, c, a, &mean, count, false);
  }
  build_fold(&b, g->e, sum_reducer(h, c->mask), TAPE_F32, h, c->mask);
  up = use_upstream(&b, c, dy, &scale);
  at = build_use(&b, h);
  along = build_end(&b, build_op2(&b, CANON_MUL, up, at));
  along = share_of(g, c, a, &along, count, true);
  build_map(&b, g->e, TAPE_F32, h);
  up = use_upstream(&b, c, dy, &scale);
  if (c->centred) {
    part = build_use(&b, &mean);
    up = build_op2(&b, CANON_SUB, up, part);
  }
  at = build_use(&b, h);
  if (c->divisor == BY_MAGNITUDE) { /* its sign */
    uint8_t zero = build_f32(&b, 0);
    uint8_t one = build_f32(&b, 1);
    uint8_t less = build_f32(&b, -1);
    uint8_t above = build_op2(&b, CANON_FLT, zero, at);
    uint8_t below = build_op2(&b, CANON_FLT, at, zero);
    above = build_op(&b, CANON_SEL, above, one, zero);
    at = build_op(&b, CANON_SEL, below, less, above);
  }
  part = build_use(&b, &along);
  at = build_op2(&b, CANON_MUL, at, part);
  up = build_op2(&b, CANON_SUB, up, at);
  part = build_use(&b, &a->saved[INVERSE]);
  up = build_op2(&b, CANON_MUL, part, up);
  return c->groups ? build_end(&b, up) : build_pending(&b, up);
}

/* Axes of h along which `to`, which broadcasts over it, has one element. */
static uint32_t spread_mask(const struct value *h, const struct value *to) {
  uint32_t mask = 0, more = (uint32_t)(h->rank - to->rank);
  for (uint32_t n = 0; n < h->rank; n++)
    if (h->dim[n] > 1 && (n < more || to->dim[n - more] == 1)) mask |= 1u << n;
  return mask;
}

/* A sum with the rank of h, to the shape of input n. */
static void hand_down(struct graph *g, struct application *a, uint32_t n, struct value *sum, const struct value *to) {
  const struct value *whole = &graph_input(g, a, n)->v;
  struct value v = unbroadcast(g, sum, to);
  if (!value_same_shape(&v, whole)) {
    value_settle(g->e, &v);
    if (emit_failed(g->e)) return;
    v = value_view(&v, whole->rank, whole->dim);
  }
  graph_gradient(g, a, n, v);
}

static void norm_differentiate(struct graph *g, struct application *a, const struct norm *c, struct value *dy) {
  value_settle(g->e, dy);
  if (emit_failed(g->e)) return;
  struct value up = grouped(c, dy), h = c->of_group ? a->saved[H] : ungrouped(c, &a->saved[H]);
  struct value *same = c->of_group ? &up : dy;
  if (c->bias && graph_wants(g, a, 2)) {
    struct value sum = unbroadcast(g, same, c->bias);
    hand_down(g, a, 2, &sum, c->bias);
  }
  if (c->scale && graph_wants(g, a, 1)) {
    struct value sum = normalize_dot(g, &h, same, spread_mask(&h, c->scale));
    hand_down(g, a, 1, &sum, c->scale);
  }
  if (!graph_wants(g, a, 0)) return;
  struct value dx = input_gradient(g, a, c, &up);
  if (!emit_failed(g->e)) graph_gradient(g, a, 0, ungrouped(c, &dx));
}

/* Layer and RMS normalization: all axes from `axis` on. */
static bool along_last(struct graph *g, struct application *a, const struct value *x, struct norm *c) {
  int64_t given = attribute_int(a->node, "axis", -1);
  uint32_t axis;
  struct value whole;
  if (!axis_resolve(given, x->rank, &axis)) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", given, shape_text(x->rank, x->dim).text);
    return false;
  }
  *c = (struct norm){.mask = ((1u << x->rank) - 1) & ~((1u << axis) - 1),
                     .centred = strcmp(a->node->op, "LayerNormalization") == 0,
                     .epsilon = attribute_float(a->node, "epsilon", 1e-5f)};
  for (uint32_t n = 1; n <= 2; n++) {
    if (!graph_input(g, a, n)) continue;
    struct value *v = float_value(g, a, n);
    if (!v || !broadcast(g, a, x, v, &whole)) return false;
    if (!value_same_shape(&whole, x)) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "input %" PRIu32 " is %s, which does not go over %s", n,
                   shape_text(v->rank, v->dim).text, shape_text(x->rank, x->dim).text);
      return false;
    }
    value_settle(g->e, v);
    *(n == 1 ? &c->scale : &c->bias) = v;
  }
  return !emit_failed(g->e);
}

static void layer_lower(struct graph *g, struct application *a) {
  struct value *x = normalize_input(g, a, 0), mean = {0};
  struct norm c;
  if (!x || !along_last(g, a, x, &c)) return;
  norm_lower(g, a, x, &c, &mean);
  if (emit_failed(g->e) || !c.centred) return;
  graph_result_at(g, a, 1, mean);
  graph_result_at(g, a, 2, a->saved[INVERSE]);
}

static void layer_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct norm c;
  for (uint32_t n = 1; n < a->outputs_count; n++)
    if (!dy[n].literal) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "the loss depends on its output %" PRIu32 ", which has no gradient", n);
      return;
    }
  if (!dy[0].literal && along_last(g, a, &graph_input(g, a, 0)->v, &c)) norm_differentiate(g, a, &c, dy);
}

/* Group and instance normalization: all that belongs to a sample's group, or channel. */
static bool along_places(struct graph *g, struct application *a, const struct value *x, struct norm *c) {
  bool instance = strcmp(a->node->op, "InstanceNormalization") == 0;
  int64_t groups = instance ? 0 : attribute_int(a->node, "num_groups", 0);
  if (x->rank < (instance ? 3 : 2) || x->rank + !instance > TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "takes %s; it needs batch, channels and 1 to 3 spatial axes",
                 shape_text(x->rank, x->dim).text);
    return false;
  }
  if (!instance && (groups < 1 || groups > x->dim[1] || x->dim[1] % groups)) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "puts %" PRIu32 " channels into %" PRId64 " groups", x->dim[1], groups);
    return false;
  }
  *c = (struct norm){.groups = (uint32_t)groups,
                     .centred = true,
                     .of_group = !instance && g->model->opset < 21,
                     .epsilon = attribute_float(a->node, "epsilon", 1e-5f)};
  c->mask = ((1u << (x->rank + !instance)) - 1) & ~3u;
  uint32_t channels = c->of_group ? (uint32_t)groups : x->dim[1];
  for (uint32_t n = 1; n <= 2; n++)
    if (!normalize_channels(g, a, n, channels, x->rank + c->of_group, &c->seen[n - 1])) return false;
  c->scale = &c->seen[0];
  c->bias = &c->seen[1];
  return true;
}

static void group_lower(struct graph *g, struct application *a) {
  struct value *x = normalize_input(g, a, 0), mean;
  struct norm c;
  if (x && along_places(g, a, x, &c)) norm_lower(g, a, x, &c, &mean);
}

static void group_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct norm c;
  if (along_places(g, a, &graph_input(g, a, 0)->v, &c)) norm_differentiate(g, a, &c, dy);
}

/* MeanVarianceNormalization: batch and spatial axes unless said otherwise. LpNormalization: one axis. */
static bool along_given(struct graph *g, struct application *a, const struct value *x, struct norm *c) {
  static const int64_t usual[] = {0, 2, 3};
  int64_t p = attribute_int(a->node, "p", 2), only = attribute_int(a->node, "axis", -1);
  bool lp = strcmp(a->node->op, "LpNormalization") == 0;
  uint32_t count = 0;
  const int64_t *axes = lp ? NULL : attribute_ints(a->node, "axes", &count);
  if (lp && p != 1 && p != 2) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "p is %" PRId64 ": 1 and 2 lower", p);
    return false;
  }
  *c = (struct norm){.centred = !lp,
                     .divisor = !lp      ? BY_DEVIATION_APART
                                : p == 2 ? BY_LENGTH
                                         : BY_MAGNITUDE,
                     .epsilon = 1e-9f};
  if (!axes) {
    axes = lp ? &only : usual;
    count = lp ? 1 : 3;
  }
  for (uint32_t n = 0; n < count; n++) {
    uint32_t axis;
    if (!axis_resolve(axes[n], x->rank, &axis)) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", axes[n], shape_text(x->rank, x->dim).text);
      return false;
    }
    c->mask |= 1u << axis;
  }
  return true;
}

static void given_lower(struct graph *g, struct application *a) {
  struct value *x = normalize_input(g, a, 0), mean;
  struct norm c;
  if (x && along_given(g, a, x, &c)) norm_lower(g, a, x, &c, &mean);
}

static void given_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct norm c;
  if (along_given(g, a, &graph_input(g, a, 0)->v, &c)) norm_differentiate(g, a, &c, dy);
}

#define NORM(name, first, most, outputs, how)                                                                          \
  {                                                                                                                    \
    .op = name, .opset_first = first, .inputs_min = most > 1 ? 2 : 1, .inputs_max = most, .outputs_max = outputs,      \
    .lower = how##_lower, .differentiate = how##_differentiate, .keep_inputs = 3                                       \
  }
const struct rule rules_norm[] = {NORM("LayerNormalization", 17, 3, 3, layer),
                                  NORM("RMSNormalization", 23, 2, 1, layer),
                                  NORM("GroupNormalization", 18, 3, 1, group),
                                  NORM("InstanceNormalization", 6, 3, 1, group),
                                  NORM("MeanVarianceNormalization", 13, 1, 1, given),
                                  NORM("LpNormalization", 1, 1, 1, given),
                                  {0}};
