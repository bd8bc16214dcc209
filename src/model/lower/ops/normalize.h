/* normalize: what the normalising operators share: sums over some axes of a tensor, and one value a channel.
 * docs/lower.md 4.35, 4.36. Uses: rule. */
#ifndef LOWER_OPS_NORMALIZE_H
#define LOWER_OPS_NORMALIZE_H
#include "model/lower/rule.h"

/* x's shape with 1 along the axes of mask (bit a: ONNX axis a). */
struct value normalize_rows(const struct value *x, uint32_t mask);
uint64_t normalize_count(const struct value *x, uint32_t mask); /* elements that meet in one of them */

/* Sum over the axes of mask of x * y, both of one shape and emitted: a dot over x's other axes in x's memory order.
 * With no axis in mask longer than 1: a waiting map. The result has x's rank. */
struct value normalize_dot(struct graph *g, struct value *x, struct value *y, uint32_t mask);

/* Input n, which has `channels` numbers, emitted and seen so that it broadcasts along axis 1 of a tensor of this rank.
 * False: refused. */
bool normalize_channels(struct graph *g, const struct application *a, uint32_t n, uint32_t channels, uint32_t rank,
                        struct value *out);
/* float_value of input n, emitted; NULL and refused if it is a constant of one element. */
struct value *normalize_input(struct graph *g, const struct application *a, uint32_t n);

#endif
