/* fields: typed values out of YAML mappings, with messages that name line, key, and what would be right.
 *
 * One struct fields travels through a whole job file; the first mistake stays in it and later calls return false at
 * once. A missing key leaves *out as it was, so defaults are set before. Uses: yaml, literal. */
#ifndef TRAINING_FIELDS_H
#define TRAINING_FIELDS_H
#include "training/jobfile/yaml.h"

struct fields {
  struct arena *arena;
  struct why *why;
  bool failed;
};

/* Always returns false, so that a check can end with it. */
__attribute__((format(printf, 3, 4))) bool fields_fail(struct fields *f, uint32_t line, const char *format, ...);

/* fields_known refuses a node that is no mapping, and any key that is not in the list, with the place it belongs to or
 * the nearest one that is. */
bool fields_known(struct fields *f, const struct yaml_node *map, const char *what, const char *const *keys,
                  uint32_t count);

bool fields_text(struct fields *f, const struct yaml_node *map, const char *key, const char **out);
bool fields_bool(struct fields *f, const struct yaml_node *map, const char *key, bool *out);
bool fields_u64(struct fields *f, const struct yaml_node *map, const char *key, uint64_t low, uint64_t high,
                uint64_t *out);
bool fields_u32(struct fields *f, const struct yaml_node *map, const char *key, uint32_t low, uint32_t high,
                uint32_t *out);
/* low <= value <= high, or value < high when `below`. */
bool fields_f32(struct fields *f, const struct yaml_node *map, const char *key, float low, float high, bool below,
                float *out);
bool fields_f32_of(struct fields *f, const struct yaml_node *node, const char *key, float low, float high, bool below,
                   float *out);
bool fields_texts(struct fields *f, const struct yaml_node *map, const char *key, const char ***out, uint32_t *count);

/* A word out of a list; later[] are words that the format knows and this version does not do yet. *out is the index. */
bool fields_choice(struct fields *f, const struct yaml_node *node, const char *what, const char *const *now,
                   uint32_t now_count, const char *const *later, uint32_t later_count, uint32_t *out);

/* A word that stands alone or as `name` of a mapping with options: `adamw` or `{name: adamw, lr: 1e-3}`. */
const struct yaml_node *fields_name(struct fields *f, const struct yaml_node *node, const char *what);

#define FIELDS_COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

/* fields_known with the keys written behind it. */
#define FIELDS_KNOWN(f, node, what, ...)                                                                               \
  fields_known(f, node, what, (const char *const[]){__VA_ARGS__}, FIELDS_COUNT(((const char *const[]){__VA_ARGS__})))

#endif
