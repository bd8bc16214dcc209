/* posted: what a job asks of the registry of tables and tapes, and what its steps cost. For this folder. */
#ifndef LEDGER_POSTED_H
#define LEDGER_POSTED_H
#include "ledger/job/job.h"

/* posted_table_bytes lends the bytes of a table that is there, until the map changes next. posted_cut is the hash of a
 * table cut to the data whose bits are given, false if no tape with those was posted with it; posted_cut_key is where
 * the map keeps that. posted_hold counts a live job in (or out) at the table and at each tape it names. */
struct map_value posted_table_bytes(const struct chain *c, const uint8_t hash[32]);
bool posted_cut(const struct chain *c, const uint8_t table[32], const uint8_t data[32], uint8_t hash[32]);
struct map_key posted_cut_key(const uint8_t table[32], const uint8_t data[32]);
void posted_hold(struct chain *c, const struct job *j, bool hold);

/* What is kept of a job's tapes, read once for many questions. prices_read: false if one is not known. prices_cost is
 * job_cost for a task whose first step is known. */
struct prices {
  struct posted_tape tape[JOB_TAPES_MAX];
};
bool prices_read(const struct chain *c, const struct job *j, struct prices *out);
bool prices_cost(const struct prices *a, const struct job_record *j, const struct parameters *p, uint16_t task,
                 uint32_t first, struct job_cost *out);

#endif
