/* enlist: a role that the chain knows: its provider record says what this machine offers, and enough is staked.
 * LEDGER 5.
 *
 * Called in every turn until it has nothing to do any more. What is missing (money, stake) it says once, with figures,
 * and goes on by itself when it has come. A stake is topped up once in a process's life: what was slashed later is not
 * replaced by a machine. Uses: agent. */
#ifndef AGENT_ENLIST_H
#define AGENT_ENLIST_H
#include "agent/agent.h"

/* What the record shall say. */
struct enlist_options {
  uint8_t role; /* enum account_role: ROLE_SOLVER, ROLE_VERIFIER, ROLE_STORER */
  uint8_t class;
  uint32_t mem_mib;
  uint64_t ask;
  const char *endpoint; /* at most PROVIDER_ENDPOINT_MAX printable bytes; "" for none */
  uint64_t stake;       /* STAKE up to so much, grain; 0: what is there */
};

struct enlist {
  struct agent *a;
  struct enlist_options options;
  bool known;   /* the account has a provider record */
  bool staked;  /* the stake is what was asked for, or cannot be */
  bool over;    /* nothing left to do */
  bool waits;   /* something was sent that may not count for draws yet (LEDGER 5.4) */
  bool refused; /* the chain did not take what was sent: said, and not tried again */
  char told[WHY_MAX];
};

/* enlist_begin takes options for a role's life. The agent has a draw key. */
void enlist_begin(struct enlist *e, struct agent *a, const struct enlist_options *options);

/* enlist_turn looks and sends; part of a role's turn, after view_now. Says "enlisted" when it is done and counts for
 * draws. */
enum agent_status enlist_turn(struct enlist *e, struct why *why);

#endif
