#include "training/jobfile/data.h"
#include <float.h>
#include <string.h>

/* One file or member: a text. */
static bool read_field(struct fields *f, const struct yaml_node *map, const char *key, struct data_field *out) {
  return fields_text(f, map, key, &out->name);
}

/* `inputs: F`, or `inputs: {NAME: F, ..}` for the model inputs of these names. */
static bool read_inputs(struct fields *f, const struct yaml_node *n, struct data_spec *d) {
  const struct yaml_node *inputs = yaml_get(n, "inputs");
  if (!inputs) return fields_fail(f, n->line, "data needs 'inputs': the file with the samples");
  d->inputs_count = 1;
  if (inputs->kind != YAML_MAP) return read_field(f, n, "inputs", &d->input[0]);
  d->inputs_count = 0;
  for (const struct yaml_node *c = inputs->first; c; c = c->next) {
    if (d->inputs_count == DATA_INPUTS_MAX)
      return fields_fail(f, c->line, "inputs: at most %d inputs of a model are fed", DATA_INPUTS_MAX);
    struct data_field *field = &d->input[d->inputs_count++];
    field->input = c->key;
    if (!read_field(f, inputs, c->key, field)) return false;
  }
  return d->inputs_count || fields_fail(f, inputs->line, "inputs: a file is wanted here, as {NAME: x.npy}");
}

static bool read_files(struct fields *f, const struct yaml_node *n, struct data_spec *d) {
  d->has_targets = yaml_get(n, "targets") != NULL;
  return read_inputs(f, n, d) && (!d->has_targets || read_field(f, n, "targets", &d->targets));
}

static bool read_named(struct fields *f, const struct yaml_node *n, struct data_spec *d, enum data_split split) {
  static const char *const splits[] = {"train", "test"};
  const struct yaml_node *which = yaml_get(n, "split");
  uint32_t choice = split;
  d->format = DATA_NAMED;
  d->inputs_count = 1;
  d->has_targets = true;
  if (!FIELDS_KNOWN(f, n, "a named data set", "dataset", "split", "scale") ||
      !fields_text(f, n, "dataset", &d->dataset))
    return false;
  if (which && !fields_choice(f, which, "split", splits, 2, NULL, 0, &choice)) return false;
  d->split = choice == 0 ? DATA_SPLIT_TRAIN : DATA_SPLIT_TEST;
  return true;
}

bool jobfile_data(struct fields *f, const struct yaml_node *n, struct data_spec *d, enum data_split split) {
  static const char *const formats[] = {"idx", "npy"}, *const later[] = {"safetensors", "csv", "text"};
  *d = (struct data_spec){.split = split, .line = n->line};
  if (!FIELDS_KNOWN(f, n, "data", "format", "inputs", "targets", "scale", "dataset", "split", "file", "context"))
    return false;
  const struct yaml_node *format = yaml_get(n, "format"), *dataset = yaml_get(n, "dataset");
  uint32_t choice = 0;
  if (!format == !dataset)
    return fields_fail(f, n->line, "data needs either 'format' with files, or 'dataset' with the name of a known set");
  if (format) {
    if (!fields_choice(f, format, "format", formats, 2, later, 3, &choice)) return false;
    d->format = choice == 0 ? DATA_IDX : DATA_NPY;
    if (!FIELDS_KNOWN(f, n, "data of format idx or npy", "format", "inputs", "targets", "scale") ||
        !read_files(f, n, d))
      return false;
  } else if (!read_named(f, n, d, split)) {
    return false;
  }
  return fields_f32(f, n, "scale", FLT_MIN, FLT_MAX, false, &d->scale);
}
