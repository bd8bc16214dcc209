/* init: the tape of step 0, from the zero state to the first weights. docs/lower.md 9. Uses: graph, parameter. */
#ifndef LOWER_INIT_H
#define LOWER_INIT_H
#include "model/lower/parameter.h"

/* init_choose says which parameters start from the seed: those that train and whose role has a fan-in, which it
 * completes for recurrent nodes whose operands are put together from parameters, and embeddings. False: no memory. */
bool init_choose(struct graph *g, enum init_name init);

/* init_emit writes every state entry of the layout: parameters from their windows of data tensor `initial` or from the
 * seed, the entry `average` behind a training one (0: there is none) alike, everything else zero. */
void init_emit(struct emit *e, const struct graph *g, const struct layout *layout, uint8_t initial, uint32_t average);

#endif
