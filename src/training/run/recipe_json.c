#include "training/run/recipe_json.h"
#include "model/loss/loss.h"

static bool set(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value) == 0; }

static json_t *group_of(const struct optimizer_group *g, recipe_number *number) {
  json_t *group = json_object(), *match = json_array();
  bool good = group && match;
  for (uint32_t n = 0; n < g->match_count; n++)
    good = json_array_append_new(match, json_string(g->match[n])) == 0 && good;
  good = set(group, "match", match) && good;
  if (g->lr >= 0) good = set(group, "lr", number(g->lr)) && good;
  if (g->weight_decay >= 0) good = set(group, "weight_decay", number(g->weight_decay)) && good;
  if (good) return group;
  json_decref(group);
  return NULL;
}

json_t *recipe_loss_json(const struct loss_options *o, recipe_number *number) {
  const char *name = loss_word(o->name);
  switch (o->name) {
  case LOSS_CROSS_ENTROPY: {
    json_t *loss = json_pack("{s:s, s:o, s:i}", "name", name, "label_smoothing", number(o->label_smoothing),
                             "ignore_index", (int)o->ignore_index);
    if (!loss || !o->class_axis || set(loss, "class_axis", json_integer(o->class_axis))) return loss;
    json_decref(loss);
    return NULL;
  }
  case LOSS_HUBER: return json_pack("{s:s, s:o}", "name", name, "delta", number(o->delta));
  case LOSS_SMOOTH_L1: return json_pack("{s:s, s:o}", "name", name, "beta", number(o->delta));
  case LOSS_OUTPUT: return json_pack("{s:s}", "output", o->output);
  case LOSS_MSE:
  case LOSS_L1:
  case LOSS_BCE_WITH_LOGITS:
  case LOSS_COUNT: break;
  }
  return json_pack("{s:s}", "name", name);
}

const char *recipe_loss_title(const struct loss_options *o) {
  static const char *const titles[] = {"cross-entropy",  "mean squared error", "mean absolute error",
                                       "Huber",          "smooth L1",          "binary cross-entropy of logits",
                                       "the model's own"};
  return o->name < LOSS_COUNT ? titles[o->name] : "";
}

static json_t *named(const struct optimizer_options *o, recipe_number *number) {
  switch (o->name) {
  case OPTIMIZER_ADAM:
  case OPTIMIZER_ADAMW:
    return json_pack("{s:s, s:o, s:[o, o], s:o, s:o}", "name", o->name == OPTIMIZER_ADAM ? "adam" : "adamw", "lr",
                     number(o->lr), "betas", number(o->beta1), number(o->beta2), "eps", number(o->eps), "weight_decay",
                     number(o->weight_decay));
  case OPTIMIZER_LION:
    return json_pack("{s:s, s:o, s:[o, o], s:o}", "name", "lion", "lr", number(o->lr), "betas", number(o->beta1),
                     number(o->beta2), "weight_decay", number(o->weight_decay));
  case OPTIMIZER_RMSPROP:
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "name", "rmsprop", "lr", number(o->lr), "alpha",
                     number(o->alpha), "eps", number(o->eps), "weight_decay", number(o->weight_decay), "momentum",
                     number(o->momentum), "centered", o->centered);
  case OPTIMIZER_SGD: break;
  }
  return json_pack("{s:s, s:o, s:o, s:o, s:o, s:b}", "name", "sgd", "lr", number(o->lr), "momentum",
                   number(o->momentum), "dampening", number(o->dampening), "weight_decay", number(o->weight_decay),
                   "nesterov", o->nesterov);
}

json_t *recipe_optimizer_json(const struct optimizer_options *o, recipe_number *number) {
  json_t *optimizer = named(o, number), *groups = o->groups_count ? json_array() : NULL;
  bool good = optimizer && (groups || !o->groups_count);
  for (uint32_t n = 0; n < o->groups_count; n++)
    good = json_array_append_new(groups, group_of(&o->group[n], number)) == 0 && good;
  if (groups) good = set(optimizer, "groups", groups) && good;
  if (o->decay_matrices) good = set(optimizer, "decay", json_string("matrices")) && good;
  if (good) return optimizer;
  json_decref(optimizer);
  return NULL;
}

static json_t *steps_of(const struct schedule_options *s, recipe_number *number) {
  json_t *schedule =
      json_pack("{s:s, s:I, s:o}", "name", "step", "warmup", (json_int_t)s->warmup, "gamma", number(s->gamma));
  json_t *list = s->every ? NULL : json_array();
  bool good = schedule && (list || s->every);
  for (uint32_t n = 0; n < s->milestones_count && list; n++)
    good = json_array_append_new(list, json_integer(s->milestone[n])) == 0 && good;
  good = set(schedule, list ? "milestones" : "every", list ? list : json_integer(s->every)) && good;
  if (good) return schedule;
  json_decref(schedule);
  return NULL;
}

json_t *recipe_schedule_json(const struct schedule_options *s, recipe_number *number) {
  json_int_t warmup = (json_int_t)s->warmup;
  switch (s->name) {
  case SCHEDULE_LINEAR:
    return json_pack("{s:s, s:I, s:o, s:o}", "name", "linear", "warmup", warmup, "start", number(s->start), "end",
                     number(s->end));
  case SCHEDULE_STEP: return steps_of(s, number);
  case SCHEDULE_ONE_CYCLE:
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:s}", "name", "one_cycle", "warmup", warmup, "pct_start",
                     number(s->pct_start), "div_factor", number(s->div), "final_div_factor", number(s->final_div),
                     "anneal_strategy", s->linear ? "linear" : "cos");
  case SCHEDULE_CONSTANT:
  case SCHEDULE_COSINE: break;
  }
  return json_pack("{s:s, s:I, s:o}", "name", s->name == SCHEDULE_COSINE ? "cosine" : "constant", "warmup", warmup,
                   "end", number(s->end));
}

bool recipe_more(json_t *options, const struct lower_options *o, recipe_number *number) {
  bool good = options != NULL;
  if (o->clip_value > 0) good = set(options, "clip_value", number(o->clip_value)) && good;
  if (o->ema > 0) good = set(options, "ema", number(o->ema)) && good;
  if (o->biased_variance) good = set(options, "batch_norm", json_string("onnx")) && good;
  if (o->micro_batches > 1) good = set(options, "micro_batches", json_integer(o->micro_batches)) && good;
  return good;
}

const char *recipe_optimizer_title(const struct optimizer_options *o) {
  switch (o->name) {
  case OPTIMIZER_ADAM: return "Adam";
  case OPTIMIZER_ADAMW: return "AdamW";
  case OPTIMIZER_LION: return "Lion";
  case OPTIMIZER_RMSPROP: return "RMSprop";
  case OPTIMIZER_SGD: break;
  }
  return "SGD";
}
