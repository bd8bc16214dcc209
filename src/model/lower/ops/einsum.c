/* Einsum: operands contracted two by two from the left; a gradient is an Einsum of dy and the others.
 * docs/lower.md 4.53. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/arrange.h"
#include "model/lower/ops/tables.h"

/* Letters are labels 0 .. 51; the axes under the dots are 52 .. 57, the last axis 57. */
enum { LABELS = 58, DOTS = 52, OPERANDS_MAX = 32 };

struct labelled {
  struct value v;
  uint8_t rank, label[TAPE_RANK_MAX];
};

struct einsum {
  struct graph *g;
  struct application *a;
  uint32_t operands, extent[LABELS];
  struct labelled in[OPERANDS_MAX], out; /* out: labels only */
};

static int letter(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1; }

static bool malformed(struct einsum *t) {
  graph_refuse(t->g, t->a, LOWER_ERR_SHAPE, "the equation '%s' does not fit its operands",
               attribute_text(t->a->node, "equation", ""));
  return false;
}

/* The labels of one operand of this rank, from *text up to a comma, an arrow or the end. */
static bool read_labels(const char **text, uint32_t rank, struct labelled *out) {
  uint32_t letters = 0, dots = 0;
  for (const char *c = *text; *c && *c != ',' && *c != '-'; c++)
    if (letter(*c) >= 0) letters++;
  out->rank = 0;
  if (letters > rank) return false;
  for (; **text && **text != ',' && **text != '-'; ++*text) {
    if (**text == ' ') continue;
    if (**text == '.') {
      if (dots || strncmp(*text, "...", 3) != 0) return false;
      dots = 1;
      *text += 2;
      for (uint32_t n = rank - letters; n-- > 0;) out->label[out->rank++] = (uint8_t)(LABELS - 1 - n);
    } else {
      int l = letter(**text);
      if (l < 0 || out->rank == rank) return false;
      out->label[out->rank++] = (uint8_t)l;
    }
  }
  return out->rank == rank;
}

static bool has(const struct labelled *x, uint8_t label) {
  for (uint8_t n = 0; n < x->rank; n++)
    if (x->label[n] == label) return true;
  return false;
}

/* Without an arrow: what is under dots, then the letters that occur once, in ASCII's order. */
static bool implied_output(struct einsum *t) {
  uint32_t count[LABELS] = {0};
  for (uint32_t i = 0; i < t->operands; i++)
    for (uint8_t n = 0; n < t->in[i].rank; n++) count[t->in[i].label[n]]++;
  t->out.rank = 0;
  for (uint32_t step = 0; step < LABELS; step++) {
    uint32_t l = step < LABELS - DOTS ? DOTS + step : step - (LABELS - DOTS);
    if (!(l >= DOTS ? count[l] > 0 : count[l] == 1)) continue;
    if (t->out.rank == TAPE_RANK_MAX) return false;
    t->out.label[t->out.rank++] = (uint8_t)l;
  }
  return true;
}

static bool given_output(struct einsum *t, const char *text) {
  uint32_t dots = 0, letters = 0;
  for (uint32_t l = DOTS; l < LABELS; l++) dots += t->extent[l] > 0;
  for (const char *c = text; *c; c++) letters += letter(*c) >= 0;
  if (!strstr(text, "...")) dots = 0;
  if (letters + dots > TAPE_RANK_MAX || !read_labels(&text, letters + dots, &t->out) || *text) return false;
  for (uint8_t n = 0; n < t->out.rank; n++) {
    if (!t->extent[t->out.label[n]]) return false;
    for (uint8_t m = 0; m < n; m++)
      if (t->out.label[m] == t->out.label[n]) return false;
  }
  return true;
}

static bool einsum_open(struct einsum *t, struct graph *g, struct application *a) {
  const char *text = attribute_text(a->node, "equation", "");
  *t = (struct einsum){.g = g, .a = a, .operands = a->inputs_count};
  for (uint32_t i = 0; i < t->operands; i++) {
    struct value *v = float_value(g, a, i);
    struct labelled *x = &t->in[i];
    if (!v) return false;
    value_settle(g->e, v);
    x->v = *v;
    if (i && *text++ != ',') return malformed(t);
    if (!read_labels(&text, v->rank, x)) return malformed(t);
    for (uint8_t n = 0; n < x->rank; n++) {
      uint32_t *extent = &t->extent[x->label[n]];
      if (*extent > 1 && v->dim[n] > 1 && *extent != v->dim[n]) return malformed(t);
      if (v->dim[n] > *extent) *extent = v->dim[n];
    }
  }
  if (*text == ',') return malformed(t);
  if (!*text ? implied_output(t) : text[1] == '>' && given_output(t, text + 2)) return !emit_failed(g->e);
  return malformed(t);
}

static bool add_label(struct labelled *x, uint8_t label) {
  if (has(x, label)) return true;
  if (x->rank == TAPE_RANK_MAX) return false;
  x->label[x->rank++] = label;
  return true;
}

static uint8_t read_labelled(struct build *b, struct labelled *x, const uint8_t *number) {
  struct index at[TAPE_RANK_MAX];
  for (uint8_t n = 0; n < x->rank; n++) at[n] = arrange_along(x->v.dim[n], number[x->label[n]]);
  return build_read(b, &x->v, at, 0);
}

/* One record: the sum over the labels that `to` lacks of x, or of x times y. It lies in the order of to's labels. */
static bool contract(struct einsum *t, struct labelled *x, struct labelled *y, struct labelled *to) {
  uint32_t out[TAPE_RANK_MAX] = {1}, k[TAPE_RANK_MAX], out_rank = to->rank ? to->rank : 1;
  uint8_t number[LABELS] = {0};
  struct labelled sum = {0};
  for (struct labelled *from = x; from; from = from == x ? y : NULL)
    for (uint8_t n = 0; n < from->rank; n++)
      if (!has(to, from->label[n]) && t->extent[from->label[n]] > 1 && !add_label(&sum, from->label[n])) {
        graph_refuse(t->g, t->a, LOWER_ERR_UNSUPPORTED, "sums over more than %d axes at once", TAPE_RANK_MAX);
        return false;
      }
  for (uint8_t n = 0; n < to->rank; n++) {
    number[to->label[n]] = n;
    out[n] = t->extent[to->label[n]];
  }
  for (uint8_t n = 0; n < sum.rank; n++) {
    number[sum.label[n]] = (uint8_t)(out_rank + n);
    k[n] = t->extent[sum.label[n]];
  }
  struct value like = value_shaped(TAPE_F32, to->rank, out, NULL);
  struct build b;
  if (!sum.rank)
    build_map(&b, t->g->e, TAPE_F32, &like);
  else
    build_free(&b, t->g->e, y ? TAPE_DOT : TAPE_FOLD, y ? TAPE_CHAIN : TAPE_LANES, TAPE_F32, out_rank, out, sum.rank, k,
               &like);
  uint8_t reg = read_labelled(&b, x, number);
  if (y) {
    uint8_t other = read_labelled(&b, y, number);
    if (!sum.rank) reg = build_op2(&b, CANON_MUL, reg, other);
  }
  to->v = build_end(&b, reg);
  return !emit_failed(t->g->e);
}

/* x times the operands from first on but `without`, to the labels of `to`: a label is summed once nothing that follows
 * has it. */
static bool chain(struct einsum *t, struct labelled x, uint32_t first, uint32_t without, struct labelled *to) {
  for (uint32_t i = first; i < t->operands; i++) {
    struct labelled next = {0};
    uint32_t last = t->operands - 1 == without ? t->operands - 2 : t->operands - 1;
    if (i == without) continue;
    if (i == last) return contract(t, &x, &t->in[i], to);
    for (struct labelled *from = &x; from; from = from == &x ? &t->in[i] : NULL)
      for (uint8_t n = 0; n < from->rank; n++) {
        bool needed = has(to, from->label[n]);
        for (uint32_t j = i + 1; j < t->operands; j++) needed |= j != without && has(&t->in[j], from->label[n]);
        if (needed && !add_label(&next, from->label[n])) {
          graph_refuse(t->g, t->a, LOWER_ERR_UNSUPPORTED, "needs a product of more than %d axes on the way",
                       TAPE_RANK_MAX);
          return false;
        }
      }
    if (!contract(t, &x, &t->in[i], &next)) return false;
    x = next;
  }
  return contract(t, &x, NULL, to);
}

static void einsum_lower(struct graph *g, struct application *a) {
  struct einsum *t = arena_take(g->arena, 1, sizeof *t);
  if (!t) emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  if (emit_failed(g->e) || !einsum_open(t, g, a)) return;
  a->notes = t;
  if (chain(t, t->in[0], 1, GRAPH_NONE, &t->out)) graph_result(g, a, t->out.v);
}

/* A gradient of the operand's own dims: repeated labels have it on their diagonal alone, and labels that only this
 * operand has, all along. */
static struct value spread(struct einsum *t, struct labelled *d, const struct labelled *x) {
  uint8_t number[LABELS] = {0}, y;
  struct build b;
  build_map(&b, t->g->e, TAPE_F32, &x->v);
  for (uint8_t n = x->rank; n-- > 0;) number[x->label[n]] = b.at[n];
  y = read_labelled(&b, d, number);
  for (uint8_t n = 0; n < x->rank; n++) {
    if (number[x->label[n]] == b.at[n]) continue;
    uint8_t zero = build_f32(&b, 0), one = build_op(&b, CANON_COORD, number[x->label[n]], 0, 0);
    uint8_t other = build_op(&b, CANON_COORD, b.at[n], 0, 0);
    one = build_op2(&b, CANON_IEQ, one, other);
    y = build_op(&b, CANON_SEL, one, y, zero);
  }
  return build_end(&b, y);
}

static void einsum_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct einsum *t = a->notes;
  struct labelled d = t->out;
  if (dy->literal) {
    struct build b;
    build_map(&b, g->e, TAPE_F32, &t->out.v);
    *dy = build_end(&b, build_word(&b, dy->word));
  }
  value_settle(g->e, dy);
  d.v = *dy;
  for (uint32_t i = 0; i < t->operands && !emit_failed(g->e); i++) {
    const struct labelled *x = &t->in[i];
    struct labelled to = {0};
    bool plain = true;
    if (!graph_wants(g, a, i)) continue;
    for (uint8_t p = 0; p < x->rank; p++) { /* in memory's order */
      uint8_t n = x->v.order[p], label = x->label[n];
      bool elsewhere = has(&t->out, label), again = has(&to, label), narrow = x->v.dim[n] < t->extent[label];
      for (uint32_t j = 0; j < t->operands; j++) elsewhere |= j != i && has(&t->in[j], label);
      plain = plain && elsewhere && !again && !narrow;
      if (elsewhere && !narrow) add_label(&to, label);
    }
    if (!chain(t, d, 0, i, &to)) return;
    struct value dx = plain ? value_shaped(TAPE_F32, x->rank, x->v.dim, x->v.order) : spread(t, &to, x);
    if (plain) {
      dx.space = to.v.space;
      dx.first_leaf = to.v.first_leaf;
    }
    graph_gradient(g, a, i, dx);
  }
}

const struct rule rules_einsum[] = {{.op = "Einsum",
                                     .opset_first = 12,
                                     .inputs_min = 1,
                                     .inputs_max = OPERANDS_MAX,
                                     .outputs_max = 1,
                                     .lower = einsum_lower,
                                     .differentiate = einsum_differentiate},
                                    {0}};
