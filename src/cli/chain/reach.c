#include "cli/chain/reach.h"

#include "base/hex.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "crypto/address.h"
#include "crypto/sign.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum outcome reach_outcome(const struct reach *r, enum client_status status, const struct why *why) {
  switch (status) {
  case CLIENT_OK: return OUTCOME_DONE;
  case CLIENT_NONE: complain("%s (%s): %s", r->node.chain_id, r->url, why->text); return OUTCOME_NO;
  case CLIENT_REFUSED: complain("the node says no: %s", why->text); return OUTCOME_INPUT;
  case CLIENT_STOPPED: complain("stopped"); return OUTCOME_INTERRUPTED;
  case CLIENT_LOST:
    complain("no node answers: %s; start one with: assay node DIR, or name another with --node URL", why->text);
    return OUTCOME_ENVIRONMENT;
  case CLIENT_STRANGE: break;
  }
  complain("%s --node takes the URL of a node's RPC", why->text);
  return OUTCOME_INPUT;
}

enum outcome reach_open(const struct arguments *a, struct reach *out) {
  struct reach r = {.url = arguments_text(a, "node", "http://127.0.0.1:26657")};
  struct why why = {""};
  uint8_t genesis[32];
  if (sign_open(&why) != SIGN_OK) {
    complain("%s", why.text);
    return OUTCOME_ENVIRONMENT;
  }
  enum client_status status = client_open(&r.client, r.url, stop_listen(""), &why);
  if (status != CLIENT_OK) {
    complain("--node: %s", why.text);
    return OUTCOME_INPUT;
  }
  status = client_node(r.client, &r.node, &why);
  if (status == CLIENT_OK) status = client_genesis(r.client, genesis, &why);
  if (status == CLIENT_NONE) status = CLIENT_STRANGE;
  if (status == CLIENT_OK) {
    r.port = chain_port_over(r.client, genesis);
    *out = r; /* the view keeps the port's address */
    if (!view_open(&out->view, &out->port, &why)) {
      complain("%s", why.text);
      client_shut(r.client);
      *out = (struct reach){.client = NULL};
      return OUTCOME_ENVIRONMENT;
    }
    status = view_now(out->view, &why);
    if (status == CLIENT_OK) return OUTCOME_DONE;
    view_shut(out->view);
    *out = (struct reach){.client = NULL}; /* nothing for the caller to shut */
    if (status == CLIENT_NONE) status = CLIENT_STRANGE;
  }
  enum outcome outcome = reach_outcome(&r, status, &why);
  client_shut(r.client);
  return outcome;
}

void reach_shut(struct reach *r) {
  view_shut(r->view);
  client_shut(r->client);
}

static json_t *must(json_t *value) {
  assert(value && "memory for an answer");
  return value;
}

json_t *reach_address(const uint8_t account[32]) {
  char text[ADDRESS_TEXT_LENGTH + 1];
  address_write(account, text);
  return must(json_string(text));
}

json_t *reach_grain(uint64_t grain) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, grain);
  return must(json_string(text));
}

json_t *reach_hex(const uint8_t *bytes, size_t length) {
  char text[2 * 64 + 1];
  assert(length <= 64);
  hex_encode(bytes, length, text);
  return must(json_string(text));
}
