/* GRU, unrolled: gates in ONNX's order z, r, h. linear_before_reset 1 is PyTorch's: r scales what R made of the hidden
 * state; with 0 it scales the hidden state itself. docs/lower.md 4.49. */
#include "model/lower/ops/recurrent.h"
#include "model/lower/ops/tables.h"

enum { GATE_Z, GATE_R, GATE_N, GATES };
/* Of every step: z and r in one value; the candidate; what R made of the hidden state (linear), or r times it. */
enum { KEPT_A, KEPT_N, KEPT_R, KEPT };

static struct value *kept(const struct recurrent *c, uint32_t step, uint32_t what) {
  return &c->step[step * KEPT + what];
}
static struct value *hidden_before(struct recurrent *c, uint32_t step) { return step ? c->h[step - 1] : &c->first[0]; }
static bool linear(const struct recurrent *c) { return attribute_int(c->a->node, "linear_before_reset", 0) != 0; }

/* Dims of 1 come and go. */
static struct value seen(const struct value *v, uint32_t axis) {
  uint32_t dim[TAPE_RANK_MAX], rank = 0;
  for (uint32_t n = 0; n < v->rank; n++) {
    if (n == axis) dim[rank++] = 1;
    dim[rank++] = v->dim[n];
  }
  return value_view(v, rank, dim);
}

/* What r multiplies: R's product and its bias. NOTHING if there is neither. */
static uint8_t inner(struct recurrent *c, struct build *b, struct value *r) {
  uint8_t sum = RECURRENT_NOTHING;
  if (given(r)) sum = recurrent_only(c, b, r, GATE_N);
  if (!given(&c->b)) return sum;
  struct index at[] = {arrange_along(c->directions, 0), index_fixed(1), index_fixed(GATE_N),
                       arrange_along(c->hidden, (uint8_t)(b->rank - 1))};
  uint8_t bias = build_read(b, &c->b, at, 0);
  return recurrent_plus(b, sum, bias);
}

static void candidate_linear(struct recurrent *c, uint32_t s) {
  struct build b;
  recurrent_map(c, &b, 0);
  uint8_t sum = recurrent_xw(c, &b, s, GATE_N);
  if (given(&c->b)) {
    uint8_t bias = recurrent_half(c, &b, 0, GATE_N);
    sum = build_op2(&b, CANON_ADD, sum, bias);
  }
  uint8_t r = recurrent_only(c, &b, kept(c, s, KEPT_A), GATE_R), in = inner(c, &b, kept(c, s, KEPT_R));
  if (in != RECURRENT_NOTHING) sum = build_op(&b, CANON_FMA, r, in, sum);
  *kept(c, s, KEPT_N) = build_end(&b, activation_apply(&b, &c->act[1], sum));
}

static void candidate_reset(struct recurrent *c, uint32_t s) {
  struct value *h = hidden_before(c, s), product = {0};
  struct build b;
  recurrent_map(c, &b, 0);
  if (given(h)) {
    uint8_t r = recurrent_only(c, &b, kept(c, s, KEPT_A), GATE_R), old = recurrent_state(c, &b, h);
    *kept(c, s, KEPT_R) = build_end(&b, build_op2(&b, CANON_MUL, r, old));
    product = recurrent_dot(c, kept(c, s, KEPT_R), GATE_N, 1);
  } else if (c->training && c->steps > 1) { /* a piece of the stack of them */
    *kept(c, s, KEPT_R) = build_end(&b, build_f32(&b, 0));
  }
  recurrent_map(c, &b, 0);
  uint8_t sum = recurrent_xw(c, &b, s, GATE_N);
  if (given(&product)) {
    uint8_t more = recurrent_only(c, &b, &product, 0);
    sum = build_op2(&b, CANON_ADD, sum, more);
  }
  if (given(&c->bias)) {
    uint8_t bias = recurrent_row(c, &b, &c->bias, GATE_N);
    sum = build_op2(&b, CANON_ADD, sum, bias);
  }
  *kept(c, s, KEPT_N) = build_end(&b, activation_apply(&b, &c->act[1], sum));
}

static void step_forward(struct recurrent *c, uint32_t s) {
  struct value *h = hidden_before(c, s), r = {0};
  struct build b;
  if (given(h)) r = recurrent_dot(c, h, 0, linear(c) ? GATES : GATE_N);
  recurrent_map(c, &b, GATE_N);
  uint8_t sum = recurrent_sum(c, &b, s, &r, GATE_Z);
  *kept(c, s, KEPT_A) = build_end(&b, activation_apply(&b, &c->act[0], sum));
  if (linear(c)) {
    *kept(c, s, KEPT_R) = r;
    candidate_linear(c, s);
  } else {
    candidate_reset(c, s);
  }
  recurrent_map(c, &b, 0);
  uint8_t z = recurrent_only(c, &b, kept(c, s, KEPT_A), GATE_Z), y = recurrent_state(c, &b, kept(c, s, KEPT_N));
  if (given(h)) {
    uint8_t old = recurrent_state(c, &b, h), way = build_op2(&b, CANON_SUB, old, y);
    y = build_op(&b, CANON_FMA, z, way, y);
  } else {
    uint8_t one = build_f32(&b, 1), rest = build_op2(&b, CANON_SUB, one, z);
    y = build_op2(&b, CANON_MUL, rest, y);
  }
  *c->h[s] = build_end(&b, y);
}

static void gru_lower(struct graph *g, struct application *a) {
  static const enum activation_name absent[] = {ACTIVATION_SIGMOID, ACTIVATION_TANH};
  struct recurrent *c = recurrent_open(g, a, GATES, 2, absent, KEPT);
  for (uint32_t s = 0; c && s < c->steps && !emit_failed(g->e); s++) step_forward(c, s);
  if (c) recurrent_results(c, NULL);
}

/* What a step hands to the one before it: gradients of its hidden state, through R, of r times the hidden state. */
struct carried {
  struct value q, back, reset;
};

/* The part of a hidden state's gradient that comes from the step `behind`. */
static uint8_t from_behind(struct recurrent *c, struct build *b, uint32_t behind, struct carried *next, uint8_t sum) {
  if (given(&next->back)) {
    uint8_t more = recurrent_state(c, b, &next->back);
    sum = recurrent_plus(b, sum, more);
  }
  if (given(&next->q)) {
    uint8_t q = recurrent_state(c, b, &next->q), z = recurrent_only(c, b, kept(c, behind, KEPT_A), GATE_Z);
    sum = recurrent_plus(b, sum, build_op2(b, CANON_MUL, q, z));
  }
  if (given(&next->reset)) {
    uint8_t reset = recurrent_state(c, b, &next->reset), r = recurrent_only(c, b, kept(c, behind, KEPT_A), GATE_R);
    sum = recurrent_plus(b, sum, build_op2(b, CANON_MUL, reset, r));
  }
  return sum;
}

static struct value of_candidate(struct recurrent *c, uint32_t s, struct value *q) {
  struct build b;
  recurrent_map(c, &b, 0);
  uint8_t came = recurrent_state(c, &b, q), z = recurrent_only(c, &b, kept(c, s, KEPT_A), GATE_Z);
  uint8_t n = recurrent_state(c, &b, kept(c, s, KEPT_N)), one = build_f32(&b, 1);
  uint8_t rest = build_op2(&b, CANON_SUB, one, z), part = build_op2(&b, CANON_MUL, came, rest);
  uint8_t slope = activation_slope(&b, &c->act[1], n);
  return build_end(&b, build_op2(&b, CANON_MUL, part, slope));
}

/* Gradients of z's and r's sums, and with linear_before_reset of what R made for the candidate. */
static struct value of_gates(struct recurrent *c, uint32_t s, struct value *q, struct value *dn, struct value *reset) {
  struct value *h = hidden_before(c, s);
  struct build b;
  recurrent_map(c, &b, linear(c) ? GATES : GATE_N);
  uint8_t came = recurrent_state(c, &b, q), own = recurrent_gate(c, &b, kept(c, s, KEPT_A), 0);
  uint8_t n = recurrent_state(c, &b, kept(c, s, KEPT_N)), zero = build_f32(&b, 0), old = zero, to_r = zero;
  if (given(h)) old = recurrent_state(c, &b, h);
  uint8_t way = build_op2(&b, CANON_SUB, old, n), to_z = build_op2(&b, CANON_MUL, came, way);
  uint8_t slope = activation_slope(&b, &c->act[0], own), gate = build_op(&b, CANON_COORD, 1, 0, 0);
  to_z = build_op2(&b, CANON_MUL, to_z, slope);
  if (!linear(c)) {
    if (given(reset)) {
      uint8_t d = recurrent_state(c, &b, reset);
      to_r = build_op2(&b, CANON_MUL, d, old);
      to_r = build_op2(&b, CANON_MUL, to_r, slope);
    }
    return build_end(&b, build_op(&b, CANON_SEL, gate, to_r, to_z));
  }
  uint8_t d = recurrent_state(c, &b, dn), r = recurrent_only(c, &b, kept(c, s, KEPT_A), GATE_R);
  uint8_t in = inner(c, &b, kept(c, s, KEPT_R)), to_n = build_op2(&b, CANON_MUL, d, r);
  if (in != RECURRENT_NOTHING) {
    to_r = build_op2(&b, CANON_MUL, d, in);
    to_r = build_op2(&b, CANON_MUL, to_r, slope);
  }
  uint8_t number = build_i32(&b, GATE_N), last = build_op2(&b, CANON_IEQ, gate, number);
  uint8_t y = build_op(&b, CANON_SEL, gate, to_r, to_z);
  return build_end(&b, build_op(&b, CANON_SEL, last, to_n, y));
}

/* The gates' gradients for x: z and r of `gates`, the candidate's own. */
static struct value for_inputs(struct recurrent *c, struct value *gates, struct value *candidate) {
  const uint32_t dim[] = {c->steps, c->directions, GATES, c->batch, c->hidden};
  struct value shape = value_shaped(TAPE_F32, 5, dim, NULL);
  struct build b;
  build_map(&b, c->g->e, TAPE_F32, &shape);
  struct index at[] = {arrange_along(dim[0], 0), arrange_along(dim[1], 1), index_dim(2), arrange_along(dim[3], 3),
                       arrange_along(dim[4], 4)};
  uint8_t zr = build_read(&b, gates, at, 0);
  uint8_t n = build_read(&b, candidate, (struct index[]){at[0], at[1], at[3], at[4]}, 0);
  uint8_t gate = build_op(&b, CANON_COORD, 2, 0, 0), number = build_i32(&b, GATE_N);
  gate = build_op2(&b, CANON_IEQ, gate, number);
  return build_end(&b, build_op(&b, CANON_SEL, gate, n, zr));
}

/* R's gradient where z and r met the hidden state, and the candidate r times it. */
static struct value of_reset(struct recurrent *c, struct value *gates, struct value *candidate) {
  struct value **piece = arena_take(c->g->arena, c->steps, sizeof *piece), zr, n = {0}, all;
  if (!piece) emit_fail(c->g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
  if (emit_failed(c->g->e)) return (struct value){0};
  zr = recurrent_outer(c, &c->stack, true, gates, GATE_N);
  if (!given(&zr)) return zr;
  for (uint32_t s = 0; s < c->steps; s++) piece[s] = kept(c, s, KEPT_R);
  all = recurrent_stack(c, piece);
  struct value d = seen(candidate, 2);
  n = recurrent_outer(c, &all, false, &d, 1);
  struct build b;
  struct value shape = value_shaped(TAPE_F32, 4, c->r.dim, c->r.order);
  build_map(&b, c->g->e, TAPE_F32, &shape);
  struct index at[] = {arrange_along(c->directions, b.at[0]), index_dim(b.at[1]), arrange_along(c->hidden, b.at[2]),
                       arrange_along(c->hidden, b.at[3])};
  value_settle(c->g->e, &zr);
  uint8_t first = build_read(&b, &zr, at, 0);
  at[1] = index_fixed(0);
  uint8_t last = build_read(&b, &n, at, 0), gate = build_op(&b, CANON_COORD, b.at[1], 0, 0);
  uint8_t number = build_i32(&b, GATE_N);
  gate = build_op2(&b, CANON_IEQ, gate, number);
  return build_end(&b, build_op(&b, CANON_SEL, gate, last, first));
}

static void gru_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct recurrent *c = a->notes;
  struct value *room = arena_take(g->arena, 2 * (size_t)c->steps, sizeof *room);
  struct value **d = arena_take(g->arena, c->steps, sizeof *d), **dn = arena_take(g->arena, c->steps, sizeof *dn);
  struct carried next = {0};
  struct value dr = {0}, first = {0};
  struct build b;
  if (!d || !dn || !room) emit_fail(g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
  recurrent_arrive(c, dy);
  for (uint32_t s = c->steps; s-- > 0 && !emit_failed(g->e);) {
    struct carried now = {0};
    recurrent_map(c, &b, 0);
    uint8_t sum = recurrent_incoming(c, &b, s);
    now.q = build_end(&b, from_behind(c, &b, s + 1, &next, sum));
    d[s] = &room[2 * s];
    dn[s] = &room[2 * s + 1];
    *dn[s] = of_candidate(c, s, &now.q);
    if (!linear(c) && given(hidden_before(c, s)) && !emit_failed(g->e)) {
      struct value one = seen(dn[s], 1);
      now.reset = recurrent_back(c, &one, GATE_N, 1);
    }
    *d[s] = of_gates(c, s, &now.q, dn[s], &now.reset);
    if (s || graph_wants(g, a, RECURRENT_H)) now.back = recurrent_back(c, d[s], 0, linear(c) ? GATES : GATE_N);
    next = now;
  }
  if (emit_failed(g->e)) return;
  if (graph_wants(g, a, RECURRENT_H)) {
    recurrent_map(c, &b, 0);
    first = build_end(&b, from_behind(c, &b, 0, &next, RECURRENT_NOTHING));
  }
  struct value gates = recurrent_stack(c, d), candidate = recurrent_stack(c, dn);
  if (emit_failed(g->e)) return;
  struct value in = for_inputs(c, &gates, &candidate);
  if (graph_wants(g, a, RECURRENT_R))
    dr = linear(c) ? recurrent_outer(c, &c->stack, true, &gates, GATES) : of_reset(c, &gates, &candidate);
  recurrent_finish(c, &in, linear(c) ? &gates : &in, &dr, (struct value *[2]){&first, NULL});
}

const struct rule rules_gru[] = {{.op = "GRU",
                                  .opset_first = 7,
                                  .inputs_min = 3,
                                  .inputs_max = 6,
                                  .outputs_max = 2,
                                  .lower = gru_lower,
                                  .differentiate = gru_differentiate,
                                  .role = recurrent_role},
                                 {0}};
