/* method: what can be asked, by name, and how each is answered. ENGINE 8.
 *
 * Most answers are read from the store where they are asked, in the thread that serves; what the engine itself has to
 * do is a request to its thread, and the answer comes later. Uses: question, form, query, engine/solo, store/kv. */
#ifndef NET_RPC_METHOD_H
#define NET_RPC_METHOD_H
#include "engine/solo/loop.h"
#include "net/rpc/form.h"
#include "net/rpc/question.h"

enum { GIVE_DATA_MAX = 256, BROADCAST_COMMIT_MS = 10000, SEARCH_PAGE_MAX = 100, SEARCH_FOUND_MAX = 10000 };
enum { GENESIS_CHUNK_BYTES = 4 << 20 };

/* What a node knows that its store does not tell. */
struct node {
  struct loop *loop;
  struct kv *kv;
  const struct solo_chain *chain;
  char *genesis_text; /* as JSON */
  size_t genesis_length;
  char listen[64], id[41];
  const char *faucet;   /* NULL: none */
  uint32_t connections; /* now */
};

struct method;

/* One question on its way to its answer. */
struct asked {
  struct question question;
  const struct method *method;
  json_t *result; /* of one that is done well */
  /* The engine's part: */
  struct loop_request request;
  struct loop_pool *pool; /* heap, where it is asked for; as is request.proof */
  uint8_t *bytes;         /* the transaction, or what is asked for */
  size_t length;
  uint8_t id[32]; /* of the transaction */
  bool waits;     /* for a block with it */
  void *owner;    /* who asked */
  struct asked *next;
};
void asked_shut(struct asked *a);

/* run: QUESTION_OK with a->result; QUESTION_LATER: a->request is to be asked of the loop, and then `finish` called; an
 * error with a->question.data. finish: as run; LATER now means that a->id is waited for in a block, and method_in_block
 * is asked after every one. */
struct method {
  const char *name;
  const char *names[QUESTION_PARAMS_MAX + 1];
  enum question_code (*run)(struct node *n, struct asked *a);
  enum question_code (*finish)(struct node *n, struct asked *a);
};
const struct method *method_find(const char *name);
const char *const *method_names(
    const char *name);                       /* with those of websockets: subscribe, unsubscribe, unsubscribe_all */
const struct method *method_nth(uint32_t n); /* NULL behind the last */
enum question_code method_in_block(struct node *n, struct asked *a);

/* For those who write methods. give_fail formats a->question.data. */
__attribute__((format(printf, 3, 4))) enum question_code give_fail(struct asked *a, enum question_code code,
                                                                   const char *format, ...);

/* A stored block, decoded; lent by the view until give_shut. The transactions are in an array of the thread's. */
struct stored {
  struct kv_view *view;
  uint64_t latest; /* height of the head; 0: no block yet */
  struct kv_block kept;
  struct comet_block block;
  struct comet_commit commit;
  struct comet_signature signature, last_signature;
  struct effects_reader effects;
};
enum question_code stored_open(struct node *n, struct asked *a, struct stored *out);
void stored_shut(struct stored *s);
enum question_code stored_block(struct asked *a, struct stored *s, uint64_t height);

/* stored_height reads the argument `height`: 0 < height <= latest; latest where it is not given. */
enum question_code stored_height(struct asked *a, const struct stored *s, uint64_t *height);

/* The answers, by what they are about. */
enum question_code give_abci_info(struct node *n, struct asked *a);
enum question_code give_abci_query(struct node *n, struct asked *a);
enum question_code give_abci_query_proved(struct node *n, struct asked *a);
enum question_code give_block(struct node *n, struct asked *a);
enum question_code give_block_by_hash(struct node *n, struct asked *a);
enum question_code give_block_results(struct node *n, struct asked *a);
enum question_code give_block_search(struct node *n, struct asked *a);
enum question_code give_blockchain(struct node *n, struct asked *a);
enum question_code give_broadcast(struct node *n, struct asked *a);
enum question_code give_broadcast_async(struct node *n, struct asked *a);
enum question_code give_broadcast_sync_done(struct node *n, struct asked *a);
enum question_code give_broadcast_async_done(struct node *n, struct asked *a);
enum question_code give_broadcast_commit_done(struct node *n, struct asked *a);
enum question_code give_check_tx(struct node *n, struct asked *a);
enum question_code give_check_tx_done(struct node *n, struct asked *a);
enum question_code give_commit(struct node *n, struct asked *a);
enum question_code give_consensus_params(struct node *n, struct asked *a);
enum question_code give_consensus_state(struct node *n, struct asked *a);
enum question_code give_evidence(struct node *n, struct asked *a);
enum question_code give_genesis(struct node *n, struct asked *a);
enum question_code give_genesis_chunked(struct node *n, struct asked *a);
enum question_code give_header(struct node *n, struct asked *a);
enum question_code give_header_by_hash(struct node *n, struct asked *a);
enum question_code give_health(struct node *n, struct asked *a);
enum question_code give_net_info(struct node *n, struct asked *a);
enum question_code give_pool(struct node *n, struct asked *a);
enum question_code give_pool_list(struct node *n, struct asked *a);
enum question_code give_pool_done(struct node *n, struct asked *a);
enum question_code give_status(struct node *n, struct asked *a);
enum question_code give_tx(struct node *n, struct asked *a);
enum question_code give_tx_search(struct node *n, struct asked *a);
enum question_code give_validators(struct node *n, struct asked *a);

/* give_certificate puts a certificate together (heap, the caller frees); NULL: there is none. a->bytes say of what. */
uint8_t *give_certificate(struct node *n, struct asked *a, struct stored *s, size_t *length);

/* node_genesis writes the genesis as JSON, once, at the start; node_id the name of a node: its address. */
void node_genesis(struct node *n, const uint8_t *genesis, size_t length);

/* tx_json: one transaction of s->block as tx and tx_search answer it. */
json_t *tx_json(const struct stored *s, uint32_t index, bool prove);

#endif
