#include "ledger/task/world.h"

#include <assert.h>
#include <string.h>

#include "crypto/address.h"
#include "crypto/sha256.h"
#include "ledger/docket/docket.h"
#include "ledger/genesis/genesis.h"
#include "numeric/canon.h"

enum { ASY = 1000000000, MEMORY_BYTES = 32 << 20 };

static void hear_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct world *w = context;
  size_t at = 0;
  assert(number == w->heard && w->receipts < WORLD_RECEIPTS_MAX);
  w->heard++;
  bool good = receipt_decode(bytes, length, &w->receipt[w->receipts++]);
  assert(good);
  w->payments = 0;
  while (w->payments < WORLD_RECEIPTS_MAX && payments_next(payments, payments_length, &at, &w->payment[w->payments]))
    w->payments++;
  assert(at == payments_length);
}

static void hear_content(void *context, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  struct world *w = context;
  (void)hash;
  sha256(bytes, length, w->content);
}

static void tell(struct world *w) {
  const struct chain_sink sink = {.context = w, .receipt = hear_receipt, .content = hear_content};
  outbox_tell(w->c.out, &sink);
  outbox_undo(w->c.out, 0);
}

static void begin_actor(struct world *w, struct genesis *g, uint32_t i) {
  struct world_actor *a = &w->actor[i];
  uint8_t seed[32] = {1, (uint8_t)i};
  enum sign_status status = sign_secret_open(seed, &a->vrf);
  assert(status == SIGN_OK);
  memset(a->key, (int)i + 1, sizeof a->key);
  address_of_key(a->key, a->account);
  g->account[g->accounts] = (struct genesis_account){.balance = (uint64_t)100000 * ASY};
  memcpy(g->account[g->accounts].key, a->key, 32);
  if (i) g->account[g->accounts].stake[ROLE_SOLVER] = (uint64_t)i * 1000 * ASY;
  if (i) g->account[g->accounts].stake[ROLE_VERIFIER] = (uint64_t)i * 1000 * ASY;
  g->accounts++;
  if (!i) return;
  struct genesis_provider *p = &g->provider[g->providers++];
  *p = (struct genesis_provider){
      .roles = PROVIDER_SOLVER | PROVIDER_VERIFIER, .class = 2, .available = true, .mem_mib = 1 << 16};
  memcpy(p->account, a->account, 32);
  memcpy(p->vrf, sign_secret_public(a->vrf).bytes, 32);
}

/* The example's own table has data 0, 2 and 5; a job's has 0 .. 5. */
static void begin_tape(struct world *w) {
  struct layout full = {.state_count = 4, .data_count = WORLD_TABLE_DATA, .entry = w->entry};
  example_tape(&w->example);
  memcpy(w->entry, w->example.entry, 4 * sizeof *w->entry);
  for (uint8_t n = 0; n < WORLD_TABLE_DATA; n++) {
    static const char *const names[] = {"d0", "d1", "d2", "d3", "d4", "d5"};
    const struct layout_entry *own = layout_data(&w->example.tape.layout, n);
    w->entry[4 + n] = own ? *own : (struct layout_entry){.number = n, .dtype = TAPE_U8, .rank = 1, .dim = {7}};
    if (!own) strcpy(w->entry[4 + n].name, names[n]);
  }
  layout_place(&full);
  w->table_length = (uint32_t)layout_encode(&full, w->table, sizeof w->table);
  w->tape_length = (uint32_t)tape_write(&w->example.tape, w->tape, sizeof w->tape);
  assert(w->table_length && w->tape_length);
  sha256(w->table, w->table_length, w->table_hash);
  tape_root(&w->example.tape, w->tape_root);
}

void world_open(struct world *w, const char *parameters, void (*change)(struct parameters *)) {
  struct genesis_account account[WORLD_ACTORS] = {0};
  struct genesis_provider provider[WORLD_ACTORS] = {0};
  struct genesis g = {.chain_id = "world", .account = account, .provider = provider};
  const uint8_t hash[32] = {0x77}, beacon[32] = {0x55};
  memset(w, 0, sizeof *w);
  bool ready =
      sign_open(NULL) == SIGN_OK && arena_open(&w->memory, MEMORY_BYTES) && parameters_named(parameters, &g.parameters);
  assert(ready);
  if (change) change(&g.parameters);
  for (uint32_t i = 0; i < WORLD_ACTORS; i++) begin_actor(w, &g, i);
  genesis_sort(&g);
  w->c.map = map_open();
  w->c.out = outbox_open();
  genesis_begin(&w->c, &g, hash, beacon);
  w->supply = money_sum(&w->c);
  begin_tape(w);
}

void world_shut(struct world *w) {
  for (uint32_t i = 0; i < WORLD_ACTORS; i++) sign_secret_shut(&w->actor[i].vrf);
  map_shut(w->c.map);
  outbox_shut(w->c.out);
  arena_shut(&w->memory);
}

static void timers(struct world *w) {
  struct timer t;
  while (timer_due(&w->c, &t)) {
    switch ((enum timer_kind)t.kind) {
    case TIMER_TASK: task_due(&w->c, t.id); break;
    case TIMER_DISPUTE: assert(!"no dispute in these worlds"); break;
    case TIMER_PRUNE: task_prune(&w->c, t.id); break;
    case TIMER_TAPE: job_tape_due(&w->c, t.id); break;
    case TIMER_UNBOND: assert(!"nothing unbonds in these worlds"); break;
    }
    assert(money_sum(&w->c) == w->supply);
  }
}

void world_block(struct world *w) {
  struct chain *c = &w->c;
  uint8_t number[8];
  struct writer n = writer_over(number, sizeof number);
  c->now.height++;
  c->now.tick++;
  put_u64(&n, c->now.height);
  sha256(number, sizeof number, c->beacon);
  chain_beacon_store(c, c->now.height, c->beacon);
  timers(w);
  tell(w);
  map_commit(c->map);
}

struct task_record world_task(const struct world *w, const uint8_t task[TASK_ID_BYTES]) {
  struct task_record t;
  bool there = task_find(&w->c, task, &t);
  assert(there);
  return t;
}

void world_until(struct world *w, const uint8_t task[TASK_ID_BYTES], enum task_state state) {
  for (uint32_t i = 0; i < 100000 && world_task(w, task).state != state; i++) world_block(w);
  assert(world_task(w, task).state == state);
}

struct account world_account(const struct world *w, uint32_t actor) {
  struct account a;
  account_get(w->c.map, w->actor[actor].account, &a);
  return a;
}

uint64_t world_balance(const struct world *w, uint32_t actor) { return world_account(w, actor).balance; }

uint64_t world_escrow(const struct world *w, const uint8_t job[32]) {
  struct pocket escrow = pocket_escrow(job);
  return money_held(&w->c, &escrow);
}

void world_begin(struct world *w) {
  w->before = w->c.now;
  w->mark = map_mark(w->c.map);
  w->told = outbox_mark(w->c.out);
}

enum chain_code world_end(struct world *w, enum chain_code code) {
  if (code != CHAIN_OK) {
    map_undo(w->c.map, w->mark);
    outbox_undo(w->c.out, w->told);
    w->c.now = w->before;
  }
  assert(money_sum(&w->c) == w->supply);
  return code;
}

enum chain_code world_tape(struct world *w, struct why *why) {
  struct body_tape b = {.layout = w->table, .layout_length = w->table_length, .tapes = 1};
  uint64_t gas;
  world_begin(w);
  b.tape[0] = w->tape;
  b.tape_length[0] = w->tape_length;
  return world_end(w, job_tape_post(&w->c, &b, &w->memory, &gas, why));
}

void world_body(struct world *w, struct world_post *p, uint16_t tasks, uint32_t steps, uint16_t interval) {
  memset(p, 0, sizeof *p);
  for (uint32_t i = 0; i < sizeof p->data_root; i++) p->data_root[i] = (uint8_t)(1 + i / 32);
  for (uint16_t i = 0; i < tasks; i++) p->row[i] = (struct job_task){.steps = steps, .interval_steps = interval};
  p->body = (struct body_post){.spec_hash = p->zeros,
                               .layout_hash = w->table_hash,
                               .start_root = p->zeros,
                               .own_seat = p->zeros,
                               .canon = CANON_VERSION,
                               .lower = 1,
                               .figure = 3,
                               .tapes = 1,
                               .sections = 1,
                               .data = WORLD_TABLE_DATA,
                               .tape_root = w->tape_root,
                               .data_root = p->data_root,
                               .section = {{.repeat = tasks, .entries = 1, .entry = {{.repeat = steps}}}},
                               .params = 1,
                               .seed_mode = 1,
                               .level = 2,
                               .seats = 3,
                               .draws = 2,
                               .price = (uint64_t)10000 * ASY,
                               .reserve = 5000,
                               .deadline = 1000000,
                               .tasks = tasks};
}

enum chain_code world_post(struct world *w, struct world_post *p, uint64_t nonce, uint8_t job[32], struct why *why) {
  struct writer rows = writer_over(p->bytes, sizeof p->bytes);
  struct job_stored s;
  for (uint16_t i = 0; i < p->body.tasks; i++) {
    put_u32(&rows, p->row[i].steps);
    put_u16(&rows, p->row[i].interval_steps);
    put_u8(&rows, p->row[i].time_class);
  }
  p->body.task_rows = p->bytes;
  world_begin(w);
  job_id(&w->c, w->actor[0].account, 0, nonce, job);
  enum chain_code code = job_post(&w->c, job, w->actor[0].account, &p->body, why);
  if (code == CHAIN_OK && job_find(&w->c, job, &s)) task_begin(&w->c, &s.record);
  return world_end(w, code);
}

enum chain_code world_offer(struct world *w, const uint8_t task[TASK_ID_BYTES], uint32_t who, struct why *why) {
  struct task_record t = world_task(w, task);
  uint8_t beacon[32] = {0}, input[TASK_OFFER_BYTES], proof[VRF_PROOF_BYTES];
  chain_beacon(&w->c, t.draw_height, beacon);
  task_offer_input(w->c.genesis, &t, beacon, input);
  vrf_prove(w->actor[who].vrf, input, sizeof input, proof);
  struct body_offer b = {.at = {.task = task, .attempt = t.attempt}, .proof = proof};
  world_begin(w);
  return world_end(w, task_offer(&w->c, w->actor[who].account, &b, why));
}

enum chain_code world_commit(struct world *w, const uint8_t task[TASK_ID_BYTES], uint32_t who, uint8_t outcome,
                             uint32_t steps, struct why *why) {
  struct task_record t = world_task(w, task);
  const uint8_t root[32] = {0x44};
  struct body_commit b = {
      .at = {.task = task, .attempt = t.attempt}, .trace_root = root, .outcome = outcome, .steps = steps};
  world_begin(w);
  return world_end(w, task_commit(&w->c, w->actor[who].account, &b, why));
}
