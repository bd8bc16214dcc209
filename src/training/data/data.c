#include "training/data/data.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t file_bytes_max = (uint64_t)TAPE_LEAVES_MAX * TAPE_LEAF_BYTES;

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

void data_part_shut(struct data_part *p) {
  file_unmap(&p->file);
  free(p->converted);
  *p = (struct data_part){0};
}

void data_shut(struct data_set *set) {
  data_part_shut(&set->inputs);
  data_part_shut(&set->targets);
  set->samples = 0;
}

/* From parsed bytes to what the tape reads; fills dtype, at, bytes. */
static enum training_status part_settle(struct data_part *p, const struct tensor_source *s, struct why *why) {
  p->dtype = tensor_dtype(s->form);
  p->rank = s->rank;
  memcpy(p->dim, s->dim, sizeof s->dim);
  p->bytes = s->elements * tape_dtype_bytes(p->dtype);
  if (tape_leaves(p->dtype, s->elements) > TAPE_LEAVES_MAX) {
    why_set(why, "%" PRIu64 " bytes; a data tensor holds at most 32 GiB", p->bytes);
    return TRAINING_ERR_INPUT;
  }
  if (tensor_in_place(s)) {
    p->at = s->at;
    return TRAINING_OK;
  }
  if (p->bytes > machine_memory_available() || !(p->converted = malloc(p->bytes))) {
    why_set(why, "not enough memory for its %" PRIu64 " bytes", p->bytes);
    return TRAINING_ERR_SYSTEM;
  }
  p->at = p->converted;
  return tensor_convert(s, p->converted, why);
}

static enum training_status part_open(struct data_part *p, const char *path, enum data_format format,
                                      enum tensor_form *form, struct why *why) {
  *p = (struct data_part){0};
  snprintf(p->path, sizeof p->path, "%s", path);
  struct tensor_source s = {0};
  enum training_status status = format == DATA_NPY ? file_map(path, file_bytes_max, &p->file, why)
                                                   : file_map_gzip(path, file_bytes_max, idx_expect, &p->file, why);
  if (status != TRAINING_OK) return status;
  status = format == DATA_NPY ? npy_parse(p->file.bytes, p->file.length, &s, why)
                              : idx_parse(p->file.bytes, p->file.length, &s, why);
  if (status == TRAINING_OK) status = part_settle(p, &s, why);
  if (status == TRAINING_OK && p->dtype == TAPE_F32) status = tensor_finite(p->at, p->rank, p->dim, why);
  if (status != TRAINING_OK) {
    why_before(why, "%s: ", path);
    data_part_shut(p);
    return status;
  }
  *form = s.form;
  if (p->converted) file_unmap(&p->file);
  return TRAINING_OK;
}

static enum training_status paths_of(const struct data_spec *spec, const char *folder, const char *named_folder,
                                     char inputs[FILE_PATH_MAX], char targets[FILE_PATH_MAX], struct why *why) {
  const struct named_set *named = NULL;
  char set_folder[FILE_PATH_MAX];
  const char *input_name = spec->inputs, *target_name = spec->targets;
  if (spec->format == DATA_NAMED) {
    named = named_find(spec->dataset);
    if (!named) {
      why_set(why, "line %" PRIu32 ": no data set is called '%s'; known: fashion-mnist", spec->line, spec->dataset);
      return TRAINING_ERR_INPUT;
    }
    input_name = named->file[spec->split][0];
    target_name = named->file[spec->split][1];
    /* --data names the folder with the files, or the one that holds a folder per set */
    bool fits = file_join(set_folder, named_folder ? named_folder : "/usr/share/datasets", named->folder);
    if (fits && named_folder && access(set_folder, F_OK) != 0) fits = file_join(set_folder, named_folder, "");
    if (!fits) set_folder[0] = 0;
    folder = set_folder;
  }
  if (!file_join(inputs, folder, input_name) || !file_join(targets, folder, target_name)) {
    why_set(why, "line %" PRIu32 ": a data path is longer than %d bytes", spec->line, FILE_PATH_MAX);
    return TRAINING_ERR_INPUT;
  }
  if (named && (access(inputs, F_OK) != 0 || access(targets, F_OK) != 0)) {
    why_set(why, "data set %s is not at %s; install it with: apt-get install %s, or name its folder with --data DIR",
            named->name, folder, named->package);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

static enum training_status scale_of(const struct data_spec *spec, struct data_set *set, struct why *why) {
  set->scale = spec->scale != 0 ? spec->scale : 1;
  if (spec->format == DATA_NAMED && spec->scale == 0) set->scale = named_find(spec->dataset)->scale;
  if (spec->scale != 0 && set->inputs.dtype != TAPE_U8) {
    why_set(why, "line %" PRIu32 ": scale is for u8 inputs; %s holds %s, so save them already scaled", spec->line,
            set->inputs.path, set->inputs.dtype == TAPE_F32 ? "floats" : "i32 integers");
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

enum training_status data_open(const struct data_spec *spec, const char *folder, const char *named_folder,
                               struct data_set *out, struct why *why) {
  char inputs[FILE_PATH_MAX], targets[FILE_PATH_MAX];
  enum tensor_form form[2];
  memset(out, 0, sizeof *out);
  enum training_status status = paths_of(spec, folder, named_folder, inputs, targets, why);
  if (status == TRAINING_OK) status = part_open(&out->inputs, inputs, spec->format, &form[0], why);
  if (status == TRAINING_OK) status = part_open(&out->targets, targets, spec->format, &form[1], why);
  if (status == TRAINING_OK && (out->inputs.rank == 0 || out->targets.rank == 0)) {
    why_set(why, "%s: a single number has no samples", out->inputs.rank == 0 ? inputs : targets);
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK && out->inputs.dim[0] != out->targets.dim[0]) {
    why_set(why, "%s has %" PRIu32 " samples, %s has %" PRIu32, inputs, out->inputs.dim[0], targets,
            out->targets.dim[0]);
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK) status = scale_of(spec, out, why);
  if (status != TRAINING_OK) {
    data_shut(out);
    return status;
  }
  out->samples = out->inputs.dim[0];
  const char *rounded = form[0] == TENSOR_F64 ? inputs : form[1] == TENSOR_F64 ? targets : NULL;
  if (rounded) snprintf(out->note, sizeof out->note, "%.200s: float64, rounded to float32", rounded);
  return TRAINING_OK;
}

enum training_status data_classes_check(const struct data_set *set, uint32_t classes, int32_t ignore_index,
                                        struct why *why) {
  const struct data_part *t = &set->targets;
  if (t->dtype == TAPE_F32) {
    why_set(why, "%s holds floats; cross_entropy takes integer classes", t->path);
    return TRAINING_ERR_INPUT;
  }
  uint64_t elements = t->bytes / tape_dtype_bytes(t->dtype);
  for (uint64_t i = 0; i < elements; i++) {
    int32_t label = t->dtype == TAPE_U8 ? ((const uint8_t *)t->at)[i] : ((const int32_t *)t->at)[i];
    if (label == ignore_index || (label >= 0 && (uint32_t)label < classes)) continue;
    why_set(why, "%s: label %" PRIu64 " is %" PRId32 "; the model has %" PRIu32 " classes, 0 to %" PRIu32, t->path, i,
            label, classes, classes - 1);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

enum training_status data_load_npy(const char *path, struct data_part *out, struct why *why) {
  struct data_part p = {0};
  struct tensor_source s = {0};
  snprintf(p.path, sizeof p.path, "%s", path);
  enum training_status status = file_map(path, file_bytes_max, &p.file, why);
  if (status != TRAINING_OK) return status;
  status = npy_parse(p.file.bytes, p.file.length, &s, why);
  if (status == TRAINING_OK) status = part_settle(&p, &s, why);
  if (status != TRAINING_OK) {
    why_before(why, "%s: ", path);
    data_part_shut(&p);
    return status;
  }
  *out = p;
  return TRAINING_OK;
}

enum training_status data_save_npy(const char *path, uint8_t dtype, uint32_t rank, const uint32_t *dim, const void *at,
                                   struct why *why) {
  uint64_t bytes = tape_dtype_bytes(dtype);
  for (uint32_t d = 0; d < rank; d++) bytes *= dim[d];
  uint8_t *whole = malloc(bytes + 512);
  size_t head = whole ? npy_header(dtype, rank, dim, whole, 512) : 0;
  if (head == 0) {
    free(whole);
    why_set(why, "%s: not enough memory to write it", path);
    return TRAINING_ERR_SYSTEM;
  }
  memcpy(whole + head, at, bytes);
  enum training_status status = file_replace(path, whole, head + bytes, why);
  free(whole);
  return status;
}
