#include "agent/agent.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/inside.h"
#include "crypto/address.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 600, TURN_MS = 1000, IDENTITY_TURNS = 256 };

enum agent_status agent_status_of(enum client_status status) {
  switch (status) {
  case CLIENT_OK:
  case CLIENT_NONE: return AGENT_OK;
  case CLIENT_STOPPED: return AGENT_STOPPED;
  case CLIENT_REFUSED:
  case CLIENT_LOST:
  case CLIENT_STRANGE: break;
  }
  return AGENT_LOST;
}

enum agent_status agent_status_of_journal(enum journal_status status) {
  switch (status) {
  case JOURNAL_OK: return AGENT_OK;
  case JOURNAL_ERR_INPUT: return AGENT_ERR_INPUT;
  case JOURNAL_ERR_SYSTEM: break;
  }
  return AGENT_ERR_SYSTEM;
}

static enum agent_status open_journal(struct agent *a, struct why *why) {
  char path[PATH_BYTES];
  const char *folder = a->options.folder;
  if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
    why_set(why, "%s: cannot make it: %s", folder, strerror(errno));
    return AGENT_ERR_SYSTEM;
  }
  int n = snprintf(path, sizeof path, "%s/journal", folder);
  if (n < 0 || (size_t)n >= sizeof path) return why_set(why, "a path that is too long"), AGENT_ERR_INPUT;
  return agent_status_of_journal(journal_open(&a->journal, path, why));
}

/* A journal belongs to one account on one chain: under another, its nonces and seals would be lies. */
static enum agent_status same_identity(struct agent *a, struct why *why) {
  uint8_t mine[32 + 32 + 1];
  const uint8_t *was;
  size_t length;
  memcpy(mine, a->options.chain->genesis, 32);
  memcpy(mine + 32, a->account, 32);
  mine[64] = a->options.key_index;
  if (!journal_get(a->journal, "identity", &was, &length))
    return agent_status_of_journal(journal_put(a->journal, "identity", mine, sizeof mine, why));
  if (length == sizeof mine && memcmp(was, mine, length) == 0) return AGENT_OK;
  why_set(why, "%s: the journal of another account, key or chain; use another folder", a->options.folder);
  return AGENT_ERR_INPUT;
}

enum agent_status agent_open(struct agent **out, const struct agent_options *options, struct why *why) {
  struct agent *a = calloc(1, sizeof *a);
  if (a) a->bytes = malloc(TRANSACTION_TAPE_BYTES_MAX);
  if (a) a->message = malloc(TRANSACTION_SIGN_DOMAIN_BYTES + TRANSACTION_TAPE_BYTES_MAX);
  if (!a || !a->bytes || !a->message) {
    agent_shut(a);
    return why_set(why, "no memory for an agent"), AGENT_ERR_SYSTEM;
  }
  a->options = *options;
  if (options->account)
    memcpy(a->account, options->account, sizeof a->account);
  else
    address_of_key(sign_secret_public(options->key).bytes, a->account);
  enum agent_status status = open_journal(a, why);
  if (status == AGENT_OK) status = same_identity(a, why);
  if (status == AGENT_OK && !view_open(&a->view, options->chain, why)) status = AGENT_ERR_SYSTEM;
  if (status != AGENT_OK) {
    agent_shut(a);
    return status;
  }
  *out = a;
  return AGENT_OK;
}

void agent_shut(struct agent *a) {
  if (!a) return;
  view_shut(a->view);
  journal_shut(a->journal);
  free(a->bytes);
  free(a->message);
  free(a);
}

const struct agent_options *agent_options(const struct agent *a) { return &a->options; }
const uint8_t *agent_account(const struct agent *a) { return a->account; }
struct view *agent_view(struct agent *a) {
  return a->view;
}
struct journal *agent_journal(struct agent *a) {
  return a->journal;
}
bool agent_mine(const struct agent *a, const uint8_t account[32]) { return memcmp(a->account, account, 32) == 0; }

void agent_say(struct agent *a, const char *kind, const uint8_t *task, const char *format, ...) {
  char line[LINE_BYTES];
  va_list list;
  if (!a->options.say) return;
  va_start(list, format);
  vsnprintf(line, sizeof line, format, list);
  va_end(list);
  a->options.say(a->options.context, kind, task, line);
}

void agent_busy(struct agent *a) { a->busy = true; }

static bool stopped(const struct agent *a) { return a->options.stop && *a->options.stop; }

/* Another chain may answer at the same address: a node that was made anew. What an agent promised was on the old one,
 * and there is nothing that it could do here. Asked where something is odd, and now and then. */
static enum agent_status same_chain(struct agent *a, bool odd, struct why *why) {
  const struct chain_port *port = a->options.chain;
  uint8_t genesis[32];
  if (view_chain(a->view)->now.height < a->height) odd = true;
  if (!port->identity || (!odd && ++a->turns < IDENTITY_TURNS)) return AGENT_OK;
  enum client_status status = port->identity(port->self, genesis, why);
  if (status != CLIENT_OK) return agent_status_of(status);
  a->turns = 0;
  if (memcmp(genesis, port->genesis, 32) == 0) return AGENT_OK;
  why_set(why,
          "another chain answers now where this one was; %s is of the old one: use another folder, or the old node",
          a->options.folder);
  return AGENT_ERR_INPUT;
}

enum agent_status agent_turn(struct agent *a, agent_role *role, void *context, bool *more, struct why *why) {
  a->busy = false;
  enum agent_status status = agent_status_of(view_now(a->view, why));
  if (status == AGENT_OK) status = same_chain(a, a->lost, why);
  a->lost = status == AGENT_LOST;
  if (status == AGENT_OK) status = send_poll(a, why);
  if (status == AGENT_OK) *more = role(a, context, why);
  return status;
}

enum agent_status agent_run(struct agent *a, agent_role *role, void *context, struct why *why) {
  const struct chain_port *port = a->options.chain;
  bool more = true, lost = false;
  while (more) {
    if (stopped(a)) return AGENT_STOPPED;
    enum agent_status status = agent_turn(a, role, context, &more, why);
    if (status == AGENT_LOST && !lost) agent_say(a, "lost", NULL, "%s", why ? why->text : "no node answers");
    if (status == AGENT_OK && lost) agent_say(a, "found", NULL, "the node answers again");
    lost = status == AGENT_LOST;
    if (status != AGENT_OK && !lost) return status;
    /* Whatever the wait says is asked again by the next turn. */
    if (more && !a->busy) port->wait(port->self, view_chain(a->view)->now.height + 1, TURN_MS, NULL);
  }
  return AGENT_OK;
}
