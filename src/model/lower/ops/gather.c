/* Gather, GatherElements, GatherND: elements at places that other tensors name. docs/lower.md 4.16. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

static bool axis_of(struct graph *g, const struct application *a, const struct value *x, uint32_t *axis) {
  int64_t wanted = attribute_int(a->node, "axis", 0);
  if (axis_resolve(wanted, x->rank, axis)) return true;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", wanted, shape_text(x->rank, x->dim).text);
  return false;
}

static void gather_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), *saved = graph_save(g, a, 1);
  uint64_t dim[2 * TAPE_RANK_MAX];
  uint32_t axis, rank = 0;
  if (!x || !saved || !axis_of(g, a, x, &axis) || !move_index(g, a, 1, x->dim[axis], saved)) return;
  for (uint32_t n = 0; n < axis; n++) dim[rank++] = x->dim[n];
  for (uint32_t n = 0; n < saved->rank; n++) dim[rank++] = saved->dim[n];
  for (uint32_t n = axis + 1; n < x->rank; n++) dim[rank++] = x->dim[n];
  if (move_fits(g, rank, dim)) graph_result(g, a, move_picked(g, x, axis, saved));
}

static void gather_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  uint32_t axis;
  if (axis_of(g, a, x, &axis)) graph_gradient(g, a, 0, move_put(g, dy, axis, a->saved, x->dim[axis]));
}

/* Each element of the index names a place along one axis; beside it, places are its own. */
static void elements_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), *saved = graph_save(g, a, 1);
  struct index own[TAPE_RANK_MAX], at[TAPE_RANK_MAX];
  struct build b;
  uint32_t axis;
  if (!x || !saved || !axis_of(g, a, x, &axis) || !move_index(g, a, 1, x->dim[axis], saved)) return;
  bool fits = saved->rank == x->rank;
  for (uint32_t n = 0; fits && n < x->rank; n++) fits = n == axis || saved->dim[n] <= x->dim[n];
  if (!fits) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "indices of %s for %s", shape_text(saved->rank, saved->dim).text,
                 shape_text(x->rank, x->dim).text);
    return;
  }
  struct value shape = value_shaped(x->dtype, x->rank, saved->dim, NULL);
  shape.type = x->type;
  move_stored(g, saved);
  build_map(&b, g->e, x->dtype, &shape);
  move_own(own, x->rank, 0);
  memcpy(at, own, sizeof at);
  at[axis] = index_indirect(build_read(&b, saved, own, 0));
  uint8_t y = build_read(&b, x, at, 0);
  graph_result(g, a, build_pending(&b, y));
}

/* Each place of x sums what its own index names it. */
static void elements_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v, *index = a->saved;
  struct index at[TAPE_RANK_MAX];
  struct build b;
  uint32_t axis;
  if (!axis_of(g, a, x, &axis)) return;
  struct value shape = value_shaped(TAPE_F32, x->rank, x->dim, NULL);
  value_settle(g->e, dy);
  build_free(&b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, x->rank, x->dim, 1, &index->dim[axis], &shape);
  move_own(at, x->rank, 0);
  at[axis] = index_dim((uint8_t)x->rank);
  uint8_t i = build_read(&b, a->saved, at, UINT32_MAX), d = build_read(&b, dy, at, 0), zero = build_f32(&b, 0);
  uint8_t place = build_op(&b, CANON_COORD, (uint8_t)axis, 0, 0);
  uint8_t here = build_op2(&b, CANON_IEQ, i, place);
  graph_gradient(g, a, 0, build_end(&b, build_op(&b, CANON_SEL, here, d, zero)));
}

/* How many axes an index names, and behind how many that are batches; false: refused. */
static bool nd_axes(struct graph *g, struct application *a, const struct value *x, const struct value *index,
                    uint32_t *batch, uint32_t *named) {
  int64_t dims = attribute_int(a->node, "batch_dims", 0);
  bool fits = index->dtype != TAPE_F32 && index->rank >= 1 && x->rank >= 1 && dims >= 0 && dims < index->rank &&
              dims < x->rank && index->dim[index->rank - 1] <= x->rank - (uint32_t)dims;
  for (int64_t n = 0; fits && n < dims; n++) fits = index->dim[n] == x->dim[n];
  if (!fits) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "indices of %s for %s", shape_text(index->rank, index->dim).text,
                 shape_text(x->rank, x->dim).text);
    return false;
  }
  *batch = (uint32_t)dims;
  *named = index->dim[index->rank - 1];
  return true;
}

static void nd_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), *index = x ? graph_value(g, a, 1) : NULL, *saved;
  struct index at[TAPE_RANK_MAX], own[TAPE_RANK_MAX];
  uint64_t wide[2 * TAPE_RANK_MAX];
  uint32_t batch, named, rank = 0, dim[TAPE_RANK_MAX];
  struct build b;
  if (!x || !index || !nd_axes(g, a, x, index, &batch, &named) || !(saved = graph_save(g, a, named + 1))) return;
  for (uint32_t n = 0; n + 1 < index->rank; n++) wide[rank++] = index->dim[n];
  for (uint32_t n = batch + named; n < x->rank; n++) wide[rank++] = x->dim[n];
  if (!move_fits(g, rank, wide)) return;
  for (uint32_t n = 0; n < rank; n++) dim[n] = (uint32_t)wide[n];
  move_stored(g, index);
  for (uint32_t t = 0; t < named; t++) saved[t] = move_component(g, index, t, x->dim[batch + t]);
  struct value shape = value_shaped(x->dtype, rank, dim, NULL);
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  move_own(own, index->rank - 1u, 0);
  for (uint32_t n = 0; n < x->rank; n++)
    at[n] = n < batch           ? index_dim((uint8_t)n)
            : n < batch + named ? index_indirect(build_read(&b, &saved[n - batch], own, 0))
                                : index_dim((uint8_t)(index->rank - 1u + n - batch - named));
  uint8_t y = build_read(&b, x, at, 0);
  graph_result(g, a, build_pending(&b, y));
}

/* One put over all named axes and batches as one. */
static void nd_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v, *index = &graph_input(g, a, 1)->v;
  struct value flat;
  uint32_t batch, named, places;
  if (!nd_axes(g, a, x, index, &batch, &named) || !move_flat(g, index, x->dim, batch, named, a->saved, &flat, &places))
    return;
  struct value sum = move_put(g, dy, 0, &flat, places);
  if (!emit_failed(g->e)) graph_gradient(g, a, 0, value_view(&sum, x->rank, x->dim));
}

#define GATHER(name, forward, backward)                                                                                \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .lower = forward,               \
    .differentiate = backward                                                                                          \
  }
const struct rule rules_gather[] = {GATHER("Gather", gather_lower, gather_differentiate),
                                    GATHER("GatherElements", elements_lower, elements_differentiate),
                                    GATHER("GatherND", nd_lower, nd_differentiate),
                                    {0}};
