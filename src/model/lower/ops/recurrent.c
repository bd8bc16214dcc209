#include "model/lower/ops/recurrent.h"

#include <inttypes.h>
#include <string.h>

/* v if memory is in this order already, else a copy that is. */
static struct value laid(struct recurrent *c, struct value *v, const uint8_t *order) {
  struct value turned = arrange_renamed(v, order), shape = value_shaped(TAPE_F32, v->rank, v->dim, order);
  struct build b;
  if (value_plain(&turned)) return *v;
  build_map(&b, c->g->e, TAPE_F32, &shape);
  uint8_t x = build_use(&b, v);
  return build_end(&b, x);
}

static bool zeros(const struct tensor *t) {
  if (t->v.literal) return (t->v.word & 0x7fffffff) == 0;
  if (t->parameter != GRAPH_NONE || !t->content || !t->content->f32) return false;
  for (uint64_t n = 0; n < t->content->count; n++)
    if (t->content->f32[n] != 0) return false;
  return true;
}

/* An operand of these dims in memory; not given if the node has none. */
static bool operand(struct recurrent *c, uint32_t n, const char *what, uint32_t rank, const uint32_t *dim,
                    struct value *out) {
  struct tensor *t = graph_input(c->g, c->a, n);
  *out = (struct value){0};
  if (!t) return true;
  struct value *v = float_value(c->g, c->a, n);
  if (!v) return false;
  bool fits = v->rank == rank;
  for (uint32_t a = 0; fits && a < rank; a++) fits = v->dim[a] == dim[a];
  if (!fits) {
    graph_refuse(c->g, c->a, LOWER_ERR_SHAPE, "%s is %s and should be %s", what, shape_text(v->rank, v->dim).text,
                 shape_text(rank, dim).text);
    return false;
  }
  if (v->literal) {
    struct build b;
    struct value shape = value_shaped(TAPE_F32, rank, dim, NULL);
    build_map(&b, c->g->e, TAPE_F32, &shape);
    *out = build_end(&b, build_word(&b, v->word));
  } else {
    value_settle(c->g->e, v);
    *out = *v;
  }
  return !emit_failed(c->g->e);
}

/* Every sequence has its full length; anything else would need a mask on every step. */
static bool full_lengths(struct recurrent *c) {
  if (!graph_input(c->g, c->a, RECURRENT_LENGTHS)) return true;
  const struct onnx_tensor *t = input_integers(c->g, c->a, RECURRENT_LENGTHS, "sequence_lens");
  if (!t) return false;
  for (uint64_t n = 0; n < t->count; n++)
    if (t->i64[n] != c->steps) {
      graph_refuse(c->g, c->a, LOWER_ERR_UNSUPPORTED,
                   "sequence_lens has %" PRId64 " beside %" PRIu32
                   " steps; lower 1 runs sequences of one length: leave "
                   "it out and pad, or mask the loss",
                   t->i64[n], c->steps);
      return false;
    }
  return true;
}

static bool first_state(struct recurrent *c, uint32_t n, const char *what, struct value *out) {
  static const uint8_t turn[] = {1, 0, 2};
  const uint32_t dim[] = {c->layout ? c->batch : c->directions, c->layout ? c->directions : c->batch, c->hidden};
  struct tensor *t = graph_input(c->g, c->a, n);
  *out = (struct value){0};
  if (!t || zeros(t)) return true;
  if (!operand(c, n, what, 3, dim, out)) return false;
  if (c->layout) *out = arrange_renamed(out, turn);
  return true;
}

static bool read_shapes(struct recurrent *c) {
  static const uint8_t turn[] = {1, 0, 2};
  struct graph *g = c->g;
  struct value *x = float_value(g, c->a, RECURRENT_X), *r = x ? float_value(g, c->a, RECURRENT_R) : NULL;
  const char *direction = attribute_text(c->a->node, "direction", "forward");
  if (!x || !r) return false;
  c->layout = attribute_int(c->a->node, "layout", 0) != 0;
  c->reverse = strcmp(direction, "reverse") == 0;
  c->directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1;
  if (c->directions == 1 && !c->reverse && strcmp(direction, "forward") != 0) {
    graph_refuse(g, c->a, LOWER_ERR_UNSUPPORTED, "runs in direction '%s'", direction);
    return false;
  }
  if (x->rank != 3 || r->rank != 3) {
    graph_refuse(g, c->a, LOWER_ERR_SHAPE, "X is %s and R %s; both have 3 axes", shape_text(x->rank, x->dim).text,
                 shape_text(r->rank, r->dim).text);
    return false;
  }
  c->hidden = r->dim[2];
  c->steps = x->dim[c->layout];
  c->batch = x->dim[!c->layout];
  c->inputs = x->dim[2];
  int64_t said = attribute_int(c->a->node, "hidden_size", c->hidden);
  if (said != c->hidden || c->hidden > INT32_MAX / 8) {
    graph_refuse(g, c->a, LOWER_ERR_SHAPE, "hidden_size is %" PRId64 " and R %s", said,
                 shape_text(r->rank, r->dim).text);
    return false;
  }
  if (c->steps > TAPE_RECORDS_MAX) {
    graph_refuse(g, c->a, LOWER_ERR_UNSUPPORTED,
                 "runs over %" PRIu32 " steps, each of which needs records of its own, and a tape has %d: cut the "
                 "sequences",
                 c->steps, TAPE_RECORDS_MAX);
    return false;
  }
  if (!operand(c, RECURRENT_X, "X", 3, (uint32_t[]){x->dim[0], x->dim[1], x->dim[2]}, &c->x)) return false;
  if (c->layout) c->x = arrange_renamed(&c->x, turn);
  return true;
}

static bool read_operands(struct recurrent *c) {
  uint32_t rows = c->gates * c->hidden;
  if (!operand(c, RECURRENT_W, "W", 3, (uint32_t[]){c->directions, rows, c->inputs}, &c->w) ||
      !operand(c, RECURRENT_R, "R", 3, (uint32_t[]){c->directions, rows, c->hidden}, &c->r) ||
      !operand(c, RECURRENT_B, "B", 2, (uint32_t[]){c->directions, 2 * rows}, &c->b) ||
      !first_state(c, RECURRENT_H, "initial_h", &c->first[0]) || !full_lengths(c))
    return false;
  if (c->gates == 4 && (!first_state(c, RECURRENT_C, "initial_c", &c->first[1]) ||
                        !operand(c, RECURRENT_P, "P", 2, (uint32_t[]){c->directions, 3 * c->hidden}, &c->p)))
    return false;
  c->w = value_split(&c->w, 1, c->gates);
  c->r = value_split(&c->r, 1, c->gates);
  if (given(&c->b)) {
    c->b = value_split(&c->b, 1, 2);
    c->b = value_split(&c->b, 2, c->gates);
  }
  if (given(&c->p)) c->p = value_split(&c->p, 1, 3);
  return true;
}

/* x W of every step and direction at once. */
static struct value inputs_dot(struct recurrent *c) {
  const uint32_t out[] = {c->steps, c->directions, c->gates, c->batch, c->hidden}, k[] = {c->inputs};
  struct value y = value_shaped(TAPE_F32, 5, out, NULL);
  struct build b;
  build_free(&b, c->g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 5, out, 1, k, &y);
  build_read(&b, &c->x,
             (struct index[]){arrange_along(c->steps, 0), arrange_along(c->batch, 3), arrange_along(c->inputs, 5)}, 0);
  build_read(&b, &c->w,
             (struct index[]){arrange_along(c->directions, 1), arrange_along(c->gates, 2), arrange_along(c->hidden, 4),
                              arrange_along(c->inputs, 5)},
             0);
  return build_end(&b, 0);
}

static struct value both_biases(struct recurrent *c) {
  const uint32_t dim[] = {c->directions, c->gates, c->hidden};
  struct value shape = value_shaped(TAPE_F32, 3, dim, NULL);
  struct index at[] = {arrange_along(c->directions, 0), index_fixed(0), arrange_along(c->gates, 1),
                       arrange_along(c->hidden, 2)};
  struct build b;
  build_map(&b, c->g->e, TAPE_F32, &shape);
  uint8_t w = build_read(&b, &c->b, at, 0);
  at[1] = index_fixed(1);
  uint8_t r = build_read(&b, &c->b, at, 0);
  return build_end(&b, build_op2(&b, CANON_ADD, w, r));
}

struct recurrent *recurrent_open(struct graph *g, struct application *a, uint32_t gates, uint32_t activations,
                                 const enum activation_name *absent, uint32_t each) {
  static const uint8_t rows_order[] = {0, 3, 1, 2};
  struct recurrent *c = arena_take(g->arena, 1, sizeof *c);
  if (!c) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return NULL;
  }
  *c = (struct recurrent){.g = g, .a = a, .gates = gates, .each = each};
  if (!read_shapes(c) || !read_operands(c) || !activation_read(g, a, activations, c->directions, absent, c->act))
    return NULL;
  if (g->mode == GRAPH_TRAIN)
    for (uint32_t n = 0; n < a->inputs_count; n++) c->training |= graph_wants(g, a, n);
  c->h = arena_take(g->arena, c->steps, sizeof *c->h);
  struct value *h = arena_take(g->arena, c->steps, sizeof *h);
  c->step = arena_take(g->arena, (size_t)c->steps * each, sizeof *c->step);
  if (!c->h || !h || !c->step) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return NULL;
  }
  for (uint32_t s = 0; s < c->steps; s++) c->h[s] = &h[s];
  c->rows = laid(c, &c->r, rows_order);
  if (given(&c->b)) c->bias = both_biases(c);
  c->xw = inputs_dot(c);
  a->notes = c;
  return emit_failed(g->e) ? NULL : c;
}

void recurrent_map(const struct recurrent *c, struct build *b, uint32_t gates) {
  const uint32_t with[] = {c->directions, gates, c->batch, c->hidden};
  const uint32_t without[] = {c->directions, c->batch, c->hidden};
  struct value shape = value_shaped(TAPE_F32, gates ? 4 : 3, gates ? with : without, NULL);
  build_map(b, c->g->e, TAPE_F32, &shape);
}

/* The axes of what is read: direction, gate, batch, hidden of the record. */
static struct index direction_of(const struct recurrent *c) { return arrange_along(c->directions, 0); }
static struct index batch_of(const struct recurrent *c, const struct build *b) {
  return arrange_along(c->batch, (uint8_t)(b->rank - 2));
}
static struct index hidden_of(const struct recurrent *c, const struct build *b) {
  return arrange_along(c->hidden, (uint8_t)(b->rank - 1));
}
static struct index gate_of(const struct build *b, uint32_t gate) {
  struct index i = index_fixed((int32_t)gate);
  return b->rank == 4 && b->shape[1] > 1 ? index_add(i, 1, 1) : i;
}
static struct index time_of(const struct recurrent *c, uint32_t step) {
  int32_t last = (int32_t)c->steps - 1, s = (int32_t)step;
  if (c->directions == 2) return index_add(index_fixed(s), 0, last - 2 * s);
  return index_fixed(c->reverse ? last - s : s);
}

uint8_t recurrent_state(const struct recurrent *c, struct build *b, struct value *v) {
  return build_read(b, v, (struct index[]){direction_of(c), batch_of(c, b), hidden_of(c, b)}, 0);
}

uint8_t recurrent_gate(const struct recurrent *c, struct build *b, struct value *v, uint32_t gate) {
  return build_read(b, v, (struct index[]){direction_of(c), gate_of(b, gate), batch_of(c, b), hidden_of(c, b)}, 0);
}

uint8_t recurrent_only(const struct recurrent *c, struct build *b, struct value *v, uint32_t gate) {
  struct index at[] = {direction_of(c), index_fixed((int32_t)gate), batch_of(c, b), hidden_of(c, b)};
  return build_read(b, v, at, 0);
}

uint8_t recurrent_row(const struct recurrent *c, struct build *b, struct value *v, uint32_t gate) {
  return build_read(b, v, (struct index[]){direction_of(c), gate_of(b, gate), hidden_of(c, b)}, 0);
}

uint8_t recurrent_half(struct recurrent *c, struct build *b, uint32_t half, uint32_t gate) {
  struct index at[] = {direction_of(c), index_fixed((int32_t)half), gate_of(b, gate), hidden_of(c, b)};
  return build_read(b, &c->b, at, 0);
}

uint8_t recurrent_xw(struct recurrent *c, struct build *b, uint32_t step, uint32_t gate) {
  struct index at[] = {time_of(c, step), direction_of(c), gate_of(b, gate), batch_of(c, b), hidden_of(c, b)};
  return build_read(b, &c->xw, at, 0);
}

uint8_t recurrent_plus(struct build *b, uint8_t sum, uint8_t x) {
  return sum == RECURRENT_NOTHING ? x : build_op2(b, CANON_ADD, sum, x);
}

uint8_t recurrent_sum(struct recurrent *c, struct build *b, uint32_t step, struct value *r, uint32_t gate) {
  uint8_t sum = recurrent_xw(c, b, step, gate);
  if (given(r)) {
    uint8_t more = recurrent_gate(c, b, r, gate);
    sum = build_op2(b, CANON_ADD, sum, more);
  }
  if (given(&c->bias)) {
    uint8_t more = recurrent_row(c, b, &c->bias, gate);
    sum = build_op2(b, CANON_ADD, sum, more);
  }
  return sum;
}

static struct index gates_from(uint32_t first, uint32_t count, uint8_t dim) {
  struct index i = index_fixed((int32_t)first);
  return count > 1 ? index_add(i, dim, 1) : i;
}

struct value recurrent_dot(struct recurrent *c, struct value *h, uint32_t first, uint32_t count) {
  const uint32_t out[] = {c->directions, count, c->batch, c->hidden}, k[] = {c->hidden};
  struct value y = value_shaped(TAPE_F32, 4, out, NULL);
  struct build b;
  build_free(&b, c->g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 4, out, 1, k, &y);
  build_read(&b, h, (struct index[]){direction_of(c), arrange_along(c->batch, 2), arrange_along(c->hidden, 4)}, 0);
  build_read(&b, &c->rows,
             (struct index[]){direction_of(c), gates_from(first, count, 1), arrange_along(c->hidden, 3),
                              arrange_along(c->hidden, 4)},
             0);
  return build_end(&b, 0);
}

struct value recurrent_back(struct recurrent *c, struct value *d, uint32_t first, uint32_t count) {
  static const uint8_t columns_order[] = {0, 1, 2, 3};
  const uint32_t out[] = {c->directions, c->batch, c->hidden}, k[] = {count, c->hidden};
  struct value y = value_shaped(TAPE_F32, 3, out, NULL);
  struct build b;
  if (!given(&c->columns)) c->columns = laid(c, &c->r, columns_order);
  build_free(&b, c->g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 3, out, 2, k, &y);
  build_read(&b, d,
             (struct index[]){direction_of(c), arrange_along(count, 3), arrange_along(c->batch, 1),
                              arrange_along(c->hidden, 4)},
             0);
  build_read(&b, &c->columns,
             (struct index[]){direction_of(c), gates_from(first, count, 3), arrange_along(c->hidden, 4),
                              arrange_along(c->hidden, 2)},
             0);
  return build_end(&b, 0);
}

/* Where the node's role is asked, nothing has a shape yet but initializers. */
void recurrent_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  const struct onnx_tensor *t = g->tensor[a->input[n]].given;
  int64_t hidden = attribute_int(a->node, "hidden_size", 0);
  if (n == RECURRENT_LENGTHS) role->kind = ROLE_CONSTANT;
  if ((n == RECURRENT_H || n == RECURRENT_C) && t->role != ONNX_ROLE_PARAMETER) role->kind = ROLE_CONSTANT;
  if ((n == RECURRENT_W || n == RECURRENT_R) && t->rank == 3) {
    role->order[1] = 2;
    role->order[2] = 1;
  }
  if ((n == RECURRENT_W || n == RECURRENT_R || n == RECURRENT_B) && hidden > 0) role->fan_in = (uint64_t)hidden;
}
