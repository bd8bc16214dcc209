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
  uint8_t seat[SEAT_ID_BYTES]; /* the seat that challenges: its task and attempt too */
  uint8_t claimant[32], challenger[32];
  uint16_t interval;
  uint64_t deadline; /* last tick of the side to move; 0: closed */
  uint8_t turn;      /* enum dispute_seat; nobody's when closed */
  /* SHA-256 of each move heard, by number; zeros: not made. The same bytes again succeed without effect. */
  uint8_t heard[MOVE_NUMBER_MAX + 1][32];
  uint32_t packed_length; /* 0: closed */
  uint8_t packed[PACK_BYTES_MAX];
};
extern const struct stored_kind docket_kind;

bool docket_find(const struct chain *c, uint64_t id, struct docket_record *out);

/* docket_dispute unpacks the game of an open dispute, with its frame: what a player needs besides its own evidence. */
bool docket_dispute(const struct chain *c, const struct docket_record *r, struct dispute_frame *frame,
                    struct dispute *out);

/* docket_open: row 26, one dispute of a seat on the lowest interval where its end root is not the solver's. The seat
 * is stored. */
void docket_open(struct chain *c, struct task_record *t, struct seat_record *s, uint16_t interval);

/* docket_frame rebuilds what both sides know (PROTOCOL P1.1) from job, task and opened trace: the same for everyone.
 * False before OPEN, or for an interval that there is not. */
bool docket_frame(const struct chain *c, const struct task_record *t, uint16_t interval, struct dispute_frame *out);

/* docket_move: a MOVE of the side to move. *gas: what its kind costs beside its bytes (3.4). */
enum chain_code docket_move(struct chain *c, const uint8_t account[32], const struct body_move *b, uint64_t *gas,
                            struct why *why);
void docket_due(struct chain *c, uint64_t id); /* the timer of a side */

/* docket_close_all: the disputes of the attempt that are open became moot (11.8). */
void docket_close_all(struct chain *c, struct task_record *t);

#endif
