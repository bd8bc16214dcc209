#include "training/jobfile/fields.h"
#include "base/nearest.h"
#include "training/jobfile/literal.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fields_fail(struct fields *f, uint32_t line, const char *format, ...) {
  if (f->failed) return false;
  f->failed = true;
  char text[WHY_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  why_set(f->why, "line %" PRIu32 ": %s", line, text);
  return false;
}

/* "a, b and c" */
static void list_words(const char *const *words, uint32_t count, char *text, size_t size) {
  size_t n = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < count && n < size; i++)
    n += (size_t)snprintf(text + n, size - n, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", words[i]);
}

/* Keys that people write one level off; NULL for a word of no such key. */
static const char *home_of(const char *key) {
  static const struct {
    const char *key, *home;
  } homes[] = {{"augment", "data.train"},     {"normalize", "data.train and data.test"},
               {"scale", "data.train"},       {"lr", "optimizer"},
               {"betas", "optimizer"},        {"eps", "optimizer"},
               {"momentum", "optimizer"},     {"nesterov", "optimizer"},
               {"weight_decay", "optimizer"}, {"decay", "optimizer"},
               {"groups", "optimizer"},       {"warmup", "schedule"},
               {"label_smoothing", "loss"},   {"ignore_index", "loss"},
               {"batch", "the job file"},     {"micro_batches", "the job file"},
               {"epochs", "the job file"},    {"updates", "the job file"},
               {"clip_norm", "the job file"}, {"clip_value", "the job file"},
               {"ema", "the job file"},       {"shuffle", "the job file"}};
  for (size_t i = 0; i < sizeof homes / sizeof homes[0]; i++)
    if (strcmp(homes[i].key, key) == 0) return homes[i].home;
  return NULL;
}

bool fields_known(struct fields *f, const struct yaml_node *map, const char *what, const char *const *keys,
                  uint32_t count) {
  if (f->failed) return false;
  if (map->kind != YAML_MAP) return fields_fail(f, map->line, "%s must be a mapping of keys to values", what);
  for (const struct yaml_node *n = map->first; n; n = n->next) {
    bool known = false;
    for (uint32_t i = 0; i < count; i++) known |= strcmp(keys[i], n->key) == 0;
    const char *home = known ? NULL : home_of(n->key);
    if (home && strcmp(home, what) != 0)
      return fields_fail(f, n->line, "unknown key '%.60s' in %s; it belongs to %s", n->key, what, home);
    if (!known)
      return fields_fail(f, n->line, "unknown key '%.60s' in %s; did you mean '%s'?", n->key, what,
                         nearest_word(n->key, keys, count, UINT32_MAX));
  }
  return true;
}

static bool scalar(struct fields *f, const struct yaml_node *n, const char *key, const char *wanted) {
  if (n->kind == YAML_SCALAR && n->text[0]) return true;
  return fields_fail(f, n->line, "%s: %s is wanted here", key, wanted);
}

bool fields_text(struct fields *f, const struct yaml_node *map, const char *key, const char **out) {
  const struct yaml_node *n = yaml_get(map, key);
  if (f->failed || !n) return !f->failed;
  if (!scalar(f, n, key, "a text")) return false;
  *out = n->text;
  return true;
}

bool fields_bool(struct fields *f, const struct yaml_node *map, const char *key, bool *out) {
  const struct yaml_node *n = yaml_get(map, key);
  if (f->failed || !n) return !f->failed;
  bool yes = n->kind == YAML_SCALAR && strcmp(n->text, "true") == 0;
  bool no = n->kind == YAML_SCALAR && strcmp(n->text, "false") == 0;
  if (!yes && !no) return fields_fail(f, n->line, "%s: true or false is wanted here", key);
  *out = yes;
  return true;
}

bool fields_u64(struct fields *f, const struct yaml_node *map, const char *key, uint64_t low, uint64_t high,
                uint64_t *out) {
  const struct yaml_node *n = yaml_get(map, key);
  if (f->failed || !n) return !f->failed;
  uint64_t x = 0;
  bool good = n->kind == YAML_SCALAR && n->text[0] && !n->quoted;
  for (const char *c = good ? n->text : ""; *c && good; c++)
    good = *c >= '0' && *c <= '9' && !__builtin_mul_overflow(x, 10, &x) &&
           !__builtin_add_overflow(x, (uint64_t)(*c - '0'), &x);
  if (!good || x < low || x > high)
    return fields_fail(f, n->line, "%s: a whole number from %" PRIu64 " to %" PRIu64 " is wanted here", key, low, high);
  *out = x;
  return true;
}

bool fields_u32(struct fields *f, const struct yaml_node *map, const char *key, uint32_t low, uint32_t high,
                uint32_t *out) {
  uint64_t x = *out;
  if (!fields_u64(f, map, key, low, high, &x)) return false;
  *out = (uint32_t)x;
  return true;
}

bool fields_f32_of(struct fields *f, const struct yaml_node *n, const char *key, float low, float high, bool below,
                   float *out) {
  uint32_t bits;
  float x;
  if (f->failed || !scalar(f, n, key, "a number")) return false;
  if (n->quoted || !literal_f32(n->text, &bits))
    return fields_fail(f, n->line, "%s: '%.40s' is not a number such as 0.1, 1e-3 or 1/255", key, n->text);
  memcpy(&x, &bits, sizeof x);
  if (x < low || x > high || (below && x == high))
    return fields_fail(f, n->line, "%s: %.40s is outside of %g to %g%s", key, n->text, (double)low, (double)high,
                       below ? " (which it must stay below)" : "");
  *out = x;
  return true;
}

bool fields_f32(struct fields *f, const struct yaml_node *map, const char *key, float low, float high, bool below,
                float *out) {
  const struct yaml_node *n = yaml_get(map, key);
  if (f->failed || !n) return !f->failed;
  return fields_f32_of(f, n, key, low, high, below, out);
}

bool fields_texts(struct fields *f, const struct yaml_node *map, const char *key, const char ***out, uint32_t *count) {
  const struct yaml_node *n = yaml_get(map, key);
  if (f->failed || !n) return !f->failed;
  if (n->kind != YAML_LIST) return fields_fail(f, n->line, "%s: a list of names is wanted here, as [a, b]", key);
  uint32_t k = 0;
  for (const struct yaml_node *c = n->first; c; c = c->next) k++;
  const char **texts = arena_take(f->arena, k ? k : 1, sizeof *texts);
  if (!texts) return fields_fail(f, n->line, "too much text");
  k = 0;
  for (const struct yaml_node *c = n->first; c; c = c->next) {
    if (!scalar(f, c, key, "a name")) return false;
    texts[k++] = c->text;
  }
  *out = texts;
  *count = k;
  return true;
}

bool fields_choice(struct fields *f, const struct yaml_node *n, const char *what, const char *const *now,
                   uint32_t now_count, const char *const *later, uint32_t later_count, uint32_t *out) {
  char words[300];
  if (f->failed || !scalar(f, n, what, "a word")) return false;
  for (uint32_t i = 0; i < now_count; i++)
    if (strcmp(n->text, now[i]) == 0) {
      *out = i;
      return true;
    }
  list_words(now, now_count, words, sizeof words);
  for (uint32_t i = 0; i < later_count; i++)
    if (strcmp(n->text, later[i]) == 0)
      return fields_fail(f, n->line, "%s: %s is not supported by this version yet; it has %s", what, n->text, words);
  return fields_fail(f, n->line, "%s: '%.60s' is unknown; did you mean '%s'? This version has %s", what, n->text,
                     nearest_word(n->text, now, now_count, UINT32_MAX), words);
}

const struct yaml_node *fields_name(struct fields *f, const struct yaml_node *node, const char *what) {
  if (f->failed) return NULL;
  const struct yaml_node *name = node->kind == YAML_MAP ? yaml_get(node, "name") : node;
  if (!name) fields_fail(f, node->line, "%s: key 'name' is missing", what);
  return name;
}
