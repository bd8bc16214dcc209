/* Tensors out of attributes, shapes and numbers, and what reduces them. */
#include <string.h>

#include "model/lower/fold/array.h"
#include "numeric/canon.h"
#include "numeric/reference/reference.h"

static bool give_integers(struct fold *f, uint32_t rank, uint64_t count, const int64_t *list) {
  struct array out;
  int64_t dim[1] = {(int64_t)count};
  if (!array_make(f, ONNX_INT64, rank, dim, &out)) return emit_failed(f->g->e);
  if (count) memcpy(out.i, list, count * sizeof *list);
  array_give(f, 0, &out);
  return true;
}

static bool give_floats(struct fold *f, uint32_t rank, uint64_t count, const float *list) {
  struct array out;
  int64_t dim[1] = {(int64_t)count};
  if (!array_make(f, ONNX_FLOAT, rank, dim, &out)) return emit_failed(f->g->e);
  if (count) memcpy(out.f, list, count * sizeof *list);
  array_give(f, 0, &out);
  return true;
}

/* A float tensor in `value` may be a parameter (3.5); then its content is only for roles that ask for it. */
bool fold_constant(struct fold *f) {
  for (uint32_t n = 0; n < f->node->attributes_count; n++) {
    const struct onnx_attribute *x = &f->node->attribute[n];
    if (strcmp(x->name, "value") == 0 && x->kind == ONNX_ATTR_TENSOR) {
      struct tensor *y = graph_output(f->g, f->a, 0);
      if (y && y->parameter == GRAPH_NONE) graph_content(f->g, f->a, x->tensor);
      return true;
    }
    if (strcmp(x->name, "value_int") == 0 && x->kind == ONNX_ATTR_INT) return give_integers(f, 0, 1, &x->i);
    if (strcmp(x->name, "value_ints") == 0 && (x->kind == ONNX_ATTR_INTS || !x->count))
      return give_integers(f, 1, x->count, x->ints);
    if (strcmp(x->name, "value_float") == 0 && x->kind == ONNX_ATTR_FLOAT) return give_floats(f, 0, 1, &x->f);
    if (strcmp(x->name, "value_floats") == 0 && (x->kind == ONNX_ATTR_FLOATS || !x->count))
      return give_floats(f, 1, x->count, x->floats);
  }
  return false;
}

bool fold_shape_of(struct fold *f) {
  int64_t dim[ONNX_RANK_MAX];
  uint32_t rank;
  if (!fold_shape(f, 0, &rank, dim)) return false;
  int64_t start = attribute_int(f->node, "start", 0), end = attribute_int(f->node, "end", rank);
  if (start < 0) start += rank;
  if (end < 0) end += rank;
  start = start < 0 ? 0 : start > rank ? rank : start;
  end = end < start ? start : end > rank ? rank : end;
  return give_integers(f, 1, (uint64_t)(end - start), dim + start);
}

bool fold_size(struct fold *f) {
  int64_t dim[ONNX_RANK_MAX], n = 1;
  uint32_t rank;
  if (!fold_shape(f, 0, &rank, dim)) return false;
  for (uint32_t a = 0; a < rank; a++)
    if (__builtin_mul_overflow(n, dim[a], &n)) return fold_refuse(f, "a tensor of 2^63 elements and more");
  return give_integers(f, 0, 1, &n);
}

/* ceil((limit - start) / by) elements start + n * by. */
static bool range_of_floats(struct fold *f, float start, float limit, float by) {
  struct array out;
  uint32_t span = reference_apply(CANON_SUB, word_of(limit), word_of(start), 0);
  float count = float_of(reference_apply(CANON_CEIL, reference_apply(CANON_DIV, span, word_of(by), 0), 0, 0));
  if (count != count) return fold_refuse(f, "a range that does not end");
  if (count > FOLD_ELEMENTS_MAX) return false;
  int64_t dim[1] = {count > 0 ? (int64_t)count : 0};
  if (!array_make(f, ONNX_FLOAT, 1, dim, &out)) return emit_failed(f->g->e);
  for (uint64_t n = 0; n < out.t.count; n++) {
    uint32_t more = reference_apply(CANON_MUL, word_of((float)n), word_of(by), 0);
    out.f[n] = float_of(reference_apply(CANON_ADD, word_of(start), more, 0));
  }
  array_give(f, 0, &out);
  return true;
}

bool fold_range(struct fold *f) {
  const struct onnx_tensor *in[3] = {fold_input(f, 0), fold_input(f, 1), fold_input(f, 2)};
  struct array out;
  for (uint32_t n = 0; n < 3; n++)
    if (!in[n] || in[n]->count != 1 || in[n]->type != in[0]->type) return false;
  if (in[0]->f32) return range_of_floats(f, in[0]->f32[0], in[1]->f32[0], in[2]->f32[0]);
  if (!in[0]->i64) return false;
  __int128 start = in[0]->i64[0], span = in[1]->i64[0] - start, by = in[2]->i64[0];
  if (!by) return fold_refuse(f, "a range with steps of 0");
  __int128 count = (span > 0) == (by > 0) && span ? (span + by - (by > 0 ? 1 : -1)) / by : 0;
  if (count > FOLD_ELEMENTS_MAX) return false;
  int64_t dim[1] = {(int64_t)count};
  if (!array_make(f, in[0]->type, 1, dim, &out)) return emit_failed(f->g->e);
  for (uint64_t n = 0; n < out.t.count; n++) out.i[n] = (int64_t)(start + (__int128)n * by);
  array_give(f, 0, &out);
  return true;
}

bool fold_filled(struct fold *f) {
  const struct onnx_attribute *value = attribute_find(f->node, "value");
  const struct onnx_tensor *x = value && value->kind == ONNX_ATTR_TENSOR ? value->tensor : NULL;
  int64_t dim[ONNX_RANK_MAX];
  uint32_t rank;
  struct array out;
  if (!fold_list(f, 0, &rank, dim) || (value && (!x || x->count != 1))) return false;
  for (uint32_t a = 0; a < rank; a++)
    if (dim[a] < 0) return fold_refuse(f, "asks for a negative dim");
  if (!array_make(f, x ? x->type : ONNX_FLOAT, rank, dim, &out)) return emit_failed(f->g->e);
  uint32_t width = array_width(&out.t);
  for (uint64_t n = 0; n < out.t.count && x; n++) memcpy(array_target(&out) + n * width, array_bytes(x), width);
  array_give(f, 0, &out);
  return true;
}

/* Axes from the attribute or input 1; none: all, or nothing with noop_with_empty_axes. */
static bool reduced_axes(struct fold *f, uint32_t rank, uint32_t *mask) {
  int64_t list[ONNX_RANK_MAX];
  uint32_t count = 0;
  const int64_t *axes = attribute_ints(f->node, "axes", &count);
  if (!axes && fold_given(f, 1)) {
    if (!fold_list(f, 1, &count, list)) return false;
    axes = list;
  }
  *mask = 0;
  if (!count && !attribute_int(f->node, "noop_with_empty_axes", 0)) *mask = (1u << rank) - 1;
  for (uint32_t n = 0; n < count; n++) {
    uint32_t axis;
    if (!axis_resolve(axes[n], rank, &axis)) return false;
    *mask |= 1u << axis;
  }
  return true;
}

/* One element more, in order. */
static bool accumulate(uint8_t code, const struct onnx_tensor *x, uint64_t n, struct array *out, int64_t at) {
  if (out->f) {
    out->f[at] = float_of(reference_apply(code, word_of(out->f[at]), word_of(x->f32[n]), 0));
    return true;
  }
  int64_t *y = &out->i[at], v = x->i64[n];
  switch (code) {
  case CANON_ADD: return !__builtin_add_overflow(*y, v, y);
  case CANON_MUL: return !__builtin_mul_overflow(*y, v, y);
  case CANON_MIN: *y = v < *y ? v : *y; return true;
  }
  *y = v > *y ? v : *y;
  return true;
}

bool fold_reduce(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  bool keep = attribute_int(f->node, "keepdims", 1) != 0;
  struct array out;
  uint32_t mask, rank = 0;
  int64_t dim[ONNX_RANK_MAX], kept[ONNX_RANK_MAX], step = 1;
  struct walk w = {.operands = 1};
  if (!x || !x->count || x->count > FOLD_ELEMENTS_MAX || x->type == ONNX_DOUBLE || !reduced_axes(f, x->rank, &mask))
    return false;
  if (x->f32 && f->code != CANON_MIN && f->code != CANON_MAX) return false; /* sums of floats have an order: 4.5 */
  if (!fold_charge(f, x->count)) return true;
  for (uint32_t a = 0; a < x->rank; a++) {
    kept[a] = mask >> a & 1 ? 1 : x->dim[a];
    if (keep || !(mask >> a & 1)) dim[rank++] = kept[a];
  }
  if (!array_make(f, x->type, rank, dim, &out)) return emit_failed(f->g->e);
  w.rank = x->rank;
  for (uint32_t a = x->rank; a-- > 0; step *= kept[a]) {
    w.dim[a] = x->dim[a];
    w.step[0][a] = mask >> a & 1 ? 0 : step;
  }
  for (uint64_t n = 0; n < x->count; n++, walk_next(&w)) {
    bool first = true;
    for (uint32_t a = 0; a < x->rank; a++) first &= !(mask >> a & 1) || !w.coord[a];
    if (first && out.f)
      out.f[w.at[0]] = x->f32[n];
    else if (first)
      out.i[w.at[0]] = x->i64[n];
    else if (!accumulate(f->code, x, n, &out, w.at[0]))
      return fold_refuse(f, "whole numbers known while lowering leave 64 bits");
  }
  for (uint64_t n = 0; out.i && n < out.t.count; n++) out.i[n] = array_fit(x->type, out.i[n]);
  array_give(f, 0, &out);
  return true;
}
