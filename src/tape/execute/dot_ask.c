#include "tape/execute/dot_ask.h"

enum { HALF_LINE = 8 };

void dot_ask_piece(struct dot_ask *q, uint32_t piece, const float *at, int64_t row, uint64_t rows, uint64_t wide) {
  q->piece[piece] = (struct ask_piece){at, (ptrdiff_t)row, rows, (wide + HALF_LINE - 1) / HALF_LINE + 1};
}

const struct dot_later *dot_ask_next(struct dot_ask *q, uint64_t k) {
  for (uint32_t p = 0; p < ASK_PIECES; p++) {
    struct ask_piece *a = &q->piece[p];
    if (a->rows == 0) continue;
    uint64_t rows = k / a->lines ? k / a->lines : 1;
    if (rows > a->rows) rows = a->rows;
    q->later = (struct dot_later){a->at, HALF_LINE, a->row - (ptrdiff_t)(HALF_LINE * a->lines), (uint32_t)a->lines};
    a->at += (ptrdiff_t)rows * a->row;
    a->rows -= rows;
    return &q->later;
  }
  return NULL;
}
