/* transcript: a dispute as one file: what was agreed, then every move. PROTOCOL P8.
 *
 *   "ASDISP" 00 01 | frame | moves u8 | (tick u64 | move) x moves | last_tick u64 | SHA-256 of all before it
 *
 * At most TRANSCRIPT_BYTES_MAX bytes. Writing and reading hold no memory: a reader walks over the caller's bytes. Uses:
 * dispute, crypto/sha256. */
#ifndef DISPUTE_TRANSCRIPT_H
#define DISPUTE_TRANSCRIPT_H
#include "dispute/dispute.h"

enum {
  TRANSCRIPT_FRAME_BYTES_MAX = 40 + 32 + 32 + 4 + 2 + 8 + 4 + 1 + 8 * 44 + 256 + 1 + 255 * 36 + 12,
  TRANSCRIPT_BYTES_MAX = 8 + TRANSCRIPT_FRAME_BYTES_MAX + 1 + MOVE_NUMBER_MAX * (8 + MOVE_BYTES_MAX) + 8 + 32
};

/* frame: target 40 | start root | end root | first_step u32 | steps u16 | seed u64 | state_leaves u32 | tapes u8 |
 * (root | records u32 | temp_leaves u32 | values_ticks u32) x tapes | step_tape u8 x steps | data u8 | (root | leaves
 * u32) x data | window_ticks u32 | slack_ticks u32 | steps_ticks u32. transcript_frame_encode returns the length, 0 if
 * it does not fit; transcript_frame_decode takes exactly length bytes of a frame that dispute_frame_check accepts. */
size_t transcript_frame_encode(const struct dispute_frame *f, uint8_t *bytes, size_t bytes_max);
bool transcript_frame_decode(const uint8_t *bytes, size_t length, struct dispute_frame *out, struct why *why);

/* Writing, in order: begin, add for every move, end. The caller's bytes; transcript_end returns the whole length, 0 if
 * something did not fit. last_tick: when the recorder stopped waiting. */
struct transcript_writer {
  uint8_t *bytes;
  size_t used, bytes_max, moves_at;
  bool full;
};
void transcript_begin(struct transcript_writer *w, const struct dispute_frame *f, uint8_t *bytes, size_t bytes_max);
void transcript_add(struct transcript_writer *w, const struct move *m, uint64_t tick);
size_t transcript_end(struct transcript_writer *w, uint64_t last_tick);

/* Reading. transcript_open checks length, magic, digest, and the frame, and that moves end exactly where last_tick
 * begins; transcript_move decodes move n = 0 .. moves - 1 into *out. */
struct transcript {
  uint8_t moves;
  uint64_t last_tick;
  const uint8_t *at[MOVE_NUMBER_MAX]; /* each a tick and a move; lent */
  uint32_t length[MOVE_NUMBER_MAX];
};
bool transcript_open(const uint8_t *bytes, size_t length, struct transcript *out, struct dispute_frame *frame,
                     struct why *why);
bool transcript_move(const struct transcript *t, uint8_t n, struct move *out, uint64_t *tick, struct why *why);

/* transcript_play hears all moves and then last_tick. What comes of it: */
enum transcript_outcome {
  TRANSCRIPT_PROVEN,     /* an element was recomputed: whoever made the loser's moves is wrong (P8.3: the file does
                            not say who did) */
  TRANSCRIPT_SILENT,     /* the recorder says that the side to move let its clock run out */
  TRANSCRIPT_UNFINISHED, /* the clock of the side to move still runs */
  TRANSCRIPT_DAMAGED     /* not a transcript, or one of its moves is none: why */
};
enum transcript_outcome transcript_play(const struct transcript *t, const struct dispute_frame *f, struct dispute *d,
                                        struct why *why);

#endif
