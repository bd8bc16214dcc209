/* trial_world: the job of a trial, what came of it, and what its parties do. For the files of the trial. */
#ifndef LEDGER_TRIAL_WORLD_H
#define LEDGER_TRIAL_WORLD_H
#include <stdio.h>
#include <stdlib.h>

#include "ledger/docket/trial.h"

/* A test that cannot go on ends. */
#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x), abort()))

void trial_tape(struct built_tape *b, uint32_t diverges_at);
uint16_t trial_interval_steps(const struct trial *t, uint16_t i);

/* The state, and the hashes of its leaves, that a party has after step j. */
const uint8_t *trial_state(const struct party *p, uint16_t j);
const uint8_t *trial_hashes(const struct party *p, uint16_t j);

/* All intervals one after the other, with the plan's lie in one (0: none). */
void trial_run(struct trial *t, struct trial_interval *run, uint16_t lie_interval);
void trial_run_shut(struct trial *t, struct trial_interval *run);

/* The run of the present attempt, and who solves it. What the plan says of a seat. */
struct trial_interval *trial_run_of(struct trial *t, const struct task_record *task);
uint32_t trial_solver_of(const struct task_record *task);
struct trial_seat_plan trial_plan_of(const struct trial *t, const struct seat_record *s);

/* What the solver does in OPEN, WORK and SEAT.publish; one move of a seat's dispute, if the side to move makes it. */
void trial_offer(struct trial *t, const struct task_record *task);
void trial_commit(struct trial *t, const struct task_record *task);
void trial_publish_all(struct trial *t, const struct task_record *task);
bool trial_play(struct trial *t, const struct task_record *task, const struct seat_record *s);

#endif
