/* twin: the operators of a small graph in binary64, by the ONNX specification's own formulas and plain loops. For tests
 * only.
 *
 * Knows nothing of values, layouts or tapes: what lowering is held against. Uses: model/onnx. */
#ifndef LOWER_TWIN_H
#define LOWER_TWIN_H
#include "model/onnx/onnx.h"

enum { TWIN_TENSORS = 64, TWIN_ELEMENTS = 1 << 13 };
struct twin_tensor {
  const char *name;
  uint32_t rank;
  int64_t dim[ONNX_RANK_MAX];
  uint64_t count;
  double value[TWIN_ELEMENTS];
};
struct twin {
  uint32_t count;
  struct twin_tensor tensor[TWIN_TENSORS];
};

/* twin_open takes the initializers; twin_set adds or replaces a tensor; twin_run computes every node. False: an
 * operator that the twin lacks. */
void twin_open(struct twin *t, const struct onnx_model *model);
struct twin_tensor *twin_set(struct twin *t, const char *name, uint32_t rank, const int64_t *dim);
struct twin_tensor *twin_find(struct twin *t, const char *name);
bool twin_run(struct twin *t, const struct onnx_model *model);

#endif
