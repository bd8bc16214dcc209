#include "dispute/world/drawn.h"

#include <string.h>

#include "numeric/canon.h"

enum { DATA_TENSORS = 9, DATA_LEAVES = 2, WORK_MAX = 6000 };

static uint32_t below(uint64_t *seed, uint32_t n) { return (uint32_t)(example_next(seed) >> 33) % n; }

/* Dims that lie around the borders of chunks and leaves; elements x K stays small enough to be computed often. */
static void stretch(struct tape_record *r, uint64_t *seed) {
  static const uint32_t long_k[] = {1, 511, 512, 513, 1023, 1024, 1025, 1100};
  if (r->k_rank && below(seed, 2)) {
    for (uint32_t d = 0; d < r->k_rank; d++) r->dim[r->out_rank + d] = 1;
    r->dim[r->out_rank + below(seed, r->k_rank)] = long_k[below(seed, 8)];
  }
  if (!r->k_rank && !below(seed, 6)) {
    for (uint32_t d = 0; d < r->out_rank; d++) r->dim[d] = 1;
    r->dim[below(seed, r->out_rank)] = r->dtype == TAPE_U8 ? 4090 + below(seed, 12) : 1020 + below(seed, 10);
  }
  for (uint32_t d = 0; d < r->out_rank && record_elements(r) * record_k(r) > WORK_MAX; d++) r->dim[d] = 1;
}

/* A dim that this operand may follow, TAPE 4 (put); the record has one. */
static uint8_t any_dim(const struct tape_record *r, uint8_t o, uint64_t *seed) {
  uint8_t dims = (uint8_t)(r->out_rank + r->k_rank);
  if (r->op != TAPE_PUT) return (uint8_t)below(seed, dims);
  uint8_t first = o ? 1 : r->out_rank;
  return (uint8_t)(first + below(seed, (uint32_t)(dims - first)));
}

/* Makes an axis follow one dim: in range, or off by a little. */
static void straighten(struct tape_record *r, uint8_t o, uint8_t a, uint64_t *seed) {
  struct tape_axis *axis = &r->operand[o].axis[a];
  uint8_t indirect = axis->indirect;
  *axis = (struct tape_axis){.extent = axis->extent, .div = 1, .indirect = indirect};
  axis->offset = below(seed, 5) ? 0 : 1;
  if (indirect == TAPE_INDIRECT_NONE || below(seed, 2)) example_term(axis, any_dim(r, o, seed), 1);
}

/* Reads a value of this shape: as it is, or flat. */
static void reshape(struct tape_record *r, uint8_t o, const uint32_t *dim, uint8_t rank, uint64_t *seed) {
  struct tape_operand *x = &r->operand[o];
  uint32_t elements = 1;
  for (uint8_t d = 0; d < rank; d++) elements *= dim[d];
  bool flat = !below(seed, 3);
  uint8_t axes = flat ? 1 : rank, had = x->axes;
  for (uint8_t a = 0; a < axes; a++) {
    if (a >= had) example_axis(x, 1, 0);
    x->axis[a].extent = flat ? elements : dim[a];
    if (a >= had || below(seed, 3)) straighten(r, o, a, seed);
  }
  x->axes = axes;
}

static bool reads_temp(struct built_tape *b, struct tape_record *r, uint8_t o, uint64_t *seed) {
  struct tape_operand *x = &r->operand[o];
  for (uint32_t tries = 0; b->tape.records_count && tries < 4; tries++) {
    /* Late ones rather than early ones, so that lies travel. */
    uint32_t n = b->tape.records_count - 1 - below(seed, 1 + below(seed, b->tape.records_count));
    const struct tape_record *from = &b->record[n];
    if (from->space != TAPE_TEMP || from->dtype != x->dtype) continue;
    x->space = TAPE_TEMP;
    x->data_number = 0;
    x->first_leaf = from->first_leaf;
    reshape(r, o, from->dim, from->out_rank, seed);
    return true;
  }
  return false;
}

static bool reads_state(struct built_tape *b, struct tape_record *r, uint8_t o, uint64_t *seed) {
  struct tape_operand *x = &r->operand[o];
  for (uint32_t tries = 0; tries < 4; tries++) {
    const struct layout_entry *e = &b->entry[below(seed, b->tape.layout.state_count)];
    if (e->dtype != x->dtype) continue;
    x->space = TAPE_IN;
    x->data_number = 0;
    x->first_leaf = e->first_leaf;
    reshape(r, o, e->dim, e->rank, seed);
    return true;
  }
  return false;
}

static bool reads_window(struct tape_record *r, uint8_t o, uint64_t *seed) {
  struct tape_operand *x = &r->operand[o];
  uint64_t bytes = tape_dtype_bytes(x->dtype);
  x->space = TAPE_DATA;
  x->data_number = (uint8_t)below(seed, DATA_TENSORS);
  for (uint8_t a = 0; a < x->axes; a++) {
    if (!below(seed, 2)) straighten(r, o, a, seed);
    bytes *= x->axis[a].extent;
  }
  x->first_leaf = below(seed, DATA_LEAVES);
  if (bytes > TAPE_LEAF_BYTES) x->first_leaf = 0;
  return bytes <= DATA_LEAVES * TAPE_LEAF_BYTES;
}

/* A record of example_random whose operands are made to read what is there. dtype, dim: NULL, or what it has to give.
 */
static struct tape_record draw_record(struct built_tape *b, uint64_t *seed) {
  for (;;) {
    struct tape_record r;
    bool resolved = true;
    example_random(&r, seed);
    stretch(&r, seed);
    for (uint8_t o = 0; o < r.operands && resolved; o++) {
      uint32_t where = below(seed, 4);
      if (where < 2 && reads_temp(b, &r, o, seed)) continue;
      if (where == 2 && reads_state(b, &r, o, seed)) continue;
      resolved = reads_window(&r, o, seed);
    }
    r.first_leaf = 0;
    if (resolved && record_elements(&r) * record_k(&r) <= WORK_MAX && record_check(&r, NULL) == RECORD_OK) return r;
  }
}

/* An entry of the state as a map that reads it, and something else of its type if there is. */
static struct tape_record rewrite(struct built_tape *b, uint32_t entry, uint64_t *seed) {
  const struct layout_entry *e = &b->entry[entry];
  struct tape_record r = example_record(TAPE_MAP, e->dtype, TAPE_OUT, e->first_leaf);
  example_dims(&r, e->rank, 0, e->dim);
  struct tape_operand *x = example_operand(&r, TAPE_IN, e->dtype, e->first_leaf);
  for (uint8_t d = 0; d < e->rank; d++) example_term(example_axis(x, e->dim[d], 0), d, 1);
  if (!entry) return r; /* diverged stays */
  example_axis(example_operand(&r, TAPE_TEMP, e->dtype, 0), 1, 0);
  if (reads_temp(b, &r, 1, seed))
    example_op(&r, e->dtype == TAPE_F32 ? CANON_SUB : CANON_ISUB, 0, 1, 0);
  else
    r.operands = 1;
  return r;
}

static void draw_temps(struct built_tape *b, uint64_t *seed) {
  for (uint32_t temps = 2 + below(seed, 7); temps--;) {
    struct tape_record r = draw_record(b, seed);
    built_temp(b, &r);
  }
}

void drawn_tape(struct built_tape *b, uint64_t *seed) {
  do {
    built_begin(b);
    for (uint32_t entries = 1 + below(seed, 3); entries--;) {
      uint8_t dtype = (uint8_t)below(seed, 3);
      uint32_t rows = below(seed, 5) ? 1 + below(seed, 6) : 1000 + below(seed, 50);
      built_entry(b, false, 0, dtype, rows, rows < 7 ? below(seed, 5) : 0);
    }
    for (uint8_t n = 0; n < DATA_TENSORS; n++)
      built_entry(b, true, n, n % 3, DATA_LEAVES * TAPE_LEAF_BYTES / tape_dtype_bytes(n % 3), 0);
    draw_temps(b, seed);
    for (uint32_t i = 0; i < b->tape.layout.state_count; i++) {
      struct tape_record r = rewrite(b, i, seed);
      built_out(b, &r, i);
    }
  } while (!built_end(b, NULL));
}

void drawn_sibling(struct built_tape *b, const struct built_tape *of, uint64_t *seed) {
  do {
    built_begin(b);
    memcpy(b->entry, of->entry, sizeof b->entry);
    b->tape.layout.state_count = of->tape.layout.state_count;
    b->tape.layout.data_count = of->tape.layout.data_count;
    draw_temps(b, seed);
    for (uint32_t i = b->tape.layout.state_count; i--;) {
      struct tape_record r = rewrite(b, i, seed);
      built_out(b, &r, i);
    }
  } while (!built_end(b, NULL));
}

static struct lie draw_byte(const struct world *w, uint16_t j, uint64_t *seed) {
  const struct tape *t = w->tape[w->step_tape[j - 1]];
  const struct tape_record *r = &t->record[below(seed, t->records_count)];
  uint64_t bytes = record_elements(r) * tape_dtype_bytes(r->dtype), all = record_leaves(r) * TAPE_LEAF_BYTES;
  uint64_t at = below(seed, (uint32_t)bytes);
  if (all > bytes && !below(seed, 6)) at = bytes + below(seed, (uint32_t)(all - bytes));
  return (struct lie){.kind = LIE_BYTE,
                      .space = r->space,
                      .mask = (uint8_t)(1u << below(seed, 8)),
                      .follow = below(seed, 3) != 0,
                      .j = j,
                      .leaf = (uint32_t)(r->first_leaf + at / TAPE_LEAF_BYTES),
                      .offset = (uint16_t)(at % TAPE_LEAF_BYTES)};
}

static struct lie draw_lie(const struct world *w, bool has_data, uint64_t *seed) {
  uint16_t j = (uint16_t)(1 + below(seed, w->steps)), from = (uint16_t)(1 + below(seed, w->steps));
  const struct tape *t = w->tape[w->step_tape[j - 1]];
  uint8_t kind = below(seed, 3) ? LIE_BYTE : (uint8_t)below(seed, LIE_DATA + 1);
  bool same_tape = w->step_tape[j - 1] == w->step_tape[from - 1] && from != j;
  if ((kind == LIE_STALE && !same_tape) || (kind == LIE_DATA && has_data)) kind = LIE_BYTE;
  struct lie lie = draw_byte(w, j, seed);
  if (kind == LIE_BYTE) return lie;
  lie.kind = kind;
  if (kind == LIE_STALE) lie.from = from;
  if (kind == LIE_HASH) lie.leaf = below(seed, lie.space == TAPE_TEMP ? t->temp_leaves : t->state_leaves);
  if (kind == LIE_DATA) {
    lie.j = 1;
    lie.from = (uint16_t)below(seed, DATA_TENSORS);
    lie.leaf = below(seed, DATA_LEAVES);
    lie.offset = (uint16_t)below(seed, below(seed, 2) ? 16 : TAPE_LEAF_BYTES);
  }
  return lie;
}

uint32_t drawn_lies(const struct world *w, struct lie *lies, uint32_t lies_max, uint64_t *seed) {
  uint32_t count = 1 + (below(seed, 2) ? below(seed, lies_max) : 0);
  bool has_data = false;
  for (uint32_t i = 0; i < count; i++) {
    lies[i] = draw_lie(w, has_data, seed);
    has_data |= lies[i].kind == LIE_DATA;
  }
  return count;
}
