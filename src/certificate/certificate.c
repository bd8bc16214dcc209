/* The bytes of a certificate, LEDGER 18.2:
 *
 *   "ASYC" | version u16 | the header's fourteen leaves (ENGINE 2.4)
 *   | round u32 | parts u32 | parts hash 32
 *   | validators u16 x { key 32 | power u64 | flag u8 | unless absent: seconds u64 | nanos u32 | signature 64 }
 *   | state root 32 | log size u64 | receipts u16 x { receipt 320 | path }
 *   | length u16 | job (PROTOCOL M3.1) | length u32 | payments | length u32 | layout | length u32 | spec */
#include "certificate/certificate.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/merkle.h"

static const char MAGIC[4] = {'A', 'S', 'Y', 'C'};
static const char JOB_DOMAIN[16] = {'a', 's', 's', 'a', 'y', '/', 'j', 'o', 'b', '-', 'r', 'o', 'o', 't', '/', '1'};
enum { TASK_ROW_BYTES = 4 + 2 + 1, ENTRY_BYTES = 1 + 4 };

static void take_into(struct reader *r, uint8_t *bytes, size_t length) {
  const uint8_t *at = take_bytes(r, length);
  if (at) memcpy(bytes, at, length);
}

/* The leaves say how long they are; what they hold is the header's own decoder's. */
static bool take_header(struct reader *r, struct comet_header *out) {
  const uint8_t *first = r->at;
  for (int i = 0; i < COMET_LEAVES; i++) take_bytes(r, take_u8(r));
  return !r->short_of && comet_header_of_leaves(first, (size_t)(r->at - first), out) && out->app_length == 32;
}

static bool take_validator(struct reader *r, struct comet_validator *v, struct comet_signature *s) {
  take_into(r, v->key.bytes, sizeof v->key.bytes);
  v->power = take_u64(r);
  *s = (struct comet_signature){.flag = take_u8(r), .time = COMET_TIME_NONE};
  if (r->short_of || s->flag < COMET_ABSENT || s->flag > COMET_NIL) return false;
  if (s->flag == COMET_ABSENT) return true;
  uint64_t seconds = take_u64(r);
  uint32_t nanos = take_u32(r);
  take_into(r, s->signature, sizeof s->signature);
  if (r->short_of || seconds > INT64_MAX || nanos > INT32_MAX) return false;
  s->time = (struct comet_time){.seconds = (int64_t)seconds, .nanos = (int32_t)nanos};
  comet_address(&v->key, s->address);
  return comet_time_valid(&s->time);
}

static bool take_commit(struct reader *r, struct certificate *c) {
  c->round = take_u32(r);
  c->parts = take_u32(r);
  take_into(r, c->parts_hash, sizeof c->parts_hash);
  c->validators = take_u16(r);
  if (r->short_of || c->round > INT32_MAX || !c->parts || !c->validators || c->validators > CERTIFICATE_VALIDATORS_MAX)
    return false;
  for (uint16_t i = 0; i < c->validators; i++)
    if (!take_validator(r, &c->validator[i], &c->signature[i])) return false;
  return true;
}

/* A receipt and the path that its number gives it. */
static bool take_receipt(struct reader *r, uint64_t log_size, struct certificate_receipt *out, struct receipt *read) {
  out->receipt = take_bytes(r, RECEIPT_BYTES);
  if (!out->receipt || !receipt_decode(out->receipt, RECEIPT_BYTES, read) || read->number >= log_size) return false;
  uint32_t count = log_path_count(log_size, read->number);
  const uint8_t *path = take_bytes(r, (size_t)count * LOG_HASH_BYTES);
  out->path = (const uint8_t(*)[LOG_HASH_BYTES])path;
  return !r->short_of;
}

static bool take_receipts(struct reader *r, struct certificate *c) {
  struct certificate_receipt row;
  c->log_size = take_u64(r);
  c->receipts = take_u16(r);
  if (r->short_of || c->receipts < 2 || c->receipts > CERTIFICATE_RECEIPTS_MAX) return false;
  const uint8_t *first = r->at;
  for (uint16_t i = 0; i < c->receipts; i++)
    if (!take_receipt(r, c->log_size, &row, i ? &c->settled : &c->posted)) return false;
  c->receipt_rows = (struct certificate_span){first, (size_t)(r->at - first)};
  return true;
}

static void skip_schedule(struct reader *r) {
  uint8_t sections = take_u8(r);
  for (uint8_t i = 0; i < sections && !r->short_of; i++) {
    take_u32(r);
    take_bytes(r, (size_t)take_u8(r) * ENTRY_BYTES);
  }
}

bool certificate_job_read(const uint8_t *bytes, size_t length, struct certificate_job *out) {
  struct reader r = reader_over(bytes, length);
  const uint8_t *domain = take_bytes(&r, sizeof JOB_DOMAIN);
  if (!domain || memcmp(domain, JOB_DOMAIN, sizeof JOB_DOMAIN) != 0) return false;
  struct certificate_job j = {.canon = take_u16(&r)};
  j.lower = take_u16(&r);
  j.seed_mode = take_u8(&r);
  j.seed = take_u64(&r);
  j.first_step = take_u32(&r);
  j.level = take_u8(&r);
  j.tapes = take_u8(&r);
  j.tape_root = take_bytes(&r, (size_t)j.tapes * MERKLE_BYTES);
  skip_schedule(&r);
  j.tasks = take_u16(&r);
  j.task = take_bytes(&r, (size_t)j.tasks * TASK_ROW_BYTES);
  j.layout_hash = take_bytes(&r, MERKLE_BYTES);
  j.start_root = take_bytes(&r, MERKLE_BYTES);
  j.data = take_u8(&r);
  j.data_root = take_bytes(&r, (size_t)j.data * MERKLE_BYTES);
  if (!bytes_done(&r)) return false;
  *out = j;
  return true;
}

static bool take_span(struct reader *r, size_t length_bytes, size_t length_max, struct certificate_span *out) {
  out->length = (size_t)take_little(r, length_bytes);
  out->bytes = out->length <= length_max ? take_bytes(r, out->length) : NULL;
  return out->bytes != NULL && !r->short_of;
}

bool certificate_decode(const uint8_t *bytes, size_t length, struct certificate *out, struct why *why) {
  static const char *const parts[] = {"header",   "commit", "state root and receipts", "job",
                                      "payments", "layout", "job's own text"};
  struct reader r = reader_over(bytes, length);
  struct certificate c = {.validators = 0};
  const uint8_t *magic = take_bytes(&r, sizeof MAGIC);
  if (!magic || memcmp(magic, MAGIC, sizeof MAGIC) != 0) return why_set(why, "it does not begin as one"), false;
  uint16_t version = take_u16(&r);
  if (version != CERTIFICATE_VERSION)
    return why_set(why, "its version is %u; this program reads version %d", version, CERTIFICATE_VERSION), false;
  int part = 0;
  bool good = take_header(&r, &c.header);
  if (good) part++, good = take_commit(&r, &c);
  if (good) {
    part++;
    take_into(&r, c.state_root, sizeof c.state_root);
    good = take_receipts(&r, &c);
  }
  if (good)
    part++, good = take_span(&r, 2, CERTIFICATE_JOB_BYTES_MAX, &c.job_bytes) &&
                   certificate_job_read(c.job_bytes.bytes, c.job_bytes.length, &c.job);
  if (good) part++, good = take_span(&r, 4, PAYMENTS_BYTES_MAX, &c.payments);
  if (good) part++, good = take_span(&r, 4, CERTIFICATE_LAYOUT_BYTES_MAX, &c.layout);
  if (good) part++, good = take_span(&r, 4, CERTIFICATE_SPEC_BYTES_MAX, &c.spec);
  if (!good || r.short_of) return why_set(why, "its %s cannot be read: it is cut short or damaged", parts[part]), false;
  if (!bytes_done(&r)) return why_set(why, "%zu bytes stand behind its end", bytes_left(&r)), false;
  *out = c;
  return true;
}

bool certificate_next(const struct certificate *c, size_t *offset, struct certificate_receipt *out) {
  struct receipt read;
  if (*offset >= c->receipt_rows.length) return false;
  struct reader r = reader_over(c->receipt_rows.bytes + *offset, c->receipt_rows.length - *offset);
  bool good = take_receipt(&r, c->log_size, out, &read);
  assert(good && "certificate_decode saw it");
  *offset = c->receipt_rows.length - bytes_left(&r);
  return true;
}

struct certificate_task certificate_task(const struct certificate_job *job, uint16_t index) {
  assert(index < job->tasks);
  struct reader r = reader_over(job->task + (size_t)index * TASK_ROW_BYTES, TASK_ROW_BYTES);
  struct certificate_task t = {.steps = take_u32(&r)};
  t.interval_steps = take_u16(&r);
  t.time_class = take_u8(&r);
  return t;
}

static void put_commit(struct writer *w, const struct certificate_parts *p) {
  put_u32(w, p->commit->round);
  put_u32(w, p->commit->block.parts);
  put_bytes(w, p->commit->block.parts_hash, 32);
  put_u16(w, (uint16_t)p->commit->count);
  for (uint32_t i = 0; i < p->commit->count; i++) {
    const struct comet_signature *s = &p->commit->signatures[i];
    put_bytes(w, p->validator[i].key.bytes, sizeof p->validator[i].key.bytes);
    put_u64(w, p->validator[i].power);
    put_u8(w, s->flag);
    if (s->flag == COMET_ABSENT) continue;
    put_u64(w, (uint64_t)s->time.seconds);
    put_u32(w, (uint32_t)s->time.nanos);
    put_bytes(w, s->signature, sizeof s->signature);
  }
}

static void put_receipts(struct writer *w, const struct certificate_parts *p) {
  put_u64(w, p->log_size);
  put_u16(w, p->receipts);
  for (uint16_t i = 0; i < p->receipts; i++) {
    struct receipt read;
    bool good = receipt_decode(p->receipt[i].receipt, RECEIPT_BYTES, &read) && read.number < p->log_size;
    assert(good && "receipts of this log");
    put_bytes(w, p->receipt[i].receipt, RECEIPT_BYTES);
    put_bytes(w, p->receipt[i].path, (size_t)log_path_count(p->log_size, read.number) * LOG_HASH_BYTES);
  }
}

size_t certificate_encode(const struct certificate_parts *p, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  uint8_t leaves[COMET_LEAVES_BYTES_MAX];
  assert(p->commit->count && p->commit->count <= CERTIFICATE_VALIDATORS_MAX &&
         p->job.length <= CERTIFICATE_JOB_BYTES_MAX && p->payments.length <= PAYMENTS_BYTES_MAX);
  if (p->layout.length > CERTIFICATE_LAYOUT_BYTES_MAX || p->spec.length > CERTIFICATE_SPEC_BYTES_MAX) return 0;
  put_bytes(&w, MAGIC, sizeof MAGIC);
  put_u16(&w, CERTIFICATE_VERSION);
  put_bytes(&w, leaves, comet_header_leaves(p->header, leaves));
  put_commit(&w, p);
  put_bytes(&w, p->state_root, 32);
  put_receipts(&w, p);
  put_u16(&w, (uint16_t)p->job.length);
  put_bytes(&w, p->job.bytes, p->job.length);
  put_u32(&w, (uint32_t)p->payments.length);
  put_bytes(&w, p->payments.bytes, p->payments.length);
  put_u32(&w, (uint32_t)p->layout.length);
  put_bytes(&w, p->layout.bytes, p->layout.length);
  put_u32(&w, (uint32_t)p->spec.length);
  put_bytes(&w, p->spec.bytes, p->spec.length);
  return w.full ? 0 : bytes_written(&w);
}

/* The spec stands last. */
size_t certificate_with(const struct certificate *c, const uint8_t *bytes, size_t length, struct certificate_span spec,
                        uint8_t *out, size_t out_max) {
  struct writer w = writer_over(out, out_max);
  if (spec.length > CERTIFICATE_SPEC_BYTES_MAX) return 0;
  put_bytes(&w, bytes, length - c->spec.length - 4);
  put_u32(&w, (uint32_t)spec.length);
  put_bytes(&w, spec.bytes, spec.length);
  return w.full ? 0 : bytes_written(&w);
}
