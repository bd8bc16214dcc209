/* order: every value of a graph is defined once, and before it is used. ONNX IR, "Graphs" (single assignment,
 * topological order).
 *
 * Private to the onnx folder. Uses: base. */
#ifndef MODEL_ONNX_ORDER_H
#define MODEL_ONNX_ORDER_H
#include "model/onnx/onnx.h"

/* order_check looks at names only: inputs and initializers, then nodes in the file's order, then outputs.
 * ONNX_ERR_BYTES: a name defined twice, used and defined nowhere, or used before the node that defines it (then the
 * file is unsorted or has a cycle); why names value and node. Costs n log n comparisons and 16 bytes a value of
 * scratch, given back. */
enum onnx_status order_check(const struct onnx_model *model, struct arena *scratch, struct why *why);

/* order_node writes "node 3 (Conv \"conv1\")" for messages. */
enum { ORDER_NODE_MAX = 160 };
const char *order_node(const struct onnx_node *node, uint32_t index, char text[ORDER_NODE_MAX]);

#endif
