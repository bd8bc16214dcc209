/* audit: the seats of a task: drawn, taken, sealed, shown. Blind: a seat commits to the end roots it computed before
 * the solver opens its own. LEDGER 9, 6.8, 6.9.
 *
 * Whom an attempt has drawn is remembered in the map (MODULE_DRAWN), since a place drawn again is written over. Uses:
 * chain, money, job, task, provider. */
#ifndef LEDGER_AUDIT_H
#define LEDGER_AUDIT_H
#include "ledger/task/task.h"

enum seat_state { SEAT_DRAWN = 1, SEAT_TAKEN = 2, SEAT_SEALED = 3, SEAT_SHOWN = 4, SEAT_VOID = 5 };
enum { SEATS_MAX = 10, SEAT_NONE = 255, SEAT_DRAWS_MAX = 256 };

struct seat_record {
  uint8_t id[36]; /* task 34 | attempt | seat */
  uint8_t account[32], state, round;
  bool own, voted, got; /* own seat of the submitter; FETCH(final) */
  uint64_t bond;        /* verifier stake locked, what is left of it */
  uint8_t seal[32];
  uint16_t draws; /* intervals drawn; for `full` all */
  uint16_t interval[SEAT_DRAWS_MAX], inner[SEAT_DRAWS_MAX];
  uint8_t end[SEAT_DRAWS_MAX][32]; /* E, once shown */
  bool lost, disputing;            /* proven wrong; its mismatch is on the docket */
  uint16_t mismatch;               /* lowest interval where E differs, 0: none */
};

bool seat_find(const struct chain *c, const uint8_t id[36], struct seat_record *out);
void seat_store(struct chain *c, const struct seat_record *s);

enum chain_code audit_take(struct chain *c, const uint8_t account[32], const struct body_take *b, struct why *why);
enum chain_code audit_publish(struct chain *c, const uint8_t account[32], const struct body_publish *b,
                              struct why *why);
enum chain_code audit_seal(struct chain *c, const uint8_t account[32], const struct body_seal *b, struct why *why);
enum chain_code audit_open(struct chain *c, const uint8_t account[32], const struct body_open *b, struct why *why);
enum chain_code audit_show(struct chain *c, const uint8_t account[32], const struct body_show *b, struct why *why);
enum chain_code audit_fetch(struct chain *c, const uint8_t account[32], const struct body_fetch *b, struct why *why);

/* audit_due: the timer or wait of DRAW, TAKE, PUBLISH, SEAL, STALLED, SEALED, SHOW and DELIVER (task_due calls it). */
void audit_due(struct chain *c, struct task_record *t);

/* The roots of an opened trace: root i of 0..N_c; false before OPEN. */
bool audit_root(const struct chain *c, const struct task_record *t, uint16_t i, uint8_t root[32]);

/* audit_draw_set: the intervals of 6.8, ascending, no two neighbours; returns how many. audit_draw: what a seat's beta
 * draws (9.4). */
uint16_t audit_draw_set(const struct task_record *t, const uint8_t beacon[32], uint16_t set[256]);
uint16_t audit_draw(const struct task_record *t, const uint16_t *set, uint16_t count, const uint8_t beta[64], bool full,
                    uint16_t interval[SEAT_DRAWS_MAX], uint16_t inner[SEAT_DRAWS_MAX]);

/* audit_seal_hash: what a seat commits to (9.6). */
void audit_seal_hash(const struct chain *c, const uint8_t seat[36], const uint8_t account[32], const uint8_t salt[32],
                     const uint8_t *ends, uint16_t count, uint8_t hash[32]);

#endif
