#include "ledger/transaction/example.h"

#include <assert.h>
#include <string.h>

const uint8_t example_type[EXAMPLE_TYPES] = {
    TRANSACTION_TRANSFER, TRANSACTION_PROVIDER_SET, TRANSACTION_STAKE, TRANSACTION_JOB_POST,
    TRANSACTION_OFFER,    TRANSACTION_COMMIT,       TRANSACTION_TAKE,  TRANSACTION_PUBLISH,
    TRANSACTION_SEAL,     TRANSACTION_OPEN,         TRANSACTION_SHOW,  TRANSACTION_MOVE,
    TRANSACTION_BEACON,   TRANSACTION_TAPE,         TRANSACTION_FETCH, TRANSACTION_KEY_SET,
};

uint64_t example_random(uint64_t *seed) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*seed += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/* Both ends of the range come up often: mistakes sit there. */
static uint32_t between(uint64_t *seed, uint32_t least, uint32_t most) {
  uint64_t pick = example_random(seed);
  if (pick % 8 == 0) return least;
  if (pick % 8 == 1) return most;
  return least + (uint32_t)(pick / 8 % (most - least + 1));
}

/* `length` bytes that look random and are nowhere twice in one body, as far as chance goes. */
static const uint8_t *lend(uint64_t *seed, size_t length) {
  enum { POOL = 1 << 16 };
  static uint8_t pool[POOL];
  if (!pool[0])
    for (uint64_t i = 0, s = 1; i < POOL; i++) pool[i] = (uint8_t)(example_random(&s) | (i == 0));
  assert(length < POOL);
  return pool + example_random(seed) % (POOL - length);
}

static struct body_attempt draw_at(uint64_t *seed, bool seated) {
  struct body_attempt at = {.task = lend(seed, TASK_ID_BYTES)};
  at.attempt = (uint8_t)between(seed, 1, ATTEMPTS_MAX);
  at.seat = seated ? (uint8_t)between(seed, 0, SEAT_MAX) : 0;
  return at;
}

static void draw_provider(struct example *e, uint64_t *seed) {
  struct body_provider *p = &e->b.provider;
  p->roles = (uint16_t)between(seed, 0, PROVIDER_ROLES_ALL);
  p->class = (uint8_t)example_random(seed);
  p->mem_mib = (uint32_t)example_random(seed);
  p->vrf_key = lend(seed, 32);
  p->vrf_proof = lend(seed, VRF_BYTES);
  p->tls_hash = lend(seed, 32);
  p->endpoint = e->endpoint;
  p->endpoint_length = (uint8_t)between(seed, 0, PROVIDER_ENDPOINT_MAX);
  for (uint8_t i = 0; i < p->endpoint_length; i++) e->endpoint[i] = (uint8_t)between(seed, '!', '~');
  p->ask = example_random(seed);
  p->available = (uint8_t)between(seed, 0, 1);
}

static void draw_schedule(struct body_post *p, uint64_t *seed) {
  p->sections = (uint8_t)between(seed, 1, JOB_SECTIONS_MAX);
  for (uint8_t i = 0; i < p->sections; i++) {
    struct job_section *s = &p->section[i];
    s->repeat = between(seed, 1, UINT32_MAX - 1);
    s->entries = (uint8_t)between(seed, 1, JOB_ENTRIES_MAX);
    for (uint8_t n = 0; n < s->entries; n++) {
      s->entry[n].tape = (uint8_t)between(seed, 0, p->tapes - 1u);
      s->entry[n].repeat = between(seed, 1, UINT32_MAX - 1);
    }
  }
}

static void draw_post(struct example *e, uint64_t *seed) {
  struct body_post *p = &e->b.post;
  p->spec_hash = lend(seed, 32);
  p->canon = (uint16_t)example_random(seed);
  p->lower = (uint16_t)example_random(seed);
  p->layout_hash = lend(seed, 32);
  p->tapes = (uint8_t)between(seed, 1, JOB_TAPES_MAX);
  p->tape_root = lend(seed, (size_t)p->tapes * MERKLE_BYTES);
  draw_schedule(p, seed);
  p->data = (uint8_t)between(seed, 0, JOB_DATA_MAX);
  p->data_root = lend(seed, (size_t)p->data * MERKLE_BYTES);
  p->start_root = lend(seed, 32);
  p->first_step = (uint32_t)example_random(seed);
  p->figure = (uint16_t)between(seed, 0, POST_FIGURE_NONE);
  p->seed_mode = (uint8_t)between(seed, 0, 1);
  p->seed = p->seed_mode ? 0 : example_random(seed);
  p->tasks = (uint16_t)between(seed, 1, POST_TASKS_MAX);
  for (uint16_t i = 0; i < p->tasks; i++) {
    e->task[i].steps = between(seed, 1, UINT32_MAX - 1);
    e->task[i].interval_steps = (uint16_t)between(seed, 1, POST_INTERVAL_MAX);
    e->task[i].time_class = (uint8_t)example_random(seed);
  }
  p->level = (uint8_t)between(seed, 0, POST_LEVEL_MAX);
  p->seats = (uint8_t)between(seed, 0, POST_SEATS_MAX);
  p->draws = (uint8_t)between(seed, 0, POST_DRAWS_MAX);
  p->price = example_random(seed);
  p->reserve = example_random(seed);
  p->own_seat = lend(seed, 32);
  p->params = (uint32_t)example_random(seed);
  p->deadline = example_random(seed);
}

static void draw_publish(struct example *e, uint64_t *seed) {
  struct body_publish *p = &e->b.publish;
  p->at = draw_at(seed, false);
  p->height = (uint16_t)between(seed, 1, PUBLISH_HEIGHT_MAX);
  uint32_t gap_max = between(seed, 1, PUBLISH_ROWS_MAX), interval = 0;
  /* 256 starts with long paths are two transactions. */
  uint32_t rows_max = 65000u / (PUBLISH_ROW_BYTES + p->height * 32u);
  while ((interval += between(seed, 1, gap_max)) <= TRACE_INTERVALS_MAX && p->count < rows_max)
    e->row[p->count++] = (struct publish_row){.interval = (uint16_t)interval,
                                              .root = lend(seed, MERKLE_BYTES),
                                              .sigma = lend(seed, TRACE_SALT_BYTES),
                                              .path = lend(seed, (size_t)p->height * MERKLE_BYTES)};
  if (p->count) return;
  *e = (struct example){.type = e->type};
  draw_publish(e, seed);
}

static void draw_open(struct body_open *o, uint64_t *seed) {
  o->at = draw_at(seed, false);
  o->sigma = lend(seed, TRACE_SALT_BYTES);
  o->roots_count = (uint16_t)between(seed, 2, OPEN_ROOTS_MAX);
  o->roots = lend(seed, (size_t)o->roots_count * MERKLE_BYTES);
  o->leaves = (uint8_t)between(seed, 1, OPEN_LEAVES_MAX);
  o->height = (uint16_t)between(seed, 0, OPEN_HEIGHT_MAX);
  for (uint8_t i = 0; i < o->leaves; i++) {
    o->leaf[i] = lend(seed, OPEN_LEAF_BYTES);
    o->path[i] = lend(seed, (size_t)o->height * MERKLE_BYTES);
  }
}

/* Moves of every number but 1, lengths that their kinds allow. */
static void draw_move(struct example *e, uint64_t *seed) {
  static const struct {
    uint8_t number, kind;
    uint16_t least, unit, more; /* least + unit * (0..more) bytes */
  } row[] = {{2, MOVE_STEPS, 64, 32, 254},    {3, MOVE_STEP, 2, 1, 0},       {4, MOVE_VALUES, 96, 32, 254},
             {5, MOVE_NODE, 5, 1, 0},         {5, MOVE_EXPRESS, 37, 32, 23}, {6, MOVE_SLAB, 8192, 1, 0},
             {7, MOVE_NODE, 4, 1, 0},         {8, MOVE_SLAB, 8192, 1, 0},    {9, MOVE_NODE, 4, 1, 0},
             {10, MOVE_LEAF, 4096, 1, 0},     {11, MOVE_CASE, 6, 1, 10704},  {12, MOVE_CHUNK, 2, 1, 0},
             {13, MOVE_OPERANDS, 0, 4, 2052}, {14, MOVE_OPERAND, 2, 1, 0},   {15, MOVE_PROOF, 4096, 32, 23}};
  static struct move m;
  uint32_t i = between(seed, 0, sizeof row / sizeof *row - 1);
  move_begin(&m, row[i].number, row[i].kind);
  size_t length = row[i].least + row[i].unit * (size_t)between(seed, 0, row[i].more);
  move_put_bytes(&m, lend(seed, length), length);
  e->b.move.dispute = example_random(seed);
  e->b.move.move = e->move;
  e->b.move.move_length = move_encode(&m, e->move, sizeof e->move);
}

static void draw_tape(struct body_tape *p, uint64_t *seed) {
  p->layout_length = between(seed, 1, 300);
  p->layout = lend(seed, p->layout_length);
  p->tapes = (uint8_t)between(seed, 1, TAPES_POSTED_MAX);
  for (uint8_t i = 0; i < p->tapes; i++) {
    p->tape_length[i] = between(seed, 1, example_random(seed) % 64 ? 300 : 60000);
    p->tape[i] = lend(seed, p->tape_length[i]);
  }
}

static void draw_show(struct body_show *s, uint64_t *seed) {
  s->at = draw_at(seed, true);
  s->salt = lend(seed, 32);
  s->ends_count = (uint16_t)between(seed, 1, SHOW_ENDS_MAX);
  s->ends = lend(seed, (size_t)s->ends_count * MERKLE_BYTES);
  s->probes = lend(seed, (size_t)s->ends_count * MERKLE_BYTES);
}

static void draw_key(struct body_key *k, uint64_t *seed) {
  k->index = (uint8_t)between(seed, 0, TRANSACTION_KEY_SLOTS - 1);
  k->key = lend(seed, ACCOUNT_KEY_BYTES);
  k->mask = k->index ? (uint16_t)between(seed, 0, ACCOUNT_MASK_ALL) : ACCOUNT_MASK_ALL;
  k->until_tick = k->index ? example_random(seed) : UINT64_MAX;
}

void example_draw(struct example *e, uint8_t type, uint64_t *seed) {
  *e = (struct example){.type = type};
  switch ((enum transaction_type)type) {
  case TRANSACTION_TRANSFER:
    e->b.transfer.to = lend(seed, ACCOUNT_ID_BYTES);
    e->b.transfer.amount = example_random(seed);
    e->b.transfer.memo_length = (uint8_t)between(seed, 0, TRANSFER_MEMO_MAX);
    e->b.transfer.memo = lend(seed, TRANSFER_MEMO_MAX);
    break;
  case TRANSACTION_KEY_SET: draw_key(&e->b.key, seed); break;
  case TRANSACTION_PROVIDER_SET: draw_provider(e, seed); break;
  case TRANSACTION_STAKE:
    e->b.stake.role = (uint8_t)between(seed, 0, STAKE_ROLE_MAX);
    e->b.stake.amount = example_random(seed);
    break;
  case TRANSACTION_JOB_POST: draw_post(e, seed); break;
  case TRANSACTION_OFFER:
    e->b.offer.at = draw_at(seed, false);
    e->b.offer.proof = lend(seed, VRF_BYTES);
    break;
  case TRANSACTION_COMMIT:
    e->b.commit.at = draw_at(seed, false);
    e->b.commit.trace_root = lend(seed, MERKLE_BYTES);
    e->b.commit.outcome = (uint8_t)between(seed, TRACE_DONE, TRACE_DIVERGED);
    e->b.commit.steps = between(seed, 1, UINT32_MAX - 1);
    break;
  case TRANSACTION_TAKE:
    e->b.take.at = draw_at(seed, true);
    e->b.take.proof = lend(seed, VRF_BYTES);
    break;
  case TRANSACTION_PUBLISH: draw_publish(e, seed); break;
  case TRANSACTION_SEAL:
    e->b.seal.at = draw_at(seed, true);
    e->b.seal.hash = lend(seed, 32);
    break;
  case TRANSACTION_OPEN: draw_open(&e->b.open, seed); break;
  case TRANSACTION_SHOW: draw_show(&e->b.show, seed); break;
  case TRANSACTION_MOVE: draw_move(e, seed); break;
  case TRANSACTION_BEACON: e->b.beacon.proof = lend(seed, VRF_BYTES); break;
  case TRANSACTION_TAPE: draw_tape(&e->b.tape, seed); break;
  case TRANSACTION_FETCH:
    e->b.fetch.at = draw_at(seed, true);
    e->b.fetch.what = (uint8_t)between(seed, FETCH_START, FETCH_FINAL);
    e->b.fetch.got = (uint8_t)between(seed, 0, 1);
    break;
  }
}

struct transaction example_envelope(uint8_t type, const uint8_t *body, size_t length, uint64_t *seed) {
  if (type == TRANSACTION_BEACON) return transaction_beacon(body);
  struct transaction t = {.type = type, .body = body, .body_length = (uint32_t)length};
  t.account = lend(seed, ACCOUNT_ID_BYTES);
  t.key_index = (uint8_t)between(seed, 0, TRANSACTION_KEY_SLOTS - 1);
  t.nonce = example_random(seed);
  t.until_tick = example_random(seed);
  t.gas = (uint32_t)example_random(seed);
  t.price = (uint32_t)example_random(seed);
  t.signature = lend(seed, SIGNATURE_BYTES);
  if (example_random(seed) % 3) return t;
  t.flags = TRANSACTION_SPONSORED;
  do t.payer = lend(seed, ACCOUNT_ID_BYTES);
  while (t.payer == t.account);
  t.payer_key_index = (uint8_t)between(seed, 0, TRANSACTION_KEY_SLOTS - 1);
  t.payer_signature = lend(seed, SIGNATURE_BYTES);
  return t;
}

bool example_take(const struct transaction *t, struct example *out) {
  out->type = t->type;
  switch ((enum transaction_type)t->type) {
  case TRANSACTION_TRANSFER: return body_transfer_take(t, &out->b.transfer, NULL);
  case TRANSACTION_KEY_SET: return body_key_take(t, &out->b.key, NULL);
  case TRANSACTION_PROVIDER_SET: return body_provider_take(t, &out->b.provider, NULL);
  case TRANSACTION_STAKE: return body_stake_take(t, &out->b.stake, NULL);
  case TRANSACTION_JOB_POST:
    if (!body_post_take(t, &out->b.post, NULL)) return false;
    for (uint16_t i = 0; i < out->b.post.tasks; i++) out->task[i] = body_post_task(&out->b.post, i);
    return true;
  case TRANSACTION_OFFER: return body_offer_take(t, &out->b.offer, NULL);
  case TRANSACTION_COMMIT: return body_commit_take(t, &out->b.commit, NULL);
  case TRANSACTION_TAKE: return body_take_take(t, &out->b.take, NULL);
  case TRANSACTION_PUBLISH:
    if (!body_publish_take(t, &out->b.publish, NULL)) return false;
    for (uint16_t i = 0; i < out->b.publish.count; i++) out->row[i] = body_publish_row(&out->b.publish, i);
    return true;
  case TRANSACTION_SEAL: return body_seal_take(t, &out->b.seal, NULL);
  case TRANSACTION_OPEN: return body_open_take(t, &out->b.open, NULL);
  case TRANSACTION_SHOW: return body_show_take(t, &out->b.show, NULL);
  case TRANSACTION_MOVE: return body_move_take(t, &out->b.move, NULL);
  case TRANSACTION_BEACON: return body_beacon_take(t, &out->b.beacon, NULL);
  case TRANSACTION_TAPE: return body_tape_take(t, &out->b.tape, NULL);
  case TRANSACTION_FETCH: return body_fetch_take(t, &out->b.fetch, NULL);
  }
  return false;
}

size_t example_put(const struct example *e, uint8_t *bytes, size_t bytes_max) {
  switch ((enum transaction_type)e->type) {
  case TRANSACTION_TRANSFER: return body_transfer_put(&e->b.transfer, bytes, bytes_max);
  case TRANSACTION_KEY_SET: return body_key_put(&e->b.key, bytes, bytes_max);
  case TRANSACTION_PROVIDER_SET: return body_provider_put(&e->b.provider, bytes, bytes_max);
  case TRANSACTION_STAKE: return body_stake_put(&e->b.stake, bytes, bytes_max);
  case TRANSACTION_JOB_POST: return body_post_put(&e->b.post, e->task, bytes, bytes_max);
  case TRANSACTION_OFFER: return body_offer_put(&e->b.offer, bytes, bytes_max);
  case TRANSACTION_COMMIT: return body_commit_put(&e->b.commit, bytes, bytes_max);
  case TRANSACTION_TAKE: return body_take_put(&e->b.take, bytes, bytes_max);
  case TRANSACTION_PUBLISH: return body_publish_put(&e->b.publish, e->row, bytes, bytes_max);
  case TRANSACTION_SEAL: return body_seal_put(&e->b.seal, bytes, bytes_max);
  case TRANSACTION_OPEN: return body_open_put(&e->b.open, bytes, bytes_max);
  case TRANSACTION_SHOW: return body_show_put(&e->b.show, bytes, bytes_max);
  case TRANSACTION_MOVE: return body_move_put(&e->b.move, bytes, bytes_max);
  case TRANSACTION_BEACON: return body_beacon_put(&e->b.beacon, bytes, bytes_max);
  case TRANSACTION_TAPE: return body_tape_put(&e->b.tape, bytes, bytes_max);
  case TRANSACTION_FETCH: return body_fetch_put(&e->b.fetch, bytes, bytes_max);
  }
  return 0;
}
