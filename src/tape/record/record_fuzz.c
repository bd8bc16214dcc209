/* Whatever decodes has one encoding, and its elements read inside their operands. */
#include <assert.h>
#include <string.h>

#include "numeric/soft/soft.h"
#include "tape/element/element.h"

enum { WORK_MAX = 1 << 12 }; /* a fuzzer's patience with one input */

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  const struct tape_record *r = context;
  uint64_t elements = 1;
  assert(o < r->operands);
  for (uint8_t a = 0; a < r->operand[o].axes; a++) elements *= r->operand[o].axis[a].extent;
  assert(index < elements);
  return r->operand[o].dtype == TAPE_F32 ? 0x3f800000 : (uint32_t)index % 200;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct tape_record r;
  uint8_t again[TAPE_RECORD_BYTES_MAX];
  if (record_decode(data, length, &r, NULL) != RECORD_OK) return 0;
  assert(record_encode(&r, again, sizeof again) == length && memcmp(data, again, length) == 0);
  assert(record_bytes(&r) == length && record_check(&r, NULL) == RECORD_OK);
  uint64_t work = (uint64_t)record_k(&r) * (record_body_cost(&r) + 1), last = record_elements(&r) - 1;
  if (work > WORK_MAX) return 0;
  struct element_world w = {.apply = soft_apply, .load = load, .context = &r, .step = 1, .seed = 2};
  element_value(&r, &w, 0);
  element_value(&r, &w, last / 2);
  assert(r.dtype != TAPE_U8 || element_value(&r, &w, last) < 256);
  return 0;
}
