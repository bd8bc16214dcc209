/* Is a certificate true? LEDGER 18.5. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "certificate/certificate.h"
#include "crypto/sha256.h"

static bool hash_is(const void *bytes, size_t length, const uint8_t hash[32]) {
  uint8_t found[SHA256_BYTES];
  sha256(bytes, length, found);
  return memcmp(found, hash, sizeof found) == 0;
}

static bool zeros(const uint8_t *bytes, size_t length) {
  uint8_t any = 0;
  for (size_t i = 0; i < length; i++) any |= bytes[i];
  return !any;
}

static bool signatures_check(const struct certificate *c, struct why *why) {
  struct comet_commit commit = {.height = c->header.height,
                                .round = c->round,
                                .block.parts = c->parts,
                                .count = c->validators,
                                .signatures = c->signature};
  comet_header_hash(&c->header, commit.block.hash);
  memcpy(commit.block.parts_hash, c->parts_hash, sizeof commit.block.parts_hash);
  return comet_commit_check(&c->header, &commit, c->validator, c->validators, why);
}

static uint16_t task_number(const struct receipt *r) { return (uint16_t)(r->task[32] | r->task[33] << 8); }

/* LEDGER 18.4: one after the other, each of the same job and from where the one before ended. */
static bool follows(const struct certificate *c, const struct receipt *before, const struct receipt *r,
                    uint16_t place) {
  uint8_t kind = place ? RECEIPT_SETTLED : RECEIPT_POSTED;
  uint16_t task = place ? (uint16_t)(place - 1) : 0;
  const uint8_t *start = place == 1 ? before->start_root : before->final_root;
  bool same = r->kind == kind && task_number(r) == task && memcmp(r->task, c->posted.task, 32) == 0 &&
              memcmp(r->genesis, c->posted.genesis, 32) == 0 && r->trust == c->posted.trust &&
              memcmp(r->spec_hash, c->posted.spec_hash, 32) == 0;
  if (!place || !same) return same;
  /* Only the last of them may have ended otherwise than done: a diverged task ends its job. */
  return r->number > before->number && memcmp(r->start_root, start, 32) == 0 &&
         (place == 1 || before->reason == REASON_DONE);
}

static bool receipts_check(const struct certificate *c, struct why *why) {
  struct certificate_receipt row;
  struct receipt before = {.kind = 0}, r;
  size_t offset = 0;
  for (uint16_t i = 0; certificate_next(c, &offset, &row); i++, before = r) {
    bool read = receipt_decode(row.receipt, RECEIPT_BYTES, &r);
    assert(read && "certificate_decode saw it");
    (void)read;
    if (follows(c, &before, &r, i)) continue;
    why_set(why, "receipt %u of it, number %" PRIu64 " of the log, is not %s", i, r.number,
            i ? "that of a settled task which begins where the one before ended" : "that of a job's posting");
    return false;
  }
  if (c->settled.height + 1 != c->header.height) {
    why_set(why, "the task was settled at height %" PRIu64 ", and the header is not the next one but %" PRIu64,
            c->settled.height, c->header.height);
    return false;
  }
  return true;
}

/* There is no log root in a certificate: every path leads to one, and the app hash says whether it is right. */
static bool climb(const struct certificate *c, const struct certificate_receipt *row, uint8_t root[LOG_HASH_BYTES]) {
  struct receipt r;
  bool read = receipt_decode(row->receipt, RECEIPT_BYTES, &r);
  log_leaf(row->receipt, RECEIPT_BYTES, root);
  return read && log_climb(root, c->log_size, r.number, row->path, log_path_count(c->log_size, r.number), root);
}

static bool log_holds(const struct certificate *c, struct why *why) {
  struct certificate_receipt row;
  size_t offset = 0;
  uint8_t root[LOG_HASH_BYTES], app[LOG_HASH_BYTES];
  while (certificate_next(c, &offset, &row)) {
    bool climbed = climb(c, &row, root);
    log_app_hash(c->state_root, root, c->log_size, app);
    if (climbed && memcmp(app, c->header.app, sizeof app) == 0) continue;
    why_set(why, "a receipt does not lie under the app hash of the header of height %" PRIu64, c->header.height);
    return false;
  }
  return true;
}

/* LEDGER 18.5, number 5. */
static bool job_check(const struct certificate *c, struct why *why) {
  const struct certificate_job *j = &c->job;
  const struct receipt *p = &c->posted, *s = &c->settled;
  const char *fault = NULL;
  if (!hash_is(c->job_bytes.bytes, c->job_bytes.length, p->final_root))
    fault = "its hash is not the job root that was posted";
  else if (task_number(s) >= j->tasks)
    fault = "it has fewer tasks than were settled";
  else if (j->level != s->level || j->seed_mode != s->seed_mode || (!j->seed_mode && j->seed != s->seed))
    fault = "level or seed are not those of the receipt";
  else if (!zeros(j->start_root, 32) && memcmp(j->start_root, p->start_root, 32) != 0)
    fault = "it starts from another state";
  else if (!certificate_task(j, task_number(s)).interval_steps || s->steps > certificate_task(j, task_number(s)).steps)
    fault = "more steps were settled than the task has";
  if (!fault) return true;
  why_set(why, "%s", fault);
  return false;
}

static bool payments_check(const struct certificate *c, struct why *why) {
  struct payment p;
  size_t offset = 0;
  while (payments_next(c->payments.bytes, c->payments.length, &offset, &p)) continue;
  if (offset == c->payments.length && hash_is(c->payments.bytes, c->payments.length, c->settled.payments)) return true;
  why_set(why, "they are not those that the receipt names");
  return false;
}

enum certificate_check certificate_verify(const struct certificate *c, const uint8_t *anchor, struct why *why) {
  if (!signatures_check(c, why)) return CERTIFICATE_WRONG_SIGNATURES;
  if (anchor && memcmp(anchor, c->header.validators, 32) != 0) {
    why_set(why, "the header names other validators than the given ones");
    return CERTIFICATE_WRONG_ANCHOR;
  }
  if (!receipts_check(c, why)) return CERTIFICATE_WRONG_RECEIPTS;
  if (!log_holds(c, why)) return CERTIFICATE_WRONG_LOG;
  if (!job_check(c, why)) return CERTIFICATE_WRONG_JOB;
  if (!payments_check(c, why)) return CERTIFICATE_WRONG_PAYMENTS;
  if (c->layout.length && !hash_is(c->layout.bytes, c->layout.length, c->job.layout_hash)) {
    why_set(why, "its hash is not the one that the job names");
    return CERTIFICATE_WRONG_LAYOUT;
  }
  if (c->spec.length && !hash_is(c->spec.bytes, c->spec.length, c->settled.spec_hash)) {
    why_set(why, "its hash is not the one that was posted");
    return CERTIFICATE_WRONG_SPEC;
  }
  return CERTIFICATE_TRUE;
}

const char *certificate_check_text(enum certificate_check check) {
  switch (check) {
  case CERTIFICATE_TRUE: return "all of it";
  case CERTIFICATE_WRONG_SIGNATURES: return "the signatures";
  case CERTIFICATE_WRONG_ANCHOR: return "the validators";
  case CERTIFICATE_WRONG_RECEIPTS: return "the receipts";
  case CERTIFICATE_WRONG_LOG: return "the log";
  case CERTIFICATE_WRONG_JOB: return "the job";
  case CERTIFICATE_WRONG_PAYMENTS: return "the payments";
  case CERTIFICATE_WRONG_LAYOUT: return "the layout";
  case CERTIFICATE_WRONG_SPEC: return "the job's own text";
  }
  return "";
}

uint16_t certificate_intervals(const struct certificate *c) {
  uint16_t number = task_number(&c->settled);
  if (number >= c->job.tasks) return 0;
  struct certificate_task t = certificate_task(&c->job, number);
  uint64_t steps = c->settled.steps;
  return t.interval_steps && steps <= t.steps ? (uint16_t)((steps + t.interval_steps - 1) / t.interval_steps) : 0;
}
