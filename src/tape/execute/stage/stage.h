/* stage: tapes put together by hand and run by several executors that must agree. For tests and benchmarks of this
 * folder.
 *
 * Values are named by small structs; temp leaves, state entries and data tensors are placed as TAPE 5.3 wants them. */
#ifndef TAPE_STAGE_H
#define TAPE_STAGE_H
#include "tape/execute/execute.h"

enum { STAGE_RECORDS = 128, STAGE_ENTRIES = 64 };

/* This build looks for races or for memory out of bounds: the definition, element by element, takes nine tenths of
 * these tests' time then, so they compare with a fast run instead. Bits are looked at in every other build. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
enum { STAGE_SANITIZED = 1 };
#else
enum { STAGE_SANITIZED = 0 };
#endif

struct stage {
  struct tape tape;
  struct tape_record record[STAGE_RECORDS];
  struct layout_entry state[STAGE_ENTRIES], data_entry[STAGE_ENTRIES], entry[2 * STAGE_ENTRIES];
  uint32_t states, datas;
  bool written[STAGE_ENTRIES];
  void *data[256];
  uint64_t seed; /* of the random content */
};

/* What a record reads or writes. */
struct stage_value {
  uint8_t space, dtype, number;
  uint64_t first_leaf;
};

enum stage_content {
  STAGE_PLAIN,
  STAGE_WILD
}; /* WILD: infinities, NaN, subnormals, zeros of both signs among the rest */

void stage_begin(struct stage *s, uint64_t seed);
void stage_end(struct stage *s); /* frees the data */

struct stage_value stage_data(struct stage *s, uint8_t dtype, uint64_t elements, enum stage_content content);
struct stage_value stage_state(struct stage *s, uint8_t dtype, uint32_t rank, const uint32_t *dim);

/* stage_add appends r as a temp record, or as the writer of the state entry `to`, and returns its value. */
struct stage_value stage_add(struct stage *s, const struct tape_record *r, const struct stage_value *to);

/* stage_made is the same value, `elements` f32, made by a record, so that it is a temp and could lie anywhere. */
struct stage_value stage_made(struct stage *s, struct stage_value v, uint32_t elements);

/* stage_show writes the value, `elements` f32, back to front into a state entry of its own, so that plans that keep no
 * temps show it too. */
void stage_show(struct stage *s, struct stage_value v, uint32_t elements);

/* Operand of r over the whole of v; returns it, with no axes yet. */
struct tape_operand *stage_operand(struct tape_record *r, struct stage_value v);
/* One axis of it: extent, offset, and up to two terms (coef 0: none). */
struct tape_axis *stage_axis(struct tape_operand *o, uint32_t extent, int32_t offset, uint8_t dim0, int32_t coef0,
                             uint8_t dim1, int32_t coef1);

/* stage_seal writes every state entry without a writer through, and fills the tape's counts of leaves. */
void stage_seal(struct stage *s);

/* stage_blob is a random state blob (free it), canonical where f32 unless WILD. */
uint8_t *stage_blob(struct stage *s, enum stage_content content);

/* The pool of a group of tests: two or three threads, as cmocka's group fixtures. */
extern struct pool *stage_pool;
int stage_open_2(void **state);
int stage_open_3(void **state);
int stage_shut_pool(void **state);

/* stage_backend is the back end of that number, modulo STAGE_BACKENDS, for tests that compare them all; NULL where this
 * machine lacks it. Under a sanitizer the scalar one is nobody's where there is another: it would take most of the
 * time, and does not differ in what memory it touches. */
enum { STAGE_BACKENDS = 4 };
const struct backend *stage_backend(uint32_t number);

/* stage_counting is b with every product's tile counted: stage_products adds up the fma that they ask for. One at a
 * time, on one thread. */
extern uint64_t stage_products;
struct backend stage_counting(const struct backend *b);

#endif
