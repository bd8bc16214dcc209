/* submitter: a job file becomes a job on a chain, and its final state a model.
 *
 *   QUOTE -> TAPES -> BLOBS -> POST -> WATCH -> FETCH -> DONE
 *                                        \-> FAILED: cancelled; the receipts say why
 *
 * Posts tapes that the chain does not know, puts data and start to the blob stores, posts the job, and watches its
 * tasks; at the end it fetches the final state by its root, and writes it as `assay train` would. Killed at any point
 * and started again in the same folder, it goes on where it was: the job is posted once. Uses: agent, training/run. */
#ifndef AGENT_SUBMITTER_H
#define AGENT_SUBMITTER_H
#include "agent/agent.h"
#include "training/run/prepare.h"

struct submitter_options {
  const struct prepared *prepared; /* the caller's, until submitter_shut */
  uint8_t level, seats, draws;     /* LEDGER 9.12; seats 0: as the level says; level 0: 3 seats of 2 intervals */
  uint8_t class;                   /* of the solvers' machines; SUBMITTER_CLASS_FITS: the smallest that can do it */
  uint64_t price;                  /* grain per 10^9 units of work; 0: the middle one of what solvers ask */
  uint64_t reserve;                /* R */
  uint32_t deadline_ticks;         /* from now; 0: one day */
  const uint8_t *own_seat;         /* account of the submitter's own verifier; NULL: none */
  const uint8_t *start;            /* state to start from (state_bytes); NULL: the job's init */
  const char *output;              /* folder for final.state and the models; made if missing. NULL: none */
  view_show_receipt *receipt;      /* shown every receipt of the job; its answer is not looked at. NULL: none */
  void *context;                   /* its */
};
enum { SUBMITTER_CLASS_FITS = 255 };

struct submitter;
enum agent_status submitter_open(struct submitter **out, struct agent *a, const struct submitter_options *options,
                                 struct why *why);
void submitter_shut(struct submitter *s);

/* submitter_open_quote is for submitter_quote alone: it needs no folder and no key. account: whose balance is told. The
 * caller keeps the view. */
enum agent_status submitter_open_quote(struct submitter **out, struct view *view, const uint8_t account[32],
                                       const struct submitter_options *options, struct why *why);

/* What it will cost and take, before anything is spent: after one view_now. All from the chain's parameters and the
 * counts of the job's tapes; nothing is sent. Money in grain, time in ticks. */
struct submitter_quote {
  uint8_t level, seats, draws, class;
  uint64_t price;                   /* grain per 10^9 units of work */
  uint32_t solvers;                 /* that can be drawn, in this class, and have the memory */
  uint64_t ask_middle, price_least; /* what the middle one asks, by stake; the least that the chain takes */
  uint16_t tasks;
  uint32_t intervals;                    /* of all tasks */
  uint64_t work;                         /* LEDGER 7.4 */
  uint64_t fee, seat_fees, protocol_fee; /* sums of F, n phi, X */
  uint64_t posting_fee, reserve, gas;    /* gas: of tapes and job, at the floor */
  uint64_t total;                        /* all of the above */
  uint64_t balance;                      /* what the account has */
  uint64_t mem_mib;                      /* of the largest task */
  uint64_t work_ticks, life_ticks;       /* est of all tasks; the longest that their windows allow, without faults */
  uint64_t usual_ticks;                /* when everybody does at once what is due: est, the seats', and a few blocks */
  uint64_t dispute_ticks;              /* the longest dispute */
  uint32_t tick_ms;                    /* a tick is at least so long */
  uint64_t operations;                 /* dot flops and body operations of all steps */
  uint16_t task_intervals, task_draws; /* N and m' of the task with the most intervals, */
  uint64_t task_fee, bond, seat_bond;  /* F, the solver's whole bond and a seat's B_v in it */
  uint32_t fine_permille, finder_permille; /* B_s in thousandths of F; r, what who finds a wrong one gets of it */
  bool own_seat;
  uint32_t audited_permille; /* of a task's intervals, by all seats together, at least one each */
};
enum agent_status submitter_quote(struct submitter *s, struct submitter_quote *out, struct why *why);

enum submitter_stage {
  SUBMITTER_TAPES = 1,
  SUBMITTER_BLOBS = 2,
  SUBMITTER_POST = 3,
  SUBMITTER_WATCH = 4,
  SUBMITTER_FETCH = 5,
  SUBMITTER_DONE = 6,
  SUBMITTER_FAILED = 7, /* the job was cancelled, or the chain or its node refuses it: why of the turn */
};

/* submitter_turn is the role (agent_run, context: the submitter); it ends at DONE and FAILED. */
bool submitter_turn(struct agent *a, void *submitter, struct why *why);

struct submitter_result {
  uint8_t stage; /* enum submitter_stage */
  uint8_t job[32], final_root[32];
  uint8_t outcome; /* enum trace_outcome, of the last task */
  uint32_t figure; /* bits of the loss */
  uint16_t task;   /* that runs, or ran last */
  uint8_t task_state, attempt;
  uint16_t reason;  /* enum receipt_reason, where FAILED */
  uint64_t receipt; /* number of the settling receipt of the last task */
};
void submitter_result(const struct submitter *s, struct submitter_result *out);

/* submitter_task: the task that runs, as it was seen last; false: none yet. submitter_first: receipts about the job
 * have this number or a higher one; false before it is posted. submitter_gas: grain that the transactions so far cost;
 * LOST with why where the node does not say. */
bool submitter_task(const struct submitter *s, struct task_record *out);
bool submitter_first(const struct submitter *s, uint64_t *receipt);
enum agent_status submitter_gas(const struct submitter *s, uint64_t *grain, struct why *why);

#endif
