/* constant: tensors known while lowering that records read. docs/lower.md 3.10. Uses: graph. */
#ifndef LOWER_CONSTANT_H
#define LOWER_CONSTANT_H
#include "model/lower/graph.h"

/* constant_number: content of one float as a literal of its shape; false where it is something else. */
bool constant_number(const struct onnx_tensor *content, struct value *v);

/* constant_pack writes every constant at its window of `out`, initial_leaves long. */
void constant_pack(const struct graph *g, uint8_t *out);

#endif
