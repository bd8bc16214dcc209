#include "engine/solo/example.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "example: %s\n", what);
  abort();
}

void world_open(struct world *w) {
  struct why why = {""};
  must(folder_open(w->path, &w->f, &why) == SOLO_OK, why.text);
  const struct solo_options o = {.kv = w->f.kv,
                                 .genesis = w->f.genesis,
                                 .genesis_length = w->f.genesis_length,
                                 .consensus = w->f.keys.consensus,
                                 .vrf = w->f.keys.vrf,
                                 .hands = 3};
  must(solo_open(&w->solo, &o, &why) == SOLO_OK, why.text);
}

void world_shut(struct world *w) {
  solo_shut(&w->solo);
  folder_shut(&w->f);
}

int world_begin(void **state) {
  static uint8_t bytes[8192];
  struct world *w = calloc(1, sizeof *w);
  struct folder_keys keys;
  struct genesis_account account;
  struct genesis_validator validator;
  struct genesis g;
  uint8_t seed[SIGN_SEED_BYTES] = {7};
  strcpy(w->folder, "/tmp/assay-solo-XXXXXX");
  if (sign_open(NULL) != SIGN_OK || !mkdtemp(w->folder) || !folder_keys_of(seed, &keys)) return -1;
  snprintf(w->path, sizeof w->path, "%s/node", w->folder);
  w->now_ms = UINT64_C(1700000000000);
  if (!folder_genesis(&keys, "test", "solo-test", w->now_ms, &account, &validator, &g)) return -1;
  size_t length = genesis_encode(&g, bytes, sizeof bytes);
  memcpy(w->account, validator.account, 32);
  folder_keys_shut(&keys);
  if (folder_make(w->path, seed, bytes, length, NULL) != SOLO_OK) return -1;
  w->now_ms += WORLD_START_MS;
  world_open(w);
  *state = w;
  return 0;
}

int world_end(void **state) {
  struct world *w = *state;
  char command[128];
  world_shut(w);
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  if (system(command) != 0) return -1;
  free(w);
  return 0;
}

size_t world_transfer(struct world *w, uint64_t nonce, uint64_t amount, uint8_t *bytes, size_t bytes_max) {
  static uint8_t body[256], message[4096];
  uint8_t to[32] = {9}, genesis[32], signature[SIGN_BYTES];
  struct body_transfer b = {.to = to, .amount = amount};
  struct transaction t = {.type = TRANSACTION_TRANSFER,
                          .account = w->account,
                          .nonce = nonce,
                          .until_tick = 1000,
                          .gas = 10000,
                          .price = 1,
                          .body = body};
  t.body_length = (uint32_t)body_transfer_put(&b, body, sizeof body);
  memcpy(genesis, solo_chain(w->solo)->genesis_hash, 32);
  size_t length = transaction_sign_bytes(&t, genesis, message, sizeof message);
  sign_make(w->f.keys.account, message, length, signature);
  t.signature = signature;
  return transaction_encode(&t, bytes, bytes_max);
}

enum solo_take world_send(struct world *w) {
  uint8_t bytes[1024];
  struct ledger_result r;
  size_t length = world_transfer(w, w->nonce, 1, bytes, sizeof bytes);
  enum solo_take take = solo_take(w->solo, bytes, length, &r);
  if (take == SOLO_TAKEN) w->nonce++;
  return take;
}

uint64_t world_settle(struct world *w) {
  uint32_t blocks = 0;
  while (solo_step(w->solo, w->now_ms, NULL) == SOLO_OK) must(++blocks < 100, "blocks without end");
  return blocks;
}
