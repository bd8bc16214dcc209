#include "model/lower/ops/whole.h"

#include "model/lower/ops/formula.h"

uint32_t whole_bits(uint8_t type) { return type == ONNX_UINT8 || type == ONNX_INT8 ? 8 : 32; }

uint8_t whole_wrapped(struct build *b, uint8_t type, uint8_t x) {
  if (type == ONNX_UINT8) return formula_of_x(b, "iand(x, 255)", x);
  if (type == ONNX_INT8) return formula_of_x(b, "shr(shl(x, 24), 24)", x);
  return x;
}

uint8_t whole_as_float(struct build *b, const struct value *v, uint8_t x) {
  return v->dtype == TAPE_F32 ? x : build_op1(b, CANON_ITOF, x);
}

bool whole_alike(struct graph *g, const struct application *a, struct value *const *v, uint32_t count) {
  for (uint32_t n = 1; n < count; n++)
    if ((v[n]->dtype == TAPE_F32) != (v[0]->dtype == TAPE_F32)) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "mixes floats and whole numbers: inputs 0 and %u have one type in ONNX",
                   n);
      return false;
    }
  return true;
}
