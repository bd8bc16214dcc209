#include "dispute/pack.h"
#include "base/bytes.h"
#include "dispute/hear.h"
#include "tape/element/element.h"
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

/* What a game that was read has to be, or a later move would meet what no move can have left behind. */

static bool row_meets(const uint8_t *row, uint32_t count, const uint8_t *root) {
  uint8_t scratch[MOVE_SLAB_NODES * MERKLE_BYTES], top[MERKLE_BYTES];
  memcpy(scratch, row, (size_t)count * MERKLE_BYTES);
  merkle_fold(scratch, count, top);
  return merkle_same(top, root);
}

/* The claimant's last word is under what it was asked for. */
static bool shown_holds(const struct dispute *d, const struct dispute_frame *f) {
  uint8_t hash[MERKLE_BYTES];
  switch (d->awaits) {
  case MOVE_3: return merkle_same(d->shown + (f->steps - 1u) * MERKLE_BYTES, f->end_root);
  case MOVE_5: {
    uint32_t temp = dispute_height(d, f, TAPE_TEMP, 0), out = dispute_height(d, f, TAPE_OUT, 0);
    uint32_t temps = 1u << (temp - move_top_level(temp)), outs = 1u << (out - move_top_level(out));
    return row_meets(d->shown, temps, d->values) && row_meets(d->shown + (size_t)temps * MERKLE_BYTES, outs, d->after);
  }
  case MOVE_7:
  case MOVE_9: return row_meets(d->shown, MOVE_SLAB_NODES, d->node_hash);
  case MOVE_11: merkle_leaf(d->shown, TAPE_LEAF_BYTES, hash); return merkle_same(hash, d->node_hash);
  default: return true;
  }
}

/* The node named last is of the level that comes before this move, there, and under the claimant's root: P6.1. */
static bool node_holds(const struct dispute *d, const struct dispute_frame *f) {
  uint8_t root[MERKLE_BYTES];
  if (d->awaits < MOVE_6) return true;
  uint32_t height = dispute_height(d, f, d->space, 0), top = move_top_level(height);
  uint32_t level = d->awaits >= MOVE_10 ? 0 : d->awaits >= MOVE_8 ? 8 : top;
  uint32_t least = d->awaits >= MOVE_10 ? 0 : d->awaits >= MOVE_8 ? 16 : 8;
  if (top < least || d->level != level || (uint64_t)d->node << level >= dispute_leaves(d, f, d->space, 0)) return false;
  merkle_climb(d->node_hash, d->node, d->path[level], height - level, root);
  return merkle_same(root, hear_root(d, f, d->space, 0));
}

static bool operand_holds(const struct dispute *d, const struct dispute_frame *f, const struct tape_record *r) {
  struct referee_site site = {r, d->index, f->first_step + d->j - 1, f->seed};
  struct referee_operand o;
  return referee_locate(&site, d->chunk, d->posted, d->posted_count, d->word, &o) && o.slot == d->operand.slot &&
         o.space == d->operand.space && o.dtype == d->operand.dtype && o.number == d->operand.number &&
         o.index == d->operand.index && o.leaf == d->operand.leaf && o.offset == d->operand.offset;
}

/* The case is about the leaf, and as much was posted as it has. A padding element decides at once. */
static bool case_holds(const struct dispute *d, const struct dispute_frame *f) {
  struct tape_record r;
  if (d->awaits < MOVE_12) return !d->record && !d->posted_count;
  if (!dispute_record(d, &r) || d->record > dispute_tape_now(d, f)->records || d->committed == d->recomputed)
    return false;
  uint32_t per_leaf = TAPE_LEAF_BYTES / tape_dtype_bytes(r.dtype), chunks = element_chunks(&r);
  if (r.space != d->space || d->node < r.first_leaf || d->element >= per_leaf ||
      d->index != (d->node - r.first_leaf) * per_leaf + d->element || d->index >= record_elements(&r) ||
      d->chunk >= chunks)
    return false;
  if (d->awaits < MOVE_14) return chunks > 1 && d->posted_count == chunks;
  return d->posted_count == element_words(&r, d->chunk) && (d->awaits == MOVE_14 || operand_holds(d, f, &r));
}

static bool game_holds(const struct dispute *d, const struct dispute_frame *f) {
  bool step_named = d->awaits >= MOVE_4;
  return d->moves >= 1 && d->moves <= MOVE_NUMBER_MAX && d->slack_ticks[0] <= f->slack_ticks &&
         d->slack_ticks[1] <= f->slack_ticks && step_named == (d->j != 0) && (step_named || f->steps > 1) &&
         shown_holds(d, f) && node_holds(d, f) && case_holds(d, f);
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
  return bytes_done(&r) && game_holds(out, f);
}
