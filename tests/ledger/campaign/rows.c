/* How often each row of the two tables was reached: transitions (LEDGER 8.2) and money (14.1). */
#include "campaign/walk.h"

#include <inttypes.h>

struct row {
  const char *name, *what;
  uint64_t count;
};

uint32_t walk_rows(const struct walk *w, bool print) {
  const struct walk_counts *n = &w->count;
#define TO(a, b) n->to[TASK_##a][TASK_##b]
#define SAID(kind, reason) n->receipt[RECEIPT_##kind][REASON_##reason]
#define DONE(type) n->done[TRANSACTION_##type]
  const struct row rows[] = {
      {"8.2 row 1", "posted", SAID(POSTED, NONE)},
      {"8.2 row 2", "opened for offers", TO(WAIT, OPEN)},
      {"8.2 row 3", "cancelled: the deadline", SAID(CANCELLED, DEADLINE)},
      {"8.2 row 5", "OFFER", DONE(OFFER)},
      {"8.2 row 6", "the best of three works", TO(OPEN, WORK)},
      {"8.2 row 7", "no offers", SAID(ATTEMPT, NO_OFFERS)},
      {"8.2 row 8", "late", SAID(ATTEMPT, LATE)},
      {"8.2 row 9", "COMMIT", DONE(COMMIT)},
      {"8.2 row 10", "verifiers drawn", TO(DRAW, TAKE)},
      {"8.2 row 10", "none eligible", TO(DRAW, STALLED)},
      {"8.2 row 11", "TAKE", DONE(TAKE)},
      {"8.2 row 11", "all taken, to publish", TO(TAKE, PUBLISH)},
      {"8.2 row 11", "all taken, nothing to publish", TO(TAKE, SEAL)},
      {"8.2 row 12", "not taken", SAID(SEAT, NOT_TAKEN)},
      {"8.2 row 12", "none at all", TO(TAKE, STALLED)},
      {"8.2 row 13", "PUBLISH", DONE(PUBLISH)},
      {"8.2 row 13", "all published", TO(PUBLISH, SEAL)},
      {"8.2 row 14", "no PUBLISH", SAID(FAULT, NO_PUBLISH)},
      {"8.2 row 15", "SEAL", DONE(SEAL)},
      {"8.2 row 16", "FETCH: no start", SAID(SEAT, NO_START)},
      {"8.2 row 17", "sealed", TO(SEAL, SEALED)},
      {"8.2 row 17", "a seat is silent", SAID(SEAT, NO_SEAL)},
      {"8.2 row 18", "another round", TO(SEAL, TAKE)},
      {"8.2 row 19", "round 3, neutral", n->cancelled_by[TASK_SEAL][REASON_NEUTRAL]},
      {"8.2 row 19", "round 3, stalled", TO(SEAL, STALLED)},
      {"8.2 row 20", "verifiers again", TO(STALLED, TAKE)},
      {"8.2 row 20", "still none", TO(STALLED, STALLED)},
      {"8.2 row 21", "nine epochs", SAID(CANCELLED, STALLED)},
      {"8.2 row 23", "shows", TO(SEALED, SHOW)},
      {"8.2 row 24", "SHOW", DONE(SHOW)},
      {"8.2 row 24", "OPEN", DONE(OPEN)},
      {"8.2 row 25", "no OPEN", SAID(FAULT, NO_OPEN)},
      {"8.2 row 26", "no SHOW", SAID(SEAT, NO_SHOW)},
      {"8.2 row 26", "a dispute opens", n->disputes},
      {"8.2 row 33", "MOVE", DONE(MOVE)},
      {"8.2 row 33", "a verdict by proof", SAID(VERDICT, PROVEN)},
      {"8.2 row 33", "a verdict by the clock", SAID(VERDICT, SILENT_DISPUTE)},
      {"8.2 row 34", "fault, proven", SAID(FAULT, PROVEN)},
      {"8.2 row 34", "fault, silent in a dispute", SAID(FAULT, SILENT_DISPUTE)},
      {"8.2 row 35", "judged, no fault", TO(JUDGE, DELIVER)},
      {"8.2 row 36", "settled, the next task begins", n->settled_next},
      {"8.2 row 36", "settled, the job is done", n->settled_last},
      {"8.2 row 36", "settled, diverged", n->settled_diverged},
      {"8.2 row 37", "not delivered, neutral", n->cancelled_by[TASK_DELIVER][REASON_NEUTRAL]},
      {"8.2", "four attempts", SAID(CANCELLED, ATTEMPTS)},
      {"14.1 row 1", "posting", n->money[ROW_POST]},
      {"14.1 row 2", "gas locks", n->money[ROW_LOCK]},
      {"14.1 row 3", "cancelled", n->money[ROW_CANCELLED]},
      {"14.1 row 4b", "late", n->money[ROW_LATE]},
      {"14.1 row 5", "a seat's omission", n->money[ROW_SEAT]},
      {"14.1 row 6", "neutral", n->money[ROW_NEUTRAL]},
      {"14.1 row 7", "settled", n->money[ROW_SETTLED]},
      {"14.1 row 8", "proven", n->money[ROW_PROVEN]},
      {"14.1 row 9", "silence", n->money[ROW_SILENT]},
      {"14.1 row 10", "approved what was wrong", n->money[ROW_APPROVED]},
      {"14.1 row 11", "a seat loses a dispute", n->money[ROW_SEAT_LOST]},
      {"14.1 row 18", "gas of transactions", n->delivered},
      {"14.1 row 19", "TRANSFER", DONE(TRANSFER)},
      {"14.1 row 19", "STAKE", DONE(STAKE)},
      {"14.1 row 21", "blocks of tasks with a raise", n->raises},
      {"14.1 row 25", "the reserve comes back", n->money[ROW_JOB_DONE]},
      {"15.1", "KEY_SET", DONE(KEY_SET)},
      {"15.1", "PROVIDER_SET", DONE(PROVIDER_SET)},
      {"15.1", "TAPE", DONE(TAPE)},
      {"15.1", "FETCH", DONE(FETCH)},
  };
  uint32_t missing = 0;
  for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    missing += rows[i].count == 0;
    if (print || !rows[i].count)
      printf("%-12s %-30s %10" PRIu64 "%s\n", rows[i].name, rows[i].what, rows[i].count,
             rows[i].count ? "" : "  NOT REACHED");
  }
  return missing;
}
