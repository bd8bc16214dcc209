/* The starts that seats need: LEDGER 9.5. */
#include "crypto/merkle.h"
#include "ledger/audit/seat.h"

/* Marks the intervals whose starts the solver owes: those that seats of this attempt drew, in `full` those with a
 * probe, which only baits ask about. The rest stays its own. */
static void owed(const struct chain *c, const struct task_record *t, const struct terms *k,
                 bool wanted[TRACE_INTERVALS_MAX + 1]) {
  struct seat_record s;
  memset(wanted, 0, (TRACE_INTERVALS_MAX + 1) * sizeof *wanted);
  if (k->full && k->parameters.forced_permille == 0) return;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || s.state == SEAT_DRAWN || s.state == SEAT_VOID || (k->full && s.own)) continue;
    for (uint32_t d = 0; d < s.draws; d++)
      if (!k->full || s.inner[d]) wanted[s.interval[d]] = true;
  }
  for (uint16_t i = 1; i <= t->intervals_run; i++)
    if (wanted[i] && start_find(c, t, i)) wanted[i] = false;
}

uint16_t starts_missing(const struct chain *c, const struct task_record *t, const struct terms *k) {
  bool wanted[TRACE_INTERVALS_MAX + 1];
  uint16_t count = 0;
  owed(c, t, k, wanted);
  for (uint16_t i = 1; i <= t->intervals_run; i++) count = (uint16_t)(count + wanted[i]);
  return count;
}

/* Leaf interval - 1 of the trace: H(00 || sigma_i || root), PROTOCOL M4.2. */
static bool row_checks(const struct task_record *t, const struct body_publish *b, const struct publish_row *row) {
  uint8_t opening[64], leaf[32], root[32];
  uint32_t i = row->interval - 1u;
  memcpy(opening, row->sigma, 32);
  memcpy(opening + 32, row->root, 32);
  merkle_leaf(opening, sizeof opening, leaf);
  merkle_climb(leaf, i, row->path, b->height, root);
  return memcmp(root, t->trace_root, 32) == 0 && (i || memcmp(row->root, t->start_root, 32) == 0);
}

/* Row 13, and PUBLISH of row 24. */
enum chain_code audit_publish(struct chain *c, const uint8_t account[32], const struct body_publish *b,
                              struct why *why) {
  struct task_record t;
  struct terms k;
  bool wanted[TRACE_INTERVALS_MAX + 1];
  bool late = task_find(c, b->at.task, &t) && t.state == TASK_SHOW;
  enum chain_code code = task_of(c, &b->at, late ? TASK_SHOW : TASK_PUBLISH, &t, why);
  if (code != CHAIN_OK) return code;
  if (memcmp(account, t.solver, 32) != 0) {
    why_set(why, "the solver publishes");
    return CHAIN_FORBIDDEN;
  }
  terms_read(c, &t, &k);
  if (late && (!k.full || !t.opened)) {
    why_set(why, "starts are published after OPEN in a task that is audited in full, and there alone");
    return CHAIN_STATE;
  }
  owed(c, &t, &k, wanted);
  for (uint16_t n = 0; n < b->count; n++) {
    struct publish_row row = body_publish_row(b, n);
    if (row.interval > t.intervals_run || !wanted[row.interval]) {
      why_set(why, "the start of interval %u is not asked for", row.interval);
      return CHAIN_LIMIT;
    }
    if (b->height != merkle_height(t.intervals_run + 1u) || !row_checks(&t, b, &row)) {
      why_set(why, "the start of interval %u does not lie under the trace root", row.interval);
      return CHAIN_PROOF;
    }
  }
  for (uint16_t n = 0; n < b->count; n++) {
    struct publish_row row = body_publish_row(b, n);
    start_store(c, &t, row.interval, row.root);
  }
  if (starts_missing(c, &t, &k) > 0) return CHAIN_OK;
  if (!late)
    starts_complete(c, &t, &k);
  else if (show_complete(c, &t, &k))
    show_end(c, &t);
  return CHAIN_OK;
}
