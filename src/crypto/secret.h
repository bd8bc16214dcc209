/* secret: what a secret key is made of. For sign.c and vrf.c only; everybody else has the handle of sign.h. */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H
#include "crypto/sign.h"

/* RFC 8032 5.1.5. key is the seed and then the public key; scalar is clamped and not reduced; prefix begins what a
 * nonce is hashed from. */
struct sign_secret {
  uint8_t key[SIGN_SEED_BYTES + SIGN_PUBLIC_BYTES];
  uint8_t scalar[32], prefix[32];
};

#endif
