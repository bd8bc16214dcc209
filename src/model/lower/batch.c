#include "model/lower/batch.h"

#include "model/lower/augment.h"
#include "model/lower/samples.h"

#include <inttypes.h>
#include <string.h>

static bool slides(const char *op) {
  return strcmp(op, "Conv") == 0 || strcmp(op, "MaxPool") == 0 || strcmp(op, "AveragePool") == 0 ||
         strcmp(op, "GlobalAveragePool") == 0 || strcmp(op, "ConvTranspose") == 0 || strcmp(op, "GlobalMaxPool") == 0 ||
         strcmp(op, "LpPool") == 0 || strcmp(op, "GlobalLpPool") == 0;
}

const uint8_t *batch_input_order(const struct graph *g, const char *name, uint32_t rank) {
  for (uint32_t n = 0; n < g->model->nodes_count; n++) {
    const struct onnx_node *node = &g->model->node[n];
    if (g->application[n].live && slides(node->op) && node->inputs_count && strcmp(node->input[0], name) == 0)
      return value_channels_last(rank);
  }
  return NULL;
}

bool batch_single_precision(struct graph *g, const struct onnx_value *v, const char *what) {
  if (v->type != ONNX_DOUBLE) return true;
  emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "%s '%s' is DOUBLE, and floats here have 32 bits: export the model in float32",
            what, v->name);
  return false;
}

/* The model's dims where it fixes them all, else the sample's; the first is the batch, whatever the file says. */
bool batch_input_shape(struct graph *g, const struct onnx_value *input, uint32_t batch, uint32_t rank,
                       const uint32_t *sample, struct value *out) {
  uint32_t dim[TAPE_RANK_MAX] = {batch};
  uint64_t want = 1, have = 1;
  bool fixed = input->rank >= 1 && input->rank <= TAPE_RANK_MAX, alike = input->rank == rank + 1;
  for (uint32_t n = 0; n < rank; n++) have *= sample[n];
  for (uint32_t n = 1; fixed && n < input->rank; n++) {
    if (input->dim[n] < 1 || input->dim[n] > INT32_MAX)
      fixed = false;
    else
      want *= (uint64_t)input->dim[n];
    if (want > UINT32_MAX) fixed = false;
  }
  for (uint32_t n = 1; alike && n < input->rank; n++) alike = input->dim[n] < 1 || input->dim[n] == sample[n - 1];
  if (input->rank < 1 || input->rank > TAPE_RANK_MAX || !(alike || (fixed && want == have))) {
    emit_fail(g->e, LOWER_ERR_SHAPE,
              "a sample of %s does not go into the model's input '%s', which has rank %" PRIu32 " with the batch%s",
              shape_text(rank, sample).text, input->name, input->rank, fixed ? " and another number of elements" : "");
    return false;
  }
  for (uint32_t n = 1; n < input->rank; n++) dim[n] = alike ? sample[n - 1] : (uint32_t)input->dim[n];
  uint8_t dtype = input->type == ONNX_FLOAT ? TAPE_F32 : TAPE_I32;
  *out = value_shaped(dtype, input->rank, dim, batch_input_order(g, input->name, input->rank));
  out->type = (uint8_t)input->type;
  return true;
}

struct value batch_data(uint8_t number, uint8_t dtype, uint32_t rank, const uint32_t *dim) {
  struct value v = value_shaped(dtype, rank, dim, NULL);
  v.space = TAPE_DATA;
  v.data_number = number;
  return v;
}

uint8_t batch_convert(struct build *b, uint8_t x, uint8_t dtype, float scale) {
  if (b->r.dtype != TAPE_F32 || dtype == TAPE_F32) return x;
  x = build_op1(b, CANON_ITOF, x);
  return scale != 1 && scale != 0 ? build_op2(b, CANON_MUL, x, build_f32(b, scale)) : x;
}

/* data[index[j], ..] with out's dims: the sample's elements in ONNX's order, put where out's memory wants them. Classes
 * stay integers. */
static struct value gather(struct graph *g, struct value *index, uint8_t number, const struct sample_input *in,
                           uint32_t samples, const struct value *out, uint32_t beyond) {
  uint32_t dim[TAPE_RANK_MAX] = {samples};
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  for (uint32_t n = 1; n < out->rank; n++) dim[n] = out->dim[n];
  struct value data = batch_data(number, in->dtype, out->rank, dim);
  build_map(&b, g->e, out->dtype, out);
  struct index first = index_dim(b.at[0]);
  uint8_t from = build_read(&b, index, &first, 0);
  axis[0] = index_indirect(from);
  for (uint8_t n = 1; n < out->rank; n++) axis[n] = out->dim[n] == 1 ? index_fixed(0) : index_dim(b.at[n]);
  uint8_t x = build_read(&b, &data, axis, beyond);
  return build_end(&b, batch_convert(&b, x, in->dtype, in->scale));
}

/* Where the windows of a batch start, far below the text for what lies beyond the data. */
static struct value window_starts(struct graph *g, struct value *index, const struct sample_text *t) {
  struct build b;
  build_map(&b, g->e, TAPE_I32, index);
  uint8_t i = build_use(&b, index);
  uint8_t zero = build_i32(&b, 0);
  uint8_t stride = build_i32(&b, (int32_t)t->stride);
  uint8_t nowhere = build_i32(&b, INT32_MIN);
  uint8_t beyond = build_op2(&b, CANON_ILT, i, zero);
  uint8_t start = build_op2(&b, CANON_IMUL, i, stride);
  return build_end(&b, build_op(&b, CANON_SEL, beyond, nowhere, start));
}

/* text[start[j] + shift + t], t the place in the window. */
static struct value gather_window(struct graph *g, struct value *start, uint8_t number, const struct sample_input *in,
                                  const struct sample_text *t, int32_t shift, const struct value *out,
                                  uint32_t beyond) {
  uint32_t dim[2] = {t->tokens, 2};
  struct value data = batch_data(number, in->dtype, t->pairs ? 2 : 1, dim);
  struct build b;
  build_map(&b, g->e, out->dtype, out);
  struct index first = index_dim(b.at[0]);
  struct index axis[2] = {index_indirect(build_read(&b, start, &first, 0)), index_fixed(0)};
  axis[0].offset = shift;
  int32_t coef = 1;
  for (uint8_t n = out->rank; n-- > 1; coef *= (int32_t)out->dim[n]) {
    if (out->dim[n] == 1) continue;
    if (axis[0].terms == TAPE_TERMS_MAX) {
      emit_fail(g->e, LOWER_ERR_SHAPE, "a window of text does not go into an input of more than 4 axes");
      return *out;
    }
    axis[0] = index_add(axis[0], b.at[n], coef);
  }
  uint8_t x = build_read(&b, &data, axis, beyond);
  if (t->pairs) {
    axis[1].offset = 1;
    uint8_t high = build_read(&b, &data, axis, 0);
    high = build_op2(&b, CANON_SHL, high, build_i32(&b, 8));
    x = build_op2(&b, CANON_IADD, x, high);
  }
  return build_end(&b, batch_convert(&b, x, in->dtype, in->scale));
}

/* What a batch is read for. */
struct reading {
  const struct lower_options *o;
  const struct sample_shape *s;
  uint32_t batch;
  bool test;
  struct value *index, start; /* start: of windows */
};

static struct value read_input(struct graph *g, struct reading *r, uint32_t n) {
  const struct sample_shape *s = r->s;
  const struct onnx_value *input = &g->model->input[n];
  struct sample_input in = samples_input(s, n);
  struct value x = {0};
  if (!batch_single_precision(g, input, "input") || !batch_input_shape(g, input, r->batch, in.rank, in.dim, &x))
    return x;
  if (x.dtype == TAPE_I32 && in.dtype == TAPE_F32) {
    emit_fail(g->e, LOWER_ERR_SHAPE, "the model's input '%s' takes integers, and the data are floats", input->name);
    return x;
  }
  uint8_t number = lower_input_number(r->o, r->test, n);
  uint32_t beyond = in.targets && x.dtype == TAPE_I32 ? (uint32_t)r->o->loss.ignore_index : 0;
  struct value read;
  bool picture = n == 0 && !r->test && augment_any(&s->augment);
  if (n == 0 && (picture || s->normalize.mean))
    read = augment_read(g, r->index, number, s, picture, &x);
  else if (s->text.context)
    read = gather_window(g, &r->start, number, &in, &s->text, in.targets, &x, beyond);
  else
    read = gather(g, r->index, number, &in, s->samples, &x, beyond);
  read.type = x.type;
  return read;
}

static void read_target(struct graph *g, struct reading *r, struct value *out) {
  const struct sample_shape *s = r->s;
  uint32_t dim[TAPE_RANK_MAX] = {r->batch};
  bool classes = r->o->loss.name == LOSS_CROSS_ENTROPY;
  uint32_t beyond = classes ? (uint32_t)r->o->loss.ignore_index : 0;
  uint8_t dtype = classes ? TAPE_I32 : TAPE_F32;
  if (s->no_targets) return;
  if (s->text.context) {
    struct sample_input in = samples_input(s, 0);
    dim[1] = s->text.context;
    struct value t = value_shaped(dtype, 2, dim, NULL);
    in.scale = 1;
    *out = gather_window(g, &r->start, lower_input_number(r->o, r->test, 0), &in, &s->text, 1, &t, beyond);
    return;
  }
  if (classes && s->target_dtype == TAPE_F32) {
    emit_fail(g->e, LOWER_ERR_OPTION, "cross_entropy: the targets are floats; it takes classes, integers");
    return;
  }
  memcpy(dim + 1, s->target_dim, s->target_rank * sizeof dim[0]);
  struct value t = value_shaped(dtype, s->target_rank + 1, dim, NULL);
  struct sample_input in = {.dtype = s->target_dtype, .scale = 1};
  *out = gather(g, r->index, r->test ? DATA_TEST_TARGETS : DATA_TRAIN_TARGETS, &in, s->samples, &t, beyond);
}

/* All tensors of a batch, once its indices are known. */
static void read_batch(struct graph *g, const struct lower_options *o, bool test, uint32_t batch, struct batch *out) {
  struct reading r = {.o = o, .s = test ? &o->test : &o->train, .batch = batch, .test = test, .index = &out->index};
  if (r.s->text.context) r.start = window_starts(g, &out->index, &r.s->text);
  for (uint32_t n = 0; n < g->model->inputs_count && !emit_failed(g->e); n++) out->input[n] = read_input(g, &r, n);
  if (!emit_failed(g->e)) read_target(g, &r, &out->target);
}

static bool tensor_fits(uint64_t n, uint8_t dtype, uint32_t rank, const uint32_t *dim) {
  bool fits = rank < TAPE_RANK_MAX && dtype <= TAPE_U8;
  for (uint32_t a = 0; fits && a < rank; a++) {
    n = n <= UINT32_MAX ? n * dim[a] : n;
    fits = dim[a] >= 1 && n <= UINT32_MAX;
  }
  return fits;
}

/* Windows may overlap, so that together they are more than the text. */
static bool sample_fits(struct graph *g, const struct sample_shape *s, uint32_t batch) {
  uint64_t samples = s->text.context ? 1 : s->samples;
  bool fits = s->samples >= 1 && s->samples <= INT32_MAX && s->target_dtype <= TAPE_U8;
  for (uint32_t n = 0; fits && n < g->model->inputs_count; n++) {
    struct sample_input in = samples_input(s, n);
    fits = tensor_fits(samples, in.dtype, in.rank, in.dim);
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
  uint32_t part = lower_step_batch(o), parts = s->samples / o->batch * lower_micro_batches(o);
  struct value shape = value_shaped(TAPE_I32, 1, &part, NULL);
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t one = build_i32(&b, 1);
  uint8_t batches = build_i32(&b, (int32_t)parts);
  uint8_t batch = build_i32(&b, (int32_t)part);
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
  read_batch(g, o, false, part, out);
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
  read_batch(g, o, true, o->evaluate_batch, out);
}
