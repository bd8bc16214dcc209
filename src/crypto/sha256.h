/* sha256: FIPS 180-4, two implementations of one contract.
 *
 * sha256_openssl.c uses the machine's instructions through OpenSSL; sha256_plain.c is C from the standard, for builds
 * that have no library. Exactly one is linked; a test holds them equal. Uses: nothing / OpenSSL. */
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* One message given in parts. */
struct sha256_part {
  const void *bytes;
  size_t length;
};

/* sha256_begin, sha256_add and sha256_end hash what is given in between, for messages that nobody holds in one piece.
 * The fields are the implementation's own. At most SHA256_STREAMS_MAX streams of a thread are open at a time, and the
 * one begun last ends first. */
enum { SHA256_STREAMS_MAX = 4 };
struct sha256_stream {
  uint32_t hash[8];
  uint64_t length_bytes;
  uint8_t block[64];
  void *context;
};
void sha256_begin(struct sha256_stream *s);
void sha256_add(struct sha256_stream *s, const void *bytes, size_t length);
void sha256_end(struct sha256_stream *s, uint8_t digest[SHA256_BYTES]);

/* sha256_parts hashes the parts' concatenation. Thread safe, no allocation after a thread's first call. */
void sha256_parts(const struct sha256_part *parts, size_t count, uint8_t digest[SHA256_BYTES]);
void sha256(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES]);

/* sha256_each hashes count messages of one length: message i is `tag` and then the length bytes at bytes + i * length.
 * digests: 32 bytes each; they may begin where `bytes` does if length >= 32, and overlap nothing otherwise.
 * sha256_lanes: how many messages go side by side where there are as many (16 with AVX-512, 2.1 times the rate of one
 * after the other; else 1). */
void sha256_each(uint8_t tag, const void *bytes, size_t length, size_t count, uint8_t *digests);
uint32_t sha256_lanes(void);

/* The same for 1 to sha256_lanes() messages in slices, so that a thread may leave it at any time and another go on:
 * sha256_group_go hashes at most `blocks` blocks of 64 bytes of each message (0.3 us a block of sixteen; a single one
 * is hashed whole) and says whether the digests are written. The fields are the implementation's own. */
enum { SHA256_LANES_MAX = 16 };
struct sha256_group {
  uint32_t hash[8][SHA256_LANES_MAX];
  const void *bytes;
  size_t length, count, block, blocks;
  uint8_t tag;
};
void sha256_group_begin(struct sha256_group *g, uint8_t tag, const void *bytes, size_t length, size_t count);
bool sha256_group_go(struct sha256_group *g, size_t blocks, uint8_t *digests);

#endif
