/* ScatterElements, ScatterND: x with some elements replaced, or something added to them. docs/lower.md 4.23.
 *
 * What replaces is found the other way round: each place knows which update is the last that names it, so that the
 * result is a map. Where indices are known while lowering, so is that. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

enum reduction { REPLACE, ADD, LARGEST, SMALLEST };
enum { SCATTER_KNOWN_MAX = 1 << 22 };

static bool reduction_of(struct graph *g, struct application *a, const struct value *x, enum reduction *r) {
  static const char *const names[] = {"none", "add", "max", "min"};
  const char *wanted = attribute_text(a->node, "reduction", "none");
  for (uint32_t n = 0; n < 4; n++) {
    if (strcmp(wanted, names[n]) != 0) continue;
    *r = (enum reduction)n;
    if (*r == ADD && x->dtype != TAPE_F32) break;
    return true;
  }
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "scatters with reduction '%s' %s; none, max, min and (floats) add lower",
               wanted, x->dtype == TAPE_F32 ? "floats" : "whole numbers");
  return false;
}

/* Largest and smallest have no gradient here. */
static bool may_differentiate(struct graph *g, struct application *a, enum reduction r) {
  if (r == REPLACE || r == ADD) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
               "has no gradient with reduction 'max' or 'min', and parameters lie before it");
  return false;
}

/* sel(ieq(register, place), value, otherwise) in a body. */
static uint8_t chosen(struct build *b, uint8_t index, uint8_t place, uint8_t value, uint8_t otherwise) {
  return build_op(b, CANON_SEL, build_op2(b, CANON_IEQ, index, place), value, otherwise);
}

/* The number that changes nothing, and the operation, of LARGEST and SMALLEST. */
static uint8_t neutral(struct build *b, bool floats, enum reduction r) {
  if (floats) return build_word(b, r == LARGEST ? 0xff800000u : 0x7f800000u);
  return build_i32(b, r == LARGEST ? INT32_MIN : INT32_MAX);
}
static uint8_t code_of(bool floats, enum reduction r) {
  if (r == ADD) return CANON_ADD;
  return floats ? r == LARGEST ? CANON_MAX : CANON_MIN : r == LARGEST ? CANON_IMAX : CANON_IMIN;
}
static uint8_t reducer_of(bool floats, enum reduction r) {
  if (r == ADD) return TAPE_CHAIN;
  return floats ? r == LARGEST ? TAPE_FMAX : TAPE_FMIN : r == LARGEST ? TAPE_IMAX : TAPE_IMIN;
}

/* The result, x's dims: x combined with what came to each place. */
static struct value combined(struct graph *g, struct value *x, struct value *came, enum reduction r) {
  struct value shape = value_shaped(x->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32, x->rank, x->dim, NULL);
  struct build b;
  shape.type = x->type;
  build_map(&b, g->e, shape.dtype, &shape);
  uint8_t v = build_use(&b, x), c = build_use(&b, came);
  return build_pending(&b, build_op2(&b, code_of(x->dtype == TAPE_F32, r), v, c));
}

/* ScatterElements: along one axis, beside it places are their own. */
static bool elements_read(struct graph *g, struct application *a, const struct value *x, const struct value *updates,
                          uint32_t *axis, struct value *index) {
  int64_t wanted = attribute_int(a->node, "axis", 0);
  if (!axis_resolve(wanted, x->rank, axis)) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", wanted, shape_text(x->rank, x->dim).text);
    return false;
  }
  if (!move_index(g, a, 1, x->dim[*axis], index)) return false;
  bool fits = value_same_shape(index, updates) && index->rank == x->rank &&
              (updates->dtype == TAPE_F32) == (x->dtype == TAPE_F32);
  for (uint32_t n = 0; fits && n < x->rank; n++) fits = n == *axis || index->dim[n] <= x->dim[n];
  if (!fits)
    graph_refuse(g, a, LOWER_ERR_SHAPE, "indices of %s and updates of %s for %s",
                 shape_text(index->rank, index->dim).text, shape_text(updates->rank, updates->dim).text,
                 shape_text(x->rank, x->dim).text);
  return fits;
}

/* A fold over the places of the axis in the index; updates NULL: the number of the last that names the place, or -1. */
static struct value elements_fold(struct graph *g, const struct value *x, uint32_t axis, struct value *index,
                                  struct value *updates, enum reduction r) {
  bool floats = updates && updates->dtype == TAPE_F32;
  struct value shape = value_shaped(floats ? TAPE_F32 : TAPE_I32, x->rank, x->dim, NULL);
  struct index at[TAPE_RANK_MAX];
  struct build b;
  build_free(&b, g->e, TAPE_FOLD, updates ? reducer_of(floats, r) : TAPE_IMAX, shape.dtype, x->rank, x->dim, 1,
             &index->dim[axis], &shape);
  move_own(at, x->rank, 0);
  at[axis] = index_dim((uint8_t)x->rank);
  uint8_t i = build_read(&b, index, at, UINT32_MAX), u = 0, none;
  if (updates) u = build_read(&b, updates, at, 0);
  none = !updates ? build_i32(&b, -1) : r == ADD ? build_f32(&b, 0) : neutral(&b, floats, r);
  uint8_t place = build_op(&b, CANON_COORD, (uint8_t)axis, 0, 0);
  if (!updates) u = build_op0(&b, CANON_KLIN);
  return build_end(&b, chosen(&b, i, place, u, none));
}

static void elements_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), *updates = x ? graph_value(g, a, 2) : NULL;
  struct value *saved = updates ? graph_save(g, a, 2) : NULL;
  struct index at[TAPE_RANK_MAX];
  enum reduction r;
  uint32_t axis;
  struct build b;
  if (!saved || !reduction_of(g, a, x, &r) || !elements_read(g, a, x, updates, &axis, &saved[0])) return;
  move_stored(g, &saved[0]);
  move_stored(g, updates);
  if (r != REPLACE) {
    struct value came = elements_fold(g, x, axis, &saved[0], updates, r);
    graph_result(g, a, combined(g, x, &came, r));
    return;
  }
  saved[1] = elements_fold(g, x, axis, &saved[0], NULL, r);
  struct value shape = value_shaped(x->dtype, x->rank, x->dim, NULL);
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  move_own(at, x->rank, 0);
  uint8_t last = build_read(&b, &saved[1], at, 0), old = build_use(&b, x);
  at[axis] = index_indirect(last);
  uint8_t fresh = build_read(&b, updates, at, 0), zero = build_i32(&b, 0);
  uint8_t keeps = build_op2(&b, CANON_ILT, last, zero);
  graph_result(g, a, build_pending(&b, build_op(&b, CANON_SEL, keeps, old, fresh)));
}

/* dy where nothing came. */
static struct value kept(struct graph *g, struct value *dy, struct value *last) {
  struct build b;
  struct value shape = value_shaped(TAPE_F32, dy->rank, dy->dim, NULL);
  build_map(&b, g->e, TAPE_F32, &shape);
  uint8_t w = build_use(&b, last), d = build_use(&b, dy), none = build_i32(&b, 0), zero = build_f32(&b, 0);
  return build_pending(&b, build_op(&b, CANON_SEL, build_op2(&b, CANON_ILT, w, none), d, zero));
}

static void elements_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *index = &a->saved[0], *last = &a->saved[1];
  const struct value *x = &graph_input(g, a, 0)->v;
  struct index at[TAPE_RANK_MAX];
  enum reduction r;
  uint32_t axis;
  struct build b;
  if (!reduction_of(g, a, x, &r) || !may_differentiate(g, a, r) ||
      !axis_resolve(attribute_int(a->node, "axis", 0), x->rank, &axis))
    return;
  value_settle(g->e, dy);
  if (graph_wants(g, a, 0)) graph_gradient(g, a, 0, r == ADD ? *dy : kept(g, dy, last));
  if (!graph_wants(g, a, 2)) return;
  struct value shape = value_shaped(TAPE_F32, x->rank, index->dim, NULL);
  build_map(&b, g->e, TAPE_F32, &shape);
  move_own(at, x->rank, 0);
  uint8_t i = build_read(&b, index, at, 0), w = 0, d;
  at[axis] = index_indirect(i);
  if (r == REPLACE) w = build_read(&b, last, at, UINT32_MAX);
  d = build_read(&b, dy, at, 0);
  if (r == REPLACE) {
    uint8_t zero = build_f32(&b, 0), own = build_op(&b, CANON_COORD, (uint8_t)axis, 0, 0);
    d = chosen(&b, w, own, d, zero);
  }
  graph_gradient(g, a, 2, build_pending(&b, d));
}

/* ScatterND: whole slices behind the named axes. */
struct slices {
  uint32_t named, places, updates, rest_rank; /* axes in the index; places they span; how many updates; axes behind */
};

static bool slices_read(struct graph *g, struct application *a, const struct value *x, const struct value *index,
                        const struct value *updates, struct slices *s) {
  uint64_t places = 1, count = 1;
  bool fits = index->rank >= 1 && x->rank >= 1 && index->dtype != TAPE_F32 && index->dim[index->rank - 1] <= x->rank &&
              (updates->dtype == TAPE_F32) == (x->dtype == TAPE_F32);
  uint32_t named = fits ? index->dim[index->rank - 1] : 0, q = index->rank - 1u;
  fits = fits && updates->rank == q + x->rank - named;
  for (uint32_t n = 0; fits && n < updates->rank; n++)
    fits = updates->dim[n] == (n < q ? index->dim[n] : x->dim[n - q + named]);
  if (!fits) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "indices of %s and updates of %s for %s",
                 shape_text(index->rank, index->dim).text, shape_text(updates->rank, updates->dim).text,
                 shape_text(x->rank, x->dim).text);
    return false;
  }
  for (uint32_t n = 0; n < named; n++) places *= x->dim[n];
  for (uint32_t n = 0; n < q; n++) count *= index->dim[n];
  if (places > INT32_MAX || count > TAPE_K_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                 "scatters %" PRIu64 " slices to %" PRIu64 " places; 2^20 and 2^31 at most", count, places);
    return false;
  }
  *s = (struct slices){named, (uint32_t)places, (uint32_t)count, x->rank - named};
  return true;
}

/* Known indices: their places, and for each place the last update that names it. False: not known, or refused. */
static bool slices_known(struct graph *g, struct application *a, const struct value *x, const struct slices *s,
                         struct value *flat, struct value *last) {
  const struct onnx_tensor *t = graph_input(g, a, 1)->content;
  if (!t || !t->i64 || s->places > SCATTER_KNOWN_MAX) return false;
  int64_t *place = arena_take(g->arena, s->updates, sizeof *place), *who = arena_take(g->arena, s->places, sizeof *who);
  if (!place || !who) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return false;
  }
  for (uint32_t n = 0; n < s->places; n++) who[n] = -1;
  for (uint32_t k = 0; k < s->updates; k++) {
    for (uint32_t n = 0; n < s->named; n++) {
      int64_t i = t->i64[(uint64_t)k * s->named + n], d = x->dim[n];
      if (i < -d || i >= d) {
        graph_refuse(g, a, LOWER_ERR_SHAPE, "index %" PRId64 " of an axis of %" PRId64, i, d);
        return false;
      }
      place[k] = place[k] * d + (i < 0 ? i + d : i);
    }
    who[place[k]] = k;
  }
  if (!move_constant(g, 1, &s->updates, place, flat) || !move_constant(g, 1, &s->places, who, last)) return false;
  move_stored(g, flat);
  move_stored(g, last);
  return !emit_failed(g->e);
}

/* The same of data: a fold over all updates. */
static void slices_found(struct graph *g, const struct value *x, struct value *index, const struct slices *s,
                         struct value *flat, struct value *last) {
  struct value part[TAPE_RANK_MAX];
  struct index own = index_dim(1);
  struct build b;
  uint32_t places;
  move_stored(g, index);
  for (uint32_t t = 0; t < s->named; t++) part[t] = move_component(g, index, t, x->dim[t]);
  if (!move_flat(g, index, x->dim, 0, s->named, part, flat, &places)) return;
  *flat = value_view(flat, 1, &s->updates);
  struct value shape = value_shaped(TAPE_I32, 1, &s->places, NULL);
  build_free(&b, g->e, TAPE_FOLD, TAPE_IMAX, TAPE_I32, 1, &s->places, 1, &s->updates, &shape);
  uint8_t i = build_read(&b, flat, &own, 0), none = build_i32(&b, -1);
  uint8_t place = build_op(&b, CANON_COORD, 0, 0, 0), k = build_op0(&b, CANON_KLIN);
  *last = build_end(&b, chosen(&b, i, place, k, none));
}

/* v with its first axes as one of `count`. */
static struct value flattened(struct graph *g, struct value *v, uint32_t count, uint32_t rest_rank) {
  struct value plain = straightened(g, v);
  uint32_t dim[TAPE_RANK_MAX + 1] = {count};
  for (uint32_t n = 0; n < rest_rank; n++) dim[n + 1] = v->dim[v->rank - rest_rank + n];
  if (emit_failed(g->e)) return plain;
  move_stored(g, &plain);
  return value_view(&plain, rest_rank + 1, dim);
}

static struct value slices_compared(struct graph *g, const struct value *x, const struct slices *s, struct value *flat,
                                    struct value *updates, enum reduction r) {
  bool floats = x->dtype == TAPE_F32;
  uint32_t dim[TAPE_RANK_MAX] = {s->places};
  struct index at[TAPE_RANK_MAX];
  struct build b;
  for (uint32_t n = 0; n < s->rest_rank; n++) dim[n + 1] = x->dim[s->named + n];
  uint32_t rank = s->rest_rank + 1;
  struct value shape = value_shaped(floats ? TAPE_F32 : TAPE_I32, rank, dim, NULL);
  build_free(&b, g->e, TAPE_FOLD, reducer_of(floats, r), shape.dtype, rank, dim, 1, &s->updates, &shape);
  move_own(at, rank, 0);
  at[0] = index_dim((uint8_t)rank);
  uint8_t i = build_read(&b, flat, at, 0), u = build_read(&b, updates, at, 0), none = neutral(&b, floats, r);
  uint8_t place = build_op(&b, CANON_COORD, 0, 0, 0);
  return build_end(&b, chosen(&b, i, place, u, none));
}

static void nd_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), *index = x ? graph_value(g, a, 1) : NULL;
  struct value *updates = index ? graph_value(g, a, 2) : NULL, *saved = updates ? graph_save(g, a, 2) : NULL;
  struct index at[TAPE_RANK_MAX];
  struct slices s;
  enum reduction r;
  struct build b;
  if (!saved || !reduction_of(g, a, x, &r) || !slices_read(g, a, x, index, updates, &s)) return;
  if (!slices_known(g, a, x, &s, &saved[0], &saved[1]) && !emit_failed(g->e))
    slices_found(g, x, index, &s, &saved[0], &saved[1]);
  struct value flat = flattened(g, updates, s.updates, s.rest_rank);
  if (emit_failed(g->e)) return;
  if (r != REPLACE) {
    struct value came =
        r == ADD ? move_put(g, &flat, 0, &saved[0], s.places) : slices_compared(g, x, &s, &saved[0], &flat, r);
    if (emit_failed(g->e)) return;
    came = value_view(&came, x->rank, x->dim);
    graph_result(g, a, combined(g, x, &came, r));
    return;
  }
  struct value last = value_view(&saved[1], s.named, x->dim), shape = value_shaped(x->dtype, x->rank, x->dim, NULL);
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  move_own(at, s.named, 0);
  uint8_t w = build_read(&b, &last, at, 0), old = build_use(&b, x);
  at[0] = index_indirect(w);
  move_own(at + 1, s.rest_rank, (uint8_t)s.named);
  uint8_t fresh = build_read(&b, &flat, at, 0), zero = build_i32(&b, 0);
  uint8_t keeps = build_op2(&b, CANON_ILT, w, zero);
  graph_result(g, a, build_pending(&b, build_op(&b, CANON_SEL, keeps, old, fresh)));
}

static void nd_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v, *index = &graph_input(g, a, 1)->v;
  const struct value *updates = &graph_input(g, a, 2)->v;
  struct value *flat = &a->saved[0], *last = &a->saved[1];
  struct index at[TAPE_RANK_MAX];
  struct slices s;
  enum reduction r;
  struct build b;
  if (!reduction_of(g, a, x, &r) || !may_differentiate(g, a, r) || !slices_read(g, a, x, index, updates, &s)) return;
  value_settle(g->e, dy);
  if (emit_failed(g->e)) return;
  if (graph_wants(g, a, 0)) {
    uint32_t dim[TAPE_RANK_MAX];
    for (uint32_t n = 0; n < x->rank; n++) dim[n] = n < s.named ? x->dim[n] : 1;
    struct value seen = value_view(last, x->rank, dim);
    graph_gradient(g, a, 0, r == ADD ? *dy : kept(g, dy, &seen));
  }
  if (!graph_wants(g, a, 2)) return;
  struct value d = flattened(g, dy, s.places, s.rest_rank), shape = d;
  shape.dim[0] = s.updates;
  build_map(&b, g->e, TAPE_F32, &shape);
  move_own(at, d.rank, 0);
  uint8_t i = build_read(&b, flat, at, 0), w = 0, y;
  at[0] = index_indirect(i);
  if (r == REPLACE) w = build_read(&b, last, at, UINT32_MAX);
  y = build_read(&b, &d, at, 0);
  if (r == REPLACE) {
    uint8_t zero = build_f32(&b, 0), own = build_op(&b, CANON_COORD, 0, 0, 0);
    y = chosen(&b, w, own, y, zero);
  }
  struct value sum = build_end(&b, y);
  if (!emit_failed(g->e)) graph_gradient(g, a, 2, value_view(&sum, updates->rank, updates->dim));
}

#define SCATTER(name, forward, backward)                                                                               \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 3, .inputs_max = 3, .outputs_max = 1, .lower = forward,               \
    .differentiate = backward                                                                                          \
  }
const struct rule rules_scatter[] = {SCATTER("ScatterElements", elements_lower, elements_differentiate),
                                     SCATTER("ScatterND", nd_lower, nd_differentiate),
                                     {0}};
