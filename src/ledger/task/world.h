/* world: a chain of a few accounts in memory, block by block, for tests. No socket, no signatures, no gas: what
 * transactions ask is called directly, and taken back when it fails, as ledger.c does.
 *
 * Every block and every call asserts that no grain was made or lost. Not part of any program that ships. */
#ifndef LEDGER_WORLD_H
#define LEDGER_WORLD_H
#include "base/arena.h"
#include "crypto/vrf.h"
#include "ledger/task/task.h"
#include "tape/record/example.h"

enum { WORLD_ACTORS = 8, WORLD_RECEIPTS_MAX = 1024, WORLD_TABLE_ENTRIES = 10, WORLD_TABLE_DATA = 6 };

/* Actor 0 posts jobs; each of the others is a solver and a verifier of class 2, with more stake than the one before. */
struct world_actor {
  struct sign_secret *vrf;
  uint8_t key[32], account[32];
};

struct world {
  struct chain c;
  struct arena memory;
  uint64_t supply;
  struct world_actor actor[WORLD_ACTORS];
  struct receipt receipt[WORLD_RECEIPTS_MAX]; /* all that were told */
  struct payment payment[WORLD_RECEIPTS_MAX]; /* those of the last receipt */
  uint32_t receipts, payments;                /* receipts: may be set to 0, to forget them */
  uint8_t content[32];        /* the hash of the bytes that were told last, for a name beside the state */
  uint64_t heard;             /* the number of the next one */
  struct chain_record before; /* a transaction that runs: what it goes back to if it fails */
  size_t mark, told;
  /* the example tape, and the full table it is a cut of: data 0 .. 5 */
  struct example example;
  struct layout_entry entry[WORLD_TABLE_ENTRIES];
  uint8_t table[2048], tape[16384];
  uint32_t table_length, tape_length;
  uint8_t table_hash[32], tape_root[32];
};

/* world_open begins a chain with a named set of parameters, changed by `change` if it is not NULL. */
void world_open(struct world *w, const char *parameters, void (*change)(struct parameters *));
void world_shut(struct world *w);

/* world_block is one block without transactions and one tick. world_until runs blocks until the task is in a state, at
 * most 100,000. world_task reads it, and fails the test where there is none. */
void world_block(struct world *w);
void world_until(struct world *w, const uint8_t task[TASK_ID_BYTES], enum task_state state);
struct task_record world_task(const struct world *w, const uint8_t task[TASK_ID_BYTES]);
uint64_t world_balance(const struct world *w, uint32_t actor);
struct account world_account(const struct world *w, uint32_t actor);
uint64_t world_escrow(const struct world *w, const uint8_t job[32]);

/* world_tape posts the example tape with its table. world_body is a JOB_POST of actor 0 that can be posted: `tasks`
 * rows of steps, interval and class 0; its pointers lead into *w. world_post posts it as the job of a nonce. */
struct world_post {
  struct body_post body;
  struct job_task row[POST_TASKS_MAX];
  uint8_t bytes[POST_TASKS_MAX * POST_TASK_BYTES], zeros[32], data_root[WORLD_TABLE_DATA * 32];
};
enum chain_code world_tape(struct world *w, struct why *why);
void world_body(struct world *w, struct world_post *p, uint16_t tasks, uint32_t steps, uint16_t interval);
enum chain_code world_post(struct world *w, struct world_post *p, uint64_t nonce, uint8_t job[32], struct why *why);

/* world_offer offers as actor `who` for the attempt that is open; world_commit commits to steps with an outcome. */
enum chain_code world_offer(struct world *w, const uint8_t task[TASK_ID_BYTES], uint32_t who, struct why *why);
enum chain_code world_commit(struct world *w, const uint8_t task[TASK_ID_BYTES], uint32_t who, uint8_t outcome,
                             uint32_t steps, struct why *why);

/* What a transaction does: world_begin before, world_end after, which takes everything back unless code is OK. */
void world_begin(struct world *w);
enum chain_code world_end(struct world *w, enum chain_code code);

#endif
