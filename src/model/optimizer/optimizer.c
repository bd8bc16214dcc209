#include "model/optimizer/optimizer.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/glob.h"

/* What an optimizer is made of. rate_columns: how many of its columns are multiples of the learning rate. */
static const struct rule_of_update {
  uint32_t columns, rate_columns;
  uint8_t (*moment)(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m);
  uint8_t (*weight)(struct build *b, const struct optimizer_options *o, struct update *u);
} rules[] = {
    [OPTIMIZER_SGD] = {SGD_COLUMNS, SGD_FRESH, sgd_moment, sgd_weight},
    [OPTIMIZER_ADAMW] = {ADAM_COLUMNS, ADAM_CORRECTION, adam_moment, adam_weight},
    [OPTIMIZER_ADAM] = {ADAM_COLUMNS, ADAM_CORRECTION, adam_moment, adam_weight},
    [OPTIMIZER_LION] = {LION_COLUMNS, LION_COLUMNS, lion_moment, lion_weight},
    [OPTIMIZER_RMSPROP] = {RMSPROP_COLUMNS, RMSPROP_COLUMNS, rmsprop_moment, rmsprop_weight},
};
enum { RULES = sizeof rules / sizeof *rules };

static bool finite_from(float x, float least) { return x >= least && x <= 3.0e38f; }

static const char *wrong_optimizer(const struct optimizer_options *p) {
  bool adam = p->name == OPTIMIZER_ADAMW || p->name == OPTIMIZER_ADAM, betas = adam || p->name == OPTIMIZER_LION;
  bool rmsprop = p->name == OPTIMIZER_RMSPROP, momentum = rmsprop || p->name == OPTIMIZER_SGD;
  if ((uint32_t)p->name >= RULES) return "the optimizer is none that lower 1 knows";
  if (!finite_from(p->lr, 0)) return "lr is negative or not finite";
  if (!finite_from(p->weight_decay, 0)) return "weight_decay is negative or not finite";
  if (momentum && !finite_from(p->momentum, 0)) return "momentum is negative or not finite";
  if (p->name == OPTIMIZER_SGD && !finite_from(p->dampening, -3.0e38f)) return "dampening is not finite";
  if (p->name == OPTIMIZER_SGD && p->nesterov && (p->momentum == 0 || p->dampening != 0))
    return "nesterov needs a momentum and no dampening";
  if (betas && !(p->beta1 >= 0 && p->beta1 < 1 && p->beta2 >= 0 && p->beta2 < 1)) return "betas lie in [0, 1)";
  if (rmsprop && !(p->alpha >= 0 && p->alpha < 1)) return "alpha lies in [0, 1)";
  if ((adam || rmsprop) && !finite_from(p->eps, 0)) return "eps is negative or not finite";
  if (p->groups_count > OPTIMIZER_GROUPS_MAX) return "there are more groups than 15";
  for (uint32_t n = 0; n < p->groups_count; n++) {
    if (!(p->group[n].lr <= 3.0e38f)) return "a group's lr is not finite";
    if (!(p->group[n].weight_decay <= 3.0e38f)) return "a group's weight_decay is not finite";
  }
  return NULL;
}

static const char *wrong_schedule(const struct schedule_options *s, uint32_t updates) {
  bool cycle = s->name == SCHEDULE_ONE_CYCLE;
  if (s->name > SCHEDULE_ONE_CYCLE) return "the schedule is none that lower 1 knows";
  if (!finite_from(s->start, 0)) return "the schedule's start is negative or not finite";
  if (!finite_from(s->end, 0)) return "the schedule's end is negative or not finite";
  if (s->warmup > updates) return "the warm-up is longer than the training";
  if (s->name == SCHEDULE_STEP && !finite_from(s->gamma, 0)) return "the schedule's gamma is negative or not finite";
  if (s->name == SCHEDULE_STEP && !s->every == !s->milestones_count)
    return "the schedule steps either every so many updates or at milestones";
  for (uint32_t n = 1; n < s->milestones_count; n++)
    if (s->milestone[n] <= s->milestone[n - 1]) return "the schedule's milestones do not ascend";
  if (cycle && !(s->pct_start >= 0 && s->pct_start <= 1)) return "the schedule's pct_start lies in [0, 1]";
  if (cycle && !(finite_from(s->div, 1e-30f) && finite_from(s->final_div, 1e-30f)))
    return "the schedule's div_factor and final_div_factor are above 0";
  return NULL;
}

enum lower_status optimizer_check(const struct lower_options *o, struct why *why) {
  const char *wrong = wrong_optimizer(&o->optimizer);
  if (!wrong) wrong = wrong_schedule(&o->schedule, o->updates);
  if (wrong)
    ;
  else if (!finite_from(o->clip_norm, 0))
    wrong = "clip_norm is negative or not finite";
  else if (!finite_from(o->clip_value, 0))
    wrong = "clip_value is negative or not finite";
  else if (o->clip_norm > 0 && o->clip_value > 0)
    wrong = "clip_norm and clip_value exclude each other";
  else if (!(o->ema >= 0 && o->ema < 1))
    wrong = "ema lies in [0, 1)";
  if (!wrong) return LOWER_OK;
  why_set(why, "%s", wrong);
  return LOWER_ERR_OPTION;
}

static uint32_t moments_of(const struct optimizer_options *o) {
  switch (o->name) {
  case OPTIMIZER_ADAM:
  case OPTIMIZER_ADAMW: return 2;
  case OPTIMIZER_LION: return 1;
  case OPTIMIZER_RMSPROP: return 1 + (o->momentum != 0) + o->centered;
  case OPTIMIZER_SGD: break;
  }
  return o->momentum != 0;
}

struct companions optimizer_companions(const struct lower_options *o) {
  struct companions c = {.moments = moments_of(&o->optimizer)};
  c.count = c.moments;
  if (o->ema > 0) c.average = ++c.count;
  if (lower_micro_batches(o) > 1) c.sum = ++c.count;
  return c;
}

const char *optimizer_suffix(const struct lower_options *o, uint32_t companion) {
  struct companions c = optimizer_companions(o);
  if (companion == c.average) return ".ema";
  if (companion == c.sum) return ".g";
  if (o->optimizer.name != OPTIMIZER_RMSPROP) return companion == 1 ? ".m" : ".v";
  if (companion == 1) return ".v";
  return companion == 2 && o->optimizer.momentum != 0 ? ".m" : ".a";
}

uint32_t optimizer_group(const struct optimizer_options *o, const char *onnx_name) {
  for (uint32_t n = 0; n < o->groups_count; n++)
    for (uint32_t m = 0; m < o->group[n].match_count; m++)
      if (glob_matches(o->group[n].match[m], onnx_name)) return n + 1;
  return 0;
}

struct optimizer_options optimizer_own(const struct optimizer_options *o, uint32_t group, uint32_t rank) {
  struct optimizer_options own = *o;
  if (o->decay_matrices && rank < 2) own.weight_decay = 0;
  if (group && o->group[group - 1].weight_decay >= 0) own.weight_decay = o->group[group - 1].weight_decay;
  if (group && o->group[group - 1].lr >= 0) own.lr = o->group[group - 1].lr;
  return own;
}

uint32_t optimizer_group_columns(const struct optimizer_options *o) { return rules[o->name].columns; }
uint32_t optimizer_rate_columns(const struct optimizer_options *o) { return rules[o->name].rate_columns; }
uint32_t optimizer_columns(const struct optimizer_options *o) { return rules[o->name].columns * (1 + o->groups_count); }

/* average' = average + (1 - ema) (w' - average), as torch's lerp has it. */
static uint8_t average(struct build *b, const struct optimizer_options *o, struct update *u) {
  uint8_t w = rules[o->name].weight(b, o, u);
  struct value v = u->weight;
  v.first_leaf = u->average->first_leaf;
  uint8_t before = build_use(b, &v);
  uint8_t fresh = build_f32(b, update_rest(u->ema));
  uint8_t way = build_op2(b, CANON_SUB, w, before);
  return build_op(b, CANON_FMA, fresh, way, before);
}

void optimizer_update(struct emit *e, const struct optimizer_options *o, struct update *u) {
  const struct rule_of_update *rule = &rules[o->name];
  struct build b;
  value_settle(e, u->gradient);
  for (uint32_t m = 0; m < moments_of(o); m++) {
    build_map(&b, e, TAPE_F32, &u->weight);
    uint8_t moment = rule->moment(&b, o, u, m);
    build_store(&b, moment, &u->entry[1 + m]);
  }
  build_map(&b, e, TAPE_F32, &u->weight);
  uint8_t weight = rule->weight(&b, o, u);
  build_store(&b, weight, &u->entry[0]);
  if (!u->average) return;
  build_map(&b, e, TAPE_F32, &u->weight);
  uint8_t mean = average(&b, o, u);
  build_store(&b, mean, u->average);
}

static uint8_t clamped(struct build *b, float limit, uint8_t g) {
  uint8_t high = build_f32(b, limit);
  uint8_t low = build_f32(b, -limit);
  uint8_t above = build_op2(b, CANON_FLT, high, g);
  uint8_t below = build_op2(b, CANON_FLT, g, low);
  g = build_op(b, CANON_SEL, below, low, g); /* a NaN stays one */
  return build_op(b, CANON_SEL, above, high, g);
}

uint8_t update_gradient(struct build *b, struct update *u) {
  uint8_t g = build_use(b, u->gradient);
  if (u->clip_value > 0) return clamped(b, u->clip_value, g);
  if (!u->clip) return g;
  uint8_t c = build_use(b, u->clip);
  return build_op2(b, CANON_MUL, g, c);
}

uint8_t update_column(struct build *b, struct update *u, int32_t column) {
  struct index i = index_fixed((int32_t)u->column + column);
  return build_read(b, u->row, &i, 0);
}

struct value update_moment(const struct update *u, uint32_t n) {
  struct value v = u->weight;
  v.first_leaf = u->entry[1 + n].first_leaf;
  return v;
}

float update_rest(float x) { return (float)(1.0 - (double)x); }

struct update_terms update_terms(struct build *b, const struct optimizer_options *o, struct update *u) {
  struct update_terms t = {.w = build_use(b, &u->weight)};
  t.d = update_gradient(b, u);
  if (o->weight_decay != 0) {
    uint8_t decay = build_f32(b, o->weight_decay);
    t.d = build_op(b, CANON_FMA, decay, t.w, t.d);
  }
  return t;
}

uint8_t update_blend(struct build *b, float beta, uint8_t before, uint8_t x) {
  uint8_t keep = build_f32(b, beta);
  uint8_t fresh = build_f32(b, update_rest(beta));
  fresh = build_op2(b, CANON_MUL, fresh, x);
  return build_op(b, CANON_FMA, keep, before, fresh);
}

uint8_t update_squares(struct build *b, struct update *u, uint32_t n, float beta, uint8_t d) {
  struct value v = update_moment(u, n);
  uint8_t before = build_use(b, &v);
  uint8_t keep = build_f32(b, beta);
  uint8_t fresh = build_f32(b, update_rest(beta));
  uint8_t square = build_op2(b, CANON_MUL, d, d);
  fresh = build_op2(b, CANON_MUL, fresh, square);
  return build_op(b, CANON_FMA, keep, before, fresh);
}
