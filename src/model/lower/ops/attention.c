/* Attention: scores, what they may see, softmax, and the values they weigh. docs/lower.md 4.51. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/arrange.h"
#include "model/lower/ops/tables.h"
#include "numeric/soft/soft.h"

enum { IN_Q, IN_K, IN_V, IN_MASK, IN_PAST_K, IN_PAST_V, IN_LENGTHS };
enum { MODE_RAW, MODE_CAPPED, MODE_MASKED, MODE_WEIGHTS };

/* Heads are groups (heads of K and V) of `per` heads of Q each. */
struct attention {
  struct graph *g;
  struct application *a;
  uint32_t batch, groups, per, rows, keys, past, size, v_size; /* keys: with those of the past */
  bool flat, causal;                                           /* flat: inputs of rank 3 */
  int64_t left, right;                                         /* -1: no bound */
  float scale, cap;                                            /* cap 0: none */
  struct value q;                                              /* [batch, groups, per, rows, size] */
  struct value k, v;                                           /* [batch, groups, keys, size] */
  struct value p, y; /* products of q and k; weights: [batch, groups, per, rows, keys] */
};

static bool empty_rows(const struct attention *t) {
  return graph_input(t->g, t->a, IN_MASK) || graph_input(t->g, t->a, IN_LENGTHS) || t->left >= 0 || t->right >= 0;
}

/* [batch, groups, per, length, size] of a tensor of Q's kind, [batch, groups, length, size] of one of K's. */
static struct value q_heads(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 3, 1, 4};
  struct value w;
  if (!t->flat) return value_split(v, 1, t->groups);
  w = value_split(v, 2, t->groups * t->per);
  w = value_split(&w, 2, t->groups);
  return arrange_renamed(&w, turn);
}

static struct value k_heads(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 1, 3};
  if (!t->flat) return *v;
  struct value w = value_split(v, 2, t->groups);
  return arrange_renamed(&w, turn);
}

static struct value q_whole(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 3, 1, 2, 4};
  struct value w;
  if (!t->flat) return value_merge(v, 1);
  w = arrange_renamed(v, turn);
  w = value_merge(&w, 3);
  return value_merge(&w, 2);
}

static struct value k_whole(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 1, 3};
  if (!t->flat) return *v;
  struct value w = arrange_renamed(v, turn);
  return value_merge(&w, 2);
}

static bool misfit(struct attention *t, const struct value *q, const struct value *k, const struct value *v) {
  graph_refuse(t->g, t->a, LOWER_ERR_SHAPE,
               "Q %s, K %s and V %s do not fit, with %" PRIu32 " heads of Q in each of %" PRIu32,
               shape_text(q->rank, q->dim).text, shape_text(k->rank, k->dim).text, shape_text(v->rank, v->dim).text,
               t->per, t->groups);
  return false;
}

static struct value *settled(struct attention *t, uint32_t n) {
  struct value *v = float_value(t->g, t->a, n);
  if (v && v->literal) {
    graph_refuse(t->g, t->a, LOWER_ERR_UNSUPPORTED, "input %" PRIu32 " is one number, known while lowering", n);
    return NULL;
  }
  if (v) value_settle(t->g->e, v);
  return v;
}

static bool read_heads(struct attention *t) {
  struct value *q = settled(t, IN_Q), *k = q ? settled(t, IN_K) : NULL, *v = k ? settled(t, IN_V) : NULL;
  const struct onnx_node *node = t->a->node;
  if (!q || !k || !v) return false;
  t->flat = q->rank == 3;
  t->groups = t->per = 1;
  if ((q->rank != 3 && q->rank != 4) || k->rank != q->rank || v->rank != q->rank) return misfit(t, q, k, v);
  int64_t q_heads_count = t->flat ? attribute_int(node, "q_num_heads", 0) : q->dim[1];
  int64_t kv_heads = t->flat ? attribute_int(node, "kv_num_heads", 0) : k->dim[1];
  if (q_heads_count < 1 || kv_heads < 1 || q_heads_count % kv_heads || q_heads_count > INT32_MAX) {
    graph_refuse(t->g, t->a, LOWER_ERR_SHAPE, "%" PRId64 " heads of Q and %" PRId64 " of K and V", q_heads_count,
                 kv_heads);
    return false;
  }
  t->groups = (uint32_t)kv_heads;
  t->per = (uint32_t)(q_heads_count / kv_heads);
  t->batch = q->dim[0];
  t->rows = q->dim[t->flat ? 1 : 2];
  t->keys = k->dim[t->flat ? 1 : 2];
  if (t->flat && (q->dim[2] % q_heads_count || k->dim[2] % t->groups || v->dim[2] % t->groups))
    return misfit(t, q, k, v);
  t->size = t->flat ? q->dim[2] / (uint32_t)q_heads_count : q->dim[3];
  t->v_size = t->flat ? v->dim[2] / t->groups : v->dim[3];
  if (k->dim[0] != t->batch || v->dim[0] != t->batch || v->dim[t->flat ? 1 : 2] != t->keys ||
      (t->flat ? k->dim[2] / t->groups : k->dim[3]) != t->size || (!t->flat && v->dim[1] != t->groups))
    return misfit(t, q, k, v);
  t->q = q_heads(t, q);
  t->k = k_heads(t, k);
  t->v = k_heads(t, v);
  return true;
}

/* Keys and values that were there before stand in front. */
static struct value joined(struct attention *t, struct value *past, struct value *now) {
  const uint32_t dim[] = {t->batch, t->groups, t->keys, now->dim[3]};
  struct value shape = value_shaped(TAPE_F32, 4, dim, NULL);
  struct build b;
  build_map(&b, t->g->e, TAPE_F32, &shape);
  struct index at[] = {arrange_along(dim[0], 0), arrange_along(dim[1], 1), index_dim(2), arrange_along(dim[3], 3)};
  uint8_t before = build_read(&b, past, at, 0);
  at[2] = index_add(index_fixed(-(int32_t)t->past), 2, 1);
  uint8_t after = build_read(&b, now, at, 0), number = build_i32(&b, (int32_t)t->past);
  uint8_t place = build_op(&b, CANON_COORD, 2, 0, 0);
  place = build_op2(&b, CANON_ILT, place, number);
  return build_end(&b, build_op(&b, CANON_SEL, place, before, after));
}

static bool read_past(struct attention *t) {
  if (!graph_input(t->g, t->a, IN_PAST_K) && !graph_input(t->g, t->a, IN_PAST_V)) return true;
  struct value *k = settled(t, IN_PAST_K), *v = k ? settled(t, IN_PAST_V) : NULL;
  if (!k || !v) return false;
  if (k->rank != 4 || v->rank != 4 || k->dim[0] != t->batch || v->dim[0] != t->batch || k->dim[1] != t->groups ||
      v->dim[1] != t->groups || k->dim[2] != v->dim[2] || k->dim[3] != t->size || v->dim[3] != t->v_size ||
      k->dim[2] > INT32_MAX - t->keys) {
    graph_refuse(t->g, t->a, LOWER_ERR_SHAPE, "past_key %s and past_value %s do not fit the keys",
                 shape_text(k->rank, k->dim).text, shape_text(v->rank, v->dim).text);
    return false;
  }
  t->past = k->dim[2];
  t->keys += t->past;
  t->k = joined(t, k, &t->k);
  t->v = joined(t, v, &t->v);
  return !emit_failed(t->g->e);
}

/* The default scale is 1 / sqrt(size), in the canon's own operations. */
static float usual_scale(uint32_t size) {
  float x = (float)size, one = 1, y;
  uint32_t word, unit;
  memcpy(&word, &x, sizeof word);
  memcpy(&unit, &one, sizeof unit);
  word = soft_apply(CANON_DIV, unit, soft_apply(CANON_SQRT, word, 0, 0), 0);
  memcpy(&y, &word, sizeof y);
  return y;
}

static bool read_attributes(struct attention *t) {
  const struct onnx_node *node = t->a->node;
  t->causal = attribute_int(node, "is_causal", 0) != 0;
  t->left = attribute_int(node, "left_window_size", -1);
  t->right = attribute_int(node, "right_window_size", -1);
  t->scale = attribute_float(node, "scale", usual_scale(t->size));
  t->cap = attribute_float(node, "softcap", 0);
  if (t->left >= -1 && t->left <= INT32_MAX / 4 && t->right >= -1 && t->right <= INT32_MAX / 4 &&
      t->rows < INT32_MAX / 4 && t->keys < INT32_MAX / 4)
    return true;
  graph_refuse(t->g, t->a, LOWER_ERR_UNSUPPORTED, "looks %" PRId64 " back and %" PRId64 " ahead", t->left, t->right);
  return false;
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

static uint8_t scaled(const struct attention *t, struct build *b, uint8_t p) {
  return build_op2(b, CANON_MUL, p, build_f32(b, t->scale));
}

/* tanh(s / cap), of which the capped score is cap times. */
static uint8_t bent(const struct attention *t, struct build *b, uint8_t s) {
  return build_op1(b, CANON_TANH, build_op2(b, CANON_DIV, s, build_f32(b, t->cap)));
}

static uint8_t capped(const struct attention *t, struct build *b, uint8_t s) {
  return t->cap > 0 ? build_op2(b, CANON_MUL, bent(t, b, s), build_f32(b, t->cap)) : s;
}

static struct value products(struct attention *t) {
  const uint32_t out[] = {t->batch, t->groups, t->per, t->rows, t->keys}, k[] = {t->size};
  struct value shape = score_shape(t);
  struct build b;
  build_free(&b, t->g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 5, out, 1, k, &shape);
  build_read(&b, &t->q,
             (struct index[]){arrange_along(out[0], 0), arrange_along(out[1], 1), arrange_along(out[2], 2),
                              arrange_along(out[3], 3), arrange_along(k[0], 5)},
             0);
  build_read(&b, &t->k,
             (struct index[]){arrange_along(out[0], 0), arrange_along(out[1], 1), arrange_along(out[4], 4),
                              arrange_along(k[0], 5)},
             0);
  return build_end(&b, 0);
}

static struct value scores(struct attention *t) {
  struct value shape = score_shape(t);
  uint8_t hide = NO_REGISTER;
  struct build b;
  build_map(&b, t->g->e, TAPE_F32, &shape);
  uint8_t s = scaled(t, &b, build_use(&b, &t->p));
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

/* The result lies [batch, rows, heads, size]: whoever puts the heads side by side finds them so. */
static struct value weighed(struct attention *t) {
  static const uint8_t order[] = {0, 3, 1, 2, 4};
  const uint32_t k[] = {t->keys};
  struct value like = value_shaped(TAPE_F32, 5, (uint32_t[]){t->batch, t->groups, t->per, t->rows, t->v_size}, order);
  uint8_t at[TAPE_RANK_MAX];
  struct build b;
  arrange_dot(&b, t->g->e, &like, 1, k, at);
  build_read(&b, &t->y,
             (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]),
                              arrange_along(t->per, at[2]), arrange_along(t->rows, at[3]), arrange_along(t->keys, 5)},
             0);
  build_read(&b, &t->v,
             (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]),
                              arrange_along(t->keys, 5), arrange_along(t->v_size, at[4])},
             0);
  like = build_end(&b, 0);
  return q_whole(t, &like);
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
    uint8_t in = scaled(t, &b, build_use(&b, &t->p));
    s = build_end(&b, mode == MODE_CAPPED ? capped(t, &b, in) : in);
  } else if (mode != MODE_MASKED && mode != MODE_WEIGHTS) {
    graph_refuse(t->g, t->a, LOWER_ERR_UNSUPPORTED, "qk_matmul_output_mode is %" PRId64, mode);
    return;
  }
  graph_result_at(t->g, t->a, 3, value_merge(&s, 1));
}

static void attention_lower(struct graph *g, struct application *a) {
  struct attention *t = arena_take(g->arena, 1, sizeof *t);
  if (!t) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  *t = (struct attention){.g = g, .a = a};
  a->notes = t;
  if (!read_heads(t) || !read_past(t) || !read_attributes(t)) return;
  t->p = products(t);
  struct value x = scores(t);
  if (emit_failed(g->e)) return;
  t->y = weights(t, &x);
  struct value y = weighed(t);
  if (emit_failed(g->e)) return;
  graph_result_at(g, a, 0, y);
  graph_result_at(g, a, 1, t->k);
  graph_result_at(g, a, 2, t->v);
  show_scores(t, &x);
}

/* The gradient of K or V, or of what stood in front of them: places from .. of the joined one. */
static struct value part_of(struct attention *t, struct value *d, uint32_t from, uint32_t count) {
  struct value shape = *d;
  struct build b;
  shape = value_shaped(TAPE_F32, 4, (uint32_t[]){d->dim[0], d->dim[1], count, d->dim[3]}, d->order);
  build_map(&b, t->g->e, TAPE_F32, &shape);
  struct index at[] = {arrange_along(d->dim[0], b.at[0]), arrange_along(d->dim[1], b.at[1]),
                       index_add(index_fixed((int32_t)from), b.at[2], count > 1), arrange_along(d->dim[3], b.at[3])};
  uint8_t x = build_read(&b, d, at, 0);
  return build_end(&b, x);
}

static void to_keys(struct attention *t, struct value *d, uint32_t now, uint32_t past) {
  if (!t->past) {
    graph_gradient(t->g, t->a, now, k_whole(t, d));
    return;
  }
  struct value part;
  if (graph_wants(t->g, t->a, past)) {
    part = part_of(t, d, 0, t->past);
    graph_gradient(t->g, t->a, past, part);
  }
  if (!graph_wants(t->g, t->a, now)) return;
  part = part_of(t, d, t->past, t->keys - t->past);
  if (t->flat) { /* lies [batch, groups, keys, size], and is to be [batch, keys, groups, size] */
    struct value turned = arrange_renamed(&part, (const uint8_t[]){0, 2, 1, 3});
    part = straightened(t->g, &turned);
    if (emit_failed(t->g->e)) return;
    part = value_merge(&part, 2);
  }
  graph_gradient(t->g, t->a, now, part);
}

/* Sum over rows and heads of a group of s[row, key] x[row, ..]: gradients of K and V, as they lie. */
static struct value over_rows(struct attention *t, struct value *s, struct value *x, const struct value *like) {
  const uint32_t k[] = {t->per, t->rows};
  struct value to = value_shaped(TAPE_F32, 4, like->dim, like->order);
  uint8_t at[TAPE_RANK_MAX];
  struct build b;
  arrange_dot(&b, t->g->e, &to, 2, k, at);
  build_read(&b, s,
             (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]), arrange_along(t->per, 4),
                              arrange_along(t->rows, 5), arrange_along(t->keys, at[2])},
             0);
  build_read(&b, x,
             (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]), arrange_along(t->per, 4),
                              arrange_along(t->rows, 5), arrange_along(like->dim[3], at[3])},
             0);
  return build_end(&b, 0);
}

static struct value of_weights(struct attention *t, struct value *dy) {
  const uint32_t out[] = {t->batch, t->groups, t->per, t->rows, t->keys}, k[] = {t->v_size};
  struct value shape = score_shape(t);
  struct build b;
  build_free(&b, t->g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 5, out, 1, k, &shape);
  build_read(&b, dy,
             (struct index[]){arrange_along(out[0], 0), arrange_along(out[1], 1), arrange_along(out[2], 2),
                              arrange_along(out[3], 3), arrange_along(k[0], 5)},
             0);
  build_read(&b, &t->v,
             (struct index[]){arrange_along(out[0], 0), arrange_along(out[1], 1), arrange_along(out[4], 4),
                              arrange_along(k[0], 5)},
             0);
  return build_end(&b, 0);
}

/* Softmax backward; with a mask that wants a gradient, that one on the way. Result: of the products q k. */
static struct value of_products(struct attention *t, struct value *dw) {
  struct graph *g = t->g;
  struct build b;
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, dw, 1u << 4);
  uint8_t d = build_use(&b, dw), y = build_use(&b, &t->y);
  struct value sum = build_end(&b, build_op2(&b, CANON_MUL, d, y)), ds;
  build_map(&b, g->e, TAPE_F32, dw);
  d = build_use(&b, dw);
  y = build_use(&b, &t->y);
  uint8_t less = build_use(&b, &sum);
  d = build_op2(&b, CANON_SUB, d, less);
  d = build_op2(&b, CANON_MUL, y, d);
  if (graph_wants(g, t->a, IN_MASK)) {
    ds = build_end(&b, d);
    struct value *mask = &graph_input(g, t->a, IN_MASK)->v, whole = value_merge(&ds, 1);
    if (mask->dim[mask->rank - 1] != t->keys) {
      graph_refuse(g, t->a, LOWER_ERR_UNSUPPORTED, "the mask trains and is shorter than the keys");
      return ds;
    }
    graph_gradient(g, t->a, IN_MASK, unbroadcast(g, &whole, mask));
    build_map(&b, g->e, TAPE_F32, dw);
    d = build_use(&b, &ds);
  }
  if (t->cap > 0) {
    uint8_t s = scaled(t, &b, build_use(&b, &t->p)), c = bent(t, &b, s), one = build_f32(&b, 1);
    c = build_op2(&b, CANON_MUL, c, c);
    c = build_op2(&b, CANON_SUB, one, c);
    d = build_op2(&b, CANON_MUL, d, c);
  }
  return build_end(&b, scaled(t, &b, d));
}

static void attention_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct attention *t = a->notes;
  for (uint32_t n = 1; n < a->outputs_count; n++)
    if (!dy[n].literal || dy[n].word) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "output %" PRIu32 " reaches the loss; only output 0 has a gradient", n);
      return;
    }
  if (dy[0].literal) {
    struct build b;
    build_map(&b, g->e, TAPE_F32, &graph_output(g, a, 0)->v);
    dy[0] = build_end(&b, build_word(&b, dy[0].word));
  }
  value_settle(g->e, &dy[0]);
  if (emit_failed(g->e)) return;
  struct value d = q_heads(t, &dy[0]), part;
  if (graph_wants(g, a, IN_V) || graph_wants(g, a, IN_PAST_V)) {
    part = over_rows(t, &t->y, &d, &t->v);
    to_keys(t, &part, IN_V, IN_PAST_V);
  }
  bool of_k = graph_wants(g, a, IN_K) || graph_wants(g, a, IN_PAST_K);
  if (emit_failed(g->e) || (!graph_wants(g, a, IN_Q) && !of_k && !graph_wants(g, a, IN_MASK))) return;
  struct value dw = of_weights(t, &d), ds = of_products(t, &dw);
  if (emit_failed(g->e)) return;
  if (graph_wants(g, a, IN_Q)) { /* sum over keys of ds[row, key] k[key, ..] */
    const uint32_t k[] = {t->keys};
    struct value like = value_shaped(TAPE_F32, 5, t->q.dim, t->q.order);
    uint8_t at[TAPE_RANK_MAX];
    struct build b;
    arrange_dot(&b, g->e, &like, 1, k, at);
    build_read(&b, &ds,
               (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]),
                                arrange_along(t->per, at[2]), arrange_along(t->rows, at[3]), arrange_along(t->keys, 5)},
               0);
    build_read(&b, &t->k,
               (struct index[]){arrange_along(t->batch, at[0]), arrange_along(t->groups, at[1]),
                                arrange_along(t->keys, 5), arrange_along(t->size, at[4])},
               0);
    like = build_end(&b, 0);
    graph_gradient(g, a, IN_Q, q_whole(t, &like));
  }
  if (of_k) {
    part = over_rows(t, &ds, &t->q, &t->k);
    to_keys(t, &part, IN_K, IN_PAST_K);
  }
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
