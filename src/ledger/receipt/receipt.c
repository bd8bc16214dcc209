#include "ledger/receipt/receipt.h"

#include <assert.h>

#include "base/bytes.h"
#include "crypto/sha256.h"

void receipt_encode(const struct receipt *r, uint8_t bytes[RECEIPT_BYTES]) {
  struct writer w = writer_over(bytes, RECEIPT_BYTES);
  put_bytes(&w, r->genesis, 32);
  put_u8(&w, r->trust);
  put_u64(&w, r->number);
  put_u64(&w, r->height);
  put_u64(&w, r->tick);
  put_u8(&w, r->kind);
  put_bytes(&w, r->task, sizeof r->task);
  put_u8(&w, r->attempt);
  put_u8(&w, r->seat);
  put_u16(&w, r->reason);
  put_bytes(&w, r->account, 32);
  put_bytes(&w, r->spec_hash, 32);
  put_bytes(&w, r->start_root, 32);
  put_bytes(&w, r->final_root, 32);
  put_u32(&w, r->figure);
  put_u8(&w, r->outcome);
  put_u32(&w, r->steps);
  put_u8(&w, r->seed_mode);
  put_u8(&w, r->level);
  put_u8(&w, r->seats);
  put_u8(&w, r->draws);
  put_u8(&w, r->audited);
  put_u64(&w, r->seed);
  put_u16(&w, r->disputes);
  put_u16(&w, r->claims);
  put_u32(&w, r->parameters);
  put_u64(&w, r->dispute);
  put_u16(&w, r->interval);
  put_u16(&w, r->record);
  put_u32(&w, r->step);
  put_u64(&w, r->element);
  put_u32(&w, r->committed);
  put_u32(&w, r->recomputed);
  put_u8(&w, r->loser);
  put_u8(&w, r->how);
  put_bytes(&w, r->payments, 32);
  assert(!w.full && bytes_written(&w) == RECEIPT_BYTES);
}

static void take_into(struct reader *r, uint8_t *bytes, size_t length) {
  const uint8_t *at = take_bytes(r, length);
  if (at) memcpy(bytes, at, length);
}

bool receipt_decode(const uint8_t *bytes, size_t length, struct receipt *out) {
  struct reader r = reader_over(bytes, length);
  struct receipt t = {.trust = 0};
  take_into(&r, t.genesis, 32);
  t.trust = take_u8(&r);
  t.number = take_u64(&r);
  t.height = take_u64(&r);
  t.tick = take_u64(&r);
  t.kind = take_u8(&r);
  take_into(&r, t.task, sizeof t.task);
  t.attempt = take_u8(&r);
  t.seat = take_u8(&r);
  t.reason = take_u16(&r);
  take_into(&r, t.account, 32);
  take_into(&r, t.spec_hash, 32);
  take_into(&r, t.start_root, 32);
  take_into(&r, t.final_root, 32);
  t.figure = take_u32(&r);
  t.outcome = take_u8(&r);
  t.steps = take_u32(&r);
  t.seed_mode = take_u8(&r);
  t.level = take_u8(&r);
  t.seats = take_u8(&r);
  t.draws = take_u8(&r);
  t.audited = take_u8(&r);
  t.seed = take_u64(&r);
  t.disputes = take_u16(&r);
  t.claims = take_u16(&r);
  t.parameters = take_u32(&r);
  t.dispute = take_u64(&r);
  t.interval = take_u16(&r);
  t.record = take_u16(&r);
  t.step = take_u32(&r);
  t.element = take_u64(&r);
  t.committed = take_u32(&r);
  t.recomputed = take_u32(&r);
  t.loser = take_u8(&r);
  t.how = take_u8(&r);
  take_into(&r, t.payments, 32);
  if (!bytes_done(&r) || t.trust > 1 || !receipt_kind_text(t.kind) || !receipt_reason_text(t.reason)) return false;
  *out = t;
  return true;
}

void receipt_append(struct chain *c, struct receipt *r, const struct payments *list) {
  uint8_t bytes[RECEIPT_BYTES], leaf[LOG_HASH_BYTES];
  memcpy(r->genesis, c->genesis, 32);
  r->trust = c->trust;
  r->number = c->now.next_receipt++;
  r->height = c->now.height;
  r->tick = c->now.tick;
  sha256(list ? list->bytes : bytes, list ? list->used : 0, r->payments);
  assert(receipt_kind_text(r->kind) && receipt_reason_text(r->reason) && r->number == c->log.size);
  receipt_encode(r, bytes);
  log_leaf(bytes, sizeof bytes, leaf);
  log_add(&c->log, leaf);
  outbox_receipt(c->out, r->number, bytes, sizeof bytes, list ? list->bytes : NULL, list ? list->used : 0);
}

static const char *const kinds[] = {
    [RECEIPT_OPENED] = "opened", [RECEIPT_SETTLED] = "settled", [RECEIPT_CANCELLED] = "cancelled",
    [RECEIPT_FAULT] = "fault",   [RECEIPT_ATTEMPT] = "attempt", [RECEIPT_VERDICT] = "verdict",
    [RECEIPT_SEAT] = "seat",     [RECEIPT_POSTED] = "posted",   [RECEIPT_LOCKED] = "locked",
};

static const char *const reasons[] = {
    [REASON_NONE] = "as it should be",
    [REASON_DONE] = "all steps were run",
    [REASON_DIVERGED] = "a loss or a gradient norm was no number any more, and the run ended there",
    [REASON_NO_OFFERS] = "no solver offered itself in time",
    [REASON_LATE] = "the solver did not commit in time",
    [REASON_REFUSED] = "the solver refused the task",
    [REASON_NO_PUBLISH] = "the solver did not publish the starts that were drawn",
    [REASON_NO_OPEN] = "the solver did not open its trace",
    [REASON_PROVEN] = "one element was computed again and is not what was committed",
    [REASON_SILENT_DISPUTE] = "a side of the dispute ran out of its clock",
    [REASON_NOT_DELIVERED] = "the final state was not delivered",
    [REASON_NEUTRAL] = "nobody can be shown to be at fault",
    [REASON_NOT_TAKEN] = "the verifier did not take the seat it was drawn for",
    [REASON_NO_SEAL] = "the seat did not seal",
    [REASON_NO_SHOW] = "the seat did not show what it had sealed",
    [REASON_APPROVED_WRONG] = "the seat had approved an interval that was proven wrong",
    [REASON_NO_START] = "the seat says that it could not get a start",
    [REASON_ATTEMPTS] = "four attempts were made",
    [REASON_DEADLINE] = "the job's deadline is past",
    [REASON_CANCELLED] = "cancelled by the submitter, or with the task before",
    [REASON_STALLED] = "no verifier was to be had for eight epochs",
};

const char *receipt_kind_text(uint8_t kind) { return kind < sizeof kinds / sizeof *kinds ? kinds[kind] : NULL; }
const char *receipt_reason_text(uint16_t reason) {
  return reason < sizeof reasons / sizeof *reasons ? reasons[reason] : NULL;
}
