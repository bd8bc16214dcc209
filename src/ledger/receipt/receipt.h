/* receipt: one line of the append-only log: what was decided, why, and what was paid. LEDGER 17.3.
 *
 * Fixed layout, so that a certificate's reader needs no state. Uses: chain, money. */
#ifndef LEDGER_RECEIPT_H
#define LEDGER_RECEIPT_H
#include "ledger/money/money.h"

enum receipt_kind {
  RECEIPT_OPENED = 1, /* the trace was opened: final root, outcome, figure */
  RECEIPT_SETTLED = 2,
  RECEIPT_CANCELLED = 3, /* of a task */
  RECEIPT_FAULT = 4,     /* an attempt ended by the solver's fault, proven or by silence */
  RECEIPT_ATTEMPT = 5,   /* an attempt ended otherwise: refused, late, no offers */
  RECEIPT_VERDICT = 6,   /* a dispute */
  RECEIPT_SEAT = 7,      /* a seat lost something, or its place */
  RECEIPT_POSTED = 8,    /* a job, as its task 0 */
  RECEIPT_LOCKED = 9     /* a solver got an attempt, or a verifier took a seat: what is locked for it */
};

/* Reasons: wire values, with their sentences in receipt_reason_text. */
enum receipt_reason {
  REASON_NONE = 0,
  REASON_DONE = 1,
  REASON_DIVERGED = 2,
  REASON_NO_OFFERS = 3,
  REASON_LATE = 4,
  REASON_REFUSED = 5,
  REASON_NO_PUBLISH = 6,
  REASON_NO_OPEN = 7,
  REASON_PROVEN = 8,         /* an element was recomputed */
  REASON_SILENT_DISPUTE = 9, /* out of clock in a dispute */
  REASON_NOT_DELIVERED = 10,
  REASON_NEUTRAL = 11,
  REASON_NOT_TAKEN = 12,
  REASON_NO_SEAL = 13,
  REASON_NO_SHOW = 14,
  REASON_APPROVED_WRONG = 15, /* a seat that approved a proven-wrong interval */
  REASON_NO_START = 16,       /* FETCH no on a start */
  REASON_ATTEMPTS = 17,       /* four attempts */
  REASON_DEADLINE = 18,
  REASON_CANCELLED = 19, /* by the submitter, or with the task before */
  REASON_STALLED = 20
};

struct receipt {
  uint8_t genesis[32];
  uint8_t trust; /* 0 operator, 1 BFT */
  uint64_t number, height, tick;
  uint8_t kind;
  uint8_t task[34];
  uint8_t attempt, seat; /* seat 255: none */
  uint16_t reason;
  uint8_t account[32]; /* whom it is about: solver, seat, loser, submitter */
  uint8_t spec_hash[32], start_root[32], final_root[32];
  uint32_t figure;
  uint8_t outcome;
  uint32_t steps;
  uint8_t seed_mode, level, seats, draws, audited; /* n, m', seats that audited */
  uint64_t seed;
  uint16_t disputes, claims; /* survived */
  uint32_t parameters;
  /* RECEIPT_VERDICT: */
  uint64_t dispute;
  uint16_t interval, record;
  uint32_t step;
  uint64_t element;
  uint32_t committed, recomputed;
  uint8_t loser, how;   /* enum dispute_seat, dispute_reason */
  uint8_t payments[32]; /* SHA-256 of the list */
};

enum {
  RECEIPT_BYTES = 32 + 1 + 24 + 1 + 34 + 2 + 2 + 32 + 96 + 4 + 1 + 4 + 5 + 8 + 4 + 4 + 8 + 4 + 4 + 8 + 8 + 2 + 32
};
void receipt_encode(const struct receipt *r, uint8_t bytes[RECEIPT_BYTES]);
bool receipt_decode(const uint8_t *bytes, size_t length, struct receipt *out);

/* receipt_append fills in genesis, trust, number, height, tick and the payments' hash, adds the receipt to the log and
 * tells the outbox. */
void receipt_append(struct chain *c, struct receipt *r, const struct payments *list);

/* A word and a sentence for people. */
const char *receipt_kind_text(uint8_t kind);
const char *receipt_reason_text(uint16_t reason);

#endif
