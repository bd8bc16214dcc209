/* assay referee: judges a recorded dispute alone, without model, data or runs. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/dispute/text.h"
#include "cli/output.h"
#include "cli/tape_text.h"
#include "dispute/transcript/transcript.h"
#include "training/file/file.h"
#include <inttypes.h>
#include <stdio.h>

struct judgement {
  struct transcript transcript;
  struct dispute_frame frame;
  struct dispute dispute;
  enum transcript_outcome outcome;
  bool json;
};

static const char *outcome_name(enum transcript_outcome o) {
  switch (o) {
  case TRANSCRIPT_PROVEN: return "proven";
  case TRANSCRIPT_SILENT: return "silent";
  case TRANSCRIPT_UNFINISHED: return "unfinished";
  case TRANSCRIPT_DAMAGED: return "damaged";
  }
  return "";
}

static void print_frame(const struct judgement *j) {
  const struct dispute_frame *f = &j->frame;
  char job[2 * MERKLE_BYTES + 1], start[2 * MERKLE_BYTES + 1], end[2 * MERKLE_BYTES + 1];
  hex_encode(f->target.job_root, MERKLE_BYTES, job);
  hex_encode(f->start_root, MERKLE_BYTES, start);
  hex_encode(f->end_root, MERKLE_BYTES, end);
  if (j->json) {
    json_t *frame =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I}", "job_root", job, "task", (json_int_t)f->target.task,
                  "interval", (json_int_t)f->target.interval, "inner", (json_int_t)f->target.inner, "first_step",
                  (json_int_t)f->first_step, "steps", (json_int_t)f->steps, "start_root", start, "end_root", end,
                  "state_leaves", (json_int_t)f->state_leaves);
    output_json(json_pack("{s:o}", "frame", frame));
    return;
  }
  printf("job         %s\n", job);
  printf("interval    %u of task %" PRIu32 ": steps %" PRIu32 " to %" PRIu32 "\n", f->target.interval, f->target.task,
         f->first_step, f->first_step + f->steps - 1);
  if (f->target.inner) printf("challenged  the state after the first %u of them\n", f->target.inner);
  printf("from        %s\nto          %s\n\n", start, end);
}

/* The moves once more, one by one, for their words; transcript_play has heard them all. */
static void print_moves(const struct judgement *j, const struct dispute_text *t) {
  static struct move m;
  static struct dispute d;
  uint64_t tick;
  for (uint8_t n = 0; n < j->transcript.moves; n++) {
    if (!transcript_move(&j->transcript, n, &m, &tick, NULL)) return;
    enum dispute_status status =
        n ? dispute_hear(&d, &j->frame, &m, tick, NULL) : dispute_open(&d, &j->frame, &m, tick, NULL);
    if (status != DISPUTE_HEARD) return;
    dispute_text_move(t, &d, &m, tick);
  }
  if (j->outcome == TRANSCRIPT_SILENT) dispute_text_silence(t, &d, "until its clock had run out");
}

static void print_unfinished(const struct judgement *j) {
  const struct dispute *d = &j->dispute;
  const char *side = dispute_text_side((uint8_t)dispute_turn(d));
  uint64_t left = dispute_deadline(d, &j->frame) - j->transcript.last_tick;
  if (j->json)
    output_json(json_pack("{s:{s:s, s:n, s:s, s:I, s:s, s:I, s:I}}", "verdict", "outcome", "unfinished", "loser",
                          "reason", "nobody has lost yet", "awaited", (json_int_t)d->awaits, "from", side, "moves",
                          (json_int_t)d->moves, "bytes", (json_int_t)d->bytes));
  else
    printf("\nunfinished  move %u of the %s is awaited; its clock has %" PRIu64 " ticks left\n", d->awaits, side, left);
}

static void print_trust(const struct judgement *j) {
  struct tape_record r;
  if (j->json) return;
  if (dispute_record(&j->dispute, &r)) {
    puts("\nThe instruction, as it lies under the job's root:");
    tape_text_lone(stdout, &r, j->dispute.record - 1u);
  }
  if (j->outcome == TRANSCRIPT_PROVEN)
    printf(
        "\nproven: given the frame, it follows from these moves that whoever made the %s's moves is wrong.\n"
        "whose moves they are the file does not say: nothing in it is signed. Who has both runs asks assay dispute.\n",
        dispute_text_side(j->dispute.verdict.loser));
  else
    puts("\nsilent: as true as the ticks that the recorder kept; whoever doubts it asks the silent side for its move.");
}

static enum outcome damaged(const char *path, bool json, const struct why *why) {
  complain("%s is no transcript to judge by: %s; ask whoever recorded it for another copy", path, why->text);
  if (json)
    output_json(json_pack("{s:{s:s, s:n, s:s}}", "verdict", "outcome", "damaged", "loser", "reason", why->text));
  return OUTCOME_INPUT;
}

static enum outcome judge(struct judgement *j, const char *path) {
  struct file_bytes file;
  struct why why = {""};
  enum training_status status = file_map(path, TRANSCRIPT_BYTES_MAX, &file, &why);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
    return (enum outcome)status;
  }
  j->outcome = TRANSCRIPT_DAMAGED;
  if (transcript_open(file.bytes, file.length, &j->transcript, &j->frame, &why))
    j->outcome = transcript_play(&j->transcript, &j->frame, &j->dispute, &why);
  enum outcome outcome = OUTCOME_INPUT;
  if (j->outcome == TRANSCRIPT_DAMAGED) {
    outcome = damaged(path, j->json, &why);
  } else {
    struct dispute_text text = {.names = {&j->frame, NULL}, .json = j->json, .referee_seconds = -1};
    print_frame(j);
    print_moves(j, &text);
    if (j->outcome == TRANSCRIPT_UNFINISHED) {
      print_unfinished(j);
    } else {
      if (!j->json) printf("\noutcome     %s\n", outcome_name(j->outcome));
      dispute_text_verdict(&text, &j->dispute, (const char *const[]){NULL, NULL});
      print_trust(j);
      outcome = j->dispute.verdict.loser == DISPUTE_CLAIMANT ? OUTCOME_NO : OUTCOME_DONE;
    }
  }
  file_unmap(&file);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  static struct judgement judgement; /* large */
  judgement.json = arguments_given(a, "json");
  return judge(&judgement, a->operand[0]);
}

const struct command command_referee = {
    .name = "referee",
    .usage = "TRANSCRIPT",
    .summary = "judges a recorded dispute, without model, data or runs",
    .text =
        "Hears every move of a transcript that assay dispute -o wrote, and recomputes the element it ends with, in\n"
        "integers. Proven: whoever made the loser's moves was shown wrong. Silent: by the recorded ticks it let its\n"
        "clock run out. Whose moves they are a transcript does not say, for nothing in it is signed: that is known to\n"
        "whoever received them, or plays the dispute again.\n"
        "Exit status: 0 the claim stands, 1 the claimant lost, 2 the file is damaged, no transcript, or unfinished.",
    .option = {{"json", 0, NULL, "one JSON object a line; the last is the verdict"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
