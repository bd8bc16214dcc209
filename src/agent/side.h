/* side: one side of a dispute about one interval: its evidence, and its next move.
 *
 * The game is the chain's; a side has nothing but the state that the interval starts from, so it can be opened again
 * after any crash, and one serves all disputes about its interval. Uses: material, dispute/{claimant,challenger}. */
#ifndef AGENT_SIDE_H
#define AGENT_SIDE_H
#include "agent/material.h"
#include "dispute/challenger/challenger.h"
#include "dispute/claimant/claimant.h"

struct side;

/* side_open: the state before step `first` is copied. lies (tests): the end of the interval is shown as work_alter
 * leaves it. */
enum material_status side_open(struct side **out, const struct material *m, const struct material_options *options,
                               uint32_t first, uint16_t steps, const uint8_t *start, bool lies, struct why *why);
void side_shut(struct side *s);

/* side_move: the next move of the side whose turn it is in a game; NOTHING: this evidence holds none. */
enum evidence_answer side_move(struct side *s, const struct dispute *d, const struct dispute_frame *f, struct move *out,
                               struct why *why);

#endif
