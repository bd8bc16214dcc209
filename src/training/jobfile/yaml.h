/* yaml: a small YAML document as a tree of nodes that know their lines, read through libyaml's events.
 *
 * The subset that a job file needs: mappings with plain keys, sequences, scalars. Anchors, aliases, tags, a second
 * document, duplicate keys, nesting and node counts beyond the limits are errors. Uses: libyaml, base. */
#ifndef TRAINING_YAML_H
#define TRAINING_YAML_H
#include "base/arena.h"
#include "base/why.h"
#include "training/status.h"

enum { YAML_DEPTH_MAX = 8, YAML_NODES_MAX = 4096 };

struct yaml_node {
  enum { YAML_SCALAR, YAML_LIST, YAML_MAP } kind;
  const char *text; /* scalars: without embedded zeros */
  bool quoted;
  uint32_t line;                  /* from 1 */
  const char *key;                /* children of a mapping */
  struct yaml_node *first, *next; /* children; siblings, in order */
};

/* yaml_read parses exactly length bytes; the tree lies in the arena. ERR_INPUT: why begins with "line N:". */
enum training_status yaml_read(const uint8_t *bytes, size_t length, struct arena *arena, struct yaml_node **root,
                               struct why *why);

/* yaml_get finds a mapping's child, NULL if there is none or it is no mapping. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

#endif
