/* dot_ask: lines of memory that a thread will want soon, asked for a few at a time while it computes (dot_later).
 * Internal to dot*.c and filter*.c. Uses: backend. */
#ifndef TAPE_DOT_ASK_H
#define TAPE_DOT_ASK_H
#include "numeric/backend.h"

/* What comes next of the same task goes before what comes next of all. ASK_C: where the next tiles put their sums. */
enum { ASK_NEAR, ASK_C, ASK_OWN, ASK_COMMON, ASK_PIECES };

struct dot_ask {
  struct ask_piece {
    const float *at;
    ptrdiff_t row, step;
    uint64_t rows, lines; /* left, and requests a row, `step` floats apart */
  } piece[ASK_PIECES];
  struct dot_later later;
};

/* dot_ask_piece sets a piece: `rows` rows of `wide` floats, `row` floats apart, which are wanted when `tiles` tiles of
 * k are done: the slower they are asked for, the less they hold up what those tiles read. dot_ask_next takes as much of
 * the pieces as a tile of k asks for; NULL: nothing is left. */
void dot_ask_piece(struct dot_ask *q, uint32_t piece, const float *at, int64_t row, uint64_t rows, uint64_t wide,
                   uint64_t tiles, uint64_t k);
const struct dot_later *dot_ask_next(struct dot_ask *q, uint64_t k);

#endif
