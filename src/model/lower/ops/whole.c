#include "model/lower/ops/whole.h"

#include "model/lower/ops/formula.h"

bool whole_type(int64_t type) {
  int64_t least, most;
  return type >= 0 && type <= UINT8_MAX && onnx_type_range((int32_t)type, &least, &most);
}

bool whole_signed(int64_t type) {
  int64_t least, most;
  return whole_type(type) && onnx_type_range((int32_t)type, &least, &most) && least < 0;
}

uint32_t whole_bits(int64_t type) {
  switch (type) {
  case ONNX_INT8:
  case ONNX_UINT8: return 8;
  case ONNX_INT16:
  case ONNX_UINT16: return 16;
  }
  return 32;
}

uint8_t whole_wrapped(struct build *b, uint8_t type, uint8_t x) {
  switch (type) {
  case ONNX_UINT8: return formula_of_x(b, "iand(x, 255)", x);
  case ONNX_UINT16: return formula_of_x(b, "iand(x, 65535)", x);
  case ONNX_INT8: return formula_of_x(b, "shr(shl(x, 24), 24)", x);
  case ONNX_INT16: return formula_of_x(b, "shr(shl(x, 16), 16)", x);
  }
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

void whole_lower_xy(struct graph *g, struct application *a, const char *floats, const char *whole) {
  struct value *v[2], shape;
  struct build b;
  if (!input_values(g, a, v, 2) || !whole_alike(g, a, v, 2) || !broadcast_all(g, a, v, 2, &shape)) return;
  bool real = v[0]->dtype == TAPE_F32;
  build_map(&b, g->e, real ? TAPE_F32 : TAPE_I32, &shape);
  b.v.type = v[0]->type;
  uint8_t x = build_use(&b, v[0]);
  uint8_t y = build_use(&b, v[1]);
  uint8_t out = formula_of_xy(&b, real ? floats : whole, x, y);
  graph_result(g, a, build_pending(&b, real ? out : whole_wrapped(&b, b.v.type, out)));
}
