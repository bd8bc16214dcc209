/* Pad and Expand: results larger than what they read. docs/lower.md 4.14. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

/* Elements before each axis; negative ones are cut off. out has the result's dims. */
static bool pad_read(struct graph *g, struct application *a, const struct value *x, int32_t *before,
                     struct value *out) {
  const struct onnx_tensor *pads = input_integers(g, a, 1, "pads"), *axes = NULL;
  const char *mode = attribute_text(a->node, "mode", "constant");
  if (!pads) return false;
  if (graph_input(g, a, 3)) {
    axes = input_integers(g, a, 3, "axes");
    if (!axes) return false;
  }
  uint64_t count = axes ? axes->count : x->rank;
  if (strcmp(mode, "constant") != 0 || pads->count != 2 * count || count > x->rank) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "pads with mode '%s' and %" PRIu64 " numbers for rank %u", mode,
                 pads->count, x->rank);
    return false;
  }
  *out = value_shaped(TAPE_F32, x->rank, x->dim, x->order);
  memset(before, 0, TAPE_RANK_MAX * sizeof *before);
  for (uint32_t n = 0; n < count; n++) {
    uint32_t axis = n;
    int64_t low = pads->i64[n], high = pads->i64[n + count], size;
    if ((axes && !axis_resolve(axes->i64[n], x->rank, &axis)) || low < -INT32_MAX || low > INT32_MAX ||
        high < -INT32_MAX || high > INT32_MAX || (size = (int64_t)x->dim[axis] + low + high) < 1 || size > INT32_MAX) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "pads of %" PRId64 " and %" PRId64 " on %s", low, high,
                   shape_text(x->rank, x->dim).text);
      return false;
    }
    before[axis] = (int32_t)low;
    out->dim[axis] = (uint32_t)size;
  }
  return true;
}

/* Reads v at coordinate + shift, `fill` outside. */
static struct value shifted(struct graph *g, struct value *v, const struct value *shape, const int32_t *shift,
                            int32_t sign, uint32_t fill) {
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, TAPE_F32, shape);
  for (uint8_t n = 0; n < v->rank; n++) axis[n] = index_add(index_fixed(sign * shift[n]), b.at[n], 1);
  uint8_t x = build_read(&b, v, axis, fill);
  return build_pending(&b, x);
}

static void pad_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), out;
  int32_t before[TAPE_RANK_MAX];
  float fill = 0;
  if (!x || (graph_input(g, a, 2) && !input_scalar(g, a, 2, "value", &fill))) return;
  if (pad_read(g, a, x, before, &out)) graph_result(g, a, shifted(g, x, &out, before, -1, value_f32(fill).word));
}

static void pad_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, out;
  int32_t before[TAPE_RANK_MAX];
  if (pad_read(g, a, x, before, &out)) graph_gradient(g, a, 0, shifted(g, dy, x, before, 1, 0));
}

static void expand_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), want, shape;
  const struct onnx_tensor *to = x ? input_integers(g, a, 1, "shape") : NULL;
  uint32_t dim[TAPE_RANK_MAX];
  struct build b;
  if (!x || !to) return;
  if (to->count > TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for rank %" PRIu64 ", the most is %d", to->count, TAPE_RANK_MAX);
    return;
  }
  for (uint32_t n = 0; n < to->count; n++) {
    if (to->i64[n] < 1 || to->i64[n] > INT32_MAX) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for a dimension of %" PRId64, to->i64[n]);
      return;
    }
    dim[n] = (uint32_t)to->i64[n];
  }
  want = value_shaped(TAPE_F32, (uint32_t)to->count, dim, NULL);
  if (!broadcast(g, a, x, &want, &shape)) return;
  if (x->literal) { /* still one number, with other dims */
    shape.literal = true;
    shape.word = x->word;
    graph_result(g, a, shape);
    return;
  }
  build_map(&b, g->e, TAPE_F32, &shape);
  uint8_t in = build_use(&b, x);
  graph_result(g, a, build_pending(&b, in));
}

static void expand_differentiate(struct graph *g, struct application *a, struct value *dy) {
  graph_gradient(g, a, 0, unbroadcast(g, dy, &graph_input(g, a, 0)->v));
}

static void first_only(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

const struct rule rules_pad[] = {{.op = "Pad",
                                  .opset_first = 13,
                                  .inputs_min = 2,
                                  .inputs_max = 4,
                                  .outputs_max = 1,
                                  .lower = pad_lower,
                                  .differentiate = pad_differentiate,
                                  .role = first_only},
                                 {.op = "Expand",
                                  .opset_first = 13,
                                  .inputs_min = 2,
                                  .inputs_max = 2,
                                  .outputs_max = 1,
                                  .lower = expand_lower,
                                  .differentiate = expand_differentiate,
                                  .role = first_only},
                                 {0}};
