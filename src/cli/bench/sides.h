/* bench_sides: the two nodes that `assay bench ledger` measures, each a process with a fresh chain, and what is sent to
 * them: signed transfers to ours, "key=value" of the same length to CometBFT's kvstore. Uses: engine, net. */
#ifndef CLI_BENCH_SIDES_H
#define CLI_BENCH_SIDES_H
#include "base/why.h"
#include "cli/command.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SIDES_ACCOUNTS = 200, SIDES_PATH_BYTES = 4096 };

/* Signed transfers between 200 accounts of one genesis. Keys and genesis are made once, so that every run's chain is
 * the same and takes the same transfers. Large: static. */
struct transfers {
  uint8_t genesis[32768];
  size_t genesis_length;
  uint8_t seed[32]; /* of the node */
  struct transfers_account {
    struct sign_secret *key;
    uint8_t id[32];
    uint8_t *bytes; /* made transfers, one behind the other */
    uint32_t made;
  } account[SIDES_ACCOUNTS];
};
enum outcome transfers_open(struct transfers *t, struct why *why);
void transfers_shut(struct transfers *t);

/* transfers_make signs until each of the first `accounts` has `count`, with all processors; nothing is signed while it
 * is measured. */
bool transfers_make(struct transfers *t, uint32_t accounts, uint32_t count, struct why *why);

/* For load_options: context is a struct transfers, or NULL for the kvstore's, of which there is no end. */
bool transfers_give(void *context, uint32_t account, uint32_t index, const uint8_t **bytes, size_t *length);
bool transfers_which(void *context, const uint8_t *bytes, size_t length, uint32_t *account, uint32_t *index);
bool pairs_give(void *context, uint32_t account, uint32_t index, const uint8_t **bytes, size_t *length);
bool pairs_which(void *context, const uint8_t *bytes, size_t length, uint32_t *account, uint32_t *index);

/* A node that runs in a folder of its own, which side_stop removes. */
struct side {
  pid_t process;
  uint16_t port;
  char folder[SIDES_PATH_BYTES];
};

/* side_ours begins a chain of t in a new folder inside `place` and runs this very program on it; side_peer the same
 * with the cometbft program, its default settings but for those of `fast`. Both return when the node answers. side_stop
 * asks it to stop, and kills it if it does not. */
bool side_ours(struct side *s, const char *place, const struct transfers *t, struct why *why);
bool side_peer(struct side *s, const char *place, const char *program, bool fast, struct why *why);
void side_stop(struct side *s);

/* side_find looks for the cometbft program: in `folder` if one is given, else where setup/peers puts it, else in PATH.
 */
bool side_find(const char *folder, char program[SIDES_PATH_BYTES]);

#endif
