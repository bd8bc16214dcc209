#include "training/jobfile/data.h"
#include <float.h>
#include <string.h>

/* One file or array of a file: a text. Of a table: a column or a list of them. */
static bool read_field(struct fields *f, const struct yaml_node *map, const char *key, const struct data_spec *d,
                       struct data_field *out) {
  if (d->format != DATA_CSV) return fields_text(f, map, key, &out->name);
  const struct yaml_node *n = yaml_get(map, key);
  const char **columns = arena_take(f->arena, 1, sizeof *columns);
  if (!columns) return fields_fail(f, n->line, "too much text");
  out->column = columns;
  out->columns = 1;
  if (n->kind == YAML_LIST) {
    if (!fields_texts(f, map, key, &columns, &out->columns)) return false;
    out->column = columns;
    return out->columns || fields_fail(f, n->line, "%s: names of columns are wanted here", key);
  }
  if (!fields_text(f, map, key, columns)) return false;
  out->single = strcmp(*columns, "*") != 0;
  return true;
}

/* `inputs: F`, or `inputs: {NAME: F, ..}` for the model inputs of these names. */
static bool read_inputs(struct fields *f, const struct yaml_node *n, struct data_spec *d) {
  const struct yaml_node *inputs = yaml_get(n, "inputs");
  if (!inputs) return fields_fail(f, n->line, "data needs 'inputs': the file with the samples");
  d->inputs_count = 1;
  if (inputs->kind != YAML_MAP) return read_field(f, n, "inputs", d, &d->input[0]);
  d->inputs_count = 0;
  for (const struct yaml_node *c = inputs->first; c; c = c->next) {
    if (d->inputs_count == DATA_INPUTS_MAX)
      return fields_fail(f, c->line, "inputs: at most %d inputs of a model are fed", DATA_INPUTS_MAX);
    struct data_field *field = &d->input[d->inputs_count++];
    field->input = c->key;
    if (!read_field(f, inputs, c->key, d, field)) return false;
  }
  return d->inputs_count || fields_fail(f, inputs->line, "inputs: a file is wanted here, as {NAME: x.npy}");
}

static bool read_files(struct fields *f, const struct yaml_node *n, struct data_spec *d) {
  d->has_targets = yaml_get(n, "targets") != NULL;
  return read_inputs(f, n, d) && (!d->has_targets || read_field(f, n, "targets", d, &d->targets));
}

/* Several arrays, or columns, of one file. */
static bool read_archive(struct fields *f, const struct yaml_node *n, struct data_spec *d) {
  const char *separator = ",";
  bool table = d->format == DATA_CSV;
  if (table ? !FIELDS_KNOWN(f, n, "data of format csv", "format", "file", "separator", "inputs", "targets", "normalize")
            : !FIELDS_KNOWN(f, n, "data of format npz or safetensors", "format", "file", "inputs", "targets", "scale",
                            "normalize", "augment"))
    return false;
  if (!yaml_get(n, "file"))
    return fields_fail(f, n->line, "data of this format needs 'file', of which inputs and targets are %s",
                       table ? "columns" : "arrays");
  if (!fields_text(f, n, "file", &d->file) || !fields_text(f, n, "separator", &separator)) return false;
  if (strlen(separator) != 1 || !strchr(",;|\t", *separator))
    return fields_fail(f, yaml_get(n, "separator")->line, "separator: one of ',', ';', '|' and \"\\t\" is wanted here");
  d->separator = *separator;
  return read_files(f, n, d);
}

static bool read_named(struct fields *f, const struct yaml_node *n, struct data_spec *d, enum data_split split) {
  static const char *const splits[] = {"train", "test"};
  const struct yaml_node *which = yaml_get(n, "split");
  uint32_t choice = split;
  d->format = DATA_NAMED;
  d->inputs_count = 1;
  d->has_targets = true;
  if (!FIELDS_KNOWN(f, n, "a named data set", "dataset", "split", "scale", "normalize", "augment") ||
      !fields_text(f, n, "dataset", &d->dataset))
    return false;
  if (which && !fields_choice(f, which, "split", splits, 2, NULL, 0, &choice)) return false;
  d->split = choice == 0 ? DATA_SPLIT_TRAIN : DATA_SPLIT_TEST;
  return true;
}

/* A decimal from 0 to 1 with at most six digits behind the point, in millionths: exact, unlike a float. */
static bool read_millionths(struct fields *f, const struct yaml_node *n, uint32_t *out) {
  const char *c = n->kind == YAML_SCALAR && !n->quoted ? n->text : "";
  uint32_t whole = (uint32_t)(*c - '0'), part = 0, digits = 0;
  bool good = *c == '0' || *c == '1';
  if (good && *++c == '.')
    for (c++; *c >= '0' && *c <= '9' && digits <= 6; c++, digits++) part = 10 * part + (uint32_t)(*c - '0');
  for (uint32_t d = digits; d < 6; d++) part *= 10;
  if (!good || *c || digits > 6 || whole * 1000000 + part > 1000000)
    return fields_fail(f, n->line, "range: a number from 0 to 1 with at most six digits is wanted here, as 0.9");
  *out = whole * 1000000 + part;
  return true;
}

static bool read_range(struct fields *f, const struct yaml_node *n, uint32_t range[2]) {
  const struct yaml_node *list = yaml_get(n, "range");
  range[0] = 0, range[1] = 1000000;
  if (!list) return true;
  const struct yaml_node *first = list->kind == YAML_LIST ? list->first : NULL, *second = first ? first->next : NULL;
  if (!second || second->next)
    return fields_fail(f, list->line, "range: two numbers are wanted here, as [0, 0.9] for the first nine tenths");
  if (!read_millionths(f, first, &range[0]) || !read_millionths(f, second, &range[1])) return false;
  return range[0] < range[1] || fields_fail(f, list->line, "range: the second number must be the larger one");
}

/* One tensor; `inputs` and `targets` are names of the model's inputs here. */
static bool read_text(struct fields *f, const struct yaml_node *n, struct data_spec *d) {
  static const char *const types[] = {"uint8", "uint16", "uint32", "int32", "int64"};
  static const enum tensor_form forms[] = {TENSOR_U8, TENSOR_U16, TENSOR_U32, TENSOR_I32, TENSOR_I64};
  const struct yaml_node *type = yaml_get(n, "dtype");
  bool tokens = d->format == DATA_TOKENS;
  uint32_t choice = 0;
  if (tokens ? !FIELDS_KNOWN(f, n, "data of format tokens", "format", "file", "dtype", "context", "stride", "range",
                             "inputs", "targets")
             : !FIELDS_KNOWN(f, n, "data of format text", "format", "file", "context", "stride", "range", "inputs",
                             "targets"))
    return false;
  if (!yaml_get(n, "file") || !yaml_get(n, "context"))
    return fields_fail(f, n->line, "data of format %s needs 'file' and 'context', the tokens of one sample",
                       tokens ? "tokens" : "text");
  if (type && !fields_choice(f, type, "dtype", types, FIELDS_COUNT(types), NULL, 0, &choice)) return false;
  d->has_dtype = type != NULL;
  d->dtype = forms[choice];
  d->inputs_count = 1;
  d->has_targets = true;
  if (!fields_text(f, n, "file", &d->file) || !fields_u32(f, n, "context", 1, 1 << 24, &d->context)) return false;
  d->stride = d->context;
  return fields_u32(f, n, "stride", 1, 1 << 30, &d->stride) && read_range(f, n, d->range) &&
         fields_text(f, n, "inputs", &d->input[0].input) && fields_text(f, n, "targets", &d->targets.input);
}

/* One number, or a list of them, as a tensor of rank 1. */
static bool read_numbers(struct fields *f, const struct yaml_node *map, const char *key, float low,
                         const struct onnx_tensor **out) {
  const struct yaml_node *n = yaml_get(map, key);
  if (!n) return fields_fail(f, map->line, "normalize: key '%s' is missing", key);
  const struct yaml_node *first = n->kind == YAML_LIST ? n->first : n;
  uint32_t count = 0;
  for (const struct yaml_node *c = first; c; c = n->kind == YAML_LIST ? c->next : NULL) count++;
  if (!count) return fields_fail(f, n->line, "%s: numbers are wanted here, one for each channel", key);
  struct onnx_tensor *t = arena_take(f->arena, 1, sizeof *t);
  float *at = arena_take(f->arena, count, sizeof *at);
  if (!t || !at) return fields_fail(f, n->line, "too much text");
  *t = (struct onnx_tensor){.name = key, .type = ONNX_FLOAT, .rank = 1, .dim = {count}, .count = count, .f32 = at};
  for (const struct yaml_node *c = first; c; c = n->kind == YAML_LIST ? c->next : NULL)
    if (!fields_f32_of(f, c, key, low, FLT_MAX, false, at++)) return false;
  *out = t;
  return true;
}

static bool read_normalize(struct fields *f, const struct yaml_node *n, struct sample_normalize *out) {
  const struct yaml_node *map = yaml_get(n, "normalize");
  if (!map) return true;
  if (!FIELDS_KNOWN(f, map, "normalize", "mean", "std") || !read_numbers(f, map, "mean", -FLT_MAX, &out->mean) ||
      !read_numbers(f, map, "std", FLT_MIN, &out->std))
    return false;
  return out->mean->count == out->std->count ||
         fields_fail(f, map->line, "normalize: mean and std must be as many numbers, one for each channel");
}

static bool read_augment(struct fields *f, const struct yaml_node *n, struct data_spec *d, enum data_split split) {
  static const char *const flips[] = {"none", "horizontal", "vertical", "both"};
  const struct yaml_node *map = yaml_get(n, "augment");
  uint32_t flip = 0;
  if (!map) return true;
  if (split == DATA_SPLIT_TEST)
    return fields_fail(f, map->line, "augment changes what is trained on; what is tested on stays as it is");
  if (!FIELDS_KNOWN(f, map, "augment", "flip", "crop", "cutout")) return false;
  const struct yaml_node *word = yaml_get(map, "flip");
  if (word && !fields_choice(f, word, "flip", flips, FIELDS_COUNT(flips), NULL, 0, &flip)) return false;
  d->augment.flip_columns = flip & 1;
  d->augment.flip_rows = flip >> 1 & 1;
  return fields_u32(f, map, "crop", 0, INT16_MAX, &d->augment.crop) &&
         fields_u32(f, map, "cutout", 0, INT16_MAX, &d->augment.cutout);
}

bool jobfile_data(struct fields *f, const struct yaml_node *n, struct data_spec *d, enum data_split split) {
  static const char *const names[] = {"idx", "npy", "text", "tokens", "npz", "safetensors", "csv"};
  static const enum data_format formats[] = {DATA_IDX, DATA_NPY,         DATA_TEXT, DATA_TOKENS,
                                             DATA_NPZ, DATA_SAFETENSORS, DATA_CSV};
  *d = (struct data_spec){.split = split, .line = n->line};
  if (!FIELDS_KNOWN(f, n, "data", "format", "inputs", "targets", "scale", "dataset", "split", "file", "context",
                    "stride", "range", "dtype", "separator", "normalize", "augment"))
    return false;
  const struct yaml_node *format = yaml_get(n, "format"), *dataset = yaml_get(n, "dataset");
  uint32_t choice = 0;
  if (!format == !dataset)
    return fields_fail(f, n->line, "data needs either 'format' with files, or 'dataset' with the name of a known set");
  if (format && !fields_choice(f, format, "format", names, FIELDS_COUNT(names), NULL, 0, &choice)) return false;
  if (format) d->format = formats[choice];
  if (d->format == DATA_TEXT || d->format == DATA_TOKENS) return read_text(f, n, d);
  if (!format) {
    if (!read_named(f, n, d, split)) return false;
  } else if (d->format == DATA_NPZ || d->format == DATA_SAFETENSORS || d->format == DATA_CSV) {
    if (!read_archive(f, n, d)) return false;
  } else if (!FIELDS_KNOWN(f, n, "data of format idx or npy", "format", "inputs", "targets", "scale", "normalize",
                           "augment") ||
             !read_files(f, n, d)) {
    return false;
  }
  return fields_f32(f, n, "scale", FLT_MIN, FLT_MAX, false, &d->scale) && read_normalize(f, n, &d->normalize) &&
         read_augment(f, n, d, split);
}
