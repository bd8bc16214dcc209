/* blob_store: a blob_port over HTTP: a shelf of this agent's own, and the storers that the chain names. LEDGER 19.1.
 *
 * What is put goes onto the shelf and to every storer; what is asked for comes from the shelf, else from the storers in
 * the order of what they have at stake, the agent's own list first. Storers are looked up on the chain at every call:
 * they come and go. One that does not answer, or lies, is left alone for a while, longer each time, comes last after
 * that, and has little time (TRANSFER 3.4): whoever names an address on the chain where nobody is, or somebody slow,
 * must not cost every call its patience. A full shelf lets go of what is oldest. Uses:
 * net/transfer, view. */
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
enum { BLOB_REST_MS = 1000, BLOB_REST_MAX_MS = 8000, BLOB_REST_LIAR_MS = 600000 };
enum transfer_status blob_store_open(struct blob_store **out, const struct blob_store_options *options,
                                     struct why *why);
void blob_store_shut(struct blob_store *s);
struct blob_port blob_store_port(struct blob_store *s);
struct shelf *blob_store_shelf(struct blob_store *s);

#endif
