#include "agent/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/docket/docket.h"

enum { TRIES = 8, POOL_IN_FORCE = 0 };

struct mirror {
  const struct chain_port *port;
  uint8_t account[32];
  struct chain chain;
  bool whole;
  uint32_t records;
  uint32_t tasks;
  uint8_t task[MIRROR_TASKS_MAX][TASK_ID_BYTES]; /* alive */
};

struct mirror *mirror_open(const struct chain_port *port, const uint8_t account[32]) {
  struct mirror *m = calloc(1, sizeof *m);
  if (!m) return NULL;
  m->port = port;
  memcpy(m->account, account, 32);
  memcpy(m->chain.genesis, port->genesis, 32);
  return m;
}

void mirror_shut(struct mirror *m) {
  if (!m) return;
  if (m->chain.map) map_shut(m->chain.map);
  free(m);
}

const struct chain *mirror_chain(const struct mirror *m) { return m->whole ? &m->chain : NULL; }

static bool keep(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct mirror *m = context;
  if (m->records == MIRROR_RECORDS_MAX || length > MAP_VALUE_BYTES_MAX) return false;
  m->records++;
  map_put(m->chain.map, key, value, length);
  return true;
}

/* All records under a key or the beginning of one. */
static bool take_under(struct mirror *m, struct map_key prefix, struct why *why) {
  return m->port->walk(m->port->self, &prefix, NULL, MIRROR_RECORDS_MAX, keep, m, NULL, why) == CLIENT_OK;
}

static bool take_key(struct mirror *m, struct map_key key, struct why *why) {
  uint8_t *value;
  size_t length;
  enum client_status status = m->port->get(m->port->self, &key, &value, &length, NULL, why);
  if (status == CLIENT_NONE) return true;
  if (status != CLIENT_OK) return false;
  keep(m, &key, value, length);
  free(value);
  return true;
}

static bool take(struct mirror *m, uint8_t module, const void *id, size_t length, struct why *why) {
  return take_key(m, map_key(module, id, length), why);
}

static bool take_pool(struct mirror *m, uint8_t role, struct why *why) {
  uint8_t id[2] = {role, POOL_IN_FORCE};
  return take_under(m, map_key(MODULE_POOL, id, sizeof id), why);
}

static bool take_job(struct mirror *m, const uint8_t id[32], struct why *why) {
  struct job_stored *s = malloc(sizeof *s);
  bool good = s && take(m, MODULE_JOB, id, 32, why);
  if (good && job_find(&m->chain, id, s)) {
    good = take_under(m, map_key(MODULE_TABLE, s->record.job.layout_hash, 32), why);
    for (uint8_t n = 0; good && n < s->record.job.tapes; n++)
      good = take(m, MODULE_TAPE, s->record.job.tape_root[n], 32, why);
  }
  free(s);
  return good;
}

static bool take_disputes(struct mirror *m, const struct task_record *t, struct why *why) {
  struct seat_record s;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(&m->chain, t, i, &s) || s.dispute == 0) continue;
    struct map_key key = map_key(MODULE_DISPUTE, NULL, 0);
    map_key_u64(&key, s.dispute - 1);
    if (!take_key(m, key, why)) return false;
  }
  return true;
}

/* What belongs to the attempt that runs. */
static bool take_task(struct mirror *m, const struct task_record *t, struct why *why) {
  static const uint8_t of_attempt[] = {MODULE_SEAT, MODULE_TRACE, MODULE_START, MODULE_ANSWER};
  uint8_t attempt[TASK_ID_BYTES + 1];
  struct map_key beacon = map_key(MODULE_BEACON, NULL, 0), version = map_key(MODULE_PARAMETER, NULL, 0);
  memcpy(attempt, t->id, TASK_ID_BYTES);
  attempt[TASK_ID_BYTES] = t->attempt;
  map_key_u64(&beacon, t->draw_height);
  map_key_u32(&version, t->parameters);
  if (!take_key(m, beacon, why) || !take_key(m, version, why) || !take_job(m, t->id, why)) return false;
  for (size_t i = 0; i < sizeof of_attempt; i++)
    if (!take_under(m, map_key(of_attempt[i], attempt, sizeof attempt), why)) return false;
  return take_disputes(m, t, why);
}

/* The tasks that were walked over, and what belongs to those that live. */
static bool take_tasks(struct mirror *m, struct why *why) {
  struct map_key prefix = map_key(MODULE_TASK, NULL, 0), key;
  const struct map_key *after = NULL;
  if (!take_under(m, prefix, why)) return false;
  for (m->tasks = 0; m->tasks < MIRROR_TASKS_MAX && map_next(m->chain.map, &prefix, after, &key, NULL); after = &key) {
    struct task_record t;
    if (key.length != 1 + TASK_ID_BYTES || !task_find(&m->chain, key.bytes + 1, &t)) return false;
    if (t.state == TASK_SETTLED || t.state == TASK_CANCELLED) continue;
    memcpy(m->task[m->tasks++], t.id, TASK_ID_BYTES);
  }
  for (uint32_t i = 0; i < m->tasks; i++) {
    struct task_record t;
    if (task_find(&m->chain, m->task[i], &t) && !take_task(m, &t, why)) return false;
  }
  return true;
}

static bool take_all(struct mirror *m, struct why *why) {
  if (m->chain.map) map_shut(m->chain.map);
  m->chain.map = map_open();
  m->records = 0;
  bool good = take(m, MODULE_CHAIN, NULL, 0, why) && take(m, MODULE_LOG, NULL, 0, why) &&
              take_under(m, map_key(MODULE_PARAMETER, NULL, 0), why) && chain_load(&m->chain) &&
              take(m, MODULE_ACCOUNT, m->account, 32, why) && take(m, MODULE_PROVIDER, m->account, 32, why) &&
              take_pool(m, ROLE_SOLVER, why) && take_pool(m, ROLE_VERIFIER, why) && take_tasks(m, why);
  if (good) map_commit(m->chain.map); /* nothing is ever taken back */
  return good;
}

/* Has the chain gone on since? */
static bool same_height(struct mirror *m, struct why *why) {
  struct chain now = {.map = map_open()}, *old = &m->chain;
  struct mirror *fresh = calloc(1, sizeof *fresh);
  bool same = false;
  if (fresh) {
    fresh->port = m->port;
    fresh->chain.map = now.map;
    same = take(fresh, MODULE_CHAIN, NULL, 0, why) && take(fresh, MODULE_LOG, NULL, 0, why) &&
           take_under(fresh, map_key(MODULE_PARAMETER, NULL, 0), why) && chain_load(&fresh->chain) &&
           fresh->chain.now.height == old->now.height;
  }
  map_shut(now.map);
  free(fresh);
  return same;
}

bool mirror_turn(struct mirror *m, struct why *why) {
  m->whole = false;
  why_set(why, "there was a block between any two answers of the node");
  for (uint32_t i = 0; i < TRIES && !m->whole; i++) {
    if (!take_all(m, why)) return false;
    m->whole = same_height(m, why);
  }
  return m->whole;
}

bool mirror_task(const struct mirror *m, uint32_t *at, struct task_record *out) {
  while (m->whole && *at < m->tasks)
    if (task_find(&m->chain, m->task[(*at)++], out)) return true;
  return false;
}
