/* execute: runs a tape's step over memory, as written (plain) or fast. TAPE 6.
 *
 * Both give the same bits; the plan of the fast one is an optimisation and never leaves this folder. Uses: tape/record,
 * tape/element, numeric, threads. */
#ifndef TAPE_EXECUTE_H
#define TAPE_EXECUTE_H
#include "numeric/backend.h"
#include "tape/execute/pool/pool.h"
#include "tape/record/tape.h"

struct execute;

/* One element of a temp value that is not what its record gives, put there once the record is done: what follows from
 * it follows. For runs that lie on purpose (training/sabotage). record counts from 0; word as it is stored. */
struct execute_alteration {
  uint32_t record;
  uint64_t element;
  uint32_t word;
};

enum execute_status { EXECUTE_OK, EXECUTE_ERR_MEMORY, EXECUTE_ERR_UNSUPPORTED };

struct execute_options {
  const struct backend *backend; /* NULL: backend_best() */
  struct pool *pool;             /* NULL: this thread alone */
  bool plain;                    /* element by element with reference arithmetic: the definition, slow */
  bool materialise;              /* keep every temp value, at its leaves, for execute_temps (disputes, tests) */
  bool recognise_nothing;        /* tests: generic paths only */
  bool small_tasks;              /* tests: one unit of work a task, so that threads share even small records */
  const struct execute_alteration *alter; /* NULL: none. With plain or materialise; outlives the plan */
  bool free_order; /* NOT exact: sums in whatever order is fastest, NaN as it falls. For `assay bench exact` alone,
                    * which asks what exactness costs; everything that commits refuses a plan opened with it
                    * (execute_exact). */
};

/* execute_open plans a tape that tape_check accepted, once; all memory of later steps is taken here. data[n] points at
 * the content of data tensor number n (dense, unpadded to leaves; 64 B readable slack behind not required) and outlives
 * the plan; entries the tape does not read may be NULL. On error *out is NULL. */
enum execute_status execute_open(struct execute **out, const struct tape *t, const void *const *data,
                                 const struct execute_options *options, struct why *why);
void execute_shut(struct execute *x);

/* execute_step turns `state` (the state blob before: leaves of all entries in layout order, 64-byte aligned,
 * state_leaves * 4096 bytes) into the state after, in place; padding bytes stay 0. Nothing in it can fail.
 * A blob from elsewhere may hold any NaN: it is looked through unless the call continues the last one (same pointer,
 * next step), so whoever edits a blob between two consecutive steps writes canonical NaN (NUMERICS 1.3), or says with
 * execute_forget that the next step continues nothing. */
void execute_step(struct execute *x, uint8_t *state, uint32_t step, uint64_t seed);
void execute_forget(struct execute *x);

/* execute_bytes: memory that execute_open takes for this tape, without taking it. */
uint64_t execute_bytes(const struct tape *t, const struct execute_options *options);

/* The temp leaf space of the last step (temp_leaves * 4096 bytes), only with `materialise` or `plain`. */
const uint8_t *execute_temps(const struct execute *x);

/* execute_exact: false only for plans opened with free_order, whose bits mean nothing to anybody else. */
bool execute_exact(const struct execute *x);

/* execute_profile adds the seconds spent in each record since the last call into seconds[records_count] (work shared by
 * several records is booked on the last of them). */
void execute_profile(struct execute *x, double *seconds);

#endif
