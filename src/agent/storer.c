#include "agent/storer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/slice.h"
#include "crypto/address.h"

enum { KNOWN_MAX = 256, YES_MS = 60000, NO_MS = 1000, UPLOAD_S = 3600, KEEP_S = 30 * 86400, EXPIRE_MS = 60000 };

/* Who asked, and what the chain said. */
struct known {
  uint8_t account[32], key[32];
  uint64_t until_ms; /* 0: an empty place */
  bool may;
};

struct storer {
  struct shelf *shelf;
  struct listen *listen;
  struct serve serve;
  struct view *view; /* of the door */
  pthread_mutex_t mutex;
  struct known known[KNOWN_MAX];
  uint32_t next;
  uint64_t expired_ms;
};

static bool worth(const struct account *a) {
  uint64_t sum;
  return account_total(a, &sum) && sum >= STORER_WORTH;
}

/* LEDGER 2.2.1: an account that was only paid so far has the key that it is named after. */
static bool has_key(const struct account *a, const uint8_t account[32], const uint8_t key[32]) {
  uint8_t first[32];
  for (uint32_t i = 0; i < a->slots_count; i++)
    if (memcmp(a->slot[i].key, key, 32) == 0) return true;
  address_of_key(key, first);
  return a->slots_count == 0 && memcmp(first, account, 32) == 0;
}

/* No answer is not remembered as a no. */
static bool ask(struct storer *s, struct known *k) {
  struct account a;
  enum client_status status = view_account(s->view, k->account, &a, NULL);
  k->may = status == CLIENT_OK && worth(&a) && has_key(&a, k->account, k->key);
  k->until_ms = status == CLIENT_OK || status == CLIENT_NONE ? slice_ms() + (k->may ? YES_MS : NO_MS) : 0;
  return k->may;
}

bool storer_may(struct storer *s, const uint8_t account[32], const uint8_t key[32]) {
  struct known *place = NULL;
  pthread_mutex_lock(&s->mutex);
  for (uint32_t i = 0; i < KNOWN_MAX && !place; i++)
    if (memcmp(s->known[i].account, account, 32) == 0 && memcmp(s->known[i].key, key, 32) == 0) place = &s->known[i];
  if (!place) {
    place = &s->known[s->next++ % KNOWN_MAX];
    memcpy(place->account, account, 32);
    memcpy(place->key, key, 32);
    place->until_ms = 0;
  }
  bool may = slice_ms() < place->until_ms ? place->may : ask(s, place);
  pthread_mutex_unlock(&s->mutex);
  return may;
}

static bool may_put(void *context, const uint8_t account[32], const uint8_t key[32], uint64_t bytes) {
  (void)bytes; /* the shelf counts them */
  return storer_may(context, account, key);
}

enum agent_status storer_open(struct storer **out, const uint8_t account[32], const struct storer_options *options,
                              struct why *why) {
  struct storer *s = calloc(1, sizeof *s);
  *out = NULL;
  if (!s || !view_open(&s->view, options->door, why)) {
    free(s);
    return why_set(why, "no memory for a storer"), AGENT_ERR_SYSTEM;
  }
  pthread_mutex_init(&s->mutex, NULL);
  enum shelf_status status = shelf_open(&s->shelf, options->folder, options->limits, why);
  if (status == SHELF_OK) {
    s->serve = (struct serve){.shelf = s->shelf, .may = may_put, .context = s};
    memcpy(s->serve.genesis, options->door->genesis, 32);
    memcpy(s->serve.account, account, 32);
    if (listen_open(&s->listen, options->address, options->port, &s->serve, why)) {
      *out = s;
      return AGENT_OK;
    }
  }
  storer_shut(s);
  return status == SHELF_OK || status == SHELF_DISK ? AGENT_ERR_SYSTEM : AGENT_ERR_INPUT;
}

void storer_shut(struct storer *s) {
  if (!s) return;
  listen_shut(s->listen);
  if (s->shelf) shelf_shut(s->shelf);
  view_shut(s->view);
  pthread_mutex_destroy(&s->mutex);
  free(s);
}

uint16_t storer_port(const struct storer *s) { return listen_port(s->listen); }

bool storer_turn(struct agent *a, void *storer, struct why *why) {
  struct storer *s = storer;
  uint64_t now = slice_ms();
  (void)why;
  if (s->expired_ms && now - s->expired_ms < EXPIRE_MS) return true;
  s->expired_ms = now;
  int64_t clock = (int64_t)time(NULL);
  uint32_t gone = shelf_expire(s->shelf, clock - UPLOAD_S, clock - KEEP_S);
  if (gone) agent_say(a, "expired", NULL, "%u blobs that nobody touched for long are gone", gone);
  return true;
}
