/* chain_words: what stands on a chain, as a person says it: tasks and their ids, their states, and whom they wait for
 * until when. Uses: ledger. */
#ifndef CLI_CHAIN_WORDS_H
#define CLI_CHAIN_WORDS_H
#include "cli/reach.h"
#include "ledger/docket/docket.h"

enum { CHAIN_ID_TEXT = 2 * TASK_ID_BYTES + 1, CHAIN_WORDS = 400 };

/* chain_task_text writes 68 hexadecimal digits: the job's 64 and the task's number in it, little endian.
 * chain_task_read takes those, or JOB/N, or the 64 digits of a job, and then *whole is true and the number 0; false
 * after complaining. */
void chain_task_text(const uint8_t task[TASK_ID_BYTES], char text[CHAIN_ID_TEXT]);
bool chain_task_read(const char *text, uint8_t task[TASK_ID_BYTES], bool *whole);
uint16_t chain_task_number(const uint8_t task[TASK_ID_BYTES]);

/* Words for states; "?" for a number that is none. */
const char *chain_task_state(uint8_t state);
const char *chain_seat_state(uint8_t state);
const char *chain_job_state(uint8_t state);

/* chain_until says when: "until tick 80, about 3 s from now"; chain_wait whom or what a task waits for, and until when;
 * "nothing" where it is over. chain_wait_json: for, until_tick or until_height (else null), seconds (else null). */
void chain_until(const struct chain *c, uint64_t tick, char text[CHAIN_WORDS]);
void chain_wait(const struct chain *c, const struct task_record *t, char text[CHAIN_WORDS]);
json_t *chain_wait_json(const struct chain *c, const struct task_record *t);

/* Is it over? */
bool chain_task_over(const struct task_record *t);

#endif
