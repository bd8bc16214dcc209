/* sha256: FIPS 180-4, two implementations of one contract.
 *
 * sha256_openssl.c uses the machine's instructions through OpenSSL; sha256_plain.c is C from the standard, for builds
 * that have no library. Exactly one is linked; a test holds them equal. Uses: nothing / OpenSSL. */
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* One message given in parts. */
struct sha256_part {
  const void *bytes;
  size_t length;
};

/* sha256_parts hashes the parts' concatenation. Thread safe, no allocation after a thread's first call. */
void sha256_parts(const struct sha256_part *parts, size_t count, uint8_t digest[SHA256_BYTES]);
void sha256(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES]);

#endif
