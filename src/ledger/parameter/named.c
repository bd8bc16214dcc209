/* The sets of LEDGER 12.3. */
#include <string.h>

#include "ledger/parameter/parameter.h"

/* LEDGER 7.4: what class 0 does in a second; the next is four times the one before. */
static void classes_of(struct parameters *p) {
  uint64_t ms = p->tick_ms ? p->tick_ms : 1000;
  p->classes = 3;
  for (uint32_t i = 0; i < p->classes; i++)
    p->class[i] = (struct parameter_class){.dot_flops = UINT64_C(20000000) * ms << (2 * i),
                                           .body_ops = UINT64_C(1000000) * ms << (2 * i),
                                           .bytes = UINT64_C(4000000) * ms << (2 * i),
                                           .mem_mib = UINT64_C(4096) << (2 * i)};
}

/* LEDGER 8.1 and 12.1. */
static const struct parameters defaults = {
    .version = 1,
    .tick_ms = 1000,
    .epoch = 1000,
    .window_offer = 30,
    .window_work = 600,
    .window_take = 60,
    .window_publish = 300,
    .window_seal = 300,
    .window_show = 120,
    .window_stalled = 1000,
    .turn = 120,
    .slack = 1800,
    .keep_settled = 10000,
    .keep_tapes = 10000,
    .publish_rate = 1 << 20,
    .posting_fee = 10000000,
    .task_fee_min = 1000000,
    .stake_min = 100000000000,
    .work_dot = 1,
    .work_body = 2,
    .work_bytes_half = 1,
    .gas_floor = 1,
    .gas_lock = 200000,
    .seat_share = 1250,
    .solver_bond = 2000,
    .seat_bond = 16000,
    .forced_loss = 8000,
    .jackpot = 6000,
    .claim_bond = 4000,
    .protocol_share = 20,
    .finder = 250,
    .compensation = 250,
    .refuse_divisor = 64,
    .late_divisor = 4,
    .untaken_divisor = 4,
    .unsealed = 2000,
    .slash_permille = 1000,
};

static void short_windows(struct parameters *p, uint32_t offer, uint32_t compute, uint32_t take, uint32_t publish,
                          uint32_t show) {
  p->window_offer = offer;
  p->window_work = p->window_seal = compute;
  p->window_take = take;
  p->window_publish = publish;
  p->window_show = show;
}

static void clocks(struct parameters *p, uint32_t tick_ms, uint32_t turn, uint32_t slack, uint32_t epoch) {
  p->tick_ms = tick_ms;
  p->turn = turn;
  p->slack = slack;
  p->epoch = p->window_stalled = epoch;
}

bool parameters_named(const char *name, struct parameters *out) {
  struct parameters p = defaults;
  if (!strcmp(name, "devnet")) {
    short_windows(&p, 20, 300, 50, 100, 50);
    clocks(&p, 100, 50, 300, 50);
  } else if (!strcmp(name, "test")) {
    short_windows(&p, 5, 120, 20, 40, 20);
    clocks(&p, 25, 20, 40, 20);
  } else if (strcmp(name, "main") != 0) {
    return false;
  }
  classes_of(&p);
  *out = p;
  return true;
}
