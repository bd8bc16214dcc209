/* data: a data set of a job: inputs and targets, checked against each other, in memory for the executor.
 *
 * Plain files whose bytes already are what the tape reads stay mapped; gzip and other forms are converted once. Uses:
 * file, tensor, the limits of model/lower. */
#ifndef TRAINING_DATA_H
#define TRAINING_DATA_H
#include "base/arena.h"
#include "model/lower/lower.h"
#include "training/data/tensor.h"
#include "training/file/file.h"

enum data_format { DATA_IDX, DATA_NPY, DATA_NAMED, DATA_TEXT, DATA_TOKENS, DATA_NPZ, DATA_SAFETENSORS, DATA_CSV };
enum data_split { DATA_SPLIT_TRAIN, DATA_SPLIT_TEST };
enum { DATA_INPUTS_MAX = LOWER_INPUTS_MAX };

/* One array of a set, as the job file names it. */
struct data_field {
  const char *input;         /* the model input that it was given for by name, or NULL */
  const char *name;          /* IDX, NPY: a path as written; NPZ, SAFETENSORS: an array of the file; else NULL */
  const char *const *column; /* CSV: [rows, columns]; `*` alone: all but those of the targets */
  uint32_t columns;
  bool single; /* CSV: written without a list, [rows] */
};

/* What the job file says. Texts live with the job file's arena. */
struct data_spec {
  enum data_format format;
  struct data_field input[DATA_INPUTS_MAX], targets;
  uint32_t inputs_count;
  bool has_targets;
  const char *file;      /* TEXT, TOKENS, NPZ, SAFETENSORS, CSV: the path as written */
  char separator;        /* CSV */
  const char *dataset;   /* NAMED */
  enum data_split split; /* NAMED */
  float scale;           /* u8 inputs are multiplied by it; 0 when the job file says nothing */
  uint32_t line;         /* of the job file, for messages */
  /* TEXT, TOKENS: windows of `context` tokens every `stride`; the part that is used, in millionths; the type of numbers
   * in a file that does not say it. Then input[0] and targets name model inputs only. */
  uint32_t context, stride, range[2];
  enum tensor_form dtype;
  bool has_dtype;
  struct sample_normalize normalize; /* of input[0]; mean NULL: none */
  struct sample_augment augment;
};

struct data_part {
  uint8_t dtype;                       /* TAPE_F32, TAPE_I32, TAPE_U8 */
  uint32_t rank, dim[TENSOR_RANK_MAX]; /* dim[0] = samples */
  const void *at;
  uint64_t bytes;
  char path[FILE_PATH_MAX];
  struct file_bytes file; /* private */
  void *converted;        /* private */
};

/* input[k] is what spec->input[k] names. An input that names what the targets name is no second copy: from_targets[k]
 * is set and input[k] describes the targets' bytes without owning them. */
struct data_set {
  uint32_t samples, inputs_count;
  float scale; /* resolved: 1 when nothing was said; 1/255 for named image sets */
  struct data_part input[DATA_INPUTS_MAX], targets;
  bool from_targets[DATA_INPUTS_MAX], has_targets;
  struct sample_text text; /* context 0: no text. Else input[0] is its tokens, and there are no targets beside them */
  char note[256];          /* "" or what was converted, for people */
};

/* data_name: what a specification reads, in a word for people: its first file or its set. */
const char *data_name(const struct data_spec *spec);

/* data_open reads one set. folder: where relative paths start. named_folder: --data, or NULL for /usr/share/datasets.
 * Refuses: missing files (and names the Debian package of a named set), sample counts that differ, NaN or infinity,
 * sizes beyond TAPE 1.3. On error nothing stays open. */
enum training_status data_open(const struct data_spec *spec, const char *folder, const char *named_folder,
                               struct data_set *out, struct why *why);
void data_shut(struct data_set *set);

/* data_classes_check: every target is an integer in [0, classes) or ignore_index; ERR_INPUT names file and index of the
 * first that is not. */
enum training_status data_classes_check(const struct data_set *set, uint32_t classes, int32_t ignore_index,
                                        struct why *why);

/* data_rows_check: every whole number that feeds model input `input` is a row of a table of `rows` rows, counted from
 * either end as ONNX's Gather does; ERR_INPUT names file, place and table of the first that is not. Floats pass. */
enum training_status data_rows_check(const struct data_set *set, uint32_t input, uint32_t rows, const char *table,
                                     struct why *why);

/* data_load_npy and data_save_npy: one array, for `infer`. at is released with data_part_shut. */
enum training_status data_load_npy(const char *path, struct data_part *out, struct why *why);
void data_part_shut(struct data_part *p);
enum training_status data_save_npy(const char *path, uint8_t dtype, uint32_t rank, const uint32_t *dim, const void *at,
                                   struct why *why);

#endif
