#include "engine/comet/block.h"

#include <assert.h>
#include <string.h>

#include "crypto/sha256.h"
#include "engine/comet/proto.h"
#include "ledger/log/log.h"

/* Fields of a block; of data and of the evidence list. */
enum { HEADER = 1, DATA = 2, EVIDENCE = 3, LAST_COMMIT = 4, ENTRY = 1 };

static size_t message_bytes(size_t length) { return 1 + proto_varint_bytes(length) + length; }

static size_t data_bytes(const struct comet_block *b) {
  size_t length = 0;
  for (uint32_t i = 0; i < b->count; i++) length += message_bytes(b->transactions[i].length);
  return length;
}

size_t comet_block_bytes(const struct comet_block *b) {
  uint8_t header[COMET_HEADER_BYTES_MAX];
  return message_bytes(comet_header_encode(&b->header, header)) + message_bytes(data_bytes(b)) + message_bytes(0) +
         message_bytes(comet_commit_bytes(&b->last));
}

size_t comet_block_encode(const struct comet_block *b, uint8_t *bytes, size_t bytes_max) {
  uint8_t header[COMET_HEADER_BYTES_MAX];
  size_t header_length = comet_header_encode(&b->header, header), commit_length = comet_commit_bytes(&b->last);
  struct writer w = writer_over(bytes, bytes_max);
  proto_put_message(&w, HEADER, header, header_length);
  put_u8(&w, proto_tag(DATA, PROTO_BYTES));
  put_varint(&w, data_bytes(b));
  for (uint32_t i = 0; i < b->count; i++)
    proto_put_message(&w, ENTRY, b->transactions[i].bytes, b->transactions[i].length);
  proto_put_message(&w, EVIDENCE, NULL, 0);
  put_u8(&w, proto_tag(LAST_COMMIT, PROTO_BYTES));
  put_varint(&w, commit_length);
  assert(!w.full && (size_t)(w.end - w.at) >= commit_length && "room for comet_block_bytes");
  w.at += comet_commit_encode(&b->last, w.at, commit_length);
  return bytes_written(&w);
}

bool comet_block_decode(const uint8_t *bytes, size_t length, const struct comet_space *space, struct comet_block *out) {
  struct comet_block b = {.transactions = space->transactions};
  if (length > COMET_BLOCK_BYTES_MAX) return false;
  struct reader r = reader_over(bytes, length), header = proto_take_message(&r, HEADER),
                data = proto_take_message(&r, DATA), evidence = proto_take_message(&r, EVIDENCE),
                last = proto_take_message(&r, LAST_COMMIT);
  if (!bytes_done(&r) || bytes_left(&evidence)) return false;
  while (!data.short_of && data.at < data.end) {
    struct reader one = proto_take_message(&data, ENTRY);
    if (data.short_of || b.count == space->transactions_max) return false;
    space->transactions[b.count++] = (struct comet_span){one.at, bytes_left(&one)};
  }
  if (!comet_header_decode(header.at, bytes_left(&header), &b.header) ||
      !comet_commit_decode(last.at, bytes_left(&last), space->signatures, space->signatures_max, &b.last))
    return false;
  *out = b;
  return true;
}

static void filled(const struct comet_block *b, struct comet_header *h) {
  h->last = b->last.block;
  comet_commit_hash(&b->last, h->last_commit);
  comet_data_hash(b->transactions, b->count, h->data);
  comet_evidence_none(h->evidence);
}

void comet_block_fill(struct comet_block *b) { filled(b, &b->header); }

bool comet_block_consistent(const struct comet_block *b) {
  struct comet_header h = b->header;
  filled(b, &h);
  return comet_block_id_equal(&h.last, &b->header.last) &&
         memcmp(h.last_commit, b->header.last_commit, COMET_HASH_BYTES) == 0 &&
         memcmp(h.data, b->header.data, COMET_HASH_BYTES) == 0 &&
         memcmp(h.evidence, b->header.evidence, COMET_HASH_BYTES) == 0;
}

struct comet_block_id comet_block_id(const struct comet_header *header, const uint8_t *bytes, size_t length) {
  struct comet_block_id id;
  comet_header_hash(header, id.hash);
  comet_parts(bytes, length, &id.parts, id.parts_hash);
  return id;
}

void comet_transaction_leaf(const uint8_t *bytes, size_t length, uint8_t leaf[COMET_HASH_BYTES]) {
  uint8_t id[SHA256_BYTES];
  sha256(bytes, length, id);
  comet_leaf(id, sizeof id, leaf);
}

void comet_data_hash(const struct comet_span *transactions, uint32_t count, uint8_t hash[COMET_HASH_BYTES]) {
  struct log tree = {0};
  for (uint32_t i = 0; i < count; i++) {
    uint8_t leaf[COMET_HASH_BYTES];
    comet_transaction_leaf(transactions[i].bytes, transactions[i].length, leaf);
    log_add(&tree, leaf);
  }
  log_root(&tree, hash);
}

/* code = 1, data = 2, gas_wanted = 5, gas_used = 6; text and events are not bound. The data may be long, so it is
 * hashed from where it lies. */
void comet_result_leaf(const struct comet_result *r, uint8_t leaf[COMET_HASH_BYTES]) {
  uint8_t head_bytes[1 + 2 * (1 + PROTO_VARINT_MAX)], tail_bytes[2 * (1 + PROTO_VARINT_MAX)];
  struct writer head = writer_over(head_bytes, sizeof head_bytes), tail = writer_over(tail_bytes, sizeof tail_bytes);
  put_u8(&head, 0x00); /* a leaf */
  proto_put_number(&head, 1, r->code);
  if (r->data.length) {
    put_u8(&head, proto_tag(2, PROTO_BYTES));
    put_varint(&head, r->data.length);
  }
  proto_put_number(&tail, 5, (uint64_t)r->gas_wanted);
  proto_put_number(&tail, 6, (uint64_t)r->gas_used);
  assert(!head.full && !tail.full);
  const struct sha256_part parts[] = {
      {head_bytes, bytes_written(&head)}, {r->data.bytes, r->data.length}, {tail_bytes, bytes_written(&tail)}};
  sha256_parts(parts, 3, leaf);
}

void comet_results_hash(const struct comet_result *results, uint32_t count, uint8_t hash[COMET_HASH_BYTES]) {
  struct log tree = {0};
  for (uint32_t i = 0; i < count; i++) {
    uint8_t leaf[COMET_HASH_BYTES];
    comet_result_leaf(&results[i], leaf);
    log_add(&tree, leaf);
  }
  log_root(&tree, hash);
}

void comet_params_hash(int64_t block_max_bytes, int64_t block_max_gas, uint8_t hash[COMET_HASH_BYTES]) {
  uint8_t bytes[2 * (1 + PROTO_VARINT_MAX)];
  struct writer w = writer_over(bytes, sizeof bytes);
  proto_put_number(&w, 1, (uint64_t)block_max_bytes);
  proto_put_number(&w, 2, (uint64_t)block_max_gas);
  assert(!w.full);
  sha256(bytes, bytes_written(&w), hash);
}

void comet_evidence_none(uint8_t hash[COMET_HASH_BYTES]) { sha256("", 0, hash); }
