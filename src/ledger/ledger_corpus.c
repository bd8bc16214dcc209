/* ledger_corpus FOLDER: writes the seeds of the room's fuzzers to FOLDER/map/corpus, log/corpus, account/corpus,
 * genesis/corpus and receipt/corpus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/account/account.h"
#include "ledger/log/log.h"
#include "ledger/map/proof.h"
#include "ledger/receipt/receipt.h"
#include "ledger/stage.h"

static void write_seed(const char *folder, const char *name, const uint8_t *bytes, size_t length) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  if (f && fwrite(bytes, 1, length, f) == length && fclose(f) == 0) return;
  perror(path);
  exit(1);
}

/* proof_fuzz knows a map of the keys 1 || i, i = 0 .. 19. */
static void proofs(const char *folder) {
  static struct map_proof proof;
  static uint8_t bytes[1 + MAP_PROOF_BYTES_MAX];
  struct map *m = map_open();
  char name[32];
  for (uint8_t i = 0; i < 20; i++) {
    struct map_key key = map_key(1, &i, 1);
    map_put(m, &key, &i, 1);
  }
  for (uint8_t i = 0; i < 40; i += 6) {
    struct map_key key = map_key(1, &i, 1);
    bytes[0] = i;
    map_prove(m, &key, &proof);
    snprintf(name, sizeof name, "map/corpus/%s-%02u", i < 20 ? "present" : "absent", i);
    write_seed(folder, name, bytes, 1 + map_proof_encode(&proof, bytes + 1, sizeof bytes - 1));
  }
  write_seed(folder, "map/corpus/empty", (const uint8_t[]){0, MAP_PROOF_EMPTY}, 2);
  map_shut(m);
}

static void frontiers(const char *folder) {
  static const uint64_t sizes[] = {0, 1, 5, 255, 4096};
  uint8_t bytes[LOG_FRONTIER_BYTES_MAX], leaf[LOG_HASH_BYTES];
  char name[32];
  log_leaf("leaf", 4, leaf);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct log l = {.size = 0};
    while (l.size < sizes[i]) log_add(&l, leaf);
    snprintf(name, sizeof name, "log/corpus/size-%04u", (unsigned)sizes[i]);
    write_seed(folder, name, bytes, log_encode(&l, bytes));
  }
}

static void accounts(const char *folder) {
  uint8_t bytes[ACCOUNT_BYTES_MAX], key[ACCOUNT_KEY_BYTES] = {1};
  struct account a = {.balance = 1};
  write_seed(folder, "account/corpus/balance", bytes, stored_encode(&account_kind, &a, bytes, sizeof bytes));
  account_set_key(&a, 0, key, 0x3ff, 0);
  write_seed(folder, "account/corpus/key", bytes, stored_encode(&account_kind, &a, bytes, sizeof bytes));
  account_credit(&a, 5000000000);
  account_stake(&a, ROLE_VERIFIER, 4000000000);
  account_lock(&a, ROLE_VERIFIER, 70000);
  account_unbond(&a, ROLE_VERIFIER, 1000, 9, 10);
  account_unbond(&a, ROLE_VERIFIER, 2000, 11, 12);
  account_set_key(&a, 1, key, 0x8, 4096);
  write_seed(folder, "account/corpus/verifier", bytes, stored_encode(&account_kind, &a, bytes, sizeof bytes));
}

static void geneses(const char *folder) {
  static struct stage s;
  static const char *const names[] = {"main", "devnet", "test"};
  uint8_t bytes[PARAMETERS_BYTES_MAX];
  char path[64];
  stage_genesis(&s);
  write_seed(folder, "genesis/corpus/stage", s.genesis, s.genesis_length);
  stage_shut(&s);
  for (uint32_t i = 0; i < 3; i++) {
    struct parameters p;
    if (!parameters_named(names[i], &p)) abort();
    snprintf(path, sizeof path, "genesis/corpus/parameters-%s", names[i]);
    write_seed(folder, path, bytes, parameters_encode(&p, bytes));
  }
}

/* A first byte says which: 0 a receipt, 1 a list of payments. */
static void receipts(const char *folder) {
  static uint8_t bytes[1 + RECEIPT_BYTES];
  static struct payments list;
  const struct receipt r = {.kind = RECEIPT_SETTLED, .reason = REASON_DONE, .attempt = 1, .seat = 255};
  receipt_encode(&r, bytes + 1);
  write_seed(folder, "receipt/corpus/settled", bytes, sizeof bytes);
  const uint8_t id[POCKET_ID_BYTES_MAX] = {7};
  const struct pocket pockets[] = {pocket_balance(id), pocket_stake(id, ROLE_VERIFIER), pocket_escrow(id),
                                   pocket_gas_lock(id, id), pocket_of(POCKET_BURNED)};
  payments_begin(&list);
  for (uint32_t i = 0; i < 5; i++)
    payments_add(&list,
                 &(struct payment){.row = (uint8_t)i, .from = pockets[i], .to = pockets[(i + 1) % 5], .amount = i + 1});
  static uint8_t all[1 + 4096];
  all[0] = 1;
  memcpy(all + 1, list.bytes, list.used);
  write_seed(folder, "receipt/corpus/payments", all, 1 + list.used);
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  proofs(argv[1]);
  frontiers(argv[1]);
  accounts(argv[1]);
  geneses(argv[1]);
  receipts(argv[1]);
  return 0;
}
