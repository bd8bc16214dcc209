/* place: where in a job a lie goes: which weight, which record, which sample. Internal to this folder.
 *
 * Everything follows from the tapes, the layout and the step's number, so whoever looks finds the same place. */
#ifndef TRAINING_SABOTAGE_PLACE_H
#define TRAINING_SABOTAGE_PLACE_H
#include "training/sabotage/sabotage.h"

/* place_pick: one of `count` things, another one for another step. */
uint64_t place_pick(uint32_t step, uint64_t count);

/* place_weight: byte in the state blob of one element of the largest trained tensor. */
uint64_t place_weight(const struct prepared *p, uint32_t step);

/* place_gradient: the record of a step's tape, from 0, whose value is the gradient of the largest tensor that has one;
 * false if none is found. place_index: the record of the sample numbers. tape: TAPE_OF_TRAIN, or that of the
 * micro-batches before it. */
bool place_gradient(const struct prepared *p, uint32_t tape, uint32_t *record);
bool place_index(const struct prepared *p, uint32_t tape, uint32_t *record);

/* place_draws: does a tape read the seed at all? */
bool place_draws(const struct prepared *p, uint32_t tape);

#endif
