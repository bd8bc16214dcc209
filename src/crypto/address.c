#include "crypto/address.h"

#include <assert.h>
#include <string.h>

#include "crypto/bech32.h"
#include "crypto/sha256.h"

enum { VALUES = 52, FIVE = 5 }; /* 256 bits in groups of five: 51, and one bit with four of padding */

static const char prefix[] = "asy";

void address_of_key(const uint8_t key[32], uint8_t account[ADDRESS_ACCOUNT_BYTES]) {
  static const uint8_t kind = 0x10; /* LEDGER 2.1: one key */
  sha256_parts((struct sha256_part[]){{&kind, 1}, {key, 32}}, 2, account);
}

/* Bit i of the id, the highest bit of the first byte first. */
static uint32_t bit(const uint8_t *bytes, uint32_t i) { return bytes[i / 8] >> (7 - i % 8) & 1u; }

void address_write(const uint8_t account[ADDRESS_ACCOUNT_BYTES], char text[ADDRESS_TEXT_LENGTH + 1]) {
  struct bech32 b = {.count = VALUES};
  memcpy(b.prefix, prefix, sizeof prefix);
  for (uint32_t i = 0; i < 8 * ADDRESS_ACCOUNT_BYTES; i++)
    b.values[i / FIVE] |= (uint8_t)(bit(account, i) << (FIVE - 1 - i % FIVE));
  char written[BECH32_TEXT_MAX + 1];
  size_t length = bech32_write(&b, written);
  assert(length == ADDRESS_TEXT_LENGTH);
  memcpy(text, written, ADDRESS_TEXT_LENGTH + 1);
}

bool address_read(const char *text, size_t length, uint8_t account[ADDRESS_ACCOUNT_BYTES], struct why *why) {
  struct bech32 b;
  uint8_t id[ADDRESS_ACCOUNT_BYTES] = {0};
  if (length != ADDRESS_TEXT_LENGTH || memcmp(text, "asy1", 4) != 0) {
    why_set(why, "an address is asy1 and 58 small letters and digits");
    return false;
  }
  if (!bech32_read(text, length, &b)) {
    why_set(why, "not an address: the checksum is wrong, so a character is mistyped or a capital");
    return false;
  }
  /* Of this length, with asy1 in front, 52 values leave no other prefix than ours. */
  uint8_t padding = b.values[VALUES - 1] & 15;
  if (b.count != VALUES || padding) {
    why_set(why, "not an address: the checksum is right but it holds no account id");
    return false;
  }
  for (uint32_t i = 0; i < 8 * ADDRESS_ACCOUNT_BYTES; i++)
    id[i / 8] |= (uint8_t)((b.values[i / FIVE] >> (FIVE - 1 - i % FIVE) & 1) << (7 - i % 8));
  memcpy(account, id, sizeof id);
  return true;
}
