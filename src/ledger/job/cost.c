/* What steps cost: LEDGER 7.4. Every sum is checked or formed in 128 bits. */
#include <assert.h>

#include "base/checked.h"
#include "ledger/job/posted.h"

typedef unsigned __int128 u128;
enum { PRICE_UNIT = 1000000000, LEVEL_FULL = 4, MIB = 1 << 20, SUPPLY_BITS = 60 };

static void run(const struct job_section *s, uint64_t passes, uint64_t runs[JOB_TAPES_MAX]) {
  for (uint32_t n = 0; n < s->entries; n++) runs[s->entry[n].tape] += passes * s->entry[n].repeat;
}

/* How often each tape runs in the first `steps` steps of the schedule: whole passes at once. */
static void runs_before(const struct job *j, uint64_t steps, uint64_t runs[JOB_TAPES_MAX]) {
  memset(runs, 0, JOB_TAPES_MAX * sizeof *runs);
  for (uint32_t i = 0; i < j->sections; i++) {
    const struct job_section *s = &j->section[i];
    uint64_t pass = 0;
    for (uint32_t n = 0; n < s->entries; n++) pass += s->entry[n].repeat;
    uint64_t passes = steps / pass < s->repeat ? steps / pass : s->repeat;
    run(s, passes, runs);
    steps -= passes * pass;
    if (passes == s->repeat) continue;
    for (uint32_t n = 0; n < s->entries && steps; n++) {
      uint64_t some = steps < s->entry[n].repeat ? steps : s->entry[n].repeat;
      runs[s->entry[n].tape] += some;
      steps -= some;
    }
    return;
  }
}

static bool add_runs(uint64_t *sum, uint64_t count, uint64_t runs) {
  uint64_t product;
  return checked_mul_u64(count, runs, &product) && checked_add_u64(*sum, product, sum);
}

bool prices_read(const struct chain *c, const struct job *j, struct prices *out) {
  for (uint32_t k = 0; k < j->tapes; k++)
    if (!job_tape_find(c, j->tape_root[k], &out->tape[k])) return false;
  return true;
}

/* The three counts of the steps from position `first` on. */
static bool counts_of(const struct prices *a, const struct job *j, uint64_t first, uint64_t steps,
                      struct tape_counts *out) {
  uint64_t before[JOB_TAPES_MAX], after[JOB_TAPES_MAX];
  struct tape_counts sum = {0};
  bool fits = true;
  runs_before(j, first, before);
  runs_before(j, first + steps, after);
  for (uint32_t k = 0; k < j->tapes && fits; k++) {
    const struct tape_counts *n = &a->tape[k].counts;
    uint64_t runs = after[k] - before[k];
    fits = add_runs(&sum.dot_flops, n->dot_flops, runs) && add_runs(&sum.body_ops, n->body_ops, runs) &&
           add_runs(&sum.bytes, n->bytes, runs);
  }
  if (fits) *out = sum;
  return fits;
}

static uint64_t ceiling(uint64_t x, uint64_t of) { return x / of + (x % of != 0); }

/* LEDGER 7.4: "est(class) = sum of ceil(count / the class's rate per tick), at least 1". Saturates: what does not fit
 * is far above every bound. */
static uint64_t ticks_of(const struct parameter_class *rate, const struct tape_counts *n) {
  uint64_t sum;
  if (!checked_add_u64(ceiling(n->dot_flops, rate->dot_flops), ceiling(n->body_ops, rate->body_ops), &sum) ||
      !checked_add_u64(sum, ceiling(n->bytes, rate->bytes), &sum))
    return UINT64_MAX;
  return sum ? sum : 1;
}

uint64_t job_ticks(const struct chain *c, const struct job_record *j, const struct parameters *p, uint8_t class,
                   uint32_t first, uint32_t steps) {
  struct prices a;
  struct tape_counts n;
  bool known =
      class < p->classes && prices_read(c, &j->job, &a) && counts_of(&a, &j->job, first - j->job.first_step, steps, &n);
  assert(known && "a job was posted that cannot be priced");
  return ticks_of(&p->class[class], &n);
}

uint32_t job_first_step(const struct job_record *j, uint16_t task) {
  uint32_t first = j->job.first_step;
  for (uint32_t i = 0; i < task; i++) first += j->job.task[i].steps;
  return first;
}

uint64_t job_interval_ticks(const struct chain *c, const struct job_record *j, const struct parameters *p,
                            uint16_t task) {
  const struct job_task *row = &j->job.task[task];
  struct prices a;
  bool known = prices_read(c, &j->job, &a);
  assert(known && "a job was posted that cannot be priced");
  uint64_t first = job_first_step(j, task) - j->job.first_step, most = 0;
  for (uint32_t at = 0; at < row->steps; at += row->interval_steps) {
    uint32_t left = row->steps - at, steps = left < row->interval_steps ? left : row->interval_steps;
    struct tape_counts n;
    bool fits = counts_of(&a, &j->job, first + at, steps, &n);
    assert(fits);
    uint64_t ticks = ticks_of(&p->class[row->time_class], &n);
    if (ticks > most) most = ticks;
  }
  return most;
}

/* LEDGER 7.4: "work = the three counts by governed weights", and F. */
static bool fee_of(const struct parameters *p, const struct tape_counts *n, uint64_t price, struct job_cost *out) {
  u128 work =
      (u128)n->dot_flops * p->work_dot + (u128)n->body_ops * p->work_body + (u128)n->bytes * p->work_bytes_half / 2;
  if (work > UINT64_MAX) return false;
  u128 fee = (work * price + PRICE_UNIT - 1) / PRICE_UNIT;
  if (fee >> SUPPLY_BITS) return false;
  out->work = (uint64_t)work;
  out->fee = (uint64_t)fee;
  return true;
}

/* LEDGER 12.1: phi = ceil(1.25 F m' / N), for `full` ceil(1.25 F) (9.13); the bond B_s + n phi; E of row 1. All below
 * 2^64: each is at most a few hundred times F. */
static bool shares_of(const struct parameters *p, const struct job_record *j, struct job_cost *out) {
  bool full = j->job.level == LEVEL_FULL;
  u128 part = full ? 1 : out->draws, of = full ? 1 : out->intervals;
  u128 seat_fee = ((u128)out->fee * p->seat_share * part + 1000 * of - 1) / (1000 * of);
  u128 protocol_fee = (u128)out->fee * p->protocol_share / 1000, fine = (u128)out->fee * p->solver_bond / 1000;
  u128 escrow = out->fee + j->seats * seat_fee + protocol_fee, bond = fine + j->seats * seat_fee;
  if (escrow >> SUPPLY_BITS || bond >> SUPPLY_BITS) return false;
  out->seat_fee = (uint64_t)seat_fee;
  out->protocol_fee = (uint64_t)protocol_fee;
  out->escrow = (uint64_t)escrow;
  out->bond = (uint64_t)bond;
  return true;
}

/* LEDGER 7.4: mem_bytes = 4,096 * (2 * state leaves + temp leaves of the largest tape), in MiB. */
static uint64_t memory_of(const struct prices *a, const struct job *j) {
  uint64_t temp = 0;
  for (uint32_t k = 0; k < j->tapes; k++)
    if (a->tape[k].temp_leaves > temp) temp = a->tape[k].temp_leaves;
  return ceiling(TAPE_LEAF_BYTES * (2 * (uint64_t)a->tape[0].state_leaves + temp), MIB);
}

bool prices_cost(const struct prices *a, const struct job_record *j, const struct parameters *p, uint16_t task,
                 uint32_t first, struct job_cost *out) {
  const struct job_task *row = &j->job.task[task];
  struct tape_counts n;
  struct job_cost cost = {.mem_mib = memory_of(a, &j->job)};
  uint64_t intervals = ceiling(row->steps, row->interval_steps);
  if (row->time_class >= p->classes || intervals > TRACE_INTERVALS_MAX) return false;
  cost.intervals = (uint16_t)intervals;
  uint64_t most = j->job.level == LEVEL_FULL ? intervals : ceiling(intervals, 3); /* 7.7 */
  cost.draws = (uint16_t)(j->draws < most ? j->draws : most);
  if (!counts_of(a, &j->job, first - j->job.first_step, row->steps, &n) || !fee_of(p, &n, j->price, &cost) ||
      !shares_of(p, j, &cost))
    return false;
  cost.est = ticks_of(&p->class[row->time_class], &n);
  *out = cost;
  return true;
}

bool job_cost(const struct chain *c, const struct job_record *j, const struct parameters *p, uint16_t task,
              struct job_cost *out) {
  struct prices a;
  return prices_read(c, &j->job, &a) && prices_cost(&a, j, p, task, job_first_step(j, task), out);
}
