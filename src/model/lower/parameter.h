/* parameter: the float tensors of a model that live in the state, how they lie there, and where they start.
 * docs/lower.md 3.5 to 3.8. Uses: graph, tape/record. */
#ifndef LOWER_PARAMETER_H
#define LOWER_PARAMETER_H
#include "model/lower/graph.h"

/* parameter_find fills g->parameter in the order of first use by a live node: initializers and Constant tensors of f32
 * that a rule takes as a tensor. An initializer trains unless its file calls it a buffer, its role is a statistic, it
 * holds a NaN or 2^30 and more as masks do, or freeze names it; scalars (rank 0) are literals unless the file calls them
 * parameters. */
enum lower_status parameter_find(struct graph *g, const char *const *freeze, uint32_t freeze_count);

/* Dims as memory holds them, and how many (a scalar has one of 1); the value at its place. */
uint32_t parameter_dims(const struct parameter *p, uint32_t dim[TAPE_RANK_MAX]);
struct value parameter_value(const struct parameter *p);

/* parameter_place gives the parameters that do not start from the seed their windows, each at a fresh leaf of data
 * tensor `initial`. parameter_pack writes them and the constants behind them, once every tape is emitted: state-blob
 * form, at least one leaf. NULL: no memory. */
void parameter_place(struct graph *g, uint8_t initial);
const void *parameter_pack(struct graph *g, struct arena *arena, uint64_t *bytes);

/* parameter_name: the ONNX name with what a layout cannot hold replaced by '_', cut to `room` bytes, and made unlike
 * the names of entries before it by ~2, ~3, ... `suffix` comes last. */
void parameter_name(const struct layout *before, const char *onnx_name, const char *suffix,
                    char name[LAYOUT_NAME_MAX + 1]);

#endif
