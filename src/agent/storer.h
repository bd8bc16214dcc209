/* storer: who keeps blobs for others: answers HTTP from a shelf, and takes what accounts of the chain put. TRANSFER 2.
 *
 * Who may put is looked up on the chain and remembered for a minute, a no for a second; an account has to own
 * STORER_WORTH, so that quotas cost something. A turn of its role only lets go of what is old. Uses: agent, transfer.
 */
#ifndef AGENT_STORER_H
#define AGENT_STORER_H
#include "agent/agent.h"
#include "net/transfer/listen.h"

enum { STORER_WORTH = 1000000000 }; /* grain: 1 ASY */

struct storer_options {
  const char *folder; /* of the shelf; made if missing, locked */
  struct shelf_limits limits;
  const char *address; /* to listen at, a number */
  uint16_t port;       /* 0: any */
  /* Asked for accounts, by one thread at a time and never by the agent's: a port of its own. */
  const struct chain_port *door;
};

struct storer;
enum agent_status storer_open(struct storer **out, const uint8_t account[32], const struct storer_options *options,
                              struct why *why);
void storer_shut(struct storer *s);
uint16_t storer_port(const struct storer *s);

/* storer_turn is the role (agent_run, context: the storer). It never ends by itself. */
bool storer_turn(struct agent *a, void *storer, struct why *why);

/* What it says to a request to put: TRANSFER 2.6. For tests. */
bool storer_may(struct storer *s, const uint8_t account[32], const uint8_t key[32]);

#endif
