/* What came of it: files beside the model, and the last words. */
#include "base/hex.h"
#include "cli/amount.h"
#include "cli/chain/why_words.h"
#include "cli/output.h"
#include "cli/submit/submit.h"
#include "crypto/sha256.h"
#include "tape/execute/pool/pool.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include "training/run/evaluate.h"
#include "training/run/export.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_TEXT = 2 * 32 + 1, ROWS_TEXT = 1200, TAIL_TEXT = 1600, STATE_ALIGN = 64 };

struct ending {
  struct submission *s;
  struct submitter_result r;
  struct receipt settled; /* the last one; number of it: r.receipt */
  bool is_settled;
  json_t *receipts;
  uint64_t spent, back, won; /* of the escrow: to others, to us; won: from those who were at fault */
  uint64_t paid;             /* spent, posting fee and gas */
  bool certified;            /* OUT/certificate is there */
  float loss;
  struct evaluation evaluation; /* count 0: none */
};

static bool is_ours(const struct pocket *p, const uint8_t account[32]) {
  return p->kind == POCKET_BALANCE && memcmp(p->id, account, 32) == 0;
}

static bool add_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct ending *e = context;
  struct payment p;
  size_t offset = 0;
  json_array_append_new(e->receipts, why_receipt_json(r, NULL, payments, length));
  if (r->kind == RECEIPT_SETTLED) {
    e->settled = *r;
    e->is_settled = true;
  }
  while (payments_next(payments, length, &offset, &p)) {
    bool ours = is_ours(&p.to, e->s->account);
    bool escrow = p.from.kind == POCKET_ESCROW && memcmp(p.from.id, e->r.job, 32) == 0;
    if (escrow && ours)
      e->back += p.amount;
    else if (escrow)
      e->spent += p.amount;
    else if (ours)
      e->won += p.amount;
  }
  return true;
}

static enum outcome read_receipts(struct ending *e) {
  struct submission *s = e->s;
  struct view *view = agent_view(s->agent);
  struct why why = {""};
  uint64_t from = 0;
  submitter_first(s->submitter, &from);
  enum client_status status = view_now(view, &why);
  if (status == CLIENT_OK) status = view_receipts(view, e->r.job, &from, add_receipt, e, &why);
  if (status != CLIENT_OK && status != CLIENT_NONE) return reach_outcome(&s->reach, status, &why);
  uint64_t gas = 0;
  enum agent_status known = submitter_gas(s->submitter, &gas, &why);
  if (known != AGENT_OK) return reach_outcome(&s->reach, known == AGENT_STOPPED ? CLIENT_STOPPED : CLIENT_LOST, &why);
  e->paid = e->spent + view_chain(view)->parameters.posting_fee + gas;
  return OUTCOME_DONE;
}

static enum outcome write_text(struct submission *s, const char *name, const void *bytes, size_t length) {
  char path[SUBMIT_PATH];
  struct why why = {""};
  if (!file_join(path, s->folder, name)) return complain("%.200s..: the path is too long", s->folder), OUTCOME_INPUT;
  enum training_status status = file_replace(path, bytes, length, &why);
  if (status != TRAINING_OK) complain("%s", why.text);
  return (enum outcome)status;
}

static enum outcome write_receipts(struct ending *e) {
  char *text = json_dumps(e->receipts, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
  if (!text) return complain("not enough memory for the receipts"), OUTCOME_ENVIRONMENT;
  enum outcome outcome = write_text(e->s, "receipts.json", text, strlen(text));
  free(text);
  return outcome;
}

/* Loss and accuracy on the job's own test set, as `train` tells them at its end. */
static enum outcome evaluate(struct ending *e) {
  const struct prepared *p = e->s->terms.prepared;
  char path[SUBMIT_PATH];
  struct why why = {""};
  uint64_t threads = machine_threads();
  if (!arguments_number(e->s->arguments, "threads", 1, 256, &threads)) return OUTCOME_INPUT;
  uint8_t *state = aligned_alloc(STATE_ALIGN, p->state_bytes);
  enum training_status status = TRAINING_ERR_SYSTEM;
  why_set(&why, "not enough memory for the final state");
  if (state && file_join(path, e->s->folder, "final.state"))
    status = checkpoint_read(path, p->state_bytes, state, &why);
  if (status == TRAINING_OK && p->lowered.evaluates && e->r.outcome == TRACE_DONE) {
    struct execute_options execute = {.pool = pool_open((uint32_t)threads)};
    status = prepare_fits(p, &execute, &why);
    if (status == TRAINING_OK) status = evaluate_state(p, state, &execute, &e->evaluation, &why);
    if (execute.pool) pool_shut(execute.pool);
  }
  free(state);
  if (status != TRAINING_OK) complain("%s", why.text);
  return (enum outcome)status;
}

static void seed_words(const struct ending *e, char text[80]) {
  snprintf(text, 80, "%" PRIu64 "%s", e->settled.seed,
           e->settled.seed_mode ? ", drawn by the chain: train with it to have the same bits" : "");
}

static enum outcome write_card(struct ending *e) {
  struct submission *s = e->s;
  const struct prepared *p = s->terms.prepared;
  char rows[ROWS_TEXT], tail[TAIL_TEXT], seed[80], job[HEX_TEXT], spec[HEX_TEXT], genesis[HEX_TEXT], paid[AMOUNT_TEXT];
  char path[SUBMIT_PATH];
  struct why why = {""};
  struct run_result run = {.outcome = e->r.outcome,
                           .update = p->updates,
                           .updates = p->updates,
                           .loss = e->loss,
                           .evaluation = e->evaluation};
  memcpy(run.final_root, e->r.final_root, 32);
  hex_encode(e->r.job, 32, job);
  hex_encode(e->settled.spec_hash, 32, spec);
  hex_encode(s->reach.port.genesis, 32, genesis);
  seed_words(e, seed);
  snprintf(rows, sizeof rows,
           "| job | `%s` |\n| SHA-256 of `job.json` | `%s` |\n| chain | `%s`, genesis `%s` |\n"
           "| settled | receipt %" PRIu64 ", height %" PRIu64 " |\n| audited | level %s: %u of %u verifiers |\n"
           "| paid | %s |\n",
           job, spec, s->reach.node.chain_id, genesis, e->settled.number, e->settled.height,
           submit_level_word(e->settled.level), e->settled.audited, e->settled.seats, amount_write(e->paid, paid));
  snprintf(tail, sizeof tail,
           "`final.state` is the whole state, whose root is the final root. `job.yaml` is the job as it was given, "
           "`job.json` the same "
           "with every option resolved: its SHA-256 is what the chain has as the job's name. Training is exact: `assay "
           "train job.yaml` with this seed gives the same final root on every machine. `receipts.json` tells what the "
           "chain decided and paid, and `assay why %s` reads it from the chain again.%s",
           job,
           e->certified ? " `certificate` shows all of it to whoever knows the chain's validators, offline: `assay "
                          "certificate check certificate --model final.state`."
                        : "");
  struct export_words words = {.seed = seed, .rows = rows, .tail = tail};
  if (!file_join(path, s->folder, "README.md")) return complain("the path is too long"), OUTCOME_INPUT;
  enum training_status status = export_card(p, &run, path, &words, &why);
  if (status != TRAINING_OK) complain("%s", why.text);
  return (enum outcome)status;
}

static json_t *finite(float x) { return isfinite(x) ? json_real((double)x) : json_null(); }

static json_t *path_json(const struct submission *s, const char *name) {
  char path[SUBMIT_PATH];
  return file_join(path, s->folder, name) ? output_text(path) : json_null();
}

static void tell_json(const struct ending *e, const char *outcome) {
  const struct evaluation *v = &e->evaluation;
  bool done = e->is_settled && e->r.outcome == TRACE_DONE;
  json_t *o =
      json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "job", reach_hex(e->r.job, 32), "outcome", outcome, "final_root",
                e->is_settled ? reach_hex(e->r.final_root, 32) : json_null(), "loss",
                done ? finite(e->loss) : json_null(), "test_loss", v->count ? finite(v->loss) : json_null(),
                "test_accuracy", v->count && v->classes ? json_real((double)v->correct / v->count) : json_null(),
                "seed", e->is_settled ? reach_grain(e->settled.seed) : json_null());
  json_t *money = json_pack("{s:o, s:o, s:o, s:I, s:s, s:o, s:o, s:o}", "paid", reach_grain(e->paid), "back",
                            reach_grain(e->back), "won", reach_grain(e->won), "receipt", (json_int_t)e->r.receipt,
                            "reason", receipt_reason_text(e->is_settled ? e->settled.reason : e->r.reason),
                            "certificate", e->certified ? path_json(e->s, "certificate") : json_null(), "model",
                            done ? path_json(e->s, "model.onnx") : json_null(), "folder", output_text(e->s->folder));
  json_object_update(o, money);
  json_decref(money);
  output_json(o);
}

static void tell_money(const struct ending *e) {
  char paid[AMOUNT_TEXT], back[AMOUNT_TEXT], won[AMOUNT_TEXT];
  printf("paid        %s; %s of what was put aside came back", amount_write(e->paid, paid),
         amount_write(e->back, back));
  if (e->won) printf("; %s came from those at fault", amount_write(e->won, won));
  putchar('\n');
}

static void tell(const struct ending *e, const char *outcome) {
  char root[HEX_TEXT], job[HEX_TEXT], seed[80];
  hex_encode(e->r.job, 32, job);
  printf("outcome     %s\njob         %s\n", outcome, job);
  if (e->is_settled && e->r.outcome == TRACE_DONE) {
    const struct evaluation *v = &e->evaluation;
    printf("loss        %.4f\n", (double)e->loss);
    if (v->count && v->classes)
      printf("test        loss %.4f, accuracy %.2f %% (%" PRIu32 " of %" PRIu32 ")\n", (double)v->loss,
             100 * (double)v->accuracy, v->correct, v->count);
    else if (v->count)
      printf("test        loss %.4f\n", (double)v->loss);
  } else if (e->is_settled) {
    printf("diverged    the loss or the gradient stopped being a finite number after at most %" PRIu32
           " steps, and the chain agrees; a lower learning rate or clip_norm may help. final.state is where it ended\n",
           e->settled.steps);
  } else {
    printf("cancelled   %s\n", receipt_reason_text(e->r.reason));
  }
  if (e->is_settled) {
    hex_encode(e->r.final_root, 32, root);
    seed_words(e, seed);
    printf("final root  %s\nseed        %s\nreceipt     %" PRIu64 "\n", root, seed, e->r.receipt);
  }
  tell_money(e);
  fputs("results     ", stdout);
  output_word(e->s->folder);
  putchar('\n');
  if (e->certified) {
    char path[SUBMIT_PATH];
    fputs("next        assay certificate check ", stdout);
    output_word(file_join(path, e->s->folder, "certificate") ? path : "certificate");
    putchar('\n');
  }
  if (!e->is_settled) puts("again       in another folder: this one belongs to the job that was cancelled (-o DIR)");
  printf("%sassay why %s\n", e->certified ? "            " : "next        ", job);
}

enum outcome submit_end(struct submission *s) {
  struct ending e = {.s = s, .receipts = json_array()};
  submitter_result(s->submitter, &e.r);
  bool settled = e.r.stage == SUBMITTER_DONE, done = settled && e.r.outcome == TRACE_DONE;
  memcpy(&e.loss, &e.r.figure, sizeof e.loss);
  enum outcome outcome = read_receipts(&e);
  if (outcome == OUTCOME_DONE) outcome = write_receipts(&e);
  if (outcome == OUTCOME_DONE && settled) outcome = submit_certificate(s, e.r.job, &e.certified);
  if (outcome == OUTCOME_DONE && done) outcome = evaluate(&e);
  if (outcome == OUTCOME_DONE && done) outcome = write_card(&e);
  if (outcome == OUTCOME_DONE) {
    const char *word = !settled ? "cancelled" : done ? "done" : "diverged";
    if (s->json)
      tell_json(&e, word);
    else
      tell(&e, word);
    outcome = done ? OUTCOME_DONE : OUTCOME_NO;
  }
  json_decref(e.receipts);
  return outcome;
}
