#include "training/run/fit.h"
#include "base/nearest.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "28x28" */
static const char *shape_text(uint32_t rank, const uint32_t *dim, char text[96]) {
  int n = snprintf(text, 96, rank ? "" : "single numbers");
  for (uint32_t d = 0; d < rank; d++) n += snprintf(text + n, 96 - (size_t)n, d ? "x%" PRIu32 : "%" PRIu32, dim[d]);
  return text;
}

static uint64_t product(uint32_t rank, const uint32_t *dim) {
  uint64_t elements = 1; /* a file's dims: their product is below 2^32 (tensor.h) */
  for (uint32_t d = 0; d < rank; d++) elements *= dim[d];
  return elements;
}

/* Are these the same axes in the same order, but for axes of length 1? Or is one side a single row of numbers, which
 * leaves the order of the other's as it lies? */
static bool same_axes(uint32_t rank, const uint32_t *dim, uint32_t other_rank, const uint32_t *other) {
  uint32_t a = 0, b = 0;
  if (rank < 2 || other_rank < 2) return true;
  for (;; a++, b++) {
    while (a < rank && dim[a] == 1) a++;
    while (b < other_rank && other[b] == 1) b++;
    if (a == rank || b == other_rank) return a == rank && b == other_rank;
    if (dim[a] != other[b]) return false;
  }
}

/* One of the model's inputs and what feeds it. */
struct feed {
  const struct onnx_value *input;
  const struct data_part *part;
};

static enum training_status other_size(const struct feed *f, const struct sample_input *in, uint32_t rank,
                                       const uint32_t *dim, uint64_t elements, struct why *why) {
  char a[96], b[96];
  why_set(why, "%s: samples of %s (%" PRIu64 " elements), but the model's input '%s' takes %s (%" PRIu64 ")",
          f->part->path, shape_text(in->rank, in->dim, a), product(in->rank, in->dim), f->input->name,
          shape_text(rank, dim, b), elements);
  return TRAINING_ERR_INPUT;
}

static enum training_status other_order(const struct feed *f, const struct sample_input *in, uint32_t rank,
                                        const uint32_t *dim, struct why *why) {
  char a[96], b[96];
  why_set(why,
          "%s: samples of %s, but the model's input '%s' takes %s: as many numbers in another order; np.transpose puts "
          "the axes into the model's, as x.transpose(0, 3, 1, 2) from pictures with their colours last",
          f->part->path, shape_text(in->rank, in->dim, a), f->input->name, shape_text(rank, dim, b));
  return TRAINING_ERR_INPUT;
}

/* The sample's dims as the model names them: data of 28x28 feeds an input of 1x28x28. Where the model leaves a dim
 * open, the data's own dims stand. */
static enum training_status fit_input(const struct feed *f, struct sample_input *in, struct why *why) {
  uint32_t rank = f->input->rank ? f->input->rank - 1 : 0;
  bool open = rank > TAPE_RANK_MAX;
  uint64_t elements = 1;
  uint32_t dim[TAPE_RANK_MAX];
  in->dtype = f->part->dtype;
  in->rank = f->part->rank - 1;
  memcpy(in->dim, f->part->dim + 1, in->rank * sizeof *in->dim);
  for (uint32_t d = 0; d < rank && !open; d++) {
    open = f->input->dim[d + 1] < 1 || f->input->dim[d + 1] > INT32_MAX || elements > UINT32_MAX;
    if (open) break;
    dim[d] = (uint32_t)f->input->dim[d + 1];
    elements *= dim[d];
  }
  if (open) return TRAINING_OK;
  if (elements != product(in->rank, in->dim)) return other_size(f, in, rank, dim, elements, why);
  if (!same_axes(in->rank, in->dim, rank, dim)) return other_order(f, in, rank, dim, why);
  in->rank = rank;
  memcpy(in->dim, dim, rank * sizeof *dim);
  return TRAINING_OK;
}

static enum training_status fit_inputs(const struct prepared *p, const struct data_set *set, struct sample_shape *s,
                                       struct why *why) {
  enum training_status status = TRAINING_OK;
  s->more_count = set->inputs_count - 1;
  for (uint32_t n = 0; n < set->inputs_count && status == TRAINING_OK; n++) {
    struct feed f = {&p->onnx.model.input[n], &set->input[n]};
    struct sample_input in = {.targets = n && set->from_targets[n], .scale = 1};
    status = fit_input(&f, &in, why);
    if (in.dtype == TAPE_U8 && !set->from_targets[n]) in.scale = set->scale;
    if (n) {
      s->more[n - 1] = in;
      continue;
    }
    s->input_dtype = in.dtype;
    s->input_rank = in.rank;
    s->scale = in.scale;
    memcpy(s->input_dim, in.dim, sizeof in.dim);
  }
  return status;
}

/* Classes: the axis of the output that the targets lack; -1 (open) is left to the lowering. */
static enum training_status fit_classes(const struct prepared *p, const struct data_set *set, struct why *why) {
  const struct onnx_value *out = &p->onnx.model.output[0];
  int64_t named = p->jobfile.loss.class_axis, axis = out->rank >= 4 ? 1 : (int64_t)out->rank - 1;
  if (named) axis = named < 0 ? named + out->rank : named;
  int64_t classes = out->rank >= 2 && axis >= 1 && axis < out->rank ? out->dim[axis] : -1;
  if (classes < 1 || classes > INT32_MAX) classes = INT32_MAX;
  return data_classes_check(set, (uint32_t)classes, p->jobfile.loss.ignore_index, why);
}

/* A window's tokens and the model's inputs: one takes them, and one more may take the targets. */
static enum training_status fit_text(const struct prepared *p, const struct data_spec *spec, const struct data_set *set,
                                     struct sample_shape *s, struct why *why) {
  const struct onnx_model *m = &p->onnx.model;
  s->text = set->text;
  s->input_dtype = set->input[0].dtype;
  s->target_dtype = s->input_dtype;
  s->input_rank = 1;
  s->input_dim[0] = set->text.context;
  s->scale = 1;
  s->more_count = m->inputs_count - 1;
  for (uint32_t n = 0; n < m->inputs_count; n++) {
    const struct onnx_value *input = &m->input[n];
    if (spec->targets.input && strcmp(spec->targets.input, input->name) == 0) s->text.targets_input = n + 1;
    if (input->rank == 2 && input->dim[1] > 0 && input->dim[1] != set->text.context) {
      why_set(why, "%s: line %" PRIu32 ": windows of %" PRIu32 " tokens, but the model's input '%s' takes %" PRId64,
              p->job_name, spec->line, set->text.context, input->name, input->dim[1]);
      return TRAINING_ERR_INPUT;
    }
  }
  return TRAINING_OK;
}

static enum training_status fit_targets(const struct prepared *p, const struct data_spec *spec,
                                        const struct data_set *set, struct sample_shape *s, struct why *why) {
  const struct data_part *t = &set->targets;
  if (set->has_targets) {
    s->target_dtype = t->dtype;
    s->target_rank = t->rank - 1;
    memcpy(s->target_dim, t->dim + 1, s->target_rank * sizeof *s->target_dim);
  } else if (!s->no_targets) {
    why_set(why,
            "%s: line %" PRIu32 ": 'targets' is missing: the loss compares the model's output with them (a model that "
            "computes its own loss has none: loss: {output: NAME})",
            p->job_name, spec->line);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

static const struct onnx_tensor *initializer_of(const struct onnx_model *m, const char *name) {
  for (uint32_t i = 0; i < m->initializers_count; i++)
    if (strcmp(m->initializer[i].name, name) == 0) return &m->initializer[i];
  return NULL;
}

/* Numbers that the model looks up in a table must be rows of it: on the tape a row that is not there reads as zeros,
 * and nobody would learn of the slip. Followed from an input through casts alone. */
static enum training_status fit_tables(const struct prepared *p, const struct data_set *set, struct why *why) {
  const struct onnx_model *m = &p->onnx.model;
  for (uint32_t n = 0; n < m->inputs_count; n++) {
    if (set->text.context && p->jobfile.train.targets.input &&
        strcmp(p->jobfile.train.targets.input, m->input[n].name) == 0)
      continue;
    const char *name = m->input[n].name;
    for (uint32_t i = 0; i < m->nodes_count; i++) {
      const struct onnx_node *node = &m->node[i];
      if (strcmp(node->op, "Cast") == 0 && node->inputs_count == 1 && strcmp(node->input[0], name) == 0)
        name = node->output[0];
      if (strcmp(node->op, "Gather") != 0 || node->inputs_count != 2 || strcmp(node->input[1], name) != 0 ||
          node->attributes_count > 1 || (node->attributes_count == 1 && node->attribute[0].i != 0))
        continue;
      const struct onnx_tensor *table = initializer_of(m, node->input[0]);
      if (!table || !table->f32 || !table->rank || table->dim[0] < 1 || table->dim[0] > INT32_MAX) continue;
      enum training_status status = data_rows_check(set, n, (uint32_t)table->dim[0], table->name, why);
      if (status != TRAINING_OK) return status;
    }
  }
  return TRAINING_OK;
}

static enum training_status fit_set(const struct prepared *p, const struct data_spec *spec, const struct data_set *set,
                                    struct sample_shape *s, struct why *why) {
  enum training_status status = TRAINING_OK;
  memset(s, 0, sizeof *s);
  s->samples = set->samples;
  s->augment = spec->augment;
  s->normalize = spec->normalize;
  s->no_targets = p->jobfile.loss.name == LOSS_OUTPUT;
  if (s->samples > INT32_MAX) {
    why_set(why, "%s: more than 2^31 - 1 samples", set->input[0].path);
    return TRAINING_ERR_INPUT;
  }
  if (set->text.context) {
    status = fit_text(p, spec, set, s, why);
  } else {
    status = fit_targets(p, spec, set, s, why);
    if (status == TRAINING_OK) status = fit_inputs(p, set, s, why);
  }
  if (status == TRAINING_OK && p->jobfile.loss.name == LOSS_CROSS_ENTROPY) status = fit_classes(p, set, why);
  return status == TRAINING_OK ? fit_tables(p, set, why) : status;
}

static bool same_numbers(const struct onnx_tensor *a, const struct onnx_tensor *b) {
  return a->count == b->count && memcmp(a->f32, b->f32, a->count * sizeof *a->f32) == 0;
}

/* lower.md 8.8: the test's numbers are those of training if they are the same ones. */
static enum training_status fit_normalize(const struct prepared *p, struct lower_options *o, struct why *why) {
  const struct sample_normalize *train = &o->train.normalize;
  struct sample_normalize *test = &o->test.normalize;
  if (!o->test.samples || (!train->mean && !test->mean)) return TRAINING_OK;
  if (!train->mean || !test->mean) {
    why_set(why,
            "%s: line %" PRIu32 ": only data.%s has 'normalize'; give the same to data.%s, or both see other numbers",
            p->job_name, train->mean ? p->jobfile.test.line : p->jobfile.train.line, train->mean ? "train" : "test",
            train->mean ? "test" : "train");
    return TRAINING_ERR_INPUT;
  }
  if (same_numbers(train->mean, test->mean)) test->mean = train->mean;
  if (same_numbers(train->std, test->std)) test->std = train->std;
  return TRAINING_OK;
}

/* "'a' and 'b'" */
static const char *input_names(const struct onnx_model *m, char *text, size_t size) {
  size_t n = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < m->inputs_count && n < size; i++)
    n += (size_t)snprintf(text + n, size - n, "%s'%.40s'",
                          i == 0                     ? ""
                          : i + 1 == m->inputs_count ? " and "
                                                     : ", ",
                          m->input[i].name);
  return text;
}

static enum training_status no_such_input(const struct prepared *p, const struct data_spec *spec, const char *name,
                                          struct why *why) {
  char names[300];
  const struct onnx_model *m = &p->onnx.model;
  why_set(why, "%s: line %" PRIu32 ": the model has no input '%s'; its input%s %s", p->job_name, spec->line, name,
          m->inputs_count == 1 ? " is" : "s are", input_names(m, names, sizeof names));
  return TRAINING_ERR_INPUT;
}

static enum training_status not_fed(const struct prepared *p, const struct data_spec *spec, const char *name,
                                    struct why *why) {
  char names[300];
  const struct onnx_model *m = &p->onnx.model;
  why_set(why,
          "%s: line %" PRIu32 ": nothing feeds the model's input '%s'; name a file for each of %s, as inputs: {%s: "
          "x.npy, ..}",
          p->job_name, spec->line, name, input_names(m, names, sizeof names), m->input[0].name);
  return TRAINING_ERR_INPUT;
}

static bool is_input(const struct onnx_model *m, const char *name) {
  for (uint32_t n = 0; n < m->inputs_count; n++)
    if (strcmp(m->input[n].name, name) == 0) return true;
  return false;
}

/* Of a text the model may take the tokens, and the targets beside them. */
static enum training_status name_text_inputs(const struct prepared *p, const struct data_spec *spec, struct why *why) {
  const struct onnx_model *m = &p->onnx.model;
  const char *tokens = spec->input[0].input, *targets = spec->targets.input;
  if (tokens && !is_input(m, tokens)) return no_such_input(p, spec, tokens, why);
  if (targets && !is_input(m, targets)) return no_such_input(p, spec, targets, why);
  for (uint32_t n = 0; n < m->inputs_count; n++) {
    const char *name = m->input[n].name;
    bool fed = tokens ? strcmp(name, tokens) == 0 : m->inputs_count == 1 || (targets && m->inputs_count == 2);
    if (fed || (targets && strcmp(name, targets) == 0)) continue;
    why_set(why,
            "%s: line %" PRIu32 ": nothing feeds the model's input '%s'; a text feeds one with its tokens and one with "
            "the next ones, as inputs: %s, targets: %s",
            p->job_name, spec->line, name, m->input[0].name, m->input[m->inputs_count - 1].name);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

/* spec->input[n] becomes what feeds the model's input n. */
static enum training_status order_inputs(const struct prepared *p, struct data_spec *spec, struct why *why) {
  const struct onnx_model *m = &p->onnx.model;
  struct data_field ordered[DATA_INPUTS_MAX];
  if (spec->format == DATA_TEXT || spec->format == DATA_TOKENS) return name_text_inputs(p, spec, why);
  for (uint32_t k = 0; k < spec->inputs_count; k++) {
    if (spec->input[k].input && !is_input(m, spec->input[k].input))
      return no_such_input(p, spec, spec->input[k].input, why);
  }
  bool unnamed = spec->inputs_count == 1 && !spec->input[0].input;
  for (uint32_t n = 0; n < m->inputs_count; n++) {
    const struct data_field *found = unnamed && m->inputs_count == 1 ? &spec->input[0] : NULL;
    for (uint32_t k = 0; k < spec->inputs_count && !unnamed; k++)
      if (strcmp(spec->input[k].input, m->input[n].name) == 0) found = &spec->input[k];
    if (!found) return not_fed(p, spec, m->input[n].name, why);
    ordered[n] = *found;
  }
  memcpy(spec->input, ordered, m->inputs_count * sizeof *ordered);
  return TRAINING_OK;
}

enum training_status fit_open(struct prepared *p, const struct prepare_options *options, struct why *why) {
  const struct onnx_model *m = &p->onnx.model;
  if (m->inputs_count < 1 || m->inputs_count > LOWER_INPUTS_MAX || m->outputs_count < 1) {
    why_set(why,
            "%s: %" PRIu32 " inputs and %" PRIu32
            " outputs; this version trains models with one to %d inputs and at least one output",
            p->jobfile.model, m->inputs_count, m->outputs_count, LOWER_INPUTS_MAX);
    return TRAINING_ERR_INPUT;
  }
  struct data_spec *specs[] = {&p->jobfile.train, &p->jobfile.test};
  struct data_set *sets[] = {&p->train, &p->test};
  struct sample_shape *shapes[] = {&p->options.train, &p->options.test};
  for (int i = 0; i < (p->jobfile.has_test ? 2 : 1); i++) {
    enum training_status status = order_inputs(p, specs[i], why);
    if (status != TRAINING_OK) return status;
    status = data_open(specs[i], p->job_folder, options->data_folder, sets[i], why);
    if (status != TRAINING_OK && why && strncmp(why->text, "line ", 5) == 0) why_before(why, "%s: ", p->job_name);
    if (status == TRAINING_OK) status = fit_set(p, specs[i], sets[i], shapes[i], why);
    if (status != TRAINING_OK) return status;
  }
  return fit_normalize(p, &p->options, why);
}

/* Which part of a set lies in which data tensor. */
static void place_set(const struct lower_options *o, bool test, const struct data_set *set,
                      const struct data_part *parts[DATA_COUNT]) {
  if (set->has_targets) parts[test ? DATA_TEST_TARGETS : DATA_TRAIN_TARGETS] = &set->targets;
  for (uint32_t n = set->inputs_count; n-- > 0;) {
    uint8_t number = lower_input_number(o, test, n);
    if (!parts[number]) parts[number] = &set->input[n];
  }
}

enum training_status fit_place(struct prepared *p, struct why *why) {
  const struct data_part *parts[DATA_COUNT] = {NULL};
  place_set(&p->options, false, &p->train, parts);
  if (p->test.samples) place_set(&p->options, true, &p->test, parts);
  for (uint32_t d = 0; d < DATA_COUNT; d++) {
    const struct layout_entry *e = layout_data(&p->lowered.layout, (uint8_t)d);
    if (!e) continue;
    p->data[d] = p->lowered.data[d] ? p->lowered.data[d] : parts[d] ? parts[d]->at : NULL;
    p->data_bytes[d] = p->lowered.data[d] ? p->lowered.data_bytes[d] : parts[d] ? parts[d]->bytes : 0;
    uint64_t wanted = layout_entry_elements(e) * tape_dtype_bytes(e->dtype);
    if (p->data[d] && p->data_bytes[d] == wanted) continue;
    why_set(why, "data tensor '%s' has %" PRIu64 " bytes, the tapes read %" PRIu64, e->name, p->data_bytes[d], wanted);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}
