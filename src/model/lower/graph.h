/* graph: an ONNX model prepared for lowering: tensors by number, the nodes that matter, the parameters, and one pass of
 * forward records over them. docs/lower.md 3.
 *
 * graph_open looks at the model once. graph_forward may run several times (train, evaluate), each time into a fresh
 * struct emit. Uses: model/onnx, emit. */
#ifndef LOWER_GRAPH_H
#define LOWER_GRAPH_H
#include "model/lower/emit.h"

enum graph_mode { GRAPH_TRAIN, GRAPH_EVALUATE, GRAPH_INFER };
enum { GRAPH_NONE = UINT32_MAX };

/* Where a float initializer meets a rule. TENSOR: an operand like any other. STATISTIC: an operand that never trains (a
 * running mean, a first hidden state). CONSTANT: the rule wants its content while lowering (a ratio, a bound). order:
 * how its axes lie in memory; fan_in: inputs of one output, 0 = no seeded start. */
struct role {
  enum { ROLE_TENSOR, ROLE_STATISTIC, ROLE_CONSTANT } kind;
  uint8_t order[TAPE_RANK_MAX];
  uint64_t fan_in;
  bool normal; /* a seeded start of normal numbers, where fan_in is 0 */
};

struct parameter {
  const struct onnx_tensor *tensor;
  struct role role;
  bool trains, frozen; /* frozen: the job says so */
  uint32_t tensor_id;
  uint64_t window;                  /* first leaf among the initial values, where it starts from the model */
  bool seeded;                      /* starts from the seed instead */
  const struct layout_entry *entry; /* its state; entry[1], entry[2] are the moments. NULL while inferring */
  struct value *written;            /* what graph_write gave it in this pass, or NULL */
};

/* A tensor known while lowering that a record reads: a window of the data that hold the initial values. */
struct constant {
  const struct onnx_tensor *content;
  uint64_t window;
};

struct tensor {
  const char *name;
  const struct onnx_tensor *content; /* known while lowering: integers, scalars, small constants */
  const struct onnx_tensor *given;   /* content before any node ran: initializers */
  const struct onnx_tensor *peek;    /* of a graph input whose bytes are at hand: for numbers that must be known */
  uint32_t parameter;                /* GRAPH_NONE */
  uint32_t producer;                 /* application, GRAPH_NONE */
  uint32_t uses;                     /* readers among live applications, and the model's output */
  bool known, wants;                 /* has a value; a gradient flows to it */
  struct value v;
  struct value **gradient;
  uint32_t gradients, gradients_room;
};

struct rule;

struct application {
  const struct onnx_node *node;
  const struct rule *rule; /* NULL: no such operator */
  uint32_t index, ordinal; /* node number; number among the live ones that draw at random */
  uint32_t *input, *output, inputs_count, outputs_count; /* GRAPH_NONE: omitted */
  bool live;
  struct value *saved; /* forward leaves here what backward reads: graph_save */
  void *notes;         /* likewise, in a rule's own form */
};

struct graph {
  const struct onnx_model *model;
  struct arena *arena;
  struct why *why;
  enum lower_status status;
  struct tensor *tensor;
  uint32_t tensors_count, tensors_room;
  uint32_t *bucket, buckets;
  struct application *application; /* nodes_count */
  struct parameter *parameter;
  uint32_t parameters_count;
  bool marked; /* the file marks its parameters */
  struct constant *constant;
  uint32_t constants_count, constants_room;
  uint64_t constant_leaves; /* of constants alone */
  uint64_t initial_leaves;  /* of parameters and constants so far; they lie in this data tensor: */
  uint8_t initial;
  struct folds *folds; /* what folding made so far */
  /* of the pass that runs */
  enum graph_mode mode;
  struct emit *e;
  float dropout;        /* < 0: as in the model */
  bool biased_variance; /* of running variances: over n, not n - 1 */
};

/* graph_open numbers tensors and nodes and finds what reaches the outputs (only the first one unless every_output) and
 * which float initializers are parameters. */
enum lower_status graph_open(struct graph *g, const struct onnx_model *model, bool every_output,
                             const char *const *freeze, uint32_t freeze_count, struct arena *arena, struct why *why);

/* graph_begin forgets the last pass. Then the caller gives inputs and parameters their values, then graph_forward. */
void graph_begin(struct graph *g, struct emit *e, enum graph_mode mode);
void graph_forward(struct graph *g);
/* One application; false and e->status when it does not lower. */
bool graph_apply(struct graph *g, struct application *a);

uint32_t graph_find(const struct graph *g, const char *name); /* tensor number or GRAPH_NONE */
void graph_set(struct graph *g, uint32_t tensor, struct value v);

/* graph_name puts "node 3 'conv1' (Conv): " before the reason of a failure. */
void graph_name(struct graph *g, const struct application *a);

/* What rules use. Outputs are set with graph_result (output 0) and graph_result_at, or with graph_content where they
 * are known while lowering; the caller of a rule names the node when it refused. */
struct tensor *graph_input(struct graph *g, const struct application *a, uint32_t n); /* NULL if omitted */
struct tensor *graph_output(struct graph *g, const struct application *a, uint32_t n);
struct value *graph_value(struct graph *g, const struct application *a,
                          uint32_t n); /* NULL and failed if it has none */
void graph_result(struct graph *g, const struct application *a, struct value v);
void graph_result_at(struct graph *g, const struct application *a, uint32_t n, struct value v);
void graph_content(struct graph *g, const struct application *a, const struct onnx_tensor *content);
void graph_content_at(struct graph *g, const struct application *a, uint32_t n, const struct onnx_tensor *content);
bool graph_wants(const struct graph *g, const struct application *a, uint32_t n);
__attribute__((format(printf, 4, 5))) void graph_refuse(struct graph *g, const struct application *a,
                                                        enum lower_status status, const char *format, ...);

/* graph_save: room for `count` values that differentiate reads as a->saved[]; NULL and failed: no memory. */
struct value *graph_save(struct graph *g, struct application *a, uint32_t count);

/* graph_constant makes content a value: one element a literal, more a window of the initial values, floats as f32,
 * whole numbers and truth values as i32. Each content has one window. False and failed: a rank above 6, a number
 * outside 32 bits, no memory. */
bool graph_constant(struct graph *g, const struct onnx_tensor *content, struct value *v);

/* graph_write: while training, the parameter that input n names has v, of its shape, as its content after the step.
 * For what does not train; a later write replaces an earlier one. graph_frozen: the job freezes that parameter. */
void graph_write(struct graph *g, const struct application *a, uint32_t n, struct value v);
bool graph_frozen(const struct graph *g, const struct application *a, uint32_t n);

/* graph_gradient adds a contribution to the gradient of input n; dropped if nothing wants it. graph_gradient_take sums
 * what came, in order of arrival; false if nothing came. */
void graph_gradient(struct graph *g, const struct application *a, uint32_t n, struct value v);
void graph_gradient_add(struct graph *g, uint32_t tensor, struct value v);
bool graph_gradient_take(struct graph *g, uint32_t tensor, struct value *sum);

/* "128, 10" into text, for messages. */
struct shape_text {
  char text[96];
};
struct shape_text shape_text(uint32_t rank, const uint32_t *dim);

#endif
