/* task: the life of a task, from WAIT to SETTLED or CANCELLED. LEDGER 8.
 *
 *   WAIT -> OPEN -> WORK -> DRAW -> TAKE -> PUBLISH -> SEAL -> SEALED -> SHOW -> JUDGE -> DELIVER -> SETTLED
 *    ^      |        |               |  ^      |         | ^                |       |        |
 *    |______|________|               |  |      |         | |                |       |        |
 *    |   no offers, late             v  |      |         v |                |       |        |
 *    |                             STALLED     |      redraw                |       |        |
 *    |_________________________________________|____________________________|_______|________|  FAULT: next attempt
 *                                                                       after four: CANCELLED
 *
 * Exactly one timer or wait is armed in each state but JUDGE, where the disputes have theirs. Rows of the transition
 * table (8.2) are quoted at their code. Uses: chain, money, job, receipt, provider, draw, vrf; audit and docket, to
 * which the states in between belong. */
#ifndef LEDGER_TASK_H
#define LEDGER_TASK_H
#include "ledger/job/job.h"
#include "ledger/receipt/receipt.h"

/* Wire values. */
enum task_state {
  TASK_WAIT = 1,
  TASK_OPEN = 2,
  TASK_WORK = 3,
  TASK_DRAW = 4,
  TASK_TAKE = 5,
  TASK_PUBLISH = 6,
  TASK_SEAL = 7,
  TASK_STALLED = 8,
  TASK_SEALED = 9,
  TASK_SHOW = 10,
  TASK_CLAIM = 11,    /* lasts no time without baits */
  TASK_DISCLOSE = 12, /* nor this */
  TASK_JUDGE = 13,
  TASK_DELIVER = 14,
  TASK_SETTLED = 15,
  TASK_CANCELLED = 16
};

enum { TASK_ATTEMPTS_MAX = 4, TASK_OFFERS_MAX = 3, TASK_ROUNDS_MAX = 3, TASK_STALLED_EPOCHS_MAX = 8 };

struct task_offer {
  uint8_t account[32], beta[64];
  uint64_t weight; /* the solver's stake in the snapshot */
};

/* What is not there yet is zero: offers behind the last, solvers of attempts to come. */
struct task_record {
  uint8_t id[TASK_ID_BYTES];
  uint8_t state, attempt, round, stalled_epochs;
  bool wait;      /* what is armed is a height, not a tick */
  uint64_t armed; /* deadline tick, or height; 0: nothing */
  uint64_t entered_tick;
  /* fixed at the task's start */
  uint32_t parameters;                       /* version by which it is judged */
  uint16_t intervals, draws, interval_steps; /* N, m' */
  uint8_t class, level;
  uint32_t steps, first_step; /* number in the job of its first step */
  uint8_t start_root[32];
  uint64_t fee, seat_fee, fine; /* F, phi, B_s: the part of the solver's bond that is fined; the rest is n phi */
  uint64_t est, est_seat;       /* ticks (7.4): the whole task; no seat's intervals take longer */
  uint64_t mem_mib;
  uint32_t gas_price; /* the floor at posting, for gas locks */
  /* what raises change (row 21) */
  uint64_t raise, protocol_fee, escrow_left; /* rho; what is left of X; the task's share of the job's escrow */
  /* of this attempt */
  uint64_t
      draw_height; /* whose beacon draws: h_open + d until COMMIT, then h_commit + d; after STALLED a new one (6.9) */
  uint64_t seal_height; /* h_seal + d */
  uint8_t offers;
  struct task_offer offer[TASK_OFFERS_MAX]; /* the best first */
  uint8_t solver[32];                       /* zeros: none yet */
  uint64_t bond;                            /* stake locked: B_s + n (phi + pi); 0 without a solver */
  uint8_t tried[TASK_ATTEMPTS_MAX][32];     /* solvers of attempts 1 .. attempt - 1; zeros where there was none */
  uint8_t trace_root[32], outcome;
  uint32_t steps_run;
  uint16_t intervals_run; /* N_c */
  uint8_t seats;          /* n; the own seat has number n and is not counted. Records of seats: ledger/audit */
  uint32_t seats_tried;   /* pool draws so far in this round */
  bool opened;
  uint8_t final_root[32];
  uint32_t figure;
  uint16_t disputes_open, disputes_lost; /* against the solver; lost: by challengers */
  bool proven, silent;                   /* the solver is proven wrong, or was silent where it had to speak */
  uint16_t proven_interval;
  uint8_t proven_seat; /* whose challenge decided: finders are the seats with its interval and end root (11.8) */
  uint64_t receipt;    /* number of the settling receipt + 1, 0: none */
};
extern const struct stored_kind task_kind;

bool task_find(const struct chain *c, const uint8_t id[TASK_ID_BYTES], struct task_record *out);
void task_store(struct chain *c, const struct task_record *t);

/* task_enter puts a task into a state with its one timer or wait (armed 0: none), disarming the old one; it stores the
 * record and tells the outbox. SETTLED and CANCELLED arm the timer that prunes. */
void task_enter(struct chain *c, struct task_record *t, enum task_state state, uint64_t armed, bool wait);

/* task_begin makes the record of the job's task number j->task (row 1, 36), which starts at j->last_root: WAIT. */
void task_begin(struct chain *c, const struct job_record *j);

/* Transactions of the solver's part (rows 5, 9). */
enum chain_code task_offer(struct chain *c, const uint8_t account[32], const struct body_offer *b, struct why *why);
enum chain_code task_commit(struct chain *c, const uint8_t account[32], const struct body_commit *b, struct why *why);

/* task_of is what every transaction on a task begins with: finds it, in that attempt and state, and in time
 * (LEDGER 1.3, where the state's timer is a tick). CHAIN_OK, or UNKNOWN, STATE, EXPIRED. */
enum chain_code task_of(const struct chain *c, const struct body_attempt *at, enum task_state state,
                        struct task_record *out, struct why *why);

/* task_offer_input: what the proof of OFFER proves (6.1): "assay/vrf/offer/1" 00 || genesis hash || task || attempt ||
 * beacon of draw_height. */
enum { TASK_OFFER_BYTES = 18 + 32 + TASK_ID_BYTES + 1 + 32 };
void task_offer_input(const uint8_t genesis[32], const struct task_record *t, const uint8_t beacon[32],
                      uint8_t bytes[TASK_OFFER_BYTES]);

/* task_due is what a task's timer or wait does in whatever state it is: rows 2, 3, 6, 7 and 8 here, audit_due beyond.
 */
void task_due(struct chain *c, const uint8_t id[TASK_ID_BYTES]);

/* task_prune: TIMER_PRUNE of a task that has ended: its records go, seats, trace and starts with it, and the job's with
 * the last of them. */
void task_prune(struct chain *c, const uint8_t id[TASK_ID_BYTES]);

/* How an attempt ends; each pays its rows, frees all locks as 14.2 says, appends the receipt and goes on. task_fault:
 * row 8 if t->proven, else 9, then the next attempt. task_settle: rows 7, 7b, 20, 25, then the next task or the job's
 * end. task_cancel: the job fails: row 6b (REASON_NEUTRAL), 6a (REASON_STALLED), then 3. task_next_attempt: WAIT again,
 * or CANCELLED after the fourth; no receipt, no money, and no solver holds a bond any more. */
void task_fault(struct chain *c, struct task_record *t, uint16_t reason);
void task_settle(struct chain *c, struct task_record *t);
void task_cancel(struct chain *c, struct task_record *t, uint16_t reason);
void task_next_attempt(struct chain *c, struct task_record *t);

/* task_receipt fills in what every receipt about a task says. */
void task_receipt(const struct task_record *t, const struct job_record *j, uint8_t kind, uint16_t reason,
                  struct receipt *out);

#endif
