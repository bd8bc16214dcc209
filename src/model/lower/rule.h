/* rule: what lowering knows about one ONNX operator. One file in ops/ holds forward, backward and roles of a family;
 * its table is listed in ops/table.c. docs/lower.md 4. Uses: graph. */
#ifndef LOWER_RULE_H
#define LOWER_RULE_H
#include "model/lower/graph.h"

struct rule {
  const char *op;
  uint32_t opset_first, opset_last; /* 0: any */
  uint32_t inputs_min, inputs_max, outputs_max;
  /* Makes the records of the node and calls graph_result or graph_content. */
  void (*lower)(struct graph *g, struct application *a);
  /* dy[n] is the summed gradient of output n, the literal 0 where none came (one did); calls graph_gradient for what
   * graph_wants. NULL: no derivative. */
  void (*differentiate)(struct graph *g, struct application *a, struct value *dy);
  /* What differentiate reads of the forward pass: bit n of keep_inputs for input n, of keep_output for output n. Those
   * are made records even where a reader could have joined them. */
  uint32_t keep_inputs, keep_output;
  bool draws; /* random: live nodes are numbered, each number is a stream of its own */
  /* Role of a float initializer in input n; NULL: a tensor in ONNX's order. */
  void (*role)(const struct graph *g, const struct application *a, uint32_t n, struct role *role);
};

extern const struct rule *const rule_tables[]; /* NULL-terminated; each table ends with op == NULL */
const struct rule *rule_find(const char *op, int64_t opset, const char **reason);

/* Attributes of a node by name; the default where it has none. NULL arrays: absent. */
int64_t attribute_int(const struct onnx_node *node, const char *name, int64_t absent);
float attribute_float(const struct onnx_node *node, const char *name, float absent);
const char *attribute_text(const struct onnx_node *node, const char *name, const char *absent);
const int64_t *attribute_ints(const struct onnx_node *node, const char *name, uint32_t *count);
const struct onnx_attribute *attribute_find(const struct onnx_node *node, const char *name);

/* axis of a tensor of this rank, negative from the end; false if outside. */
bool axis_resolve(int64_t axis, uint32_t rank, uint32_t *out);

/* Integers of an input known while lowering, or at hand (peek); else NULL and the node refused. */
const struct onnx_tensor *input_integers(struct graph *g, const struct application *a, uint32_t n, const char *what);
/* A scalar float of an input known while lowering; false and refused otherwise. */
bool input_scalar(struct graph *g, const struct application *a, uint32_t n, const char *what, float *out);

/* Numpy broadcasting of two shapes; false and refused if they do not meet. The result lies in memory as the first
 * operand of the full shape does. */
bool broadcast(struct graph *g, const struct application *a, const struct value *x, const struct value *y,
               struct value *out);
/* The same of any number of values; the order in memory is that of the first of them that has the full shape. */
bool broadcast_all(struct graph *g, const struct application *a, struct value *const *v, uint32_t count,
                   struct value *out);
/* Sums v over the axes along which `to` was broadcast, giving `to`'s shape and memory order. */
struct value unbroadcast(struct graph *g, struct value *v, const struct value *to);
/* lanes where a sum of v over the axes of mask runs along memory's last axis, else chain (lower.md 2.9). */
uint8_t sum_reducer(const struct value *v, uint32_t mask);
/* v, emitted, without the axes of mask, which have dim 1. */
struct value without_axes(struct graph *g, struct value *v, uint32_t mask);
/* v itself if it is plain, else a copy in ONNX's order: for what gives the same elements other dims. */
struct value straightened(struct graph *g, struct value *v);

/* graph_value of the first count inputs, in order; false and refused where one has none. */
bool input_values(struct graph *g, const struct application *a, struct value **v, uint32_t count);

/* graph_value of floats; NULL and refused if it is anything else. */
struct value *float_value(struct graph *g, const struct application *a, uint32_t n);

#endif
