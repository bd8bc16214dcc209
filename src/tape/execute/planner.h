/* planner: makes the plan of a step: cuts the records into items by what runs them, lays their values, has each kind
 * plan its own. It knows all kinds, and none of them knows it. Uses: band, lay and the kinds of items. */
#ifndef TAPE_PLANNER_H
#define TAPE_PLANNER_H
#include "tape/execute/plan/plan.h"

/* planner_make fills everything from options, tape and backend to bulk_bytes; it takes no bulk memory.
 * EXECUTE_ERR_MEMORY, with why, if the plan does not fit. */
enum execute_status planner_make(struct execute *x, struct why *why);

#endif
