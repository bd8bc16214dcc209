/* address: who an account belongs to, and how people write it. LEDGER 2.1, 2.1.1.
 *
 * An account id is a hash of its first public key; its text is asy1 and 58 characters of bech32m. One account has one
 * text. Uses: sha256, bech32. */
#ifndef CRYPTO_ADDRESS_H
#define CRYPTO_ADDRESS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum { ADDRESS_ACCOUNT_BYTES = 32, ADDRESS_TEXT_LENGTH = 62 };

/* address_of_key writes the account id of an ed25519 key. */
void address_of_key(const uint8_t key[32], uint8_t account[ADDRESS_ACCOUNT_BYTES]);

/* address_write writes 62 characters and a final 0. address_read takes exactly those 62 for exactly that account: other
 * prefixes, capitals, a wrong checksum and padding that is not 0 are refused, and account is untouched. */
void address_write(const uint8_t account[ADDRESS_ACCOUNT_BYTES], char text[ADDRESS_TEXT_LENGTH + 1]);
bool address_read(const char *text, size_t length, uint8_t account[ADDRESS_ACCOUNT_BYTES], struct why *why);

#endif
