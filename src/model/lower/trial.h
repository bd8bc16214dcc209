/* trial: a lowered job that runs, and graphs put together by hand. For tests only.
 *
 * The state after each step is read back by ONNX's names and in ONNX's order. Uses: model/lower, tape/execute. */
#ifndef LOWER_TRIAL_H
#define LOWER_TRIAL_H
#include "model/lower/lower.h"
#include "tape/execute/execute.h"

struct trial {
  struct arena arena;
  struct lowered l;
  struct execute *run[LOWER_TAPES_MAX];
  void *memory; /* of the state */
  uint8_t *state;
  uint64_t seed;
  struct why why;
};

/* trial_defaults: SGD with lr 0.1, cross-entropy, init from the model, 4 updates of `batch`, no evaluation. */
struct lower_options trial_defaults(uint32_t batch);

/* trial_open lowers and plans (plain or fast executor) and runs step 0. content[]: train inputs and targets, test
 * inputs and targets. False: t->why says why, and nothing needs trial_shut. */
bool trial_open(struct trial *t, const struct onnx_model *model, const struct lower_options *o,
                const void *const content[4], bool plain);
void trial_shut(struct trial *t);
void trial_train(struct trial *t, uint32_t update); /* 1, 2, .. */
float trial_scalar(const struct trial *t, uint32_t entry);
int32_t trial_integer(const struct trial *t, uint32_t entry);
/* Copies parameter `name` (moment 0) or its moment 1, 2 into out, in ONNX's order; its elements, 0 if there is none. */
uint64_t trial_parameter(const struct trial *t, const char *name, uint32_t moment, float *out);

/* Graphs by hand. All memory is static inside the sketch; names are borrowed. */
enum { SKETCH_MAX = 24, SKETCH_FLOATS = 1 << 15 };
struct sketch {
  struct onnx_model model;
  struct onnx_node node[SKETCH_MAX];
  struct onnx_attribute attribute[SKETCH_MAX][8];
  const char *name[SKETCH_MAX][8];
  struct onnx_tensor initializer[SKETCH_MAX];
  struct onnx_value input[4], output[4];
  float floats[SKETCH_FLOATS];
  int64_t ints[256];
  uint32_t floats_used, ints_used;
  uint64_t random;
};
void sketch_begin(struct sketch *s, uint64_t seed);
/* dims end with 0 in the lists below; -1 is symbolic. */
void sketch_input(struct sketch *s, const char *name, const int64_t *dim);
void sketch_output(struct sketch *s, const char *name);
/* A float initializer of uniform values in [-scale, scale]; returned for a test to overwrite. */
float *sketch_weight(struct sketch *s, const char *name, const int64_t *dim, float scale);
void sketch_integers(struct sketch *s, const char *name, uint32_t count, const int64_t *value);
/* inputs: names with spaces between ("x w b"); outputs alike. */
struct onnx_node *sketch_node(struct sketch *s, const char *op, const char *inputs, const char *outputs);
void sketch_int(struct sketch *s, struct onnx_node *node, const char *name, int64_t value);
void sketch_float(struct sketch *s, struct onnx_node *node, const char *name, float value);
void sketch_text(struct sketch *s, struct onnx_node *node, const char *name, const char *value);
void sketch_ints(struct sketch *s, struct onnx_node *node, const char *name, uint32_t count, const int64_t *value);
/* Uniform in [-1, 1), and a whole number below n. */
float sketch_draw(struct sketch *s);
uint32_t sketch_below(struct sketch *s, uint32_t n);

#endif
