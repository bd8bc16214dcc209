/* array: tensors that folding reads and makes, and walks over them. Private to fold. Uses: fold, rule. */
#ifndef LOWER_FOLD_ARRAY_H
#define LOWER_FOLD_ARRAY_H
#include <string.h>

#include "model/lower/fold/fold.h"
#include "model/lower/rule.h"

/* One node being folded. */
struct fold {
  struct graph *g;
  struct application *a;
  const struct onnx_node *node;
  uint8_t code; /* of the canon: what an elementwise operator computes */
  bool turned;  /* with its operands exchanged */
};

/* A tensor under construction: one of three kinds of element. */
struct array {
  struct onnx_tensor t;
  size_t mark; /* of the arena before its elements */
  int64_t *i;
  float *f;
  double *d;
};

/* Content of input n, or NULL where it is absent or not known. fold_shape: dims of input n, known or not. */
const struct onnx_tensor *fold_input(const struct fold *f, uint32_t n);
bool fold_given(const struct fold *f, uint32_t n); /* the node names an input n */
bool fold_shape(const struct fold *f, uint32_t n, uint32_t *rank, int64_t dim[ONNX_RANK_MAX]);
/* Whole numbers of input n; false where they are not known or more than ONNX_RANK_MAX. */
bool fold_list(const struct fold *f, uint32_t n, uint32_t *count, int64_t list[ONNX_RANK_MAX]);
bool fold_refuse(struct fold *f, const char *what); /* true: this node is done with */
/* Elements that are read beside those made: false and refused where the work of all nodes becomes too much. */
bool fold_charge(struct fold *f, uint64_t elements);

/* array_make: false where it would have more than FOLD_ELEMENTS_MAX elements, a negative dim, or there is no memory.
 * array_like is a view of t's elements under other dims. array_give makes it content of output n; an equal content that
 * is there already takes its place and its memory is given back, so one array is made and given before the next. */
bool array_make(struct fold *f, enum onnx_type type, uint32_t rank, const int64_t *dim, struct array *out);
bool array_like(const struct onnx_tensor *t, uint32_t rank, const int64_t *dim, struct array *out);
void array_give(struct fold *f, uint32_t n, struct array *x);
bool array_floats(enum onnx_type type);
uint32_t array_width(const struct onnx_tensor *t); /* bytes of an element */
const uint8_t *array_bytes(const struct onnx_tensor *t);
uint8_t *array_target(struct array *x);
int64_t array_fit(enum onnx_type type, int64_t x); /* x modulo the type's range; BOOL: 0 or 1 */

/* A float as the word that the canon computes with, and back. */
static inline uint32_t word_of(float x) {
  uint32_t w;
  memcpy(&w, &x, sizeof w);
  return w;
}
static inline float float_of(uint32_t w) {
  float x;
  memcpy(&x, &w, sizeof x);
  return x;
}

/* A walk over dims in row-major order that keeps the places of up to three operands. */
enum { WALK_AXES_MAX = 2 * ONNX_RANK_MAX };
struct walk {
  uint32_t rank, operands;
  int64_t dim[WALK_AXES_MAX], coord[WALK_AXES_MAX], step[3][WALK_AXES_MAX], at[3];
};
/* walk_broadcast: numpy's shape of the operands; false where they do not meet or the rank is too high. */
bool walk_broadcast(struct walk *w, uint32_t count, const struct onnx_tensor *const *operand);
void walk_next(struct walk *w);
void steps_of(const struct onnx_tensor *t, int64_t step[ONNX_RANK_MAX]); /* row-major, in elements */

/* What the files of this folder fold; true and false as fold_node. */
bool fold_binary(struct fold *f), fold_unary(struct fold *f), fold_logic(struct fold *f), fold_not(struct fold *f),
    fold_where(struct fold *f), fold_cast(struct fold *f), fold_clip(struct fold *f), fold_variadic(struct fold *f),
    fold_power(struct fold *f);
bool fold_reshape(struct fold *f), fold_flatten(struct fold *f), fold_squeeze(struct fold *f),
    fold_transpose(struct fold *f), fold_expand(struct fold *f), fold_slice(struct fold *f), fold_split(struct fold *f),
    fold_concat(struct fold *f), fold_gather(struct fold *f), fold_tile(struct fold *f), fold_trilu(struct fold *f);
bool fold_constant(struct fold *f), fold_shape_of(struct fold *f), fold_size(struct fold *f),
    fold_range(struct fold *f), fold_filled(struct fold *f), fold_reduce(struct fold *f);

#endif
