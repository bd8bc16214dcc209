/* sweep: reverse-mode differentiation of the forward pass (Griewank and Walther, Evaluating Derivatives, 3.2).
 * docs/lower.md 5. Uses: model/lower. */
#ifndef MODEL_SWEEP_H
#define MODEL_SWEEP_H
#include "model/lower/graph.h"

/* grad_sweep walks the live nodes of the last forward pass backwards. The gradient of the model's output was given with
 * graph_gradient_add; afterwards graph_gradient_take gives those of the parameters. Contributions to one tensor are
 * added in the order in which they came: from its last reader to its first. Failures are in the graph's emit. */
void grad_sweep(struct graph *g);

#endif
