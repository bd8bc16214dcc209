#include "net/rpc/pairs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/transaction/transaction.h"

void pairs_add(struct pairs *p, const char *name, const char *value) {
  json_t *values = json_object_get(p->map, name);
  if (!values) {
    values = form_must(json_array());
    json_object_set_new(p->map, name, values);
  }
  json_array_append_new(values, form_must(json_string(value)));
}

/* Every attribute of an array of events; it is dropped. */
static void add_events(struct pairs *p, json_t *events) {
  json_t *event, *attribute;
  size_t i, j;
  char name[96];
  json_array_foreach(events, i, event) {
    json_array_foreach(json_object_get(event, "attributes"), j, attribute) {
      snprintf(name, sizeof name, "%s.%s", json_string_value(json_object_get(event, "type")),
               json_string_value(json_object_get(attribute, "key")));
      pairs_add(p, name, json_string_value(json_object_get(attribute, "value")));
    }
  }
  json_decref(events);
}

void pairs_of_tx(const struct comet_span *transaction, uint64_t height, struct pairs *out) {
  uint8_t id[32];
  char text[24];
  out->map = form_must(json_object());
  add_events(out, form_tx_events(transaction));
  transaction_id(transaction->bytes, transaction->length, id);
  json_t *hash = form_hash(id, 32);
  pairs_add(out, "tx.hash", json_string_value(hash));
  json_decref(hash);
  snprintf(text, sizeof text, "%" PRIu64, height);
  pairs_add(out, "tx.height", text);
}

void pairs_of_block(const struct stored *s, struct pairs *out) {
  struct effects_reader effects = s->effects;
  char text[24];
  out->map = form_must(json_object());
  add_events(out, form_events(&effects));
  snprintf(text, sizeof text, "%" PRIu64, s->kept.height);
  pairs_add(out, "block.height", text);
}

void pairs_shut(struct pairs *p) { json_decref(p->map); }

bool pairs_match(const struct pairs *p, const struct query *q) {
  for (uint32_t i = 0; i < q->count; i++) {
    json_t *value, *values = json_object_get(p->map, q->condition[i].name);
    bool holds = false;
    size_t j;
    json_array_foreach(values, j, value) holds = holds || query_holds(&q->condition[i], json_string_value(value));
    if (!holds) return false;
  }
  return true;
}
