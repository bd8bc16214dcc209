#include "training/jobfile/yaml.h"
#include <inttypes.h>
#include <string.h>
#include <yaml.h>

struct yaml_walk {
  yaml_parser_t parser;
  struct arena *arena;
  struct why *why;
  uint32_t nodes;
  enum training_status status;
};

static uint32_t line_of(const yaml_event_t *e) { return (uint32_t)e->start_mark.line + 1; }

static bool walk_fail(struct yaml_walk *w, uint32_t line, const char *reason) {
  why_set(w->why, "line %" PRIu32 ": %s", line, reason);
  w->status = TRAINING_ERR_INPUT;
  return false;
}

static bool next_event(struct yaml_walk *w, yaml_event_t *e) {
  if (yaml_parser_parse(&w->parser, e)) return true;
  const char *problem = w->parser.problem ? w->parser.problem : "not YAML";
  size_t line = w->parser.problem_mark.line;
  if (w->parser.error == YAML_MEMORY_ERROR) {
    why_set(w->why, "not enough memory to read it");
    w->status = TRAINING_ERR_SYSTEM;
    return false;
  }
  if (strstr(problem, "alphabetic or numeric")) /* what libyaml says of *.bias, which it takes for an alias */
    problem = "a text that begins with * or & stands in quotes, as '*.bias'";
  return walk_fail(w, (uint32_t)line + 1, problem);
}

/* A scalar's text in the arena; an embedded zero would hide what follows it. */
static const char *scalar_text(struct yaml_walk *w, const yaml_event_t *e) {
  size_t length = e->data.scalar.length;
  const char *value = (const char *)e->data.scalar.value;
  if (memchr(value, 0, length)) return walk_fail(w, line_of(e), "a zero character in a text"), NULL;
  const char *text = arena_text(w->arena, value, length);
  if (!text) walk_fail(w, line_of(e), "too much text");
  return text;
}

static bool plain_enough(struct yaml_walk *w, const yaml_event_t *e) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (e->type) {
  case YAML_ALIAS_EVENT:
    return walk_fail(
        w, line_of(e),
        "aliases (*name) are not allowed; write the value out, or put a text that begins with * in quotes");
  case YAML_SCALAR_EVENT: anchor = e->data.scalar.anchor, tag = e->data.scalar.tag; break;
  case YAML_SEQUENCE_START_EVENT: anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag; break;
  case YAML_MAPPING_START_EVENT: anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag; break;
  default: return walk_fail(w, line_of(e), "a value is missing here");
  }
  if (anchor) return walk_fail(w, line_of(e), "anchors (&name) are not allowed; write the value out where it is used");
  if (tag) return walk_fail(w, line_of(e), "tags (!name) are not allowed");
  return true;
}

static struct yaml_node *node_from(struct yaml_walk *w, const yaml_event_t *e, uint32_t depth);

static bool map_key(struct yaml_walk *w, const yaml_event_t *e, const struct yaml_node *map, const char **key) {
  if (!plain_enough(w, e)) return false;
  if (e->type != YAML_SCALAR_EVENT) return walk_fail(w, line_of(e), "a key must be a plain word");
  if (!(*key = scalar_text(w, e))) return false;
  const struct yaml_node *before = yaml_get(map, *key);
  if (!before) return true;
  why_set(w->why, "line %" PRIu32 ": key '%.60s' is given twice, first in line %" PRIu32, line_of(e), *key,
          before->line);
  w->status = TRAINING_ERR_INPUT;
  return false;
}

/* Children up to the matching end event. */
static bool fill(struct yaml_walk *w, struct yaml_node *parent, uint32_t depth) {
  struct yaml_node **tail = &parent->first;
  yaml_event_type_t end = parent->kind == YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
  for (;;) {
    yaml_event_t e;
    const char *key = NULL;
    if (!next_event(w, &e)) return false;
    bool done = e.type == end, good = true;
    if (!done && parent->kind == YAML_MAP) {
      good = map_key(w, &e, parent, &key);
      yaml_event_delete(&e);
      if (!good || !next_event(w, &e)) return false;
    }
    struct yaml_node *child = done ? NULL : node_from(w, &e, depth);
    yaml_event_delete(&e);
    if (done) return true;
    if (!child) return false;
    child->key = key;
    *tail = child;
    tail = &child->next;
  }
}

static struct yaml_node *node_from(struct yaml_walk *w, const yaml_event_t *e, uint32_t depth) {
  if (!plain_enough(w, e)) return NULL;
  struct yaml_node *node = arena_take(w->arena, 1, sizeof *node);
  if (!node || ++w->nodes > YAML_NODES_MAX) return walk_fail(w, line_of(e), "too many values"), NULL;
  node->line = line_of(e);
  if (e->type == YAML_SCALAR_EVENT) {
    node->kind = YAML_SCALAR;
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = scalar_text(w, e);
    return node->text ? node : NULL;
  }
  node->kind = e->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
  if (depth == YAML_DEPTH_MAX) return walk_fail(w, node->line, "nested too deeply"), NULL;
  return fill(w, node, depth + 1) ? node : NULL;
}

static bool skip_to(struct yaml_walk *w, yaml_event_type_t type, const char *otherwise) {
  yaml_event_t e;
  if (!next_event(w, &e)) return false;
  bool good = e.type == type || walk_fail(w, line_of(&e), otherwise);
  yaml_event_delete(&e);
  return good;
}

static struct yaml_node *document(struct yaml_walk *w) {
  yaml_event_t e;
  if (!skip_to(w, YAML_STREAM_START_EVENT, "not YAML") || !skip_to(w, YAML_DOCUMENT_START_EVENT, "the file is empty") ||
      !next_event(w, &e))
    return NULL;
  struct yaml_node *root = node_from(w, &e, 0);
  yaml_event_delete(&e);
  if (!root || !skip_to(w, YAML_DOCUMENT_END_EVENT, "not YAML") ||
      !skip_to(w, YAML_STREAM_END_EVENT, "a second document begins; one file describes one job"))
    return NULL;
  return root;
}

enum training_status yaml_read(const uint8_t *bytes, size_t length, struct arena *arena, struct yaml_node **root,
                               struct why *why) {
  struct yaml_walk w = {.arena = arena, .why = why, .status = TRAINING_OK};
  if (!yaml_parser_initialize(&w.parser)) {
    why_set(why, "not enough memory to read it");
    return TRAINING_ERR_SYSTEM;
  }
  yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&w.parser, bytes, length);
  struct yaml_node *node = document(&w);
  yaml_parser_delete(&w.parser);
  if (node) *root = node;
  return node ? TRAINING_OK : w.status;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key) {
  if (!map || map->kind != YAML_MAP) return NULL;
  for (const struct yaml_node *n = map->first; n; n = n->next)
    if (strcmp(n->key, key) == 0) return n;
  return NULL;
}
