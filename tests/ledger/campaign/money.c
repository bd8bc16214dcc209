/* What everybody sends besides jobs: transfers, stakes, keys, provider records; and what is refused. */
#include "campaign/walk.h"
#include "crypto/vrf.h"
#include "ledger/provider/provider.h"

#include <string.h>

#define ASY UINT64_C(1000000000)

static struct account account_of(const struct walk *w, uint32_t who) {
  struct account a;
  account_get(walk_chain(w)->map, w->account[who].id, &a);
  return a;
}

/* From somebody who has much to somebody, often who has little: fines would starve those who lie. */
static void transfer(struct walk *w) {
  uint8_t body[256];
  uint32_t from = walk_below(w, WALK_FRESH), to = walk_below(w, WALK_ACCOUNTS);
  for (uint32_t i = 0; i < 6; i++) {
    uint32_t other = walk_below(w, WALK_FRESH), poor = walk_below(w, WALK_ACCOUNTS);
    if (account_of(w, other).balance > account_of(w, from).balance) from = other;
    if (account_of(w, poor).balance < account_of(w, to).balance) to = poor;
  }
  uint64_t has = account_of(w, from).balance;
  struct body_transfer b = {.to = w->account[to].id, .amount = has / 4};
  if (walk_one_in(w, 10)) b.amount = has + walk_below(w, 2) * has; /* more than there is */
  if (walk_one_in(w, 20)) from = walk_below(w, WALK_ACCOUNTS);
  if (walk_one_in(w, 20)) b.amount = 0;
  walk_send(w, from, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body));
}

static void stake(struct walk *w) {
  uint8_t body[64];
  uint32_t who = WALK_SOLVERS + walk_below(w, WALK_ACCOUNTS - WALK_SOLVERS);
  struct account a = account_of(w, who);
  uint8_t role = who < WALK_VERIFIERS && walk_one_in(w, 2) ? ROLE_SOLVER : ROLE_VERIFIER;
  struct body_stake b = {.role = role, .amount = (1 + walk_below(w, 200)) * ASY};
  if (walk_one_in(w, 20)) b.role = (uint8_t)walk_below(w, ROLES);
  if (a.stake[role] > 1500 * ASY && !walk_one_in(w, 20)) return;
  walk_send(w, who, TRANSACTION_STAKE, body, body_stake_put(&b, body, sizeof body));
}

/* Whoever had three strikes comes back by it; now and then somebody goes, or takes its other draw key. */
static void provide(struct walk *w) {
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_BYTES], tls[32] = {0}, body[512];
  struct provider p;
  uint32_t who = WALK_SOLVERS + walk_below(w, WALK_ACCOUNTS - WALK_SOLVERS);
  bool there = provider_find(walk_chain(w), w->account[who].id, &p);
  bool away = walk_one_in(w, 12), other = walk_one_in(w, 8);
  if (there && p.available && !away && !other) return;
  struct sign_secret *key = w->account[who].vrf[other ? walk_below(w, 2) : 0];
  struct sign_public public = sign_secret_public(key);
  provider_registration(walk_chain(w)->genesis, w->account[who].id, input);
  vrf_prove(walk_one_in(w, 30) ? w->account[0].vrf[1] : key, input, sizeof input, proof);
  struct body_provider b = {.roles = PROVIDER_SOLVER | PROVIDER_VERIFIER,
                            .class = (uint8_t)(who % 3),
                            .available = !away,
                            .mem_mib = 4096,
                            .vrf_key = public.bytes,
                            .vrf_proof = proof,
                            .tls_hash = tls,
                            .endpoint = (const uint8_t *)"http://w",
                            .endpoint_length = (uint8_t)(walk_one_in(w, 2) ? 8 : 0)};
  walk_send(w, who, TRANSACTION_PROVIDER_SET, body, body_provider_put(&b, body, sizeof body));
}

/* Of an account that was only paid, its own key; of others a key for a slot that nobody here signs with. */
static void key_set(struct walk *w) {
  uint8_t body[128], key[32];
  uint32_t who = walk_below(w, WALK_ACCOUNTS);
  struct account a = account_of(w, who);
  struct sign_public own = sign_secret_public(w->account[who].key);
  for (uint32_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)walk_below(w, 256);
  struct body_key b = {.key = own.bytes, .mask = 0x3ff, .until_tick = UINT64_MAX};
  if (a.slots_count)
    b = (struct body_key){.index = (uint8_t)(1 + walk_below(w, 7)), .key = key, .mask = 1, .until_tick = 5};
  walk_send(w, who, TRANSACTION_KEY_SET, body, body_key_put(&b, body, sizeof body));
}

void walk_money(struct walk *w) {
  uint32_t what = walk_below(w, 20);
  if (what < 8)
    transfer(w);
  else if (what < 13)
    stake(w);
  else if (what < 18 && w->block.height >= w->idle_until)
    provide(w);
  else if (what == 18)
    key_set(w);
  else
    walk_tape(w, walk_below(w, COURSES));
}

/* Bodies that no honest party sends: of the right form or not, about a task that lives or none. */
void walk_garbage(struct walk *w) {
  static const uint8_t types[] = {TRANSACTION_OFFER, TRANSACTION_COMMIT,  TRANSACTION_TAKE, TRANSACTION_PUBLISH,
                                  TRANSACTION_SEAL,  TRANSACTION_OPEN,    TRANSACTION_SHOW, TRANSACTION_MOVE,
                                  TRANSACTION_FETCH, TRANSACTION_JOB_POST};
  uint8_t body[400], type = types[walk_below(w, sizeof types)];
  size_t length = 1 + walk_below(w, sizeof body - 1);
  for (size_t i = 0; i < sizeof body; i++) body[i] = (uint8_t)walk_below(w, length % 2 ? 3 : 256);
  const struct walk_job *j = &w->job[walk_below(w, WALK_JOBS)];
  if (length > 40 && !walk_one_in(w, 4)) {
    job_task_id(j->id, j->task, body);
    body[TASK_ID_BYTES] = (uint8_t)(1 + walk_below(w, 2));
    body[TASK_ID_BYTES + 1] = (uint8_t)walk_below(w, 4);
  }
  if (type == TRANSACTION_SEAL) length = TASK_ID_BYTES + 2 + 32;
  if (type == TRANSACTION_FETCH) {
    length = TASK_ID_BYTES + 4;
    body[length - 1] = (uint8_t)walk_below(w, 2);
    body[length - 2] = (uint8_t)walk_below(w, 2);
  }
  if (type == TRANSACTION_TAKE) length = TASK_ID_BYTES + 2 + VRF_BYTES;
  if (type == TRANSACTION_OFFER) length = TASK_ID_BYTES + 1 + VRF_BYTES;
  walk_send(w, walk_below(w, WALK_FRESH), type, body, length);
}
