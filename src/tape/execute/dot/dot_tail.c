#include "tape/execute/dot/dot_tail.h"

enum {
  EIGHT = 8, /* lines that end alike */
  LEAST_COLS = 8,
  LEAST_WORDS = 1024 /* of the operand, in one combination: less is not worth a look */
};

bool dot_may_hide(const struct dot *d, bool taps) {
  bool copied = d->halo_a || d->halo_b || d->from_a == DOT_SHARED || d->from_b == DOT_SHARED, batched = false;
  bool lines_a = d->straight_a == 1 || (d->straight_a && d->row.a == 1);
  bool lines_b = d->straight_b == 1 || (d->straight_b && d->col.b == 1);
  for (uint32_t l = 0; l < d->loops; l++) batched |= d->loop[l].a && d->loop[l].b;
  return !taps && !copied && lines_a && lines_b && batched && !d->part_rows;
}

void dot_tail_find(struct dot *d) {
  uint64_t rows = d->row.extent, cols = d->col.extent;
  if (cols < LEAST_COLS || (rows > cols ? rows : cols) * d->k < LEAST_WORDS) return;
  if (rows < cols)
    d->tail = d->col.b == 1 ? DOT_TAIL_B_COLS : DOT_TAIL_NONE;
  else
    d->tail = d->row.a == 1 ? DOT_TAIL_A_ROWS : DOT_TAIL_A_K;
}

uint64_t dot_tail_words(const struct execute *x, const struct dot *d) {
  uint64_t depth = dot_depth_of(x, d, 0);
  if (d->tail == DOT_TAIL_NONE) return 0;
  return d->tail == DOT_TAIL_A_K ? d->row.extent : depth;
}

struct dot_lines dot_lines_of(const float *at, int64_t step, uint64_t extent, int64_t step_k, uint64_t depth,
                              bool along_k) {
  const uint32_t *word = (const uint32_t *)(const void *)at;
  return along_k ? (struct dot_lines){word, extent, depth, step} : (struct dot_lines){word, depth, extent, step_k};
}

uint32_t dot_lines_largest(const struct execute *x, const struct dot_lines *l) {
  return x->backend->largest((uint32_t)l->lines, (uint32_t)l->length, l->at, l->line);
}

bool dot_lines_end(const struct execute *x, const struct dot_lines *l, uint32_t low, uint32_t span, uint32_t *end) {
  uint32_t first, last;
  x->backend->tails(1, (uint32_t)l->length, l->at, l->line, low, span, &first);
  x->backend->tails(1, (uint32_t)l->length, l->at + (int64_t)(l->lines - 1) * l->line, l->line, low, span, &last);
  if (first == l->length && last == l->length) return false;
  x->backend->tails((uint32_t)l->lines, (uint32_t)l->length, l->at, l->line, low, span, end);
  return true;
}

const uint32_t *dot_tail_ends(const struct dot_call *call, uint32_t thread, const float *a, const float *b,
                              uint32_t chunk) {
  const struct dot *d = call->dot;
  uint64_t depth = dot_depth_of(call->x, d, chunk), from = chunk * dot_cut(call->x, d);
  const float *at_a = a + (int64_t)from * d->straight_a, *at_b = b + (int64_t)from * d->straight_b;
  bool of_b = d->tail == DOT_TAIL_B_COLS;
  struct dot_lines of =
      of_b ? dot_lines_of(at_b, 1, d->col.extent, d->straight_b, depth, false)
           : dot_lines_of(at_a, d->row.a, d->row.extent, d->straight_a, depth, d->tail == DOT_TAIL_A_K);
  struct dot_lines other = of_b ? dot_lines_of(at_a, d->row.a, d->row.extent, d->straight_a, depth, d->straight_a == 1)
                                : dot_lines_of(at_b, d->col.b, d->col.extent, d->straight_b, depth, d->col.b != 1);
  uint32_t *end = plan_accumulators(call->x, thread) + d->own_tail;
  if (!dot_lines_end(call->x, &of, 0, 0, end) || dot_lines_largest(call->x, &other) >= INFINITY_WORD) return NULL;
  return end;
}

struct dot_run dot_tail_run(const struct dot_call *call, const uint32_t *end, const struct dot_run *run, uint32_t chunk,
                            uint64_t first, uint64_t count) {
  const struct dot *d = call->dot;
  uint64_t low = 0, high = dot_depth_of(call->x, d, chunk);
  if (d->tail == DOT_TAIL_A_K) {
    high = dot_lines_most(end, first, count);
  } else {
    while (low + EIGHT <= high && end[low] <= first) low += EIGHT;
    while (low < high && end[high - 1] <= first) high--;
  }
  return (struct dot_run){run->a + (int64_t)low * d->a_k, run->b + (int64_t)low * d->b_k, (uint32_t)(high - low)};
}
