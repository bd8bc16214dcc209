#include "model/lower/trial.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct lower_options trial_defaults(uint32_t batch) {
  struct lower_options o = {.loss = {.ignore_index = -100},
                            .optimizer = {.lr = 0.1f},
                            .dropout = -1,
                            .batch = batch,
                            .updates = 4,
                            .evaluate_batch = batch,
                            .drop_last = true};
  return o;
}

static bool open_tapes(struct trial *t, const struct lower_options *o, const void *const content[4], bool plain) {
  struct execute_options how = {.plain = plain};
  const void *data[DATA_COUNT];
  memcpy(data, t->l.data, sizeof data);
  for (int n = 0; n < 2; n++) {
    data[DATA_TRAIN_INPUTS + n] = content[n];
    data[DATA_TEST_INPUTS + n] = o->test.samples ? content[2 + n] : NULL;
  }
  for (uint32_t n = 0; n < t->l.tapes_count; n++)
    if (execute_open(&t->run[n], &t->l.tape[n], data, &how, &t->why) != EXECUTE_OK) return false;
  size_t bytes = (size_t)t->l.tape[0].state_leaves * TAPE_LEAF_BYTES;
  t->memory = calloc(bytes + 64, 1);
  if (!t->memory) return false;
  t->state = (uint8_t *)(((uintptr_t)t->memory + 63) & ~(uintptr_t)63);
  return true;
}

bool trial_open(struct trial *t, const struct onnx_model *model, const struct lower_options *o,
                const void *const content[4], bool plain) {
  *t = (struct trial){.seed = 42};
  if (!arena_open(&t->arena, (size_t)1 << 30)) return false;
  if (lower_job(model, o, &t->arena, &t->l, &t->why) != LOWER_OK || !open_tapes(t, o, content, plain)) {
    trial_shut(t);
    return false;
  }
  execute_step(t->run[TAPE_OF_INIT], t->state, 0, t->seed);
  return true;
}

void trial_shut(struct trial *t) {
  for (int n = 0; n < LOWER_TAPES_MAX; n++)
    if (t->run[n]) execute_shut(t->run[n]);
  free(t->memory);
  arena_shut(&t->arena);
}

void trial_train(struct trial *t, uint32_t update) { execute_step(t->run[TAPE_OF_TRAIN], t->state, update, t->seed); }

static const uint8_t *entry_bytes(const struct trial *t, uint32_t entry) {
  return t->state + t->l.layout.entry[entry].first_leaf * TAPE_LEAF_BYTES;
}

float trial_scalar(const struct trial *t, uint32_t entry) {
  float x;
  memcpy(&x, entry_bytes(t, entry), sizeof x);
  return x;
}

int32_t trial_integer(const struct trial *t, uint32_t entry) {
  int32_t x;
  memcpy(&x, entry_bytes(t, entry), sizeof x);
  return x;
}

uint64_t trial_parameter(const struct trial *t, const char *name, uint32_t moment, float *out) {
  const struct lower_parameter *p = NULL;
  for (uint32_t n = 0; n < t->l.parameters_count; n++)
    if (strcmp(t->l.parameter[n].onnx_name, name) == 0) p = &t->l.parameter[n];
  if (!p) return 0;
  const uint8_t *bytes = entry_bytes(t, p->entry + moment);
  uint64_t count = layout_entry_elements(&t->l.layout.entry[p->entry]), stride[TAPE_RANK_MAX], step = 1;
  for (uint32_t a = p->rank; a-- > 0; step *= p->dim[a]) stride[a] = step;
  for (uint64_t n = 0; n < count; n++) { /* n in memory's order */
    uint64_t rest = n, to = 0;
    for (uint32_t x = p->rank; x-- > 0; rest /= p->dim[p->from[x]])
      to += rest % p->dim[p->from[x]] * stride[p->from[x]];
    memcpy(&out[to], bytes + 4 * n, 4);
  }
  return count;
}

void sketch_begin(struct sketch *s, uint64_t seed) {
  memset(s, 0, sizeof *s);
  s->random = seed * 2 + 1;
  s->model = (struct onnx_model){.ir_version = 8,
                                 .opset = 20,
                                 .producer = "sketch",
                                 .node = s->node,
                                 .initializer = s->initializer,
                                 .input = s->input,
                                 .output = s->output};
}

static uint32_t next(struct sketch *s) { /* Knuth's MMIX constants */
  s->random = s->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(s->random >> 33);
}
float sketch_draw(struct sketch *s) { return (float)next(s) * 0x1p-30f - 1; }
uint32_t sketch_below(struct sketch *s, uint32_t n) { return next(s) % n; }

void sketch_input(struct sketch *s, const char *name, const int64_t *dim) {
  struct onnx_value *v = &s->input[s->model.inputs_count++];
  *v = (struct onnx_value){.name = name, .type = ONNX_FLOAT, .shaped = true};
  for (; dim[v->rank]; v->rank++) {
    v->dim[v->rank] = dim[v->rank];
    v->symbol[v->rank] = "";
  }
}

void sketch_output(struct sketch *s, const char *name) {
  s->output[s->model.outputs_count++] = (struct onnx_value){.name = name, .type = ONNX_FLOAT};
}

float *sketch_weight(struct sketch *s, const char *name, const int64_t *dim, float scale) {
  struct onnx_tensor *t = &s->initializer[s->model.initializers_count++];
  float *at = s->floats + s->floats_used;
  *t = (struct onnx_tensor){.name = name, .type = ONNX_FLOAT, .count = 1, .f32 = at};
  for (; dim[t->rank]; t->rank++) t->count *= (uint64_t)(t->dim[t->rank] = dim[t->rank]);
  assert(s->floats_used + t->count <= SKETCH_FLOATS && s->model.initializers_count <= SKETCH_MAX);
  s->floats_used += (uint32_t)t->count;
  for (uint64_t n = 0; n < t->count; n++) at[n] = scale * sketch_draw(s);
  return at;
}

void sketch_integers(struct sketch *s, const char *name, uint32_t count, const int64_t *value) {
  struct onnx_tensor *t = &s->initializer[s->model.initializers_count++];
  int64_t *at = s->ints + s->ints_used;
  memcpy(at, value, count * sizeof *at);
  s->ints_used += count;
  *t = (struct onnx_tensor){.name = name, .type = ONNX_INT64, .rank = 1, .dim = {count}, .count = count, .i64 = at};
}

static uint32_t names(char *list, const char **out) {
  uint32_t count = 0;
  for (char *word = strtok(list, " "); word; word = strtok(NULL, " ")) out[count++] = strcmp(word, "-") ? word : "";
  return count;
}

struct onnx_node *sketch_node(struct sketch *s, const char *op, const char *inputs, const char *outputs) {
  static char words[SKETCH_MAX * 64][64]; /* names outlive the sketch that uses them */
  static uint32_t used;
  uint32_t n = s->model.nodes_count++;
  char *in = words[used++ % (SKETCH_MAX * 64)], *out = words[used++ % (SKETCH_MAX * 64)];
  assert(n < SKETCH_MAX && strlen(inputs) < 64 && strlen(outputs) < 64);
  strcpy(in, inputs);
  strcpy(out, outputs);
  struct onnx_node *node = &s->node[n];
  *node = (struct onnx_node){.name = "", .op = op, .domain = "", .attribute = s->attribute[n]};
  node->input = s->name[n];
  node->inputs_count = names(in, node->input);
  node->output = s->name[n] + node->inputs_count;
  node->outputs_count = names(out, node->output);
  return node;
}

static struct onnx_attribute *attribute(struct onnx_node *node, const char *name) {
  struct onnx_attribute *a = &node->attribute[node->attributes_count++];
  a->name = name;
  return a;
}

void sketch_int(struct sketch *s, struct onnx_node *node, const char *name, int64_t value) {
  struct onnx_attribute *a = attribute(node, name);
  (void)s;
  a->kind = ONNX_ATTR_INT;
  a->i = value;
}

void sketch_float(struct sketch *s, struct onnx_node *node, const char *name, float value) {
  struct onnx_attribute *a = attribute(node, name);
  (void)s;
  a->kind = ONNX_ATTR_FLOAT;
  a->f = value;
}

void sketch_text(struct sketch *s, struct onnx_node *node, const char *name, const char *value) {
  struct onnx_attribute *a = attribute(node, name);
  (void)s;
  a->kind = ONNX_ATTR_TEXT;
  a->text = value;
}

void sketch_ints(struct sketch *s, struct onnx_node *node, const char *name, uint32_t count, const int64_t *value) {
  struct onnx_attribute *a = attribute(node, name);
  int64_t *at = s->ints + s->ints_used;
  memcpy(at, value, count * sizeof *at);
  s->ints_used += count;
  a->kind = ONNX_ATTR_INTS;
  a->count = count;
  a->ints = at;
}
