#include "model/lower/batch.h"

#include <inttypes.h>
#include <string.h>

static bool slides(const char *op) {
  return strcmp(op, "Conv") == 0 || strcmp(op, "MaxPool") == 0 || strcmp(op, "AveragePool") == 0 ||
         strcmp(op, "GlobalAveragePool") == 0;
}

const uint8_t *batch_input_order(const struct graph *g, const char *name, uint32_t rank) {
  for (uint32_t n = 0; n < g->model->nodes_count; n++) {
    const struct onnx_node *node = &g->model->node[n];
    if (g->application[n].live && slides(node->op) && node->inputs_count && strcmp(node->input[0], name) == 0)
      return value_channels_last(rank);
  }
  return NULL;
}

/* The model's dims where it fixes them all, else the sample's; the first is the batch, whatever the file says. */
bool batch_input_shape(struct graph *g, const struct onnx_value *input, uint32_t batch, const struct sample_shape *s,
                       struct value *out) {
  uint32_t dim[TAPE_RANK_MAX] = {batch};
  uint64_t want = 1, have = 1;
  bool fixed = input->rank >= 1 && input->rank <= TAPE_RANK_MAX, alike = input->rank == s->input_rank + 1;
  for (uint32_t n = 0; n < s->input_rank; n++) have *= s->input_dim[n];
  for (uint32_t n = 1; fixed && n < input->rank; n++) {
    if (input->dim[n] < 1 || input->dim[n] > INT32_MAX)
      fixed = false;
    else
      want *= (uint64_t)input->dim[n];
    if (want > UINT32_MAX) fixed = false;
  }
  for (uint32_t n = 1; alike && n < input->rank; n++) alike = input->dim[n] < 1 || input->dim[n] == s->input_dim[n - 1];
  if (input->rank < 1 || input->rank > TAPE_RANK_MAX || !(alike || (fixed && want == have))) {
    emit_fail(g->e, LOWER_ERR_SHAPE,
              "a sample of %s does not go into the model's input '%s', which has rank %" PRIu32 " with the batch%s",
              shape_text(s->input_rank, s->input_dim).text, input->name, input->rank,
              fixed ? " and another number of elements" : "");
    return false;
  }
  for (uint32_t n = 1; n < input->rank; n++) dim[n] = alike ? s->input_dim[n - 1] : (uint32_t)input->dim[n];
  uint8_t dtype = input->type == ONNX_FLOAT ? TAPE_F32 : TAPE_I32;
  *out = value_shaped(dtype, input->rank, dim, batch_input_order(g, input->name, input->rank));
  return true;
}

static struct value data_value(uint8_t number, uint8_t dtype, uint32_t rank, const uint32_t *dim) {
  struct value v = value_shaped(dtype, rank, dim, NULL);
  v.space = TAPE_DATA;
  v.data_number = number;
  return v;
}

/* data[index[j], ..] with out's dims: the sample's elements in ONNX's order, put where out's memory wants them. Classes
 * stay integers; numbers of samples become floats times `scale` where the data are integers. */
static struct value gather(struct graph *g, struct value *index, uint8_t number, uint8_t dtype, uint32_t samples,
                           float scale, const struct value *out, uint32_t beyond) {
  uint32_t dim[TAPE_RANK_MAX] = {samples};
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  for (uint32_t n = 1; n < out->rank; n++) dim[n] = out->dim[n];
  struct value data = data_value(number, dtype, out->rank, dim);
  build_map(&b, g->e, out->dtype, out);
  struct index first = index_dim(b.at[0]);
  uint8_t from = build_read(&b, index, &first, 0);
  axis[0] = index_indirect(from);
  for (uint8_t n = 1; n < out->rank; n++) axis[n] = out->dim[n] == 1 ? index_fixed(0) : index_dim(b.at[n]);
  uint8_t x = build_read(&b, &data, axis, beyond);
  if (out->dtype == TAPE_F32 && dtype != TAPE_F32) {
    x = build_op1(&b, CANON_ITOF, x);
    if (scale != 1) x = build_op2(&b, CANON_MUL, x, build_f32(&b, scale));
  }
  return build_end(&b, x);
}

/* Both tensors of a batch, once its indices are known. */
static void read_batch(struct graph *g, const struct lower_options *o, const struct sample_shape *s, uint32_t batch,
                       uint8_t inputs, struct batch *out) {
  const struct onnx_value *input = &g->model->input[0];
  struct value x;
  if (g->model->inputs_count != 1) {
    emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "the model has %" PRIu32 " inputs; training feeds exactly one",
              g->model->inputs_count);
    return;
  }
  if (!batch_input_shape(g, input, batch, s, &x)) return;
  if (x.dtype == TAPE_I32 && s->input_dtype == TAPE_F32) {
    emit_fail(g->e, LOWER_ERR_SHAPE, "the model's input '%s' takes integers, and the data are floats", input->name);
    return;
  }
  out->input = gather(g, &out->index, inputs, s->input_dtype, s->samples, s->scale, &x, 0);
  uint32_t dim[TAPE_RANK_MAX] = {batch};
  bool classes = o->loss.name == LOSS_CROSS_ENTROPY;
  if (s->target_rank >= TAPE_RANK_MAX || (classes && s->target_dtype == TAPE_F32)) {
    emit_fail(g->e, LOWER_ERR_OPTION,
              classes ? "cross_entropy: the targets are floats; it takes classes, integers"
                      : "the targets have too many axes");
    return;
  }
  memcpy(dim + 1, s->target_dim, s->target_rank * sizeof dim[0]);
  struct value t = value_shaped(classes ? TAPE_I32 : TAPE_F32, s->target_rank + 1, dim, NULL);
  uint32_t beyond = classes ? (uint32_t)o->loss.ignore_index : 0;
  out->target = gather(g, &out->index, (uint8_t)(inputs + 1), s->target_dtype, s->samples, 1, &t, beyond);
}

static bool sample_fits(struct graph *g, const struct sample_shape *s, uint32_t batch) {
  uint64_t n = s->samples;
  bool fits = s->samples >= 1 && s->samples <= INT32_MAX && s->input_rank < TAPE_RANK_MAX &&
              s->input_dtype <= TAPE_U8 && s->target_dtype <= TAPE_U8;
  for (uint32_t a = 0; fits && a < s->input_rank; a++) {
    n = n <= UINT32_MAX ? n * s->input_dim[a] : n;
    fits = s->input_dim[a] >= 1 && n <= UINT32_MAX;
  }
  if (!fits)
    emit_fail(g->e, LOWER_ERR_SHAPE, "the data have no samples, rank above 5, or 2^32 elements and more");
  else if (batch < 1 || batch > INT32_MAX)
    emit_fail(g->e, LOWER_ERR_OPTION, "a batch of %" PRIu32, batch);
  else
    return true;
  return false;
}

void batch_train(struct graph *g, const struct lower_options *o, struct batch *out) {
  const struct sample_shape *s = &o->train;
  struct build b;
  g->e->at = (struct lower_origin){.node = "", .op = "batch", .part = "forward"};
  if (!sample_fits(g, s, o->batch)) return;
  if (o->batch > s->samples) {
    emit_fail(g->e, LOWER_ERR_OPTION, "a batch of %" PRIu32 " is more than the %" PRIu32 " samples there are", o->batch,
              s->samples);
    return;
  }
  if (!o->drop_last && s->samples % o->batch) {
    emit_fail(g->e, LOWER_ERR_OPTION,
              "drop_last is false and %" PRIu32 " samples are no multiple of the batch of %" PRIu32
              ": set drop_last: true, or a batch that divides them",
              s->samples, o->batch);
    return;
  }
  struct value shape = value_shaped(TAPE_I32, 1, &o->batch, NULL);
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t one = build_i32(&b, 1);
  uint8_t batches = build_i32(&b, (int32_t)(s->samples / o->batch));
  uint8_t batch = build_i32(&b, (int32_t)o->batch);
  uint8_t update = build_op0(&b, CANON_STEP);
  update = build_op2(&b, CANON_ISUB, update, one);
  uint8_t place = build_op2(&b, CANON_IMOD, update, batches);
  place = build_op2(&b, CANON_IMUL, place, batch);
  uint8_t j = build_op(&b, CANON_COORD, 0, 0, 0);
  place = build_op2(&b, CANON_IADD, place, j);
  if (o->shuffle) {
    uint8_t samples = build_i32(&b, (int32_t)s->samples);
    uint8_t epoch = build_op2(&b, CANON_IDIV, update, batches);
    place = build_op(&b, CANON_PERM, epoch, samples, place);
  }
  out->index = build_end(&b, place);
  read_batch(g, o, s, o->batch, DATA_TRAIN_INPUTS, out);
}

void batch_evaluate(struct graph *g, const struct lower_options *o, struct batch *out) {
  const struct sample_shape *s = &o->test;
  struct build b;
  g->e->at = (struct lower_origin){.node = "", .op = "batch", .part = "forward"};
  if (!sample_fits(g, s, o->evaluate_batch)) return;
  struct value shape = value_shaped(TAPE_I32, 1, &o->evaluate_batch, NULL);
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t batch = build_i32(&b, (int32_t)o->evaluate_batch);
  uint8_t samples = build_i32(&b, (int32_t)s->samples);
  uint8_t beyond = build_i32(&b, -1);
  uint8_t place = build_op0(&b, CANON_STEP);
  place = build_op2(&b, CANON_IMUL, place, batch);
  uint8_t j = build_op(&b, CANON_COORD, 0, 0, 0);
  place = build_op2(&b, CANON_IADD, place, j);
  uint8_t there = build_op2(&b, CANON_ULT, place, samples);
  out->index = build_end(&b, build_op(&b, CANON_SEL, there, place, beyond));
  read_batch(g, o, s, o->evaluate_batch, DATA_TEST_INPUTS, out);
}
