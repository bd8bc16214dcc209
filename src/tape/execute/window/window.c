#include "tape/execute/window/window.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/plan/axis.h"
#include "tape/execute/plan/halo.h"
#include "tape/execute/program/program.h"

enum { TAPS_MAX = 254 };

/* Where no tap leaves the value, rows of outputs, all places of a line with their channels, are read where they lie.
 * Otherwise blocks of outputs; taps are gathered or pointed at, block by block. */
struct window {
  const struct tape_record *record;
  struct sweep tap;  /* moves along the outputs, k fixed */
  bool others_write; /* behind what a band reads, while it runs: near its end no row is read past its own */
  struct place source, max, first;
  uint64_t elements, grain; /* blocks a task */
  uint32_t taps;
  uint8_t first_dtype;
  bool has_first;
  uint32_t line, cols; /* cols 0: by blocks; else rows are dim `line` and what is behind it */
  uint64_t rows;
  int64_t coef[PLAN_DIMS], base;
};

bool window_fits(const struct tape_record *r) {
  if (r->reducer != TAPE_FMAX || r->operands != 1 || r->body_ops != 0 || record_k(r) > TAPS_MAX) return false;
  if (r->operand[0].dtype != TAPE_F32) return false;
  for (uint8_t a = 0; a < r->operand[0].axes; a++)
    if (r->operand[0].axis[a].indirect != TAPE_INDIRECT_NONE) return false;
  return record_elements(r) >= 8 * (uint64_t)record_k(r); /* rows of logits are the other way round */
}

static bool same_operand(const struct tape_operand *a, const struct tape_operand *b) {
  if (a->space != b->space || a->dtype != b->dtype || a->data_number != b->data_number || a->axes != b->axes ||
      a->fill != b->fill || a->first_leaf != b->first_leaf)
    return false;
  for (uint8_t x = 0; x < a->axes; x++) {
    const struct tape_axis *m = &a->axis[x], *n = &b->axis[x];
    if (m->extent != n->extent || m->offset != n->offset || m->div != n->div || m->mode != n->mode ||
        m->terms != n->terms || n->indirect != TAPE_INDIRECT_NONE)
      return false;
    for (uint8_t t = 0; t < m->terms; t++)
      if (m->term[t].dim != n->term[t].dim || m->term[t].coef != n->term[t].coef) return false;
  }
  return true;
}

/* fold imin of sel(feq(x, m), klin, 7fffffff), operands in either order. */
bool window_joins(const struct execute *x, uint32_t n) {
  const struct tape_record *max = &x->tape->record[n], *r = max + 1;
  if (max->space != TAPE_TEMP || r->op != TAPE_FOLD || r->reducer != TAPE_IMIN || r->operands != 2 ||
      r->body_ops != 3 || r->literals != 1 || r->literal[0] != INT32_MAX || r->out_rank != max->out_rank ||
      r->k_rank != max->k_rank || memcmp(r->dim, max->dim, ((size_t)r->out_rank + r->k_rank) * sizeof r->dim[0]) != 0)
    return false;
  uint8_t tap = same_operand(&max->operand[0], &r->operand[0]) ? 0 : 1, value = 1 - tap;
  const struct tape_operand *m = &r->operand[value];
  if (!same_operand(&max->operand[0], &r->operand[tap]) || m->space != TAPE_TEMP || m->first_leaf != max->first_leaf ||
      !operand_is_identity(r, m) || record_depends_on_k(r, value))
    return false;
  uint8_t equal = 255, klin = 255;
  for (uint8_t b = 0; b < 2; b++) {
    if (r->body[b].code == CANON_KLIN) klin = b;
    if (r->body[b].code == CANON_FEQ && r->body[b].a < 2 && r->body[b].b < 2 && r->body[b].a != r->body[b].b) equal = b;
  }
  const struct tape_body_op *sel = &r->body[2];
  return equal != 255 && klin != 255 && sel->code == CANON_SEL && sel->a == TAPE_REGISTER_BODY + equal &&
         sel->b == TAPE_REGISTER_BODY + klin && sel->c == TAPE_REGISTER_LITERAL;
}

/* Does a later output always read from a later place? */
static bool goes_up(const struct sweep *s) {
  for (uint32_t d = 0; d < s->dims; d++)
    if (s->step[d] <= 0) return false;
  return sweep_linear(s);
}

/* Fills line and cols; false: a tap may be out of range, or channels do not lie side by side. */
static bool by_rows(struct window *w) {
  const struct tape_record *r = w->record;
  const struct tape_operand *o = &r->operand[0];
  uint32_t last = axis_inner(r, 0, r->out_rank), line = last < r->out_rank ? axis_inner(r, 0, last) : r->out_rank;
  if (line >= last || line == r->out_rank || !halo_linear(r, o, w->coef) || w->coef[last] != 1) return false;
  if (w->has_first ? w->first_dtype != TAPE_U8 : r->dim[last] > BACKEND_BLOCK) return false;
  w->base = 0;
  int64_t stride = 1;
  for (uint8_t a = o->axes; a-- > 0; stride *= o->axis[a].extent) w->base += o->axis[a].offset * stride;
  w->line = line;
  w->cols = r->dim[last];
  w->rows = w->elements / w->cols / r->dim[line];
  return true;
}

bool window_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct window *w = arena_take(&x->notes, 1, sizeof *w);
  if (!w) return false;
  const int32_t index[TAPE_RANK_MAX] = {-1, -1, -1, -1, -1, -1};
  const uint32_t none[TAPE_RANK_MAX] = {0};
  w->record = r;
  w->taps = record_k(r);
  w->elements = record_elements(r);
  w->max = x->value[item->first].place;
  w->has_first = item->count == 2;
  if (w->has_first) {
    w->first = x->value[item->first + 1].place;
    w->first_dtype = x->tape->record[item->first + 1].dtype;
  }
  sweep_make(&w->tap, r, &r->operand[0], plan_operand_place(x, &r->operand[0]), 0, r->out_rank, index, none);
  w->others_write = plan_others_write(x, item, &r->operand[0]);
  w->tap.tight = w->others_write && !goes_up(&w->tap);
  w->source = w->tap.place;
  uint64_t blocks = (w->elements + BACKEND_BLOCK - 1) / BACKEND_BLOCK;
  if (by_rows(w))
    w->grain = plan_grain(x, w->rows, (uint64_t)w->cols * r->dim[w->line] * w->taps * 150);
  else
    w->grain = plan_grain(x, blocks, (uint64_t)BACKEND_BLOCK * w->taps * 500);
  plan_need_accumulators(x, ((uint64_t)w->taps + 2) * (BACKEND_BLOCK + SWEEP_SLACK));
  item->plan = w;
  return true;
}

bool window_by_rows(const struct item *item) {
  const struct window *w = item->plan;
  return w->cols != 0;
}

struct window_call {
  struct execute *x;
  const struct window *window;
};

static void one_block(const struct execute *x, const struct window *w, const struct sweep *tap, uint64_t start,
                      uint32_t n, uint32_t thread) {
  const struct tape_record *r = w->record;
  const float *taken[TAPS_MAX];
  struct moment m = {.start = start, .n = n};
  struct frame f = {.thread = thread};
  uint32_t *gathered = plan_accumulators(x, thread);
  for (uint32_t t = 0; t < w->taps; t++) {
    uint32_t rest = t, *out = gathered + (t + 2) * (BACKEND_BLOCK + SWEEP_SLACK);
    const uint32_t *at;
    for (uint32_t d = r->out_rank + r->k_rank; d-- > r->out_rank; rest /= r->dim[d]) m.coord[d] = rest % r->dim[d];
    if (sweep_read(tap, x, &m, &f, out, &at)) { /* one word for all */
      uint32_t word = *at;
      for (uint32_t i = 0; i < n; i++) out[i] = word;
      at = out;
    }
    taken[t] = (const float *)(const void *)at;
  }
  uint8_t first[BACKEND_BLOCK];
  uint32_t *max = (uint32_t *)(void *)place_at_thread(x, w->max, thread) + start;
  x->backend->window_max(1, n, 0, w->taps, taken, (float *)(void *)max, first);
  x->backend->canonical(n, max);
  if (!w->has_first) return;
  if (w->first_dtype == TAPE_U8) {
    memcpy(place_at_thread(x, w->first, thread) + start, first, n);
  } else {
    uint32_t *out = (uint32_t *)(void *)place_at_thread(x, w->first, thread) + start;
    for (uint32_t i = 0; i < n; i++) out[i] = first[i] == 255 ? INT32_MAX : first[i];
  }
}

/* Rows [row, end): every tap of a line of places at once. */
static void some_rows(const struct execute *x, const struct window *w, uint64_t row, uint64_t end, uint32_t thread) {
  const struct tape_record *r = w->record;
  const float *from = (const float *)(const void *)place_at_thread(x, w->source, thread) + w->base;
  float *max = (float *)(void *)place_at_thread(x, w->max, thread);
  uint8_t *first = w->has_first ? place_at_thread(x, w->first, thread) : NULL, unasked[BACKEND_BLOCK];
  const float *tap[TAPS_MAX], *at[TAPS_MAX];
  uint32_t coord[PLAN_DIMS] = {0}, places = r->dim[w->line], some = first ? places : BACKEND_BLOCK / w->cols;
  for (uint32_t t = 0; t < w->taps; t++) {
    tap[t] = from;
    for (uint32_t d = r->out_rank; d < axis_rank(r); d++) tap[t] += coord[d] * w->coef[d];
    axis_next(r, r->out_rank, axis_rank(r), coord);
  }
  axis_at(r, 0, w->line, row, coord);
  for (; row < end; row++) {
    int64_t here = 0;
    for (uint32_t d = 0; d < w->line; d++) here += coord[d] * w->coef[d];
    for (uint32_t p = 0; p < places; p += some, here += some * w->coef[w->line]) {
      const uint64_t to = (row * places + p) * w->cols;
      for (uint32_t t = 0; t < w->taps; t++) at[t] = tap[t] + here;
      x->backend->window_max(places - p < some ? places - p : some, w->cols, (ptrdiff_t)w->coef[w->line], w->taps, at,
                             max + to, first ? first + to : unasked);
    }
    axis_next(r, 0, w->line, coord);
  }
}

void window_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
                 uint32_t thread) {
  const struct window *w = item->plan;
  if (w->cols && w->rows % parts == 0) {
    some_rows(x, w, w->rows / parts * low, w->rows / parts * high, thread);
    return;
  }
  uint64_t start = w->elements / parts * low, end = w->elements / parts * high;
  struct sweep exact = w->tap;
  exact.tight |= w->others_write;
  for (; start < end; start += BACKEND_BLOCK) {
    bool near = end - start <= 2 * BACKEND_BLOCK; /* before that, a whole block of places lies between */
    one_block(x, w, near ? &exact : &w->tap, start,
              end - start < BACKEND_BLOCK ? (uint32_t)(end - start) : BACKEND_BLOCK, thread);
  }
}

static void window_task(void *context, uint32_t i, uint32_t thread) {
  const struct window_call *c = context;
  const struct window *w = c->window;
  if (w->cols) {
    uint64_t row = i * w->grain;
    some_rows(c->x, w, row, row + w->grain < w->rows ? row + w->grain : w->rows, thread);
    return;
  }
  uint64_t start = i * w->grain * BACKEND_BLOCK, end = start + w->grain * BACKEND_BLOCK;
  if (end > w->elements) end = w->elements;
  for (; start < end; start += BACKEND_BLOCK)
    one_block(c->x, w, &w->tap, start, end - start < BACKEND_BLOCK ? (uint32_t)(end - start) : BACKEND_BLOCK, thread);
}

void window_run(struct execute *x, const struct item *item) {
  const struct window *w = item->plan;
  struct window_call call = {x, w};
  uint64_t task = w->cols ? w->grain : w->grain * BACKEND_BLOCK, all = w->cols ? w->rows : w->elements;
  pool_run(x->options.pool, (uint32_t)((all + task - 1) / task), window_task, &call);
}
