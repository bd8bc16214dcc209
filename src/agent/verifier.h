/* verifier: who audits for others: takes a seat that was drawn for it, runs the intervals that its key drew, seals
 * what it found before the solver shows its own, and disputes what differs.
 *
 *   TAKE  TAKE, if this machine can do it      SHOW     SHOW
 *   SEAL  intervals, then SEAL; FETCH no       JUDGE    MOVE in its own dispute, as challenger
 *         where a start is nowhere             DELIVER  FETCH: is the final state to be had?
 *
 * What is due follows from the chain alone (verifier_due). Salt and roots are in the journal before the seal is sent,
 * so a verifier that is killed shows what it sealed. Uses: bench. */
#ifndef AGENT_VERIFIER_H
#define AGENT_VERIFIER_H
#include "agent/bench.h"

/* What it does wrong, for tests and demonstrations. Zeros: nothing. */
struct verifier_lie {
  bool wrong; /* the end of its first interval is altered in one weight, before it seals */
  bool no_take, no_seal, no_show, no_vote;
  uint8_t silent_move;
};

struct verifier_options {
  struct material_options material;
  uint64_t disk_bytes; /* for states of one task */
  uint32_t slice_ms;   /* of work in one turn; one step at least */
  struct verifier_lie lie;
};

enum verifier_duty { VERIFIER_REST, VERIFIER_TAKE, VERIFIER_SEAL, VERIFIER_SHOW, VERIFIER_MOVE, VERIFIER_VOTE };

/* verifier_due: what the holder of a seat has to do, by the chain; the seat is one of the task's attempt. */
enum verifier_duty verifier_due(const struct chain *c, const struct task_record *t, const struct seat_record *s);

/* verifier_late: has so much of the state's time gone that who waits for a blob says that it is not there? */
bool verifier_late(const struct chain *c, const struct task_record *t);

/* verifier_can says whether an account may stake on a seat, with figures. */
bool verifier_can(const struct chain *c, const uint8_t account[32], const struct task_record *t, struct why *why);

struct verifier;
enum agent_status verifier_open(struct verifier **out, struct agent *a, const struct verifier_options *options,
                                struct why *why);
void verifier_shut(struct verifier *v);

/* verifier_turn is the role (agent_run, context: the verifier). It never ends by itself. */
bool verifier_turn(struct agent *a, void *verifier, struct why *why);

#endif
