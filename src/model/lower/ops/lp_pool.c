/* LpPool and GlobalLpPool: the p-th root of a window's sum of p-th powers. docs/lower.md 4.41. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/window.h"

enum { P_MAX = 16 };

static bool lp_read(struct graph *g, struct application *a, const struct value *x, struct window *w, uint32_t *p) {
  bool global = strcmp(a->node->op, "GlobalLpPool") == 0;
  int64_t given = attribute_int(a->node, "p", 2);
  if (!(global ? window_whole(g, a, x, w) : window_read(g, a, x, NULL, w))) return false;
  if (given < 1 || given > P_MAX) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "p is %" PRId64 ": 1 to %d lower", given, P_MAX);
    return false;
  }
  *p = (uint32_t)given;
  if (window_taps(w) <= TAPE_K_MAX) return true;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "a window of more than 2^20 places: use ReduceL2");
  return false;
}

/* x^n, n >= 1, one factor after the other. */
static uint8_t power(struct build *b, uint8_t x, uint32_t n) {
  uint8_t y = x;
  for (uint32_t i = 1; i < n; i++) y = build_op2(b, CANON_MUL, y, x);
  return y;
}

static uint8_t root(struct build *b, uint8_t s, uint32_t p) {
  if (p == 1) return s;
  if (p == 2) return build_op1(b, CANON_SQRT, s);
  uint8_t n = build_f32(b, (float)p);
  s = build_op1(b, CANON_LOG, s);
  s = build_op2(b, CANON_DIV, s, n);
  return build_op1(b, CANON_EXP, s);
}

static void lp_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  struct index axis[TAPE_RANK_MAX];
  struct window w;
  struct build b;
  uint32_t p;
  if (!x || !lp_read(g, a, x, &w, &p)) return;
  struct value y = window_result(&w, x->dim[0], x->dim[1]);
  window_fold(&b, g, &w, &y, TAPE_CHAIN, TAPE_F32, axis);
  uint8_t in = build_read(&b, x, axis, 0);
  if (p & 1) in = build_op1(&b, CANON_ABS, in);
  struct value sum = build_end(&b, power(&b, in, p));
  build_map(&b, g->e, TAPE_F32, &sum);
  in = build_use(&b, &sum);
  graph_result(g, a, build_pending(&b, root(&b, in, p)));
}

/* dy y^(1 - p) is a window's share, nothing where y is 0; an input place takes its windows' shares times x |x|^(p - 2),
 * with p 1 times the sign of x. */
static void lp_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *y = &graph_output(g, a, 0)->v, share = *dy;
  struct window w;
  struct build b;
  uint32_t p;
  if (!lp_read(g, a, x, &w, &p)) return;
  if (p > 1) {
    build_map(&b, g->e, TAPE_F32, y);
    uint8_t up = build_use(&b, dy);
    uint8_t at = build_use(&b, y);
    uint8_t zero = build_f32(&b, 0);
    uint8_t none = build_op2(&b, CANON_FEQ, at, zero);
    at = power(&b, at, p - 1);
    up = build_op2(&b, CANON_DIV, up, at);
    share = build_pending(&b, build_op(&b, CANON_SEL, none, zero, up));
  }
  struct value sum = window_spread(g, &w, x, &share);
  build_map(&b, g->e, TAPE_F32, &sum);
  uint8_t up = build_use(&b, &sum);
  uint8_t at = build_use(&b, x);
  if (p == 1) {
    uint8_t zero = build_f32(&b, 0);
    uint8_t less = build_op1(&b, CANON_NEG, up);
    uint8_t above = build_op2(&b, CANON_FLT, zero, at);
    uint8_t below = build_op2(&b, CANON_FLT, at, zero);
    up = build_op(&b, CANON_SEL, above, up, zero);
    up = build_op(&b, CANON_SEL, below, less, up);
  } else {
    uint8_t size = p > 2 ? build_op1(&b, CANON_ABS, at) : at;
    up = build_op2(&b, CANON_MUL, up, at);
    if (p > 2) {
      size = power(&b, size, p - 2);
      up = build_op2(&b, CANON_MUL, up, size);
    }
  }
  graph_gradient(g, a, 0, build_pending(&b, up));
}

#define LP(name, first)                                                                                                \
  {                                                                                                                    \
    .op = name, .opset_first = first, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .lower = lp_lower,           \
    .differentiate = lp_differentiate, .keep_inputs = 1, .keep_output = 1                                              \
  }
const struct rule rules_lp_pool[] = {LP("LpPool", 11), LP("GlobalLpPool", 2), {0}};
