/* fused: short bodies that training runs over and over (an AdamW update, a bias and what follows it, a gradient's
 * mask), each as one pass over registers. NUMERICS 2.
 *
 * The one text of each body, vector/bodies.inc, gives both its pattern here and its kernel in every vector back end, so
 * whoever finds the pattern among its operations may run the kernel in their place: the same operations in the same
 * order, and a kept float is canonical besides. Uses: backend. */
#ifndef NUMERIC_FUSED_H
#define NUMERIC_FUSED_H
#include "numeric/backend.h"

/* What a step reads: vector n, word n, the result of step n, or nothing. */
enum { FUSED_WORD = 8, FUSED_RESULT = 16, FUSED_NONE = 255 };
enum { FUSED_KEPT_MAX = 3, FUSED_STEPS_MAX = 16 };

struct fused_step {
  uint8_t code, from[3];
};

/* Inputs of the kernel: `vectors` of them, then `words`, which are always one word for all elements. The steps that
 * `kept` names, ascending, are its outputs; the last step is always the last of them, and all are floats. */
struct fused_body {
  const char *name;
  uint8_t vectors, words, steps, keeps;
  const struct fused_step *step;
  const uint8_t *kept;
};

/* Larger bodies before smaller ones that they hold. */
extern const struct fused_body fused_bodies[BACKEND_FUSED];

#endif
