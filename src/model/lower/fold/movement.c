/* The same elements at other places: every result is a walk over its operand with steps of its own. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/fold/array.h"

/* out[coord] = x[base + sum of coord * step], as output `n`. */
static bool walked(struct fold *f, const struct onnx_tensor *x, uint32_t n, struct walk *w, int64_t base, uint32_t rank,
                   const int64_t *dim) {
  struct array out;
  if (!array_make(f, x->type, rank, dim, &out)) return emit_failed(f->g->e);
  uint32_t width = array_width(x);
  w->operands = 1;
  for (uint64_t k = 0; k < out.t.count; k++, walk_next(w))
    memcpy(array_target(&out) + k * width, array_bytes(x) + (uint64_t)(base + w->at[0]) * width, width);
  array_give(f, n, &out);
  return true;
}

static bool viewed(struct fold *f, const struct onnx_tensor *x, uint32_t rank, const int64_t *dim) {
  struct array out;
  if (!array_like(x, rank, dim, &out)) return fold_refuse(f, "dims that do not hold as many elements");
  array_give(f, 0, &out);
  return true;
}

/* Dims of a Reshape: 0 copies (unless allowzero), one -1 takes what is left. */
bool fold_reshape(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  int64_t dim[ONNX_RANK_MAX], open = -1;
  uint64_t product = 1;
  uint32_t rank;
  bool zeros = attribute_int(f->node, "allowzero", 0) != 0;
  if (!x || !fold_list(f, 1, &rank, dim)) return false;
  for (uint32_t a = 0; a < rank; a++) {
    if (dim[a] == 0 && !zeros) dim[a] = a < x->rank ? x->dim[a] : 0;
    if (dim[a] == -1 && open < 0) {
      open = a;
      continue;
    }
    if (dim[a] < 0 || (dim[a] && product > UINT32_MAX)) return fold_refuse(f, "asks for a negative or too large dim");
    product *= (uint64_t)dim[a];
  }
  if (open >= 0) {
    if (!product || x->count % product) return fold_refuse(f, "leaves nothing for the dim -1");
    dim[open] = (int64_t)(x->count / product);
  }
  return viewed(f, x, rank, dim);
}

bool fold_flatten(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  int64_t axis = attribute_int(f->node, "axis", 1), dim[2] = {1, 1};
  if (!x || x->count > FOLD_ELEMENTS_MAX || !x->count) return false;
  if (axis < 0) axis += x->rank;
  if (axis < 0 || axis > x->rank) return fold_refuse(f, "an axis that the tensor lacks");
  for (uint32_t a = 0; a < x->rank; a++) dim[a >= axis] *= x->dim[a];
  return viewed(f, x, 2, dim);
}

/* The axes an input or attribute lists, as bits of a tensor of this rank. */
static bool axes_of(struct fold *f, uint32_t count, const int64_t *axes, uint32_t rank, uint32_t *mask) {
  *mask = 0;
  for (uint32_t n = 0; n < count; n++) {
    uint32_t axis;
    if (!axis_resolve(axes[n], rank, &axis) || *mask >> axis & 1) {
      fold_refuse(f, "an axis that the tensor lacks or that comes twice");
      return false;
    }
    *mask |= 1u << axis;
  }
  return true;
}

bool fold_squeeze(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  int64_t axes[ONNX_RANK_MAX], dim[ONNX_RANK_MAX];
  uint32_t count = 0, mask = 0, rank = 0, taken = 0;
  bool adds = strcmp(f->node->op, "Unsqueeze") == 0, named = fold_given(f, 1);
  if (!x || (adds && !named) || (named && !fold_list(f, 1, &count, axes))) return false;
  uint32_t wide = adds ? x->rank + count : x->rank;
  if (wide > ONNX_RANK_MAX) return fold_refuse(f, "a rank above 8");
  if (!axes_of(f, count, axes, wide, &mask)) return true;
  if (!named)
    for (uint32_t a = 0; a < x->rank && a < ONNX_RANK_MAX; a++) mask |= (uint32_t)(x->dim[a] == 1) << a;
  for (uint32_t a = 0; a < wide; a++) {
    bool here = mask >> a & 1;
    if (adds)
      dim[rank++] = here ? 1 : x->dim[taken++];
    else if (!here)
      dim[rank++] = x->dim[a];
    else if (x->dim[a] != 1)
      return fold_refuse(f, "takes away an axis that is not 1");
  }
  return viewed(f, x, rank, dim);
}

bool fold_transpose(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  uint32_t count, mask = 0;
  const int64_t *perm = attribute_ints(f->node, "perm", &count);
  int64_t step[ONNX_RANK_MAX];
  struct walk w = {0};
  if (!x) return false;
  if (perm && (count != x->rank || !axes_of(f, count, perm, count, &mask)))
    return emit_failed(f->g->e) || fold_refuse(f, "perm is no order of the axes");
  steps_of(x, step);
  w.rank = x->rank;
  for (uint32_t a = 0; a < w.rank; a++) {
    uint32_t from = perm ? (uint32_t)(perm[a] < 0 ? perm[a] + count : perm[a]) : w.rank - 1 - a;
    w.dim[a] = x->dim[from];
    w.step[0][a] = step[from];
  }
  return walked(f, x, 0, &w, 0, w.rank, w.dim);
}

bool fold_expand(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  struct onnx_tensor to = {.count = 0}; /* a shape without elements: it has no steps that could overflow */
  const struct onnx_tensor *both[2] = {x, &to};
  struct walk w;
  if (!x || !fold_list(f, 1, &to.rank, to.dim)) return false;
  for (uint32_t a = 0; a < to.rank; a++)
    if (to.dim[a] < 0) return fold_refuse(f, "asks for a negative dim");
  if (!walk_broadcast(&w, 2, both)) return fold_refuse(f, "shapes do not broadcast");
  return walked(f, x, 0, &w, 0, w.rank, w.dim);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

bool fold_slice(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  int64_t start[ONNX_RANK_MAX], end[ONNX_RANK_MAX], axes[ONNX_RANK_MAX], by[ONNX_RANK_MAX], step[ONNX_RANK_MAX];
  uint32_t starts, ends, count, bys, seen = 0;
  struct walk w = {0};
  int64_t base = 0;
  if (!x || !fold_list(f, 1, &starts, start) || !fold_list(f, 2, &ends, end)) return false;
  count = bys = starts;
  for (uint32_t n = 0; n < starts; n++) {
    axes[n] = n;
    by[n] = 1;
  }
  if ((fold_given(f, 3) && !fold_list(f, 3, &count, axes)) || (fold_given(f, 4) && !fold_list(f, 4, &bys, by)))
    return false;
  if (starts != ends || starts != count || starts != bys || starts > x->rank)
    return fold_refuse(f, "starts, ends, axes and steps are not equally many");
  steps_of(x, step);
  w.rank = x->rank;
  for (uint32_t a = 0; a < w.rank; a++) {
    w.dim[a] = x->dim[a];
    w.step[0][a] = step[a];
  }
  for (uint32_t n = 0; n < starts; n++) {
    uint32_t a;
    if (!axis_resolve(axes[n], x->rank, &a) || seen >> a & 1 || !by[n] || by[n] < -INT32_MAX || by[n] > INT32_MAX)
      return fold_refuse(f, "an axis that the tensor lacks or a step of 0");
    seen |= 1u << a;
    int64_t d = x->dim[a], low = by[n] > 0 ? 0 : -1, s = start[n], e = end[n];
    if (s < 0) s = s < -d ? low : s + d;
    if (e < 0) e = e < -d ? low : e + d;
    s = clamp(s, 0, by[n] > 0 ? d : d - 1);
    e = clamp(e, low, by[n] > 0 ? d : d - 1);
    int64_t size = by[n] > 0 ? e - s + by[n] - 1 : s - e - by[n] - 1;
    size = (by[n] > 0 ? e > s : s > e) ? size / (by[n] > 0 ? by[n] : -by[n]) : 0;
    if (d) base += s * step[a];
    w.dim[a] = size;
    w.step[0][a] = step[a] * by[n];
  }
  return walked(f, x, 0, &w, base, w.rank, w.dim);
}

/* Sizes of the pieces along one axis; false where they are not known or do not add up. */
static bool pieces(struct fold *f, int64_t whole, uint32_t count, const int64_t **out) {
  const struct onnx_tensor *given = fold_input(f, 1);
  int64_t sum = 0;
  if (fold_given(f, 1)) {
    if (!given || array_floats(given->type)) return false;
    if (given->count != count) return false;
    for (uint32_t n = 0; n < count; n++) {
      if (given->i64[n] < 0 || given->i64[n] > whole - sum) return false;
      sum += given->i64[n];
    }
    *out = given->i64;
    return sum == whole;
  }
  int64_t *list = arena_take(f->g->arena, count, sizeof *list), each = count ? (whole + count - 1) / count : 0;
  if (!list) return false;
  for (uint32_t n = 0; n < count; n++, sum += each) list[n] = clamp(whole - sum, 0, each);
  *out = list;
  return count != 0;
}

bool fold_split(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  const int64_t *size;
  int64_t step[ONNX_RANK_MAX], at = 0;
  uint32_t axis;
  if (!x) return false;
  if (!axis_resolve(attribute_int(f->node, "axis", 0), x->rank, &axis) ||
      !pieces(f, x->dim[axis], f->a->outputs_count, &size))
    return false;
  steps_of(x, step);
  for (uint32_t n = 0; n < f->a->outputs_count; n++) {
    struct walk w = {.rank = x->rank};
    for (uint32_t a = 0; a < x->rank; a++) {
      w.dim[a] = a == axis ? size[n] : x->dim[a];
      w.step[0][a] = step[a];
    }
    if (graph_output(f->g, f->a, n) && !walked(f, x, n, &w, at * step[axis], w.rank, w.dim)) return false;
    at += size[n];
  }
  return true;
}

/* Elements in front of an axis, and in and behind it. */
static void around(const struct onnx_tensor *t, uint32_t axis, uint64_t *outer, uint64_t *inner) {
  *outer = *inner = 1;
  for (uint32_t a = 0; a < axis; a++) *outer *= (uint64_t)t->dim[a];
  for (uint32_t a = axis + 1; a < t->rank; a++) *inner *= (uint64_t)t->dim[a];
}

bool fold_concat(struct fold *f) {
  const struct onnx_tensor *first = fold_input(f, 0);
  struct array out;
  int64_t dim[ONNX_RANK_MAX], at = 0;
  uint32_t axis;
  uint64_t outer, inner;
  if (!first) return false;
  for (uint32_t n = 0; n < f->a->inputs_count; n++)
    if (!fold_input(f, n)) return false;
  if (!axis_resolve(attribute_int(f->node, "axis", 0), first->rank, &axis))
    return fold_refuse(f, "an axis that the tensors lack");
  memcpy(dim, first->dim, sizeof dim);
  dim[axis] = 0;
  for (uint32_t n = 0; n < f->a->inputs_count; n++) {
    const struct onnx_tensor *x = fold_input(f, n);
    if (x->rank != first->rank || x->type != first->type) return fold_refuse(f, "tensors of different rank or type");
    for (uint32_t a = 0; a < x->rank; a++)
      if (a != axis && x->dim[a] != first->dim[a]) return fold_refuse(f, "tensors that differ beside the axis");
    if (x->dim[axis] > FOLD_ELEMENTS_MAX) return false;
    dim[axis] += x->dim[axis];
  }
  if (!array_make(f, first->type, first->rank, dim, &out)) return emit_failed(f->g->e);
  uint32_t width = array_width(&out.t);
  around(&out.t, axis, &outer, &inner);
  for (uint32_t n = 0; n < f->a->inputs_count && out.t.count; n++) {
    const struct onnx_tensor *x = fold_input(f, n);
    uint64_t piece = (uint64_t)x->dim[axis] * inner * width;
    for (uint64_t o = 0; o < outer && piece; o++)
      memcpy(array_target(&out) + (o * (uint64_t)dim[axis] + (uint64_t)at) * inner * width, array_bytes(x) + o * piece,
             piece);
    at += x->dim[axis];
  }
  array_give(f, 0, &out);
  return true;
}

bool fold_gather(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0), *index = fold_input(f, 1);
  struct array out;
  int64_t dim[ONNX_RANK_MAX];
  uint32_t axis, rank = 0;
  uint64_t outer, inner;
  if (!x || !index || array_floats(index->type)) return false;
  if (!axis_resolve(attribute_int(f->node, "axis", 0), x->rank, &axis))
    return fold_refuse(f, "an axis that the tensor lacks");
  if (x->rank + index->rank - 1 > ONNX_RANK_MAX) return fold_refuse(f, "a rank above 8");
  for (uint32_t a = 0; a < axis; a++) dim[rank++] = x->dim[a];
  for (uint32_t a = 0; a < index->rank; a++) dim[rank++] = index->dim[a];
  for (uint32_t a = axis + 1; a < x->rank; a++) dim[rank++] = x->dim[a];
  for (uint64_t n = 0; n < index->count; n++)
    if (index->i64[n] < -x->dim[axis] || index->i64[n] >= x->dim[axis]) {
      graph_refuse(f->g, f->a, LOWER_ERR_SHAPE, "index %" PRId64 " of %" PRId64, index->i64[n], x->dim[axis]);
      return true;
    }
  if (!array_make(f, x->type, rank, dim, &out)) return emit_failed(f->g->e);
  around(x, axis, &outer, &inner);
  uint64_t bytes = inner * array_width(x);
  for (uint64_t o = 0, to = 0; o < outer && out.t.count; o++)
    for (uint64_t n = 0; n < index->count; n++, to++) {
      int64_t i = index->i64[n] < 0 ? index->i64[n] + x->dim[axis] : index->i64[n];
      memcpy(array_target(&out) + to * bytes, array_bytes(x) + (o * (uint64_t)x->dim[axis] + (uint64_t)i) * bytes,
             bytes);
    }
  array_give(f, 0, &out);
  return true;
}

/* Each axis is two in the walk: which copy, and where in it. */
bool fold_tile(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0);
  int64_t times[ONNX_RANK_MAX], step[ONNX_RANK_MAX], dim[ONNX_RANK_MAX];
  uint32_t count;
  struct walk w = {0};
  if (!x || !fold_list(f, 1, &count, times)) return false;
  if (count != x->rank) return fold_refuse(f, "repeats and axes are not equally many");
  steps_of(x, step);
  for (uint32_t a = 0; a < x->rank; a++) {
    if (times[a] < 0 || times[a] > INT32_MAX) return fold_refuse(f, "a negative or too large number of repeats");
    if (times[a] && x->dim[a] > INT32_MAX / times[a]) return fold_refuse(f, "a dim of 2^31 and more");
    dim[a] = times[a] * x->dim[a];
    w.dim[w.rank++] = times[a];
    w.dim[w.rank] = x->dim[a];
    w.step[0][w.rank++] = step[a];
  }
  return walked(f, x, 0, &w, 0, x->rank, dim);
}

bool fold_trilu(struct fold *f) {
  const struct onnx_tensor *x = fold_input(f, 0), *shift = fold_input(f, 1);
  bool upper = attribute_int(f->node, "upper", 1) != 0;
  struct array out;
  if (!x || x->rank < 2 || (fold_given(f, 1) && (!shift || shift->count != 1 || array_floats(shift->type))))
    return false;
  int64_t k = shift ? clamp(shift->i64[0], -INT32_MAX, INT32_MAX) : 0;
  if (!array_make(f, x->type, x->rank, x->dim, &out)) return emit_failed(f->g->e);
  int64_t rows = x->dim[x->rank - 2], columns = x->dim[x->rank - 1];
  uint32_t width = array_width(x);
  for (uint64_t n = 0; n < out.t.count; n++) { /* what is not copied stays zero */
    int64_t column = (int64_t)(n % (uint64_t)columns), row = (int64_t)(n / (uint64_t)columns % (uint64_t)rows);
    if (upper ? column >= row + k : column <= row + k)
      memcpy(array_target(&out) + n * width, array_bytes(x) + n * width, width);
  }
  array_give(f, 0, &out);
  return true;
}
