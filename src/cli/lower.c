/* assay lower: redoes the lowering of a run and compares tape roots. */
#include "cli/command.h"
#include "cli/output.h"
#include "training/verify/verify.h"
#include <inttypes.h>
#include <stdio.h>

static enum outcome run(const struct arguments *a) {
  if (!arguments_given(a, "check")) {
    complain("say what to do: assay lower --check DIR redoes the lowering and compares");
    return OUTCOME_INPUT;
  }
  struct prepare_options options = {.data_folder = arguments_text(a, "data", NULL),
                                    .job_folder = arguments_text(a, "job-folder", NULL)};
  static struct verify_result result; /* large */
  struct why why = {""};
  enum training_status status = verify_lowering(a->operand[0], &options, &result, &why);
  bool answered = status == TRAINING_OK || result.findings_count > 0, json = arguments_given(a, "json");
  if (!answered) complain("%s", why.text);
  if (answered && json) {
    json_t *findings = json_array();
    for (uint32_t i = 0; i < result.findings_count; i++)
      json_array_append_new(findings, json_string(result.finding[i].text));
    output_json(json_pack("{s:b, s:I, s:o}", "agree", status == TRAINING_OK, "tapes", (json_int_t)result.files_checked,
                          "findings", findings));
  } else if (answered) {
    for (uint32_t i = 0; i < result.findings_count; i++) puts(result.finding[i].text);
    if (status == TRAINING_OK) puts("agree: the model and the job file lower to the committed tapes");
  }
  verify_shut(&result);
  return (enum outcome)status;
}

const struct command command_lower = {
    .name = "lower",
    .usage = "--check DIR",
    .summary = "redoes the lowering of a run and compares tape roots",
    .text = "Lowering is a pure, numbered function of the model and the job file, so anyone can redo it.\n"
            "Exit status: 0 the roots agree, 1 they differ, 2 the folder, the model or the data cannot be read.",
    .option = {{"check", 0, NULL, "compares, and changes nothing"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"job-folder", 0, "DIR", "where the job's relative paths start, when the model or the data have moved"},
               {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
