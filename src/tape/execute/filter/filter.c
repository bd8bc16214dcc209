#include <string.h>

#include "tape/execute/filter/filter_plan.h"
#include "tape/execute/plan/axis.h"

enum {
  BLOCK_BYTES = 1 << 15,
  DEPTH_LEAST = 64,
  PATCH_ROWS = 4,
  PATCH_MAX = 64,
  PATCH_LINE_MAX = 1 << 14,
  COLS_FEW = 8
};

/* An axis that never leaves the value: its dims add to the address. */
static void take_linear(const struct tape_record *r, const struct tape_axis *y, int64_t stride, int64_t *base,
                        int64_t *coef) {
  *base += y->offset * stride;
  for (uint32_t d = 0; d < axis_rank(r); d++)
    if (axis_dims(r, y) >> d & 1) coef[d] += axis_coef(y, d) * stride;
}

/* Takes an axis of the images with a dim of places, a dim of taps, or both. */
static bool take_axis(struct filter *f, const struct tape_axis *y, int64_t stride) {
  const struct tape_record *r = f->record;
  uint32_t dims = axis_dims(r, y), outputs = (1u << r->out_rank) - 1, tap = dims & outputs, place = dims & ~outputs;
  if ((tap & (tap - 1)) || (place & (place - 1)) || f->axes == FILTER_AXES) return false;
  struct filter_axis *x = &f->axis[f->axes++];
  *x = (struct filter_axis){.of_tap = FILTER_NO_DIM,
                            .of_place = FILTER_NO_DIM,
                            .taps = 1,
                            .number = y->offset,
                            .extent = y->extent,
                            .stride = stride};
  for (uint8_t d = 0; d < axis_rank(r); d++) {
    if (!(dims >> d & 1)) continue;
    if (tap >> d & 1)
      x->of_tap = d, x->taps = r->dim[d], x->tap = axis_coef(y, d);
    else
      x->of_place = d, x->place = axis_coef(y, d);
  }
  f->taps *= x->taps;
  return x->place >= 0 && x->taps <= FILTER_TAPS;
}

/* Places of the line that each tap of its axis sees. */
static void see_line(struct filter *f) {
  const struct filter_axis *x = &f->axis[f->axes ? f->axes - 1 : 0];
  for (uint32_t t = 0; t < (f->line_moves ? x->taps : 1); t++) {
    int64_t low = 0, high = (int64_t)f->line_length;
    if (f->line_moves) {
      int64_t number = x->number + x->tap * t;
      if (number < 0) low = (-number + x->place - 1) / x->place;
      int64_t end = number >= x->extent ? 0 : (x->extent - 1 - number) / x->place + 1;
      if (end < high) high = end;
      if (low > high) low = high;
    }
    f->first_low[t] = (uint64_t)low, f->first_high[t] = (uint64_t)high;
  }
}

/* Taps of a line that all see all of its places, and lie as more rows: no padding, no dilation. */
static void merge_taps(struct filter *f) {
  struct filter_axis *x = &f->axis[f->axes - 1];
  for (uint32_t t = 0; t < x->taps; t++)
    if (f->first_low[t] != 0 || f->first_high[t] != f->line_length) return;
  if (x->taps == 1 || x->tap * x->stride != (int64_t)f->rows || (f->rows > 1 && f->a_row != 1)) return;
  if (f->coef_c[x->of_tap] != (int64_t)f->rows * f->c_row) return;
  f->rows *= x->taps;
  f->taps /= x->taps;
  f->a_row = 1;
  x->taps = 1;
}

/* Do all taps of a place lie in the output one behind the other, and those of a line of the image in one piece? */
static bool can_patch(const struct filter *f) {
  const struct filter_axis *last = &f->axis[f->axes ? f->axes - 1 : 0];
  if (f->groups > 1 || !f->line_moves || f->rows >= PATCH_ROWS || f->taps * f->rows > PATCH_MAX) return false;
  if (f->rows > 1 && f->a_row != 1) return false;
  if (last->stride != (int64_t)f->rows || (last->taps > 1 && last->tap != 1)) return false;
  if ((f->line_length - 1) * (uint64_t)last->place > PATCH_LINE_MAX) return false; /* a line of the image, laid out */
  int64_t next = (int64_t)(f->rows * f->cols);
  for (uint32_t i = f->axes; i-- > 0; next *= f->axis[i].taps)
    if (f->axis[i].taps > 1 && f->coef_c[f->axis[i].of_tap] != next) return false;
  return f->c_row == (int64_t)f->cols;
}

/* Does the back end read patches where the rows lie? */
static bool reads_rows(const struct backend *b, const struct filter *f) {
  const uint64_t along = f->axis[f->axes - 1].taps, span = along * f->rows;
  return b->patch && f->cols <= b->dot_cols &&
         b->patch_fits((uint32_t)(f->taps / along), (uint32_t)span, (uint32_t)f->cols);
}

/* Everything that needs no plan; false: not a filter's gradient. */
static bool choose(const struct backend *back, struct filter *f, const struct tape_record *r) {
  uint32_t outputs = (1u << r->out_rank) - 1, all[2] = {0, 0};
  *f = (struct filter){.record = r, .k = record_k(r), .group = FILTER_NO_DIM, .row = FILTER_NO_DIM};
  f->groups = f->rows = f->taps = 1;
  if (r->op != TAPE_DOT || r->k_rank == 0) return false;
  uint32_t inner = axis_inner(r, 0, r->out_rank), line = axis_inner(r, r->out_rank, axis_rank(r));
  if (inner == r->out_rank || line == axis_rank(r)) return false;
  for (int o = 0; o < 2; o++)
    for (uint8_t a = 0; a < r->operand[o].axes; a++) {
      const struct tape_axis *y = &r->operand[o].axis[a];
      if (r->operand[o].dtype != TAPE_F32 || y->indirect != TAPE_INDIRECT_NONE || y->div != 1) return false;
      all[o] |= axis_dims(r, y);
    }
  if ((all[0] >> inner & 1) == (all[1] >> inner & 1)) return false;
  f->operand_a = all[0] >> inner & 1;
  f->col = (uint8_t)inner, f->cols = r->dim[inner];
  f->line = (uint8_t)line, f->line_length = r->dim[line];
  const struct tape_operand *a = &r->operand[f->operand_a], *b = &r->operand[1 - f->operand_a];
  uint32_t of_a = all[f->operand_a], of_b = all[1 - f->operand_a], shared = of_a & of_b & outputs;
  if ((shared & (shared - 1)) || (of_b & outputs) != (shared | 1u << inner)) return false;
  int64_t stride = 1;
  for (uint8_t x = b->axes; x-- > 0; stride *= b->axis[x].extent) {
    if (axis_leaves(r, &b->axis[x])) return false;
    take_linear(r, &b->axis[x], stride, &f->b_base, f->coef_b);
  }
  bool sees = false; /* places and taps, or steps between places, or borders */
  int64_t elements = 1;
  for (uint8_t x = a->axes; x-- > 0; elements *= a->axis[x].extent) {
    const struct tape_axis *y = &a->axis[x];
    uint32_t dims = axis_dims(r, y), tap = dims & outputs, place = dims & ~outputs;
    bool leaves = axis_leaves(r, y), both = tap && place, steps = false;
    for (uint32_t d = r->out_rank; d < axis_rank(r); d++)
      if (place >> d & 1) steps |= axis_coef(y, d) > 1 && !(place & ~(1u << d));
    sees |= leaves || both || steps;
    if (!leaves && !both) /* a linear one */
      take_linear(r, y, elements, &f->a_base, f->coef_a);
    else if (!take_axis(f, y, elements))
      return false;
  }
  if (!sees) return false;
  for (uint32_t i = 0; i < f->axes / 2; i++) { /* outermost first */
    struct filter_axis swap = f->axis[i];
    f->axis[i] = f->axis[f->axes - 1 - i];
    f->axis[f->axes - 1 - i] = swap;
  }
  uint32_t seen = 0;
  for (uint32_t i = 0; i < f->axes; i++) {
    const struct filter_axis *x = &f->axis[i];
    uint32_t of =
        (x->of_tap == FILTER_NO_DIM ? 0 : 1u << x->of_tap) | (x->of_place == FILTER_NO_DIM ? 0 : 1u << x->of_place);
    if (seen & of) return false;
    seen |= of;
    if (x->of_place == line) {
      if (i + 1 != f->axes || x->place == 0) return false;
      f->line_moves = true;
    }
  }
  for (uint32_t d = 0; d < axis_rank(r); d++)
    if ((seen >> d & 1) && f->coef_a[d]) return false;
  stride = 1;
  for (uint32_t d = r->out_rank; d-- > 0; stride *= r->dim[d]) {
    f->coef_c[d] = stride;
    if (r->dim[d] == 1 || d == inner || (seen >> d & 1)) continue;
    if (shared >> d & 1) {
      f->group = (uint8_t)d, f->groups = r->dim[d];
    } else {
      if (f->row != FILTER_NO_DIM || !f->coef_a[d]) return false;
      f->row = (uint8_t)d, f->rows = r->dim[d];
    }
  }
  if (f->coef_b[inner] != 1) return false;
  /* rows are channels, which lie side by side; without them, places must move along the line */
  if (f->rows > 1 ? f->coef_a[f->row] != 1 : !f->line_moves) return false;
  const struct filter_axis *last = &f->axis[f->axes ? f->axes - 1 : 0];
  f->a_k = f->line_moves ? last->place * last->stride : f->coef_a[line];
  f->a_row = f->row == FILTER_NO_DIM ? 1 : f->coef_a[f->row];
  f->c_row = f->row == FILTER_NO_DIM ? (int64_t)f->cols : f->coef_c[f->row];
  see_line(f);
  if (f->line_moves) merge_taps(f);
  /* laying out patches costs more than it saves where half a vector of columns reads them */
  return f->cols > COLS_FEW || !can_patch(f) || reads_rows(back, f);
}

bool filter_fits(const struct backend *b, const struct tape_record *r) {
  struct filter f;
  return choose(b, &f, r);
}

static void choose_tiles(struct execute *x, struct filter *f) {
  const struct backend *b = x->backend;
  uint64_t wide = b->slim_cols ? b->slim_cols : 8, bytes = 4 * (f->rows * f->groups + f->cols * f->groups);
  f->patches = can_patch(f);
  if (f->patches) {
    f->patch = f->taps * f->rows;
    f->span = f->axis[f->axes - 1].taps * f->rows;
    f->turned = (f->patch + wide - 1) / wide * f->cols < (f->cols + wide - 1) / wide * f->patch;
    f->patch_k = f->turned ? (f->patch + 15) / 16 * 16 : f->patch;
    bytes = 4 * (f->patch_k + f->cols);
  }
  f->depth = BLOCK_BYTES / bytes / DEPTH_LEAST * DEPTH_LEAST;
  if (f->depth < DEPTH_LEAST) f->depth = DEPTH_LEAST;
  if (f->depth > CANON_CHUNK) f->depth = CANON_CHUNK;
  uint64_t cols = f->turned ? f->patch : f->cols;
  f->tile_rows = b->dot_rows, f->tile_cols = b->dot_cols;
  bool beside = f->patches || f->a_row == 1;
  if (beside && b->slim_rows > b->dot_rows && cols <= b->slim_cols)
    f->tile_rows = b->slim_rows, f->tile_cols = b->slim_cols;
  if (f->patches) {
    const struct filter_axis *last = &f->axis[f->axes - 1];
    f->row_floats = ((f->line_length - 1) * (uint64_t)last->place + last->taps) * f->rows + 8;
    f->patch_floats = f->depth * f->patch_k + 16;
    f->rows_floats = f->taps / last->taps * f->row_floats;
    if (reads_rows(b, f)) {
      const uint64_t lines = CANON_CHUNK / f->line_length + 2;
      f->in_rows = true, f->turned = false;
      f->depth = CANON_CHUNK;
      f->patch_floats = 0;
      f->rows_floats = ((lines < CANON_CHUNK ? lines : CANON_CHUNK) * (f->patch / f->span) + 1) * f->row_floats;
    }
    plan_need_accumulators(x, f->patch_floats + f->rows_floats + f->patch * f->cols);
  }
}

bool filter_plan(struct execute *x, struct item *item) {
  struct filter *f = arena_take(&x->notes, 1, sizeof *f);
  if (!f || !choose(x->backend, f, &x->tape->record[item->first])) return false;
  const struct tape_record *r = f->record;
  f->a = chunks_operand(x, &r->operand[f->operand_a]);
  f->b = chunks_operand(x, &r->operand[1 - f->operand_a]);
  f->c = x->value[item->first].place;
  f->elements = record_elements(r);
  f->place_a = 1, f->place_b = f->groups * f->cols;
  for (uint8_t a = 0; a < r->operand[f->operand_a].axes; a++) f->place_a *= r->operand[f->operand_a].axis[a].extent;
  f->place_a /= f->k;
  if (!chunks_plan(x, item, &f->chunks)) return false;
  choose_tiles(x, f);
  filter_abreast_fits(x, f);
  f->chunks.at_once = f->turned; /* in the thread's memory until it is whole */
  f->splits = f->patches || f->abreast || f->axes == 0 ? 1 : f->axis[0].taps;
  f->units = f->chunks.count * f->splits;
  uint64_t depth = f->k < CANON_CHUNK ? f->k : CANON_CHUNK, wide = f->cols < 16 ? 16 : f->cols;
  /* picoseconds, at 64 GFLOP/s */
  f->grain = plan_grain(x, f->units, depth * f->taps / f->splits * f->rows * f->groups * wide * 30 + 100000);
  item->plan = f;
  return true;
}
