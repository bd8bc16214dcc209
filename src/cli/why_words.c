#include "cli/why_words.h"

#include "base/hex.h"
#include "cli/amount.h"
#include "cli/chain_words.h"
#include "crypto/address.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void verdict(const struct receipt *r, const char *loser, char text[WHY_WORDS]) {
  char how[300] = "";
  switch ((enum dispute_reason)r->how) {
  case DISPUTE_BY_PROOF:
    snprintf(how, sizeof how,
             "step %" PRIu32 ", record %u, element %" PRIu64 " was committed as %08" PRIx32
             ", and computed again it is %08" PRIx32,
             r->step, r->record, r->element, r->committed, r->recomputed);
    break;
  case DISPUTE_NOTHING_TO_DENY: snprintf(how, sizeof how, "nothing was left to deny"); break;
  case DISPUTE_BY_CLOCK: snprintf(how, sizeof how, "its clock ran out before it moved"); break;
  }
  if (!*how) snprintf(how, sizeof how, "%s", receipt_reason_text(r->reason));
  snprintf(text, WHY_WORDS, "dispute %" PRIu64 " of seat %u about interval %u is lost by the %s %s: %s", r->dispute,
           r->seat, r->interval, r->loser == DISPUTE_CLAIMANT ? "solver" : "verifier", loser, how);
}

void why_receipt(const struct receipt *r, char text[WHY_WORDS]) {
  char who[ADDRESS_TEXT_LENGTH + 1], spec[65];
  static const uint8_t none[32];
  const char *reason = receipt_reason_text(r->reason);
  bool somebody = memcmp(r->account, none, sizeof none) != 0;
  address_write(r->account, who);
  hex_encode(r->spec_hash, 32, spec);
  switch ((enum receipt_kind)r->kind) {
  case RECEIPT_OPENED:
    snprintf(text, WHY_WORDS, "the solver %s opened its trace of attempt %u: %" PRIu32 " steps, %s", who, r->attempt,
             r->steps, r->outcome == TRACE_DIVERGED ? "diverged" : "done");
    return;
  case RECEIPT_SETTLED:
    snprintf(text, WHY_WORDS, "the task is settled with attempt %u of the solver %s: %s; %u of %u seats audited it",
             r->attempt, who, reason, r->audited, r->seats);
    return;
  case RECEIPT_CANCELLED:
    snprintf(text, WHY_WORDS, "the task is cancelled in attempt %u: %s", r->attempt, reason);
    return;
  case RECEIPT_FAULT:
    snprintf(text, WHY_WORDS, "attempt %u is over by the fault of the solver %s: %s", r->attempt, who, reason);
    return;
  case RECEIPT_ATTEMPT:
    if (somebody)
      snprintf(text, WHY_WORDS, "attempt %u of the solver %s is over: %s", r->attempt, who, reason);
    else
      snprintf(text, WHY_WORDS, "attempt %u is over: %s", r->attempt, reason);
    return;
  case RECEIPT_VERDICT: verdict(r, who, text); return;
  case RECEIPT_SEAT:
    snprintf(text, WHY_WORDS, "seat %u, the verifier %s, loses by it: %s", r->seat, who, reason);
    return;
  case RECEIPT_POSTED:
    snprintf(text, WHY_WORDS,
             "%s posted the job: %" PRIu32 " step%s at level %u, audited by %u seat%s; specification %s", who, r->steps,
             r->steps == 1 ? "" : "s", r->level, r->seats, r->seats == 1 ? "" : "s", spec);
    return;
  case RECEIPT_LOCKED:
    if (r->seat == SEAT_NONE)
      snprintf(text, WHY_WORDS, "the solver %s got attempt %u: its bond and gas are locked", who, r->attempt);
    else
      snprintf(text, WHY_WORDS, "the verifier %s took seat %u of attempt %u: its bond and gas are locked", who, r->seat,
               r->attempt);
    return;
  }
  snprintf(text, WHY_WORDS, "%s", reason); /* receipt_decode lets no other kind in */
}

static const char *row_words(uint8_t row) {
  switch ((enum money_row)row) {
  case ROW_POST: return "posting a job";
  case ROW_LOCK: return "a bond's gas";
  case ROW_CANCELLED: return "what a cancelled task did not use";
  case ROW_LATE: return "a solver that refused or was late";
  case ROW_SEAT: return "a seat's omission";
  case ROW_NEUTRAL: return "an end without a fault";
  case ROW_SETTLED: return "a settled task";
  case ROW_PROVEN: return "a proven fault";
  case ROW_SILENT: return "a fault by silence";
  case ROW_APPROVED: return "approving what was proven wrong";
  case ROW_SEAT_LOST: return "a dispute that a seat lost";
  case ROW_GAS: return "gas";
  case ROW_TRANSFER: return "a transfer";
  case ROW_SUBSIDY: return "the subsidy";
  case ROW_JOB_DONE: return "a job's end";
  }
  return "a row unknown here";
}

static const char *role_word(uint8_t role) {
  static const char *const words[ROLES] = {"solver", "verifier", "whistleblower", "storer", "validator"};
  return role < ROLES ? words[role] : "?";
}

enum { POCKET_TEXT = 160, GAS_LOCK_LENGTH = POCKET_SEAT_BYTES + 32 };

static void pocket_words(const struct pocket *p, char text[POCKET_TEXT]) {
  char who[ADDRESS_TEXT_LENGTH + 1];
  const char *words = "?";
  switch ((enum pocket_kind)p->kind) {
  case POCKET_BALANCE: address_write(p->id, text); return;
  case POCKET_STAKE:
    address_write(p->id, who);
    snprintf(text, POCKET_TEXT, "the %s stake of %s", role_word(p->role), who);
    return;
  case POCKET_ESCROW: words = "the job's escrow"; break;
  case POCKET_LOCK:
    if (p->length == GAS_LOCK_LENGTH) {
      address_write(p->id + POCKET_SEAT_BYTES, who);
      snprintf(text, POCKET_TEXT, "the gas lock of %s", who);
      return;
    }
    words = "a lock";
    break;
  case POCKET_VALIDATORS: words = "the validators' pool"; break;
  case POCKET_BURNED: words = "the burned money"; break;
  case POCKET_SUBSIDY: words = "the subsidy pool"; break;
  case POCKET_TREASURY: words = "the treasury"; break;
  case POCKET_QUARANTINE: words = "the quarantine"; break;
  case POCKET_GAS: words = "prepaid gas"; break;
  }
  snprintf(text, POCKET_TEXT, "%s", words);
}

void why_payment(const struct payment *p, char text[WHY_WORDS]) {
  char from[POCKET_TEXT], to[POCKET_TEXT], amount[AMOUNT_TEXT];
  pocket_words(&p->from, from);
  pocket_words(&p->to, to);
  amount_write(p->amount, amount);
  if (p->to.kind == POCKET_BURNED)
    snprintf(text, WHY_WORDS, "%s of %s burned, for %s", amount, from, row_words(p->row));
  else
    snprintf(text, WHY_WORDS, "%s from %s to %s, for %s", amount, from, to, row_words(p->row));
}

static json_t *payments_json(const uint8_t *bytes, size_t length) {
  json_t *list = json_array();
  struct payment p;
  size_t offset = 0;
  while (payments_next(bytes, length, &offset, &p)) {
    char from[POCKET_TEXT], to[POCKET_TEXT];
    pocket_words(&p.from, from);
    pocket_words(&p.to, to);
    json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:o}", "row", (int)p.row, "for", row_words(p.row),
                                          "from", from, "to", to, "amount", reach_grain(p.amount)));
  }
  return list;
}

json_t *why_receipt_json(const struct receipt *r, const uint8_t *payments, size_t length) {
  char text[WHY_WORDS];
  why_receipt(r, text);
  json_t *o =
      json_pack("{s:I, s:I, s:I, s:s, s:o, s:i, s:o, s:s, s:o, s:s, s:o}", "receipt", (json_int_t)r->number, "height",
                (json_int_t)r->height, "tick", (json_int_t)r->tick, "kind", receipt_kind_text(r->kind), "task",
                reach_hex(r->task, sizeof r->task), "attempt", (int)r->attempt, "seat",
                r->seat == SEAT_NONE ? json_null() : json_integer(r->seat), "reason", receipt_reason_text(r->reason),
                "account", reach_address(r->account), "text", text, "payments", payments_json(payments, length));
  assert(o && "memory for an answer");
  return o;
}
