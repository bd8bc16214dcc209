#include "tape/execute/map/map.h"

#include <string.h>

#include "numeric/canon.h"

struct map_output {
  uint32_t record, bytes; /* bytes of an element */
  int32_t node;
  bool canonical, clean; /* clean: comes canonical */
  bool row;              /* a word a row */
  struct place place;
  bool far;   /* past the caches */
  bool twice; /* to `beyond` as well, past the caches */
  struct place beyond;
};

struct map {
  struct program program;
  uint64_t elements, grain; /* grain: blocks a task */
  uint32_t block;           /* elements: whole rows where folds are among the records */
  uint32_t outputs;
  bool far; /* some output is stored past the caches */
  struct map_output output[];
};

/* What is written past the caches goes out in shorter pieces, since the buffers between hold some thirty lines, and in
 * still shorter ones where they empty while the next piece is worked on: behind a body that takes its time. */
enum { FAR_BLOCK = 512, FAR_SLOW_BLOCK = 256 };

static bool is_slow(const struct program *p) {
  bool slow = false;
  for (uint32_t i = 0; i < p->nodes; i++) slow |= p->node[i].kind == NODE_FUSED && p->node[i].word;
  return slow && p->row == 0;
}

/* Values that are only moved, each written where it goes, need no block of a thread's: a piece of them may be longer,
 * and as many rows as are turned at once. 0: something else happens. */
static uint32_t moved_block(const struct program *p) {
  enum { MOVED = 2048, MOVED_MOST = 16384 };
  uint32_t block = MOVED;
  if (p->early_list > 0 || p->late_list == 0) return 0;
  for (uint32_t i = 0; i < p->late_list; i++) {
    const struct node *n = &p->node[p->list[i]];
    if (n->kind != NODE_OPERAND || n->direct < 0 || n->table || n->sweep->dtype == TAPE_U8) return 0;
    if (!sweep_linear(n->sweep) || n->sweep->dims == 0) return 0;
    uint32_t width = n->sweep->extent[n->sweep->dims - 1];
    if (n->sweep->dims > 1 && width > BACKEND_BLOCK) return 0;
    if (sweep_turned(n->sweep) && SWEEP_TURNED_ROWS * width > block) block = SWEEP_TURNED_ROWS * width;
  }
  return block > MOVED_MOST ? MOVED_MOST : block;
}

bool map_plan(struct execute *x, struct item *item) {
  const struct tape_record *first = &x->tape->record[item->first], *r = first;
  struct map *m = arena_take(&x->notes, 1, sizeof *m + item->count * sizeof m->output[0]);
  uint32_t dims = 0, rank = (uint32_t)r->out_rank + r->k_rank;
  for (uint32_t d = 0; d < rank; d++) dims |= 1u << d;
  if (!m || !program_begin(&m->program, x, r, 0, rank, dims)) return false;
  m->elements = record_elements(r) * record_k(r);
  m->block = BACKEND_BLOCK;
  for (uint32_t i = 0; i < item->count; i++)
    if (x->tape->record[item->first + i].op == TAPE_FOLD) m->program.row = r->dim[rank - 1];
  for (uint32_t i = 0; i < item->count; i++)
    if (value_lies_here(&x->value[item->first + i]) || x->value[item->first + i].far) m->block = FAR_BLOCK;
  if (m->program.row) m->program.k = 0, m->block = m->block / m->program.row * m->program.row;

  int32_t result[PROGRAM_NODES_MAX], kept[PROGRAM_NODES_MAX];
  bool rewrites = false;
  for (uint32_t i = 0; i < item->count; i++) {
    r = &x->tape->record[item->first + i];
    int16_t known[TAPE_OPERANDS_MAX];
    for (uint8_t o = 0; o < r->operands; o++) {
      known[o] = -1;
      if (r->operand[o].space != TAPE_TEMP) continue;
      uint32_t producer = plan_producer(x, r->operand[o].first_leaf);
      if (producer < item->first) continue;
      int32_t node = result[producer - item->first];
      bool row = map_by_rows(first, &x->tape->record[producer]);
      if (row && (r->op == TAPE_FOLD || !map_by_rows(first, r))) node = program_spread(&m->program, node);
      if (node >= 0 && r->operand[o].dtype == TAPE_U8) node = program_mask_u8(&m->program, node);
      if (node < 0) return false;
      known[o] = (int16_t)node;
    }
    result[i] = program_add(&m->program, r, known);
    if (result[i] >= 0 && r->op == TAPE_FOLD) result[i] = program_reduce(&m->program, result[i], r->reducer);
    if (result[i] < 0) return false;
    const struct value *v = &x->value[item->first + i];
    if (!v->stored) continue;
    bool twice = value_lies_here(v);
    rewrites |= v->over;
    m->output[m->outputs++] = (struct map_output){.record = item->first + i,
                                                  .bytes = tape_dtype_bytes(r->dtype),
                                                  .node = result[i],
                                                  .row = map_by_rows(first, r),
                                                  .canonical = r->dtype == TAPE_F32 && !x->options.free_order,
                                                  .place = twice ? v->here : v->place,
                                                  .far = v->far,
                                                  .twice = twice,
                                                  .beyond = v->place};
    m->far |= twice || v->far;
  }
  /* Stores happen at a block's end, in order. A result that is a bare operand of an entry rewritten before it must have
   * been read by then; one that is computed may go straight to memory that no operand of this pass lies in. */
  for (uint32_t i = 0; i < m->outputs; i++) {
    struct map_output *o = &m->output[i];
    if (rewrites && m->program.node[o->node].kind == NODE_OPERAND) o->node = program_copy(&m->program, o->node);
    if (o->node < 0) return false;
  }
  for (uint32_t i = 0; i < m->outputs; i++) {
    struct map_output *o = &m->output[i];
    struct node *n = &m->program.node[o->node];
    kept[i] = o->node;
    bool shared = false; /* as another dtype, say: a store makes NaN canonical in place, which an i32 must not see */
    for (uint32_t j = 0; j < m->outputs; j++) shared |= j != i && m->output[j].node == o->node;
    bool made = n->kind == NODE_OP || (n->kind == NODE_OPERAND && !rewrites);
    bool own = made && n->late && !shared && !o->far && o->bytes == 4 && n->dims >> 31 && !o->row;
    if (own) n->direct = (int16_t)i, n->over = x->value[o->record].over;
  }
  item->plan = m;
  if (!program_finish(&m->program, x, kept, m->outputs, x->options.recognise_nothing ? 0 : m->elements)) return false;
  program_tighten(&m->program, x, item);
  for (uint32_t i = 0; i < m->outputs; i++) /* an altered word may be any NaN */
    m->output[i].clean = m->program.node[m->output[i].node].clean && !x->options.alter;
  if (m->far && is_slow(&m->program)) m->block = FAR_SLOW_BLOCK;
  uint32_t moved = x->options.recognise_nothing ? 0 : moved_block(&m->program);
  if (moved) m->block = moved, x->moved++;
  uint64_t blocks = (m->elements + m->block - 1) / m->block;
  m->grain = plan_grain(x, blocks, m->block * (200 + 150 * (uint64_t)m->program.late_list));
  return true;
}

struct map_call {
  struct execute *x;
  const struct map *map;
};

/* n words of the output from `start` on. */
static void store(const struct execute *x, const struct map_output *o, const struct frame *f, uint8_t *to,
                  uint64_t start, uint32_t n) {
  to += start * o->bytes;
  const uint32_t *from = f->at[o->node];
  if (o->bytes == 1) {
    if (f->uniform[o->node])
      memset(to, (int)(*from & 255), n);
    else
      x->backend->narrow_u8(n, to, from);
    return;
  }
  uint32_t *words = (uint32_t *)(void *)to;
  if (o->far && !f->uniform[o->node] && (o->clean || !o->canonical)) {
    x->backend->copy_far(n, words, from);
  } else if (f->uniform[o->node]) {
    uint32_t word = *from;
    for (uint32_t i = 0; i < n; i++) words[i] = word;
  } else if (words != from && !(o->canonical && !o->clean)) {
    memcpy(words, from, 4 * (size_t)n);
  } else if (words != from) { /* whoever looks at words that are on their way to far memory waits for its lines */
    x->backend->map[CANON_BITS][0](n, words, from, NULL, NULL);
    return;
  }
  if (o->canonical && !o->clean) x->backend->canonical(n, words);
}

static void pass(const struct execute *x, const struct map *m, uint64_t start, uint64_t end, uint32_t thread) {
  struct frame f = program_frame(x, thread);
  uint8_t *to[PROGRAM_NODES_MAX], *beyond[PROGRAM_NODES_MAX];
  uint32_t *out[PROGRAM_NODES_MAX];
  struct moment now = {.start = start, .n = 1};
  program_enter(&m->program, x, &now, &f);
  for (uint32_t o = 0; o < m->outputs; o++) {
    to[o] = place_at_thread(x, m->output[o].place, thread);
    beyond[o] = m->output[o].twice ? place_at(x, m->output[o].beyond) : NULL;
  }
  for (; start < end; start += m->block) {
    now.start = start;
    now.n = end - start < m->block ? (uint32_t)(end - start) : m->block;
    for (uint32_t o = 0; o < m->outputs; o++) out[o] = (uint32_t *)(void *)(to[o] + start * m->output[o].bytes);
    program_block(&m->program, x, &now, &f, out);
    for (uint32_t i = 0; i < m->outputs; i++) {
      const struct map_output *o = &m->output[i];
      uint64_t first = o->row ? start / m->program.row : start;
      uint32_t n = o->row ? now.n / m->program.row : now.n;
      store(x, o, &f, to[i], first, n);
      if (o->twice) x->backend->copy_far(n, (uint32_t *)(void *)beyond[i] + first, (uint32_t *)(void *)to[i] + first);
    }
  }
  if (m->far) x->backend->copies_settle();
}

static void map_task(void *context, uint32_t i, uint32_t thread) {
  const struct map_call *call = context;
  const struct map *m = call->map;
  uint64_t start = i * m->grain * m->block, end = start + m->grain * m->block;
  pass(call->x, m, start, end < m->elements ? end : m->elements, thread);
}

void map_begin(struct execute *x, const struct item *item) {
  struct map *m = item->plan;
  if (m->outputs > 0) program_tables(&m->program, x);
}

void map_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
              uint32_t thread) {
  const struct map *m = item->plan;
  if (m->outputs > 0) pass(x, m, m->elements / parts * low, m->elements / parts * high, thread);
}

void map_run(struct execute *x, const struct item *item) {
  struct map *m = item->plan;
  if (m->outputs == 0) return;
  map_begin(x, item);
  struct map_call call = {x, m};
  uint64_t task = m->grain * m->block;
  pool_run(x->options.pool, (uint32_t)((m->elements + task - 1) / task), map_task, &call);
}
