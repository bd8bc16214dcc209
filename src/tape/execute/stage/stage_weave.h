/* weave: random tapes like blocks of transformers, for tests that run them by several plans.
 *
 * A tape has five lengths (batch, places, heads, width of a head, hidden) and a few tensors of tokens. Its records are
 * products along any of these lengths, scores among them, masks that hide what comes later, softmax and its gradient,
 * norms, folds, maps of whatever fits, indexes, floors, taps along the places; whole attention and dense layers,
 * forward and backward, with other records between theirs. Dims come in any order, and dims side by side may be one dim
 * of a record. Uses: stage. */
#ifndef TAPE_STAGE_WEAVE_H
#define TAPE_STAGE_WEAVE_H
#include "tape/execute/stage/stage.h"

/* stage_weave begins s and fills it with the tape of that seed, sealed; tape_check accepts it. The same seed gives the
 * same tape and data on every machine. In a third of the tapes some elements of the tokens are infinite, NaN of any
 * bits, subnormal, huge, zeros of both signs. Some values are shown in state entries, the last three among them unless
 * they are larger than 131,072 elements, so that plans that keep no temps are compared too. At most STAGE_RECORDS
 * records, 40 entries, 150,000 elements a tensor of scores, and some million multiplications a product.
 *
 * The caller owns s, and ends it (stage_end). Returns a seed that goes on where these draws end, for those of the
 * caller. */
uint64_t stage_weave(struct stage *s, uint64_t seed);

#endif
