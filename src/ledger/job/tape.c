/* The registry of tables and tapes: LEDGER 7.1 to 7.3. */
#include <assert.h>
#include <inttypes.h>

#include "crypto/sha256.h"
#include "ledger/job/posted.h"
#include "ledger/job/table.h"
#include "tape/check/check.h"

enum { GAS_A_RECORD = 20 }; /* LEDGER 3.4 */

static void use_put(struct writer *w, const struct posted_use *u) {
  put_u64(w, u->until_tick);
  put_u32(w, u->jobs);
}

static void use_take(struct reader *r, struct posted_use *u) {
  u->until_tick = take_u64(r);
  u->jobs = take_u32(r);
}

/* until_tick u64 | jobs u32 | layout hash 32 | data 32 | bytes u32 | records u32 | temp_leaves u32 | state_leaves u32 |
 * dot_flops u64 | body_ops u64 | bytes u64 */
static void tape_put(struct writer *w, const void *record) {
  const struct posted_tape *t = record;
  use_put(w, &t->use);
  put_bytes(w, t->layout_hash, sizeof t->layout_hash);
  put_bytes(w, t->data, sizeof t->data);
  put_u32(w, t->bytes);
  put_u32(w, t->records);
  put_u32(w, t->temp_leaves);
  put_u32(w, t->state_leaves);
  put_u64(w, t->counts.dot_flops);
  put_u64(w, t->counts.body_ops);
  put_u64(w, t->counts.bytes);
}

static bool tape_take(struct reader *r, void *record) {
  struct posted_tape *t = record;
  use_take(r, &t->use);
  take_hash(r, t->layout_hash);
  take_hash(r, t->data);
  t->bytes = take_u32(r);
  t->records = take_u32(r);
  t->temp_leaves = take_u32(r);
  t->state_leaves = take_u32(r);
  t->counts.dot_flops = take_u64(r);
  t->counts.body_ops = take_u64(r);
  t->counts.bytes = take_u64(r);
  return t->bytes <= TAPES_POSTED_BYTES_MAX && t->records <= TAPE_RECORDS_MAX && t->temp_leaves <= TAPE_LEAVES_MAX &&
         t->state_leaves <= TAPE_LEAVES_MAX && !(t->data[31] >> 7);
}

/* until_tick u64 | jobs u32 | bytes u32 | state_leaves u32 | state_count u16 | data_count u8 | leaves u32 x data_count
 */
static void table_put(struct writer *w, const void *record) {
  const struct posted_table *t = record;
  use_put(w, &t->use);
  put_u32(w, t->bytes);
  put_u32(w, t->state_leaves);
  put_u16(w, t->state_count);
  put_u8(w, t->data_count);
  for (uint32_t i = 0; i < t->data_count; i++) put_u32(w, t->data_leaves[i]);
}

static bool table_take(struct reader *r, void *record) {
  struct posted_table *t = record;
  use_take(r, &t->use);
  t->bytes = take_u32(r);
  t->state_leaves = take_u32(r);
  t->state_count = take_u16(r);
  t->data_count = take_u8(r);
  for (uint32_t i = 0; i < t->data_count; i++)
    if (!(t->data_leaves[i] = take_u32(r))) return false;
  return t->bytes <= TAPES_POSTED_BYTES_MAX && t->state_leaves <= TAPE_LEAVES_MAX && t->state_count;
}

const struct stored_kind posted_tape_kind = {"tape", sizeof(struct posted_tape), 12 + 64 + 16 + 24, tape_put,
                                             tape_take};
const struct stored_kind posted_table_kind = {"table", sizeof(struct posted_table), 12 + 8 + 3 + 4 * 255, table_put,
                                              table_take};

static struct map_key tape_key(const uint8_t root[32]) { return map_key(MODULE_TAPE, root, 32); }
static struct map_key table_key(const uint8_t hash[32]) { return map_key(MODULE_TABLE, hash, 32); }
static struct map_key table_bytes_key(const uint8_t hash[32]) {
  struct map_key key = table_key(hash);
  map_key_u8(&key, 0);
  return key;
}

/* The hash of each cut of the table that some tape was posted with: so a job, which costs less gas than a table has
 * bytes, needs no walk over them. */
static struct map_key cuts_key(const uint8_t table[32]) {
  struct map_key key = table_key(table);
  map_key_u8(&key, 1);
  return key;
}
struct map_key posted_cut_key(const uint8_t table[32], const uint8_t data[32]) {
  struct map_key key = cuts_key(table);
  map_key_bytes(&key, data, 32);
  return key;
}

bool job_tape_find(const struct chain *c, const uint8_t root[32], struct posted_tape *out) {
  struct map_key key = tape_key(root);
  return stored_get(c->map, &posted_tape_kind, &key, out);
}

bool job_table_find(const struct chain *c, const uint8_t hash[32], struct posted_table *out) {
  struct map_key key = table_key(hash);
  return stored_get(c->map, &posted_table_kind, &key, out);
}

struct map_value posted_table_bytes(const struct chain *c, const uint8_t hash[32]) {
  struct map_key key = table_bytes_key(hash);
  struct map_value value;
  bool there = map_get(c->map, &key, &value);
  assert(there && "a table without its bytes");
  return value;
}

bool posted_cut(const struct chain *c, const uint8_t table[32], const uint8_t data[32], uint8_t hash[32]) {
  struct map_key key = posted_cut_key(table, data);
  struct map_value value;
  if (!map_get(c->map, &key, &value)) return false;
  assert(value.length == 32);
  memcpy(hash, value.bytes, 32);
  return true;
}

static void store_tape(struct chain *c, const uint8_t root[32], const struct posted_tape *t) {
  struct map_key key = tape_key(root);
  stored_put(c->map, &posted_tape_kind, &key, t);
}

static void store_table(struct chain *c, const uint8_t hash[32], const struct posted_table *t) {
  struct map_key key = table_key(hash);
  stored_put(c->map, &posted_table_kind, &key, t);
}

static void timer_id(uint8_t what, const uint8_t hash[32], uint8_t id[POSTED_ID_BYTES]) {
  id[0] = what;
  memcpy(id + 1, hash, 32);
}

/* An entry has one timer, armed at its until_tick, from when it is stored to when it is forgotten. */
static void renew(struct chain *c, uint8_t what, const uint8_t hash[32], struct posted_use *use, bool known) {
  uint8_t id[POSTED_ID_BYTES];
  timer_id(what, hash, id);
  if (known) timer_disarm(c, use->until_tick, false, TIMER_TAPE, id, sizeof id);
  use->until_tick = c->now.tick + c->parameters.keep_tapes;
  timer_arm(c, use->until_tick, TIMER_TAPE, id, sizeof id);
}

static void erase_table(struct chain *c, const uint8_t hash[32]) {
  struct map_key key = table_key(hash), bytes = table_bytes_key(hash), cuts = cuts_key(hash);
  map_erase(c->map, &key);
  map_erase(c->map, &bytes);
  while (map_next(c->map, &cuts, NULL, &key, NULL)) map_erase(c->map, &key);
}

/* LEDGER 7.3: "An entry that no live job names is pruned" when its time is over. */
void job_tape_due(struct chain *c, const uint8_t id[POSTED_ID_BYTES]) {
  const uint8_t *hash = id + 1;
  bool tape = id[0] == POSTED_TAPE;
  struct posted_tape t;
  struct posted_table l;
  bool known = tape ? job_tape_find(c, hash, &t) : job_table_find(c, hash, &l);
  assert(known && "a timer of nothing posted");
  struct posted_use *use = tape ? &t.use : &l.use;
  if (use->jobs) {
    renew(c, id[0], hash, use, false); /* the timer that is due is no longer armed */
    if (tape)
      store_tape(c, hash, &t);
    else
      store_table(c, hash, &l);
    return;
  }
  struct map_key key = tape_key(hash);
  if (tape)
    map_erase(c->map, &key);
  else
    erase_table(c, hash);
}

void posted_hold(struct chain *c, const struct job *j, bool hold) {
  struct posted_table l;
  bool known = job_table_find(c, j->layout_hash, &l);
  assert(known && (hold || l.use.jobs));
  l.use.jobs += hold ? 1 : (uint32_t)-1;
  store_table(c, j->layout_hash, &l);
  for (uint32_t k = 0; k < j->tapes; k++) {
    struct posted_tape t;
    known = job_tape_find(c, j->tape_root[k], &t);
    assert(known && (hold || t.use.jobs));
    t.use.jobs += hold ? 1 : (uint32_t)-1;
    store_tape(c, j->tape_root[k], &t);
  }
}

/* MALFORMED is for what is in no block (LEDGER 3.5). A table or a tape is decoded when the transaction runs. */
static enum chain_code refuse(enum tape_status status) { return status == TAPE_ERR_MEMORY ? CHAIN_LIMIT : CHAIN_TAPE; }

/* The full table: decoded once, to know that it is one; its bytes are kept. */
static enum chain_code table_read(const struct body_tape *b, struct arena *memory, struct posted_table *out,
                                  struct why *why) {
  struct layout layout;
  size_t states = b->layout_length >= LAYOUT_HEAD_BYTES ? b->layout[0] | (size_t)b->layout[1] << 8 : 0;
  size_t entries = b->layout_length >= LAYOUT_HEAD_BYTES ? states + b->layout[2] : 0;
  if (!entries || entries > b->layout_length / 8)
    return why_set(why, "%" PRIu32 " bytes are no layout table", b->layout_length), CHAIN_TAPE;
  struct layout_entry *memory_of = arena_take(memory, entries, sizeof *memory_of);
  if (!memory_of) return why_set(why, "no memory for a table of %zu entries", entries), CHAIN_LIMIT;
  if (layout_decode(b->layout, b->layout_length, memory_of, entries, &layout, why) != RECORD_OK) return CHAIN_TAPE;
  *out = (struct posted_table){.bytes = b->layout_length,
                               .state_leaves = (uint32_t)layout_state_leaves(&layout),
                               .state_count = layout.state_count,
                               .data_count = layout.data_count};
  for (uint32_t i = 0; i < layout.data_count; i++) {
    const struct layout_entry *e = &layout.entry[layout.state_count + i];
    /* The numbers ascend, so they are 0, 1, .. exactly if each is its place. */
    if (e->number != i)
      return why_set(why, "data entry %s is number %u: a job's table has 0, 1, ..", e->name, e->number), CHAIN_TAPE;
    out->data_leaves[i] = (uint32_t)layout_entry_leaves(e);
  }
  return CHAIN_OK;
}

/* One tape: its root, and what is kept of it. A tape that is known is known to be a program. */
static enum chain_code tape_take_in(struct chain *c, const struct body_tape *b, uint32_t k, struct arena *memory,
                                    uint8_t root[32], struct posted_tape *out, bool *known, struct why *why) {
  struct tape t;
  uint8_t cut[32];
  enum tape_status status = tape_read(b->tape[k], b->tape_length[k], memory, &t, why);
  if (status != TAPE_OK) return refuse(status);
  tape_root(&t, root);
  *known = job_tape_find(c, root, out);
  if (!*known && (status = tape_check(&t, memory, why)) != TAPE_OK) return refuse(status);
  struct posted_tape made = {.bytes = b->tape_length[k],
                             .records = t.records_count,
                             .temp_leaves = t.temp_leaves,
                             .state_leaves = t.state_leaves,
                             .counts = t.counts};
  tape_layout_hash(&t, made.layout_hash);
  for (uint32_t i = 0; i < t.layout.data_count; i++) {
    uint8_t number = t.layout.entry[t.layout.state_count + i].number;
    made.data[number / 8] |= (uint8_t)(1u << number % 8);
  }
  if (!table_cut_hash(b->layout, b->layout_length, made.data, cut) || memcmp(cut, made.layout_hash, sizeof cut) != 0)
    return why_set(why, "its layout is no cut of the table that is posted with it"), CHAIN_TAPE;
  if (!*known) *out = made;
  return CHAIN_OK;
}

static void store_new_table(struct chain *c, const struct body_tape *b, const uint8_t hash[32],
                            struct posted_table *l) {
  struct posted_table old;
  bool known = job_table_find(c, hash, &old);
  if (known) *l = old;
  renew(c, POSTED_TABLE, hash, &l->use, known);
  store_table(c, hash, l);
  struct map_key key = table_bytes_key(hash);
  if (!known) map_put(c->map, &key, b->layout, b->layout_length);
  outbox_content(c->out, hash, b->layout, b->layout_length);
}

/* LEDGER 7.1: "One tape that fails fails the transaction." What was stored of the tapes before it is taken back with
 * all that a failed transaction did. */
enum chain_code job_tape_post(struct chain *c, const struct body_tape *b, struct arena *memory, uint64_t *gas,
                              struct why *why) {
  struct posted_table l;
  uint8_t hash[32];
  uint64_t records = 0;
  size_t mark = arena_mark(memory);
  enum chain_code code = table_read(b, memory, &l, why);
  arena_reset(memory, mark);
  if (code != CHAIN_OK) return why_before(why, "layout: "), code;
  sha256(b->layout, b->layout_length, hash);
  for (uint32_t k = 0; k < b->tapes; k++) {
    struct posted_tape t;
    uint8_t root[32];
    bool known;
    code = tape_take_in(c, b, k, memory, root, &t, &known, why);
    arena_reset(memory, mark);
    if (code != CHAIN_OK) return why_before(why, "tape %" PRIu32 ": ", k), code;
    renew(c, POSTED_TAPE, root, &t.use, known);
    store_tape(c, root, &t);
    struct map_key cut = posted_cut_key(hash, t.data);
    map_put(c->map, &cut, t.layout_hash, sizeof t.layout_hash);
    if (!known) records += t.records;
    outbox_content(c->out, root, b->tape[k], b->tape_length[k]);
  }
  store_new_table(c, b, hash, &l);
  *gas = records * GAS_A_RECORD;
  return CHAIN_OK;
}
