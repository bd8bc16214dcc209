/* Cast and CastLike of data. docs/lower.md 4.27. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

/* The type asked for: `to`, or that of input 1. */
static int64_t wanted(struct graph *g, const struct application *a) {
  const struct tensor *like = graph_input(g, a, 1);
  if (strcmp(a->node->op, "Cast") == 0) return attribute_int(a->node, "to", 0);
  return !like ? 0 : like->known ? like->v.type : like->content ? (int64_t)like->content->type : 0;
}

static bool floats(int64_t type) { return type == ONNX_FLOAT || type == ONNX_DOUBLE; }

static bool knows(int64_t type) { return floats(type) || whole_type(type); }

/* From floats: toward zero, into 32 bits, then to the type. From whole numbers: equal modulo the type's range. */
static const char *text_of(const struct value *x, int64_t to) {
  if (x->dtype == TAPE_F32) return to == ONNX_BOOL ? "ieq(feq(x, 0), 0)" : "ftoi(x)";
  return floats(to) ? "itof(x)" : to == ONNX_BOOL ? "ieq(ieq(x, 0), 0)" : "x";
}

static void cast_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  int64_t to = wanted(g, a);
  struct build b;
  if (!x) return;
  if (!knows(to)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                 "casts to ONNX's type number %" PRId64 ", which Assay does not compute in: export in float32", to);
    return;
  }
  bool from_floats = x->dtype == TAPE_F32;
  bool same = from_floats ? floats(to) : !floats(to) && to != ONNX_BOOL && (to == x->type || whole_bits(to) == 32);
  if (same && x->dtype != TAPE_U8) {
    struct value y = *x;
    y.type = (uint8_t)to;
    graph_result(g, a, y);
    return;
  }
  build_map(&b, g->e, floats(to) ? TAPE_F32 : TAPE_I32, x);
  b.v.type = (uint8_t)to;
  uint8_t in = build_use(&b, x);
  uint8_t out = formula_of_x(&b, text_of(x, to), in);
  graph_result(g, a, build_pending(&b, floats(to) ? out : whole_wrapped(&b, (uint8_t)to, out)));
}

static void cast_differentiate(struct graph *g, struct application *a, struct value *dy) {
  graph_gradient(g, a, 0, *dy);
}

static void cast_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

const struct rule rules_cast[] = {{.op = "Cast",
                                   .opset_first = 13,
                                   .inputs_min = 1,
                                   .inputs_max = 1,
                                   .outputs_max = 1,
                                   .lower = cast_lower,
                                   .differentiate = cast_differentiate},
                                  {.op = "CastLike",
                                   .opset_first = 15,
                                   .inputs_min = 2,
                                   .inputs_max = 2,
                                   .outputs_max = 1,
                                   .lower = cast_lower,
                                   .differentiate = cast_differentiate,
                                   .role = cast_role},
                                  {0}};
