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
 * Exactly one timer or wait is armed in each state. Rows of the transition table (8.2) are quoted at their code. Uses:
 * chain, money, job, receipt. */
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

struct task_record {
  uint8_t id[34];
  uint8_t state, attempt, round, stalled_epochs;
  bool wait;      /* what is armed is a height, not a tick */
  uint64_t armed; /* deadline tick, or height */
  uint64_t entered_tick;
  /* fixed at the task's start */
  uint16_t intervals, draws, interval_steps; /* N, m' */
  uint8_t class;
  uint32_t steps, first_step;
  uint8_t start_root[32];
  uint64_t fee, seat_fee, raise, protocol_fee, escrow_left; /* F, phi, rho, X, and what is left of the task's share */
  uint64_t est, est_seat;                                   /* ticks (7.4): the whole task; a seat's intervals */
  uint64_t
      draw_height; /* whose beacon draws: h_open + d until COMMIT, then h_commit + d; after STALLED a new one (6.9) */
  uint64_t seal_height; /* h_seal + d */
  uint32_t gas_price;   /* the floor at posting, for gas locks */
  /* of this attempt */
  uint8_t offers;
  struct task_offer offer[TASK_OFFERS_MAX];
  uint8_t solver[32];
  uint64_t bond;                        /* stake locked: B_s + n (phi + pi) */
  uint8_t tried[TASK_ATTEMPTS_MAX][32]; /* solvers of earlier attempts */
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

bool task_find(const struct chain *c, const uint8_t id[34], struct task_record *out);
void task_store(struct chain *c, const struct task_record *t);

/* task_enter puts a task into a state with its one timer or wait, disarming the old; it stores the record and tells the
 * sink. */
void task_enter(struct chain *c, struct task_record *t, enum task_state state, uint64_t armed, bool wait);

/* task_begin makes the record of task `index` of a job (row 1, 36): WAIT. */
void task_begin(struct chain *c, const struct job_record *j, uint16_t index);

/* Transactions of the solver's part (rows 5, 9) and timers (2, 3, 6, 7, 8). */
enum chain_code task_offer(struct chain *c, const uint8_t account[32], const struct body_offer *b, struct why *why);
enum chain_code task_commit(struct chain *c, const uint8_t account[32], const struct body_commit *b, struct why *why);

/* task_due is what a task's timer or wait does in whatever state it is, audit and docket included. */
void task_due(struct chain *c, const uint8_t id[34]);

/* task_prune: TIMER_PRUNE of a task that has ended: its records go, seats, trace and starts with it. */
void task_prune(struct chain *c, const uint8_t id[34]);

/* How an attempt ends. task_fault: rows 8 and 9, then the next attempt or CANCELLED. task_settle: rows 7, 7b, 20, 25,
 * then the next task or the job's end. task_cancel: rows 3, 6a, 6b. All locks of seats and solver return, as 14.2 says,
 * before. */
void task_fault(struct chain *c, struct task_record *t, uint16_t reason);
void task_settle(struct chain *c, struct task_record *t);
void task_cancel(struct chain *c, struct task_record *t, uint16_t reason);
void task_next_attempt(struct chain *c, struct task_record *t, uint16_t reason);

#endif
