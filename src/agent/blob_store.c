#include "agent/blob_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/slice.h"
#include "agent/view.h"
#include "crypto/sha256.h"

/* A storer that did not answer, or lied: not asked before until_ms. */
struct rest {
  uint8_t name[32]; /* hash of its address; zeros: an empty place */
  uint64_t until_ms, ms;
};

struct blob_store {
  struct blob_store_options options;
  struct shelf *shelf;
  struct view *view; /* NULL: no chain is asked */
  struct transfer_server server[BLOB_SERVERS_MAX];
  char url[BLOB_SERVERS_MAX][PROVIDER_ENDPOINT_MAX + 1]; /* of those that the chain names */
  uint32_t count, rests;
  struct rest rest[BLOB_SERVERS_MAX];
};

static enum transfer_status status_of(enum shelf_status status) {
  switch (status) {
  case SHELF_OK: return TRANSFER_OK;
  case SHELF_NONE: return TRANSFER_NONE;
  case SHELF_WRONG:
  case SHELF_ORDER: return TRANSFER_WRONG;
  case SHELF_QUOTA: return TRANSFER_QUOTA;
  case SHELF_DISK: break;
  }
  return TRANSFER_DISK;
}

enum transfer_status blob_store_open(struct blob_store **out, const struct blob_store_options *options,
                                     struct why *why) {
  struct blob_store *s = calloc(1, sizeof *s);
  if (!s) return why_set(why, "no memory for a blob store"), TRANSFER_DISK;
  s->options = *options;
  enum transfer_status status = status_of(shelf_open(&s->shelf, options->folder, options->limits, why));
  if (status == TRANSFER_OK && options->chain && !view_open(&s->view, options->chain, why)) status = TRANSFER_DISK;
  if (status != TRANSFER_OK) {
    blob_store_shut(s);
    return status;
  }
  *out = s;
  return TRANSFER_OK;
}

void blob_store_shut(struct blob_store *s) {
  if (!s) return;
  view_shut(s->view);
  if (s->shelf) shelf_shut(s->shelf);
  free(s);
}

struct shelf *blob_store_shelf(struct blob_store *s) {
  return s->shelf;
}

/* Who stores. */

static bool add_storer(void *context, const uint8_t account[32], const struct provider *p) {
  struct blob_store *s = context;
  if (s->count == BLOB_SERVERS_MAX) return false;
  if (p->endpoint_length == 0) return true;
  struct transfer_server *server = &s->server[s->count];
  memcpy(s->url[s->count], p->endpoint, p->endpoint_length);
  s->url[s->count][p->endpoint_length] = 0;
  server->url = s->url[s->count++];
  memcpy(server->account, account, sizeof server->account);
  return true;
}

/* Without an answer the storers of the last one are as good as any. */
static void learn(struct blob_store *s) {
  uint32_t fixed = s->options.servers_count < BLOB_SERVERS_MAX ? s->options.servers_count : BLOB_SERVERS_MAX;
  uint32_t had = s->count;
  if (fixed) memcpy(s->server, s->options.servers, fixed * sizeof *s->server);
  s->count = fixed;
  if (s->view && view_providers(s->view, PROVIDER_STORER, add_storer, s, NULL) != CLIENT_OK && had > s->count)
    s->count = had;
}

/* Who rests. */

static struct rest *rest_of(struct blob_store *s, const char *url, bool make) {
  uint8_t name[32];
  sha256(url, strlen(url), name);
  for (uint32_t i = 0; i < BLOB_SERVERS_MAX; i++)
    if (memcmp(s->rest[i].name, name, 32) == 0) return &s->rest[i];
  if (!make) return NULL;
  struct rest *r = &s->rest[s->rests++ % BLOB_SERVERS_MAX];
  *r = (struct rest){.until_ms = 0};
  memcpy(r->name, name, 32);
  return r;
}

static bool rests(struct blob_store *s, const char *url) {
  const struct rest *r = rest_of(s, url, false);
  return r && slice_ms() < r->until_ms;
}

static void remember(struct blob_store *s, const char *url, enum transfer_status status) {
  struct rest *r = rest_of(s, url, status == TRANSFER_LOST || status == TRANSFER_WRONG);
  if (!r) return;
  if (status == TRANSFER_LOST)
    r->ms = r->ms == 0 ? BLOB_REST_MS : r->ms * 2 < BLOB_REST_MAX_MS ? r->ms * 2 : BLOB_REST_MAX_MS;
  else
    r->ms = status == TRANSFER_WRONG ? BLOB_REST_LIAR_MS : 0;
  r->until_ms = r->ms ? slice_ms() + r->ms : 0;
  if (status == TRANSFER_WRONG) r->ms = BLOB_REST_MS; /* and after that a new beginning */
}

/* Room on the shelf. */

struct oldest {
  const uint8_t *but;
  struct shelf_blob blob;
  bool found;
};

static bool older(void *context, const struct shelf_blob *b) {
  struct oldest *o = context;
  if (memcmp(b->root, o->but, 32) == 0 || (o->found && b->grown_s >= o->blob.grown_s)) return true;
  o->blob = *b;
  o->found = true;
  return true;
}

/* Everything here can be had again: it was put to storers, or came from them. */
static bool let_go(struct blob_store *s, const uint8_t but[32]) {
  struct oldest o = {.but = but};
  shelf_walk(s->shelf, older, &o);
  return o.found && shelf_erase(s->shelf, o.blob.root) == SHELF_OK;
}

/* The port. */

static bool has(void *self, const uint8_t root[32]) {
  struct blob_store *s = self;
  struct shelf_blob blob;
  return shelf_find(s->shelf, root, &blob) && blob.next == blob.pieces;
}

static enum transfer_status onto_shelf(struct blob_store *s, const uint8_t root[32], const void *bytes, uint64_t length,
                                       struct why *why) {
  uint8_t is[32];
  if (has(s, root)) return TRANSFER_OK;
  enum transfer_status status;
  do status = status_of(shelf_put(s->shelf, bytes, length, s->options.signer.account, is, why));
  while (status == TRANSFER_QUOTA && let_go(s, root));
  if (status != TRANSFER_OK || memcmp(is, root, sizeof is) == 0) return status;
  shelf_erase(s->shelf, is);
  why_set(why, "these bytes are not the blob of that root");
  return TRANSFER_WRONG;
}

static enum transfer_status put(void *self, const uint8_t root[32], const void *bytes, uint64_t length,
                                struct why *why) {
  struct blob_store *s = self;
  enum transfer_status status = onto_shelf(s, root, bytes, length, why), last = TRANSFER_OK;
  uint32_t stored = 0;
  if (status != TRANSFER_OK) return status;
  learn(s);
  for (uint32_t i = 0; i < s->count; i++) {
    if (rests(s, s->server[i].url)) {
      last = TRANSFER_LOST;
      why_set(why, "%s did not answer; it is tried again later", s->server[i].url);
      continue;
    }
    status = transfer_give(s->shelf, root, &s->server[i], &s->options.signer, &s->options.transfer, why);
    if (status == TRANSFER_STOPPED) return status;
    remember(s, s->server[i].url, status);
    if (status == TRANSFER_OK)
      stored++;
    else
      last = status;
  }
  return stored ? TRANSFER_OK : last;
}

static enum transfer_status read_blob(struct blob_store *s, const uint8_t root[32], uint64_t length, uint8_t *bytes,
                                      struct why *why) {
  uint64_t first, there;
  int file = shelf_file(s->shelf, root, false, &first, &there);
  if (file < 0) return why_set(why, "the blob is gone from the shelf"), TRANSFER_NONE;
  bool good = there == length;
  for (uint64_t had = 0; good && had < length;) {
    ssize_t n = pread(file, bytes + had, length - had, (off_t)(first + had));
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) had += (uint64_t)n;
  }
  close(file);
  if (!good) why_set(why, "the blob on the shelf cannot be read, or has another length");
  return good ? TRANSFER_OK : TRANSFER_DISK;
}

/* From the first that gives it. LOST: one that could not be asked may have it; WRONG: all that answered lied. */
static enum transfer_status fetch(struct blob_store *s, const uint8_t root[32], uint64_t leaves, struct why *why) {
  bool lost = false, none = s->count == 0, wrong = false;
  why_set(why, "nobody stores blobs here");
  for (uint32_t i = 0; i < s->count; i++) {
    const char *url = s->server[i].url;
    if (rests(s, url)) {
      lost = true;
      why_set(why, "%s did not answer, or lied; it is tried again later", url);
      continue;
    }
    enum transfer_status status;
    do
      status = transfer_fetch(s->shelf, root, leaves, s->options.signer.account, &s->server[i], 1, &s->options.transfer,
                              why);
    while (status == TRANSFER_QUOTA && let_go(s, root));
    if (status == TRANSFER_OK || status == TRANSFER_QUOTA || status == TRANSFER_DISK || status == TRANSFER_STOPPED)
      return status;
    remember(s, url, status);
    none = none || status == TRANSFER_NONE;
    lost = lost || status == TRANSFER_LOST || status == TRANSFER_REFUSED;
    wrong = wrong || status == TRANSFER_WRONG;
  }
  return lost ? TRANSFER_LOST : none || !wrong ? TRANSFER_NONE : TRANSFER_WRONG;
}

static enum transfer_status get(void *self, const uint8_t root[32], uint64_t leaves, uint8_t *bytes, struct why *why) {
  struct blob_store *s = self;
  if (!has(s, root)) {
    learn(s);
    enum transfer_status status = fetch(s, root, leaves, why);
    if (status != TRANSFER_OK) return status;
  }
  return read_blob(s, root, leaves * BLOB_LEAF_BYTES, bytes, why);
}

struct blob_port blob_store_port(struct blob_store *s) {
  return (struct blob_port){.self = s, .put = put, .get = get, .has = has};
}
