/* LSTM, unrolled: gates in ONNX's order i, o, f, c. docs/lower.md 4.48. */
#include "model/lower/ops/recurrent.h"
#include "model/lower/ops/tables.h"

enum { GATE_I, GATE_O, GATE_F, GATE_C, GATES };
/* Of every step: i, o and f in one value; the candidate; the cell; what the hidden state takes of it. */
enum { KEPT_A, KEPT_G, KEPT_CELL, KEPT_U, KEPT };

static struct value *kept(const struct recurrent *c, uint32_t step, uint32_t what) {
  return &c->step[step * KEPT + what];
}
static struct value *hidden_before(struct recurrent *c, uint32_t step) { return step ? c->h[step - 1] : &c->first[0]; }
static struct value *cell_before(struct recurrent *c, uint32_t step) {
  return step ? kept(c, step - 1, KEPT_CELL) : &c->first[1];
}

/* Adds a peephole: what the gates see of a cell. P's rows are in the order i, o, f too. */
static uint8_t peeped(struct recurrent *c, struct build *b, uint8_t sum, struct value *cell, uint32_t gate) {
  if (!given(&c->p) || !given(cell)) return sum;
  uint8_t weight = recurrent_row(c, b, &c->p, gate), seen = recurrent_state(c, b, cell);
  weight = build_op2(b, CANON_MUL, weight, seen);
  return build_op2(b, CANON_ADD, sum, weight);
}

static void step_gates(struct recurrent *c, uint32_t s, struct value *r) {
  struct build b;
  recurrent_map(c, &b, GATES - 1);
  uint8_t sum = recurrent_sum(c, &b, s, r, GATE_I);
  sum = peeped(c, &b, sum, cell_before(c, s), GATE_I);
  *kept(c, s, KEPT_A) = build_end(&b, activation_apply(&b, &c->act[0], sum));
  recurrent_map(c, &b, 0);
  sum = recurrent_sum(c, &b, s, r, GATE_C);
  *kept(c, s, KEPT_G) = build_end(&b, activation_apply(&b, &c->act[1], sum));
}

/* With peepholes o looks at the cell that the others have just made. */
static void output_gate(struct recurrent *c, uint32_t s, struct value *r) {
  struct build b;
  if (!given(&c->p)) return;
  recurrent_map(c, &b, GATES - 1);
  uint8_t as_it_was = recurrent_gate(c, &b, kept(c, s, KEPT_A), GATE_I);
  uint8_t sum = recurrent_sum(c, &b, s, r, GATE_I);
  sum = peeped(c, &b, sum, kept(c, s, KEPT_CELL), GATE_I);
  uint8_t o = activation_apply(&b, &c->act[0], sum), gate = build_op(&b, CANON_COORD, 1, 0, 0);
  gate = build_op2(&b, CANON_IEQ, gate, build_i32(&b, GATE_O));
  *kept(c, s, KEPT_A) = build_end(&b, build_op(&b, CANON_SEL, gate, o, as_it_was));
}

static void step_forward(struct recurrent *c, uint32_t s) {
  struct value *h = hidden_before(c, s), *cell = cell_before(c, s), r = {0};
  struct build b;
  if (given(h)) r = recurrent_dot(c, h, 0, GATES);
  step_gates(c, s, &r);
  recurrent_map(c, &b, 0);
  uint8_t i = recurrent_gate(c, &b, kept(c, s, KEPT_A), GATE_I);
  uint8_t y = recurrent_state(c, &b, kept(c, s, KEPT_G));
  y = build_op2(&b, CANON_MUL, i, y);
  if (given(cell)) {
    uint8_t f = recurrent_gate(c, &b, kept(c, s, KEPT_A), GATE_F), old = recurrent_state(c, &b, cell);
    y = build_op(&b, CANON_FMA, f, old, y);
  }
  *kept(c, s, KEPT_CELL) = build_end(&b, y);
  output_gate(c, s, &r);
  recurrent_map(c, &b, 0);
  y = recurrent_state(c, &b, kept(c, s, KEPT_CELL));
  *kept(c, s, KEPT_U) = build_end(&b, activation_apply(&b, &c->act[2], y));
  recurrent_map(c, &b, 0);
  uint8_t o = recurrent_gate(c, &b, kept(c, s, KEPT_A), GATE_O);
  y = recurrent_state(c, &b, kept(c, s, KEPT_U));
  *c->h[s] = build_end(&b, build_op2(&b, CANON_MUL, o, y));
}

static void lstm_lower(struct graph *g, struct application *a) {
  static const enum activation_name absent[] = {ACTIVATION_SIGMOID, ACTIVATION_TANH, ACTIVATION_TANH};
  if (attribute_int(a->node, "input_forget", 0)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "couples the input and forget gates (input_forget 1)");
    return;
  }
  struct recurrent *c = recurrent_open(g, a, GATES, 3, absent, KEPT);
  for (uint32_t s = 0; c && s < c->steps && !emit_failed(g->e); s++) step_forward(c, s);
  if (c) recurrent_results(c, kept(c, c->steps - 1, KEPT_CELL));
}

/* What a step hands to the one before it. */
struct carried {
  struct value q, cell, d; /* gradients of the hidden state, the cell, the sums of the gates; not given at the end */
};

/* The gradient of a step's hidden state: from the outputs, and through R from the step behind. */
static struct value of_hidden(struct recurrent *c, uint32_t s, struct value *back) {
  struct build b;
  if (!recurrent_arrives(c, s)) return *back;
  recurrent_map(c, &b, 0);
  uint8_t sum = recurrent_incoming(c, &b, s);
  if (given(back)) {
    uint8_t more = recurrent_state(c, &b, back);
    sum = recurrent_plus(&b, sum, more);
  }
  return build_end(&b, sum);
}

/* Through the peepholes of the step behind: its i and f looked at this cell. */
static uint8_t peeped_back(struct recurrent *c, struct build *b, uint8_t sum, struct value *d, uint32_t gate) {
  uint8_t weight = recurrent_row(c, b, &c->p, gate), came = recurrent_gate(c, b, d, gate);
  return recurrent_plus(b, sum, build_op2(b, CANON_MUL, weight, came));
}

/* What the step behind says of the cell of step s (s = -1: of the first). */
static uint8_t cell_from_behind(struct recurrent *c, struct build *b, uint32_t behind, struct carried *next,
                                uint8_t sum) {
  if (!given(&next->cell)) return sum;
  uint8_t came = recurrent_state(c, b, &next->cell), f = recurrent_gate(c, b, kept(c, behind, KEPT_A), GATE_F);
  sum = recurrent_plus(b, sum, build_op2(b, CANON_MUL, came, f));
  if (!given(&c->p)) return sum;
  sum = peeped_back(c, b, sum, &next->d, GATE_I);
  return peeped_back(c, b, sum, &next->d, GATE_F);
}

static struct value of_cell(struct recurrent *c, uint32_t s, struct value *q, struct carried *next) {
  struct build b;
  uint8_t sum = RECURRENT_NOTHING;
  recurrent_map(c, &b, 0);
  if (given(q)) {
    uint8_t came = recurrent_state(c, &b, q), o = recurrent_gate(c, &b, kept(c, s, KEPT_A), GATE_O);
    uint8_t u = recurrent_state(c, &b, kept(c, s, KEPT_U)), through = build_op2(&b, CANON_MUL, came, o);
    uint8_t slope = activation_slope(&b, &c->act[2], u);
    sum = build_op2(&b, CANON_MUL, through, slope);
    if (given(&c->p)) {
      uint8_t weight = recurrent_row(c, &b, &c->p, GATE_O);
      through = build_op2(&b, CANON_MUL, came, u);
      slope = activation_slope(&b, &c->act[0], o);
      through = build_op2(&b, CANON_MUL, through, slope);
      sum = build_op2(&b, CANON_ADD, sum, build_op2(&b, CANON_MUL, through, weight));
    }
  }
  sum = cell_from_behind(c, &b, s + 1, next, sum);
  if (s == c->steps - 1 && !c->last[1].literal) {
    uint8_t more = recurrent_state(c, &b, &c->last[1]);
    sum = recurrent_plus(&b, sum, more);
  }
  return build_end(&b, sum);
}

/* Gradients of what the four functions were taken of. */
static struct value of_gates(struct recurrent *c, uint32_t s, struct value *q, struct value *dc) {
  struct value *before = cell_before(c, s);
  struct build b;
  recurrent_map(c, &b, GATES);
  uint8_t own = recurrent_gate(c, &b, kept(c, s, KEPT_A), 0), cell = recurrent_state(c, &b, dc);
  uint8_t candidate = recurrent_state(c, &b, kept(c, s, KEPT_G)), zero = build_f32(&b, 0);
  uint8_t i = recurrent_only(c, &b, kept(c, s, KEPT_A), GATE_I), to_o = zero, to_f = zero;
  uint8_t to_i = build_op2(&b, CANON_MUL, cell, candidate), to_c = build_op2(&b, CANON_MUL, cell, i);
  if (given(q)) {
    uint8_t came = recurrent_state(c, &b, q), u = recurrent_state(c, &b, kept(c, s, KEPT_U));
    to_o = build_op2(&b, CANON_MUL, came, u);
  }
  if (given(before)) {
    uint8_t old = recurrent_state(c, &b, before);
    to_f = build_op2(&b, CANON_MUL, cell, old);
  }
  uint8_t gate = build_op(&b, CANON_COORD, 1, 0, 0), at[GATES];
  for (uint8_t n = 0; n < GATES; n++) {
    uint8_t number = build_i32(&b, n);
    at[n] = build_op2(&b, CANON_IEQ, gate, number);
  }
  uint8_t left = build_op(&b, CANON_SEL, at[GATE_F], to_f, to_c);
  left = build_op(&b, CANON_SEL, at[GATE_O], to_o, left);
  left = build_op(&b, CANON_SEL, at[GATE_I], to_i, left);
  uint8_t slope_f = activation_slope(&b, &c->act[0], own), slope_g = activation_slope(&b, &c->act[1], candidate);
  uint8_t slope = build_op(&b, CANON_SEL, at[GATE_C], slope_g, slope_f);
  return build_end(&b, build_op2(&b, CANON_MUL, left, slope));
}

/* Peepholes: i and f met the cell before the step, o the one after it. */
static void peepholes(struct recurrent *c, struct value **d) {
  struct graph *g = c->g;
  const uint32_t dim[] = {c->directions, GATES - 1, c->hidden};
  struct value shape = value_shaped(TAPE_F32, 3, dim, NULL), sum = {0};
  for (uint32_t s = 0; s < c->steps && !emit_failed(g->e); s++) {
    struct value part[2] = {{0}};
    for (uint32_t n = 0; n < 2; n++) {
      struct value *cell = n ? kept(c, s, KEPT_CELL) : cell_before(c, s);
      const uint32_t out[] = {c->directions, n ? 1 : 2, c->hidden}, k[] = {c->batch};
      if (!given(cell)) continue;
      struct value y = value_shaped(TAPE_F32, 3, out, NULL);
      struct index gate = n ? index_fixed(GATE_O) : index_add(index_fixed(GATE_I), 1, GATE_F);
      struct build b;
      build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 3, out, 1, k, &y);
      build_read(&b, d[s],
                 (struct index[]){arrange_along(c->directions, 0), gate, arrange_along(c->batch, 3),
                                  arrange_along(c->hidden, 2)},
                 0);
      build_read(
          &b, cell,
          (struct index[]){arrange_along(c->directions, 0), arrange_along(c->batch, 3), arrange_along(c->hidden, 2)},
          0);
      part[n] = build_end(&b, 0);
    }
    struct build b;
    build_map(&b, g->e, TAPE_F32, &shape);
    struct index at[] = {arrange_along(c->directions, 0), index_fixed(0), arrange_along(c->hidden, 2)};
    uint8_t o = build_read(&b, &part[1], at, 0), others = build_f32(&b, 0);
    if (given(&part[0])) {
      at[1] = index_div(index_add(index_fixed(0), 1, 1), GATE_F, TAPE_FLOOR); /* 0 and 1 of gates 0 and 2 */
      others = build_read(&b, &part[0], at, 0);
    }
    uint8_t gate = build_op(&b, CANON_COORD, 1, 0, 0), number = build_i32(&b, GATE_O);
    gate = build_op2(&b, CANON_IEQ, gate, number);
    uint8_t y = build_op(&b, CANON_SEL, gate, o, others);
    if (given(&sum)) {
      uint8_t before = build_use(&b, &sum);
      y = build_op2(&b, CANON_ADD, before, y);
    }
    sum = build_end(&b, y);
  }
  graph_gradient(g, c->a, RECURRENT_P, value_merge(&sum, 1));
}

static void lstm_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct recurrent *c = a->notes;
  struct value **d = arena_take(g->arena, c->steps, sizeof *d), *room = arena_take(g->arena, c->steps, sizeof *room);
  struct value back = {0}, dr = {0}, first_cell = {0};
  struct carried next = {0};
  if (!d || !room) emit_fail(g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
  recurrent_arrive(c, dy);
  for (uint32_t s = c->steps; s-- > 0 && !emit_failed(g->e);) {
    struct value q = of_hidden(c, s, &back), cell = of_cell(c, s, &q, &next);
    room[s] = of_gates(c, s, &q, &cell);
    d[s] = &room[s];
    next = (struct carried){.q = q, .cell = cell, .d = room[s]};
    if (s || graph_wants(g, a, RECURRENT_H)) back = recurrent_back(c, d[s], 0, GATES);
  }
  if (emit_failed(g->e)) return;
  if (graph_wants(g, a, RECURRENT_C)) {
    struct build b;
    recurrent_map(c, &b, 0);
    first_cell = build_end(&b, cell_from_behind(c, &b, 0, &next, RECURRENT_NOTHING));
  }
  struct value all = recurrent_stack(c, d);
  if (graph_wants(g, a, RECURRENT_R)) dr = recurrent_outer(c, &c->stack, true, &all, GATES);
  recurrent_finish(c, &all, &all, &dr, (struct value *[2]){&back, &first_cell});
  if (graph_wants(g, a, RECURRENT_P)) peepholes(c, d);
}

const struct rule rules_lstm[] = {{.op = "LSTM",
                                   .opset_first = 7,
                                   .inputs_min = 3,
                                   .inputs_max = 8,
                                   .outputs_max = 3,
                                   .lower = lstm_lower,
                                   .differentiate = lstm_differentiate,
                                   .role = recurrent_role},
                                  {0}};
