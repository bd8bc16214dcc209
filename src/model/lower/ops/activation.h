/* activation: the functions that recurrent nodes name in an attribute, as body operations, with derivatives that need
 * only the result. docs/lower.md 4.45. Uses: rule. */
#ifndef LOWER_OPS_ACTIVATION_H
#define LOWER_OPS_ACTIVATION_H
#include "model/lower/rule.h"

enum activation_name {
  ACTIVATION_SIGMOID,
  ACTIVATION_TANH,
  ACTIVATION_RELU,
  ACTIVATION_AFFINE,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_THRESHOLDED_RELU,
  ACTIVATION_SCALED_TANH,
  ACTIVATION_HARD_SIGMOID,
  ACTIVATION_ELU,
  ACTIVATION_SOFTSIGN,
  ACTIVATION_SOFTPLUS
};
struct activation {
  enum activation_name name;
  float alpha, beta;
  float clip; /* 0: none; else the argument is held within -clip and clip */
};

/* activation_read fills out[count] from the attributes activations, activation_alpha, activation_beta and clip;
 * `absent` names the defaults. With two directions both must name the same. False and refused otherwise. */
bool activation_read(struct graph *g, const struct application *a, uint32_t count, uint32_t directions,
                     const enum activation_name *absent, struct activation *out);

/* y = f(x), and f'(x) from y. */
uint8_t activation_apply(struct build *b, const struct activation *f, uint8_t x);
uint8_t activation_slope(struct build *b, const struct activation *f, uint8_t y);

#endif
