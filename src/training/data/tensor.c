#include "training/data/tensor.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

uint8_t tensor_dtype(enum tensor_form form) {
  switch (form) {
  case TENSOR_U8: return TAPE_U8;
  case TENSOR_I8:
  case TENSOR_U16:
  case TENSOR_I16:
  case TENSOR_U32:
  case TENSOR_I32:
  case TENSOR_U64:
  case TENSOR_I64: return TAPE_I32;
  case TENSOR_F32:
  case TENSOR_F64:
  case TENSOR_F16:
  case TENSOR_BF16: return TAPE_F32;
  }
  return TAPE_F32;
}

bool tensor_in_place(const struct tensor_source *s) {
  if (s->form == TENSOR_U8) return true;
  return (s->form == TENSOR_I32 || s->form == TENSOR_F32) && !s->big_endian && (uintptr_t)s->at % 4 == 0;
}

static uint16_t load_16(const uint8_t *at, bool big) {
  return (uint16_t)(big ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
}

static uint32_t load_32(const uint8_t *at, bool big) {
  return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
             : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static uint64_t load_64(const uint8_t *at, bool big) {
  uint64_t first = load_32(at, big), second = load_32(at + 4, big);
  return big ? first << 32 | second : second << 32 | first;
}

/* binary16 as binary32: every value is one. */
static uint32_t widened(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return sign | 0x7f800000 | fraction << 13;
  if (exponent) return sign | (exponent + 112) << 23 | fraction << 13;
  float small = (float)fraction * 0x1p-24f;
  uint32_t bits;
  memcpy(&bits, &small, sizeof bits);
  return sign | bits;
}

/* An element of u32, u64 or i64; false where i32 cannot hold it. */
static bool load_wide(const struct tensor_source *s, uint64_t i, int64_t *x) {
  if (s->form == TENSOR_U32) {
    *x = load_32(s->at + 4 * i, s->big_endian);
  } else {
    uint64_t word = load_64(s->at + 8 * i, s->big_endian);
    *x = (int64_t)word;
    if (s->form == TENSOR_U64 && word > INT32_MAX) return false;
  }
  return *x >= INT32_MIN && *x <= INT32_MAX;
}

enum training_status tensor_filled(const struct tensor_source *s, struct why *why) {
  if (s->elements) return TRAINING_OK;
  why_set(why, "the array has a dim of 0; empty arrays cannot be used");
  return TRAINING_ERR_INPUT;
}

enum training_status tensor_convert(const struct tensor_source *s, void *out, struct why *why) {
  uint32_t *words = out;
  switch (s->form) {
  case TENSOR_U8: memcpy(out, s->at, s->elements); break;
  case TENSOR_I8:
    for (uint64_t i = 0; i < s->elements; i++) words[i] = (uint32_t)(int32_t)(int8_t)s->at[i];
    break;
  case TENSOR_I32:
  case TENSOR_F32:
    for (uint64_t i = 0; i < s->elements; i++) words[i] = load_32(s->at + 4 * i, s->big_endian);
    break;
  case TENSOR_U16:
    for (uint64_t i = 0; i < s->elements; i++) words[i] = load_16(s->at + 2 * i, s->big_endian);
    break;
  case TENSOR_I16:
    for (uint64_t i = 0; i < s->elements; i++)
      words[i] = (uint32_t)(int32_t)(int16_t)load_16(s->at + 2 * i, s->big_endian);
    break;
  case TENSOR_U32:
  case TENSOR_U64:
  case TENSOR_I64:
    for (uint64_t i = 0; i < s->elements; i++) {
      int64_t x;
      if (!load_wide(s, i, &x)) {
        if (s->form == TENSOR_U64)
          why_set(why, "element %" PRIu64 " is %" PRIu64 ", beyond what i32 holds", i, (uint64_t)x);
        else
          why_set(why, "element %" PRIu64 " is %" PRId64 ", beyond what i32 holds", i, x);
        return TRAINING_ERR_INPUT;
      }
      words[i] = (uint32_t)(int32_t)x;
    }
    break;
  case TENSOR_F16:
    for (uint64_t i = 0; i < s->elements; i++) words[i] = widened(load_16(s->at + 2 * i, s->big_endian));
    break;
  case TENSOR_BF16: /* the upper half of a binary32 */
    for (uint64_t i = 0; i < s->elements; i++) words[i] = (uint32_t)load_16(s->at + 2 * i, s->big_endian) << 16;
    break;
  case TENSOR_F64:
    for (uint64_t i = 0; i < s->elements; i++) {
      uint64_t bits = load_64(s->at + 8 * i, s->big_endian);
      double x;
      memcpy(&x, &bits, sizeof x);
      float y = (float)x;
      memcpy(words + i, &y, sizeof y);
    }
    break;
  }
  return TRAINING_OK;
}

enum training_status tensor_finite(const float *x, uint32_t rank, const uint32_t *dim, struct why *why) {
  uint64_t elements = 1;
  for (uint32_t d = 0; d < rank; d++) elements *= dim[d];
  for (uint64_t i = 0; i < elements; i++) {
    if (isfinite(x[i])) continue;
    uint64_t index[TENSOR_RANK_MAX], rest = i;
    char text[160] = "[";
    int n = 1;
    for (uint32_t d = rank; d-- > 0; rest /= dim[d]) index[d] = rest % dim[d];
    for (uint32_t d = 0; d < rank; d++)
      n += snprintf(text + n, sizeof text - (size_t)n, d ? ", %" PRIu64 : "%" PRIu64, index[d]);
    why_set(why, "element %s] is %s; training on it would only diverge: replace or drop that sample", text,
            isnan(x[i]) ? "NaN" : "infinite");
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}
