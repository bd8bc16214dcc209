/* Conv: dot over an implicit window. docs/lower.md 4.11. Weights lie [kernel.., in / groups, out], activations channels
 * last; with groups every record has a group dim of its own, so that no index needs a division. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/window.h"

struct conv {
  struct window w;
  uint32_t batch, groups, in, out; /* channels of one group */
};

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

static bool conv_read(struct graph *g, struct application *a, const struct value *x, const struct value *weight,
                      struct conv *c) {
  int64_t groups = attribute_int(a->node, "group", 1);
  if (weight->rank != x->rank || x->rank < 3) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "convolves %s with a kernel of %s", shape_text(x->rank, x->dim).text,
                 shape_text(weight->rank, weight->dim).text);
    return false;
  }
  if (!window_read(g, a, x, weight->dim + 2, &c->w)) return false;
  if (groups < 1 || groups > INT32_MAX || x->dim[1] % groups || weight->dim[0] % groups ||
      x->dim[1] / groups != weight->dim[1]) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "convolves %s with a kernel of %s in %" PRId64 " groups",
                 shape_text(x->rank, x->dim).text, shape_text(weight->rank, weight->dim).text, groups);
    return false;
  }
  c->batch = x->dim[0];
  c->groups = (uint32_t)groups;
  c->in = weight->dim[1];
  c->out = weight->dim[0] / (uint32_t)groups;
  if (groups > 1 && x->rank == TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "groups over %u axes", x->rank);
    return false;
  }
  return true;
}

/* Which record dim each part of the iteration is. */
struct dims {
  uint8_t batch, place[WINDOW_AXES_MAX], tap[WINDOW_AXES_MAX], group, in, out;
};

/* The three operands at those dims. A group axis is split off the channels; without groups there is none. */
static void read_x(struct build *b, const struct conv *c, struct value *x, const struct dims *d) {
  struct value v;
  struct index axis[TAPE_RANK_MAX];
  uint32_t n = 0;
  value_settle(b->e, x);
  if (emit_failed(b->e)) return;
  v = c->groups > 1 ? value_split(x, 1, c->groups) : *x;
  axis[n++] = index_dim(d->batch);
  if (c->groups > 1) axis[n++] = index_dim(d->group);
  axis[n++] = index_dim(d->in);
  for (uint32_t s = 0; s < c->w.axes; s++) axis[n++] = window_forward(&c->w, s, d->place[s], d->tap[s]);
  build_read(b, &v, axis, 0);
}

static void read_weight(struct build *b, const struct conv *c, struct value *weight, const struct dims *d) {
  struct index axis[TAPE_RANK_MAX];
  uint32_t n = 0;
  struct value v = c->groups > 1 ? value_split(weight, 0, c->groups) : *weight;
  if (c->groups > 1) axis[n++] = index_dim(d->group);
  axis[n++] = index_dim(d->out);
  axis[n++] = index_dim(d->in);
  for (uint32_t s = 0; s < c->w.axes; s++) axis[n++] = index_dim(d->tap[s]);
  build_read(b, &v, axis, 0);
}

/* dy at output places: from the places themselves, or (to_input) from input places and taps. */
static void read_dy(struct build *b, const struct conv *c, struct value *dy, const struct dims *d, bool to_input) {
  struct index axis[TAPE_RANK_MAX];
  uint32_t n = 0;
  struct value v = c->groups > 1 ? value_split(dy, 1, c->groups) : *dy;
  axis[n++] = index_dim(d->batch);
  if (c->groups > 1) axis[n++] = index_dim(d->group);
  axis[n++] = index_dim(d->out);
  for (uint32_t s = 0; s < c->w.axes; s++)
    axis[n++] = to_input ? window_backward(&c->w, s, d->place[s], d->tap[s]) : index_dim(d->place[s]);
  build_read(b, &v, axis, 0);
}

/* Lists dims as they are numbered: out dims, then k dims. */
struct numbering {
  uint32_t dim[2 * TAPE_RANK_MAX], count;
};
static uint8_t next(struct numbering *n, uint32_t extent) {
  n->dim[n->count] = extent;
  return (uint8_t)n->count++;
}

/* [n, places.., (g), o] over (taps.., i) */
static struct value forward(struct graph *g, const struct conv *c, struct value *x, struct value *weight) {
  struct numbering all = {.count = 0};
  struct dims d = {0};
  struct build b;
  d.batch = next(&all, c->batch);
  for (uint32_t s = 0; s < c->w.axes; s++) d.place[s] = next(&all, c->w.out[s]);
  if (c->groups > 1) d.group = next(&all, c->groups);
  d.out = next(&all, c->out);
  uint32_t out_rank = all.count;
  for (uint32_t s = 0; s < c->w.axes; s++) d.tap[s] = next(&all, c->w.kernel[s]);
  d.in = next(&all, c->in);
  struct value y = window_result(&c->w, c->batch, c->groups * c->out);
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, all.dim, all.count - out_rank, all.dim + out_rank, &y);
  read_x(&b, c, x, &d);
  read_weight(&b, c, weight, &d);
  return build_end(&b, 0);
}

/* [taps.., i, (g), o] over (n, places..) */
static struct value weight_gradient(struct graph *g, const struct conv *c, struct value *x, const struct value *weight,
                                    struct value *dy) {
  struct numbering all = {.count = 0};
  struct dims d = {0};
  struct build b;
  for (uint32_t s = 0; s < c->w.axes; s++) d.tap[s] = next(&all, c->w.kernel[s]);
  d.in = next(&all, c->in);
  if (c->groups > 1) d.group = next(&all, c->groups);
  d.out = next(&all, c->out);
  uint32_t out_rank = all.count;
  d.batch = next(&all, c->batch);
  for (uint32_t s = 0; s < c->w.axes; s++) d.place[s] = next(&all, c->w.out[s]);
  uint8_t order[TAPE_RANK_MAX];
  for (uint32_t s = 0; s < c->w.axes; s++) order[s] = (uint8_t)(s + 2);
  order[c->w.axes] = 1;
  order[c->w.axes + 1] = 0;
  struct value dw = value_shaped(TAPE_F32, weight->rank, weight->dim, order);
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, all.dim, all.count - out_rank, all.dim + out_rank,
             &dw);
  read_x(&b, c, x, &d);
  read_dy(&b, c, dy, &d, false);
  return build_end(&b, 0);
}

/* [n, input places.., (g), i] over (taps.., o) */
static struct value input_gradient(struct graph *g, const struct conv *c, const struct value *x, struct value *weight,
                                   struct value *dy) {
  struct numbering all = {.count = 0};
  struct dims d = {0};
  struct build b;
  d.batch = next(&all, c->batch);
  for (uint32_t s = 0; s < c->w.axes; s++) d.place[s] = next(&all, c->w.in[s]);
  if (c->groups > 1) d.group = next(&all, c->groups);
  d.in = next(&all, c->in);
  uint32_t out_rank = all.count;
  for (uint32_t s = 0; s < c->w.axes; s++) d.tap[s] = next(&all, c->w.kernel[s]);
  d.out = next(&all, c->out);
  struct value dx = value_shaped(TAPE_F32, x->rank, x->dim, value_channels_last(x->rank));
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, all.dim, all.count - out_rank, all.dim + out_rank,
             &dx);
  read_dy(&b, c, dy, &d, true);
  read_weight(&b, c, weight, &d);
  return build_end(&b, 0);
}

static void conv_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), *weight = x ? float_value(g, a, 1) : NULL;
  struct conv c;
  if (!x || !weight || !conv_read(g, a, x, weight, &c)) return;
  value_settle(g->e, weight);
  struct value y = forward(g, &c, x, weight);
  if (graph_input(g, a, 2)) {
    struct value *bias = float_value(g, a, 2);
    if (!bias) return;
    if (bias->rank != 1 || bias->dim[0] != c.groups * c.out) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "a bias of %s for %" PRIu32 " channels",
                   shape_text(bias->rank, bias->dim).text, c.groups * c.out);
      return;
    }
    uint32_t dim[TAPE_RANK_MAX] = {bias->dim[0], 1, 1, 1};
    struct build b;
    value_settle(g->e, bias);
    if (emit_failed(g->e)) return;
    struct value tall = value_view(bias, 1 + c.w.axes, dim);
    build_map(&b, g->e, TAPE_F32, &y);
    uint8_t sum = build_use(&b, &y), more = build_use(&b, &tall);
    y = build_pending(&b, build_op2(&b, CANON_ADD, sum, more));
  }
  graph_result(g, a, y);
}

static void conv_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *weight = &graph_input(g, a, 1)->v;
  struct conv c;
  value_settle(g->e, dy);
  if (emit_failed(g->e) || !conv_read(g, a, x, weight, &c)) return;
  if (graph_wants(g, a, 2)) {
    struct build b;
    uint32_t mask = ((1u << dy->rank) - 1) & ~2u, dim[1] = {dy->dim[1]};
    build_fold(&b, g->e, TAPE_CHAIN, TAPE_F32, dy, mask);
    struct value db = build_end(&b, build_use(&b, dy));
    if (!emit_failed(g->e)) graph_gradient(g, a, 2, value_view(&db, 1, dim));
  }
  if (graph_wants(g, a, 1)) graph_gradient(g, a, 1, weight_gradient(g, &c, x, weight, dy));
  if (graph_wants(g, a, 0)) graph_gradient(g, a, 0, input_gradient(g, &c, x, weight, dy));
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
                                  {0}};
