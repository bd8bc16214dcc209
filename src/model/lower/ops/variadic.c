/* Sum, Mean, Min and Max of any number of tensors, from the left. docs/lower.md 4.31. */
#include <string.h>

#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

static bool is(const struct application *a, const char *op) { return strcmp(a->node->op, op) == 0; }

static uint8_t code_of(const struct application *a, bool floats) {
  if (is(a, "Min")) return floats ? CANON_MIN : CANON_IMIN;
  if (is(a, "Max")) return floats ? CANON_MAX : CANON_IMAX;
  return floats ? CANON_ADD : CANON_IADD;
}

static struct value divided(struct graph *g, struct value *v, uint32_t count) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, v);
  uint8_t x = build_use(&b, v);
  uint8_t n = build_f32(&b, (float)count);
  return build_pending(&b, build_op2(&b, CANON_DIV, x, n));
}

static void variadic_lower(struct graph *g, struct application *a) {
  struct value **v = arena_take(g->arena, a->inputs_count, sizeof(struct value *)), shape;
  if (!v) return emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  if (!input_values(g, a, v, a->inputs_count) || !whole_alike(g, a, v, a->inputs_count)) return;
  struct value y = *v[0];
  bool floats = y.dtype == TAPE_F32;
  if (!floats && is(a, "Mean")) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "takes the mean of whole numbers");
    return;
  }
  for (uint32_t n = 1; n < a->inputs_count; n++) {
    struct value *const pair[] = {&y, v[n]};
    struct build b;
    if (!broadcast_all(g, a, pair, 2, &shape)) return;
    build_map(&b, g->e, floats ? TAPE_F32 : TAPE_I32, &shape);
    b.v.type = v[0]->type;
    uint8_t left = build_use(&b, &y);
    uint8_t right = build_use(&b, v[n]);
    uint8_t out = build_op2(&b, code_of(a, floats), left, right);
    y = build_pending(&b, floats ? out : whole_wrapped(&b, b.v.type, out));
  }
  graph_result(g, a, is(a, "Mean") && a->inputs_count > 1 ? divided(g, &y, a->inputs_count) : y);
}

static uint32_t wanted(const struct graph *g, const struct application *a) {
  uint32_t count = 0;
  for (uint32_t n = 0; n < a->inputs_count; n++) count += graph_wants(g, a, n);
  return count;
}

static void sum_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value d = is(a, "Mean") && a->inputs_count > 1 ? divided(g, dy, a->inputs_count) : *dy;
  if (wanted(g, a) > 1) value_settle(g->e, &d);
  for (uint32_t n = 0; n < a->inputs_count; n++)
    if (graph_wants(g, a, n)) graph_gradient(g, a, n, unbroadcast(g, &d, &graph_input(g, a, n)->v));
}

/* How many inputs are equal to the result, everywhere. */
static struct value ties(struct graph *g, struct application *a, struct value *y) {
  struct value count = value_f32(0);
  for (uint32_t n = 0; n < a->inputs_count; n++) {
    struct build b;
    build_map(&b, g->e, TAPE_F32, y);
    uint8_t before = n ? build_use(&b, &count) : 0;
    uint8_t x = build_use(&b, &graph_input(g, a, n)->v);
    uint8_t out = build_use(&b, y);
    uint8_t equal = build_op2(&b, CANON_FEQ, x, out);
    uint8_t one = build_op1(&b, CANON_ITOF, equal);
    count = build_pending(&b, n ? build_op2(&b, CANON_ADD, before, one) : one);
  }
  return count;
}

/* Whoever is the least, or the greatest, gets the gradient; several that are get equal parts. */
static void extreme_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *y = &graph_output(g, a, 0)->v;
  if (a->inputs_count == 1) {
    graph_gradient(g, a, 0, *dy);
    return;
  }
  struct value count = ties(g, a, y);
  if (wanted(g, a) > 1) {
    value_settle(g->e, dy);
    value_settle(g->e, &count);
  }
  for (uint32_t n = 0; n < a->inputs_count; n++) {
    struct build b;
    if (!graph_wants(g, a, n)) continue;
    struct value *in = &graph_input(g, a, n)->v;
    build_map(&b, g->e, TAPE_F32, y);
    uint8_t d = build_use(&b, dy);
    uint8_t x = build_use(&b, in);
    uint8_t out = build_use(&b, y);
    uint8_t by = build_use(&b, &count);
    uint8_t zero = build_f32(&b, 0);
    uint8_t equal = build_op2(&b, CANON_FEQ, x, out);
    uint8_t part = build_op2(&b, CANON_DIV, d, by);
    struct value share = build_pending(&b, build_op(&b, CANON_SEL, equal, part, zero));
    graph_gradient(g, a, n, unbroadcast(g, &share, in));
  }
}

#define VARIADIC(name, derivative, inputs, output)                                                                     \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 1, .inputs_max = UINT32_MAX, .outputs_max = 1,                        \
    .lower = variadic_lower, .differentiate = derivative, .keep_inputs = inputs, .keep_output = output                 \
  }
const struct rule rules_variadic[] = {VARIADIC("Sum", sum_differentiate, 0, 0),
                                      VARIADIC("Mean", sum_differentiate, 0, 0),
                                      VARIADIC("Min", extreme_differentiate, UINT32_MAX, 1),
                                      VARIADIC("Max", extreme_differentiate, UINT32_MAX, 1),
                                      {0}};
