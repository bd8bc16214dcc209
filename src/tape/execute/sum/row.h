/* row: the terms of one output, side by side, become one word. NUMERICS 3 */
#ifndef TAPE_ROW_H
#define TAPE_ROW_H
#include "tape/execute/plan/plan.h"

/* The result of one chunk: n <= 512 terms, k ascending, under a reducer (enum tape_reducer). */
uint32_t row_reduce(const struct backend *b, uint8_t reducer, uint32_t n, const uint32_t *term);

#endif
