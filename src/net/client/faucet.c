#include "net/client/faucet.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/address.h"
#include "net/client/answer.h"
#include "net/client/call.h"

static bool decode(const json_t *root, struct faucet_answer *out) {
  const json_t *id = answer_at(root, "transaction");
  return answer_height(answer_at(root, "amount"), &out->amount) &&
         answer_height(answer_at(root, "height"), &out->height) && json_is_string(id) && json_string_length(id) == 64 &&
         hex_decode(json_string_value(id), out->id, 32);
}

/* The faucet's words, or its status alone. */
static void say(const struct call *call, const json_t *root, long http, struct why *why) {
  char words[300];
  answer_words(answer_at(root, "error"), words, sizeof words);
  if (*words)
    why_set(why, "the faucet at %s says no: %s", call->url, words);
  else
    why_set(why, "%s answers with status %ld; is it a faucet?", call->url, http);
}

enum client_status faucet_ask(const char *url, const uint8_t account[32], uint32_t ms, const volatile int *stop,
                              struct faucet_answer *out, struct why *why) {
  struct call call;
  struct faucet_answer read = {0};
  char text[128], address[ADDRESS_TEXT_LENGTH + 1];
  long http;
  if (!call_open(&call, url, stop, why)) return CLIENT_STRANGE;
  call.patience.answer_ms = ms;
  address_write(account, address);
  snprintf(text, sizeof text, "{\"account\":\"%s\"}", address);
  enum client_status status = call_post(&call, text, &http, why);
  if (status == CLIENT_OK) {
    bool modest = call.length > 0 && call_scan(call.body, call.length);
    json_t *root = modest ? json_loadb((const char *)call.body, call.length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (http == 200 && decode(root, &read)) {
      *out = read;
    } else {
      status = http >= 400 && http < 600 ? CLIENT_REFUSED : CLIENT_STRANGE;
      say(&call, root, http, why);
    }
    json_decref(root);
  }
  call_shut(&call);
  return status;
}
