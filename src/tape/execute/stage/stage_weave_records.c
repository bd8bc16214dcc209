#include "tape/execute/stage/stage_weave_records.h"

#include <string.h>

#include "numeric/canon.h"

static uint32_t elements_of(struct weave *w, const struct tensor *t) {
  uint32_t n = 1;
  for (uint8_t i = 0; i < t->dims; i++) n *= w->extent[t->dim[i]];
  return n;
}

struct tensor *weave_data(struct weave *w, uint8_t dims, const uint8_t *dim, enum stage_content content) {
  struct tensor *t = &w->value[w->values++];
  *t = (struct tensor){.dims = dims};
  memcpy(t->dim, dim, dims);
  for (uint8_t i = 0; i < dims; i++) t->score |= dim[i] == S;
  t->v = stage_data(w->s, TAPE_F32, elements_of(w, t), STAGE_PLAIN);
  uint32_t *word = w->s->data[t->v.number], n = elements_of(w, t);
  static const uint32_t special[] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 1,
                                     0xffc12345, 0x7f7fffff, 0x74000000, 0x80000001, 0x7fa00000};
  for (uint32_t i = 0; content == STAGE_WILD && i < 1 + n / 4000; i++) {
    uint32_t put = special[below(w, sizeof special / sizeof *special)];
    word[below(w, n)] = put;
  }
  return t;
}

void weave_show(struct weave *w, const struct tensor *t) {
  uint32_t n = elements_of(w, t), dim[1] = {n};
  if (n > WEAVE_SHOWN_MAX) return;
  if (below(w, 2)) {
    stage_show(w->s, t->v, n);
    return;
  }
  struct stage_value entry = stage_state(w->s, TAPE_F32, 1, dim);
  struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 1, .dim = {n}};
  stage_axis(stage_operand(&r, entry), n, 0, 0, 1, 0, 0);
  stage_axis(stage_operand(&r, t->v), n, 0, 0, 1, 0, 0);
  example_op(&r, CANON_MAX, 0, 1, 0);
  stage_add(w->s, &r, &entry);
}

bool weave_has(const struct tensor *t, uint8_t name) {
  for (uint8_t i = 0; i < t->dims; i++)
    if (t->dim[i] == name) return true;
  return false;
}

void weave_operand(struct draft *d, const struct tensor *t, bool t_as_s) {
  uint32_t o = d->operands++;
  d->of[o].t = *t;
  for (uint8_t i = 0; i < t->dims; i++)
    d->of[o].as[i] = t_as_s && t->dim[i] == T ? S : t_as_s && t->dim[i] == S ? T : t->dim[i];
}

void weave_turn(struct weave *w, struct draft *d) {
  if (below(w, 2) == 0) return;
  struct draft swap = *d;
  d->of[0] = swap.of[1], d->of[1] = swap.of[0];
}

static int position(const struct draft *d, uint8_t name) {
  for (int i = 0; i < d->out + d->k; i++)
    if (d->name[i] == name) return i;
  return -1;
}

/* May name[i] and name[i + 1] be one dim of the record? All operands have both side by side, or neither. */
static bool may_merge(const struct draft *d, int i) {
  if ((i < d->out) != (i + 1 < d->out)) return false;
  for (uint32_t o = 0; o < d->operands; o++) {
    int at = -1, next = -1;
    for (uint8_t a = 0; a < d->of[o].t.dims; a++) {
      if (d->of[o].as[a] == d->name[i]) at = a;
      if (d->of[o].as[a] == d->name[i + 1]) next = a;
    }
    if (d->of[o].turned || d->of[o].shifted) return false;
    if (at < 0 && next < 0) continue;
    if (at < 0 || next != at + 1) return false;
  }
  return true;
}

struct tape_record weave_finish(struct weave *w, const struct draft *d) {
  struct tape_record r = {.op = d->op, .dtype = TAPE_F32, .reducer = d->reducer};
  uint8_t dim_of[NAMES];
  bool joined[12] = {false}; /* with the one before */
  for (int i = 0; i + 1 < d->out + d->k; i++) joined[i + 1] = w->merges && below(w, 3) == 0 && may_merge(d, i);
  int count = 0;
  for (int i = 0; i < d->out + d->k; i++) {
    if (joined[i])
      r.dim[count - 1] *= w->extent[d->name[i]];
    else
      r.dim[count++] = w->extent[d->name[i]];
    dim_of[d->name[i]] = (uint8_t)(count - 1);
    if (i < d->out) r.out_rank = (uint8_t)count;
  }
  r.k_rank = (uint8_t)(count - r.out_rank);
  for (uint32_t o = 0; o < d->operands; o++) {
    struct tape_operand *at = stage_operand(&r, d->of[o].t.v);
    for (uint8_t a = 0; a < d->of[o].t.dims; a++) {
      uint8_t name = d->of[o].as[a], dim = dim_of[name];
      int p = position(d, name);
      uint32_t e = w->extent[name];
      if (a > 0 && joined[p] && d->of[o].as[a - 1] == d->name[p - 1]) {
        at->axis[at->axes - 1].extent *= e;
        continue;
      }
      bool turned = d->of[o].turned && a == 0, shifted = d->of[o].shifted && a == 0;
      stage_axis(at, e, turned ? (int32_t)e - 1 : shifted ? 1 : 0, dim, turned ? -1 : 1, 0, 0);
    }
  }
  return r;
}

struct tensor *weave_keep(struct weave *w, const struct draft *d, const struct tape_record *r) {
  struct tensor *t = &w->value[w->values++];
  *t = (struct tensor){.v = stage_add(w->s, r, NULL), .dims = d->out};
  for (uint8_t i = 0; i < d->out; i++) t->dim[i] = d->name[i], t->score |= d->name[i] == S;
  return t;
}

uint8_t weave_number(struct tape_record *r, float by) {
  uint32_t word;
  memcpy(&word, &by, 4);
  return example_literal(r, word, false);
}

uint8_t weave_step(struct tape_record *r, uint8_t last) {
  uint8_t step = example_op(r, CANON_STEP, 0, 0, 0);
  step = example_op(r, CANON_ITOF, step, 0, 0);
  last = example_op(r, CANON_MUL, last, step, 0);
  return example_op(r, CANON_MUL, last, weave_number(r, 0.125f), 0);
}

void weave_shuffle(struct weave *w, uint8_t *name, uint32_t n) {
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = below(w, i);
    uint8_t swap = name[i - 1];
    name[i - 1] = name[j], name[j] = swap;
  }
}

static const struct tensor *pick(struct weave *w) {
  uint32_t recent = w->values < 8 ? w->values : 8;
  return &w->value[below(w, 3) ? w->values - 1 - below(w, recent) : below(w, w->values)];
}

void weave_map(struct weave *w) {
  struct draft d = {.op = TAPE_MAP};
  const struct tensor *t = pick(w);
  for (uint8_t i = 0; i < t->dims; i++) d.name[i] = t->dim[i];
  d.out = t->dims;
  if (below(w, 5) == 0) weave_shuffle(w, d.name, d.out);
  weave_operand(&d, t, false);
  for (uint32_t tries = below(w, 12); tries > 0 && d.operands < 4; tries--) {
    const struct tensor *u = pick(w);
    bool fits = true, swapped = below(w, 6) == 0;
    for (uint8_t i = 0; i < u->dims; i++) {
      uint8_t name = swapped && u->dim[i] == T ? S : swapped && u->dim[i] == S ? T : u->dim[i];
      fits &= weave_has(t, name);
    }
    if (fits) weave_operand(&d, u, swapped);
  }
  for (uint32_t o = 0; o < d.operands; o++)
    d.of[o].turned = below(w, 25) == 0, d.of[o].shifted = !d.of[o].turned && below(w, 40) == 0;
  struct tape_record r = weave_finish(w, &d);
  uint8_t last = 0;
  for (uint8_t o = 1; o < d.operands; o++) {
    static const uint8_t codes[] = {CANON_ADD, CANON_SUB, CANON_MUL, CANON_MAX};
    bool scores = weave_has(&d.of[o].t, S) && weave_has(&d.of[0].t, S);
    last = example_op(&r, codes[scores ? below(w, 3) % 2 : below(w, 4)], last, o, 0);
  }
  if (below(w, 2)) last = example_op(&r, CANON_MUL, last, weave_number(&r, 0.5f), 0);
  if (below(w, 3) == 0) last = weave_step(&r, last);
  if (below(w, 8) == 0) {
    uint8_t zero = weave_number(&r, 0), negative = example_op(&r, CANON_FLT, last, zero, 0);
    example_op(&r, CANON_SEL, negative, zero, last);
  }
  weave_keep(w, &d, &r);
}

/* Rows of a tensor that an index picks, or every other one, or with a neighbour of each; whole numbers or
 * bytes of it, which are read again. */
void weave_odd_map(struct weave *w) {
  const struct tensor of = *pick(w);
  struct tape_record r = {.op = TAPE_MAP, .out_rank = of.dims};
  uint32_t kind = below(w, 4), along = below(w, of.dims), e = w->extent[of.dim[along]];
  for (uint8_t i = 0; i < of.dims; i++) r.dim[i] = w->extent[of.dim[i]];
  if (kind == 0) {
    struct stage_value index = stage_data(w->s, TAPE_I32, e, STAGE_PLAIN);
    for (uint32_t i = 0; i < e; i++) ((uint32_t *)w->s->data[index.number])[i] = below(w, 3) ? i : below(w, e + 1);
    stage_axis(stage_operand(&r, index), e, 0, (uint8_t)along, 1, 0, 0);
  }
  struct tape_operand *o = stage_operand(&r, of.v);
  for (uint8_t i = 0; i < of.dims; i++) {
    struct tape_axis *a = stage_axis(o, r.dim[i], 0, i, kind == 0 && i == along ? 0 : 1, 0, 0);
    if (i != along) continue;
    if (kind == 0) a->indirect = 0;
    if (kind == 1) a->div = 2, a->mode = (uint8_t)below(w, 2);
    if (kind == 2) a->offset = (int32_t)below(w, 5) - 2;
  }
  if (kind == 3) {
    uint8_t four = example_literal(&r, 0x40800000, false), by = example_op(&r, CANON_MUL, 0, four, 0);
    example_op(&r, CANON_FTOI, by, 0, 0);
    r.dtype = below(w, 2) ? TAPE_U8 : TAPE_I32;
    struct stage_value v = stage_add(w->s, &r, NULL);
    struct tape_record back = {.op = TAPE_MAP, .out_rank = r.out_rank};
    memcpy(back.dim, r.dim, sizeof r.dim);
    for (uint8_t n = 0; n < 2; n++) {
      o = stage_operand(&back, n ? of.v : v);
      for (uint8_t i = 0; i < of.dims; i++) stage_axis(o, r.dim[i], 0, i, 1, 0, 0);
    }
    example_op(&back, CANON_ADD, example_op(&back, CANON_ITOF, 0, 0, 0), 1, 0);
    r = back;
  } else if (below(w, 2)) {
    o = stage_operand(&r, of.v);
    for (uint8_t i = 0; i < of.dims; i++) stage_axis(o, r.dim[i], 0, i, 1, 0, 0);
    example_op(&r, CANON_SUB, (uint8_t)(r.operands - 1), (uint8_t)(r.operands - 2), 0);
  }
  struct tensor *to = &w->value[w->values++];
  *to = of;
  to->v = stage_add(w->s, &r, NULL);
}

/* Taps along T of [B, T, H, D] by [taps, H, D, F], or their gradient. */
void weave_taps(struct weave *w) {
  const struct tensor of = *pick(w);
  uint32_t taps = 2 + below(w, 3), pad = below(w, 2);
  if (of.dims != 4 || of.dim[0] != B || of.dim[1] != T || of.dim[2] != H || of.dim[3] != D) return;
  if (w->extent[B] * w->extent[T] * w->extent[F] * w->extent[H] * w->extent[D] * taps > WEAVE_TERMS_MAX) return;
  struct stage_value filter =
      stage_data(w->s, TAPE_F32, taps * w->extent[H] * w->extent[D] * w->extent[F], STAGE_PLAIN);
  struct tape_record r = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 2};
  memcpy(r.dim, (uint32_t[]){w->extent[B], w->extent[T], w->extent[F], taps, w->extent[H] * w->extent[D]},
         5 * sizeof r.dim[0]);
  struct tape_operand *o = stage_operand(&r, of.v);
  stage_axis(o, w->extent[B], 0, 0, 1, 0, 0);
  stage_axis(o, w->extent[T], -(int32_t)pad, 1, 1, 3, 1);
  stage_axis(o, w->extent[H] * w->extent[D], 0, 4, 1, 0, 0);
  o = stage_operand(&r, filter);
  stage_axis(o, taps, 0, 3, 1, 0, 0);
  stage_axis(o, r.dim[4], 0, 4, 1, 0, 0);
  stage_axis(o, r.dim[2], 0, 2, 1, 0, 0);
  struct tensor *y = &w->value[w->values++];
  *y = (struct tensor){.dims = 3, .dim = {B, T, F}, .v = stage_add(w->s, &r, NULL)};
  if (below(w, 2)) return;
  struct tape_record g = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 2};
  memcpy(g.dim, (uint32_t[]){taps, r.dim[4], r.dim[2], r.dim[0], r.dim[1]}, 5 * sizeof g.dim[0]);
  o = stage_operand(&g, of.v);
  stage_axis(o, w->extent[B], 0, 3, 1, 0, 0);
  stage_axis(o, w->extent[T], -(int32_t)pad, 0, 1, 4, 1);
  stage_axis(o, r.dim[4], 0, 1, 1, 0, 0);
  o = stage_operand(&g, y->v);
  stage_axis(o, w->extent[B], 0, 3, 1, 0, 0);
  stage_axis(o, w->extent[T], 0, 4, 1, 0, 0);
  stage_axis(o, r.dim[2], 0, 2, 1, 0, 0);
  struct stage_value v = stage_add(w->s, &g, NULL);
  if (w->s->states < 20) stage_show(w->s, v, taps * r.dim[4] * r.dim[2]);
}

/* A fold over some dims of a tensor, with another one perhaps. */
void weave_fold(struct weave *w) {
  static const uint8_t reducers[] = {TAPE_LANES, TAPE_LANES, TAPE_FMAX, TAPE_CHAIN, TAPE_FMIN};
  struct draft d = {.op = TAPE_FOLD, .reducer = reducers[below(w, 5)]};
  const struct tensor *t = pick(w);
  if (t->dims < 2) return;
  uint8_t k = below(w, 2) ? 1 : (uint8_t)(1 + below(w, t->dims - 1u));
  bool front = below(w, 3) == 0; /* over the outer dims: a bias's gradient */
  d.out = (uint8_t)(t->dims - k), d.k = k;
  for (uint8_t i = 0; i < t->dims; i++) d.name[i] = front ? t->dim[(i + k) % t->dims] : t->dim[i];
  weave_operand(&d, t, false);
  for (uint32_t tries = below(w, 8); tries > 0 && d.operands < 2; tries--) {
    const struct tensor *u = pick(w);
    bool fits = true;
    for (uint8_t i = 0; i < u->dims; i++) fits &= weave_has(t, u->dim[i]);
    if (fits) weave_operand(&d, u, false);
  }
  struct tape_record r = weave_finish(w, &d);
  if (d.operands > 1) example_op(&r, below(w, 3) ? CANON_MUL : CANON_SUB, 0, 1, 0);
  weave_keep(w, &d, &r);
}

/* A product of any two tensors along dims that both have. */
static bool product(struct weave *w, const struct tensor *a, const struct tensor *b, bool t_as_s, uint32_t sums) {
  struct draft d = {.op = TAPE_DOT, .reducer = TAPE_CHAIN};
  uint8_t both[NAMES], outer[NAMES], inner[NAMES], k[NAMES];
  uint32_t boths = 0, outers = 0, inners = 0, ks = 0;
  weave_operand(&d, a, false);
  weave_operand(&d, b, t_as_s);
  for (uint8_t name = 0; name < NAMES; name++) {
    bool of[2] = {false, false};
    for (int o = 0; o < 2; o++)
      for (uint8_t i = 0; i < d.of[o].t.dims; i++) of[o] |= d.of[o].as[i] == name;
    if (of[0] && of[1] && (sums >> name & 1))
      k[ks++] = name;
    else if (of[0] && of[1])
      both[boths++] = name;
    else if (of[0])
      outer[outers++] = name;
    else if (of[1])
      inner[inners++] = name;
  }
  if (ks == 0 || inners == 0 || boths + outers + inners > 4) return false;
  /* batches, rows, columns; or rows of batches; or as it comes */
  uint32_t style = below(w, 5);
  uint8_t *at = d.name;
  if (style == 1) {
    for (uint32_t i = 0; i < outers; i++) *at++ = outer[i];
    for (uint32_t i = 0; i < boths; i++) *at++ = both[i];
  } else if (style == 2) { /* [B, T, H, ..] */
    uint8_t all[NAMES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < boths; i++) all[n++] = both[i];
    for (uint32_t i = 0; i < outers; i++) all[n++] = outer[i];
    for (uint8_t name = 0; name < NAMES; name++)
      for (uint32_t i = 0; i < n; i++)
        if (all[i] == name) *at++ = name;
  } else {
    if (style == 3) weave_shuffle(w, both, boths);
    for (uint32_t i = 0; i < boths; i++) *at++ = both[i];
    for (uint32_t i = 0; i < outers; i++) *at++ = outer[i];
  }
  for (uint32_t i = 0; i < inners; i++) *at++ = inner[i];
  d.out = (uint8_t)(at - d.name);
  if (style == 4 && below(w, 3) == 0) weave_shuffle(w, d.name, d.out);
  if (below(w, 4) == 0) weave_shuffle(w, k, ks);
  for (uint32_t i = 0; i < ks; i++) *at++ = k[i];
  d.k = (uint8_t)ks;
  uint64_t elements = 1, terms = 1;
  for (uint32_t i = 0; i < d.out; i++) elements *= w->extent[d.name[i]];
  for (uint32_t i = 0; i < ks; i++) terms *= w->extent[k[i]];
  if (elements > WEAVE_SHOWN_MAX * 2 || elements * terms > WEAVE_TERMS_MAX) return false;
  weave_turn(w, &d);
  struct tape_record r = weave_finish(w, &d);
  weave_keep(w, &d, &r);
  return true;
}

void weave_product(struct weave *w) {
  for (uint32_t tries = 0; tries < 20; tries++) {
    const struct tensor *a = pick(w), *b = pick(w);
    bool swapped = below(w, 2);
    uint32_t sums = 0, choice = below(w, 6);
    bool both_wide = weave_has(a, D) && weave_has(b, D), both_scores = a->score || b->score;
    if (choice < 2 && both_wide && !both_scores)
      sums = 1u << D | (below(w, 3) ? 0 : 1u << H), swapped = true; /* scores */
    else if (choice < 4 && both_scores)
      sums = below(w, 2) ? 1u << S : 1u << T; /* by values, or their gradients */
    else if (choice == 4)
      sums = 1u << B | 1u << T; /* weights' gradients */
    else
      sums = 1u << F | 1u << D | 1u << H;
    if (product(w, a, b, swapped, sums)) return;
  }
}
