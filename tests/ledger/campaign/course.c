#include "campaign/course.h"

#include <string.h>

void course_open(struct course *c, uint32_t n) {
  static const struct {
    uint16_t intervals, steps;
    uint32_t diverges_at; /* after the first step */
  } shape[COURSES] = {{12, 2, UINT32_MAX}, {12, 1, UINT32_MAX}, {8, 4, UINT32_MAX}, {10, 2, 9}, {6, 1, 0}};
  memset(c, 0, sizeof *c);
  uint32_t at = shape[n].diverges_at;
  c->intervals = shape[n].intervals;
  c->trial.plan = (struct trial_plan){.intervals = c->intervals, .interval_steps = shape[n].steps};
  trial_tape(&c->trial.tape, at == UINT32_MAX ? at - n : TRIAL_FIRST_STEP + at); /* no two tapes are the same */
  c->trial.tapes[0] = &c->trial.tape.tape;
  tape_layout_hash(&c->trial.tape.tape, c->layout);
  for (c->runs = 0; c->runs < COURSE_RUNS; c->runs++) {
    uint16_t i = c->runs ? (uint16_t)(1 + (c->runs - 1) * (c->intervals - 1) / (COURSE_RUNS - 2)) : 0;
    c->trial.plan.lie = (struct lie){.kind = LIE_BYTE,
                                     .space = c->runs % 2 ? TAPE_OUT : TAPE_TEMP,
                                     .mask = 0x40,
                                     .j = (uint16_t)(1 + c->runs % shape[n].steps),
                                     .leaf = 1,
                                     .offset = 6,
                                     .follow = true};
    c->lie_interval[c->runs] = i;
    trial_run(&c->trial, c->run[c->runs], i);
  }
}

void course_shut(struct course *c) {
  for (uint16_t r = 0; r < c->runs; r++) {
    for (uint16_t i = 0; i < c->intervals; i++)
      if (c->wrong[r][i].world) party_shut(&c->wrong[r][i]);
    trial_run_shut(&c->trial, c->run[r]);
  }
}

struct party *course_truth(struct course *c, uint16_t run, uint16_t interval) {
  return &c->run[run][interval - 1].honest;
}

struct party *course_wrong(struct course *c, uint16_t run, uint16_t interval) {
  static const struct lie lie = {
      .kind = LIE_BYTE, .space = TAPE_OUT, .mask = 0x40, .j = 1, .leaf = 1, .offset = 6, .follow = true};
  struct party *p = &c->wrong[run][interval - 1];
  if (p->world) return p;
  party_open(p, &c->run[run][interval - 1].world, &c->run[run][interval - 1].honest);
  party_lie(p, &lie, 1);
  return p;
}

bool course_diverged(const struct course *c, uint16_t run, uint16_t interval) {
  const struct trial_interval *v = &c->run[run][interval - 1];
  return trial_state(&v->solver, v->world.steps)[0] != 0;
}
