/* stubborn: liars that do not give in where an honest player would have nothing to say. For tests.
 *
 * Each plays as the honest player does while that gives a move; where it gives none, it makes one up: any step, any
 * node, a case with one word changed so that the rule gives another value, the same words under their chunk, a leaf
 * changed so that it shows the posted word. The other side shows its own leaf, and denies in the middle: any chunk, any
 * word in range. Same game,
 * same move: nothing is random and nothing is kept. Uses: play, referee. */
#ifndef DISPUTE_STUBBORN_H
#define DISPUTE_STUBBORN_H
#include "dispute/world/play.h"

enum evidence_answer stubborn_claimant(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                                       struct move *out, struct why *why);
enum evidence_answer stubborn_challenger(const struct dispute *d, const struct dispute_frame *f,
                                         const struct evidence *e, struct move *out, struct why *why);

#endif
