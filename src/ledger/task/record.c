/* A task in the map: task.h has what its fields mean. */
#include <string.h>

#include "ledger/task/task.h"

/* state u8 | attempt u8 | round u8 | stalled_epochs u8 | wait u8 | armed u64 | entered_tick u64 */
static void clock_put(struct writer *w, const struct task_record *t) {
  put_u8(w, t->state);
  put_u8(w, t->attempt);
  put_u8(w, t->round);
  put_u8(w, t->stalled_epochs);
  put_u8(w, t->wait);
  put_u64(w, t->armed);
  put_u64(w, t->entered_tick);
}

static bool clock_take(struct reader *r, struct task_record *t) {
  t->state = take_u8(r);
  t->attempt = take_u8(r);
  t->round = take_u8(r);
  t->stalled_epochs = take_u8(r);
  t->wait = take_flag(r);
  t->armed = take_u64(r);
  t->entered_tick = take_u64(r);
  return t->state >= TASK_WAIT && t->state <= TASK_CANCELLED && t->attempt >= 1 && t->attempt <= TASK_ATTEMPTS_MAX &&
         t->round <= TASK_ROUNDS_MAX && t->stalled_epochs <= TASK_STALLED_EPOCHS_MAX && (t->armed || !t->wait);
}

/* parameters u32 | N u16 | m' u16 | interval u16 | class u8 | level u8 | steps u32 | first_step u32 | start_root 32 |
 * F u64 | phi u64 | B_s u64 | est u64 | est_seat u64 | mem_mib u64 | gas_price u32 | rho u64 | X left u64 |
 * escrow_left u64 */
static void terms_put(struct writer *w, const struct task_record *t) {
  put_u32(w, t->parameters);
  put_u16(w, t->intervals);
  put_u16(w, t->draws);
  put_u16(w, t->interval_steps);
  put_u8(w, t->class);
  put_u8(w, t->level);
  put_u32(w, t->steps);
  put_u32(w, t->first_step);
  put_bytes(w, t->start_root, 32);
  put_u64(w, t->fee);
  put_u64(w, t->seat_fee);
  put_u64(w, t->fine);
  put_u64(w, t->est);
  put_u64(w, t->est_seat);
  put_u64(w, t->mem_mib);
  put_u32(w, t->gas_price);
  put_u64(w, t->raise);
  put_u64(w, t->protocol_fee);
  put_u64(w, t->escrow_left);
}

static bool terms_take(struct reader *r, struct task_record *t) {
  t->parameters = take_u32(r);
  t->intervals = take_u16(r);
  t->draws = take_u16(r);
  t->interval_steps = take_u16(r);
  t->class = take_u8(r);
  t->level = take_u8(r);
  t->steps = take_u32(r);
  t->first_step = take_u32(r);
  take_hash(r, t->start_root);
  t->fee = take_u64(r);
  t->seat_fee = take_u64(r);
  t->fine = take_u64(r);
  t->est = take_u64(r);
  t->est_seat = take_u64(r);
  t->mem_mib = take_u64(r);
  t->gas_price = take_u32(r);
  t->raise = take_u64(r);
  t->protocol_fee = take_u64(r);
  t->escrow_left = take_u64(r);
  return t->intervals >= 1 && t->intervals <= TRACE_INTERVALS_MAX && t->draws >= 1 && t->draws <= t->intervals &&
         t->interval_steps >= 1 && t->steps && t->level <= POST_LEVEL_MAX;
}

/* draw_height u64 | seal_height u64 | offers u8 | (account 32 | beta 64 | weight u64) x offers | solver 32 | bond u64 |
 * tried 32 x (attempt - 1) */
static void solver_put(struct writer *w, const struct task_record *t) {
  put_u64(w, t->draw_height);
  put_u64(w, t->seal_height);
  put_u8(w, t->offers);
  for (uint32_t i = 0; i < t->offers; i++) {
    put_bytes(w, t->offer[i].account, 32);
    put_bytes(w, t->offer[i].beta, 64);
    put_u64(w, t->offer[i].weight);
  }
  put_bytes(w, t->solver, 32);
  put_u64(w, t->bond);
  for (uint32_t i = 0; i + 1 < t->attempt; i++) put_bytes(w, t->tried[i], 32);
}

static bool solver_take(struct reader *r, struct task_record *t) {
  t->draw_height = take_u64(r);
  t->seal_height = take_u64(r);
  t->offers = (uint8_t)take_count(r, TASK_OFFERS_MAX);
  for (uint32_t i = 0; i < t->offers; i++) {
    take_hash(r, t->offer[i].account);
    const uint8_t *beta = take_bytes(r, 64);
    if (beta) memcpy(t->offer[i].beta, beta, 64);
    t->offer[i].weight = take_u64(r);
    if (!t->offer[i].weight) return false;
  }
  take_hash(r, t->solver);
  t->bond = take_u64(r);
  for (uint32_t i = 0; i + 1 < t->attempt; i++) take_hash(r, t->tried[i]);
  return true;
}

/* trace_root 32 | outcome u8 | steps_run u32 | N_c u16 | seats u8 | seats_tried u32 | opened u8 | final_root 32 |
 * figure u32 | disputes_open u16 | disputes_lost u16 | proven u8 | silent u8 | proven_interval u16 | proven_seat u8 |
 * receipt u64 */
static void audit_put(struct writer *w, const struct task_record *t) {
  put_bytes(w, t->trace_root, 32);
  put_u8(w, t->outcome);
  put_u32(w, t->steps_run);
  put_u16(w, t->intervals_run);
  put_u8(w, t->seats);
  put_u32(w, t->seats_tried);
  put_u8(w, t->opened);
  put_bytes(w, t->final_root, 32);
  put_u32(w, t->figure);
  put_u16(w, t->disputes_open);
  put_u16(w, t->disputes_lost);
  put_u8(w, t->proven);
  put_u8(w, t->silent);
  put_u16(w, t->proven_interval);
  put_u8(w, t->proven_seat);
  put_u64(w, t->receipt);
}

static bool audit_take_in(struct reader *r, struct task_record *t) {
  take_hash(r, t->trace_root);
  t->outcome = take_u8(r);
  t->steps_run = take_u32(r);
  t->intervals_run = take_u16(r);
  t->seats = take_u8(r);
  t->seats_tried = take_u32(r);
  t->opened = take_flag(r);
  take_hash(r, t->final_root);
  t->figure = take_u32(r);
  t->disputes_open = take_u16(r);
  t->disputes_lost = take_u16(r);
  t->proven = take_flag(r);
  t->silent = take_flag(r);
  t->proven_interval = take_u16(r);
  t->proven_seat = take_u8(r);
  t->receipt = take_u64(r);
  return t->outcome <= TRACE_DIVERGED && t->steps_run <= t->steps && t->intervals_run <= t->intervals &&
         t->seats >= 1 && t->seats <= POST_SEATS_MAX && t->proven_interval <= t->intervals_run;
}

static void put(struct writer *w, const void *record) {
  const struct task_record *t = record;
  clock_put(w, t);
  terms_put(w, t);
  solver_put(w, t);
  audit_put(w, t);
}

static bool take(struct reader *r, void *record) {
  struct task_record *t = record;
  return clock_take(r, t) && terms_take(r, t) && solver_take(r, t) && audit_take_in(r, t);
}

enum {
  TERMS_BYTES = 4 + 6 + 2 + 8 + 32 + 48 + 4 + 24,
  SOLVER_BYTES_MAX = 16 + 1 + TASK_OFFERS_MAX * 104 + 40 + (TASK_ATTEMPTS_MAX - 1) * 32,
  AUDIT_BYTES = 32 + 1 + 4 + 2 + 1 + 4 + 1 + 32 + 4 + 4 + 2 + 2 + 1 + 8,
  TASK_BYTES_MAX = 21 + TERMS_BYTES + SOLVER_BYTES_MAX + AUDIT_BYTES
};
const struct stored_kind task_kind = {"task", sizeof(struct task_record), TASK_BYTES_MAX, put, take};

bool task_find(const struct chain *c, const uint8_t id[TASK_ID_BYTES], struct task_record *out) {
  struct map_key key = map_key(MODULE_TASK, id, TASK_ID_BYTES);
  if (!stored_get(c->map, &task_kind, &key, out)) return false;
  memcpy(out->id, id, TASK_ID_BYTES);
  return true;
}

void task_store(struct chain *c, const struct task_record *t) {
  struct map_key key = map_key(MODULE_TASK, t->id, TASK_ID_BYTES);
  stored_put(c->map, &task_kind, &key, t);
}
