/* What a job is as transactions, and what it will cost: the chain's own rules, asked before anything is sent. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/submitter_inside.h"
#include "dispute/dispute.h"

enum { SOLVERS_ASKED_MAX = 1024, PRICE_UNIT = 1000000000, USUAL_BLOCKS = 26 };
enum { DAY_TICKS = 86400, MOVES_MOST = 15, SUPPLY_BITS = 60, LEVEL_OWN = 0, LEVEL_FULL = 4, CLOCK_FACTOR = 4 };

/* Bodies. */

enum agent_status bodies_make_tapes(struct submitter *s, struct why *why) {
  const struct lowered *l = &s->options.prepared->lowered;
  struct body_tape b = {.tapes = (uint8_t)l->tapes_count};
  uint64_t length = layout_bytes(&l->layout), at;
  for (uint32_t k = 0; k < l->tapes_count; k++) length += tape_bytes(&l->tape[k]);
  if (length > TAPES_POSTED_BYTES_MAX) {
    why_set(why, "its tapes have %" PRIu64 " bytes; a chain takes %d: the model is too large for it", length,
            TAPES_POSTED_BYTES_MAX);
    return AGENT_ERR_INPUT;
  }
  uint8_t *bytes = malloc(length);
  s->tapes = malloc(TRANSACTION_TAPE_BYTES_MAX);
  if (!bytes || !s->tapes) {
    free(bytes);
    return why_set(why, "no memory for the tapes"), AGENT_ERR_SYSTEM;
  }
  b.layout = bytes;
  b.layout_length = (uint32_t)layout_encode(&l->layout, bytes, length);
  at = b.layout_length;
  for (uint32_t k = 0; k < l->tapes_count; k++) {
    b.tape[k] = bytes + at;
    b.tape_length[k] = (uint32_t)tape_write(&l->tape[k], bytes + at, length - at);
    at += b.tape_length[k];
  }
  s->tapes_length = body_tape_put(&b, s->tapes, TRANSACTION_TAPE_BYTES_MAX);
  free(bytes);
  return s->tapes_length ? AGENT_OK : (why_set(why, "tapes that no transaction takes"), AGENT_ERR_INPUT);
}

/* LEDGER 9.12: "1 to 3 require the n and m below". */
static void seats_of(const struct submitter_options *o, uint8_t *seats, uint8_t *draws) {
  static const struct { uint8_t seats, draws; } level[] = {{3, 2}, {1, 2}, {3, 2}, {5, 4}, {1, 2}};
  bool named = o->level > LEVEL_OWN && o->level < LEVEL_FULL;
  *seats = named || !o->seats ? level[o->level].seats : o->seats;
  *draws = named || !o->draws ? level[o->level].draws : o->draws;
}

enum agent_status bodies_make_post(struct submitter *s, struct why *why) {
  static const uint8_t nobody[32];
  const struct prepared *p = s->options.prepared;
  const struct chain *c = view_chain(s->view);
  if (p->job.tasks > POST_TASKS_MAX) {
    why_set(why, "%u tasks; a chain takes %d in a job: train fewer steps, or with longer intervals", p->job.tasks,
            POST_TASKS_MAX);
    return AGENT_ERR_INPUT;
  }
  struct job_task *row = calloc(p->job.tasks, sizeof *row);
  if (!s->post) s->post = malloc(SUBMITTER_POST_BYTES);
  if (!row || !s->post) {
    free(row);
    return why_set(why, "no memory for the job"), AGENT_ERR_SYSTEM;
  }
  for (uint32_t i = 0; i < p->job.tasks; i++) {
    row[i] = p->job.task[i];
    row[i].time_class = s->options.class;
  }
  uint32_t days = s->options.deadline_ticks ? s->options.deadline_ticks : DAY_TICKS;
  struct body_post b = {.spec_hash = s->spec_hash,
                        .layout_hash = p->job.layout_hash,
                        .start_root = s->start_root,
                        .own_seat = s->options.own_seat ? s->options.own_seat : nobody,
                        .canon = p->job.canon,
                        .lower = p->job.lower,
                        .figure = (uint16_t)p->lowered.entry_loss,
                        .tapes = p->job.tapes,
                        .sections = p->job.sections,
                        .data = p->job.data,
                        .tape_root = p->job.tape_root[0],
                        .data_root = p->job.data_root[0],
                        .first_step = p->job.first_step,
                        .params = c->now.parameters,
                        .seed_mode = p->job.seed_mode,
                        .level = s->options.level,
                        .seed = p->job.seed_mode ? 0 : p->job.seed,
                        .price = s->options.price,
                        .reserve = s->options.reserve,
                        .deadline = c->now.tick + days,
                        .tasks = p->job.tasks};
  seats_of(&s->options, &b.seats, &b.draws);
  memcpy(b.section, p->job.section, sizeof b.section);
  s->post_length = body_post_put(&b, row, s->post, SUBMITTER_POST_BYTES);
  free(row);
  if (s->post_length) return AGENT_OK;
  why_set(why, "a job that no transaction takes: %u tapes, %u sections, %u data tensors, %u tasks", b.tapes, b.sections,
          b.data, b.tasks);
  return AGENT_ERR_INPUT;
}

/* The rehearsal. */

void rehearse_shut(struct rehearsal *r) {
  if (!r) return;
  if (r->chain.map) map_shut(r->chain.map);
  if (r->chain.out) outbox_shut(r->chain.out);
  free(r);
}

static enum chain_code perform(struct submitter *s, struct rehearsal *r, struct why *why) {
  static const uint8_t id[32] = {1};
  struct transaction tapes = {.type = TRANSACTION_TAPE, .body = s->tapes, .body_length = (uint32_t)s->tapes_length},
                     post = {.type = TRANSACTION_JOB_POST, .body = s->post, .body_length = (uint32_t)s->post_length};
  struct body_tape t;
  struct body_post b;
  struct arena memory;
  if (!body_tape_take(&tapes, &t, why) || !body_post_take(&post, &b, why)) return CHAIN_MALFORMED;
  if (!arena_open(&memory, JOB_TAPE_MEMORY_BYTES)) return why_set(why, "no memory to check the tapes"), CHAIN_LIMIT;
  enum chain_code code = job_tape_post(&r->chain, &t, &memory, &r->tape_gas, why);
  arena_shut(&memory);
  if (code == CHAIN_OK) code = job_post(&r->chain, id, s->account, &b, why);
  if (code == CHAIN_OK) job_find(&r->chain, id, &r->job);
  return code;
}

enum agent_status rehearse(struct submitter *s, uint64_t money, struct rehearsal **out, struct why *why) {
  const struct chain *c = view_chain(s->view);
  struct account a = {.balance = money};
  struct rehearsal *r = calloc(1, sizeof *r);
  if (!r) return why_set(why, "no memory to see what it costs"), AGENT_ERR_SYSTEM;
  r->chain.map = map_open();
  r->chain.out = outbox_open();
  r->chain.now = c->now;
  r->chain.now.next_receipt = 0; /* posting is on the log, and the log there is empty */
  r->chain.parameters = c->parameters;
  memcpy(r->chain.genesis, c->genesis, sizeof c->genesis);
  chain_parameters_store(&r->chain, &c->parameters);
  account_put(r->chain.map, s->account, &a);
  enum agent_status status = bodies_make_post(s, why);
  if (status == AGENT_OK && perform(s, r, why) != CHAIN_OK) {
    why_before(why, "the chain would refuse this job: ");
    status = AGENT_ERR_INPUT;
  }
  if (status != AGENT_OK) {
    rehearse_shut(r);
    return status;
  }
  *out = r;
  return AGENT_OK;
}

/* The terms. */

static uint64_t mem_mib(const struct prepared *p) {
  uint64_t temp = 0;
  for (uint32_t k = 0; k < p->lowered.tapes_count; k++)
    if (p->lowered.tape[k].temp_leaves > temp) temp = p->lowered.tape[k].temp_leaves;
  return (TAPE_LEAF_BYTES * (2 * p->state_leaves + temp) + (1 << 20) - 1) >> 20;
}

struct solvers {
  struct view *view;
  uint8_t class;
  uint64_t mem_mib, stake_min;
  struct asked {
    uint64_t ask, stake;
  } asked[SOLVERS_ASKED_MAX]; /* by ask */
  uint32_t count;
};

/* Those that can be drawn: a record without a stake is somebody's word, and costs nothing. */
static bool ask_solver(void *context, const uint8_t account[32], const struct provider *p) {
  struct solvers *s = context;
  struct account a;
  if (p->class < s->class || p->mem_mib < s->mem_mib) return true;
  if (view_account(s->view, account, &a, NULL) != CLIENT_OK || a.stake[ROLE_SOLVER] < s->stake_min) return true;
  uint32_t at = s->count++;
  for (; at > 0 && s->asked[at - 1].ask > p->ask; at--) s->asked[at] = s->asked[at - 1];
  s->asked[at] = (struct asked){p->ask, a.stake[ROLE_SOLVER]};
  return s->count < SOLVERS_ASKED_MAX;
}

/* What the middle one asks, where each counts as often as it is drawn: many small accounts of one owner do not move it
 * more than their stake does. */
static uint64_t ask_middle(const struct solvers *s) {
  unsigned __int128 all = 0, below = 0;
  for (uint32_t i = 0; i < s->count; i++) all += s->asked[i].stake;
  for (uint32_t i = 0; i < s->count; i++) {
    below += s->asked[i].stake;
    if (2 * below > all) return s->asked[i].ask;
  }
  return 0;
}

/* LEDGER 7.4, 7.5: the price at which F of the task with the least work is task_fee_min. Work of a whole task, in units
 * of the parameters' weights. */
static uint64_t price_least(const struct prepared *p, const struct parameters *q) {
  unsigned __int128 least = 0, price;
  uint32_t first = p->job.first_step;
  for (uint32_t i = 0; i < p->job.tasks; i++) {
    unsigned __int128 work = 0;
    for (uint32_t k = 0; k < p->lowered.tapes_count; k++) {
      const struct tape_counts *n = &p->lowered.tape[k].counts;
      uint64_t runs = prepare_runs(p, k, first, p->task[i].steps);
      work += runs * ((unsigned __int128)n->dot_flops * q->work_dot + (unsigned __int128)n->body_ops * q->work_body +
                      (unsigned __int128)n->bytes * q->work_bytes_half / 2);
    }
    first += p->task[i].steps;
    if (i == 0 || work < least) least = work;
  }
  if (least == 0) least = 1;
  price = ((unsigned __int128)q->task_fee_min * PRICE_UNIT + least - 1) / least;
  return price >> 64 ? UINT64_MAX : price ? (uint64_t)price : 1;
}

enum agent_status terms_find(struct submitter *s, struct market *out, struct why *why) {
  const struct parameters *p = &view_chain(s->view)->parameters;
  struct submitter_options *o = &s->options;
  struct solvers solvers = {.view = s->view, .mem_mib = mem_mib(o->prepared), .stake_min = p->stake_min};
  if (o->class == SUBMITTER_CLASS_FITS) {
    uint8_t class = 0;
    while (class < p->classes && p->class[class].mem_mib < solvers.mem_mib) class ++;
    if (class == p->classes) {
      why_set(why, "the job needs %" PRIu64 " MiB; the largest class of machines on this chain has %" PRIu64,
              solvers.mem_mib, p->class[p->classes - 1].mem_mib);
      return AGENT_ERR_INPUT;
    }
    o->class = class;
  }
  solvers.class = o->class;
  enum client_status status = view_providers(s->view, PROVIDER_SOLVER, ask_solver, &solvers, why);
  if (status != CLIENT_OK && status != CLIENT_NONE) return AGENT_LOST;
  struct market m = {
      .solvers = solvers.count, .ask_middle = ask_middle(&solvers), .price_least = price_least(o->prepared, p)};
  if (o->price == 0) o->price = m.ask_middle > m.price_least ? m.ask_middle : m.price_least;
  if (out) *out = m;
  return AGENT_OK;
}

/* The quote. */

/* LEDGER 11.5: every move may take its turn and its compute, and each side its slack once. */
static uint64_t dispute_ticks(const struct parameters *p, uint64_t interval_ticks) {
  return MOVES_MOST * (uint64_t)p->turn + 2 * (uint64_t)p->slack + 3 * CLOCK_FACTOR * interval_ticks;
}

/* From OPEN to SETTLED when every window is used to its end and nobody fails: LEDGER 8.1. */
static uint64_t life_ticks(const struct rehearsal *r, const struct parameters *p, uint16_t task,
                           const struct job_cost *cost) {
  const struct job_record *j = &r->job.record;
  uint64_t interval = job_interval_ticks(&r->chain, j, p, task), brought;
  struct posted_table table;
  bool full = j->job.level == LEVEL_FULL, there = job_table_find(&r->chain, j->job.layout_hash, &table);
  assert(there);
  (void)there;
  brought = (uint64_t)table.state_leaves * TAPE_LEAF_BYTES * (full ? 1 : (uint64_t)j->seats * cost->draws);
  uint64_t seat = full ? cost->est : interval * cost->draws;
  return (uint64_t)p->window_offer + CLOCK_FACTOR * cost->est + p->window_work + p->window_take + p->window_publish +
         brought / p->publish_rate + CLOCK_FACTOR * seat + p->window_seal + p->window_show + p->window_publish +
         brought / p->publish_rate;
}

/* LEDGER 12.1, and for `full` 9.13: max(16 phi_w, 2 phi). */
static uint64_t seat_bond(const struct parameters *p, uint8_t level, const struct job_cost *cost) {
  unsigned __int128 phi = cost->seat_fee, bond;
  if (level != LEVEL_FULL) return (uint64_t)(phi * p->seat_bond / 1000);
  bond = (unsigned __int128)cost->fee * p->seat_share * cost->draws / (1000 * (uint64_t)cost->intervals) *
         p->seat_bond / 1000;
  return (uint64_t)(bond > 2 * phi ? bond : 2 * phi);
}

static uint64_t operations(const struct prepared *p) {
  uint64_t sum = 0;
  for (uint32_t k = 0; k < p->lowered.tapes_count; k++) {
    const struct tape_counts *n = &p->lowered.tape[k].counts;
    uint64_t runs = prepare_runs(p, k, p->job.first_step, p->steps);
    sum += runs * (n->dot_flops + n->body_ops);
  }
  return sum;
}

static void add_task(const struct rehearsal *r, uint16_t i, struct submitter_quote *q) {
  const struct job_record *j = &r->job.record;
  const struct parameters *p = &r->chain.parameters;
  struct job_cost cost;
  bool priced = job_cost(&r->chain, j, p, i, &cost);
  assert(priced); /* it was posted there */
  (void)priced;
  q->intervals += cost.intervals;
  q->work += cost.work;
  q->fee += cost.fee;
  q->seat_fees += j->seats * cost.seat_fee;
  q->protocol_fee += cost.protocol_fee;
  if (cost.mem_mib > q->mem_mib) q->mem_mib = cost.mem_mib;
  q->work_ticks += cost.est;
  q->usual_ticks += cost.est + USUAL_BLOCKS +
                    (j->job.level == LEVEL_FULL ? cost.est : cost.draws * job_interval_ticks(&r->chain, j, p, i));
  q->life_ticks += life_ticks(r, p, i, &cost);
  if (cost.intervals > q->task_intervals) {
    q->task_intervals = cost.intervals;
    q->task_draws = cost.draws;
    q->task_fee = cost.fee;
    q->bond = cost.bond;
    q->seat_bond = seat_bond(p, j->job.level, &cost);
  }
  uint64_t dispute = dispute_ticks(p, job_interval_ticks(&r->chain, j, p, i));
  if (dispute > q->dispute_ticks) q->dispute_ticks = dispute;
  uint32_t seen = (uint32_t)((uint64_t)cost.draws * 1000 / cost.intervals);
  if (j->job.level == LEVEL_FULL) seen = 1000;
  if (i == 0 || seen < q->audited_permille) q->audited_permille = seen;
}

enum agent_status submitter_quote(struct submitter *s, struct submitter_quote *out, struct why *why) {
  struct view *v = s->view;
  struct submitter_quote q = {.tasks = 0};
  struct market market;
  struct account account = {.balance = 0};
  struct rehearsal *r;
  enum client_status looked = view_now(v, why);
  if (looked == CLIENT_OK) looked = view_account(v, s->account, &account, why);
  if (looked != CLIENT_OK && looked != CLIENT_NONE) return AGENT_LOST;
  enum agent_status status = terms_find(s, &market, why);
  if (status == AGENT_OK) status = rehearse(s, UINT64_C(1) << SUPPLY_BITS, &r, why);
  if (status != AGENT_OK) return status;
  const struct chain *c = view_chain(v);
  q.level = s->options.level;
  q.seats = r->job.record.seats;
  q.draws = r->job.record.draws;
  q.class = s->options.class;
  q.price = s->options.price;
  q.solvers = market.solvers;
  q.ask_middle = market.ask_middle;
  q.price_least = market.price_least;
  q.tasks = r->job.record.job.tasks;
  for (uint16_t i = 0; i < q.tasks; i++) add_task(r, i, &q);
  rehearse_shut(r);
  q.posting_fee = c->parameters.posting_fee;
  q.operations = operations(s->options.prepared);
  q.fine_permille = c->parameters.solver_bond;
  q.finder_permille = c->parameters.finder;
  q.own_seat = s->options.own_seat != NULL;
  q.reserve = s->options.reserve;
  q.gas = ((uint64_t)agent_gas(TRANSACTION_TAPE, s->tapes, s->tapes_length) +
           agent_gas(TRANSACTION_JOB_POST, s->post, s->post_length)) *
          c->now.gas_price;
  q.total = q.fee + q.seat_fees + q.protocol_fee + q.posting_fee + q.reserve + q.gas;
  q.balance = account.balance;
  q.tick_ms = c->parameters.tick_ms;
  *out = q;
  return AGENT_OK;
}
