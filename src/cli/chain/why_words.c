#include "cli/chain/why_words.h"

#include "base/hex.h"
#include "cli/amount.h"
#include "cli/dispute/words.h"
#include "ledger/audit/audit.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GAS_LOCK_LENGTH = POCKET_SEAT_BYTES + 32 };

bool why_strike(const struct receipt *r) {
  if (r->kind == RECEIPT_ATTEMPT) return r->reason == REASON_LATE || r->reason == REASON_REFUSED;
  return r->kind == RECEIPT_SEAT && r->reason == REASON_NOT_TAKEN && r->seat != r->seats; /* not the own seat */
}

bool why_element(const struct receipt *r) {
  return r->kind == RECEIPT_VERDICT && r->how != DISPUTE_BY_CLOCK && r->record != 0;
}

/* "step 19, element 13879 (115, 79) of record 36 (dot) was committed as .., and computed again it is .." */
static void put_element(struct words *w, const struct receipt *r, const struct tape_record *record) {
  uint8_t dtype = record ? record->dtype : TAPE_F32;
  words_put(w, "in step %" PRIu32 ", element %" PRIu64, r->step, r->element);
  if (record && r->element < record_elements(record)) words_coordinates(w, record, r->element);
  words_put(w, " of record %u", r->record);
  if (record) words_put(w, " (%s)", words_opcode(record->op));
  words_put(w, " was committed as ");
  words_value(w, dtype, r->committed);
  words_put(w, ", and computed again it is ");
  words_value(w, dtype, r->recomputed);
}

static void verdict(const struct receipt *r, const struct tape_record *record, const char *loser,
                    char text[WHY_WORDS]) {
  struct words how = {.used = 0};
  switch ((enum dispute_reason)r->how) {
  case DISPUTE_BY_PROOF: put_element(&how, r, record); break;
  case DISPUTE_NOTHING_TO_DENY:
    words_put(&how, "nothing was left to deny");
    if (why_element(r)) {
      words_put(&how, ": ");
      put_element(&how, r, record);
    }
    break;
  case DISPUTE_BY_CLOCK: words_put(&how, "its clock ran out before it moved"); break;
  }
  if (!how.used) words_put(&how, "%s", receipt_reason_text(r->reason));
  snprintf(text, WHY_WORDS, "dispute %" PRIu64 " of seat %u about interval %u is lost by the %s %s: %s", r->dispute,
           r->seat, r->interval, r->loser == DISPUTE_CLAIMANT ? "solver" : "verifier", loser, how.text);
}

void why_receipt(const struct receipt *r, const struct tape_record *record, struct parties *names,
                 char text[WHY_WORDS]) {
  char who[PARTY_TEXT], spec[65];
  static const uint8_t none[32];
  const char *reason = receipt_reason_text(r->reason), *strike = why_strike(r) ? "; that is a strike against it" : "";
  bool somebody = memcmp(r->account, none, sizeof none) != 0;
  parties_name(names, r->account, who);
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
      snprintf(text, WHY_WORDS, "attempt %u of the solver %s is over: %s%s", r->attempt, who, reason, strike);
    else
      snprintf(text, WHY_WORDS, "attempt %u is over: %s", r->attempt, reason);
    return;
  case RECEIPT_VERDICT: verdict(r, record, who, text); return;
  case RECEIPT_SEAT:
    snprintf(text, WHY_WORDS, "seat %u, the verifier %s, loses by it: %s%s", r->seat, who, reason, strike);
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

/* The account that a pocket is of; NULL: of nobody. */
static const uint8_t *owner(const struct pocket *p) {
  if (p->kind == POCKET_BALANCE || p->kind == POCKET_STAKE) return p->id;
  return p->kind == POCKET_LOCK && p->length == GAS_LOCK_LENGTH ? p->id + POCKET_SEAT_BYTES : NULL;
}

bool why_touches(const struct payment *p, const uint8_t account[32]) {
  const uint8_t *from = owner(&p->from), *to = owner(&p->to);
  return (from && memcmp(from, account, 32) == 0) || (to && memcmp(to, account, 32) == 0);
}

enum { POCKET_TEXT = 160 };

static void pocket_words(const struct pocket *p, struct parties *names, char text[POCKET_TEXT]) {
  char who[PARTY_TEXT] = "";
  const char *words = "?";
  if (owner(p)) parties_name(names, owner(p), who);
  switch ((enum pocket_kind)p->kind) {
  case POCKET_BALANCE: words = ""; break;
  case POCKET_STAKE: snprintf(text, POCKET_TEXT, "the %s stake of %s", role_word(p->role), who); return;
  case POCKET_ESCROW: words = "the job's escrow"; break;
  case POCKET_LOCK: words = owner(p) ? "the gas lock of " : "a lock"; break;
  case POCKET_VALIDATORS: words = "the validators' pool"; break;
  case POCKET_BURNED: words = "the burned money"; break;
  case POCKET_SUBSIDY: words = "the subsidy pool"; break;
  case POCKET_TREASURY: words = "the treasury"; break;
  case POCKET_QUARANTINE: words = "the quarantine"; break;
  case POCKET_GAS: words = "prepaid gas"; break;
  }
  snprintf(text, POCKET_TEXT, "%s%s", words, who);
}

void why_payment(const struct payment *p, struct parties *names, char text[WHY_WORDS]) {
  char from[POCKET_TEXT], to[POCKET_TEXT], amount[AMOUNT_TEXT];
  pocket_words(&p->from, names, from);
  pocket_words(&p->to, names, to);
  amount_write(p->amount, amount);
  const uint8_t *giver = owner(&p->from), *taker = owner(&p->to);
  bool own = giver && taker && memcmp(giver, taker, 32) == 0;
  if (own && p->to.kind == POCKET_LOCK)
    snprintf(text, WHY_WORDS, "%s of %s set aside for gas", amount, from);
  else if (own && p->from.kind == POCKET_LOCK && p->to.kind == POCKET_BALANCE)
    snprintf(text, WHY_WORDS, "%s back to %s, set aside for gas and not used", amount, to);
  else if (p->to.kind == POCKET_BURNED)
    snprintf(text, WHY_WORDS, "%s of %s burned, for %s", amount, from, row_words(p->row));
  else
    snprintf(text, WHY_WORDS, "%s from %s to %s, for %s", amount, from, to, row_words(p->row));
}

static uint64_t more(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

void why_parties(const struct receipt *r, const uint8_t *payments, size_t length, struct parties *names) {
  struct payment p;
  size_t offset = 0;
  bool seat = r->seat != SEAT_NONE;
  if (r->kind == RECEIPT_POSTED)
    parties_add(names, r->account, "submitter");
  else if (r->kind == RECEIPT_VERDICT)
    parties_add(names, r->account, r->loser == DISPUTE_CLAIMANT ? "solver" : "verifier");
  else if (r->kind != RECEIPT_CANCELLED)
    parties_add(names, r->account, seat ? (r->seat == r->seats ? "own seat" : "verifier") : "solver");
  while (payments_next(payments, length, &offset, &p)) {
    const uint8_t *from = owner(&p.from), *to = owner(&p.to);
    bool same = from && to && memcmp(from, to, 32) == 0;
    struct party *giver = from ? parties_add(names, from, "") : NULL;
    if (giver && !same) giver->gave = more(giver->gave, p.amount);
    struct party *taker = to ? parties_add(names, to, "") : NULL;
    if (taker && !same) taker->got = more(taker->got, p.amount);
  }
}

static json_t *payments_json(const uint8_t *bytes, size_t length) {
  json_t *list = json_array();
  struct payment p;
  size_t offset = 0;
  while (payments_next(bytes, length, &offset, &p)) {
    char from[POCKET_TEXT], to[POCKET_TEXT];
    pocket_words(&p.from, NULL, from);
    pocket_words(&p.to, NULL, to);
    json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:o}", "row", (int)p.row, "for", row_words(p.row),
                                          "from", from, "to", to, "amount", reach_grain(p.amount)));
  }
  return list;
}

/* A value as a number; null where it is none (not finite). */
static json_t *value_json(uint8_t dtype, uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  if (dtype == TAPE_I32) return json_integer((int32_t)bits);
  if (dtype != TAPE_F32) return json_integer(bits);
  return isfinite(f) ? json_real((double)f) : json_null();
}

static json_t *verdict_json(const struct receipt *r, const struct tape_record *record) {
  static const char *const how[] = {
      [DISPUTE_BY_PROOF] = "proof", [DISPUTE_NOTHING_TO_DENY] = "nothing to deny", [DISPUTE_BY_CLOCK] = "clock"};
  bool known = r->how < sizeof how / sizeof *how && how[r->how];
  json_t *o =
      json_pack("{s:I, s:i, s:s, s:s?}", "dispute", (json_int_t)r->dispute, "interval", (int)r->interval, "loser",
                r->loser == DISPUTE_CLAIMANT ? "solver" : "verifier", "how", known ? how[r->how] : NULL);
  if (!why_element(r)) return o;
  uint8_t dtype = record ? record->dtype : TAPE_F32;
  uint32_t at[TAPE_RANK_MAX], rank = 0;
  char committed[9], recomputed[9];
  json_t *coordinates = json_array();
  if (record && r->element < record_elements(record)) rank = words_place(record, r->element, at);
  for (uint32_t i = 0; i < rank; i++) json_array_append_new(coordinates, json_integer(at[i]));
  snprintf(committed, sizeof committed, "%08" PRIx32, r->committed);
  snprintf(recomputed, sizeof recomputed, "%08" PRIx32, r->recomputed);
  json_t *element =
      json_pack("{s:I, s:i, s:s?, s:I, s:o, s:s, s:s, s:o, s:o}", "step", (json_int_t)r->step, "record", (int)r->record,
                "opcode", record ? words_opcode(record->op) : NULL, "element", (json_int_t)r->element, "coordinates",
                coordinates, "committed", committed, "recomputed", recomputed, "committed_value",
                value_json(dtype, r->committed), "recomputed_value", value_json(dtype, r->recomputed));
  json_object_update(o, element);
  json_decref(element);
  return o;
}

json_t *why_receipt_json(const struct receipt *r, const struct tape_record *record, const uint8_t *payments,
                         size_t length) {
  char text[WHY_WORDS];
  why_receipt(r, record, NULL, text);
  json_t *o = json_pack("{s:I, s:I, s:I, s:s, s:o, s:i, s:o, s:s, s:o, s:s, s:b, s:o}", "receipt",
                        (json_int_t)r->number, "height", (json_int_t)r->height, "tick", (json_int_t)r->tick, "kind",
                        receipt_kind_text(r->kind), "task", reach_hex(r->task, sizeof r->task), "attempt",
                        (int)r->attempt, "seat", r->seat == SEAT_NONE ? json_null() : json_integer(r->seat), "reason",
                        receipt_reason_text(r->reason), "account", reach_address(r->account), "text", text, "strike",
                        (int)why_strike(r), "payments", payments_json(payments, length));
  if (o && r->kind == RECEIPT_VERDICT) json_object_set_new(o, "verdict", verdict_json(r, record));
  assert(o && "memory for an answer");
  return o;
}
