/* trial: one job on a chain of everybody's keys, its solver and its seats, honest or not, block by block. For tests.
 *
 * Account 7 submits, account 0 solves the first attempt and account 1 the others; all but account 7 verify. Everybody
 * does what an agent would do, as soon as it may, through transactions; a plan says what is left undone and what is a
 * lie. After every transaction and block the grains are counted. Uses: ledger, dispute/world. */
#ifndef LEDGER_TRIAL_H
#define LEDGER_TRIAL_H
#include "commit/trace/trace.h"
#include "dispute/world/party.h"
#include "dispute/world/play.h"
#include "dispute/world/tapes.h"
#include "ledger/docket/docket.h"
#include "ledger/stage.h"

enum { TRIAL_INTERVALS_MAX = 12, TRIAL_RECEIPTS_MAX = 128, TRIAL_SUBMITTER = 7, TRIAL_OWN = 6 };
enum { TRIAL_FIGURE = 2, TRIAL_FLOATS = 1100, TRIAL_SEED = 80, TRIAL_FIRST_STEP = 3 };

struct trial_seat_plan {
  uint8_t no_take; /* as many of those drawn for it one after the other do not take it */
  bool no_seal, no_show, no_vote;
  bool no_start;     /* says FETCH(start, no) */
  bool votes_no;     /* says FETCH(final, no) */
  bool wrong;        /* the end root of its first interval is that of a lie */
  bool lazy;         /* its end roots are the solver's */
  bool stubborn;     /* it makes up moves where it has none */
  uint8_t silent_at; /* number of a move that it does not make */
};

/* What a solver says about how its run ended. */
enum trial_claim { TRIAL_SAYS_TRUE, TRIAL_SAYS_DONE, TRIAL_RUNS_ON, TRIAL_STOPS_EARLY, TRIAL_STARTS_ELSEWHERE };

struct trial_plan {
  uint16_t intervals, interval_steps, last_steps; /* last_steps: of the last interval, 0: all */
  uint8_t level, seats, draws;
  bool own;                /* account 6 sits for the submitter */
  uint32_t diverges_at;    /* number of the step (from 0) after which the state says so; UINT32_MAX: none */
  uint64_t reserve, price; /* price 0: 10^13 */
  uint32_t drained;        /* this account has given its balance away; 0: none has */
  /* attempt 1: */
  uint16_t lie_interval; /* 0: none */
  struct lie lie;
  bool stubborn, no_publish, no_open;
  uint8_t claims; /* enum trial_claim; DONE to EARLY are of a run that diverged before its last interval but one */
  uint8_t silent_at;
  struct trial_seat_plan seat[SEATS_MAX];
  bool every_round;     /* the plans of seats hold for whoever is drawn later, too */
  bool once;            /* nobody offers for attempt 2 and beyond */
  uint32_t idle_epochs; /* no verifier takes a seat before so many epochs were spent in STALLED */
};

/* What came of one interval: the world it starts in, what is right there, and what the solver says. */
struct trial_interval {
  struct world world;
  struct party honest, solver;
};

struct trial {
  struct trial_plan plan;
  struct stage stage;
  struct built_tape tape;
  const struct tape *tapes[1];
  struct trial_interval truth[TRIAL_INTERVALS_MAX], run[TRIAL_INTERVALS_MAX]; /* run: of the liar, if there is one */
  uint16_t ran;                            /* intervals of the run: fewer where it diverged */
  struct party wrong[TRIAL_INTERVALS_MAX]; /* of seats that lie; in use where `world` is set */
  uint8_t job[32], task[TASK_ID_BYTES];
  uint32_t gas_limit;                                          /* what a transaction declares */
  uint64_t supply, gas[STAGE_ACCOUNTS], worth[STAGE_ACCOUNTS]; /* paid for gas since, and what each had, at the start */
  uint8_t offered, committed;                                  /* in attempt */
  enum chain_code open_code;                                   /* of the last OPEN */
  uint32_t moves, again;                                       /* sent; sent a second time */
  struct receipt receipt[TRIAL_RECEIPTS_MAX];
  uint32_t receipts;
  int64_t paid[STAGE_ACCOUNTS]; /* what receipts say that each got, less what it gave: balance, stake and gas locks */
};

/* trial_open makes the chain, its verifiers and the job. trial_until plays until the task is in a state, at most
 * `blocks`; false if it is not by then. trial_block is one block. trial_task reads the task. */
void trial_open(struct trial *t, const struct trial_plan *plan);
void trial_shut(struct trial *t);
bool trial_until(struct trial *t, enum task_state state, uint32_t blocks);
void trial_block(struct trial *t);
struct task_record trial_task(const struct trial *t);
const struct chain *trial_chain(const struct trial *t);

/* trial_send is one transaction of an account in the block that runs: its code. trial_who: the number of an account.
 * trial_gain: what an account has more than at the start, its gas not counted. trial_receipt: the first of a kind,
 * NULL: there is none. trial_count: how many of a kind and reason. */
enum chain_code trial_send(struct trial *t, uint32_t who, uint8_t type, const uint8_t *body, size_t length);
uint32_t trial_who(const struct trial *t, const uint8_t account[32]);
void trial_drain(struct trial *t, uint32_t who); /* gives all its balance to account 7, in the block that runs */
int64_t trial_gain(const struct trial *t, uint32_t who);
const struct receipt *trial_receipt(const struct trial *t, uint8_t kind);
uint32_t trial_count(const struct trial *t, uint8_t kind, uint16_t reason);

/* trial_clear: no lock, no escrow, no live timer is left, and the receipts' payments explain what everybody has: what has
 * to be so when a job has ended. */
bool trial_clear(const struct trial *t);

/* trial_trace is what the solver of the present attempt has committed to. */
void trial_trace(struct trial *t, struct trace *out);

/* The transactions of a solver and a seat, for tests that send them at the wrong time. */
enum chain_code trial_take(struct trial *t, uint32_t who, uint8_t seat);
enum chain_code trial_publish(struct trial *t, uint32_t who, uint16_t interval);
enum chain_code trial_seal(struct trial *t, uint32_t who, uint8_t seat);
enum chain_code trial_show(struct trial *t, uint32_t who, uint8_t seat);
enum chain_code trial_open_trace(struct trial *t, uint32_t who);
enum chain_code trial_fetch(struct trial *t, uint32_t who, uint8_t seat, uint8_t what, bool got);
enum chain_code trial_move(struct trial *t, uint32_t who, uint64_t dispute, const struct move *m);

#endif
