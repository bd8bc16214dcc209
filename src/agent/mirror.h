/* mirror: the part of the chain's state that a solver or a verifier looks at, in a map of its own.
 *
 * Roles read it with the ledger's own functions (task_find, audit_seat, docket_dispute, ..), so that they cannot
 * misread a rule. One mirror is of one height: where a block came in between, the records are asked for again. What is
 * in it: the chain, its parameters, our account, provider record and pools, all tasks; of each task that lives its job,
 * table, tapes, beacon, attempt, seats, starts, disputes and answers. Uses: chain_port, ledger. */
#ifndef AGENT_MIRROR_H
#define AGENT_MIRROR_H
#include "agent/chain_port.h"
#include "ledger/chain/chain.h"

enum { MIRROR_TASKS_MAX = 1024, MIRROR_RECORDS_MAX = 65536 };

struct mirror;
struct mirror *mirror_open(const struct chain_port *port, const uint8_t account[32]); /* NULL: memory */
void mirror_shut(struct mirror *m);

/* mirror_turn asks for everything again. False with why where the node does not answer, gives what is no record, or has
 * a block between any two answers: then mirror_chain is NULL until a later turn succeeds. */
bool mirror_turn(struct mirror *m, struct why *why);
const struct chain *mirror_chain(const struct mirror *m);

/* mirror_task gives the tasks that have not ended one after the other, *at from 0. */
struct task_record;
bool mirror_task(const struct mirror *m, uint32_t *at, struct task_record *out);

#endif
