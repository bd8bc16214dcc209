/* fold: nodes whose inputs are known while lowering are computed here and make no record. docs/lower.md 4.9.
 *
 * Exporters spell out shapes, causal masks and attention scales as nodes. Whole numbers and truth values are computed
 * as 64-bit integers of their type's range, f32 by the canon's operations (so that folding changes no bit), f64 by
 * IEEE 754's. Bounded: FOLD_ELEMENTS_MAX elements a tensor, FOLD_WORK_MAX made, read and compared in all, FOLD_KEPT_MAX
 * of them unlike those before; what is larger is left to the node's rule. Uses: graph, numeric/reference. */
#ifndef LOWER_FOLD_H
#define LOWER_FOLD_H
#include "model/lower/graph.h"

enum { FOLD_ELEMENTS_MAX = 1 << 20, FOLD_WORK_MAX = 1 << 29, FOLD_KEPT_MAX = 1 << 26 };

/* fold_node computes the outputs of a node and gives them as content. True: done, or refused (g->e says why); false:
 * the node is for its rule. A parameter is not known, whatever its file holds. Equal results share one content. Costs a
 * few ns an element and 8 bytes of the arena for each element of a result that is new. */
bool fold_node(struct graph *g, struct application *a);

/* fold_share: an equal content made before (type, dims, elements), else a copy of *t, whose elements stay the caller's
 * and live as long as the arena. NULL: no memory. For constants that rules make, so that equal ones have one window. */
const struct onnx_tensor *fold_share(struct graph *g, const struct onnx_tensor *t);

/* fold_keep: a rule is about to take this many elements of the arena for constants. False, and refused, where all that
 * rules and nodes took would be more than FOLD_KEPT_MAX. */
bool fold_keep(struct graph *g, uint64_t elements);

#endif
