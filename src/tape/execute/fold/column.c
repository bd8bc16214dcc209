#include "tape/execute/fold/column.h"

#include "numeric/canon.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/sum/chunk.h"

struct column {
  const struct tape_record *record;
  struct chunks_operand from[2];
  struct sweep terms[2]; /* each operand along k */
  struct place out;
  struct chunks chunks;
  uint64_t grain;
  uint32_t cols;
};

static void sweeps(const struct tape_record *r, uint8_t o, struct sweep *outputs, struct sweep *terms) {
  const struct place place = {.base = BASE_BULK}; /* places come with the rows */
  const int32_t index[TAPE_RANK_MAX] = {-1, -1, -1, -1, -1, -1};
  const uint32_t none[TAPE_RANK_MAX] = {0};
  sweep_make(outputs, r, &r->operand[o], place, 0, r->out_rank, index, none);
  sweep_make(terms, r, &r->operand[o], place, r->out_rank, r->k_rank, index, none);
}

/* Outputs side by side, every address linear and in range. */
static bool contiguous(const struct tape_record *r, uint8_t o) {
  struct sweep outputs, terms;
  if (r->operand[o].dtype != TAPE_F32) return false;
  for (uint8_t a = 0; a < r->operand[o].axes; a++)
    if (r->operand[o].axis[a].div != 1 || r->operand[o].axis[a].indirect != TAPE_INDIRECT_NONE) return false;
  sweeps(r, o, &outputs, &terms);
  return sweep_linear(&outputs) && sweep_linear(&terms) && outputs.dims <= 1 &&
         (outputs.dims == 0 || outputs.flat[0] == 1);
}

bool column_fits(const struct tape_record *r) {
  bool dot = r->op == TAPE_DOT;
  if (r->reducer != TAPE_CHAIN || r->operands != 1 + dot || r->body_ops != 0) return false;
  if (record_elements(r) > BACKEND_BLOCK * 16 || record_k(r) < 4) return false;
  return contiguous(r, 0) && (!dot || contiguous(r, 1));
}

bool column_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct column *c = arena_take(&x->notes, 1, sizeof *c);
  struct sweep outputs;
  if (!c) return false;
  c->record = r;
  c->out = x->value[item->first].place;
  c->cols = (uint32_t)record_elements(r);
  if (!chunks_plan(x, item, &c->chunks)) return false;
  for (uint8_t o = 0; o < r->operands; o++) {
    sweeps(r, o, &outputs, &c->terms[o]);
    c->from[o] = chunks_operand(x, &r->operand[o]);
  }
  c->grain = plan_grain(x, c->chunks.count, (uint64_t)CANON_CHUNK * (1500 + 100 * (uint64_t)c->cols));
  item->plan = c;
  return true;
}

struct column_call {
  struct execute *x;
  const struct column *column;
};

/* How far behind its first element the operand lies at k, how far its rows are apart from there on, and how many there
 * are at most. */
static int64_t rows_at(const struct sweep *s, uint64_t k, uint64_t *length, ptrdiff_t *row) {
  int64_t at = s->base;
  *row = s->dims ? s->flat[s->dims - 1] : 0;
  if (s->dims) {
    uint64_t left = s->extent[s->dims - 1] - k % s->extent[s->dims - 1];
    if (*length > left) *length = left;
  }
  for (uint32_t j = s->dims; j-- > 0; k /= s->extent[j]) at += (int64_t)(k % s->extent[j]) * s->flat[j];
  return at;
}

/* Positions [k, end) of k, all of one chunk. */
static void add_rows(void *context, uint32_t chunk, uint64_t k, uint64_t end, uint32_t thread) {
  const struct column_call *call = context;
  const struct column *c = call->column;
  const struct execute *x = call->x;
  float *sum = chunks_sums(x, &c->chunks) + (uint64_t)chunk * c->cols;
  const float *first[2];
  for (uint8_t o = 0; o < c->record->operands; o++) first[o] = chunks_read(x, &c->chunks, &c->from[o], k, thread);
  for (uint32_t j = 0; j < c->cols && k % CANON_CHUNK == 0; j++) sum[j] = 0;
  while (k < end) { /* runs along the innermost dim of k */
    uint64_t length = end - k;
    ptrdiff_t row, other = 0;
    const float *from = first[0] + rows_at(&c->terms[0], k, &length, &row), *by = NULL;
    if (c->record->op == TAPE_DOT) by = first[1] + rows_at(&c->terms[1], k, &length, &other);
    if (by)
      x->backend->column_dot((uint32_t)length, c->cols, from, row, by, other, sum);
    else
      x->backend->column_chain((uint32_t)length, c->cols, from, row, sum);
    k += length;
  }
}

static void column_task(void *context, uint32_t i, uint32_t thread) {
  const struct column *c = ((const struct column_call *)context)->column;
  uint64_t end = (i + 1) * c->grain * CANON_CHUNK, k = i * c->grain * CANON_CHUNK;
  if (end > c->chunks.k) end = c->chunks.k;
  for (; k < end; k += CANON_CHUNK)
    add_rows(context, (uint32_t)(k / CANON_CHUNK), k, k + CANON_CHUNK < end ? k + CANON_CHUNK : end, thread);
}

void column_begin(struct execute *x, const struct item *item) {
  (void)x;
  struct column *c = item->plan;
  chunks_begin(&c->chunks);
}

void column_part(struct execute *x, const struct item *item, uint32_t band, uint32_t thread) {
  struct column *c = item->plan;
  struct column_call call = {x, c};
  chunks_bring(&c->chunks, band, thread, add_rows, &call);
}

void column_end(struct execute *x, const struct item *item) {
  const struct column *c = item->plan;
  fold_join(x, c->record, chunks_sums(x, &c->chunks), c->out, c->chunks.count);
}

void column_run(struct execute *x, const struct item *item) {
  const struct column *c = item->plan;
  struct column_call call = {x, c};
  pool_run(x->options.pool, (uint32_t)((c->chunks.count + c->grain - 1) / c->grain), column_task, &call);
  column_end(x, item);
}
