#include "tape/execute/dot/dot_ask.h"

enum { STEP_MOST = 8, STEP_LEAST = 2 };

static uint64_t lines_of(uint64_t wide, uint64_t step) { return (wide + step - 1) / step + 1; }

/* Rows that a tile asks for. */
static uint64_t rows_a_tile(uint64_t k, uint64_t lines) { return k / lines ? k / lines : 1; }

void dot_ask_piece(struct dot_ask *q, uint32_t piece, const float *at, int64_t row, uint64_t rows, uint64_t wide,
                   uint64_t tiles, uint64_t k) {
  uint64_t step = STEP_MOST;
  for (; step > STEP_LEAST; step /= 2) {
    uint64_t lines = lines_of(wide, step / 2);
    if (lines > k || rows_a_tile(k, lines) * tiles < rows) break;
  }
  q->piece[piece] = (struct ask_piece){at, (ptrdiff_t)row, (ptrdiff_t)step, rows, lines_of(wide, step)};
}

const struct dot_later *dot_ask_next(struct dot_ask *q, uint64_t k) {
  for (uint32_t p = 0; p < ASK_PIECES; p++) {
    struct ask_piece *a = &q->piece[p];
    if (a->rows == 0) continue;
    uint64_t rows = rows_a_tile(k, a->lines);
    if (rows > a->rows) rows = a->rows;
    q->later = (struct dot_later){a->at, a->step, a->row - a->step * (ptrdiff_t)a->lines, (uint32_t)a->lines};
    a->at += (ptrdiff_t)rows * a->row;
    a->rows -= rows;
    return &q->later;
  }
  return NULL;
}
