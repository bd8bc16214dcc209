/* loop: the thread that a solo engine lives in: requests come in one after the other, blocks are made when they are
 * due; a second thread writes them while the first lets more in. ENGINE 7.7, 7.10.
 *
 * Everybody else talks to the engine through requests; what is committed is read from the store without it. At most
 * LOOP_REQUESTS_MAX wait; who comes later is told so at once. Between two blocks at least every request that waited is
 * answered, and between requests a block that is due is made, so neither starves the other. Uses: solo, threads, the
 * clock. */
#ifndef ENGINE_SOLO_LOOP_H
#define ENGINE_SOLO_LOOP_H
#include "engine/solo/solo.h"

/* LOOP_BLOCK_MS from the beginning of one block to that of the next at least: what a block costs by itself, a proof, a
 * signature and the disk, is then shared by more transactions. */
enum { LOOP_REQUESTS_MAX = 4096, LOOP_LIST_MAX = 100, LOOP_BLOCK_MS = 50 };

enum loop_kind {
  LOOP_TAKE,  /* bytes -> take, result */
  LOOP_CHECK, /* bytes -> result */
  LOOP_PROVE, /* key -> proof, found, value: all of one height */
  LOOP_POOL   /* -> pool */
};

/* The caller's, until done is called, in the loop's thread and once. bytes are lent as long. */
struct loop_request {
  enum loop_kind kind;
  const uint8_t *bytes;
  size_t length;
  struct map_key key;
  void (*done)(struct loop_request *r);
  void *context;
  /* answers: */
  enum solo_take take;
  struct ledger_result result;
  struct solo_proof *proof; /* the caller's, with room */
  bool unable;              /* the state in memory is that of a block which the disk did not take */
  bool found;
  uint8_t *value; /* heap, the caller frees; NULL if there is none */
  size_t value_length;
  struct loop_pool {
    uint32_t count, listed;
    size_t bytes;
    uint8_t *listed_bytes[LOOP_LIST_MAX]; /* heap, the caller frees each */
    size_t listed_length[LOOP_LIST_MAX];
  } * pool;                  /* the caller's, with room; listed: at most how many it wants */
  struct loop_request *next; /* the loop's */
};

struct loop;

/* Called in the loop's thread: after a block was kept, and when something is to be told to people (a block that the
 * disk did not take; it is tried again every second). before_write, where there is one, is called in the thread that
 * writes: a test's slow disk. */
struct loop_watch {
  void *context;
  void (*block)(void *context, const struct solo_head *head);
  void (*trouble)(void *context, const char *text);
  void (*before_write)(void *context);
};

/* loop_start runs s in a thread of its own. loop_stop ends it after the block that is being made or written; s may then
 * be shut. False without threads. */
bool loop_start(struct loop **out, struct solo *s, const struct loop_watch *watch);
void loop_stop(struct loop **l);

/* loop_ask: false when too many wait; done is then not called. From any thread. */
bool loop_ask(struct loop *l, struct loop_request *r);

/* loop_chain, loop_kv: from any thread. loop_failed: the engine has stopped for good and nothing is answered any more.
 */
const struct solo_chain *loop_chain(const struct loop *l);
struct kv *loop_kv(const struct loop *l);
bool loop_failed(struct loop *l);

#endif
