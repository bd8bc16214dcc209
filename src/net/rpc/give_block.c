/* Blocks, headers, commits and what goes with a height. */
#include <stdlib.h>
#include <string.h>

#include "net/rpc/method.h"

/* Opens the store and reads the block of the argument `height`. */
static enum question_code at_height(struct node *n, struct asked *a, struct stored *s) {
  uint64_t height;
  enum question_code code = stored_open(n, a, s);
  if (code != QUESTION_OK) return code;
  code = stored_height(a, s, &height);
  if (code == QUESTION_OK) code = stored_block(a, s, height);
  if (code != QUESTION_OK) stored_shut(s);
  return code;
}

static json_t *block_json(const struct stored *s) {
  return form_must(
      json_pack("{s:o, s:o}", "block_id", form_block_id(&s->commit.block), "block", form_block(&s->block)));
}

enum question_code give_block(struct node *n, struct asked *a) {
  struct stored s;
  enum question_code code = at_height(n, a, &s);
  if (code != QUESTION_OK) return code;
  a->result = block_json(&s);
  stored_shut(&s);
  return QUESTION_OK;
}

enum question_code give_header(struct node *n, struct asked *a) {
  struct stored s;
  enum question_code code = at_height(n, a, &s);
  if (code != QUESTION_OK) return code;
  a->result = form_must(json_pack("{s:o}", "header", form_header(&s.block.header)));
  stored_shut(&s);
  return QUESTION_OK;
}

/* Opens the store and reads the block of a hash; s->kept.height is 0 when there is none. */
static enum question_code at_hash(struct node *n, struct asked *a, const uint8_t *hash, size_t length,
                                  struct stored *s) {
  uint64_t height = 0;
  enum question_code code = stored_open(n, a, s);
  if (code != QUESTION_OK) return code;
  if (length != 32 || kv_view_height(s->view, hash, &height) != STORE_OK) height = 0;
  if (height) code = stored_block(a, s, height);
  if (code != QUESTION_OK) stored_shut(s);
  return code;
}

/* An unknown hash is a success without a block, as in CometBFT. */
enum question_code give_block_by_hash(struct node *n, struct asked *a) {
  struct stored s;
  struct comet_block_id none = {0};
  enum question_code code = question_bytes(&a->question, "hash", &a->bytes, &a->length);
  if (code == QUESTION_OK) code = at_hash(n, a, a->bytes, a->length, &s);
  if (code != QUESTION_OK) return code;
  if (s.kept.height)
    a->result = block_json(&s);
  else
    a->result = form_must(json_pack("{s:o, s:n}", "block_id", form_block_id(&none), "block"));
  stored_shut(&s);
  return QUESTION_OK;
}

enum question_code give_header_by_hash(struct node *n, struct asked *a) {
  struct stored s;
  enum question_code code = question_hex(&a->question, "hash", &a->bytes, &a->length);
  if (code == QUESTION_OK) code = at_hash(n, a, a->bytes, a->length, &s);
  if (code != QUESTION_OK) return code;
  if (s.kept.height)
    a->result = form_must(json_pack("{s:o}", "header", form_header(&s.block.header)));
  else
    a->result = form_must(json_pack("{s:n}", "header"));
  stored_shut(&s);
  return QUESTION_OK;
}

/* canonical: another block stands on it. */
enum question_code give_commit(struct node *n, struct asked *a) {
  struct stored s;
  enum question_code code = at_height(n, a, &s);
  if (code != QUESTION_OK) return code;
  a->result = form_must(json_pack("{s:{s:o, s:o}, s:b}", "signed_header", "header", form_header(&s.block.header),
                                  "commit", form_commit(&s.commit), "canonical", s.kept.height < s.latest));
  stored_shut(&s);
  return QUESTION_OK;
}

enum question_code give_block_results(struct node *n, struct asked *a) {
  struct stored s;
  struct effects_result r;
  enum question_code code = at_height(n, a, &s);
  if (code != QUESTION_OK) return code;
  json_t *results = form_must(json_array());
  for (uint32_t i = 0; i < s.block.count && effects_next_result(&s.effects, &r); i++)
    json_array_append_new(results, form_result(&r, &s.block.transactions[i], true));
  a->result = form_must(json_pack("{s:o, s:o, s:o, s:n, s:n, s:o}", "height", form_number(s.kept.height), "txs_results",
                                  results, "finalize_block_events", form_events(&s.effects), "validator_updates",
                                  "consensus_param_updates", "app_hash", form_bytes(s.effects.after.app_hash, 32)));
  stored_shut(&s);
  return QUESTION_OK;
}

/* At most 20, the newest first. */
enum question_code give_blockchain(struct node *n, struct asked *a) {
  enum { MOST = 20 };
  struct stored s;
  uint64_t min = 1, max = 0;
  bool given;
  enum question_code code = question_number(&a->question, "minHeight", INT64_MAX, &min, &given);
  if (code == QUESTION_OK) code = question_number(&a->question, "maxHeight", INT64_MAX, &max, &given);
  if (code == QUESTION_OK) code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  if (!max || max > s.latest) max = s.latest;
  if (!min) min = 1;
  if (max >= MOST && min <= max - MOST) min = max - MOST + 1;
  json_t *metas = form_must(json_array());
  if (min > max)
    code = give_fail(a, QUESTION_INTERNAL, "min height %llu can't be greater than max height %llu",
                     (unsigned long long)min, (unsigned long long)max);
  for (uint64_t h = max; code == QUESTION_OK && h >= min; h--) {
    code = stored_block(a, &s, h);
    if (code != QUESTION_OK) break;
    json_array_append_new(metas, json_pack("{s:o, s:o, s:o, s:o}", "block_id", form_block_id(&s.commit.block),
                                           "block_size", form_number(s.kept.block.length), "header",
                                           form_header(&s.block.header), "num_txs", form_number(s.block.count)));
  }
  if (code == QUESTION_OK)
    a->result = form_must(json_pack("{s:o, s:O}", "last_height", form_number(s.latest), "block_metas", metas));
  json_decref(metas);
  stored_shut(&s);
  return code;
}

/* The set of the next height is known too: it never changes. */
static enum question_code next_height(struct node *n, struct asked *a, uint64_t *height) {
  struct stored s;
  bool given;
  enum question_code code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  uint64_t x = s.latest + 1;
  stored_shut(&s);
  code = question_number(&a->question, "height", INT64_MAX, &x, &given);
  if (code != QUESTION_OK) return code;
  if (!x) return give_fail(a, QUESTION_INTERNAL, "height must be greater than 0, but got 0");
  if (x > s.latest + 1)
    return give_fail(a, QUESTION_INTERNAL,
                     "height %llu must be less than or equal to the current blockchain height %llu",
                     (unsigned long long)x, (unsigned long long)s.latest);
  *height = x;
  return QUESTION_OK;
}

enum question_code give_validators(struct node *n, struct asked *a) {
  uint64_t height, page = 1, per_page = 30;
  bool given;
  enum question_code code = next_height(n, a, &height);
  if (code == QUESTION_OK) code = question_number(&a->question, "page", INT32_MAX, &page, &given);
  if (code == QUESTION_OK) code = question_number(&a->question, "per_page", INT32_MAX, &per_page, &given);
  if (code != QUESTION_OK) return code;
  if (page != 1)
    return give_fail(a, QUESTION_INTERNAL, "page should be within [1, 1] range, given %llu", (unsigned long long)page);
  json_t *validator = form_validator(n->chain, "voting_power");
  json_object_set_new(validator, "proposer_priority", form_number(0));
  a->result = form_must(json_pack("{s:o, s:[o], s:s, s:s}", "block_height", form_number(height), "validators",
                                  validator, "count", "1", "total", "1"));
  return QUESTION_OK;
}

enum question_code give_consensus_params(struct node *n, struct asked *a) {
  uint64_t height;
  enum question_code code = next_height(n, a, &height);
  if (code != QUESTION_OK) return code;
  a->result =
      form_must(json_pack("{s:o, s:o}", "block_height", form_number(height), "consensus_params", form_params()));
  return QUESTION_OK;
}
