/* What is due from a solver, by the chain alone. LEDGER 8.2 */
#include <inttypes.h>
#include <string.h>

#include "agent/solver.h"

static bool mine(const uint8_t account[32], const struct task_record *t) { return memcmp(account, t->solver, 32) == 0; }

/* Row 5: "held no earlier attempt of this task; none yet in this one". */
static bool may_race(const uint8_t account[32], const struct task_record *t) {
  for (uint32_t i = 0; i + 1 < t->attempt; i++)
    if (memcmp(t->tried[i], account, 32) == 0) return false;
  for (uint32_t i = 0; i < t->offers; i++)
    if (memcmp(t->offer[i].account, account, 32) == 0) return false;
  return true;
}

static bool started(const struct chain *c, const struct task_record *t, uint16_t interval) {
  struct map_key key = map_key(MODULE_START, t->id, TASK_ID_BYTES);
  struct map_value value;
  map_key_u8(&key, t->attempt);
  map_key_u16(&key, interval);
  return map_get(c->map, &key, &value);
}

uint16_t solver_wanted(const struct chain *c, const struct task_record *t, bool wanted[TRACE_INTERVALS_MAX + 1]) {
  struct seat_record s;
  uint16_t count = 0;
  memset(wanted, 0, (TRACE_INTERVALS_MAX + 1) * sizeof *wanted);
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || s.state == SEAT_DRAWN || s.state == SEAT_VOID) continue;
    for (uint32_t k = 0; k < s.draws; k++)
      if (!wanted[s.interval[k]] && !started(c, t, s.interval[k])) {
        wanted[s.interval[k]] = true;
        count++;
      }
  }
  return count;
}

/* Is it our turn in any dispute of the attempt? */
static bool disputed(const struct chain *c, const struct task_record *t) {
  struct seat_record s;
  struct docket_record r;
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && s.dispute && docket_find(c, s.dispute - 1, &r) && r.packed_length &&
        r.turn == DISPUTE_CLAIMANT)
      return true;
  return false;
}

enum solver_duty solver_due(const struct chain *c, const uint8_t account[32], const struct task_record *t) {
  bool wanted[TRACE_INTERVALS_MAX + 1];
  bool open = t->state == TASK_WAIT || t->state == TASK_OPEN; /* to everybody */
  if (!open && !mine(account, t)) return SOLVER_REST;
  switch ((enum task_state)t->state) {
  case TASK_WAIT: return may_race(account, t) ? SOLVER_PREPARE : SOLVER_REST;
  case TASK_OPEN: return may_race(account, t) && c->now.tick <= t->armed ? SOLVER_OFFER : SOLVER_REST;
  case TASK_WORK: return SOLVER_WORK;
  case TASK_PUBLISH: return solver_wanted(c, t, wanted) ? SOLVER_PUBLISH : SOLVER_REST;
  case TASK_SHOW: return t->opened ? SOLVER_REST : SOLVER_OPEN;
  case TASK_JUDGE: return disputed(c, t) ? SOLVER_MOVE : SOLVER_REST;
  case TASK_DELIVER: return SOLVER_DELIVER;
  case TASK_SETTLED:
  case TASK_CANCELLED:
  case TASK_DRAW:
  case TASK_TAKE:
  case TASK_SEAL:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_CLAIM:
  case TASK_DISCLOSE: break;
  }
  return SOLVER_REST;
}

static bool pays(const struct chain *c, const struct task_record *t, uint64_t ask, struct why *why) {
  static struct job_stored job; /* large */
  if (!job_find(c, t->id, &job) || job.record.price >= ask) return true;
  why_set(why, "the job pays %" PRIu64 " grain for 10^9 units of work; this account asks %" PRIu64, job.record.price,
          ask);
  return false;
}

bool solver_can(const struct chain *c, const uint8_t account[32], const struct task_record *t, struct why *why) {
  struct provider p;
  struct account a;
  struct parameters judged;
  chain_parameters(c, t->parameters, &judged);
  uint64_t bond = t->fine + t->seats * t->seat_fee, gas = (uint64_t)judged.gas_lock * t->gas_price;
  if (!provider_find(c, account, &p) || !(p.roles & PROVIDER_SOLVER) || !p.available) {
    why_set(why, "this account is no solver that is available");
    return false;
  }
  if (p.class < t->class || p.mem_mib < t->mem_mib) {
    why_set(why, "the task wants class %u with %" PRIu64 " MiB; this machine says %u with %" PRIu32, t->class,
            t->mem_mib, p.class, p.mem_mib);
    return false;
  }
  if (!pays(c, t, p.ask, why)) return false;
  account_get(c->map, account, &a);
  if (account_free(&a, ROLE_SOLVER) < bond || a.balance < gas) {
    why_set(why,
            "the bond is %" PRIu64 " grain of stake, %" PRIu64 " are free; gas is %" PRIu64 " of a balance of %" PRIu64,
            bond, account_free(&a, ROLE_SOLVER), gas, a.balance);
    return false;
  }
  return true;
}
