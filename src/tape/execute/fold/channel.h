/* channel: dots whose two operands both walk along the channels: depthwise convolution, in its three directions.
 *
 * Nothing is summed over channels, so there is no matrix in it. Output and input gradient: the taps of a row of places
 * one after the other, each a row of channels times its weights. Weight gradient: columns of products, cut where taps
 * leave the input. TAPE 6.2 */
#ifndef TAPE_CHANNEL_H
#define TAPE_CHANNEL_H
#include "tape/execute/plan/plan.h"

bool channel_fits(const struct tape_record *r);
bool channel_plan(struct execute *x, struct item *item);
void channel_run(struct execute *x, const struct item *item);

#endif
