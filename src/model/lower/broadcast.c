/* Numpy broadcasting and its adjoint, and copies into ONNX's order. docs/lower.md 2.9, 4.6. */
#include <string.h>

#include "model/lower/rule.h"

bool broadcast(struct graph *g, const struct application *a, const struct value *x, const struct value *y,
               struct value *out) {
  uint32_t rank = x->rank > y->rank ? x->rank : y->rank, dim[TAPE_RANK_MAX];
  for (uint32_t n = 0; n < rank; n++) {
    uint32_t dx = n + x->rank < rank ? 1 : x->dim[n + x->rank - rank];
    uint32_t dy = n + y->rank < rank ? 1 : y->dim[n + y->rank - rank];
    if (dx != dy && dx != 1 && dy != 1) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "shapes %s and %s do not broadcast", shape_text(x->rank, x->dim).text,
                   shape_text(y->rank, y->dim).text);
      return false;
    }
    dim[n] = dx == 1 ? dy : dx;
  }
  *out = value_shaped(x->dtype, rank, dim, NULL);
  out->type = x->type;
  const struct value *leader = value_same_shape(x, out) ? x : value_same_shape(y, out) ? y : NULL;
  if (leader) memcpy(out->order, leader->order, sizeof out->order);
  return true;
}

bool broadcast_all(struct graph *g, const struct application *a, struct value *const *v, uint32_t count,
                   struct value *out) {
  struct value whole = *v[0];
  for (uint32_t n = 1; n < count; n++) {
    struct value before = whole;
    if (!broadcast(g, a, &before, v[n], &whole)) return false;
  }
  *out = value_shaped(v[0]->dtype, whole.rank, whole.dim, NULL);
  for (uint32_t n = count; n-- > 0;)
    if (value_same_shape(v[n], out)) memcpy(out->order, v[n]->order, sizeof out->order);
  return true;
}

/* Sums along rows are lanes, sums down columns are chains: what memory's last axis does decides. */
uint8_t sum_reducer(const struct value *v, uint32_t mask) {
  for (uint32_t p = v->rank; p-- > 0;)
    if (v->dim[v->order[p]] > 1) return mask >> v->order[p] & 1 ? TAPE_LANES : TAPE_CHAIN;
  return TAPE_CHAIN;
}

static struct value drop_leading(const struct value *v, uint32_t count) {
  struct value w = *v;
  w.rank = (uint8_t)(v->rank - count);
  for (uint32_t p = 0, q = 0; p < v->rank; p++)
    if (v->order[p] >= count) w.order[q++] = (uint8_t)(v->order[p] - count);
  for (uint32_t n = 0; n < w.rank; n++) w.dim[n] = v->dim[n + count];
  return w;
}

struct value unbroadcast(struct graph *g, struct value *v, const struct value *to) {
  uint32_t mask = 0, more = (uint32_t)(v->rank - to->rank);
  if (emit_failed(g->e)) return *v;
  for (uint32_t n = 0; n < v->rank; n++)
    if (v->dim[n] > 1 && (n < more || to->dim[n - more] == 1)) mask |= 1u << n;
  if (!mask && !more) return *v;
  struct value sum = *v;
  if (mask) {
    struct build b;
    build_fold(&b, g->e, sum_reducer(v, mask), TAPE_F32, v, mask);
    sum = build_end(&b, build_use(&b, v));
  } else {
    value_settle(g->e, &sum);
  }
  return drop_leading(&sum, more);
}

struct value without_axes(struct graph *g, struct value *v, uint32_t mask) {
  uint32_t dim[TAPE_RANK_MAX], now[TAPE_RANK_MAX], rank = 0;
  struct value w;
  value_settle(g->e, v);
  if (emit_failed(g->e)) return *v;
  for (uint32_t n = 0; n < v->rank; n++) {
    now[n] = rank;
    if (!(mask >> n & 1)) dim[rank++] = v->dim[n];
  }
  if (value_plain(v)) return value_view(v, rank, dim);
  w = *v;
  w.rank = (uint8_t)rank;
  for (uint32_t p = 0, q = 0; p < v->rank; p++)
    if (!(mask >> v->order[p] & 1)) w.order[q++] = (uint8_t)now[v->order[p]];
  memcpy(w.dim, dim, rank * sizeof *dim);
  return w;
}

struct value straightened(struct graph *g, struct value *v) {
  struct value plain = value_shaped(v->dtype, v->rank, v->dim, NULL);
  struct build b;
  value_settle(g->e, v);
  if (emit_failed(g->e) || value_plain(v)) return *v;
  build_map(&b, g->e, v->dtype, &plain);
  uint8_t x = build_use(&b, v);
  return build_end(&b, x);
}
