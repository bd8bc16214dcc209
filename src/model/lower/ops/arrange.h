/* arrange: axes under other names, and dots whose result lies as something else does. Uses: emit. */
#ifndef LOWER_OPS_ARRANGE_H
#define LOWER_OPS_ARRANGE_H
#include "model/lower/emit.h"

/* v's axes in another order over the same memory: axis n of the result is v's axis perm[n]. */
struct value arrange_renamed(const struct value *v, const uint8_t *perm);

/* Index of an axis of this extent at a record's dim: an extent of 1 has no term. */
struct index arrange_along(uint32_t extent, uint8_t dim);

/* arrange_dot opens a dot with `like`'s dims in its memory order as out dims; at[a] is the record's dim of axis a. */
void arrange_dot(struct build *b, struct emit *e, const struct value *like, uint32_t k_rank, const uint32_t *k,
                 uint8_t *at);

#endif
