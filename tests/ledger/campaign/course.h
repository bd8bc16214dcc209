/* course: one training run that many jobs are made of, and what came of it when somebody lied. For the campaign.
 *
 * A job of a course runs its first intervals, cut into tasks; every job of a course has the same numbers in it, so
 * states are computed once. Run 0 is the truth, each of the others has one lie. Uses: ledger/docket/trial. */
#ifndef CAMPAIGN_COURSE_H
#define CAMPAIGN_COURSE_H
#include "ledger/docket/trial_world.h"

enum { COURSES = 5, COURSE_RUNS = 6 };

struct course {
  struct trial trial; /* its plan and its tape; nothing else is in use */
  uint16_t intervals, runs, lie_interval[COURSE_RUNS];
  struct trial_interval run[COURSE_RUNS][TRIAL_INTERVALS_MAX];
  struct party wrong[COURSE_RUNS][TRIAL_INTERVALS_MAX]; /* of seats that lie; in use where `world` is set */
  uint8_t layout[32];
};

/* course_open computes course number n of COURSES. course_truth is the honest party of an interval (from 1) in a run;
 * course_wrong one that lies about it. course_diverged: does the state after that interval say so? */
void course_open(struct course *c, uint32_t n);
void course_shut(struct course *c);
struct party *course_truth(struct course *c, uint16_t run, uint16_t interval);
struct party *course_wrong(struct course *c, uint16_t run, uint16_t interval);
bool course_diverged(const struct course *c, uint16_t run, uint16_t interval);
#endif
