/* walk: random but mostly meaningful transactions against the whole ledger: many accounts, many jobs at once, honest
 * and dishonest solvers and verifiers, parties that fall silent. What has to hold is checked after each transaction and
 * each block. The seed decides everything. For the campaign. Uses: course, ledger. */
#ifndef CAMPAIGN_WALK_H
#define CAMPAIGN_WALK_H
#include "campaign/course.h"

/* Account 0 is the validator, then submitters, solvers, verifiers, and accounts that genesis does not have. */
enum { WALK_SUBMITTERS = 1, WALK_SOLVERS = 5, WALK_VERIFIERS = 11, WALK_FRESH = 30, WALK_ACCOUNTS = 33 };
enum { WALK_JOBS = 48, WALK_BLOCK_BYTES = 8 << 20, WALK_BLOCK_MAX = 200, WALK_TASKS_MAX = 4 };
enum { WALK_NOT_ADMITTED = 0xffff, WALK_SEEN_BYTES = 1 << 20 };

struct walk_account {
  struct sign_secret *key, *vrf[2]; /* draw keys take turns */
  uint8_t id[32];
  int64_t explained;     /* what genesis, receipts, bodies and gas say that it owns, gas locks included (LEDGER 14.5) */
  uint64_t short_height; /* when it last paid from a gas lock, or might have */
};

/* What a party of an attempt still has in its bond, by what receipts say. */
struct walk_bond {
  uint8_t account[32], role;
  uint64_t left, gas, height; /* gas: what is in its gas lock, if nothing was paid from it; height: of the lock */
};

struct walk_job {
  bool live;
  uint8_t id[32];
  uint32_t number, course;
  uint16_t base;                  /* the run that the chain has settled on so far */
  uint16_t first[WALK_TASKS_MAX]; /* interval of the course with which each task begins */
  uint16_t tasks;
  /* as the block's events and receipts said: */
  uint16_t task; /* the one that runs */
  uint8_t state, attempt;
  uint64_t begun_tick, idle_height; /* of the attempt; block in which nothing more is due for it */
  uint16_t reason;                  /* of the last receipt that ended something */
  bool posted, opened, over;
  uint16_t run; /* of the attempt's solver, once it has committed */
  struct walk_bond bond[SEATS_MAX + 1];
  uint64_t gave_up[SEATS_MAX]; /* number + 1 of a seat's dispute in which somebody sent what was no move */
};

struct walk_counts {
  uint64_t delivered, refused, blocks, again, sponsored, jobs, disputes, raises;
  uint64_t done[256], failed[256]; /* by type of transaction */
  uint64_t to[32][32];             /* by state before and behind; from 0: none before */
  uint64_t receipt[32][32];        /* by kind and reason */
  uint64_t money[32];              /* payments by row of LEDGER 14.1 */
  uint64_t cancelled_by[32][32];   /* by state before, and reason */
  uint64_t settled_next, settled_last, settled_diverged;
};

struct walk {
  struct ledger *ledger;
  struct course course[COURSES];
  struct walk_account account[WALK_ACCOUNTS];
  struct walk_job job[WALK_JOBS];
  struct walk_counts count;
  uint64_t seed, first_seed, supply;
  bool telling_again;  /* a block is run a second time: what it tells is known */
  uint32_t idle_until; /* height up to which verifiers take no seats */
  uint8_t *seen;       /* a bit for each dispute that has a verdict */
  uint8_t genesis[16384];
  size_t genesis_length;
  /* the block that runs */
  struct ledger_block block;
  uint8_t beacon[256], app_hash[32];
  uint8_t *bytes; /* its transactions, u32 length each before */
  size_t used;
  uint32_t sent;
  uint8_t *answers; /* of signatures and proofs, see list.h */
  size_t answers_used;
};

/* walk_below draws 0 .. n - 1. walk_fail prints seed, height and what is wrong, and ends the program. */
uint32_t walk_below(struct walk *w, uint32_t n);
bool walk_one_in(struct walk *w, uint32_t n);
_Noreturn void walk_fail(const struct walk *w, const char *what);
#define WALK_CHECK(w, x) ((x) ? (void)0 : walk_fail(w, #x))

/* chain.c: walk_open makes the chain, walk_block one block in which `act` is called once; walk_send is one transaction,
 * its code. */
void walk_open(struct walk *w, uint64_t seed);
void walk_shut(struct walk *w);
void walk_block(struct walk *w, void (*act)(struct walk *w));
uint16_t walk_send(struct walk *w, uint32_t who, uint8_t type, const uint8_t *body, size_t length);
const struct chain *walk_chain(const struct walk *w);
uint32_t walk_who(const struct walk *w, const uint8_t account[32]);

/* walk_tape posts the tape of a course, with its table. */
uint16_t walk_tape(struct walk *w, uint32_t course);

/* players.c: walk_act does something that is due for a job, or nothing: false. walk_post posts a job. money.c:
 * walk_money moves stakes, balances, keys and provider records; walk_garbage sends what is refused. */
bool walk_act(struct walk *w, struct walk_job *j);
bool walk_post(struct walk *w);
void walk_money(struct walk *w);
void walk_garbage(struct walk *w);

/* watch.c: what the sink of the chain hears; what has to hold after a block; and at the end, when nothing lives. */
struct chain_sink walk_sink(struct walk *w);
void walk_check(struct walk *w, bool whole);
void walk_check_end(struct walk *w);

/* rows.c: prints how often each row of LEDGER 8.2 and 14.1 was reached; the number of those that were not. */
uint32_t walk_rows(const struct walk *w, bool print);
#endif
