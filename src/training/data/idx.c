#include "base/bytes.h"
#include "base/checked.h"
#include "training/data/tensor.h"
#include <inttypes.h>

static uint32_t take_u32_big(struct reader *r) {
  uint32_t x = take_u32(r);
  return x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24;
}

/* Returns the bytes of one element of an IDX type code, 0 if this version does not read it. */
static uint32_t idx_form(uint8_t code, enum tensor_form *form) {
  switch (code) {
  case 0x08: *form = TENSOR_U8; return 1;
  case 0x09: *form = TENSOR_I8; return 1;
  case 0x0c: *form = TENSOR_I32; return 4;
  case 0x0d: *form = TENSOR_F32; return 4;
  case 0x0e: *form = TENSOR_F64; return 8;
  default: return 0;
  }
}

/* The head alone: fills all of out but `at`, and how many bytes the elements take. */
static enum training_status idx_head(struct reader *r, struct tensor_source *out, uint64_t *bytes, struct why *why) {
  struct tensor_source s = {.big_endian = true, .elements = 1};
  uint32_t zeros = take_u16(r);
  uint8_t code = take_u8(r), rank = take_u8(r);
  if (r->short_of || zeros != 0) {
    why_set(why, "not an IDX file: it does not begin with two zero bytes, a type and a rank");
    return TRAINING_ERR_INPUT;
  }
  uint32_t width = idx_form(code, &s.form);
  if (width == 0) {
    why_set(why, "IDX element type %02x is not read here; u8 (08), i8 (09), i32 (0c), f32 (0d) and f64 (0e) are", code);
    return TRAINING_ERR_INPUT;
  }
  if (rank == 0 || rank > TENSOR_RANK_MAX) {
    why_set(why, "IDX rank %u; 1 to %d dims are read here", rank, TENSOR_RANK_MAX);
    return TRAINING_ERR_INPUT;
  }
  s.rank = rank;
  for (uint32_t d = 0; d < rank; d++) {
    s.dim[d] = take_u32_big(r);
    if (r->short_of || s.dim[d] == 0 || s.dim[d] > INT32_MAX || !checked_mul_u64(s.elements, s.dim[d], &s.elements)) {
      why_set(why, "IDX head: dim %" PRIu32 " is %s", d,
              r->short_of     ? "cut off"
              : s.dim[d] == 0 ? "0; empty data sets cannot be trained on"
                              : "absurdly large");
      return TRAINING_ERR_INPUT;
    }
  }
  if (s.elements > UINT32_MAX) {
    why_set(why, "IDX head announces %" PRIu64 " elements; a data tensor has fewer than 2^32", s.elements);
    return TRAINING_ERR_INPUT;
  }
  *bytes = s.elements * width;
  *out = s;
  return TRAINING_OK;
}

enum training_status idx_parse(const uint8_t *bytes, size_t length, struct tensor_source *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  struct tensor_source s;
  uint64_t needed;
  enum training_status status = idx_head(&r, &s, &needed, why);
  if (status != TRAINING_OK) return status;
  if (bytes_left(&r) != needed) {
    why_set(why, "IDX head announces %" PRIu64 " bytes of elements, the file has %zu: it is %s", needed, bytes_left(&r),
            bytes_left(&r) < needed ? "cut short" : "longer than it says");
    return TRAINING_ERR_INPUT;
  }
  s.at = r.at;
  *out = s;
  return TRAINING_OK;
}

uint64_t idx_expect(const uint8_t *head, size_t length) {
  struct reader r = reader_over(head, length);
  struct tensor_source s;
  uint64_t needed;
  if (idx_head(&r, &s, &needed, NULL) != TRAINING_OK) return 0;
  return (uint64_t)(r.at - head) + needed;
}
