/* assay node: a chain in one process: the embedded engine, its store and its RPC. */
#include "base/hex.h"
#include "cli/amount.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "crypto/address.h"
#include "engine/solo/folder.h"
#include "net/client/call.h"
#include "net/rpc/rpc.h"
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text) { complain("%s", text); }

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static enum outcome refuse(enum solo_status status, const struct why *why) {
  complain("%s", why->text);
  return status == SOLO_ERR_INPUT ? OUTCOME_INPUT : OUTCOME_ENVIRONMENT;
}

/* --account KEY=ASY: money of the first account, the node's own, goes to another key. */
static bool share_out(const struct arguments *a, struct genesis *g) {
  struct why why = {""};
  for (const char *text; (text = arguments_nth(a, "account", g->accounts - 1)); g->accounts++) {
    struct genesis_account to = {0}, *own = g->account;
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    size_t length = strcspn(text, "=");
    if (length != 2 * SIGN_PUBLIC_BYTES || !text[length]) {
      complain("--account %s: wanted KEY=ASY, the 64 digits of a public key (assay init prints it) and an amount",
               text);
      return false;
    }
    memcpy(key, text, length);
    key[length] = 0;
    if (!hex_decode(key, to.key, sizeof to.key) || !amount_read(text + length + 1, &to.balance, &why)) {
      complain("--account %s: %s", text, *why.text ? why.text : "a key has the digits 0 to 9 and a to f");
      return false;
    }
    for (uint32_t i = 0; i < g->accounts; i++)
      if (memcmp(g->account[i].key, to.key, sizeof to.key) == 0) {
        complain("--account %s: this key has money already", text);
        return false;
      }
    if (to.balance > own->balance) {
      complain("--account %s: more than there is", text);
      return false;
    }
    own->balance -= to.balance;
    g->account[g->accounts] = to;
  }
  genesis_sort(g);
  return true;
}

/* A chain whose money is the new node's own, but for what --account gives to others. */
static enum outcome make(const struct arguments *a, const char *path) {
  static uint8_t bytes[16384];
  const char *parameters = arguments_text(a, "parameters", "devnet");
  struct why why = {""};
  struct folder_keys keys;
  struct genesis_account account[1 + VALUES_MAX];
  struct genesis_validator validator;
  struct genesis genesis;
  uint8_t seed[SIGN_SEED_BYTES];
  randombytes_buf(seed, sizeof seed);
  if (!folder_keys_of(seed, &keys)) {
    complain("no protected memory for keys");
    return OUTCOME_ENVIRONMENT;
  }
  enum outcome outcome = OUTCOME_DONE;
  if (folder_genesis(&keys, parameters, arguments_text(a, "chain-id", "assay-solo"), now_ms(), account, &validator,
                     &genesis)) {
    bool shared = share_out(a, &genesis);
    size_t length = shared ? genesis_encode(&genesis, bytes, sizeof bytes) : 0;
    enum solo_status status = length ? folder_make(path, seed, bytes, length, &why) : SOLO_ERR_INPUT;
    if (!shared)
      outcome = OUTCOME_INPUT;
    else if (status != SOLO_OK)
      outcome = refuse(status, &why);
  } else {
    complain("there are no parameters '%s', or the chain id is longer than %u; there are main, devnet and test",
             parameters, GENESIS_ID_MAX);
    outcome = OUTCOME_INPUT;
  }
  sodium_memzero(seed, sizeof seed);
  folder_keys_shut(&keys);
  return outcome;
}

/* The height from before the engine had a thread of its own. */
static void tell(const struct arguments *a, const struct rpc *rpc, const struct solo *solo, const char *address,
                 uint64_t height) {
  char account[ADDRESS_TEXT_LENGTH + 1];
  uint8_t id[ADDRESS_ACCOUNT_BYTES];
  solo_account(solo, id);
  address_write(id, account);
  if (arguments_given(a, "json"))
    output_json(json_pack("{s:s, s:s, s:i, s:I, s:s}", "chain", solo_chain(solo)->chain_id, "address", address, "port",
                          (int)rpc_port(rpc), "height", (json_int_t)height, "account", account));
  else
    note("%s at height %" PRIu64 ", http://%s:%u, validator %s; Ctrl-C stops it", solo_chain(solo)->chain_id, height,
         address, rpc_port(rpc), account);
}

static enum outcome serve(const struct arguments *a, const struct folder *f, const char *address, uint16_t port) {
  struct why why = {""};
  struct solo *solo;
  struct rpc *rpc;
  const volatile sig_atomic_t *stop = stop_listen("");
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  const struct solo_options options = {.kv = f->kv,
                                       .genesis = f->genesis,
                                       .genesis_length = f->genesis_length,
                                       .consensus = f->keys.consensus,
                                       .vrf = f->keys.vrf,
                                       .hands = processors > 1 ? (uint32_t)processors - 1 : 0};
  enum solo_status status = solo_open(&solo, &options, &why);
  if (status != SOLO_OK) return refuse(status, &why);
  const struct rpc_options door = {.solo = solo,
                                   .genesis = f->genesis,
                                   .genesis_length = f->genesis_length,
                                   .address = address,
                                   .port = port,
                                   .faucet = arguments_text(a, "faucet", NULL),
                                   .say = say};
  enum outcome outcome = OUTCOME_DONE;
  uint64_t height = solo_head(solo)->height;
  if (rpc_open(&rpc, &door, &why)) {
    tell(a, rpc, solo, address, height);
    if (!rpc_run(rpc, stop)) outcome = OUTCOME_ENVIRONMENT;
    rpc_shut(&rpc);
  } else {
    complain("%s", why.text);
    outcome = OUTCOME_ENVIRONMENT;
  }
  solo_shut(&solo);
  return outcome;
}

/* Nothing where the genesis would be, as far as one can see: anything else is for folder_open to name. */
static bool has_chain(const char *path) {
  char genesis[4096];
  struct stat st;
  int n = snprintf(genesis, sizeof genesis, "%s/genesis", path);
  return n < 0 || n >= (int)sizeof genesis || stat(genesis, &st) == 0 || errno != ENOENT;
}

static enum outcome run(const struct arguments *a) {
  struct why why = {""};
  struct folder folder;
  uint64_t port = 26657;
  const char *path = a->operand[0];
  if (!arguments_number(a, "port", 0, 65535, &port)) return OUTCOME_INPUT;
  if (arguments_given(a, "faucet") && !call_url(arguments_text(a, "faucet", ""))) {
    complain("--faucet is '%.200s'; it must be http://HOST:PORT", arguments_text(a, "faucet", ""));
    return OUTCOME_INPUT;
  }
  if (sign_open(&why) != SIGN_OK) {
    complain("%s", why.text);
    return OUTCOME_ENVIRONMENT;
  }
  if (arguments_given(a, "new")) {
    enum outcome made = make(a, path);
    if (made != OUTCOME_DONE) return made;
  } else if (arguments_given(a, "parameters") || arguments_given(a, "chain-id") || arguments_given(a, "account")) {
    complain("--parameters, --chain-id and --account are for a new chain: add --new");
    return OUTCOME_INPUT;
  }
  if (!has_chain(path)) {
    complain("%s: there is no chain in it; assay node %s --new makes one", path, path);
    return OUTCOME_INPUT;
  }
  enum solo_status status = folder_open(path, &folder, &why);
  if (status != SOLO_OK) return refuse(status, &why);
  enum outcome outcome = serve(a, &folder, arguments_text(a, "listen", "127.0.0.1"), (uint16_t)port);
  folder_shut(&folder);
  return outcome;
}

const struct command command_node = {
    .name = "node",
    .usage = "DIR [--new [--parameters NAME]] [--port N]",
    .summary = "runs a chain in one process: engine, store and RPC",
    .text =
        "Orders transactions into blocks, signs them with the folder's key, keeps them, and answers the RPC of\n"
        "CometBFT 0.38 over HTTP and websockets. Killed at any moment, it goes on after the last block that was kept.\n"
        "--new makes the folder first: a seed in node.key, and a genesis in which an account of that seed has all\n"
        "money that --account gives to nobody else. Whoever reaches the port can ask and send; keep it on 127.0.0.1\n"
        "unless that is meant.\n"
        "Exit status: 0 stopped, 2 bad or damaged folder, 3 disk, memory or port.",
    .option = {{"new", 0, NULL, "makes the folder and its chain first"},
               {"parameters", 0, "NAME", "of a new chain: main, devnet or test (devnet)"},
               {"chain-id", 0, "ID", "of a new chain (assay-solo)"},
               {"account", 0, "KEY=ASY", "of a new chain: gives this public key money; may be repeated"},
               {"listen", 0, "ADDRESS", "where to listen (127.0.0.1)"},
               {"faucet", 0, "URL", "tells who asks that money is given away there (assay faucet)"},
               {"port", 0, "N", "of the RPC; 0 takes one that is free (26657)"},
               {"json", 0, NULL, "prints one JSON object when it is ready"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
