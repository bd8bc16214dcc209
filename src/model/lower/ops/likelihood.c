/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: losses that are nodes. docs/lower.md 6.7. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"

enum reduction { REDUCE_NONE, REDUCE_SUM, REDUCE_MEAN };

/* p: logarithms of probabilities [N, C, d..]; label seen as [N, 1, d..]; weight seen as [C, 1..] from its axis, where
 * there is one. a->saved holds p, then the divisor of a mean. */
struct likelihood {
  struct value *p, label, *weight;
  enum reduction reduction;
  bool ignores;
  int32_t ignored;
};

static bool open_likelihood(struct graph *g, struct application *a, struct value *p, struct likelihood *l) {
  const char *word = attribute_text(a->node, "reduction", "mean");
  struct value *label = graph_value(g, a, 1);
  uint32_t dim[TAPE_RANK_MAX];
  if (!label) return false;
  *l = (struct likelihood){.p = p, .ignores = attribute_find(a->node, "ignore_index") != NULL};
  int64_t ignored = attribute_int(a->node, "ignore_index", 0);
  l->reduction = strcmp(word, "none") == 0 ? REDUCE_NONE : strcmp(word, "sum") == 0 ? REDUCE_SUM : REDUCE_MEAN;
  if (ignored < INT32_MIN || ignored > INT32_MAX) { /* no label has it */
    l->ignores = false;
    ignored = 0;
  }
  l->ignored = (int32_t)ignored;
  bool fits = p->rank >= 2 && p->dtype == TAPE_F32 && !p->literal && label->dtype != TAPE_F32 && !label->literal &&
              label->rank + 1u == p->rank;
  for (uint32_t n = 0, m = 0; fits && n < p->rank; n++) {
    dim[n] = n == 1 ? 1 : p->dim[n];
    if (n != 1) fits = label->dim[m++] == p->dim[n];
  }
  if (!fits) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "labels of %s do not go with scores of %s: class axis 1, and the others alike",
                 shape_text(label->rank, label->dim).text, shape_text(p->rank, p->dim).text);
    return false;
  }
  struct value plain = straightened(g, label);
  value_settle(g->e, &plain);
  if (emit_failed(g->e)) return false;
  l->label = value_view(&plain, p->rank, dim);
  if (!graph_input(g, a, 2)) return true;
  if (!(l->weight = float_value(g, a, 2))) return false;
  if (l->weight->rank == 1 && l->weight->dim[0] == p->dim[1] && !l->weight->literal) return true;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "weights of %s for %" PRIu32 " classes",
               shape_text(l->weight->rank, l->weight->dim).text, p->dim[1]);
  return false;
}

/* The shape of what there is of each label: p with one class, in p's memory order. */
static struct value rows_of(const struct likelihood *l) {
  struct value rows = value_shaped(TAPE_F32, l->p->rank, l->p->dim, l->p->order);
  rows.dim[1] = 1;
  return rows;
}

/* Weight of a row's label: 1 where there are none, 0 where it is ignored. */
static uint8_t row_weight(struct build *b, struct likelihood *l, uint8_t label) {
  uint8_t one = build_f32(b, 1);
  struct index axis = index_indirect(label);
  uint8_t w = l->weight ? build_read(b, l->weight, &axis, 0) : one;
  if (!l->ignores) return w;
  uint8_t ignored = build_i32(b, l->ignored);
  uint8_t zero = build_f32(b, 0);
  uint8_t skip = build_op2(b, CANON_IEQ, label, ignored);
  return build_op(b, CANON_SEL, skip, zero, w);
}

/* -w p[label], 0 where the label is ignored, whatever p is there. */
static struct value row_losses(struct graph *g, struct likelihood *l) {
  struct value rows = rows_of(l);
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, TAPE_F32, &rows);
  uint8_t label = build_use(&b, &l->label);
  for (uint8_t n = 0; n < l->p->rank; n++)
    axis[n] = n == 1 ? index_indirect(label) : l->p->dim[n] == 1 ? index_fixed(0) : index_dim(b.at[n]);
  uint8_t p = build_read(&b, l->p, axis, 0);
  uint8_t w = row_weight(&b, l, label);
  uint8_t loss = build_op1(&b, CANON_NEG, p);
  loss = build_op2(&b, CANON_MUL, loss, w);
  if (l->ignores) {
    uint8_t ignored = build_i32(&b, l->ignored);
    uint8_t zero = build_f32(&b, 0);
    uint8_t skip = build_op2(&b, CANON_IEQ, label, ignored);
    loss = build_op(&b, CANON_SEL, skip, zero, loss);
  }
  return build_end(&b, loss);
}

/* Sum over all rows, as a scalar. */
static struct value whole_sum(struct graph *g, struct value *v) {
  struct build b;
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, v, (1u << v->rank) - 1);
  uint8_t x = build_use(&b, v);
  struct value sum = build_end(&b, x);
  return emit_failed(g->e) ? sum : value_view(&sum, 0, NULL);
}

static struct value row_weights(struct graph *g, struct likelihood *l) {
  struct value rows = rows_of(l);
  struct build b;
  build_map(&b, g->e, TAPE_F32, &rows);
  uint8_t label = build_use(&b, &l->label);
  uint8_t w = row_weight(&b, l, label);
  return build_end(&b, w);
}

/* Output 0. The divisor of a mean goes to a->saved[1]. */
static void give_loss(struct graph *g, struct application *a, struct likelihood *l) {
  struct value losses = row_losses(g, l);
  if (emit_failed(g->e)) return;
  if (l->reduction == REDUCE_NONE) {
    graph_result(g, a, without_axes(g, &losses, 2));
    return;
  }
  struct value sum = whole_sum(g, &losses);
  if (l->reduction == REDUCE_MEAN) {
    struct value weights = row_weights(g, l);
    struct build b;
    a->saved[1] = whole_sum(g, &weights);
    build_map(&b, g->e, TAPE_F32, &sum);
    uint8_t x = build_use(&b, &sum);
    uint8_t n = build_use(&b, &a->saved[1]);
    sum = build_pending(&b, build_op2(&b, CANON_DIV, x, n));
  }
  graph_result(g, a, sum);
}

/* What the loss of each row adds to the gradient of -p[label]: w dy, over the divisor of a mean. */
static struct value row_gradient(struct graph *g, struct application *a, struct likelihood *l, struct value *dy) {
  struct value rows = rows_of(l), d = *dy;
  struct build b;
  value_settle(g->e, &d);
  if (l->reduction == REDUCE_NONE) {
    d = straightened(g, &d);
    if (emit_failed(g->e)) return d;
    d = value_view(&d, rows.rank, rows.dim);
  }
  build_map(&b, g->e, TAPE_F32, &rows);
  uint8_t label = build_use(&b, &l->label);
  uint8_t w = row_weight(&b, l, label);
  uint8_t scale = build_use(&b, &d);
  if (l->reduction == REDUCE_MEAN) {
    uint8_t n = build_use(&b, &a->saved[1]);
    scale = build_op2(&b, CANON_DIV, scale, n);
  }
  return build_end(&b, build_op2(&b, CANON_MUL, w, scale));
}

static void nll_lower(struct graph *g, struct application *a) {
  struct value *p = float_value(g, a, 0);
  struct likelihood l;
  if (!p || !graph_save(g, a, 2)) return;
  value_settle(g->e, p);
  if (!open_likelihood(g, a, p, &l)) return;
  give_loss(g, a, &l);
}

/* dp = -q where the class is the label, else 0. */
static void nll_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *p = &graph_input(g, a, 0)->v;
  struct likelihood l;
  struct build b;
  if (!open_likelihood(g, a, p, &l)) return;
  struct value q = row_gradient(g, a, &l, dy);
  build_map(&b, g->e, TAPE_F32, p);
  uint8_t label = build_use(&b, &l.label);
  uint8_t by = build_use(&b, &q);
  uint8_t zero = build_f32(&b, 0);
  uint8_t k = build_op(&b, CANON_COORD, b.at[1], 0, 0);
  uint8_t hit = build_op2(&b, CANON_IEQ, label, k);
  by = build_op1(&b, CANON_NEG, by);
  graph_gradient(g, a, 0, build_pending(&b, build_op(&b, CANON_SEL, hit, by, zero)));
}

/* Logarithms of the softmax along axis 1, emitted. */
static struct value log_softmax(struct graph *g, struct value *x) {
  struct build b;
  value_settle(g->e, x);
  build_fold(&b, g->e, TAPE_FMAX, TAPE_F32, x, 2);
  uint8_t in = build_use(&b, x);
  struct value m = build_end(&b, in);
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, x, 2);
  in = build_use(&b, x);
  uint8_t most = build_use(&b, &m);
  in = formula_of_xy(&b, "exp(sub(x, y))", in, most);
  struct value z = build_end(&b, in);
  build_map(&b, g->e, TAPE_F32, x);
  struct formula_name name[3];
  in = build_use(&b, x);
  name[0] = formula_register("x", in);
  in = build_use(&b, &m);
  name[1] = formula_register("m", in);
  in = build_use(&b, &z);
  name[2] = formula_register("z", in);
  in = formula(&b, "sub(sub(x, m), log(z))", name, 3);
  return build_end(&b, in);
}

static void softmax_loss_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), *saved = x ? graph_save(g, a, 2) : NULL;
  struct likelihood l;
  if (!saved) return;
  if (x->rank < 2 || x->literal) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "scores of %s, with classes on axis 1", shape_text(x->rank, x->dim).text);
    return;
  }
  saved[0] = log_softmax(g, x);
  if (!open_likelihood(g, a, &saved[0], &l)) return;
  give_loss(g, a, &l);
  graph_result_at(g, a, 1, saved[0]);
}

/* dx = (e^p - [class is the label]) q, and of output 1 what a LogSoftmax has. */
static void softmax_loss_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *p = &a->saved[0];
  bool second = a->outputs_count > 1 && !dy[1].literal;
  struct likelihood l;
  struct build b;
  if (!open_likelihood(g, a, p, &l)) return;
  if (!dy[0].literal) {
    struct value q = row_gradient(g, a, &l, &dy[0]);
    build_map(&b, g->e, TAPE_F32, p);
    struct formula_name name[4];
    uint8_t reg = build_use(&b, p);
    name[0] = formula_register("p", reg);
    reg = build_use(&b, &l.label);
    name[1] = formula_register("t", reg);
    reg = build_use(&b, &q);
    name[2] = formula_register("q", reg);
    reg = build_op(&b, CANON_COORD, b.at[1], 0, 0);
    name[3] = formula_register("k", reg);
    reg = formula(&b, "mul(sub(exp(p), itof(ieq(t, k))), q)", name, 4);
    graph_gradient(g, a, 0, build_pending(&b, reg));
  }
  if (!second) return;
  value_settle(g->e, &dy[1]);
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, p, 2);
  uint8_t d = build_use(&b, &dy[1]);
  struct value s = build_end(&b, d);
  build_map(&b, g->e, TAPE_F32, p);
  struct formula_name name[3];
  d = build_use(&b, &dy[1]);
  name[0] = formula_register("d", d);
  d = build_use(&b, p);
  name[1] = formula_register("p", d);
  d = build_use(&b, &s);
  name[2] = formula_register("s", d);
  d = formula(&b, "sub(d, mul(exp(p), s))", name, 3);
  graph_gradient(g, a, 0, build_pending(&b, d));
}

static void likelihood_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n == 2) role->kind = ROLE_STATISTIC;
}

const struct rule rules_likelihood[] = {{.op = "NegativeLogLikelihoodLoss",
                                         .opset_first = 13,
                                         .inputs_min = 2,
                                         .inputs_max = 3,
                                         .outputs_max = 1,
                                         .lower = nll_lower,
                                         .differentiate = nll_differentiate,
                                         .keep_inputs = 7,
                                         .role = likelihood_role},
                                        {.op = "SoftmaxCrossEntropyLoss",
                                         .opset_first = 13,
                                         .inputs_min = 2,
                                         .inputs_max = 3,
                                         .outputs_max = 2,
                                         .lower = softmax_loss_lower,
                                         .differentiate = softmax_loss_differentiate,
                                         .keep_inputs = 6,
                                         .role = likelihood_role},
                                        {0}};
