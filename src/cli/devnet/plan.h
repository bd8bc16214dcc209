/* plan: what a devnet is: its settings, the processes that follow from them, and who has which money in its genesis.
 *
 * The settings are fixed when the folder is made, in DIR/devnet.json; a later run reads them there. One solver and one
 * verifier may do something wrong on purpose, each the first of its role, with so much stake that it is drawn:
 *
 *   solver    10^6 times the others' stake, so it wins the race of offers (LEDGER 6.5) but in two of a million
 *   verifier  16 times all others' stake together: with three seats it has one but in one of ten thousand audits, and
 *             the pool draw, which has 64 tries a seat (LEDGER 6.9), still finds others for the rest
 *
 * Uses: command, jansson. */
#ifndef CLI_DEVNET_PLAN_H
#define CLI_DEVNET_PLAN_H
#include "base/why.h"
#include "cli/command.h"

enum plan_role { PLAN_NODE, PLAN_FAUCET, PLAN_STORER, PLAN_SOLVER, PLAN_VERIFIER };
enum {
  PLAN_OF_A_ROLE_MAX = 16,
  PLAN_PROCESSES_MAX = 3 + 2 * PLAN_OF_A_ROLE_MAX,
  PLAN_NAME = 16,
  PLAN_LIE = 64,
  PLAN_CLASS = 0,
  PLAN_MEMORY_MIB = 4096 /* of a role for one job; what class 0 has by LEDGER 7.4 */
};

struct plan_process {
  char name[PLAN_NAME]; /* of its folder and its log */
  enum plan_role role;
  const char *lie;         /* "": honest */
  uint64_t balance, stake; /* grain; the faucet's balance is what the others leave */
};

struct plan {
  char parameters[16];                               /* a named set of LEDGER 12.3 */
  uint32_t solvers, verifiers;                       /* 1 to PLAN_OF_A_ROLE_MAX */
  char solver_lie[PLAN_LIE], verifier_lie[PLAN_LIE]; /* words of solve's and audit's --lie; "": honest */
  uint32_t processes;
  struct plan_process process[PLAN_PROCESSES_MAX]; /* the node first; lie points into this plan */
};

/* plan_of_arguments reads the command's words for a new folder; false after saying what is wrong with them. */
bool plan_of_arguments(const struct arguments *a, struct plan *out);

/* plan_agrees: do the words given, if any, say what the folder's plan says? False with why, which names the word. */
bool plan_agrees(const struct arguments *a, const struct plan *folders, struct why *why);

/* plan_write keeps the settings in a new file, whole or not at all; plan_read takes them from it: false with why, *none
 * says that there is no such file. */
bool plan_write(const struct plan *p, const char *path, struct why *why);
bool plan_read(const char *path, struct plan *out, bool *none, struct why *why);

/* The word of a role for people and JSON, and the command that it runs. */
const char *plan_role_word(enum plan_role role);
const char *plan_role_command(enum plan_role role);

#endif
