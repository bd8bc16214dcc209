/* augment: pictures moved, mirrored and cut while training, and what is normalised. docs/lower.md 8.10 to 8.12. Uses:
 * graph. */
#ifndef LOWER_AUGMENT_H
#define LOWER_AUGMENT_H
#include "model/lower/graph.h"

static inline bool augment_any(const struct sample_augment *a) {
  return a->flip_columns || a->flip_rows || a->crop || a->cutout;
}

/* The samples of a batch as batch reads them, normalised, and with `change` each one changed at random. out: the
 * input's shape. Fails on g->e where there are no rows and columns, or another number of channels. */
struct value augment_read(struct graph *g, struct value *index, uint8_t number, const struct sample_shape *s,
                          bool change, const struct value *out);

#endif
