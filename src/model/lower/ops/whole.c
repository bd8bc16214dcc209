#include "model/lower/ops/whole.h"

#include "model/lower/ops/formula.h"

uint32_t whole_bits(uint8_t type) { return type == ONNX_UINT8 || type == ONNX_INT8 ? 8 : 32; }

uint8_t whole_wrapped(struct build *b, uint8_t type, uint8_t x) {
  if (type == ONNX_UINT8) return formula_of_x(b, "iand(x, 255)", x);
  if (type == ONNX_INT8) return formula_of_x(b, "shr(shl(x, 24), 24)", x);
  return x;
}
