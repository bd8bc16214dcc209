/* lay: how long each value of a plan lives, and where it lies. TAPE 6.
 *
 * Values take the place of others that nobody reads any more, first fit; one that only its own group reads lies in the
 * threads' buffers. In this order, between band_cut and band_place. Each false: out of memory. */
#ifndef TAPE_LAY_H
#define TAPE_LAY_H
#include "tape/execute/plan/plan.h"

/* lay_lives: who reads what last, what is local to its group, and which state entries are still read as they were when
 * their record runs (shadow). lay_far: which values are written past the caches. lay_values: the places. Cost: records
 * times operands, and for places as many values as are alive at once. */
bool lay_lives(struct execute *x);
bool lay_far(struct execute *x);
bool lay_values(struct execute *x);

#endif
