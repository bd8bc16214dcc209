#include "dispute/transcript/transcript.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/sha256.h"

static const uint8_t magic[8] = {'A', 'S', 'D', 'I', 'S', 'P', 0, 1};

enum {
  TICK_BYTES = 8,
  TAIL_BYTES = TICK_BYTES + SHA256_BYTES, /* last_tick and digest */
  SHORTEST = (int)sizeof magic + TAIL_BYTES
};

size_t transcript_frame_encode(const struct dispute_frame *f, uint8_t *bytes, size_t bytes_max) {
  if (!dispute_frame_check(f, NULL)) return 0;
  struct writer w = writer_over(bytes, bytes_max);
  put_bytes(&w, f->target.job_root, MERKLE_BYTES);
  put_u32(&w, f->target.task);
  put_u16(&w, f->target.interval);
  put_u16(&w, f->target.inner);
  put_bytes(&w, f->start_root, MERKLE_BYTES);
  put_bytes(&w, f->end_root, MERKLE_BYTES);
  put_u32(&w, f->first_step);
  put_u16(&w, f->steps);
  put_u64(&w, f->seed);
  put_u32(&w, f->state_leaves);
  put_u8(&w, f->tapes);
  for (uint32_t t = 0; t < f->tapes; t++) {
    put_bytes(&w, f->tape[t].root, MERKLE_BYTES);
    put_u32(&w, f->tape[t].records);
    put_u32(&w, f->tape[t].temp_leaves);
    put_u32(&w, f->tape[t].values_ticks);
  }
  put_bytes(&w, f->step_tape, f->steps);
  put_u8(&w, f->data_count);
  for (uint32_t n = 0; n < f->data_count; n++) {
    put_bytes(&w, f->data[n].root, MERKLE_BYTES);
    put_u32(&w, f->data[n].leaves);
  }
  put_u32(&w, f->window_ticks);
  put_u32(&w, f->slack_ticks);
  put_u32(&w, f->steps_ticks);
  return w.full ? 0 : bytes_written(&w);
}

/* Copies `length` bytes of the reader; nothing when it runs short. */
static void take_into(struct reader *r, void *out, size_t length) {
  const uint8_t *at = take_bytes(r, length);
  if (at) memcpy(out, at, length);
}

/* Reads what looks like a frame and stops behind it; dispute_frame_check judges the values. A count is held to its
 * array before anything is read by it. */
static bool take_frame(struct reader *r, struct dispute_frame *f, struct why *why) {
  memset(f, 0, sizeof *f);
  take_into(r, f->target.job_root, MERKLE_BYTES);
  f->target.task = take_u32(r);
  f->target.interval = take_u16(r);
  f->target.inner = take_u16(r);
  take_into(r, f->start_root, MERKLE_BYTES);
  take_into(r, f->end_root, MERKLE_BYTES);
  f->first_step = take_u32(r);
  f->steps = take_u16(r);
  f->seed = take_u64(r);
  f->state_leaves = take_u32(r);
  f->tapes = take_u8(r);
  if (f->steps > MOVE_STEPS_MAX)
    return why_set(why, "a frame of %u steps, at most %d", f->steps, MOVE_STEPS_MAX), false;
  if (f->tapes > DISPUTE_TAPES_MAX)
    return why_set(why, "a frame of %u tapes, at most %d", f->tapes, DISPUTE_TAPES_MAX), false;
  for (uint32_t t = 0; t < f->tapes; t++) {
    take_into(r, f->tape[t].root, MERKLE_BYTES);
    f->tape[t].records = take_u32(r);
    f->tape[t].temp_leaves = take_u32(r);
    f->tape[t].values_ticks = take_u32(r);
  }
  take_into(r, f->step_tape, f->steps);
  f->data_count = take_u8(r);
  for (uint32_t n = 0; n < f->data_count; n++) {
    take_into(r, f->data[n].root, MERKLE_BYTES);
    f->data[n].leaves = take_u32(r);
  }
  f->window_ticks = take_u32(r);
  f->slack_ticks = take_u32(r);
  f->steps_ticks = take_u32(r);
  if (r->short_of) return why_set(why, "the frame is cut"), false;
  return dispute_frame_check(f, why);
}

bool transcript_frame_decode(const uint8_t *bytes, size_t length, struct dispute_frame *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  struct dispute_frame f;
  if (!take_frame(&r, &f, why)) return false;
  if (!bytes_done(&r)) return why_set(why, "%zu bytes behind the frame", bytes_left(&r)), false;
  *out = f;
  return true;
}

void transcript_begin(struct transcript_writer *w, const struct dispute_frame *f, uint8_t *bytes, size_t bytes_max) {
  *w = (struct transcript_writer){.bytes = bytes, .bytes_max = bytes_max, .full = bytes_max < sizeof magic};
  if (w->full) return;
  memcpy(bytes, magic, sizeof magic);
  size_t frame_bytes = transcript_frame_encode(f, bytes + sizeof magic, bytes_max - sizeof magic);
  w->moves_at = sizeof magic + frame_bytes;
  w->full = !frame_bytes || w->moves_at == bytes_max;
  if (w->full) return;
  bytes[w->moves_at] = 0;
  w->used = w->moves_at + 1;
}

void transcript_add(struct transcript_writer *w, const struct move *m, uint64_t tick) {
  if (w->full) return;
  struct writer at = writer_over(w->bytes + w->used, w->bytes_max - w->used);
  put_u64(&at, tick);
  size_t move_bytes = at.full ? 0 : move_encode(m, at.at, (size_t)(at.end - at.at));
  w->full = !move_bytes || w->bytes[w->moves_at] == MOVE_NUMBER_MAX;
  if (w->full) return;
  w->bytes[w->moves_at]++;
  w->used += TICK_BYTES + move_bytes;
}

size_t transcript_end(struct transcript_writer *w, uint64_t last_tick) {
  if (w->full || w->bytes_max - w->used < TAIL_BYTES) return 0;
  struct writer at = writer_over(w->bytes + w->used, TICK_BYTES);
  put_u64(&at, last_tick);
  sha256(w->bytes, w->used + TICK_BYTES, w->bytes + w->used + TICK_BYTES);
  return w->used + TAIL_BYTES;
}

/* Where each move lies, and that ticks do not fall. What is in a move is for transcript_move. */
static bool take_moves(struct reader *r, struct transcript *t, struct why *why) {
  uint64_t tick = 0;
  t->moves = take_u8(r);
  if (t->moves > MOVE_NUMBER_MAX)
    return why_set(why, "%u moves, a dispute has at most %d", t->moves, MOVE_NUMBER_MAX), false;
  for (uint8_t n = 0; n < t->moves; n++) {
    const uint8_t *start = r->at;
    uint64_t now = take_u64(r);
    take_u16(r); /* number and kind */
    take_bytes(r, take_u16(r));
    if (r->short_of) return why_set(why, "move %u of the file is cut", n + 1), false;
    if (now < tick) return why_set(why, "move %u of the file was made before the one in front of it", n + 1), false;
    tick = now;
    t->at[n] = start;
    t->length[n] = (uint32_t)(r->at - start);
  }
  t->last_tick = take_u64(r);
  if (!bytes_done(r)) return why_set(why, "the moves do not end where the last tick begins"), false;
  if (t->last_tick < tick) return why_set(why, "the last tick lies before the last move"), false;
  return true;
}

bool transcript_open(const uint8_t *bytes, size_t length, struct transcript *out, struct dispute_frame *frame,
                     struct why *why) {
  uint8_t digest[SHA256_BYTES];
  struct transcript t = {.moves = 0};
  struct dispute_frame f;
  if (length < SHORTEST || length > TRANSCRIPT_BYTES_MAX)
    return why_set(why, "%zu bytes: a transcript has %d to %d", length, SHORTEST, TRANSCRIPT_BYTES_MAX), false;
  if (memcmp(bytes, magic, sizeof magic) != 0) return why_set(why, "it does not begin like a transcript"), false;
  sha256(bytes, length - SHA256_BYTES, digest);
  if (memcmp(digest, bytes + length - SHA256_BYTES, SHA256_BYTES) != 0)
    return why_set(why, "its digest is another one: cut or changed on the way"), false;
  struct reader r = reader_over(bytes + sizeof magic, length - sizeof magic - SHA256_BYTES);
  if (!take_frame(&r, &f, why) || !take_moves(&r, &t, why)) return false;
  *out = t;
  *frame = f;
  return true;
}

bool transcript_move(const struct transcript *t, uint8_t n, struct move *out, uint64_t *tick, struct why *why) {
  if (n >= t->moves) return why_set(why, "it holds %u moves", t->moves), false;
  struct reader r = reader_over(t->at[n], TICK_BYTES);
  if (!move_decode(t->at[n] + TICK_BYTES, t->length[n] - TICK_BYTES, out, why)) {
    why_before(why, "move %u of the file: ", n + 1);
    return false;
  }
  *tick = take_u64(&r);
  return true;
}

/* A move that came too late is none, so whoever keeps a transcript leaves it out, like one that was refused. */
static enum dispute_status play_move(const struct transcript *t, uint8_t n, const struct dispute_frame *f,
                                     struct dispute *d, struct why *why) {
  struct move m;
  uint64_t tick;
  if (!transcript_move(t, n, &m, &tick, why)) return DISPUTE_REFUSED;
  enum dispute_status status = n ? dispute_hear(d, f, &m, tick, why) : dispute_open(d, f, &m, tick, why);
  switch (status) {
  case DISPUTE_HEARD: break;
  case DISPUTE_REFUSED: why_before(why, "move %u of the file: ", n + 1); break;
  case DISPUTE_LATE: why_set(why, "move %u of the file came after the mover's clock had run out", n + 1); break;
  case DISPUTE_OVER: why_set(why, "move %u of the file was made after the game was decided", n + 1); break;
  }
  return status;
}

enum transcript_outcome transcript_play(const struct transcript *t, const struct dispute_frame *f, struct dispute *d,
                                        struct why *why) {
  if (!t->moves) return why_set(why, "it holds no move, not even the challenge"), TRANSCRIPT_DAMAGED;
  for (uint8_t n = 0; n < t->moves; n++)
    if (play_move(t, n, f, d, why) != DISPUTE_HEARD) return TRANSCRIPT_DAMAGED;
  if (d->awaits == DISPUTE_DECIDED) return TRANSCRIPT_PROVEN;
  return dispute_expire(d, f, t->last_tick) ? TRANSCRIPT_SILENT : TRANSCRIPT_UNFINISHED;
}
