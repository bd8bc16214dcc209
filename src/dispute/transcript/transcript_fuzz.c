/* Transcripts from strangers, as they come and with their digest made right, so that what lies behind it is reached.
 *
 * What opens has one encoding. No game that it plays breaks an invariant. And a claimant that is known to be honest,
 * for the roots it stands for are right, is not proven wrong by bytes altered here or there (PROTOCOL P8.3).
 */
#include <assert.h>
#include <string.h>

#include "crypto/sha256.h"
#include "dispute/transcript/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static const uint8_t honest[][SHA256_BYTES] = {
#include "dispute/transcript/honest.inc"
};

static bool claimant_is_honest(const uint8_t *frame, size_t length) {
  uint8_t hash[SHA256_BYTES];
  sha256(frame, length, hash);
  for (size_t i = 0; i < sizeof honest / sizeof *honest; i++)
    if (memcmp(hash, honest[i], sizeof hash) == 0) return true;
  return false;
}

/* The frame and every move written again give the same bytes; moves that are none have no encoding to compare. */
static void write_again(const uint8_t *data, size_t length, const struct transcript *t, const struct dispute_frame *f) {
  static uint8_t again[TRANSCRIPT_BYTES_MAX];
  static struct transcript_writer w;
  transcript_begin(&w, f, again, sizeof again);
  for (uint8_t n = 0; n < t->moves; n++) {
    struct move m;
    uint64_t tick;
    if (!transcript_move(t, n, &m, &tick, NULL)) return;
    transcript_add(&w, &m, tick);
  }
  assert(transcript_end(&w, t->last_tick) == length && memcmp(data, again, length) == 0);
}

/* transcript_play once more, move by move, with the invariants asserted after each. */
static enum transcript_outcome play(const struct transcript *t, const struct dispute_frame *f, struct dispute *d) {
  if (!t->moves) return TRANSCRIPT_DAMAGED;
  for (uint8_t n = 0; n < t->moves; n++) {
    struct move m;
    uint64_t tick;
    if (!transcript_move(t, n, &m, &tick, NULL)) return TRANSCRIPT_DAMAGED;
    enum dispute_status status = n ? dispute_hear(d, f, &m, tick, NULL) : dispute_open(d, f, &m, tick, NULL);
    if (n || status == DISPUTE_HEARD) dispute_check(d, f);
    if (status != DISPUTE_HEARD) return TRANSCRIPT_DAMAGED;
  }
  if (d->awaits == DISPUTE_DECIDED) return TRANSCRIPT_PROVEN;
  bool silent = dispute_expire(d, f, t->last_tick);
  dispute_check(d, f);
  return silent ? TRANSCRIPT_SILENT : TRANSCRIPT_UNFINISHED;
}

static void judge(const uint8_t *data, size_t length) {
  static struct transcript t;
  static struct dispute_frame f;
  static struct dispute d, e;
  static uint8_t frame[TRANSCRIPT_FRAME_BYTES_MAX];
  struct why why;
  if (!transcript_open(data, length, &t, &f, &why)) return;
  write_again(data, length, &t, &f);
  enum transcript_outcome outcome = transcript_play(&t, &f, &d, &why);
  assert(outcome == play(&t, &f, &e));
  if (outcome != TRANSCRIPT_PROVEN) return;
  size_t frame_bytes = transcript_frame_encode(&f, frame, sizeof frame);
  assert(d.verdict.reason != DISPUTE_BY_CLOCK && d.verdict.loser == DISPUTE_CLAIMANT);
  assert(!claimant_is_honest(frame, frame_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static uint8_t right[TRANSCRIPT_BYTES_MAX];
  judge(data, length);
  if (length < SHA256_BYTES || length > sizeof right) return 0;
  memcpy(right, data, length);
  sha256(right, length - SHA256_BYTES, right + length - SHA256_BYTES);
  judge(right, length);
  return 0;
}
