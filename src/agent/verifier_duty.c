/* What is due from the holder of a seat, by the chain alone. LEDGER 8.2, 9 */
#include <inttypes.h>
#include <string.h>

#include "agent/verifier.h"

enum verifier_duty verifier_due(const struct chain *c, const struct task_record *t, const struct seat_record *s) {
  struct docket_record r;
  switch ((enum task_state)t->state) {
  case TASK_TAKE: return s->state == SEAT_DRAWN && c->now.tick <= t->armed ? VERIFIER_TAKE : VERIFIER_REST;
  case TASK_SEAL: return s->state == SEAT_TAKEN ? VERIFIER_SEAL : VERIFIER_REST;
  case TASK_SHOW: return s->state == SEAT_SEALED ? VERIFIER_SHOW : VERIFIER_REST;
  case TASK_JUDGE:
    return s->dispute && docket_find(c, s->dispute - 1, &r) && r.packed_length && r.turn == DISPUTE_CHALLENGER
               ? VERIFIER_MOVE
               : VERIFIER_REST;
  case TASK_DELIVER: return s->state == SEAT_SHOWN && audit_good(s) && s->vote == 0 ? VERIFIER_VOTE : VERIFIER_REST;
  case TASK_WAIT:
  case TASK_OPEN:
  case TASK_WORK:
  case TASK_DRAW:
  case TASK_PUBLISH:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  return VERIFIER_REST;
}

/* A quarter of the window is kept for the word itself, and for what the solver brings at the last moment. */
bool verifier_late(const struct chain *c, const struct task_record *t) {
  return c->now.tick + (t->armed - t->entered_tick) / 4 >= t->armed;
}

bool verifier_can(const struct chain *c, const uint8_t account[32], const struct task_record *t, struct why *why) {
  struct audit_stakes stakes;
  struct account a;
  struct parameters judged;
  chain_parameters(c, t->parameters, &judged);
  audit_stakes(c, t, &stakes);
  uint64_t gas = (uint64_t)judged.gas_lock * t->gas_price;
  account_get(c->map, account, &a);
  if (account_free(&a, ROLE_VERIFIER) >= stakes.bond && a.balance >= gas) return true;
  why_set(why,
          "a seat locks %" PRIu64 " grain of stake, %" PRIu64 " are free; gas is %" PRIu64 " of a balance of %" PRIu64,
          stakes.bond, account_free(&a, ROLE_VERIFIER), gas, a.balance);
  return false;
}
