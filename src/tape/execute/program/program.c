#include "tape/execute/program/program.h"

#include <stdlib.h>
#include <string.h>

#include "numeric/canon.h"
#include "numeric/fused.h"
#include "numeric/random.h"

#define DEPENDS_ON_VALUES (1u << 31)

bool program_begin(struct program *p, struct execute *x, const struct tape_record *r, uint32_t first, uint32_t count,
                   uint32_t late_dims) {
  *p = (struct program){.first = first, .count = count, .late_dims = late_dims};
  memcpy(p->dim, r->dim, sizeof p->dim);
  if (first == 0 && count > r->out_rank) p->k = record_k(r);
  p->elements = 1;
  for (uint32_t d = first; d < first + count; d++) p->elements *= r->dim[d];
  p->node = arena_take(&x->notes, PROGRAM_NODES_MAX, sizeof *p->node);
  return p->node != NULL;
}

static bool same_map(const struct tape_operand *a, const struct tape_operand *b) {
  if (a->space != b->space || a->dtype != b->dtype || a->data_number != b->data_number || a->axes != b->axes ||
      a->fill != b->fill || a->first_leaf != b->first_leaf)
    return false;
  for (uint8_t x = 0; x < a->axes; x++) {
    const struct tape_axis *m = &a->axis[x], *n = &b->axis[x];
    if (m->extent != n->extent || m->offset != n->offset || m->div != n->div || m->mode != n->mode ||
        m->terms != n->terms || (m->indirect == TAPE_INDIRECT_NONE) != (n->indirect == TAPE_INDIRECT_NONE))
      return false;
    for (uint8_t t = 0; t < m->terms; t++)
      if (m->term[t].dim != n->term[t].dim || m->term[t].coef != n->term[t].coef) return false;
  }
  return true;
}

static bool is_real(const struct program *p, const struct node *n) {
  if (n->kind == NODE_OPERAND) return n->record->operand[n->operand].dtype == TAPE_F32;
  if (n->kind == NODE_REDUCE) return true;
  if (n->kind == NODE_SPREAD) return p->node[n->arg[0]].real;
  if (n->kind != NODE_OP) return false;
  char result = canon_op(n->code)->result; /* t: as its arguments, of which a literal may be either */
  return result == 'f' || (result == 't' && (p->node[n->arg[1]].real || p->node[n->arg[2]].real));
}

/* A temp's floats were made canonical when they were stored, as a fill is, and are so for whoever only hands them
 * on. The state and the data may come from elsewhere. */
static bool is_clean(const struct program *p, const struct node *n) {
  const struct tape_operand *o = n->kind == NODE_OPERAND ? &n->record->operand[n->operand] : NULL;
  switch ((enum node_kind)n->kind) {
  case NODE_OPERAND: return o->dtype == TAPE_F32 && o->space == TAPE_TEMP;
  case NODE_LITERAL: return (n->word & 0x7fffffffu) <= 0x7f800000u;
  case NODE_CANONICAL:
  case NODE_REDUCE: return true;
  case NODE_COPY:
  case NODE_SPREAD: return p->node[n->arg[0]].clean;
  case NODE_OP: return n->code == CANON_SEL && p->node[n->arg[1]].clean && p->node[n->arg[2]].clean;
  default: return false;
  }
}

static int32_t number(struct program *p, struct node n) {
  for (uint32_t i = 0; i < p->nodes; i++) {
    const struct node *o = &p->node[i];
    if (o->kind != n.kind || o->code != n.code || o->arity != n.arity || o->word != n.word ||
        memcmp(o->arg, n.arg, sizeof n.arg) != 0)
      continue;
    if (n.kind == NODE_OPERAND && !same_map(&o->record->operand[o->operand], &n.record->operand[n.operand])) continue;
    return (int32_t)i;
  }
  if (p->nodes == PROGRAM_NODES_MAX) return -1;
  for (uint8_t i = 0; i < n.arity; i++) n.dims |= p->node[n.arg[i]].dims;
  for (uint8_t i = 0; i < n.arity && n.kind != NODE_SPREAD; i++) n.row |= p->node[n.arg[i]].row;
  n.row |= n.kind == NODE_REDUCE;
  n.late = (n.dims & p->late_dims) != 0;
  n.real = is_real(p, &n);
  n.clean = is_clean(p, &n);
  n.slot = n.direct = -1;
  p->node[p->nodes] = n;
  return (int32_t)p->nodes++;
}

static int32_t number_operand(struct program *p, const struct tape_record *r, uint8_t o, const int32_t *operand_node) {
  const struct tape_operand *of = &r->operand[o];
  struct node n = {.kind = NODE_OPERAND, .record = r, .operand = o, .dims = DEPENDS_ON_VALUES};
  for (uint8_t x = 0; x < of->axes; x++) {
    for (uint8_t t = 0; t < of->axis[x].terms; t++)
      if (r->dim[of->axis[x].term[t].dim] > 1) n.dims |= 1u << of->axis[x].term[t].dim;
    if (of->axis[x].indirect == TAPE_INDIRECT_NONE) continue;
    n.arg[n.arity++] = (uint16_t)operand_node[of->axis[x].indirect];
  }
  return number(p, n);
}

static uint32_t dim_bits(const struct program *p, uint32_t first, uint32_t count) {
  uint32_t bits = 0;
  for (uint32_t d = first; d < first + count; d++)
    if (p->dim[d] > 1) bits |= 1u << d;
  return bits;
}

static int32_t number_op(struct program *p, const struct tape_record *r, const struct tape_body_op *b,
                         const int32_t *reg) {
  const struct canon_op *op = canon_op(b->code);
  struct node n = {.code = b->code, .arity = op->arity};
  const uint8_t from[3] = {b->a, b->b, b->c};
  for (uint8_t i = 0; i < op->arity; i++) n.arg[i] = (uint16_t)reg[from[i]];
  switch (b->code) {
  case CANON_BITS: n.kind = NODE_CANONICAL; break; /* the one reader that sees a NaN's bits */
  case CANON_UNBITS: return reg[b->a];
  case CANON_COORD:
    n.kind = NODE_COORD;
    n.word = b->a;
    n.dims = dim_bits(p, b->a, 1);
    break;
  case CANON_KLIN:
    n.kind = NODE_KLIN;
    n.dims = dim_bits(p, r->out_rank, r->k_rank);
    break;
  case CANON_LIN:
    n.kind = NODE_LIN;
    n.dims = dim_bits(p, 0, r->out_rank);
    break;
  case CANON_STEP:
    n.kind = NODE_STEP;
    n.dims = DEPENDS_ON_VALUES;
    break;
  case CANON_RAND:
    n.kind = NODE_RAND;
    n.dims = DEPENDS_ON_VALUES;
    break;
  case CANON_PERM:
    n.kind = NODE_PERM;
    n.arity = 3;
    n.dims = DEPENDS_ON_VALUES;
    break;
  default: n.kind = NODE_OP;
  }
  return number(p, n);
}

int32_t program_add(struct program *p, const struct tape_record *r, const int16_t *known) {
  int32_t reg[TAPE_REGISTER_BODY + TAPE_BODY_MAX];
  for (uint8_t o = 0; o < r->operands; o++) {
    reg[o] = known && known[o] >= 0 ? known[o] : number_operand(p, r, o, reg);
    if (reg[o] < 0) return -1;
  }
  for (uint8_t l = 0; l < r->literals; l++) {
    reg[TAPE_REGISTER_LITERAL + l] = number(p, (struct node){.kind = NODE_LITERAL, .word = r->literal[l]});
    if (reg[TAPE_REGISTER_LITERAL + l] < 0) return -1;
  }
  for (uint8_t b = 0; b < r->body_ops; b++) {
    reg[TAPE_REGISTER_BODY + b] = number_op(p, r, &r->body[b], reg);
    if (reg[TAPE_REGISTER_BODY + b] < 0) return -1;
  }
  if (r->body_ops) return reg[TAPE_REGISTER_BODY + r->body_ops - 1];
  return r->operands ? reg[r->operands - 1] : reg[TAPE_REGISTER_LITERAL];
}

int32_t program_mask_u8(struct program *p, int32_t node) {
  int32_t mask = number(p, (struct node){.kind = NODE_LITERAL, .word = 255});
  if (mask < 0) return -1;
  return number(
      p, (struct node){.kind = NODE_OP, .code = CANON_IAND, .arity = 2, .arg = {(uint16_t)node, (uint16_t)mask}});
}

int32_t program_copy(struct program *p, int32_t node) {
  return number(p, (struct node){.kind = NODE_COPY, .arity = 1, .arg = {(uint16_t)node}});
}

int32_t program_reduce(struct program *p, int32_t node, uint8_t reducer) {
  return number(p, (struct node){.kind = NODE_REDUCE,
                                 .code = reducer,
                                 .arity = 1,
                                 .arg = {(uint16_t)node},
                                 .dims = DEPENDS_ON_VALUES | p->late_dims});
}

int32_t program_spread(struct program *p, int32_t node) {
  return number(p, (struct node){.kind = NODE_SPREAD, .arity = 1, .arg = {(uint16_t)node}});
}

/* Of coordinates alone, and the same all along most blocks. */
static bool steady(const struct program *p, const struct node *n) {
  uint64_t inner = 1;
  if (n->dims & DEPENDS_ON_VALUES) return false;
  for (uint32_t d = p->first + p->count; d-- > p->first && !(n->dims >> d & 1);) inner *= p->dim[d];
  return inner >= BACKEND_BLOCK;
}

/* A map's nodes that repeat with a period along the output: bias-like operands (made anew each step), coordinate
 * expressions. */
static void plan_table(struct program *p, struct execute *x, struct node *n, uint64_t elements) {
  uint32_t dims = n->dims & ~DEPENDS_ON_VALUES, d = 0;
  if (dims == 0 || n->kind == NODE_LITERAL) return;
  bool fixed = !(n->dims & DEPENDS_ON_VALUES);
  if (!fixed && (n->kind != NODE_OPERAND || n->arity != 0)) return;
  while (!(dims >> d & 1)) d++;
  uint64_t period = 1;
  for (; d < p->first + p->count; d++) period *= p->dim[d];
  if (period > PROGRAM_TABLE_WORDS_MAX || (fixed ? elements < BACKEND_BLOCK : elements < 4 * period)) return;
  if (fixed && steady(p, n)) return;
  if (!fixed && sweep_rows(n->sweep) >= 4 * BACKEND_BLOCK) return; /* most blocks are read where they lie */
  n->table = (uint32_t)period;
  n->table_fixed = fixed;
  n->table_place = plan_take(x, 4 * (period + BACKEND_BLOCK));
}

static bool make_sweep(struct program *p, struct execute *x, struct node *n) {
  const struct tape_operand *o = &n->record->operand[n->operand];
  int32_t index[TAPE_RANK_MAX];
  uint32_t index_dims[TAPE_RANK_MAX] = {0};
  for (uint8_t a = 0, i = 0; a < o->axes; a++) {
    index[a] = -1;
    if (o->axis[a].indirect == TAPE_INDIRECT_NONE) continue;
    index[a] = n->arg[i];
    index_dims[a] = p->node[n->arg[i]].dims & ~DEPENDS_ON_VALUES;
    i++;
  }
  n->sweep = arena_take(&x->notes, 1, sizeof *n->sweep);
  if (!n->sweep) return false;
  sweep_make(n->sweep, n->record, o, plan_operand_place(x, o), p->first, p->count, index, index_dims);
  const struct node *by = &p->node[n->arg[0]];
  n->gathers = n->arity == 1 && o->space == TAPE_DATA && sweep_row_bytes(n->sweep) >= 64 && n->late && by->late &&
               by->kind == NODE_OPERAND && by->arity == 0;
  x->gathers += n->gathers;
  return true;
}

/* Slots of late nodes that node i is the last to read. */
static uint32_t give_back(const struct program *p, uint32_t i, const uint32_t *last_use, uint16_t *free_slot,
                          uint32_t count) {
  const struct node *n = &p->node[i];
  for (uint8_t a = 0; a < n->arity; a++) {
    const struct node *g = &p->node[n->arg[a]];
    bool again = false;
    for (uint8_t b = 0; b < a; b++) again |= n->arg[b] == n->arg[a];
    if (!again && g->late && g->slot >= 0 && last_use[n->arg[a]] == i) free_slot[count++] = (uint16_t)g->slot;
  }
  return count;
}

/* Along rows of this many elements an operation takes a row's word as one word, a row at a time, and nobody spreads it.
 */
enum { BY_ROW_LEAST = 64 };

static void take_rows(struct program *p, struct execute *x, bool *live) {
  bool read[PROGRAM_NODES_MAX] = {false};
  bool wanted = !x->options.recognise_nothing && (p->row >= BY_ROW_LEAST || (p->row && x->options.small_tasks));
  for (uint32_t i = 0; i < p->nodes; i++) {
    struct node *n = &p->node[i];
    uint8_t vectors = n->kind == NODE_FUSED ? fused_bodies[n->code].vectors : n->kind == NODE_OP ? n->arity : 0;
    if (!live[i] || n->table) continue;
    for (uint8_t a = 0; a < n->arity; a++) {
      const struct node *g = &p->node[n->arg[a]];
      bool takes = wanted && a < vectors && !n->branch && !n->row && g->kind == NODE_SPREAD && p->node[g->arg[0]].late;
      if (takes) n->by_row |= (uint16_t)(1u << a), n->arg[a] = g->arg[0];
      read[n->arg[a]] = true;
    }
    x->by_row += n->by_row != 0;
  }
  for (uint32_t i = 0; i < p->nodes; i++)
    if (p->node[i].kind == NODE_SPREAD && live[i] && !read[i] && !p->node[i].result)
      live[i] = p->node[i].needed = false;
}

/* A choice between literals or what is there anyway saves nothing. */
static void find_branches(struct program *p, const bool *live) {
  for (uint32_t i = 0; i < p->nodes && p->branches < PROGRAM_BRANCHES_MAX; i++) {
    struct node *n = &p->node[i];
    if (!live[i] || !n->late || n->kind != NODE_OP || n->code != CANON_SEL || n->table) continue;
    const struct node *by = &p->node[n->arg[0]];
    if ((by->late && !steady(p, by)) || (!p->node[n->arg[1]].late && !p->node[n->arg[2]].late)) continue;
    n->branch = true;
    p->branches++;
  }
}

/* Memory that an operand may lie in is written when nobody reads any more. */
static void keep_direct(struct program *p, const bool *live) {
  uint32_t last = 0;
  for (uint32_t i = 0; i < p->nodes; i++)
    if (live[i]) last = i;
  for (uint32_t i = 0; i < p->nodes; i++) {
    struct node *n = &p->node[i];
    if (n->over && (n->kind == NODE_BESIDE ? n->beside[0] : i) != last) n->direct = -1;
    if (n->kind == NODE_OPERAND && n->sweep) n->sweep->tight = n->direct >= 0;
  }
}

bool program_finish(struct program *p, struct execute *x, const int32_t *results, uint32_t count, uint64_t tables) {
  for (uint32_t i = 0; i < count; i++) p->node[results[i]].needed = p->node[results[i]].result = true;
  for (uint32_t i = p->nodes; i-- > 0;) {
    struct node *n = &p->node[i];
    if (!n->needed) continue;
    if (n->kind == NODE_OPERAND && !make_sweep(p, x, n)) return false;
    if (tables && n->late) plan_table(p, x, n, tables);
    /* what a fixed table is made of is evaluated when it is made, by its own walk, and needs slots all the same */
    for (uint8_t a = 0; a < n->arity; a++) p->node[n->arg[a]].needed = true;
  }
  p->list = arena_take(&x->notes, p->nodes + 1u, sizeof *p->list);
  if (!p->list) return false;
  /* live: reached from the results without entering tables */
  bool live[PROGRAM_NODES_MAX] = {false};
  uint32_t last_use[PROGRAM_NODES_MAX] = {0};
  for (uint32_t i = 0; i < count; i++) live[results[i]] = true;
  for (uint32_t i = p->nodes; i-- > 0;)
    for (uint8_t a = 0; live[i] && !p->node[i].table && a < p->node[i].arity; a++) live[p->node[i].arg[a]] = true;
  find_branches(p, live);
  x->fused += program_fuse(p, x, live);
  take_rows(p, x, live);
  keep_direct(p, live);
  for (uint32_t part = 0; part < 3; part++) /* early, guides, the rest */
    for (uint32_t i = 0; i < p->nodes; i++) {
      const struct node *n = &p->node[i];
      bool guide = n->late && p->branches && steady(p, n);
      if (!live[i] || n->kind == NODE_LITERAL || (n->late ? guide ? 1u : 2u : 0u) != part) continue;
      p->list[p->early_list + p->late_list] = (uint16_t)i;
      *(part ? &p->late_list : &p->early_list) += 1;
      p->guides += part == 1;
    }
  /* Slots: early nodes keep theirs, late ones give theirs back after the last reader; results live to the block's end.
   */
  for (uint32_t i = 0; i < p->nodes; i++)
    for (uint8_t a = 0; p->node[i].needed && a < p->node[i].arity; a++) last_use[p->node[i].arg[a]] = i;
  for (uint32_t i = 0; i < count; i++) last_use[results[i]] = UINT32_MAX;
  bool cone = p->branches > 0; /* a branch stands for what it chose, whose slot must last as long */
  for (uint32_t i = 0; i < p->nodes; i++) cone |= p->node[i].table_fixed;
  uint16_t free_slot[PROGRAM_NODES_MAX];
  uint32_t free_count = 0;
  for (uint32_t i = 0; i < p->nodes; i++) {
    struct node *n = &p->node[i];
    if (!n->needed || n->kind == NODE_LITERAL) continue;
    /* may write over an operand, but not over words that its later rows read; the others still read theirs */
    bool in_place = (n->kind == NODE_OP || n->kind == NODE_FUSED) && !n->by_row;
    if (in_place && n->late && !cone) free_count = give_back(p, i, last_use, free_slot, free_count);
    if (n->direct < 0) n->slot = (int16_t)(n->late && free_count ? free_slot[--free_count] : p->slots++);
    if (!in_place && n->late && !cone) free_count = give_back(p, i, last_use, free_slot, free_count);
  }
  if (p->slots > x->frames_slots) x->frames_slots = p->slots;
  if (p->nodes > x->frames_nodes) x->frames_nodes = p->nodes;
  return true;
}

void program_tighten(struct program *p, const struct execute *x, const struct item *item) {
  for (uint32_t i = 0; i < p->nodes; i++) {
    struct node *n = &p->node[i];
    if (n->gathers) { /* numbers of rows are read ahead of the band */
      const struct node *by = &p->node[n->arg[0]];
      n->gathers = by->sweep->place.base != BASE_BAND && !plan_others_write(x, item, &by->record->operand[by->operand]);
    }
    if (n->kind == NODE_OPERAND && n->sweep && plan_others_write(x, item, &n->record->operand[n->operand]))
      n->sweep->tight = true;
  }
}
