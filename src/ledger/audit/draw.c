/* Who sits, and what each seat looks at. LEDGER 6.8, 6.9, 9.4. */
#include <assert.h>

#include "crypto/draw.h"
#include "crypto/sha256.h"
#include "ledger/audit/seat.h"

static const char set_tag[] = "assay/set/1";   /* with its final 0 */
static const char seat_tag[] = "assay/seat/1"; /* with its final 0 */
static const char take_tag[] = "assay/vrf/take/1";
static const char seal_tag[] = "assay/seal/1";
enum { TRIES_A_SEAT = 64, DRAWS_A_SEAT = 4 };

static uint64_t little(const uint8_t *bytes) {
  struct reader r = reader_over(bytes, 8);
  return take_u64(&r);
}

static void little_u16(uint16_t x, uint8_t bytes[2]) {
  bytes[0] = (uint8_t)x;
  bytes[1] = (uint8_t)(x >> 8);
}

void audit_take_input(const uint8_t genesis[32], const uint8_t seat[SEAT_ID_BYTES], const uint8_t beacon[32],
                      uint8_t bytes[AUDIT_TAKE_BYTES]) {
  struct writer w = writer_over(bytes, AUDIT_TAKE_BYTES);
  put_bytes(&w, take_tag, sizeof take_tag);
  put_bytes(&w, genesis, 32);
  put_bytes(&w, seat, SEAT_ID_BYTES);
  put_bytes(&w, beacon, 32);
  assert(!w.full && w.at == w.end);
}

void audit_seal_hash(const uint8_t genesis[32], const uint8_t seat[SEAT_ID_BYTES], const uint8_t account[32],
                     const uint8_t salt[32], const uint8_t *ends, uint16_t count, uint8_t hash[32]) {
  const struct sha256_part parts[] = {
      {seal_tag, sizeof seal_tag}, {genesis, 32}, {seat, SEAT_ID_BYTES}, {account, 32}, {salt, 32},
      {ends, (size_t)count * 32}};
  sha256_parts(parts, sizeof parts / sizeof parts[0], hash);
}

uint16_t audit_steps(const struct task_record *t, uint16_t interval) {
  uint32_t before = (uint32_t)(interval - 1) * t->interval_steps, left = t->steps_run - before;
  return (uint16_t)(left < t->interval_steps ? left : t->interval_steps);
}

/* LEDGER 6.8, k_i: "first 8 bytes of H("assay/set/1" 00 || beacon(h_commit+d) || task || attempt || i u16)". */
static uint64_t set_order(const struct task_record *t, const uint8_t beacon[32], uint16_t i) {
  uint8_t number[2], hash[32];
  little_u16(i, number);
  const struct sha256_part parts[] = {
      {set_tag, sizeof set_tag}, {beacon, 32}, {t->id, TASK_ID_BYTES}, {&t->attempt, 1}, {number, 2}};
  sha256_parts(parts, sizeof parts / sizeof parts[0], hash);
  return little(hash);
}

uint16_t audit_draw_set(const struct task_record *t, const uint8_t beacon[32], uint16_t set[TRACE_INTERVALS_MAX]) {
  struct {
    uint64_t order;
    uint16_t interval;
  } row[TRACE_INTERVALS_MAX];
  bool in[TRACE_INTERVALS_MAX + 2] = {false};
  uint16_t n = t->intervals_run, count = 0;
  for (uint16_t i = 1; i <= n; i++) { /* ascending, by insertion: equal orders stay in the order of i */
    uint64_t order = set_order(t, beacon, i);
    uint16_t at = (uint16_t)(i - 1);
    for (; at > 0 && row[at - 1].order > order; at--) row[at] = row[at - 1];
    row[at].order = order;
    row[at].interval = i;
  }
  for (uint16_t k = 0; k < n; k++) {
    uint16_t i = row[k].interval, before = i == 1 ? n : (uint16_t)(i - 1), after = i == n ? 1 : (uint16_t)(i + 1);
    if (!in[before] && !in[after]) in[i] = true;
  }
  for (uint16_t i = 1; i <= n; i++)
    if (in[i]) set[count++] = i;
  return count;
}

/* `want` distinct intervals of 1 .. n, marked: of the set, or, without one, of all. */
static void mark(struct draw_stream *s, const uint16_t *set, uint16_t count, uint16_t want,
                 bool drawn[TRACE_INTERVALS_MAX + 1]) {
  for (uint16_t have = 0; have < want;) {
    uint16_t at = (uint16_t)draw_below(s, count), i = set ? set[at] : (uint16_t)(at + 1);
    if (drawn[i]) continue;
    drawn[i] = true;
    have++;
  }
}

uint16_t audit_draw(const struct task_record *t, const uint16_t *set, uint16_t count, const uint8_t beta[64], bool full,
                    uint16_t interval[SEAT_DRAWS_MAX], uint16_t inner[SEAT_DRAWS_MAX]) {
  struct draw_stream s;
  bool drawn[TRACE_INTERVALS_MAX + 1] = {false};
  uint16_t n = t->intervals_run, most = full ? n : (uint16_t)((n + 2) / 3), draws = 0;
  draw_begin(&s, beta);
  mark(&s, full ? NULL : set, full ? n : count, t->draws < most ? t->draws : most, drawn);
  for (uint16_t i = 1; i <= n; i++) {
    if (!drawn[i] && !full) continue;
    uint16_t steps = audit_steps(t, i);
    interval[draws] = i;
    inner[draws++] = drawn[i] && steps >= 2 ? (uint16_t)(1 + draw_below(&s, steps - 1u)) : 0;
  }
  return draws;
}

/* LEDGER 6.9, try j of a round: "the first 16 bytes of H("assay/seat/1" 00 || beacon || task || attempt || round u8 ||
 * j u32) mod W". */
static uint64_t seat_point(const struct task_record *t, const struct attempt_record *a, uint32_t j, uint64_t total) {
  uint8_t number[4] = {(uint8_t)j, (uint8_t)(j >> 8), (uint8_t)(j >> 16), (uint8_t)(j >> 24)}, hash[32];
  const struct sha256_part parts[] = {{seat_tag, sizeof seat_tag},
                                      {a->pool_beacon, 32},
                                      {t->id, TASK_ID_BYTES},
                                      {&t->attempt, 1},
                                      {&t->round, 1},
                                      {number, 4}};
  sha256_parts(parts, sizeof parts / sizeof parts[0], hash);
  unsigned __int128 x = (unsigned __int128)little(hash + 8) << 64 | little(hash);
  return (uint64_t)(x % total);
}

/* LEDGER 6.9: who is skipped. The gas lock comes out of the balance (2.8). */
static bool may_sit(const struct chain *c, const struct task_record *t, const struct terms *k, uint64_t bond,
                    const uint8_t account[32]) {
  const struct job_record *j = &k->job.record;
  struct provider p;
  struct account a;
  if (!provider_find(c, account, &p) || !p.available || !(p.roles & PROVIDER_VERIFIER)) return false;
  if (p.class < t->class || p.mem_mib < t->mem_mib || drawn_find(c, t, account)) return false;
  if (memcmp(account, j->submitter, 32) == 0 || memcmp(account, t->solver, 32) == 0) return false;
  if (memcmp(account, j->own_seat, 32) == 0) return false;
  account_get(c->map, account, &a);
  return account_free(&a, ROLE_VERIFIER) >= bond && a.balance >= (uint64_t)k->parameters.gas_lock * t->gas_price;
}

static void sit(struct chain *c, const struct task_record *t, uint8_t number, const uint8_t account[32], bool own) {
  struct seat_record s = {.state = SEAT_DRAWN, .round = t->round, .own = own};
  seat_id_of(t, number, s.id);
  memcpy(s.account, account, 32);
  seat_store(c, &s);
  drawn_store(c, t, account);
  outbox_event(c->out, "drawn", t->id, "seat %u of attempt %u", number, t->attempt);
}

/* A seat number that nobody holds: never drawn, or void. t->seats when there is none. */
static uint8_t gap(const struct chain *c, const struct task_record *t, uint8_t from) {
  struct seat_record s;
  while (from < t->seats && audit_seat(c, t, from, &s) && s.state != SEAT_VOID) from++;
  return from;
}

uint8_t pool_draw(struct chain *c, struct task_record *t, const struct terms *k, struct attempt_record *a) {
  struct audit_stakes stakes;
  uint8_t account[32], drawn = 0, number = gap(c, t, 0);
  uint64_t total = pool_total(c, ROLE_VERIFIER), weight;
  audit_stakes(c, t, &stakes);
  while (total && number < t->seats && t->seats_tried < (uint32_t)TRIES_A_SEAT * t->seats &&
         a->drawn < DRAWS_A_SEAT * t->seats) {
    pool_at(c, ROLE_VERIFIER, seat_point(t, a, t->seats_tried++, total), account, &weight);
    if (!may_sit(c, t, k, stakes.bond, account)) continue;
    sit(c, t, number, account, false);
    a->drawn++;
    drawn++;
    number = gap(c, t, (uint8_t)(number + 1));
  }
  struct seat_record own;
  bool held = audit_seat(c, t, t->seats, &own) && own.state != SEAT_VOID;
  if (job_own_seat(&k->job.record) && !held && t->round == 1 && drawn > 0 && a->drawn == drawn)
    sit(c, t, t->seats, k->job.record.own_seat, true);
  attempt_store(c, a);
  return drawn;
}
