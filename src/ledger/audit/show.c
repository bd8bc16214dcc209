/* Everybody's cards on the table: OPEN, SHOW, and what follows from comparing them. Rows 23 to 26 and 35 to 37 of
 * LEDGER 8.2. */
#include <assert.h>

#include "commit/trace/trace.h"
#include "ledger/audit/seat.h"
#include "ledger/docket/docket.h"

void show_begin(struct chain *c, struct task_record *t) {
  struct terms k;
  terms_read(c, t, &k);
  task_enter(c, t, TASK_SHOW, c->now.tick + k.parameters.window_show, false);
}

bool show_complete(const struct chain *c, const struct task_record *t, const struct terms *k) {
  struct seat_record s;
  if (!t->opened || (k->full && starts_missing(c, t, k) > 0)) return false;
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && s.state == SEAT_SEALED) return false;
  return true;
}

bool audit_root(const struct chain *c, const struct task_record *t, uint16_t i, uint8_t root[32]) {
  struct attempt_record a;
  if (!attempt_find(c, t, &a) || i >= a.roots) return false;
  memcpy(root, a.root[i], 32);
  return true;
}

static bool leaf_checks(const struct body_open *b, uint8_t n, uint32_t leaf, const uint8_t *root) {
  uint8_t hash[32], top[32];
  merkle_leaf(b->leaf[n], TAPE_LEAF_BYTES, hash);
  merkle_climb(hash, leaf, b->path[n], b->height, top);
  return memcmp(top, root, 32) == 0;
}

static uint32_t first_word(const uint8_t *leaf) {
  struct reader r = reader_over(leaf, 4);
  return take_u32(&r);
}

/* PROTOCOL M4.5: "N + 1 roots, which rebuild the trace root; roots[0] is where the task starts". */
static bool roots_check(const struct task_record *t, const struct body_open *b) {
  struct trace trace = {.intervals = t->intervals_run};
  uint8_t root[32];
  if (b->roots_count != t->intervals_run + 1) return false;
  memcpy(trace.salt, b->sigma, sizeof trace.salt);
  memcpy(trace.roots, b->roots, (size_t)b->roots_count * 32);
  trace_root(&trace, root);
  return memcmp(root, t->trace_root, 32) == 0 && memcmp(b->roots, t->start_root, 32) == 0;
}

/* The openings of LEDGER 9.7, in their order: leaf 0 of the last state; for `diverged` with N_c >= 2 leaf 0 of the
 * state before; the figure's leaf. `diverged` is the first word of leaf 0 (TAPE 3.1). */
static enum chain_code leaves_check(const struct chain *c, const struct task_record *t, const struct terms *k,
                                    const struct body_open *b, uint32_t *figure, struct why *why) {
  struct posted_table table;
  uint32_t at;
  const uint8_t *last = b->roots + (size_t)t->intervals_run * 32;
  bool diverged = t->outcome == TRACE_DIVERGED, before = diverged && t->intervals_run >= 2;
  bool shows = job_figure(c, &k->job.record, &at);
  bool found = job_table_find(c, k->job.record.job.layout_hash, &table);
  assert(found && "a live job whose table is gone");
  if (b->leaves != 1 + before + shows || b->height != merkle_height(table.state_leaves)) {
    why_set(why, "this OPEN shows %d leaves of a tree of height %u", 1 + before + shows,
            merkle_height(table.state_leaves));
    return CHAIN_LIMIT;
  }
  if (!leaf_checks(b, 0, 0, last) || (before && !leaf_checks(b, 1, 0, last - 32)) ||
      (shows && !leaf_checks(b, (uint8_t)(1 + before), at, last))) {
    why_set(why, "a leaf does not lie under its state root");
    return CHAIN_PROOF;
  }
  if ((first_word(b->leaf[0]) != 0) != diverged || (before && first_word(b->leaf[1]) != 0)) {
    why_set(why, "the states do not say %s", diverged ? "diverged in the last interval" : "done");
    return CHAIN_PROOF;
  }
  *figure = shows ? first_word(b->leaf[1 + before]) : 0;
  return CHAIN_OK;
}

enum chain_code audit_open(struct chain *c, const uint8_t account[32], const struct body_open *b, struct why *why) {
  struct task_record t;
  struct attempt_record a;
  struct terms k;
  struct receipt r;
  uint32_t figure;
  enum chain_code code = task_of(c, &b->at, TASK_SHOW, &t, why);
  if (code != CHAIN_OK) return code;
  if (memcmp(account, t.solver, 32) != 0 || t.opened) {
    why_set(why, t.opened ? "this trace is open" : "the solver opens");
    return t.opened ? CHAIN_STATE : CHAIN_FORBIDDEN;
  }
  if (!roots_check(&t, b)) {
    why_set(why, "not the %u roots that were committed to, from the task's start", t.intervals_run + 1u);
    return CHAIN_PROOF;
  }
  terms_read(c, &t, &k);
  code = leaves_check(c, &t, &k, b, &figure, why);
  if (code != CHAIN_OK) return code;
  attempt_find(c, &t, &a);
  a.roots = b->roots_count;
  memcpy(a.root, b->roots, (size_t)b->roots_count * 32);
  attempt_store(c, &a);
  t.opened = true;
  t.figure = figure;
  memcpy(t.final_root, a.root[t.intervals_run], 32);
  task_store(c, &t);
  /* LEDGER 17.3: "A receipt of kind `opened` is appended at OPEN", for those who do not wait for the money. */
  task_receipt(&t, &k.job.record, RECEIPT_OPENED, t.outcome == TRACE_DONE ? REASON_DONE : REASON_DIVERGED, &r);
  receipt_append(c, &r, NULL);
  if (show_complete(c, &t, &k)) show_end(c, &t);
  return CHAIN_OK;
}

/* LEDGER 9.8: "P_i is 32 zero bytes where S = 1". So it is wherever none is due. */
static bool probes_check(const struct seat_record *s, const struct body_show *b) {
  static const uint8_t none[32];
  for (uint32_t k = 0; k < s->draws; k++)
    if ((s->own || s->inner[k] == 0) && memcmp(b->probes + 32 * k, none, sizeof none) != 0) return false;
  return true;
}

enum chain_code audit_show(struct chain *c, const uint8_t account[32], const struct body_show *b, struct why *why) {
  struct task_record t;
  struct seat_record s;
  struct terms k;
  uint8_t hash[32];
  enum chain_code code = task_of(c, &b->at, TASK_SHOW, &t, why);
  if (code != CHAIN_OK) return code;
  if (!audit_seat(c, &t, b->at.seat, &s) || memcmp(s.account, account, 32) != 0) {
    why_set(why, "seat %u is not the sender's", b->at.seat);
    return CHAIN_FORBIDDEN;
  }
  if (s.state != SEAT_SEALED) {
    why_set(why, "seat %u has no seal to open", b->at.seat);
    return CHAIN_STATE;
  }
  audit_seal_hash(c->genesis, s.id, s.account, b->salt, b->ends, b->ends_count, hash);
  if (b->ends_count != s.draws || memcmp(hash, s.seal, 32) != 0 || !probes_check(&s, b)) {
    why_set(why, "this does not open the seal");
    return CHAIN_PROOF;
  }
  memcpy(s.end, b->ends, (size_t)s.draws * 32);
  s.shown = true;
  s.state = SEAT_SHOWN;
  seat_store(c, &s);
  terms_read(c, &t, &k);
  if (show_complete(c, &t, &k)) show_end(c, &t);
  return CHAIN_OK;
}

/* LEDGER 9.9: "on the lowest such i of that seat". */
static uint16_t lowest_mismatch(const struct seat_record *s, const struct attempt_record *a) {
  for (uint32_t k = 0; k < s->draws; k++)
    if (memcmp(s->end[k], a->root[s->interval[k]], 32) != 0) return s->interval[k];
  return 0;
}

/* Row 26. CLAIM and DISCLOSE take no time without baits, so what follows is JUDGE, or DELIVER. */
void show_end(struct chain *c, struct task_record *t) {
  struct attempt_record a;
  struct seat_record s;
  bool found = attempt_find(c, t, &a);
  assert(found && t->opened);
  task_enter(c, t, TASK_JUDGE, 0, false);
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || s.state != SEAT_SHOWN) continue;
    uint16_t interval = lowest_mismatch(&s, &a);
    if (interval) docket_open(c, t, &s, interval);
  }
  if (t->disputes_open == 0) audit_judged(c, t);
}

/* Rows 25 and 26: who sealed and does not show loses L; a solver that does not open is at fault. */
void show_due(struct chain *c, struct task_record *t) {
  struct audit_stakes stakes;
  struct seat_record s;
  struct terms k;
  terms_read(c, t, &k);
  audit_stakes(c, t, &stakes);
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && s.state == SEAT_SEALED) seat_void(c, t, &s, stakes.forced_loss, REASON_NO_SHOW);
  if (show_complete(c, t, &k)) {
    show_end(c, t);
    return;
  }
  t->silent = true;
  task_fault(c, t, t->opened ? REASON_NO_PUBLISH : REASON_NO_OPEN);
}

/* Row 35. */
void audit_judged(struct chain *c, struct task_record *t) {
  struct terms k;
  terms_read(c, t, &k);
  task_enter(c, t, TASK_DELIVER, c->now.tick + publish_ticks(c, &k, 1), false);
}

/* The votes of the seats that are good (LEDGER 9.11). */
static void votes(const struct chain *c, const struct task_record *t, uint8_t *yes, uint8_t *no, uint8_t *all) {
  struct seat_record s;
  *yes = *no = *all = 0;
  for (uint8_t i = 0; i < t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || !audit_good(&s)) continue;
    *all = (uint8_t)(*all + 1);
    *yes = (uint8_t)(*yes + (s.vote == 2));
    *no = (uint8_t)(*no + (s.vote == 1));
  }
}

/* Row 36: "more than half yes settles at once". */
enum chain_code deliver_vote(struct chain *c, struct task_record *t, struct seat_record *s, bool got, struct why *why) {
  uint8_t yes, no, all;
  if (!audit_good(s) || s->vote) {
    why_set(why, s->vote ? "this seat has spoken" : "this seat has no voice");
    return s->vote ? CHAIN_STATE : CHAIN_FORBIDDEN;
  }
  s->vote = got ? 2 : 1;
  seat_store(c, s);
  votes(c, t, &yes, &no, &all);
  if (2 * yes > all) task_settle(c, t);
  return CHAIN_OK;
}

/* Rows 36 and 37: "at the timer it settles unless no outnumbers yes; then neutral". */
void deliver_due(struct chain *c, struct task_record *t) {
  uint8_t yes, no, all;
  votes(c, t, &yes, &no, &all);
  if (no > yes)
    task_cancel(c, t, REASON_NEUTRAL);
  else
    task_settle(c, t);
}
