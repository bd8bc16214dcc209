/* transfer: blobs from storers and to them, over HTTP, taken up again where a connection broke. TRANSFER 2, 3.
 *
 * What comes is believed leaf by leaf and no further: a server that sends one wrong byte is left at that leaf and not
 * asked again for this blob. Memory: one piece (1.1 MB) and libcurl's buffers, whatever the blob's size. Blocking; any
 * thread. Uses: shelf, serve's signed text, libcurl, jansson. */
#ifndef NET_TRANSFER_TRANSFER_H
#define NET_TRANSFER_TRANSFER_H
#include "crypto/sign.h"
#include "net/transfer/shelf.h"

enum transfer_status {
  TRANSFER_OK,
  TRANSFER_NONE,    /* no server has the blob */
  TRANSFER_LOST,    /* no server could be heard to the end; worth trying again: what came is kept */
  TRANSFER_WRONG,   /* bytes or answers that no honest server gives */
  TRANSFER_REFUSED, /* the storer does not take it: signature, account */
  TRANSFER_QUOTA,   /* a quota is short: here (fetch) or at the storer (give) */
  TRANSFER_DISK,    /* the disk is full or fails: here (fetch) or at the storer (give) */
  TRANSFER_STOPPED
};

struct transfer_server {
  const char *url;     /* "http://host:port" */
  uint8_t account[32]; /* of the storer: what a signature names; fetching does not look at it */
};

struct transfer_options {
  const volatile int *stop; /* may be NULL */
  /* Called after each piece, in the caller's thread. May be NULL. */
  void (*progress)(void *context, const char *url, uint64_t bytes, uint64_t bytes_all);
  void *context;
  uint32_t connect_ms; /* 0: 3,000 */
  uint32_t slow_s;     /* seconds below 16 KiB/s after which a connection counts as broken; 0: 10 */
  uint32_t rounds;     /* over the list of servers; 0: 3 */
  uint64_t until_ms;   /* on a clock that only goes forward, when it has to be over; LOST then; 0: no such time */
};

/* transfer_fetch brings a blob of `leaves` leaves onto the shelf, where it counts for account, from the first servers
 * that give right bytes. OK at once when it is there. WRONG only when every server that answered was dishonest. */
enum transfer_status transfer_fetch(struct shelf *shelf, const uint8_t root[32], uint64_t leaves,
                                    const uint8_t account[32], const struct transfer_server *servers, uint32_t count,
                                    const struct transfer_options *options, struct why *why);

/* transfer_give puts a whole blob of the shelf to one storer, signed as TRANSFER 2.6 says. */
struct transfer_signer {
  const struct sign_secret *secret;
  uint8_t account[32], genesis[32];
};
enum transfer_status transfer_give(struct shelf *shelf, const uint8_t root[32], const struct transfer_server *server,
                                   const struct transfer_signer *signer, const struct transfer_options *options,
                                   struct why *why);

#endif
