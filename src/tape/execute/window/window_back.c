#include "tape/execute/window/window_back.h"

#include "numeric/canon.h"
#include "tape/execute/plan/axis.h"

enum { PLACES_MAX = 1 << 16, BODY = TAPE_REGISTER_BODY };

/* Rows of outputs: one place of each dim in front of `line`, the last dim with windows; all channels behind it. */
struct window_back {
  const struct tape_record *record;
  uint8_t first_of, dy_of, mask_of; /* operands; mask_of: TAPE_OPERANDS_MAX without */
  uint32_t line, wide, windows, cols;
  uint32_t div[TAPE_RANK_MAX];
  int64_t row[TAPE_RANK_MAX]; /* in elements of dy, what one window of each dim in front is worth */
  uint32_t tap[TAPE_RANK_MAX];
  uint64_t row_elements, rows, grain;
  struct place first, dy, mask, out;
};

/* The body operation whose result a register is, if it has this code. */
static const struct tape_body_op *made_by(const struct tape_record *r, uint8_t reg, uint8_t code) {
  if (reg < BODY || reg - BODY >= r->body_ops || r->body[reg - BODY].code != code) return NULL;
  return &r->body[reg - BODY];
}

static bool is_zero(const struct tape_record *r, uint8_t reg) {
  return reg >= TAPE_REGISTER_LITERAL && reg < BODY && r->literal[reg - TAPE_REGISTER_LITERAL] == 0;
}

static bool is_operand(const struct tape_record *r, uint8_t reg, uint8_t dtype) {
  return reg < r->operands && r->operand[reg].dtype == dtype;
}

/* Fills what is computed with what: [sel(fle(mask, 0), 0,] sel(ieq(first, tap), dy, 0)[)]. *tap is a register. */
static bool read_body(struct window_back *w, uint8_t *tap) {
  const struct tape_record *r = w->record;
  if (r->op != TAPE_MAP || r->dtype != TAPE_F32 || r->body_ops < 2) return false;
  const struct tape_body_op *sel = made_by(r, (uint8_t)(BODY + r->body_ops - 1), CANON_SEL), *when;
  if (!sel) return false;
  w->mask_of = TAPE_OPERANDS_MAX;
  if ((when = made_by(r, sel->a, CANON_FLE))) {
    if (!is_zero(r, when->b) || !is_zero(r, sel->b) || !is_operand(r, when->a, TAPE_F32)) return false;
    w->mask_of = when->a;
    if (!operand_is_identity(r, &r->operand[when->a]) || !(sel = made_by(r, sel->c, CANON_SEL))) return false;
  }
  if (!(when = made_by(r, sel->a, CANON_IEQ)) || !is_zero(r, sel->c) || !is_operand(r, sel->b, TAPE_F32)) return false;
  bool turned = !is_operand(r, when->a, TAPE_U8);
  w->first_of = turned ? when->b : when->a;
  w->dy_of = sel->b;
  *tap = turned ? when->a : when->b;
  return is_operand(r, w->first_of, TAPE_U8) && *tap >= BODY;
}

/* Axis n reads dim n, of which every window covers `div` places and none is cut. */
static bool covers(const struct tape_record *r, const struct tape_operand *o, uint32_t *div) {
  if (o->axes != r->out_rank) return false;
  for (uint8_t a = 0; a < o->axes; a++) {
    const struct tape_axis *y = &o->axis[a];
    uint32_t moves = axis_dims(r, y);
    if (y->indirect != TAPE_INDIRECT_NONE || y->offset != 0 || (moves & ~(1u << a)) != 0) return false;
    if (r->dim[a] > 1 && (!moves || axis_coef(y, a) != 1)) return false;
    if ((uint64_t)y->extent * y->div != r->dim[a] || (y->div > 1 && y->mode != TAPE_FLOOR)) return false;
    div[a] = y->div;
  }
  return true;
}

/* Is the register, of coordinates and literals alone, the number of the tap at every place of the dims with windows? */
static bool counts_taps(const struct window_back *w, uint8_t reg) {
  const struct tape_record *r = w->record;
  bool needed[TAPE_BODY_MAX] = {false};
  uint64_t places = 1;
  needed[reg - BODY] = true;
  for (uint32_t i = (uint32_t)(reg - BODY) + 1; i-- > 0;) {
    const struct tape_body_op *op = &r->body[i];
    if (!needed[i]) continue;
    if (op->code == CANON_COORD && op->a < r->out_rank && w->div[op->a] > 1) continue;
    if (op->code != CANON_IADD && op->code != CANON_IMUL && op->code != CANON_IMOD) return false;
    const uint8_t from[2] = {op->a, op->b};
    for (int n = 0; n < 2; n++)
      if (from[n] >= BODY)
        needed[from[n] - BODY] = true;
      else if (from[n] < TAPE_REGISTER_LITERAL)
        return false;
  }
  for (uint32_t d = 0; d < r->out_rank; d++)
    if (w->div[d] > 1) places *= r->dim[d];
  if (places > PLACES_MAX) return false;
  uint32_t coord[TAPE_RANK_MAX] = {0}, word[BODY + TAPE_BODY_MAX];
  for (uint32_t l = 0; l < r->literals; l++) word[TAPE_REGISTER_LITERAL + l] = r->literal[l];
  for (uint64_t p = 0; p < places; p++) {
    uint32_t tap = 0;
    for (uint32_t d = 0; d < r->out_rank; d++) tap = tap * w->div[d] + coord[d] % w->div[d];
    for (uint32_t i = 0; i <= (uint32_t)(reg - BODY); i++) {
      const struct tape_body_op *op = &r->body[i];
      if (!needed[i]) continue;
      if (op->code == CANON_COORD)
        word[BODY + i] = coord[op->a];
      else
        backend_scalar.map[op->code][3](1, &word[BODY + i], &word[op->a], &word[op->b], NULL);
    }
    if (word[reg] != tap) return false;
    for (uint32_t d = r->out_rank; d-- > 0;) {
      if (w->div[d] == 1) continue;
      if (++coord[d] < r->dim[d]) break;
      coord[d] = 0;
    }
  }
  return true;
}

/* How the windows lie, and the register that is to number their taps. */
static bool lay_out(struct window_back *w, const struct tape_record *r, uint8_t *tap) {
  uint32_t div[TAPE_RANK_MAX];
  *w = (struct window_back){.record = r};
  if (!read_body(w, tap) || !covers(r, &r->operand[w->first_of], w->div)) return false;
  if (!covers(r, &r->operand[w->dy_of], div) || memcmp(div, w->div, r->out_rank * sizeof div[0]) != 0) return false;
  w->line = r->out_rank;
  for (uint32_t d = r->out_rank; d-- > 0 && w->line == r->out_rank;)
    if (w->div[d] > 1) w->line = d;
  if (w->line == r->out_rank) return false;
  uint64_t cols = 1, taps = 1;
  for (uint32_t d = w->line + 1; d < r->out_rank; d++) cols *= r->dim[d];
  w->wide = w->div[w->line];
  w->windows = r->dim[w->line] / w->wide;
  if (cols * r->dim[w->line] > UINT32_MAX) return false;
  w->cols = (uint32_t)cols;
  w->row_elements = cols * r->dim[w->line];
  w->rows = record_elements(r) / w->row_elements;
  int64_t stride = (int64_t)(cols * w->windows);
  taps = w->wide;
  for (uint32_t d = w->line; d-- > 0; stride *= r->dim[d] / w->div[d], taps *= w->div[d]) {
    w->row[d] = stride;
    w->tap[d] = w->div[d] > 1 ? (uint32_t)taps : 0;
    if (taps * w->div[d] > UINT8_MAX) return false;
  }
  return taps <= UINT8_MAX;
}

bool window_back_fits(const struct tape_record *r) {
  struct window_back w;
  uint8_t tap;
  return lay_out(&w, r, &tap) && counts_taps(&w, tap);
}

bool window_back_parts_fit(const struct tape_record *r, uint64_t parts) {
  struct window_back w;
  uint8_t tap;
  return lay_out(&w, r, &tap) && w.rows % parts == 0;
}

bool window_back_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct window_back *w = arena_take(&x->notes, 1, sizeof *w);
  uint8_t tap;
  if (!w || !lay_out(w, r, &tap)) return false;
  w->first = plan_operand_place(x, &r->operand[w->first_of]);
  w->dy = plan_operand_place(x, &r->operand[w->dy_of]);
  if (w->mask_of < TAPE_OPERANDS_MAX) w->mask = plan_operand_place(x, &r->operand[w->mask_of]);
  w->out = x->value[item->first].place;
  w->grain = plan_grain(x, w->rows, w->row_elements * 300);
  item->plan = w;
  return true;
}

static void rows(const struct execute *x, const struct window_back *w, uint64_t row, uint64_t end, uint32_t thread) {
  const struct tape_record *r = w->record;
  const uint8_t *first = place_at_thread(x, w->first, thread);
  const float *dy = (const float *)(const void *)place_at_thread(x, w->dy, thread), *mask = NULL;
  float *out = (float *)(void *)place_at_thread(x, w->out, thread);
  if (w->mask_of < TAPE_OPERANDS_MAX) mask = (const float *)(const void *)place_at_thread(x, w->mask, thread);
  uint32_t coord[TAPE_RANK_MAX];
  axis_at(r, 0, w->line, row, coord);
  for (; row < end; row++) {
    int64_t from = 0;
    uint32_t tap = 0;
    for (uint32_t d = 0; d < w->line; d++) {
      uint32_t window = w->div[d] == 1 ? coord[d] : coord[d] / w->div[d];
      from += window * w->row[d];
      tap += (coord[d] - window * w->div[d]) * w->tap[d];
    }
    x->backend->window_back(w->windows, w->wide, w->cols, first + from, dy + from, tap,
                            mask ? mask + row * w->row_elements : NULL, out + row * w->row_elements);
    axis_next(r, 0, w->line, coord);
  }
}

void window_back_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
                      uint32_t thread) {
  const struct window_back *w = item->plan;
  rows(x, w, w->rows / parts * low, w->rows / parts * high, thread);
}

struct window_back_call {
  struct execute *x;
  const struct window_back *window;
};

static void window_back_task(void *context, uint32_t i, uint32_t thread) {
  const struct window_back_call *c = context;
  const struct window_back *w = c->window;
  uint64_t start = i * w->grain;
  rows(c->x, w, start, start + w->grain < w->rows ? start + w->grain : w->rows, thread);
}

void window_back_run(struct execute *x, const struct item *item) {
  const struct window_back *w = item->plan;
  struct window_back_call call = {x, w};
  pool_run(x->options.pool, (uint32_t)((w->rows + w->grain - 1) / w->grain), window_back_task, &call);
}
