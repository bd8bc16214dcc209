/* chain_ids: jobs and tasks as a person writes them: 64 digits of a job, 68 of a task, JOB/N, or the first digits of a
 * job as long as no other begins so. Uses: reach, ledger. */
#ifndef CLI_CHAIN_IDS_H
#define CLI_CHAIN_IDS_H
#include "cli/chain/reach.h"
#include "ledger/job/job.h"

enum { CHAIN_ID_TEXT = 2 * TASK_ID_BYTES + 1, CHAIN_ID_DIGITS_MIN = 4, CHAIN_ID_SHORT = 12, JOB_DIGITS = 64 };

struct chain_id {
  uint8_t task[TASK_ID_BYTES]; /* zeros behind the digits given; number 0 where whole */
  uint32_t digits;             /* of the job's 64 */
  bool whole;                  /* a job, no task of it */
};

/* chain_id_read sorts what was written; false after complaining. chain_id_begins: do the job's digits begin so? */
bool chain_id_read(const char *text, struct chain_id *out);
bool chain_id_begins(const struct chain_id *id, const uint8_t job[32]);

/* chain_id_find completes the digits from the jobs that the chain knows and, with `receipts`, from those that receipts
 * tell of. NO where there is none, INPUT where several begin so, after saying it. With all 64 it asks nobody. `r` keeps
 * the words of reach_outcome: where the node does not answer, its outcome. */
enum outcome chain_id_find(struct reach *r, bool receipts, struct chain_id *id);

/* chain_task_text writes 68 hexadecimal digits: the job's 64 and the task's number in it, little endian.
 * chain_short_text writes what a person copies: the first 12 digits of the job. */
void chain_task_text(const uint8_t task[TASK_ID_BYTES], char text[CHAIN_ID_TEXT]);
void chain_short_text(const uint8_t job[32], char text[CHAIN_ID_SHORT + 1]);
uint16_t chain_task_number(const uint8_t task[TASK_ID_BYTES]);

#endif
