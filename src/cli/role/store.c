/* assay store: keeps data and states for others. */
#include "agent/storer.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/role/role.h"
#include <stdio.h>
#include <string.h>

enum { PORT = 26680, ACCOUNT_SHARE = 4 };

/* Where others find it: the chain is told so. An address that means every interface is none to go to. */
static enum outcome endpoint(const struct arguments *a, const char *address, uint16_t port,
                             char url[PROVIDER_ENDPOINT_MAX + 1]) {
  const char *given = arguments_text(a, "endpoint", NULL);
  bool every = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
  if (!given && every) {
    complain("--listen %s is every address of this machine: say with --endpoint http://HOST:%u how others reach it",
             address, port);
    return OUTCOME_INPUT;
  }
  int n = given ? snprintf(url, PROVIDER_ENDPOINT_MAX + 1, "%s", given)
                : snprintf(url, PROVIDER_ENDPOINT_MAX + 1, strchr(address, ':') ? "http://[%s]:%u" : "http://%s:%u",
                           address, port);
  bool good = n > 7 && n <= PROVIDER_ENDPOINT_MAX && strncmp(url, "http://", 7) == 0;
  for (const char *c = url; good && *c; c++) good = *c > ' ' && *c < 0x7f;
  if (good) return OUTCOME_DONE;
  complain("--endpoint is '%.100s'; it must be http://HOST:PORT, at most %d bytes", given ? given : url,
           PROVIDER_ENDPOINT_MAX);
  return OUTCOME_INPUT;
}

/* The door: a second way to the chain, for the threads that answer. */
static enum outcome open_door(const struct role *r, struct client **client, struct chain_port *door) {
  struct why why = {""};
  if (client_open(client, r->reach.url, r->material.stop, &why) != CLIENT_OK) {
    complain("--node: %s", why.text);
    return OUTCOME_INPUT;
  }
  client_patience(*client, (struct client_patience){.tries = 1, .connect_ms = 1000, .answer_ms = 3000});
  *door = chain_port_over(*client, r->reach.port.genesis);
  return OUTCOME_DONE;
}

static enum outcome serve(const struct arguments *a, struct role *r) {
  char path[ROLE_PATH + 8], url[PROVIDER_ENDPOINT_MAX + 1];
  const char *address = arguments_text(a, "listen", "127.0.0.1");
  uint64_t port = PORT;
  struct client *client = NULL;
  struct chain_port door;
  struct storer *storer;
  struct why why = {""};
  if (!arguments_number(a, "port", 0, 65535, &port)) return OUTCOME_INPUT;
  enum outcome outcome = open_door(r, &client, &door);
  if (outcome != OUTCOME_DONE) return outcome;
  snprintf(path, sizeof path, "%s/blobs", r->work);
  const struct storer_options options = {.folder = path,
                                         .limits = {r->disk_bytes, r->disk_bytes / ACCOUNT_SHARE},
                                         .address = address,
                                         .port = (uint16_t)port,
                                         .door = &door};
  outcome = role_outcome(storer_open(&storer, r->account, &options, &why), &why);
  if (outcome == OUTCOME_DONE) {
    outcome = endpoint(a, address, storer_port(storer), url);
    r->enlist.options.endpoint = url;
    r->turn = storer_turn;
    r->context = storer;
    if (outcome == OUTCOME_DONE) {
      role_ready(r, address, storer_port(storer));
      outcome = role_run(r);
    }
    storer_shut(storer);
  }
  client_shut(client);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  struct role role;
  enum outcome outcome = role_open(a, "storer", ROLE_STORER, false, &role);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = serve(a, &role);
  role_shut(&role);
  return outcome;
}

const struct command command_store = {
    .name = "store",
    .usage = "DIR [--node URL] [--listen ADDRESS] [--port N] [--endpoint URL]",
    .summary = "keeps data and states that others need: the storer",
    .text = "Works with the key in DIR (assay init DIR --machine). Answers HTTP with blobs by root, takes them from "
            "accounts\n"
            "of the chain that own at least 1 ASY, each up to a quarter of the disk, and tells the chain where it is. "
            "What\n"
            "nobody touched for 30 days goes. Killed at any moment, the same command goes on with what it had.\n"
            "Exit status: 0 stopped, 2 bad folder, key, words or node, 3 no node, port or disk.",
    .option = {REACH_OPTION,
               {"listen", 0, "ADDRESS", "where to listen (127.0.0.1)"},
               {"port", 0, "N", "of the HTTP; 0 takes one that is free (26680)"},
               {"endpoint", 0, "URL", "what the chain is told; http://ADDRESS:PORT when left out"},
               {"disk", 0, "GIB", "disk for blobs (10)"},
               {"stake", 0, "ASY", "stakes so much at start, if less is staked; who has most at stake is asked first"},
               UNLOCK_OPTIONS,
               {"json", 0, NULL, "one JSON object a line"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
