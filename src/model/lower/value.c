/* Values and index maps: dims in ONNX's order over memory in ours. docs/lower.md 2.1 to 2.4. */
#include <assert.h>
#include <string.h>

#include "model/lower/emit.h"

struct value value_shaped(uint8_t dtype, uint32_t rank, const uint32_t *dim, const uint8_t *order) {
  struct value v = {.dtype = dtype, .type = dtype == TAPE_F32 ? ONNX_FLOAT : ONNX_INT64, .rank = (uint8_t)rank};
  assert(rank <= TAPE_RANK_MAX);
  for (uint32_t a = 0; a < rank; a++) {
    v.dim[a] = dim[a];
    v.order[a] = order ? order[a] : (uint8_t)a;
  }
  return v;
}

struct value value_literal(uint32_t word) {
  return (struct value){.dtype = TAPE_F32, .type = ONNX_FLOAT, .literal = true, .word = word};
}

struct value value_f32(float x) {
  uint32_t word;
  memcpy(&word, &x, sizeof word);
  return value_literal((word & 0x7fffffff) > 0x7f800000 ? CANON_NAN : word);
}

struct value value_i32(int32_t x) {
  return (struct value){.dtype = TAPE_I32, .type = ONNX_INT64, .literal = true, .word = (uint32_t)x};
}

struct value value_entry(const struct layout_entry *entry) {
  struct value v = value_shaped(entry->dtype, entry->rank, entry->dim, NULL);
  v.space = TAPE_IN;
  v.first_leaf = entry->first_leaf;
  return v;
}

uint64_t value_elements(const struct value *v) {
  uint64_t n = 1;
  for (uint32_t a = 0; a < v->rank; a++) n *= v->dim[a];
  return n;
}

bool value_plain(const struct value *v) {
  int last = -1;
  for (uint32_t p = 0; p < v->rank; p++) {
    uint8_t a = v->order[p];
    if (v->dim[a] == 1) continue;
    if (a < last) return false;
    last = a;
  }
  return true;
}

bool value_same_shape(const struct value *a, const struct value *b) {
  if (a->rank != b->rank) return false;
  for (uint32_t d = 0; d < a->rank; d++)
    if (a->dim[d] != b->dim[d]) return false;
  return true;
}

struct value value_view(const struct value *v, uint32_t rank, const uint32_t *dim) {
  assert(value_plain(v) && !v->pending);
  struct value w = *v;
  w.rank = (uint8_t)rank;
  for (uint32_t a = 0; a < rank; a++) {
    w.dim[a] = dim[a];
    w.order[a] = (uint8_t)a;
  }
  return w;
}

struct value value_split(const struct value *v, uint32_t axis, uint32_t outer) {
  struct value w = *v;
  assert(!v->pending && v->rank < TAPE_RANK_MAX && v->dim[axis] % outer == 0);
  w.rank++;
  for (uint32_t a = w.rank - 1; a > axis + 1; a--) w.dim[a] = v->dim[a - 1];
  w.dim[axis] = outer;
  w.dim[axis + 1] = v->dim[axis] / outer;
  for (uint32_t p = 0, q = 0; p < v->rank; p++) {
    uint8_t a = v->order[p];
    w.order[q++] = a > axis ? a + 1 : a;
    if (a == axis) w.order[q++] = (uint8_t)(axis + 1);
  }
  return w;
}

struct value value_merge(const struct value *v, uint32_t axis) {
  struct value w = *v;
  w.rank--;
  w.dim[axis] = v->dim[axis] * v->dim[axis + 1];
  for (uint32_t a = axis + 1; a < w.rank; a++) w.dim[a] = v->dim[a + 1];
  for (uint32_t p = 0, q = 0; p < v->rank; p++) {
    uint8_t a = v->order[p];
    if (a == axis + 1) continue;
    assert(a != axis || v->order[p + 1] == axis + 1);
    w.order[q++] = a > axis ? a - 1 : a;
  }
  return w;
}

const uint8_t *value_channels_last(uint32_t rank) {
  static const uint8_t order[][TAPE_RANK_MAX] = {
      [3] = {0, 2, 1}, [4] = {0, 2, 3, 1}, [5] = {0, 2, 3, 4, 1}, [6] = {0, 2, 3, 4, 5, 1}};
  return rank < 3 ? NULL : order[rank];
}

struct index index_fixed(int32_t offset) {
  return (struct index){.offset = offset, .div = 1, .indirect = TAPE_INDIRECT_NONE};
}

struct index index_dim(uint8_t dim) {
  return index_add(index_fixed(0), dim, 1);
}

struct index index_add(struct index i, uint8_t dim, int32_t coef) {
  if (!coef) return i;
  assert(i.terms < TAPE_TERMS_MAX);
  uint8_t t = i.terms++;
  for (; t && i.term[t - 1].dim > dim; t--) i.term[t] = i.term[t - 1];
  assert(!t || i.term[t - 1].dim != dim);
  i.term[t] = (struct tape_term){.dim = dim, .coef = coef};
  return i;
}

struct index index_div(struct index i, uint32_t div, uint8_t mode) {
  assert(div >= 1 && div <= UINT16_MAX);
  if (div == 1) return i;
  i.div = (uint16_t)div;
  i.mode = mode;
  return i;
}

struct index index_indirect(uint8_t slot) {
  struct index i = index_fixed(0);
  i.indirect = slot;
  return i;
}
