/* Certificates, put together from the store: TRANSFER 1.9. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "certificate/certificate.h"
#include "ledger/task/task.h"
#include "net/rpc/method.h"

/* What is found for one certificate; spans and paths live as long as the view. */
struct found {
  struct kv_view *view;
  uint8_t job[32];
  uint16_t receipts;
  struct certificate_receipt row[CERTIFICATE_RECEIPTS_MAX];
  struct receipt posted, settled;
  struct kv_span payments, job_bytes, layout;
  struct effects_reader effects; /* of the block that settled the last task */
};

static bool effects_of(struct kv_view *v, uint64_t height, struct effects_reader *out) {
  struct kv_block block;
  return kv_view_block(v, height, &block) == STORE_OK && effects_open(block.results.bytes, block.results.length, out);
}

/* The receipt of this kind about a task: ENGINE 7.6 tells its block and its place there. */
static bool find(struct found *f, uint8_t kind, uint16_t task, struct receipt *out) {
  uint8_t id[TASK_ID_BYTES];
  char text[2 * TASK_ID_BYTES + 1];
  uint64_t height = 0;
  uint32_t place = 0;
  struct effects_reader before;
  struct kv_span receipt;
  if (f->receipts == CERTIFICATE_RECEIPTS_MAX) return false;
  job_task_id(f->job, task, id);
  hex_encode(id, sizeof id, text);
  if (kv_view_event(f->view, solo_receipt_name(kind), text, &height, &place) != STORE_OK || !height ||
      !effects_of(f->view, height - 1, &before) ||
      kv_view_receipt(f->view, before.after.log_size + place, &receipt, &f->payments) != STORE_OK ||
      !receipt_decode(receipt.bytes, receipt.length, out) || out->kind != kind || memcmp(out->task, id, sizeof id) != 0)
    return false;
  f->row[f->receipts++].receipt = receipt.bytes;
  return true;
}

/* LEDGER 7.2: kept beside the state, as tapes are. */
static bool find_layout(struct found *f) {
  struct certificate_job job;
  return certificate_job_read(f->job_bytes.bytes, f->job_bytes.length, &job) &&
         kv_view_content(f->view, job.layout_hash, &f->layout) == STORE_OK &&
         f->layout.length <= CERTIFICATE_LAYOUT_BYTES_MAX;
}

/* The posting, and the tasks up to `last`, or as many as are settled. */
static bool find_all(struct found *f, uint16_t last, bool whole) {
  if (!find(f, RECEIPT_POSTED, 0, &f->posted)) return false;
  uint32_t task = 0;
  struct kv_span payments;
  while (task <= last && find(f, RECEIPT_SETTLED, (uint16_t)task, &f->settled)) {
    payments = f->payments;
    task++;
  }
  if (!task || (!whole && task <= last)) return false;
  f->payments = payments;
  return kv_view_content(f->view, f->posted.final_root, &f->job_bytes) == STORE_OK && find_layout(f) &&
         f->job_bytes.length <= CERTIFICATE_JOB_BYTES_MAX && effects_of(f->view, f->settled.height, &f->effects);
}

/* paths: heap, for all receipts. */
static uint8_t *find_paths(struct found *f) {
  uint64_t size = f->effects.after.log_size;
  uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES], *paths = malloc((size_t)f->receipts * sizeof path), *at = paths;
  assert(paths);
  for (uint16_t i = 0; i < f->receipts; i++) {
    struct receipt r;
    uint32_t count;
    if (!receipt_decode(f->row[i].receipt, RECEIPT_BYTES, &r) || r.number >= size ||
        !log_path(size, r.number, kv_view_node, f->view, path, &count)) {
      free(paths);
      return NULL;
    }
    memcpy(at, path, (size_t)count * LOG_HASH_BYTES);
    f->row[i].path = (const uint8_t(*)[LOG_HASH_BYTES])at;
    at += (size_t)count * LOG_HASH_BYTES;
  }
  return paths;
}

static uint8_t *encode(struct node *n, struct found *f, const struct stored *next, size_t *length) {
  uint8_t *paths = find_paths(f), *bytes = malloc(CERTIFICATE_BYTES_MAX);
  assert(bytes);
  const struct certificate_parts parts = {.header = &next->block.header,
                                          .commit = &next->commit,
                                          .validator = &n->chain->validator,
                                          .state_root = f->effects.after.state_root,
                                          .log_size = f->effects.after.log_size,
                                          .receipts = f->receipts,
                                          .receipt = f->row,
                                          .job = {f->job_bytes.bytes, f->job_bytes.length},
                                          .payments = {f->payments.bytes, f->payments.length},
                                          .layout = {f->layout.bytes, f->layout.length}};
  *length = paths ? certificate_encode(&parts, bytes, CERTIFICATE_BYTES_MAX) : 0;
  free(paths);
  if (*length) return bytes;
  free(bytes);
  return NULL;
}

/* What is asked for: a receipt's number, a task, or a job, of which the last settled task is meant. */
static bool take_question(struct found *f, const struct asked *a, uint16_t *last, bool *whole) {
  struct reader r = reader_over(a->bytes, a->length);
  struct kv_span receipt, payments;
  struct receipt read;
  *whole = a->length == sizeof f->job;
  *last = UINT16_MAX;
  if (a->length == 8) {
    if (kv_view_receipt(f->view, take_u64(&r), &receipt, &payments) != STORE_OK ||
        !receipt_decode(receipt.bytes, receipt.length, &read) || read.kind != RECEIPT_SETTLED)
      return false;
    r = reader_over(read.task, sizeof read.task);
  }
  const uint8_t *job = take_bytes(&r, sizeof f->job);
  if (!*whole) *last = take_u16(&r);
  if (!bytes_done(&r)) return false;
  memcpy(f->job, job, sizeof f->job);
  return true;
}

uint8_t *give_certificate(struct node *n, struct asked *a, struct stored *s, size_t *length) {
  static struct found f; /* large; one thread serves */
  uint16_t last;
  bool whole;
  f = (struct found){.view = s->view};
  if (!take_question(&f, a, &last, &whole) || !find_all(&f, last, whole)) return NULL;
  /* The next header may not be there yet: it comes at once (LEDGER 1.5). */
  if (f.settled.height + 1 > s->latest || stored_block(a, s, f.settled.height + 1) != QUESTION_OK) return NULL;
  return encode(n, &f, s, length);
}
