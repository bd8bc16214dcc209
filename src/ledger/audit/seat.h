/* seat: the stored records of seats and attempts, and how a seat loses its place. For this folder. */
#ifndef LEDGER_AUDIT_SEAT_H
#define LEDGER_AUDIT_SEAT_H
#include "ledger/audit/audit.h"
#include "ledger/provider/provider.h"

/* What the functions of this folder ask of a task: its job with the rows, and the parameters that judge it. */
struct terms {
  struct job_stored job;
  struct parameters parameters;
  bool full;
};
void terms_read(const struct chain *c, const struct task_record *t, struct terms *out);

void attempt_store(struct chain *c, const struct attempt_record *a);

/* seat_id_of writes task | attempt | number. seats_in counts seats of a state, the own one not among them. */
void seat_id_of(const struct task_record *t, uint8_t number, uint8_t id[SEAT_ID_BYTES]);
uint8_t seats_in(const struct chain *c, const struct task_record *t, enum seat_state state);

/* seat_void burns `fine` of the seat's bond (of free stake where it has none yet), or what there is, gives the rest
 * back and ends the seat. The own seat pays nothing (LEDGER 9.10). With a receipt, unless nothing was to be had or lost. */
void seat_void(struct chain *c, const struct task_record *t, struct seat_record *s, uint64_t fine, uint16_t reason);

/* Seats in the map for one attempt: was an account drawn in it already? */
bool drawn_find(const struct chain *c, const struct task_record *t, const uint8_t account[32]);
void drawn_store(struct chain *c, const struct task_record *t, const uint8_t account[32]);
void drawn_forget(struct chain *c, const struct task_record *t);

/* The starts that the solver has published in this attempt. */
bool start_find(const struct chain *c, const struct task_record *t, uint16_t interval);
void start_store(struct chain *c, const struct task_record *t, uint16_t interval, const uint8_t root[32]);

/* pool_draw draws verifiers for the seats of this attempt that nobody holds (LEDGER 6.9); the number drawn. */
uint8_t pool_draw(struct chain *c, struct task_record *t, const struct terms *k, struct attempt_record *a);

/* starts_missing: how many starts the solver still has to publish. starts_complete goes on when there are none. */
uint16_t starts_missing(const struct chain *c, const struct task_record *t, const struct terms *k);
void starts_complete(struct chain *c, struct task_record *t, const struct terms *k);
/* publish_ticks: how long bringing `states` states may take. LEDGER 8.2. */
uint64_t publish_ticks(const struct chain *c, const struct terms *k, uint32_t states);

/* The rest of the life, in show.c and audit.c. */
void show_begin(struct chain *c, struct task_record *t);
void show_end(struct chain *c, struct task_record *t); /* row 26 */
bool show_complete(const struct chain *c, const struct task_record *t, const struct terms *k);
void show_due(struct chain *c, struct task_record *t);
void deliver_due(struct chain *c, struct task_record *t);
enum chain_code deliver_vote(struct chain *c, struct task_record *t, struct seat_record *s, bool got, struct why *why);
#endif
