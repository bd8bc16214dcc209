#include <string.h>

#include "tape/execute/filter/filter_plan.h"

/* Places of one line: `pieces` rows of the image, a place further `step` floats on. Moves of a fixed length may write
 * up to 7 floats too many; what comes later in the patch, or in the next one, is written over them. */
static inline __attribute__((always_inline)) float *places(const uint64_t wide, const float *row, uint64_t row_floats,
                                                           uint64_t pieces, uint64_t span, uint64_t step,
                                                           uint64_t count, float *to, uint64_t to_step) {
  for (uint64_t p = 0; p < count; p++, to += to_step, row += step)
    for (uint64_t i = 0; i < pieces; i++)
      for (uint64_t j = 0; j < span; j += wide) memcpy(to + i * span + j, row + i * row_floats + j, wide * sizeof *to);
  return to;
}

/* Each row of the image that the line's places see is laid out once with its borders, +0, around it. */
void filter_patch(const struct filter *f, const float *a, const struct filter_line *line, uint32_t lines, float *to,
                  float *rows) {
  const struct filter_axis *last = &f->axis[f->axes - 1];
  const uint64_t pieces = f->taps / last->taps, step = (uint64_t)last->place * f->rows;
  const int64_t inside = -last->number * (int64_t)f->rows, end = inside + last->extent * (int64_t)f->rows;
  const int64_t width = (int64_t)f->row_floats, low = inside > 0 ? inside : 0, high = end < width ? end : width;
  memset(rows, 0, pieces * f->row_floats * sizeof *rows);
  for (uint32_t n = 0; n < lines; n++) {
    const struct filter_line *l = &line[n];
    uint32_t tap[FILTER_AXES] = {0}, outer = f->axes - 1;
    for (uint64_t i = 0; i < pieces; i++) {
      const int64_t from = l->a + filter_tap_at(f, outer, tap);
      const bool sees = filter_sees(f, outer, tap, l);
      float *row = rows + i * f->row_floats;
      if (sees && low < high)
        memcpy(row + low, a + from + low, (uint64_t)(high - low) * sizeof *row);
      else
        memset(row, 0, f->row_floats * sizeof *row);
      filter_next_tap(f, 0, outer, tap);
    }
    const float *row = rows + l->low * step;
    uint64_t count = l->high - l->low;
    if (f->span <= 4)
      to = places(4, row, f->row_floats, pieces, f->span, step, count, to, f->patch_k);
    else
      to = places(8, row, f->row_floats, pieces, f->span, step, count, to, f->patch_k);
  }
}

void filter_patch_rows(const struct filter *f, const float *a, const float *b, const struct filter_line *line,
                       uint32_t lines, struct patch_line *to, float *rows) {
  const struct filter_axis *last = &f->axis[f->axes - 1];
  const uint32_t outer = f->axes - 1;
  const uint64_t pieces = f->taps / last->taps, step = (uint64_t)last->place * f->rows;
  const int64_t inside = -last->number * (int64_t)f->rows, end = inside + last->extent * (int64_t)f->rows;
  const int64_t width = (int64_t)f->row_floats, low = inside > 0 ? inside : 0, high = end < width ? end : width;
  float *const zeros = rows, *next = rows + width;
  int64_t from[2][PATCH_PIECES]; /* of the line before, of this one */
  const float *at[2][PATCH_PIECES];
  memset(zeros, 0, f->row_floats * sizeof *rows);
  for (uint32_t n = 0; n < lines; n++) {
    const struct filter_line *l = &line[n];
    uint32_t tap[FILTER_AXES] = {0};
    for (uint64_t i = 0; i < pieces; i++, filter_next_tap(f, 0, outer, tap)) {
      int64_t *here = &from[n % 2][i];
      const float **row = &at[n % 2][i];
      *here = l->a + filter_tap_at(f, outer, tap);
      *row = NULL;
      if (!filter_sees(f, outer, tap, l) || low >= high) *row = zeros;
      for (uint64_t j = 0; j < pieces && n > 0 && !*row; j++)
        if (at[1 - n % 2][j] != zeros && from[1 - n % 2][j] == *here) *row = at[1 - n % 2][j];
      if (!*row) {
        memset(next, 0, (uint64_t)low * sizeof *next);
        memcpy(next + low, a + *here + low, (uint64_t)(high - low) * sizeof *next);
        memset(next + high, 0, (uint64_t)(width - high) * sizeof *next);
        *row = next;
        next += width;
      }
      to[n].row[i] = *row + l->low * step;
    }
    to[n].b = b + l->b + (int64_t)l->low * f->coef_b[f->line];
    to[n].length = (uint32_t)(l->high - l->low);
  }
}
