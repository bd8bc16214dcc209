/* serve: what a storer answers to a request about blobs. TRANSFER 2.
 *
 * It knows no sockets: whoever speaks HTTP (transfer/listen, or a server of one's own) gives it the head of a request
 * and two functions, and gets the whole answer written. Uses: shelf, crypto/sign. */
#ifndef NET_TRANSFER_SERVE_H
#define NET_TRANSFER_SERVE_H
#include "crypto/sign.h"
#include "net/transfer/head.h"
#include "net/transfer/shelf.h"

enum { SERVE_FRESH_S = 300, SERVE_SIGNED_BYTES = 13 + 32 + 32 + 32 + 8 + 8 };

struct serve {
  struct shelf *shelf;
  uint8_t genesis[32], account[32]; /* of the chain; of the storer */
  /* Whether an account may put a blob of so many bytes, with this key. NULL: anybody, with the account's first key. */
  bool (*may)(void *context, const uint8_t account[32], const uint8_t key[32], uint64_t bytes);
  void *context;
};

struct exchange {
  struct head head;
  /* read gives up to length bytes of the body, 0 when there are no more in time; write says false when the other side
   * is gone or too slow. answers is called once, before the answer's body, with its length. */
  size_t (*read)(void *context, void *bytes, size_t length);
  bool (*write)(void *context, const void *bytes, size_t length);
  void (*answers)(void *context, uint64_t length);
  void *context;
};

/* serve_answer writes exactly one answer, with "Connection: close"; what is not read of the body is left. */
void serve_answer(const struct serve *s, struct exchange *e);

/* serve_signed writes what is signed. TRANSFER 2.6. */
void serve_signed(const uint8_t genesis[32], const uint8_t storer[32], const uint8_t root[32], uint64_t leaves,
                  uint64_t time_s, uint8_t bytes[SERVE_SIGNED_BYTES]);

#endif
