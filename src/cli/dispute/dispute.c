/* assay dispute: plays the whole dispute between two runs of one job, and says which of them is wrong, and where. */
#define _DEFAULT_SOURCE
#include "cli/command.h"
#include "cli/dispute/runs.h"
#include "cli/dispute/text.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "dispute/challenger/challenger.h"
#include "dispute/claimant/claimant.h"
#include "dispute/transcript/transcript.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is being computed, for the progress line. */
struct busy {
  struct progress progress;
  const char *who;
  enum witness_work work;
  bool begun, quiet;
};

struct game {
  const struct arguments *a;
  struct dispute_runs runs;
  struct busy busy[2];
  uint32_t interval;
  struct dispute_frame frame;
  struct dispute dispute;
  struct dispute_text text;
  struct transcript_writer writer;
  uint8_t transcript[TRANSCRIPT_BYTES_MAX];
  uint64_t tick;
};

static void show_work(void *context, enum witness_work work, uint32_t done, uint32_t steps) {
  static const char *const words[] = {"up to the interval", "roots of the interval", "all values of a step"};
  struct busy *b = context;
  char figures[64];
  if (!b->begun || b->work != work || b->progress.total != steps) {
    b->progress = progress_start("step", 0, steps, b->quiet);
    b->work = work;
    b->begun = true;
  }
  snprintf(figures, sizeof figures, "%s: %s", b->who, words[work]);
  progress_show(&b->progress, done, figures);
  if (done == steps) b->begun = false;
}

/* No root differs as far as both runs go. */

/* An older file of that name stays what it is, which whoever judges it next should know. */
static void say_no_transcript(const struct game *g) {
  const char *path = arguments_text(g->a, "output", NULL);
  if (path) note("%s was not written: there was no move to record", path);
}

static enum outcome say_nothing_to_dispute(const struct game *g) {
  const struct dispute_run *mine = &g->runs.side[DISPUTE_CLAIMANT], *theirs = &g->runs.side[DISPUTE_CHALLENGER];
  if (g->text.json) {
    output_json(json_pack("{s:{s:s, s:n, s:s, s:I}}", "verdict", "outcome", "agree", "loser", "reason", "no difference",
                          "intervals", (json_int_t)mine->roots.intervals));
    return OUTCOME_DONE;
  }
  printf("There is nothing to dispute: ");
  output_name(mine->folder);
  fputs(" and ", stdout);
  output_name(theirs->folder);
  if (mine->roots.intervals == 1)
    puts(" committed to the same interval.");
  else
    printf(" committed to the same %" PRIu32 " intervals.\n", mine->roots.intervals);
  return OUTCOME_DONE;
}

/* The state after the last interval that both have, from whichever folder keeps it. */
static bool last_common_state(const struct game *g, uint32_t interval, uint8_t *state) {
  char path[FILE_PATH_MAX];
  uint8_t root[MERKLE_BYTES];
  for (int s = 0; s < 2; s++)
    if (checkpoint_path(path, g->runs.side[s].folder, interval) &&
        checkpoint_read(path, g->runs.prepared.state_bytes, state, NULL) == TRAINING_OK &&
        checkpoint_root(g->runs.pool, state, g->runs.prepared.state_bytes, root, NULL) == TRAINING_OK &&
        memcmp(root, g->runs.side[s].roots.root[interval], MERKLE_BYTES) == 0)
      return true;
  return false;
}

/* PROTOCOL M4.5: a run diverged if and only if its last state says so; no step has to be computed again. */
static enum outcome judge_outcomes(struct game *g, uint32_t interval) {
  const struct dispute_run *mine = &g->runs.side[DISPUTE_CLAIMANT], *theirs = &g->runs.side[DISPUTE_CHALLENGER];
  uint8_t *state = aligned_alloc(64, g->runs.prepared.state_bytes);
  if (!state) {
    complain("not enough memory for a state");
    return OUTCOME_ENVIRONMENT;
  }
  if (!last_common_state(g, interval, state)) {
    complain("%s and %s agree up to interval %" PRIu32
             ", where one of them says that the run diverged, and neither folder has the state that would tell; assay "
             "verify says more",
             mine->folder, theirs->folder, interval);
    free(state);
    return OUTCOME_INPUT;
  }
  bool diverged = prepare_diverged(&g->runs.prepared, state) != 0;
  bool claimed = mine->info.outcome == TRACE_DIVERGED && mine->roots.intervals == interval;
  const char *loser = dispute_text_side(claimed == diverged ? DISPUTE_CHALLENGER : DISPUTE_CLAIMANT);
  free(state);
  if (g->text.json)
    output_json(json_pack("{s:{s:s, s:s, s:s, s:I, s:b}}", "verdict", "outcome", "proven", "loser", loser, "reason",
                          "outcome", "interval_of_run", (json_int_t)interval, "diverged", diverged));
  else
    printf("Both runs have the same states up to interval %" PRIu32 " and differ in their outcome.\n"
           "verdict     the %s loses: the state there says that the run %s\n",
           interval, loser, diverged ? "diverged" : "did not diverge");
  return claimed == diverged ? OUTCOME_DONE : OUTCOME_NO;
}

/* The game. */

static void say_interval(const struct game *g) {
  if (g->text.json || arguments_given(g->a, "quiet")) return;
  if (g->interval > 1)
    printf("The runs agree up to interval %" PRIu32 " of %" PRIu32 " and differ in what", g->interval - 1,
           g->runs.side[DISPUTE_CLAIMANT].roots.intervals);
  else
    fputs("The runs differ from the beginning, in what", stdout);
  if (g->frame.steps > 1)
    printf(" steps %" PRIu32 " to %" PRIu32 " lead to.\n", g->frame.first_step,
           g->frame.first_step + g->frame.steps - 1);
  else
    printf(" step %" PRIu32 " leads to.\n", g->frame.first_step);
  fputs("claimant    ", stdout);
  output_name(g->runs.side[DISPUTE_CLAIMANT].folder);
  fputs("\nchallenger  ", stdout);
  output_name(g->runs.side[DISPUTE_CHALLENGER].folder);
  puts("\n");
  fflush(stdout);
}

static enum training_status open_witnesses(struct game *g, const volatile sig_atomic_t *stop, struct why *why) {
  struct witness_options options = {.pool = g->runs.pool, .stop = stop, .progress = show_work};
  enum training_status status = witness_fits(&g->runs.prepared, g->interval, 2, &options, why);
  for (int s = DISPUTE_CLAIMANT; s >= 0 && status == TRAINING_OK; s--) {
    struct dispute_run *side = &g->runs.side[s];
    g->busy[s] =
        (struct busy){.who = dispute_text_side((uint8_t)s), .quiet = g->text.json || arguments_given(g->a, "quiet")};
    options.context = &g->busy[s];
    if (*side->info.sabotage && !g->busy[s].quiet)
      note("%s is a run that lied on purpose (%s); the lie is played again", side->folder, side->info.sabotage);
    status = witness_open(&side->witness, side->folder, &side->info, &g->runs.prepared, &side->roots, g->interval,
                          &options, why);
    if (status == TRAINING_OK) witness_evidence(side->witness, &side->evidence);
  }
  return status;
}

static enum evidence_answer next_move(struct game *g, struct move *m, struct why *why) {
  struct evidence *claimant = &g->runs.side[DISPUTE_CLAIMANT].evidence;
  struct evidence *challenger = &g->runs.side[DISPUTE_CHALLENGER].evidence;
  if (dispute_turn(&g->dispute) == DISPUTE_CLAIMANT) return claimant_next(&g->dispute, &g->frame, claimant, m, why);
  struct challenger_hints hints = {NULL, NULL};
  bool express = arguments_given(g->a, "express") && g->dispute.awaits == MOVE_5;
  if (express) {
    hints.temp_hashes = claimant->hashes(claimant->context, TAPE_TEMP, 0);
    hints.out_hashes = claimant->hashes(claimant->context, TAPE_OUT, 0);
  }
  return challenger_next(&g->dispute, &g->frame, challenger, express ? &hints : NULL, m, why);
}

/* Nobody moves any more: the clock of the side whose turn it is runs out. */
static void fall_silent(struct game *g, const char *reason) {
  dispute_text_silence(&g->text, &g->dispute, reason);
  g->tick = dispute_deadline(&g->dispute, &g->frame) + 1;
  dispute_expire(&g->dispute, &g->frame, g->tick);
}

static void hear(struct game *g, const struct move *m, struct why *why) {
  double start = machine_seconds();
  enum dispute_status status = dispute_hear(&g->dispute, &g->frame, m, ++g->tick, why);
  double seconds = machine_seconds() - start;
  if (seconds > g->text.referee_seconds) g->text.referee_seconds = seconds;
  if (status != DISPUTE_HEARD) {
    why_before(why, "what it sent is no move: ");
    fall_silent(g, why->text);
    return;
  }
  dispute_check(&g->dispute, &g->frame);
  transcript_add(&g->writer, m, g->tick);
  dispute_text_move(&g->text, &g->dispute, m, g->tick);
}

static enum training_status failed(const struct game *g, struct why *why) {
  const struct dispute_run *side = &g->runs.side[dispute_turn(&g->dispute)];
  enum training_status status = witness_status(side->witness);
  if (status == TRAINING_INTERRUPTED) return status;
  why_before(why, "%s: ", side->folder);
  return status == TRAINING_OK ? TRAINING_ERR_SYSTEM : status;
}

static enum training_status play(struct game *g, struct why *why) {
  static struct move m; /* large */
  challenger_open(&g->frame, &m);
  if (!dispute_frame_check(&g->frame, why) || dispute_open(&g->dispute, &g->frame, &m, g->tick, why) != DISPUTE_HEARD)
    return TRAINING_ERR_INPUT;
  transcript_begin(&g->writer, &g->frame, g->transcript, sizeof g->transcript);
  transcript_add(&g->writer, &m, g->tick);
  dispute_text_move(&g->text, &g->dispute, &m, g->tick);
  while (g->dispute.awaits != DISPUTE_DECIDED) {
    switch (next_move(g, &m, why)) {
    case ANSWER_MOVE: hear(g, &m, why); break;
    case ANSWER_NOTHING: fall_silent(g, why->text); break;
    case ANSWER_WAIT:
    case ANSWER_ERROR: return failed(g, why);
    }
  }
  return TRAINING_OK;
}

/* -o FILE: looked at before anything is computed, so that no finished game is lost to a name; written at the end. */
static enum training_status check_output(const struct arguments *a, struct why *why) {
  const char *path = arguments_text(a, "output", NULL);
  char folder[FILE_PATH_MAX];
  struct stat s;
  if (!path) return TRAINING_OK;
  if (!*path) {
    why_set(why, "where should the transcript go? Give a file: -o FILE");
    return TRAINING_ERR_INPUT;
  }
  if (stat(path, &s) == 0 && (!S_ISREG(s.st_mode) || !arguments_given(a, "force"))) {
    why_set(why, S_ISREG(s.st_mode) ? "%s is there already; --force overwrites it" : "%s is not a file", path);
    return TRAINING_ERR_INPUT;
  }
  file_folder_of(path, folder);
  if (access(folder, W_OK) == 0) return file_replaceable(path, why);
  why_set(why, "%s could not be written: %s: %s", path, folder, strerror(errno));
  return TRAINING_ERR_SYSTEM;
}

static enum training_status write_transcript(struct game *g, struct why *why) {
  const char *path = arguments_text(g->a, "output", NULL);
  if (!path) return TRAINING_OK;
  size_t length = transcript_end(&g->writer, g->tick);
  if (length) return file_replace(path, g->transcript, length, why);
  why_set(why, "%s: the transcript became too long, which is a fault of this program", path);
  return TRAINING_ERR_SYSTEM;
}

static enum outcome dispute_interval(struct game *g, struct why *why) {
  const struct dispute_run *mine = &g->runs.side[DISPUTE_CLAIMANT];
  frame_fill(&g->runs.prepared, g->interval, mine->roots.root[g->interval - 1], mine->roots.root[g->interval],
             &g->frame);
  const volatile sig_atomic_t *stop = stop_listen("\nstopping after this step; Ctrl-C again ends at once\n");
  say_interval(g);
  enum training_status status = open_witnesses(g, stop, why);
  if (status == TRAINING_OK) status = play(g, why);
  progress_leave();
  if (status != TRAINING_OK) {
    if (status == TRAINING_INTERRUPTED)
      note("stopped; nothing was written");
    else
      complain("%s", why->text);
    return (enum outcome)status;
  }
  status = write_transcript(g, why);
  if (!g->text.json) putchar('\n');
  dispute_text_verdict(
      &g->text, &g->dispute,
      (const char *const[]){g->runs.side[DISPUTE_CHALLENGER].folder, g->runs.side[DISPUTE_CLAIMANT].folder});
  if (status != TRAINING_OK) {
    complain("%s", why->text);
    return (enum outcome)status;
  }
  return g->dispute.verdict.loser == DISPUTE_CLAIMANT ? OUTCOME_NO : OUTCOME_DONE;
}

static enum training_status open_runs(struct game *g, const char *against, struct why *why) {
  uint64_t threads = 0;
  if (!arguments_number(g->a, "threads", 1, 256, &threads)) return TRAINING_ERR_INPUT;
  struct prepare_options options = {.data_folder = arguments_text(g->a, "data", NULL),
                                    .job_folder = arguments_text(g->a, "job-folder", NULL),
                                    .threads = (uint32_t)threads};
  enum training_status status = check_output(g->a, why);
  if (status == TRAINING_OK) status = dispute_runs_open(&g->runs, g->a->operand[0], against, &options, why);
  if (status != TRAINING_OK) complain("%s", why->text);
  return status;
}

static enum outcome run_game(struct game *g, const char *against) {
  struct why why = {""};
  enum training_status status = open_runs(g, against, &why);
  if (status != TRAINING_OK) return (enum outcome)status;
  const struct dispute_run *mine = &g->runs.side[DISPUTE_CLAIMANT], *theirs = &g->runs.side[DISPUTE_CHALLENGER];
  uint32_t common = mine->roots.intervals < theirs->roots.intervals ? mine->roots.intervals : theirs->roots.intervals;
  g->interval = challenger_interval((const uint8_t(*)[MERKLE_BYTES])mine->roots.root,
                                    (const uint8_t(*)[MERKLE_BYTES])theirs->roots.root, common);
  if (g->interval) return dispute_interval(g, &why);
  bool same = mine->roots.intervals == theirs->roots.intervals && mine->info.outcome == theirs->info.outcome;
  say_no_transcript(g);
  return same ? say_nothing_to_dispute(g) : judge_outcomes(g, common);
}

static enum outcome run(const struct arguments *a) {
  static struct game game; /* large */
  const char *against = arguments_text(a, "against", NULL);
  if (!against || !*against) {
    complain("against whom? Give the other run's folder: --against DIR2");
    return OUTCOME_INPUT;
  }
  game.a = a;
  game.text = (struct dispute_text){.names = {&game.frame, &game.runs.prepared}, .json = arguments_given(a, "json")};
  enum outcome outcome = run_game(&game, against);
  dispute_runs_shut(&game.runs);
  return outcome;
}

const struct command command_dispute = {
    .name = "dispute",
    .usage = "DIR --against DIR2 [-o FILE] [--express] [--threads N]",
    .summary = "plays a dispute between two runs of one job, to one element",
    .text =
        "DIR claims its committed states, DIR2 challenges them; either may be wrong. Both compute the first interval\n"
        "that differs again and narrow it, in at most 15 moves, to one element of one instruction of one step,\n"
        "which a referee recomputes in integers. Every move is printed with its size, then the verdict.\n"
        "Exit status: 0 the claim of DIR stands, or nothing differs; 1 DIR is wrong; 2 a folder is not that of a\n"
        "finished run of the same job, or is damaged; 3 disk or memory; 130 stopped.",
    .option = {{"against", 0, "DIR2", "the run that challenges"},
               {"output", 'o', "FILE", "writes the transcript, which assay referee judges alone"},
               {"force", 0, NULL, "overwrites FILE"},
               {"express", 0, NULL, "the claimant serves its leaf hashes, which saves up to five moves"},
               {"threads", 0, "N", "threads to compute with (all processors)"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"job-folder", 0, "DIR", "where the job's relative paths start, when the model or the data have moved"},
               {"json", 0, NULL, "one JSON object a move; the last is the verdict"},
               {"quiet", 'q', NULL, "no progress"}},
    .more =
        "What `dispute --json` and `referee --json` print, one object a line. Other keys may be added; these stay.\n"
        "{\"frame\": {..}}  First, of the referee alone: what both sides agreed on. `job_root`; `task` and `interval`, "
        "and\n"
        " `inner`, the number of its first steps whose state was challenged, 0 for the whole interval; `first_step`, "
        "its\n"
        " number in the job, and how many `steps` there are; `start_root`, `end_root`, `state_leaves`.\n"
        "{\"move\": 1, ..}  One a move. `move`, its number in the protocol, 1 to 15; `from`, claimant or challenger; "
        "`kind`, null\n"
        " where that side makes no move and its clock runs out; `bytes`; `tick`, when it was made (not there where the "
        "kind\n"
        " is null); `text`, for people.\n"
        "{\"verdict\": {..}}  Last. Always there are `outcome`, `loser` (claimant, challenger or null) and `reason`. "
        "The outcome is\n"
        " proven (it follows from the frame and the moves), silent (a clock ran out), or agree (no root differs; loser "
        "is\n"
        " null, and `intervals` says how many are the same); of a referee also unfinished, with `awaited`, `from`, "
        "`moves`\n"
        " and `bytes`, or damaged, where the reason says in words what is wrong. Else the reason is proof, nothing to "
        "deny,\n"
        " clock, no difference, nobody has lost yet, or outcome: the states are the same and one run says that it "
        "diverged,\n"
        " as `interval_of_run` and `diverged` tell.\n"
        "\n"
        "Of a game that was played, the verdict also has `folder` of the loser (null for the referee); `awaited`, the "
        "move that\n"
        "did not come, or null; `task`, `interval`; `step` of the job, the `update` it belongs to (0: init), and\n"
        "`interval_step`, from 1; `space`, temp (the step's values) or out (the state after it), and `leaf`; `record` "
        "of the\n"
        "tape, from 1, with `opcode`, `node` and `part` it comes from, and `tensor`, its name; `index` of the element "
        "and\n"
        "`coordinates`, the same by dimensions; `padding`, whether it lies behind the end; `dtype`; `committed` and\n"
        "`recomputed`, the bits of both values in hexadecimal, and as numbers `committed_value` and `recomputed_value` "
        "(null: not\n"
        "finite); `moves` and `bytes` of the whole game; `referee_ms_max`, the longest time for one move (not of a "
        "recorded\n"
        "game). What was not pinned down is null, and no coordinates are an empty list.\n"
        "\n"
        "Where `dispute` ends with exit status 2, 3 before the verdict, or 130, there is no verdict. Where `referee` "
        "cannot read\n"
        "the file at all, there is no line; the message is on standard error.\n",
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
