/* bech32m against BIP 350, and addresses over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/address.h"
#include "crypto/bech32.h"
#include "crypto/sha256.h"

/* BIP 350, "Test vectors for Bech32m". */
static const char *const good[] = {
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
};
static const char *const bad[] = {
    " 1xj0phk", /* character of prefix */
    "\x7f"
    "1g6xzxy",
    "\x80"
    "1vctc34",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4", /* too long */
    "qyrz8wqd2c9m",                                                                                /* no 1 */
    "1qyrz8wqd2c9m",                                                                               /* no prefix */
    "y1b0jsk6g", /* b is no letter of it */
    "lt1igcx5c0",
    "in1muywd", /* checksum too short */
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ", /* checksum over the prefix in capitals */
    "16plkw9",
    "1p2gdwpf",
    "A12UEL5L", /* BIP 173: right for the older bech32 */
    "a12uel5l",
    "A1lqfn3a", /* both cases */
    "",
    "1",
};

static void the_standards_strings(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    struct bech32 b;
    char again[BECH32_TEXT_MAX + 1], lower[BECH32_TEXT_MAX + 1];
    size_t length = strlen(good[i]);
    assert_true(bech32_read(good[i], length, &b));
    assert_int_equal(bech32_write(&b, again), length);
    for (size_t at = 0; at <= length; at++)
      lower[at] = (char)(good[i][at] >= 'A' && good[i][at] <= 'Z' ? good[i][at] + 32 : good[i][at]);
    assert_string_equal(again, lower);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct bech32 b;
    if (bech32_read(bad[i], strlen(bad[i]), &b)) fail_msg("%s was read", bad[i]);
  }
}

static void what_is_read(void **state) {
  (void)state;
  struct bech32 b;
  assert_true(bech32_read(good[3], strlen(good[3]), &b));
  assert_string_equal(b.prefix, "abcdef");
  assert_int_equal(b.count, 32);
  for (uint8_t i = 0; i < 32; i++) assert_int_equal(b.values[i], 31 - i);
}

static void no_string_is_written_that_would_not_be_read(void **state) {
  (void)state;
  char text[BECH32_TEXT_MAX + 1] = "untouched";
  struct bech32 b = {.prefix = "a", .count = 82}, c = {.prefix = "a", .count = 83}, d = {.prefix = "", .count = 1},
                e = {.prefix = "aB", .count = 1}, f = {.prefix = "a", .values = {32}, .count = 1};
  assert_int_equal(bech32_write(&c, text), 0);
  assert_int_equal(bech32_write(&d, text), 0);
  assert_int_equal(bech32_write(&e, text), 0);
  assert_int_equal(bech32_write(&f, text), 0);
  assert_string_equal(text, "untouched");
  assert_int_equal(bech32_write(&b, text), 90);
}

/* Up to four wrong characters are always found; here every single one and every neighbouring pair. */
static void mistyped_addresses_are_refused(void **state) {
  (void)state;
  static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l1bioA ";
  uint8_t account[32], read[32];
  char text[ADDRESS_TEXT_LENGTH + 1];
  struct why why;
  sha256("someone", 7, account);
  address_write(account, text);
  for (size_t i = 0; i < ADDRESS_TEXT_LENGTH; i++) {
    char right = text[i];
    for (const char *c = letters; *c; c++) {
      text[i] = *c;
      assert_int_equal(address_read(text, ADDRESS_TEXT_LENGTH, read, &why), *c == right);
    }
    text[i] = right;
    if (i == 0 || text[i - 1] == right) continue;
    text[i] = text[i - 1];
    text[i - 1] = right;
    assert_false(address_read(text, ADDRESS_TEXT_LENGTH, read, &why));
    text[i - 1] = text[i];
    text[i] = right;
  }
  assert_false(address_read(text, ADDRESS_TEXT_LENGTH - 1, read, &why));
  assert_true(address_read(text, ADDRESS_TEXT_LENGTH, read, NULL));
}

/* LEDGER 2.1.1; the texts by the bech32m of tests/crypto/draw_test.py, the id of a key by hashlib. */
static void known_addresses(void **state) {
  (void)state;
  uint8_t key[32], account[32], read[32];
  char text[ADDRESS_TEXT_LENGTH + 1];
  for (uint8_t i = 0; i < 32; i++) key[i] = i;
  address_of_key(key, account);
  address_write(account, text);
  assert_string_equal(text, "asy15mjz2snyyw722cjhgdj7hfnkkjsmv04862cp8ph5a9u0yts3nv2s5mqt85");
  assert_true(address_read(text, ADDRESS_TEXT_LENGTH, read, NULL));
  assert_memory_equal(read, account, sizeof account);
  memset(account, 0, sizeof account);
  address_write(account, text);
  assert_string_equal(text, "asy1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq3xk4c");
}

/* One account, one text: right checksums over what is no account. */
static void only_one_text_for_an_account(void **state) {
  (void)state;
  uint8_t account[32] = {0xff, 1}, read[32];
  char text[BECH32_TEXT_MAX + 1], address[ADDRESS_TEXT_LENGTH + 1];
  struct bech32 b;
  address_write(account, address);
  assert_true(bech32_read(address, ADDRESS_TEXT_LENGTH, &b));
  for (uint8_t padding = 0; padding < 16; padding++) {
    b.values[51] = (b.values[51] & 16) | padding;
    assert_int_equal(bech32_write(&b, text), ADDRESS_TEXT_LENGTH);
    assert_int_equal(address_read(text, ADDRESS_TEXT_LENGTH, read, NULL), padding == 0);
  }
  b.values[51] &= 16;
  memcpy(b.prefix, "asz", 4);
  assert_int_equal(bech32_write(&b, text), ADDRESS_TEXT_LENGTH);
  assert_false(address_read(text, ADDRESS_TEXT_LENGTH, read, NULL));
  memcpy(b.prefix, "as", 3);
  b.count = 53;
  assert_int_equal(bech32_write(&b, text), ADDRESS_TEXT_LENGTH);
  assert_false(address_read(text, ADDRESS_TEXT_LENGTH, read, NULL));
  memcpy(b.prefix, "asy1q", 6); /* a second 1 */
  b.count = 50;
  assert_int_equal(bech32_write(&b, text), ADDRESS_TEXT_LENGTH);
  assert_false(address_read(text, ADDRESS_TEXT_LENGTH, read, NULL));
  for (size_t i = 0; i < ADDRESS_TEXT_LENGTH; i++)
    if (address[i] >= 'a' && address[i] <= 'z') address[i] = (char)(address[i] - 32);
  assert_true(bech32_read(address, ADDRESS_TEXT_LENGTH, &b));
  assert_false(address_read(address, ADDRESS_TEXT_LENGTH, read, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_standards_strings),
      cmocka_unit_test(what_is_read),
      cmocka_unit_test(no_string_is_written_that_would_not_be_read),
      cmocka_unit_test(mistyped_addresses_are_refused),
      cmocka_unit_test(known_addresses),
      cmocka_unit_test(only_one_text_for_an_account),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
