/* Gradient norm and clipping by it (torch.nn.utils.clip_grad_norm_). docs/lower.md 7.4. */
#include "model/optimizer/optimizer.h"

struct value gradient_norm(struct emit *e, struct value **gradient, uint32_t count) {
  struct value none = value_f32(0);
  struct value *square = arena_take(e->arena, count, sizeof *square), **each;
  each = arena_take(e->arena, count, sizeof *each);
  if (!square || !each) {
    emit_fail(e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
    return none;
  }
  for (uint32_t n = 0; n < count; n++) value_settle(e, gradient[n]);
  for (uint32_t n = 0; n < count; n++) {
    square[n] = emit_sum_of_squares(e, gradient[n]);
    each[n] = &square[n];
  }
  struct value sum = emit_add(e, each, count);
  value_settle(e, &sum);
  return sum;
}

struct value clip_factor(struct emit *e, float limit, struct value *norm) {
  struct build b;
  build_map(&b, e, TAPE_F32, norm);
  uint8_t n = build_use(&b, norm);
  uint8_t most = build_f32(&b, limit);
  uint8_t little = build_f32(&b, 1e-6f);
  uint8_t one = build_f32(&b, 1);
  n = build_op1(&b, CANON_SQRT, n);
  uint8_t over = build_op2(&b, CANON_FLT, most, n);
  n = build_op2(&b, CANON_ADD, n, little);
  n = build_op2(&b, CANON_DIV, most, n);
  return build_end(&b, build_op(&b, CANON_SEL, over, n, one));
}
