/* Attention backward. docs/lower.md 4.51. */
#include <inttypes.h>

#include "model/lower/ops/attention.h"

/* The gradient of K or V, or of what stood in front of them: places from .. of the joined one. */
static struct value part_of(struct attention *t, struct value *d, uint32_t from, uint32_t count) {
  struct value shape = *d;
  struct build b;
  shape = value_shaped(TAPE_F32, 4, (uint32_t[]){d->dim[0], d->dim[1], count, d->dim[3]}, d->order);
  build_map(&b, t->g->e, TAPE_F32, &shape);
  struct index at[] = {arrange_along(d->dim[0], b.at[0]), arrange_along(d->dim[1], b.at[1]),
                       index_add(index_fixed((int32_t)from), b.at[2], count > 1), arrange_along(d->dim[3], b.at[3])};
  uint8_t x = build_read(&b, d, at, 0);
  return build_end(&b, x);
}

static void to_keys(struct attention *t, struct value *d, uint32_t now, uint32_t past) {
  if (!t->past) {
    graph_gradient(t->g, t->a, now, attention_k_whole(t, d));
    return;
  }
  struct value part;
  if (graph_wants(t->g, t->a, past)) {
    part = part_of(t, d, 0, t->past);
    graph_gradient(t->g, t->a, past, part);
  }
  if (!graph_wants(t->g, t->a, now)) return;
  part = part_of(t, d, t->past, t->keys - t->past);
  if (t->flat) { /* lies [batch, groups, keys, size], and is to be [batch, keys, groups, size] */
    struct value turned = arrange_renamed(&part, (const uint8_t[]){0, 2, 1, 3});
    part = straightened(t->g, &turned);
    if (emit_failed(t->g->e)) return;
    part = value_merge(&part, 2);
  }
  graph_gradient(t->g, t->a, now, part);
}

/* Sum over rows and heads of a group of s[row, key] x[row, ..]: gradients of K and V, as they lie. */
static struct value over_rows(struct attention *t, struct value *s, struct value *x, const struct value *like) {
  const uint32_t k[] = {t->per, t->rows};
  struct value to = value_shaped(TAPE_F32, 4, like->dim, like->order);
  uint8_t at[TAPE_RANK_MAX];
  struct build b;
  arrange_dot(&b, t->g->e, &to, 2, k, at);
  build_read(&b, s,
             (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]), arrange_along(t->per, 4),
                              arrange_along(t->rows, 5), arrange_along(t->keys, at[2])},
             0);
  build_read(&b, x,
             (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]), arrange_along(t->per, 4),
                              arrange_along(t->rows, 5), arrange_along(like->dim[3], at[3])},
             0);
  return build_end(&b, 0);
}

/* Softmax backward; with a mask that wants a gradient, that one on the way. Result: of the products q k. */
static struct value of_products(struct attention *t, struct value *dw) {
  struct graph *g = t->g;
  struct build b;
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, dw, 1u << 4);
  uint8_t d = build_use(&b, dw), y = build_use(&b, &t->y);
  struct value sum = build_end(&b, build_op2(&b, CANON_MUL, d, y)), ds;
  build_map(&b, g->e, TAPE_F32, dw);
  d = build_use(&b, dw);
  y = build_use(&b, &t->y);
  uint8_t less = build_use(&b, &sum);
  d = build_op2(&b, CANON_SUB, d, less);
  d = build_op2(&b, CANON_MUL, y, d);
  if (graph_wants(g, t->a, IN_MASK)) {
    ds = build_end(&b, d);
    struct value *mask = &graph_input(g, t->a, IN_MASK)->v, whole = value_merge(&ds, 1);
    if (mask->dim[mask->rank - 1] != t->keys) {
      graph_refuse(g, t->a, LOWER_ERR_UNSUPPORTED, "the mask trains and is shorter than the keys");
      return ds;
    }
    graph_gradient(g, t->a, IN_MASK, unbroadcast(g, &whole, mask));
    build_map(&b, g->e, TAPE_F32, dw);
    d = build_use(&b, &ds);
  }
  if (t->cap > 0) {
    uint8_t s = attention_scaled(t, &b, build_use(&b, &t->p)), c = attention_bent(t, &b, s), one = build_f32(&b, 1);
    c = build_op2(&b, CANON_MUL, c, c);
    c = build_op2(&b, CANON_SUB, one, c);
    d = build_op2(&b, CANON_MUL, d, c);
  }
  return build_end(&b, attention_scaled(t, &b, d));
}

void attention_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct attention *t = a->notes;
  for (uint32_t n = 1; n < a->outputs_count; n++)
    if (!dy[n].literal || dy[n].word) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "output %" PRIu32 " reaches the loss; only output 0 has a gradient", n);
      return;
    }
  if (dy[0].literal) {
    struct build b;
    build_map(&b, g->e, TAPE_F32, &graph_output(g, a, 0)->v);
    dy[0] = build_end(&b, build_word(&b, dy[0].word));
  }
  value_settle(g->e, &dy[0]);
  if (emit_failed(g->e)) return;
  struct value d = attention_q_heads(t, &dy[0]), part;
  if (graph_wants(g, a, IN_V) || graph_wants(g, a, IN_PAST_V)) {
    part = over_rows(t, &t->y, &d, &t->v);
    to_keys(t, &part, IN_V, IN_PAST_V);
  }
  bool of_k = graph_wants(g, a, IN_K) || graph_wants(g, a, IN_PAST_K);
  if (emit_failed(g->e) || (!graph_wants(g, a, IN_Q) && !of_k && !graph_wants(g, a, IN_MASK))) return;
  struct value dw = attention_products(t, &d, &t->v), ds = of_products(t, &dw);
  if (emit_failed(g->e)) return;
  if (graph_wants(g, a, IN_Q)) {
    part = attention_over_keys(t, &ds, &t->k, t->q.order);
    graph_gradient(g, a, IN_Q, part);
  }
  if (of_k) {
    part = over_rows(t, &ds, &t->q, &t->k);
    to_keys(t, &part, IN_K, IN_PAST_K);
  }
}
