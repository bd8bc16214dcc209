/* Transactions on their way in. */
#include <stdlib.h>
#include <string.h>

#include "ledger/transaction/transaction.h"
#include "net/rpc/method.h"

static enum question_code take_tx(struct asked *a, enum loop_kind kind) {
  enum question_code code = question_bytes(&a->question, "tx", &a->bytes, &a->length);
  if (code != QUESTION_OK) return code;
  transaction_id(a->bytes, a->length, a->id); /* nothing at all is a transaction too, and refused as malformed */
  a->request.kind = kind;
  a->request.bytes = a->bytes;
  a->request.length = a->length;
  return QUESTION_LATER;
}

enum question_code give_broadcast(struct node *n, struct asked *a) {
  (void)n;
  return take_tx(a, LOOP_TAKE);
}

enum question_code give_check_tx(struct node *n, struct asked *a) {
  (void)n;
  return take_tx(a, LOOP_CHECK);
}

/* What CometBFT answers with an error is one here too. */
static enum question_code let_in(struct asked *a) {
  switch (a->request.take) {
  case SOLO_TAKEN:
  case SOLO_REFUSED: return QUESTION_OK;
  case SOLO_HERE: return give_fail(a, QUESTION_INTERNAL, "tx already exists in cache");
  case SOLO_FULL: return give_fail(a, QUESTION_INTERNAL, "%.200s", a->request.result.why.text);
  }
  return QUESTION_OK;
}

static json_t *sent(struct asked *a, uint32_t code, const char *log) {
  return form_must(json_pack("{s:I, s:s, s:o, s:s, s:o}", "code", (json_int_t)code, "data", "", "log",
                             form_text(log, strlen(log)), "codespace", code ? "assay" : "", "hash",
                             form_hash(a->id, sizeof a->id)));
}

enum question_code give_broadcast_sync_done(struct node *n, struct asked *a) {
  (void)n;
  enum question_code code = let_in(a);
  if (code != QUESTION_OK) return code;
  a->result = sent(a, a->request.result.code, a->request.result.why.text);
  return QUESTION_OK;
}

/* It does not say whether it was taken. */
enum question_code give_broadcast_async_done(struct node *n, struct asked *a) {
  (void)n;
  a->result = sent(a, 0, "");
  return QUESTION_OK;
}

static json_t *checked(const struct ledger_result *r) {
  static const uint8_t none[1] = {0};
  struct effects_result e = {.code = r->code,
                             .gas_wanted = r->gas_wanted,
                             .gas_used = r->gas_used,
                             .log = {.bytes = (const uint8_t *)r->why.text, .length = strlen(r->why.text)}};
  return form_result(&e, &(struct comet_span){.bytes = none}, true); /* a check tells no events */
}

enum question_code give_check_tx_done(struct node *n, struct asked *a) {
  (void)n;
  a->result = checked(&a->request.result);
  return QUESTION_OK;
}

enum question_code give_broadcast_commit_done(struct node *n, struct asked *a) {
  enum question_code code = let_in(a);
  if (code != QUESTION_OK) return code;
  if (a->request.take == SOLO_TAKEN) {
    a->waits = true;
    return method_in_block(n, a);
  }
  json_t *nothing = json_pack("{s:i, s:n, s:s, s:s, s:s, s:s, s:[], s:s}", "code", 0, "data", "log", "", "info", "",
                              "gas_wanted", "0", "gas_used", "0", "events", "codespace", "");
  a->result = form_must(json_pack("{s:o, s:o, s:o, s:s}", "check_tx", checked(&a->request.result), "tx_result",
                                  form_must(nothing), "hash", form_hash(a->id, sizeof a->id), "height", "0"));
  return QUESTION_OK;
}

enum question_code method_in_block(struct node *n, struct asked *a) {
  struct stored s;
  struct effects_result r;
  uint64_t height;
  uint32_t index;
  enum question_code code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  code = QUESTION_LATER;
  if (kv_view_transaction(s.view, a->id, &height, &index) == STORE_OK) code = stored_block(a, &s, height);
  if (code == QUESTION_OK) {
    for (uint32_t i = 0; i <= index; i++) effects_next_result(&s.effects, &r);
    a->result = form_must(json_pack("{s:o, s:o, s:o, s:o}", "check_tx", checked(&a->request.result), "tx_result",
                                    form_result(&r, &s.block.transactions[index], true), "hash",
                                    form_hash(a->id, sizeof a->id), "height", form_number(height)));
  }
  stored_shut(&s);
  return code;
}
