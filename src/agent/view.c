#include "agent/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "ledger/ledger.h"
#include "tape/record/tape.h"

enum { LOOKS_MAX = 4, SEAT_ROWS_MAX = SEATS_MAX, START_ROWS_MAX = TRACE_INTERVALS_MAX, TASK_ROWS = 4096 };

struct view {
  const struct chain_port *port;
  struct chain chain; /* its map mirrors what was fetched */
  void *record;       /* room for the longest record */
};

/* What a key's value has to be; NULL: bytes that have their own check. */
static const struct stored_kind *kind_of(const struct map_key *key) {
  switch ((enum map_module)key->bytes[0]) {
  case MODULE_CHAIN: return &chain_kind;
  case MODULE_ACCOUNT: return &account_kind;
  case MODULE_PROVIDER: return &provider_kind;
  case MODULE_TABLE: return key->length == 33 ? &posted_table_kind : NULL;
  case MODULE_TAPE: return &posted_tape_kind;
  case MODULE_JOB: return &job_kind;
  case MODULE_TASK: return &task_kind;
  case MODULE_SEAT: return &seat_kind;
  case MODULE_TRACE: return &attempt_kind;
  case MODULE_DISPUTE: return &docket_kind;
  case MODULE_LOG:
  case MODULE_PARAMETER:
  case MODULE_TIMER:
  case MODULE_BEACON:
  case MODULE_POCKET:
  case MODULE_POOL:
  case MODULE_VALIDATOR:
  case MODULE_DRAWN:
  case MODULE_START:
  case MODULE_ANSWER: break;
  }
  return NULL;
}

static uint32_t number_of(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool raw_good(const struct map_key *key, const uint8_t *value, size_t length) {
  struct parameters p;
  switch (key->bytes[0]) {
  case MODULE_PARAMETER:
    return key->length == 5 && parameters_decode(value, length, &p, NULL) && p.version == number_of(key->bytes + 1);
  case MODULE_BEACON:
  case MODULE_START: return length == 32;
  case MODULE_TABLE: return key->length == 34 ? length > 0 : length == 32;
  default: return false;
  }
}

static bool good(const struct view *v, const struct map_key *key, const uint8_t *value, size_t length) {
  const struct stored_kind *kind = kind_of(key);
  return kind ? stored_decode(kind, value, length, v->record) : raw_good(key, value, length);
}

/* Into the mirror, if it is what its key says. */
static bool keep(struct view *v, const struct map_key *key, const uint8_t *value, size_t length) {
  if (length > MAP_VALUE_BYTES_MAX || !good(v, key, value, length)) return false;
  map_put(v->chain.map, key, value, length);
  map_commit(v->chain.map); /* nothing here is taken back */
  return true;
}

static enum client_status strange(struct why *why, const char *what) {
  why_set(why, "the node gives a record of %s that is none", what);
  return CLIENT_STRANGE;
}

static enum client_status fetch(struct view *v, const struct map_key *key, const char *what, struct why *why) {
  uint8_t *value;
  size_t length;
  enum client_status status = v->port->get(v->port->self, key, &value, &length, NULL, why);
  if (status == CLIENT_NONE) {
    map_erase(v->chain.map, key);
    map_commit(v->chain.map);
    why_set(why, "there is no such %s", what);
  }
  if (status != CLIENT_OK) return status;
  bool kept = keep(v, key, value, length);
  free(value);
  return kept ? CLIENT_OK : strange(why, what);
}

/* What never changes is asked for once. */
static enum client_status fetch_once(struct view *v, const struct map_key *key, const char *what, struct why *why) {
  struct map_value value;
  return map_get(v->chain.map, key, &value) ? CLIENT_OK : fetch(v, key, what, why);
}

struct rows {
  struct view *v;
  bool good;
};

static bool keep_row(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct rows *r = context;
  r->good = keep(r->v, key, value, length);
  return r->good;
}

static void erase_all(struct view *v, const struct map_key *prefix) {
  struct map_key key;
  while (map_next(v->chain.map, prefix, NULL, &key, NULL)) map_erase(v->chain.map, &key);
  map_commit(v->chain.map);
}

static enum client_status fetch_all(struct view *v, const struct map_key *prefix, uint32_t most, const char *what,
                                    struct why *why) {
  struct rows r = {.v = v, .good = true};
  erase_all(v, prefix);
  enum client_status status = v->port->walk(v->port->self, prefix, NULL, most, keep_row, &r, NULL, why);
  return status == CLIENT_OK && !r.good ? strange(why, what) : status;
}

bool view_open(struct view **out, const struct chain_port *port, struct why *why) {
  static const struct stored_kind *const kinds[] = {&chain_kind,  &account_kind,      &provider_kind,    &task_kind,
                                                    &job_kind,    &posted_table_kind, &posted_tape_kind, &seat_kind,
                                                    &docket_kind, &attempt_kind};
  struct view *v = calloc(1, sizeof *v);
  size_t most = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i]->record_bytes > most) most = kinds[i]->record_bytes;
  if (v) v->record = malloc(most);
  if (!v || !v->record) {
    view_shut(v);
    return why_set(why, "no memory to look at a chain"), false;
  }
  v->port = port;
  v->chain.map = map_open();
  memcpy(v->chain.genesis, port->genesis, sizeof port->genesis);
  *out = v;
  return true;
}

void view_shut(struct view *v) {
  if (!v) return;
  if (v->chain.map) map_shut(v->chain.map);
  free(v->record);
  free(v);
}

struct chain *view_chain(struct view *v) {
  return &v->chain;
}

static struct map_key parameters_key(uint32_t version) {
  struct map_key key = map_key(MODULE_PARAMETER, NULL, 0);
  map_key_u32(&key, version);
  return key;
}

static void forget_turn(struct view *v) {
  static const uint8_t passing[] = {MODULE_ACCOUNT, MODULE_PROVIDER, MODULE_JOB,   MODULE_TASK,  MODULE_SEAT,
                                    MODULE_TRACE,   MODULE_DISPUTE,  MODULE_START, MODULE_BEACON};
  for (size_t i = 0; i < sizeof passing; i++) {
    struct map_key prefix = map_key(passing[i], NULL, 0);
    erase_all(v, &prefix);
  }
}

enum client_status view_now(struct view *v, struct why *why) {
  struct map_key key = map_key(MODULE_CHAIN, NULL, 0);
  enum client_status status = fetch(v, &key, "chain", why);
  struct chain_record now;
  if (status != CLIENT_OK) return status;
  stored_get(v->chain.map, &chain_kind, &key, &now);
  /* LEDGER 3.6: what is signed pays this price, so it is believed no further than a chain may go. */
  if (now.gas_price > GAS_PRICE_MAX) return strange(why, "chain");
  struct map_key parameters = parameters_key(now.parameters);
  status = fetch_once(v, &parameters, "parameters", why);
  if (status == CLIENT_NONE) status = strange(why, "parameters"); /* those in force are always there */
  if (status != CLIENT_OK) return status;
  v->chain.now = now;
  chain_parameters(&v->chain, now.parameters, &v->chain.parameters);
  forget_turn(v);
  return CLIENT_OK;
}

enum client_status view_account(struct view *v, const uint8_t id[32], struct account *out, struct why *why) {
  struct map_key key = account_key(id);
  enum client_status status = fetch(v, &key, "account", why);
  if (status == CLIENT_OK) account_get(v->chain.map, id, out);
  return status;
}

enum client_status view_provider(struct view *v, const uint8_t account[32], struct provider *out, struct why *why) {
  struct map_key key = map_key(MODULE_PROVIDER, account, 32);
  enum client_status status = fetch(v, &key, "provider", why);
  if (status == CLIENT_OK) provider_find(&v->chain, account, out);
  return status;
}

/* Jobs. */

static struct map_key known_key(uint8_t what, const uint8_t hash[32]) {
  return map_key(what == POSTED_TABLE ? MODULE_TABLE : MODULE_TAPE, hash, 32);
}

enum client_status view_known(struct view *v, uint8_t what, const uint8_t hash[32], struct why *why) {
  struct map_key key = known_key(what, hash);
  return fetch(v, &key, what == POSTED_TABLE ? "layout table" : "tape", why);
}

/* A live job keeps its table and tapes; of one that has ended they may be gone. */
static enum client_status fetch_posted(struct view *v, const struct job *j, struct why *why) {
  struct map_key key = known_key(POSTED_TABLE, j->layout_hash);
  enum client_status status = fetch_once(v, &key, "layout table", why);
  for (uint32_t k = 0; k < j->tapes && status == CLIENT_OK; k++) {
    key = known_key(POSTED_TAPE, j->tape_root[k]);
    status = fetch_once(v, &key, "tape", why);
  }
  return status;
}

enum client_status view_job(struct view *v, const uint8_t job[32], struct job_stored *out, struct why *why) {
  struct map_key key = map_key(MODULE_JOB, job, 32);
  enum client_status status = fetch(v, &key, "job", why);
  if (status != CLIENT_OK) return status;
  struct job_stored *s = malloc(sizeof *s);
  assert(s && "out of memory");
  bool there = job_find(&v->chain, job, s);
  assert(there);
  (void)there;
  struct map_key parameters = parameters_key(s->record.parameters);
  status = fetch_once(v, &parameters, "parameters", why);
  if (status == CLIENT_OK) status = fetch_posted(v, &s->record.job, why);
  bool over = s->record.state != JOB_LIVE;
  if (status == CLIENT_OK || (status == CLIENT_NONE && over)) {
    *out = *s;
    out->record.job.task = out->row;
    status = CLIENT_OK;
  }
  free(s);
  return status;
}

enum client_status view_tape(struct view *v, const uint8_t root[32], uint8_t **bytes, size_t *length, struct why *why) {
  struct arena memory;
  struct tape tape;
  uint8_t *value, is[32] = {0};
  size_t count;
  enum client_status status = v->port->content(v->port->self, root, &value, &count, why);
  if (status != CLIENT_OK) return status;
  if (!arena_open(&memory, JOB_TAPE_MEMORY_BYTES)) {
    free(value);
    return why_set(why, "no memory for a tape"), CLIENT_LOST;
  }
  bool read = tape_read(value, count, &memory, &tape, NULL) == TAPE_OK;
  if (read) tape_root(&tape, is);
  arena_shut(&memory);
  if (!read || memcmp(is, root, sizeof is) != 0) {
    free(value);
    return why_set(why, "the node gives a tape that is not the one asked for"), CLIENT_STRANGE;
  }
  *bytes = value;
  *length = count;
  return CLIENT_OK;
}

enum client_status view_layout(struct view *v, const uint8_t hash[32], uint8_t **bytes, size_t *length,
                               struct why *why) {
  struct map_key key = map_key(MODULE_TABLE, hash, 32);
  uint8_t *value, is[32];
  size_t count;
  map_key_u8(&key, 0);
  enum client_status status = v->port->get(v->port->self, &key, &value, &count, NULL, why);
  if (status != CLIENT_OK) return status;
  sha256(value, count, is);
  if (memcmp(is, hash, sizeof is) != 0) {
    free(value);
    return why_set(why, "the node gives a layout table that is not the one asked for"), CLIENT_STRANGE;
  }
  *bytes = value;
  *length = count;
  return CLIENT_OK;
}

/* Tasks. */

static struct map_key of_attempt(uint8_t module, const struct task_record *t) {
  struct map_key key = map_key(module, t->id, TASK_ID_BYTES);
  map_key_u8(&key, t->attempt);
  return key;
}

static enum client_status fetch_beacon(struct view *v, uint64_t height, struct why *why) {
  struct map_key key = map_key(MODULE_BEACON, NULL, 0);
  map_key_u64(&key, height);
  enum client_status status = fetch(v, &key, "beacon", why);
  return status == CLIENT_NONE ? CLIENT_OK : status; /* not out yet, or long ago */
}

static enum client_status fetch_disputes(struct view *v, const struct task_record *t, struct why *why) {
  struct seat_record *s = malloc(sizeof *s);
  enum client_status status = CLIENT_OK;
  assert(s && "out of memory");
  for (uint32_t n = 0; n <= t->seats && status == CLIENT_OK; n++) {
    if (!audit_seat(&v->chain, t, (uint8_t)n, s) || s->dispute == 0) continue;
    struct map_key key = map_key(MODULE_DISPUTE, NULL, 0);
    map_key_u64(&key, s->dispute - 1);
    status = fetch(v, &key, "dispute", why);
    if (status == CLIENT_NONE) status = CLIENT_OK;
  }
  free(s);
  return status;
}

static enum client_status fetch_record(struct view *v, const uint8_t task[TASK_ID_BYTES], struct task_record *out,
                                       struct why *why) {
  struct map_key key = map_key(MODULE_TASK, task, TASK_ID_BYTES);
  enum client_status status = fetch(v, &key, "task", why);
  if (status == CLIENT_OK) task_find(&v->chain, task, out);
  return status;
}

/* What stands beside a task's record. */
static enum client_status fetch_beside(struct view *v, const struct task_record *t, struct why *why) {
  struct job_stored *job = malloc(sizeof *job);
  assert(job && "out of memory");
  enum client_status status = view_job(v, t->id, job, why);
  free(job);
  struct map_key key = parameters_key(t->parameters);
  if (status == CLIENT_OK) status = fetch_once(v, &key, "parameters", why);
  key = of_attempt(MODULE_TRACE, t);
  if (status == CLIENT_OK) status = fetch(v, &key, "attempt", why);
  if (status == CLIENT_NONE) status = CLIENT_OK; /* nothing is drawn yet */
  key = of_attempt(MODULE_SEAT, t);
  if (status == CLIENT_OK) status = fetch_all(v, &key, SEAT_ROWS_MAX, "seat", why);
  key = of_attempt(MODULE_START, t);
  if (status == CLIENT_OK) status = fetch_all(v, &key, START_ROWS_MAX, "start", why);
  if (status == CLIENT_OK) status = fetch_disputes(v, t, why);
  if (status == CLIENT_OK) status = fetch_beacon(v, t->draw_height, why);
  return status;
}

static bool same_moment(const struct task_record *a, const struct task_record *b) {
  return a->state == b->state && a->attempt == b->attempt && a->round == b->round && a->opened == b->opened;
}

/* Blocks are made while one looks: what was read is of one moment if the record was the same before and after. */
enum client_status view_task(struct view *v, const uint8_t task[TASK_ID_BYTES], struct task_record *out,
                             struct why *why) {
  struct task_record before, after;
  enum client_status status = fetch_record(v, task, &after, why);
  for (uint32_t look = 0; look < LOOKS_MAX && status == CLIENT_OK; look++) {
    before = after;
    status = fetch_beside(v, &before, why);
    if (status == CLIENT_NONE) {
      why_set(why, "a task whose job or tapes the node does not have");
      return CLIENT_STRANGE;
    }
    if (status == CLIENT_OK) status = fetch_record(v, task, &after, why);
    if (status == CLIENT_OK && same_moment(&before, &after)) {
      *out = after;
      return CLIENT_OK;
    }
  }
  if (status == CLIENT_OK) {
    why_set(why, "the task goes on faster than it can be read");
    status = CLIENT_LOST;
  }
  return status;
}

bool view_start(struct view *v, const struct task_record *t, uint16_t interval, uint8_t root[32]) {
  struct map_key key = of_attempt(MODULE_START, t);
  struct map_value value;
  map_key_u16(&key, interval);
  if (!map_get(v->chain.map, &key, &value)) return false;
  memcpy(root, value.bytes, 32);
  return true;
}

struct tasks {
  struct view *v;
  view_show_task *show;
  void *context;
  uint32_t states;
  bool strange;
};

static bool show_task(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct tasks *k = context;
  struct task_record *t = k->v->record;
  if (key->length != 1 + TASK_ID_BYTES || !stored_decode(&task_kind, value, length, t)) {
    k->strange = true;
    return false;
  }
  memcpy(t->id, key->bytes + 1, TASK_ID_BYTES);
  struct task_record shown = *t; /* who is shown it may look at the chain */
  return !(k->states >> shown.state & 1) || k->show(k->context, &shown);
}

static enum client_status walk_tasks(struct view *v, const struct map_key *prefix, uint32_t states,
                                     view_show_task *show, void *context, struct why *why) {
  struct tasks k = {.v = v, .show = show, .context = context, .states = states};
  enum client_status status = v->port->walk(v->port->self, prefix, NULL, UINT32_MAX, show_task, &k, NULL, why);
  return status == CLIENT_OK && k.strange ? strange(why, "task") : status;
}

enum client_status view_tasks(struct view *v, uint32_t states, view_show_task *show, void *context, struct why *why) {
  struct map_key prefix = map_key(MODULE_TASK, NULL, 0);
  return walk_tasks(v, &prefix, states, show, context, why);
}

enum client_status view_tasks_of(struct view *v, const uint8_t job[32], view_show_task *show, void *context,
                                 struct why *why) {
  struct map_key prefix = map_key(MODULE_TASK, job, 32);
  return walk_tasks(v, &prefix, UINT32_MAX, show, context, why);
}

struct providers {
  struct view *v;
  view_show_provider *show;
  void *context;
  uint16_t role;
  bool strange;
};

static bool show_provider(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct providers *k = context;
  struct provider p;
  if (key->length != 33 || !stored_decode(&provider_kind, value, length, &p)) {
    k->strange = true;
    return false;
  }
  return !(p.roles & k->role) || !p.available || k->show(k->context, key->bytes + 1, &p);
}

enum client_status view_providers(struct view *v, uint16_t role, view_show_provider *show, void *context,
                                  struct why *why) {
  struct map_key prefix = map_key(MODULE_PROVIDER, NULL, 0);
  struct providers k = {.v = v, .show = show, .context = context, .role = role};
  enum client_status status = v->port->walk(v->port->self, &prefix, NULL, UINT32_MAX, show_provider, &k, NULL, why);
  return status == CLIENT_OK && k.strange ? strange(why, "provider") : status;
}

enum client_status view_receipts(struct view *v, const uint8_t job[32], uint64_t *from, view_show_receipt *show,
                                 void *context, struct why *why) {
  while (*from < v->chain.now.next_receipt) {
    uint8_t *bytes, *payments;
    size_t length, payments_length;
    struct receipt r;
    enum client_status status =
        v->port->receipt(v->port->self, *from, &bytes, &length, &payments, &payments_length, why);
    if (status != CLIENT_OK) return status;
    bool read = receipt_decode(bytes, length, &r), more = true;
    if (read) ++*from;
    if (read && (!job || memcmp(r.task, job, 32) == 0)) more = show(context, &r, payments, payments_length);
    free(bytes);
    free(payments);
    if (!read) return strange(why, "receipt");
    if (!more) break;
  }
  return CLIENT_OK;
}
