#include "ledger/transaction/transaction.h"

#include "base/bytes.h"
#include "crypto/sha256.h"

enum { VERSION = 1, TYPES_MAX = 32 };
_Static_assert(TRANSACTION_HEAD_BYTES == 1 + 1 + 2 + 32 + 1 + 8 + 8 + 4 + 4 + 4, "LEDGER 3.1, up to the body");
_Static_assert(TRANSACTION_SPONSOR_BYTES == ACCOUNT_ID_BYTES + 1 + SIGNATURE_BYTES, "LEDGER 3.1, the sponsor's block");

static const uint8_t zeros[SIGNATURE_BYTES];

static const char *const names[TYPES_MAX + 1] = {
    [TRANSACTION_TRANSFER] = "TRANSFER",
    [TRANSACTION_KEY_SET] = "KEY_SET",
    [TRANSACTION_PROVIDER_SET] = "PROVIDER_SET",
    [TRANSACTION_STAKE] = "STAKE",
    [TRANSACTION_JOB_POST] = "JOB_POST",
    [TRANSACTION_OFFER] = "OFFER",
    [TRANSACTION_COMMIT] = "COMMIT",
    [TRANSACTION_TAKE] = "TAKE",
    [TRANSACTION_PUBLISH] = "PUBLISH",
    [TRANSACTION_SEAL] = "SEAL",
    [TRANSACTION_OPEN] = "OPEN",
    [TRANSACTION_SHOW] = "SHOW",
    [TRANSACTION_MOVE] = "MOVE",
    [TRANSACTION_BEACON] = "BEACON",
    [TRANSACTION_TAPE] = "TAPE",
    [TRANSACTION_FETCH] = "FETCH",
};

const char *transaction_type_name(uint8_t type) { return type <= TYPES_MAX ? names[type] : NULL; }

/* A sponsor who is the account itself would be a second way to say what no sponsor says. */
static bool sponsor_well_formed(const struct transaction *t, struct why *why) {
  if (t->payer_key_index >= TRANSACTION_KEY_SLOTS)
    return why_set(why, "the payer has no key slot %u", t->payer_key_index), false;
  if (!memcmp(t->payer, t->account, ACCOUNT_ID_BYTES))
    return why_set(why, "the account is its own sponsor; it pays without one"), false;
  return true;
}

/* LEDGER 15.4: nobody signs a BEACON or pays for it, so nothing but its proof can be chosen. */
static bool beacon_well_formed(const struct transaction *t, struct why *why) {
  bool bare = !t->flags && !t->key_index && !t->nonce && !t->until_tick && !t->gas && !t->price;
  if (!bare || memcmp(t->account, zeros, ACCOUNT_ID_BYTES) || memcmp(t->signature, zeros, SIGNATURE_BYTES))
    return why_set(why, "a BEACON has a proof; every other field of it is zero"), false;
  return true;
}

static bool well_formed(const struct transaction *t, struct why *why) {
  size_t most = t->type == TRANSACTION_TAPE ? TRANSACTION_TAPE_BYTES_MAX : TRANSACTION_BYTES_MAX;
  if (t->length > most) return why_set(why, "a %s of %zu bytes; at most %zu", names[t->type], t->length, most), false;
  if (t->key_index >= TRANSACTION_KEY_SLOTS) return why_set(why, "the account has no key slot %u", t->key_index), false;
  if (t->type == TRANSACTION_BEACON) return beacon_well_formed(t, why);
  return !t->payer || sponsor_well_formed(t, why);
}

bool transaction_decode(const uint8_t *bytes, size_t length, struct transaction *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  struct transaction t = {.length = length};
  uint8_t version = take_u8(&r);
  t.type = take_u8(&r);
  t.flags = take_u16(&r);
  t.account = take_bytes(&r, ACCOUNT_ID_BYTES);
  t.key_index = take_u8(&r);
  t.nonce = take_u64(&r);
  t.until_tick = take_u64(&r);
  t.gas = take_u32(&r);
  t.price = take_u32(&r);
  t.body_length = take_u32(&r);
  if (r.short_of) return why_set(why, "%zu bytes are too few for a transaction", length), false;
  /* What follows the body depends on the flags, so unknown ones are refused before. */
  if (version != VERSION) return why_set(why, "a transaction of version %u; it has to be 1", version), false;
  if (!transaction_type_name(t.type)) return why_set(why, "there is no transaction of type %u", t.type), false;
  if (t.flags & ~TRANSACTION_SPONSORED) return why_set(why, "unknown flags %04x", t.flags), false;
  t.body = take_bytes(&r, t.body_length);
  if (t.flags & TRANSACTION_SPONSORED) {
    t.payer = take_bytes(&r, ACCOUNT_ID_BYTES);
    t.payer_key_index = take_u8(&r);
    t.payer_signature = take_bytes(&r, SIGNATURE_BYTES);
  }
  t.signature = take_bytes(&r, SIGNATURE_BYTES);
  if (!bytes_done(&r))
    return why_set(why, "a %s of %zu bytes does not end where its fields end", names[t.type], length), false;
  if (!well_formed(&t, why)) return false;
  *out = t;
  return true;
}

/* Everything before the signatures. */
static void put_unsigned(struct writer *w, const struct transaction *t) {
  put_u8(w, VERSION);
  put_u8(w, t->type);
  put_u16(w, t->flags);
  put_bytes(w, t->account, ACCOUNT_ID_BYTES);
  put_u8(w, t->key_index);
  put_u64(w, t->nonce);
  put_u64(w, t->until_tick);
  put_u32(w, t->gas);
  put_u32(w, t->price);
  put_u32(w, t->body_length);
  put_bytes(w, t->body, t->body_length);
  if (!t->payer) return;
  put_bytes(w, t->payer, ACCOUNT_ID_BYTES);
  put_u8(w, t->payer_key_index);
}

static bool flags_say_payer(const struct transaction *t) {
  return ((t->flags & TRANSACTION_SPONSORED) != 0) == (t->payer != NULL);
}

size_t transaction_encode(const struct transaction *t, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  struct transaction again;
  if (!flags_say_payer(t)) return 0;
  put_unsigned(&w, t);
  if (t->payer) put_bytes(&w, t->payer_signature, SIGNATURE_BYTES);
  put_bytes(&w, t->signature, SIGNATURE_BYTES);
  return !w.full && transaction_decode(bytes, bytes_written(&w), &again, NULL) ? again.length : 0;
}

struct transaction transaction_beacon(const uint8_t proof[VRF_BYTES]) {
  return (struct transaction){
      .type = TRANSACTION_BEACON, .account = zeros, .body = proof, .body_length = VRF_BYTES, .signature = zeros};
}

void transaction_id(const uint8_t *bytes, size_t length, uint8_t id[TRANSACTION_ID_BYTES]) {
  sha256(bytes, length, id);
}

size_t transaction_sign_bytes(const struct transaction *t, const uint8_t genesis[32], uint8_t *bytes,
                              size_t bytes_max) {
  static const char domain[] = "assay/tx/1"; /* with its zero byte */
  struct writer w = writer_over(bytes, bytes_max);
  _Static_assert(sizeof domain + 32 == TRANSACTION_SIGN_DOMAIN_BYTES, "the domain and the genesis hash");
  if (!flags_say_payer(t)) return 0;
  put_bytes(&w, domain, sizeof domain);
  put_bytes(&w, genesis, 32);
  put_unsigned(&w, t);
  return w.full ? 0 : bytes_written(&w);
}
