/* The Reduce family over given axes. docs/lower.md 4.5, 4.32. NUMERICS 4.6: mean = div(sum, n). */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/axes.h"
#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

/* Sum and Mean of floats: what a broadcast undoes. */
static float reduced_count(const struct application *a, const struct value *x, uint32_t mask) {
  return strcmp(a->node->op, "ReduceMean") == 0 ? (float)axes_count(x, mask) : 1;
}

static struct value summed(struct graph *g, struct application *a, struct value *x, uint32_t mask) {
  uint32_t dim[TAPE_RANK_MAX];
  for (uint32_t n = 0; n < x->rank; n++) dim[n] = mask >> n & 1 ? 1 : x->dim[n];
  struct value to = value_shaped(TAPE_F32, x->rank, dim, x->order), y = unbroadcast(g, x, &to);
  float count = reduced_count(a, x, mask);
  if (count != 1) {
    struct build b;
    build_map(&b, g->e, TAPE_F32, &y);
    uint8_t sum = build_use(&b, &y);
    y = build_pending(&b, build_op2(&b, CANON_DIV, sum, build_f32(&b, count)));
  }
  return y;
}

static void sum_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), y;
  uint32_t mask;
  if (!x || !axes_given(g, a, x, &mask)) return;
  if (x->dtype == TAPE_F32) {
    y = summed(g, a, x, mask);
  } else {
    if (strcmp(a->node->op, "ReduceMean") == 0) {
      float_value(g, a, 0);
      return;
    }
    y = axes_fold(g, x, mask, TAPE_ISUM, "x");
  }
  axes_result(g, a, &y, mask);
}

static void sum_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  uint32_t mask;
  struct build b;
  if (!axes_given(g, a, x, &mask) || !axes_back(g, x, mask, dy)) return;
  float count = reduced_count(a, x, mask);
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t d = build_use(&b, dy);
  if (count != 1) d = build_op2(&b, CANON_DIV, d, build_f32(&b, count));
  graph_gradient(g, a, 0, build_pending(&b, d));
}

/* The others. `body` is folded by `reducer` (CHAIN stands for a sum, 2.9), `last` makes y of the fold s; `whole` and
 * its reducer are those of whole numbers; `dx` is in d, x, s and y. */
struct reduction {
  const char *op, *body, *last;
  uint8_t reducer;
  const char *whole;
  uint8_t whole_reducer;
  const char *dx;
  bool dx_reads_s;
};

static const struct reduction reductions[] = {
    {"ReduceMax", "x", "s", TAPE_FMAX, "x", TAPE_IMAX, "sel(feq(x, s), div(d, n), 0)", true},
    {"ReduceMin", "x", "s", TAPE_FMIN, "x", TAPE_IMIN, "sel(feq(x, s), div(d, n), 0)", true},
    {"ReduceL1", "abs(x)", "s", TAPE_CHAIN, "sel(ilt(x, 0), isub(0, x), x)", TAPE_ISUM,
     "sel(flt(0, x), d, sel(flt(x, 0), neg(d), 0))", false},
    {"ReduceL2", "mul(x, x)", "sqrt(s)", TAPE_CHAIN, NULL, 0, "sel(feq(s, 0), 0, mul(d, div(x, sqrt(s))))", true},
    {"ReduceSumSquare", "mul(x, x)", "s", TAPE_CHAIN, "imul(x, x)", TAPE_ISUM, "mul(d, add(x, x))", false},
    {"ReduceLogSum", "x", "log(s)", TAPE_CHAIN, NULL, 0, "div(d, s)", true},
};

static const struct reduction *reduction_of(const struct application *a) {
  for (size_t n = 0; n < sizeof reductions / sizeof reductions[0]; n++)
    if (strcmp(reductions[n].op, a->node->op) == 0) return &reductions[n];
  return NULL;
}

static bool sums(const struct reduction *r) { return r->reducer == TAPE_CHAIN; }

static void reduce_lower(struct graph *g, struct application *a) {
  const struct reduction *r = reduction_of(a);
  struct value *x = graph_value(g, a, 0), *saved = x ? graph_save(g, a, 1) : NULL, y;
  uint32_t mask;
  if (!saved || !axes_given(g, a, x, &mask)) return;
  bool whole = x->dtype != TAPE_F32;
  if (whole && !r->whole) {
    float_value(g, a, 0);
    return;
  }
  if (whole)
    y = axes_fold(g, x, mask, r->whole_reducer, r->whole);
  else
    y = axes_fold(g, x, mask, sums(r) ? sum_reducer(x, mask) : r->reducer, r->body);
  if (strcmp(r->last, "s") != 0 && !whole) {
    struct build b;
    value_settle(g->e, &y);
    *saved = y;
    build_map(&b, g->e, TAPE_F32, &y);
    uint8_t s = build_use(&b, &y);
    struct formula_name name = formula_register("s", s);
    s = formula(&b, r->last, &name, 1);
    y = build_pending(&b, s);
  } else {
    if (graph_wants(g, a, 0)) value_settle(g->e, &y);
    *saved = y;
  }
  if (whole && whole_bits(x->type) < 32) {
    struct build b;
    build_map(&b, g->e, TAPE_I32, &y);
    uint8_t s = build_use(&b, &y);
    y = build_pending(&b, whole_wrapped(&b, x->type, s));
  }
  axes_result(g, a, &y, mask);
}

/* How often the greatest (least) element is there. */
static struct value ties(struct graph *g, struct value *x, struct value *s, uint32_t mask) {
  struct build b;
  build_fold(&b, g->e, sum_reducer(x, mask), TAPE_F32, x, mask);
  uint8_t in = build_use(&b, x);
  uint8_t most = build_use(&b, s);
  uint8_t n = formula_of_xy(&b, "itof(feq(x, y))", in, most);
  return build_end(&b, n);
}

static void reduce_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct reduction *r = reduction_of(a);
  struct value *x = &graph_input(g, a, 0)->v, *s = a->saved, count;
  struct formula_name name[4];
  uint32_t mask;
  struct build b;
  if (!axes_given(g, a, x, &mask) || !axes_back(g, x, mask, dy)) return;
  if (!sums(r)) count = ties(g, x, s, mask);
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t reg = build_use(&b, dy);
  name[0] = formula_register("d", reg);
  reg = build_use(&b, x);
  name[1] = formula_register("x", reg);
  if (r->dx_reads_s) reg = build_use(&b, s);
  name[2] = formula_register("s", reg);
  if (!sums(r)) reg = build_use(&b, &count);
  name[3] = formula_register("n", reg);
  reg = formula(&b, r->dx, name, 4);
  graph_gradient(g, a, 0, build_pending(&b, reg));
}

/* log of the sum of e^x, about the greatest x of each row; a row without a finite greatest one about 0. */
static void logsumexp_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), *saved = x ? graph_save(g, a, 1) : NULL;
  uint32_t mask;
  struct build b;
  if (!saved || !axes_given(g, a, x, &mask)) return;
  struct value m = axes_fold(g, x, mask, TAPE_FMAX, "x");
  value_settle(g->e, x);
  value_settle(g->e, &m);
  build_map(&b, g->e, TAPE_F32, &m);
  uint8_t most = build_use(&b, &m);
  m = build_end(&b, formula_of_x(&b, "sel(feq(abs(x), inf), 0, x)", most));
  uint32_t wide = 0;
  for (uint32_t n = 0; n < x->rank; n++)
    if (mask >> n & 1 && x->dim[n] > 1) wide |= 1u << n;
  if (wide)
    build_fold(&b, g->e, sum_reducer(x, wide), TAPE_F32, x, wide);
  else
    build_map(&b, g->e, TAPE_F32, x);
  uint8_t in = build_use(&b, x);
  most = build_use(&b, &m);
  in = formula_of_xy(&b, "exp(sub(x, y))", in, most);
  struct value s = build_end(&b, in);
  build_map(&b, g->e, TAPE_F32, &s);
  in = build_use(&b, &s);
  most = build_use(&b, &m);
  in = formula_of_xy(&b, "add(log(x), y)", in, most);
  struct value y = build_pending(&b, in);
  if (graph_wants(g, a, 0)) value_settle(g->e, &y);
  *saved = y;
  axes_result(g, a, &y, mask);
}

static void logsumexp_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  struct formula_name name[3];
  uint32_t mask;
  struct build b;
  if (!axes_given(g, a, x, &mask) || !axes_back(g, x, mask, dy)) return;
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t reg = build_use(&b, dy);
  name[0] = formula_register("d", reg);
  reg = build_use(&b, x);
  name[1] = formula_register("x", reg);
  reg = build_use(&b, a->saved);
  name[2] = formula_register("s", reg);
  reg = formula(&b, "mul(d, exp(sub(x, s)))", name, 3);
  graph_gradient(g, a, 0, build_pending(&b, reg));
}

static void reduce_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

#define REDUCE(name, forward, backward, inputs)                                                                        \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 1, .inputs_max = 2, .outputs_max = 1, .lower = forward,               \
    .differentiate = backward, .keep_inputs = inputs, .role = reduce_role                                              \
  }
const struct rule rules_reduce[] = {REDUCE("ReduceMean", sum_lower, sum_differentiate, 0),
                                    REDUCE("ReduceSum", sum_lower, sum_differentiate, 0),
                                    REDUCE("ReduceMax", reduce_lower, reduce_differentiate, 1),
                                    REDUCE("ReduceMin", reduce_lower, reduce_differentiate, 1),
                                    REDUCE("ReduceL1", reduce_lower, reduce_differentiate, 1),
                                    REDUCE("ReduceL2", reduce_lower, reduce_differentiate, 1),
                                    REDUCE("ReduceSumSquare", reduce_lower, reduce_differentiate, 1),
                                    REDUCE("ReduceLogSum", reduce_lower, reduce_differentiate, 1),
                                    REDUCE("ReduceLogSumExp", logsumexp_lower, logsumexp_differentiate, 1),
                                    {0}};
