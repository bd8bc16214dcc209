/* Finding the bodies of numeric/fused among a program's operations. */
#include <string.h>

#include "numeric/canon.h"
#include "numeric/fused.h"
#include "tape/execute/program/program.h"

enum { UNBOUND = UINT16_MAX };

/* Which node stands where in a body. */
struct match {
  const struct program *p;
  const struct fused_body *body;
  const bool *live;
  uint16_t vector[FUSED_WORD], word[FUSED_WORD], step[FUSED_STEPS_MAX];
};

/* One word for all elements, and known to be. */
static bool is_word(const struct program *p, const struct node *n) {
  uint32_t moving = ((1u << p->count) - 1) << p->first;
  return n->kind == NODE_LITERAL || (!n->late && (moving & ~p->late_dims) == 0);
}

static bool match_step(struct match *m, uint32_t step, uint16_t node);

static bool match_input(struct match *m, uint8_t from, uint16_t node) {
  if (from == FUSED_NONE) return true;
  if (from >= FUSED_RESULT) return match_step(m, from - FUSED_RESULT, node);
  uint16_t *bound = from >= FUSED_WORD ? &m->word[from - FUSED_WORD] : &m->vector[from];
  if (*bound != UNBOUND) return *bound == node;
  *bound = node;
  return from < FUSED_WORD || is_word(m->p, &m->p->node[node]);
}

static bool match_step(struct match *m, uint32_t step, uint16_t node) {
  const struct node *n = &m->p->node[node];
  const struct fused_step *s = &m->body->step[step];
  if (m->step[step] != UNBOUND) return m->step[step] == node;
  if (n->kind != NODE_OP || n->code != s->code || !m->live[node] || !n->late || n->row || n->table || n->branch ||
      !(n->dims >> 31))
    return false;
  m->step[step] = node;
  for (uint8_t a = 0; a < n->arity; a++)
    if (!match_input(m, s->from[a], n->arg[a])) return false;
  return true;
}

static bool in_body(const struct match *m, uint16_t node) {
  for (uint32_t s = 0; s < m->body->steps; s++)
    if (m->step[s] == node) return true;
  return false;
}

/* What nobody else reads may vanish; what is kept is there once the last step has run; no input comes out of it. */
static bool closed(const struct match *m, uint16_t root) {
  const struct fused_body *b = m->body;
  for (uint32_t v = 0; v < b->vectors; v++)
    if (in_body(m, m->vector[v])) return false;
  for (uint32_t s = 0, k = 0; s < b->steps; s++) {
    const struct node *n = &m->p->node[m->step[s]];
    bool kept = b->kept[k] == s;
    k += kept;
    if (kept && !n->real) return false;
    if (!kept && n->result) return false;
    for (uint32_t u = m->step[s] + 1u; u < m->p->nodes && m->step[s] != root; u++)
      for (uint8_t a = 0; m->live[u] && !m->p->node[u].table && a < m->p->node[u].arity; a++)
        if (m->p->node[u].arg[a] == m->step[s] && !in_body(m, (uint16_t)u) && (!kept || u < root)) return false;
  }
  return true;
}

static bool find(struct match *m, const struct program *p, const bool *live, const struct fused_body *b,
                 uint16_t root) {
  *m = (struct match){.p = p, .body = b, .live = live};
  memset(m->vector, 0xff, sizeof m->vector);
  memset(m->word, 0xff, sizeof m->word);
  memset(m->step, 0xff, sizeof m->step);
  return match_step(m, b->steps - 1u, root) && closed(m, root);
}

/* Bound by what it computes: AdamW divides too, but four vectors that come and three that go are bound by memory, and
 * asking for more of it only makes it slower. */
static bool is_slow(const struct fused_body *b) {
  bool slow = false;
  if (b->vectors > 2) return false;
  for (uint32_t s = 0; s < b->steps; s++) {
    uint8_t code = b->step[s].code;
    slow |= code == CANON_DIV || code == CANON_SQRT || (code >= CANON_EXP && code <= CANON_COSPI);
  }
  return slow;
}

static void replace(struct program *p, const struct match *m, uint8_t code, uint16_t root, bool *live) {
  const struct fused_body *b = m->body;
  struct node *n = &p->node[root];
  for (uint32_t s = 0; s < b->steps; s++) {
    if (m->step[s] == root) continue;
    p->node[m->step[s]].kind = NODE_GONE;
    p->node[m->step[s]].needed = live[m->step[s]] = false;
  }
  n->kind = NODE_FUSED;
  n->code = code;
  n->arity = 0;
  for (uint32_t v = 0; v < b->vectors; v++) n->arg[n->arity++] = m->vector[v];
  for (uint32_t w = 0; w < b->words; w++) n->arg[n->arity++] = m->word[w];
  n->clean = true;
  n->word = is_slow(b);
  for (uint32_t k = 0; k + 1 < b->keeps; k++) {
    struct node *beside = &p->node[m->step[b->kept[k]]];
    n->beside[k] = m->step[b->kept[k]];
    beside->kind = NODE_BESIDE;
    beside->arity = 0;
    beside->beside[0] = root;
    beside->needed = beside->clean = true;
  }
}

uint32_t program_fuse(struct program *p, const struct execute *x, bool *live) {
  uint32_t found = 0;
  if (!x->backend->fused || x->options.recognise_nothing) return 0;
  for (uint32_t root = p->nodes; root-- > 0;)
    for (uint32_t b = 0; b < BACKEND_FUSED && live[root] && p->node[root].kind == NODE_OP; b++) {
      struct match m;
      /* who chooses between branches looks at arguments, and knows nothing of what comes out beside */
      if (p->branches && fused_bodies[b].keeps > 1) continue;
      if (fused_bodies[b].steps == 1 && !p->node[root].result) continue; /* worth it for the store alone */
      if (!find(&m, p, live, &fused_bodies[b], (uint16_t)root)) continue;
      replace(p, &m, (uint8_t)b, (uint16_t)root, live);
      found++;
    }
  return found;
}
