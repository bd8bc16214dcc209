/* Random trials: whatever somebody leaves undone or lies about, the life ends, nothing stays locked, no grain is lost,
 * and nobody honest pays. The seed of a failure is printed; TRIAL_SEED=n plays that one alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/docket/trial.h"

enum { WALKS = 40, BLOCKS_MAX = 6000 };

static struct trial t;
static uint64_t seed;

static uint32_t below(uint32_t k) { return (uint32_t)(example_next(&seed) >> 33) % k; }
static bool one_in(uint32_t k) { return below(k) == 0; }

static struct trial_seat_plan seat_plan(void) {
  struct trial_seat_plan s = {.no_take = (uint8_t)(one_in(5) ? 1 + below(3) : 0),
                              .no_seal = one_in(8),
                              .no_show = one_in(8),
                              .no_vote = one_in(4),
                              .no_start = one_in(10),
                              .votes_no = one_in(6),
                              .wrong = one_in(4),
                              .lazy = one_in(4),
                              .stubborn = one_in(2)};
  if (one_in(4)) s.silent_at = (uint8_t)(3 + 2 * below(7));
  return s;
}

static struct trial_plan draw_plan(void) {
  struct trial_plan p = {.intervals = (uint16_t)(1 + below(6)),
                         .interval_steps = (uint16_t)(1 + below(3)),
                         .seats = (uint8_t)(1 + below(4)),
                         .draws = (uint8_t)(1 + below(3)),
                         .level = one_in(4) ? AUDIT_LEVEL_FULL : 0,
                         .own = one_in(3),
                         .diverges_at = one_in(4) ? TRIAL_FIRST_STEP + below(8) : UINT32_MAX,
                         .reserve = below(2) * UINT64_C(1000000000),
                         .stubborn = one_in(2),
                         .no_publish = one_in(10),
                         .no_open = one_in(10),
                         .every_round = one_in(2),
                         .once = one_in(3),
                         .idle_epochs = one_in(8) ? below(12) : 0};
  if (one_in(2)) {
    p.lie_interval = (uint16_t)(1 + below(p.intervals));
    p.lie = (struct lie){.kind = LIE_BYTE,
                         .space = one_in(2) ? TAPE_OUT : TAPE_TEMP,
                         .mask = 0x40,
                         .j = (uint16_t)(1 + below(p.interval_steps)),
                         .leaf = 1,
                         .offset = 6,
                         .follow = true};
    if (one_in(3)) p.silent_at = (uint8_t)(2 + 2 * below(7));
  }
  for (uint32_t i = 0; i < SEATS_MAX; i++) p.seat[i] = seat_plan();
  return p;
}

/* A seat of attempt 1 that did all that was due, round after round, and neither lied nor copied. */
static bool honest(const struct trial_plan *p, uint8_t i) {
  const struct trial_seat_plan *s = &p->seat[i];
  return !s->no_take && !s->no_seal && !s->no_show && !s->no_start && !s->wrong && !s->lazy && !s->stubborn &&
         !s->silent_at;
}

static uint32_t faults_of_first(void) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < t.receipts; i++) count += t.receipt[i].kind == RECEIPT_FAULT && t.receipt[i].attempt == 1;
  return count;
}

static bool shows_lie(const struct trial_plan *p) {
  const struct trial_interval *v = &t.run[p->lie_interval ? p->lie_interval - 1 : 0];
  return p->lie_interval && memcmp(v->solver.roots[v->world.steps], v->honest.roots[v->world.steps], 32) != 0;
}

/* An honest solver is never at fault; a lie that an honest seat drew and showed is found; an honest seat loses nothing.
 */
static void check_justice(const struct trial_plan *p, uint64_t number) {
  bool upright = !shows_lie(p) && !p->no_publish && !p->no_open;
  if (upright && faults_of_first()) fail_msg("seed %u: an honest solver was at fault", (unsigned)number);
  for (uint8_t i = 0; i < p->seats; i++) {
    struct task_record task = trial_task(&t);
    struct seat_record s;
    task.attempt = 1;
    if (!audit_seat(trial_chain(&t), &task, i, &s) || !honest(p, i)) continue;
    if (s.lost) fail_msg("seed %u: an honest seat lost", (unsigned)number);
    for (uint32_t k = 0; s.shown && k < s.draws; k++)
      if (s.interval[k] == p->lie_interval && shows_lie(p) && !faults_of_first())
        fail_msg("seed %u: a lie was paid", (unsigned)number);
  }
}

static void walk(uint64_t number) {
  seed = number;
  struct trial_plan plan = draw_plan();
  trial_open(&t, &plan);
  uint32_t blocks = BLOCKS_MAX;
  enum task_state end = TASK_WAIT;
  while (end != TASK_SETTLED && end != TASK_CANCELLED && blocks--) {
    trial_block(&t);
    end = (enum task_state)trial_task(&t).state;
  }
  if (end != TASK_SETTLED && end != TASK_CANCELLED) fail_msg("seed %u: state %u", (unsigned)number, end);
  if (!trial_clear(&t)) fail_msg("seed %u: something is locked", (unsigned)number);
  check_justice(&plan, number);
  trial_shut(&t);
}

static void test_walks(void **state) {
  (void)state;
  const char *only = getenv("TRIAL_SEED");
  if (only) {
    walk(strtoull(only, NULL, 10));
    return;
  }
  for (uint64_t n = 1; n <= WALKS; n++) walk(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
