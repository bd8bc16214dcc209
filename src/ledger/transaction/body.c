/* Bodies of LEDGER 15.1 that name no attempt: money, providers, stake, moves, the beacon, tapes. */
#include "ledger/transaction/body.h"

bool body_begin(const struct transaction *t, enum transaction_type type, struct reader *r, struct why *why) {
  if (t->type != type)
    return why_set(why, "a transaction of type %u is no %s", t->type, transaction_type_name((uint8_t)type)), false;
  *r = reader_over(t->body, t->body_length);
  return true;
}

bool body_end(const struct reader *r, const struct transaction *t, struct why *why) {
  if (bytes_done(r)) return true;
  why_set(why, "the body of a %s, %u bytes, does not end where its fields end", transaction_type_name(t->type),
          t->body_length);
  return false;
}

size_t body_written(const struct writer *w, enum transaction_type type) {
  struct transaction t = {.type = (uint8_t)type, .body = w->start, .body_length = (uint32_t)bytes_written(w)};
  return !w->full && body_check(&t, NULL) ? bytes_written(w) : 0;
}

bool body_check(const struct transaction *t, struct why *why) {
  union {
    struct body_transfer transfer;
    struct body_key key;
    struct body_provider provider;
    struct body_stake stake;
    struct body_post post;
    struct body_offer offer;
    struct body_commit commit;
    struct body_take take;
    struct body_publish publish;
    struct body_seal seal;
    struct body_open open;
    struct body_show show;
    struct body_move move;
    struct body_beacon beacon;
    struct body_tape tape;
    struct body_fetch fetch;
  } b;
  switch ((enum transaction_type)t->type) {
  case TRANSACTION_TRANSFER: return body_transfer_take(t, &b.transfer, why);
  case TRANSACTION_KEY_SET: return body_key_take(t, &b.key, why);
  case TRANSACTION_PROVIDER_SET: return body_provider_take(t, &b.provider, why);
  case TRANSACTION_STAKE: return body_stake_take(t, &b.stake, why);
  case TRANSACTION_JOB_POST: return body_post_take(t, &b.post, why);
  case TRANSACTION_OFFER: return body_offer_take(t, &b.offer, why);
  case TRANSACTION_COMMIT: return body_commit_take(t, &b.commit, why);
  case TRANSACTION_TAKE: return body_take_take(t, &b.take, why);
  case TRANSACTION_PUBLISH: return body_publish_take(t, &b.publish, why);
  case TRANSACTION_SEAL: return body_seal_take(t, &b.seal, why);
  case TRANSACTION_OPEN: return body_open_take(t, &b.open, why);
  case TRANSACTION_SHOW: return body_show_take(t, &b.show, why);
  case TRANSACTION_MOVE: return body_move_take(t, &b.move, why);
  case TRANSACTION_BEACON: return body_beacon_take(t, &b.beacon, why);
  case TRANSACTION_TAPE: return body_tape_take(t, &b.tape, why);
  case TRANSACTION_FETCH: return body_fetch_take(t, &b.fetch, why);
  }
  return why_set(why, "there is no transaction of type %u", t->type), false;
}

bool body_transfer_take(const struct transaction *t, struct body_transfer *out, struct why *why) {
  struct reader r;
  struct body_transfer b;
  if (!body_begin(t, TRANSACTION_TRANSFER, &r, why)) return false;
  b.to = take_bytes(&r, ACCOUNT_ID_BYTES);
  b.amount = take_u64(&r);
  b.memo_length = take_u8(&r);
  b.memo = take_bytes(&r, b.memo_length);
  if (!body_end(&r, t, why)) return false;
  if (b.memo_length > TRANSFER_MEMO_MAX)
    return why_set(why, "a memo of %u bytes; at most %u", b.memo_length, TRANSFER_MEMO_MAX), false;
  *out = b;
  return true;
}

size_t body_transfer_put(const struct body_transfer *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_bytes(&w, b->to, ACCOUNT_ID_BYTES);
  put_u64(&w, b->amount);
  put_u8(&w, b->memo_length);
  put_bytes(&w, b->memo, b->memo_length);
  return body_written(&w, TRANSACTION_TRANSFER);
}

/* No spaces, no control characters: people read endpoints in logs, and agents put them into requests. */
static bool endpoint_printable(const uint8_t *endpoint, uint8_t length) {
  for (uint8_t i = 0; i < length; i++)
    if (endpoint[i] < 0x21 || endpoint[i] > 0x7e) return false;
  return true;
}

static bool provider_well_formed(const struct body_provider *b, struct why *why) {
  if (b->roles & ~PROVIDER_ROLES_ALL) return why_set(why, "unknown roles %04x", b->roles), false;
  if (b->endpoint_length > PROVIDER_ENDPOINT_MAX)
    return why_set(why, "an endpoint of %u bytes; at most %u", b->endpoint_length, PROVIDER_ENDPOINT_MAX), false;
  if (!endpoint_printable(b->endpoint, b->endpoint_length))
    return why_set(why, "an endpoint has printable ASCII characters and no spaces"), false;
  if (b->available > 1) return why_set(why, "available is 0 or 1, not %u", b->available), false;
  return true;
}

bool body_provider_take(const struct transaction *t, struct body_provider *out, struct why *why) {
  struct reader r;
  struct body_provider b;
  if (!body_begin(t, TRANSACTION_PROVIDER_SET, &r, why)) return false;
  b.roles = take_u16(&r);
  b.class = take_u8(&r);
  b.mem_mib = take_u32(&r);
  b.vrf_key = take_bytes(&r, 32);
  b.vrf_proof = take_bytes(&r, VRF_BYTES);
  b.tls_hash = take_bytes(&r, 32);
  b.endpoint_length = take_u8(&r);
  b.endpoint = take_bytes(&r, b.endpoint_length);
  b.ask = take_u64(&r);
  b.available = take_u8(&r);
  if (!body_end(&r, t, why) || !provider_well_formed(&b, why)) return false;
  *out = b;
  return true;
}

size_t body_provider_put(const struct body_provider *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_u16(&w, b->roles);
  put_u8(&w, b->class);
  put_u32(&w, b->mem_mib);
  put_bytes(&w, b->vrf_key, 32);
  put_bytes(&w, b->vrf_proof, VRF_BYTES);
  put_bytes(&w, b->tls_hash, 32);
  put_u8(&w, b->endpoint_length);
  put_bytes(&w, b->endpoint, b->endpoint_length);
  put_u64(&w, b->ask);
  put_u8(&w, b->available);
  return body_written(&w, TRANSACTION_PROVIDER_SET);
}

/* LEDGER 15.1: "slot 0 takes every bit and no end, so that an account does not lock itself out". */
bool body_key_take(const struct transaction *t, struct body_key *out, struct why *why) {
  struct reader r;
  struct body_key b;
  if (!body_begin(t, TRANSACTION_KEY_SET, &r, why)) return false;
  b.index = take_u8(&r);
  b.key = take_bytes(&r, ACCOUNT_KEY_BYTES);
  b.mask = take_u16(&r);
  b.until_tick = take_u64(&r);
  if (!body_end(&r, t, why)) return false;
  if (b.index >= TRANSACTION_KEY_SLOTS) return why_set(why, "there is no key slot %u", b.index), false;
  if (b.mask > ACCOUNT_MASK_ALL) return why_set(why, "a mask %04x with unknown bits", b.mask), false;
  if (b.index == 0 && (b.mask != ACCOUNT_MASK_ALL || b.until_tick != UINT64_MAX))
    return why_set(why, "the root key may do everything, and has no end"), false;
  *out = b;
  return true;
}

size_t body_key_put(const struct body_key *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_u8(&w, b->index);
  put_bytes(&w, b->key, ACCOUNT_KEY_BYTES);
  put_u16(&w, b->mask);
  put_u64(&w, b->until_tick);
  return body_written(&w, TRANSACTION_KEY_SET);
}

bool body_stake_take(const struct transaction *t, struct body_stake *out, struct why *why) {
  struct reader r;
  struct body_stake b;
  if (!body_begin(t, TRANSACTION_STAKE, &r, why)) return false;
  b.role = take_u8(&r);
  b.amount = take_u64(&r);
  if (!body_end(&r, t, why)) return false;
  if (b.role > STAKE_ROLE_MAX) return why_set(why, "there is no role %u", b.role), false;
  *out = b;
  return true;
}

size_t body_stake_put(const struct body_stake *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_u8(&w, b->role);
  put_u64(&w, b->amount);
  return body_written(&w, TRANSACTION_STAKE);
}

bool body_move_take(const struct transaction *t, struct body_move *out, struct why *why) {
  struct reader r;
  struct body_move b;
  struct move move;
  if (!body_begin(t, TRANSACTION_MOVE, &r, why)) return false;
  b.dispute = take_u64(&r);
  b.move_length = bytes_left(&r);
  b.move = take_bytes(&r, b.move_length);
  if (!body_end(&r, t, why) || !move_decode(b.move, b.move_length, &move, why)) return false;
  *out = b;
  return true;
}

size_t body_move_put(const struct body_move *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_u64(&w, b->dispute);
  put_bytes(&w, b->move, b->move_length);
  return body_written(&w, TRANSACTION_MOVE);
}

bool body_beacon_take(const struct transaction *t, struct body_beacon *out, struct why *why) {
  struct reader r;
  struct body_beacon b;
  if (!body_begin(t, TRANSACTION_BEACON, &r, why)) return false;
  b.proof = take_bytes(&r, VRF_BYTES);
  if (!body_end(&r, t, why)) return false;
  *out = b;
  return true;
}

size_t body_beacon_put(const struct body_beacon *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_bytes(&w, b->proof, VRF_BYTES);
  return body_written(&w, TRANSACTION_BEACON);
}

bool body_tape_take(const struct transaction *t, struct body_tape *out, struct why *why) {
  struct reader r;
  struct body_tape b = {.tapes = 0};
  if (!body_begin(t, TRANSACTION_TAPE, &r, why)) return false;
  b.layout_length = take_u32(&r);
  b.layout = take_bytes(&r, b.layout_length);
  b.tapes = take_u8(&r);
  if (b.tapes < 1 || b.tapes > TAPES_POSTED_MAX)
    return why_set(why, "%u tapes; 1 to %u go together", b.tapes, TAPES_POSTED_MAX), false;
  uint64_t sum = b.layout_length;
  bool empty = b.layout_length == 0;
  for (uint8_t i = 0; i < b.tapes; i++) {
    b.tape_length[i] = take_u32(&r);
    b.tape[i] = take_bytes(&r, b.tape_length[i]);
    sum += b.tape_length[i];
    empty |= b.tape_length[i] == 0;
  }
  if (!body_end(&r, t, why)) return false;
  if (empty) return why_set(why, "an empty layout table or tape"), false;
  if (sum > TAPES_POSTED_BYTES_MAX) {
    why_set(why, "layout and tapes of %llu bytes; at most %u", (unsigned long long)sum, TAPES_POSTED_BYTES_MAX);
    return false;
  }
  *out = b;
  return true;
}

size_t body_tape_put(const struct body_tape *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  if (b->tapes > TAPES_POSTED_MAX) return 0;
  put_u32(&w, b->layout_length);
  put_bytes(&w, b->layout, b->layout_length);
  put_u8(&w, b->tapes);
  for (uint8_t i = 0; i < b->tapes; i++) {
    put_u32(&w, b->tape_length[i]);
    put_bytes(&w, b->tape[i], b->tape_length[i]);
  }
  return body_written(&w, TRANSACTION_TAPE);
}
