/* lookout: what happens on the chain of a devnet, looked at now and then from outside, as anybody could.
 *
 * Uses: agent's view, chain_words, why_words. */
#ifndef CLI_DEVNET_LOOKOUT_H
#define CLI_DEVNET_LOOKOUT_H
#include "cli/chain/why_words.h"
#include "cli/chain/words.h"
#include "crypto/address.h"

enum { LOOKOUT_TASKS = 8, LOOKOUT_SEATS = 10, LOOKOUT_RECEIPTS = 8, LOOKOUT_TASK_TEXT = 72 };

struct lookout_task {
  char id[LOOKOUT_TASK_TEXT]; /* JOB/N, as `assay why` takes it */
  const char *state;
  uint8_t attempt;
  char waits[CHAIN_WORDS];              /* for whom or what, and until when */
  uint8_t number;                       /* enum task_state */
  char solver[ADDRESS_TEXT_LENGTH + 1]; /* "": none yet */
  uint32_t seats;
  struct {
    char account[ADDRESS_TEXT_LENGTH + 1];
    const char *state;
  } seat[LOOKOUT_SEATS]; /* that were drawn, of the attempt that runs */
};
struct lookout_receipt {
  uint64_t number;
  char task[LOOKOUT_TASK_TEXT], text[WHY_WORDS];
};

struct lookout;
struct lookout_now {
  bool answered; /* the node, the last time it was asked; without it the rest is what was seen before */
  char chain_id[64];
  uint64_t height, tick;
  uint32_t tasks, tasks_more; /* that run: shown, and beside them */
  struct lookout_task task[LOOKOUT_TASKS];
  uint32_t receipts; /* the last ones, the newest first */
  struct lookout_receipt receipt[LOOKOUT_RECEIPTS];
};

/* lookout_open prepares; nothing is asked yet. stop ends waits. lookout_shut takes NULL too. */
struct lookout *lookout_open(const char *url, const volatile int *stop);
void lookout_shut(struct lookout *w);

/* lookout_look asks the node, which takes at most about three seconds where none answers, and shows each receipt that
 * is new since the first look. The result is lent until the next look. */
typedef void lookout_show(void *context, const struct receipt *r, const uint8_t *payments, size_t length,
                          const struct lookout_receipt *words);
const struct lookout_now *lookout_look(struct lookout *w, lookout_show *show, void *context);

#endif
