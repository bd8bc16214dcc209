/* Text from strangers: what is read is written again as the same text, apart from capitals, which no address has. */
#include <assert.h>
#include <string.h>

#include "crypto/address.h"
#include "crypto/bech32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct bech32 b;
  uint8_t account[ADDRESS_ACCOUNT_BYTES];
  char text[BECH32_TEXT_MAX + 1], address[ADDRESS_TEXT_LENGTH + 1];
  bool read = bech32_read((const char *)data, length, &b);
  if (read) {
    size_t again = bech32_write(&b, text);
    assert(again == length);
    for (size_t i = 0; i < length; i++) {
      char c = (char)data[i];
      assert(text[i] == (c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
  }
  if (!address_read((const char *)data, length, account, NULL)) return 0;
  address_write(account, address);
  assert(read && length == ADDRESS_TEXT_LENGTH && memcmp(data, address, length) == 0);
  return 0;
}
