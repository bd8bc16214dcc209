/* What is sent to the two sides. */
#include "base/bytes.h"
#include "cli/bench/sides.h"
#include "crypto/address.h"
#include "crypto/sha256.h"
#include "engine/solo/folder.h"
#include "ledger/transaction/transaction.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  TRANSFER_BYTES = TRANSACTION_HEAD_BYTES + 32 + 8 + 1 + SIGNATURE_BYTES,
  TRANSFER_GAS = 500 + 500 + 2 * TRANSFER_BYTES,
  TRANSFER_PRICE = 1000000, /* the most that a floor can be: full blocks raise it */
  TRANSFER_UNTIL = 4000,
  SIGNERS_MAX = 64
};

static void seed_of(const char *what, uint32_t i, uint8_t seed[32]) {
  char text[64];
  int n = snprintf(text, sizeof text, "assay bench ledger %s %u", what, i);
  sha256(text, (size_t)n, seed);
}

static uint64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

enum outcome transfers_open(struct transfers *t, struct why *why) {
  static struct genesis_account account[1 + SIDES_ACCOUNTS];
  struct genesis_validator validator;
  struct genesis genesis;
  struct folder_keys keys;
  if (sign_open(why) != SIGN_OK) return OUTCOME_ENVIRONMENT;
  seed_of("node", 0, t->seed);
  bool good = folder_keys_of(t->seed, &keys);
  if (good) {
    bool named = folder_genesis(&keys, "main", "assay-bench", clock_ms(), account, &validator, &genesis);
    assert(named);
    (void)named;
    folder_keys_shut(&keys);
  }
  uint64_t share = good ? account[0].balance / (1 + SIDES_ACCOUNTS) : 0;
  for (uint32_t i = 0; good && i < SIDES_ACCOUNTS; i++) {
    struct transfers_account *a = &t->account[i];
    uint8_t seed[32];
    seed_of("account", i, seed);
    good = sign_secret_open(seed, &a->key) == SIGN_OK;
    if (!good) break;
    struct sign_public key = sign_secret_public(a->key);
    address_of_key(key.bytes, a->id);
    account[0].balance -= share;
    account[1 + i] = (struct genesis_account){.balance = share};
    memcpy(account[1 + i].key, key.bytes, 32);
    genesis.accounts++;
  }
  if (!good) return why_set(why, "no protected memory for keys"), OUTCOME_ENVIRONMENT;
  genesis_sort(&genesis);
  t->genesis_length = genesis_encode(&genesis, t->genesis, sizeof t->genesis);
  assert(t->genesis_length);
  return OUTCOME_DONE;
}

void transfers_shut(struct transfers *t) {
  for (uint32_t i = 0; i < SIDES_ACCOUNTS; i++) {
    sign_secret_shut(&t->account[i].key);
    free(t->account[i].bytes);
    t->account[i].bytes = NULL;
    t->account[i].made = 0;
  }
}

static void sign_one(const struct transfers *t, const uint8_t genesis[32], uint32_t from, uint32_t index) {
  uint8_t body[64], message[TRANSACTION_SIGN_DOMAIN_BYTES + TRANSFER_BYTES], signature[SIGNATURE_BYTES];
  const struct transfers_account *a = &t->account[from];
  struct body_transfer b = {.to = t->account[(from + 1 + index % (SIDES_ACCOUNTS - 1)) % SIDES_ACCOUNTS].id,
                            .amount = 1};
  struct transaction x = {.type = TRANSACTION_TRANSFER,
                          .account = a->id,
                          .nonce = index,
                          .until_tick = TRANSFER_UNTIL,
                          .gas = TRANSFER_GAS,
                          .price = TRANSFER_PRICE,
                          .body = body};
  x.body_length = (uint32_t)body_transfer_put(&b, body, sizeof body);
  size_t length = transaction_sign_bytes(&x, genesis, message, sizeof message);
  assert(length);
  sign_make(a->key, message, length, signature);
  x.signature = signature;
  size_t whole = transaction_encode(&x, a->bytes + (size_t)index * TRANSFER_BYTES, TRANSFER_BYTES);
  assert(whole == TRANSFER_BYTES);
  (void)whole;
}

struct signer {
  const struct transfers *t;
  pthread_t thread;
  uint32_t accounts, count, part, parts;
  uint8_t genesis[32];
};

static void *sign_part(void *context) {
  const struct signer *s = context;
  for (uint32_t i = s->part; i < s->accounts; i += s->parts)
    for (uint32_t index = s->t->account[i].made; index < s->count; index++) sign_one(s->t, s->genesis, i, index);
  return NULL;
}

bool transfers_make(struct transfers *t, uint32_t accounts, uint32_t count, struct why *why) {
  struct signer signer[SIGNERS_MAX];
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  uint32_t parts = processors < 1 ? 1 : processors > SIGNERS_MAX ? SIGNERS_MAX : (uint32_t)processors, started = 0;
  assert(accounts <= SIDES_ACCOUNTS);
  for (uint32_t i = 0; i < accounts; i++) {
    if (t->account[i].made >= count) continue;
    uint8_t *grown = realloc(t->account[i].bytes, (size_t)count * TRANSFER_BYTES);
    if (!grown) return why_set(why, "no memory for %u transfers of each account", count), false;
    t->account[i].bytes = grown;
  }
  for (uint32_t p = 0; p < parts; p++) {
    signer[p] = (struct signer){.t = t, .accounts = accounts, .count = count, .part = p, .parts = parts};
    genesis_hash(t->genesis, t->genesis_length, signer[p].genesis);
    if (pthread_create(&signer[p].thread, NULL, sign_part, &signer[p]) != 0) break;
    started++;
  }
  for (uint32_t p = 0; p < started; p++) pthread_join(signer[p].thread, NULL);
  for (uint32_t p = started; p < parts; p++) sign_part(&signer[p]); /* without a thread: here */
  for (uint32_t i = 0; i < accounts; i++)
    if (t->account[i].made < count) t->account[i].made = count;
  return true;
}

bool transfers_give(void *context, uint32_t account, uint32_t index, const uint8_t **bytes, size_t *length) {
  const struct transfers *t = context;
  if (index >= t->account[account].made) return false;
  *bytes = t->account[account].bytes + (size_t)index * TRANSFER_BYTES;
  *length = TRANSFER_BYTES;
  return true;
}

bool transfers_which(void *context, const uint8_t *bytes, size_t length, uint32_t *account, uint32_t *index) {
  const struct transfers *t = context;
  struct transaction x;
  if (!transaction_decode(bytes, length, &x, NULL) || x.type != TRANSACTION_TRANSFER) return false;
  for (uint32_t i = 0; i < SIDES_ACCOUNTS; i++)
    if (memcmp(t->account[i].id, x.account, 32) == 0) {
      *account = i;
      *index = (uint32_t)x.nonce;
      return true;
    }
  return false;
}

/* One key an account, as ours has one record an account; a value that never comes twice, as long as a transfer. */
bool pairs_give(void *context, uint32_t account, uint32_t index, const uint8_t **bytes, size_t *length) {
  static uint8_t text[TRANSFER_BYTES + 1];
  (void)context;
  int n = snprintf((char *)text, sizeof text, "account%05u=%010u", account, index);
  memset(text + n, 'x', TRANSFER_BYTES - (size_t)n);
  *bytes = text;
  *length = TRANSFER_BYTES;
  return true;
}

bool pairs_which(void *context, const uint8_t *bytes, size_t length, uint32_t *account, uint32_t *index) {
  char text[TRANSFER_BYTES + 1];
  (void)context;
  if (length != TRANSFER_BYTES) return false;
  memcpy(text, bytes, length);
  text[length] = 0;
  return sscanf(text, "account%5u=%10u", account, index) == 2;
}
