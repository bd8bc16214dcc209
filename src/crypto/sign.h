/* sign: ed25519 keys and signatures. LEDGER 2.1.2, 2.1.3 (RFC 8032).
 *
 * A secret key lives in memory that is locked, fenced by guard pages, read-only after it is made, and cleared when it
 * is shut; it has no text form and goes into no log. Which signatures count is a rule of consensus, so it does not
 * depend on the version of the library below: see sign_check. Uses: libsodium; OpenSSL for one check beside newer
 * versions of it. */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum { SIGN_SEED_BYTES = 32, SIGN_PUBLIC_BYTES = 32, SIGN_BYTES = 64, SIGN_LABEL_MAX = 32 };

enum sign_status {
  SIGN_OK = 0,
  SIGN_ERR_LIBRARY = 1, /* libsodium does not start: no randomness */
  SIGN_ERR_MEMORY = 2,  /* no protected memory */
};

struct sign_public {
  uint8_t bytes[SIGN_PUBLIC_BYTES];
};

struct sign_secret;

/* sign_open makes the library ready and finds out which equation it checks. Call it once, before there are threads and
 * before any other function of sign and vrf; a second call does nothing. */
enum sign_status sign_open(struct why *why);

/* sign_secret_open makes the key of a seed, sign_secret_random that of a new random seed. sign_secret_shut clears it
 * and sets *secret to NULL; NULL is fine. */
enum sign_status sign_secret_open(const uint8_t seed[SIGN_SEED_BYTES], struct sign_secret **secret);
enum sign_status sign_secret_random(struct sign_secret **secret);
void sign_secret_shut(struct sign_secret **secret);

/* sign_secret_derive makes key `index` of a purpose from the parent's seed: LEDGER 2.1.3. Whoever learns the child
 * learns nothing about the parent or its other children. The label has 1 to SIGN_LABEL_MAX bytes. */
enum sign_status sign_secret_derive(const struct sign_secret *parent, const char *label, uint32_t index,
                                    struct sign_secret **child);

/* sign_secret_seed lends the seed, for the one who writes the key file, until the key is shut. */
const uint8_t *sign_secret_seed(const struct sign_secret *secret);
struct sign_public sign_secret_public(const struct sign_secret *secret);

/* sign_make signs the message as it is: callers put a tag in front that says what is signed. Deterministic. */
void sign_make(const struct sign_secret *secret, const void *message, size_t length, uint8_t signature[SIGN_BYTES]);

/* sign_check is true when the signature R || S by key A satisfies LEDGER 2.1.2: S < L, neither A nor R of small order,
 * both canonical, and the bytes of S B - h A are R. Cofactorless: what a check with the cofactor accepts beyond that
 * is refused here, whichever equation the library has. Thread safe. */
bool sign_check(const struct sign_public *key, const void *message, size_t length, const uint8_t signature[SIGN_BYTES]);

#endif
