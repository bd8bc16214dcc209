#include "net/rpc/form.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/address.h"
#include "ledger/transaction/transaction.h"

json_t *form_must(json_t *j) {
  assert(j); /* a stopped node is cheaper than a wrong one */
  return j;
}

json_t *form_number(uint64_t x) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, x);
  return form_must(json_string_nocheck(text));
}

json_t *form_hash(const uint8_t *bytes, size_t length) {
  static const char digits[] = "0123456789ABCDEF";
  char text[2 * 64];
  assert(length <= 64);
  for (size_t i = 0; i < length; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return form_must(json_stringn_nocheck(text, 2 * length));
}

json_t *form_bytes(const void *bytes, size_t length) {
  char small[1024], *text = small;
  size_t letters = base64_length(length);
  if (letters + 1 > sizeof small) text = malloc(letters + 1);
  assert(text);
  base64_encode(bytes, length, text);
  json_t *j = form_must(json_stringn_nocheck(text, letters));
  if (text != small) free(text);
  return j;
}

json_t *form_text(const void *bytes, size_t length) {
  char text[1024];
  json_t *j = json_stringn(bytes, length);
  if (j) return j;
  if (length > sizeof text) length = sizeof text;
  for (size_t i = 0; i < length; i++) {
    uint8_t c = ((const uint8_t *)bytes)[i];
    text[i] = c < 0x80 && c ? (char)c : '?';
  }
  return form_must(json_stringn(text, length));
}

json_t *form_time(const struct comet_time *t) {
  char text[COMET_TIME_TEXT_MAX + 1];
  comet_time_write(t, text);
  return form_must(json_string_nocheck(text));
}

json_t *form_block_id(const struct comet_block_id *id) {
  size_t length = id->parts ? COMET_HASH_BYTES : 0;
  return form_must(json_pack("{s:o, s:{s:I, s:o}}", "hash", form_hash(id->hash, length), "parts", "total",
                             (json_int_t)id->parts, "hash", form_hash(id->parts_hash, length)));
}

json_t *form_header(const struct comet_header *h) {
  json_t *version = json_pack("{s:o, s:o}", "block", form_number(h->version_block), "app", form_number(h->version_app));
  json_t *j = form_must(json_pack("{s:o, s:s, s:o, s:o, s:o}", "version", version, "chain_id", h->chain_id, "height",
                                  form_number(h->height), "time", form_time(&h->time), "last_block_id",
                                  form_block_id(&h->last)));
  const struct {
    const char *name;
    const uint8_t *bytes;
    size_t length;
  } hash[] = {{"last_commit_hash", h->last_commit, 32},
              {"data_hash", h->data, 32},
              {"validators_hash", h->validators, 32},
              {"next_validators_hash", h->next_validators, 32},
              {"consensus_hash", h->params, 32},
              {"app_hash", h->app, h->app_length},
              {"last_results_hash", h->last_results, 32},
              {"evidence_hash", h->evidence, 32},
              {"proposer_address", h->proposer, COMET_ADDRESS_BYTES}};
  for (size_t i = 0; i < sizeof hash / sizeof *hash; i++)
    json_object_set_new(j, hash[i].name, form_hash(hash[i].bytes, hash[i].length));
  return j;
}

json_t *form_commit(const struct comet_commit *c) {
  json_t *signatures = form_must(json_array());
  for (uint32_t i = 0; i < c->count; i++) {
    const struct comet_signature *s = &c->signatures[i];
    bool absent = s->flag == COMET_ABSENT;
    json_array_append_new(signatures, json_pack("{s:i, s:o, s:o, s:o}", "block_id_flag", s->flag, "validator_address",
                                                form_hash(s->address, absent ? 0 : COMET_ADDRESS_BYTES), "timestamp",
                                                form_time(&s->time), "signature",
                                                absent ? json_null() : form_bytes(s->signature, SIGN_BYTES)));
  }
  return form_must(json_pack("{s:o, s:I, s:o, s:o}", "height", form_number(c->height), "round", (json_int_t)c->round,
                             "block_id", form_block_id(&c->block), "signatures", signatures));
}

json_t *form_block(const struct comet_block *b) {
  json_t *txs = form_must(json_array());
  for (uint32_t i = 0; i < b->count; i++)
    json_array_append_new(txs, form_bytes(b->transactions[i].bytes, b->transactions[i].length));
  return form_must(json_pack("{s:o, s:{s:o}, s:{s:[]}, s:o}", "header", form_header(&b->header), "data", "txs", txs,
                             "evidence", "evidence", "last_commit", form_commit(&b->last)));
}

json_t *form_validator(const struct solo_chain *c, const char *power_name) {
  return form_must(json_pack("{s:o, s:{s:s, s:o}, s:o}", "address", form_hash(c->address, COMET_ADDRESS_BYTES),
                             "pub_key", "type", "tendermint/PubKeyEd25519", "value",
                             form_bytes(c->validator.key.bytes, SIGN_PUBLIC_BYTES), power_name,
                             form_number(c->validator.power)));
}

/* Evidence: there is none on a chain of one, so its limits are only the form. */
json_t *form_params(void) {
  return form_must(json_pack("{s:{s:o, s:o}, s:{s:s, s:s, s:s}, s:{s:[s]}, s:{s:o}, s:{s:s}}", "block", "max_bytes",
                             form_number(SOLO_BLOCK_BYTES_MAX), "max_gas", form_number(BLOCK_GAS_MAX), "evidence",
                             "max_age_num_blocks", "100000", "max_age_duration", "172800000000000", "max_bytes", "0",
                             "validator", "pub_key_types", "ed25519", "version", "app", form_number(SOLO_APP_VERSION),
                             "abci", "vote_extensions_enable_height", "0"));
}

static json_t *attribute(const char *key, json_t *value, bool index) {
  return form_must(json_pack("{s:s, s:o, s:b}", "key", key, "value", value, "index", (int)index));
}

static json_t *event_of(const char *type, json_t *attributes) {
  return form_must(json_pack("{s:s, s:o}", "type", type, "attributes", attributes));
}

/* The indexed ones are those of ENGINE 7.6. */
json_t *form_tx_events(const struct comet_span *bytes) {
  json_t *events = form_must(json_array());
  struct transaction t;
  struct body_transfer transfer;
  char text[ADDRESS_TEXT_LENGTH + 1];
  if (!transaction_decode(bytes->bytes, bytes->length, &t, NULL) || t.type == TRANSACTION_BEACON) return events;
  json_t *attributes = form_must(json_array());
  address_write(t.account, text);
  json_array_append_new(attributes, attribute("account", json_string(text), true));
  json_array_append_new(attributes, attribute("type", json_string(transaction_type_name(t.type)), false));
  json_array_append_new(events, event_of("transaction", attributes));
  if (t.type != TRANSACTION_TRANSFER || !body_transfer_take(&t, &transfer, NULL)) return events;
  attributes = form_must(json_array());
  address_write(transfer.to, text);
  json_array_append_new(attributes, attribute("to", json_string(text), true));
  json_array_append_new(attributes, attribute("amount", form_number(transfer.amount), false));
  json_array_append_new(events, event_of("transfer", attributes));
  return events;
}

json_t *form_events(struct effects_reader *effects) {
  json_t *events = form_must(json_array());
  struct effects_event e;
  while (effects_next_event(effects, &e)) {
    json_t *attributes = form_must(json_array());
    char id[2 * TASK_ID_BYTES + 1];
    json_array_append_new(attributes, attribute("kind", form_text(e.kind.bytes, e.kind.length), false));
    json_array_append_new(attributes, attribute("text", form_text(e.text.bytes, e.text.length), false));
    if (e.task) {
      hex_encode(e.task, TASK_ID_BYTES, id);
      json_array_append_new(attributes, attribute("id", json_string(id), true));
    }
    json_array_append_new(events, event_of(e.task ? "task" : "block", attributes));
  }
  return events;
}

json_t *form_result(const struct effects_result *r, const struct comet_span *transaction, bool whole) {
  json_t *j = form_must(json_object());
  if (whole || r->code) json_object_set_new(j, "code", json_integer(r->code));
  if (whole) json_object_set_new(j, "data", json_null());
  if (whole || r->log.length) json_object_set_new(j, "log", form_text(r->log.bytes, r->log.length));
  if (whole) json_object_set_new(j, "info", json_string(""));
  if (whole || r->gas_wanted) json_object_set_new(j, "gas_wanted", form_number(r->gas_wanted));
  if (whole || r->gas_used) json_object_set_new(j, "gas_used", form_number(r->gas_used));
  json_t *events = form_tx_events(transaction);
  if (whole || json_array_size(events))
    json_object_set_new(j, "events", events);
  else
    json_decref(events);
  const char *space = r->code ? "assay" : "";
  if (whole || r->code) json_object_set_new(j, "codespace", json_string(space));
  return j;
}
