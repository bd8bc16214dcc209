#include "cli/infer_array.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 1 << 16, HEAD_MAX = 512 }; /* integers at hand while lowering: shapes and axes, not data */

/* "[2, any, 4]" */
static void dims_text(char *text, size_t text_max, uint32_t rank, const int64_t *dim) {
  size_t at = (size_t)snprintf(text, text_max, "[");
  for (uint32_t d = 0; d < rank && at < text_max; d++) {
    at += (size_t)snprintf(text + at, text_max - at, "%s", d ? ", " : "");
    if (at >= text_max) break;
    at += (size_t)(dim[d] < 0 ? snprintf(text + at, text_max - at, "any")
                              : snprintf(text + at, text_max - at, "%" PRId64, dim[d]));
  }
  if (at < text_max) snprintf(text + at, text_max - at, "]");
}

static bool dims_fit(const struct data_part *p, const struct onnx_value *input, struct why *why) {
  bool fits = p->rank == input->rank && p->rank <= TAPE_RANK_MAX;
  for (uint32_t d = 0; fits && d < p->rank; d++) fits = input->dim[d] < 0 || input->dim[d] == p->dim[d];
  if (fits) return true;
  char want[160], have[160];
  int64_t dim[TENSOR_RANK_MAX];
  for (uint32_t d = 0; d < p->rank; d++) dim[d] = p->dim[d];
  dims_text(want, sizeof want, input->rank, input->dim);
  dims_text(have, sizeof have, p->rank, dim);
  why_set(why, "%s: input '%s' takes %s and the array is %s%s", p->path, input->name, want, have,
          p->rank > TAPE_RANK_MAX && p->rank == input->rank ? "; 6 dims are the most" : "");
  return false;
}

/* Every element within the range of the input's type. */
static bool values_fit(const struct data_part *p, const struct onnx_value *input, const int32_t *x, uint64_t count,
                       struct why *why) {
  int64_t least, most;
  if (!onnx_type_range((int32_t)input->type, &least, &most)) return true;
  for (uint64_t i = 0; i < count; i++)
    if (x[i] < least || x[i] > most) {
      why_set(why, "%s: element %" PRIu64 " is %" PRId32 ", and input '%s' takes %s", p->path, i, x[i], input->name,
              onnx_type_name((int32_t)input->type));
      return false;
    }
  return true;
}

/* The input's bytes as lowering looks at them. Without memory, or too many to be a shape, there are none. */
static const struct onnx_tensor *content_of(const struct onnx_value *input, const struct data_part *p,
                                            const void *words, uint64_t count, struct arena *arena) {
  struct onnx_tensor *t = count <= CONTENT_MAX ? arena_take(arena, 1, sizeof *t) : NULL;
  if (!t) return NULL;
  *t = (struct onnx_tensor){.name = input->name, .type = input->type, .rank = p->rank, .count = count};
  for (uint32_t d = 0; d < p->rank; d++) t->dim[d] = p->dim[d];
  if (p->dtype == TAPE_F32) {
    t->f32 = words;
    return t;
  }
  int64_t *wide = arena_take(arena, count, sizeof *wide);
  for (uint64_t i = 0; wide && i < count; i++) wide[i] = ((const int32_t *)words)[i];
  t->i64 = wide;
  return wide ? t : NULL;
}

enum outcome infer_array_take(const struct data_part *p, const struct onnx_value *input, struct arena *arena,
                              struct infer_shape *shape, const void **words, struct why *why) {
  uint64_t count = p->bytes / tape_dtype_bytes(p->dtype);
  bool wants_float = input->type == ONNX_FLOAT || input->type == ONNX_DOUBLE;
  if (!dims_fit(p, input, why)) return OUTCOME_INPUT;
  if (wants_float != (p->dtype == TAPE_F32)) {
    why_set(why, "%s: input '%s' takes %s; in NumPy: x.astype(np.%s)", p->path, input->name,
            wants_float ? "floats" : "whole numbers or truth values", wants_float ? "float32" : "int32");
    return OUTCOME_INPUT;
  }
  *words = p->at;
  if (p->dtype == TAPE_U8) {
    int32_t *wide = arena_take(arena, count, sizeof *wide);
    if (!wide) return why_set(why, "%s: no memory for %" PRIu64 " integers", p->path, count), OUTCOME_ENVIRONMENT;
    for (uint64_t n = 0; n < count; n++) wide[n] = ((const uint8_t *)p->at)[n];
    *words = wide;
  }
  if (!wants_float && !values_fit(p, input, *words, count, why)) return OUTCOME_INPUT;
  *shape = (struct infer_shape){.dtype = p->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32, .rank = p->rank};
  memcpy(shape->dim, p->dim, p->rank * sizeof *p->dim);
  shape->content = content_of(input, p, *words, count, arena);
  return OUTCOME_DONE;
}

/* NumPy's name of an ONNX type. */
static const char *descr_of(enum onnx_type type) {
  switch (type) {
  case ONNX_BOOL: return "|b1";
  case ONNX_UINT8: return "|u1";
  case ONNX_INT8: return "|i1";
  case ONNX_UINT16: return "<u2";
  case ONNX_INT16: return "<i2";
  case ONNX_UINT32: return "<u4";
  case ONNX_INT32: return "<i4";
  case ONNX_UINT64: return "<u8";
  case ONNX_INT64: return "<i8";
  case ONNX_FLOAT:
  case ONNX_DOUBLE: break;
  }
  return "<f4";
}

enum outcome infer_array_save(const char *path, const struct infer_output *output, uint8_t dtype, const void *at,
                              struct why *why) {
  const char *descr = descr_of(output->type);
  uint64_t count = 1, width = (uint64_t)(descr[2] - '0');
  int64_t least = INT64_MIN, most = INT64_MAX;
  for (uint32_t d = 0; d < output->rank; d++) count *= output->dim[d];
  onnx_type_range((int32_t)output->type, &least, &most);
  uint8_t *whole = malloc(count * width + HEAD_MAX);
  size_t head = whole ? npy_header_of(descr, output->rank, output->dim, whole, HEAD_MAX) : 0;
  enum outcome outcome = OUTCOME_DONE;
  if (!head) why_set(why, "%s: not enough memory to write it", path), outcome = OUTCOME_ENVIRONMENT;
  if (head && dtype == TAPE_F32) memcpy(whole + head, at, count * width);
  for (uint64_t i = 0; head && dtype != TAPE_F32 && i < count; i++) {
    int64_t x = dtype == TAPE_U8 ? ((const uint8_t *)at)[i] : ((const int32_t *)at)[i];
    memcpy(whole + head + i * width, &x, width); /* little endian: the first bytes are the number in that width */
    if (x >= least && x <= most) continue;
    why_set(why, "%s: element %" PRIu64 " is %" PRId64 ", which is no %s", path, i, x,
            onnx_type_name((int32_t)output->type));
    outcome = OUTCOME_INPUT;
    break;
  }
  if (outcome == OUTCOME_DONE) outcome = (enum outcome)file_replace(path, whole, head + count * width, why);
  free(whole);
  return outcome;
}
