/* put: ordered scatter-add. NUMERICS 3.7. The positions of each output row are listed once, ascending; rows without any
 * stay +0. */
#ifndef TAPE_PUT_H
#define TAPE_PUT_H
#include "tape/execute/program/program.h"

bool put_plan(struct execute *x, struct item *item);
void put_run(struct execute *x, const struct item *item);

#endif
