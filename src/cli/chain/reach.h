/* reach: a node for one command: found, asked, and its answers turned into exit statuses and words. Uses: agent's view,
 * net/client. */
#ifndef CLI_REACH_H
#define CLI_REACH_H
#include "agent/view.h"
#include "cli/command.h"
#include <jansson.h>

#define REACH_OPTION                                                                                                   \
  { "node", 0, "URL", "the node to ask (http://127.0.0.1:26657)" }

struct reach {
  const char *url;
  struct client *client;
  struct client_node node;
  struct chain_port port;
  struct view *view; /* as of the last view_now */
};

/* reach_open finds the node of --node, reads its chain's name and genesis, and looks at it once. On anything but DONE
 * it has said why, and there is nothing to shut. */
enum outcome reach_open(const struct arguments *a, struct reach *out);
void reach_shut(struct reach *r);

/* reach_outcome says why an answer was none, with the node's URL, and gives the exit status: NO for what is not there,
 * INPUT for a URL or node that is of another kind, ENVIRONMENT where nobody answers. Not for OK. */
enum outcome reach_outcome(const struct reach *r, enum client_status status, const struct why *why);

/* An account's id in a caller's record of a chain: its address. reach_grain: an amount in JSON, grain as text, because
 * there are readers whose numbers are shorter. reach_hex: bytes as text in JSON. */
json_t *reach_address(const uint8_t account[32]);
json_t *reach_grain(uint64_t grain);
json_t *reach_hex(const uint8_t *bytes, size_t length);

#endif
