/* submitter_inside: what a submitter is made of. For submitter.c and submitter_quote.c. */
#ifndef AGENT_SUBMITTER_INSIDE_H
#define AGENT_SUBMITTER_INSIDE_H
#include "agent/submitter.h"

enum { SUBMITTER_POST_BYTES = TRANSACTION_BYTES_MAX };

struct submitter {
  struct agent *agent; /* NULL: only for a quote */
  struct view *view;
  const uint8_t *account;
  struct submitter_options options, given; /* options: with price and class found */
  bool found;
  struct submitter_result result;
  uint8_t spec_hash[32], start_root[32];
  uint8_t *tapes, *post; /* bodies of TAPE and JOB_POST */
  size_t tapes_length, post_length;
  uint64_t receipts, receipts_kept; /* read up to; and what of that the journal says */
  uint16_t seen_state;
  char waits[WHY_MAX];     /* what it said last that it waits for */
  struct task_record task; /* the latest */
  bool task_seen;
};

/* terms_find fills in what was left to the market, from what the chain says now. */
struct market {
  uint32_t solvers;
  uint64_t ask_middle, price_least;
};
enum agent_status terms_find(struct submitter *s, struct market *out, struct why *why);

/* bodies_make writes both bodies. The deadline is in ticks of the chain: the view's clock has to be known. */
enum agent_status bodies_make_tapes(struct submitter *s, struct why *why);
enum agent_status bodies_make_post(struct submitter *s, struct why *why);

/* rehearse posts tapes and job on a chain of its own in memory that has the real one's clock and parameters: what the
 * chain would refuse is refused here, with the same words, before anything is paid. money: what the account has there.
 * The job as the chain would keep it, and with it job_cost, is in *chain until rehearse_shut. */
struct rehearsal {
  struct chain chain;
  struct job_stored job;
  uint64_t tape_gas;
};
enum agent_status rehearse(struct submitter *s, uint64_t money, struct rehearsal **out, struct why *why);
void rehearse_shut(struct rehearsal *r);

#endif
