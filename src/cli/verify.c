/* assay verify: computes intervals of a run again and compares roots. */
#include "training/verify/verify.h"
#include "cli/command.h"
#include "cli/mark.h"
#include "cli/output.h"
#include "cli/progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { INTERVALS_DEFAULT = 3 };

static void show(void *context, uint32_t interval, uint32_t done, uint32_t planned) {
  struct progress *p = context;
  char figures[48];
  p->total = planned; /* known now; the clock runs since the start */
  snprintf(figures, sizeof figures, "number %" PRIu32, interval);
  progress_show(p, done, figures);
}

static const char *outcome_word(enum verify_outcome o) {
  switch (o) {
  case VERIFY_AGREE: return "agree";
  case VERIFY_DIFFER: return "differ";
  case VERIFY_DAMAGED: return "damaged";
  }
  return "";
}

/* A damaged file's bytes, and names cut in the middle of a character, are no UTF-8; the answer must come all the same.
 */
static json_t *text_json(const char *text) {
  json_t *whole = json_string(text);
  if (whole) return whole;
  char plain[sizeof((struct verify_finding *)0)->text];
  size_t n = 0;
  for (; text[n] && n + 1 < sizeof plain; n++) plain[n] = (char)((unsigned char)text[n] < 0x80 ? text[n] : '?');
  plain[n] = 0;
  return json_string(plain);
}

static json_t *finding_json(const struct verify_finding *f) {
  return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:o}", "kind", outcome_word(f->kind), "file", f->file, "tensor",
                   text_json(f->tensor), "interval", f->interval ? json_integer(f->interval) : json_null(), "step",
                   f->has_step ? json_integer(f->step) : json_null(), "index",
                   f->has_index ? json_integer((json_int_t)f->index) : json_null(), "unit",
                   f->has_index && f->unit ? f->unit : "", "text", text_json(f->text));
}

static void print_json(const struct verify_result *r) {
  json_t *checked = json_array(), *findings = json_array(), *first = json_null();
  for (uint32_t i = 0; i < r->checked_count; i++) json_array_append_new(checked, json_integer(r->checked[i]));
  const struct verify_finding *worst = NULL;
  for (uint32_t i = 0; i < r->findings_count; i++) {
    const struct verify_finding *f = &r->finding[i];
    json_array_append_new(findings, finding_json(f));
    if (!worst && f->kind == r->outcome) worst = f;
  }
  if (worst) first = finding_json(worst);
  output_json(json_pack("{s:b, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:o}", "agree", r->outcome == VERIFY_AGREE, "checked",
                        checked, "first_difference", first, "outcome", outcome_word(r->outcome), "seed",
                        (json_int_t)r->seed, "re_executed", (json_int_t)r->re_executed, "files_checked",
                        (json_int_t)r->files_checked, "metrics_checked", (json_int_t)r->metrics_checked, "findings",
                        findings));
}

static void print_text(const struct verify_result *r, const struct verify_options *o, const char *folder) {
  for (uint32_t i = 0; i < r->findings_count; i++)
    printf("%-9s %s\n", outcome_word(r->finding[i].kind), r->finding[i].text);
  printf("files     %" PRIu32 " read and hashed, %" PRIu32 " lines of metrics compared\n", r->files_checked,
         r->metrics_checked);
  printf("intervals %" PRIu32 " of %" PRIu32 " compared (", r->checked_count, r->intervals_run);
  for (uint32_t i = 0; i < r->checked_count && i < 12; i++) printf(i ? ", %" PRIu32 : "%" PRIu32, r->checked[i]);
  printf("%s), %" PRIu32 " computed again\n", r->checked_count > 12 ? ", .." : "", r->re_executed);
  if (!o->all) {
    printf("seed      %" PRIu64 "   (the same draw: assay verify ", r->seed);
    output_word(folder);
    printf(" --intervals %" PRIu32 " --seed %" PRIu64 ")\n", o->intervals, r->seed);
  }
  switch (r->outcome) {
  case VERIFY_AGREE: puts("agree     what was computed again has the committed roots"); break;
  case VERIFY_DIFFER: puts("differ    the committed result is not what this job computes"); break;
  case VERIFY_DAMAGED: puts("damaged   recomputation agrees with the commitments, and a file does not"); break;
  }
}

static enum outcome run(const struct arguments *a) {
  struct progress progress =
      progress_start("interval", 0, 0, arguments_given(a, "json") || arguments_given(a, "quiet"));
  uint64_t threads = 0, intervals = INTERVALS_DEFAULT, seed = 0;
  const char *how_many = arguments_text(a, "intervals", "");
  bool all = strcmp(how_many, "all") == 0;
  if (!all && !arguments_number(a, "intervals", 0, UINT32_MAX, &intervals)) return OUTCOME_INPUT;
  if (!arguments_number(a, "seed", 0, INT64_MAX, &seed) || !arguments_number(a, "threads", 1, 256, &threads))
    return OUTCOME_INPUT;
  /* Drawn here and short, so that a person can type it again. */
  uint32_t drawn = 0;
  if (!arguments_given(a, "seed")) {
    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) {
      complain("the system gave no random bytes to draw intervals with; name a --seed");
      return OUTCOME_ENVIRONMENT;
    }
    seed = drawn;
  }
  struct verify_options options = {.all = all,
                                   .intervals = (uint32_t)intervals,
                                   .has_seed = true,
                                   .seed = seed,
                                   .threads = (uint32_t)threads,
                                   .execute = {.plain = arguments_given(a, "plain")},
                                   .prepare = {.data_folder = arguments_text(a, "data", NULL),
                                               .job_folder = arguments_text(a, "job-folder", NULL),
                                               .threads = (uint32_t)threads},
                                   .progress = show,
                                   .context = &progress};
  static struct verify_result result; /* large */
  struct why why = {""};
  enum training_status status = verify_run(a->operand[0], &options, &result, &why);
  progress_leave();
  bool answered = status == TRAINING_OK || result.findings_count > 0;
  if (answered) mark_tell(a->operand[0]); /* the intervals drawn may be honest ones */
  if (answered && arguments_given(a, "json"))
    print_json(&result);
  else if (answered)
    print_text(&result, &options, a->operand[0]);
  if (!answered) complain("%s", why.text);
  verify_shut(&result);
  return (enum outcome)status;
}

const struct command command_verify = {
    .name = "verify",
    .usage = "DIR [--intervals K|all] [--seed S] [--threads N] [--data DIR]",
    .summary = "computes intervals of a run again and compares roots",
    .text =
        "Every file of the run is read and hashed. Then intervals are drawn at random and computed again, each from "
        "the\n"
        "last sound state before it, and what comes out is compared with what was committed.\n"
        "Exit status: 0 agree; 1 differ: the committed result is wrong; 2 damaged: recomputation gives the committed\n"
        "roots and a file says otherwise, or the folder cannot be read. File, tensor and element are named.",
    .option = {{"intervals", 0, "K|all", "how many intervals to compute again (3)"},
               {"seed", 0, "S", "draws the intervals; without it, from the system's randomness"},
               {"threads", 0, "N", "threads to compute with (all processors)"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"job-folder", 0, "DIR", "where the job's relative paths start, when the model or the data have moved"},
               {"plain", 0, NULL, "computes element by element by the definition; slow"},
               {"json", 0, NULL, "prints one JSON object"},
               {"quiet", 'q', NULL, "no progress"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
