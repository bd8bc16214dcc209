#include "certificate/stage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "commit/job/job.h"
#include "crypto/sha256.h"

static const char LAYOUT[] = "a layout";
static const char SPEC[] = "{\"model\": \"model.onnx\"}\n";

static struct sign_secret *key_of(uint16_t number) {
  struct sign_secret *secret;
  uint8_t seed[SIGN_SEED_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8), 77};
  enum sign_status status = sign_secret_open(seed, &secret);
  assert(status == SIGN_OK);
  (void)status;
  return secret;
}

static void write_job(struct stage *s) {
  struct job_task row[STAGE_TASKS_MAX];
  struct job j = {.canon = 1, .lower = 1, .seed = 41, .level = 2, .tapes = 2, .sections = 1, .data = 3};
  for (uint16_t i = 0; i < s->tasks_all; i++) row[i] = (struct job_task){.steps = 100, .interval_steps = 3};
  j.tasks = s->tasks_all;
  j.task = row;
  memset(j.tape_root, 0x21, sizeof j.tape_root[0] * 2);
  j.section[0] = (struct job_section){.repeat = 10, .entries = 2, .entry = {{0, 9}, {1, 1}}};
  sha256(s->layout.bytes, s->layout.length, j.layout_hash);
  memset(j.data_root, 0x23, sizeof j.data_root[0] * 3);
  s->job_length = job_encode(&j, s->job_bytes, sizeof s->job_bytes);
  assert(s->job_length);
}

static void write_payments(struct stage *s) {
  static struct payments list;
  uint8_t job[32] = {5}, solver[32] = {6};
  payments_begin(&list);
  payments_add(&list, &(struct payment){ROW_SETTLED, pocket_escrow(job), pocket_balance(solver), 1000000});
  payments_add(&list, &(struct payment){ROW_SETTLED, pocket_escrow(job), pocket_of(POCKET_BURNED), 77});
  memcpy(s->payments, list.bytes, list.used);
  s->payments_length = list.used;
}

void stage_usual(struct stage *s, uint16_t validators, uint16_t tasks) {
  *s = (struct stage){.validators = validators, .tasks = tasks, .tasks_all = tasks, .others = 11};
  for (uint16_t i = 0; i < validators; i++) s->power[i] = 10 + i % 3;
  s->spec = (struct certificate_span){(const uint8_t *)SPEC, sizeof SPEC - 1};
  s->layout = (struct certificate_span){(const uint8_t *)LAYOUT, sizeof LAYOUT - 1};
  write_job(s);
  write_payments(s);
  for (uint16_t i = 0; i <= tasks; i++) {
    struct receipt *r = &s->row[i];
    *r = (struct receipt){.trust = validators > 1,
                          .height = 100 + i,
                          .tick = 90 + i,
                          .seat = 255,
                          .level = 2,
                          .seed = 41,
                          .seats = 3,
                          .draws = 2,
                          .parameters = 1};
    r->kind = i ? RECEIPT_SETTLED : RECEIPT_POSTED;
    r->reason = i ? REASON_DONE : REASON_NONE;
    memset(r->genesis, 0x31, 32);
    memset(r->task, 0x32, 32);
    if (i) r->task[32] = (uint8_t)(i - 1);
    memset(r->account, i ? 0x33 : 0x34, 32);
    sha256(s->spec.bytes, s->spec.length, r->spec_hash);
    memset(r->start_root, 0x40 + (i ? i - 1 : 0), 32);
    memset(r->final_root, 0x40 + i, 32);
    if (!i) sha256(s->job_bytes, s->job_length, r->final_root);
    r->figure = i ? 0x3f000000 : 4;
    r->steps = 100;
    r->audited = i ? 3 : 0;
    sha256(s->payments, i ? s->payments_length : 0, r->payments);
  }
  struct comet_header *h = &s->header;
  *h = (struct comet_header){
      .version_block = COMET_VERSION_BLOCK, .version_app = 1, .chain_id = "stage", .app_length = 32};
  h->height = s->row[tasks].height + 1;
  h->time = (struct comet_time){1763700000, 123000000};
  h->last = (struct comet_block_id){.parts = 1};
  memset(h->last.hash, 0x51, 32);
  memset(h->last.parts_hash, 0x52, 32);
  memset(h->last_commit, 0x53, 32);
  memset(h->data, 0x54, 32);
  memset(h->params, 0x55, 32);
  memset(h->last_results, 0x56, 32);
  memset(h->evidence, 0x57, 32);
  memset(h->proposer, 0x58, 20);
}

/* A log in memory: its leaves. */
static bool read_leaf(void *context, uint32_t level, uint64_t index, uint8_t hash[LOG_HASH_BYTES]) {
  const uint8_t(*leaf)[LOG_HASH_BYTES] = context;
  if (level) return false;
  memcpy(hash, leaf[index], LOG_HASH_BYTES);
  return true;
}

/* Ours stand as far apart as the others allow, the last of them last but one. */
static uint64_t place_of(const struct stage *s, uint16_t row) { return row * (1 + s->others / (s->tasks + 1u)); }

static const uint8_t STATE_ROOT[32] = {0x61, 0x62};

struct ranked {
  struct comet_validator v;
  uint16_t number;
};

static int before(const void *a, const void *b) {
  const struct ranked *x = a, *y = b;
  uint8_t of_x[COMET_ADDRESS_BYTES], of_y[COMET_ADDRESS_BYTES];
  if (x->v.power != y->v.power) return x->v.power < y->v.power ? 1 : -1;
  comet_address(&x->v.key, of_x);
  comet_address(&y->v.key, of_y);
  return memcmp(of_x, of_y, sizeof of_x);
}

static void sign(const struct stage *s, const struct comet_header *h, const struct ranked *rank,
                 const struct comet_block_id *id, struct comet_signature *out) {
  const char *chain = s->signed_chain ? s->signed_chain : h->chain_id;
  for (uint16_t i = 0; i < s->validators; i++) {
    struct sign_secret *secret = key_of(rank[i].number);
    struct comet_time time = {h->time.seconds, h->time.nanos + i};
    uint8_t vote[COMET_VOTE_BYTES_MAX];
    comet_sign(secret, chain, h->height, 0, id, &time, &out[i]);
    if (i >= s->validators - s->absent - s->nil) {
      size_t length = comet_vote_bytes(chain, h->height, 0, NULL, &time, vote);
      out[i].flag = COMET_NIL;
      sign_make(secret, vote, length, out[i].signature);
    }
    if (i >= s->validators - s->absent)
      out[i] = (struct comet_signature){.flag = COMET_ABSENT, .time = COMET_TIME_NONE};
    sign_secret_shut(&secret);
  }
}

size_t stage_write(const struct stage *s, uint8_t *bytes, size_t bytes_max) {
  static uint8_t receipt[1 + STAGE_TASKS_MAX][RECEIPT_BYTES], leaf[STAGE_RECEIPTS_MAX][LOG_HASH_BYTES],
      path[1 + STAGE_TASKS_MAX][LOG_LEVELS_MAX][LOG_HASH_BYTES];
  struct certificate_receipt rows[1 + STAGE_TASKS_MAX];
  struct comet_validator validator[CERTIFICATE_VALIDATORS_MAX];
  struct comet_signature signature[CERTIFICATE_VALIDATORS_MAX];
  struct ranked rank[CERTIFICATE_VALIDATORS_MAX];
  struct comet_header h = s->header;
  struct log log = {0};
  uint64_t size = place_of(s, s->tasks) + 1;
  uint8_t root[LOG_HASH_BYTES];
  uint32_t count;
  assert(size <= STAGE_RECEIPTS_MAX);
  memset(leaf, 0x70, sizeof leaf);
  for (uint16_t i = 0; i <= s->tasks; i++) {
    struct receipt r = s->row[i];
    r.number = place_of(s, i);
    receipt_encode(&r, receipt[i]);
    log_leaf(receipt[i], RECEIPT_BYTES, leaf[r.number]);
  }
  for (uint64_t i = 0; i < size; i++) log_add(&log, leaf[i]);
  for (uint16_t i = 0; i <= s->tasks; i++) {
    bool found = log_path(size, place_of(s, i), read_leaf, leaf, path[i], &count);
    assert(found);
    (void)found;
    rows[i] = (struct certificate_receipt){receipt[i], (const uint8_t(*)[LOG_HASH_BYTES])path[i]};
  }
  log_root(&log, root);
  log_app_hash(STATE_ROOT, root, size, h.app);
  for (uint16_t i = 0; i < s->validators; i++) {
    struct sign_secret *secret = key_of(i);
    rank[i] = (struct ranked){{sign_secret_public(secret), s->power[i]}, i};
    sign_secret_shut(&secret);
  }
  qsort(rank, s->validators, sizeof *rank, before);
  for (uint16_t i = 0; i < s->validators; i++) validator[i] = rank[i].v;
  bool good = comet_validators_hash(validator, s->validators, h.validators);
  assert(good);
  (void)good;
  memcpy(h.next_validators, h.validators, 32);
  if (s->twisted) {
    struct ranked first = rank[0];
    rank[0] = rank[1], rank[1] = first;
    validator[0] = rank[0].v, validator[1] = rank[1].v;
  }
  struct comet_block_id id = {.parts = 1};
  comet_header_hash(&h, id.hash);
  memset(id.parts_hash, 0x59, 32);
  sign(s, &h, rank, &id, signature);
  const struct comet_commit commit = {.height = h.height, .block = id, .count = s->validators, .signatures = signature};
  const struct certificate_parts parts = {.header = &h,
                                          .commit = &commit,
                                          .validator = validator,
                                          .state_root = STATE_ROOT,
                                          .log_size = size,
                                          .receipts = (uint16_t)(s->tasks + 1),
                                          .receipt = rows,
                                          .job = {s->job_bytes, s->job_length},
                                          .payments = {s->payments, s->payments_length},
                                          .layout = s->layout,
                                          .spec = s->spec};
  size_t length = certificate_encode(&parts, bytes, bytes_max);
  assert(length);
  return length;
}
