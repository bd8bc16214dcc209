#include "agent/blob_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/slice.h"
#include "agent/view.h"
#include "crypto/sha256.h"

enum { NAMED_MAX = 1024, STAKED_MAX = 1024, STAKED_MS = 60000 };
/* How long one storer may take: TRANSFER 3.4. */
enum { FIRST_MS = 10000, FIRST_RATE = 64, MORE_MS = 5000, MORE_TIMES = 4, DOUBTED_MS = 2000, DOUBTED_RATE = 1024 };

/* A storer that did not answer, or lied: not asked before until_ms. */
struct rest {
  uint8_t name[32]; /* hash of its address; zeros: an empty place */
  uint64_t until_ms, ms;
};

/* One that the chain names. */
struct named {
  uint8_t account[32];
  char url[PROVIDER_ENDPOINT_MAX + 1];
  uint64_t stake;
  bool doubted; /* did not answer, or lied, and has done nothing good since */
};

/* Stakes change seldom, and one is asked for at every storer. */
struct staked {
  uint8_t account[32];
  uint64_t stake, until_ms; /* 0: an empty place */
};

struct blob_store {
  struct blob_store_options options;
  struct shelf *shelf;
  struct view *view; /* NULL: no chain is asked */
  struct transfer_server server[BLOB_SERVERS_MAX];
  uint32_t count, rests;
  struct rest rest[BLOB_SERVERS_MAX];
  struct staked staked[STAKED_MAX];
  struct named named[NAMED_MAX];
  uint32_t named_count;
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

static bool doubted(struct blob_store *s, const char *url) {
  const struct rest *r = rest_of(s, url, false);
  return r && r->ms;
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

/* Who stores. */

static uint64_t stake_of(struct blob_store *s, const uint8_t account[32]) {
  struct staked *k = &s->staked[(uint32_t)(account[0] | account[1] << 8) % STAKED_MAX];
  struct account a = {.balance = 0};
  if (slice_ms() < k->until_ms && memcmp(k->account, account, 32) == 0) return k->stake;
  if (view_account(s->view, account, &a, NULL) != CLIENT_OK) return 0;
  memcpy(k->account, account, 32);
  k->stake = a.stake[ROLE_STORER];
  k->until_ms = slice_ms() + STAKED_MS;
  return k->stake;
}

/* Where one more goes: in place of one with less at stake when there are too many. */
static struct named *place_for(struct blob_store *s, uint64_t stake) {
  struct named *least = &s->named[0];
  if (s->named_count < NAMED_MAX) return &s->named[s->named_count++];
  for (uint32_t i = 1; i < NAMED_MAX; i++)
    if (s->named[i].stake < least->stake) least = &s->named[i];
  return least->stake < stake ? least : NULL;
}

static bool add_storer(void *context, const uint8_t account[32], const struct provider *p) {
  struct blob_store *s = context;
  if (p->endpoint_length == 0) return true;
  uint64_t stake = stake_of(s, account);
  struct named *n = place_for(s, stake);
  if (!n) return true;
  *n = (struct named){.stake = stake};
  memcpy(n->account, account, sizeof n->account);
  memcpy(n->url, p->endpoint, p->endpoint_length);
  n->doubted = doubted(s, n->url);
  return true;
}

/* A record on the chain costs next to nothing, and thousands of them with addresses where nobody is, or where somebody
 * is slow, must not stand before those that work: who failed comes last, and before it counts what is at stake. */
static int by_trust(const void *a, const void *b) {
  const struct named *x = a, *y = b;
  if (x->doubted != y->doubted) return x->doubted ? 1 : -1;
  if (x->stake != y->stake) return x->stake > y->stake ? -1 : 1;
  return memcmp(x->account, y->account, sizeof x->account);
}

/* Without an answer the storers of the last one are as good as any. */
static void learn(struct blob_store *s) {
  uint32_t fixed = s->options.servers_count < BLOB_SERVERS_MAX ? s->options.servers_count : BLOB_SERVERS_MAX;
  uint32_t had = s->named_count;
  s->count = fixed;
  if (fixed) memcpy(s->server, s->options.servers, fixed * sizeof *s->server);
  s->named_count = 0;
  if (s->view && view_providers(s->view, PROVIDER_STORER, add_storer, s, NULL) != CLIENT_OK && had > s->named_count)
    s->named_count = had;
  qsort(s->named, s->named_count, sizeof *s->named, by_trust);
  for (uint32_t i = 0; i < s->named_count && s->count < BLOB_SERVERS_MAX; i++) {
    struct transfer_server *server = &s->server[s->count++];
    server->url = s->named[i].url;
    memcpy(server->account, s->named[i].account, sizeof server->account);
  }
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

/* How long this one may take, TRANSFER 3.4: those who failed share a moment among all of them, and so do those who are
 * asked for more than is needed, because one is enough. */
struct patience {
  uint64_t began_ms, length, doubted_ms, more_ms; /* left of both; more_ms: 0 as long as nobody has it */
  bool enough;
};

static struct patience patience_for(uint64_t length) {
  return (struct patience){.length = length, .doubted_ms = DOUBTED_MS + length / DOUBTED_RATE};
}

static uint64_t allowed(const struct patience *p, bool in_doubt) {
  uint64_t ms = FIRST_MS + p->length / FIRST_RATE;
  if (in_doubt && p->doubted_ms < ms) ms = p->doubted_ms;
  return p->enough && p->more_ms < ms ? p->more_ms : ms;
}

/* False where there is no time for this one any more. */
static bool grant(struct blob_store *s, struct patience *p, bool in_doubt) {
  uint64_t ms = allowed(p, in_doubt);
  p->began_ms = slice_ms();
  s->options.transfer.until_ms = p->began_ms + ms;
  return ms > 0;
}

static void spend(struct patience *p, bool in_doubt, bool good) {
  uint64_t took = slice_ms() - p->began_ms;
  if (in_doubt && !good) p->doubted_ms -= took < p->doubted_ms ? took : p->doubted_ms;
  if (p->enough)
    p->more_ms -= took < p->more_ms ? took : p->more_ms;
  else if (good)
    p->enough = true, p->more_ms = MORE_MS + MORE_TIMES * took;
}

static enum transfer_status put(void *self, const uint8_t root[32], const void *bytes, uint64_t length,
                                struct why *why) {
  struct blob_store *s = self;
  enum transfer_status status = onto_shelf(s, root, bytes, length, why), last = TRANSFER_OK;
  struct patience patience = patience_for(length);
  uint32_t stored = 0;
  if (status != TRANSFER_OK) return status;
  learn(s);
  for (uint32_t i = 0; i < s->count; i++) {
    const char *url = s->server[i].url;
    bool in_doubt = doubted(s, url);
    if (rests(s, url) || !grant(s, &patience, in_doubt)) {
      last = TRANSFER_LOST;
      why_set(why, "%s did not answer; it is tried again later", url);
      continue;
    }
    status = transfer_give(s->shelf, root, &s->server[i], &s->options.signer, &s->options.transfer, why);
    if (status == TRANSFER_STOPPED) return status;
    spend(&patience, in_doubt, status == TRANSFER_OK);
    remember(s, url, status);
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
  struct patience patience = patience_for(leaves * BLOB_LEAF_BYTES);
  why_set(why, "nobody stores blobs here");
  for (uint32_t i = 0; i < s->count; i++) {
    const char *url = s->server[i].url;
    bool in_doubt = doubted(s, url);
    if (rests(s, url) || !grant(s, &patience, in_doubt)) {
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
    spend(&patience, in_doubt, false);
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
