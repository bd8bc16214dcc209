#include "dispute/dispute.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "dispute/hear.h"
#include <assert.h>

static bool refuse(struct why *why, const char *text) {
  why_set(why, "%s", text);
  return false;
}

bool dispute_frame_check(const struct dispute_frame *f, struct why *why) {
  static const uint32_t ticks_max = 0x7fffffff;
  if (f->steps < 1 || f->steps > MOVE_STEPS_MAX) return refuse(why, "an interval has 1 to 256 steps");
  if (f->first_step > 0x7fffffffu - f->steps) return refuse(why, "the interval's steps go beyond 2^31 - 1");
  if (f->target.inner > MOVE_STEPS_MAX || (f->target.inner && f->target.inner != f->steps))
    return refuse(why, "a challenged inner state is the one after the last step");
  if (f->state_leaves < 1 || f->state_leaves > TAPE_LEAVES_MAX) return refuse(why, "a state has 1 to 2^23 leaves");
  if (f->tapes < 1 || f->tapes > DISPUTE_TAPES_MAX) return refuse(why, "a job has 1 to 8 tapes");
  for (uint32_t t = 0; t < f->tapes; t++)
    if (f->tape[t].records < 1 || f->tape[t].records > TAPE_RECORDS_MAX || f->tape[t].temp_leaves > TAPE_LEAVES_MAX ||
        f->tape[t].values_ticks > ticks_max)
      return refuse(why, "a tape has 1 to 16383 records and at most 2^23 leaves");
  for (uint32_t j = 0; j < f->steps; j++)
    if (f->step_tape[j] >= f->tapes) return refuse(why, "a step runs a tape that the job does not have");
  for (uint32_t n = 0; n < f->data_count; n++)
    if (f->data[n].leaves > TAPE_LEAVES_MAX) return refuse(why, "a data tensor has at most 2^23 leaves");
  if (f->window_ticks > ticks_max || f->slack_ticks > ticks_max || f->steps_ticks > ticks_max)
    return refuse(why, "a clock is below 2^31 ticks");
  return true;
}

const struct dispute_tape *dispute_tape_now(const struct dispute *d, const struct dispute_frame *f) {
  return &f->tape[f->step_tape[d->j ? d->j - 1 : 0]];
}

uint32_t dispute_leaves(const struct dispute *d, const struct dispute_frame *f, uint8_t space, uint8_t number) {
  switch ((enum tape_space)space) {
  case TAPE_TEMP: return dispute_tape_now(d, f)->temp_leaves;
  case TAPE_OUT:
  case TAPE_IN: return f->state_leaves;
  case TAPE_DATA: return number < f->data_count ? f->data[number].leaves : 0;
  }
  return 0;
}

uint32_t dispute_height(const struct dispute *d, const struct dispute_frame *f, uint8_t space, uint8_t number) {
  return merkle_height(dispute_leaves(d, f, space, number));
}

bool dispute_record(const struct dispute *d, struct tape_record *out) {
  return d->record && record_decode(d->record_bytes, d->record_length, out, NULL) == RECORD_OK;
}

/* The clock. P3.1, P3.2 */

enum dispute_seat dispute_turn(const struct dispute *d) {
  if (d->awaits == DISPUTE_DECIDED) return (enum dispute_seat)d->verdict.loser;
  return move_by_claimant(d->awaits) ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER;
}

static uint64_t window(const struct dispute *d, const struct dispute_frame *f) {
  uint64_t ticks = f->window_ticks;
  if (d->awaits == MOVE_2) ticks += f->steps_ticks;
  if (d->awaits == MOVE_4 || d->awaits == MOVE_5) ticks += dispute_tape_now(d, f)->values_ticks;
  return ticks;
}

uint64_t dispute_deadline(const struct dispute *d, const struct dispute_frame *f) {
  uint64_t deadline;
  if (!checked_add_u64(d->turn_tick, window(d, f) + d->slack_ticks[dispute_turn(d)], &deadline)) return UINT64_MAX;
  return deadline;
}

bool dispute_expire(struct dispute *d, const struct dispute_frame *f, uint64_t tick) {
  if (d->awaits == DISPUTE_DECIDED) return true;
  if (tick <= dispute_deadline(d, f)) return false;
  bool has_case = d->awaits > MOVE_11, has_leaf = d->awaits >= MOVE_10;
  d->verdict = (struct dispute_verdict){.loser = (uint8_t)dispute_turn(d),
                                        .reason = DISPUTE_BY_CLOCK,
                                        .awaited = d->awaits,
                                        .has_step = d->j != 0,
                                        .has_leaf = has_leaf,
                                        .has_element = has_case,
                                        .j = d->j,
                                        .step = d->j ? f->first_step + d->j - 1 : 0};
  if (has_leaf) {
    d->verdict.space = d->space;
    d->verdict.leaf = d->node;
  }
  if (has_case) {
    d->verdict.record = d->record;
    d->verdict.element = d->index;
    d->verdict.committed = d->committed;
    d->verdict.recomputed = d->recomputed;
  }
  d->awaits = DISPUTE_DECIDED;
  return true;
}

enum dispute_status dispute_open(struct dispute *d, const struct dispute_frame *f, const struct move *challenge,
                                 uint64_t tick, struct why *why) {
  struct move_challenge c;
  const struct move_challenge *t = &f->target;
  if (challenge->number != MOVE_OPEN || challenge->kind != MOVE_CHALLENGE || !move_take_challenge(challenge, &c) ||
      memcmp(c.job_root, t->job_root, MERKLE_BYTES) != 0 || c.task != t->task || c.interval != t->interval ||
      c.inner != t->inner) {
    why_set(why, "the first move is not a challenge of this interval");
    return DISPUTE_REFUSED;
  }
  memset(d, 0, sizeof *d);
  d->moves = 1;
  d->bytes = challenge->length;
  d->turn_tick = tick;
  d->slack_ticks[DISPUTE_CHALLENGER] = d->slack_ticks[DISPUTE_CLAIMANT] = f->slack_ticks;
  d->awaits = MOVE_2;
  if (f->steps == 1) { /* 2 and 3 fall away */
    d->j = 1;
    memcpy(d->before, f->start_root, MERKLE_BYTES);
    memcpy(d->after, f->end_root, MERKLE_BYTES);
    d->awaits = MOVE_4;
  }
  return DISPUTE_HEARD;
}

/* The move that is awaited, or no move at all. */
static bool apply(struct dispute *d, const struct dispute_frame *f, const struct move *m, uint64_t tick,
                  struct why *why) {
  if (m->number != d->awaits) {
    why_set(why, "move %u is awaited, and this is move %u", d->awaits, m->number);
    return false;
  }
  if (tick < d->turn_tick) return refuse(why, "the move is older than the one before it");
  return hear_apply(d, f, m, why);
}

/* P3.2: what exceeds the window is taken from the mover's slack; all of it at most. */
static bool take_turn(struct dispute *d, const struct dispute_frame *f, const struct move *m, uint64_t tick,
                      struct why *why) {
  uint32_t *slack = &d->slack_ticks[dispute_turn(d)];
  uint64_t allowed = window(d, f);
  if (!apply(d, f, m, tick, why)) return false;
  uint64_t took = tick - d->turn_tick, late = took > allowed ? took - allowed : 0;
  *slack -= late < *slack ? (uint32_t)late : *slack;
  d->turn_tick = tick;
  return true;
}

enum dispute_status dispute_hear(struct dispute *d, const struct dispute_frame *f, const struct move *m, uint64_t tick,
                                 struct why *why) {
  if (d->awaits == DISPUTE_DECIDED) return DISPUTE_OVER;
  if (dispute_expire(d, f, tick)) return DISPUTE_LATE;
  if (!take_turn(d, f, m, tick, why)) return DISPUTE_REFUSED;
  d->moves++;
  d->bytes += m->length;
  return DISPUTE_HEARD;
}

enum dispute_status dispute_recall(struct dispute *d, const struct dispute_frame *f, const struct move *m,
                                   uint64_t tick, struct why *why) {
  if (d->awaits == DISPUTE_DECIDED) return DISPUTE_OVER;
  if (d->awaits != MOVE_2 && d->awaits != MOVE_4) {
    why_set(why, "move %u is awaited, and only STEPS and VALUES are recalled", d->awaits);
    return DISPUTE_REFUSED;
  }
  return take_turn(d, f, m, tick, why) ? DISPUTE_HEARD : DISPUTE_REFUSED;
}

/* PROTOCOL P6, as far as one state shows it. */
void dispute_check(const struct dispute *d, const struct dispute_frame *f) {
  assert(d->awaits >= MOVE_2 && d->awaits <= DISPUTE_DECIDED);
  assert(d->moves >= 1 && d->moves <= MOVE_NUMBER_MAX);
  assert(d->slack_ticks[0] <= f->slack_ticks && d->slack_ticks[1] <= f->slack_ticks);
  assert(d->j <= f->steps && (d->j != 0 || d->awaits < MOVE_4 || d->awaits == DISPUTE_DECIDED));
  if (d->awaits == DISPUTE_DECIDED) {
    const struct dispute_verdict *v = &d->verdict;
    assert(v->reason >= DISPUTE_BY_PROOF && v->reason <= DISPUTE_BY_CLOCK);
    assert(v->reason == DISPUTE_BY_CLOCK || (v->has_element && v->loser == DISPUTE_CLAIMANT));
    assert(!v->has_element || v->committed != v->recomputed); /* P6.5 */
    return;
  }
  if (d->awaits < MOVE_6) return;
  /* P6.1: what was recorded of the named node leads to the claimant's root. */
  uint8_t root[MERKLE_BYTES];
  uint32_t height = dispute_height(d, f, d->space, 0);
  merkle_climb(d->node_hash, d->node, d->path[d->level], height - d->level, root);
  assert(d->level <= height && memcmp(root, hear_root(d, f, d->space, 0), MERKLE_BYTES) == 0);
  if (d->awaits > MOVE_11) assert(d->record && d->committed != d->recomputed);
}
