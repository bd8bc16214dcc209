#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "store/kv/inside.h"

void kv_big64(uint64_t x, uint8_t bytes[8]) {
  for (int i = 8; i-- > 0; x >>= 8) bytes[i] = (uint8_t)x;
}

void kv_big32(uint32_t x, uint8_t bytes[4]) {
  for (int i = 4; i-- > 0; x >>= 8) bytes[i] = (uint8_t)x;
}

uint64_t kv_of_big64(const uint8_t bytes[8]) {
  uint64_t x = 0;
  for (int i = 0; i < 8; i++) x = x << 8 | bytes[i];
  return x;
}

uint32_t kv_of_big32(const uint8_t bytes[4]) {
  uint32_t x = 0;
  for (int i = 0; i < 4; i++) x = x << 8 | bytes[i];
  return x;
}

void kv_event_key(const char *name, const char *value, uint8_t key[32]) {
  sha256_parts((struct sha256_part[]){{name, strlen(name) + 1}, {value, strlen(value)}}, 2, key);
}

struct kv_batch *kv_batch_open(void) {
  struct kv_batch *b = calloc(1, sizeof *b);
  assert(b && "memory for a batch");
  return b;
}

void kv_batch_shut(struct kv_batch *b) {
  if (!b) return;
  free(b->bytes);
  free(b);
}

void kv_batch_clear(struct kv_batch *b) {
  b->used = 0;
  b->height = b->receipts_first = b->receipts_count = 0;
  b->block = false;
}

static void append(struct kv_batch *b, const void *bytes, size_t length) {
  if (b->size - b->used < length) {
    size_t size = b->size ? b->size : 1 << 16;
    while (size - b->used < length) size *= 2;
    b->bytes = realloc(b->bytes, size);
    assert(b->bytes && "memory for a batch");
    b->size = size;
  }
  if (length) memcpy(b->bytes + b->used, bytes, length);
  b->used += length;
}

/* A value may come in parts. */
static void change(struct kv_batch *b, enum kv_table table, const void *key, size_t key_length,
                   const struct kv_span *values, size_t count) {
  struct kv_change c = {.table = (uint8_t)table, .erase = !values, .key_length = (uint32_t)key_length};
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += values[i].length;
  assert(length <= UINT32_MAX);
  c.value_length = (uint32_t)length;
  append(b, &c, sizeof c);
  append(b, key, key_length);
  for (size_t i = 0; i < count; i++) append(b, values[i].bytes, values[i].length);
}

bool kv_batch_next(const struct kv_batch *b, size_t *at, struct kv_change *c, const uint8_t **key,
                   const uint8_t **value) {
  if (*at == b->used) return false;
  memcpy(c, b->bytes + *at, sizeof *c);
  *key = b->bytes + *at + sizeof *c;
  *value = *key + c->key_length;
  *at += sizeof *c + c->key_length + c->value_length;
  return true;
}

bool kv_batch_record(void *batch, const struct map_key *key, const struct map_value *value) {
  struct kv_span span = {value ? value->bytes : NULL, value ? value->length : 0};
  change(batch, KV_STATE, key->bytes, key->length, value ? &span : NULL, value ? 1 : 0);
  return true;
}

void kv_batch_receipt(void *batch, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                      size_t payments_length) {
  struct kv_batch *b = batch;
  uint8_t key[8], first[4];
  if (!b->receipts_count) b->receipts_first = number;
  assert(number == b->receipts_first + b->receipts_count && "receipts in order of number");
  b->receipts_count++;
  kv_big64(number, key);
  kv_big32((uint32_t)length, first);
  change(b, KV_RECEIPT, key, sizeof key,
         (struct kv_span[]){{first, sizeof first}, {bytes, length}, {payments, payments_length}}, 3);
}

void kv_batch_content(void *batch, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  change(batch, KV_CONTENT, hash, 32, &(struct kv_span){bytes, length}, 1);
}

/* The block's height is not known yet: it is put in when the batch is written. */
void kv_batch_transaction(struct kv_batch *b, const uint8_t id[32], uint32_t index) {
  uint8_t value[12] = {0};
  kv_big32(index, value + 8);
  change(b, KV_TRANSACTION, id, 32, &(struct kv_span){value, sizeof value}, 1);
}

void kv_batch_event(struct kv_batch *b, const char *name, const char *value, uint32_t index) {
  uint8_t key[KV_EVENT_KEY_BYTES] = {0};
  kv_event_key(name, value, key);
  kv_big32(index, key + 40);
  change(b, KV_EVENT, key, sizeof key, &(struct kv_span){NULL, 0}, 1);
}

void kv_batch_block(struct kv_batch *b, const struct kv_block *block) {
  uint8_t height[8];
  assert(!b->block && "one block a batch");
  b->block = true;
  b->height = block->height;
  kv_big64(block->height, height);
  change(b, KV_BLOCK, height, 8, &block->block, 1);
  change(b, KV_COMMIT, height, 8, &block->commit, 1);
  change(b, KV_RESULTS, height, 8, (struct kv_span[]){{block->hash, 32}, block->results}, 2);
  change(b, KV_HASH, block->hash, 32, &(struct kv_span){height, 8}, 1);
}
