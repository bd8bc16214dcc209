/* blob_store: a blob_port over HTTP: a shelf of this agent's own, and the storers that the chain names. LEDGER 19.1.
 *
 * What is put goes onto the shelf and to every storer; what is asked for comes from the shelf, else from the storers in
 * the order of their accounts, the agent's own list first. Storers are looked up on the chain at every call: they come
 * and go. Uses: net/transfer, view. */
#ifndef AGENT_BLOB_STORE_H
#define AGENT_BLOB_STORE_H
#include "agent/blob_port.h"
#include "agent/chain_port.h"

struct blob_store_options {
  const char *folder; /* of the shelf; made if missing */
  struct shelf_limits limits;
  const struct chain_port *chain;        /* NULL: only the list below */
  const struct transfer_server *servers; /* asked first; lent */
  uint32_t servers_count;
  struct transfer_signer signer;
  struct transfer_options transfer;
};

struct blob_store;
enum { BLOB_SERVERS_MAX = 64 }; /* of both lists together */
enum transfer_status blob_store_open(struct blob_store **out, const struct blob_store_options *options,
                                     struct why *why);
void blob_store_shut(struct blob_store *s);
struct blob_port blob_store_port(struct blob_store *s);
struct shelf *blob_store_shelf(struct blob_store *s);

#endif
