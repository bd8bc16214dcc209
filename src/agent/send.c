/* Transactions that get into a block once. LEDGER 3.3, 3.5.
 *
 *   "tx/WORDS" -> where u8 | polls u8 | tries u8 | type u8 | gas u32 | nonce u64 | until_tick u64 | sent_height u64 |
 *                 code u32 | height u64 | ids u8 | id 32 x ids | transaction
 *
 * ids: every transaction that was signed for this under this nonce, the latest last; at most one of them can get into a
 * block. The transaction is kept while it waits. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/inside.h"
#include "crypto/address.h"
#include "ledger/ledger.h"

enum { WORDS_MAX = 120, IDS_MAX = 8, HEAD_BYTES = 4 + 4 + 8 + 8 + 8 + 4 + 8 + 1, WAITING_MAX = 512 };
enum { UNTIL_TICKS = 256, RESEND_BLOCKS = 3, GONE_POLLS = 10, TRIES_MAX = 3, GAS_FACTOR = 4 };

struct sent {
  uint8_t where, polls, tries, type;
  uint32_t gas, code;
  uint64_t nonce, until_tick, sent_height, height;
  uint8_t ids, id[IDS_MAX][32];
  const uint8_t *bytes; /* lent */
  size_t length;
};

static bool decode(const uint8_t *bytes, size_t length, struct sent *out) {
  struct reader r = reader_over(bytes, length);
  struct sent s = {.where = take_u8(&r), .polls = 0};
  s.polls = take_u8(&r);
  s.tries = take_u8(&r);
  s.type = take_u8(&r);
  s.gas = take_u32(&r);
  s.nonce = take_u64(&r);
  s.until_tick = take_u64(&r);
  s.sent_height = take_u64(&r);
  s.code = take_u32(&r);
  s.height = take_u64(&r);
  s.ids = (uint8_t)take_count(&r, IDS_MAX);
  for (uint32_t i = 0; i < s.ids; i++) take_hash(&r, s.id[i]);
  s.length = bytes_left(&r);
  s.bytes = r.at;
  if (r.short_of || s.where < SENT_WAITS || s.where > SENT_REFUSED) return false;
  *out = s;
  return true;
}

static void key_of(const char *once, char key[JOURNAL_KEY_MAX]) { snprintf(key, JOURNAL_KEY_MAX, "tx/%s", once); }

static bool find(const struct agent *a, const char *key, struct sent *out) {
  const uint8_t *bytes;
  size_t length;
  if (!journal_get(a->journal, key, &bytes, &length)) return false;
  bool good = decode(bytes, length, out);
  assert(good && "a journal's checksum holds, and what it holds is not what we write");
  return good;
}

/* On the disk, before anything is done that rests on it. */
static enum agent_status keep(struct agent *a, const char *key, const struct sent *s, struct why *why) {
  size_t room = HEAD_BYTES + 32 * IDS_MAX + s->length;
  uint8_t *bytes = malloc(room);
  if (!bytes) return why_set(why, "no memory for a transaction"), AGENT_ERR_SYSTEM;
  struct writer w = writer_over(bytes, room);
  put_u8(&w, s->where);
  put_u8(&w, s->polls);
  put_u8(&w, s->tries);
  put_u8(&w, s->type);
  put_u32(&w, s->gas);
  put_u64(&w, s->nonce);
  put_u64(&w, s->until_tick);
  put_u64(&w, s->sent_height);
  put_u32(&w, s->code);
  put_u64(&w, s->height);
  put_u8(&w, s->ids);
  for (uint32_t i = 0; i < s->ids; i++) put_bytes(&w, s->id[i], 32);
  if (s->where == SENT_WAITS) put_bytes(&w, s->bytes, s->length);
  enum journal_status status = journal_put(a->journal, key, bytes, bytes_written(&w), why);
  free(bytes);
  return agent_status_of_journal(status);
}

static struct agent_sent public_of(const struct sent *s) {
  struct agent_sent out = {.where = s->where, .code = s->code, .nonce = s->nonce, .height = s->height};
  if (s->ids) memcpy(out.id, s->id[s->ids - 1], 32);
  return out;
}

struct agent_sent agent_sent(const struct agent *a, const char *once) {
  char key[JOURNAL_KEY_MAX];
  struct sent s;
  key_of(once, key);
  return find(a, key, &s) ? public_of(&s) : (struct agent_sent){.where = 0};
}

enum agent_status agent_forget(struct agent *a, const char *once, struct why *why) {
  char key[JOURNAL_KEY_MAX];
  key_of(once, key);
  return agent_status_of_journal(journal_erase(a->journal, key, why));
}

/* Nonces. */

/* LEDGER 2.2.1: has the account been paid, and never had a key? Then it has to say first which one it has. */
static bool keyless(const struct agent *a, const struct account *account) {
  uint8_t id[ACCOUNT_ID_BYTES];
  address_of_key(sign_secret_public(a->options.key).bytes, id);
  return account->slots_count == 0 && a->options.key_index == 0 && agent_mine(a, id);
}

static enum agent_status slot_of(struct agent *a, uint64_t *nonce, bool *first, struct why *why) {
  struct account account;
  enum client_status status = view_account(a->view, a->account, &account, why);
  if (status == CLIENT_NONE) {
    why_set(why, "the account is not on this chain: it needs some balance first");
    return AGENT_ERR_INPUT;
  }
  if (status != CLIENT_OK) return agent_status_of(status);
  *nonce = 0;
  *first = keyless(a, &account);
  if (*first) return AGENT_OK;
  if (a->options.key_index >= account.slots_count) {
    why_set(why, "the account has no key in slot %u", a->options.key_index);
    return AGENT_ERR_INPUT;
  }
  *nonce = account.slot[a->options.key_index].nonce;
  return AGENT_OK;
}

static bool taken(const struct agent *a, uint64_t nonce) {
  struct sent s;
  for (const char *key = journal_next(a->journal, "tx/", NULL); key; key = journal_next(a->journal, "tx/", key))
    if (find(a, key, &s) && s.where == SENT_WAITS && s.nonce == nonce) return true;
  return false;
}

/* The lowest that nothing of ours waits under: what was refused leaves a gap, and whoever comes next fills it. */
static uint64_t free_nonce(const struct agent *a, uint64_t next) {
  while (taken(a, next)) next++;
  return next;
}

/* Signing. */

static enum agent_status sign(struct agent *a, const char *key, struct sent *s, const uint8_t *body, size_t length,
                              struct why *why) {
  const struct chain *c = view_chain(a->view);
  uint8_t signature[SIGNATURE_BYTES];
  struct transaction t = {.type = s->type,
                          .account = a->account,
                          .key_index = a->options.key_index,
                          .nonce = s->nonce,
                          .until_tick = c->now.tick + UNTIL_TICKS,
                          .gas = s->gas,
                          .price = c->now.gas_price,
                          .body = body,
                          .body_length = (uint32_t)length};
  size_t signed_length = transaction_sign_bytes(&t, a->options.chain->genesis, a->message,
                                                TRANSACTION_SIGN_DOMAIN_BYTES + TRANSACTION_TAPE_BYTES_MAX);
  sign_make(a->options.key, a->message, signed_length, signature);
  t.signature = signature;
  size_t whole = signed_length ? transaction_encode(&t, a->bytes, TRANSACTION_TAPE_BYTES_MAX) : 0;
  if (!whole) {
    why_set(why, "%s: no transaction of type %u has a body of %zu bytes", key, s->type, length);
    return AGENT_ERR_INPUT;
  }
  if (s->ids == IDS_MAX) memmove(s->id, s->id + 1, sizeof s->id[0] * --s->ids);
  transaction_id(a->bytes, whole, s->id[s->ids++]);
  s->where = SENT_WAITS;
  s->until_tick = t.until_tick;
  s->sent_height = c->now.height;
  s->polls = 0;
  s->bytes = a->bytes;
  s->length = whole;
  return keep(a, key, s, why);
}

/* The body out of the transaction that waits, which the journal lends: it is copied, because signing writes there. */
static enum agent_status sign_again(struct agent *a, const char *key, struct sent *s, struct why *why) {
  struct transaction t;
  bool read = transaction_decode(s->bytes, s->length, &t, NULL);
  assert(read);
  (void)read;
  uint8_t *body = malloc(t.body_length + 1);
  if (!body) return why_set(why, "no memory for a transaction"), AGENT_ERR_SYSTEM;
  memcpy(body, t.body, t.body_length);
  enum agent_status status = sign(a, key, s, body, t.body_length, why);
  free(body);
  return status;
}

/* No: not now, or never? What time or money may change is asked again until it is signed anew. */
static bool may_pass(uint32_t code) {
  return code == CHAIN_OK || code == CHAIN_NONCE || code == CHAIN_EXPIRED || code == CHAIN_FUNDS || code == CHAIN_GAS;
}

static enum agent_status give(struct agent *a, const char *key, struct sent *s, struct why *why) {
  const struct chain_port *port = a->options.chain;
  struct why said = {{0}};
  uint32_t code = 0;
  enum client_status status = port->send(port->self, s->bytes, s->length, &code, &said);
  if (status == CLIENT_LOST || status == CLIENT_STRANGE) return AGENT_OK; /* a later turn sends it again */
  if (status != CLIENT_REFUSED) return agent_status_of(status);
  agent_say(a, "refused", NULL, "%s: %s", key + 3, said.text);
  if (may_pass(code)) return AGENT_OK;
  s->where = SENT_REFUSED;
  s->code = code;
  return keep(a, key, s, why);
}

static enum agent_status send_new(struct agent *a, uint8_t type, const uint8_t *body, size_t length, const char *key,
                                  uint64_t next, struct agent_sent *out, struct why *why) {
  struct sent s = {.type = type, .gas = agent_gas(type, body, length), .nonce = free_nonce(a, next)};
  enum agent_status status = sign(a, key, &s, body, length, why);
  if (status == AGENT_OK) status = give(a, key, &s, why);
  if (status == AGENT_OK) *out = public_of(&s);
  return status;
}

/* What was asked for waits until the key is there: it is not written down yet, and is asked for again. */
static enum agent_status send_first_key(struct agent *a, struct agent_sent *out, struct why *why) {
  static const char words[] = "tx/key";
  struct sign_public public = sign_secret_public(a->options.key);
  struct body_key b = {.index = 0, .key = public.bytes, .mask = ACCOUNT_MASK_ALL, .until_tick = UINT64_MAX};
  uint8_t body[64];
  struct sent s;
  *out = (struct agent_sent){.where = SENT_WAITS};
  if (find(a, words, &s) && s.where == SENT_WAITS) return AGENT_OK;
  agent_say(a, "key", NULL, "the account is new: it says first which key it has");
  enum agent_status status =
      send_new(a, TRANSACTION_KEY_SET, body, body_key_put(&b, body, sizeof body), words, 0, out, why);
  *out = (struct agent_sent){.where = SENT_WAITS};
  return status;
}

enum agent_status agent_send(struct agent *a, uint8_t type, const uint8_t *body, size_t length, const char *once,
                             struct agent_sent *out, struct why *why) {
  char key[JOURNAL_KEY_MAX];
  struct sent s;
  uint64_t next = 0;
  bool first = false;
  if (!*once || strlen(once) > WORDS_MAX) return why_set(why, "%s: not a name for what is sent", once), AGENT_ERR_INPUT;
  key_of(once, key);
  if (find(a, key, &s)) {
    *out = public_of(&s);
    return AGENT_OK;
  }
  enum agent_status status = slot_of(a, &next, &first, why);
  if (status != AGENT_OK) return status;
  return first ? send_first_key(a, out, why) : send_new(a, type, body, length, key, next, out, why);
}

/* What became of it. */

/* One of them is in a block. One that ran out of gas did nothing: it goes again with more, under a new nonce. */
static enum agent_status decided(struct agent *a, const char *key, struct sent *s, const struct client_result *r,
                                 uint64_t next, struct why *why) {
  if (r->code == CHAIN_GAS && s->tries < TRIES_MAX && s->gas < BLOCK_GAS_MAX / 4 * 3) {
    uint64_t gas = (uint64_t)s->gas * GAS_FACTOR;
    s->gas = gas < BLOCK_GAS_MAX / 4 * 3 ? (uint32_t)gas : BLOCK_GAS_MAX / 4 * 3;
    s->tries++;
    s->ids = 0;
    s->nonce = free_nonce(a, next);
    agent_say(a, "again", NULL, "%s: %s", key + 3, r->log);
    enum agent_status status = sign_again(a, key, s, why);
    return status == AGENT_OK ? give(a, key, s, why) : status;
  }
  s->where = SENT_DONE;
  s->code = r->code;
  s->height = r->height;
  if (r->code) agent_say(a, "failed", NULL, "%s: %s: %s", key + 3, chain_code_text((uint16_t)r->code), r->log);
  return keep(a, key, s, why);
}

static enum client_status result_of(struct agent *a, struct sent *s, struct client_result *out, struct why *why) {
  const struct chain_port *port = a->options.chain;
  for (uint32_t i = s->ids; i-- > 0;) {
    enum client_status status = port->result(port->self, s->id[i], out, why);
    if (status == CLIENT_NONE) continue;
    if (status == CLIENT_OK) memcpy(s->id[s->ids - 1], s->id[i], 32);
    return status;
  }
  return CLIENT_NONE;
}

/* The nonce is used, and by none of these: somebody else has the key. But a node may know the state before it can find
 * a transaction, so that is believed only when it was so for a while. */
static enum agent_status overtaken(struct agent *a, const char *key, struct sent *s, uint64_t next, struct why *why) {
  if (++s->polls < GONE_POLLS) return keep(a, key, s, why);
  agent_say(
      a, "conflict", NULL,
      "%s: somebody else used its number: this key is in use on another machine too. Stop one of them: two that answer "
      "for one stake get into each other's way",
      key + 3);
  s->ids = 0;
  s->nonce = free_nonce(a, next);
  enum agent_status status = sign_again(a, key, s, why);
  return status == AGENT_OK ? give(a, key, s, why) : status;
}

/* Not in a block: it was lost, or is out of time, or too cheap by now. Signed anew it has the same nonce, so one of
 * them at most gets in. */
static enum agent_status waiting(struct agent *a, const char *key, struct sent *s, struct why *why) {
  const struct chain *c = view_chain(a->view);
  struct transaction t;
  /* A chain that has nothing to do makes no blocks: then every turn sends again. */
  bool idle = c->now.height == a->height;
  if (!idle && c->now.height < s->sent_height + RESEND_BLOCKS && c->now.tick <= s->until_tick) return AGENT_OK;
  bool read = transaction_decode(s->bytes, s->length, &t, NULL);
  assert(read);
  (void)read;
  enum agent_status status = AGENT_OK;
  if (c->now.tick >= s->until_tick || t.price < c->now.gas_price) {
    status = sign_again(a, key, s, why);
  } else {
    s->sent_height = c->now.height;
    status = keep(a, key, s, why);
  }
  struct sent now;
  if (status != AGENT_OK || !find(a, key, &now)) return status;
  memcpy(a->bytes, now.bytes, now.length); /* the journal lends it only until the next put */
  now.bytes = a->bytes;
  return give(a, key, &now, why);
}

static enum agent_status poll_one(struct agent *a, const char *key, uint64_t next, struct why *why) {
  struct sent s;
  struct client_result r;
  if (!find(a, key, &s) || s.where != SENT_WAITS) return AGENT_OK;
  uint8_t *bytes = malloc(s.length);
  if (!bytes) return why_set(why, "no memory for a transaction"), AGENT_ERR_SYSTEM;
  memcpy(bytes, s.bytes, s.length);
  s.bytes = bytes;
  enum agent_status status;
  if (next <= s.nonce) {
    status = waiting(a, key, &s, why);
  } else {
    enum client_status found = result_of(a, &s, &r, why);
    if (found == CLIENT_OK)
      status = decided(a, key, &s, &r, next, why);
    else
      status = found == CLIENT_NONE ? overtaken(a, key, &s, next, why) : agent_status_of(found);
  }
  free(bytes);
  return status;
}

struct waiter {
  uint64_t nonce;
  char key[JOURNAL_KEY_MAX];
};

static int by_nonce(const void *a, const void *b) {
  const struct waiter *x = a, *y = b;
  return (x->nonce > y->nonce) - (x->nonce < y->nonce);
}

static size_t waiters(struct agent *a, struct waiter *out, size_t most) {
  struct sent s;
  size_t count = 0;
  for (const char *key = journal_next(a->journal, "tx/", NULL); key && count < most;
       key = journal_next(a->journal, "tx/", key)) {
    if (!find(a, key, &s) || s.where != SENT_WAITS) continue;
    out[count].nonce = s.nonce;
    snprintf(out[count++].key, sizeof out->key, "%s", key);
  }
  qsort(out, count, sizeof *out, by_nonce);
  return count;
}

enum agent_status send_poll(struct agent *a, struct why *why) {
  struct waiter *list = malloc(WAITING_MAX * sizeof *list);
  uint64_t next = 0;
  bool first = false;
  if (!list) return why_set(why, "no memory to see what was sent"), AGENT_ERR_SYSTEM;
  size_t count = waiters(a, list, WAITING_MAX);
  enum agent_status status = count ? slot_of(a, &next, &first, why) : AGENT_OK;
  /* In order, because a node takes no nonce before the one below it. */
  for (size_t i = 0; i < count && status == AGENT_OK; i++) status = poll_one(a, list[i].key, next, why);
  free(list);
  a->height = view_chain(a->view)->now.height;
  return status;
}
