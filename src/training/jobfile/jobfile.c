#include "training/jobfile/jobfile.h"
#include "training/jobfile/data.h"
#include "training/jobfile/recipe.h"
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LEVEL_STANDARD = 2 };

/* "1 epoch", "5 epochs", "200 updates" */
static bool read_evaluate(struct fields *f, const struct yaml_node *n, struct jobfile *j) {
  if (!FIELDS_KNOWN(f, n, "evaluate", "every")) return false;
  const struct yaml_node *every = yaml_get(n, "every");
  if (!every || every->kind != YAML_SCALAR)
    return fields_fail(f, n->line, "evaluate: say how often, as {every: 1 epoch} or {every: 200 updates}");
  const char *unit = every->text;
  uint64_t count = 0;
  for (; *unit >= '0' && *unit <= '9' && count < UINT32_MAX; unit++) count = 10 * count + (uint64_t)(*unit - '0');
  bool space = *unit == ' ';
  while (*unit == ' ') unit++;
  bool epochs = strcmp(unit, "epoch") == 0 || strcmp(unit, "epochs") == 0;
  bool updates = strcmp(unit, "update") == 0 || strcmp(unit, "updates") == 0;
  if (!space || count == 0 || count > INT32_MAX || (!epochs && !updates))
    return fields_fail(f, every->line, "every: '%.40s' is not of the form '1 epoch' or '200 updates'", every->text);
  j->evaluate_every_epochs = epochs ? (uint32_t)count : 0;
  j->evaluate_every_updates = updates ? (uint32_t)count : 0;
  return true;
}

static bool word_is(const struct yaml_node *n, const char *word) {
  return n && n->kind == YAML_SCALAR && strcmp(n->text, word) == 0;
}

static bool read_length(struct fields *f, const struct yaml_node *root, struct jobfile *j) {
  const struct yaml_node *micro = yaml_get(root, "micro_batches"), *interval = yaml_get(root, "interval");
  if (!fields_u32(f, root, "batch", 1, INT32_MAX, &j->batch) ||
      !fields_u32(f, root, "epochs", 1, INT32_MAX, &j->epochs) ||
      !fields_u32(f, root, "updates", 1, INT32_MAX - 1, &j->updates))
    return false;
  if (j->batch == 0) return fields_fail(f, root->line, "key 'batch' is missing: samples per update, as batch: 128");
  if (!j->epochs == !j->updates)
    return fields_fail(f, j->updates ? yaml_get(root, "updates")->line : root->line,
                       "give either 'epochs' or 'updates'%s: how long to train", j->updates ? ", not both" : "");
  if (!fields_u32(f, root, "micro_batches", 1, INT32_MAX, &j->micro_batches)) return false;
  if (j->batch % j->micro_batches)
    return fields_fail(f, micro->line, "micro_batches: %" PRIu32 " do not divide a batch of %" PRIu32, j->micro_batches,
                       j->batch);
  uint32_t steps = 0;
  if (interval && !word_is(interval, "auto") && !fields_u32(f, root, "interval", 1, 256, &steps)) return false;
  j->interval = (uint16_t)steps;
  return true;
}

static bool read_clip_value(struct fields *f, const struct yaml_node *root, struct jobfile *j) {
  const struct yaml_node *clip = yaml_get(root, "clip_value"), *ema = yaml_get(root, "ema");
  if (word_is(clip, "0"))
    return fields_fail(f, clip->line, "clip_value: 0 would leave nothing of the gradient; write none for no clipping");
  if (clip && !word_is(clip, "none") && !fields_f32_of(f, clip, "clip_value", FLT_MIN, FLT_MAX, false, &j->clip_value))
    return false;
  if (j->clip_norm > 0 && j->clip_value > 0)
    return fields_fail(f, clip->line, "give either 'clip_norm' or 'clip_value', not both");
  return !ema || word_is(ema, "none") || fields_f32_of(f, ema, "ema", 0, 1, true, &j->ema);
}

static bool read_training(struct fields *f, const struct yaml_node *root, struct jobfile *j) {
  static const char *const inits[] = {"model", "seed"};
  static const char *const norms[] = {"pytorch", "onnx"};
  static const char *const levels[] = {"spot", "standard", "strong", "full"};
  const struct yaml_node *init = yaml_get(root, "init"), *train = yaml_get(root, "train"),
                         *dropout = yaml_get(root, "dropout"), *norm = yaml_get(root, "batch_norm");
  const struct yaml_node *verify = yaml_get(root, "verify"), *clip = yaml_get(root, "clip_norm");
  uint32_t choice = 0;
  if (init && !fields_choice(f, init, "init", inits, 2, NULL, 0, &choice)) return false;
  j->init = choice == 0 ? INIT_MODEL : INIT_SEED;
  if (verify && !fields_choice(f, verify, "verify", levels, 4, NULL, 0, &choice)) return false;
  if (verify) j->level = (uint8_t)(choice + 1);
  j->seed_given = yaml_get(root, "seed") != NULL;
  if (word_is(clip, "0"))
    return fields_fail(f, clip->line, "clip_norm: 0 would leave nothing of the gradient; write none for no clipping");
  if (clip && !word_is(clip, "none") && !fields_f32_of(f, clip, "clip_norm", FLT_MIN, FLT_MAX, false, &j->clip_norm))
    return false;
  if (!read_clip_value(f, root, j)) return false;
  if (dropout && !word_is(dropout, "model") && !fields_f32_of(f, dropout, "dropout", 0, 1, true, &j->dropout))
    return false;
  if (norm && !fields_choice(f, norm, "batch_norm", norms, 2, NULL, 0, &choice)) return false;
  j->biased_variance = norm && choice == 1;
  if (train && !word_is(train, "auto") && !fields_texts(f, root, "train", &j->train_only, &j->train_only_count))
    return false;
  if (train && j->train_only && j->train_only_count == 0)
    return fields_fail(f, train->line, "train: the list is empty");
  if (j->train_only && yaml_get(root, "freeze"))
    return fields_fail(f, train->line, "give either 'train' as a list or 'freeze', not both");
  return fields_texts(f, root, "freeze", &j->freeze, &j->freeze_count) &&
         fields_bool(f, root, "shuffle", &j->shuffle) && fields_bool(f, root, "drop_last", &j->drop_last) &&
         fields_u64(f, root, "seed", 0, UINT64_MAX, &j->seed);
}

static bool read_job(struct fields *f, const struct yaml_node *root, struct jobfile *j) {
  static const char *const needed[] = {"assay", "model", "data", "loss", "optimizer"};
  if (!FIELDS_KNOWN(f, root, "the job file", "assay", "model", "init", "data", "loss", "optimizer", "schedule",
                    "clip_norm", "clip_value", "ema", "dropout", "batch_norm", "train", "freeze", "batch",
                    "micro_batches", "epochs", "updates", "shuffle", "drop_last", "seed", "interval", "evaluate",
                    "verify"))
    return false;
  for (uint32_t i = 0; i < FIELDS_COUNT(needed); i++)
    if (!yaml_get(root, needed[i])) return fields_fail(f, root->line, "key '%s' is missing", needed[i]);
  if (!word_is(yaml_get(root, "assay"), "1"))
    return fields_fail(f, yaml_get(root, "assay")->line, "assay: this version reads job files of format 1");
  const struct yaml_node *data = yaml_get(root, "data"), *schedule = yaml_get(root, "schedule");
  const struct yaml_node *evaluate = yaml_get(root, "evaluate");
  if (!fields_text(f, root, "model", &j->model) || !FIELDS_KNOWN(f, data, "data", "train", "test")) return false;
  const struct yaml_node *train = yaml_get(data, "train"), *test = yaml_get(data, "test");
  if (!train) return fields_fail(f, data->line, "data: key 'train' is missing");
  j->has_test = test != NULL;
  if (!jobfile_data(f, train, &j->train, DATA_SPLIT_TRAIN) ||
      (test && !jobfile_data(f, test, &j->test, DATA_SPLIT_TEST)) ||
      !recipe_loss(f, yaml_get(root, "loss"), &j->loss) ||
      !recipe_optimizer(f, yaml_get(root, "optimizer"), &j->optimizer) ||
      (schedule && !recipe_schedule(f, schedule, &j->schedule, &j->schedule_epochs)) || !read_training(f, root, j) ||
      !read_length(f, root, j))
    return false;
  if (evaluate && !test) return fields_fail(f, evaluate->line, "evaluate needs a test set: add 'test' to 'data'");
  j->evaluate_every_epochs = test != NULL;
  return !evaluate || read_evaluate(f, evaluate, j);
}

static enum training_status read_with(const uint8_t *bytes, size_t length, struct arena *arena, void *out,
                                      bool (*read)(struct fields *, const struct yaml_node *, void *),
                                      struct why *why) {
  if (length > JOBFILE_BYTES_MAX) {
    why_set(why, "%zu bytes; a job file has at most %d", length, JOBFILE_BYTES_MAX);
    return TRAINING_ERR_INPUT;
  }
  struct yaml_node *root;
  enum training_status status = yaml_read(bytes, length, arena, &root, why);
  if (status != TRAINING_OK) return status;
  struct fields f = {.arena = arena, .why = why};
  return read(&f, root, out) ? TRAINING_OK : TRAINING_ERR_INPUT;
}

static bool read_whole(struct fields *f, const struct yaml_node *root, void *out) {
  struct jobfile j = {.micro_batches = 1, .dropout = -1, .shuffle = true, .drop_last = true, .level = LEVEL_STANDARD};
  if (!read_job(f, root, &j)) return false;
  *(struct jobfile *)out = j;
  return true;
}

static bool read_one_data(struct fields *f, const struct yaml_node *root, void *out) {
  struct data_spec d;
  if (!jobfile_data(f, root, &d, DATA_SPLIT_TEST)) return false;
  *(struct data_spec *)out = d;
  return true;
}

enum training_status jobfile_read(const uint8_t *bytes, size_t length, struct arena *arena, struct jobfile *out,
                                  struct why *why) {
  return read_with(bytes, length, arena, out, read_whole, why);
}

enum training_status jobfile_read_data(const char *text, struct arena *arena, struct data_spec *out, struct why *why) {
  return read_with((const uint8_t *)text, strlen(text), arena, out, read_one_data, why);
}
