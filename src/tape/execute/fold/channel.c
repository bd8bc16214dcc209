#include "tape/execute/fold/channel.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/plan/axis.h"

enum { COLS_MAX = 1 << 13, TAPS_MAX = CANON_CHUNK, NO_AXIS = 255 };

/* An axis of an operand but the channels'. */
struct walk_axis {
  int64_t offset, coef[PLAN_DIMS], stride; /* coef by record dim; stride in floats */
  int64_t extent, div;
};

/* How an operand is walked: along `row` by runs of constant stride, everything else fixed. */
struct walk {
  struct place place;
  uint32_t axes;
  struct walk_axis axis[TAPE_RANK_MAX];
  uint8_t row_axis; /* the one that moves with the row dim; NO_AXIS: none does */
};

struct channel {
  const struct tape_record *record;
  struct walk walk[2];
  struct place out;
  uint32_t row, rows, cols, k, outer, chunks; /* row: a record dim; outer: out dims in front of those two */
  uint64_t combinations, grain;
  uint8_t weight; /* the operand that no place moves; both operands are summed along k if there is none */
  bool summed;
};

/* Rows first, first + step, .. of a walk lie at `at`, `row` floats apart. */
struct run {
  const float *at;
  ptrdiff_t row;
  int64_t first, count, step;
};

static bool moves(const struct tape_record *r, const struct tape_operand *o, uint32_t first, uint32_t count) {
  for (uint8_t a = 0; a < o->axes; a++)
    for (uint8_t t = 0; t < o->axis[a].terms; t++)
      if (o->axis[a].term[t].dim >= first && o->axis[a].term[t].dim < first + count &&
          r->dim[o->axis[a].term[t].dim] > 1)
        return true;
  return false;
}

/* Channels lie side by side and in range; the others are affine, at most one of them moves with the row dim, forwards.
 */
static bool make_walk(struct walk *w, const struct tape_record *r, const struct tape_operand *o, uint32_t channel,
                      uint32_t row) {
  bool found = false;
  int64_t stride = 1;
  *w = (struct walk){.row_axis = NO_AXIS};
  if (o->dtype != TAPE_F32) return false;
  for (uint8_t a = o->axes; a-- > 0; stride *= o->axis[a].extent) {
    const struct tape_axis *x = &o->axis[a];
    struct walk_axis y = {.offset = x->offset, .stride = stride, .extent = x->extent, .div = x->div};
    if (x->indirect != TAPE_INDIRECT_NONE || (x->mode != TAPE_EXACT && x->div != 1)) return false;
    for (uint8_t t = 0; t < x->terms; t++)
      if (r->dim[x->term[t].dim] > 1) y.coef[x->term[t].dim] += x->term[t].coef;
    if (y.coef[channel]) {
      for (uint32_t d = 0; d < PLAN_DIMS; d++)
        if (y.coef[d] != (d == channel)) return false;
      if (found || stride != 1 || y.div != 1 || y.offset || r->dim[channel] > x->extent) return false;
      found = true;
      continue;
    }
    if (y.coef[row]) {
      if (w->row_axis != NO_AXIS || y.coef[row] < 0 || (y.div > 1 && y.coef[row] != 1)) return false;
      w->row_axis = (uint8_t)w->axes;
    }
    w->axis[w->axes++] = y;
  }
  return found;
}

/* Fills everything that does not need a plan; false: another way must be found. */
static bool choose(struct channel *c, const struct tape_record *r) {
  uint32_t channel = r->out_rank, last = (uint32_t)r->out_rank + r->k_rank;
  *c = (struct channel){.record = r, .k = record_k(r)};
  if (r->op != TAPE_DOT) return false;
  while (channel > 0 && r->dim[channel - 1] == 1) channel--;
  if (channel-- < 2) return false;
  c->cols = r->dim[channel];
  if (c->cols > COLS_MAX) return false;
  bool a = moves(r, &r->operand[0], 0, channel), b = moves(r, &r->operand[1], 0, channel);
  c->summed = c->k > TAPS_MAX;
  if (!c->summed) {
    if (a == b) return false;
    c->weight = a ? 1 : 0;
    c->row = channel - 1;
    c->outer = channel - 1;
  } else {
    while (last > r->out_rank && r->dim[last - 1] == 1) last--;
    if (last == r->out_rank) return false;
    c->row = last - 1;
    c->outer = channel;
  }
  c->rows = r->dim[c->row];
  c->combinations = 1;
  for (uint32_t d = 0; d < c->outer; d++) c->combinations *= r->dim[d];
  if (c->summed && c->combinations > 1024) return false;
  for (uint8_t o = 0; o < 2; o++) {
    if (!make_walk(&c->walk[o], r, &r->operand[o], channel, c->row)) return false;
    bool weight = !c->summed && o == c->weight;
    if (weight == (c->walk[o].row_axis != NO_AXIS)) return false;
    if (c->summed && c->walk[o].axis[c->walk[o].row_axis].div != 1) return false;
  }
  c->chunks = (c->k + CANON_CHUNK - 1) / CANON_CHUNK;
  return true;
}

bool channel_fits(const struct tape_record *r) {
  struct channel c;
  return choose(&c, r);
}

bool channel_plan(struct execute *x, struct item *item) {
  struct channel *c = arena_take(&x->notes, 1, sizeof *c);
  if (!c || !choose(c, &x->tape->record[item->first])) return false;
  c->out = x->value[item->first].place;
  for (uint8_t o = 0; o < 2; o++) c->walk[o].place = plan_operand_place(x, &c->record->operand[o]);
  uint64_t terms = c->summed ? CANON_CHUNK : (uint64_t)c->rows * c->k;
  c->grain = plan_grain(x, c->combinations * c->chunks, 20000 + terms * (2000 + 100 * (uint64_t)c->cols));
  if (c->summed) plan_need_workspace(x, c->chunks * record_elements(c->record) * 4);
  item->plan = c;
  return true;
}

/* Where the walk's rows 0 .. rows - 1 lie at these coordinates (the row dim's is 0); false: nowhere in range. */
static bool locate(const struct execute *x, const struct channel *c, const struct walk *w, const uint32_t *coord,
                   struct run *run) {
  const struct tape_record *r = c->record;
  int64_t at = 0, rows = c->rows;
  *run = (struct run){.count = rows, .step = 1};
  for (uint32_t n = 0; n < w->axes; n++) {
    const struct walk_axis *a = &w->axis[n];
    int64_t number = a->offset;
    for (uint32_t d = 0; d < (uint32_t)r->out_rank + r->k_rank; d++) number += a->coef[d] * coord[d];
    if (n != w->row_axis) {
      if (number % a->div != 0) return false;
      number /= a->div;
      if (number < 0 || number >= a->extent) return false;
      at += number * a->stride;
      continue;
    }
    int64_t coef = a->coef[c->row];
    if (a->div == 1) {
      run->first = number >= 0 ? 0 : (-number + coef - 1) / coef;
      int64_t end = number >= a->extent ? 0 : (a->extent - 1 - number) / coef + 1;
      run->count = (end < rows ? end : rows) - run->first;
      at += (number + run->first * coef) * a->stride;
      run->row = coef * a->stride;
    } else { /* every div-th row, from the first that div divides */
      int64_t rest = number % a->div;
      run->first = number < 0 ? -number : rest ? a->div - rest : 0;
      run->step = a->div;
      int64_t low = (number + run->first) / a->div, end = rows - run->first;
      run->count = end > 0 ? (end + a->div - 1) / a->div : 0;
      if (run->count > a->extent - low) run->count = a->extent - low;
      at += low * a->stride;
      run->row = a->stride;
    }
    if (run->count <= 0) return false;
  }
  run->at = (const float *)(const void *)place_at(x, w->place) + at;
  return true;
}

/* A row of places: tap after tap, each added to all of its places. */
static void one_row(const struct execute *x, const struct channel *c, uint64_t combination) {
  const struct tape_record *r = c->record;
  uint32_t coord[PLAN_DIMS] = {0}, zero = 0;
  uint64_t words = (uint64_t)c->rows * c->cols;
  float *y = (float *)(void *)place_at(x, c->out) + combination * words;
  memset(y, 0, words * sizeof *y);
  axis_at(r, 0, c->outer, combination, coord);
  for (uint32_t k = 0; k < c->k; k++) {
    struct run places, weight;
    axis_at(r, r->out_rank, axis_rank(r), k, coord);
    if (!locate(x, c, &c->walk[1 - c->weight], coord, &places) || !locate(x, c, &c->walk[c->weight], coord, &weight))
      continue;
    x->backend->rows_fma((uint32_t)places.count, c->cols, places.at, places.row, weight.at, y + places.first * c->cols,
                         places.step * c->cols);
  }
  for (uint64_t n = 0; n < words; n += BACKEND_BLOCK) { /* C = +0 + s_0 */
    uint32_t count = words - n < BACKEND_BLOCK ? (uint32_t)(words - n) : BACKEND_BLOCK;
    uint32_t *at = (uint32_t *)(void *)(y + n);
    x->backend->map[CANON_ADD][1](count, at, &zero, at, NULL);
    x->backend->canonical(count, at);
  }
}

/* One chunk of the columns of one combination, run by run. */
static void one_chunk(const struct execute *x, const struct channel *c, uint64_t combination, uint32_t chunk,
                      float *sum) {
  const struct tape_record *r = c->record;
  uint32_t coord[PLAN_DIMS] = {0}, k = chunk * CANON_CHUNK, end = k + CANON_CHUNK < c->k ? k + CANON_CHUNK : c->k;
  for (uint32_t j = 0; j < c->cols; j++) sum[j] = 0;
  axis_at(r, 0, c->outer, combination, coord);
  while (k < end) {
    struct run a, b;
    int64_t from = k % c->rows, to = from + (end - k) < c->rows ? from + (end - k) : c->rows;
    axis_at(r, r->out_rank, axis_rank(r), k - (uint32_t)from, coord);
    k += (uint32_t)(to - from);
    if (!locate(x, c, &c->walk[0], coord, &a) || !locate(x, c, &c->walk[1], coord, &b)) continue;
    if (from < a.first) from = a.first;
    if (from < b.first) from = b.first;
    if (to > a.first + a.count) to = a.first + a.count;
    if (to > b.first + b.count) to = b.first + b.count;
    if (from >= to) continue;
    x->backend->column_dot((uint32_t)(to - from), c->cols, a.at + (from - a.first) * a.row, a.row,
                           b.at + (from - b.first) * b.row, b.row, sum);
  }
}

struct channel_call {
  struct execute *x;
  const struct channel *channel;
};

static void channel_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct channel_call *call = context;
  const struct channel *c = call->channel;
  float *results = (float *)(void *)place_at(call->x, call->x->workspace);
  uint64_t units = c->combinations * c->chunks;
  uint64_t end = (i + 1) * c->grain < units ? (i + 1) * c->grain : units;
  for (uint64_t unit = i * c->grain; unit < end; unit++) {
    uint32_t chunk = (uint32_t)(unit / c->combinations);
    uint64_t combination = unit % c->combinations;
    if (c->summed)
      one_chunk(call->x, c, combination, chunk, results + unit * c->cols);
    else
      one_row(call->x, c, combination);
  }
}

void channel_run(struct execute *x, const struct item *item) {
  const struct channel *c = item->plan;
  struct channel_call call = {x, c};
  uint64_t units = c->combinations * c->chunks;
  pool_run(x->options.pool, (uint32_t)((units + c->grain - 1) / c->grain), channel_task, &call);
  if (c->summed) fold_join(x, c->record, place_at(x, x->workspace), c->out, c->chunks);
}
