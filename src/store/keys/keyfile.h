/* keyfile: a seed sealed with a password, as 136 bytes. ENGINE 9.2.
 *
 * The key of the seal is stretched from the password with Argon2id; everything in front of the seal is bound by it, so
 * a changed byte anywhere is found when the file is opened. The costs a file may ask for are bounded, because a
 * stranger's file must not take the memory of the machine. Uses: sign, line, libsodium. */
#ifndef STORE_KEYS_KEYFILE_H
#define STORE_KEYS_KEYFILE_H
#include "crypto/sign.h"
#include "store/keys/line.h"

/*  offset 0 "ASYK" (4) | 4 version u16 = 1 | 6 seal u16 = 1 | 8 passes u32 | 12 memory in KiB u32 | 16 salt (16)
 *  | 32 nonce (24) | 56 public key (32) | 88 sealed seed (32 + 16) | 136 end */
enum { KEYFILE_BYTES = 136 };
enum { KEYFILE_PASSES_MAX = 16, KEYFILE_MEMORY_KIB_MIN = 8 << 10, KEYFILE_MEMORY_KIB_MAX = 1 << 20 };

/* What the stretching costs: for a password that a person remembers, about a second of one core; for one of 256 random
 * bits, which stretching makes no better, next to nothing. */
struct keyfile_cost {
  uint32_t passes, memory_kib;
};
static const struct keyfile_cost KEYFILE_COST_PERSON = {3, 256 << 10}, KEYFILE_COST_MACHINE = {1, 8 << 10};

/* What a file says to anybody. keyfile_head_read takes exactly the layout above and says nothing about the password. */
struct keyfile_head {
  struct keyfile_cost cost;
  struct sign_public key;
};
bool keyfile_head_read(const uint8_t *bytes, size_t length, struct keyfile_head *out, struct why *why);

/* keyfile_seal: ERR_INPUT for a cost out of bounds, ERR_SYSTEM without the memory it takes. keyfile_unseal: ERR_INPUT
 * for no such file, a wrong password or a changed byte, which cannot be told apart. Call sign_open first. */
enum store_status keyfile_seal(const struct sign_secret *secret, const struct secret_line *password,
                               struct keyfile_cost cost, uint8_t bytes[KEYFILE_BYTES], struct why *why);
enum store_status keyfile_unseal(const uint8_t *bytes, size_t length, const struct secret_line *password,
                                 struct sign_secret **out, struct why *why);

#endif
