/* job: tapes and tables that were posted, what steps of them cost, and the jobs that name them. LEDGER 7.
 *
 * Nothing about cost is declared: the chain counts. A job that lives keeps what it names; the rest is forgotten some
 * time after it was posted last. Uses: chain, money, transaction, tape/check, commit/job. */
#ifndef LEDGER_JOB_H
#define LEDGER_JOB_H
#include "commit/job/job.h"
#include "ledger/money/money.h"
#include "ledger/transaction/transaction.h"
#include "tape/record/tape.h"

/* How long an entry stays: while a live job names it, and until a tick. */
struct posted_use {
  uint64_t until_tick;
  uint32_t jobs; /* live ones that name it */
};

/* What is kept of a tape under its root (7.2). */
struct posted_tape {
  struct posted_use use;
  uint8_t layout_hash[32]; /* of its own cut of the job's table */
  uint8_t data[32];        /* bit n, the lowest of byte n / 8 first: its cut has data tensor n */
  uint32_t bytes, records, temp_leaves, state_leaves;
  struct tape_counts counts;
};

/* What is kept of a full layout table under its hash, beside its bytes. */
struct posted_table {
  struct posted_use use;
  uint32_t bytes, state_leaves;
  uint16_t state_count;
  uint8_t data_count;        /* of data tensors 0 .. data_count - 1 */
  uint32_t data_leaves[255]; /* by number, 0 from data_count on */
};

extern const struct stored_kind posted_tape_kind, posted_table_kind;

/* No table or tape within the bounds of LEDGER 7.3 needs more memory than this; pages cost nothing until touched. */
enum { JOB_TAPE_MEMORY_BYTES = 128 << 20 };

/* job_tape_post runs tape_check on every tape of the transaction (7.1), stores or renews table and tapes, and hands
 * their bytes to the outbox. *gas: what the records of new tapes cost. memory: scratch for one table or
 * one tape, JOB_TAPE_MEMORY_BYTES. */
enum chain_code job_tape_post(struct chain *c, const struct body_tape *b, struct arena *memory, uint64_t *gas,
                              struct why *why);
bool job_tape_find(const struct chain *c, const uint8_t root[32], struct posted_tape *out);
bool job_table_find(const struct chain *c, const uint8_t hash[32], struct posted_table *out);

/* job_tape_due: the timer of a table or tape that nobody may want any more (TIMER_TAPE). */
enum { POSTED_TABLE = 0, POSTED_TAPE = 1, POSTED_ID_BYTES = 33 };
void job_tape_due(struct chain *c, const uint8_t id[POSTED_ID_BYTES]);

/* Wire values. */
enum job_state { JOB_LIVE = 1, JOB_DONE = 2, JOB_FAILED = 3 };

/* job.task borrows the rows that were given to job_find. job.seed is the posted one, seed the one that counts. */
struct job_record {
  uint8_t id[32], submitter[32], own_seat[32] /* zeros: none */, spec_hash[32];
  uint8_t state, seats, draws; /* seats: n, draws: m */
  bool seeded;                 /* seed is known */
  uint64_t seed, posted_height, deadline, price, reserve_left;
  uint16_t figure;
  uint32_t parameters;   /* version */
  uint32_t gas_price;    /* the floor at posting: what gas locks are taken at */
  uint16_t task;         /* the one that runs, or ran last */
  uint8_t last_root[32]; /* where it starts */
  struct job job;        /* everything that decides the result */
};

/* A job and the memory of its rows: what the map keeps of it. */
struct job_stored {
  struct job_record record;
  struct job_task row[POST_TASKS_MAX];
};
extern const struct stored_kind job_kind;

bool job_find(const struct chain *c, const uint8_t id[32], struct job_stored *out);
void job_store(struct chain *c, const struct job_record *j);

/* job_id: LEDGER 7.8. job_task_id is what the job's task of an index is called. */
void job_id(const struct chain *c, const uint8_t account[32], uint8_t key_index, uint64_t nonce, uint8_t id[32]);
void job_task_id(const uint8_t job[32], uint16_t index, uint8_t id[TASK_ID_BYTES]);

/* job_post checks 7.5, takes row 1, stores the job and appends its receipt; the caller begins its first task (task_begin). */
enum chain_code job_post(struct chain *c, const uint8_t id[32], const uint8_t submitter[32], const struct body_post *b,
                         struct why *why);

/* job_own_seat: does it have one? job_end makes a live job DONE or FAILED and lets go of its tapes and its table. What
 * is left of its escrow is for the caller. */
bool job_own_seat(const struct job_record *j);
void job_end(struct chain *c, struct job_record *j, enum job_state state);

/* What a task costs (7.4). False if a number does not fit or a tape is not known; of a live job neither happens. */
struct job_cost {
  uint16_t intervals, draws;             /* N, m' (7.7) */
  uint64_t work, fee;                    /* F */
  uint64_t seat_fee, protocol_fee, bond; /* phi, X, B_s + n phi */
  uint64_t escrow;                       /* E: F + n phi + X */
  uint64_t est, mem_mib;
};
bool job_cost(const struct chain *c, const struct job_record *j, const struct parameters *p, uint16_t task,
              struct job_cost *out);

/* job_ticks: est of LEDGER 7.4 over `steps` steps from step `first` of the job, in a class; at least 1. job_first_step:
 * number in the job of a task's first step, job.first_step for task 0. job_interval_ticks: the dearest interval of a
 * task. */
uint64_t job_ticks(const struct chain *c, const struct job_record *j, const struct parameters *p, uint8_t class,
                   uint32_t first, uint32_t steps);
uint64_t job_interval_ticks(const struct chain *c, const struct job_record *j, const struct parameters *p,
                            uint16_t task);
uint32_t job_first_step(const struct job_record *j, uint16_t task);

/* job_seed: the posted one, or that of LEDGER 7.9; false while the beacon it is drawn from is not out. A job keeps it:
 * beacons are forgotten. */
bool job_seed(struct chain *c, struct job_record *j);

/* job_figure: leaf of the state where the figure stands; false if the job has none. */
bool job_figure(const struct chain *c, const struct job_record *j, uint32_t *leaf);

#endif
