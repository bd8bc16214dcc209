/* `optimizer`: names and defaults as in torch.optim; Lion's are its paper's. */
#include "training/jobfile/recipe.h"
#include <float.h>

static const char *const names[] = {"sgd", "adamw", "adam", "lion", "rmsprop"}; /* as enum optimizer_name counts */
static const char *const later[] = {"adagrad", "adadelta", "adamax", "nadam", "radam", "muon", "lbfgs"};

static bool read_betas(struct fields *f, const struct yaml_node *map, struct optimizer_options *o) {
  const struct yaml_node *n = yaml_get(map, "betas");
  if (!n) return true;
  if (n->kind != YAML_LIST || !n->first || !n->first->next || n->first->next->next)
    return fields_fail(f, n->line, "betas: two numbers are wanted here, as [0.9, 0.999]");
  return fields_f32_of(f, n->first, "betas", 0, 1, true, &o->beta1) &&
         fields_f32_of(f, n->first->next, "betas", 0, 1, true, &o->beta2);
}

static bool read_decay(struct fields *f, const struct yaml_node *map, struct optimizer_options *o) {
  static const char *const words[] = {"all", "matrices"};
  const struct yaml_node *n = yaml_get(map, "decay");
  uint32_t choice = 0;
  if (n && !fields_choice(f, n, "decay", words, 2, NULL, 0, &choice)) return false;
  o->decay_matrices = choice == 1;
  return fields_f32(f, map, "weight_decay", 0, FLT_MAX, false, &o->weight_decay);
}

static bool read_group(struct fields *f, const struct yaml_node *n, struct optimizer_group *group) {
  const char **match = NULL;
  *group = (struct optimizer_group){.lr = -1, .weight_decay = -1};
  if (!FIELDS_KNOWN(f, n, "a group of the optimizer", "match", "lr", "weight_decay")) return false;
  if (!yaml_get(n, "match"))
    return fields_fail(f, n->line, "groups: key 'match' is missing: the tensors it is for, as match: ['*.bias']");
  if (!fields_texts(f, n, "match", &match, &group->match_count)) return false;
  if (group->match_count == 0) return fields_fail(f, n->line, "groups: the list 'match' is empty");
  group->match = match;
  if (!yaml_get(n, "lr") && !yaml_get(n, "weight_decay"))
    return fields_fail(f, n->line, "groups: a group says what is its own: lr, weight_decay, or both");
  return fields_f32(f, n, "lr", 0, FLT_MAX, false, &group->lr) &&
         fields_f32(f, n, "weight_decay", 0, FLT_MAX, false, &group->weight_decay);
}

static bool read_groups(struct fields *f, const struct yaml_node *map, struct optimizer_options *o) {
  const struct yaml_node *n = yaml_get(map, "groups");
  uint32_t count = 0;
  if (!n) return true;
  if (n->kind != YAML_LIST || !n->first)
    return fields_fail(f, n->line, "groups: a list is wanted here, as [{match: ['*.bias'], weight_decay: 0}]");
  for (const struct yaml_node *c = n->first; c; c = c->next) count++;
  if (count > OPTIMIZER_GROUPS_MAX)
    return fields_fail(f, n->line, "groups: %u of them; there are at most %d", count, OPTIMIZER_GROUPS_MAX);
  struct optimizer_group *group = arena_take(f->arena, count, sizeof *group);
  if (!group) return fields_fail(f, n->line, "too much text");
  count = 0;
  for (const struct yaml_node *c = n->first; c; c = c->next)
    if (!read_group(f, c, &group[count++])) return false;
  o->group = group;
  o->groups_count = count;
  return true;
}

static bool read_adam(struct fields *f, const struct yaml_node *n, struct optimizer_options *o) {
  o->beta1 = 0.9f, o->beta2 = 0.999f, o->eps = 1e-8f;
  if (o->name == OPTIMIZER_ADAMW) o->weight_decay = 0.01f;
  return !n || (FIELDS_KNOWN(f, n, o->name == OPTIMIZER_ADAMW ? "optimizer adamw" : "optimizer adam", "name", "lr",
                             "betas", "eps", "weight_decay", "decay", "groups") &&
                read_betas(f, n, o) && fields_f32(f, n, "eps", 0, FLT_MAX, false, &o->eps));
}

static bool read_lion(struct fields *f, const struct yaml_node *n, struct optimizer_options *o) {
  o->lr = 1e-4f, o->beta1 = 0.9f, o->beta2 = 0.99f;
  return !n || (FIELDS_KNOWN(f, n, "optimizer lion", "name", "lr", "betas", "weight_decay", "decay", "groups") &&
                read_betas(f, n, o));
}

static bool read_rmsprop(struct fields *f, const struct yaml_node *n, struct optimizer_options *o) {
  o->lr = 1e-2f, o->alpha = 0.99f, o->eps = 1e-8f;
  return !n ||
         (FIELDS_KNOWN(f, n, "optimizer rmsprop", "name", "lr", "alpha", "eps", "weight_decay", "momentum", "centered",
                       "decay", "groups") &&
          fields_f32(f, n, "alpha", 0, 1, true, &o->alpha) && fields_f32(f, n, "eps", 0, FLT_MAX, false, &o->eps) &&
          fields_f32(f, n, "momentum", 0, FLT_MAX, false, &o->momentum) && fields_bool(f, n, "centered", &o->centered));
}

static bool read_sgd(struct fields *f, const struct yaml_node *n, struct optimizer_options *o) {
  if (!n) return true;
  if (!FIELDS_KNOWN(f, n, "optimizer sgd", "name", "lr", "momentum", "dampening", "weight_decay", "nesterov", "decay",
                    "groups") ||
      !fields_f32(f, n, "momentum", 0, FLT_MAX, false, &o->momentum) ||
      !fields_f32(f, n, "dampening", 0, FLT_MAX, false, &o->dampening) || !fields_bool(f, n, "nesterov", &o->nesterov))
    return false;
  if (o->nesterov && (o->momentum == 0 || o->dampening != 0))
    return fields_fail(f, n->line, "nesterov needs a momentum and no dampening");
  return true;
}

bool recipe_optimizer(struct fields *f, const struct yaml_node *node, struct optimizer_options *out) {
  const struct yaml_node *name = fields_name(f, node, "optimizer"), *map = node->kind == YAML_MAP ? node : NULL;
  uint32_t choice = 0;
  if (!name || !fields_choice(f, name, "optimizer", names, FIELDS_COUNT(names), later, FIELDS_COUNT(later), &choice))
    return false;
  *out = (struct optimizer_options){.name = (enum optimizer_name)choice, .lr = 1e-3f};
  bool good = false;
  switch (out->name) {
  case OPTIMIZER_SGD: good = read_sgd(f, map, out); break;
  case OPTIMIZER_ADAM:
  case OPTIMIZER_ADAMW: good = read_adam(f, map, out); break;
  case OPTIMIZER_LION: good = read_lion(f, map, out); break;
  case OPTIMIZER_RMSPROP: good = read_rmsprop(f, map, out); break;
  }
  return good && (!map || (fields_f32(f, map, "lr", 0, FLT_MAX, false, &out->lr) && read_decay(f, map, out) &&
                           read_groups(f, map, out)));
}
