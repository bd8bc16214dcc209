/* Records: opened over a shape, closed with a result, placed one behind the other. docs/lower.md 2.5 to 2.8. */
#include "model/lower/emit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/lower/pending.h"
#include "tape/check/check.h"

void emit_begin(struct emit *e, struct arena *arena, struct why *why) {
  *e = (struct emit){.arena = arena, .why = why};
}

void emit_fail(struct emit *e, enum lower_status status, const char *format, ...) {
  if (e->status != LOWER_OK) return;
  char text[WHY_MAX];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  e->status = status;
  why_set(e->why, "%s", text);
}

bool emit_failed(const struct emit *e) { return e->status != LOWER_OK; }

static void *take(struct emit *e, size_t count, size_t size) {
  void *at = arena_take(e->arena, count, size);
  if (!at) emit_fail(e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  return at;
}

static void append(struct emit *e, const struct tape_record *r, struct lower_origin at) {
  if (emit_failed(e)) return;
  if (e->count == TAPE_RECORDS_MAX) {
    emit_fail(e, LOWER_ERR_UNSUPPORTED, "the tape would have more than %d records", TAPE_RECORDS_MAX);
    return;
  }
  if (e->count == e->room) {
    uint32_t room = e->room ? 2 * e->room : 256;
    struct tape_record **record = take(e, room, sizeof *record);
    struct lower_origin *origin = take(e, room, sizeof *origin);
    if (!record || !origin) return;
    if (e->count) {
      memcpy(record, e->record, e->count * sizeof *record);
      memcpy(origin, e->origin, e->count * sizeof *origin);
    }
    e->record = record;
    e->origin = origin;
    e->room = room;
  }
  struct tape_record *copy = take(e, 1, sizeof *copy);
  if (!copy) return;
  *copy = *r;
  e->record[e->count] = copy;
  e->origin[e->count++] = at;
}

/* The place of a temp value: behind the one before. */
static uint64_t place(struct emit *e, const struct tape_record *r) {
  uint64_t first = e->temp_leaves;
  e->temp_leaves += record_leaves(r);
  if (e->temp_leaves > TAPE_LEAVES_MAX)
    emit_fail(e, LOWER_ERR_SHAPE, "a step's values need more than 2^23 leaves (32 GiB): use a smaller batch");
  return first;
}

void value_settle(struct emit *e, struct value *v) {
  if (!v->pending || emit_failed(e)) return;
  struct pending *p = v->pending;
  p->r.space = TAPE_TEMP;
  p->r.first_leaf = place(e, &p->r);
  append(e, &p->r, p->at);
  v->pending = NULL;
  v->space = TAPE_TEMP;
  v->first_leaf = p->r.first_leaf;
}

static void set_out_dim(struct build *b, uint32_t dim) { b->r.dim[b->r.out_rank++] = dim; }

static void check_elements(struct build *b) {
  uint64_t n = 1;
  for (uint8_t d = 0; d < b->r.out_rank; d++) {
    if (!b->r.dim[d] || b->r.dim[d] > INT32_MAX || n * b->r.dim[d] > UINT32_MAX) {
      emit_fail(b->e, LOWER_ERR_SHAPE, "a tensor of no elements or of 2^32 and more");
      return;
    }
    n *= b->r.dim[d];
  }
}

static struct value shaped_like(uint8_t dtype, const struct value *like) {
  struct value v = value_shaped(dtype, like->rank, like->dim, like->order);
  if (dtype == like->dtype) v.type = like->type;
  return v;
}

void build_map(struct build *b, struct emit *e, uint8_t dtype, const struct value *like) {
  *b = (struct build){.e = e, .rank = like->rank};
  b->r.op = TAPE_MAP;
  b->r.dtype = dtype;
  b->v = shaped_like(dtype, like);
  for (uint8_t p = 0; p < like->rank; p++) {
    uint8_t a = like->order[p];
    b->at[a] = p;
    b->shape[a] = like->dim[a];
    set_out_dim(b, like->dim[a]);
  }
  if (!like->rank) set_out_dim(b, 1);
  check_elements(b);
}

void build_fold(struct build *b, struct emit *e, uint8_t reducer, uint8_t dtype, const struct value *like,
                uint32_t mask) {
  *b = (struct build){.e = e, .rank = like->rank};
  b->r.op = TAPE_FOLD;
  b->r.dtype = dtype;
  b->r.reducer = reducer;
  b->v = shaped_like(dtype, like);
  for (uint8_t p = 0; p < like->rank; p++) {
    uint8_t a = like->order[p];
    b->shape[a] = like->dim[a];
    if (mask >> a & 1) continue;
    b->at[a] = b->r.out_rank;
    set_out_dim(b, like->dim[a]);
  }
  if (!b->r.out_rank) set_out_dim(b, 1);
  for (uint8_t p = 0; p < like->rank; p++) {
    uint8_t a = like->order[p];
    if (!(mask >> a & 1)) continue;
    b->at[a] = b->r.out_rank + b->r.k_rank;
    b->r.dim[b->r.out_rank + b->r.k_rank++] = like->dim[a];
    b->v.dim[a] = 1;
  }
  if (!b->r.k_rank) b->r.dim[b->r.out_rank + b->r.k_rank++] = 1; /* nothing to reduce: K is 1 */
  check_elements(b);
}

void build_free(struct build *b, struct emit *e, uint8_t op, uint8_t reducer, uint8_t dtype, uint32_t out_rank,
                const uint32_t *out, uint32_t k_rank, const uint32_t *k, const struct value *result) {
  *b = (struct build){.e = e};
  assert(out_rank >= 1 && out_rank <= TAPE_RANK_MAX && k_rank <= TAPE_RANK_MAX);
  b->r.op = op;
  b->r.dtype = dtype;
  b->r.reducer = reducer;
  b->v = value_shaped(dtype, result->rank, result->dim, result->order);
  for (uint32_t d = 0; d < out_rank; d++) set_out_dim(b, out[d]);
  for (uint32_t d = 0; d < k_rank; d++) b->r.dim[out_rank + b->r.k_rank++] = k[d];
  check_elements(b);
}

/* TAPE 4.2: the result is the last operation, or without any the last operand, or a literal alone. */
static void finish(struct build *b, uint8_t result) {
  struct tape_record *r = &b->r;
  if (emit_failed(b->e) || r->op == TAPE_DOT || r->op == TAPE_PUT) return;
  if (r->body_ops && result == TAPE_REGISTER_BODY + r->body_ops - 1) return;
  if (!r->body_ops && r->operands && result == r->operands - 1) return;
  if (!r->body_ops && !r->operands && result == TAPE_REGISTER_LITERAL) return;
  bool integer;
  if (result < TAPE_REGISTER_LITERAL)
    integer = r->operand[result].dtype != TAPE_F32;
  else
    integer = r->reducer == TAPE_NONE ? r->dtype != TAPE_F32 : r->reducer > TAPE_FMAX;
  struct tape_body_op same = {integer ? CANON_IOR : CANON_MAX, result, result, 0};
  if (r->body_ops == TAPE_BODY_MAX) {
    emit_fail(b->e, LOWER_ERR_UNSUPPORTED, "needs more operations than one record holds");
    return;
  }
  r->body[r->body_ops++] = same;
}

struct value build_pending(struct build *b, uint8_t result) {
  struct pending *p = emit_failed(b->e) ? NULL : take(b->e, 1, sizeof *p);
  if (!p) return b->v;
  finish(b, result);
  p->r = b->r;
  p->result = b->r.body_ops ? (uint8_t)(TAPE_REGISTER_BODY + b->r.body_ops - 1) : result;
  p->at = b->e->at;
  b->v.pending = p;
  return b->v;
}

static bool looks_at_k(const struct tape_record *r) {
  for (uint8_t n = 0; n < r->body_ops; n++) {
    uint8_t code = r->body[n].code;
    if (code == CANON_KLIN || code == CANON_LIN || code == CANON_COORD) return true;
  }
  return false;
}

/* NUMERICS 3.9. The first `moved` k dims become output dims in front; the next is cut into `parts` equal pieces, and
 * the number of the piece is one more output dim. */
static bool split(struct emit *e, const struct tape_record *whole, struct tape_record *first, uint8_t *fresh) {
  uint64_t rest = 1;
  int cut = whole->k_rank - 1;
  const uint32_t *k = whole->dim + whole->out_rank;
  for (; cut > 0 && rest * k[cut] <= TAPE_K_MAX; cut--) rest *= k[cut];
  uint32_t parts = (uint32_t)((rest * k[cut] + TAPE_K_MAX - 1) / TAPE_K_MAX);
  while (k[cut] % parts || rest * (k[cut] / parts) > TAPE_K_MAX) parts++;
  *fresh = (uint8_t)(cut + 1);
  if (looks_at_k(whole) || whole->out_rank + *fresh > TAPE_RANK_MAX || rest * (k[cut] / parts) == 1) {
    emit_fail(e, LOWER_ERR_UNSUPPORTED, "reduces over more than 2^20 terms in a way that cannot be split");
    return false;
  }
  uint8_t n = *fresh, out = whole->out_rank;
  *first = *whole;
  first->out_rank = (uint8_t)(out + n);
  first->k_rank = (uint8_t)(whole->k_rank - cut);
  for (uint8_t d = 0; d < cut; d++) first->dim[d] = k[d];
  first->dim[cut] = parts;
  for (uint8_t d = 0; d < out; d++) first->dim[n + d] = whole->dim[d];
  first->dim[n + out] = k[cut] / parts;
  for (uint8_t d = (uint8_t)(cut + 1); d < whole->k_rank; d++) first->dim[n + out + d - cut] = k[d];
  for (uint8_t o = 0; o < whole->operands; o++)
    for (uint8_t a = 0; a < whole->operand[o].axes; a++) {
      struct tape_axis *x = &first->operand[o].axis[a];
      struct index i = {.offset = x->offset, .div = x->div, .mode = x->mode, .indirect = x->indirect};
      for (uint8_t t = 0; t < x->terms; t++) {
        uint8_t d = x->term[t].dim;
        int32_t coef = x->term[t].coef;
        if (d < out)
          i = index_add(i, d + n, coef);
        else if (d - out < cut)
          i = index_add(i, d - out, coef);
        else
          i = index_add(i, (uint8_t)(d + n - cut), coef);
        if (d - out == cut && i.terms < TAPE_TERMS_MAX)
          i = index_add(i, (uint8_t)cut, coef * (int32_t)(k[cut] / parts));
        else if (d - out == cut) {
          emit_fail(e, LOWER_ERR_UNSUPPORTED, "reduces over more than 2^20 terms along a strided axis");
          return false;
        }
      }
      x->terms = i.terms;
      memcpy(x->term, i.term, sizeof i.term);
    }
  return true;
}

/* A record whose K fits; a longer one is preceded by the parts that it then folds. */
static struct tape_record shortened(struct emit *e, const struct tape_record *whole) {
  uint64_t k = 1;
  for (uint8_t d = 0; d < whole->k_rank; d++) k *= whole->dim[whole->out_rank + d];
  struct tape_record first, second = {0};
  uint8_t fresh;
  if (k <= TAPE_K_MAX || emit_failed(e)) return *whole;
  if (!split(e, whole, &first, &fresh)) return *whole;
  struct tape_record part = shortened(e, &first);
  part.space = TAPE_TEMP;
  part.first_leaf = place(e, &part);
  append(e, &part, e->at);
  second.op = TAPE_FOLD;
  second.dtype = whole->dtype;
  second.reducer = whole->reducer == TAPE_LANES ? TAPE_CHAIN : whole->reducer;
  second.out_rank = whole->out_rank;
  second.k_rank = fresh;
  memcpy(second.dim, whole->dim, whole->out_rank * sizeof second.dim[0]);
  memcpy(second.dim + whole->out_rank, first.dim, fresh * sizeof second.dim[0]);
  second.operands = 1;
  struct tape_operand *o = &second.operand[0];
  *o = (struct tape_operand){.space = TAPE_TEMP,
                             .dtype = whole->dtype,
                             .axes = (uint8_t)(fresh + whole->out_rank),
                             .first_leaf = part.first_leaf};
  for (uint8_t a = 0; a < o->axes; a++)
    o->axis[a] =
        (struct tape_axis){.extent = first.dim[a],
                           .div = 1,
                           .indirect = TAPE_INDIRECT_NONE,
                           .terms = 1,
                           .term = {{.dim = (uint8_t)(a < fresh ? whole->out_rank + a : a - fresh), .coef = 1}}};
  return shortened(e, &second);
}

struct value build_end(struct build *b, uint8_t result) {
  finish(b, result);
  if (emit_failed(b->e)) return b->v;
  struct tape_record r = shortened(b->e, &b->r);
  r.space = TAPE_TEMP;
  r.first_leaf = place(b->e, &r);
  append(b->e, &r, b->e->at);
  b->v.space = TAPE_TEMP;
  b->v.first_leaf = r.first_leaf;
  return b->v;
}

void build_store(struct build *b, uint8_t result, const struct layout_entry *entry) {
  finish(b, result);
  if (emit_failed(b->e)) return;
  assert(b->r.out_rank == entry->rank && b->r.dtype == entry->dtype);
  for (uint8_t d = 0; d < entry->rank; d++) assert(b->r.dim[d] == entry->dim[d]);
  struct tape_record r = shortened(b->e, &b->r);
  r.space = TAPE_OUT;
  r.first_leaf = entry->first_leaf;
  append(b->e, &r, b->e->at);
}

/* Two levels where there are more than 2^20 elements: the last part reads zeros beyond the end. */
struct value emit_sum_of_squares(struct emit *e, struct value *v) {
  value_settle(e, v);
  uint64_t n = value_elements(v);
  uint32_t parts = (uint32_t)((n + TAPE_K_MAX - 1) / TAPE_K_MAX), one = 1;
  uint32_t k = parts == 1 ? (uint32_t)n : TAPE_K_MAX;
  struct value many = value_shaped(TAPE_F32, 1, &parts, NULL);
  struct build b;
  build_free(&b, e, TAPE_FOLD, TAPE_LANES, TAPE_F32, 1, &parts, 1, &k, &many);
  struct index i = index_dim(1);
  if (parts > 1) i = index_add(i, 0, TAPE_K_MAX);
  uint8_t x = build_flat(&b, v, i, 0);
  many = build_end(&b, build_op2(&b, CANON_MUL, x, x));
  if (parts == 1) return many;
  struct value sum = value_shaped(TAPE_F32, 1, &one, NULL);
  build_free(&b, e, TAPE_FOLD, TAPE_CHAIN, TAPE_F32, 1, &one, 1, &parts, &sum);
  return build_end(&b, build_flat(&b, &many, index_dim(1), 0));
}

struct value emit_add(struct emit *e, struct value **part, uint32_t count) {
  struct value sum = *part[0];
  for (uint32_t n = 1; n < count;) {
    struct build b;
    build_map(&b, e, TAPE_F32, &sum);
    uint8_t reg = build_use(&b, &sum);
    do reg = build_op2(&b, CANON_ADD, reg, build_use(&b, part[n]));
    while (++n < count && b.r.operands < EMIT_JOIN_OPERANDS);
    sum = build_pending(&b, reg);
  }
  return sum;
}

void emit_keep(struct emit *e, const struct layout_entry *entry) {
  struct value v = value_entry(entry);
  emit_copy(e, entry, &v);
}

void emit_zero(struct emit *e, const struct layout_entry *entry) {
  struct build b;
  struct value v = value_entry(entry);
  build_map(&b, e, entry->dtype, &v);
  build_store(&b, entry->dtype == TAPE_F32 ? build_word(&b, 0) : build_i32(&b, 0), entry);
}

/* Memory order to memory order: v has as many elements as the entry. */
void emit_copy(struct emit *e, const struct layout_entry *entry, struct value *v) {
  struct build b;
  if (emit_failed(e)) return;
  struct value shape = value_entry(entry), same;
  value_settle(e, v);
  assert(value_elements(&shape) == value_elements(v));
  build_map(&b, e, entry->dtype, &shape);
  same = shape;
  same.space = v->space;
  same.first_leaf = v->first_leaf;
  same.data_number = v->data_number;
  build_store(&b, build_use(&b, &same), entry);
}

void emit_tape(struct emit *e, const struct layout *whole, struct tape *out, struct lower_origin **origin) {
  struct tape t = {.records_count = e->count, .temp_leaves = (uint32_t)e->temp_leaves};
  if (emit_failed(e)) return;
  size_t entries = (size_t)whole->state_count + whole->data_count;
  t.record = take(e, e->count ? e->count : 1, sizeof *t.record);
  t.layout.entry = take(e, entries, sizeof *t.layout.entry);
  if (!t.record || !t.layout.entry) return;
  for (uint32_t n = 0; n < e->count; n++) t.record[n] = *e->record[n];
  t.layout.state_count = whole->state_count;
  memcpy(t.layout.entry, whole->entry, whole->state_count * sizeof *whole->entry);
  for (size_t n = whole->state_count; n < entries; n++)
    if (e->reads[whole->entry[n].number]) t.layout.entry[whole->state_count + t.layout.data_count++] = whole->entry[n];
  t.state_leaves = (uint32_t)layout_state_leaves(whole);
  if (!tape_count(&t, &t.counts)) {
    emit_fail(e, LOWER_ERR_SHAPE, "a step does more than 2^64 operations");
    return;
  }
  struct why why = {{0}};
  enum tape_status status = tape_check(&t, e->arena, &why);
  if (status != TAPE_OK) {
    emit_fail(e, status == TAPE_ERR_MEMORY ? LOWER_ERR_MEMORY : LOWER_ERR_UNSUPPORTED,
              "the tape made here breaks a rule, which is a fault of the lowering: %s", why.text);
    return;
  }
  *out = t;
  *origin = e->origin;
}
