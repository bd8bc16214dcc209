/* assay submit: a job to a network, and its model back. */
#include "cli/submit/submit.h"
#include "base/hex.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "training/run/spec.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 3000, SLOW_S = 10, ROUNDS = 1, ANSWER_BYTES = 16 };

static enum outcome trouble(enum agent_status status, const struct why *why) {
  switch (status) {
  case AGENT_OK: return OUTCOME_DONE;
  case AGENT_STOPPED: complain("stopped"); return OUTCOME_INTERRUPTED;
  case AGENT_ERR_INPUT: complain("%s", why->text); return OUTCOME_INPUT;
  case AGENT_ERR_SYSTEM:
  case AGENT_LOST: break;
  }
  complain("%s", why->text);
  return OUTCOME_ENVIRONMENT;
}

/* A wrong name is said before anybody is asked anything. */
static enum outcome look_for_job(const char *path) {
  if (access(path, R_OK) == 0) return OUTCOME_DONE;
  complain("%s: %s; the job is a YAML file (docs/job.md)", path, strerror(errno));
  return OUTCOME_INPUT;
}

/* The folder: fresh, or this command's own. */
static enum outcome open_folder(struct submission *s) {
  static const char *const names[] = {"job.yaml", "job.json", "model.onnx", "model.safetensors", "final.state"};
  char path[SUBMIT_PATH];
  struct why why = {""};
  s->folder = arguments_text(s->arguments, "output", NULL);
  if (!s->folder || !*s->folder) {
    complain("where should the results go? Give a folder: -o DIR");
    return OUTCOME_INPUT;
  }
  enum training_status status = file_folder(s->folder, &why);
  if (status != TRAINING_OK) {
    complain("-o: %s", why.text);
    return (enum outcome)status;
  }
  if (!file_join(path, s->folder, "agent/journal")) {
    complain("-o: %.200s..: the path is too long", s->folder);
    return OUTCOME_INPUT;
  }
  if (access(path, F_OK) == 0) return OUTCOME_DONE;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (file_join(path, s->folder, names[i]) && access(path, F_OK) == 0) {
      complain("-o: %s holds %s of something else; nothing was changed: take another folder", s->folder, names[i]);
      return OUTCOME_INPUT;
    }
  return OUTCOME_DONE;
}

static enum outcome open_agent(struct submission *s) {
  struct why why = {""};
  if (!file_join(s->work, s->folder, "agent") || !file_join(s->shelf, s->folder, "agent/blobs")) {
    complain("-o: %.200s..: the path is too long", s->folder);
    return OUTCOME_INPUT;
  }
  const struct agent_options options = {.folder = s->work,
                                        .chain = &s->reach.port,
                                        .blobs = &s->blobs,
                                        .key = s->key,
                                        .stop = stop_listen(""),
                                        .say = submit_say,
                                        .context = s};
  enum agent_status status = agent_open(&s->agent, &options, &why);
  if (status != AGENT_OK) return trouble(status, &why);
  struct blob_store_options store = {
      .folder = s->shelf,
      .chain = &s->reach.port,
      .signer = {.secret = s->key},
      .transfer = {.stop = options.stop, .connect_ms = CONNECT_MS, .slow_s = SLOW_S, .rounds = ROUNDS}};
  memcpy(store.signer.account, s->account, 32);
  memcpy(store.signer.genesis, s->reach.port.genesis, 32);
  if (blob_store_open(&s->store, &store, &why) != TRANSFER_OK) {
    complain("%s", why.text);
    return OUTCOME_ENVIRONMENT;
  }
  s->blobs = blob_store_port(s->store);
  s->terms.options.output = s->folder;
  s->terms.options.receipt = submit_receipt;
  s->terms.options.context = s;
  status = submitter_open(&s->submitter, s->agent, &s->terms.options, &why);
  return status == AGENT_OK ? OUTCOME_DONE : trouble(status, &why);
}

/* Both texts, before anything is sent: who has the folder can tell which job the chain names. */
static enum outcome write_job(struct submission *s) {
  const struct prepared *p = s->terms.prepared;
  char path[SUBMIT_PATH], *text;
  size_t length;
  struct why why = {""};
  enum training_status status = spec_text(p, &text, &length, &why);
  if (status == TRAINING_OK) {
    if (file_join(path, s->folder, "job.yaml")) status = file_replace(path, p->text.bytes, p->text.length, &why);
    if (status == TRAINING_OK && file_join(path, s->folder, "job.json"))
      status = file_replace(path, text, length, &why);
    free(text);
  }
  if (status != TRAINING_OK) complain("%s", why.text);
  return (enum outcome)status;
}

/* A question is for a person at a terminal; a program says --yes. */
static enum outcome ask(const struct submission *s) {
  char answer[ANSWER_BYTES] = "";
  if (arguments_given(s->arguments, "yes")) return OUTCOME_DONE;
  if (s->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
    complain("nobody is there to say yes to this price; add --yes to submit without a question");
    return OUTCOME_INPUT;
  }
  const volatile sig_atomic_t *stop = stop_listen("");
  struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};
  fputs("Submit it? [y/N] ", stderr);
  fflush(stderr);
  /* A read would be taken up again after Ctrl-C; poll is not. */
  while (!*stop && poll(&keyboard, 1, -1) < 0 && errno == EINTR) continue;
  if (*stop) {
    fputc('\n', stderr);
    note("stopped; nothing was sent");
    return OUTCOME_INTERRUPTED;
  }
  if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y')) {
    note("nothing was sent");
    return OUTCOME_NO;
  }
  return OUTCOME_DONE;
}

static enum outcome agree(struct submission *s) {
  struct submitter_quote q;
  struct why why = {""};
  enum agent_status status = submitter_quote(s->submitter, &q, &why);
  if (status != AGENT_OK) return trouble(status, &why);
  s->usual_ticks = q.usual_ticks;
  if (s->json)
    output_json(submit_quote_json(&s->terms, &q, &s->reach));
  else
    submit_quote_print(&s->terms, &q, &s->reach);
  fflush(stdout);
  enum outcome outcome = submit_means(s, &q);
  if (outcome == OUTCOME_DONE) outcome = ask(s);
  if (outcome == OUTCOME_DONE) outcome = submit_money(s, &q);
  return outcome;
}

static bool is_sent(const struct submission *s) {
  return agent_sent(s->agent, "tapes").where != 0 || agent_sent(s->agent, "job").where != 0;
}

static enum outcome watch(struct submission *s) {
  struct submitter_result r;
  struct why why = {""};
  enum agent_status status = agent_run(s->agent, submit_turn, s, &why);
  progress_leave();
  submitter_result(s->submitter, &r);
  if (status == AGENT_STOPPED) {
    note(r.stage < SUBMITTER_WATCH ? "stopped before the job was posted; the same command goes on, and posts it once"
                                   : "stopped; the job goes on without us, and the same command fetches its model");
    return OUTCOME_INTERRUPTED;
  }
  if (status != AGENT_OK) return trouble(status, &why);
  static const uint8_t nothing[32];
  if (r.stage == SUBMITTER_FAILED && memcmp(r.job, nothing, 32) == 0) {
    complain("nothing was submitted; what the chain did not like is said above");
    return OUTCOME_INPUT;
  }
  return submit_end(s);
}

static enum outcome submit(struct submission *s) {
  struct submitter_result r;
  char job[65];
  enum outcome outcome = open_agent(s);
  if (outcome != OUTCOME_DONE) return outcome;
  submitter_result(s->submitter, &r);
  if (r.stage < SUBMITTER_WATCH && !is_sent(s)) {
    outcome = agree(s);
    if (outcome == OUTCOME_DONE) outcome = write_job(s);
    if (outcome != OUTCOME_DONE) return outcome;
  } else if (r.stage >= SUBMITTER_WATCH && !s->json && !s->quiet) {
    hex_encode(r.job, 32, job);
    note("going on with job %s", job);
  }
  return watch(s);
}

static enum outcome run(const struct arguments *a) {
  struct submission s = {.arguments = a, .json = arguments_given(a, "json"), .quiet = arguments_given(a, "quiet")};
  enum outcome outcome = look_for_job(a->operand[0]);
  if (outcome == OUTCOME_DONE) outcome = open_folder(&s);
  if (outcome == OUTCOME_DONE) outcome = reach_open(a, &s.reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = submit_terms(a, &s.reach, &s.terms);
  if (outcome == OUTCOME_DONE) outcome = submit_account(&s);
  if (outcome == OUTCOME_DONE) outcome = submit(&s);
  submitter_shut(s.submitter);
  agent_shut(s.agent);
  blob_store_shut(s.store);
  sign_secret_shut(&s.key);
  submit_terms_shut(&s.terms);
  reach_shut(&s.reach);
  return outcome;
}

const struct command command_submit = {
    .name = "submit",
    .usage = "JOB.yaml -o OUT [--node URL] [--key DIR] [--level NAME] [--yes]",
    .summary = "has a network train a job, and fetches the model",
    .text =
        "Says what it will cost, asks, posts the job, shows what is waited for until it is settled, and leaves in OUT\n"
        "the model as ONNX and safetensors, the final state, a card, the job as resolved and the chain's receipts. "
        "The\n"
        "model has the bits that `assay train` gives with the same seed. Without --key a key is made in OUT/account.\n"
        "Stopped or killed at any point, the same command goes on where it was: the job is posted once.\n"
        "Exit status: 0 settled, 1 cancelled or diverged, or too little money, 2 bad job, model, data, words or "
        "folder,\n"
        "3 disk, memory or no node, 130 stopped; the same command goes on.",
    .option = {{"output", 'o', "DIR", "the folder for the results; made when missing"},
               REACH_OPTION,
               {"key", 0, "DIR", "the account that pays: a folder of assay init, or a key file"},
               UNLOCK_OPTIONS,
               SUBMIT_TERMS,
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"threads", 0, "N", "threads to hash and evaluate with (all processors)"},
               {"yes", 'y', NULL, "submits without a question"},
               {"json", 0, NULL, "one JSON object a line; the last is the result"},
               {"quiet", 'q', NULL, "no progress"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
