/* Pad: results larger than what they read. docs/lower.md 4.14, 4.19. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

struct padding {
  enum pad_mode mode;
  int32_t before[TAPE_RANK_MAX]; /* elements before each axis; negative ones are cut off */
  uint32_t dim[TAPE_RANK_MAX];   /* of the result */
};

static bool mode_read(struct graph *g, struct application *a, enum pad_mode *mode) {
  static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
  const char *wanted = attribute_text(a->node, "mode", "constant");
  for (int n = 0; n < 4; n++)
    if (strcmp(wanted, names[n]) == 0) {
      *mode = (enum pad_mode)n;
      return true;
    }
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "pads with mode '%s'", wanted);
  return false;
}

static bool pad_read(struct graph *g, struct application *a, const struct value *x, struct padding *p) {
  const struct onnx_tensor *pads = input_integers(g, a, 1, "pads"), *axes = NULL;
  uint64_t dim[TAPE_RANK_MAX];
  if (!pads || !mode_read(g, a, &p->mode)) return false;
  if (graph_input(g, a, 3)) {
    axes = input_integers(g, a, 3, "axes");
    if (!axes) return false;
  }
  uint64_t count = axes ? axes->count : x->rank;
  if (count > x->rank || pads->count != 2 * count) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "pads with mode '%s' and %" PRIu64 " numbers for rank %u",
                 attribute_text(a->node, "mode", "constant"), pads->count, x->rank);
    return false;
  }
  for (uint32_t n = 0; n < x->rank; n++) {
    p->before[n] = 0;
    dim[n] = x->dim[n];
  }
  for (uint32_t n = 0; n < count; n++) {
    uint32_t axis = n;
    int64_t low = pads->i64[n], high = pads->i64[n + count], size;
    if ((axes && !axis_resolve(axes->i64[n], x->rank, &axis)) || low < -INT32_MAX || low > INT32_MAX ||
        high < -INT32_MAX || high > INT32_MAX || (size = (int64_t)x->dim[axis] + low + high) < 1 || size > INT32_MAX) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "pads of %" PRId64 " and %" PRId64 " on %s", low, high,
                   shape_text(x->rank, x->dim).text);
      return false;
    }
    p->before[axis] = (int32_t)low;
    dim[axis] = (uint64_t)size;
  }
  for (uint32_t n = 0; n < x->rank; n++) p->dim[n] = (uint32_t)dim[n];
  return move_fits(g, x->rank, dim);
}

/* Reads v at coordinate + shift, `fill` outside. */
static struct value shifted(struct graph *g, struct value *v, const struct value *shape, const int32_t *shift,
                            int32_t sign, uint32_t fill) {
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, v->dtype, shape);
  for (uint8_t n = 0; n < v->rank; n++) axis[n] = index_add(index_fixed(sign * shift[n]), b.at[n], 1);
  uint8_t x = build_read(&b, v, axis, fill);
  return build_pending(&b, x);
}

/* Where each place of a padded axis reads: a record of its dims. */
static struct value places(struct graph *g, const struct padding *p, uint32_t axis, uint32_t extent) {
  struct value shape = value_shaped(TAPE_I32, 1, &p->dim[axis], NULL);
  struct build b;
  int32_t n = (int32_t)extent;
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t before = build_i32(&b, p->before[axis]), place, y;
  if (p->mode == PAD_WRAP || (p->mode == PAD_REFLECT && n == 1)) {
    uint8_t size = build_i32(&b, n);
    place = build_op2(&b, CANON_ISUB, build_op(&b, CANON_COORD, 0, 0, 0), before);
    y = build_op2(&b, CANON_IMOD, place, size);
  } else if (p->mode == PAD_EDGE) {
    uint8_t first = build_i32(&b, 0), last = build_i32(&b, n - 1);
    place = build_op2(&b, CANON_ISUB, build_op(&b, CANON_COORD, 0, 0, 0), before);
    y = build_op2(&b, CANON_IMIN, build_op2(&b, CANON_IMAX, place, first), last);
  } else { /* forth and back again, without the ends twice */
    uint8_t period = build_i32(&b, 2 * (n - 1));
    place = build_op2(&b, CANON_ISUB, build_op(&b, CANON_COORD, 0, 0, 0), before);
    uint8_t forth = build_op2(&b, CANON_IMOD, place, period);
    y = build_op2(&b, CANON_IMIN, forth, build_op2(&b, CANON_ISUB, period, forth));
  }
  return build_end(&b, y);
}

static void repeat_lower(struct graph *g, struct application *a, struct value *x, const struct padding *p) {
  struct value shape = value_shaped(x->dtype, x->rank, p->dim, x->order), *saved = graph_save(g, a, x->rank);
  struct index at[TAPE_RANK_MAX];
  struct build b;
  if (!saved) return;
  shape.type = x->type;
  for (uint32_t n = 0; n < x->rank; n++)
    if (p->dim[n] != x->dim[n] || p->before[n]) saved[n] = places(g, p, n, x->dim[n]);
  build_map(&b, g->e, x->dtype, &shape);
  for (uint8_t n = 0; n < x->rank; n++) at[n] = index_dim(b.at[n]);
  for (uint8_t n = 0; n < x->rank; n++) {
    if (!saved[n].rank) continue;
    struct index own = index_dim(b.at[n]);
    at[n] = index_indirect(build_read(&b, &saved[n], &own, 0));
  }
  uint8_t y = build_read(&b, x, at, 0);
  graph_result(g, a, build_pending(&b, y));
}

/* The word that fills: of input 2, 0 without it. */
static bool fill_read(struct graph *g, struct application *a, const struct value *x, uint32_t *fill) {
  float f;
  *fill = 0;
  if (!graph_input(g, a, 2)) return true;
  if (x->dtype == TAPE_F32) {
    if (!input_scalar(g, a, 2, "value", &f)) return false;
    *fill = value_f32(f).word;
    return true;
  }
  const struct onnx_tensor *t = input_integers(g, a, 2, "value");
  if (!t) return false;
  if (t->count == 1 && t->i64[0] >= INT32_MIN && t->i64[0] <= INT32_MAX) {
    *fill = (uint32_t)(int32_t)t->i64[0];
    return true;
  }
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "fills with something other than one number of 32 bits");
  return false;
}

static void pad_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  struct padding p;
  uint32_t fill;
  if (!x || !pad_read(g, a, x, &p)) return;
  if (p.mode != PAD_CONSTANT) {
    move_stored(g, x);
    repeat_lower(g, a, x, &p);
    return;
  }
  struct value shape = value_shaped(x->dtype, x->rank, p.dim, x->order);
  shape.type = x->type;
  if (fill_read(g, a, x, &fill)) graph_result(g, a, shifted(g, x, &shape, p.before, -1, fill));
}

static void pad_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, d = *dy;
  struct padding p;
  if (!pad_read(g, a, x, &p)) return;
  if (p.mode == PAD_CONSTANT) {
    struct value shape = value_shaped(TAPE_F32, x->rank, x->dim, x->order);
    graph_gradient(g, a, 0, shifted(g, dy, &shape, p.before, 1, 0));
    return;
  }
  for (uint32_t n = 0; n < x->rank && !emit_failed(g->e); n++)
    if (a->saved[n].rank) d = move_put(g, &d, n, &a->saved[n], x->dim[n]);
  graph_gradient(g, a, 0, d);
}

const struct rule rules_pad[] = {{.op = "Pad",
                                  .opset_first = 13,
                                  .inputs_min = 2,
                                  .inputs_max = 4,
                                  .outputs_max = 1,
                                  .lower = pad_lower,
                                  .differentiate = pad_differentiate,
                                  .role = move_first_only},
                                 {0}};
