#include "tape/execute/dot/dot_plan.h"
#include "tape/execute/dot/dot_tail.h"

enum {
  FAR_ROWS = 64,
  COPY_ROWS = 1024,
  HEAD_COLS = 256,
  FAR_FLOATS = 1024,
  TURNED_BYTES = 512,
  AHEAD = 16,
  UNITS = 64,
  ASKS_LEAST = 1 << 26,
  FAR_C_BYTES = 1 << 19
};

static const int64_t nothing[PLAN_DIMS] = {0};

static bool lay_depth(struct execute *x, const struct dot *d, const int64_t *coef, struct dot_depth *depth) {
  struct dot_dim dim[TAPE_RANK_MAX];
  uint32_t dims = dot_k_dims(d->record, nothing, coef, dim) - 1;
  uint64_t rows = d->k / dim[dims].extent, at[TAPE_RANK_MAX] = {0};
  *depth = (struct dot_depth){arena_take(&x->notes, rows, sizeof *depth->from), dim[dims].extent, dim[dims].b};
  if (!depth->from) return false;
  for (uint64_t row = 0; row < rows; row++, dot_advance(dim, dims, at))
    for (uint32_t i = 0; i < dims; i++) depth->from[row] += (int64_t)at[i] * dim[i].b;
  return true;
}

/* Does a copy of b in walking order pay? Rows of b that are whole pages apart fall into the same sets of the first
 * cache, which costs more with a few tiles of rows. At other strides the copy gains up to a quarter, since the machine
 * runs ahead of a walk without jumps, and needs many rows of a to pay for itself. */
static bool walks_far(const struct dot *d, const int64_t *coef_b) {
  const struct tape_record *r = d->record;
  uint32_t inner = (uint32_t)r->out_rank + r->k_rank - 1;
  uint64_t rows = d->row.extent;
  for (uint32_t i = 0; i < d->loops; i++) {
    if (d->loop[i].b) return false; /* a batch would copy more than it reads */
    rows *= d->loop[i].extent;
  }
  return rows >= FAR_ROWS && d->col.extent >= 64 && coef_b[inner] != 0 &&
         (rows >= COPY_ROWS || coef_b[inner] % FAR_FLOATS == 0);
}

bool dot_batches_outside(const struct dot *d) {
  uint32_t outer = 0;
  while (outer < d->loops && d->loop[outer].b) outer++;
  for (uint32_t i = outer; i < d->loops; i++)
    if (d->loop[i].b) return false;
  return outer > 0;
}

/* Rows side by side in memory, k far apart: a tile of 512 k would take a line of a few sets of the cache for each.
 * Heads with few columns would not pay for the copy, and what a tile asks for ahead comes in time if it is not pages
 * away. */
static bool turned_far(const struct execute *x, const struct dot *d, const int64_t *coef_a) {
  struct dot_dim dim[TAPE_RANK_MAX];
  uint32_t dims = dot_k_dims(d->record, coef_a, nothing, dim);
  if (d->loops > 0 && d->col.extent <= HEAD_COLS && dim[dims - 1].a < FAR_FLOATS) return false;
  return d->row.a == 1 && dim[dims - 1].a * 4 >= TURNED_BYTES && d->row.extent > 1 &&
         d->col.extent >= x->backend->dot_cols;
}

static int64_t straight(const struct dot *d, const int64_t *coef) {
  struct dot_dim dim[TAPE_RANK_MAX];
  return dot_k_dims(d->record, nothing, coef, dim) == 1 ? dim[0].b : 0;
}

bool dot_choose(struct execute *x, struct dot *d, bool taps, const int64_t *coef_a, const int64_t *coef_b) {
  uint64_t m = d->row.extent, n = d->col.extent, wide = x->backend->dot_cols;
  bool copy_a = !taps && turned_far(x, d, coef_a), copy_b = d->col.b != 1 || walks_far(d, coef_b);
  bool plain = !taps && !d->halo_a && !d->halo_b, matrix = plain && d->loops == 0;
  uint64_t products = m * n * d->k;
  for (uint32_t i = 0; i < d->loops; i++) products *= d->loop[i].extent;
  d->panel_cols = n < wide ? (n + 7) / 8 * 8 : wide;
  d->panels = (n + d->panel_cols - 1) / d->panel_cols;
  d->by_cols = matrix && !d->in_group && m < n && d->panels >= 2 * x->threads;
  if (copy_a) d->from_a = d->by_cols ? DOT_SHARED : DOT_OWN;
  if (copy_b) d->from_b = d->by_cols || dot_batches_outside(d) ? DOT_OWN : DOT_SHARED;
  d->a_row = copy_a ? 1 : d->row.a;
  d->asks = plain && !d->made_here && (x->options.small_tasks || products >= ASKS_LEAST);
  d->c_far = !d->in_group && (x->options.small_tasks || m * n * 4 > FAR_C_BYTES);
  d->straight_a = straight(d, coef_a);
  d->straight_b = straight(d, coef_b);
  d->batches = 1;
  for (uint32_t i = d->loops; i-- > 0;)
    if (d->loop[i].b) {
      d->pack_loop[i] = (int64_t)(d->panels * d->panel_cols * d->k * d->batches);
      d->batches *= d->loop[i].extent;
    }
  return (!copy_a || lay_depth(x, d, coef_a, &d->depth_a)) && (!copy_b || lay_depth(x, d, coef_b, &d->depth_b));
}

/* Tasks that copy so many tiles or panels. */
static uint64_t cut_copies(const struct execute *x, uint64_t units, uint64_t all, uint64_t floats, uint64_t *grain) {
  *grain = plan_grain(x, all, floats * 200);
  if (*grain > units) *grain = units;
  return (units + *grain - 1) / *grain;
}

bool dot_take_memory(struct execute *x, const struct item *item, struct dot *d) {
  uint64_t depth = dot_depth_of(x, d, 0), rows = x->backend->dot_rows, words = 0;
  uint64_t cols = d->split ? d->panels * d->panel_cols : d->cols_inner;
  uint64_t slots = d->phased && d->chunks > DOT_SLOTS ? DOT_SLOTS : d->chunks, shared = slots * dot_cut(x, d);
  if (shared > d->k) shared = d->k;
  d->phases = d->phased ? d->chunks : 1;
  if (d->from_a == DOT_SHARED) {
    d->share_a = plan_take_copy(x, item, 4 * (d->tiles * rows * shared + 16));
    d->copies_a = cut_copies(x, d->tiles, d->tiles * d->chunks / d->phases, depth * rows, &d->grain_a);
  }
  if (d->from_b == DOT_SHARED) {
    d->share_b = plan_take_copy(x, item, 4 * d->panels * d->panel_cols * shared * d->batches);
    d->copies_b = d->batches * cut_copies(x, d->panels, d->panels * d->batches * d->chunks / d->phases,
                                          depth * d->panel_cols, &d->grain_b);
  }
  if (d->from_b == DOT_OWN) words = d->own_a = depth * cols;
  if (d->from_a == DOT_OWN) words += d->group * depth * rows + 16;
  d->own_tail = words;
  words = d->own_blank = words + dot_tail_words(x, d);
  if (d->blank) words += d->row.extent;
  if (words > 0) plan_need_accumulators(x, words);
  d->copied = arena_take(&x->notes, d->phases, sizeof *d->copied);
  d->tiled = arena_take(&x->notes, d->phases, sizeof *d->tiled);
  d->turn = arena_take(&x->notes, d->tasks, sizeof *d->turn);
  return d->copied && d->tiled && d->turn;
}

/* Rows or columns that lie side by side in a copy, unit after unit. */
struct units {
  uint64_t extent, count, width; /* width 0: as even as they go */
};

static uint64_t unit_start(const struct units *u, uint64_t i) {
  if (u->width == 0) return u->extent * i / u->count;
  return i * u->width < u->extent ? i * u->width : u->extent;
}

struct copy {
  const struct execute *x;
  const struct dot_depth *lies;
  const float *from;
  int64_t step; /* from one row or column to the next */
  struct units units;
  uint64_t to_k, first, depth;
};

/* Unit i, `depth` k from `first` on. */
static void copy_unit(const struct copy *c, uint64_t i, uint64_t first, uint64_t depth, float *to) {
  uint64_t start = unit_start(&c->units, i), wide = unit_start(&c->units, i + 1) - start;
  const float *from = c->from + (int64_t)start * c->step;
  for (uint64_t k = first, end = first + depth; k < end;) {
    uint64_t in = k % c->lies->length, n = c->lies->length - in < end - k ? c->lies->length - in : end - k;
    c->x->backend->dot_pack((uint32_t)n, (uint32_t)wide,
                            from + c->lies->from[k / c->lies->length] + (int64_t)in * c->lies->step, c->lies->step,
                            c->step, to + (k - first) * c->to_k, (ptrdiff_t)c->to_k);
    k += n;
  }
}

/* A place on the walk along k. */
struct walk {
  uint64_t row, in;
};

static struct walk walk_from(const struct dot_depth *lies, uint64_t k) {
  return (struct walk){k / lies->length, k % lies->length};
}

static const float *walk_at(const struct copy *c, const struct walk *w) {
  return c->from + c->lies->from[w->row] + (int64_t)w->in * c->lies->step;
}

/* By no more than what is left of a row. */
static void walk_on(const struct dot_depth *lies, struct walk *w, uint64_t k) {
  w->in += k;
  if (w->in == lies->length) w->in = 0, w->row++;
}

/* Units [low, high), at most UNITS, that lie side by side: read as they lie, a few k at a time for all, and asked for
 * before, since each k may be on a page of its own. */
static void copy_beside(const struct copy *c, uint64_t low, uint64_t high, float *to) {
  const struct dot_depth *lies = c->lies;
  uint64_t start[UNITS + 1], units = high - low, unit = c->depth * c->to_k, asked = 0;
  for (uint64_t i = 0; i <= units; i++) start[i] = unit_start(&c->units, low + i);
  struct walk now = walk_from(lies, c->first), soon = now;
  for (uint64_t k = 0, n; k < c->depth; k += n, walk_on(lies, &now, n)) {
    n = c->depth - k < AHEAD ? c->depth - k : AHEAD;
    if (n > lies->length - now.in) n = lies->length - now.in;
    for (; asked < k + n + AHEAD && asked < c->depth; asked++, walk_on(lies, &soon, 1)) {
      const float *row = walk_at(c, &soon);
      for (uint64_t j = start[0]; j < start[units]; j += 16) __builtin_prefetch(row + j);
    }
    const float *from = walk_at(c, &now);
    for (uint64_t i = 0; i < units; i++)
      c->x->backend->dot_pack((uint32_t)n, (uint32_t)(start[i + 1] - start[i]), from + start[i], lies->step, 1,
                              to + i * unit + k * c->to_k, (ptrdiff_t)c->to_k);
  }
}

/* Units [low, high) of one chunk. */
static void copy_units(const struct copy *c, uint64_t low, uint64_t high, float *to) {
  uint64_t unit = c->depth * c->to_k, share = c->step == 1 && high - low > 1 ? UNITS : 1;
  for (uint64_t i = low, n; i < high; i += n, to += n * unit) {
    n = high - i < share ? high - i : share;
    if (share > 1)
      copy_beside(c, i, i + n, to);
    else
      copy_unit(c, i, c->first, c->depth, to);
  }
}

static struct copy copy_of_a(const struct execute *x, const struct dot *d, const float *from, uint64_t rows,
                             uint64_t tiles, uint32_t chunk) {
  return (struct copy){x,
                       &d->depth_a,
                       from,
                       d->row.a,
                       {rows, tiles, 0},
                       x->backend->dot_rows,
                       chunk * dot_cut(x, d),
                       dot_depth_of(x, d, chunk)};
}

static struct copy copy_of_b(const struct execute *x, const struct dot *d, const float *from, uint32_t chunk) {
  return (struct copy){x,
                       &d->depth_b,
                       from,
                       d->col.b,
                       {d->col.extent, d->panels, d->panel_cols},
                       d->panel_cols,
                       chunk * dot_cut(x, d),
                       dot_depth_of(x, d, chunk)};
}

static void copy_a(struct execute *x, const struct dot *d, uint32_t chunk, uint64_t i) {
  const float *from = (const float *)(const void *)place_at(x, d->a) + d->a_base;
  float *to = (float *)(void *)plan_copy(x, d->share_a);
  uint64_t low = i * d->grain_a, high = low + d->grain_a < d->tiles ? low + d->grain_a : d->tiles;
  struct copy c = copy_of_a(x, d, from, d->row.extent, d->tiles, chunk);
  copy_units(&c, low, high, to + c.to_k * (d->tiles * dot_slot(d, chunk) * dot_cut(x, d) + low * c.depth));
}

static void copy_b(struct execute *x, const struct dot *d, uint32_t chunk, uint64_t i) {
  const float *from = (const float *)(const void *)place_at(x, d->b) + d->b_base;
  float *to = (float *)(void *)plan_copy(x, d->share_b);
  uint64_t tasks = d->copies_b / d->batches, batch = i / tasks;
  uint64_t low = i % tasks * d->grain_b, high = low + d->grain_b < d->panels ? low + d->grain_b : d->panels;
  for (uint32_t l = d->loops; l-- > 0;)
    if (d->loop[l].b) {
      int64_t at = (int64_t)(batch % d->loop[l].extent);
      batch /= d->loop[l].extent;
      from += at * d->loop[l].b;
      to += at * d->pack_loop[l];
    }
  struct copy c = copy_of_b(x, d, from, chunk);
  copy_units(&c, low, high, to + c.to_k * (d->panels * dot_slot(d, chunk) * dot_cut(x, d) + low * c.depth));
}

void dot_copy(struct execute *x, const struct dot *d, uint32_t chunk, uint64_t i) {
  if (i < d->copies_a)
    copy_a(x, d, chunk, i);
  else
    copy_b(x, d, chunk, i - d->copies_a);
}

const float *dot_own_b(const struct dot_call *call, uint32_t thread, const float *from, uint32_t chunk, uint64_t low,
                       uint64_t high) {
  const struct dot *d = call->dot;
  float *to = (float *)plan_accumulators(call->x, thread);
  struct copy c = copy_of_b(call->x, d, from, chunk);
  copy_units(&c, low / d->panel_cols, (high + d->panel_cols - 1) / d->panel_cols, to);
  return to;
}

const float *dot_own_a(const struct dot_call *call, uint32_t thread, const float *from, uint32_t chunk, uint64_t tile,
                       uint64_t count) {
  const struct dot *d = call->dot;
  float *to = (float *)plan_accumulators(call->x, thread) + d->own_a;
  struct copy c = copy_of_a(call->x, d, from + (int64_t)call->row_low * d->row.a, call->rows, call->tiles, chunk);
  copy_units(&c, tile, tile + count, to);
  return to;
}
