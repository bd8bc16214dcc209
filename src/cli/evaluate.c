/* assay evaluate: loss and accuracy of a model file or of a run's last checkpoint. */
#include "training/run/evaluate.h"
#include "cli/command.h"
#include "cli/mark.h"
#include "cli/output.h"
#include "model/loss/loss.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum outcome run(const struct arguments *a) {
  const char *data = arguments_text(a, "data", NULL), *loss_name = arguments_text(a, "loss", "cross_entropy");
  enum loss_name loss = LOSS_CROSS_ENTROPY;
  while (loss < LOSS_OUTPUT && strcmp(loss_name, loss_word(loss)) != 0) loss++;
  if (loss == LOSS_OUTPUT) {
    complain("--loss is '%s'; there are cross_entropy, mse, l1, huber, smooth_l1 and bce_with_logits", loss_name);
    return OUTCOME_INPUT;
  }
  uint64_t threads = machine_threads();
  if (!arguments_number(a, "threads", 1, 256, &threads)) return OUTCOME_INPUT;
  struct stat st;
  bool folder = stat(a->operand[0], &st) == 0 && S_ISDIR(st.st_mode);
  if (!folder && !data) {
    complain("which data? Give --data, as in --data '{dataset: fashion-mnist, split: test}'");
    return OUTCOME_INPUT;
  }
  struct prepare_options options = {.data_folder = arguments_text(a, "data-folder", NULL),
                                    .threads = (uint32_t)threads};
  struct execute_options execute = {.pool = pool_open((uint32_t)threads)};
  struct evaluation e = {0};
  struct why why = {""};
  enum training_status status = folder ? evaluate_folder(a->operand[0], data, &options, &execute, &e, &why)
                                       : evaluate_model(a->operand[0], data, loss, &options, &execute, &e, &why);
  if (execute.pool) pool_shut(execute.pool);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
    return (enum outcome)status;
  }
  if (folder) mark_tell(a->operand[0]);
  if (arguments_given(a, "json"))
    output_json(json_pack("{s:o, s:o, s:o, s:I}", "loss", isfinite(e.loss) ? json_real((double)e.loss) : json_null(),
                          "accuracy", e.classes ? json_real((double)e.correct / e.count) : json_null(), "correct",
                          e.classes ? json_integer(e.correct) : json_null(), "samples", (json_int_t)e.count));
  else if (!e.classes)
    printf("loss      %.6f\nsamples   %" PRIu32 "\n", (double)e.loss, e.count);
  else
    printf("loss      %.6f\naccuracy  %.2f %% (%" PRIu32 " of %" PRIu32 ")\n", (double)e.loss, 100 * (double)e.accuracy,
           e.correct, e.count);
  return OUTCOME_DONE;
}

const struct command command_evaluate = {
    .name = "evaluate",
    .usage = "MODEL.onnx|DIR [--data SPEC] [--loss NAME]",
    .summary = "loss and accuracy of a model or of a run",
    .text = "SPEC is written as data.test in a job file: '{dataset: fashion-mnist, split: test}' or\n"
            "'{format: npy, inputs: x.npy, targets: y.npy}'. For a run's folder it may be left out: the job's own test "
            "set.\n"
            "Exit status: 0, 2 the model or the data cannot be read or do not fit together, 3 memory.",
    .option = {{"data", 0, "SPEC", "the data, as in a job file"},
               {"loss", 0, "NAME",
                "for a model file: cross_entropy (default), mse, l1, huber, smooth_l1, bce_with_logits"},
               {"data-folder", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"threads", 0, "N", "threads to compute with (all processors)"},
               {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
