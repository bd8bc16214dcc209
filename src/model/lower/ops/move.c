#include "model/lower/ops/move.h"

#include <inttypes.h>
#include <string.h>

#include "model/lower/fold/fold.h"

bool move_fits(struct graph *g, uint64_t rank, const uint64_t *dim) {
  uint64_t n = 1;
  bool fits = rank <= TAPE_RANK_MAX;
  for (uint64_t a = 0; fits && a < rank; a++) {
    fits = dim[a] >= 1 && dim[a] <= INT32_MAX && n * dim[a] <= UINT32_MAX;
    n *= dim[a];
  }
  if (!fits)
    emit_fail(g->e, LOWER_ERR_SHAPE,
              "its result has a rank above %d, no elements, or 2^32 and more: a step's values have none such",
              TAPE_RANK_MAX);
  return fits;
}

bool move_constant(struct graph *g, uint32_t rank, const uint32_t *dim, const int64_t *list, struct value *out) {
  struct onnx_tensor t = {.name = "", .type = ONNX_INT64, .rank = rank, .count = 1};
  for (uint32_t a = 0; a < rank; a++) t.count *= (uint64_t)(t.dim[a] = dim[a]);
  if (!fold_keep(g, t.count)) return false;
  int64_t *copy = arena_take(g->arena, t.count, sizeof *copy);
  if (!copy) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "constants need more memory than lowering was given");
    return false;
  }
  memcpy(copy, list, t.count * sizeof *copy);
  t.i64 = copy;
  const struct onnx_tensor *shared = fold_share(g, &t);
  return shared && graph_constant(g, shared, out);
}

/* Known positions, all in range, none negative. */
static bool known_index(struct graph *g, const struct onnx_tensor *t, uint32_t extent, struct value *out) {
  bool negative = false;
  for (uint64_t n = 0; n < t->count; n++) {
    if (t->i64[n] < -(int64_t)extent || t->i64[n] >= (int64_t)extent) {
      emit_fail(g->e, LOWER_ERR_SHAPE, "index %" PRId64 " of an axis of %" PRIu32, t->i64[n], extent);
      return false;
    }
    negative |= t->i64[n] < 0;
  }
  if (!negative) return graph_constant(g, t, out);
  struct onnx_tensor same = *t;
  if (!fold_keep(g, t->count)) return false;
  int64_t *list = arena_take(g->arena, t->count, sizeof *list);
  if (!list) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "constants need more memory than lowering was given");
    return false;
  }
  for (uint64_t n = 0; n < t->count; n++) list[n] = t->i64[n] < 0 ? t->i64[n] + extent : t->i64[n];
  same.i64 = list;
  const struct onnx_tensor *shared = fold_share(g, &same);
  return shared && graph_constant(g, shared, out);
}

bool move_index(struct graph *g, struct application *a, uint32_t n, uint32_t extent, struct value *out) {
  const struct tensor *t = graph_input(g, a, n);
  struct build b;
  if (t && t->content && t->content->i64) return known_index(g, t->content, extent, out);
  struct value *v = graph_value(g, a, n);
  if (!v) return false;
  if (v->dtype == TAPE_F32) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "input %u, '%s', holds floats, and it indexes with whole numbers", n,
                 t->name);
    return false;
  }
  struct value like = *v; /* in ONNX's order: it is read by axis */
  for (uint8_t k = 0; k < like.rank; k++) like.order[k] = k;
  build_map(&b, g->e, TAPE_I32, &like);
  uint8_t i = build_use(&b, v), zero = build_i32(&b, 0), size = build_i32(&b, (int32_t)extent);
  uint8_t below = build_op2(&b, CANON_ILT, i, zero), moved = build_op2(&b, CANON_IADD, i, size);
  *out = build_end(&b, build_op(&b, CANON_SEL, below, moved, i));
  return !emit_failed(g->e);
}

struct value move_unsqueezed(struct graph *g, struct value *v, uint32_t axis) {
  value_settle(g->e, v);
  struct value w = *v;
  if (emit_failed(g->e)) return w;
  w.rank++;
  for (uint32_t n = w.rank - 1u; n > axis; n--) w.dim[n] = v->dim[n - 1];
  w.dim[axis] = 1;
  for (uint32_t p = 0; p < v->rank; p++)
    if (v->order[p] >= axis) w.order[p]++;
  w.order[v->rank] = (uint8_t)axis;
  return w;
}

struct value move_squeezed(const struct value *v, uint32_t axis) {
  struct value w = *v;
  w.rank--;
  for (uint32_t n = axis; n < w.rank; n++) w.dim[n] = v->dim[n + 1];
  for (uint32_t p = 0, q = 0; p < v->rank; p++)
    if (v->order[p] != axis) w.order[q++] = v->order[p] > axis ? v->order[p] - 1 : v->order[p];
  return w;
}

void move_stored(struct graph *g, struct value *v) {
  struct build b;
  if (!v->literal || emit_failed(g->e)) return;
  struct value shape = *v;
  shape.literal = false;
  build_map(&b, g->e, v->dtype, &shape);
  uint8_t x = build_use(&b, v);
  *v = build_end(&b, x);
}

void move_own(struct index *axis, uint32_t count, uint8_t first) {
  for (uint32_t n = 0; n < count; n++) axis[n] = index_dim((uint8_t)(first + n));
}

/* Own coordinates of a map over the same axes. */
static void own_of(const struct build *b, const struct value *v, struct index axis[TAPE_RANK_MAX]) {
  for (uint8_t n = 0; n < v->rank; n++) axis[n] = index_dim(b->at[n]);
}

struct value move_shifted(struct graph *g, struct value *v, const struct value *shape, uint32_t axis, int64_t shift,
                          uint32_t fill) {
  struct index at[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, v->dtype, shape);
  own_of(&b, v, at);
  at[axis].offset = (int32_t)shift;
  uint8_t x = build_read(&b, v, at, fill);
  return build_pending(&b, x);
}

/* At most EMIT_JOIN_OPERANDS parts in one map. */
static struct value joined_few(struct graph *g, const struct value *shape, uint32_t axis, struct value *part,
                               const uint32_t *size, uint32_t count) {
  uint8_t reg[EMIT_JOIN_OPERANDS], limit[EMIT_JOIN_OPERANDS];
  struct index at[TAPE_RANK_MAX];
  struct build b;
  int32_t start = 0, end = 0;
  build_map(&b, g->e, shape->dtype, shape);
  for (uint32_t n = 0; n < count; n++, start += (int32_t)size[n - 1]) {
    if (part[n].literal) {
      reg[n] = build_use(&b, &part[n]);
      continue;
    }
    own_of(&b, &part[n], at);
    at[axis].offset = -start;
    reg[n] = build_read(&b, &part[n], at, 0);
  }
  for (uint32_t n = 0; n + 1 < count; n++) limit[n] = build_i32(&b, end += (int32_t)size[n]);
  uint8_t x = reg[count - 1], place = 0;
  if (count > 1) place = build_op(&b, CANON_COORD, b.at[axis], 0, 0);
  for (uint32_t n = count - 1; n-- > 0;) {
    uint8_t here = build_op2(&b, CANON_ILT, place, limit[n]);
    x = build_op(&b, CANON_SEL, here, reg[n], x);
  }
  return build_pending(&b, x);
}

struct value move_joined(struct graph *g, const struct value *shape, uint32_t axis, struct value *part,
                         const uint32_t *size, uint32_t count) {
  uint32_t groups = (count + EMIT_JOIN_OPERANDS - 1) / EMIT_JOIN_OPERANDS;
  if (emit_failed(g->e) || count <= EMIT_JOIN_OPERANDS) return joined_few(g, shape, axis, part, size, count);
  struct value *joined = arena_take(g->arena, groups, sizeof *joined);
  uint32_t *sizes = arena_take(g->arena, groups, sizeof *sizes);
  if (!joined || !sizes) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return *shape;
  }
  for (uint32_t n = 0; n < groups; n++) {
    uint32_t first = n * EMIT_JOIN_OPERANDS, few = count - first;
    struct value piece = *shape;
    if (few > EMIT_JOIN_OPERANDS) few = EMIT_JOIN_OPERANDS;
    for (uint32_t k = 0; k < few; k++) sizes[n] += size[first + k];
    piece.dim[axis] = sizes[n];
    joined[n] = joined_few(g, &piece, axis, part + first, size + first, few);
    value_settle(g->e, &joined[n]);
  }
  return move_joined(g, shape, axis, joined, sizes, groups);
}

struct value move_picked(struct graph *g, struct value *x, uint32_t axis, struct value *index) {
  uint32_t dim[TAPE_RANK_MAX], rank = 0;
  struct index at[TAPE_RANK_MAX], of[TAPE_RANK_MAX];
  struct build b;
  for (uint32_t n = 0; n < axis; n++) dim[rank++] = x->dim[n];
  for (uint32_t n = 0; n < index->rank; n++) dim[rank++] = index->dim[n];
  for (uint32_t n = axis + 1; n < x->rank; n++) dim[rank++] = x->dim[n];
  struct value shape = value_shaped(x->dtype, rank, dim, NULL);
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  struct index where = index_fixed((int32_t)index->word);
  if (!index->literal) {
    move_own(of, index->rank, (uint8_t)axis);
    where = index_indirect(build_read(&b, index, of, 0));
  }
  for (uint32_t n = 0; n < x->rank; n++)
    at[n] = n < axis ? index_dim((uint8_t)n) : n == axis ? where : index_dim((uint8_t)(n - 1 + index->rank));
  uint8_t y = build_read(&b, x, at, 0);
  return build_pending(&b, y);
}

/* One known position: dy lies there, and 0 elsewhere. */
static struct value put_one(struct graph *g, struct value *dy, uint32_t axis, const struct value *index,
                            uint32_t extent) {
  struct value d = *dy, shape;
  if (!index->rank) d = move_unsqueezed(g, dy, axis);
  value_settle(g->e, &d);
  for (uint32_t n = 1; n < index->rank; n++) d = move_squeezed(&d, axis + 1); /* dims of 1 behind the first */
  shape = d;
  shape.dim[axis] = extent;
  return move_shifted(g, &d, &shape, axis, -(int64_t)(int32_t)index->word, 0);
}

struct value move_put(struct graph *g, struct value *dy, uint32_t axis, struct value *index, uint32_t extent) {
  uint32_t rank = dy->rank - index->rank + 1u, out[TAPE_RANK_MAX], out_rank = 0, k[TAPE_RANK_MAX], k_rank = 0;
  uint32_t dim[TAPE_RANK_MAX];
  uint8_t order[TAPE_RANK_MAX];
  struct index at[TAPE_RANK_MAX], of[TAPE_RANK_MAX];
  struct build b;
  uint64_t terms = 1;
  if (emit_failed(g->e)) return *dy;
  for (uint32_t n = 0; n < index->rank; n++) terms *= index->dim[n];
  if (index->literal && terms == 1) return put_one(g, dy, axis, index, extent);
  if (terms > TAPE_K_MAX) {
    emit_fail(g->e, LOWER_ERR_UNSUPPORTED,
              "reads with %" PRIu64 " indices, and a gradient is gathered from 2^20 at most: use a smaller batch",
              terms);
    return *dy;
  }
  value_settle(g->e, dy);
  move_stored(g, index);
  order[out_rank] = (uint8_t)axis;
  out[out_rank++] = extent;
  dim[axis] = extent;
  for (uint32_t n = 0; n < dy->rank; n++) {
    if (n >= axis && n < axis + index->rank) {
      at[n] = index_dim((uint8_t)(rank + k_rank));
      k[k_rank++] = dy->dim[n];
      continue;
    }
    uint32_t to = n < axis ? n : n - index->rank + 1;
    at[n] = index_dim((uint8_t)out_rank);
    dim[to] = dy->dim[n];
    order[out_rank] = (uint8_t)to;
    out[out_rank++] = dy->dim[n];
  }
  move_own(of, index->rank, (uint8_t)rank);
  if (!k_rank) k[k_rank++] = 1;
  struct value result = value_shaped(TAPE_F32, rank, dim, order);
  build_free(&b, g->e, TAPE_PUT, TAPE_CHAIN, TAPE_F32, out_rank, out, k_rank, k, &result);
  build_read(&b, index, of, 0);
  build_read(&b, dy, at, 0);
  return build_end(&b, 0);
}

struct value move_component(struct graph *g, struct value *index, uint32_t t, uint32_t extent) {
  struct value shape = value_shaped(TAPE_I32, index->rank - 1u, index->dim, NULL);
  struct index at[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, TAPE_I32, &shape);
  move_own(at, shape.rank, 0);
  at[shape.rank] = index_fixed((int32_t)t);
  uint8_t i = build_read(&b, index, at, 0), zero = build_i32(&b, 0), size = build_i32(&b, (int32_t)extent);
  uint8_t below = build_op2(&b, CANON_ILT, i, zero), moved = build_op2(&b, CANON_IADD, i, size);
  return build_end(&b, build_op(&b, CANON_SEL, below, moved, i));
}

bool move_flat(struct graph *g, const struct value *index, const uint32_t *dim, uint32_t batch, uint32_t named,
               struct value *part, struct value *flat, uint32_t *places) {
  uint8_t at[TAPE_RANK_MAX], size[TAPE_RANK_MAX], lin = 0, ok = 0;
  uint64_t count = 1;
  struct build b;
  uint32_t rank = batch + named < TAPE_RANK_MAX ? batch + named : TAPE_RANK_MAX; /* axes of one tensor: never more */
  for (uint32_t n = 0; n < rank; n++) count *= dim[n];
  if (count > INT32_MAX) {
    emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "names one of 2^31 places and more");
    return false;
  }
  struct value shape = value_shaped(TAPE_I32, index->rank - 1u, index->dim, NULL);
  build_map(&b, g->e, TAPE_I32, &shape);
  for (uint32_t t = 0; t < named && t < rank; t++) at[t] = build_use(&b, &part[t]);
  for (uint32_t n = 0; n < rank; n++) size[n] = build_i32(&b, (int32_t)dim[n]);
  uint8_t none = build_i32(&b, -1);
  for (uint32_t n = 0; n < rank; n++) {
    uint8_t place = n < batch ? build_op(&b, CANON_COORD, (uint8_t)n, 0, 0) : at[n - batch];
    if (n >= batch) {
      uint8_t inside = build_op2(&b, CANON_ULT, place, size[n]);
      ok = n == batch ? inside : build_op2(&b, CANON_IAND, ok, inside);
    }
    if (n) lin = build_op2(&b, CANON_IMUL, lin, size[n]);
    lin = n ? build_op2(&b, CANON_IADD, lin, place) : place;
  }
  *flat = build_end(&b, build_op(&b, CANON_SEL, ok, lin, none));
  *places = (uint32_t)count;
  return !emit_failed(g->e);
}

void move_first_only(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}
