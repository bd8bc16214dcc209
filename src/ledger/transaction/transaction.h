/* transaction: what people and agents ask of the chain, and its one encoding. LEDGER 3.1, 3.2, 15.1, 15.2.
 *
 *   ver u8 = 1 | type u8 | flags u16 | account 32 | key_index u8 | nonce u64 | until_tick u64 | gas u32 | price u32 |
 *   body_len u32 | body | [payer 32 | payer_key_index u8 | payer_sig 64, if flags bit 0] | sig 64
 *
 * Bytes come from a stranger: a decoder takes exactly the whole, bounds every count before it uses it, and there is one
 * encoding for one meaning. Decoded forms lend pointers into the bytes. No memory. What needs the state (is there such
 * a task, is the signature good, is the sender the solver?) is for those who apply transactions. Uses: base, crypto,
 * commit, dispute/moves, account. */
#ifndef LEDGER_TRANSACTION_H
#define LEDGER_TRANSACTION_H
#include "base/why.h"
#include "commit/job/job.h"
#include "commit/trace/trace.h"
#include "dispute/moves/move.h"
#include "ledger/account/account.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wire values, only appended to (LEDGER 15.1). */
enum transaction_type {
  TRANSACTION_TRANSFER = 1,
  TRANSACTION_KEY_SET = 2,
  TRANSACTION_PROVIDER_SET = 3,
  TRANSACTION_STAKE = 4,
  TRANSACTION_JOB_POST = 6,
  TRANSACTION_OFFER = 8,
  TRANSACTION_COMMIT = 10,
  TRANSACTION_TAKE = 11,
  TRANSACTION_PUBLISH = 12,
  TRANSACTION_SEAL = 13,
  TRANSACTION_OPEN = 14,
  TRANSACTION_SHOW = 15,
  TRANSACTION_MOVE = 20,
  TRANSACTION_BEACON = 30,
  TRANSACTION_TAPE = 31,
  TRANSACTION_FETCH = 32
};

enum {
  TRANSACTION_BYTES_MAX = 65536,
  TRANSACTION_TAPE_BYTES_MAX = 1000000,
  TRANSACTION_ID_BYTES = 32,
  TASK_ID_BYTES = 34, /* job id 32 | index u16 */
  VRF_BYTES = 80,
  SIGNATURE_BYTES = 64,
  TRANSACTION_HEAD_BYTES = 65,    /* up to the body */
  TRANSACTION_SPONSOR_BYTES = 97, /* payer, payer_key_index, payer_sig */
  TRANSACTION_SIGN_DOMAIN_BYTES = 11 + 32,
  TRANSACTION_KEY_SLOTS = 8, /* of an account: key_index 0..7 */
  TRANSACTION_SPONSORED = 1  /* flags bit 0 */
};

struct transaction {
  uint8_t type, key_index, payer_key_index;
  uint16_t flags;
  const uint8_t *account, *payer; /* payer NULL: the account itself pays */
  uint64_t nonce, until_tick;
  uint32_t gas, price, body_length;
  const uint8_t *body, *signature, *payer_signature;
  size_t length; /* of the whole */
};

/* transaction_type_name: "JOB_POST"; NULL for a type that there is not. */
const char *transaction_type_name(uint8_t type);

/* transaction_decode takes exactly length bytes; false with why for unknown versions, types or flags, lengths beyond
 * the type's bound, bytes left over, a sponsor that is the account itself, a BEACON that is not alone with its proof.
 * Checks no signature, and looks into no body: that is body_check. */
bool transaction_decode(const uint8_t *bytes, size_t length, struct transaction *out, struct why *why);

/* transaction_encode writes t with its signatures; 0 if it does not fit or transaction_decode would refuse it.
 * t->length is not read. transaction_beacon is the envelope of a BEACON around a body that is its proof (LEDGER 15.4).
 */
size_t transaction_encode(const struct transaction *t, uint8_t *bytes, size_t bytes_max);
struct transaction transaction_beacon(const uint8_t proof[VRF_BYTES]);

/* transaction_id is the SHA-256 of all bytes. transaction_sign_bytes writes what both signers sign: "assay/tx/1\0" ||
 * genesis hash 32 || the transaction without its signatures (LEDGER 3.2); signatures need not be there yet. Its length
 * is TRANSACTION_SIGN_DOMAIN_BYTES + that of the transaction - 64 for each signature; 0 if it does not fit. */
void transaction_id(const uint8_t *bytes, size_t length, uint8_t id[TRANSACTION_ID_BYTES]);
size_t transaction_sign_bytes(const struct transaction *t, const uint8_t genesis[32], uint8_t *bytes, size_t bytes_max);

/* Bodies. body_*_take wants a transaction of that type whose body is exactly one, and checks counts and ranges that
 * need no state; body_*_put writes a body, 0 if it does not fit or body_*_take would refuse it. Bytes lent by take lie
 * in the transaction; bytes given to put do not overlap its output. body_check is the take of the transaction's type.
 */
bool body_check(const struct transaction *t, struct why *why);

enum { TRANSFER_MEMO_MAX = 64 };
struct body_transfer {
  const uint8_t *to;
  uint64_t amount;
  const uint8_t *memo;
  uint8_t memo_length;
};

/* A key for a slot: slot 0, the root key, has every bit of the mask and no end, so that no account locks itself out. */
struct body_key {
  uint8_t index;
  const uint8_t *key;
  uint16_t mask;
  uint64_t until_tick;
};

enum provider_role { PROVIDER_SOLVER = 1, PROVIDER_VERIFIER = 2, PROVIDER_WHISTLEBLOWER = 4, PROVIDER_STORER = 8 };
enum { PROVIDER_ROLES_ALL = 15, PROVIDER_ENDPOINT_MAX = 96 };
struct body_provider {
  uint16_t roles;           /* a set of enum provider_role */
  uint8_t class, available; /* available 0 or 1 */
  uint32_t mem_mib;
  const uint8_t *vrf_key, *vrf_proof, *tls_hash;
  const uint8_t *endpoint; /* printable ASCII, no spaces */
  uint8_t endpoint_length;
  uint64_t ask;
};

enum { STAKE_ROLE_MAX = 4 };
struct body_stake {
  uint8_t role; /* 0 solver, 1 verifier, 2 whistleblower, 3 storer, 4 validator */
  uint64_t amount;
};

enum {
  POST_TASKS_MAX = 1024,
  POST_TASK_BYTES = 7,
  POST_INTERVAL_MAX = 256,
  POST_LEVEL_MAX = 4,
  POST_SEATS_MAX = 9,
  POST_DRAWS_MAX = 16,
  POST_FIGURE_NONE = 65535
};
struct body_post {
  const uint8_t *spec_hash, *layout_hash, *start_root, *own_seat; /* own_seat: 32 zero bytes for none */
  uint16_t canon, lower, figure;
  uint8_t tapes, sections, data;
  const uint8_t *tape_root, *data_root; /* tapes, data of 32 bytes side by side */
  struct job_section section[JOB_SECTIONS_MAX];
  uint32_t first_step, params;
  uint8_t seed_mode, level, seats, draws; /* n, m */
  uint64_t seed, price, reserve, deadline;
  uint16_t tasks;
  const uint8_t *task_rows; /* tasks of {steps u32, interval u16, class u8}; body_post_task decodes row i */
};
struct job_task body_post_task(const struct body_post *p, uint16_t i);

/* What names an attempt of a task, 1..4, and a seat in it, 0..9; seat is 0 where the body names none. */
enum { ATTEMPTS_MAX = 4, SEAT_MAX = 9 };
struct body_attempt {
  const uint8_t *task;
  uint8_t attempt, seat;
};
struct body_offer {
  struct body_attempt at;
  const uint8_t *proof;
};
struct body_commit {
  struct body_attempt at;
  const uint8_t *trace_root;
  uint8_t outcome; /* TRACE_DONE, TRACE_DIVERGED */
  uint32_t steps;
};
struct body_take {
  struct body_attempt at;
  const uint8_t *proof;
};
/* Rows ascend by interval, so a set of starts has one encoding. A path has `height` hashes, that of the trace's tree:
 * the state knows which it has to be. */
enum { PUBLISH_ROWS_MAX = 256, PUBLISH_HEIGHT_MAX = 9, PUBLISH_ROW_BYTES = 2 + 32 + 32 };
struct publish_row {
  uint16_t interval; /* 1..256: root is its start, leaf interval - 1 of the trace */
  const uint8_t *root, *sigma, *path;
};
struct body_publish {
  struct body_attempt at;
  uint16_t count, height;
  const uint8_t *rows; /* count of {interval u16, root 32, sigma 32, path}; body_publish_row decodes row i */
};
struct publish_row body_publish_row(const struct body_publish *p, uint16_t i);
struct body_seal {
  struct body_attempt at;
  const uint8_t *hash;
};
/* roots are those of the whole trace, N + 1; every path has `height` hashes, that of the state's tree. */
enum { OPEN_ROOTS_MAX = 257, OPEN_LEAVES_MAX = 3, OPEN_LEAF_BYTES = 4096, OPEN_HEIGHT_MAX = 23 };
struct body_open {
  struct body_attempt at;
  const uint8_t *sigma, *roots;
  uint16_t roots_count, height;
  uint8_t leaves;
  const uint8_t *leaf[OPEN_LEAVES_MAX], *path[OPEN_LEAVES_MAX];
};
/* One probe to each end root: 32 zero bytes where none is due. */
enum { SHOW_ENDS_MAX = 256 };
struct body_show {
  struct body_attempt at;
  const uint8_t *salt, *ends, *probes;
  uint16_t ends_count;
};
struct body_move {
  uint64_t dispute;
  const uint8_t *move; /* as move_encode writes it; move_decode takes it */
  size_t move_length;
};
struct body_beacon {
  const uint8_t *proof;
};
enum { TAPES_POSTED_MAX = 8, TAPES_POSTED_BYTES_MAX = 921600 };
struct body_tape {
  const uint8_t *layout;
  uint32_t layout_length;
  uint8_t tapes;
  const uint8_t *tape[TAPES_POSTED_MAX];
  uint32_t tape_length[TAPES_POSTED_MAX];
};
enum fetch_what { FETCH_START = 0, FETCH_FINAL = 1 };
struct body_fetch {
  struct body_attempt at;
  uint8_t what, got; /* got 0 or 1 */
};

bool body_transfer_take(const struct transaction *t, struct body_transfer *out, struct why *why);
bool body_key_take(const struct transaction *t, struct body_key *out, struct why *why);
bool body_provider_take(const struct transaction *t, struct body_provider *out, struct why *why);
bool body_stake_take(const struct transaction *t, struct body_stake *out, struct why *why);
bool body_post_take(const struct transaction *t, struct body_post *out, struct why *why);
bool body_offer_take(const struct transaction *t, struct body_offer *out, struct why *why);
bool body_commit_take(const struct transaction *t, struct body_commit *out, struct why *why);
bool body_take_take(const struct transaction *t, struct body_take *out, struct why *why);
bool body_publish_take(const struct transaction *t, struct body_publish *out, struct why *why);
bool body_seal_take(const struct transaction *t, struct body_seal *out, struct why *why);
bool body_open_take(const struct transaction *t, struct body_open *out, struct why *why);
bool body_show_take(const struct transaction *t, struct body_show *out, struct why *why);
bool body_move_take(const struct transaction *t, struct body_move *out, struct why *why);
bool body_beacon_take(const struct transaction *t, struct body_beacon *out, struct why *why);
bool body_tape_take(const struct transaction *t, struct body_tape *out, struct why *why);
bool body_fetch_take(const struct transaction *t, struct body_fetch *out, struct why *why);

/* post and publish write the `tasks` rows of task and the `count` rows of row; task_rows and rows are not read. */
size_t body_transfer_put(const struct body_transfer *b, uint8_t *bytes, size_t bytes_max);
size_t body_key_put(const struct body_key *b, uint8_t *bytes, size_t bytes_max);
size_t body_provider_put(const struct body_provider *b, uint8_t *bytes, size_t bytes_max);
size_t body_stake_put(const struct body_stake *b, uint8_t *bytes, size_t bytes_max);
size_t body_post_put(const struct body_post *b, const struct job_task *task, uint8_t *bytes, size_t bytes_max);
size_t body_offer_put(const struct body_offer *b, uint8_t *bytes, size_t bytes_max);
size_t body_commit_put(const struct body_commit *b, uint8_t *bytes, size_t bytes_max);
size_t body_take_put(const struct body_take *b, uint8_t *bytes, size_t bytes_max);
size_t body_publish_put(const struct body_publish *b, const struct publish_row *row, uint8_t *bytes, size_t bytes_max);
size_t body_seal_put(const struct body_seal *b, uint8_t *bytes, size_t bytes_max);
size_t body_open_put(const struct body_open *b, uint8_t *bytes, size_t bytes_max);
size_t body_show_put(const struct body_show *b, uint8_t *bytes, size_t bytes_max);
size_t body_move_put(const struct body_move *b, uint8_t *bytes, size_t bytes_max);
size_t body_beacon_put(const struct body_beacon *b, uint8_t *bytes, size_t bytes_max);
size_t body_tape_put(const struct body_tape *b, uint8_t *bytes, size_t bytes_max);
size_t body_fetch_put(const struct body_fetch *b, uint8_t *bytes, size_t bytes_max);

#endif
