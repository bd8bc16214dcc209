/* `schedule`: names and numbers as in torch.optim.lr_scheduler, counted in updates behind the warm-up. */
#include "training/jobfile/recipe.h"
#include <float.h>
#include <inttypes.h>
#include <string.h>

static const char *const names[] = {"constant", "cosine", "linear", "step", "one_cycle"}; /* enum schedule_name */
static const char *const later[] = {"exponential", "polynomial", "plateau"};

/* "12", "12 updates" or "3 epochs". */
static bool read_span(struct fields *f, const struct yaml_node *n, const char *key, uint32_t low, uint32_t *out,
                      bool *epochs) {
  const char *unit = n->kind == YAML_SCALAR ? n->text : "";
  uint64_t count = 0;
  bool digits = *unit >= '0' && *unit <= '9';
  for (; *unit >= '0' && *unit <= '9' && count <= INT32_MAX; unit++) count = 10 * count + (uint64_t)(*unit - '0');
  bool space = *unit == ' ';
  while (*unit == ' ') unit++;
  *epochs = space && (strcmp(unit, "epoch") == 0 || strcmp(unit, "epochs") == 0);
  bool updates = !*unit || (space && (strcmp(unit, "update") == 0 || strcmp(unit, "updates") == 0));
  if (!digits || n->quoted || count < low || count > INT32_MAX || !(updates || *epochs))
    return fields_fail(f, n->line,
                       "%s: a whole number from %" PRIu32 " on of updates or epochs is wanted here, as 500 or 3 epochs",
                       key, low);
  *out = (uint32_t)count;
  return true;
}

static bool read_milestones(struct fields *f, const struct yaml_node *n, struct schedule_options *s, bool *epochs) {
  uint32_t count = 0;
  if (n->kind != YAML_LIST || !n->first)
    return fields_fail(f, n->line, "milestones: a list is wanted here, as [3000, 6000] or [30 epochs, 60 epochs]");
  for (const struct yaml_node *c = n->first; c; c = c->next) count++;
  uint32_t *milestone = arena_take(f->arena, count, sizeof *milestone);
  if (!milestone) return fields_fail(f, n->line, "too much text");
  for (const struct yaml_node *c = n->first; c; c = c->next) {
    uint32_t *at = &milestone[s->milestones_count];
    bool of_epochs;
    if (!read_span(f, c, "milestones", 1, at, &of_epochs)) return false;
    if (s->milestones_count && of_epochs != *epochs)
      return fields_fail(f, c->line, "milestones: epochs and updates in one list; write all of them in one");
    if (s->milestones_count && *at <= at[-1])
      return fields_fail(f, c->line, "milestones: %" PRIu32 " does not come after %" PRIu32, *at, at[-1]);
    *epochs = of_epochs;
    s->milestones_count++;
  }
  s->milestone = milestone;
  return true;
}

static bool read_step(struct fields *f, const struct yaml_node *map, uint32_t line, struct schedule_options *s,
                      struct schedule_epochs *epochs) {
  const struct yaml_node *every = yaml_get(map, "every"), *milestones = yaml_get(map, "milestones");
  s->gamma = 0.1f;
  if (!every == !milestones)
    return fields_fail(
        f, line, "schedule step: give either 'every' (so many updates or epochs) or 'milestones' (a list of them)%s",
        every ? ", not both" : "");
  return (!every || read_span(f, every, "every", 1, &s->every, &epochs->every)) &&
         (!milestones || read_milestones(f, milestones, s, &epochs->milestones)) &&
         fields_f32(f, map, "gamma", 0, FLT_MAX, false, &s->gamma);
}

static bool read_one_cycle(struct fields *f, const struct yaml_node *map, struct schedule_options *s) {
  static const char *const words[] = {"cos", "linear"};
  const struct yaml_node *anneal = yaml_get(map, "anneal_strategy");
  uint32_t choice = 0;
  s->pct_start = 0.3f, s->div = 25, s->final_div = 1e4f;
  if (anneal && !fields_choice(f, anneal, "anneal_strategy", words, 2, NULL, 0, &choice)) return false;
  s->linear = choice == 1;
  return fields_f32(f, map, "pct_start", 0, 1, false, &s->pct_start) &&
         fields_f32(f, map, "div_factor", 1e-30f, FLT_MAX, false, &s->div) &&
         fields_f32(f, map, "final_div_factor", 1e-30f, FLT_MAX, false, &s->final_div);
}

static bool known(struct fields *f, const struct yaml_node *n, enum schedule_name name) {
  switch (name) {
  case SCHEDULE_CONSTANT: return FIELDS_KNOWN(f, n, "schedule constant", "name", "warmup");
  case SCHEDULE_COSINE: return FIELDS_KNOWN(f, n, "schedule cosine", "name", "warmup", "end");
  case SCHEDULE_LINEAR: return FIELDS_KNOWN(f, n, "schedule linear", "name", "warmup", "start", "end");
  case SCHEDULE_STEP: return FIELDS_KNOWN(f, n, "schedule step", "name", "warmup", "every", "milestones", "gamma");
  case SCHEDULE_ONE_CYCLE:
    return FIELDS_KNOWN(f, n, "schedule one_cycle", "name", "warmup", "pct_start", "div_factor", "final_div_factor",
                        "anneal_strategy");
  }
  return false;
}

bool recipe_schedule(struct fields *f, const struct yaml_node *node, struct schedule_options *out,
                     struct schedule_epochs *epochs) {
  const struct yaml_node *name = fields_name(f, node, "schedule"), *map = node->kind == YAML_MAP ? node : NULL;
  uint32_t choice = 0;
  if (!name || !fields_choice(f, name, "schedule", names, FIELDS_COUNT(names), later, FIELDS_COUNT(later), &choice))
    return false;
  *out = (struct schedule_options){.name = (enum schedule_name)choice};
  *epochs = (struct schedule_epochs){0};
  if (map && !known(f, map, out->name)) return false;
  const struct yaml_node *warmup = yaml_get(map, "warmup");
  if (warmup && !read_span(f, warmup, "warmup", 0, &out->warmup, &epochs->warmup)) return false;
  switch (out->name) {
  case SCHEDULE_CONSTANT: return true;
  case SCHEDULE_COSINE: return fields_f32(f, map, "end", 0, 1, false, &out->end);
  case SCHEDULE_LINEAR:
    out->start = 1;
    return fields_f32(f, map, "start", 0, FLT_MAX, false, &out->start) &&
           fields_f32(f, map, "end", 0, FLT_MAX, false, &out->end);
  case SCHEDULE_STEP: return read_step(f, map, node->line, out, epochs);
  case SCHEDULE_ONE_CYCLE: return read_one_cycle(f, map, out);
  }
  return false;
}
