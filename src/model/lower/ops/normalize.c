#include "model/lower/ops/normalize.h"

#include <inttypes.h>

struct value normalize_rows(const struct value *x, uint32_t mask) {
  uint32_t dim[TAPE_RANK_MAX];
  for (uint32_t n = 0; n < x->rank; n++) dim[n] = mask >> n & 1 ? 1 : x->dim[n];
  return value_shaped(TAPE_F32, x->rank, dim, x->order);
}

uint64_t normalize_count(const struct value *x, uint32_t mask) {
  uint64_t count = 1;
  for (uint32_t n = 0; n < x->rank; n++)
    if (mask >> n & 1) count *= x->dim[n];
  return count;
}

struct value normalize_dot(struct graph *g, struct value *x, struct value *y, uint32_t mask) {
  struct build b;
  if (emit_failed(g->e)) return *x;
  if (normalize_count(x, mask) == 1) {
    build_map(&b, g->e, TAPE_F32, x);
    uint8_t p = build_use(&b, x);
    uint8_t q = build_use(&b, y);
    return build_pending(&b, build_op2(&b, CANON_MUL, p, q));
  }
  value_settle(g->e, x);
  value_settle(g->e, y);
  build_fold(&b, g->e, TAPE_CHAIN, TAPE_F32, x, mask);
  b.r.op = TAPE_DOT;
  build_use(&b, x);
  build_use(&b, y);
  return build_end(&b, 0);
}

bool normalize_channels(struct graph *g, const struct application *a, uint32_t n, uint32_t channels, uint32_t rank,
                        struct value *out) {
  struct value *v = float_value(g, a, n);
  uint32_t dim[TAPE_RANK_MAX] = {channels, 1, 1, 1, 1, 1};
  if (!v) return false;
  if (v->rank != 1 || v->dim[0] != channels) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "input %" PRIu32 " is %s for %" PRIu32 " channels", n,
                 shape_text(v->rank, v->dim).text, channels);
    return false;
  }
  value_settle(g->e, v);
  if (emit_failed(g->e)) return false;
  *out = value_view(v, rank - 1, dim);
  return true;
}

struct value *normalize_input(struct graph *g, const struct application *a, uint32_t n) {
  struct value *x = float_value(g, a, n);
  if (!x) return NULL;
  value_settle(g->e, x);
  if (emit_failed(g->e)) return NULL;
  if (!x->literal) return x;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "normalises a constant of one element");
  return NULL;
}
