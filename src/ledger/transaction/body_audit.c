/* Bodies of LEDGER 15.1 about one attempt of a task: from the solver's offer to the seats' answers. */
#include "ledger/transaction/body.h"

enum { BARE, SEATED };

static void at_take(struct reader *r, int seated, struct body_attempt *at) {
  at->task = take_bytes(r, TASK_ID_BYTES);
  at->attempt = take_u8(r);
  at->seat = seated ? take_u8(r) : 0;
}

static void at_put(struct writer *w, int seated, const struct body_attempt *at) {
  put_bytes(w, at->task, TASK_ID_BYTES);
  put_u8(w, at->attempt);
  if (seated) put_u8(w, at->seat);
}

static bool at_well_formed(const struct body_attempt *at, struct why *why) {
  if (at->attempt < 1 || at->attempt > ATTEMPTS_MAX)
    return why_set(why, "attempt %u; there are 1 to %u", at->attempt, ATTEMPTS_MAX), false;
  if (at->seat > SEAT_MAX) return why_set(why, "seat %u; there are 0 to %u", at->seat, SEAT_MAX), false;
  return true;
}

static bool attempt_end(const struct reader *r, const struct transaction *t, const struct body_attempt *at,
                        struct why *why) {
  return body_end(r, t, why) && at_well_formed(at, why);
}

bool body_offer_take(const struct transaction *t, struct body_offer *out, struct why *why) {
  struct reader r;
  struct body_offer b;
  if (!body_begin(t, TRANSACTION_OFFER, &r, why)) return false;
  at_take(&r, BARE, &b.at);
  b.proof = take_bytes(&r, VRF_BYTES);
  if (!attempt_end(&r, t, &b.at, why)) return false;
  *out = b;
  return true;
}

size_t body_offer_put(const struct body_offer *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, BARE, &b->at);
  put_bytes(&w, b->proof, VRF_BYTES);
  return body_written(&w, TRANSACTION_OFFER);
}

bool body_commit_take(const struct transaction *t, struct body_commit *out, struct why *why) {
  struct reader r;
  struct body_commit b;
  if (!body_begin(t, TRANSACTION_COMMIT, &r, why)) return false;
  at_take(&r, BARE, &b.at);
  b.trace_root = take_bytes(&r, MERKLE_BYTES);
  b.outcome = take_u8(&r);
  b.steps = take_u32(&r);
  if (!attempt_end(&r, t, &b.at, why)) return false;
  if (b.outcome != TRACE_DONE && b.outcome != TRACE_DIVERGED)
    return why_set(why, "outcome %u is not done or diverged", b.outcome), false;
  if (b.steps < 1) return why_set(why, "a task without a step cannot be committed"), false;
  *out = b;
  return true;
}

size_t body_commit_put(const struct body_commit *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, BARE, &b->at);
  put_bytes(&w, b->trace_root, MERKLE_BYTES);
  put_u8(&w, b->outcome);
  put_u32(&w, b->steps);
  return body_written(&w, TRANSACTION_COMMIT);
}

bool body_take_take(const struct transaction *t, struct body_take *out, struct why *why) {
  struct reader r;
  struct body_take b;
  if (!body_begin(t, TRANSACTION_TAKE, &r, why)) return false;
  at_take(&r, SEATED, &b.at);
  b.proof = take_bytes(&r, VRF_BYTES);
  if (!attempt_end(&r, t, &b.at, why)) return false;
  *out = b;
  return true;
}

size_t body_take_put(const struct body_take *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, SEATED, &b->at);
  put_bytes(&w, b->proof, VRF_BYTES);
  return body_written(&w, TRANSACTION_TAKE);
}

/* The height of the paths of `count` rows of `least` bytes and a path each, which are all that is left of r; false if
 * they do not divide it. */
static bool height_of(const struct reader *r, size_t count, size_t least, size_t height_max, uint16_t *height) {
  size_t left = bytes_left(r), each = count ? left / count : 0;
  if (r->short_of || !count || left % count || each < least || (each - least) % MERKLE_BYTES) return false;
  if ((each - least) / MERKLE_BYTES > height_max) return false;
  *height = (uint16_t)((each - least) / MERKLE_BYTES);
  return true;
}

static size_t publish_row_bytes(uint16_t height) { return PUBLISH_ROW_BYTES + (size_t)height * MERKLE_BYTES; }

struct publish_row body_publish_row(const struct body_publish *p, uint16_t i) {
  struct reader r = reader_over(p->rows + i * publish_row_bytes(p->height), publish_row_bytes(p->height));
  struct publish_row row;
  row.interval = take_u16(&r);
  row.root = take_bytes(&r, MERKLE_BYTES);
  row.sigma = take_bytes(&r, TRACE_SALT_BYTES);
  row.path = take_bytes(&r, (size_t)p->height * MERKLE_BYTES);
  return row;
}

static bool rows_well_formed(const struct body_publish *b, struct why *why) {
  uint16_t last = 0;
  for (uint16_t i = 0; i < b->count; i++) {
    uint16_t interval = body_publish_row(b, i).interval;
    if (interval <= last || interval > TRACE_INTERVALS_MAX)
      return why_set(why, "interval %u after %u; they ascend from 1 to %u", interval, last, TRACE_INTERVALS_MAX), false;
    last = interval;
  }
  return true;
}

bool body_publish_take(const struct transaction *t, struct body_publish *out, struct why *why) {
  struct reader r;
  struct body_publish b = {.height = 0};
  if (!body_begin(t, TRANSACTION_PUBLISH, &r, why)) return false;
  at_take(&r, BARE, &b.at);
  b.count = take_u16(&r);
  /* A trace has two leaves at least, so no path is empty. */
  if (b.count > PUBLISH_ROWS_MAX || !height_of(&r, b.count, PUBLISH_ROW_BYTES, PUBLISH_HEIGHT_MAX, &b.height) ||
      !b.height) {
    why_set(why, "%u starts in a PUBLISH of %u bytes", b.count, t->body_length);
    return false;
  }
  b.rows = take_bytes(&r, b.count * publish_row_bytes(b.height));
  if (!attempt_end(&r, t, &b.at, why) || !rows_well_formed(&b, why)) return false;
  *out = b;
  return true;
}

size_t body_publish_put(const struct body_publish *b, const struct publish_row *row, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, BARE, &b->at);
  put_u16(&w, b->count);
  for (uint16_t i = 0; i < b->count; i++) {
    put_u16(&w, row[i].interval);
    put_bytes(&w, row[i].root, MERKLE_BYTES);
    put_bytes(&w, row[i].sigma, TRACE_SALT_BYTES);
    put_bytes(&w, row[i].path, (size_t)b->height * MERKLE_BYTES);
  }
  return body_written(&w, TRANSACTION_PUBLISH);
}

bool body_seal_take(const struct transaction *t, struct body_seal *out, struct why *why) {
  struct reader r;
  struct body_seal b;
  if (!body_begin(t, TRANSACTION_SEAL, &r, why)) return false;
  at_take(&r, SEATED, &b.at);
  b.hash = take_bytes(&r, 32);
  if (!attempt_end(&r, t, &b.at, why)) return false;
  *out = b;
  return true;
}

size_t body_seal_put(const struct body_seal *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, SEATED, &b->at);
  put_bytes(&w, b->hash, 32);
  return body_written(&w, TRANSACTION_SEAL);
}

static bool open_well_formed(const struct body_open *b, struct why *why) {
  if (b->roots_count < 2 || b->roots_count > OPEN_ROOTS_MAX)
    return why_set(why, "%u roots; a trace has 2 to %u", b->roots_count, OPEN_ROOTS_MAX), false;
  return true;
}

bool body_open_take(const struct transaction *t, struct body_open *out, struct why *why) {
  struct reader r;
  struct body_open b = {.height = 0};
  if (!body_begin(t, TRANSACTION_OPEN, &r, why)) return false;
  at_take(&r, BARE, &b.at);
  b.sigma = take_bytes(&r, TRACE_SALT_BYTES);
  b.roots_count = take_u16(&r);
  b.roots = take_bytes(&r, (size_t)b.roots_count * MERKLE_BYTES);
  b.leaves = take_u8(&r);
  if (b.leaves > OPEN_LEAVES_MAX || !height_of(&r, b.leaves, OPEN_LEAF_BYTES, OPEN_HEIGHT_MAX, &b.height)) {
    why_set(why, "%u leaves in an OPEN of %u bytes", b.leaves, t->body_length);
    return false;
  }
  for (uint8_t i = 0; i < b.leaves; i++) {
    b.leaf[i] = take_bytes(&r, OPEN_LEAF_BYTES);
    b.path[i] = take_bytes(&r, (size_t)b.height * MERKLE_BYTES);
  }
  if (!attempt_end(&r, t, &b.at, why) || !open_well_formed(&b, why)) return false;
  *out = b;
  return true;
}

size_t body_open_put(const struct body_open *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  if (b->leaves > OPEN_LEAVES_MAX) return 0;
  at_put(&w, BARE, &b->at);
  put_bytes(&w, b->sigma, TRACE_SALT_BYTES);
  put_u16(&w, b->roots_count);
  put_bytes(&w, b->roots, (size_t)b->roots_count * MERKLE_BYTES);
  put_u8(&w, b->leaves);
  for (uint8_t i = 0; i < b->leaves; i++) {
    put_bytes(&w, b->leaf[i], OPEN_LEAF_BYTES);
    put_bytes(&w, b->path[i], (size_t)b->height * MERKLE_BYTES);
  }
  return body_written(&w, TRANSACTION_OPEN);
}

bool body_show_take(const struct transaction *t, struct body_show *out, struct why *why) {
  struct reader r;
  struct body_show b;
  if (!body_begin(t, TRANSACTION_SHOW, &r, why)) return false;
  at_take(&r, SEATED, &b.at);
  b.salt = take_bytes(&r, 32);
  b.ends_count = take_u16(&r);
  b.ends = take_bytes(&r, (size_t)b.ends_count * MERKLE_BYTES);
  b.probes = take_bytes(&r, (size_t)b.ends_count * MERKLE_BYTES);
  if (!attempt_end(&r, t, &b.at, why)) return false;
  if (b.ends_count < 1 || b.ends_count > SHOW_ENDS_MAX)
    return why_set(why, "%u end roots; a seat shows 1 to %u", b.ends_count, SHOW_ENDS_MAX), false;
  *out = b;
  return true;
}

size_t body_show_put(const struct body_show *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, SEATED, &b->at);
  put_bytes(&w, b->salt, 32);
  put_u16(&w, b->ends_count);
  put_bytes(&w, b->ends, (size_t)b->ends_count * MERKLE_BYTES);
  put_bytes(&w, b->probes, (size_t)b->ends_count * MERKLE_BYTES);
  return body_written(&w, TRANSACTION_SHOW);
}

bool body_fetch_take(const struct transaction *t, struct body_fetch *out, struct why *why) {
  struct reader r;
  struct body_fetch b;
  if (!body_begin(t, TRANSACTION_FETCH, &r, why)) return false;
  at_take(&r, SEATED, &b.at);
  b.what = take_u8(&r);
  b.got = take_u8(&r);
  if (!attempt_end(&r, t, &b.at, why)) return false;
  if (b.what > FETCH_FINAL || b.got > 1)
    return why_set(why, "FETCH says what (0 start, 1 final) and got (0, 1), not %u and %u", b.what, b.got), false;
  *out = b;
  return true;
}

size_t body_fetch_put(const struct body_fetch *b, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  at_put(&w, SEATED, &b->at);
  put_u8(&w, b->what);
  put_u8(&w, b->got);
  return body_written(&w, TRANSACTION_FETCH);
}
