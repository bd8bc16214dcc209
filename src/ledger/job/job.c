/* Jobs: posted, kept, ended. LEDGER 7.5 to 7.11. */
#include "ledger/job/job.h"

#include <assert.h>

#include "crypto/sha256.h"
#include "ledger/job/posted.h"
#include "ledger/job/table.h"

/* own_seat 32 | submitter 32 | spec_hash 32 | state u8 | n u8 | m u8 | posted_height u64 | deadline u64 | price u64 |
 * reserve_left u64 | figure u16 | parameters u32 | gas_price u32 | task u16 | last_root 32 | canon u16 | lower u16 |
 * seed_mode u8 | seeded u8 | seed u64 | first_step u32 | level u8 | tapes u8 | root 32 x tapes | sections u8 |
 * (repeat u32 | entries u8 | (tape u8 | repeat u32) x entries) x sections | tasks u16 | (steps u32 | interval u16 |
 * class u8) x tasks | layout_hash 32 | start_root 32 | data u8 | root 32 x data */
static void terms_put(struct writer *w, const struct job_record *j) {
  put_bytes(w, j->own_seat, 32);
  put_bytes(w, j->submitter, 32);
  put_bytes(w, j->spec_hash, 32);
  put_u8(w, j->state);
  put_u8(w, j->seats);
  put_u8(w, j->draws);
  put_u64(w, j->posted_height);
  put_u64(w, j->deadline);
  put_u64(w, j->price);
  put_u64(w, j->reserve_left);
  put_u16(w, j->figure);
  put_u32(w, j->parameters);
  put_u32(w, j->gas_price);
  put_u16(w, j->task);
  put_bytes(w, j->last_root, 32);
}

static void schedule_put(struct writer *w, const struct job *j) {
  put_u8(w, j->sections);
  for (uint32_t i = 0; i < j->sections; i++) {
    put_u32(w, j->section[i].repeat);
    put_u8(w, j->section[i].entries);
    for (uint32_t n = 0; n < j->section[i].entries; n++) {
      put_u8(w, j->section[i].entry[n].tape);
      put_u32(w, j->section[i].entry[n].repeat);
    }
  }
  put_u16(w, j->tasks);
  for (uint32_t i = 0; i < j->tasks; i++) {
    put_u32(w, j->task[i].steps);
    put_u16(w, j->task[i].interval_steps);
    put_u8(w, j->task[i].time_class);
  }
}

static void put(struct writer *w, const void *stored) {
  const struct job_record *j = stored; /* a job_stored begins with it; its rows are job.task */
  const struct job *b = &j->job;
  terms_put(w, j);
  put_u16(w, b->canon);
  put_u16(w, b->lower);
  put_u8(w, b->seed_mode);
  put_u8(w, j->seeded);
  put_u64(w, j->seed);
  put_u32(w, b->first_step);
  put_u8(w, b->level);
  put_u8(w, b->tapes);
  put_bytes(w, b->tape_root, (size_t)b->tapes * MERKLE_BYTES);
  schedule_put(w, b);
  put_bytes(w, b->layout_hash, 32);
  put_bytes(w, b->start_root, 32);
  put_u8(w, b->data);
  put_bytes(w, b->data_root, (size_t)b->data * MERKLE_BYTES);
}

static bool terms_take(struct reader *r, struct job_record *j) {
  take_hash(r, j->own_seat);
  take_hash(r, j->submitter);
  take_hash(r, j->spec_hash);
  j->state = take_u8(r);
  j->seats = take_u8(r);
  j->draws = take_u8(r);
  j->posted_height = take_u64(r);
  j->deadline = take_u64(r);
  j->price = take_u64(r);
  j->reserve_left = take_u64(r);
  j->figure = take_u16(r);
  j->parameters = take_u32(r);
  j->gas_price = take_u32(r);
  j->task = take_u16(r);
  take_hash(r, j->last_root);
  return j->state >= JOB_LIVE && j->state <= JOB_FAILED && j->seats >= 1 && j->seats <= POST_SEATS_MAX &&
         j->draws >= 1 && j->draws <= POST_DRAWS_MAX;
}

static bool section_take(struct reader *r, uint8_t tapes, struct job_section *out) {
  bool good = (out->repeat = take_u32(r)) != 0;
  out->entries = (uint8_t)take_count(r, JOB_ENTRIES_MAX);
  for (uint32_t n = 0; n < out->entries; n++) {
    out->entry[n].tape = take_u8(r);
    out->entry[n].repeat = take_u32(r);
    good &= out->entry[n].tape < tapes && out->entry[n].repeat != 0;
  }
  return good && out->entries;
}

static bool schedule_take(struct reader *r, struct job *j, struct job_task *row) {
  j->sections = (uint8_t)take_count(r, JOB_SECTIONS_MAX);
  for (uint32_t i = 0; i < j->sections; i++)
    if (!section_take(r, j->tapes, &j->section[i])) return false;
  j->tasks = take_u16(r);
  if (!j->sections || j->tasks < 1 || j->tasks > POST_TASKS_MAX) return false;
  for (uint32_t i = 0; i < j->tasks; i++) {
    row[i].steps = take_u32(r);
    row[i].interval_steps = take_u16(r);
    row[i].time_class = take_u8(r);
    if (!row[i].steps || row[i].interval_steps < 1 || row[i].interval_steps > POST_INTERVAL_MAX) return false;
  }
  j->task = row;
  return true;
}

static void hashes_take(struct reader *r, uint8_t (*hash)[MERKLE_BYTES], uint32_t count) {
  for (uint32_t i = 0; i < count; i++) take_hash(r, hash[i]);
}

static bool take(struct reader *r, void *stored) {
  struct job_stored *s = stored;
  struct job_record *j = &s->record;
  struct job *b = &j->job;
  if (!terms_take(r, j)) return false;
  b->canon = take_u16(r);
  b->lower = take_u16(r);
  b->seed_mode = (uint8_t)take_flag(r);
  j->seeded = take_flag(r);
  j->seed = take_u64(r);
  if (b->seed_mode ? !j->seeded && j->seed : !j->seeded) return false;
  b->seed = b->seed_mode ? 0 : j->seed;
  b->first_step = take_u32(r);
  b->level = (uint8_t)take_count(r, POST_LEVEL_MAX);
  b->tapes = (uint8_t)take_count(r, JOB_TAPES_MAX);
  hashes_take(r, b->tape_root, b->tapes);
  if (!b->tapes || !schedule_take(r, b, s->row) || j->task >= b->tasks) return false;
  take_hash(r, b->layout_hash);
  take_hash(r, b->start_root);
  b->data = take_u8(r);
  hashes_take(r, b->data_root, b->data);
  return true;
}

enum {
  TERMS_BYTES = 3 * 32 + 3 + 4 * 8 + 2 + 4 + 4 + 2 + 32,
  SCHEDULE_BYTES_MAX = 1 + JOB_SECTIONS_MAX * (5 + 5 * JOB_ENTRIES_MAX) + 2 + POST_TASKS_MAX * POST_TASK_BYTES,
  JOB_BYTES_MAX = TERMS_BYTES + 4 + 10 + 4 + 2 + 32 * JOB_TAPES_MAX + SCHEDULE_BYTES_MAX + 65 + 32 * JOB_DATA_MAX
};
const struct stored_kind job_kind = {"job", sizeof(struct job_stored), JOB_BYTES_MAX, put, take};

bool job_find(const struct chain *c, const uint8_t id[32], struct job_stored *out) {
  struct map_key key = map_key(MODULE_JOB, id, 32);
  if (!stored_get(c->map, &job_kind, &key, out)) return false;
  memcpy(out->record.id, id, 32);
  return true;
}

void job_store(struct chain *c, const struct job_record *j) {
  struct map_key key = map_key(MODULE_JOB, j->id, 32);
  stored_put(c->map, &job_kind, &key, j);
}

/* LEDGER 7.8: "Job id = H("assay/job/1" 00 || genesis || account || key_index || nonce)." */
void job_id(const struct chain *c, const uint8_t account[32], uint8_t key_index, uint64_t nonce, uint8_t id[32]) {
  static const char tag[] = "assay/job/1"; /* with its 0 */
  uint8_t number[8];
  struct writer w = writer_over(number, sizeof number);
  put_u64(&w, nonce);
  sha256_parts((struct sha256_part[]){{tag, sizeof tag}, {c->genesis, 32}, {account, 32}, {&key_index, 1}, {number, 8}},
               5, id);
}

void job_task_id(const uint8_t job[32], uint16_t index, uint8_t id[TASK_ID_BYTES]) {
  memcpy(id, job, 32);
  id[32] = (uint8_t)index;
  id[33] = (uint8_t)(index >> 8);
}

bool job_own_seat(const struct job_record *j) {
  static const uint8_t none[32];
  return memcmp(j->own_seat, none, sizeof none) != 0;
}

void job_end(struct chain *c, struct job_record *j, enum job_state state) {
  assert(j->state == JOB_LIVE && state != JOB_LIVE);
  j->state = (uint8_t)state;
  posted_hold(c, &j->job, false);
  job_store(c, j);
}

/* LEDGER 7.9: "the first 8 bytes of H("assay/seed/1" 00 || job id || beacon(h_post+1))" */
bool job_seed(struct chain *c, struct job_record *j) {
  static const char tag[] = "assay/seed/1"; /* with its 0 */
  uint8_t beacon[32], hash[32];
  if (j->seeded) return true;
  if (!chain_beacon(c, j->posted_height + 1, beacon)) return false;
  sha256_parts((struct sha256_part[]){{tag, sizeof tag}, {j->id, 32}, {beacon, sizeof beacon}}, 3, hash);
  struct reader r = reader_over(hash, 8);
  j->seed = take_u64(&r);
  j->seeded = true;
  job_store(c, j);
  return true;
}

bool job_figure(const struct chain *c, const struct job_record *j, uint32_t *leaf) {
  uint8_t dtype;
  uint64_t first;
  struct map_value table = posted_table_bytes(c, j->job.layout_hash);
  if (j->figure == POST_FIGURE_NONE || !table_state(table.bytes, table.length, j->figure, &dtype, &first)) return false;
  *leaf = (uint32_t)first;
  return true;
}
