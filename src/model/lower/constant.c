#include "model/lower/constant.h"

#include <inttypes.h>
#include <string.h>

enum { CONSTANT_LEAVES_MAX = 1 << 18 }; /* views of one folded tensor have a window each, so files do not bound them */

/* Dims of content as a value's; false where a value has none such. */
static bool dims_of(const struct onnx_tensor *t, uint32_t dim[TAPE_RANK_MAX]) {
  if (t->rank > TAPE_RANK_MAX || !t->count || t->count > UINT32_MAX) return false;
  for (uint32_t a = 0; a < t->rank; a++) {
    if (t->dim[a] < 1 || t->dim[a] > INT32_MAX) return false;
    dim[a] = (uint32_t)t->dim[a];
  }
  return true;
}

static bool narrow(int64_t x) { return x >= INT32_MIN && x <= INT32_MAX; }

static struct value number_of(const struct onnx_tensor *t) {
  if (t->f32) return value_f32(t->f32[0]);
  if (t->f64) return value_f32((float)t->f64[0]);
  return value_i32((int32_t)t->i64[0]);
}

static bool uniform(const struct onnx_tensor *t) {
  const uint8_t *at = t->f32 ? (const uint8_t *)t->f32 : t->f64 ? (const uint8_t *)t->f64 : (const uint8_t *)t->i64;
  size_t width = t->f32 ? 4 : 8;
  for (uint64_t n = 1; n < t->count; n++)
    if (memcmp(at, at + n * width, width) != 0) return false;
  return true;
}

/* Content of one element, or of equal ones, as a literal of content's shape. */
static bool literal_of(const struct onnx_tensor *t, struct value *v) {
  uint32_t dim[TAPE_RANK_MAX];
  if (!(t->f32 || t->f64 || t->i64) || !dims_of(t, dim) || !uniform(t)) return false;
  struct value number = number_of(t);
  *v = value_shaped(number.dtype, t->rank, dim, NULL);
  v->literal = true;
  v->word = number.word;
  v->type = t->f64 ? ONNX_FLOAT : (uint8_t)t->type;
  return true;
}

bool constant_number(const struct onnx_tensor *content, struct value *v) {
  return !content->i64 && literal_of(content, v);
}

static bool no_memory(struct graph *g) {
  emit_fail(g->e, LOWER_ERR_MEMORY, "constants need more memory than lowering was given");
  return false;
}

/* The window of content, a new one behind all others if it has none. */
static bool window_of(struct graph *g, const struct onnx_tensor *content, uint64_t *window) {
  for (uint32_t n = 0; n < g->constants_count; n++)
    if (g->constant[n].content == content) {
      *window = g->constant[n].window;
      return true;
    }
  if (g->constant_leaves + tape_leaves(TAPE_F32, content->count) > CONSTANT_LEAVES_MAX) {
    emit_fail(g->e, LOWER_ERR_UNSUPPORTED,
              "constants that do not train take more than 1 GiB up to here: use fewer, or smaller ones");
    return false;
  }
  if (g->constants_count == g->constants_room) {
    uint32_t room = g->constants_room ? 2 * g->constants_room : 16;
    struct constant *more = arena_take(g->arena, room, sizeof *more);
    if (!more) return no_memory(g);
    if (g->constants_count) memcpy(more, g->constant, g->constants_count * sizeof *more);
    g->constant = more;
    g->constants_room = room;
  }
  *window = g->initial_leaves;
  g->constant[g->constants_count++] = (struct constant){content, *window};
  g->initial_leaves += tape_leaves(TAPE_F32, content->count);
  g->constant_leaves += tape_leaves(TAPE_F32, content->count);
  return true;
}

bool graph_constant(struct graph *g, const struct onnx_tensor *content, struct value *v) {
  uint32_t dim[TAPE_RANK_MAX];
  uint64_t window;
  if (emit_failed(g->e)) return false;
  if (!dims_of(content, dim) || !(content->f32 || content->f64 || content->i64)) {
    emit_fail(g->e, LOWER_ERR_SHAPE, "reads a constant of rank %" PRIu32 " with %" PRIu64 " elements", content->rank,
              content->count);
    return false;
  }
  for (uint64_t n = 0; content->i64 && n < content->count; n++)
    if (!narrow(content->i64[n])) {
      emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "reads the constant %" PRId64 ", and whole numbers here have 32 bits",
                content->i64[n]);
      return false;
    }
  if (literal_of(content, v)) return true;
  if (!window_of(g, content, &window)) return false;
  *v = value_shaped(content->i64 ? TAPE_I32 : TAPE_F32, content->rank, dim, NULL);
  v->type = content->f64 ? ONNX_FLOAT : (uint8_t)content->type;
  v->space = TAPE_DATA;
  v->data_number = g->initial;
  v->first_leaf = window;
  return true;
}

void constant_pack(const struct graph *g, uint8_t *out) {
  for (uint32_t n = 0; n < g->constants_count; n++) {
    const struct onnx_tensor *t = g->constant[n].content;
    uint8_t *at = out + g->constant[n].window * TAPE_LEAF_BYTES;
    for (uint64_t i = 0; i < t->count; i++) {
      float x = t->f32 ? t->f32[i] : t->f64 ? (float)t->f64[i] : 0;
      uint32_t word;
      memcpy(&word, &x, sizeof word);
      if (t->i64) word = (uint32_t)t->i64[i];
      for (int byte = 0; byte < 4; byte++) at[4 * i + (uint64_t)byte] = (uint8_t)(word >> (8 * byte));
    }
  }
}
