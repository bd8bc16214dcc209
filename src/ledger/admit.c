/* What may stand in a block at all. LEDGER 3.5: "Malformed, badly signed, unpayable or wrong nonce: not in a block". */
#include <assert.h>
#include <inttypes.h>

#include "base/checked.h"
#include "crypto/address.h"
#include "crypto/sign.h"
#include "ledger/hint.h"
#include "ledger/state.h"

/* A key slot that may act now. */
static enum chain_code find_slot(const struct chain *c, const uint8_t account[32], uint8_t index, uint16_t mask,
                                 struct account *a, struct why *why) {
  if (!account_get(c->map, account, a) || index >= a->slots_count)
    return why_set(why, "the account has no key number %u", index), CHAIN_SIGNATURE;
  const struct key_slot *s = &a->slot[index];
  if (s->until_tick < c->now.tick)
    return why_set(why, "key number %u ended with tick %" PRIu64, index, s->until_tick), CHAIN_EXPIRED;
  if ((s->mask & mask) != mask) return why_set(why, "key number %u may not do this", index), CHAIN_FORBIDDEN;
  return CHAIN_OK;
}

bool admit_first_key(const struct chain *c, const struct transaction *t, struct account *a) {
  struct body_key b;
  uint8_t id[ACCOUNT_ID_BYTES];
  if (t->type != TRANSACTION_KEY_SET || t->key_index != 0 || !account_get(c->map, t->account, a) || a->slots_count)
    return false;
  if (!body_key_take(t, &b, NULL) || b.index != 0) return false;
  address_of_key(b.key, id);
  return memcmp(id, t->account, sizeof id) == 0 && account_set_key(a, 0, b.key, b.mask, b.until_tick) == ACCOUNT_OK;
}

static enum chain_code in_time(const struct chain *c, const struct transaction *t, struct why *why) {
  if (t->until_tick >= c->now.tick && t->until_tick - c->now.tick <= UNTIL_TICKS_MAX) return CHAIN_OK;
  why_set(why, "good until tick %" PRIu64 "; it is tick %" PRIu64 ", and no more than %u ahead are allowed",
          t->until_tick, c->now.tick, UNTIL_TICKS_MAX);
  return CHAIN_EXPIRED;
}

static struct map_key slot_key(const struct transaction *t) {
  struct map_key key = map_key(0, t->account, 32);
  map_key_u8(&key, t->key_index);
  return key;
}

static bool remembered(const struct ledger *l, const struct map_key *key, uint64_t *number) {
  struct map_value value;
  if (!map_get(l->checked, key, &value)) return false;
  memcpy(number, value.bytes, sizeof *number); /* never leaves this process */
  return true;
}

/* How far ahead of its key's next nonce a transaction may be: not at all where it is let in. */
static enum chain_code right_nonce(const struct ledger *l, const struct transaction *t, bool waiting, uint64_t ahead,
                                   uint64_t nonce, struct why *why) {
  struct map_key key = slot_key(t);
  uint64_t next;
  if (waiting && remembered(l, &key, &next) && next > nonce) nonce = next;
  if (t->nonce >= nonce && t->nonce - nonce <= ahead) return CHAIN_OK;
  why_set(why, "nonce %" PRIu64 "; the key's next is %" PRIu64, t->nonce, nonce);
  return CHAIN_NONCE;
}

static enum chain_code gas_in_bounds(const struct chain *c, const struct transaction *t, struct why *why) {
  if (t->price < c->now.gas_price)
    return why_set(why, "%u grain a gas; the floor is %u", t->price, c->now.gas_price), CHAIN_GAS;
  if (t->gas > BLOCK_GAS_MAX) return why_set(why, "%u gas; a block has %u", t->gas, (unsigned)BLOCK_GAS_MAX), CHAIN_GAS;
  return CHAIN_OK;
}

/* The balance pays; where it is short, the gas lock may (LEDGER 2.8). */
static enum chain_code can_pay(const struct ledger *l, bool waiting, struct admitted *a, struct why *why) {
  const struct chain *c = &l->chain;
  struct pocket balance = pocket_balance(a->payer);
  struct map_key key = map_key(0, a->payer, 32);
  uint64_t due = a->gas * a->price, promised = 0, held = money_held(c, &balance); /* below 2^24 * 2^32 */
  if (waiting) remembered(l, &key, &promised);
  a->from_lock = false;
  if (held >= promised && held - promised >= due) return CHAIN_OK;
  bool own = a->payer == a->t.account;
  if (own && apply_lock(c, &a->t, &a->lock) && money_held(c, &a->lock) >= due) {
    a->from_lock = true;
    return CHAIN_OK;
  }
  why_set(why, "gas for %" PRIu64 " grain; the payer has %" PRIu64, due, held);
  return CHAIN_FUNDS;
}

static bool signed_by(const uint8_t slot_key[SIGN_PUBLIC_BYTES], const uint8_t *message, size_t length,
                      const uint8_t signature[SIGNATURE_BYTES]) {
  struct sign_public key;
  memcpy(key.bytes, slot_key, sizeof key.bytes);
  return sign_check(&key, message, length, signature);
}

/* The transaction and the keys that must have signed it. */
static void mark_of(const uint8_t *bytes, size_t length, const uint8_t *key, const uint8_t *payer_key,
                    uint8_t mark[HINT_BYTES]) {
  uint8_t id[TRANSACTION_ID_BYTES];
  transaction_id(bytes, length, id);
  hint_of(id, key, payer_key, mark);
}

/* Everything about a transaction but its signatures, which are dearest. */
struct candidate {
  struct admitted a;
  struct account sender, payer;
};

static const uint8_t *key_of(const struct candidate *x) { return x->sender.slot[x->a.t.key_index].key; }
static const uint8_t *payer_key_of(const struct candidate *x) {
  return x->a.t.payer ? x->payer.slot[x->a.t.payer_key_index].key : NULL;
}

static enum chain_code look_at(const struct ledger *l, const uint8_t *bytes, size_t length, bool waiting,
                               uint64_t ahead, struct candidate *x, struct why *why) {
  const struct chain *c = &l->chain;
  struct admitted *a = &x->a;
  enum chain_code code = CHAIN_OK;
  a->from_lock = false;
  a->lock = (struct pocket){0};
  if (!transaction_decode(bytes, length, &a->t, why) || !body_check(&a->t, why)) return CHAIN_MALFORMED;
  if (a->t.type == TRANSACTION_BEACON)
    return why_set(why, "a BEACON stands first in its block, and nowhere else"), CHAIN_MALFORMED;
  if (!admit_first_key(c, &a->t, &x->sender))
    code = find_slot(c, a->t.account, a->t.key_index, apply_mask(a->t.type), &x->sender, why);
  if (code == CHAIN_OK && a->t.payer)
    code = find_slot(c, a->t.payer, a->t.payer_key_index, MASK_TRANSFER, &x->payer, why);
  if (code == CHAIN_OK) code = in_time(c, &a->t, why);
  if (code == CHAIN_OK) code = right_nonce(l, &a->t, waiting, ahead, x->sender.slot[a->t.key_index].nonce, why);
  if (code == CHAIN_OK) code = gas_in_bounds(c, &a->t, why);
  a->payer = a->t.payer ? a->t.payer : a->t.account;
  a->gas = a->t.gas;
  a->price = a->t.price;
  if (code == CHAIN_OK) code = can_pay(l, waiting, a, why);
  return code;
}

static enum chain_code well_signed(struct ledger *l, const uint8_t *bytes, size_t whole, const struct candidate *x,
                                   struct why *why) {
  const struct transaction *t = &x->a.t;
  uint8_t mark[HINT_BYTES];
  mark_of(bytes, whole, key_of(x), payer_key_of(x), mark);
  if (hints_has(l->hints, mark)) return CHAIN_OK;
  size_t length = transaction_sign_bytes(t, l->chain.genesis, l->sign_bytes, SIGN_BYTES_MAX);
  assert(length);
  if (!signed_by(key_of(x), l->sign_bytes, length, t->signature))
    return why_set(why, "the account's signature is not that of its key"), CHAIN_SIGNATURE;
  if (t->payer && !signed_by(payer_key_of(x), l->sign_bytes, length, t->payer_signature))
    return why_set(why, "the payer's signature is not that of its key"), CHAIN_SIGNATURE;
  hints_add(l->hints, mark);
  return CHAIN_OK;
}

enum chain_code admit(struct ledger *l, const uint8_t *bytes, size_t length, bool waiting, struct admitted *out,
                      struct why *why) {
  struct candidate x;
  enum chain_code code = look_at(l, bytes, length, waiting, 0, &x, why);
  if (code == CHAIN_OK) code = well_signed(l, bytes, length, &x, why);
  if (code == CHAIN_OK) *out = x.a;
  return code;
}

bool ledger_signers(const struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_signers *out) {
  struct candidate x;
  if (length > TRANSACTION_BYTES_MAX || look_at(l, bytes, length, true, SIGNERS_AHEAD_MAX, &x, NULL) != CHAIN_OK)
    return false;
  mark_of(bytes, length, key_of(&x), payer_key_of(&x), out->mark);
  if (hints_has(l->hints, out->mark)) return false;
  memcpy(out->genesis, l->chain.genesis, 32);
  memcpy(out->key, key_of(&x), 32);
  if (x.a.t.payer) memcpy(out->payer_key, payer_key_of(&x), 32);
  return true;
}

bool ledger_signers_signed(const struct ledger_signers *s, const uint8_t *bytes, size_t length) {
  uint8_t message[TRANSACTION_SIGN_DOMAIN_BYTES + TRANSACTION_BYTES_MAX];
  struct transaction t;
  bool decoded = transaction_decode(bytes, length, &t, NULL);
  size_t n = decoded ? transaction_sign_bytes(&t, s->genesis, message, sizeof message) : 0;
  assert(n); /* ledger_signers has looked at it */
  return signed_by(s->key, message, n, t.signature) &&
         (!t.payer || signed_by(s->payer_key, message, n, t.payer_signature));
}

void ledger_signed(struct ledger *l, const struct ledger_signers *s) { hints_add(l->hints, s->mark); }

/* A mempool's: nothing of consensus. */
static void remember(struct ledger *l, const struct map_key *key, uint64_t number) {
  map_put(l->checked, key, &number, sizeof number);
}

/* LEDGER 3.5 for one that waits; *a is what was found out when it is let in. */
static void check(struct ledger *l, const uint8_t *bytes, size_t length, struct admitted *a,
                  struct ledger_result *result) {
  memset(result, 0, sizeof *result);
  result->code = admit(l, bytes, length, true, a, &result->why);
  if (result->code != CHAIN_OK) return;
  result->gas_wanted = a->t.gas;
  uint64_t least = apply_gas(&a->t);
  if (a->gas < least) { /* it could stand in a block, to fail there */
    result->code = CHAIN_GAS;
    why_set(&result->why, "%u gas; its form alone takes %" PRIu64, a->t.gas, least);
    return;
  }
  result->gas_used = (uint32_t)least;
  result->admitted = true;
}

void ledger_try(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result) {
  struct admitted a;
  check(l, bytes, length, &a, result);
}

void ledger_check(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result) {
  struct admitted a;
  uint64_t promised = 0;
  check(l, bytes, length, &a, result);
  if (!result->admitted) return;
  struct map_key slot = slot_key(&a.t), payer = map_key(0, a.payer, 32);
  remember(l, &slot, a.t.nonce + 1);
  if (a.from_lock) return;
  remembered(l, &payer, &promised);
  remember(l, &payer, promised + a.gas * a.price);
}

void ledger_check_reset(struct ledger *l) {
  map_shut(l->checked);
  l->checked = map_open();
}
