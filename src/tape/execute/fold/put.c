#include "tape/execute/fold/put.h"

#include <string.h>

#include "numeric/canon.h"

enum { NONE = UINT32_MAX };

struct put {
  const struct tape_record *record;
  struct program source, index; /* source: a row of the output moves, k is fixed; index: k moves */
  int32_t source_result, index_result;
  struct place out, head, next; /* first position of each row, next position of the same row */
  uint64_t row, grain;          /* elements of a row; rows a task */
  uint32_t rows, k;
};

bool put_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct put *p = arena_take(&x->notes, 1, sizeof *p);
  if (!p) return false;
  *p = (struct put){.record = r, .out = x->value[item->first].place, .rows = r->dim[0], .k = record_k(r)};
  p->row = record_elements(r) / p->rows;
  uint32_t all = UINT32_MAX >> 1;
  if (!program_begin(&p->source, x, r, 1, r->out_rank - 1u, all)) return false;
  p->source_result = program_add(&p->source, r, NULL);
  if (!program_finish(&p->source, x, &p->source_result, 1, 0)) return false;
  if (!program_begin(&p->index, x, r, r->out_rank, r->k_rank, all)) return false;
  struct tape_record *lone = arena_take(&x->notes, 1, sizeof *lone);
  if (!lone) return false;
  *lone = *r;
  lone->operands = 1;
  p->index_result = program_add(&p->index, lone, NULL);
  if (!program_finish(&p->index, x, &p->index_result, 1, 0)) return false;
  p->head = plan_take(x, 4 * (uint64_t)p->rows);
  p->next = plan_take(x, 4 * (uint64_t)p->k);
  plan_need_accumulators(x, 2 * BACKEND_BLOCK);
  p->grain = plan_grain(x, p->rows, 20000 + 200 * p->row + 500 * p->row * p->k / p->rows);
  item->plan = p;
  return true;
}

struct put_call {
  struct execute *x;
  const struct put *put;
};

static void add_block(const struct execute *x, const struct put *p, uint32_t v, uint64_t start, uint32_t n,
                      struct frame *frame, uint32_t *total, uint32_t *sum) {
  const uint32_t *head = (const uint32_t *)(const void *)place_at(x, p->head),
                 *next = (const uint32_t *)(const void *)place_at(x, p->next);
  const struct tape_record *r = p->record;
  backend_map *const *add = x->backend->map[CANON_ADD];
  memset(total, 0, 4 * (size_t)n);
  for (uint32_t k = head[v]; k != NONE;) {
    uint32_t chunk = k / CANON_CHUNK;
    memset(sum, 0, 4 * (size_t)n);
    for (; k != NONE && k / CANON_CHUNK == chunk; k = next[k]) {
      struct moment m = {.start = start, .n = n};
      uint32_t rest = k;
      m.coord[0] = v;
      for (uint32_t d = r->out_rank + r->k_rank; d-- > r->out_rank; rest /= r->dim[d]) m.coord[d] = rest % r->dim[d];
      program_enter(&p->source, x, &m, frame);
      program_block(&p->source, x, &m, frame, NULL);
      add[frame->uniform[p->source_result] ? 2 : 0](n, sum, sum, frame->at[p->source_result], NULL);
    }
    add[0](n, total, total, sum, NULL);
  }
  x->backend->canonical(n, total);
}

static void put_task(void *context, uint32_t i, uint32_t thread) {
  const struct put_call *c = context;
  const struct put *p = c->put;
  struct frame frame = program_frame(c->x, thread);
  uint32_t *total = plan_accumulators(c->x, thread), *sum = total + BACKEND_BLOCK;
  uint64_t end = (i + 1) * p->grain < p->rows ? (i + 1) * p->grain : p->rows;
  for (uint64_t v = i * p->grain; v < end; v++)
    for (uint64_t start = 0; start < p->row; start += BACKEND_BLOCK) {
      uint32_t n = p->row - start < BACKEND_BLOCK ? (uint32_t)(p->row - start) : BACKEND_BLOCK;
      add_block(c->x, p, (uint32_t)v, start, n, &frame, total, sum);
      memcpy(place_at(c->x, p->out) + 4 * (v * p->row + start), total, 4 * (size_t)n);
    }
}

/* Lists are built from the last position to the first, so that they run upwards. */
static void list_positions(struct execute *x, const struct put *p) {
  uint32_t *head = (uint32_t *)(void *)place_at(x, p->head), *next = (uint32_t *)(void *)place_at(x, p->next);
  struct frame frame = program_frame(x, 0);
  for (uint32_t v = 0; v < p->rows; v++) head[v] = NONE;
  for (uint32_t start = (p->k - 1) / BACKEND_BLOCK * BACKEND_BLOCK;; start -= BACKEND_BLOCK) {
    struct moment m = {.start = start, .n = p->k - start < BACKEND_BLOCK ? p->k - start : BACKEND_BLOCK};
    program_enter(&p->index, x, &m, &frame);
    program_block(&p->index, x, &m, &frame, NULL);
    const uint32_t *word = frame.at[p->index_result];
    for (uint32_t j = m.n; j-- > 0;) {
      uint32_t v = word[frame.uniform[p->index_result] ? 0 : j];
      if (v >= p->rows) continue; /* negative too: an index outside adds nothing anywhere */
      next[start + j] = head[v];
      head[v] = start + j;
    }
    if (start == 0) break;
  }
}

void put_run(struct execute *x, const struct item *item) {
  const struct put *p = item->plan;
  struct put_call call = {x, p};
  list_positions(x, p);
  pool_run(x->options.pool, (uint32_t)((p->rows + p->grain - 1) / p->grain), put_task, &call);
}
