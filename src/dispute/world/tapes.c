#include "dispute/world/tapes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "numeric/canon.h"
#include "tape/check/check.h"

void built_begin(struct built_tape *b) {
  memset(b, 0, sizeof *b);
  b->tape.layout.entry = b->entry;
  b->tape.record = b->record;
  built_entry(b, false, 0, TAPE_I32, 1, 0);
  strcpy(b->entry[0].name, "diverged");
}

/* Placed at once, so that records can be built from it. columns 0: a tensor of rank 1. */
void built_entry(struct built_tape *b, bool data, uint8_t number, uint8_t dtype, uint32_t rows, uint32_t columns) {
  struct layout *l = &b->tape.layout;
  uint32_t n = (uint32_t)l->state_count + l->data_count;
  assert(n < TAPES_ENTRIES_MAX);
  b->entry[n] =
      (struct layout_entry){.number = number, .dtype = dtype, .rank = columns ? 2 : 1, .dim = {rows, columns}};
  snprintf(b->entry[n].name, sizeof b->entry[n].name, "%s/%u", data ? "data" : "state", n);
  if (data)
    l->data_count++;
  else
    l->state_count++;
  layout_place(l);
}

static struct tape_record *add(struct built_tape *b, const struct tape_record *r) {
  assert(b->tape.records_count < TAPES_RECORDS_MAX);
  b->record[b->tape.records_count] = *r;
  return &b->record[b->tape.records_count++];
}

struct tape_record *built_temp(struct built_tape *b, const struct tape_record *r) {
  struct tape_record *to = add(b, r);
  to->space = TAPE_TEMP;
  to->first_leaf = b->temps;
  b->temps += (uint32_t)record_leaves(to);
  return to;
}

struct tape_record *built_out(struct built_tape *b, const struct tape_record *r, uint32_t entry) {
  struct tape_record *to = add(b, r);
  to->space = TAPE_OUT;
  to->first_leaf = b->entry[entry].first_leaf;
  return to;
}

bool built_end(struct built_tape *b, struct why *why) {
  static uint8_t memory[1 << 16];
  struct arena scratch = arena_over(memory, sizeof memory);
  struct tape *t = &b->tape;
  t->temp_leaves = b->temps;
  t->state_leaves = (uint32_t)layout_state_leaves(&t->layout);
  return tape_count(t, &t->counts) && tape_check(t, &scratch, why) == TAPE_OK;
}

static void must_end(struct built_tape *b) {
  struct why why = {""};
  bool whole = built_end(b, &why);
  if (!whole) fprintf(stderr, "%s\n", why.text);
  assert(whole);
}

static struct tape_record blank(uint8_t op, uint8_t dtype, uint32_t rows, uint32_t columns, uint32_t k) {
  struct tape_record r = example_record(op, dtype, TAPE_TEMP, 0);
  uint32_t dim[3] = {rows};
  uint8_t rank = 1;
  if (columns) dim[rank++] = columns;
  dim[rank] = k;
  example_dims(&r, rank, k ? 1 : 0, dim);
  return r;
}

/* An operand over a value of rows x columns (0: rank 1) whose axes follow dims `row` and `column`, or stay (FIXED).
 */
enum { FIXED = 255 };
static struct tape_operand *reads(struct tape_record *r, uint8_t space, uint8_t dtype, uint64_t leaf, uint32_t rows,
                                  uint32_t columns, uint8_t row, uint8_t column) {
  struct tape_operand *x = example_operand(r, space, dtype, leaf);
  struct tape_axis *a = example_axis(x, rows, 0);
  if (row != FIXED) example_term(a, row, 1);
  if (!columns) return x;
  a = example_axis(x, columns, 0);
  if (column != FIXED) example_term(a, column, 1);
  return x;
}

static struct tape_operand *reads_data(struct tape_record *r, uint8_t number, uint8_t dtype, uint32_t rows,
                                       uint32_t columns, uint8_t row, uint8_t column) {
  struct tape_operand *x = reads(r, TAPE_DATA, dtype, 0, rows, columns, row, column);
  x->data_number = number;
  return x;
}

/* diverged' = diverged: training tapes do more, but the game does not ask. */
static void keep_diverged(struct built_tape *b) {
  struct tape_record r = blank(TAPE_MAP, TAPE_I32, 1, 0, 0);
  reads(&r, TAPE_IN, TAPE_I32, 0, 1, 0, 0, FIXED);
  built_out(b, &r, 0);
}

enum { WIDE_ROWS = 130, WIDE_COLUMNS = 1024, WIDE_LINKS = 170, WIDE_ENTRIES = 139 };

void wide_tape(struct built_tape *b) {
  built_begin(b);
  for (uint32_t i = 0; i < WIDE_ENTRIES; i++) built_entry(b, false, 0, TAPE_F32, 1, 0);
  built_entry(b, true, 0, TAPE_F32, WIDE_ROWS, 0);
  struct tape_record r = blank(TAPE_MAP, TAPE_F32, WIDE_ROWS, WIDE_COLUMNS, 0);
  reads_data(&r, 0, TAPE_F32, WIDE_ROWS, 0, 0, FIXED);
  reads(&r, TAPE_IN, TAPE_F32, b->entry[1].first_leaf, 1, 0, FIXED, FIXED);
  example_op(&r, CANON_ADD, 0, 1, 0);
  uint64_t grid = built_temp(b, &r)->first_leaf, last = 0;
  for (uint32_t i = 0; i < WIDE_LINKS; i++) { /* link = link before - grid[i % rows, 6 i] */
    r = blank(TAPE_MAP, TAPE_F32, 1, 0, 0);
    struct tape_operand *x = reads(&r, TAPE_TEMP, TAPE_F32, grid, WIDE_ROWS, WIDE_COLUMNS, FIXED, FIXED);
    x->axis[0].offset = (int32_t)(i % WIDE_ROWS);
    x->axis[1].offset = (int32_t)(6 * i);
    if (i) {
      reads(&r, TAPE_TEMP, TAPE_F32, last, 1, 0, FIXED, FIXED);
      example_op(&r, CANON_SUB, 1, 0, 0);
    }
    last = built_temp(b, &r)->first_leaf;
  }
  keep_diverged(b);
  for (uint32_t i = 0; i < WIDE_ENTRIES; i++) { /* each entry: what it was, and one of the last links */
    r = blank(TAPE_MAP, TAPE_F32, 1, 0, 0);
    reads(&r, TAPE_IN, TAPE_F32, b->entry[1 + i].first_leaf, 1, 0, FIXED, FIXED);
    reads(&r, TAPE_TEMP, TAPE_F32, last - i % 3, 1, 0, FIXED, FIXED);
    example_op(&r, CANON_ADD, 0, 1, 0);
    built_out(b, &r, 1 + i);
  }
  must_end(b);
}

enum { LONG = 1300, LONG_INDICES = 1100, LONG_BYTES = 600, LONG_GREY = 5000, LONG_TABLE = 5 };
enum { DATA_X = 0, DATA_INDEX = 1, DATA_BYTES = 3, DATA_TABLE = 4 };
enum { ENTRY_W = 1, ENTRY_COUNT = 2, ENTRY_GREY = 3 };

static struct tape_record reduced(uint8_t op, uint8_t dtype, uint32_t elements, uint32_t k, uint8_t reducer) {
  struct tape_record r = blank(op, dtype, elements, 0, k);
  r.reducer = reducer;
  return r;
}

/* a = w * x[1], then its sums: a dot that misses its last tap, a fold in lanes, an ordered scatter. */
static void long_sums(struct built_tape *b, uint64_t *a, uint64_t sum[3]) {
  struct tape_record r = blank(TAPE_MAP, TAPE_F32, LONG, 0, 0);
  reads(&r, TAPE_IN, TAPE_F32, b->entry[ENTRY_W].first_leaf, LONG, 0, 0, FIXED);
  reads_data(&r, DATA_X, TAPE_F32, 2, LONG, FIXED, 0)->axis[0].offset = 1;
  example_op(&r, CANON_MUL, 0, 1, 0);
  *a = built_temp(b, &r)->first_leaf;
  r = blank(TAPE_DOT, TAPE_F32, 2, 0, LONG);
  reads_data(&r, DATA_X, TAPE_F32, 2, LONG, 0, 1);
  reads(&r, TAPE_TEMP, TAPE_F32, *a, LONG, 0, 1, FIXED)->axis[0].offset = 1;
  sum[0] = built_temp(b, &r)->first_leaf;
  r = reduced(TAPE_FOLD, TAPE_F32, 3, 1025, TAPE_LANES);
  reads(&r, TAPE_TEMP, TAPE_F32, *a, LONG, 0, 1, FIXED);
  reads(&r, TAPE_TEMP, TAPE_F32, sum[0], 2, 0, 0, FIXED)->fill = 0x40000000; /* the third is out of range */
  example_op(&r, CANON_ADD, example_op(&r, CANON_TANH, 0, 0, 0), 1, 0);
  sum[1] = built_temp(b, &r)->first_leaf;
  r = blank(TAPE_PUT, TAPE_F32, 4, 0, LONG_INDICES);
  reads_data(&r, DATA_INDEX, TAPE_I32, LONG_INDICES, 0, 1, FIXED);
  reads(&r, TAPE_TEMP, TAPE_F32, *a, LONG, 0, 1, FIXED);
  sum[2] = built_temp(b, &r)->first_leaf;
}

/* Whole numbers: how often an index is met; bytes of two leaves; bytes met through indices, some of which miss. */
static void long_counts(struct built_tape *b, uint64_t count[3], uint64_t *grey) {
  struct tape_record r = reduced(TAPE_FOLD, TAPE_I32, 2, LONG_INDICES, TAPE_ISUM);
  reads_data(&r, DATA_INDEX, TAPE_I32, LONG_INDICES, 0, 1, FIXED);
  example_op(&r, CANON_IEQ, 0, example_op(&r, CANON_COORD, 0, 0, 0), 0);
  count[0] = built_temp(b, &r)->first_leaf;
  r = blank(TAPE_MAP, TAPE_U8, LONG_GREY, 0, 0);
  struct tape_operand *x = reads_data(&r, DATA_BYTES, TAPE_U8, LONG_BYTES, 0, 0, FIXED);
  x->axis[0].div = 9;
  x->axis[0].mode = TAPE_FLOOR;
  example_op(&r, CANON_IADD, 0, example_op(&r, CANON_STEP, 0, 0, 0), 0);
  *grey = built_temp(b, &r)->first_leaf;
  r = reduced(TAPE_FOLD, TAPE_I32, 1, 520, TAPE_ISUM);
  reads_data(&r, DATA_INDEX, TAPE_I32, LONG_INDICES, 0, 1, FIXED);
  x = reads(&r, TAPE_TEMP, TAPE_U8, *grey, LONG_GREY, 0, 1, FIXED);
  x->fill = 9;
  x->axis[0].term[0].coef = 10; /* grey[10 k + index[k]]: an index of -1 misses at k = 0 */
  x->axis[0].indirect = 0;
  count[1] = built_temp(b, &r)->first_leaf;
  r = reduced(TAPE_FOLD, TAPE_I32, 2, 600, TAPE_IMAX); /* of nothing but coordinates */
  example_op(&r, CANON_KLIN, 0, 0, 0);
  count[2] = built_temp(b, &r)->first_leaf;
}

/* table[index[100 i], j], where some rows are not in the table; and three random words. */
static void long_looks(struct built_tape *b, uint64_t *rows, uint64_t *random) {
  struct tape_record r = blank(TAPE_MAP, TAPE_F32, 6, 3, 0);
  reads_data(&r, DATA_INDEX, TAPE_I32, LONG_INDICES, 0, 0, FIXED)->axis[0].term[0].coef = 100;
  struct tape_operand *x = reads_data(&r, DATA_TABLE, TAPE_F32, LONG_TABLE, 3, FIXED, 1);
  x->fill = 0x3f000000;
  x->axis[0].indirect = 0;
  *rows = built_temp(b, &r)->first_leaf;
  r = blank(TAPE_MAP, TAPE_I32, 3, 0, 0);
  uint8_t salt = example_literal(&r, 7, true);
  example_op(&r, CANON_RAND, example_op(&r, CANON_LIN, 0, 0, 0), salt, 0);
  *random = built_temp(b, &r)->first_leaf;
}

/* Every temp flows into the state. */
static void long_state(struct built_tape *b, const uint64_t sum[3], const uint64_t count[3], uint64_t grey,
                       uint64_t rows, uint64_t random) {
  keep_diverged(b);
  struct tape_record r = blank(TAPE_MAP, TAPE_F32, LONG, 0, 0);
  uint8_t at = 0;
  reads(&r, TAPE_IN, TAPE_F32, b->entry[ENTRY_W].first_leaf, LONG, 0, 0, FIXED);
  static const uint32_t sizes[3] = {2, 3, 4};
  for (uint32_t i = 0; i < 3; i++) reads(&r, TAPE_TEMP, TAPE_F32, sum[i], sizes[i], 0, 0, FIXED);
  reads(&r, TAPE_TEMP, TAPE_F32, rows, 6, 3, 0, FIXED);
  for (uint8_t i = 1; i < 5; i++) at = example_op(&r, CANON_ADD, at, i, 0);
  built_out(b, &r, ENTRY_W);
  r = blank(TAPE_MAP, TAPE_I32, 3, 0, 0);
  static const uint32_t counts[3] = {2, 1, 2};
  reads(&r, TAPE_IN, TAPE_I32, b->entry[ENTRY_COUNT].first_leaf, 3, 0, 0, FIXED);
  for (uint32_t i = 0; i < 3; i++) reads(&r, TAPE_TEMP, TAPE_I32, count[i], counts[i], 0, 0, FIXED);
  reads(&r, TAPE_TEMP, TAPE_I32, random, 3, 0, 0, FIXED);
  at = 0;
  for (uint8_t i = 1; i < 5; i++) at = example_op(&r, CANON_IADD, at, i, 0);
  built_out(b, &r, ENTRY_COUNT);
  r = blank(TAPE_MAP, TAPE_U8, LONG_GREY, 0, 0);
  reads(&r, TAPE_TEMP, TAPE_U8, grey, LONG_GREY, 0, 0, FIXED);
  built_out(b, &r, ENTRY_GREY);
}

void long_tape(struct built_tape *b) {
  uint64_t a, sum[3], count[3], grey, rows, random;
  built_begin(b);
  built_entry(b, false, 0, TAPE_F32, LONG, 0);
  built_entry(b, false, 0, TAPE_I32, 3, 0);
  built_entry(b, false, 0, TAPE_U8, LONG_GREY, 0);
  built_entry(b, true, DATA_X, TAPE_F32, 2, LONG);
  built_entry(b, true, DATA_INDEX, TAPE_I32, LONG_INDICES, 0);
  built_entry(b, true, DATA_BYTES, TAPE_U8, LONG_BYTES, 0);
  built_entry(b, true, DATA_TABLE, TAPE_F32, LONG_TABLE, 3);
  long_sums(b, &a, sum);
  long_counts(b, count, &grey);
  long_looks(b, &rows, &random);
  long_state(b, sum, count, grey, rows, random);
  must_end(b);
}

void tall_tape(struct built_tape *b) {
  built_begin(b);
  built_entry(b, false, 0, TAPE_I32, TALL_LEAVES, TALL_COLUMNS);
  struct tape_record r = blank(TAPE_MAP, TAPE_I32, TALL_LEAVES, TALL_COLUMNS, 0);
  example_op(&r, CANON_COORD, 1, 0, 0);
  uint64_t grid = built_temp(b, &r)->first_leaf, tower = b->entry[1].first_leaf;
  r = reduced(TAPE_FOLD, TAPE_I32, TALL_PICKS, TALL_K, TAPE_ISUM);
  for (uint32_t i = 0; i < 2; i++) {
    struct tape_operand *x =
        reads(&r, i ? TAPE_IN : TAPE_TEMP, TAPE_I32, i ? tower : grid, TALL_LEAVES, TALL_COLUMNS, 0, 1);
    x->axis[0].term[0].coef = 9000;
    x->axis[0].offset = (int32_t)i;
    example_term(&x->axis[0], 1, 20);
  }
  example_op(&r, CANON_IADD, 0, 1, 0);
  uint64_t pick = built_temp(b, &r)->first_leaf;
  keep_diverged(b);
  r = blank(TAPE_MAP, TAPE_I32, TALL_LEAVES, TALL_COLUMNS, 0);
  reads(&r, TAPE_TEMP, TAPE_I32, pick, TALL_PICKS, 0, FIXED, FIXED);
  example_op(&r, CANON_IADD, 0, example_op(&r, CANON_COORD, 1, 0, 0), 0);
  built_out(b, &r, 1);
  must_end(b);
}
