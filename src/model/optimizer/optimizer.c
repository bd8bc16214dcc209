#include "model/optimizer/optimizer.h"

#include <assert.h>

static bool finite_from(float x, float least) { return x >= least && x <= 3.0e38f; }

enum lower_status optimizer_check(const struct lower_options *o, struct why *why) {
  const struct optimizer_options *p = &o->optimizer;
  const char *wrong = NULL;
  if (p->name != OPTIMIZER_SGD && p->name != OPTIMIZER_ADAMW)
    wrong = "the optimizer is none that lower 1 knows";
  else if (!finite_from(p->lr, 0))
    wrong = "lr is negative or not finite";
  else if (!finite_from(p->weight_decay, 0))
    wrong = "weight_decay is negative or not finite";
  else if (!finite_from(o->clip_norm, 0))
    wrong = "clip_norm is negative or not finite";
  else if (p->name == OPTIMIZER_SGD && !finite_from(p->momentum, 0))
    wrong = "momentum is negative or not finite";
  else if (p->name == OPTIMIZER_SGD && !finite_from(p->dampening, -3.0e38f))
    wrong = "dampening is not finite";
  else if (p->name == OPTIMIZER_SGD && p->nesterov && (p->momentum == 0 || p->dampening != 0))
    wrong = "nesterov needs a momentum and no dampening";
  else if (p->name == OPTIMIZER_ADAMW && !(p->beta1 >= 0 && p->beta1 < 1 && p->beta2 >= 0 && p->beta2 < 1))
    wrong = "betas lie in [0, 1)";
  else if (p->name == OPTIMIZER_ADAMW && !finite_from(p->eps, 0))
    wrong = "eps is negative or not finite";
  else if (o->schedule.name != SCHEDULE_CONSTANT && o->schedule.name != SCHEDULE_COSINE)
    wrong = "the schedule is none that lower 1 knows";
  else if (!finite_from(o->schedule.end, 0))
    wrong = "the schedule's end is negative or not finite";
  else if (o->schedule.warmup > o->updates)
    wrong = "the warm-up is longer than the training";
  if (!wrong) return LOWER_OK;
  why_set(why, "%s", wrong);
  return LOWER_ERR_OPTION;
}

uint32_t optimizer_moments(const struct optimizer_options *o) {
  if (o->name == OPTIMIZER_ADAMW) return 2;
  return o->momentum != 0;
}

const char *optimizer_suffix(uint32_t moment) { return moment ? ".v" : ".m"; }

uint32_t optimizer_columns(const struct optimizer_options *o) {
  return o->name == OPTIMIZER_ADAMW ? ADAMW_COLUMNS : SGD_COLUMNS;
}

void optimizer_update(struct emit *e, const struct optimizer_options *o, struct update *u) {
  value_settle(e, u->gradient);
  switch (o->name) {
  case OPTIMIZER_SGD: sgd_update(e, o, u); return;
  case OPTIMIZER_ADAMW: adamw_update(e, o, u); return;
  }
}

uint8_t update_gradient(struct build *b, struct update *u) {
  uint8_t g = build_use(b, u->gradient);
  if (!u->clip) return g;
  uint8_t c = build_use(b, u->clip);
  return build_op2(b, CANON_MUL, g, c);
}

uint8_t update_column(struct build *b, struct update *u, int32_t column) {
  struct index i = index_fixed(column);
  return build_read(b, u->row, &i, 0);
}

struct value update_moment(const struct update *u, uint32_t n) {
  struct value v = u->weight;
  v.first_leaf = u->entry[1 + n].first_leaf;
  return v;
}
