/* `schedule`: names and numbers as in torch.optim.lr_scheduler, counted in updates behind the warm-up. */
#include "training/jobfile/recipe.h"
#include <float.h>
#include <stdint.h>

static const char *const names[] = {"constant", "cosine", "linear", "step", "one_cycle"}; /* enum schedule_name */
static const char *const later[] = {"exponential", "polynomial", "plateau"};

/* One whole number of a list, as if it stood alone under `key`. */
static bool read_number(struct fields *f, const struct yaml_node *n, const char *key, uint32_t *out) {
  struct yaml_node alone = *n, map = {.kind = YAML_MAP, .line = n->line, .first = &alone};
  alone.key = key;
  alone.next = NULL;
  return fields_u32(f, &map, key, 1, INT32_MAX, out);
}

static bool read_milestones(struct fields *f, const struct yaml_node *n, struct schedule_options *s) {
  uint32_t count = 0;
  if (n->kind != YAML_LIST || !n->first)
    return fields_fail(f, n->line, "milestones: a list of updates is wanted here, as [3000, 6000]");
  for (const struct yaml_node *c = n->first; c; c = c->next) count++;
  uint32_t *milestone = arena_take(f->arena, count, sizeof *milestone);
  if (!milestone) return fields_fail(f, n->line, "too much text");
  for (const struct yaml_node *c = n->first; c; c = c->next) {
    uint32_t *at = &milestone[s->milestones_count];
    if (!read_number(f, c, "milestones", at)) return false;
    if (s->milestones_count && *at <= at[-1])
      return fields_fail(f, c->line, "milestones: %u does not come after %u", *at, at[-1]);
    s->milestones_count++;
  }
  s->milestone = milestone;
  return true;
}

static bool read_step(struct fields *f, const struct yaml_node *map, uint32_t line, struct schedule_options *s) {
  const struct yaml_node *every = yaml_get(map, "every"), *milestones = yaml_get(map, "milestones");
  s->gamma = 0.1f;
  if (!every == !milestones)
    return fields_fail(f, line, "schedule step: give either 'every' (updates) or 'milestones' (a list of updates)%s",
                       every ? ", not both" : "");
  return fields_u32(f, map, "every", 1, INT32_MAX, &s->every) && (!milestones || read_milestones(f, milestones, s)) &&
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

bool recipe_schedule(struct fields *f, const struct yaml_node *node, struct schedule_options *out) {
  const struct yaml_node *name = fields_name(f, node, "schedule"), *map = node->kind == YAML_MAP ? node : NULL;
  uint32_t choice = 0;
  if (!name || !fields_choice(f, name, "schedule", names, FIELDS_COUNT(names), later, FIELDS_COUNT(later), &choice))
    return false;
  *out = (struct schedule_options){.name = (enum schedule_name)choice};
  if (map && !(known(f, map, out->name) && fields_u32(f, map, "warmup", 0, INT32_MAX, &out->warmup))) return false;
  switch (out->name) {
  case SCHEDULE_CONSTANT: return true;
  case SCHEDULE_COSINE: return fields_f32(f, map, "end", 0, 1, false, &out->end);
  case SCHEDULE_LINEAR:
    out->start = 1;
    return fields_f32(f, map, "start", 0, FLT_MAX, false, &out->start) &&
           fields_f32(f, map, "end", 0, FLT_MAX, false, &out->end);
  case SCHEDULE_STEP: return read_step(f, map, node->line, out);
  case SCHEDULE_ONE_CYCLE: return read_one_cycle(f, map, out);
  }
  return false;
}
