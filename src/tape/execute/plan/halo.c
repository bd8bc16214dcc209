#include "tape/execute/plan/halo.h"

#include <string.h>

#include "tape/execute/plan/axis.h"

bool halo_affine(const struct tape_record *r, const struct tape_operand *o) {
  double larger = 1;
  if (o->dtype != TAPE_F32) return false;
  for (uint8_t a = 0; a < o->axes; a++) {
    const struct tape_axis *x = &o->axis[a];
    if (x->indirect != TAPE_INDIRECT_NONE || (x->div != 1 && x->mode == TAPE_FLOOR)) return false;
    int64_t low, high, end = (int64_t)(x->extent - 1) * x->div;
    axis_range(r, x, &low, &high);
    larger *= (double)((high > end ? high : end) - (low < 0 ? low : 0) + 1) / x->extent;
  }
  return larger <= 16;
}

static bool same(const struct halo *a, const struct halo *b) {
  return a->of->space == b->of->space && a->of->data_number == b->of->data_number &&
         a->of->first_leaf == b->of->first_leaf && a->axes == b->axes &&
         memcmp(a->source, b->source, sizeof a->source) == 0 && memcmp(a->extent, b->extent, sizeof a->extent) == 0 &&
         memcmp(a->div, b->div, sizeof a->div) == 0 && memcmp(a->low, b->low, sizeof a->low) == 0;
}

bool halo_operand(struct execute *x, const struct tape_record *r, const struct tape_operand *o, struct halo **halo,
                  int64_t *base, int64_t *coef) {
  uint32_t rank = (uint32_t)r->out_rank + r->k_rank;
  struct halo h = {.of = o, .from = plan_operand_place(x, o), .axes = o->axes};
  bool leaves = false;
  for (uint8_t a = 0; a < o->axes; a++) {
    const struct tape_axis *y = &o->axis[a];
    int64_t low, high;
    axis_range(r, y, &low, &high);
    h.source[a] = h.extent[a] = y->extent;
    h.div[a] = y->div;
    if (y->div == 1 && low >= 0 && high < (int64_t)y->extent) continue;
    leaves = true;
    int64_t end = (int64_t)(y->extent - 1) * y->div;
    if (low > 0) low = 0;
    if (high < end) high = end;
    if (high - low >= UINT32_MAX) return false;
    h.low[a] = low;
    h.extent[a] = (uint32_t)(high - low + 1);
  }
  int64_t stride = 1;
  *base = 0;
  for (uint32_t d = 0; d < rank; d++) coef[d] = 0;
  for (uint8_t a = o->axes; a-- > 0; stride *= h.extent[a]) {
    *base += (o->axis[a].offset - h.low[a]) * stride;
    for (uint8_t t = 0; t < o->axis[a].terms; t++) { /* along a dim of 1 a coef means nothing, and may be anything */
      const struct tape_term *term = &o->axis[a].term[t];
      if (r->dim[term->dim] > 1) coef[term->dim] += stride * term->coef;
    }
  }
  *halo = NULL;
  if (!leaves) return true;
  for (struct halo *g = x->halos; g; g = g->next)
    if (same(g, &h)) {
      *halo = g;
      return true;
    }
  struct halo *g = arena_take(&x->notes, 1, sizeof *g);
  if (!g) return false;
  h.buffer = plan_take(x, 4 * (uint64_t)stride + 64);
  h.next = x->halos;
  *g = h;
  x->halos = *halo = g;
  return true;
}

bool halo_linear(const struct tape_record *r, const struct tape_operand *o, int64_t *coef) {
  int64_t stride = 1;
  memset(coef, 0, PLAN_DIMS * sizeof *coef);
  for (uint8_t a = o->axes; a-- > 0; stride *= o->axis[a].extent) {
    const struct tape_axis *y = &o->axis[a];
    if (axis_leaves(r, y)) return false;
    for (uint8_t t = 0; t < y->terms; t++)
      if (r->dim[y->term[t].dim] > 1) coef[y->term[t].dim] += stride * y->term[t].coef;
  }
  return true;
}

void halo_forget(struct execute *x) {
  for (struct halo *h = x->halos; h; h = h->next) h->fresh = false;
}

struct halo_call {
  const struct execute *x;
  const struct halo *halo;
  uint32_t row_axis; /* axes from here on are contiguous in both */
  uint64_t row, rows, grain;
  int64_t stride[TAPE_RANK_MAX];
};

static void halo_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct halo_call *c = context;
  const struct halo *h = c->halo;
  const float *from = (const float *)(const void *)place_at(c->x, h->from);
  float *to = (float *)(void *)place_at(c->x, h->buffer);
  uint64_t first = i * c->grain, end = first + c->grain < c->rows ? first + c->grain : c->rows;
  uint32_t at[TAPE_RANK_MAX] = {0};
  uint64_t rest = first;
  for (uint32_t a = c->row_axis; a-- > 0; rest /= h->source[a]) at[a] = (uint32_t)(rest % h->source[a]);
  for (uint64_t r = first; r < end; r++) {
    int64_t d = 0;
    for (uint32_t a = 0; a < h->axes; a++) d += ((int64_t)at[a] * h->div[a] - h->low[a]) * c->stride[a];
    if (c->row == 1)
      to[d] = from[r];
    else
      memcpy(to + d, from + r * c->row, 4 * c->row);
    for (uint32_t a = c->row_axis; a-- > 0;) {
      if (++at[a] < h->source[a]) break;
      at[a] = 0;
    }
  }
}

void halo_fill(struct execute *x, struct halo *h) {
  if (h->fresh) return;
  h->fresh = true;
  struct halo_call c = {.x = x, .halo = h, .row_axis = h->axes, .row = 1, .rows = 1};
  int64_t stride = 1;
  bool whole = true; /* all axes inside are as wide as their source */
  for (uint32_t a = h->axes; a-- > 0; stride *= h->extent[a]) {
    c.stride[a] = stride;
    if (whole && h->div[a] == 1) {
      c.row *= h->source[a];
      c.row_axis = a;
    } else {
      c.rows *= h->source[a];
    }
    whole = whole && h->div[a] == 1 && h->extent[a] == h->source[a];
  }
  c.grain = plan_grain(x, c.rows, 3000 + 250 * c.row);
  pool_run(x->options.pool, (uint32_t)((c.rows + c.grain - 1) / c.grain), halo_task, &c);
}
