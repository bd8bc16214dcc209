/* axes: which axes a node reduces, and the shapes before and after. docs/lower.md 4.5, 4.32. Uses: rule. */
#ifndef LOWER_OPS_AXES_H
#define LOWER_OPS_AXES_H
#include "model/lower/rule.h"

/* axes_given: axes as attribute, or as input 1; none means all, or none of them with noop_with_empty_axes. Bit n of
 * mask: axis n. False: refused. axes_one: attribute `axis` alone. */
bool axes_given(struct graph *g, const struct application *a, const struct value *x, uint32_t *mask);
bool axes_one(struct graph *g, const struct application *a, const struct value *x, int64_t absent, uint32_t *axis);

/* Elements along the axes of mask. */
uint64_t axes_count(const struct value *x, uint32_t mask);

/* axes_fold: one fold over the axes of mask that are longer than 1, a waiting map where there are none; `text` in x.
 * Its result has dim 1 along them. Whole numbers: dtype TAPE_I32 and x's type. */
struct value axes_fold(struct graph *g, struct value *x, uint32_t mask, uint8_t reducer, const char *text);

/* The result v, dims of 1 along mask: as the node's output, without these axes unless it keeps them. */
void axes_result(struct graph *g, const struct application *a, struct value *v, uint32_t mask);
/* The gradient of that output seen with dims of 1 again; settled. False: failed. */
bool axes_back(struct graph *g, const struct value *x, uint32_t mask, struct value *dy);

#endif
