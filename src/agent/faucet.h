/* faucet: who gives money away on a chain for trying things out. TRANSFER 1.10.
 *
 * Answers HTTP: each account gets `amount` at most once an hour and never has it already. That it was given is in the
 * journal before the money leaves, so a faucet that is killed gives nothing twice, and owes nobody an hour for nothing.
 * Requests wait in their own threads, at most FAUCET_WAITING; the role's turn sends and looks what became of it. Uses:
 * agent, transfer/listen. */
#ifndef AGENT_FAUCET_H
#define AGENT_FAUCET_H
#include "agent/agent.h"
#include "net/transfer/listen.h"

enum { FAUCET_WAITING = LISTEN_PLACES, FAUCET_HOUR_S = 3600, FAUCET_BLOCK_S = 30 };

struct faucet_options {
  const char *address; /* to listen at, a number */
  uint16_t port;       /* 0: any */
  uint64_t amount;     /* grain */
};

struct faucet;
enum agent_status faucet_open(struct faucet **out, struct agent *a, const struct faucet_options *options,
                              struct why *why);
void faucet_shut(struct faucet *f);
uint16_t faucet_port(const struct faucet *f);

/* faucet_turn is the role (agent_run, context: the faucet). It never ends by itself. */
bool faucet_turn(struct agent *a, void *faucet, struct why *why);

#endif
