/* faucet: asks who gives money away for some. TRANSFER 1.10.
 *
 * A stranger's answer: bounded, decoded exactly, and nothing is believed but that the chain will show the money. Uses:
 * call, crypto/address. */
#ifndef NET_CLIENT_FAUCET_H
#define NET_CLIENT_FAUCET_H
#include "net/client/client.h"

struct faucet_answer {
  uint64_t amount, height; /* grain; of the block with it */
  uint8_t id[32];          /* of the transaction */
};

/* faucet_ask asks at "http://host:port" for an account, and waits at most `ms` for an answer. REFUSED: the faucet's
 * words in why. It is asked once: a question that got lost may have been heard. */
enum client_status faucet_ask(const char *url, const uint8_t account[32], uint32_t ms, const volatile int *stop,
                              struct faucet_answer *out, struct why *why);

#endif
