/* filter_plan: a filter's gradient as axes, lines of places and blocks of k. Internal to filter*.c. Strides count
 * floats. */
#ifndef TAPE_FILTER_PLAN_H
#define TAPE_FILTER_PLAN_H
#include <stdatomic.h>

#include "numeric/canon.h"
#include "tape/execute/dot/dot_ask.h"
#include "tape/execute/filter/filter.h"
#include "tape/execute/sum/chunk.h"

enum { FILTER_AXES = 4, FILTER_NO_DIM = 255, FILTER_TAPS = 64 };

/* An axis of the image: place p and tap t meet at number + place * p + tap * t, if that is within the extent. */
struct filter_axis {
  uint8_t of_tap, of_place; /* record dims; FILTER_NO_DIM: none */
  uint32_t taps;
  int64_t place, tap, number, extent, stride;
};

struct filter {
  const struct tape_record *record;
  uint8_t operand_a; /* the images; the other one is the gradient of the outputs */
  struct chunks_operand a, b;
  struct place c;
  uint32_t axes; /* those with places or taps; the one of the line is the last, if it is there */
  struct filter_axis axis[FILTER_AXES];
  bool line_moves;               /* the last axis is the line's; else a moves along the line by coef_a alone */
  uint8_t line, group, row, col; /* record dims; line: the innermost of k */
  int64_t coef_a[PLAN_DIMS], coef_b[PLAN_DIMS], coef_c[PLAN_DIMS]; /* axes of the image left out of coef_a */
  int64_t a_base, b_base, a_k, a_row, c_row;
  uint64_t k, line_length, rows, cols, groups, taps;        /* taps: of all axes */
  uint64_t first_low[FILTER_TAPS], first_high[FILTER_TAPS]; /* places of a line that a tap of the last axis sees */

  struct chunks chunks;
  uint64_t elements, depth;      /* depth: k of a block */
  uint64_t place_a, place_b;     /* floats of either operand for one place */
  uint64_t splits, units, grain; /* units: a chunk, and one tap of the first axis or (splits 1) all */
  uint32_t tile_rows, tile_cols;

  bool abreast; /* all taps of a line beside each other: the columns of a tile, the last tap first */
  uint64_t places_floats, abreast_cols;

  bool patches;                  /* what all taps see side by side: `patch` floats a place, the next one `patch_k` on */
  bool turned;                   /* the patches are the columns, the outputs' channels the rows */
  uint64_t patch, patch_k, span; /* span: floats of a place that taps of the last axis see in one piece */
  uint64_t row_floats;           /* a row of the image with its borders, as far as a line's places see */
  uint64_t patch_floats, rows_floats;
  bool in_rows; /* the back end reads patches where the rows lie */
  atomic_bool nan;
};

/* Places low .. high - 1 of one line: where they are read, and what number each axis but the line's starts from. */
struct filter_line {
  int64_t a, b, number[FILTER_AXES];
  uint64_t low, high;
};

/* What a unit works with on one thread. */
struct filter_call {
  struct execute *x;
  struct filter *filter;
  const float *a, *b;
  float *sums; /* [chunks, elements] */
};

/* The lines of k first .. end - 1. Returns their number. */
uint32_t filter_lines(const struct filter *f, uint64_t first, uint64_t end, struct filter_line *line);

/* filter_ask notes what the block behind these lines, from position `next` of k on, will read: tiles of this block, so
 * many, ask for it line by line while they compute. Those that cannot ask (backend.h, later) leave it. */
void filter_ask(const struct filter_call *call, struct dot_ask *ask, const struct filter_line *last, uint64_t next,
                uint64_t tiles);

/* filter_abreast_fits decides about f->abreast and what it needs; filter_abreast_add adds positions [low, high) of k,
 * all of one chunk, to its sums, of which those in front have been added, and says whether there is a NaN among them;
 * more: those behind come next. */
void filter_abreast_fits(struct execute *x, struct filter *f);
bool filter_abreast_add(const struct filter_call *call, uint64_t low, uint64_t high, float *sum, bool more,
                        uint32_t thread);

/* What a combination of taps of the first `axes` axes adds to an address of the image, and whether it sees a line. */
static inline int64_t filter_tap_at(const struct filter *f, uint32_t axes, const uint32_t *tap) {
  int64_t at = 0;
  for (uint32_t i = 0; i < axes; i++) at += f->axis[i].tap * tap[i] * f->axis[i].stride;
  return at;
}
static inline bool filter_sees(const struct filter *f, uint32_t axes, const uint32_t *tap,
                               const struct filter_line *l) {
  bool sees = true;
  for (uint32_t i = 0; i < axes; i++) {
    int64_t at = l->number[i] + f->axis[i].tap * tap[i];
    sees &= at >= 0 && at < f->axis[i].extent;
  }
  return sees;
}
/* The next combination of taps of axes first .. end - 1; behind the last comes the first. */
static inline void filter_next_tap(const struct filter *f, uint32_t first, uint32_t end, uint32_t *tap) {
  for (uint32_t i = end; i-- > first;) {
    if (++tap[i] < f->axis[i].taps) return;
    tap[i] = 0;
  }
}

/* filter_patch lays patches of these lines side by side, out of range +0; rows: memory for f->rows_floats. */
void filter_patch(const struct filter *f, const float *a, const struct filter_line *line, uint32_t lines, float *to,
                  float *rows);

/* filter_patch_rows lays the rows that these lines see, each once, in rows (memory for f->rows_floats), and says where
 * each line finds its own. */
void filter_patch_rows(const struct filter *f, const float *a, const float *b, const struct filter_line *line,
                       uint32_t lines, struct patch_line *to, float *rows);

#endif
