/* Bytes as a record of the audit or of the docket: a first byte says which (0 seat, 1 attempt, 2 dispute). What decodes
 * is encoded as the same bytes and keeps its invariants; a dispute's game is read against a frame of a small world. */
#include <stdlib.h>

#include "ledger/docket/docket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

static bool decoded(const struct stored_kind *kind, const uint8_t *data, size_t length, void *record) {
  static uint8_t again[STORED_BYTES_MAX];
  if (!stored_decode(kind, data, length, record)) return false;
  CHECK(stored_encode(kind, record, again, sizeof again) == length && memcmp(again, data, length) == 0);
  return true;
}

static void seat(const uint8_t *data, size_t length) {
  static struct seat_record s;
  if (!decoded(&seat_kind, data, length, &s)) return;
  CHECK(s.draws <= SEAT_DRAWS_MAX && s.state >= SEAT_DRAWN && s.state <= SEAT_VOID && s.vote <= 2);
  for (uint32_t k = 1; k < s.draws; k++) CHECK(s.interval[k] > s.interval[k - 1]);
}

static void attempt(const uint8_t *data, size_t length) {
  static struct attempt_record a;
  if (decoded(&attempt_kind, data, length, &a)) CHECK(a.roots != 1 && a.roots <= TRACE_INTERVALS_MAX + 1);
}

static void dispute(const uint8_t *data, size_t length) {
  static struct docket_record r;
  static struct dispute_frame f;
  static struct dispute d;
  if (!decoded(&docket_kind, data, length, &r)) return;
  CHECK(r.packed_length <= PACK_BYTES_MAX && r.turn <= DISPUTE_CLAIMANT && r.interval);
  CHECK((r.deadline == 0) == (r.packed_length == 0));
  f.steps = 3;
  f.state_leaves = 4;
  f.tapes = 1;
  f.tape[0] = (struct dispute_tape){.records = 5, .temp_leaves = 3};
  (void)pack_read(r.packed, r.packed_length, &f, &d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  if (length == 0) return 0;
  if (data[0] == 0) seat(data + 1, length - 1);
  if (data[0] == 1) attempt(data + 1, length - 1);
  if (data[0] == 2) dispute(data + 1, length - 1);
  return 0;
}
