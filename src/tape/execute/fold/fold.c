#include "tape/execute/fold/fold.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/sum/mend.h"
#include "tape/execute/sum/row.h"

/* Along rows the program walks outputs and k as one: a block is some whole rows, or a chunk of a long one. Along
 * columns it walks the outputs, for one k after the other. */
struct fold {
  const struct tape_record *record;
  struct program program;
  struct place out;
  uint64_t elements, units, grain; /* unit: one chunk of one block of outputs */
  uint32_t k, chunks, block, result, result2;
  bool rows, float_sum;
};

enum { LANES_BLOCK = 128 };

static bool is_float_sum(const struct tape_record *r) { return r->reducer == TAPE_CHAIN || r->reducer == TAPE_LANES; }

bool fold_along_rows(const struct tape_record *r) {
  if (r->op == TAPE_DOT) return false;
  uint64_t elements = record_elements(r);
  uint32_t k = record_k(r);
  if (elements < 8) return true;
  if (k < 32 || r->reducer == TAPE_CHAIN) return false;
  for (uint8_t o = 0; o < r->operands; o++) {
    if (!record_depends_on_k(r, o)) continue;
    struct sweep s;
    int32_t index[TAPE_RANK_MAX] = {-1, -1, -1, -1, -1, -1};
    uint32_t none[TAPE_RANK_MAX] = {0};
    sweep_make(&s, r, &r->operand[o], (struct place){.base = BASE_BULK}, r->out_rank, r->k_rank, index, none);
    if (s.dims && s.flat[s.dims - 1] != 1 && s.flat[s.dims - 1] != 0) return false;
    if (s.dims && s.extent[s.dims - 1] < 16) return false;
  }
  return true;
}

bool fold_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct fold *f = arena_take(&x->notes, 1, sizeof *f);
  if (!f) return false;
  f->record = r;
  f->out = x->value[item->first].place;
  f->elements = record_elements(r);
  f->k = record_k(r);
  f->chunks = (f->k + CANON_CHUNK - 1) / CANON_CHUNK;
  f->float_sum = is_float_sum(r);
  f->rows = fold_along_rows(r);
  f->block = r->reducer == TAPE_LANES ? LANES_BLOCK : BACKEND_BLOCK;
  if (f->rows) f->block = f->k < BACKEND_BLOCK ? BACKEND_BLOCK / f->k : 1;
  uint32_t k_dims = ((1u << r->k_rank) - 1) << r->out_rank, all = (1u << (r->out_rank + r->k_rank)) - 1;
  uint32_t count = f->rows ? (uint32_t)r->out_rank + r->k_rank : r->out_rank;
  if (!program_begin(&f->program, x, r, 0, count, f->rows ? all : k_dims)) return false;
  int32_t result[2], results = 1;
  result[0] = program_add(&f->program, r, NULL);
  if (r->op == TAPE_DOT) { /* both operands are results */
    result[1] = result[0];
    result[0] = -1;
    for (uint32_t i = 0; i < f->program.nodes; i++)
      if (f->program.node[i].kind == NODE_OPERAND && f->program.node[i].operand == 0) result[0] = (int32_t)i;
    results = 2;
  }
  uint64_t walk = f->rows && !x->options.recognise_nothing ? f->elements * f->k : 0;
  if (result[0] < 0 || !program_finish(&f->program, x, result, (uint32_t)results, walk)) return false;
  program_tighten(&f->program, x, item);
  f->result = (uint32_t)result[0];
  f->result2 = results == 2 ? (uint32_t)result[1] : 0;
  uint64_t blocks = (f->elements + f->block - 1) / f->block;
  f->units = blocks * f->chunks;
  uint64_t terms = (uint64_t)f->block * (f->k < CANON_CHUNK ? f->k : CANON_CHUNK);
  f->grain = plan_grain(x, f->units, 50000 + terms * (300 + 200 * (uint64_t)f->program.late_list));
  plan_need_workspace(x, f->chunks * f->elements * 4);
  /* accumulators: one block, or 32 of them for lanes, a thread */
  plan_need_accumulators(x, f->rows ? BACKEND_BLOCK : CANON_LANES * LANES_BLOCK);
  item->plan = f;
  return true;
}

static uint8_t code_of(uint8_t reducer) {
  switch ((enum tape_reducer)reducer) {
  case TAPE_FMIN: return CANON_MIN;
  case TAPE_FMAX: return CANON_MAX;
  case TAPE_ISUM: return CANON_IADD;
  case TAPE_IMIN: return CANON_IMIN;
  case TAPE_IMAX: return CANON_IMAX;
  case TAPE_NONE:
  case TAPE_CHAIN:
  case TAPE_LANES: break;
  }
  return CANON_ADD;
}

static void fill(uint32_t n, uint32_t *out, const uint32_t *from, bool uniform) {
  if (!uniform)
    memcpy(out, from, 4 * (size_t)n);
  else
    for (uint32_t i = 0; i < n; i++) out[i] = *from;
}

static void set_coordinates(const struct tape_record *r, uint32_t first, uint32_t count, uint64_t index,
                            uint32_t *coord) {
  for (uint32_t d = first + count; d-- > first; index /= r->dim[d]) coord[d] = (uint32_t)(index % r->dim[d]);
}

/* One chunk of a block of outputs: k outside, elements inside. */
static void columns_unit(const struct execute *x, const struct fold *f, uint64_t start, uint32_t n, uint32_t chunk,
                         struct frame *frame, uint32_t *sum, uint32_t *out) {
  const struct tape_record *r = f->record;
  uint32_t k0 = chunk * CANON_CHUNK, k1 = k0 + CANON_CHUNK < f->k ? k0 + CANON_CHUNK : f->k;
  uint8_t code = code_of(r->reducer);
  bool lanes = r->reducer == TAPE_LANES,
       starts_at_body = code == CANON_MIN || code == CANON_MAX || code == CANON_IMIN || code == CANON_IMAX;
  struct moment m = {.start = start, .n = n};
  memset(sum, 0, (size_t)(lanes ? CANON_LANES * LANES_BLOCK : n) * 4);
  set_coordinates(r, r->out_rank, r->k_rank, k0, m.coord);
  m.k = k0;
  program_enter(&f->program, x, &m, frame);
  for (uint32_t k = k0; k < k1; k++) {
    m.k = k;
    program_block(&f->program, x, &m, frame, NULL);
    const uint32_t *term = frame->at[f->result];
    unsigned uniform = frame->uniform[f->result];
    uint32_t *to = lanes ? sum + (k % CANON_LANES) * LANES_BLOCK : sum;
    if (r->op == TAPE_DOT)
      x->backend->map[CANON_FMA][uniform | (unsigned)frame->uniform[f->result2] << 1](n, to, term,
                                                                                      frame->at[f->result2], to);
    else if (starts_at_body && k == k0)
      fill(n, to, term, uniform);
    else
      x->backend->map[code][uniform << 1](n, to, to, term, NULL);
    for (uint32_t d = r->out_rank + r->k_rank; d-- > r->out_rank;) {
      if (++m.coord[d] < r->dim[d]) break;
      m.coord[d] = 0;
    }
  }
  for (uint32_t w = CANON_LANES / 2; lanes && w > 0; w /= 2)
    for (uint32_t j = 0; j < w; j++) {
      uint32_t *low = sum + j * LANES_BLOCK;
      x->backend->map[CANON_ADD][0](n, low, low, sum + (j + w) * LANES_BLOCK, NULL);
    }
  memcpy(out, sum, 4 * (size_t)n);
}

/* One chunk of n outputs whose terms lie one behind the other: of one, where there is more than one chunk. */
static void rows_unit(const struct execute *x, const struct fold *f, uint64_t start, uint32_t n, uint32_t chunk,
                      struct frame *frame, uint32_t *spread, uint32_t *out) {
  uint32_t k0 = chunk * CANON_CHUNK, terms = f->k - k0 < CANON_CHUNK ? f->k - k0 : CANON_CHUNK;
  struct moment m = {.start = start * f->k + k0, .n = n * terms};
  program_block(&f->program, x, &m, frame, NULL);
  const uint32_t *term = frame->at[f->result];
  if (frame->uniform[f->result]) {
    fill(m.n, spread, term, true);
    term = spread;
  }
  for (uint32_t i = 0; i < n; i++) out[i] = row_reduce(x->backend, f->record->reducer, terms, term + (size_t)i * terms);
}

static void enter(const struct execute *x, const struct fold *f, struct frame *frame) {
  struct moment m = {.n = 1};
  if (f->rows) program_enter(&f->program, x, &m, frame);
}

static void one_unit(const struct execute *x, const struct fold *f, uint64_t start, uint32_t n, uint32_t chunk,
                     struct frame *frame, uint32_t *out) {
  uint32_t *own = plan_accumulators(x, frame->thread);
  if (f->rows)
    rows_unit(x, f, start, n, chunk, frame, own, out);
  else
    columns_unit(x, f, start, n, chunk, frame, own, out);
}

struct fold_call {
  struct execute *x;
  const struct fold *fold;
  uint32_t *results; /* [chunks, elements] */
};

static void fold_task(void *context, uint32_t i, uint32_t thread) {
  const struct fold_call *call = context;
  const struct fold *f = call->fold;
  struct frame frame = program_frame(call->x, thread);
  uint64_t end = (i + 1) * f->grain < f->units ? (i + 1) * f->grain : f->units;
  enter(call->x, f, &frame);
  for (uint64_t unit = i * f->grain; unit < end; unit++) {
    uint32_t chunk = (uint32_t)(unit % f->chunks);
    uint64_t start = unit / f->chunks * f->block;
    uint32_t n = f->elements - start < f->block ? (uint32_t)(f->elements - start) : f->block;
    one_unit(call->x, f, start, n, chunk, &frame, call->results + chunk * f->elements + start);
  }
}

/* C = +0 + s_0 of a float sum, then one chunk's results after the other: n outputs of `stride` words a chunk. */
static void join(const struct execute *x, const struct tape_record *r, uint32_t n, const uint32_t *results,
                 uint64_t stride, uint32_t chunks, uint32_t *block) {
  uint32_t zero = 0;
  uint8_t code = code_of(r->reducer);
  if (is_float_sum(r))
    x->backend->map[CANON_ADD][1](n, block, &zero, results, NULL);
  else
    memcpy(block, results, 4 * (size_t)n);
  for (uint32_t chunk = 1; chunk < chunks; chunk++)
    x->backend->map[code][0](n, block, block, results + chunk * stride, NULL);
  if (r->dtype == TAPE_F32) x->backend->canonical(n, block);
}

static void put_results(const struct execute *x, const struct tape_record *r, uint8_t *out, uint64_t start, uint32_t n,
                        const uint32_t *block) {
  if (r->dtype == TAPE_U8)
    x->backend->narrow_u8(n, out + start, block);
  else
    memcpy(out + 4 * start, block, 4 * (size_t)n);
}

struct join_call {
  struct execute *x;
  const struct tape_record *record;
  const uint32_t *results;
  struct place out;
  uint64_t elements, grain;
  uint32_t chunks;
};

static void join_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct join_call *c = context;
  uint64_t end = (i + 1) * c->grain * BACKEND_BLOCK < c->elements ? (i + 1) * c->grain * BACKEND_BLOCK : c->elements;
  for (uint64_t start = i * c->grain * BACKEND_BLOCK; start < end; start += BACKEND_BLOCK) {
    uint32_t n = end - start < BACKEND_BLOCK ? (uint32_t)(end - start) : BACKEND_BLOCK, block[BACKEND_BLOCK];
    join(c->x, c->record, n, c->results + start, c->elements, c->chunks, block);
    put_results(c->x, c->record, place_at(c->x, c->out), start, n, block);
  }
}

void fold_join(struct execute *x, const struct tape_record *r, const void *results, struct place out, uint32_t chunks) {
  struct join_call c = {x, r, results, out, record_elements(r), 1, chunks};
  uint64_t blocks = (c.elements + BACKEND_BLOCK - 1) / BACKEND_BLOCK;
  c.grain = plan_grain(x, blocks, 60000 * (uint64_t)chunks);
  pool_run(x->options.pool, (uint32_t)((blocks + c.grain - 1) / c.grain), join_task, &c);
}

void fold_begin(struct execute *x, const struct item *item) {
  struct fold *f = item->plan;
  program_tables(&f->program, x);
}

void fold_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
               uint32_t thread) {
  const struct fold *f = item->plan;
  struct frame frame = program_frame(x, thread);
  uint64_t start = f->elements / parts * low, end = f->elements / parts * high;
  uint8_t *out = place_at_thread(x, f->out, thread);
  enter(x, f, &frame);
  for (; start < end; start += f->block) {
    uint32_t n = end - start < f->block ? (uint32_t)(end - start) : f->block;
    uint32_t block[BACKEND_BLOCK], next[BACKEND_BLOCK];
    one_unit(x, f, start, n, 0, &frame, next);
    join(x, f->record, n, next, 0, 1, block);
    for (uint32_t chunk = 1; chunk < f->chunks; chunk++) {
      one_unit(x, f, start, n, chunk, &frame, next);
      x->backend->map[code_of(f->record->reducer)][0](n, block, block, next, NULL);
    }
    if (f->chunks > 1 && f->record->dtype == TAPE_F32) x->backend->canonical(n, block);
    put_results(x, f->record, out, start, n, block);
  }
}

void fold_run(struct execute *x, const struct item *item) {
  struct fold *f = item->plan;
  struct fold_call call = {x, f, (uint32_t *)(void *)place_at(x, x->workspace)};
  fold_begin(x, item);
  pool_run(x->options.pool, (uint32_t)((f->units + f->grain - 1) / f->grain), fold_task, &call);
  fold_join(x, f->record, call.results, f->out, f->chunks);
  if (f->record->op == TAPE_DOT) mend_dot(x, f->record, f->out);
}
