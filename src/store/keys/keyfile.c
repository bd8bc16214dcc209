#include "store/keys/keyfile.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"

enum { VERSION = 1, SEAL = 1, SALT = 16, NONCE = 32, KEY = 56, SEALED = 88 };
static const uint8_t magic[4] = {'A', 'S', 'Y', 'K'};
_Static_assert(crypto_pwhash_argon2id_SALTBYTES == NONCE - SALT, "the table in the header");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == KEY - NONCE, "the table in the header");
_Static_assert(SEALED + SIGN_SEED_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES == KEYFILE_BYTES, "the table");

static bool cost_valid(struct keyfile_cost c) {
  return c.passes >= 1 && c.passes <= KEYFILE_PASSES_MAX && c.memory_kib >= KEYFILE_MEMORY_KIB_MIN &&
         c.memory_kib <= KEYFILE_MEMORY_KIB_MAX;
}

bool keyfile_head_read(const uint8_t *bytes, size_t length, struct keyfile_head *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  struct keyfile_head h;
  const uint8_t *name = take_bytes(&r, sizeof magic);
  uint16_t version = take_u16(&r), seal = take_u16(&r);
  h.cost.passes = take_u32(&r);
  h.cost.memory_kib = take_u32(&r);
  take_bytes(&r, KEY - SALT);
  const uint8_t *key = take_bytes(&r, SIGN_PUBLIC_BYTES);
  take_bytes(&r, KEYFILE_BYTES - SEALED);
  if (!name || memcmp(name, magic, sizeof magic) != 0) {
    why_set(why, "no key file");
    return false;
  }
  if (!bytes_done(&r)) {
    why_set(why, "a key file of %zu bytes; it has %d", length, KEYFILE_BYTES);
    return false;
  }
  if (version != VERSION || seal != SEAL) {
    why_set(why, "a key file of version %d, seal %d; this program reads %d, %d", version, seal, VERSION, SEAL);
    return false;
  }
  if (!cost_valid(h.cost)) {
    why_set(why, "a key file that asks for %" PRIu32 " passes and %" PRIu32 " MiB; at most %d and %d are given",
            h.cost.passes, h.cost.memory_kib >> 10, KEYFILE_PASSES_MAX, KEYFILE_MEMORY_KIB_MAX >> 10);
    return false;
  }
  memcpy(h.key.bytes, key, SIGN_PUBLIC_BYTES);
  *out = h;
  return true;
}

/* The seal's key, in protected memory; NULL without the memory that stretching takes. */
static uint8_t *stretch(const struct secret_line *password, const uint8_t *salt, struct keyfile_cost cost,
                        struct why *why) {
  uint8_t *key = sodium_malloc(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  if (key && crypto_pwhash_argon2id(key, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, secret_line_text(password),
                                    secret_line_length(password), salt, cost.passes, (size_t)cost.memory_kib << 10,
                                    crypto_pwhash_argon2id_ALG_ARGON2ID13) == 0)
    return key;
  sodium_free(key);
  why_set(why, "%" PRIu32 " MiB of memory are needed to open the key and are not there", cost.memory_kib >> 10);
  return NULL;
}

enum store_status keyfile_seal(const struct sign_secret *secret, const struct secret_line *password,
                               struct keyfile_cost cost, uint8_t bytes[KEYFILE_BYTES], struct why *why) {
  uint8_t file[KEYFILE_BYTES], random[KEY - SALT];
  struct writer w = writer_over(file, sizeof file);
  struct sign_public public = sign_secret_public(secret);
  if (!cost_valid(cost)) {
    why_set(why, "a key file may ask for 1 to %d passes and %d to %d MiB", KEYFILE_PASSES_MAX,
            KEYFILE_MEMORY_KIB_MIN >> 10, KEYFILE_MEMORY_KIB_MAX >> 10);
    return STORE_ERR_INPUT;
  }
  randombytes_buf(random, sizeof random);
  put_bytes(&w, magic, sizeof magic);
  put_u16(&w, VERSION);
  put_u16(&w, SEAL);
  put_u32(&w, cost.passes);
  put_u32(&w, cost.memory_kib);
  put_bytes(&w, random, sizeof random); /* salt and nonce */
  put_bytes(&w, public.bytes, sizeof public.bytes);
  assert(bytes_written(&w) == SEALED);
  uint8_t *key = stretch(password, file + SALT, cost, why);
  if (!key) return STORE_ERR_SYSTEM;
  crypto_aead_xchacha20poly1305_ietf_encrypt(file + SEALED, NULL, sign_secret_seed(secret), SIGN_SEED_BYTES, file,
                                             SEALED, NULL, file + NONCE, key);
  sodium_free(key);
  memcpy(bytes, file, sizeof file);
  return STORE_OK;
}

enum store_status keyfile_unseal(const uint8_t *bytes, size_t length, const struct secret_line *password,
                                 struct sign_secret **out, struct why *why) {
  struct keyfile_head head;
  if (!keyfile_head_read(bytes, length, &head, why)) return STORE_ERR_INPUT;
  uint8_t *seed = sodium_malloc(SIGN_SEED_BYTES), *key = seed ? stretch(password, bytes + SALT, head.cost, why) : NULL;
  if (!key) {
    if (!seed) why_set(why, "no protected memory (ulimit -l says how much there is)");
    sodium_free(seed);
    return STORE_ERR_SYSTEM;
  }
  enum store_status status = STORE_ERR_INPUT;
  struct sign_secret *secret = NULL;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(seed, NULL, NULL, bytes + SEALED, KEYFILE_BYTES - SEALED, bytes,
                                                 SEALED, bytes + NONCE, key) != 0)
    why_set(why, "wrong password, or a key file that was changed");
  else if (sign_secret_open(seed, &secret) == SIGN_OK)
    status = STORE_OK;
  else
    status = STORE_ERR_SYSTEM, why_set(why, "no protected memory (ulimit -l says how much there is)");
  sodium_free(key);
  sodium_free(seed);
  if (status == STORE_OK) {
    /* Whoever knows the password can put another key in front of the seed. */
    struct sign_public public = sign_secret_public(secret);
    if (memcmp(public.bytes, head.key.bytes, sizeof public.bytes) != 0) {
      why_set(why, "the key file names another public key than its seed has");
      sign_secret_shut(&secret);
      return STORE_ERR_INPUT;
    }
    *out = secret;
  }
  return status;
}
