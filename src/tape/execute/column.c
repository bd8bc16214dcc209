#include "tape/execute/column.h"

#include "numeric/canon.h"
#include "tape/execute/fold.h"

struct column {
  const struct tape_record *record;
  struct sweep outputs, terms; /* one walks the outputs, the other k */
  struct place out;
  uint64_t grain;
  uint32_t cols, k, chunks;
};

static void sweeps(const struct tape_record *r, struct place place, struct sweep *outputs, struct sweep *terms) {
  const int32_t index[TAPE_RANK_MAX] = {-1, -1, -1, -1, -1, -1};
  const uint32_t none[TAPE_RANK_MAX] = {0};
  sweep_make(outputs, r, &r->operand[0], place, 0, r->out_rank, index, none);
  sweep_make(terms, r, &r->operand[0], place, r->out_rank, r->k_rank, index, none);
}

bool column_fits(const struct tape_record *r) {
  if (r->reducer != TAPE_CHAIN || r->operands != 1 || r->body_ops != 0 || r->operand[0].dtype != TAPE_F32) return false;
  if (record_elements(r) > BACKEND_BLOCK * 16 || record_k(r) < 4) return false;
  for (uint8_t a = 0; a < r->operand[0].axes; a++)
    if (r->operand[0].axis[a].div != 1 || r->operand[0].axis[a].indirect != TAPE_INDIRECT_NONE) return false;
  struct sweep o, k;
  sweeps(r, (struct place){0}, &o, &k);
  return sweep_linear(&o) && sweep_linear(&k) && o.dims <= 1 && (o.dims == 0 || o.flat[0] == 1);
}

bool column_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct column *c = arena_take(&x->notes, 1, sizeof *c);
  if (!c) return false;
  c->record = r;
  c->out = x->value[item->first].place;
  c->cols = (uint32_t)record_elements(r);
  c->k = record_k(r);
  c->chunks = (c->k + CANON_CHUNK - 1) / CANON_CHUNK;
  sweeps(r, plan_operand_place(x, &r->operand[0]), &c->outputs, &c->terms);
  c->grain = plan_grain(x, c->chunks, (uint64_t)CANON_CHUNK * (1500 + 100 * (uint64_t)c->cols));
  plan_need_workspace(x, (uint64_t)c->chunks * c->cols * 4);
  item->plan = c;
  return true;
}

struct column_call {
  struct execute *x;
  const struct column *column;
  float *results;
};

static void column_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct column_call *call = context;
  const struct column *c = call->column;
  const struct sweep *s = &c->terms;
  const float *from = (const float *)(const void *)place_at(call->x, s->place) + c->terms.base;
  uint64_t end = (i + 1) * c->grain < c->chunks ? (i + 1) * c->grain : c->chunks;
  for (uint64_t chunk = i * c->grain; chunk < end; chunk++) {
    float *sum = call->results + chunk * c->cols;
    for (uint32_t j = 0; j < c->cols; j++) sum[j] = 0;
    uint64_t k = chunk * CANON_CHUNK, k1 = k + CANON_CHUNK < c->k ? k + CANON_CHUNK : c->k;
    while (k < k1) { /* runs along the innermost dim of k */
      int64_t at = 0, stride = s->dims ? s->flat[s->dims - 1] : 0;
      uint64_t rest = k, length = k1 - k;
      for (uint32_t j = s->dims; j-- > 0; rest /= s->extent[j]) at += (int64_t)(rest % s->extent[j]) * s->flat[j];
      if (s->dims && length > s->extent[s->dims - 1] - k % s->extent[s->dims - 1])
        length = s->extent[s->dims - 1] - k % s->extent[s->dims - 1];
      call->x->backend->column_chain((uint32_t)length, c->cols, from + at, stride, sum);
      k += length;
    }
  }
}

void column_run(struct execute *x, const struct item *item) {
  const struct column *c = item->plan;
  struct column_call call = {x, c, (float *)(void *)place_at(x, x->workspace)};
  pool_run(x->options.pool, (uint32_t)((c->chunks + c->grain - 1) / c->grain), column_task, &call);
  fold_join(x, c->record, c->out, c->chunks);
}
