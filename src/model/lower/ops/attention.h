/* attention: what the files of the operator Attention share. Private to them. docs/lower.md 4.51. Uses: arrange, rule.
 */
#ifndef LOWER_OPS_ATTENTION_H
#define LOWER_OPS_ATTENTION_H
#include "model/lower/ops/arrange.h"
#include "model/lower/rule.h"

enum { IN_Q, IN_K, IN_V, IN_MASK, IN_PAST_K, IN_PAST_V, IN_LENGTHS };

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

/* attention_read fills t, of which g and a are set, but for p and y; K and V have their past in front of them. False:
 * refused, or emitting failed. */
bool attention_read(struct attention *t);

/* Views by heads of tensors as the node has them, and back: [batch, groups, per, length, size] of one of Q's kind,
 * [batch, groups, length, size] of one of K's. */
struct value attention_q_heads(const struct attention *t, const struct value *v);
struct value attention_k_heads(const struct attention *t, const struct value *v);
struct value attention_q_whole(const struct attention *t, const struct value *v);
struct value attention_k_whole(const struct attention *t, const struct value *v);

/* Products of a's rows and b's keys, [batch, groups, per, rows, keys]: a dot over the size, the last axis of both. */
struct value attention_products(struct attention *t, struct value *a, struct value *b);
/* The sum over keys of s[row, key] b[key, ..], in this order of axes in memory, as the node has a tensor of Q's kind.
 */
struct value attention_over_keys(struct attention *t, struct value *s, struct value *b, const uint8_t *order);

/* A register of products as scores; and of scores s as tanh(s / cap), of which the capped score is cap times. */
uint8_t attention_scaled(const struct attention *t, struct build *b, uint8_t p);
uint8_t attention_bent(const struct attention *t, struct build *b, uint8_t s);

/* The rule's backward pass; its notes are the struct attention of the forward one. */
void attention_differentiate(struct graph *g, struct application *a, struct value *dy);

#endif
