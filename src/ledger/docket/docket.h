/* docket: the disputes before the chain, and what their verdicts do. LEDGER 11.
 *
 * The game is the room `dispute`: a pure function of a record and a move. The docket keeps the records, the clocks, the
 * answers that several disputes share, and acts on verdicts. Uses: chain, money, job, task, audit, dispute. */
#ifndef LEDGER_DOCKET_H
#define LEDGER_DOCKET_H
#include "dispute/pack.h"
#include "ledger/audit/audit.h"

struct docket_record {
  uint64_t id;
  uint8_t seat[36]; /* the seat that challenges: its task and attempt too */
  uint8_t claimant[32], challenger[32];
  uint16_t interval, steps;
  uint8_t last_number, last_move[32]; /* the same bytes again succeed without effect: SHA-256 of the move heard last */
  uint32_t packed_length;
  uint8_t packed[PACK_BYTES_MAX];
};

bool docket_find(const struct chain *c, uint64_t id, struct docket_record *out);

/* docket_open: row 26, one dispute of a seat on the lowest interval where its end root is not the solver's. */
void docket_open(struct chain *c, struct task_record *t, struct seat_record *s, uint16_t interval);

/* docket_frame rebuilds what both sides know (PROTOCOL P1.1) from job, task and opened trace: the same for everyone. */
bool docket_frame(const struct chain *c, const struct task_record *t, uint16_t interval, struct dispute_frame *out);

enum chain_code docket_move(struct chain *c, const uint8_t account[32], const struct body_move *b, uint64_t *gas,
                            struct why *why);
void docket_due(struct chain *c, uint64_t id); /* the timer of a side */

/* docket_gas_lock: the gas lock with which a party of a dispute may pay its moves (LEDGER 2.8): the seat's, or the
 * solver's. False if the account is none of them. */
bool docket_gas_lock(const struct chain *c, uint64_t id, const uint8_t account[32], struct pocket *out);

/* docket_close_all: disputes of an attempt that became moot (11.8). */
void docket_close_all(struct chain *c, struct task_record *t);

#endif
