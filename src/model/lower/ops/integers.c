/* Shape arithmetic: integers that are known once the batch is, computed here and never seen by a record.
 * docs/lower.md 4.9.
 *
 * The exporters build the shape of a Reshape from Shape, Gather, Concat and their like. Rank 0 and 1 are enough for
 * that. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

static const struct onnx_tensor *known(struct graph *g, const struct application *a, uint32_t n) {
  struct tensor *t = graph_input(g, a, n);
  return t && t->content && t->content->i64 && t->content->rank <= 1 ? t->content : NULL;
}

static void give(struct graph *g, struct application *a, uint32_t rank, uint64_t count, const int64_t *from) {
  struct onnx_tensor *t = arena_take(g->arena, 1, sizeof *t);
  int64_t *list = arena_take(g->arena, count ? count : 1, sizeof *list);
  if (!t || !list) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "shape arithmetic needs more memory than lowering was given");
    return;
  }
  if (count) memcpy(list, from, count * sizeof *list);
  *t = (struct onnx_tensor){
      .name = "", .type = ONNX_INT64, .rank = rank, .dim = {(int64_t)count}, .count = count, .i64 = list};
  graph_content(g, a, t);
}

enum { LIST_MAX = 64 };

static bool room(struct graph *g, const struct application *a, uint64_t count) {
  if (count <= LIST_MAX) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "computes a shape of %" PRIu64 " numbers, at most %d", count, LIST_MAX);
  return false;
}

static void refuse_data(struct graph *g, const struct application *a) {
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "lowers only on integers that are known once the batch is");
}

static void constant_lower(struct graph *g, struct application *a) {
  for (uint32_t n = 0; n < a->node->attributes_count; n++) {
    const struct onnx_attribute *x = &a->node->attribute[n];
    struct onnx_tensor *t;
    if (strcmp(x->name, "value") == 0 && x->kind == ONNX_ATTR_TENSOR) {
      graph_content(g, a, x->tensor);
      return;
    }
    if (strcmp(x->name, "value_int") == 0) {
      give(g, a, 0, 1, &x->i);
      return;
    }
    if (strcmp(x->name, "value_ints") == 0 && x->kind == ONNX_ATTR_INTS) {
      give(g, a, 1, x->count, x->ints);
      return;
    }
    bool one = strcmp(x->name, "value_float") == 0;
    if (!one && (strcmp(x->name, "value_floats") != 0 || x->kind != ONNX_ATTR_FLOATS)) continue;
    t = arena_take(g->arena, 1, sizeof *t);
    if (!t) return emit_fail(g->e, LOWER_ERR_MEMORY, "a constant needs more memory than lowering was given");
    *t = (struct onnx_tensor){.name = "",
                              .type = ONNX_FLOAT,
                              .rank = !one,
                              .dim = {one ? 1 : x->count},
                              .count = one ? 1 : x->count,
                              .f32 = one ? &x->f : x->floats};
    graph_content(g, a, t);
    return;
  }
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "has a value of a kind that does not lower");
}

static void shape_lower(struct graph *g, struct application *a) {
  struct tensor *t = graph_input(g, a, 0);
  int64_t list[TAPE_RANK_MAX];
  if (!t || (!t->known && !t->content)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "asks for the shape of something without a value");
    return;
  }
  int64_t rank = t->known ? t->v.rank : t->content->rank;
  if (rank > TAPE_RANK_MAX) return refuse_data(g, a);
  for (int64_t n = 0; n < rank; n++) list[n] = t->known ? (int64_t)t->v.dim[n] : t->content->dim[n];
  int64_t start = attribute_int(a->node, "start", 0), end = attribute_int(a->node, "end", rank);
  if (start < 0) start += rank;
  if (end < 0) end += rank;
  start = start < 0 ? 0 : start > rank ? rank : start;
  end = end < start ? start : end > rank ? rank : end;
  give(g, a, 1, (uint64_t)(end - start), list + start);
}

static void gather_lower(struct graph *g, struct application *a) {
  const struct onnx_tensor *from = known(g, a, 0), *index = known(g, a, 1);
  int64_t list[LIST_MAX];
  if (!from || !index || attribute_int(a->node, "axis", 0) != 0) return refuse_data(g, a);
  if (!room(g, a, index->count)) return;
  for (uint64_t n = 0; n < index->count; n++) {
    int64_t i = index->i64[n] < 0 ? index->i64[n] + (int64_t)from->count : index->i64[n];
    if (i < 0 || i >= (int64_t)from->count) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "index %" PRId64 " of %" PRIu64 " numbers", index->i64[n], from->count);
      return;
    }
    list[n] = from->i64[i];
  }
  give(g, a, index->rank, index->count, list);
}

static void concat_lower(struct graph *g, struct application *a) {
  int64_t list[LIST_MAX];
  uint64_t count = 0;
  for (uint32_t n = 0; n < a->inputs_count; n++) {
    const struct onnx_tensor *t = known(g, a, n);
    if (!t) return refuse_data(g, a);
    if (!room(g, a, count + t->count)) return;
    memcpy(list + count, t->i64, t->count * sizeof *list);
    count += t->count;
  }
  give(g, a, 1, count, list);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static void slice_lower(struct graph *g, struct application *a) {
  const struct onnx_tensor *from = known(g, a, 0), *start = known(g, a, 1), *end = known(g, a, 2);
  const struct onnx_tensor *step = graph_input(g, a, 4) ? known(g, a, 4) : NULL;
  int64_t list[LIST_MAX], by = step && step->count == 1 ? step->i64[0] : 1;
  uint64_t count = 0;
  if (!from || !start || !end || start->count != 1 || end->count != 1 || by < 1 || (graph_input(g, a, 4) && !step))
    return refuse_data(g, a);
  int64_t n = (int64_t)from->count, low = start->i64[0], high = end->i64[0];
  low = clamp(low < 0 ? low + n : low, 0, n);
  high = clamp(high < 0 ? high + n : high, 0, n);
  for (int64_t i = low; i < high; i += by) {
    if (!room(g, a, count + 1)) return;
    list[count++] = from->i64[i];
    if (by > n) break;
  }
  give(g, a, 1, count, list);
}

bool integers_reshape(struct graph *g, struct application *a) {
  const struct onnx_tensor *t = known(g, a, 0);
  if (!t) return false;
  if (!room(g, a, t->count)) return true;
  bool scalar = strcmp(a->node->op, "Squeeze") == 0 && t->count == 1;
  give(g, a, !scalar, t->count, t->i64);
  return true;
}

bool integers_expand(struct graph *g, struct application *a) {
  const struct onnx_tensor *t = known(g, a, 0), *to = known(g, a, 1);
  int64_t list[LIST_MAX];
  if (!t || !to) return false;
  int64_t count = to->count == 1 ? to->i64[0] : to->count ? -1 : 1;
  if (count < 1 || to->count > 1 || (t->count != 1 && count != 1 && count != (int64_t)t->count)) {
    refuse_data(g, a);
    return true;
  }
  if ((uint64_t)count < t->count) count = (int64_t)t->count;
  if (!room(g, a, (uint64_t)count)) return true;
  for (int64_t n = 0; n < count; n++) list[n] = t->i64[t->count == 1 ? 0 : n];
  give(g, a, to->count || t->rank ? 1 : 0, (uint64_t)count, list);
  return true;
}

/* Type that CastLike casts to: that of its input 1. */
static int64_t cast_type(struct graph *g, struct application *a) {
  if (strcmp(a->node->op, "Cast") == 0) return attribute_int(a->node, "to", 0);
  const struct tensor *like = graph_input(g, a, 1);
  if (!like) return 0;
  if (like->known) return like->v.dtype == TAPE_F32 ? ONNX_FLOAT : ONNX_INT64;
  return like->content ? (int64_t)like->content->type : 0;
}

bool integers_cast(struct graph *g, struct application *a) {
  const struct onnx_tensor *t = known(g, a, 0);
  int64_t to = cast_type(g, a);
  if (!t) return false;
  if (to == ONNX_INT64 || to == ONNX_INT32) {
    give(g, a, t->rank, t->count, t->i64);
    return true;
  }
  if (to != ONNX_FLOAT || t->count != 1) return false;
  struct onnx_tensor *number = arena_take(g->arena, 1, sizeof *number);
  float *word = arena_take(g->arena, 1, sizeof *word);
  if (!number || !word) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "shape arithmetic needs more memory than lowering was given");
    return true;
  }
  *word = (float)t->i64[0];
  *number = (struct onnx_tensor){.name = "", .type = ONNX_FLOAT, .count = 1, .f32 = word};
  graph_content(g, a, number);
  return true;
}

bool integers_binary(struct graph *g, struct application *a, const struct tensor *x, const struct tensor *y) {
  if (!x || !y || !x->content || !y->content || !x->content->i64 || !y->content->i64) return false;
  const struct onnx_tensor *p = x->content, *q = y->content;
  int64_t list[LIST_MAX];
  uint64_t count = p->count > q->count ? p->count : q->count;
  if (p->rank > 1 || q->rank > 1 || (p->count != q->count && p->count != 1 && q->count != 1)) return false;
  if (!room(g, a, count)) return true;
  for (uint64_t n = 0; n < count; n++) {
    int64_t s = p->i64[p->count == 1 ? 0 : n], t = q->i64[q->count == 1 ? 0 : n];
    bool fits = true;
    switch (a->node->op[0]) {
    case 'A': fits = !__builtin_add_overflow(s, t, &list[n]); break;
    case 'S': fits = !__builtin_sub_overflow(s, t, &list[n]); break;
    case 'M': fits = !__builtin_mul_overflow(s, t, &list[n]); break;
    default:
      fits = t != 0 && !(s == INT64_MIN && t == -1);
      if (fits) list[n] = s / t;
    }
    if (!fits) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "shape arithmetic leaves 64 bits");
      return true;
    }
  }
  give(g, a, p->rank > q->rank ? p->rank : q->rank, count, list);
  return true;
}

static void all_constant(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  (void)n;
  role->kind = ROLE_CONSTANT;
}

#define INTEGERS(name, least, most, forward)                                                                           \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = least, .inputs_max = most, .outputs_max = 1, .lower = forward,        \
    .role = all_constant                                                                                               \
  }
const struct rule rules_integers[] = {
    INTEGERS("Constant", 0, 0, constant_lower), INTEGERS("Shape", 1, 1, shape_lower),
    INTEGERS("Gather", 2, 2, gather_lower),     INTEGERS("Concat", 1, UINT32_MAX, concat_lower),
    INTEGERS("Slice", 3, 5, slice_lower),       {0}};
