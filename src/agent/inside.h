/* inside: what an agent is made of. For agent.c and send.c. */
#ifndef AGENT_INSIDE_H
#define AGENT_INSIDE_H
#include "agent/agent.h"

struct agent {
  struct agent_options options;
  uint8_t account[32];
  struct journal *journal;
  struct view *view;
  uint64_t height;          /* of the turn before */
  uint32_t turns;           /* since it was last seen that this is still the same chain */
  bool lost;                /* no node answered in the turn before */
  bool busy;                /* agent_busy was called in this turn */
  uint8_t *bytes, *message; /* a transaction, and what is signed of it */
};

/* send_poll finds out what became of everything that is on its way, and sends again what may have been lost. */
enum agent_status send_poll(struct agent *a, struct why *why);

/* What a port's answer means for an agent. */
enum agent_status agent_status_of(enum client_status status);
enum agent_status agent_status_of_journal(enum journal_status status);

#endif
