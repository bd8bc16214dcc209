/* Slice, and the pieces of Split and SplitToSequence. docs/lower.md 4.17, 4.18. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/fold/fold.h"
#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

/* Place p of an axis of the result is place start + p * step of x. */
struct cut {
  int32_t start[TAPE_RANK_MAX], step[TAPE_RANK_MAX];
  uint32_t dim[TAPE_RANK_MAX];
};

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static bool cut_axis(struct graph *g, const struct value *x, uint32_t a, int64_t start, int64_t end, int64_t by,
                     struct cut *c) {
  int64_t d = x->dim[a], low = by > 0 ? 0 : -1;
  if (start < 0) start = start < -d ? low : start + d;
  if (end < 0) end = end < -d ? low : end + d;
  start = clamp(start, 0, by > 0 ? d : d - 1);
  end = clamp(end, low, by > 0 ? d : d - 1);
  int64_t span = by > 0 ? end - start : start - end, size = by > 0 ? by : -by;
  if (span < 1) span = 0;
  c->dim[a] = (uint32_t)((span + size - 1) / size);
  c->start[a] = (int32_t)start;
  c->step[a] = c->dim[a] <= 1 ? 1 : (int32_t)by; /* the step to a single element says nothing */
  if (c->step[a] >= -UINT16_MAX && c->step[a] <= UINT16_MAX) return true;
  emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "takes every %" PRId64 "th element, at most every 65535th lowers", by);
  return false;
}

static bool cut_read(struct graph *g, struct application *a, const struct value *x, struct cut *c) {
  const struct onnx_tensor *in[4] = {0};
  static const char *const what[] = {"starts", "ends", "axes", "steps"};
  uint32_t seen = 0;
  for (uint32_t n = 0; n < x->rank; n++) {
    c->dim[n] = x->dim[n];
    c->start[n] = 0;
    c->step[n] = 1;
  }
  for (uint32_t n = 0; n < 4; n++) {
    if (n >= 2 && !graph_input(g, a, n + 1)) continue;
    in[n] = input_integers(g, a, n + 1, what[n]);
    if (!in[n]) return false;
    if (in[n]->count == in[0]->count && in[n]->count <= x->rank) continue;
    graph_refuse(g, a, LOWER_ERR_SHAPE, "has %" PRIu64 " %s for %" PRIu64 " starts and rank %u", in[n]->count, what[n],
                 in[0]->count, x->rank);
    return false;
  }
  for (uint32_t n = 0; n < in[0]->count; n++) {
    uint32_t axis = n;
    int64_t by = in[3] ? in[3]->i64[n] : 1;
    if ((in[2] && !axis_resolve(in[2]->i64[n], x->rank, &axis)) || seen >> axis & 1 || !by) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "names an axis that %s lacks, or one twice, or a step of 0",
                   shape_text(x->rank, x->dim).text);
      return false;
    }
    seen |= 1u << axis;
    by = clamp(by, -INT32_MAX, INT32_MAX);
    if (!cut_axis(g, x, axis, in[0]->i64[n], in[1]->i64[n], by, c)) return false;
  }
  return true;
}

/* What holds nothing is known. */
static bool cut_empty(struct graph *g, struct application *a, uint32_t n, const struct value *x, const struct cut *c) {
  struct onnx_tensor t = {.name = "", .type = (enum onnx_type)x->type, .rank = x->rank};
  bool empty = false;
  for (uint32_t k = 0; k < x->rank; k++) {
    t.dim[k] = c->dim[k];
    empty |= !c->dim[k];
  }
  const struct onnx_tensor *shared = empty ? fold_share(g, &t) : NULL;
  if (shared) graph_content_at(g, a, n, shared);
  return empty;
}

static struct value cut_out(struct graph *g, struct value *x, const struct cut *c) {
  struct value shape = *x;
  struct index at[TAPE_RANK_MAX];
  struct build b;
  memcpy(shape.dim, c->dim, x->rank * sizeof shape.dim[0]);
  if (x->literal) return shape;
  build_map(&b, g->e, x->dtype, &shape);
  for (uint8_t n = 0; n < x->rank; n++) at[n] = index_add(index_fixed(c->start[n]), b.at[n], c->step[n]);
  uint8_t y = build_read(&b, x, at, 0);
  return build_pending(&b, y);
}

/* dy laid back where it was cut out, 0 elsewhere. */
static struct value cut_back(struct graph *g, struct value *dy, const struct value *x, const struct cut *c) {
  struct value shape = value_shaped(TAPE_F32, x->rank, x->dim, x->order);
  struct index at[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, TAPE_F32, &shape);
  for (uint8_t n = 0; n < x->rank; n++) {
    bool down = c->step[n] < 0;
    struct index i = index_add(index_fixed(down ? c->start[n] : -c->start[n]), b.at[n], down ? -1 : 1);
    at[n] = index_div(i, (uint32_t)(down ? -c->step[n] : c->step[n]), TAPE_EXACT);
  }
  uint8_t d = build_read(&b, dy, at, 0);
  return build_pending(&b, d);
}

static void slice_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  struct cut c;
  if (x && cut_read(g, a, x, &c) && !cut_empty(g, a, 0, x, &c)) graph_result(g, a, cut_out(g, x, &c));
}

static void slice_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  struct cut c;
  if (cut_read(g, a, x, &c)) graph_gradient(g, a, 0, cut_back(g, dy, x, &c));
}

/* Sizes of Split's pieces along the axis; NULL: refused. */
static uint32_t *pieces(struct graph *g, struct application *a, const struct value *x, uint32_t *axis) {
  int64_t wanted = attribute_int(a->node, "axis", 0), left;
  uint32_t count = a->outputs_count, *size = arena_take(g->arena, count, sizeof *size);
  const struct onnx_tensor *given = NULL;
  if (!size) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return NULL;
  }
  if (!axis_resolve(wanted, x->rank, axis)) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", wanted, shape_text(x->rank, x->dim).text);
    return NULL;
  }
  if (graph_input(g, a, 1) && !(given = input_integers(g, a, 1, "split"))) return NULL;
  left = x->dim[*axis];
  int64_t each = (left + count - 1) / count;
  bool fits = !given || given->count == count;
  for (uint32_t n = 0; fits && n < count; n++) {
    int64_t piece = given ? given->i64[n] : left < each ? left : each;
    fits = piece >= 0 && piece <= left;
    size[n] = (uint32_t)piece;
    left -= piece;
  }
  if (fits && !left) return size;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "splits %" PRIu32 " places into %" PRIu32 " pieces that do not add up",
               x->dim[*axis], count);
  return NULL;
}

static struct cut piece_of(const struct value *x, uint32_t axis, uint32_t start, uint32_t size) {
  struct cut c;
  for (uint32_t n = 0; n < x->rank; n++) {
    c.dim[n] = n == axis ? size : x->dim[n];
    c.start[n] = n == axis ? (int32_t)start : 0;
    c.step[n] = 1;
  }
  return c;
}

static void split_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  uint32_t axis, *size = x ? pieces(g, a, x, &axis) : NULL, start = 0;
  for (uint32_t n = 0; size && n < a->outputs_count; start += size[n++]) {
    struct cut c = piece_of(x, axis, start, size[n]);
    const struct tensor *y = graph_output(g, a, n);
    if (y && y->uses && !cut_empty(g, a, n, x, &c)) graph_result_at(g, a, n, cut_out(g, x, &c));
  }
}

static void split_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  uint32_t axis, *size = pieces(g, a, x, &axis);
  struct value shape = value_shaped(TAPE_F32, x->rank, x->dim, x->order);
  uint32_t count = 0;
  for (uint32_t n = 0; size && n < a->outputs_count; n++) {
    if (!size[n]) continue;
    dy[count] = dy[n];
    size[count++] = size[n];
  }
  if (size) graph_gradient(g, a, 0, move_joined(g, &shape, axis, dy, size, count));
}

/* A sequence is its whole tensor here: only SequenceAt reads it, and knows how it was cut. */
static void sequence_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  const struct tensor *y = graph_output(g, a, 0);
  uint32_t readers = 0;
  if (!x || !y) return;
  for (uint32_t n = a->index + 1; n < g->model->nodes_count && readers < y->uses; n++) {
    const struct application *r = &g->application[n];
    if (r->live && strcmp(r->node->op, "SequenceAt") == 0 && r->inputs_count == 2 && r->input[0] == a->output[0])
      readers++;
  }
  if (readers == y->uses)
    graph_result(g, a, *x);
  else
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "makes a sequence that something other than SequenceAt reads");
}

static void sequence_differentiate(struct graph *g, struct application *a, struct value *dy) {
  graph_gradient(g, a, 0, *dy);
}

/* What SequenceAt takes of x: the piece at a known position, and whether its axis goes away. */
static bool at_read(struct graph *g, struct application *a, const struct value *x, struct cut *c, uint32_t *axis,
                    bool *keeps) {
  uint32_t producer = g->tensor[a->input[0]].producer;
  struct application *whole = producer == GRAPH_NONE ? NULL : &g->application[producer];
  const struct onnx_tensor *place = input_integers(g, a, 1, "position"), *split = NULL;
  if (!place) return false;
  if (!whole || strcmp(whole->node->op, "SplitToSequence") != 0 || place->count != 1) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "lowers on a sequence that SplitToSequence made, at one known position");
    return false;
  }
  int64_t wanted = attribute_int(whole->node, "axis", 0), at = place->i64[0], count, start = 0, size = 1;
  if (graph_input(g, whole, 1) && !(split = input_integers(g, whole, 1, "split"))) return false;
  *keeps = split || attribute_int(whole->node, "keepdims", 1);
  bool fits = axis_resolve(wanted, x->rank, axis) && (!split || split->count);
  int64_t d = fits ? x->dim[*axis] : 0;
  bool equal = split && split->rank == 0;
  fits = fits && (!equal || split->i64[0] >= 1);
  count = !split ? d : equal && fits ? (d + split->i64[0] - 1) / split->i64[0] : (int64_t)split->count;
  if (at < 0) at += count;
  fits = fits && at >= 0 && at < count;
  if (fits && equal) {
    start = at * split->i64[0];
    size = split->i64[0] < d - start ? split->i64[0] : d - start;
  } else if (fits && split) {
    for (int64_t n = 0; n <= at && fits; n++) {
      if (n) start += size;
      size = split->i64[n];
      fits = size >= 1 && size <= d - start;
    }
  } else {
    start = at;
  }
  if (!fits) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "position %" PRId64 " of a sequence that its split does not have",
                 place->i64[0]);
    return false;
  }
  *c = piece_of(x, *axis, (uint32_t)start, (uint32_t)size);
  return true;
}

static void at_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  struct cut c;
  uint32_t axis;
  bool keeps;
  if (!x || !at_read(g, a, x, &c, &axis, &keeps)) return;
  struct value y = cut_out(g, x, &c);
  if (!keeps) {
    value_settle(g->e, &y);
    y = move_squeezed(&y, axis);
  }
  graph_result(g, a, y);
}

static void at_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  struct cut c;
  uint32_t axis;
  bool keeps;
  if (!at_read(g, a, x, &c, &axis, &keeps)) return;
  struct value d = keeps ? *dy : move_unsqueezed(g, dy, axis);
  graph_gradient(g, a, 0, cut_back(g, &d, x, &c));
}

/* Concat: tensors side by side. docs/lower.md 4.17. */
static bool concat_read(struct graph *g, struct application *a, struct value *shape, uint32_t *axis, uint32_t *size) {
  const struct value *first = NULL;
  uint64_t sum = 0, dim[TAPE_RANK_MAX];
  for (uint32_t n = 0; n < a->inputs_count; n++) {
    const struct tensor *t = graph_input(g, a, n);
    if (t && t->content && !t->content->count) continue; /* nothing, and no value can be that */
    const struct value *x = graph_value(g, a, n);
    if (!x) return false;
    if (!first) {
      int64_t wanted = attribute_int(a->node, "axis", 0);
      first = x;
      if (!axis_resolve(wanted, x->rank, axis)) {
        graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", wanted, shape_text(x->rank, x->dim).text);
        return false;
      }
    }
    bool fits = x->rank == first->rank && (x->dtype == TAPE_F32) == (first->dtype == TAPE_F32);
    for (uint32_t d = 0; fits && d < x->rank; d++) fits = d == *axis || x->dim[d] == first->dim[d];
    if (!fits) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "input %" PRIu32 " is %s and does not go beside %s", n,
                   shape_text(x->rank, x->dim).text, shape_text(first->rank, first->dim).text);
      return false;
    }
    sum += size[n] = x->dim[*axis];
  }
  if (!first) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "joins nothing");
    return false;
  }
  for (uint32_t d = 0; d < first->rank; d++) dim[d] = d == *axis ? sum : first->dim[d];
  if (!move_fits(g, first->rank, dim)) return false;
  *shape = value_shaped(first->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32, first->rank, first->dim, first->order);
  shape->type = first->type;
  shape->dim[*axis] = (uint32_t)sum;
  return true;
}

static void concat_lower(struct graph *g, struct application *a) {
  uint32_t axis, *size = arena_take(g->arena, a->inputs_count, sizeof *size), count = 0;
  struct value shape, *part = arena_take(g->arena, a->inputs_count, sizeof *part);
  if (!size || !part) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  if (!concat_read(g, a, &shape, &axis, size)) return;
  for (uint32_t n = 0; n < a->inputs_count; n++) {
    if (!size[n]) continue;
    struct value *x = graph_value(g, a, n);
    value_settle(g->e, x);
    part[count] = *x;
    size[count++] = size[n];
  }
  graph_result(g, a, move_joined(g, &shape, axis, part, size, count));
}

static void concat_differentiate(struct graph *g, struct application *a, struct value *dy) {
  uint32_t axis, *size = arena_take(g->arena, a->inputs_count, sizeof *size), start = 0;
  struct value shape;
  if (!size) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  if (!concat_read(g, a, &shape, &axis, size)) return;
  value_settle(g->e, dy);
  for (uint32_t n = 0; n < a->inputs_count; start += size[n++])
    if (graph_wants(g, a, n)) graph_gradient(g, a, n, move_shifted(g, dy, &graph_input(g, a, n)->v, axis, start, 0));
}

/* Exporters put scales together from Constant nodes; those are known, not parameters, so that the result is known too.
 */
static void concat_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  if (g->tensor[a->input[n]].producer != GRAPH_NONE) role->kind = ROLE_CONSTANT;
}

const struct rule rules_slice[] = {{.op = "Slice",
                                    .opset_first = 13,
                                    .inputs_min = 3,
                                    .inputs_max = 5,
                                    .outputs_max = 1,
                                    .lower = slice_lower,
                                    .differentiate = slice_differentiate,
                                    .role = move_first_only},
                                   {.op = "Split",
                                    .opset_first = 13,
                                    .inputs_min = 1,
                                    .inputs_max = 2,
                                    .outputs_max = UINT32_MAX,
                                    .lower = split_lower,
                                    .differentiate = split_differentiate,
                                    .role = move_first_only},
                                   {.op = "SplitToSequence",
                                    .opset_first = 13,
                                    .inputs_min = 1,
                                    .inputs_max = 2,
                                    .outputs_max = 1,
                                    .lower = sequence_lower,
                                    .differentiate = sequence_differentiate,
                                    .role = move_first_only},
                                   {.op = "SequenceAt",
                                    .opset_first = 13,
                                    .inputs_min = 2,
                                    .inputs_max = 2,
                                    .outputs_max = 1,
                                    .lower = at_lower,
                                    .differentiate = at_differentiate,
                                    .role = move_first_only},
                                   {.op = "Concat",
                                    .opset_first = 13,
                                    .inputs_min = 1,
                                    .inputs_max = UINT32_MAX,
                                    .outputs_max = 1,
                                    .lower = concat_lower,
                                    .differentiate = concat_differentiate,
                                    .role = concat_role},
                                   {0}};
