/* Any model that decodes is lowered or refused, never a broken invariant; and what is lowered, lowers to the same root
 * again. */
#include <assert.h>
#include <string.h>

#include "model/lower/lower.h"

static void hear(void *context, const struct onnx_node *node, uint32_t index, bool lowers, const char *reason) {
  (void)node;
  (void)index;
  if (!lowers) assert(*reason);
  ++*(uint32_t *)context;
}

static void infer(const struct onnx_model *model, struct arena *arena) {
  struct infer_shape shape[8] = {{0}};
  uint8_t root[2][32];
  struct why why;
  if (model->inputs_count > 8) return;
  for (uint32_t n = 0; n < model->inputs_count; n++) {
    const struct onnx_value *v = &model->input[n];
    if (v->rank > TAPE_RANK_MAX) return;
    shape[n].dtype = v->type == ONNX_FLOAT ? TAPE_F32 : TAPE_I32;
    shape[n].rank = v->rank;
    for (uint32_t a = 0; a < v->rank; a++)
      shape[n].dim[a] = v->dim[a] >= 1 && v->dim[a] <= INT32_MAX ? (uint32_t)v->dim[a] : 2;
  }
  for (int twice = 0; twice < 2; twice++) {
    struct lowered_infer l;
    if (lower_infer(model, shape, arena, &l, &why) != LOWER_OK) return;
    tape_root(&l.tape, root[twice]);
  }
  assert(memcmp(root[0], root[1], 32) == 0);
}

/* Another recipe for another number of nodes; a group that matches nothing is refused before anything else. */
static void vary(struct lower_options *o, uint32_t number) {
  static const char *const all[] = {"*"}, *const some[] = {"*weight*", "?.*"};
  static const struct optimizer_group group[] = {{all, 1, 0.5f, -1}, {some, 2, -1, 0}};
  o->optimizer.name = (enum optimizer_name)(number % 5);
  o->optimizer.beta1 = o->optimizer.beta2 = o->optimizer.alpha = 0.5f;
  o->optimizer.momentum = number % 3 ? 0.5f : 0;
  o->optimizer.centered = number % 2;
  o->optimizer.decay_matrices = number % 2;
  o->optimizer.group = number % 4 == 3 ? group + 1 : group;
  o->optimizer.groups_count = number % 4 > 1;
  o->schedule = (struct schedule_options){.name = (enum schedule_name)(number % 5), .every = 1, .gamma = 0.5f};
  o->schedule.div = o->schedule.final_div = 2;
  o->ema = number % 2 ? 0.5f : 0;
  o->micro_batches = number % 7 > 2 ? 2 : 1;
  o->clip_norm = number % 5 == 1;
  o->clip_value = number % 5 == 2;
}

/* Dims behind the first, 2 where they are open. */
static uint32_t sample_dims(const struct onnx_value *v, uint32_t dim[TAPE_RANK_MAX]) {
  for (uint32_t a = 1; a < v->rank; a++)
    dim[a - 1] = v->dim[a] >= 1 && v->dim[a] <= INT32_MAX ? (uint32_t)v->dim[a] : 2;
  return v->rank - 1;
}

/* Inputs from the targets, windows of a text, what changes pictures. */
static void feed(struct sample_shape *s, uint32_t number) {
  static const float half[] = {0.5f, 0.25f};
  static const struct onnx_tensor one = {.type = ONNX_FLOAT, .rank = 1, .dim = {1}, .count = 1, .f32 = half};
  static const struct onnx_tensor two = {.type = ONNX_FLOAT, .rank = 1, .dim = {2}, .count = 2, .f32 = half};
  for (uint32_t n = 0; n < s->more_count; n++) s->more[n].targets = number % 5 == 4;
  if (number % 4 == 1) s->augment = (struct sample_augment){true, number % 8 == 1, number % 3, number % 5};
  if (number % 4 == 2) s->normalize.mean = s->normalize.std = number % 8 == 2 ? &one : &two;
  if (number % 4 != 3) return;
  s->input_rank = 1;
  s->input_dtype = number % 8 == 3 ? TAPE_I32 : TAPE_U8;
  s->text = (struct sample_text){.tokens = s->input_dim[0] < 1000 ? s->input_dim[0] + 9 : 9,
                                 .context = s->input_dim[0] < 1000 ? s->input_dim[0] : 4,
                                 .stride = 2,
                                 .pairs = s->input_dtype == TAPE_U8 && number % 3,
                                 .targets_input = number % 3};
  s->input_dim[0] = s->text.context;
}

static void train(const struct onnx_model *model, enum loss_name loss, struct arena *arena) {
  struct lower_options o = {.loss = {.name = loss,
                                     .ignore_index = -100,
                                     .delta = 0.5f,
                                     .output = model->output[model->outputs_count - 1].name},
                            .optimizer = {.lr = 0.1f},
                            .dropout = -1,
                            .batch = 2,
                            .updates = 3,
                            .evaluate_batch = 3,
                            .drop_last = true,
                            .shuffle = true,
                            .train = {.samples = 5, .scale = 1}};
  struct sample_shape *s = &o.train;
  struct lowered l;
  struct why why;
  if (!model->inputs_count || model->inputs_count > LOWER_INPUTS_MAX) return;
  for (uint32_t n = 0; n < model->inputs_count; n++)
    if (model->input[n].rank < 1 || model->input[n].rank > TAPE_RANK_MAX) return;
  s->input_rank = sample_dims(&model->input[0], s->input_dim);
  s->more_count = model->inputs_count - 1;
  for (uint32_t n = 1; n < model->inputs_count; n++) {
    struct sample_input *in = &s->more[n - 1];
    in->dtype = model->input[n].type == ONNX_FLOAT ? TAPE_F32 : TAPE_I32;
    in->rank = sample_dims(&model->input[n], in->dim);
  }
  s->no_targets = loss == LOSS_OUTPUT;
  s->target_dtype = loss == LOSS_CROSS_ENTROPY ? TAPE_U8 : TAPE_F32;
  const struct onnx_value *out = &model->output[0];
  if (loss != LOSS_CROSS_ENTROPY && out->shaped && out->rank >= 1 && out->rank <= TAPE_RANK_MAX)
    s->target_rank = sample_dims(out, s->target_dim);
  feed(s, model->nodes_count + (uint32_t)loss);
  o.test = o.train;
  vary(&o, model->nodes_count);
  lower_job(model, &o, arena, &l, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct arena arena;
  struct onnx_model model;
  struct why why;
  uint32_t heard = 0;
  assert(arena_open(&arena, (size_t)1 << 28));
  if (onnx_decode(data, length, NULL, NULL, &arena, &model, &why) == ONNX_OK && model.nodes_count < 500 &&
      model.outputs_count) {
    size_t mark = arena_mark(&arena);
    lower_check(&model, hear, &heard, &arena);
    arena_reset(&arena, mark);
    infer(&model, &arena);
    arena_reset(&arena, mark);
    train(&model, LOSS_MSE, &arena);
    arena_reset(&arena, mark);
    train(&model, LOSS_CROSS_ENTROPY, &arena);
    arena_reset(&arena, mark);
    train(&model, LOSS_OUTPUT, &arena);
    arena_reset(&arena, mark);
    train(&model, (enum loss_name)(LOSS_L1 + model.nodes_count % (LOSS_OUTPUT - LOSS_L1)), &arena);
  }
  arena_shut(&arena);
  return 0;
}
