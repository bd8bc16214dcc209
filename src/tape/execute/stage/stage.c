#include "tape/execute/stage/stage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tape/record/example.h"

static uint32_t below(struct stage *s, uint32_t n) { return (uint32_t)(example_next(&s->seed) >> 33) % n; }

static uint32_t content_word(struct stage *s, uint8_t dtype, enum stage_content content) {
  static const uint32_t special[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                     0x7fc00000, 1,          0x00800000, 0x7f7fffff, 0xffc12345, 0x80000001};
  if (dtype == TAPE_U8) return below(s, 5) ? below(s, 6) : below(s, 256);
  if (dtype == TAPE_I32) return below(s, 5) ? below(s, 12) - 3 : (uint32_t)example_next(&s->seed);
  if (content == STAGE_WILD && !below(s, 40)) return special[below(s, sizeof special / sizeof *special)];
  return (uint32_t)(example_next(&s->seed) & 0x80000000) | (0x3c000000 + below(s, 0x04000000));
}

static void fill(struct stage *s, uint8_t *at, uint8_t dtype, uint64_t elements, enum stage_content content) {
  for (uint64_t i = 0; i < elements; i++) {
    uint32_t word = content_word(s, dtype, content);
    if (dtype == TAPE_U8)
      at[i] = (uint8_t)word;
    else
      memcpy(at + 4 * i, &word, 4);
  }
}

void stage_begin(struct stage *s, uint64_t seed) {
  memset(s, 0, sizeof *s);
  s->seed = seed;
  s->tape.record = s->record;
  s->tape.layout.entry = s->entry;
}

void stage_end(struct stage *s) {
  for (uint32_t d = 0; d < s->datas; d++) free(s->data[d]);
}

struct stage_value stage_data(struct stage *s, uint8_t dtype, uint64_t elements, enum stage_content content) {
  assert(s->datas < STAGE_ENTRIES);
  uint8_t number = (uint8_t)s->datas++;
  struct layout_entry *e = &s->data_entry[number];
  *e = (struct layout_entry){.name = "d", .number = number, .dtype = dtype, .rank = 1, .dim = {(uint32_t)elements}};
  s->data[number] = malloc(elements * tape_dtype_bytes(dtype));
  assert(s->data[number]);
  fill(s, s->data[number], dtype, elements, content);
  return (struct stage_value){.space = TAPE_DATA, .dtype = dtype, .number = number};
}

struct stage_value stage_state(struct stage *s, uint8_t dtype, uint32_t rank, const uint32_t *dim) {
  assert(s->states < STAGE_ENTRIES);
  struct layout_entry *e = &s->state[s->states++];
  *e = (struct layout_entry){.name = "s", .dtype = dtype, .rank = (uint8_t)rank};
  for (uint32_t d = 0; d < rank; d++) e->dim[d] = dim[d];
  struct stage_value v = {.space = TAPE_IN, .dtype = dtype};
  for (uint32_t i = 0; i + 1 < s->states; i++)
    v.first_leaf += tape_leaves(s->state[i].dtype, layout_entry_elements(&s->state[i]));
  return v;
}

struct stage_value stage_add(struct stage *s, const struct tape_record *r, const struct stage_value *to) {
  assert(s->tape.records_count < STAGE_RECORDS);
  struct tape_record *n = &s->record[s->tape.records_count++];
  *n = *r;
  n->space = to ? TAPE_OUT : TAPE_TEMP;
  n->first_leaf = to ? to->first_leaf : s->tape.temp_leaves;
  if (!to) s->tape.temp_leaves += (uint32_t)record_leaves(n);
  uint64_t leaf = 0;
  for (uint32_t i = 0; to && i < s->states; i++) {
    if (leaf == to->first_leaf) s->written[i] = true;
    leaf += tape_leaves(s->state[i].dtype, layout_entry_elements(&s->state[i]));
  }
  return (struct stage_value){.space = n->space, .dtype = n->dtype, .first_leaf = n->first_leaf};
}

struct tape_operand *stage_operand(struct tape_record *r, struct stage_value v) {
  struct tape_operand *o = &r->operand[r->operands++];
  *o = (struct tape_operand){.space = v.space, .dtype = v.dtype, .data_number = v.number, .first_leaf = v.first_leaf};
  return o;
}

struct tape_axis *stage_axis(struct tape_operand *o, uint32_t extent, int32_t offset, uint8_t dim0, int32_t coef0,
                             uint8_t dim1, int32_t coef1) {
  struct tape_axis *a = &o->axis[o->axes++];
  *a = (struct tape_axis){.extent = extent, .offset = offset, .div = 1, .indirect = TAPE_INDIRECT_NONE};
  if (coef0) a->term[a->terms++] = (struct tape_term){dim0, coef0};
  if (coef1) a->term[a->terms++] = (struct tape_term){dim1, coef1};
  return a;
}

struct stage_value stage_made(struct stage *s, struct stage_value v, uint32_t elements) {
  struct tape_record copy = {.op = TAPE_MAP, .out_rank = 1, .dim = {elements}};
  stage_axis(stage_operand(&copy, v), elements, 0, 0, 1, 0, 0);
  return stage_add(s, &copy, NULL);
}

void stage_show(struct stage *s, struct stage_value v, uint32_t elements) {
  struct stage_value entry = stage_state(s, TAPE_F32, 1, &elements);
  struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 1, .dim = {elements}};
  stage_axis(stage_operand(&r, v), elements, (int32_t)elements - 1, 0, -1, 0, 0);
  stage_add(s, &r, &entry);
}

void stage_seal(struct stage *s) {
  uint64_t leaf = 0;
  for (uint32_t i = 0; i < s->states; i++) {
    struct layout_entry *e = &s->state[i];
    if (!s->written[i]) {
      struct tape_record r = {.op = TAPE_MAP, .dtype = e->dtype, .out_rank = e->rank};
      struct stage_value v = {.space = TAPE_IN, .dtype = e->dtype, .first_leaf = leaf};
      struct tape_operand *o = stage_operand(&r, v);
      for (uint8_t d = 0; d < e->rank; d++) {
        r.dim[d] = e->dim[d];
        stage_axis(o, e->dim[d], 0, d, 1, 0, 0);
      }
      stage_add(s, &r, &v);
    }
    leaf += tape_leaves(e->dtype, layout_entry_elements(e));
    s->entry[i] = *e;
  }
  for (uint32_t d = 0; d < s->datas; d++) s->entry[s->states + d] = s->data_entry[d];
  s->tape.layout.state_count = (uint16_t)s->states;
  s->tape.layout.data_count = (uint8_t)s->datas;
  s->tape.state_leaves = (uint32_t)leaf;
  layout_place(&s->tape.layout);
}

uint8_t *stage_blob(struct stage *s, enum stage_content content) {
  size_t bytes = (size_t)s->tape.state_leaves * TAPE_LEAF_BYTES;
  uint8_t *blob = aligned_alloc(64, bytes ? bytes : 64);
  assert(blob);
  memset(blob, 0, bytes);
  for (uint32_t i = 0; i < s->states; i++)
    fill(s, blob + s->entry[i].first_leaf * TAPE_LEAF_BYTES, s->entry[i].dtype, layout_entry_elements(&s->entry[i]),
         content);
  return blob;
}

struct pool *stage_pool;

int stage_open_2(void **state) {
  (void)state;
  return (stage_pool = pool_open(2)) ? 0 : -1;
}

int stage_open_3(void **state) {
  (void)state;
  return (stage_pool = pool_open(3)) ? 0 : -1;
}

int stage_shut_pool(void **state) {
  (void)state;
  pool_shut(stage_pool);
  return 0;
}

const struct backend *stage_backend(uint32_t number) {
  static const char *const names[STAGE_BACKENDS] = {"scalar", "avx2", "avx512", "neon"};
  const struct backend *b = backend_named(names[number % STAGE_BACKENDS]);
  return STAGE_SANITIZED && b == &backend_scalar && backend_best() != b ? NULL : b;
}

uint64_t stage_products;
static bool (*counted)(const struct dot_tile *tile);

static bool count(const struct dot_tile *t) {
  for (uint32_t r = 0; r < t->runs_count; r++) stage_products += (uint64_t)t->runs[r].length * t->rows * t->cols;
  return counted(t);
}

struct backend stage_counting(const struct backend *b) {
  struct backend counting = *b;
  counted = b->dot;
  counting.dot = count;
  return counting;
}
