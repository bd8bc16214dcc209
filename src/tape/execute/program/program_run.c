#include <string.h>

#include "numeric/canon.h"
#include "numeric/fused.h"
#include "numeric/random.h"
#include "tape/execute/program/program.h"
#include "tape/execute/sum/row.h"

enum { SLOT_WORDS = BACKEND_BLOCK + SWEEP_SLACK };

static uint64_t lines(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

uint64_t program_frame_bytes(const struct execute *x) {
  return lines(x->frames_nodes * sizeof(uint32_t *)) + lines(x->frames_nodes) +
         lines(x->frames_nodes * sizeof(uint16_t)) + x->frames_slots * SLOT_WORDS * 4;
}

struct frame program_frame(const struct execute *x, uint32_t thread) {
  uint8_t *at = place_at(x, x->frames) + thread * program_frame_bytes(x);
  struct frame f = {.at = (const uint32_t **)(void *)at, .thread = thread};
  at += lines(x->frames_nodes * sizeof(uint32_t *));
  f.uniform = (bool *)at;
  at += lines(x->frames_nodes);
  f.active = (uint16_t *)(void *)at;
  f.slots = (uint32_t *)(void *)(at + lines(x->frames_nodes * sizeof(uint16_t)));
  return f;
}

/* Coordinate of dim d at consecutive indices of the moving dims; true: one word says it all. */
static bool coordinates(const struct program *p, uint32_t d, uint64_t start, uint32_t n, uint32_t *out) {
  uint64_t inner = 1;
  for (uint32_t i = d + 1; i < p->first + p->count; i++) inner *= p->dim[i];
  uint32_t c = (uint32_t)(start / inner % p->dim[d]);
  uint64_t left = inner - start % inner;
  if (left >= n) {
    *out = c;
    return true;
  }
  for (uint32_t i = 0; i < n;) {
    uint32_t length = left < n - i ? (uint32_t)left : n - i;
    for (uint32_t j = 0; j < length; j++) out[i + j] = c;
    i += length;
    left = inner;
    if (++c == p->dim[d]) c = 0;
  }
  return false;
}

static void count_up(uint32_t first, uint32_t n, uint32_t *out) {
  for (uint32_t i = 0; i < n; i++) out[i] = first + i;
}

/* Place in k, or number of the output, where both move as one. */
static void count_rows(const struct program *p, bool outputs, uint64_t start, uint32_t n, uint32_t *out) {
  uint64_t output = start / p->k;
  uint32_t k = (uint32_t)(start % p->k);
  for (uint32_t i = 0; i < n; i++) {
    out[i] = outputs ? (uint32_t)output : k;
    if (++k == p->k) k = 0, output++;
  }
}

/* Random words where the stream differs along the block, and permutations of indices that are not consecutive. */
static void rand_words(const struct execute *x, const struct frame *f, const struct node *n, uint32_t count,
                       uint32_t *out) {
  const uint32_t *a = f->at[n->arg[0]], *s = f->at[n->arg[1]];
  bool a_same = f->uniform[n->arg[0]], s_same = f->uniform[n->arg[1]];
  if (s_same && !a_same) {
    x->backend->rand(count, out, a, *s, x->step, x->seed);
    return;
  }
  for (uint32_t i = 0; i < count; i++) out[i] = random_word(a[a_same ? 0 : i], s[s_same ? 0 : i], x->step, x->seed);
}

static void perm_words(const struct execute *x, const struct frame *f, const struct node *n, uint32_t count,
                       uint32_t *out) {
  const uint32_t *e = f->at[n->arg[0]], *i = f->at[n->arg[2]];
  bool e_same = f->uniform[n->arg[0]], i_same = f->uniform[n->arg[2]];
  int32_t of = (int32_t)*f->at[n->arg[1]];
  bool consecutive = e_same && !i_same && (int64_t)(int32_t)i[0] + count - 1 <= INT32_MAX;
  for (uint32_t j = 1; j < count && consecutive; j++) consecutive = i[j] == i[0] + j;
  if (consecutive) {
    x->backend->perm(count, out, *e, of, (int32_t)i[0], x->seed);
    return;
  }
  for (uint32_t j = 0; j < count; j++)
    out[j] = (uint32_t)random_perm(e[e_same ? 0 : j], of, (int32_t)i[i_same ? 0 : j], x->seed);
}

static void fill(const struct execute *x, uint32_t n, uint32_t *out, uint32_t word) {
  static const uint32_t no_bits = 0;
  x->backend->map[CANON_IOR][3](n, out, &word, &no_bits, NULL);
}

/* +0 and the sum, and canonical, as the fold's record stores it: word by word, since a vector load of words that have
 * just been stored one by one waits for all of them to arrive. */
static uint32_t stored_sum(uint8_t reducer, uint32_t word) {
  float sum;
  memcpy(&sum, &word, 4);
  if (reducer == TAPE_LANES) sum = 0.0f + sum;
  memcpy(&word, &sum, 4);
  return sum != sum ? CANON_NAN : word;
}

static void reduce_rows(const struct program *p, const struct execute *x, const struct moment *m, const struct frame *f,
                        const struct node *n, uint32_t *out) {
  const uint32_t *term = f->at[n->arg[0]];
  uint32_t rows = m->n / p->row;
  if (f->uniform[n->arg[0]]) {
    fill(x, m->n, out, *term);
    term = out; /* a row's word is written when the row, which lies there or behind, has been read */
  }
  for (uint32_t i = 0; i < rows; i++)
    out[i] = stored_sum(n->code, row_reduce(x->backend, n->code, p->row, term + (size_t)i * p->row));
}

/* Rows that an index picks out of data come from anywhere: those of a later block are asked for while this one is
 * worked on. */
static void ask_for_rows(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f,
                         const struct node *n) {
  enum { BLOCKS_AHEAD = 8 };
  uint32_t words[SLOT_WORDS], index = n->arg[0];
  const uint32_t *at = f->at[index];
  bool uniform = f->uniform[index];
  struct moment later = *m;
  later.start += (uint64_t)BLOCKS_AHEAD * m->n;
  if (later.start + later.n > p->elements) return;
  f->uniform[index] = sweep_read(p->node[index].sweep, x, &later, f, words, &f->at[index]);
  sweep_ask(n->sweep, x, &later, f);
  f->at[index] = at;
  f->uniform[index] = uniform;
}

/* Argument a of a node in row r: a word, the row's own, or the row. */
static const uint32_t *in_row(const struct program *p, const struct frame *f, const struct node *n, uint32_t a,
                              uint32_t r) {
  const uint32_t *at = f->at[n->arg[a]];
  if (f->uniform[n->arg[a]]) return at;
  return at + (n->by_row >> a & 1 ? r : (size_t)r * p->row);
}

static void evaluate_rows(const struct program *p, const struct execute *x, const struct moment *m,
                          const struct frame *f, const struct node *n, uint32_t *out) {
  unsigned mask = n->by_row;
  for (uint8_t j = 0; j < n->arity; j++) mask |= (unsigned)f->uniform[n->arg[j]] << j;
  for (uint32_t r = 0; r * p->row < m->n; r++) {
    const uint32_t *a[3] = {0};
    for (uint8_t j = 0; j < n->arity; j++) a[j] = in_row(p, f, n, j, r);
    x->backend->map[n->code][mask](p->row, out + (size_t)r * p->row, a[0], a[1], a[2]);
  }
}

static void evaluate(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f,
                     uint32_t i, uint32_t *out, bool tables) {
  const struct node *n = &p->node[i];
  bool same = true; /* the result is one word */
  const uint32_t length = n->row ? m->n / p->row : m->n;
  f->at[i] = out;
  if (tables && n->table) {
    f->at[i] = (const uint32_t *)(const void *)place_at(x, n->table_place) + m->start % n->table;
    f->uniform[i] = false;
    return;
  }
  switch ((enum node_kind)n->kind) {
  case NODE_LITERAL: f->at[i] = &n->word; break;
  case NODE_OPERAND:
    if (n->sweep->plain) { /* most are */
      f->at[i] =
          (const uint32_t *)(const void *)place_at_thread(x, n->sweep->place, f->thread) + n->sweep->base + m->start;
      same = false;
      break;
    }
    same = sweep_read(n->sweep, x, m, f, out, &f->at[i]);
    if (n->gathers) ask_for_rows(p, x, m, f, n);
    break;
  case NODE_OP: {
    const uint32_t *a[3] = {0};
    if (n->branch && f->uniform[n->arg[0]]) { /* the other one may never have been evaluated */
      uint32_t chosen = n->arg[*f->at[n->arg[0]] ? 1 : 2];
      same = f->uniform[chosen];
      if (!n->result)
        f->at[i] = f->at[chosen];
      else if (f->at[chosen] != out)
        memcpy(out, f->at[chosen], 4 * (size_t)(same ? 1 : length));
      break;
    }
    unsigned mask = 0;
    for (uint8_t j = 0; j < n->arity; j++) {
      a[j] = f->at[n->arg[j]];
      mask |= (unsigned)f->uniform[n->arg[j]] << j;
    }
    same = mask + 1 == 1u << n->arity;
    if (n->by_row & ~mask) {
      evaluate_rows(p, x, m, f, n, out);
      break;
    }
    x->backend->map[n->code][mask](same ? 1 : length, out, a[0], a[1], a[2]);
    break;
  }
  case NODE_COPY:
  case NODE_CANONICAL:
    same = f->uniform[n->arg[0]];
    memcpy(out, f->at[n->arg[0]], 4 * (size_t)(same ? 1 : length));
    if (n->kind == NODE_CANONICAL) x->backend->canonical(same ? 1 : length, out);
    break;
  case NODE_COORD:
    same = n->word < p->first || n->word >= p->first + p->count || p->dim[n->word] == 1;
    if (same)
      *out = m->coord[n->word];
    else
      same = coordinates(p, n->word, m->start, m->n, out);
    break;
  case NODE_KLIN:
    same = p->k ? !n->late : p->first == 0 || p->count == 0;
    if (same)
      *out = m->k;
    else if (p->k)
      count_rows(p, false, m->start, m->n, out);
    else
      count_up((uint32_t)m->start, m->n, out);
    break;
  case NODE_LIN:
    same = p->k && !n->late;
    if (same)
      *out = 0; /* of one output */
    else if (p->k)
      count_rows(p, true, m->start, m->n, out);
    else
      count_up((uint32_t)m->start, m->n, out);
    break;
  case NODE_STEP: *out = x->step; break;
  case NODE_RAND:
    same = f->uniform[n->arg[0]] && f->uniform[n->arg[1]];
    rand_words(x, f, n, same ? 1 : m->n, out);
    break;
  case NODE_PERM:
    same = f->uniform[n->arg[0]] && f->uniform[n->arg[2]];
    perm_words(x, f, n, same ? 1 : m->n, out);
    break;
  case NODE_REDUCE:
    reduce_rows(p, x, m, f, n, out);
    same = length == 1;
    break;
  case NODE_SPREAD:
    same = f->uniform[n->arg[0]];
    for (uint32_t r = 0; r < (same ? 1 : m->n / p->row); r++)
      fill(x, same ? 1 : p->row, out + (size_t)r * p->row, f->at[n->arg[0]][r]);
    break;
  case NODE_FUSED: /* evaluate_fused */
  case NODE_BESIDE:
  case NODE_GONE: break;
  }
  f->uniform[i] = same;
}

static uint32_t *slot_of(const struct node *n, const struct frame *f, uint32_t *const *out) {
  return n->direct >= 0 ? out[n->direct] : f->slots + (size_t)n->slot * SLOT_WORDS;
}

/* The next block of an operand that lies far away is asked for while this one is worked on: a body that takes its time
 * does not reach far enough ahead by itself. */
static void ask_ahead(const struct program *p, const struct frame *f, uint32_t i, uint32_t n) {
  const struct node *g = &p->node[i];
  if (g->kind != NODE_OPERAND || g->table || f->uniform[i] || g->sweep->place.base == BASE_BAND) return;
  if (g->slot >= 0 && f->at[i] == f->slots + (size_t)g->slot * SLOT_WORDS) return;
  for (uint32_t j = 0; j < n; j += 16) __builtin_prefetch(f->at[i] + n + j);
}

static void evaluate_fused(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f,
                           uint32_t i, uint32_t *const *out) {
  const struct node *n = &p->node[i];
  const struct fused_body *body = &fused_bodies[n->code];
  struct backend_in in[NODE_ARGS_MAX];
  uint32_t *to[FUSED_KEPT_MAX];
  bool same = true, rows = false;
  for (uint8_t a = 0; a < n->arity; a++) {
    in[a] = (struct backend_in){f->at[n->arg[a]], f->uniform[n->arg[a]]};
    same &= in[a].same;
    rows |= (n->by_row >> a & 1) && !in[a].same;
    if (n->word && a < body->vectors) ask_ahead(p, f, n->arg[a], m->n);
  }
  for (uint8_t k = 0; k < body->keeps; k++) {
    uint32_t node = k + 1 < body->keeps ? n->beside[k] : i;
    to[k] = slot_of(&p->node[node], f, out);
    f->at[node] = to[k];
    f->uniform[node] = same;
  }
  for (uint32_t r = 0; rows && r * p->row < m->n; r++) {
    for (uint8_t a = 0; a < n->arity; a++)
      in[a] = (struct backend_in){in_row(p, f, n, a, r), f->uniform[n->arg[a]] || (n->by_row >> a & 1)};
    x->backend->fused[n->code](p->row, to, in);
    for (uint8_t k = 0; k < body->keeps; k++) to[k] += p->row;
  }
  if (!rows) x->backend->fused[n->code](same ? 1 : m->n, to, in);
}

static void late(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f, uint32_t i,
                 uint32_t *const *out) {
  if (p->node[i].kind == NODE_FUSED)
    evaluate_fused(p, x, m, f, i, out);
  else
    evaluate(p, x, m, f, i, slot_of(&p->node[i], f, out), true);
}

static void literals(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f) {
  for (uint32_t i = 0; i < p->nodes; i++)
    if (p->node[i].kind == NODE_LITERAL) evaluate(p, x, m, f, i, NULL, false);
}

void program_enter(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f) {
  literals(p, x, m, f);
  for (uint32_t i = 0; i < p->early_list; i++) {
    const struct node *n = &p->node[p->list[i]];
    evaluate(p, x, m, f, p->list[i], f->slots + (size_t)n->slot * SLOT_WORDS, true);
  }
}

/* What the branches choose in this block: two bits each, one of them for a choice that holds all along. */
static uint64_t choices(const struct program *p, const struct frame *f) {
  uint64_t bits = 1;
  const uint16_t *list = p->list + p->early_list + p->guides;
  for (uint32_t i = 0; i < p->late_list - p->guides; i++) {
    const struct node *n = &p->node[list[i]];
    if (n->branch) bits = bits << 2 | (f->uniform[n->arg[0]] ? *f->at[n->arg[0]] ? 3u : 2u : 0u);
  }
  return bits;
}

/* Fills f->active with the nodes that the results need under these choices. */
static void activate(const struct program *p, struct frame *f) {
  bool wanted[PROGRAM_NODES_MAX] = {false};
  const uint16_t *list = p->list + p->early_list + p->guides;
  uint32_t count = p->late_list - p->guides;
  for (uint32_t i = count; i-- > 0;) {
    const struct node *n = &p->node[list[i]];
    if (!n->result && !wanted[list[i]]) continue;
    wanted[list[i]] = true;
    bool chosen = n->branch && f->uniform[n->arg[0]];
    for (uint8_t a = 0; !n->table && a < n->arity; a++)
      if (!chosen || a == 0 || a == (*f->at[n->arg[0]] ? 1 : 2)) wanted[n->arg[a]] = true;
  }
  f->active_count = 0;
  for (uint32_t i = 0; i < count; i++)
    if (wanted[list[i]]) f->active[f->active_count++] = list[i];
}

void program_block(const struct program *p, const struct execute *x, const struct moment *m, struct frame *f,
                   uint32_t *const *out) {
  const uint16_t *list = p->list + p->early_list;
  uint32_t count = p->late_list;
  if (p->branches) {
    for (uint32_t i = 0; i < p->guides; i++) evaluate(p, x, m, f, list[i], slot_of(&p->node[list[i]], f, out), true);
    uint64_t now = choices(p, f);
    if (now != f->choices) activate(p, f);
    f->choices = now;
    list = f->active;
    count = f->active_count;
  }
  for (uint32_t i = 0; i < count; i++) late(p, x, m, f, list[i], out);
}

/* One table, from what node i is made of; then its start again behind its end, so that any phase is a pointer. */
static void fill_table(const struct program *p, const struct execute *x, uint32_t i, bool *cone, struct frame *f) {
  const struct node *n = &p->node[i];
  uint32_t *table = (uint32_t *)(void *)place_at(x, n->table_place), dump[SLOT_WORDS];
  memset(cone, 0, p->nodes * sizeof *cone);
  cone[i] = true;
  for (uint32_t j = i + 1; j-- > 0;)
    for (uint8_t a = 0; cone[j] && a < p->node[j].arity; a++) cone[p->node[j].arg[a]] = true;
  for (uint32_t start = 0; start < n->table; start += BACKEND_BLOCK) {
    struct moment m = {.start = start, .n = n->table - start < BACKEND_BLOCK ? n->table - start : BACKEND_BLOCK};
    for (uint32_t j = 0; j <= i; j++)
      if (cone[j])
        evaluate(p, x, &m, f, j, p->node[j].slot >= 0 ? f->slots + (size_t)p->node[j].slot * SLOT_WORDS : dump, false);
    for (uint32_t j = 0; j < m.n; j++) table[start + j] = f->at[i][f->uniform[i] ? 0 : j];
  }
  for (uint32_t j = 0; j < BACKEND_BLOCK; j++) table[n->table + j] = table[j];
}

void program_tables(struct program *p, const struct execute *x) {
  struct frame f = program_frame(x, 0);
  bool cone[PROGRAM_NODES_MAX];
  for (uint32_t i = 0; i < p->nodes; i++) {
    struct node *n = &p->node[i];
    if (!n->table || !n->needed || n->table_ready) continue;
    fill_table(p, x, i, cone, &f);
    n->table_ready = n->table_fixed;
  }
}
