/* audit: the seats of a task: drawn, taken, sealed, shown. Blind: a seat commits to the end roots it computed before
 * the solver opens its own. LEDGER 9, 6.8, 6.9.
 *
 *   DRAWN --TAKE--> TAKEN --SEAL--> SEALED --SHOW--> SHOWN
 *     \______________\_______________\____________________ silence, FETCH(start, no) --> VOID
 *
 * A seat has a bond from TAKE until it is void or the attempt ends; a void one has nothing left to lose. Uses: chain,
 * money, provider, job, task. */
#ifndef LEDGER_AUDIT_H
#define LEDGER_AUDIT_H
#include "ledger/task/task.h"

/* Wire values. */
enum seat_state { SEAT_DRAWN = 1, SEAT_TAKEN = 2, SEAT_SEALED = 3, SEAT_SHOWN = 4, SEAT_VOID = 5 };
enum { SEATS_MAX = 10, SEAT_DRAWS_MAX = 256, SEAT_ID_BYTES = 36, AUDIT_LEVEL_FULL = 4 };

struct seat_record {
  uint8_t id[SEAT_ID_BYTES]; /* task 34 | attempt | seat */
  uint8_t account[32], state, round;
  bool own;          /* the submitter's: LEDGER 9.10 */
  bool lost;         /* a dispute was decided against it */
  uint8_t vote;      /* FETCH(final): 0 none, 1 no, 2 yes */
  uint64_t bond;     /* stake locked: what is left of B_v */
  uint64_t dispute;  /* number + 1 of the dispute that it opened; 0: none */
  uint16_t mismatch; /* lowest interval where its end root is not the solver's; 0: none, or not compared yet */
  uint8_t seal[32];
  uint16_t draws; /* intervals drawn, ascending; for `full` all. 0 before TAKE */
  uint16_t interval[SEAT_DRAWS_MAX], inner[SEAT_DRAWS_MAX]; /* inner: step after which a probe is due, 0: none */
  bool shown;
  uint8_t end[SEAT_DRAWS_MAX][32]; /* E, once shown */
};
extern const struct stored_kind seat_kind;

/* What an attempt has in common for its seats: the beacon of the draw set and of TAKE, that of the pool draw (another
 * one after STALLED), how many were drawn in this round, and the trace once it is opened. */
struct attempt_record {
  uint8_t id[35]; /* task 34 | attempt */
  uint8_t set_beacon[32], pool_beacon[32];
  uint16_t drawn; /* seats drawn in this round: at most 4n */
  bool no_start;  /* some seat said FETCH(start, no) */
  uint16_t roots; /* N_c + 1, 0: not opened */
  uint8_t root[TRACE_INTERVALS_MAX + 1][32];
};
extern const struct stored_kind attempt_kind;

bool seat_find(const struct chain *c, const uint8_t id[SEAT_ID_BYTES], struct seat_record *out);
void seat_store(struct chain *c, const struct seat_record *s);
bool attempt_find(const struct chain *c, const struct task_record *t, struct attempt_record *out);

/* For those who settle. audit_seat reads seat `number` of the attempt that runs: 0 .. t->seats - 1, and t->seats for
 * the own seat; false where nobody was drawn. audit_good: LEDGER 14.1, did all that was due up to now, is not void, not
 * proven wrong, not the own seat. audit_finder: does it share in what the finders of a proven fault get (11.8)?
 * audit_return gives all seats what is left of their bonds and gas locks, so that 14.2 holds whichever way an attempt
 * ends; a second call does nothing. audit_forget erases what the map keeps of a task's attempts: seats, starts, traces,
 * disputes, answers. */
bool audit_seat(const struct chain *c, const struct task_record *t, uint8_t number, struct seat_record *out);
bool audit_good(const struct seat_record *s);
bool audit_finder(const struct chain *c, const struct task_record *t, const struct seat_record *s);
void audit_return(struct chain *c, struct task_record *t, struct payments *list, uint8_t row);
void audit_forget(struct chain *c, const uint8_t task[TASK_ID_BYTES]);

/* audit_seat_receipt appends what a seat locked (RECEIPT_LOCKED) or lost (RECEIPT_SEAT), and why. */
void audit_seat_receipt(struct chain *c, const struct task_record *t, const struct seat_record *s, uint8_t kind,
                        uint16_t reason, const struct payments *list);

enum chain_code audit_take(struct chain *c, const uint8_t account[32], const struct body_take *b, struct why *why);
enum chain_code audit_publish(struct chain *c, const uint8_t account[32], const struct body_publish *b,
                              struct why *why);
enum chain_code audit_seal(struct chain *c, const uint8_t account[32], const struct body_seal *b, struct why *why);
enum chain_code audit_open(struct chain *c, const uint8_t account[32], const struct body_open *b, struct why *why);
enum chain_code audit_show(struct chain *c, const uint8_t account[32], const struct body_show *b, struct why *why);
enum chain_code audit_fetch(struct chain *c, const uint8_t account[32], const struct body_fetch *b, struct why *why);

/* audit_due: the timer or wait of DRAW, TAKE, PUBLISH, SEAL, STALLED, SEALED, SHOW and DELIVER (task_due calls it).
 * audit_judged: no dispute is open any more and the solver stands (row 35). */
void audit_due(struct chain *c, struct task_record *t);
void audit_judged(struct chain *c, struct task_record *t);

/* The roots of an opened trace: root i of 0..N_c; false before OPEN. */
bool audit_root(const struct chain *c, const struct task_record *t, uint16_t i, uint8_t root[32]);

/* audit_draw_set: the intervals of 6.8 for this beacon, ascending, no two neighbours; returns how many. audit_draw:
 * what a seat's beta draws (9.4, and 9.13 for `full`: set is not read); the number of intervals. audit_steps: how many
 * steps interval i of the run has. */
uint16_t audit_draw_set(const struct task_record *t, const uint8_t beacon[32], uint16_t set[TRACE_INTERVALS_MAX]);
uint16_t audit_draw(const struct task_record *t, const uint16_t *set, uint16_t count, const uint8_t beta[64], bool full,
                    uint16_t interval[SEAT_DRAWS_MAX], uint16_t inner[SEAT_DRAWS_MAX]);
uint16_t audit_steps(const struct task_record *t, uint16_t interval);

/* audit_take_input: what the proof of TAKE proves (6.1): "assay/vrf/take/1" 00 || genesis hash || task || attempt ||
 * seat || beacon. audit_seal_hash: what a seat commits to (9.6); ends: count roots side by side. */
enum { AUDIT_TAKE_BYTES = 17 + 32 + SEAT_ID_BYTES + 32 };
void audit_take_input(const uint8_t genesis[32], const uint8_t seat[SEAT_ID_BYTES], const uint8_t beacon[32],
                      uint8_t bytes[AUDIT_TAKE_BYTES]);
void audit_seal_hash(const uint8_t genesis[32], const uint8_t seat[SEAT_ID_BYTES], const uint8_t account[32],
                     const uint8_t salt[32], const uint8_t *ends, uint16_t count, uint8_t hash[32]);

/* Multiples of phi that a seat can lose, LEDGER 12.1: B_v, L, J, 2 phi; for `full` of phi_w (9.13). */
struct audit_stakes {
  uint64_t bond, forced_loss, jackpot, unsealed, untaken, no_start;
};
void audit_stakes(const struct chain *c, const struct task_record *t, struct audit_stakes *out);

#endif
