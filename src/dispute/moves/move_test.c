/* Moves and their bytes: one encoding each, exact lengths, no kind at a number that does not have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/moves/move.h"

/* The table of PROTOCOL P2, by hand: number, kind, shortest and longest payload, step between lengths. */
static const struct {
  uint8_t number, kind;
  uint32_t least, most, unit;
} table[] = {
    {1, MOVE_CHALLENGE, 40, 40, 1},   {2, MOVE_STEPS, 64, 8192, 32},   {3, MOVE_STEP, 2, 2, 1},
    {4, MOVE_VALUES, 96, 8224, 32},   {5, MOVE_NODE, 5, 5, 1},         {5, MOVE_EXPRESS, 37, 773, 32},
    {6, MOVE_SLAB, 8192, 8192, 1},    {7, MOVE_NODE, 4, 4, 1},         {8, MOVE_SLAB, 8192, 8192, 1},
    {9, MOVE_NODE, 4, 4, 1},          {10, MOVE_LEAF, 4096, 4096, 1},  {11, MOVE_CASE, 6, 10710, 1},
    {12, MOVE_CHUNK, 2, 2, 1},        {13, MOVE_OPERANDS, 0, 8208, 4}, {14, MOVE_OPERAND, 2, 2, 1},
    {15, MOVE_PROOF, 4096, 4832, 32},
};
enum { ROWS = sizeof table / sizeof *table };

static bool in_table(uint32_t number, uint32_t kind, uint32_t length) {
  for (uint32_t i = 0; i < ROWS; i++)
    if (table[i].number == number && table[i].kind == kind)
      return length >= table[i].least && length <= table[i].most && (length - table[i].least) % table[i].unit == 0;
  return false;
}

static void every_head_as_the_table_says(void **state) {
  (void)state;
  static uint8_t bytes[MOVE_BYTES_MAX + 64], again[MOVE_BYTES_MAX];
  static struct move m;
  uint32_t accepted = 0;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
  for (uint32_t number = 0; number < 18; number++)
    for (uint32_t kind = 0; kind < 16; kind++)
      for (uint32_t length = 0; length <= MOVE_PAYLOAD_MAX + 2; length++) {
        bytes[0] = (uint8_t)number;
        bytes[1] = (uint8_t)kind;
        bytes[2] = (uint8_t)length;
        bytes[3] = (uint8_t)(length >> 8);
        bool good = move_decode(bytes, MOVE_HEAD_BYTES + length, &m, NULL);
        if (good != in_table(number, kind, length)) fail_msg("number %u kind %u length %u", number, kind, length);
        if (!good) continue;
        accepted++;
        assert_false(move_decode(bytes, MOVE_HEAD_BYTES + length + 1, &m, NULL)); /* a byte left over */
        assert_false(move_decode(bytes, MOVE_HEAD_BYTES + length - 1, &m, NULL)); /* a byte short */
        assert_int_equal(move_encode(&m, again, sizeof again), MOVE_HEAD_BYTES + length);
        assert_memory_equal(bytes, again, MOVE_HEAD_BYTES + length);
        assert_int_equal(move_encode(&m, again, MOVE_HEAD_BYTES + length - 1), 0);
      }
  assert_true(accepted > 10000);
}

static void a_refused_move_writes_nothing(void **state) {
  (void)state;
  static struct move m, before;
  memset(&m, 0x5a, sizeof m);
  before = m;
  assert_false(move_decode((const uint8_t[]){3, MOVE_STEP, 2, 0, 1}, 5, &m, NULL));
  assert_false(move_decode((const uint8_t[]){3, MOVE_SLAB, 0, 0}, 4, &m, NULL));
  assert_memory_equal(&m, &before, sizeof m);
}

static void seats_alternate_along_the_table(void **state) {
  (void)state;
  static const bool claimant[16] = {
      [2] = true, [4] = true, [6] = true, [8] = true, [10] = true, [12] = true, [14] = true};
  for (uint8_t n = 1; n <= MOVE_NUMBER_MAX; n++) assert_int_equal(move_by_claimant(n), claimant[n]);
  static const uint32_t level[] = {0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16};
  for (uint32_t h = 0; h <= MOVE_TREE_HEIGHT_MAX; h++) assert_int_equal(move_top_level(h), level[h]);
}

static void payloads_come_back(void **state) {
  (void)state;
  static struct move m;
  uint8_t hash[MERKLE_BYTES], path[3 * MERKLE_BYTES];
  memset(hash, 0xab, sizeof hash);
  memset(path, 0xcd, sizeof path);

  struct move_challenge challenge;
  move_begin(&m, MOVE_OPEN, MOVE_CHALLENGE);
  move_put_bytes(&m, hash, sizeof hash);
  move_put_u32(&m, 0x01020304);
  move_put_u16(&m, 256);
  move_put_u16(&m, 7);
  assert_true(move_take_challenge(&m, &challenge));
  assert_memory_equal(challenge.job_root, hash, sizeof hash);
  assert_true(challenge.task == 0x01020304 && challenge.interval == 256 && challenge.inner == 7);

  struct move_express express;
  move_begin(&m, MOVE_5, MOVE_EXPRESS);
  move_put_u8(&m, TAPE_OUT);
  move_put_u32(&m, 5);
  move_put_bytes(&m, hash, sizeof hash);
  move_put_bytes(&m, path, sizeof path);
  assert_true(move_take_express(&m, 9, 3, &express)); /* the state's height, not the values' */
  assert_false(move_take_express(&m, 3, 9, &express));
  assert_true(express.space == TAPE_OUT && express.leaf == 5);
  assert_memory_equal(express.path, path, sizeof path);
  m.payload[0] = TAPE_IN;
  assert_false(move_take_express(&m, 3, 3, &express));

  struct move_case c;
  move_begin(&m, MOVE_11, MOVE_CASE);
  move_put_u16(&m, 1023);
  move_put_u16(&m, 12);
  move_put_u16(&m, 5);
  move_put_bytes(&m, "abcde", 5);
  move_put_bytes(&m, path, sizeof path);
  move_put_u32(&m, 0x11223344);
  move_put_u32(&m, 0x7fc00000);
  assert_true(move_take_case(&m, 3, &c));
  assert_true(c.element == 1023 && c.record == 12 && c.record_length == 5 && c.words_count == 2);
  assert_memory_equal(c.record_bytes, "abcde", 5);
  assert_int_equal(move_word(c.words, 1), 0x7fc00000);
  assert_false(move_take_case(&m, 4, &c)); /* what is left is not a path of four */
  m.length--;
  assert_false(move_take_case(&m, 3, &c)); /* no whole words */
  m.length++;
  m.payload[4] = 1;
  m.payload[5] = 8; /* a record of 2,049 bytes */
  assert_false(move_take_case(&m, 3, &c));

  struct move_values v;
  move_begin(&m, MOVE_4, MOVE_VALUES);
  for (uint32_t i = 0; i < 1 + 4 + 2; i++) move_put_bytes(&m, hash, sizeof hash);
  assert_true(move_take_values(&m, 18, 9, &v));
  assert_true(v.temp_count == 4 && v.out_count == 2 && v.out_nodes == m.payload + 5 * MERKLE_BYTES);
  assert_false(move_take_values(&m, 18, 10, &v));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_head_as_the_table_says),
      cmocka_unit_test(a_refused_move_writes_nothing),
      cmocka_unit_test(seats_alternate_along_the_table),
      cmocka_unit_test(payloads_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
