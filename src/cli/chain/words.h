/* chain_words: what stands on a chain, as a person says it: states of tasks, and whom they wait for until when. Uses:
 * ledger. */
#ifndef CLI_CHAIN_WORDS_H
#define CLI_CHAIN_WORDS_H
#include "cli/chain/ids.h"
#include "cli/chain/parties.h"
#include "ledger/docket/docket.h"

enum { CHAIN_WORDS = 1600 };

/* Words for states; "?" for a number that is none. */
const char *chain_task_state(uint8_t state);
const char *chain_seat_state(uint8_t state);
const char *chain_job_state(uint8_t state);

/* Is it over? Has it a solver? */
bool chain_task_over(const struct task_record *t);
bool chain_has_solver(const struct task_record *t);

/* chain_parties adds those whom a task names: submitter (j may be NULL), solvers, seats, sides of disputes. What was
 * not fetched is left out, here and below. */
void chain_parties(const struct chain *c, const struct job_record *j, const struct task_record *t,
                   struct parties *names);

/* chain_until says when: "until tick 80, about 3 s from now"; chain_wait whom or what a task waits for, by name where
 * its seats were fetched (view_task), and until when; "nothing" where it is over. names NULL: whole addresses.
 * chain_wait_json: for, who (addresses), until_tick or until_height (else null), seconds (else null). */
void chain_until(const struct chain *c, uint64_t tick, char text[CHAIN_WORDS]);
void chain_wait(const struct chain *c, struct parties *names, const struct task_record *t, char text[CHAIN_WORDS]);
json_t *chain_wait_json(const struct chain *c, const struct task_record *t);

/* chain_dispute finds the dispute of a seat, if it is open; chain_to_move is the account whose turn it is. */
bool chain_dispute(const struct chain *c, const struct seat_record *s, struct docket_record *out);
const uint8_t *chain_to_move(const struct docket_record *r);

#endif
