/* witness: what one run can show of one of its intervals in a dispute: evidence, from its folder. PROTOCOL P4.3.
 *
 *   witness_open   the state before the interval: a sound checkpoint, or computed again from one before it
 *   steps          every step of the interval, and the root of every state; some states are kept on the way
 *   enter          one step with all its values, from the nearest state kept: at most 1/16 of the interval again
 *
 * Leaf hashes are computed when they are first asked for, and kept until another step is entered; those of the data for
 * good. One witness serves any number of challengers. A run that was sabotaged on purpose is replayed with its
 * sabotage, so its witness shows what the liar would show. A folder whose trace was tampered with is not believed: what
 * is shown is what was computed, and the claimant sees for itself that it leads elsewhere. Steps and evidence are
 * replay's; the folder, its checkpoints and its sabotage are this one's. Uses: frame, replay, checkpoint, sabotage. */
#ifndef TRAINING_WITNESS_H
#define TRAINING_WITNESS_H
#include "training/replay/replay.h"
#include "training/witness/frame.h"
#include <signal.h>

struct witness;

enum { WITNESS_PLACES_MAX = REPLAY_PLACES_MAX }; /* states kept of an interval */

/* What it is busy with: computing the state before the interval, the states of the interval, one step's values. */
enum witness_work { WITNESS_START, WITNESS_STEPS, WITNESS_VALUES };

struct witness_options {
  struct pool *pool;                 /* borrowed; NULL: this thread alone. Witnesses that take turns may share one */
  struct execute_options execute;    /* backend, plain */
  uint32_t places;                   /* states to keep, 1..WITNESS_PLACES_MAX; 0: all. witness_fits says */
  const volatile sig_atomic_t *stop; /* looked at between steps; NULL: never */
  void (*progress)(void *context, enum witness_work work, uint32_t done, uint32_t steps); /* NULL: silent */
  void *context;
};

/* What it cost so far. */
struct witness_counts {
  uint32_t start_steps;    /* before the interval, to get the state it starts from */
  uint32_t interval_steps; /* of the interval, with the root of each state */
  uint32_t again_steps;    /* of the interval once more, from a state kept to a step entered */
  uint32_t materialised;   /* steps with all their values */
};

/* witness_fits finds how many states `witnesses` of them in one process may keep each (options->places) so that they
 * fit into what memory is left, or refuses, with figures, when not even one of each does. */
enum training_status witness_fits(const struct prepared *p, uint32_t interval, uint32_t witnesses,
                                  struct witness_options *options, struct why *why);

/* witness_open gets the state before interval i = 1 .. roots->intervals of a run. folder and p outlive the witness.
 * ERR_INPUT: nothing in the folder leads to the root that the interval starts from, or the folder tells of a sabotage
 * that its job cannot have; ERR_SYSTEM: memory; INTERRUPTED: stop was set. Then *out is NULL. */
enum training_status witness_open(struct witness **out, const char *folder, const struct folder_info *info,
                                  const struct prepared *p, const struct frame_roots *roots, uint32_t interval,
                                  const struct witness_options *options, struct why *why);
void witness_shut(struct witness *w);

/* witness_evidence: good until witness_shut. witness_status is why evidence last failed: ERR_SYSTEM, INTERRUPTED; OK if
 * it never did. */
void witness_evidence(struct witness *w, struct evidence *out);
enum training_status witness_status(const struct witness *w);
const struct witness_counts *witness_counts(const struct witness *w);

#endif
