/* RNN, unrolled: one gate whose function is the hidden state. docs/lower.md 4.50. */
#include "model/lower/ops/recurrent.h"
#include "model/lower/ops/tables.h"

static void rnn_lower(struct graph *g, struct application *a) {
  static const enum activation_name absent[] = {ACTIVATION_TANH};
  struct recurrent *c = recurrent_open(g, a, 1, 1, absent, 1);
  for (uint32_t s = 0; c && s < c->steps && !emit_failed(g->e); s++) {
    struct value *before = s ? c->h[s - 1] : &c->first[0], r = {0};
    struct build b;
    if (given(before)) r = recurrent_dot(c, before, 0, 1);
    recurrent_map(c, &b, 0);
    uint8_t sum = recurrent_sum(c, &b, s, &r, 0);
    *c->h[s] = build_end(&b, activation_apply(&b, &c->act[0], sum));
  }
  if (c) recurrent_results(c, NULL);
}

static void rnn_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct recurrent *c = a->notes;
  struct value **d = arena_take(g->arena, c->steps, sizeof *d), *room = arena_take(g->arena, c->steps, sizeof *room);
  struct value back = {0}, dr = {0};
  if (!d || !room) emit_fail(g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
  recurrent_arrive(c, dy);
  for (uint32_t s = c->steps; s-- > 0 && !emit_failed(g->e);) {
    struct build b;
    recurrent_map(c, &b, 1);
    uint8_t sum = recurrent_arrives(c, s) ? recurrent_incoming(c, &b, s) : RECURRENT_NOTHING;
    if (given(&back)) {
      uint8_t more = recurrent_state(c, &b, &back);
      sum = recurrent_plus(&b, sum, more);
    }
    uint8_t y = recurrent_state(c, &b, c->h[s]), slope = activation_slope(&b, &c->act[0], y);
    room[s] = build_end(&b, build_op2(&b, CANON_MUL, sum, slope));
    d[s] = &room[s];
    if (s || graph_wants(g, a, RECURRENT_H)) back = recurrent_back(c, d[s], 0, 1);
  }
  if (emit_failed(g->e)) return;
  struct value all = recurrent_stack(c, d);
  if (graph_wants(g, a, RECURRENT_R)) dr = recurrent_outer(c, &c->stack, true, &all, 1);
  recurrent_finish(c, &all, &all, &dr, (struct value *[2]){&back, NULL});
}

const struct rule rules_rnn[] = {{.op = "RNN",
                                  .opset_first = 7,
                                  .inputs_min = 3,
                                  .inputs_max = 6,
                                  .outputs_max = 2,
                                  .lower = rnn_lower,
                                  .differentiate = rnn_differentiate,
                                  .role = recurrent_role},
                                 {0}};
