#include "engine/comet/commit.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "crypto/sha256.h"
#include "engine/comet/proto.h"
#include "ledger/log/log.h"

enum { PRECOMMIT = 2 };

static const uint8_t zeros[SIGN_BYTES];

size_t comet_vote_bytes(const char *chain_id, uint64_t height, uint32_t round, const struct comet_block_id *block,
                        const struct comet_time *time, uint8_t bytes[COMET_VOTE_BYTES_MAX]) {
  uint8_t vote[COMET_VOTE_BYTES_MAX];
  struct writer inner = writer_over(vote, sizeof vote), w = writer_over(bytes, COMET_VOTE_BYTES_MAX);
  proto_put_number(&inner, 1, PRECOMMIT);
  proto_put_fixed64(&inner, 2, height);
  proto_put_fixed64(&inner, 3, round);
  if (block) comet_block_id_put(&inner, 4, block);
  comet_time_put(&inner, 5, time);
  proto_put_bytes(&inner, 6, chain_id, strlen(chain_id));
  put_varint(&w, bytes_written(&inner));
  put_bytes(&w, vote, bytes_written(&inner));
  assert(!inner.full && !w.full);
  return bytes_written(&w);
}

void comet_sign(const struct sign_secret *secret, const char *chain_id, uint64_t height, uint32_t round,
                const struct comet_block_id *block, const struct comet_time *time, struct comet_signature *out) {
  uint8_t bytes[COMET_VOTE_BYTES_MAX];
  struct sign_public key = sign_secret_public(secret);
  size_t length = comet_vote_bytes(chain_id, height, round, block, time, bytes);
  *out = (struct comet_signature){.flag = COMET_COMMIT, .time = *time};
  comet_address(&key, out->address);
  sign_make(secret, bytes, length, out->signature);
}

static bool signature_valid(const struct comet_signature *s) {
  switch ((enum comet_flag)s->flag) {
  case COMET_ABSENT:
    return memcmp(s->address, zeros, sizeof s->address) == 0 && memcmp(s->signature, zeros, SIGN_BYTES) == 0 &&
           s->time.seconds == COMET_TIME_NONE.seconds && s->time.nanos == COMET_TIME_NONE.nanos;
  case COMET_COMMIT:
  case COMET_NIL: return comet_time_valid(&s->time);
  }
  return false;
}

static size_t signature_encode(const struct comet_signature *s, uint8_t bytes[COMET_SIGNATURE_BYTES_MAX]) {
  struct writer w = writer_over(bytes, COMET_SIGNATURE_BYTES_MAX);
  bool absent = s->flag == COMET_ABSENT;
  proto_put_number(&w, 1, s->flag);
  proto_put_bytes(&w, 2, s->address, absent ? 0 : sizeof s->address);
  comet_time_put(&w, 3, &s->time);
  proto_put_bytes(&w, 4, s->signature, absent ? 0 : sizeof s->signature);
  assert(!w.full);
  return bytes_written(&w);
}

static bool signature_decode(struct reader *r, struct comet_signature *out) {
  struct comet_signature s = {0};
  uint64_t flag = proto_take_number(r, 1);
  s.flag = flag <= COMET_NIL ? (uint8_t)flag : 0;
  bool absent = s.flag == COMET_ABSENT;
  if (!absent) proto_take_bytes(r, 2, s.address, sizeof s.address);
  s.time = comet_time_take(r, 3);
  if (!absent) proto_take_bytes(r, 4, s.signature, sizeof s.signature);
  if (!bytes_done(r) || !signature_valid(&s)) return false;
  *out = s;
  return true;
}

bool comet_commit_valid(const struct comet_commit *c) {
  if (c->height == 0) return c->round == 0 && c->block.parts == 0 && c->count == 0;
  if (c->height > INT64_MAX || c->round > INT32_MAX || !c->block.parts || !c->count || c->count > COMET_VALIDATORS_MAX)
    return false;
  for (uint32_t i = 0; i < c->count; i++)
    if (!signature_valid(&c->signatures[i])) return false;
  return true;
}

/* Without the signatures. */
static size_t head_encode(const struct comet_commit *c, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  proto_put_number(&w, 1, c->height);
  proto_put_number(&w, 2, c->round);
  comet_block_id_put(&w, 3, &c->block);
  assert(!w.full);
  return bytes_written(&w);
}

enum { HEAD_BYTES_MAX = 10 + 6 + 2 + COMET_BLOCK_ID_BYTES_MAX };
_Static_assert(COMET_SIGNATURE_BYTES_MAX < 128, "a signature's length has one byte");

size_t comet_commit_bytes(const struct comet_commit *c) {
  uint8_t bytes[HEAD_BYTES_MAX];
  size_t length = head_encode(c, bytes, sizeof bytes);
  for (uint32_t i = 0; i < c->count; i++) {
    uint8_t one[COMET_SIGNATURE_BYTES_MAX];
    length += 2 + signature_encode(&c->signatures[i], one);
  }
  return length;
}

size_t comet_commit_encode(const struct comet_commit *c, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  uint8_t head[HEAD_BYTES_MAX];
  assert(comet_commit_valid(c));
  put_bytes(&w, head, head_encode(c, head, sizeof head));
  for (uint32_t i = 0; i < c->count; i++) {
    uint8_t one[COMET_SIGNATURE_BYTES_MAX];
    size_t length = signature_encode(&c->signatures[i], one);
    proto_put_message(&w, 4, one, length);
  }
  assert(!w.full && "room for comet_commit_bytes");
  return bytes_written(&w);
}

bool comet_commit_decode(const uint8_t *bytes, size_t length, struct comet_signature *signatures,
                         uint32_t signatures_max, struct comet_commit *out) {
  struct reader r = reader_over(bytes, length);
  struct comet_commit c = {.signatures = signatures};
  c.height = proto_take_number(&r, 1);
  uint64_t round = proto_take_number(&r, 2);
  c.block = comet_block_id_take(&r, 3);
  if (round > INT32_MAX) return false;
  c.round = (uint32_t)round;
  while (!r.short_of && r.at < r.end) {
    struct reader one = proto_take_message(&r, 4);
    if (c.count == signatures_max || !signature_decode(&one, &signatures[c.count])) return false;
    c.count++;
  }
  if (!bytes_done(&r) || !comet_commit_valid(&c)) return false;
  *out = c;
  return true;
}

void comet_commit_hash(const struct comet_commit *c, uint8_t hash[COMET_HASH_BYTES]) {
  struct log tree = {0};
  for (uint32_t i = 0; i < c->count; i++) {
    uint8_t one[COMET_SIGNATURE_BYTES_MAX], leaf[COMET_HASH_BYTES];
    size_t length = signature_encode(&c->signatures[i], one);
    comet_leaf(one, length, leaf);
    log_add(&tree, leaf);
  }
  log_root(&tree, hash);
}

static bool signature_checks(const struct comet_signature *s, const struct comet_validator *v,
                             const struct comet_header *header, const struct comet_commit *commit) {
  uint8_t address[COMET_ADDRESS_BYTES], bytes[COMET_VOTE_BYTES_MAX];
  if (s->flag != COMET_COMMIT) return false;
  comet_address(&v->key, address);
  if (memcmp(address, s->address, sizeof address) != 0) return false;
  size_t length = comet_vote_bytes(header->chain_id, commit->height, commit->round, &commit->block, &s->time, bytes);
  return sign_check(&v->key, bytes, length, s->signature);
}

bool comet_commit_check(const struct comet_header *header, const struct comet_commit *commit,
                        const struct comet_validator *validators, uint32_t count, struct why *why) {
  uint8_t hash[COMET_HASH_BYTES];
  if (!comet_header_valid(header) || !comet_commit_valid(commit)) {
    why_set(why, "the header or the commit has a field out of its bounds");
    return false;
  }
  if (!comet_validators_hash(validators, count, hash) || memcmp(hash, header->validators, sizeof hash) != 0) {
    why_set(why, "the validators are not those that the header of height %" PRIu64 " names", header->height);
    return false;
  }
  comet_header_hash(header, hash);
  if (commit->height != header->height || memcmp(hash, commit->block.hash, sizeof hash) != 0) {
    why_set(why, "the commit is for another block than the header of height %" PRIu64, header->height);
    return false;
  }
  if (commit->count != count) {
    why_set(why, "the commit has %" PRIu32 " places for %" PRIu32 " validators", commit->count, count);
    return false;
  }
  uint64_t signed_power = 0, power = 0; /* at most COMET_POWER_MAX, by comet_validators_hash */
  for (uint32_t i = 0; i < count; i++) {
    power += validators[i].power;
    if (signature_checks(&commit->signatures[i], &validators[i], header, commit)) signed_power += validators[i].power;
  }
  if (3 * signed_power <= 2 * power) {
    why_set(why, "height %" PRIu64 " is signed by %" PRIu64 " of %" PRIu64 "; more than two thirds are needed",
            header->height, signed_power, power);
    return false;
  }
  return true;
}
