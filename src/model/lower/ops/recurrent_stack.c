/* The steps' values in time's order, the node's outputs, and the gradients that need all steps at once.
 * docs/lower.md 4.46, 4.47. */
#include <string.h>

#include "model/lower/ops/recurrent.h"

enum { WIDTH = TAPE_OPERANDS_MAX };

static struct value wider(const struct value *v, uint32_t count) {
  uint32_t dim[TAPE_RANK_MAX] = {count};
  memcpy(dim + 1, v->dim, v->rank * sizeof dim[0]);
  return value_shaped(TAPE_F32, v->rank + 1u, dim, NULL);
}

/* reg[i] where coordinate 0 is i. */
static uint8_t chosen(struct build *b, const uint8_t *reg, uint32_t count) {
  uint8_t y = reg[count - 1];
  for (uint32_t i = count - 1; i-- > 0;) {
    uint8_t number = build_i32(b, (int32_t)i), at = build_op(b, CANON_COORD, 0, 0, 0);
    at = build_op2(b, CANON_IEQ, at, number);
    y = build_op(b, CANON_SEL, at, reg[i], y);
  }
  return y;
}

/* Times from .. from + count - 1 of the steps' values. */
static struct value block(const struct recurrent *c, struct value **piece, uint32_t from, uint32_t count) {
  struct value shape = wider(piece[0], count);
  uint8_t ahead[WIDTH], back[WIDTH], y;
  struct build b;
  build_map(&b, c->g->e, TAPE_F32, &shape);
  for (uint32_t i = 0; i < count; i++) ahead[i] = build_use(&b, piece[c->reverse ? c->steps - 1 - from - i : from + i]);
  if (c->directions == 1) return build_end(&b, chosen(&b, ahead, count));
  for (uint32_t i = 0; i < count; i++) back[i] = build_use(&b, piece[c->steps - 1 - from - i]);
  uint8_t forward = chosen(&b, ahead, count), backward = chosen(&b, back, count);
  y = build_op(&b, CANON_COORD, 1, 0, 0);
  return build_end(&b, build_op(&b, CANON_SEL, y, backward, forward));
}

/* Values with the same dims but the first, one behind the other. */
static struct value behind(const struct recurrent *c, struct value *v, uint32_t count) {
  uint32_t start[WIDTH + 1] = {0};
  uint8_t reg[WIDTH];
  struct build b;
  for (uint32_t n = 0; n < count; n++) start[n + 1] = start[n] + v[n].dim[0];
  struct value shape = v[0];
  shape = value_shaped(TAPE_F32, v[0].rank, v[0].dim, NULL);
  shape.dim[0] = start[count];
  build_map(&b, c->g->e, TAPE_F32, &shape);
  for (uint32_t n = 0; n < count; n++) {
    struct index at[TAPE_RANK_MAX];
    at[0] = index_add(index_fixed(-(int32_t)start[n]), 0, 1);
    for (uint8_t a = 1; a < v[n].rank; a++) at[a] = arrange_along(v[n].dim[a], a);
    reg[n] = build_read(&b, &v[n], at, 0);
  }
  uint8_t y = reg[count - 1];
  for (uint32_t n = count - 1; n-- > 0;) {
    uint8_t end = build_i32(&b, (int32_t)start[n + 1]), at = build_op(&b, CANON_COORD, 0, 0, 0);
    at = build_op2(&b, CANON_ILT, at, end);
    y = build_op(&b, CANON_SEL, at, reg[n], y);
  }
  return build_end(&b, y);
}

struct value recurrent_stack(const struct recurrent *c, struct value **piece) {
  uint32_t width = WIDTH / c->directions, count = 0;
  struct value *v = arena_take(c->g->arena, c->steps / width + 1, sizeof *v), one = wider(piece[0], 1);
  if (!v) emit_fail(c->g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  if (emit_failed(c->g->e)) return one;
  if (c->steps == 1) {
    one.space = piece[0]->space;
    one.first_leaf = piece[0]->first_leaf;
    return one;
  }
  for (uint32_t from = 0; from < c->steps; from += width)
    v[count++] = block(c, piece, from, c->steps - from < width ? c->steps - from : width);
  while (count > 1) {
    uint32_t fewer = 0;
    for (uint32_t n = 0; n < count; n += WIDTH) {
      uint32_t here = count - n < WIDTH ? count - n : WIDTH;
      v[fewer++] = here == 1 ? v[n] : behind(c, v + n, here);
    }
    count = fewer;
  }
  return v[0];
}

/* Axes in the order that the node's layout has, and back. */
static struct value outward(const struct recurrent *c, const struct value *v) {
  static const uint8_t all[] = {2, 0, 1, 3}, last[] = {1, 0, 2};
  return c->layout ? arrange_renamed(v, v->rank == 4 ? all : last) : *v;
}

static struct value inward(const struct recurrent *c, const struct value *v) {
  static const uint8_t all[] = {1, 2, 0, 3}, last[] = {1, 0, 2};
  return c->layout && !v->literal ? arrange_renamed(v, v->rank == 4 ? all : last) : *v;
}

void recurrent_results(struct recurrent *c, struct value *cell) {
  const struct tensor *y = graph_output(c->g, c->a, 0);
  if (emit_failed(c->g->e)) return;
  bool needs_r = c->training && graph_wants(c->g, c->a, RECURRENT_R) && c->steps > 1;
  if ((y && y->uses) || needs_r) c->stack = recurrent_stack(c, c->h);
  if (given(&c->stack)) graph_result_at(c->g, c->a, 0, outward(c, &c->stack));
  graph_result_at(c->g, c->a, 1, outward(c, c->h[c->steps - 1]));
  if (cell) graph_result_at(c->g, c->a, 2, outward(c, cell));
}

void recurrent_arrive(struct recurrent *c, struct value *dy) {
  for (uint32_t n = 0; n < c->a->outputs_count; n++) {
    const struct tensor *y = graph_output(c->g, c->a, n);
    if (dy[n].literal && dy[n].word && y) { /* the same number everywhere */
      struct build b;
      build_map(&b, c->g->e, TAPE_F32, &y->v);
      dy[n] = build_end(&b, build_word(&b, dy[n].word));
    }
    value_settle(c->g->e, &dy[n]);
  }
  c->dy = c->a->outputs_count > 0 ? inward(c, &dy[0]) : value_f32(0);
  for (uint32_t n = 0; n < 2; n++) c->last[n] = c->a->outputs_count > 1 + n ? inward(c, &dy[1 + n]) : value_f32(0);
}

bool recurrent_arrives(const struct recurrent *c, uint32_t step) {
  return !c->dy.literal || (step == c->steps - 1 && !c->last[0].literal);
}

uint8_t recurrent_incoming(struct recurrent *c, struct build *b, uint32_t step) {
  uint8_t sum = RECURRENT_NOTHING;
  int32_t end = (int32_t)c->steps - 1, s = (int32_t)step;
  if (!c->dy.literal) {
    struct index time =
        c->directions == 2 ? index_add(index_fixed(s), 0, end - 2 * s) : index_fixed(c->reverse ? end - s : s);
    sum = build_read(b, &c->dy,
                     (struct index[]){time, arrange_along(c->directions, 0),
                                      arrange_along(c->batch, (uint8_t)(b->rank - 2)),
                                      arrange_along(c->hidden, (uint8_t)(b->rank - 1))},
                     0);
  }
  if (s == end && !c->last[0].literal) {
    uint8_t more = recurrent_state(c, b, &c->last[0]);
    sum = recurrent_plus(b, sum, more);
  }
  return sum;
}

struct value recurrent_outer(struct recurrent *c, struct value *h, bool before, struct value *d, uint32_t count) {
  struct value like = c->r, rest = {0}, start = {0};
  struct build b;
  uint8_t at[TAPE_RANK_MAX];
  like.dim[1] = count;
  like = value_shaped(TAPE_F32, 4, like.dim, like.order);
  uint32_t steps = c->steps - before;
  if (steps) {
    const uint32_t k[] = {steps, c->batch};
    arrange_dot(&b, c->g->e, &like, 2, k, at);
    struct index of_h = arrange_along(steps, 4), of_d = arrange_along(steps, 4);
    if (before && c->directions == 2) { /* h at time t + d, its successor at t + 1 - d */
      of_h = index_add(of_h, at[0], 1);
      of_d = index_add(index_add(index_fixed(1), at[0], -1), 4, steps > 1);
    } else if (before) {
      (c->reverse ? &of_h : &of_d)->offset = 1;
    }
    build_read(&b, h,
               (struct index[]){of_h, arrange_along(c->directions, at[0]), arrange_along(c->batch, 5),
                                arrange_along(c->hidden, at[3])},
               0);
    build_read(&b, d,
               (struct index[]){of_d, arrange_along(c->directions, at[0]), arrange_along(count, at[1]),
                                arrange_along(c->batch, 5), arrange_along(c->hidden, at[2])},
               0);
    rest = build_end(&b, 0);
  }
  if (before && given(&c->first[0])) {
    const uint32_t k[] = {c->batch};
    int32_t end = (int32_t)c->steps - 1;
    arrange_dot(&b, c->g->e, &like, 1, k, at);
    struct index time = c->directions == 2 ? index_add(index_fixed(0), at[0], end) : index_fixed(c->reverse ? end : 0);
    build_read(&b, &c->first[0],
               (struct index[]){arrange_along(c->directions, at[0]), arrange_along(c->batch, 4),
                                arrange_along(c->hidden, at[3])},
               0);
    build_read(&b, d,
               (struct index[]){time, arrange_along(c->directions, at[0]), arrange_along(count, at[1]),
                                arrange_along(c->batch, 4), arrange_along(c->hidden, at[2])},
               0);
    start = build_end(&b, 0);
  }
  if (!given(&start)) return rest;
  return given(&rest) ? emit_add(c->g->e, (struct value *[]){&rest, &start}, 2) : start;
}

/* Sum over time and batch, [directions, gates, hidden]. */
static struct value summed(const struct recurrent *c, struct value *d) {
  const uint32_t out[] = {c->directions, c->gates, c->hidden}, k[] = {c->steps, c->batch};
  struct value y = value_shaped(TAPE_F32, 3, out, NULL);
  struct build b;
  build_free(&b, c->g->e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, 3, out, 2, k, &y);
  uint8_t x =
      build_read(&b, d,
                 (struct index[]){arrange_along(c->steps, 3), arrange_along(c->directions, 0),
                                  arrange_along(c->gates, 1), arrange_along(c->batch, 4), arrange_along(c->hidden, 2)},
                 0);
  return build_end(&b, x);
}

static void weights(struct recurrent *c, struct value *d) {
  const uint32_t k[] = {c->steps, c->batch};
  struct value like = value_shaped(TAPE_F32, 4, c->w.dim, c->w.order);
  uint8_t at[TAPE_RANK_MAX];
  struct build b;
  arrange_dot(&b, c->g->e, &like, 2, k, at);
  build_read(&b, &c->x,
             (struct index[]){arrange_along(c->steps, 4), arrange_along(c->batch, 5), arrange_along(c->inputs, at[3])},
             0);
  build_read(&b, d,
             (struct index[]){arrange_along(c->steps, 4), arrange_along(c->directions, at[0]),
                              arrange_along(c->gates, at[1]), arrange_along(c->batch, 5),
                              arrange_along(c->hidden, at[2])},
             0);
  like = build_end(&b, 0);
  graph_gradient(c->g, c->a, RECURRENT_W, value_merge(&like, 1));
}

static void biases(struct recurrent *c, struct value *d_in, struct value *d_rec) {
  const uint32_t dim[] = {c->directions, 2, c->gates, c->hidden};
  struct value shape = value_shaped(TAPE_F32, 4, dim, NULL), in = summed(c, d_in), rec = {0};
  struct index at[] = {arrange_along(c->directions, 0), arrange_along(c->gates, 2), arrange_along(c->hidden, 3)};
  bool two = d_rec != d_in;
  struct build b;
  if (two) rec = summed(c, d_rec);
  build_map(&b, c->g->e, TAPE_F32, &shape);
  uint8_t y = build_read(&b, &in, at, 0);
  if (two) {
    uint8_t other = build_read(&b, &rec, at, 0), half = build_op(&b, CANON_COORD, 1, 0, 0);
    y = build_op(&b, CANON_SEL, half, other, y);
  }
  shape = build_end(&b, y);
  shape = value_merge(&shape, 2);
  graph_gradient(c->g, c->a, RECURRENT_B, value_merge(&shape, 1));
}

static void inputs(struct recurrent *c, struct value *d) {
  static const uint8_t turn[] = {1, 0, 2};
  const uint32_t k[] = {c->directions, c->gates, c->hidden};
  struct value like = value_shaped(TAPE_F32, 3, c->x.dim, c->x.order), dx;
  uint8_t at[TAPE_RANK_MAX];
  struct build b;
  arrange_dot(&b, c->g->e, &like, 3, k, at);
  build_read(&b, d,
             (struct index[]){arrange_along(c->steps, at[0]), arrange_along(c->directions, 3),
                              arrange_along(c->gates, 4), arrange_along(c->batch, at[1]), arrange_along(c->hidden, 5)},
             0);
  build_read(&b, &c->w,
             (struct index[]){arrange_along(c->directions, 3), arrange_along(c->gates, 4), arrange_along(c->hidden, 5),
                              arrange_along(c->inputs, at[2])},
             0);
  dx = build_end(&b, 0);
  if (c->layout) dx = arrange_renamed(&dx, turn);
  graph_gradient(c->g, c->a, RECURRENT_X, dx);
}

void recurrent_finish(struct recurrent *c, struct value *d_in, struct value *d_rec, struct value *dr,
                      struct value *d_first[2]) {
  struct graph *g = c->g;
  if (emit_failed(g->e)) return;
  if (graph_wants(g, c->a, RECURRENT_W)) weights(c, d_in);
  if (graph_wants(g, c->a, RECURRENT_R) && given(dr)) {
    value_settle(g->e, dr);
    graph_gradient(g, c->a, RECURRENT_R, value_merge(dr, 1));
  }
  if (graph_wants(g, c->a, RECURRENT_B)) biases(c, d_in, d_rec);
  if (graph_wants(g, c->a, RECURRENT_X)) inputs(c, d_in);
  for (uint32_t n = 0; n < 2; n++)
    if (d_first[n] && graph_wants(g, c->a, RECURRENT_H + n))
      graph_gradient(g, c->a, RECURRENT_H + n, outward(c, d_first[n]));
}
