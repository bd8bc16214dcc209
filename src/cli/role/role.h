/* role: what `solve`, `audit` and `store` have in common: an identity folder, a node, blob stores, an agent that runs
 * until it is stopped, and lines for people or programs. Uses: reach, unlock, agent.
 *
 *   DIR/key, DIR/password   made by assay init
 *   DIR/agent/              journal, blobs, work in progress; locked while the role runs */
#ifndef CLI_ROLE_H
#define CLI_ROLE_H
#include "agent/blob_store.h"
#include "agent/enlist.h"
#include "agent/material.h"
#include "cli/chain/reach.h"

enum { ROLE_PATH = 4096, ROLE_DISK_GIB = 10, ROLE_FAUCET = ROLES };

#define ROLE_OPTIONS                                                                                                   \
  REACH_OPTION, {"threads", 0, "N", "threads to compute with (all processors); never changes a bit"},                  \
      {"memory", 0, "MIB", "memory for one job, told to the chain (half of the machine's)"},                           \
      {"disk", 0, "GIB", "disk for states and blobs (10)"},                                                            \
      {"class", 0, "N", "the class of machine that this is said to be (0)"},                                           \
      {"ask", 0, "GRAIN", "the least it works for, grain for 10^9 units of work; quotes tell it (0)"},                 \
      {"stake", 0, "ASY", "stakes so much at start, if less is staked"},                                               \
      {"lie", 0, "WORD", "for demonstrations: does something wrong (see above)"}, UNLOCK_OPTIONS, {                    \
    "json", 0, NULL, "one JSON object a line"                                                                          \
  }

struct role {
  const struct arguments *arguments;
  const char *name, *folder; /* "solver"; DIR */
  uint8_t account_role;      /* enum account_role; ROLE_FAUCET: none, it has no provider record */
  const char *lie;           /* as given; NULL: honest */
  char work[ROLE_PATH];      /* DIR/agent */
  struct reach reach;
  struct sign_secret *key, *vrf;
  uint8_t account[32];
  struct pool *pool;
  struct blob_store *store; /* NULL for a storer */
  struct blob_port blobs;
  struct agent *agent;
  struct enlist enlist;
  struct enlist_options offer; /* what the provider record shall say */
  struct material_options material;
  uint64_t disk_bytes;
  agent_role *turn; /* what the role does, after it is enlisted */
  void *context;
};

/* role_open reads the options, opens key, node, folder and agent. `blobs`: with a shelf and storers of its own. On
 * anything but DONE it has said why, and there is nothing to shut. */
enum outcome role_open(const struct arguments *a, const char *name, uint8_t account_role, bool blobs, struct role *out);
void role_shut(struct role *r);

/* role_ready prints the line that says that the role is up; `address` and `port`: where it listens, NULL where it does
 * not. role_run runs it until it is stopped, which is DONE. */
void role_ready(const struct role *r, const char *address, uint16_t port);
enum outcome role_run(struct role *r);

/* What a status of an agent comes to; has said why. */
enum outcome role_outcome(enum agent_status status, const struct why *why);

#endif
