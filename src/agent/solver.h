/* solver: who trains for others: offers, runs, commits, publishes, opens, answers disputes, delivers.
 *
 *   WAIT  fetches what the task is made of              PUBLISH  PUBLISH, and the starts to the blob stores
 *   OPEN  OFFER, if this machine can do the task        SHOW     OPEN
 *   WORK  intervals, then COMMIT                        JUDGE    MOVE in each dispute, as claimant
 *                                                       DELIVER  the final state to the blob stores
 *
 * What is due follows from the chain alone (solver_due), what was done is in the folder and the journal, so a solver
 * that is killed goes on where it was. Working comes last in a turn and stops after `slice_ms`, because a dispute's
 * clock does not wait for an interval of another task. Uses: bench. */
#ifndef AGENT_SOLVER_H
#define AGENT_SOLVER_H
#include "agent/bench.h"
#include "agent/enlist.h"

/* What it does wrong, for tests and demonstrations. Zeros: nothing. */
struct solver_lie {
  uint16_t interval; /* its end is altered in one weight; WORK_EVERY: that of all */
  bool no_commit, no_publish, no_open, no_deliver;
  bool no_starts;      /* PUBLISH says where intervals start, and nobody can have it */
  uint8_t silent_move; /* number of a move that it does not make */
};

struct solver_options {
  struct material_options material;
  uint64_t disk_bytes; /* for states of one task */
  uint32_t slice_ms;   /* of work in one turn; one step at least */
  struct solver_lie lie;
  const struct enlist *enlist; /* offers only once it is over; NULL: it is */
};

enum solver_duty {
  SOLVER_REST,
  SOLVER_PREPARE,
  SOLVER_OFFER,
  SOLVER_WORK,
  SOLVER_PUBLISH,
  SOLVER_OPEN,
  SOLVER_MOVE,
  SOLVER_DELIVER
};

/* solver_due: what an account that solves has to do about a task, by the chain. solver_wanted marks the intervals
 * whose starts seats wait for (LEDGER 9.5) and returns how many. */
enum solver_duty solver_due(const struct chain *c, const uint8_t account[32], const struct task_record *t);
uint16_t solver_wanted(const struct chain *c, const struct task_record *t, bool wanted[TRACE_INTERVALS_MAX + 1]);

/* solver_can says whether an account may stake on a task, with figures. Money and declarations; memory and blobs are
 * for material. */
bool solver_can(const struct chain *c, const uint8_t account[32], const struct task_record *t, struct why *why);

struct solver;
enum agent_status solver_open(struct solver **out, struct agent *a, const struct solver_options *options,
                              struct why *why);
void solver_shut(struct solver *s);

/* solver_turn is the role (agent_run, context: the solver). It never ends by itself. */
bool solver_turn(struct agent *a, void *solver, struct why *why);

#endif
