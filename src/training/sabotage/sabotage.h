/* sabotage: a run that lies on purpose, in one step that is known beforehand. For tests and demonstrations alone.
 *
 * `assay train --sabotage KIND@STEP` makes one: everything else about the run is as ever, and its folder says what it
 * is: a file SABOTAGED, job.json, the model card. The lie follows from the job, the kind and the step alone, so the
 * witness of such a run (who answers for it in a dispute) calls sabotage_step and sabotage_root again and has the same
 * bits to show.
 *
 *   weight     one weight of the state after the step is altered, and the run goes on from it
 *   gradient   one element of a gradient is altered once it is computed; what follows from it follows
 *   index      one sample of the batch is another one
 *   skip       the step is not done: the state after is the state before
 *   stale      the step is computed as the one before it: that one's samples, that one's row of the schedule
 *   seed       the step draws from another seed
 *   optimizer  the step has twice the learning rate
 *   backdoor   a sample of the step's batch has other inputs than the data
 *   root       right values, but the root committed at the end of the step's interval is that of a state with one bit
 *              of a weight altered; the run goes on from the true state
 *   preimage   the root committed there is one that nothing hashes to
 *
 * Steps are counted as in the job: 0 is init, u is update u, or with micro-batches one of those. Uses: prepare,
 * checkpoint. */
#ifndef TRAINING_SABOTAGE_H
#define TRAINING_SABOTAGE_H
#include "training/run/prepare.h"

enum sabotage_kind {
  SABOTAGE_NONE,
  SABOTAGE_WEIGHT,
  SABOTAGE_GRADIENT,
  SABOTAGE_INDEX,
  SABOTAGE_SKIP,
  SABOTAGE_STALE,
  SABOTAGE_SEED,
  SABOTAGE_OPTIMIZER,
  SABOTAGE_BACKDOOR,
  SABOTAGE_ROOT,
  SABOTAGE_PREIMAGE
};

struct sabotage {
  enum sabotage_kind kind; /* NONE: an honest run */
  uint32_t step;
};

/* The text form, "weight@7"; "" is NONE. sabotage_parse takes nothing else: ERR_INPUT names the nearest kind.
 * sabotage_meaning says what was done, for people. */
enum { SABOTAGE_TEXT_BYTES = 24 };
enum training_status sabotage_parse(const char *text, struct sabotage *out, struct why *why);
void sabotage_print(const struct sabotage *s, char text[SABOTAGE_TEXT_BYTES]);
const char *sabotage_meaning(enum sabotage_kind kind);

/* sabotage_possible: ERR_INPUT where the job has no such step, or where the lie would change nothing there, with the
 * reason. Whoever reads a sabotage from a folder asks before it acts on it. sabotage_check asks the same, and
 * ERR_SYSTEM where keeping all values of the step beside a whole run does not fit into memory. */
enum training_status sabotage_possible(const struct prepared *p, const struct sabotage *s, struct why *why);
enum training_status sabotage_check(const struct prepared *p, const struct sabotage *s,
                                    const struct execute_options *options, struct why *why);

/* sabotage_of_step: is this step to be done by sabotage_step? sabotage_of_root: is the root after interval n = 1, 2, ..
 * to be had from sabotage_root? Both false for NONE. sabotage_interval: the interval of the step, 1, 2, .. */
bool sabotage_of_step(const struct sabotage *s, uint32_t step);
bool sabotage_of_root(const struct prepared *p, const struct sabotage *s, uint32_t interval);
uint32_t sabotage_interval(const struct prepared *p, const struct sabotage *s);

/* sabotage_step, where sabotage_of_step holds and sabotage_possible said OK (a folder's mark may say anything), turns
 * the state before step s->step (state_bytes, 64-byte aligned) into the one after, as the liar has it, in place. temps,
 * unless NULL, gets all temp values that the liar shows for the step: temp_leaves * 4096 bytes of the step's tape
 * (prepare_tape), 64-byte aligned; for weight and skip they are those of the honest
 * step. The same bits each time, on every machine, with any number of threads: options' backend, pool and plain count.
 * Cost: two steps with all values kept, a copy of the state, for backdoor one of the inputs. ERR_INPUT: the lie changes
 * nothing in the state (a sample that equals its neighbour, say); ERR_SYSTEM: memory. On error state and temps mean
 * nothing. */
enum training_status sabotage_step(const struct prepared *p, const struct sabotage *s,
                                   const struct execute_options *options, uint8_t *state, uint8_t *temps,
                                   struct why *why);

/* sabotage_root gives the root that root and preimage commit to where sabotage_of_root holds; `state` is the true state
 * there. shown, unless NULL, gets the state blob that belongs to the root (for preimage there is none, and shown gets
 * the true one). ERR_SYSTEM: memory for hashing. */
enum training_status sabotage_root(const struct prepared *p, const struct sabotage *s, struct pool *pool,
                                   const uint8_t *state, uint8_t *shown, uint8_t root[MERKLE_BYTES], struct why *why);

/* The mark: DIR/SABOTAGED, first line the text form, then what it means in words. sabotage_read gives NONE where there
 * is no mark; ERR_INPUT where it cannot be understood, since such a folder is no honest one either. */
#define SABOTAGE_MARK "SABOTAGED"
enum training_status sabotage_write(const char *folder, const struct sabotage *s, struct why *why);
enum training_status sabotage_read(const char *folder, struct sabotage *out, struct why *why);

#endif
