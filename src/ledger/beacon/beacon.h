/* beacon: a number for every height that nobody chose: what draws are made from. LEDGER 6.1, 6.3.
 *
 * The proposer of a block proves its VRF of the beacon before; it has one output and no say in it. Uses: chain,
 * genesis, transaction, vrf. */
#ifndef LEDGER_BEACON_H
#define LEDGER_BEACON_H
#include "ledger/chain/chain.h"
#include "ledger/genesis/genesis.h"
#include "ledger/transaction/transaction.h"

/* beacon_input is what the VRF of height's proposer proves: "assay/vrf/block/1" 00 || genesis hash || height u64 ||
 * beacon(height - 1). */
enum { BEACON_INPUT_BYTES = 18 + 32 + 8 + 32 };
void beacon_input(const uint8_t genesis[32], uint64_t height, const uint8_t before[32],
                  uint8_t bytes[BEACON_INPUT_BYTES]);

/* beacon_next is beacon(h) = H("assay/beacon/1" 00 || beacon(h - 1) || beta); beacon_first beacon(0), from the genesis
 * hash alone. */
void beacon_next(const uint8_t before[32], const uint8_t beta[64], uint8_t beacon[32]);
void beacon_first(const uint8_t genesis[32], uint8_t beacon[32]);

/* beacon_check takes the BEACON transaction of a block whose height follows c's and gives its beacon; false with why if
 * it is not its proposer's. */
bool beacon_check(const struct chain *c, uint64_t height, const uint8_t proposer[32], const uint8_t *bytes,
                  size_t length, uint8_t beacon[32], struct why *why);

#endif
