/* agent: what every role is made of: an identity on the chain, a node to talk to, a journal of what it did, one loop.
 *
 *   agent_open -> agent_run, or agent_turn again and again: look, decide, act -> agent_shut
 *
 * A role is a function that is called after every new block and does what is due then, for each task it is part of. It
 * never waits: what it has sent it finds again in its next turn. Everything that must not be done twice, or be
 * forgotten, is in the journal before it is sent: salts, seals, transactions with their nonces. So kill -9 at any
 * point, and the same command again, goes on where it was. One agent has one key slot (LEDGER 3.3: agents that work in
 * parallel use one slot each). Uses: view, journal, ledger/transaction, crypto. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H
#include "agent/blob_port.h"
#include "agent/journal.h"
#include "agent/view.h"
#include "crypto/sign.h"

struct agent_options {
  const char *folder; /* journal, work in progress; made if missing, locked while the agent lives */
  const struct chain_port *chain;
  const struct blob_port *blobs;           /* may be NULL for a role that needs none */
  const uint8_t *account;                  /* NULL: that of the key */
  const struct sign_secret *key, *vrf_key; /* vrf_key may be NULL */
  uint8_t key_index;
  uint32_t threads;
  const volatile int *stop; /* may be NULL */
  /* One line for people, and for --json; kind is a word ("sent", "waits", "quote"), task may be NULL. May be NULL. */
  void (*say)(void *context, const char *kind, const uint8_t *task, const char *text);
  void *context;
};

struct agent;
enum agent_status {
  AGENT_OK = 0,
  AGENT_STOPPED,    /* the stop flag */
  AGENT_ERR_INPUT,  /* what it was given does not go together: why */
  AGENT_ERR_SYSTEM, /* disk or memory */
  AGENT_LOST        /* no node answers, or an answer is none; worth trying again */
};

enum agent_status agent_open(struct agent **out, const struct agent_options *options, struct why *why);
void agent_shut(struct agent *a);

/* What a role works with. agent_say writes one line. agent_mine: is it this agent's account? */
const struct agent_options *agent_options(const struct agent *a);
const uint8_t *agent_account(const struct agent *a);
struct view *agent_view(struct agent *a);
struct journal *agent_journal(struct agent *a);
__attribute__((format(printf, 4, 5))) void agent_say(struct agent *a, const char *kind, const uint8_t *task,
                                                     const char *format, ...);
bool agent_mine(const struct agent *a, const uint8_t account[32]);

/* agent_send gets a transaction into a block once. `once` (at most 120 bytes of text, no spaces) says what it is for:
 * "seal/TASK/1/0". The first call signs it with the next nonce, gas as its type needs and the price floor, writes it to
 * the journal, and sends it. Later calls with the same words do not read type and body: they say what became of it.
 * Every turn sends again what may have been lost, and signs again what cannot get into a block any more: under the same
 * nonce, so that only one of them ever can. ->where:
 *
 *   SENT_WAITS    not in a block yet
 *   SENT_DONE     in a block, with ->code (enum chain_code; 0: it did what it asks), ->height, ->nonce
 *   SENT_REFUSED  the node does not let it into a block: ->code says why; nothing is on its way any more
 *
 * An account that was only paid so far gives itself its key first (LEDGER 2.2.1); until that is in a block, what is
 * asked for waits and has to be asked for again. One that failed for lack of gas is sent again with more. agent_forget
 * drops the words, so that the next agent_send under them is a first one again: after SENT_REFUSED, or when a task is
 * over. */
enum agent_place { SENT_WAITS = 1, SENT_DONE = 2, SENT_REFUSED = 3 };
struct agent_sent {
  uint8_t where; /* enum agent_place; 0: never sent */
  uint32_t code;
  uint64_t nonce, height;
  uint8_t id[32]; /* of the transaction in the block */
};
enum agent_status agent_send(struct agent *a, uint8_t type, const uint8_t *body, size_t length, const char *once,
                             struct agent_sent *out, struct why *why);
struct agent_sent agent_sent(const struct agent *a, const char *once);
enum agent_status agent_forget(struct agent *a, const char *once, struct why *why);

/* Gas to declare for a body of a type: an upper bound for what LEDGER 3.4 makes of it, within what a block takes. */
uint32_t agent_gas(uint8_t type, const uint8_t *body, size_t length);

/* agent_busy: this turn left something to do that needs nothing new from the chain, such as the rest of a long
 * computation: agent_run goes on with the next turn at once, and does not wait for a block. For one turn. */
void agent_busy(struct agent *a);

/* A role: called in every turn, after view_now; false ends the loop. A role that cannot go on says so itself and
 * remembers it: nothing but the end is said by its answer. */
typedef bool agent_role(struct agent *a, void *role, struct why *why);

/* agent_turn looks at the chain, finds out what became of what was sent, and calls the role once: *more is its answer.
 * LOST leaves everything as it was; ERR_INPUT: the node is of another chain now. agent_run does that for every block,
 * and once a second where none comes (at once if the role was busy), until the role says false (OK) or the stop flag is
 * set (STOPPED); without a node it says so once, and goes on trying. */
enum agent_status agent_turn(struct agent *a, agent_role *role, void *context, bool *more, struct why *why);
enum agent_status agent_run(struct agent *a, agent_role *role, void *context, struct why *why);

#endif
