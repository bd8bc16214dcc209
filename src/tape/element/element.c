#include "tape/element/element.h"

#include "numeric/canon.h"
#include "numeric/random.h"

enum { REGISTERS = TAPE_REGISTER_BODY + TAPE_BODY_MAX };

/* One output element while it is computed. What does not depend on k is located, loaded and evaluated once, in
 * site_open; the walk over k touches the rest. */
struct site {
  const struct tape_record *r;
  const struct element_world *w;
  uint64_t index;
  uint32_t k, coordinate[2 * TAPE_RANK_MAX]; /* output coordinates, then k coordinates */
  uint32_t word[REGISTERS];
  bool in_range[TAPE_OPERANDS_MAX];
  uint8_t result;                     /* register of TAPE 4.2 */
  uint8_t walking[TAPE_OPERANDS_MAX]; /* operands that depend on k, ascending */
  uint8_t walking_ops[TAPE_BODY_MAX]; /* body operations that do, ascending */
  uint8_t walking_count, walking_ops_count;
  int64_t base[TAPE_OPERANDS_MAX][TAPE_RANK_MAX]; /* offset and output terms of each axis, summed */
  uint8_t first_k_term[TAPE_OPERANDS_MAX][TAPE_RANK_MAX];
};

static void unravel(uint64_t index, uint32_t rank, const uint32_t *dim, uint32_t *coordinate) {
  for (uint32_t d = rank; d-- > 0; index /= dim[d]) coordinate[d] = (uint32_t)(index % dim[d]);
}

/* TAPE 4.4: sums stay within i64 because record_check held. Terms ascend by dim, so those in k come last. */
static void prepare_axes(struct site *s, uint8_t o) {
  const struct tape_operand *x = &s->r->operand[o];
  for (uint8_t a = 0; a < x->axes; a++) {
    int64_t num = x->axis[a].offset;
    uint8_t t = 0;
    for (; t < x->axis[a].terms && x->axis[a].term[t].dim < s->r->out_rank; t++)
      num += (int64_t)x->axis[a].term[t].coef * s->coordinate[x->axis[a].term[t].dim];
    s->base[o][a] = num;
    s->first_k_term[o][a] = t;
  }
}

/* TAPE 4.5. A negative num is out of range in both modes: its floor is negative. */
static bool locate(const struct site *s, uint8_t o, const uint32_t *words, uint64_t *address) {
  const struct tape_operand *x = &s->r->operand[o];
  uint64_t at = 0;
  for (uint8_t a = 0; a < x->axes; a++) {
    const struct tape_axis *axis = &x->axis[a];
    int64_t num = s->base[o][a];
    for (uint8_t t = s->first_k_term[o][a]; t < axis->terms; t++)
      num += (int64_t)axis->term[t].coef * s->coordinate[axis->term[t].dim];
    if (axis->indirect != TAPE_INDIRECT_NONE) num += (int32_t)words[axis->indirect];
    if (num < 0) return false;
    uint64_t position = (uint64_t)num;
    if (axis->div > 1) {
      if (axis->mode == TAPE_EXACT && position % axis->div) return false;
      position /= axis->div;
    }
    if (position >= axis->extent) return false;
    at = at * axis->extent + position;
  }
  *address = at;
  return true;
}

static void read_operand(struct site *s, uint8_t o) {
  uint64_t address;
  s->in_range[o] = locate(s, o, s->word, &address);
  s->word[o] = s->in_range[o] ? s->w->load(s->w->context, o, s->k, address) : s->r->operand[o].fill;
}

static void evaluate(struct site *s, uint8_t n) {
  const struct tape_body_op *b = &s->r->body[n];
  const uint32_t *word = s->word;
  uint32_t *out = &s->word[TAPE_REGISTER_BODY + n];
  switch (b->code) {
  case CANON_COORD: *out = s->coordinate[b->a]; break;
  case CANON_KLIN: *out = s->k; break;
  case CANON_LIN: *out = (uint32_t)s->index; break;
  case CANON_STEP: *out = s->w->step; break;
  case CANON_RAND: *out = random_word(word[b->a], word[b->b], s->w->step, s->w->seed); break;
  case CANON_PERM:
    *out = (uint32_t)random_perm(word[b->a], (int32_t)word[b->b], (int32_t)word[b->c], s->w->seed);
    break;
  default: *out = s->w->apply(b->code, word[b->a], word[b->b], word[b->c]); break;
  }
}

/* Registers that change with k are marked in `walks`; unused arguments are 0 and would name register 0, so arity
 * counts. */
static bool op_walks(const struct tape_record *r, const struct tape_body_op *b, const bool *walks) {
  if (b->code == CANON_COORD) return b->a >= r->out_rank;
  if (b->code == CANON_KLIN) return true;
  uint8_t arity = canon_op(b->code)->arity;
  return (arity > 0 && walks[b->a]) || (arity > 1 && walks[b->b]) || (arity > 2 && walks[b->c]);
}

static void site_open(struct site *s, const struct tape_record *r, const struct element_world *w, uint64_t index) {
  bool walks[REGISTERS] = {false};
  s->r = r;
  s->w = w;
  s->index = index;
  s->k = 0;
  s->walking_count = s->walking_ops_count = 0;
  s->result = r->body_ops   ? (uint8_t)(TAPE_REGISTER_BODY + r->body_ops - 1)
              : r->operands ? (uint8_t)(r->operands - 1)
                            : (uint8_t)TAPE_REGISTER_LITERAL;
  for (uint32_t n = 0; n < TAPE_REGISTER_LITERAL; n++) s->word[n] = 0;
  for (uint8_t n = 0; n < r->literals; n++) s->word[TAPE_REGISTER_LITERAL + n] = r->literal[n];
  unravel(index, r->out_rank, r->dim, s->coordinate);
  for (uint8_t o = 0; o < r->operands; o++) {
    walks[o] = r->k_rank && record_depends_on_k(r, o);
    prepare_axes(s, o);
    if (walks[o])
      s->walking[s->walking_count++] = o;
    else
      read_operand(s, o); /* its index operands cannot depend on k, so they are there already */
  }
  for (uint8_t n = 0; n < r->body_ops; n++) {
    walks[TAPE_REGISTER_BODY + n] = op_walks(r, &r->body[n], walks);
    if (walks[TAPE_REGISTER_BODY + n])
      s->walking_ops[s->walking_ops_count++] = n;
    else
      evaluate(s, n);
  }
}

static void walk_to(struct site *s, uint32_t k) {
  s->k = k;
  unravel(k, s->r->k_rank, s->r->dim + s->r->out_rank, s->coordinate + s->r->out_rank);
}

static void walk_on(struct site *s) {
  s->k++;
  for (uint32_t d = (uint32_t)s->r->out_rank + s->r->k_rank; d-- > s->r->out_rank; s->coordinate[d] = 0)
    if (++s->coordinate[d] < s->r->dim[d]) return;
}

/* The body at the k where the site stands. */
static uint32_t body_value(struct site *s) {
  for (uint8_t i = 0; i < s->walking_count; i++) read_operand(s, s->walking[i]);
  for (uint8_t i = 0; i < s->walking_ops_count; i++) evaluate(s, s->walking_ops[i]);
  return s->word[s->result];
}

/* NUMERICS 3.3, 3.6: a k at which an operand is out of range is skipped, not multiplied by a zero. */
static uint32_t dot_chunk(struct site *s, uint32_t count) {
  uint32_t sum = 0;
  for (; count--; walk_on(s)) {
    body_value(s);
    if (s->in_range[0] && s->in_range[1]) sum = s->w->apply(CANON_FMA, s->word[0], s->word[1], sum);
  }
  return sum;
}

/* NUMERICS 3.7. The source is read where the index matches only. */
static uint32_t put_chunk(struct site *s, uint32_t count) {
  uint32_t sum = 0;
  bool walks[2] = {record_depends_on_k(s->r, 0), record_depends_on_k(s->r, 1)};
  for (; count--; walk_on(s)) {
    if (walks[0]) read_operand(s, 0);
    if (s->word[0] != s->coordinate[0]) continue;
    if (walks[1]) read_operand(s, 1);
    sum = s->w->apply(CANON_ADD, sum, s->word[1], 0);
  }
  return sum;
}

/* NUMERICS 3.4. Chunks begin at multiples of 512, so k mod 32 within the chunk is k mod 32. */
static uint32_t lanes_chunk(struct site *s, uint32_t count) {
  uint32_t lane[CANON_LANES] = {0};
  for (uint32_t i = 0; i < count; i++, walk_on(s))
    lane[i % CANON_LANES] = s->w->apply(CANON_ADD, lane[i % CANON_LANES], body_value(s), 0);
  for (uint32_t width = CANON_LANES / 2; width; width /= 2)
    for (uint32_t j = 0; j < width; j++) lane[j] = s->w->apply(CANON_ADD, lane[j], lane[j + width], 0);
  return lane[0];
}

static bool is_sum(const struct tape_record *r) {
  return r->reducer == TAPE_CHAIN || r->reducer == TAPE_LANES || r->reducer == TAPE_ISUM;
}

static uint8_t reducer_code(const struct tape_record *r) {
  switch (r->reducer) {
  case TAPE_FMIN: return CANON_MIN;
  case TAPE_FMAX: return CANON_MAX;
  case TAPE_ISUM: return CANON_IADD;
  case TAPE_IMIN: return CANON_IMIN;
  case TAPE_IMAX: return CANON_IMAX;
  default: return CANON_ADD;
  }
}

/* NUMERICS 3.3, 3.5: sums start at +0 or 0, the others at the first body. */
static uint32_t fold_chunk(struct site *s, uint32_t count) {
  if (s->r->reducer == TAPE_LANES) return lanes_chunk(s, count);
  uint8_t code = reducer_code(s->r);
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; i++, walk_on(s)) {
    uint32_t x = body_value(s);
    sum = i || is_sum(s->r) ? s->w->apply(code, sum, x, 0) : x;
  }
  return sum;
}

static uint32_t chunk_length(const struct tape_record *r, uint32_t c) {
  uint32_t left = record_k(r) - c * CANON_CHUNK;
  return left < CANON_CHUNK ? left : CANON_CHUNK;
}

static uint32_t chunk_value(struct site *s, uint32_t c) {
  uint32_t count = chunk_length(s->r, c);
  walk_to(s, c * CANON_CHUNK);
  switch (s->r->op) {
  case TAPE_DOT: return dot_chunk(s, count);
  case TAPE_PUT: return put_chunk(s, count);
  default: return fold_chunk(s, count);
  }
}

static uint32_t stored(const struct tape_record *r, uint32_t word) {
  if (r->dtype == TAPE_U8) return word & 0xff;
  return r->dtype == TAPE_F32 && (word & 0x7fffffff) > 0x7f800000 ? CANON_NAN : word;
}

/* NUMERICS 3.2: a sum starts from +0, so that a -0 of the first chunk does not show. */
static uint32_t joined(const struct tape_record *r, element_arithmetic *apply, uint32_t so_far, uint32_t chunk,
                       uint32_t c) {
  return c || is_sum(r) ? apply(reducer_code(r), so_far, chunk, 0) : chunk;
}

uint32_t element_value(const struct tape_record *r, const struct element_world *w, uint64_t index) {
  struct site s;
  site_open(&s, r, w, index);
  if (r->op == TAPE_MAP) return stored(r, s.word[s.result]);
  uint32_t value = 0, chunks = element_chunks(r);
  for (uint32_t c = 0; c < chunks; c++) value = joined(r, w->apply, value, chunk_value(&s, c), c);
  return stored(r, value);
}

uint32_t element_chunk(const struct tape_record *r, const struct element_world *w, uint64_t index, uint32_t c) {
  struct site s;
  site_open(&s, r, w, index);
  return r->op == TAPE_MAP ? stored(r, s.word[s.result]) : chunk_value(&s, c);
}

uint32_t element_combine(const struct tape_record *r, element_arithmetic *apply, const uint32_t *results,
                         uint32_t count) {
  uint32_t value = 0;
  for (uint32_t c = 0; c < count; c++) value = joined(r, apply, value, results[c], c);
  return stored(r, value);
}

bool element_address(const struct tape_record *r, uint8_t o, uint64_t index, uint32_t k, const uint32_t *words,
                     uint64_t *address) {
  struct site s = {.r = r};
  unravel(index, r->out_rank, r->dim, s.coordinate);
  walk_to(&s, k);
  prepare_axes(&s, o);
  return locate(&s, o, words, address);
}

uint32_t element_chunks(const struct tape_record *r) { return (record_k(r) + CANON_CHUNK - 1) / CANON_CHUNK; }

static void visit_operand(struct site *s, uint8_t o, uint32_t *n, element_see *visit, void *context) {
  struct element_word at = {.n = (*n)++, .k = s->k, .o = o};
  at.in_range = locate(s, o, s->word, &at.index);
  uint32_t word = visit(context, &at);
  s->word[o] = at.in_range ? word : s->r->operand[o].fill;
}

uint32_t element_visit(const struct tape_record *r, uint64_t index, uint32_t c, element_see *visit, void *context) {
  struct site s = {.r = r, .index = index};
  uint32_t n = 0;
  unravel(index, r->out_rank, r->dim, s.coordinate);
  for (uint8_t o = 0; o < r->operands; o++) {
    prepare_axes(&s, o);
    if (r->k_rank && record_depends_on_k(r, o))
      s.walking[s.walking_count++] = o;
    else
      visit_operand(&s, o, &n, visit, context);
  }
  if (!s.walking_count) return n;
  walk_to(&s, c * CANON_CHUNK);
  for (uint32_t left = chunk_length(r, c); left--; walk_on(&s))
    for (uint8_t i = 0; i < s.walking_count; i++) visit_operand(&s, s.walking[i], &n, visit, context);
  return n;
}

uint32_t element_words(const struct tape_record *r, uint32_t c) {
  uint32_t still = 0, walking = 0;
  for (uint8_t o = 0; o < r->operands; o++)
    if (r->k_rank && record_depends_on_k(r, o))
      walking++;
    else
      still++;
  return walking ? still + walking * chunk_length(r, c) : still;
}
