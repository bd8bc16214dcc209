/* Attention: scores, what they may see, softmax, and the values they weigh. docs/lower.md 4.51. */
#include <inttypes.h>

#include "model/lower/ops/attention.h"
#include "model/lower/ops/tables.h"

enum { MODE_RAW, MODE_CAPPED, MODE_MASKED, MODE_WEIGHTS };

static bool empty_rows(const struct attention *t) {
  return graph_input(t->g, t->a, IN_MASK) || graph_input(t->g, t->a, IN_LENGTHS) || t->left >= 0 || t->right >= 0;
}

/* A record's dims: batch, group, head of the group, row, key. */
static struct value score_shape(const struct attention *t) {
  return value_shaped(TAPE_F32, 5, (uint32_t[]){t->batch, t->groups, t->per, t->rows, t->keys}, NULL);
}

/* The mask, broadcast from the right to [batch, heads, rows, keys]; keys that it does not reach are hidden. */
static bool mask_index(struct attention *t, const struct value *m, struct index *at) {
  const uint32_t whole[] = {t->batch, t->groups * t->per, t->rows, t->keys};
  bool fits = m->rank >= 1 && m->rank <= 4;
  for (uint8_t n = 0; fits && n < m->rank; n++) {
    uint32_t axis = 4u - m->rank + n, extent = m->dim[n];
    if (axis == 3) {
      at[n] = extent == whole[3] ? arrange_along(extent, 4) : index_dim(4);
      fits = extent <= whole[3];
    } else {
      at[n] = extent == 1 ? index_fixed(0) : axis == 0 ? index_dim(0) : index_dim(3);
      if (axis == 1 && extent > 1) {
        at[n] = index_fixed(0);
        if (t->groups > 1) at[n] = index_add(at[n], 1, (int32_t)t->per);
        if (t->per > 1) at[n] = index_add(at[n], 2, 1);
      }
      fits = extent == 1 || extent == whole[axis];
    }
  }
  if (!fits)
    graph_refuse(t->g, t->a, LOWER_ERR_SHAPE, "the mask is %s beside scores of %s", shape_text(m->rank, m->dim).text,
                 shape_text(4, whole).text);
  return fits;
}

enum { NO_REGISTER = 255 };

static uint8_t either(struct build *b, uint8_t x, uint8_t y) {
  return x == NO_REGISTER ? y : build_op2(b, CANON_IOR, x, y);
}

/* Adds a float mask to s, and says in *hide what must not be seen. */
static uint8_t masked(struct attention *t, struct build *b, uint8_t s, uint8_t *hide) {
  if (!graph_input(t->g, t->a, IN_MASK)) return s;
  struct value *m = graph_value(t->g, t->a, IN_MASK);
  struct index at[TAPE_RANK_MAX];
  if (!m || !mask_index(t, m, at)) return s;
  if (m->dtype != TAPE_F32) {
    uint8_t seen = build_read(b, m, at, 0), zero = build_i32(b, 0);
    *hide = either(b, *hide, build_op2(b, CANON_IEQ, seen, zero));
    return s;
  }
  uint8_t more = build_read(b, m, at, 0xff800000), none = build_word(b, 0xff800000);
  s = build_op2(b, CANON_ADD, s, more);
  *hide = either(b, *hide, build_op2(b, CANON_FEQ, more, none));
  return s;
}

/* What lies ahead of a row, too far from it, or beyond the keys that count. */
static bool hidden_places(struct attention *t, struct build *b, uint8_t *hide) {
  struct tensor *lengths = graph_input(t->g, t->a, IN_LENGTHS);
  uint8_t row, key, place = NO_REGISTER, length = NO_REGISTER;
  if (!t->causal && t->left < 0 && t->right < 0 && !lengths) return true;
  if (lengths) {
    struct value *n = graph_value(t->g, t->a, IN_LENGTHS);
    if (!n) return false;
    if (n->dtype == TAPE_F32 || n->rank != 1 || n->dim[0] != t->batch) {
      graph_refuse(t->g, t->a, LOWER_ERR_SHAPE, "nonpad_kv_seqlen is %s beside a batch of %" PRIu32,
                   shape_text(n->rank, n->dim).text, t->batch);
      return false;
    }
    struct index at = arrange_along(t->batch, 0);
    length = build_read(b, n, &at, 0);
  }
  key = build_op(b, CANON_COORD, 4, 0, 0);
  if (t->causal || t->left >= 0 || t->right >= 0) {
    row = build_op(b, CANON_COORD, 3, 0, 0);
    place = row;
    if (lengths) {
      uint8_t rows = build_i32(b, (int32_t)t->rows), offset = build_op2(b, CANON_ISUB, length, rows);
      place = build_op2(b, CANON_IADD, row, offset);
    } else if (t->past) {
      place = build_op2(b, CANON_IADD, row, build_i32(b, (int32_t)t->past));
    }
  }
  if (t->causal) *hide = either(b, *hide, build_op2(b, CANON_ILT, place, key));
  if (t->left >= 0) {
    uint8_t far = build_op2(b, CANON_IADD, key, build_i32(b, (int32_t)t->left));
    *hide = either(b, *hide, build_op2(b, CANON_ILT, far, place));
  }
  if (t->right >= 0) {
    uint8_t far = build_op2(b, CANON_IADD, place, build_i32(b, (int32_t)t->right));
    *hide = either(b, *hide, build_op2(b, CANON_ILT, far, key));
  }
  if (lengths) {
    uint8_t zero = build_i32(b, 0), counts = build_op2(b, CANON_ILT, key, length);
    *hide = either(b, *hide, build_op2(b, CANON_IEQ, counts, zero));
  }
  return true;
}

uint8_t attention_scaled(const struct attention *t, struct build *b, uint8_t p) {
  return build_op2(b, CANON_MUL, p, build_f32(b, t->scale));
}

uint8_t attention_bent(const struct attention *t, struct build *b, uint8_t s) {
  return build_op1(b, CANON_TANH, build_op2(b, CANON_DIV, s, build_f32(b, t->cap)));
}

static uint8_t capped(const struct attention *t, struct build *b, uint8_t s) {
  return t->cap > 0 ? build_op2(b, CANON_MUL, attention_bent(t, b, s), build_f32(b, t->cap)) : s;
}

struct value attention_products(struct attention *t, struct value *a, struct value *b) {
  const uint32_t out[] = {t->batch, t->groups, t->per, t->rows, t->keys}, k[] = {b->dim[3]};
  struct value shape = score_shape(t);
  struct build dot;
  build_free(&dot, t->g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 5, out, 1, k, &shape);
  build_read(&dot, a,
             (struct index[]){arrange_along(out[0], 0), arrange_along(out[1], 1), arrange_along(out[2], 2),
                              arrange_along(out[3], 3), arrange_along(k[0], 5)},
             0);
  build_read(&dot, b,
             (struct index[]){arrange_along(out[0], 0), arrange_along(out[1], 1), arrange_along(out[4], 4),
                              arrange_along(k[0], 5)},
             0);
  return build_end(&dot, 0);
}

static struct value scores(struct attention *t) {
  struct value shape = score_shape(t);
  uint8_t hide = NO_REGISTER;
  struct build b;
  build_map(&b, t->g->e, TAPE_F32, &shape);
  uint8_t s = attention_scaled(t, &b, build_use(&b, &t->p));
  s = capped(t, &b, s);
  s = masked(t, &b, s, &hide);
  if (!hidden_places(t, &b, &hide)) return shape;
  if (hide != NO_REGISTER) s = build_op(&b, CANON_SEL, hide, build_word(&b, 0xff800000), s);
  return build_end(&b, s);
}

/* exp(x - m), where a row that sees nothing counts from 0; *none: that it does. */
static uint8_t risen(const struct attention *t, struct build *b, struct value *x, struct value *m, uint8_t *none) {
  uint8_t in = build_use(b, x), most = build_use(b, m);
  if (empty_rows(t)) {
    uint8_t least = build_word(b, 0xff800000), zero = build_f32(b, 0);
    *none = build_op2(b, CANON_FEQ, most, least);
    most = build_op(b, CANON_SEL, *none, zero, most);
  }
  return build_op1(b, CANON_EXP, build_op2(b, CANON_SUB, in, most));
}

static struct value weights(struct attention *t, struct value *x) {
  struct build b;
  uint8_t none = NO_REGISTER;
  build_fold(&b, t->g->e, TAPE_FMAX, TAPE_F32, x, 1u << 4);
  struct value m = build_end(&b, build_use(&b, x));
  build_fold(&b, t->g->e, TAPE_LANES, TAPE_F32, x, 1u << 4);
  struct value z = build_end(&b, risen(t, &b, x, &m, &none));
  build_map(&b, t->g->e, TAPE_F32, x);
  uint8_t y = risen(t, &b, x, &m, &none), sum = build_use(&b, &z);
  y = build_op2(&b, CANON_DIV, y, sum);
  if (empty_rows(t)) y = build_op(&b, CANON_SEL, none, build_f32(&b, 0), y);
  return build_end(&b, y);
}

struct value attention_over_keys(struct attention *t, struct value *s, struct value *b, const uint8_t *order) {
  const uint32_t dim[] = {t->batch, t->groups, t->per, t->rows, b->dim[3]}, k[] = {t->keys};
  struct value like = value_shaped(TAPE_F32, 5, dim, order);
  uint8_t at[TAPE_RANK_MAX];
  struct build dot;
  arrange_dot(&dot, t->g->e, &like, 1, k, at);
  build_read(&dot, s,
             (struct index[]){arrange_along(dim[0], at[0]), arrange_along(dim[1], at[1]), arrange_along(dim[2], at[2]),
                              arrange_along(dim[3], at[3]), arrange_along(k[0], 5)},
             0);
  build_read(&dot, b,
             (struct index[]){arrange_along(dim[0], at[0]), arrange_along(dim[1], at[1]), arrange_along(k[0], 5),
                              arrange_along(dim[4], at[4])},
             0);
  like = build_end(&dot, 0);
  return attention_q_whole(t, &like);
}

/* Output 3: the scores as they were at some stage. */
static void show_scores(struct attention *t, struct value *x) {
  const struct tensor *shown = graph_output(t->g, t->a, 3);
  int64_t mode = attribute_int(t->a->node, "qk_matmul_output_mode", 0);
  struct value s = mode == MODE_MASKED ? *x : t->y;
  if (!shown || !shown->uses) return;
  if (mode == MODE_RAW || mode == MODE_CAPPED) {
    struct build b;
    build_map(&b, t->g->e, TAPE_F32, x);
    uint8_t in = attention_scaled(t, &b, build_use(&b, &t->p));
    s = build_end(&b, mode == MODE_CAPPED ? capped(t, &b, in) : in);
  } else if (mode != MODE_MASKED && mode != MODE_WEIGHTS) {
    graph_refuse(t->g, t->a, LOWER_ERR_UNSUPPORTED, "qk_matmul_output_mode is %" PRId64, mode);
    return;
  }
  graph_result_at(t->g, t->a, 3, value_merge(&s, 1));
}

static void attention_lower(struct graph *g, struct application *a) {
  static const uint8_t beside[] = {0, 3, 1, 2, 4}; /* [batch, rows, heads, size]: heads are put side by side next */
  struct attention *t = arena_take(g->arena, 1, sizeof *t);
  if (!t) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  *t = (struct attention){.g = g, .a = a};
  a->notes = t;
  if (!attention_read(t)) return;
  t->p = attention_products(t, &t->q, &t->k);
  struct value x = scores(t);
  if (emit_failed(g->e)) return;
  t->y = weights(t, &x);
  struct value y = attention_over_keys(t, &t->y, &t->v, beside);
  if (emit_failed(g->e)) return;
  graph_result_at(g, a, 0, y);
  graph_result_at(g, a, 1, t->k);
  graph_result_at(g, a, 2, t->v);
  show_scores(t, &x);
}

static void attention_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  if (n >= IN_MASK && g->tensor[a->input[n]].given->role != ONNX_ROLE_PARAMETER) role->kind = ROLE_CONSTANT;
}

const struct rule rules_attention[] = {{.op = "Attention",
                                        .opset_first = 23,
                                        .inputs_min = 3,
                                        .inputs_max = 7,
                                        .outputs_max = 4,
                                        .lower = attention_lower,
                                        .differentiate = attention_differentiate,
                                        .role = attention_role},
                                       {0}};
