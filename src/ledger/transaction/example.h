/* example: bodies drawn at random within the bounds of LEDGER 15.1, and any body taken apart and put together again.
 * For tests and fuzzers only. */
#ifndef LEDGER_TRANSACTION_EXAMPLE_H
#define LEDGER_TRANSACTION_EXAMPLE_H
#include "ledger/transaction/transaction.h"

enum { EXAMPLE_TYPES = 16 };
extern const uint8_t example_type[EXAMPLE_TYPES];

struct example {
  uint8_t type;
  union {
    struct body_transfer transfer;
    struct body_key key;
    struct body_provider provider;
    struct body_stake stake;
    struct body_post post;
    struct body_offer offer;
    struct body_commit commit;
    struct body_take take;
    struct body_publish publish;
    struct body_seal seal;
    struct body_open open;
    struct body_show show;
    struct body_move move;
    struct body_beacon beacon;
    struct body_tape tape;
    struct body_fetch fetch;
  } b;
  struct job_task task[POST_TASKS_MAX];     /* of post */
  struct publish_row row[PUBLISH_ROWS_MAX]; /* of publish */
  uint8_t endpoint[PROVIDER_ENDPOINT_MAX];  /* of provider */
  uint8_t move[MOVE_BYTES_MAX];             /* of move */
};

/* example_random is the next number of the sequence that *seed stands for. example_draw fills *e; what it lends lives
 * as long as the program. example_envelope draws everything but the body, with a sponsor now and then. */
uint64_t example_random(uint64_t *seed);
void example_draw(struct example *e, uint8_t type, uint64_t *seed);
struct transaction example_envelope(uint8_t type, const uint8_t *body, size_t length, uint64_t *seed);

/* example_take and example_put are those of the type. example_equal: the same meaning, field by field. */
bool example_take(const struct transaction *t, struct example *out);
size_t example_put(const struct example *e, uint8_t *bytes, size_t bytes_max);
bool example_equal(const struct example *a, const struct example *b);

#endif
