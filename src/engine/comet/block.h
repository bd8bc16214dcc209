/* block: transactions in order under one header, and the hashes of what is in it and of what came out. ENGINE 2.3, 5.
 *
 * A block's bytes are given out, kept and cut into parts; a decoded block points into them. Blocks with evidence are
 * refused until there is more than one validator. Integers and bytes only; no heap. Uses: header, commit. */
#ifndef ENGINE_COMET_BLOCK_H
#define ENGINE_COMET_BLOCK_H
#include "engine/comet/commit.h"

/* Bytes that somebody else holds. */
struct comet_span {
  const uint8_t *bytes;
  size_t length;
};

enum { COMET_BLOCK_BYTES_MAX = 100 << 20 };

struct comet_block {
  struct comet_header header;
  uint32_t count;
  const struct comet_span *transactions;
  struct comet_commit last; /* for the block before */
};

/* comet_block_encode needs a valid header and commit and room for comet_block_bytes of it, which is what it returns.
 * comet_block_decode takes exactly what encode gives, at most COMET_BLOCK_BYTES_MAX; it writes to the caller's arrays,
 * and out points there and into bytes. Neither compares the header with the rest: comet_block_fill does the one,
 * comet_block_consistent the other. */
struct comet_space {
  struct comet_span *transactions;
  uint32_t transactions_max;
  struct comet_signature *signatures;
  uint32_t signatures_max;
};
size_t comet_block_bytes(const struct comet_block *b);
size_t comet_block_encode(const struct comet_block *b, uint8_t *bytes, size_t bytes_max);
bool comet_block_decode(const uint8_t *bytes, size_t length, const struct comet_space *space, struct comet_block *out);

/* comet_block_fill writes those fields of the header that follow from the rest: last, last_commit, data, evidence.
 * comet_block_consistent says whether they are as fill would write them. comet_block_id names an encoded block. */
void comet_block_fill(struct comet_block *b);
bool comet_block_consistent(const struct comet_block *b);
struct comet_block_id comet_block_id(const struct comet_header *header, const uint8_t *bytes, size_t length);

/* The leaf of a transaction in the tree under header.data; comet_data_hash is its root. */
void comet_transaction_leaf(const uint8_t *bytes, size_t length, uint8_t leaf[COMET_HASH_BYTES]);
void comet_data_hash(const struct comet_span *transactions, uint32_t count, uint8_t hash[COMET_HASH_BYTES]);

/* What a transaction's execution gave, as far as header.last_results of the next block binds it. */
struct comet_result {
  uint32_t code;
  struct comet_span data;
  int64_t gas_wanted, gas_used;
};
void comet_result_leaf(const struct comet_result *r, uint8_t leaf[COMET_HASH_BYTES]);
void comet_results_hash(const struct comet_result *results, uint32_t count, uint8_t hash[COMET_HASH_BYTES]);

/* header.params; max_gas is -1 where there is no limit. header.evidence of a block without evidence. */
void comet_params_hash(int64_t block_max_bytes, int64_t block_max_gas, uint8_t hash[COMET_HASH_BYTES]);
void comet_evidence_none(uint8_t hash[COMET_HASH_BYTES]);

#endif
