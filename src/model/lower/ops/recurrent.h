/* recurrent: what LSTM, GRU and RNN share: operands by direction and gate, one dot for the inputs of all steps, the
 * steps' values stacked in time's order, and the gradients of the weights as one dot over (time, batch).
 * docs/lower.md 4.46. Uses: activation, arrange, rule.
 *
 * Both directions of a bidirectional node share every record: step s of direction 1 looks at time steps - 1 - s. */
#ifndef LOWER_OPS_RECURRENT_H
#define LOWER_OPS_RECURRENT_H
#include "model/lower/ops/activation.h"
#include "model/lower/ops/arrange.h"

enum { RECURRENT_X, RECURRENT_W, RECURRENT_R, RECURRENT_B, RECURRENT_LENGTHS, RECURRENT_H, RECURRENT_C, RECURRENT_P };
enum { RECURRENT_NOTHING = 255 }; /* no register yet */

/* Values that the node does not have (no bias, a first state of zeros) are not `given`: rank 0 and no literal. */
struct recurrent {
  struct graph *g;
  struct application *a;
  uint32_t gates, directions, steps, batch, inputs, hidden;
  bool reverse, layout, training; /* training: gradients will be asked for */
  struct activation act[3];
  struct value x;             /* [steps, batch, inputs] */
  struct value w, r;          /* [directions, gates, hidden, inputs], [directions, gates, hidden, hidden] */
  struct value rows, columns; /* r as the dots of the steps want it in memory: forward, backward */
  struct value b, bias;       /* [directions, 2, gates, hidden]; both halves added, [directions, gates, hidden] */
  struct value p;             /* [directions, 3, hidden] */
  struct value first[2];      /* hidden and cell before the first step, [directions, batch, hidden] */
  struct value xw;            /* x times w, [steps, directions, gates, batch, hidden] */
  struct value stack;         /* hidden states by time, [steps, directions, batch, hidden] */
  struct value **h;           /* hidden state after each step, [directions, batch, hidden] */
  struct value *step;         /* what the operator keeps: `each` a step */
  uint32_t each;
  struct value dy, last[2]; /* backward: gradients of all hidden states by time, of the last, of the last cell */
};

/* recurrent_open reads attributes and operands and makes `rows`, `bias` and `xw`. It stays in the arena, as the node's
 * notes. NULL and refused: shapes that do not fit, what lower 1 does not know. */
struct recurrent *recurrent_open(struct graph *g, struct application *a, uint32_t gates, uint32_t activations,
                                 const enum activation_name *absent, uint32_t each);
static inline bool given(const struct value *v) { return v->literal || v->rank; }

/* A map over [directions, gates, batch, hidden], or with 0 gates over [directions, batch, hidden]. The reads below are
 * of a record with gates if count > 1 or it has a gate dim: gate + coordinate; else of that gate alone. */
void recurrent_map(const struct recurrent *c, struct build *b, uint32_t gates);
uint8_t recurrent_state(const struct recurrent *c, struct build *b, struct value *v); /* [directions, batch, hidden] */
uint8_t recurrent_gate(const struct recurrent *c, struct build *b, struct value *v, uint32_t gate);
uint8_t recurrent_only(const struct recurrent *c, struct build *b, struct value *v, uint32_t gate); /* one gate */
uint8_t recurrent_row(const struct recurrent *c, struct build *b, struct value *v, uint32_t gate);
uint8_t recurrent_half(struct recurrent *c, struct build *b, uint32_t half, uint32_t gate);
uint8_t recurrent_xw(struct recurrent *c, struct build *b, uint32_t step, uint32_t gate);
uint8_t recurrent_plus(struct build *b, uint8_t sum, uint8_t x);
/* What a gate's function is taken of: xw, the product with R if given, the bias if given. */
uint8_t recurrent_sum(struct recurrent *c, struct build *b, uint32_t step, struct value *r, uint32_t gate);

/* h [directions, batch, hidden] times gates first .. of R, [directions, count, batch, hidden]; and the adjoint of it,
 * the sum over those gates of d's. */
struct value recurrent_dot(struct recurrent *c, struct value *h, uint32_t first, uint32_t count);
struct value recurrent_back(struct recurrent *c, struct value *d, uint32_t first, uint32_t count);

/* One value [directions, ..] a step, as one [steps, directions, ..] by time. */
struct value recurrent_stack(const struct recurrent *c, struct value **piece);

/* Sets the outputs, and `stack` where something reads it. cell: its last state, or NULL. */
void recurrent_results(struct recurrent *c, struct value *cell);

/* Backward. recurrent_arrive turns the outputs' gradients to time, direction, batch, hidden. recurrent_incoming adds
 * what they say of the hidden state after a step; NOTHING where they say nothing. */
void recurrent_arrive(struct recurrent *c, struct value *dy);
bool recurrent_arrives(const struct recurrent *c, uint32_t step);
uint8_t recurrent_incoming(struct recurrent *c, struct build *b, uint32_t step);

/* recurrent_outer: the gradient of gates of R, in R's memory order, from the states that d [steps, directions, count,
 * batch, hidden] was made of: h by time, one step before (the first state stands before step 0), or of the same step.
 * recurrent_finish makes all gradients from d_in, of x W + b, from d_rec, of b's other half, and from dr, R's;
 * d_first: of the first states. */
struct value recurrent_outer(struct recurrent *c, struct value *h, bool before, struct value *d, uint32_t count);
void recurrent_finish(struct recurrent *c, struct value *d_in, struct value *d_rec, struct value *dr,
                      struct value *d_first[2]);

/* W, R and B start as PyTorch's do; first states train only where the file marks them. */
void recurrent_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role);

#endif
