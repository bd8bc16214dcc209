/* assay train: a job file in, a folder with a trained, committed run out. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/profile.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "commit/trace/trace.h"
#include "training/file/machine.h"
#include "training/run/run.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct view {
  struct progress progress;
  bool started, json, quiet;
  double told; /* when the last progress went out as JSON */
};

static const double JSON_EVERY_S = 0.2;

static json_t *real_or_null(double x) { return isfinite(x) ? json_real(x) : json_null(); }

/* Null where nothing was evaluated, and where there are no classes to be right about (mse). */
static json_t *accuracy_or_null(const struct evaluation *e) {
  return e->classes && e->count ? json_real((double)e->correct / e->count) : json_null();
}

/* Progress for a program: it draws its own bar. */
static void tell(struct view *v, const struct run_progress *p) {
  double now = machine_seconds();
  if (v->quiet || (now - v->told < JSON_EVERY_S && p->update != p->updates)) return;
  v->told = now;
  output_json(json_pack("{s:I, s:I, s:o, s:o, s:o}", "update", (json_int_t)p->update, "updates", (json_int_t)p->updates,
                        "loss", real_or_null((double)p->loss), "samples_per_s", real_or_null(p->samples_per_s),
                        "seconds_left", real_or_null(p->seconds_left)));
}

static void show(void *context, const struct run_progress *p) {
  struct view *v = context;
  char figures[160], rate[SHORT_TEXT];
  if (!v->started) {
    v->progress = progress_start("update", p->update, p->updates, v->quiet || v->json);
    v->started = true;
  }
  switch (p->kind) {
  case RUN_STARTED:
  case RUN_STEP: break;
  case RUN_RESUMED:
    if (!v->quiet) note("going on after update %" PRIu32 " of %" PRIu32, p->update, p->updates);
    break;
  case RUN_UPDATE:
    if (v->json) {
      tell(v, p);
      break;
    }
    if (!progress_due(&v->progress, p->update)) break;
    snprintf(figures, sizeof figures, "loss %.4f · %s samples/s", (double)p->loss, text_count(p->samples_per_s, rate));
    progress_show(&v->progress, p->update, figures);
    break;
  case RUN_EVALUATED:
    if (v->json) {
      json_t *accuracy = accuracy_or_null(&p->evaluation);
      output_json(json_pack("{s:I, s:o, s:o}", "update", (json_int_t)p->update, "test_loss",
                            real_or_null((double)p->evaluation.loss), "test_accuracy", accuracy));
    } else if (!v->quiet) {
      char accuracy[48] = "";
      if (p->evaluation.classes)
        snprintf(accuracy, sizeof accuracy, ", accuracy %.2f %%", 100 * (double)p->evaluation.accuracy);
      note("after update %" PRIu32 " (epoch %" PRIu32 " of %" PRIu32 "): test loss %.4f%s", p->update, p->epoch,
           p->epochs, (double)p->evaluation.loss, accuracy);
    }
    break;
  case RUN_SAVING:
    if (!v->quiet && !v->json) note("saving");
    break;
  }
}

static void describe(const struct prepared *p, const struct execute_options *execute) {
  uint64_t weights = 0;
  char count[SHORT_TEXT], need[SHORT_TEXT], have[SHORT_TEXT], state[SHORT_TEXT];
  for (uint32_t i = 0; i < p->lowered.parameters_count; i++)
    if (p->lowered.parameter[i].trains)
      weights += layout_entry_elements(&p->lowered.layout.entry[p->lowered.parameter[i].entry]);
  uint64_t available = machine_memory_available();
  note("model    %s: %s trained weights", p->jobfile.model, text_count((double)weights, count));
  if (*p->train.note) note("data     %s", p->train.note);
  char parts[64] = "";
  uint32_t micro = lower_micro_batches(&p->options);
  if (micro > 1)
    snprintf(parts, sizeof parts, ", each in %" PRIu32 " steps of %" PRIu32, micro, lower_step_batch(&p->options));
  note("plan     %" PRIu32 " updates of %" PRIu32 " out of %" PRIu32
       " samples%s; the state (%s) is committed every %" PRIu32 " steps",
       p->updates, p->options.batch, p->train.samples, parts, text_bytes((double)p->state_bytes, state),
       p->interval_steps);
  if (available < UINT64_MAX)
    note("memory   needs %s, there is %s", text_bytes((double)prepare_memory(p, execute), need),
         text_bytes((double)available, have));
}

static void report(const struct run_result *r, const char *folder, bool json) {
  char root[2 * MERKLE_BYTES + 1], job[2 * MERKLE_BYTES + 1], spent[SHORT_TEXT], rate[SHORT_TEXT];
  hex_encode(r->final_root, MERKLE_BYTES, root);
  hex_encode(r->job_root, MERKLE_BYTES, job);
  bool diverged = r->outcome == TRACE_DIVERGED, evaluated = r->evaluation.count > 0;
  char sabotage[SABOTAGE_TEXT_BYTES];
  sabotage_print(&r->sabotage, sabotage);
  bool before = r->seconds <= 0; /* the run had ended already: nothing was computed, so there is no loss to tell */
  if (json) {
    output_json(json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:f, s:f, s:f, s:o, s:o, s:o}", "outcome",
                          diverged ? "diverged" : "done", "final_root", root, "job_root", job, "updates",
                          (json_int_t)r->update, "loss", before ? json_null() : real_or_null((double)r->loss),
                          "test_loss", evaluated ? real_or_null((double)r->evaluation.loss) : json_null(),
                          "test_accuracy", accuracy_or_null(&r->evaluation), "seconds", r->seconds, "samples_per_s",
                          r->samples_per_s, "commit_seconds", r->commit_seconds, "diverged_step",
                          diverged && !before ? json_integer(r->diverged_step) : json_null(), "last_good_interval",
                          diverged && !before ? json_integer(r->last_good_interval) : json_null(), "sabotage",
                          *sabotage ? json_string(sabotage) : json_null()));
    return;
  }
  if (diverged && before)
    puts("diverged    before; metrics.jsonl and README.md tell where");
  else if (diverged) {
    printf("diverged    the loss or the gradient stopped being a finite number in step %" PRIu32
           "; a lower learning rate or clip_norm may help\n",
           r->diverged_step);
    if (r->last_good_interval > 0)
      printf("last good   checkpoints/%06" PRIu32 ".state, the end of interval %" PRIu32 "\n", r->last_good_interval,
             r->last_good_interval);
    else
      puts("last good   none: it happened in the first interval");
  } else if (before)
    puts("done        before; metrics.jsonl and README.md hold the losses");
  else
    printf("loss        %.4f\n", (double)r->loss);
  if (evaluated && !r->evaluation.classes)
    printf("test        loss %.4f\n", (double)r->evaluation.loss);
  else if (evaluated)
    printf("test        loss %.4f, accuracy %.2f %% (%" PRIu32 " of %" PRIu32 ")\n", (double)r->evaluation.loss,
           100 * (double)r->evaluation.accuracy, r->evaluation.correct, r->evaluation.count);
  if (!before)
    printf("time        %s, %s samples/s\n", text_seconds(r->seconds, spent), text_count(r->samples_per_s, rate));
  printf("job root    %s\nfinal root  %s\nresults     %s\n", job, root, folder);
  if (*sabotage) printf("sabotaged   %s: %s\n", sabotage, sabotage_meaning(r->sabotage.kind));
  fputs("next        assay verify ", stdout);
  output_word(folder);
  putchar('\n');
}

/* What is asked for, or what the folder of a run that goes on is marked with: run_train refuses what does not fit. */
static void warn(const struct arguments *a, const char *folder, struct sabotage s) {
  char name[SABOTAGE_TEXT_BYTES];
  if (s.kind == SABOTAGE_NONE && arguments_given(a, "resume")) sabotage_read(folder, &s, NULL);
  sabotage_print(&s, name);
  if (*name)
    note("WARNING  this run lies on purpose (%s: %s); it is for tests and demonstrations only", name,
         sabotage_meaning(s.kind));
}

static struct prepared prepared; /* large */

static bool profile_begin(struct run_profile *profile) {
  bool memory = true;
  for (uint32_t t = TAPE_OF_TRAIN; t < prepared.lowered.tapes_count; t++) {
    profile->record[t] = calloc(prepared.lowered.tape[t].records_count, sizeof *profile->record[t]);
    memory &= profile->record[t] != NULL;
  }
  return memory;
}

static void profile_end(struct run_profile *profile, bool json) {
  static const uint32_t order[] = {TAPE_OF_TRAIN, LOWER_TAPES_MAX - 1, TAPE_OF_EVALUATE};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    uint32_t t = order[i];
    struct profiled tape = {.name = prepare_tape_name(t, prepared.lowered.accumulate),
                            .tape = &prepared.lowered.tape[t],
                            .origin = prepared.lowered.origin[t],
                            .record_seconds = profile->record[t],
                            .seconds = profile->seconds[t],
                            .steps = profile->steps[t]};
    if (tape.steps && !profile_print(&tape, json)) note("no memory to print where the time went");
  }
  for (uint32_t t = 0; t < LOWER_TAPES_MAX; t++) free(profile->record[t]);
}

static enum outcome run(const struct arguments *a) {
  const char *folder = arguments_text(a, "output", NULL);
  if (!folder || !*folder) {
    complain("where should the results go? Give a folder: -o DIR");
    return OUTCOME_INPUT;
  }
  struct view view = {.json = arguments_given(a, "json"), .quiet = arguments_given(a, "quiet")};
  uint64_t threads = 0, disk = 0;
  if (arguments_given(a, "resume") && arguments_given(a, "force")) {
    complain("--resume goes on with the run in %s and --force removes it: give one of them", folder);
    return OUTCOME_INPUT;
  }
  if (!arguments_number(a, "threads", 1, 256, &threads) ||
      !arguments_number(a, "checkpoint-bytes", 1, UINT64_MAX, &disk))
    return OUTCOME_INPUT;
  struct sabotage sabotage = {SABOTAGE_NONE, 0};
  struct why why = {""};
  if (arguments_given(a, "sabotage") &&
      sabotage_parse(arguments_text(a, "sabotage", ""), &sabotage, &why) != TRAINING_OK) {
    complain("%s", why.text);
    return OUTCOME_INPUT;
  }
  struct prepare_options prepare = {.data_folder = arguments_text(a, "data", NULL), .threads = (uint32_t)threads};
  struct run_options options = {.folder = folder,
                                .resume = arguments_given(a, "resume"),
                                .force = arguments_given(a, "force"),
                                .sabotage = sabotage,
                                .threads = (uint32_t)threads,
                                .checkpoint_bytes_max = disk,
                                .progress = show,
                                .context = &view};
  struct run_result result = {0};
  struct run_profile profile = {0};
  enum training_status status = prepare_open(&prepared, a->operand[0], &prepare, &why);
  if (status == TRAINING_OK) status = prepare_fits(&prepared, &options.execute, &why);
  if (status == TRAINING_OK) {
    if (!view.json && !view.quiet) describe(&prepared, &options.execute);
    warn(a, folder, sabotage);
    options.stop = stop_listen("\nstopping after this step; Ctrl-C again ends at once, without saving\n");
    if (arguments_given(a, "profile")) options.profile = &profile;
    if (options.profile && !profile_begin(&profile)) {
      why_set(&why, "no memory for a profile");
      status = TRAINING_ERR_SYSTEM;
    } else {
      status = run_train(&prepared, &options, &result, &why);
    }
  }
  progress_leave();
  profile_end(&profile, view.json);
  prepare_shut(&prepared);
  switch (status) {
  case TRAINING_OK:
  case TRAINING_NO: report(&result, folder, view.json); break;
  case TRAINING_INTERRUPTED:
    note("%s", why.text);
    if (view.json) output_json(json_pack("{s:s, s:I}", "outcome", "interrupted", "updates", (json_int_t)result.update));
    break;
  case TRAINING_ERR_INPUT:
  case TRAINING_ERR_SYSTEM: complain("%s", why.text); break;
  }
  return (enum outcome)status;
}

const struct command command_train = {
    .name = "train",
    .usage = "JOB.yaml -o DIR [--resume | --force] [--threads N] [--data DIR] [--sabotage KIND@STEP]",
    .summary = "trains a model and commits to every interval of the run",
    .text =
        "Reads the job, refuses it when it does not fit into memory, trains, and leaves in DIR the checkpoints, the\n"
        "traces, metrics.jsonl, TensorBoard events, the model as ONNX and safetensors, and a card.\n"
        "Ctrl-C finishes the step and saves; the same command with --resume goes on, and the final root is the same.\n"
        "Exit status: 0 done, 1 diverged, 2 bad job, model, data or folder, 3 disk or memory, 130 stopped and saved.",
    .option = {{"output", 'o', "DIR", "the folder for the results; made when missing"},
               {"resume", 0, NULL, "goes on where an interrupted run in DIR stopped"},
               {"force", 0, NULL, "removes what an earlier run left in DIR first"},
               {"threads", 0, "N", "threads to compute with (all processors that the process may use); never changes a bit"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"checkpoint-bytes", 0, "N", "disk for checkpoints; beyond it only every k-th is kept (1 GiB)"},
               {"sabotage", 0, "KIND@STEP",
                "for demonstrations: lies in a step, as weight@7, and marks DIR (see the man page)"},
               {"profile", 0, NULL, "tells at the end where the time went: by record with its ONNX node, by operator"},
               {"json", 0, NULL, "one JSON object a line: progress, evaluations; the last is the result"},
               {"quiet", 'q', NULL, "no progress"}},
    .more =
        "A KIND of --sabotage, for tests and demonstrations, in that STEP (0 is init, u is update u); DIR says so in\n"
        "SABOTAGED, job.json and README.md:\n"
        "weight  one weight of the state after the step is altered.\n"
        "gradient  one element of a gradient is altered once it is computed.\n"
        "index  one sample of the batch is another one.\n"
        "skip  the step is not done.\n"
        "stale  the step is computed as the one before it.\n"
        "seed  the step draws from another seed.\n"
        "optimizer  twice the learning rate.\n"
        "backdoor  a sample of the batch has other inputs than the data.\n"
        "root  the root committed at the end of the step's interval is that of another state.\n"
        "preimage  the root committed there is one that nothing hashes to.\n"
        "\n"
        "A kind that would change nothing in that step is refused. With --resume a run lies on as its folder says,\n"
        "and an honest one does not begin to. Nothing that is in DIR is overwritten without --force.\n",
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
