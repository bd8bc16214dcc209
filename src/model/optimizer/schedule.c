/* The schedule tensor. docs/lower.md 7.1. */
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

/* Factor of lr in update u = 1, 2, ..: u / warmup while that is below 1; then constant, or PyTorch's CosineAnnealingLR
 * over the updates that are left, from 1 towards `end`. */
static double factor(const struct lower_options *o, uint32_t u) {
  const struct schedule_options *s = &o->schedule;
  if (u <= s->warmup) return (double)u / s->warmup;
  if (s->name == SCHEDULE_CONSTANT) return 1;
  double turn = (double)(u - 1 - s->warmup) / (double)(o->updates - s->warmup), end = s->end;
  double rise = 1.0 - end;
  rise = rise * 0.5;
  double wave = 1.0 + cosine(turn);
  wave = wave * rise;
  return end + wave;
}

float *optimizer_schedule(const struct lower_options *o, struct arena *arena) {
  const struct optimizer_options *p = &o->optimizer;
  uint32_t columns = optimizer_columns(p);
  float *row = arena_take(arena, o->updates, columns * sizeof *row), *start = row;
  double power1 = 1, power2 = 1;
  if (!row) return NULL;
  for (uint32_t u = 1; u <= o->updates; u++, row += columns) {
    double lr = (double)p->lr * factor(o, u);
    row[SCHEDULE_LR] = (float)lr;
    if (p->name == OPTIMIZER_SGD) {
      row[SGD_STEP] = (float)-lr;
      row[SGD_FRESH] = u == 1 ? 1.0f : (float)(1.0 - (double)p->dampening);
      continue;
    }
    power1 *= (double)p->beta1;
    power2 *= (double)p->beta2;
    row[ADAMW_DECAY] = (float)(-lr * (double)p->weight_decay);
    row[ADAMW_STEP] = (float)(-lr / (1.0 - power1));
    row[ADAMW_CORRECTION] = (float)(1.0 / (1.0 - power2));
  }
  return start;
}
