/* LRN: each element over a power of its neighbours' squares, neighbours being channels. docs/lower.md 4.42. */
#include <inttypes.h>

#include "model/lower/ops/normalize.h"
#include "model/lower/ops/tables.h"

struct lrn {
  uint32_t size, before;          /* channels c - before .. c - before + size - 1 */
  float share, beta, bias, slope; /* share: alpha / size; slope: 2 alpha beta / size */
};

static bool lrn_read(struct graph *g, struct application *a, const struct value *x, struct lrn *c) {
  int64_t size = attribute_int(a->node, "size", 0);
  if (x->rank < 2 || size < 1 || size > UINT16_MAX) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "takes %s over %" PRId64 " channels; it needs rank 2 or more and 1 to 65535",
                 shape_text(x->rank, x->dim).text, size);
    return false;
  }
  double alpha = (double)attribute_float(a->node, "alpha", 1e-4f),
         beta = (double)attribute_float(a->node, "beta", 0.75f);
  *c = (struct lrn){.size = (uint32_t)size,
                    .before = (uint32_t)(size - 1) / 2,
                    .share = (float)(alpha / (double)size),
                    .beta = (float)beta,
                    .bias = attribute_float(a->node, "bias", 1),
                    .slope = (float)(2 * alpha * beta / (double)size)};
  return true;
}

/* Opens a fold over the neighbours of every element. axis[] is the index of the neighbour: the one at c - before + k,
 * or, turned, the one that has this element at that place. */
static void neighbours(struct build *b, struct graph *g, const struct lrn *c, const struct value *x, bool turned,
                       struct index *axis) {
  uint32_t out[TAPE_RANK_MAX];
  for (uint8_t p = 0; p < x->rank; p++) out[p] = x->dim[x->order[p]];
  build_free(b, g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, x->rank, out, 1, &c->size, x);
  for (uint8_t p = 0; p < x->rank; p++) axis[x->order[p]] = index_dim(p);
  axis[1].offset = turned ? (int32_t)c->before : -(int32_t)c->before;
  axis[1] = index_add(axis[1], x->rank, turned ? -1 : 1);
}

/* t^-beta */
static uint8_t power(struct build *b, const struct lrn *c, uint8_t t) {
  uint8_t exponent = build_f32(b, -c->beta);
  t = build_op1(b, CANON_LOG, t);
  t = build_op2(b, CANON_MUL, exponent, t);
  return build_op1(b, CANON_EXP, t);
}

static void lrn_lower(struct graph *g, struct application *a) {
  struct value *x = normalize_input(g, a, 0), *saved;
  struct index axis[TAPE_RANK_MAX];
  struct lrn c;
  struct build b;
  if (!x || !lrn_read(g, a, x, &c) || !(saved = graph_save(g, a, 1))) return;
  neighbours(&b, g, &c, x, false, axis);
  uint8_t in = build_read(&b, x, axis, 0);
  struct value sum = build_end(&b, build_op2(&b, CANON_MUL, in, in));
  build_map(&b, g->e, TAPE_F32, &sum);
  in = build_use(&b, &sum);
  uint8_t share = build_f32(&b, c.share);
  uint8_t bias = build_f32(&b, c.bias);
  *saved = build_end(&b, build_op(&b, CANON_FMA, in, share, bias));
  build_map(&b, g->e, TAPE_F32, x);
  in = build_use(&b, x);
  uint8_t t = build_use(&b, saved);
  t = power(&b, &c, t);
  graph_result(g, a, build_pending(&b, build_op2(&b, CANON_MUL, in, t)));
}

static void lrn_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *t = &a->saved[0];
  struct index axis[TAPE_RANK_MAX];
  struct lrn c;
  struct build b;
  if (!lrn_read(g, a, x, &c)) return;
  value_settle(g->e, dy);
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t up = build_use(&b, dy);
  uint8_t in = build_use(&b, x);
  uint8_t at = build_use(&b, t);
  uint8_t p = power(&b, &c, at);
  up = build_op2(&b, CANON_MUL, up, in);
  p = build_op2(&b, CANON_DIV, p, at);
  struct value along = build_end(&b, build_op2(&b, CANON_MUL, up, p));
  neighbours(&b, g, &c, x, true, axis);
  struct value sum = build_end(&b, build_read(&b, &along, axis, 0));
  build_map(&b, g->e, TAPE_F32, x);
  up = build_use(&b, dy);
  in = build_use(&b, x);
  at = build_use(&b, t);
  uint8_t s = build_use(&b, &sum);
  uint8_t slope = build_f32(&b, c.slope);
  p = power(&b, &c, at);
  up = build_op2(&b, CANON_MUL, up, p);
  in = build_op2(&b, CANON_MUL, in, s);
  in = build_op2(&b, CANON_MUL, in, slope);
  graph_gradient(g, a, 0, build_pending(&b, build_op2(&b, CANON_SUB, up, in)));
}

const struct rule rules_lrn[] = {{.op = "LRN",
                                  .opset_first = 13,
                                  .inputs_min = 1,
                                  .inputs_max = 1,
                                  .outputs_max = 1,
                                  .lower = lrn_lower,
                                  .differentiate = lrn_differentiate,
                                  .keep_inputs = 1},
                                 {0}};
