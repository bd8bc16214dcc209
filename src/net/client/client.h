/* client: a node's RPC from the other side: what agents and the command line ask, and how they send transactions.
 *
 * CometBFT's JSON-RPC over HTTP, so the same code talks to the embedded engine and to CometBFT; docs/transfer.md has
 * the bytes. Everything asked is answered from committed state. Blocking; one client, one thread. Bytes from the node
 * are a stranger's: an answer has a bound in bytes, in values and in time, is decoded exactly, and where it can be is
 * checked against a hash; what is state is believed as far as the node is. Every call here may be made twice without
 * harm, so a call that finds no answer is made again, a little later each time. Uses: libcurl, jansson, ledger's
 * decoders. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H
#include "base/why.h"
#include "ledger/map/map.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;

enum client_status {
  CLIENT_OK,
  CLIENT_NONE,    /* there is no such key, block, transaction */
  CLIENT_REFUSED, /* the node answered no: code and why */
  CLIENT_LOST,    /* no answer, or too busy for one: why; worth trying again */
  CLIENT_STRANGE, /* an answer that no node of ours gives */
  CLIENT_STOPPED  /* the stop flag was set while waiting */
};

enum {
  CLIENT_ANSWER_BYTES_MAX = 8 << 20, /* of one answer */
  CLIENT_WALK_BYTES_MAX = 4 << 20    /* of one page of client_walk */
};

/* client_open checks the URL ("http://host:port") and connects on the first call. stop may be NULL: a flag that ends
 * waits within a tenth of a second. */
enum client_status client_open(struct client **out, const char *url, const volatile int *stop, struct why *why);
void client_shut(struct client *c);

/* client_patience sets how often a question is asked before CLIENT_LOST (3), and the bounds of one try: until a
 * connection stands (3,000 ms) and until the whole answer is there (20,000 ms). Between tries it waits 100, 200, 400 ..
 * at most 2,000 ms. */
struct client_patience {
  uint32_t tries, connect_ms, answer_ms;
};
void client_patience(struct client *c, struct client_patience patience);

struct client_node {
  char chain_id[64];
  uint64_t height, time_ms;
  uint8_t app_hash[32];
};
enum client_status client_node(struct client *c, struct client_node *out, struct why *why);

/* client_get reads the value of a key into *value (heap, the caller frees; never NULL when OK) with its length, and the
 * height it is of (TRANSFER 1.3); height may be NULL. With CLIENT_NONE only the height is written: there was no such
 * key then. */
enum client_status client_get(struct client *c, const struct map_key *key, uint8_t **value, size_t *length,
                              uint64_t *height, struct why *why);

/* client_walk shows up to `most` keys under a prefix and behind `after` (NULL: from the first), in order, and asks page
 * after page (TRANSFER 1.4). A page is of one height; a walk of several pages may see a block in between, and `height`
 * (may be NULL) is that of its first. show may end the walk with false, which is CLIENT_OK too. */
typedef bool client_show(void *context, const struct map_key *key, const uint8_t *value, size_t length);
enum client_status client_walk(struct client *c, const struct map_key *prefix, const struct map_key *after,
                               uint32_t most, client_show *show, void *context, uint64_t *height, struct why *why);

/* client_receipt reads receipt `number` and its payments (heap, the caller frees both): TRANSFER 1.5. Bytes that are no
 * receipt of that number, and payments that it does not name, are CLIENT_STRANGE. */
enum client_status client_receipt(struct client *c, uint64_t number, uint8_t **receipt, size_t *receipt_length,
                                  uint8_t **payments, size_t *payments_length, struct why *why);

/* client_content reads what the chain keeps beside its state, by hash (TRANSFER 1.7): a tape under its root, a layout
 * table; heap, the caller frees. That it has this hash is for the caller to see. client_genesis reads the chain's
 * genesis and writes its hash, which names the chain in every signature (LEDGER 3.3). */
enum client_status client_content(struct client *c, const uint8_t hash[32], uint8_t **bytes, size_t *length,
                                  struct why *why);
enum client_status client_genesis(struct client *c, uint8_t hash[32], struct why *why);

/* client_certificate fetches the certificate of a job (32 bytes: its last settled task), a task (34) or a receipt's
 * number (8), as `asked`; heap, the caller frees. It is checked before it is given: what is no certificate, is not
 * true, or is of another chain or job, is CLIENT_STRANGE. NONE: nothing of that kind has been settled, or the header
 * behind it is not there yet, which takes one more block. TRANSFER 1.9. */
enum client_status client_certificate(struct client *c, const uint8_t *asked, size_t asked_length,
                                      const uint8_t genesis_hash[32], uint8_t **bytes, size_t *length, struct why *why);

/* client_faucet reads where money is given away on this chain, as its node says (TRANSFER 1.8): "http://host:port".
 * NONE where the node names nobody. */
enum { CLIENT_URL_MAX = 256 };
enum client_status client_faucet(struct client *c, char url[CLIENT_URL_MAX], struct why *why);

/* client_send gives a transaction to the node's mempool: TRANSFER 1.6. REFUSED with the node's code, which is 0 when it
 * did not look at the transaction (the request is too large). OK also when the node had it before. code is written with
 * OK and REFUSED; it may be NULL. */
enum client_status client_send(struct client *c, const uint8_t *bytes, size_t length, uint32_t *code, struct why *why);

/* client_result: what became of a transaction in a block, NONE until then. */
struct client_result {
  uint64_t height;
  uint32_t code, gas_used;
  char log[200]; /* the node's words for a person, cut; nothing decides by them */
};
enum client_status client_result(struct client *c, const uint8_t id[32], struct client_result *out, struct why *why);

/* client_wait: until the chain is at `height` or higher, at most `ms` milliseconds; then NONE, or LOST if the node did
 * not answer at the end. */
enum client_status client_wait(struct client *c, uint64_t height, uint32_t ms, struct why *why);

#endif
