/* layers: the records of dense and convolution layers, pools and AdamW, as a lowering would emit them. For tests and
 * benchmarks. */
#ifndef TAPE_STAGE_LAYERS_H
#define TAPE_STAGE_LAYERS_H
#include "tape/execute/stage/stage.h"

/* y (n, oh, ow, co), x (n, h, w, ci), f (kh, kw, ci, co) */
struct layer_shape {
  uint32_t n, h, w, ci, co, kh, kw, pad, stride, dilation;
};
uint32_t layer_out_h(const struct layer_shape *s);
uint32_t layer_out_w(const struct layer_shape *s);

struct stage_value layer_forward(struct stage *s, const struct layer_shape *l, struct stage_value x,
                                 struct stage_value f);
struct stage_value layer_filter_gradient(struct stage *s, const struct layer_shape *l, struct stage_value x,
                                         struct stage_value dy);
struct stage_value layer_input_gradient(struct stage *s, const struct layer_shape *l, struct stage_value dy,
                                        struct stage_value f);

/* The same three with channels that are two dims, group and place in it; f (kh, kw, ci / groups, co). */
struct stage_value layer_grouped_forward(struct stage *s, const struct layer_shape *l, uint32_t groups,
                                         struct stage_value x, struct stage_value f);
struct stage_value layer_grouped_filter_gradient(struct stage *s, const struct layer_shape *l, uint32_t groups,
                                                 struct stage_value x, struct stage_value dy);
struct stage_value layer_grouped_input_gradient(struct stage *s, const struct layer_shape *l, uint32_t groups,
                                                struct stage_value dy, struct stage_value f);

/* Max pool over kh x kw of x: value, first tap, and the gradient as a map with FLOOR reads (stride = kernel, no
 * padding), of a relu's output unless mask is NULL. ci = co. */
struct stage_value layer_max(struct stage *s, const struct layer_shape *l, struct stage_value x);
struct stage_value layer_first(struct stage *s, const struct layer_shape *l, struct stage_value x,
                               struct stage_value max, uint8_t dtype);
struct stage_value layer_max_gradient(struct stage *s, const struct layer_shape *l, struct stage_value first,
                                      struct stage_value dy, const struct stage_value *mask);

/* c[batch, m, n] = sum over k of a * b; a_turned: stored [k, m] instead of [m, k]; b_turned: [n, k] instead of [k, n].
 */
struct stage_value layer_product(struct stage *s, uint32_t batch, uint32_t m, uint32_t n, uint32_t k,
                                 struct stage_value a, bool a_turned, struct stage_value b, bool b_turned,
                                 bool b_first);

/* Writes m', v', w' of an AdamW step over entries of one shape. */
void layer_adamw(struct stage *s, uint32_t elements, struct stage_value w, struct stage_value m, struct stage_value v,
                 struct stage_value g, struct stage_value rates);

#endif
