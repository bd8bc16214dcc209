#include "training/data/data.h"
#include "training/data/part.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Sets that a Debian package installs. */
static const struct named_set {
  const char *name, *package, *folder;
  const char *file[2][2]; /* [train, test][inputs, targets] */
  float scale;            /* 1/255, nearest */
} named_sets[] = {
    {"fashion-mnist",
     "dataset-fashion-mnist",
     "fashion-mnist",
     {{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"},
      {"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}},
     0x1.010102p-8f},
};

static const struct named_set *named_find(const char *name) {
  for (size_t i = 0; i < sizeof named_sets / sizeof *named_sets; i++)
    if (strcmp(named_sets[i].name, name) == 0) return &named_sets[i];
  return NULL;
}

void data_shut(struct data_set *set) {
  for (uint32_t k = 0; k < DATA_INPUTS_MAX; k++) {
    if (set->from_targets[k]) set->input[k] = (struct data_part){0}; /* lent */
    data_part_shut(&set->input[k]);
  }
  data_part_shut(&set->targets);
  set->samples = 0;
}

const char *data_name(const struct data_spec *spec) {
  return spec->dataset ? spec->dataset : spec->file ? spec->file : spec->input[0].name ? spec->input[0].name : "data";
}

/* The folder of a set that a package installs; folder is where it lies. */
static enum training_status named_folder_of(const struct data_spec *spec, const char *named_folder,
                                            char folder[FILE_PATH_MAX], struct why *why) {
  const struct named_set *named = named_find(spec->dataset);
  char inputs[FILE_PATH_MAX], targets[FILE_PATH_MAX];
  if (!named) {
    why_set(why, "line %" PRIu32 ": no data set is called '%s'; known: fashion-mnist", spec->line, spec->dataset);
    return TRAINING_ERR_INPUT;
  }
  /* --data names the folder with the files, or the one that holds a folder per set */
  bool fits = file_join(folder, named_folder ? named_folder : "/usr/share/datasets", named->folder);
  if (fits && named_folder && access(folder, F_OK) != 0) fits = file_join(folder, named_folder, "");
  if (!fits) folder[0] = 0;
  if (file_join(inputs, folder, named->file[spec->split][0]) &&
      file_join(targets, folder, named->file[spec->split][1]) && access(inputs, F_OK) == 0 &&
      access(targets, F_OK) == 0)
    return TRAINING_OK;
  why_set(why, "data set %s is not at %s; install it with: apt-get install %s, or name its folder with --data DIR",
          named->name, folder, named->package);
  return TRAINING_ERR_INPUT;
}

static enum training_status scale_of(const struct data_spec *spec, struct data_set *set, struct why *why) {
  bool bytes = false;
  set->scale = spec->scale != 0 ? spec->scale : 1;
  if (spec->format == DATA_NAMED && spec->scale == 0) set->scale = named_find(spec->dataset)->scale;
  for (uint32_t k = 0; k < set->inputs_count; k++) bytes |= set->input[k].dtype == TAPE_U8;
  if (spec->scale != 0 && !bytes) {
    why_set(why, "line %" PRIu32 ": scale is for u8 inputs; %s holds %s, so save them already scaled", spec->line,
            set->input[0].path, set->input[0].dtype == TAPE_F32 ? "floats" : "i32 integers");
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

/* What people should know about how a file was read; the first such file. */
static void note_form(struct data_set *set, const struct data_part *p, enum tensor_form form) {
  const char *words = form == TENSOR_F64                         ? "float64, rounded to float32"
                      : form == TENSOR_I64 || form == TENSOR_U64 ? "64-bit integers, read as int32"
                                                                 : NULL;
  if (words && !set->note[0]) snprintf(set->note, sizeof set->note, "%.200s: %s", p->path, words);
}

static enum training_status open_field(const struct data_spec *spec, const struct data_field *field, const char *folder,
                                       struct data_set *set, struct data_part *p, struct why *why) {
  char path[FILE_PATH_MAX];
  enum tensor_form form = TENSOR_F32;
  enum training_status status;
  if (!file_join(path, folder, spec->file ? spec->file : field->name)) {
    why_set(why, "line %" PRIu32 ": a data path is longer than %d bytes", spec->line, FILE_PATH_MAX);
    return TRAINING_ERR_INPUT;
  }
  if (spec->format == DATA_CSV)
    status = part_read_table(p, path, field, spec->has_targets ? &spec->targets : NULL, spec->separator, why);
  else if (spec->format == DATA_NPZ || spec->format == DATA_SAFETENSORS)
    status = part_read_member(p, path, spec->format, field->name, &form, why);
  else
    status = part_read(p, path, spec->format, &form, why);
  if (status == TRAINING_OK) note_form(set, p, form);
  return status;
}

/* Do both name the same array? */
static bool same_field(const struct data_field *a, const struct data_field *b) {
  if (a->name && b->name) return strcmp(a->name, b->name) == 0;
  bool same = a->columns && a->columns == b->columns && a->single == b->single;
  for (uint32_t k = 0; same && k < a->columns; k++) same = strcmp(a->column[k], b->column[k]) == 0;
  return same;
}

/* As many samples everywhere. */
static enum training_status same_samples(struct data_set *set, struct why *why) {
  const struct data_part *first = set->has_targets ? &set->targets : &set->input[0];
  for (uint32_t k = 0; k <= set->inputs_count; k++) {
    const struct data_part *p = k < set->inputs_count ? &set->input[k] : first;
    if (p->rank == 0) {
      why_set(why, "%s: a single number has no samples", p->path);
      return TRAINING_ERR_INPUT;
    }
    if (first->rank && p->dim[0] != first->dim[0]) {
      why_set(why, "%s has %" PRIu32 " samples, %s has %" PRIu32, p->path, p->dim[0], first->path, first->dim[0]);
      return TRAINING_ERR_INPUT;
    }
  }
  set->samples = first->dim[0];
  return TRAINING_OK;
}

enum training_status data_open(const struct data_spec *given, const char *folder, const char *named_folder,
                               struct data_set *out, struct why *why) {
  char set_folder[FILE_PATH_MAX];
  struct data_spec spec = *given;
  enum training_status status = TRAINING_OK;
  memset(out, 0, sizeof *out);
  if (spec.format == DATA_NAMED) {
    status = named_folder_of(&spec, named_folder, set_folder, why);
    if (status != TRAINING_OK) return status;
    spec.input[0].name = named_find(spec.dataset)->file[spec.split][0];
    spec.targets.name = named_find(spec.dataset)->file[spec.split][1];
    folder = set_folder;
  }
  if (spec.format == DATA_TEXT || spec.format == DATA_TOKENS) return text_open(&spec, folder, out, why);
  out->inputs_count = spec.inputs_count;
  out->has_targets = spec.has_targets;
  if (spec.has_targets) status = open_field(&spec, &spec.targets, folder, out, &out->targets, why);
  for (uint32_t k = 0; k < spec.inputs_count && status == TRAINING_OK; k++) {
    out->from_targets[k] = spec.has_targets && same_field(&spec.input[k], &spec.targets);
    if (out->from_targets[k])
      out->input[k] = out->targets;
    else
      status = open_field(&spec, &spec.input[k], folder, out, &out->input[k], why);
  }
  if (status == TRAINING_OK) status = same_samples(out, why);
  if (status == TRAINING_OK) status = scale_of(&spec, out, why);
  if (status != TRAINING_OK) data_shut(out);
  return status;
}

/* Word i of a text's tokens, or of the targets. */
static int32_t label_at(const struct data_part *t, bool pairs, uint64_t i) {
  const uint8_t *bytes = t->at;
  if (pairs) return bytes[2 * i] | bytes[2 * i + 1] << 8;
  return t->dtype == TAPE_U8 ? bytes[i] : ((const int32_t *)t->at)[i];
}

enum training_status data_rows_check(const struct data_set *set, uint32_t input, uint32_t rows, const char *table,
                                     struct why *why) {
  bool text = set->text.context != 0;
  const struct data_part *in = &set->input[text ? 0 : input];
  if (in->dtype == TAPE_F32) return TRAINING_OK; /* the model's own type says what to do with floats */
  uint64_t elements = text ? set->text.tokens : in->bytes / tape_dtype_bytes(in->dtype);
  for (uint64_t i = 0; i < elements; i++) {
    int64_t row = label_at(in, text && set->text.pairs, i);
    if (row >= -(int64_t)rows && row < rows) continue;
    why_set(why,
            "%s: %s %" PRIu64 " is %" PRId64 ", and the model looks it up in '%.80s', which has %" PRIu32
            " rows, 0 to %" PRIu32,
            in->path, text ? "token" : "number", i, row, table, rows, rows - 1);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

enum training_status data_classes_check(const struct data_set *set, uint32_t classes, int32_t ignore_index,
                                        struct why *why) {
  bool text = set->text.context != 0;
  const struct data_part *t = text ? &set->input[0] : &set->targets;
  if (t->dtype == TAPE_F32) {
    why_set(why,
            "%s holds floats; cross_entropy takes integer classes (in NumPy: .astype(\"int64\"); of a distribution "
            "over classes, its argmax)",
            t->path);
    return TRAINING_ERR_INPUT;
  }
  uint64_t elements = text ? set->text.tokens : t->bytes / tape_dtype_bytes(t->dtype);
  for (uint64_t i = 0; i < elements; i++) {
    int32_t label = label_at(t, set->text.pairs, i);
    if (label == ignore_index || (label >= 0 && (uint32_t)label < classes)) continue;
    why_set(why, "%s: %s %" PRIu64 " is %" PRId32 "; the model has %" PRIu32 " classes, 0 to %" PRIu32, t->path,
            text ? "token" : "label", i, label, classes, classes - 1);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}
