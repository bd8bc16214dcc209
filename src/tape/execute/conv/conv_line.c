/* Convolutions whose tiles have all places of a line for rows, those at the borders among them: a tap that sees nothing
 * at one end of the line leaves out that row (backend.h, line). A line of an input gradient with strides is one for
 * each phase. */
#include "tape/execute/conv/conv_plan.h"

static int64_t divisor(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b, b = rest;
  }
  return a;
}

/* The tiles of a line, every phase cut into even pieces; tile NULL: counts. 0: the back end has no such tiles. */
static uint32_t cut_tiles(const struct execute *x, const struct conv *c, struct conv_line *l, struct line_piece *tile) {
  const struct conv_axis *y = &c->axis[c->axes - 1];
  const int64_t coef = axis_coef(y->of, y->out);
  uint32_t count = 0;
  if (coef <= 0) return 0;
  l->step = (uint32_t)((int64_t)y->of->div / divisor(coef, y->of->div));
  l->slope = coef * l->step / (int64_t)y->of->div * y->stride;
  const uint32_t most = x->backend->line_rows[c->panel_cols > 16];
  for (uint32_t phase = 0; phase < l->step && phase < y->places; phase++) {
    const uint32_t rows = (y->places - phase + l->step - 1) / l->step, tiles = (rows + most - 1) / most;
    for (uint32_t i = 0; i < tiles; i++) {
      const uint32_t row = rows * i / tiles, end = rows * (i + 1) / tiles;
      if (!x->backend->line_fits(end - row, (uint32_t)c->panel_cols, l->slope)) return 0;
      if (tile) tile[count] = (struct line_piece){.first = phase + row * l->step, .rows = end - row};
      count++;
    }
  }
  return count;
}

/* Rows [*first, *end) of the tile are those where the tap sees something, the first of them at *at. */
static void sees(const struct conv *c, const struct conv_line *l, const struct line_piece *tile, uint32_t tap,
                 uint32_t *first, uint32_t *end, int64_t *at) {
  const struct conv_axis *y = &c->axis[c->axes - 1];
  int64_t here;
  *first = *end = 0, *at = 0;
  for (uint32_t i = 0; i < tile->rows; i++) {
    if (!conv_meet(y, tile->first + i * l->step, tap, &here)) continue;
    if (*first == *end) *first = *end = i, *at = here * y->stride;
    (*end)++;
  }
}

/* The runs of one tile, for places of these classes along the outer axes; run NULL: counts. false: some run leaves out
 * more than a tile can. */
static bool list_runs(const struct conv *c, const struct conv_line *l, const uint32_t *class,
                      const struct line_piece *tile, uint64_t cut, struct line_run *run, uint32_t *chunk,
                      uint32_t *runs) {
  const struct tape_record *r = c->record;
  const struct conv_axis *y = &c->axis[c->axes - 1];
  const uint32_t inner = axis_rank(r) - 1;
  uint32_t coord[PLAN_DIMS] = {0}, next = 0, start = *runs;
  struct line_run last = {0};
  for (uint64_t k = 0, n; k < c->k; k += n) {
    if (k % cut == 0) chunk[next++] = start = *runs;
    n = r->dim[inner] - coord[inner] < cut - k % cut ? r->dim[inner] - coord[inner] : cut - k % cut;
    int64_t a, place;
    uint32_t first, end;
    sees(c, l, tile, y->tap == CONV_NO_DIM ? 0 : coord[y->tap], &first, &end, &place);
    if (first < end && conv_locate(c, c->axes - 1, class, coord, &a)) {
      if (first > 1 || end + 1 < tile->rows || (first && end < tile->rows)) return false;
      const int64_t b = conv_filter_at(c, k, coord);
      a += place;
      if (*runs > start && last.first == first && last.end == end && last.a + last.length == a &&
          last.b + (int64_t)last.length * c->b_k == b)
        last.length += (uint32_t)n;
      else
        last = (struct line_run){a, b, (uint32_t)n, (uint16_t)first, (uint16_t)end}, (*runs)++;
      if (run) run[*runs - 1] = last;
    }
    conv_next_k(r, inner, (uint32_t)n, coord);
  }
  chunk[next] = *runs;
  return true;
}

bool conv_line_plan(struct execute *x, struct conv *c) {
  const struct tape_record *r = c->record;
  struct conv_line l = {0};
  const uint64_t left =
      c->cols - (c->panels - 1) * c->panel_cols; /* columns of the last panel: tiles like the others */
  if (c->thin || !x->backend->line || c->a_k != 1 || r->dim[axis_rank(r) - 1] == 1) return true;
  if ((left > 16) != (c->panel_cols > 16)) return true;
  for (uint32_t i = 0; i < c->axes; i++)
    if (c->axis[i].tap == axis_rank(r) - 1) return true;
  const uint64_t cut = c->chunks > 1 ? CANON_CHUNK : c->k;
  uint64_t lists = 1;
  uint32_t runs = 0;
  for (uint32_t i = 0; i + 1 < c->axes; i++) lists *= c->axis[i].classes;
  l.tiles = cut_tiles(x, c, &l, NULL);
  if (l.tiles == 0 || l.tiles > UINT16_MAX || lists * l.tiles > CONV_RUNS_MAX) return true;
  l.tile = arena_take(&x->notes, l.tiles, sizeof *l.tile);
  l.chunk = arena_take(&x->notes, lists * l.tiles * (c->chunks + 1ull), sizeof *l.chunk);
  if (!l.tile || !l.chunk) return false;
  cut_tiles(x, c, &l, l.tile);
  for (int pass = 0; pass < 2; pass++) {
    if (pass && !(l.run = arena_take(&x->notes, runs + 1u, sizeof *l.run))) return false;
    runs = 0;
    for (uint64_t list = 0; list < lists; list++) {
      uint32_t class[CONV_AXES] = {0};
      conv_list_classes(c, c->axes - 1, list, class);
      for (uint32_t t = 0; t < l.tiles; t++)
        if (!list_runs(c, &l, class, &l.tile[t], cut, l.run, l.chunk + (list * l.tiles + t) * (c->chunks + 1u),
                       &runs) ||
            runs > CONV_RUNS_MAX)
          return true;
    }
  }
  if (!(c->line = arena_take(&x->notes, 1, sizeof l))) return false;
  *c->line = l;
  return true;
}

bool conv_line_panel(const struct execute *x, const struct conv *c, const float *a, const float *b, float *to,
                     uint64_t list, uint32_t cols) {
  const struct conv_line *l = c->line;
  const ptrdiff_t place = (ptrdiff_t)(c->groups * c->cols);
  struct line_tile t = {.cols = cols, .a = a, .b = b, .a_row = l->slope, .b_k = c->b_k, .c_row = place * l->step};
  bool nan = false;
  for (uint32_t i = 0; i < l->tiles; i++) {
    const uint32_t *cut = l->chunk + (list * l->tiles + i) * (c->chunks + 1u);
    t.rows = l->tile[i].rows;
    t.c = to + l->tile[i].first * place;
    for (uint32_t k = 0; k < c->chunks; k++) {
      t.runs = l->run + cut[k];
      t.runs_count = cut[k + 1] - cut[k];
      t.store = k ? DOT_NEXT : DOT_FIRST;
      if (k && t.runs_count == 0) continue;
      nan |= x->backend->line(&t);
    }
  }
  return nan;
}
