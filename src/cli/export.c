/* assay export: the trained model of a run as files for other programs. */
#include "training/run/export.h"
#include "cli/command.h"
#include "cli/mark.h"
#include "cli/output.h"
#include "training/run/bundle.h"
#include <stdio.h>

static enum outcome run(const struct arguments *a) {
  const char *onnx = arguments_text(a, "onnx", NULL), *tensors = arguments_text(a, "safetensors", NULL),
             *bundle = arguments_text(a, "bundle", NULL);
  if (!onnx && !tensors && !bundle) {
    complain("say what to write: --onnx FILE, --safetensors FILE or --bundle FILE");
    return OUTCOME_INPUT;
  }
  struct prepare_options options = {.data_folder = arguments_text(a, "data", NULL),
                                    .job_folder = arguments_text(a, "job-folder", NULL)};
  struct why why = {""};
  enum training_status status = TRAINING_OK;
  if (onnx || tensors)
    status = export_folder(a->operand[0], &options, onnx, tensors, arguments_given(a, "force"), &why);
  if (status == TRAINING_OK && bundle) status = bundle_folder(a->operand[0], &options, bundle, &why);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
    return (enum outcome)status;
  }
  mark_tell(a->operand[0]);
  const char *const written[] = {onnx, tensors, bundle};
  for (int i = 0; i < 3; i++)
    if (written[i]) printf("wrote %s\n", written[i]);
  return OUTCOME_DONE;
}

const struct command command_export = {
    .name = "export",
    .usage = "DIR [--onnx FILE] [--safetensors FILE] [--bundle FILE] [--force]",
    .summary = "writes the trained model of a run for other programs",
    .text = "Takes the weights from the last checkpoint of DIR.\n"
            "Exit status: 0, 2 DIR cannot be read or FILE exists, 3 disk.",
    .option = {{"onnx", 0, "FILE", "the submitted model with the trained weights"},
               {"safetensors", 0, "FILE", "the weights alone"},
               {"bundle", 0, "FILE",
                "tapes, data and roots in one file, to replay the run on a machine without libraries"},
               {"force", 0, NULL, "overwrites FILE"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"job-folder", 0, "DIR", "where the job's relative paths start, when the model or the data have moved"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
