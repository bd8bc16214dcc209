/* What has to hold: after each block, and when everything has ended. */
#include "campaign/walk.h"

#include <string.h>

static const char *const states[] = {"",          "WAIT",    "OPEN",     "WORK", "DRAW",  "SEAT.take", "SEAT.publish",
                                     "SEAT.seal", "STALLED", "SEALED",   "SHOW", "CLAIM", "DISCLOSE",  "JUDGE",
                                     "DELIVER",   "SETTLED", "CANCELLED"};

static struct walk_job *job_of(struct walk *w, const uint8_t *task) {
  for (uint32_t i = 0; i < WALK_JOBS; i++)
    if (w->job[i].live && memcmp(w->job[i].id, task, 32) == 0) return &w->job[i];
  walk_fail(w, "a receipt or an event of no live job");
}

static struct task_record task_of_job(struct walk *w, const uint8_t *id) {
  struct task_record t;
  WALK_CHECK(w, task_find(walk_chain(w), id, &t));
  return t;
}

/* LEDGER 14.5: whose a pocket is. */
static void explain(struct walk *w, const struct pocket *p, int64_t amount) {
  const uint8_t *owner = p->id;
  if (p->kind == POCKET_LOCK) owner += POCKET_SEAT_BYTES;
  if (p->kind == POCKET_BALANCE || p->kind == POCKET_STAKE || p->kind == POCKET_LOCK)
    w->account[walk_who(w, owner)].explained += amount;
}

/* Nobody pays above its lock, and 5a not above phi / 4. */
static void check_bond(struct walk *w, struct walk_job *j, const struct receipt *r, const struct payment *p) {
  if (p->from.kind != POCKET_STAKE) return;
  if (r->reason == REASON_NOT_TAKEN) {
    struct task_record t = task_of_job(w, r->task);
    struct audit_stakes stakes;
    audit_stakes(walk_chain(w), &t, &stakes);
    WALK_CHECK(w, p->amount <= stakes.untaken);
    return;
  }
  for (uint32_t i = 0; i <= SEATS_MAX; i++) {
    struct walk_bond *b = &j->bond[i];
    if (b->role != p->from.role || memcmp(b->account, p->from.id, 32) != 0) continue;
    WALK_CHECK(w, p->amount <= b->left);
    b->left -= p->amount;
    return;
  }
  walk_fail(w, "a bond is paid from that nobody locked");
}

/* A gas lock comes back before its place is taken again, and says so. */
static void check_returned(struct walk *w, const struct walk_bond *b) {
  if (b->gas) WALK_CHECK(w, w->account[walk_who(w, b->account)].short_height >= b->height);
}

static struct walk_bond *bond_of(struct walk_job *j, const uint8_t lock[POCKET_SEAT_BYTES]) {
  uint8_t seat = lock[POCKET_SEAT_BYTES - 1];
  return &j->bond[seat == SEAT_NONE ? SEATS_MAX : seat];
}

static void locked(struct walk *w, struct walk_job *j, const struct receipt *r) {
  struct task_record t = task_of_job(w, r->task);
  bool solver = r->seat == SEAT_NONE;
  struct audit_stakes stakes;
  audit_stakes(walk_chain(w), &t, &stakes);
  struct walk_bond *b = &j->bond[solver ? SEATS_MAX : r->seat];
  check_returned(w, b);
  b->gas = 0;
  b->height = w->block.height;
  b->role = solver ? ROLE_SOLVER : ROLE_VERIFIER;
  b->left = solver ? t.fine + t.seats * t.seat_fee : stakes.bond;
  memcpy(b->account, r->account, 32);
}

/* No receipt twice: one posting, one opening and one end of an attempt, one end of a task, one verdict of a dispute. */
static void once(struct walk *w, struct walk_job *j, const struct receipt *r) {
  switch ((enum receipt_kind)r->kind) {
  case RECEIPT_POSTED:
    WALK_CHECK(w, !j->posted);
    j->posted = true;
    return;
  case RECEIPT_OPENED:
    WALK_CHECK(w, !j->opened);
    j->opened = true;
    return;
  case RECEIPT_SETTLED:
  case RECEIPT_CANCELLED:
    WALK_CHECK(w, !j->over && (!j->reason || r->kind == RECEIPT_CANCELLED));
    j->over = true;
    j->reason = r->reason;
    return;
  case RECEIPT_FAULT:
  case RECEIPT_ATTEMPT:
    WALK_CHECK(w, !j->over && !j->reason);
    j->reason = r->reason;
    return;
  case RECEIPT_VERDICT:
    WALK_CHECK(w, r->dispute / 8 < WALK_SEEN_BYTES && !(w->seen[r->dispute / 8] >> r->dispute % 8 & 1));
    w->seen[r->dispute / 8] |= (uint8_t)(1 << r->dispute % 8);
    return;
  case RECEIPT_LOCKED: locked(w, j, r); return;
  case RECEIPT_SEAT: return;
  }
}

static void take_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct walk *w = context;
  struct receipt r;
  struct payment p;
  size_t at = 0;
  if (w->telling_again) return;
  WALK_CHECK(w, receipt_decode(bytes, length, &r) && r.number == number && r.height == w->block.height);
  struct walk_job *j = job_of(w, r.task);
  once(w, j, &r);
  w->count.receipt[r.kind][r.reason]++;
  while (payments_next(payments, payments_length, &at, &p)) {
    w->count.money[p.row]++;
    explain(w, &p.from, -(int64_t)p.amount);
    explain(w, &p.to, (int64_t)p.amount);
    check_bond(w, j, &r, &p);
    if (p.to.kind == POCKET_LOCK) bond_of(j, p.to.id)->gas += p.amount;
    if (p.from.kind == POCKET_LOCK) bond_of(j, p.from.id)->gas -= p.amount;
  }
  WALK_CHECK(w, at == payments_length);
}

static uint8_t state_of(const char *text) {
  size_t length = strcspn(text, ",");
  for (uint8_t s = 1; s < sizeof states / sizeof *states; s++)
    if (strlen(states[s]) == length && memcmp(states[s], text, length) == 0) return s;
  return 0;
}

static void end_attempt(struct walk *w, struct walk_job *j) {
  for (uint32_t i = 0; i <= SEATS_MAX; i++) check_returned(w, &j->bond[i]);
}

static void begin_attempt(struct walk_job *j, uint64_t tick) {
  memset(j->bond, 0, sizeof j->bond);
  j->attempt++;
  j->opened = j->over = false;
  j->reason = REASON_NONE;
  j->begun_tick = tick;
}

static void entered(struct walk *w, struct walk_job *j, uint16_t task, uint8_t state) {
  if (task != j->task) { /* the next one: what settled is what it starts from */
    WALK_CHECK(w, task == j->task + 1 && j->state == TASK_SETTLED);
    w->count.settled_next++;
    j->task = task;
    j->state = j->attempt = 0;
  }
  w->count.to[j->state][state]++;
  if (state == TASK_CANCELLED) w->count.cancelled_by[j->state][j->reason]++;
  if (state == TASK_WAIT || state >= TASK_SETTLED) end_attempt(w, j);
  if (state == TASK_WAIT) begin_attempt(j, walk_chain(w)->now.tick);
  if (state == TASK_SETTLED) {
    j->base = j->run;
    w->count.settled_diverged += j->reason == REASON_DIVERGED;
    w->count.settled_last += task + 1 == j->tasks && j->reason == REASON_DONE;
  }
  j->state = state;
}

static void take_event(void *context, const char *kind, const uint8_t *task, const char *text) {
  struct walk *w = context;
  if (w->telling_again) return;
  if (strcmp(kind, "dispute") == 0) w->count.disputes++;
  if (strcmp(kind, "task") != 0) return;
  uint8_t state = state_of(text);
  WALK_CHECK(w, state);
  entered(w, job_of(w, task), (uint16_t)(task[32] | task[33] << 8), state);
}

struct chain_sink walk_sink(struct walk *w) {
  return (struct chain_sink){.context = w, .receipt = take_receipt, .event = take_event};
}

/* After each block. */

/* How long an attempt may last at most: LEDGER 8.1, every window to its end, nine epochs without a verifier and three
 * rounds with up to 4n draws each before every one of them. */
static uint64_t ticks_max(const struct walk *w, const struct task_record *t) {
  struct parameters p;
  chain_parameters(walk_chain(w), t->parameters, &p);
  uint64_t publish = p.window_publish + 64, seal = 4 * t->est_seat + p.window_seal;
  uint64_t rounds = 3 * (4 * (uint64_t)t->seats * (p.window_take + 1) + publish + seal);
  uint64_t moves = 16 * (p.turn + 4 * t->est + 8) + 2 * p.slack;
  return 64 + p.window_offer + 4 * t->est + p.window_work + 9 * (rounds + p.window_stalled) + p.window_show + moves +
         publish;
}

struct held {
  uint64_t locked[WALK_ACCOUNTS][ROLES], tasks_armed, disputes, escrow;
};

static void add_locks(struct walk *w, const struct task_record *t, struct held *h) {
  struct seat_record s;
  if (t->bond) h->locked[walk_who(w, t->solver)][ROLE_SOLVER] += t->bond;
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(walk_chain(w), t, i, &s)) h->locked[walk_who(w, s.account)][ROLE_VERIFIER] += s.bond;
}

/* What a live job holds: the running task's share, the reserve, and E of those to come. */
static uint64_t escrow_of(struct walk *w, const struct job_record *j, const struct task_record *t) {
  struct parameters p;
  struct job_cost cost;
  uint64_t sum = t->escrow_left + j->reserve_left;
  chain_parameters(walk_chain(w), j->parameters, &p);
  for (uint16_t n = (uint16_t)(j->task + 1); n < j->job.tasks; n++) {
    WALK_CHECK(w, job_cost(walk_chain(w), j, &p, n, &cost));
    sum += cost.escrow;
  }
  return sum;
}

static void check_job(struct walk *w, struct walk_job *j, bool whole, struct held *h) {
  struct job_stored s;
  struct task_record t;
  uint8_t id[TASK_ID_BYTES];
  bool known = job_find(walk_chain(w), j->id, &s);
  WALK_CHECK(w, known && s.record.state == (j->over ? s.record.state : JOB_LIVE));
  if (j->over) { /* told to be over: it holds nothing more, and its place is free */
    WALK_CHECK(w, s.record.state != JOB_LIVE);
    struct pocket escrow = pocket_escrow(j->id);
    WALK_CHECK(w, money_held(walk_chain(w), &escrow) == 0);
    j->live = false;
    return;
  }
  job_task_id(j->id, j->task, id);
  WALK_CHECK(w, task_find(walk_chain(w), id, &t) && t.state == j->state && t.attempt == j->attempt);
  WALK_CHECK(w, t.state == TASK_JUDGE ? !t.armed && t.disputes_open > 0 : t.armed > 0);
  WALK_CHECK(w, walk_chain(w)->now.tick - j->begun_tick <= ticks_max(w, &t));
  w->count.raises += t.raise > 0;
  if (!whole) return;
  struct pocket escrow = pocket_escrow(j->id);
  WALK_CHECK(w, money_held(walk_chain(w), &escrow) == escrow_of(w, &s.record, &t));
  h->tasks_armed += t.armed > 0;
  h->disputes += t.disputes_open;
  h->escrow++;
  add_locks(w, &t, h);
}

/* Exactly one timer or wait for each task that lives, one for each open dispute, and one that prunes for each that does
 * not. */
static void check_timers(struct walk *w, const struct held *h) {
  enum { KIND_AT = 10 };
  struct map_key prefix = map_key(MODULE_TIMER, NULL, 0), tasks = map_key(MODULE_TASK, NULL, 0), key;
  uint64_t kinds[8] = {0}, ended = 0;
  const struct map *m = walk_chain(w)->map;
  for (bool more = map_next(m, &prefix, NULL, &key, NULL); more; more = map_next(m, &prefix, &key, &key, NULL))
    kinds[key.bytes[KIND_AT] & 7]++;
  for (bool more = map_next(m, &tasks, NULL, &key, NULL); more; more = map_next(m, &tasks, &key, &key, NULL)) ended++;
  for (uint32_t i = 0; i < WALK_JOBS; i++) ended -= w->job[i].live; /* those that run */
  WALK_CHECK(w, kinds[TIMER_TASK] == h->tasks_armed);
  WALK_CHECK(w, kinds[TIMER_DISPUTE] == h->disputes);
  WALK_CHECK(w, kinds[TIMER_PRUNE] == ended);
  WALK_CHECK(w, walk_chain(w)->now.live == h->tasks_armed + h->disputes);
}

static void check_accounts(struct walk *w, const struct held *h) {
  uint64_t locks[WALK_ACCOUNTS] = {0}, escrows = 0;
  struct map_key prefix = map_key(MODULE_POCKET, NULL, 0), key;
  struct map_value value;
  const struct map *m = walk_chain(w)->map;
  for (bool more = map_next(m, &prefix, NULL, &key, &value); more; more = map_next(m, &prefix, &key, &key, &value)) {
    if (key.bytes[1] == POCKET_ESCROW) escrows++;
    if (key.bytes[1] != POCKET_LOCK) continue;
    uint64_t amount;
    memcpy(&amount, value.bytes, sizeof amount);
    locks[walk_who(w, key.bytes + 2 + POCKET_SEAT_BYTES)] += amount;
  }
  WALK_CHECK(w, escrows == h->escrow);
  for (uint32_t i = 0; i < WALK_ACCOUNTS; i++) {
    struct account a;
    uint64_t all;
    account_get(m, w->account[i].id, &a);
    WALK_CHECK(w, account_total(&a, &all) && w->account[i].explained == (int64_t)(all + locks[i]));
    for (uint32_t r = 0; r < ROLES; r++) WALK_CHECK(w, a.locked[r] == h->locked[i][r] && a.locked[r] <= a.stake[r]);
  }
}

void walk_check(struct walk *w, bool whole) {
  struct held h;
  memset(&h, 0, sizeof h);
  for (uint32_t i = 0; i < WALK_JOBS; i++)
    if (w->job[i].live) check_job(w, &w->job[i], whole, &h);
  if (!whole) return;
  check_timers(w, &h);
  check_accounts(w, &h);
}

void walk_check_end(struct walk *w) {
  static const uint8_t gone[] = {MODULE_TASK,  MODULE_JOB,     MODULE_SEAT,   MODULE_DRAWN, MODULE_TRACE, MODULE_POCKET,
                                 MODULE_START, MODULE_DISPUTE, MODULE_ANSWER, MODULE_TIMER, MODULE_TABLE, MODULE_TAPE};
  struct map_key key;
  walk_check(w, true);
  for (uint32_t i = 0; i < sizeof gone; i++) {
    struct map_key prefix = map_key(gone[i], NULL, 0);
    WALK_CHECK(w, !map_next(walk_chain(w)->map, &prefix, NULL, &key, NULL));
  }
  WALK_CHECK(w, walk_chain(w)->now.live == 0);
}
