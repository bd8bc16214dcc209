/* The schedule tensor. docs/lower.md 7.1, 7.9 to 7.11. */
#include <string.h>

#include "model/optimizer/optimizer.h"
#include "numeric/soft/soft.h"

static double cosine(double half_turns) {
  float x = (float)half_turns;
  uint32_t word;
  memcpy(&word, &x, sizeof word);
  word = soft_apply(CANON_COSPI, word, 0, 0);
  memcpy(&x, &word, sizeof x);
  return x;
}

/* From `from` at turn 0 to `to` at turn 1, along half a wave. */
static double wave(double from, double to, double turn) {
  double rise = from - to;
  rise = rise * 0.5;
  double height = 1.0 + cosine(turn);
  height = height * rise;
  return to + height;
}

static double line(double from, double to, double turn) {
  double way = to - from;
  way = way * turn;
  return from + way;
}

/* What factor() remembers from one update to the next: a power is a product from the left. */
struct pace {
  double power;
  uint32_t milestones;
};

/* StepLR and MultiStepLR. t counts from 0. */
static double steps(const struct schedule_options *s, struct pace *p, uint32_t t) {
  bool down =
      s->every ? t && t % s->every == 0 : p->milestones < s->milestones_count && s->milestone[p->milestones] == t;
  if (down) {
    p->power = p->power * (double)s->gamma;
    p->milestones++;
  }
  return p->power;
}

/* OneCycleLR of two phases, over `count` updates. */
static double cycle(const struct schedule_options *s, uint32_t t, uint32_t count) {
  double low = 1.0 / (double)s->div, least = low / (double)s->final_div, peak = (double)s->pct_start * (double)count;
  peak = peak - 1.0;
  double last = (double)count - 1.0;
  bool rising = (double)t <= peak;
  double turn = rising ? (peak > 0 ? (double)t / peak : 1.0) : ((double)t - peak) / (last - peak);
  double from = rising ? low : 1.0, to = rising ? 1.0 : least;
  return s->linear ? line(from, to, turn) : wave(from, to, turn);
}

/* Factor of lr in update u = 1, 2, ..: u / warmup while that is below 1; then the schedule over the updates that are
 * left. */
static double factor(const struct lower_options *o, struct pace *p, uint32_t u) {
  const struct schedule_options *s = &o->schedule;
  if (u <= s->warmup) return (double)u / s->warmup;
  uint32_t t = u - 1 - s->warmup, count = o->updates - s->warmup;
  switch (s->name) {
  case SCHEDULE_CONSTANT: break;
  case SCHEDULE_COSINE: return wave(1.0, s->end, (double)t / (double)count);
  case SCHEDULE_LINEAR: return line(s->start, s->end, (double)t / (double)count);
  case SCHEDULE_STEP: return steps(s, p, t);
  case SCHEDULE_ONE_CYCLE: return cycle(s, t, count);
  }
  return 1;
}

/* Powers of the betas, as they are in this update. */
struct powers {
  double first, second;
};

static void fill(const struct optimizer_options *p, const struct powers *power, double lr, bool first, float *row) {
  row[SCHEDULE_LR] = (float)lr;
  switch (p->name) {
  case OPTIMIZER_SGD:
    row[SGD_STEP] = (float)-lr;
    row[SGD_FRESH] = first ? 1.0f : (float)(1.0 - (double)p->dampening);
    return;
  case OPTIMIZER_ADAM:
  case OPTIMIZER_ADAMW:
    row[ADAM_DECAY] = (float)(-lr * (double)p->weight_decay);
    row[ADAM_STEP] = (float)(-lr / (1.0 - power->first));
    row[ADAM_CORRECTION] = (float)(1.0 / (1.0 - power->second));
    return;
  case OPTIMIZER_LION:
    row[LION_DECAY] = (float)(-lr * (double)p->weight_decay);
    row[LION_STEP] = (float)-lr;
    return;
  case OPTIMIZER_RMSPROP: row[RMSPROP_STEP] = (float)-lr; return;
  }
}

float *optimizer_schedule(const struct lower_options *o, struct arena *arena) {
  const struct optimizer_options *p = &o->optimizer;
  uint32_t columns = optimizer_columns(p), own = optimizer_group_columns(p);
  float *row = arena_take(arena, o->updates, columns * sizeof *row), *start = row;
  struct powers power = {1, 1};
  struct pace pace = {.power = 1};
  if (!row) return NULL;
  for (uint32_t u = 1; u <= o->updates; u++, row += columns) {
    double part = factor(o, &pace, u);
    power.first *= (double)p->beta1;
    power.second *= (double)p->beta2;
    for (uint32_t group = 0; group <= p->groups_count; group++) {
      struct optimizer_options q = optimizer_own(p, group, 2);
      fill(&q, &power, (double)q.lr * part, u == 1, row + group * own);
    }
  }
  return start;
}
