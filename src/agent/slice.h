/* slice: training in slices of time, because a dispute's clock does not wait for an interval. One step is the least.
 *
 * Uses: training/replay. */
#ifndef AGENT_SLICE_H
#define AGENT_SLICE_H
#include "agent/material.h"

/* slice_ms: milliseconds on a clock that only goes forward. */
uint64_t slice_ms(void);

/* slice_steps turns the state before step `first` into a later one, in place: `count` steps, or as many as it has done
 * when slice_ms() has come to until_ms, at least one. *done: how many, whatever is returned; the state is that after
 * them. */
enum material_status slice_steps(struct replay *r, uint32_t first, uint32_t count, uint64_t until_ms, uint8_t *state,
                                 uint32_t *done, struct why *why);

#endif
