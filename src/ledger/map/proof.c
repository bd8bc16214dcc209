#include "ledger/map/proof.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/sha256.h"

void map_leaf_hash(const uint8_t k[MAP_ROOT_BYTES], const uint8_t value[MAP_ROOT_BYTES], uint8_t hash[MAP_ROOT_BYTES]) {
  uint8_t message[1 + 2 * MAP_ROOT_BYTES] = {0x02};
  memcpy(message + 1, k, MAP_ROOT_BYTES);
  memcpy(message + 1 + MAP_ROOT_BYTES, value, MAP_ROOT_BYTES);
  sha256(message, sizeof message, hash);
}

/* Hashed as it lies in memory: bytes only, so there is no padding. */
_Static_assert(sizeof(struct map_inner) == 3 + 2 * MAP_ROOT_BYTES, "LEDGER 17.2, the message of an inner node");

void map_inner_hash(uint8_t bit, struct map_inner *inner, uint8_t hash[MAP_ROOT_BYTES]) {
  inner->head[0] = 0x03;
  inner->head[1] = bit;
  inner->head[2] = 0; /* the high byte of bit u16 */
  sha256(inner, sizeof *inner, hash);
}

size_t map_proof_encode(const struct map_proof *p, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  put_u8(&w, p->kind);
  if (p->kind != MAP_PROOF_EMPTY) {
    put_u16(&w, p->steps);
    for (uint32_t i = 0; i < p->steps; i++) {
      put_u8(&w, p->bit[i]);
      put_bytes(&w, p->sibling[i], MAP_ROOT_BYTES);
    }
  }
  if (p->kind == MAP_PROOF_ABSENT) {
    put_bytes(&w, p->other, MAP_ROOT_BYTES);
    put_bytes(&w, p->other_value, MAP_ROOT_BYTES);
  }
  return w.full ? 0 : bytes_written(&w);
}

static void take_hash(struct reader *r, uint8_t hash[MAP_ROOT_BYTES]) {
  const uint8_t *at = take_bytes(r, MAP_ROOT_BYTES);
  if (at) memcpy(hash, at, MAP_ROOT_BYTES);
}

bool map_proof_decode(const uint8_t *bytes, size_t length, struct map_proof *p) {
  struct reader r = reader_over(bytes, length);
  struct map_proof q;
  q.kind = take_u8(&r);
  q.steps = 0;
  if (q.kind > MAP_PROOF_ABSENT) return false;
  if (q.kind != MAP_PROOF_EMPTY) {
    q.steps = take_u16(&r);
    if (q.steps > MAP_PROOF_STEPS_MAX) return false;
    for (uint32_t i = 0; i < q.steps; i++) {
      q.bit[i] = take_u8(&r);
      take_hash(&r, q.sibling[i]);
      if (r.short_of || (i && q.bit[i] <= q.bit[i - 1])) return false;
    }
  }
  if (q.kind == MAP_PROOF_ABSENT) {
    take_hash(&r, q.other);
    take_hash(&r, q.other_value);
  }
  if (!bytes_done(&r)) return false;
  *p = q;
  return true;
}

static uint32_t bit_of(const uint8_t k[MAP_ROOT_BYTES], uint8_t bit) { return k[bit / 8] >> (7 - bit % 8) & 1; }

/* From the leaf's hash up: at each step k says which side the leaf lies on, so what is reached is the leaf that k leads
 * to, its own or another's. */
static void climb(const struct map_proof *p, const uint8_t k[MAP_ROOT_BYTES], uint8_t hash[MAP_ROOT_BYTES]) {
  for (uint32_t i = p->steps; i-- > 0;) {
    struct map_inner inner;
    uint32_t side = bit_of(k, p->bit[i]);
    memcpy(inner.child[side], hash, MAP_ROOT_BYTES);
    memcpy(inner.child[!side], p->sibling[i], MAP_ROOT_BYTES);
    map_inner_hash(p->bit[i], &inner, hash);
  }
}

bool map_proof_check(const uint8_t root[MAP_ROOT_BYTES], const struct map_key *key, const struct map_value *value,
                     const uint8_t *bytes, size_t length) {
  struct map_proof p;
  uint8_t k[MAP_ROOT_BYTES], hash[MAP_ROOT_BYTES] = {0};
  if (!map_proof_decode(bytes, length, &p) || (p.kind == MAP_PROOF_PRESENT) != (value != NULL)) return false;
  sha256(key->bytes, key->length, k);
  if (p.kind == MAP_PROOF_PRESENT) {
    sha256(value->bytes, value->length, hash);
    map_leaf_hash(k, hash, hash);
  } else if (p.kind == MAP_PROOF_ABSENT) {
    if (memcmp(p.other, k, MAP_ROOT_BYTES) == 0) return false;
    map_leaf_hash(p.other, p.other_value, hash);
  }
  climb(&p, k, hash);
  return memcmp(hash, root, MAP_ROOT_BYTES) == 0;
}
