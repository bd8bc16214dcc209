/* Conv and ConvTranspose: dot over an implicit window. docs/lower.md 4.11, 4.38. Weights lie [kernel.., in / groups,
 * out], activations channels last; with groups every record has a group dim of its own, so that no index needs a
 * division. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/convolve.h"
#include "model/lower/ops/tables.h"

static void conv_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  const struct onnx_tensor *weight = a->input[1] == GRAPH_NONE ? NULL : g->tensor[a->input[1]].given;
  if (!weight || weight->rank < 3 || weight->rank > TAPE_RANK_MAX || n == 0) return;
  role->fan_in = 1;
  for (uint32_t x = 1; x < weight->rank; x++) role->fan_in *= (uint64_t)weight->dim[x];
  if (n != 1) return;
  for (uint8_t x = 0; x + 2u < weight->rank; x++) role->order[x] = (uint8_t)(x + 2);
  role->order[weight->rank - 2] = 1;
  role->order[weight->rank - 1] = 0;
}

static bool ranks_fit(struct graph *g, struct application *a, const struct value *x, const struct value *weight) {
  bool fit = weight->rank == x->rank && x->rank >= 3;
  if (!fit)
    graph_refuse(g, a, LOWER_ERR_SHAPE, "convolves %s with a kernel of %s", shape_text(x->rank, x->dim).text,
                 shape_text(weight->rank, weight->dim).text);
  return fit;
}

static bool misfit(struct graph *g, struct application *a, const struct value *x, const struct value *weight,
                   int64_t groups) {
  graph_refuse(g, a, LOWER_ERR_SHAPE, "convolves %s with a kernel of %s in %" PRId64 " groups",
               shape_text(x->rank, x->dim).text, shape_text(weight->rank, weight->dim).text, groups);
  return false;
}

static void take_channels(struct convolution *c, const struct value *x, const struct value *weight, int64_t groups) {
  c->batch = x->dim[0];
  c->groups = (uint32_t)groups;
  c->in = weight->dim[1];
  c->out = weight->dim[0] / (uint32_t)groups;
}

static bool conv_read(struct graph *g, struct application *a, const struct value *x, const struct value *weight,
                      struct convolution *c) {
  int64_t groups = attribute_int(a->node, "group", 1);
  if (!ranks_fit(g, a, x, weight)) return false;
  if (!window_read(g, a, x, weight->dim + 2, &c->w)) return false;
  if (groups < 1 || groups > INT32_MAX || x->dim[1] % groups || weight->dim[0] % groups ||
      x->dim[1] / groups != weight->dim[1])
    return misfit(g, a, x, weight, groups);
  take_channels(c, x, weight, groups);
  if (groups > 1 && x->rank == TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "groups over %u axes", x->rank);
    return false;
  }
  return true;
}

/* y with the bias of input 2, one number a channel, if there is one. */
static void biased(struct graph *g, struct application *a, struct value y) {
  if (graph_input(g, a, 2)) {
    struct value *bias = float_value(g, a, 2);
    if (!bias) return;
    if (bias->rank != 1 || bias->dim[0] != y.dim[1]) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "a bias of %s for %" PRIu32 " channels",
                   shape_text(bias->rank, bias->dim).text, y.dim[1]);
      return;
    }
    uint32_t dim[TAPE_RANK_MAX] = {bias->dim[0], 1, 1, 1};
    struct build b;
    value_settle(g->e, bias);
    if (emit_failed(g->e)) return;
    struct value tall = value_view(bias, y.rank - 1u, dim);
    build_map(&b, g->e, TAPE_F32, &y);
    uint8_t sum = build_use(&b, &y), more = build_use(&b, &tall);
    y = build_pending(&b, build_op2(&b, CANON_ADD, sum, more));
  }
  graph_result(g, a, y);
}

static void bias_gradient(struct graph *g, struct application *a, struct value *dy) {
  struct build b;
  uint32_t mask = ((1u << dy->rank) - 1) & ~2u, dim[1] = {dy->dim[1]};
  if (!graph_wants(g, a, 2)) return;
  build_fold(&b, g->e, TAPE_CHAIN, TAPE_F32, dy, mask);
  struct value db = build_end(&b, build_use(&b, dy));
  if (!emit_failed(g->e)) graph_gradient(g, a, 2, value_view(&db, 1, dim));
}

static void conv_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), *weight = x ? float_value(g, a, 1) : NULL;
  struct convolution c;
  if (!x || !weight || !conv_read(g, a, x, weight, &c)) return;
  value_settle(g->e, weight);
  biased(g, a, convolve_forward(g, &c, x, weight));
}

static void conv_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *weight = &graph_input(g, a, 1)->v;
  struct convolution c;
  value_settle(g->e, dy);
  if (emit_failed(g->e) || !conv_read(g, a, x, weight, &c)) return;
  bias_gradient(g, a, dy);
  if (graph_wants(g, a, 1)) graph_gradient(g, a, 1, convolve_weight(g, &c, x, weight, dy));
  if (graph_wants(g, a, 0)) graph_gradient(g, a, 0, convolve_input(g, &c, x, weight, dy));
}

/* A convolution from the output to the input: its window slides over y, its output is x. */
static bool transpose_read(struct graph *g, struct application *a, const struct value *x, const struct value *weight,
                           struct convolution *c, struct value *y) {
  int64_t groups = attribute_int(a->node, "group", 1);
  if (!ranks_fit(g, a, x, weight)) return false;
  if (!window_read_transposed(g, a, x, weight->dim + 2, &c->w)) return false;
  if (groups < 1 || groups > INT32_MAX || x->dim[1] % groups || x->dim[1] != weight->dim[0] ||
      weight->dim[1] > INT32_MAX / groups)
    return misfit(g, a, x, weight, groups);
  take_channels(c, x, weight, groups);
  uint32_t dim[TAPE_RANK_MAX] = {c->batch, c->groups * c->in};
  for (uint32_t n = 0; n < c->w.axes; n++) dim[n + 2] = c->w.in[n];
  *y = value_shaped(TAPE_F32, x->rank, dim, value_channels_last(x->rank));
  return true;
}

static void transpose_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), *weight = x ? float_value(g, a, 1) : NULL, y;
  struct convolution c;
  if (!x || !weight || !transpose_read(g, a, x, weight, &c, &y)) return;
  value_settle(g->e, weight);
  value_settle(g->e, x);
  if (!emit_failed(g->e)) biased(g, a, convolve_input(g, &c, &y, weight, x));
}

static void transpose_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *weight = &graph_input(g, a, 1)->v, y;
  struct convolution c;
  value_settle(g->e, dy);
  if (emit_failed(g->e) || !transpose_read(g, a, x, weight, &c, &y)) return;
  bias_gradient(g, a, dy);
  if (graph_wants(g, a, 1)) graph_gradient(g, a, 1, convolve_weight(g, &c, dy, weight, x));
  if (graph_wants(g, a, 0)) graph_gradient(g, a, 0, convolve_forward(g, &c, dy, weight));
}

const struct rule rules_conv[] = {{.op = "Conv",
                                   .opset_first = 11,
                                   .inputs_min = 2,
                                   .inputs_max = 3,
                                   .outputs_max = 1,
                                   .lower = conv_lower,
                                   .differentiate = conv_differentiate,
                                   .keep_inputs = 3,
                                   .role = conv_role},
                                  {.op = "ConvTranspose",
                                   .opset_first = 11,
                                   .inputs_min = 2,
                                   .inputs_max = 3,
                                   .outputs_max = 1,
                                   .lower = transpose_lower,
                                   .differentiate = transpose_differentiate,
                                   .keep_inputs = 3,
                                   .role = conv_role},
                                  {0}};
