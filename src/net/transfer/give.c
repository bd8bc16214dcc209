#include "net/transfer/wire.h"

#include "base/hex.h"
#include "net/transfer/serve.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GIVE_TRIES = 4 };

struct give {
  struct wire wire;
  const uint8_t *root;
  const struct transfer_server *server;
  const struct transfer_signer *signer;
  struct shelf_blob blob;
  int file; /* what is sent, from `at` on */
  uint64_t at;
};

static size_t give_bytes(void *context, void *bytes, size_t length) {
  struct give *g = context;
  ssize_t n = pread(g->file, bytes, length, (off_t)g->at);
  if (n <= 0) return 0;
  g->at += (uint64_t)n;
  return (size_t)n;
}

/* TRANSFER 2.6 */
static void sign(const struct give *g, char header[400]) {
  uint8_t text[SERVE_SIGNED_BYTES], signature[SIGN_BYTES];
  char account[65], key[65], hex[129];
  uint64_t now = (uint64_t)time(NULL);
  struct sign_public public = sign_secret_public(g->signer->secret);
  serve_signed(g->signer->genesis, g->server->account, g->root, g->blob.leaves, now, text);
  sign_make(g->signer->secret, text, sizeof text, signature);
  hex_encode(g->signer->account, 32, account);
  hex_encode(public.bytes, 32, key);
  hex_encode(signature, 64, hex);
  snprintf(header, 400, "Authorization: Assay %s %s %" PRIu64 " %s", account, key, now, hex);
}

static bool read_next(const struct give *g, uint32_t *next) {
  json_t *root = json_loadb(g->wire.text, g->wire.text_length, JSON_REJECT_DUPLICATES, NULL);
  const json_t *n = json_object_get(root, "next"), *p = json_object_get(root, "pieces");
  bool good = json_is_integer(n) && json_is_integer(p) && json_integer_value(p) == (json_int_t)g->blob.pieces &&
              json_integer_value(n) >= 0 && json_integer_value(n) <= json_integer_value(p);
  if (good) *next = (uint32_t)json_integer_value(n);
  json_decref(root);
  return good;
}

/* Sends length bytes of a file from `at` on to an ending of the blob's address. */
static enum transfer_status put(struct give *g, const char *ending, int file, uint64_t at, uint64_t length,
                                uint32_t *next, struct why *why) {
  char header[400];
  sign(g, header);
  g->file = file;
  g->at = at;
  g->wire.authorization = header;
  g->wire.give = give_bytes;
  g->wire.give_length = length;
  g->wire.context = g;
  if (!wire_url(&g->wire, g->server->url, g->root, ending, why)) return TRANSFER_REFUSED;
  enum transfer_status status = wire_run(&g->wire, why);
  g->wire.authorization = NULL;
  if (status != TRANSFER_OK) return status;
  if (g->wire.http == 200 || g->wire.http == 409) {
    if (read_next(g, next)) return TRANSFER_OK;
    why_set(why, "%s: an answer that no storer gives", g->wire.url);
    return TRANSFER_WRONG;
  }
  wire_says(&g->wire, why);
  switch (g->wire.http) {
  case 401:
  case 403: return TRANSFER_REFUSED;
  case 413: return TRANSFER_QUOTA;
  case 507: return TRANSFER_DISK;
  case 404: /* it forgot the list */
  case 408:
  case 503: return TRANSFER_LOST;
  }
  return TRANSFER_WRONG;
}

static enum transfer_status put_all(struct give *g, int list, uint64_t list_first, int file, uint32_t *next,
                                    struct why *why) {
  const struct transfer_options *o = g->wire.options;
  uint64_t all = g->blob.leaves * BLOB_LEAF_BYTES;
  enum transfer_status status = put(g, "/leaves", list, list_first, g->blob.leaves * 32, next, why);
  for (uint32_t idle = 0; status == TRANSFER_OK && *next < g->blob.pieces;) {
    char ending[16];
    uint32_t before = *next;
    uint64_t at = (uint64_t)before * BLOB_PIECE_BYTES;
    snprintf(ending, sizeof ending, "/%" PRIu32, before);
    status = put(g, ending, file, at, all - at < BLOB_PIECE_BYTES ? all - at : BLOB_PIECE_BYTES, next, why);
    if (status != TRANSFER_OK) break;
    /* A storer may go back once, when it finds what it had to be damaged, but not for ever. */
    if (*next <= before && ++idle > GIVE_TRIES) {
      why_set(why, "%s: takes pieces and does not get on", g->server->url);
      return TRANSFER_WRONG;
    }
    uint64_t done = (uint64_t)*next * BLOB_PIECE_BYTES;
    if (o->progress) o->progress(o->context, g->server->url, done < all ? done : all, all);
  }
  return status;
}

enum transfer_status transfer_give(struct shelf *shelf, const uint8_t root[32], const struct transfer_server *server,
                                   const struct transfer_signer *signer, const struct transfer_options *options,
                                   struct why *why) {
  static const struct transfer_options usual = {0};
  struct give *g = calloc(1, sizeof *g);
  assert(g && "memory for an upload");
  g->root = root;
  g->server = server;
  g->signer = signer;
  uint64_t first, list_first, length;
  enum transfer_status status = TRANSFER_NONE;
  int list = shelf_file(shelf, root, true, &list_first, &length),
      file = shelf_file(shelf, root, false, &first, &length);
  if (list < 0 || file < 0 || !shelf_find(shelf, root, &g->blob)) {
    why_set(why, "the blob is not here, or not whole");
  } else if (!wire_open(&g->wire, options ? options : &usual)) {
    why_set(why, "libcurl does not start");
    status = TRANSFER_LOST;
  } else {
    uint32_t next = 0, reached = 0, pause_ms = 250;
    for (uint32_t tried = 1;; tried++) {
      status = put_all(g, list, list_first, file, &next, why);
      if (next > reached) tried = 1;
      reached = next > reached ? next : reached;
      if (status != TRANSFER_LOST || tried >= GIVE_TRIES || wire_late(&g->wire)) break;
      if (!call_pause(g->wire.options->stop, pause_ms * tried)) status = TRANSFER_STOPPED;
      if (status == TRANSFER_STOPPED) break;
    }
  }
  if (list >= 0) close(list);
  if (file >= 0) close(file);
  wire_shut(&g->wire);
  free(g);
  return status;
}
