/* Attention's inputs and attributes, and its tensors by heads. docs/lower.md 4.51. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/attention.h"
#include "numeric/soft/soft.h"

struct value attention_q_heads(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 3, 1, 4};
  struct value w;
  if (!t->flat) return value_split(v, 1, t->groups);
  w = value_split(v, 2, t->groups * t->per);
  w = value_split(&w, 2, t->groups);
  return arrange_renamed(&w, turn);
}

struct value attention_k_heads(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 2, 1, 3};
  if (!t->flat) return *v;
  struct value w = value_split(v, 2, t->groups);
  return arrange_renamed(&w, turn);
}

struct value attention_q_whole(const struct attention *t, const struct value *v) {
  static const uint8_t turn[] = {0, 3, 1, 2, 4};
  struct value w;
  if (!t->flat) return value_merge(v, 1);
  w = arrange_renamed(v, turn);
  w = value_merge(&w, 3);
  return value_merge(&w, 2);
}

struct value attention_k_whole(const struct attention *t, const struct value *v) {
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
  t->q = attention_q_heads(t, q);
  t->k = attention_k_heads(t, k);
  t->v = attention_k_heads(t, v);
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

bool attention_read(struct attention *t) { return read_heads(t) && read_past(t) && read_attributes(t); }
