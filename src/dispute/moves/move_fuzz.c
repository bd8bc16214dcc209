/* Bytes as a move, and its payload as every kind under heights that the first byte picks. */
#include <stdlib.h>

#include "dispute/moves/move.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

static uint32_t sum(const uint8_t *bytes, size_t length) {
  uint32_t total = 0;
  for (size_t i = 0; i < length; i++) total += bytes[i];
  return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct move m;
  static uint8_t again[MOVE_BYTES_MAX];
  volatile uint32_t touched = 0; /* what was lent lies within the move: address sanitizer looks */
  if (length < 1) return 0;
  uint32_t a = data[0] % 24, b = data[0] / 24 * 2;
  if (!move_decode(data + 1, length - 1, &m, NULL)) return 0;
  CHECK(move_encode(&m, again, sizeof again) == length - 1);
  CHECK(memcmp(again, data + 1, length - 1) == 0);
  struct move_challenge challenge;
  struct move_values values;
  struct move_node node;
  struct move_express express;
  struct move_case c;
  struct move_proof proof;
  const uint8_t *bytes;
  uint32_t count;
  uint16_t number;
  if (move_take_challenge(&m, &challenge)) touched += challenge.interval;
  if (move_take_steps(&m, (uint16_t)(1 + data[0]), &bytes)) touched += sum(bytes, (1u + data[0]) * MERKLE_BYTES);
  if (move_take_values(&m, a, b, &values)) {
    CHECK(values.temp_count <= MOVE_TOP_NODES_MAX && values.out_count <= MOVE_TOP_NODES_MAX);
    touched += sum(values.temp_nodes, values.temp_count * MERKLE_BYTES) +
               sum(values.out_nodes, values.out_count * MERKLE_BYTES);
  }
  if (move_take_node(&m, &node)) touched += node.index;
  if (move_take_express(&m, a, b, &express))
    touched += sum(express.path, (express.space == TAPE_TEMP ? a : b) * MERKLE_BYTES);
  if (move_take_slab(&m, &bytes)) touched += sum(bytes, MOVE_SLAB_NODES * MERKLE_BYTES);
  if (move_take_leaf(&m, &bytes)) touched += sum(bytes, TAPE_LEAF_BYTES);
  if (move_take_case(&m, a % 15, &c)) {
    CHECK(c.words_count <= MOVE_WORDS_MAX);
    touched +=
        sum(c.record_bytes, c.record_length) + sum(c.path, a % 15 * MERKLE_BYTES) + sum(c.words, 4 * c.words_count);
  }
  if (move_take_u16(&m, &number)) touched += number;
  if (move_take_words(&m, &bytes, &count)) touched += sum(bytes, 4 * (size_t)count);
  if (move_take_proof(&m, a, &proof)) touched += sum(proof.path, a * MERKLE_BYTES);
  (void)touched;
  return 0;
}
