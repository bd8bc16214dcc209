/* certificate: a file that shows, to whoever knows a chain's validators, what a job was, what came of it and who
 * checked it. LEDGER 18.
 *
 * It has the header behind the block in which a task was settled, the signatures under it, and what lies under that
 * header's app hash: the receipts of the job's posting and of its tasks up to that one, with their paths. Pure
 * functions of its bytes: no memory, file, clock or floating point. Call sign_open first. Uses: crypto, commit/job,
 * ledger/{receipt,log,money}, engine/comet. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H
#include "base/why.h"
#include "engine/comet/commit.h"
#include "ledger/log/log.h"
#include "ledger/receipt/receipt.h"

enum {
  CERTIFICATE_VERSION = 1,
  CERTIFICATE_VALIDATORS_MAX = 100, /* LEDGER 3.3 */
  CERTIFICATE_RECEIPTS_MAX = 1 + 1024,
  CERTIFICATE_JOB_BYTES_MAX = 32768,
  CERTIFICATE_LAYOUT_BYTES_MAX = 921600, /* LEDGER 7.3 */
  CERTIFICATE_SPEC_BYTES_MAX = 1 << 20,
  CERTIFICATE_BYTES_MAX = 4 << 20
};

/* Bytes that somebody else holds. */
struct certificate_span {
  const uint8_t *bytes;
  size_t length;
};

/* A receipt as the log has it; the path's length follows from the receipt's number and the log's size. */
struct certificate_receipt {
  const uint8_t *receipt; /* RECEIPT_BYTES */
  const uint8_t (*path)[LOG_HASH_BYTES];
};

/* The job, PROTOCOL M3.1: what decides a result. Pointers are into the bytes that are read: exactly one, or false. */
struct certificate_job {
  uint16_t canon, lower;
  uint8_t seed_mode, level;
  uint64_t seed;
  uint32_t first_step;
  uint8_t tapes, data;
  uint16_t tasks;
  const uint8_t *tape_root, *task, *layout_hash, *start_root, *data_root; /* task: steps u32, interval u16, class u8 */
};

bool certificate_job_read(const uint8_t *bytes, size_t length, struct certificate_job *out);

/* What stands in a certificate; lent by its bytes. certificate_decode takes exactly one certificate and nothing behind
 * it, and what it takes certificate_encode writes as the same bytes. False, with why: it is none, and *out is
 * untouched. Whether it is true is not looked at. */
struct certificate {
  struct comet_header header;
  uint32_t round, parts; /* of the commit, whose height and block are the header's */
  uint8_t parts_hash[32];
  uint16_t validators;
  struct comet_validator validator[CERTIFICATE_VALIDATORS_MAX];
  struct comet_signature signature[CERTIFICATE_VALIDATORS_MAX];
  uint8_t state_root[32];
  uint64_t log_size;
  uint16_t receipts; /* the posting, then tasks 0, 1, .. */
  struct certificate_span receipt_rows, job_bytes, payments, layout, spec;
  struct certificate_job job;
  struct receipt posted, settled; /* the first and the last of the receipts */
};
bool certificate_decode(const uint8_t *bytes, size_t length, struct certificate *out, struct why *why);

/* certificate_next gives the receipts one after the other; *offset begins with 0. False behind the last. */
bool certificate_next(const struct certificate *c, size_t *offset, struct certificate_receipt *out);

/* certificate_task reads a row of the job's tasks. */
struct certificate_task {
  uint32_t steps;
  uint16_t interval_steps;
  uint8_t time_class;
};
struct certificate_task certificate_task(const struct certificate_job *job, uint16_t index);

/* certificate_encode returns the length, 0 if it does not fit; header, commit, validators and receipts are valid, the
 * commit is of that header, and its places are those of the validators. layout and spec may be empty. */
struct certificate_parts {
  const struct comet_header *header;
  const struct comet_commit *commit;
  const struct comet_validator *validator; /* commit->count of them */
  const uint8_t *state_root;
  uint64_t log_size;
  uint16_t receipts;
  const struct certificate_receipt *receipt;
  struct certificate_span job, payments, layout, spec;
};
size_t certificate_encode(const struct certificate_parts *p, uint8_t *bytes, size_t bytes_max);

/* certificate_with writes the same certificate with another spec; 0 if it does not fit. */
size_t certificate_with(const struct certificate *c, const uint8_t *bytes, size_t length, struct certificate_span spec,
                        uint8_t *out, size_t out_max);

/* What is asked, in this order; the answer is the first that fails. */
enum certificate_check {
  CERTIFICATE_TRUE = 0,
  CERTIFICATE_WRONG_SIGNATURES = 1, /* the header is not signed by more than two thirds of these validators */
  CERTIFICATE_WRONG_ANCHOR = 2,     /* they are not the validators that the caller knows */
  CERTIFICATE_WRONG_RECEIPTS = 3,   /* they do not tell one job from its posting on */
  CERTIFICATE_WRONG_LOG = 4,        /* a receipt does not lie under the header's app hash */
  CERTIFICATE_WRONG_JOB = 5,        /* the job is not the one that was posted */
  CERTIFICATE_WRONG_PAYMENTS = 6,
  CERTIFICATE_WRONG_LAYOUT = 7,
  CERTIFICATE_WRONG_SPEC = 8
};

/* certificate_verify: LEDGER 18.5. anchor: the hash of the validators that the caller trusts, NULL for none; then it is
 * for a person to compare c->header.validators with what is known from elsewhere. Cost: an ed25519 check for each
 * signature, and a path for each receipt. */
enum certificate_check certificate_verify(const struct certificate *c, const uint8_t *anchor, struct why *why);
const char *certificate_check_text(enum certificate_check check);

/* certificate_intervals: how many intervals the last task ran, N_c of LEDGER 9.2; 0 where the job, which may not be the
 * posted one, does not tell. */
uint16_t certificate_intervals(const struct certificate *c);

#endif
