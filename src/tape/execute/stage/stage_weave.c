#include "tape/execute/stage/stage_weave.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/stage/stage_weave_records.h"

static struct tensor *scores_of(struct weave *w) {
  for (uint32_t tries = 0; tries < 20; tries++) {
    uint32_t i = w->values - 1 - below(w, w->values);
    if (w->value[i].score && w->value[i].dims > 2 && w->value[i].dim[w->value[i].dims - 1] == S &&
        weave_has(&w->value[i], T))
      return &w->value[i];
  }
  return NULL;
}

/* exp(x - max) / sum along x's last dim. */
static struct tensor softmax(struct weave *w, const struct tensor *x) {
  struct draft d = {.op = TAPE_FOLD, .reducer = TAPE_FMAX, .out = (uint8_t)(x->dims - 1), .k = 1};
  memcpy(d.name, x->dim, sizeof x->dim);
  weave_operand(&d, x, false);
  struct tape_record r = weave_finish(w, &d);
  const struct tensor *max = weave_keep(w, &d, &r);
  d.reducer = TAPE_LANES;
  weave_operand(&d, max, false);
  r = weave_finish(w, &d);
  example_op(&r, CANON_EXP, example_op(&r, CANON_SUB, 0, 1, 0), 0, 0);
  const struct tensor *sum = weave_keep(w, &d, &r);
  d.op = TAPE_MAP, d.reducer = TAPE_NONE, d.out = x->dims, d.k = 0;
  weave_operand(&d, sum, false);
  r = weave_finish(w, &d);
  uint8_t e = example_op(&r, CANON_SUB, 0, 1, 0);
  e = example_op(&r, CANON_EXP, e, 0, 0);
  example_op(&r, CANON_DIV, e, 2, 0);
  return *weave_keep(w, &d, &r);
}

/* p (g - t), perhaps scaled, where t is the sum of g p along the last dim. */
static struct tensor softmax_back(struct weave *w, const struct tensor *g, const struct tensor *p) {
  struct draft d = {.op = TAPE_FOLD, .reducer = TAPE_LANES, .out = (uint8_t)(g->dims - 1), .k = 1};
  memcpy(d.name, g->dim, sizeof g->dim);
  weave_operand(&d, g, false);
  weave_operand(&d, p, false);
  struct tape_record r = weave_finish(w, &d);
  example_op(&r, CANON_MUL, 0, 1, 0);
  const struct tensor *t = weave_keep(w, &d, &r);
  d.op = TAPE_MAP, d.reducer = TAPE_NONE, d.out = g->dims, d.k = 0;
  weave_operand(&d, t, false);
  r = weave_finish(w, &d);
  uint8_t e = example_op(&r, CANON_SUB, 0, 2, 0);
  e = example_op(&r, CANON_MUL, e, 1, 0);
  if (below(w, 2)) example_op(&r, CANON_MUL, e, weave_number(&r, 0.25f), 0);
  return *weave_keep(w, &d, &r);
}

static void add_softmax(struct weave *w) {
  const struct tensor *x = scores_of(w);
  if (x) softmax(w, x);
}

static void add_softmax_back(struct weave *w) {
  const struct tensor *g = scores_of(w);
  for (uint32_t tries = 0; g && tries <= 20; tries++) {
    const struct tensor *p = scores_of(w);
    if (!p || tries == 20) return;
    if (p == g || p->dims != g->dims || memcmp(p->dim, g->dim, g->dims) != 0) continue;
    softmax_back(w, g, p);
    return;
  }
}

static uint32_t draw_hide(struct weave *w) {
  static const uint32_t hides[] = {0xff800000, 0xff7fffff, 0xef800000, 0xef7fffff};
  return hides[below(w, 4)];
}

/* A data tensor [T, S]: `hide` where the score's place is later than 1 / `share` of the row's own, else 0. */
static struct tensor mask_of(struct weave *w, uint32_t hide, uint32_t share) {
  struct tensor *mask = weave_data(w, 2, (const uint8_t[]){T, S}, STAGE_PLAIN);
  uint32_t *word = w->s->data[mask->v.number], places = w->extent[T];
  for (uint32_t i = 0; i < places * places; i++) word[i] = i % places > i / places / share ? hide : 0;
  return *mask;
}

/* Scores plus the tape's first mask. */
static void add_mask(struct weave *w) {
  const struct tensor *x = scores_of(w);
  if (!x) return;
  struct tensor mask = {0};
  for (uint32_t i = 0; i < w->values && !mask.dims; i++) {
    const struct tensor *t = &w->value[i];
    if (t->dims == 2 && t->dim[0] == T && t->dim[1] == S && t->v.space == TAPE_DATA) mask = *t;
  }
  if (!mask.dims) mask = mask_of(w, draw_hide(w), 1);
  struct draft d = {.op = TAPE_MAP, .out = x->dims};
  memcpy(d.name, x->dim, sizeof x->dim);
  weave_operand(&d, x, false);
  weave_operand(&d, &mask, false);
  struct tape_record r = weave_finish(w, &d);
  uint8_t last = 0;
  if (below(w, 2)) last = example_op(&r, CANON_MUL, 0, weave_number(&r, 0.25f), 0);
  example_op(&r, CANON_ADD, last, 1, 0);
  weave_keep(w, &d, &r);
}

/* a by b along `sums`, laid out as `out` says; b's places may be the scores' other ones. */
static struct tensor product_to(struct weave *w, const struct tensor *a, const struct tensor *b, bool t_as_s,
                                uint32_t sums, uint8_t dims, const uint8_t *out) {
  struct draft d = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out = dims};
  weave_operand(&d, a, false);
  weave_operand(&d, b, t_as_s);
  memcpy(d.name, out, dims);
  for (uint8_t name = 0; name < NAMES; name++)
    if (sums >> name & 1) d.name[dims + d.k++] = name;
  weave_turn(w, &d);
  struct tape_record r = weave_finish(w, &d);
  return *weave_keep(w, &d, &r);
}

/* a, or `code` of a and b, times `by`, along a's dims. */
static struct tensor pointwise(struct weave *w, const struct tensor *a, const struct tensor *b, uint8_t code,
                               float by) {
  struct draft d = {.op = TAPE_MAP, .out = a->dims};
  memcpy(d.name, a->dim, sizeof a->dim);
  weave_operand(&d, a, false);
  if (b) weave_operand(&d, b, false);
  struct tape_record r = weave_finish(w, &d);
  uint8_t last = b ? example_op(&r, code, 0, 1, 0) : 0;
  if (by != 1) last = example_op(&r, CANON_MUL, last, weave_number(&r, by), 0);
  if (below(w, 3) == 0) weave_step(&r, last);
  return *weave_keep(w, &d, &r);
}

/* Now and then another record, or a value shown, between those of a layer. */
static void noise(struct weave *w) {
  switch (below(w, 12)) {
  case 0: weave_map(w); break;
  case 1: weave_fold(w); break;
  case 2: weave_product(w); break;
  case 4: weave_odd_map(w); break;
  case 3:
    if (w->s->states < 12) weave_show(w, &w->value[w->values - 1 - below(w, 4)]);
    break;
  default: break;
  }
}

/* Attention, forward and backward, with whatever else comes between. */
static void add_attention(struct weave *w, const struct tensor *tokens, uint32_t count) {
  static const uint8_t order[5][4] = {{B, H, T, S}, {H, B, T, S}, {B, H, T, S}, {B, T, H, S}, {T, B, H, S}};
  static const uint8_t widths[4][4] = {{B, T, H, D}, {B, H, T, D}, {T, B, H, D}, {H, B, T, D}};
  static const uint8_t back[4][4] = {{B, S, H, D}, {B, H, S, D}, {S, B, H, D}, {H, B, S, D}};
  uint32_t by = below(w, 8);
  const uint8_t *scores = order[by < 5 ? by : 0];
  struct tensor q = tokens[below(w, count)], k = tokens[below(w, count)];
  struct tensor v = tokens[below(w, count)], go = tokens[below(w, count)];
  struct tensor x = product_to(w, &q, &k, true, 1u << D, 4, scores);
  noise(w);
  if (below(w, 4)) {
    uint32_t hide = draw_hide(w), share = below(w, 3) == 2 ? 2 : 1;
    struct tensor mask = mask_of(w, hide, share);
    if (below(w, 4) == 0) mask = pointwise(w, &mask, NULL, 0, 2);
    if (below(w, 2)) x = pointwise(w, &x, NULL, 0, 0.25f);
    x = pointwise(w, &x, &mask, CANON_ADD, 1);
  }
  noise(w);
  struct tensor p = softmax(w, &x);
  noise(w);
  product_to(w, &p, &v, true, 1u << S, 4, widths[below(w, 4)]);
  noise(w);
  if (below(w, 3)) noise(w), go = pointwise(w, &go, NULL, 0, 0.5f);
  struct tensor gp = product_to(w, &go, &v, true, 1u << D, 4, below(w, 6) ? scores : order[below(w, 5)]);
  if (memcmp(gp.dim, p.dim, 4) != 0) gp = pointwise(w, &p, &gp, CANON_MUL, 1);
  noise(w);
  uint32_t values_gradient = below(w, 3); /* first, last, or perhaps, the other way round */
  if (values_gradient == 0) product_to(w, &go, &p, false, 1u << T, 4, back[0]);
  struct tensor gs = softmax_back(w, &gp, &p);
  noise(w);
  product_to(w, &gs, &k, true, 1u << S, 4, widths[below(w, 4)]);
  product_to(w, &q, &gs, false, 1u << T, 4, back[below(w, 4)]);
  if (values_gradient == 1) product_to(w, &go, &p, false, 1u << T, 4, back[below(w, 4)]);
  if (values_gradient == 2 && below(w, 2)) product_to(w, &p, &go, false, 1u << T, 4, back[below(w, 4)]);
}

/* Norms, products by weights [H, D, F] and [F, H, D], what sums over all rows; of tokens whose widths are innermost. */
static void add_layers(struct weave *w, const struct tensor *tokens, uint32_t count, const struct tensor *weights) {
  struct tensor x = tokens[below(w, count)];
  if (x.dim[2] != H || x.dim[3] != D) return;
  const uint8_t hidden[3] = {x.dim[0], x.dim[1], F}, wide[4] = {x.dim[0], x.dim[1], H, D};
  struct draft d = {.op = TAPE_FOLD, .reducer = TAPE_LANES, .out = 2, .k = 2};
  memcpy(d.name, x.dim, 4);
  weave_operand(&d, &x, false);
  struct tape_record r = weave_finish(w, &d);
  const struct tensor *sum = weave_keep(w, &d, &r);
  struct tensor y = pointwise(w, &x, sum, CANON_SUB, 0.25f);
  noise(w);
  struct tensor h = product_to(w, &y, &weights[below(w, 2) ? 0 : 1], false, 1u << H | 1u << D, 3, hidden);
  noise(w);
  struct tensor a = pointwise(w, &h, below(w, 2) ? &h : NULL, CANON_MAX, 0.0625f);
  struct tensor o = product_to(w, &a, &weights[below(w, 2) ? 0 : 1], false, 1u << F, 4, wide);
  o = pointwise(w, &o, &x, CANON_ADD, 1);
  noise(w);
  if (below(w, 2)) product_to(w, &y, &h, false, 1u << B | 1u << T, 3, (const uint8_t[]){H, D, F});
  if (below(w, 2)) product_to(w, &a, &o, false, 1u << B | 1u << T, 3, (const uint8_t[]){F, H, D});
  if (below(w, 2) == 0) return;
  struct draft bias = {.op = TAPE_FOLD, .reducer = TAPE_CHAIN, .out = 1, .k = 2, .name = {F, x.dim[0], x.dim[1]}};
  weave_operand(&bias, &h, false);
  r = weave_finish(w, &bias);
  weave_keep(w, &bias, &r);
}

static void draw_lengths(struct weave *w) {
  static const uint32_t lengths[] = {64, 65, 96, 100, 128, 160, 192, 72, 40, 33};
  static const uint32_t widths[] = {8, 16, 24, 5, 12, 32};
  uint32_t *e = w->extent;
  e[B] = below(w, 3) ? 1 + below(w, 5) : 1u << below(w, 3);
  e[T] = e[S] = lengths[below(w, 10)];
  e[H] = 1 + below(w, 4);
  e[D] = widths[below(w, 6)];
  e[F] = 3 + below(w, 40);
  while (e[B] * e[H] * e[T] * e[T] > WEAVE_SCORES_MAX) e[e[B] > 1 && below(w, 2) ? B : e[H] > 1 ? H : B]--;
}

/* The first values: tokens in any order of dims, two weights, a bias. Returns how many tokens there are, up to 4. */
static uint32_t add_tokens(struct weave *w) {
  bool heads_inside = below(w, 3);
  enum stage_content content = below(w, 3) == 0 ? STAGE_WILD : STAGE_PLAIN;
  uint8_t tokens[4] = {B, T, H, D};
  if (!heads_inside) weave_shuffle(w, tokens, 4);
  uint32_t count = 2 + below(w, 3);
  for (uint32_t i = 0; i < count; i++) {
    if (below(w, 5) == 0) weave_shuffle(w, tokens, 4);
    weave_data(w, 4, tokens, content);
  }
  weave_data(w, 3, (const uint8_t[]){H, D, F}, STAGE_PLAIN);
  weave_data(w, 3, (const uint8_t[]){F, H, D}, STAGE_PLAIN);
  weave_data(w, 2, (const uint8_t[]){H, D}, STAGE_PLAIN);
  return count;
}

/* The tokens made by records, so that they are temps of the plan. */
static void make_tokens(struct weave *w, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    struct draft d = {.op = TAPE_MAP, .out = w->value[i].dims};
    memcpy(d.name, w->value[i].dim, sizeof w->value[i].dim);
    weave_operand(&d, &w->value[i], false);
    struct tape_record r = weave_finish(w, &d);
    uint8_t step = example_op(&r, CANON_STEP, 0, 0, 0);
    step = example_op(&r, CANON_ITOF, step, 0, 0);
    example_op(&r, CANON_MUL, 0, step, 0);
    weave_keep(w, &d, &r);
  }
}

static void add_record(struct weave *w, uint32_t firsts) {
  switch (below(w, 14)) {
  case 0:
  case 1:
  case 2: weave_map(w); break;
  case 3: weave_fold(w); break;
  case 4:
  case 5:
  case 6:
  case 7: weave_product(w); break;
  case 8: add_softmax(w); break;
  case 9: add_softmax_back(w); break;
  case 10: add_mask(w); break;
  case 11:
    if (below(w, 2) && w->s->states < 12) weave_show(w, &w->value[firsts + below(w, w->values - firsts)]);
    break;
  case 12: weave_odd_map(w); break;
  case 13: weave_taps(w); break;
  }
}

uint64_t stage_weave(struct stage *s, uint64_t seed) {
  struct weave all = {.s = s, .draw = seed}, *w = &all;
  stage_begin(s, seed);
  draw_lengths(w);
  w->merges = below(w, 3) == 0;
  uint32_t count = add_tokens(w), firsts = w->values, records = 8 + below(w, 26);
  make_tokens(w, count);
  const struct tensor *made = &w->value[firsts], *weights = &w->value[count];
  const uint32_t kind = below(w, 4), *e = w->extent;
  if (e[B] * e[H] * e[T] * e[T] * e[D] < WEAVE_TERMS_MAX) {
    if (kind & 1) add_attention(w, made, count);
    if (kind & 2) add_layers(w, made, count, weights);
    if (kind == 3 && below(w, 2)) add_layers(w, made, count, weights), records += 8;
  }
  while (s->tape.records_count < records && w->values < WEAVE_VALUES - 8) add_record(w, firsts);
  for (uint32_t i = firsts; i < w->values && s->states < 40; i++)
    if (w->value[i].v.space == TAPE_TEMP && (i + 4 > w->values || below(w, 4) == 0)) weave_show(w, &w->value[i]);
  stage_seal(s);
  return w->draw;
}
