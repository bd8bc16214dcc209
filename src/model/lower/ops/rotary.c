/* RotaryEmbedding: pairs of a head's numbers, turned by an angle of their place. docs/lower.md 4.52. */
#include <inttypes.h>

#include "model/lower/ops/arrange.h"
#include "model/lower/ops/tables.h"

enum { IN_X, IN_COS, IN_SIN, IN_PLACES };

struct rotary {
  struct graph *g;
  struct application *a;
  uint32_t batch, heads, length, size, half; /* the first 2 half numbers of a head turn */
  bool flat, interleaved;                    /* flat: rank 3 */
};

/* [batch, heads, length, size] of what has X's dims, and back. */
static struct value by_heads(const struct rotary *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 1, 3};
  if (!t->flat) return *v;
  struct value w = value_split(v, 2, t->heads);
  return arrange_renamed(&w, turn);
}

static struct value whole(const struct rotary *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 1, 3};
  if (!t->flat) return *v;
  struct value w = arrange_renamed(v, turn);
  return value_merge(&w, 2);
}

static bool misfit(struct rotary *t, const struct value *x, const struct value *v, const char *what) {
  graph_refuse(t->g, t->a, LOWER_ERR_SHAPE,
               "%s of %s does not fit X of %s, %" PRIu32 " heads of which %" PRIu32 " numbers turn", what,
               shape_text(v->rank, v->dim).text, shape_text(x->rank, x->dim).text, t->heads, 2 * t->half);
  return false;
}

static bool fits(struct rotary *t, const struct value *x) {
  struct value *places = NULL;
  if (graph_input(t->g, t->a, IN_PLACES)) {
    places = graph_value(t->g, t->a, IN_PLACES);
    if (!places) return false;
    if (places->dtype == TAPE_F32 || places->rank != 2 || places->dim[0] != t->batch || places->dim[1] != t->length)
      return misfit(t, x, places, "position_ids");
  }
  for (uint32_t n = IN_COS; n <= IN_SIN; n++) {
    struct value *v = float_value(t->g, t->a, n);
    if (!v) return false;
    bool good = places ? v->rank == 2 : v->rank == 3 && v->dim[0] == t->batch && v->dim[1] == t->length;
    if (!good || v->dim[v->rank - 1] != t->half) return misfit(t, x, v, n == IN_COS ? "cos_cache" : "sin_cache");
  }
  return true;
}

static bool rotary_open(struct rotary *t, struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, IN_X);
  int64_t heads = attribute_int(a->node, "num_heads", 0), turning = attribute_int(a->node, "rotary_embedding_dim", 0);
  *t = (struct rotary){.g = g, .a = a, .interleaved = attribute_int(a->node, "interleaved", 0) != 0};
  if (!x) return false;
  t->flat = x->rank == 3;
  if (!t->flat && x->rank == 4) heads = x->dim[1];
  if ((!t->flat && x->rank != 4) || heads < 1 || heads > INT32_MAX || (t->flat && x->dim[2] % heads)) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "X is %s and num_heads %" PRId64, shape_text(x->rank, x->dim).text, heads);
    return false;
  }
  t->heads = (uint32_t)heads;
  t->batch = x->dim[0];
  t->length = x->dim[t->flat ? 1 : 2];
  t->size = t->flat ? x->dim[2] / t->heads : x->dim[3];
  if (!turning) turning = t->size;
  if (turning < 2 || turning % 2 || turning > t->size) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "turns %" PRId64 " of %" PRIu32 " numbers of a head", turning, t->size);
    return false;
  }
  t->half = (uint32_t)turning / 2;
  value_settle(g->e, x);
  return fits(t, x);
}

/* Reads a table at the place and pair of the record: through position_ids, whose operand stands in front, or as it is.
 */
static uint8_t table(struct rotary *t, struct build *b, uint32_t input, uint8_t places, struct index pair) {
  struct value *v = graph_value(t->g, t->a, input);
  struct index batch = arrange_along(t->batch, b->at[0]), length = arrange_along(t->length, b->at[2]);
  if (places == 255) return build_read(b, v, (struct index[]){batch, length, pair}, 0);
  return build_read(b, v, (struct index[]){index_indirect(places), pair}, 0);
}

/* Turns v [batch, heads, length, size] forwards or back. In the record the last axis is two: which of a pair, and the
 * pair's number; interleaved the other way round. */
static struct value turned(struct rotary *t, struct value *v, bool back) {
  struct graph *g = t->g;
  int32_t half = (int32_t)t->half, step = t->interleaved ? 1 : half, stride = t->interleaved ? 2 : 1;
  struct value part = value_shaped(TAPE_F32, 4, (uint32_t[]){t->batch, t->heads, t->length, 2 * t->half}, v->order);
  struct value like = value_split(&part, 3, t->interleaved ? t->half : 2);
  struct build b;
  build_map(&b, g->e, TAPE_F32, &like);
  uint8_t which = b.at[t->interleaved ? 4 : 3], number = b.at[t->interleaved ? 3 : 4], places = 255;
  struct index at[] = {arrange_along(t->batch, b.at[0]), arrange_along(t->heads, b.at[1]),
                       arrange_along(t->length, b.at[2]), index_add(index_fixed(0), which, step)};
  struct index pair = arrange_along(t->half, number);
  if (half > 1) at[3] = index_add(at[3], number, stride);
  uint8_t own = build_read(&b, v, at, 0);
  at[3] = index_add(index_fixed(step), which, -step);
  if (half > 1) at[3] = index_add(at[3], number, stride);
  uint8_t other = build_read(&b, v, at, 0);
  if (graph_input(g, t->a, IN_PLACES)) {
    struct value *ids = graph_value(g, t->a, IN_PLACES);
    places = build_read(&b, ids, (struct index[]){at[0], at[2]}, 0xffffffff);
  }
  uint8_t c = table(t, &b, IN_COS, places, pair), s = table(t, &b, IN_SIN, places, pair);
  own = build_op2(&b, CANON_MUL, c, own);
  other = build_op2(&b, CANON_MUL, s, other);
  uint8_t less = build_op2(&b, CANON_SUB, own, other), more = build_op2(&b, CANON_ADD, own, other);
  uint8_t second = build_op(&b, CANON_COORD, which, 0, 0);
  part = build_end(&b, build_op(&b, CANON_SEL, second, back ? less : more, back ? more : less));
  if (emit_failed(g->e)) return part;
  part = value_merge(&part, 3);
  if (2 * t->half == t->size) return part;
  build_map(&b, g->e, TAPE_F32, v); /* the rest stays */
  struct index same[] = {at[0], at[1], at[2], index_dim(b.at[3])};
  for (uint8_t n = 0; n < 3; n++) same[n] = arrange_along(v->dim[n], b.at[n]);
  uint8_t in = build_read(&b, &part, same, 0), rest = build_use(&b, v), end = build_i32(&b, 2 * half);
  uint8_t early = build_op(&b, CANON_COORD, b.at[3], 0, 0);
  early = build_op2(&b, CANON_ILT, early, end);
  return build_end(&b, build_op(&b, CANON_SEL, early, in, rest));
}

static void rotary_lower(struct graph *g, struct application *a) {
  struct rotary t;
  if (!rotary_open(&t, g, a) || emit_failed(g->e)) return;
  struct value x = by_heads(&t, &graph_input(g, a, IN_X)->v), y = turned(&t, &x, false);
  if (!emit_failed(g->e)) graph_result(g, a, whole(&t, &y));
}

static void rotary_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct rotary t;
  if (!rotary_open(&t, g, a)) return;
  if (graph_wants(g, a, IN_COS) || graph_wants(g, a, IN_SIN)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                 "cos_cache or sin_cache would train, and lower 1 has no gradient for them: "
                 "freeze them");
    return;
  }
  value_settle(g->e, dy);
  struct value d = by_heads(&t, dy), dx = turned(&t, &d, true);
  if (!emit_failed(g->e)) graph_gradient(g, a, IN_X, whole(&t, &dx));
}

static void rotary_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  if (n && g->tensor[a->input[n]].given->role != ONNX_ROLE_PARAMETER) role->kind = ROLE_CONSTANT;
}

const struct rule rules_rotary[] = {{.op = "RotaryEmbedding",
                                     .opset_first = 23,
                                     .inputs_min = 3,
                                     .inputs_max = 4,
                                     .outputs_max = 1,
                                     .lower = rotary_lower,
                                     .differentiate = rotary_differentiate,
                                     .role = rotary_role},
                                    {0}};
