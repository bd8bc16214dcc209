/* parties: the accounts of one story, each with a name that is short and that no other of them has.
 *
 * An address has 62 characters, which nobody compares; ten of them and two dots are enough while they differ. The whole
 * addresses stand in a list at the end. Grows on the heap. Uses: crypto/address. */
#ifndef CLI_PARTIES_H
#define CLI_PARTIES_H
#include "crypto/address.h"
#include <stdint.h>

struct party {
  uint8_t account[ADDRESS_ACCOUNT_BYTES];
  char roles[96];     /* "submitter, verifier"; cut where it is full */
  uint64_t got, gave; /* grain; stay at the largest number rather than wrap */
};

/* Starts zeroed; parties_shut frees. */
struct parties {
  struct party *party;
  uint32_t count, room;
  uint32_t letters; /* of an address that tell them apart, 10 or more; 0: not looked at since the last came */
};

void parties_shut(struct parties *p);

/* parties_add: this account is in the story, in this role ("" where none is known). Account zeros is nobody. */
struct party *parties_add(struct parties *p, const uint8_t account[ADDRESS_ACCOUNT_BYTES], const char *role);

/* parties_name writes the short name, "asy1qpzry9x..", or the whole address where p is NULL or does not have it, and
 * returns it. */
enum { PARTY_TEXT = ADDRESS_TEXT_LENGTH + 1 };
const char *parties_name(struct parties *p, const uint8_t account[ADDRESS_ACCOUNT_BYTES], char text[PARTY_TEXT]);

/* parties_print prints one line a party, in the order they came: name, whole address, roles, and where money moved what
 * it got and gave. Nothing for nobody. */
void parties_print(struct parties *p);

#endif
