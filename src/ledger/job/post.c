/* JOB_POST: every condition of LEDGER 7.5, then row 1 of the money. */
#include <assert.h>
#include <inttypes.h>

#include "base/checked.h"
#include "commit/state/state.h"
#include "ledger/job/posted.h"
#include "ledger/job/table.h"
#include "ledger/receipt/receipt.h"
#include "numeric/canon.h"

/* PROTOCOL M3.1 within the bounds of LEDGER 15.1. */
enum { POSTED_JOB_BYTES_MAX = 16 + 20 + 8 * 32 + 1 + 8 * (5 + 8 * 5) + 2 + POST_TASKS_MAX * 7 + 64 + 1 + 255 * 32 };
enum { STEPS_MAX = 0x7fffffff, EST_MAX = 1 << 17, LEVEL_OWN = 0, LEVEL_FULL = 4 };

#define REFUSE(code, ...) return why_set(why, __VA_ARGS__), code

/* What the transaction says, as a record that has no money, seed or root yet. */
static void job_of(const struct chain *c, const uint8_t id[32], const uint8_t submitter[32], const struct body_post *b,
                   struct job_stored *out) {
  struct job_record *j = &out->record;
  memset(out, 0, sizeof *out);
  memcpy(j->id, id, 32);
  memcpy(j->submitter, submitter, 32);
  memcpy(j->own_seat, b->own_seat, 32);
  memcpy(j->spec_hash, b->spec_hash, 32);
  j->state = JOB_LIVE;
  j->seats = b->seats;
  j->draws = b->draws;
  j->seeded = b->seed_mode == 0;
  j->seed = b->seed;
  j->posted_height = c->now.height;
  j->deadline = b->deadline;
  j->price = b->price;
  j->reserve_left = b->reserve;
  j->figure = b->figure;
  j->parameters = b->params;
  j->gas_price = c->now.gas_price;
  j->job = (struct job){.canon = b->canon,
                        .lower = b->lower,
                        .seed_mode = b->seed_mode,
                        .seed = b->seed,
                        .first_step = b->first_step,
                        .level = b->level,
                        .tapes = b->tapes,
                        .sections = b->sections,
                        .data = b->data,
                        .tasks = b->tasks,
                        .task = out->row};
  memcpy(j->job.tape_root, b->tape_root, (size_t)b->tapes * MERKLE_BYTES);
  memcpy(j->job.section, b->section, sizeof j->job.section);
  memcpy(j->job.layout_hash, b->layout_hash, 32);
  memcpy(j->job.start_root, b->start_root, 32);
  if (b->data) memcpy(j->job.data_root, b->data_root, (size_t)b->data * MERKLE_BYTES);
  for (uint16_t i = 0; i < b->tasks; i++) out->row[i] = body_post_task(b, i);
}

/* Table and tapes: known, of each other, and not too long together. */
static enum chain_code check_tapes(const struct chain *c, const struct job_record *j, struct prices *a,
                                   struct posted_table *table, struct why *why) {
  const struct job *b = &j->job;
  if (!job_table_find(c, b->layout_hash, table)) REFUSE(CHAIN_UNKNOWN, "its layout table is not posted");
  if (table->data_count != b->data)
    REFUSE(CHAIN_LIMIT, "%u data roots for a table of %u data tensors", b->data, table->data_count);
  uint64_t length = table->bytes;
  for (uint32_t k = 0; k < b->tapes; k++) {
    uint8_t cut[32];
    if (!job_tape_find(c, b->tape_root[k], &a->tape[k])) REFUSE(CHAIN_UNKNOWN, "tape %" PRIu32 " is not posted", k);
    if (!posted_cut(c, b->layout_hash, a->tape[k].data, cut) || memcmp(cut, a->tape[k].layout_hash, sizeof cut) != 0)
      REFUSE(CHAIN_TAPE, "tape %" PRIu32 " was not posted with this table", k);
    length += a->tape[k].bytes;
  }
  if (length > TAPES_POSTED_BYTES_MAX)
    REFUSE(CHAIN_LIMIT, "table and tapes have %" PRIu64 " bytes, at most %d", length, TAPES_POSTED_BYTES_MAX);
  if (j->figure == POST_FIGURE_NONE) return CHAIN_OK;
  struct map_value bytes = posted_table_bytes(c, b->layout_hash);
  uint8_t dtype;
  uint64_t leaf;
  if (!table_state(bytes.bytes, bytes.length, j->figure, &dtype, &leaf) || dtype == TAPE_U8)
    REFUSE(CHAIN_LIMIT, "the figure is state entry %u: there is none, or it holds bytes", j->figure);
  return CHAIN_OK;
}

static enum chain_code check_schedule(const struct job *j, struct why *why) {
  uint64_t steps = 0;
  uint32_t length = job_steps(j);
  for (uint32_t i = 0; i < j->tasks; i++) steps += j->task[i].steps;
  if (!length || steps != length)
    REFUSE(CHAIN_LIMIT, "the schedule has %" PRIu32 " steps (0: too many), the tasks %" PRIu64, length, steps);
  if (j->first_step > STEPS_MAX || length > STEPS_MAX - j->first_step)
    REFUSE(CHAIN_LIMIT, "%" PRIu32 " steps from step %" PRIu32 " pass 2^31 - 1", length, j->first_step);
  return CHAIN_OK;
}

/* LEDGER 9.12: levels 1 to 3 have their own numbers of seats and intervals. */
static enum chain_code check_level(const struct job_record *j, struct why *why) {
  static const struct { uint8_t seats, draws; } named[] = {{1, 2}, {3, 2}, {5, 4}}; /* spot, standard, strong */
  uint8_t level = j->job.level;
  if (j->seats < 1 || j->draws < 1) REFUSE(CHAIN_LIMIT, "%u seats of %u intervals: at least one", j->seats, j->draws);
  if (level == LEVEL_OWN || level == LEVEL_FULL) return CHAIN_OK;
  if (j->seats != named[level - 1].seats || j->draws != named[level - 1].draws)
    REFUSE(CHAIN_LIMIT, "level %u has %u seats of %u intervals, not %u of %u", level, named[level - 1].seats,
           named[level - 1].draws, j->seats, j->draws);
  return CHAIN_OK;
}

/* Each task within its bounds; *escrow is the sum of their E. */
static enum chain_code check_tasks(const struct job_record *j, const struct prices *a, const struct parameters *p,
                                   uint64_t *escrow, struct why *why) {
  uint32_t first = j->job.first_step;
  uint64_t sum = 0;
  for (uint16_t i = 0; i < j->job.tasks; i++) {
    struct job_cost cost;
    uint8_t class = j->job.task[i].time_class;
    if (!prices_cost(a, j, p, i, first, &cost))
      REFUSE(CHAIN_LIMIT, "task %u: more than %d intervals, no class %u, or a price beyond all money", i,
             TRACE_INTERVALS_MAX, class);
    if (cost.est > EST_MAX) REFUSE(CHAIN_LIMIT, "task %u takes %" PRIu64 " ticks, at most %d", i, cost.est, EST_MAX);
    if (cost.mem_mib > p->class[class].mem_mib)
      REFUSE(CHAIN_LIMIT, "task %u needs %" PRIu64 " MiB, class %u has %" PRIu64, i, cost.mem_mib, class,
             p->class[class].mem_mib);
    if (cost.fee < p->task_fee_min)
      REFUSE(CHAIN_LIMIT, "task %u pays %" PRIu64 " grain, at least %" PRIu64, i, cost.fee, p->task_fee_min);
    if (!checked_add_u64(sum, cost.escrow, &sum)) REFUSE(CHAIN_LIMIT, "its price is beyond all money");
    first += j->job.task[i].steps;
  }
  *escrow = sum;
  return CHAIN_OK;
}

/* Row 1: sub -(sum of E + R + p), escrow +(sum of E + R), fees +p. */
static enum chain_code pay(struct chain *c, struct payments *list, const struct job_record *j,
                           const struct parameters *p, uint64_t escrow, struct why *why) {
  struct pocket from = pocket_balance(j->submitter), to = pocket_escrow(j->id);
  uint64_t held = money_held(c, &from), into, all;
  if (!checked_add_u64(escrow, j->reserve_left, &into) || !checked_add_u64(into, p->posting_fee, &all) || held < all)
    REFUSE(CHAIN_FUNDS,
           "it costs %" PRIu64 " grain, %" PRIu64 " in reserve and %" PRIu64 " to post; there are %" PRIu64, escrow,
           j->reserve_left, p->posting_fee, held);
  bool paid = money_flow(c, list, ROW_POST, &from, &to, into) && money_fees(c, list, ROW_POST, &from, p->posting_fee);
  return paid ? CHAIN_OK : CHAIN_FUNDS;
}

static void start(struct job_record *j, const struct posted_table *table) {
  static const uint8_t zeros[32];
  if (memcmp(j->job.start_root, zeros, sizeof zeros) == 0)
    state_zero_root(table->state_leaves, j->last_root); /* LEDGER 7.6 */
  else
    memcpy(j->last_root, j->job.start_root, sizeof j->last_root);
}

/* What decides the result, kept beside the state under the root that the receipt names: a certificate shows it. */
static void tell_job(struct chain *c, const struct job *job, uint8_t root[32]) {
  uint8_t bytes[POSTED_JOB_BYTES_MAX];
  size_t length = job_encode(job, bytes, sizeof bytes);
  assert(length && "POSTED_JOB_BYTES_MAX");
  job_root(job, root);
  outbox_content(c->out, root, bytes, length);
}

static void tell(struct chain *c, const struct job_record *j, const struct payments *list) {
  struct receipt r = {.kind = RECEIPT_POSTED,
                      .seat = SEAT_NONE,
                      .steps = job_steps(&j->job),
                      .seed_mode = j->job.seed_mode,
                      .seed = j->job.seed,
                      .level = j->job.level,
                      .seats = j->seats,
                      .draws = j->draws,
                      .parameters = j->parameters};
  job_task_id(j->id, 0, r.task);
  memcpy(r.account, j->submitter, sizeof r.account);
  memcpy(r.spec_hash, j->spec_hash, sizeof r.spec_hash);
  memcpy(r.start_root, j->last_root, sizeof r.start_root);
  tell_job(c, &j->job, r.final_root);
  r.figure = j->figure;
  receipt_append(c, &r, list);
}

enum chain_code job_post(struct chain *c, const uint8_t id[32], const uint8_t submitter[32], const struct body_post *b,
                         struct why *why) {
  struct job_stored s;
  struct prices a;
  struct posted_table table;
  struct parameters p;
  struct payments list;
  uint64_t escrow;
  payments_begin(&list);
  if (b->params != c->now.parameters && (b->params == 0 || b->params + 1 != c->now.parameters))
    REFUSE(CHAIN_LIMIT, "parameters of version %" PRIu32 ": %" PRIu32 " are in force", b->params, c->now.parameters);
  if (b->canon != CANON_VERSION) REFUSE(CHAIN_LIMIT, "canon %u: this chain has %d", b->canon, CANON_VERSION);
  chain_parameters(c, b->params, &p);
  job_of(c, id, submitter, b, &s);
  enum chain_code code = check_tapes(c, &s.record, &a, &table, why);
  if (code == CHAIN_OK) code = check_schedule(&s.record.job, why);
  if (code == CHAIN_OK) code = check_level(&s.record, why);
  if (code == CHAIN_OK) code = check_tasks(&s.record, &a, &p, &escrow, why);
  if (code == CHAIN_OK) code = pay(c, &list, &s.record, &p, escrow, why);
  if (code != CHAIN_OK) return code;
  start(&s.record, &table);
  posted_hold(c, &s.record.job, true);
  job_store(c, &s.record);
  tell(c, &s.record, &list);
  return CHAIN_OK;
}
