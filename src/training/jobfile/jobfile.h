/* jobfile: the YAML that describes a job, checked key by key.
 *
 * Every mistake is named with its line: an unknown key with the nearest known one, a value this version does not
 * support with what it does support. Anchors, aliases, tags, duplicate keys and several documents are refused. Uses:
 * libyaml, literal, model/lower's option structs. */
#ifndef TRAINING_JOBFILE_H
#define TRAINING_JOBFILE_H
#include "base/arena.h"
#include "model/lower/lower.h"
#include "training/data/data.h"

enum { JOBFILE_BYTES_MAX = 1 << 20 };

/* Which counts of a schedule are epochs, as in `every: 10 epochs`; the others are updates. */
struct schedule_epochs {
  bool warmup, every, milestones;
};

/* Texts lie in the arena given to jobfile_read. Paths are as written, relative to the job file's folder. */
struct jobfile {
  const char *model;
  enum init_name init;
  struct data_spec train, test;
  bool has_test;
  struct loss_options loss;
  struct optimizer_options optimizer;
  struct schedule_options schedule;
  struct schedule_epochs schedule_epochs;    /* prepare turns them into updates */
  float clip_norm, clip_value, ema, dropout; /* 0: none; dropout < 0: as in the model */
  bool biased_variance;                      /* batch_norm: onnx */
  const char **train_only;                   /* train: [names], or NULL for auto */
  uint32_t train_only_count;
  const char **freeze;
  uint32_t freeze_count;
  uint32_t batch, epochs, updates; /* one of epochs, updates is 0 */
  uint32_t micro_batches;          /* divides batch */
  bool shuffle, drop_last;
  uint64_t seed;
  bool seed_given;
  uint8_t level;                                          /* verify: 1 spot, 2 standard, 3 strong, 4 full */
  uint16_t interval;                                      /* steps; 0: auto */
  uint32_t evaluate_every_epochs, evaluate_every_updates; /* both 0: never */
};

/* jobfile_read parses exactly length bytes. ERR_INPUT: why says "line 7: ...". */
enum training_status jobfile_read(const uint8_t *bytes, size_t length, struct arena *arena, struct jobfile *out,
                                  struct why *why);

/* jobfile_read_data parses one data specification alone, such as "{dataset: fashion-mnist, split: test}" (assay
 * evaluate --data). */
enum training_status jobfile_read_data(const char *text, struct arena *arena, struct data_spec *out, struct why *why);

#endif
