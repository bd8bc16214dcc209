#define _DEFAULT_SOURCE
#include "training/run/evaluate.h"
#include "training/file/machine.h"
#include "training/run/folder.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The job that evaluating is: the weights as in the file, one update that is never run, the set to evaluate as test
 * set. */
static enum training_status prepare_evaluation(struct prepared *p, const char *onnx_path, const char *data_text,
                                               const struct loss_options *loss, const struct prepare_options *options,
                                               struct why *why) {
  struct jobfile *j = &p->jobfile;
  if (!prepare_begin(p)) {
    why_set(why, "not enough address space to read a model");
    return TRAINING_ERR_SYSTEM;
  }
  memcpy(p->job_folder, ".", 2);
  p->job_name = "--data";
  j->model = onnx_path;
  j->has_test = true;
  j->loss = *loss;
  j->optimizer.name = OPTIMIZER_SGD;
  j->dropout = -1;
  j->updates = 1;
  j->drop_last = true; /* of the update that is never run */
  j->evaluate_every_updates = 1;
  enum training_status status = jobfile_read_data(data_text, &p->arena, &j->test, why);
  if (status != TRAINING_OK) {
    why_before(why, "--data: ");
    return status;
  }
  j->train = j->test;
  return prepare_jobfile(p, options, why);
}

enum training_status evaluate_state(const struct prepared *p, const uint8_t *state,
                                    const struct execute_options *execute, struct evaluation *out, struct why *why) {
  struct execute_options here = *execute;
  struct pool *pool = here.pool ? NULL : pool_open(machine_threads());
  if (pool) here.pool = pool;
  uint8_t *own = aligned_alloc(64, p->state_bytes), *scratch = aligned_alloc(64, p->state_bytes);
  struct execute *x = NULL;
  enum training_status status = TRAINING_OK;
  if (!own || !scratch) {
    why_set(why, "not enough memory for the state");
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK && !state) {
    memset(own, 0, p->state_bytes);
    status = prepare_execute(p, TAPE_OF_INIT, &here, &x, why);
    if (status == TRAINING_OK) execute_step(x, own, 0, p->job.seed);
    if (x) execute_shut(x);
    x = NULL;
  }
  if (status == TRAINING_OK) status = prepare_execute(p, TAPE_OF_EVALUATE, &here, &x, why);
  if (status == TRAINING_OK) prepare_evaluate(p, x, state ? state : own, scratch, out);
  if (x) execute_shut(x);
  if (pool) pool_shut(pool);
  free(own);
  free(scratch);
  return status;
}

static enum training_status evaluate_with(const char *onnx_path, const char *data_text, const struct loss_options *loss,
                                          const struct prepare_options *options, const struct execute_options *execute,
                                          struct evaluation *out, struct why *why) {
  struct prepared *p = calloc(1, sizeof *p);
  if (!p) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = prepare_evaluation(p, onnx_path, data_text, loss, options, why);
  if (status == TRAINING_OK) status = prepare_fits(p, execute, why);
  if (status == TRAINING_OK) status = evaluate_state(p, NULL, execute, out, why);
  prepare_shut(p);
  free(p);
  return status;
}

enum training_status evaluate_model(const char *onnx_path, const char *data_text, enum loss_name loss,
                                    const struct prepare_options *options, const struct execute_options *execute,
                                    struct evaluation *out, struct why *why) {
  struct loss_options l = {.name = loss, .ignore_index = -100, .delta = 1};
  return evaluate_with(onnx_path, data_text, &l, options, execute, out, why);
}

enum training_status evaluate_folder(const char *folder, const char *data_text, const struct prepare_options *options,
                                     const struct execute_options *execute, struct evaluation *out, struct why *why) {
  char path[FILE_PATH_MAX];
  struct prepared *p = calloc(1, sizeof *p);
  uint8_t *state = NULL;
  if (!p) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = folder_last_state(folder, options, p, &state, why);
  if (status == TRAINING_OK && data_text) {
    struct loss_options loss = p->options.loss;
    if (!file_join(path, folder, "model.onnx") || access(path, F_OK) != 0) {
      why_set(why,
              "%s has no model.onnx, which a run gets when it ends; assay export --onnx FILE writes one from its last "
              "checkpoint",
              folder);
      status = TRAINING_ERR_INPUT;
    } else {
      status = evaluate_with(path, data_text, &loss, options, execute, out, why);
    }
  } else if (status == TRAINING_OK && !p->lowered.evaluates) {
    why_set(why, "%s: the job has no test set; name one with --data", folder);
    status = TRAINING_ERR_INPUT;
  } else if (status == TRAINING_OK) {
    status = evaluate_state(p, state, execute, out, why);
  }
  free(state);
  prepare_shut(p);
  free(p);
  return status;
}
