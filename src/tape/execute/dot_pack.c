#include "tape/execute/dot_plan.h"

enum { FAR_ROWS = 64, FAR_BYTES = 1024, TURNED_BYTES = 512 };

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

/* Consecutive k of a wide matrix lie on different pages: with several tiles of rows a copy in walking order pays. */
static bool walks_far(const struct dot *d, const int64_t *coef_b) {
  const struct tape_record *r = d->record;
  uint32_t inner = (uint32_t)r->out_rank + r->k_rank - 1;
  uint64_t rows = d->row.extent;
  for (uint32_t i = 0; i < d->loops; i++) {
    if (d->loop[i].b) return false; /* a batch would copy more than it reads */
    rows *= d->loop[i].extent;
  }
  return rows >= FAR_ROWS && d->col.extent >= 64 && coef_b[inner] * 4 >= FAR_BYTES;
}

/* Do the loops that move b stand outside all others? Then whoever works at one batch is through with it. */
static bool batches_outside(const struct dot *d) {
  uint32_t outer = 0;
  while (outer < d->loops && d->loop[outer].b) outer++;
  for (uint32_t i = outer; i < d->loops; i++)
    if (d->loop[i].b) return false;
  return outer > 0;
}

/* Rows side by side in memory, k far apart: a tile of 512 k would take a line of a few sets of the cache for each. */
static bool turned_far(const struct dot *d, const int64_t *coef_a) {
  struct dot_dim dim[TAPE_RANK_MAX];
  uint32_t dims = dot_k_dims(d->record, coef_a, nothing, dim);
  return d->row.a == 1 && dim[dims - 1].a * 4 >= TURNED_BYTES && d->row.extent > 1 && d->col.extent > d->panel_cols;
}

bool dot_choose(struct execute *x, struct dot *d, bool taps, const int64_t *coef_a, const int64_t *coef_b) {
  uint64_t n = d->col.extent, wide = x->backend->dot_cols;
  d->panel_cols = n < wide ? (n + 7) / 8 * 8 : wide;
  d->panels = (n + d->panel_cols - 1) / d->panel_cols;
  d->batches = 1;
  if (d->col.b != 1 || walks_far(d, coef_b)) d->from_b = batches_outside(d) ? DOT_OWN : DOT_SHARED;
  if (d->from_b != DOT_IN_PLACE && !lay_depth(x, d, coef_b, &d->depth_b)) return false;
  d->a_row = d->row.a;
  if (!taps && turned_far(d, coef_a)) {
    d->from_a = DOT_OWN;
    if (!lay_depth(x, d, coef_a, &d->depth_a)) return false;
  }
  int64_t stride = (int64_t)(d->panels * d->panel_cols * d->k);
  for (uint32_t i = d->loops; i-- > 0;)
    if (d->loop[i].b) {
      d->pack_loop[i] = stride * (int64_t)d->batches;
      d->batches *= d->loop[i].extent;
    }
  if (d->from_b == DOT_SHARED) {
    d->pack = plan_take(x, 4 * (uint64_t)stride * d->batches);
    d->pack_grain = plan_grain(x, d->panels * d->batches, d->k * d->panel_cols * 200);
  }
  return true;
}

void dot_own_memory(struct execute *x, struct dot *d) {
  uint64_t depth = dot_cut(x, d) < d->k ? dot_cut(x, d) : d->k;
  uint64_t cols = d->cols_part > d->cols_block ? d->cols_part : d->cols_block;
  if (d->split) cols = d->col.extent;
  if (d->from_b == DOT_OWN) d->own_a = depth * ((cols + d->panel_cols - 1) / d->panel_cols * d->panel_cols);
  if (d->from_a == DOT_OWN || d->from_b == DOT_OWN)
    plan_need_accumulators(x, d->own_a + (d->from_a == DOT_OWN ? depth * x->backend->dot_rows + 16 : 0));
}

/* k from `first` on, `depth` of them, `wide` elements `step` apart side by side for each. */
static void copy(const struct execute *x, const struct dot_depth *lies, const float *from, uint64_t first,
                 uint64_t depth, uint64_t wide, int64_t step, float *to, uint64_t to_k) {
  for (uint64_t k = first, end = first + depth; k < end;) {
    uint64_t in = k % lies->length, n = lies->length - in < end - k ? lies->length - in : end - k;
    x->backend->dot_pack((uint32_t)n, (uint32_t)wide, from + lies->from[k / lies->length] + (int64_t)in * lies->step,
                         lies->step, step, to + (k - first) * to_k, (ptrdiff_t)to_k);
    k += n;
  }
}

/* One panel of one chunk. */
static void copy_panel(const struct execute *x, const struct dot *d, const float *from, uint64_t panel, uint64_t first,
                       uint64_t depth, float *to) {
  uint64_t width = d->col.extent - panel * d->panel_cols;
  if (width > d->panel_cols) width = d->panel_cols;
  copy(x, &d->depth_b, from + (int64_t)(panel * d->panel_cols) * d->col.b, first, depth, width, d->col.b, to,
       d->panel_cols);
}

static uint64_t depth_of(const struct execute *x, const struct dot *d, uint64_t first) {
  uint64_t cut = dot_cut(x, d);
  return d->k - first < cut ? d->k - first : cut;
}

struct share_call {
  struct execute *x;
  const struct dot *dot;
  const float *from;
  float *to;
};

static void share_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct share_call *call = context;
  const struct dot *d = call->dot;
  uint64_t all = d->panels * d->batches, end = (i + 1) * d->pack_grain < all ? (i + 1) * d->pack_grain : all;
  for (uint64_t p = i * d->pack_grain; p < end; p++) {
    uint64_t panel = p % d->panels, rest = p / d->panels;
    const float *from = call->from;
    float *to = call->to;
    for (uint32_t l = d->loops; l-- > 0;)
      if (d->loop[l].b) {
        int64_t at = (int64_t)(rest % d->loop[l].extent);
        rest /= d->loop[l].extent;
        from += at * d->loop[l].b;
        to += at * d->pack_loop[l];
      }
    for (uint64_t k = 0; k < d->k; k += dot_cut(call->x, d)) {
      uint64_t depth = depth_of(call->x, d, k);
      copy_panel(call->x, d, from, panel, k, depth, to + d->panels * d->panel_cols * k + panel * depth * d->panel_cols);
    }
  }
}

void dot_share(struct execute *x, struct dot *d) {
  struct share_call call = {x, d, (const float *)(const void *)place_at(x, d->b) + d->b_base,
                            (float *)(void *)place_at(x, d->pack)};
  pool_run(x->options.pool, (uint32_t)((d->panels * d->batches + d->pack_grain - 1) / d->pack_grain), share_task,
           &call);
}

const float *dot_own_b(const struct dot_call *call, uint32_t thread, const float *from, uint32_t chunk, uint64_t low,
                       uint64_t high) {
  const struct dot *d = call->dot;
  float *to = (float *)plan_accumulators(call->x, thread);
  uint64_t first = chunk * dot_cut(call->x, d), depth = depth_of(call->x, d, first), panel = low / d->panel_cols;
  for (uint64_t p = panel; p * d->panel_cols < high; p++)
    copy_panel(call->x, d, from, p, first, depth, to + (p - panel) * depth * d->panel_cols);
  return to;
}

const float *dot_own_a(const struct dot_call *call, uint32_t thread, const float *from, uint32_t chunk, uint32_t rows) {
  const struct dot *d = call->dot;
  float *to = (float *)plan_accumulators(call->x, thread) + d->own_a;
  uint64_t first = chunk * dot_cut(call->x, d);
  copy(call->x, &d->depth_a, from, first, depth_of(call->x, d, first), rows, d->row.a, to, call->x->backend->dot_rows);
  return to;
}
