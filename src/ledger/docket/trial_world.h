/* trial_world: the job of a trial, and what came of it. For trial.c. */
#ifndef LEDGER_TRIAL_WORLD_H
#define LEDGER_TRIAL_WORLD_H
#include <stdio.h>

#include "ledger/docket/trial.h"

void trial_tape(struct built_tape *b, uint32_t diverges_at);
uint16_t trial_interval_steps(const struct trial *t, uint16_t i);

/* The state, and the hashes of its leaves, that a party has after step j. */
const uint8_t *trial_state(const struct party *p, uint16_t j);
const uint8_t *trial_hashes(const struct party *p, uint16_t j);

/* All intervals one after the other, with the plan's lie in one (0: none). */
void trial_run(struct trial *t, struct trial_interval *run, uint16_t lie_interval);
void trial_run_shut(struct trial *t, struct trial_interval *run);

#endif
