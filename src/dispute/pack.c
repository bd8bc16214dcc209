#include "dispute/pack.h"
#include "base/bytes.h"
#include <assert.h>

/* How much of the claimant's last word the next moves can still ask for. */
static uint32_t shown_bytes(const struct dispute *d, const struct dispute_frame *f) {
  switch (d->awaits) {
  case MOVE_3: return f->steps * MERKLE_BYTES;
  case MOVE_5: {
    uint32_t temp = dispute_height(d, f, TAPE_TEMP, 0), out = dispute_height(d, f, TAPE_OUT, 0);
    return ((1u << (temp - move_top_level(temp))) + (1u << (out - move_top_level(out)))) * MERKLE_BYTES;
  }
  case MOVE_7:
  case MOVE_9: return MOVE_SLAB_NODES * MERKLE_BYTES;
  case MOVE_11: return TAPE_LEAF_BYTES;
  default: return 0;
  }
}

size_t pack_dispute(const struct dispute *d, const struct dispute_frame *f, uint8_t bytes[PACK_BYTES_MAX]) {
  struct writer w = writer_over(bytes, PACK_BYTES_MAX);
  assert(d->awaits >= MOVE_2 && d->awaits < DISPUTE_DECIDED);
  put_u8(&w, d->awaits);
  put_u8(&w, d->moves);
  put_u32(&w, d->bytes);
  put_u64(&w, d->turn_tick);
  put_u32(&w, d->slack_ticks[0]);
  put_u32(&w, d->slack_ticks[1]);
  put_u16(&w, d->j);
  put_bytes(&w, d->before, MERKLE_BYTES);
  put_bytes(&w, d->after, MERKLE_BYTES);
  put_bytes(&w, d->values, MERKLE_BYTES);
  put_u8(&w, d->space);
  put_u32(&w, d->level);
  put_u32(&w, d->node);
  put_bytes(&w, d->node_hash, MERKLE_BYTES);
  put_bytes(&w, d->path, sizeof d->path);
  put_bytes(&w, d->shown, shown_bytes(d, f));
  put_u16(&w, d->element);
  put_u16(&w, d->record);
  put_u16(&w, d->record_length);
  put_bytes(&w, d->record_bytes, d->record_length);
  put_u64(&w, d->index);
  put_u32(&w, d->committed);
  put_u32(&w, d->recomputed);
  put_u16(&w, d->chunk);
  put_u16(&w, (uint16_t)d->posted_count);
  put_bytes(&w, d->posted, 4 * (size_t)d->posted_count);
  put_u16(&w, d->word);
  put_u8(&w, d->operand.slot);
  put_u8(&w, d->operand.space);
  put_u8(&w, d->operand.dtype);
  put_u8(&w, d->operand.number);
  put_u64(&w, d->operand.index);
  put_u64(&w, d->operand.leaf);
  put_u32(&w, d->operand.offset);
  assert(!w.full);
  return bytes_written(&w);
}

/* Copies length bytes if they are there and fit. */
static bool take_into(struct reader *r, void *to, size_t length, size_t most) {
  const uint8_t *from = length <= most ? take_bytes(r, length) : NULL;
  if (!from) return false;
  memcpy(to, from, length);
  return true;
}

bool pack_read(const uint8_t *bytes, size_t length, const struct dispute_frame *f, struct dispute *out) {
  struct reader r = reader_over(bytes, length);
  memset(out, 0, sizeof *out);
  out->awaits = take_u8(&r);
  out->moves = take_u8(&r);
  out->bytes = take_u32(&r);
  out->turn_tick = take_u64(&r);
  out->slack_ticks[0] = take_u32(&r);
  out->slack_ticks[1] = take_u32(&r);
  out->j = take_u16(&r);
  if (out->awaits < MOVE_2 || out->awaits >= DISPUTE_DECIDED || out->j > f->steps) return false;
  if (!take_into(&r, out->before, MERKLE_BYTES, MERKLE_BYTES) ||
      !take_into(&r, out->after, MERKLE_BYTES, MERKLE_BYTES) || !take_into(&r, out->values, MERKLE_BYTES, MERKLE_BYTES))
    return false;
  out->space = take_u8(&r);
  out->level = take_u32(&r);
  out->node = take_u32(&r);
  if (out->space > TAPE_OUT || out->level > 16 || !take_into(&r, out->node_hash, MERKLE_BYTES, MERKLE_BYTES) ||
      !take_into(&r, out->path, sizeof out->path, sizeof out->path) ||
      !take_into(&r, out->shown, shown_bytes(out, f), sizeof out->shown))
    return false;
  out->element = take_u16(&r);
  out->record = take_u16(&r);
  out->record_length = take_u16(&r);
  if (!take_into(&r, out->record_bytes, out->record_length, sizeof out->record_bytes)) return false;
  out->index = take_u64(&r);
  out->committed = take_u32(&r);
  out->recomputed = take_u32(&r);
  out->chunk = take_u16(&r);
  out->posted_count = take_u16(&r);
  if (!take_into(&r, out->posted, 4 * (size_t)out->posted_count, sizeof out->posted)) return false;
  out->word = take_u16(&r);
  out->operand.slot = take_u8(&r);
  out->operand.space = take_u8(&r);
  out->operand.dtype = take_u8(&r);
  out->operand.number = take_u8(&r);
  out->operand.index = take_u64(&r);
  out->operand.leaf = take_u64(&r);
  out->operand.offset = take_u32(&r);
  return bytes_done(&r);
}
