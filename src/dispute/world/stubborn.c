#include "dispute/world/stubborn.h"

#include <string.h>

#include "tape/element/element.h"

enum { TRIES_MOST = 24 };

struct turn {
  const struct dispute *d;
  const struct dispute_frame *f;
  const struct evidence *e;
  struct move *out;
};

static struct referee_site site_of(const struct turn *t, const struct tape_record *r, uint64_t index) {
  return (struct referee_site){.record = r, .index = index, .step = t->f->first_step + t->d->j - 1, .seed = t->f->seed};
}

static void flip(uint8_t *words, uint32_t n, uint32_t mask) {
  for (uint32_t b = 0; b < 4; b++) words[4 * n + b] ^= (uint8_t)(mask >> 8 * b);
}

/* Its own words of chunk c with one changed so that the result is another; 0 words if no change
 * that it tries does that. */
static uint32_t false_words(const struct turn *t, const struct tape_record *r, uint64_t index, uint32_t c,
                            uint8_t *words, uint32_t *result) {
  static const uint32_t masks[] = {0x1, 0x400000, 0x80000000, 0xff};
  struct referee_site site = site_of(t, r, index);
  uint32_t count = evidence_words(t->e, r, index, c, words), deniable, truth;
  if (!count || !referee_words(&site, c, words, count, &truth, &deniable, NULL)) return 0;
  for (uint32_t i = 0; i < count && i < TRIES_MOST; i++)
    for (uint32_t m = 0; m < sizeof masks / sizeof *masks; m++) {
      uint32_t n = (count / 2 + i) % count;
      flip(words, n, masks[m]);
      if (referee_words(&site, c, words, count, result, &deniable, NULL) && *result != truth) return count;
      flip(words, n, masks[m]);
    }
  return 0;
}

static void put_record(struct move *out, const struct tape *tape, const struct tape_record *r, uint32_t element) {
  uint8_t bytes[TAPE_RECORD_BYTES_MAX], path[MOVE_TAPE_HEIGHT_MAX * MERKLE_BYTES];
  uint32_t number = (uint32_t)(r - tape->record) + 1;
  size_t length = record_encode(r, bytes, sizeof bytes);
  tape_path(tape, number, path);
  move_begin(out, MOVE_11, MOVE_CASE);
  move_put_u16(out, (uint16_t)element);
  move_put_u16(out, (uint16_t)number);
  move_put_u16(out, (uint16_t)length);
  move_put_bytes(out, bytes, length);
  move_put_bytes(out, path, (size_t)merkle_height((uint64_t)tape->records_count + 1) * MERKLE_BYTES);
}

static enum evidence_answer false_case(const struct turn *t) {
  const struct dispute *d = t->d;
  const struct tape *tape = t->e->tape[t->f->step_tape[d->j - 1]];
  const struct tape_record *r = tape->record, *end = r + tape->records_count;
  const uint8_t *mine = t->e->leaf(t->e->context, d->space, 0, d->node);
  uint8_t words[4 * MOVE_WORDS_MAX];
  uint32_t results[MOVE_RESULTS_MAX], element = 0, count;
  while (r < end && (r->space != d->space || d->node < r->first_leaf || d->node - r->first_leaf >= record_leaves(r)))
    r++;
  if (r == end) return ANSWER_NOTHING;
  uint32_t size = tape_dtype_bytes(r->dtype), per_leaf = TAPE_LEAF_BYTES / size, chunks = element_chunks(r);
  while (element < per_leaf && memcmp(mine + element * size, d->shown + element * size, size) == 0) element++;
  uint64_t first = (d->node - r->first_leaf) * per_leaf;
  if (element == per_leaf || first + element >= record_elements(r)) element = 0;
  count = false_words(t, r, first + element, chunks / 2, words, &results[chunks / 2]);
  if (!count) return ANSWER_NOTHING;
  put_record(t->out, tape, r, element);
  if (chunks == 1) {
    move_put_bytes(t->out, words, (size_t)4 * count);
    return ANSWER_MOVE;
  }
  for (uint32_t c = 0; c < chunks; c++) {
    if (c != chunks / 2)
      results[c] = evidence_chunk(t->e, r, t->f->first_step + d->j - 1, t->f->seed, first + element, c);
    move_put_u32(t->out, results[c]);
  }
  return ANSWER_MOVE;
}

/* The words that give what the case posted for this chunk, if it can find them: its own, or those changed for the case.
 * If not, its own all the same. */
static enum evidence_answer false_operands(const struct turn *t) {
  struct tape_record r;
  uint8_t words[4 * MOVE_WORDS_MAX];
  uint32_t result, deniable, c = t->d->chunk, posted = move_word(t->d->posted, c);
  if (!dispute_record(t->d, &r)) return ANSWER_NOTHING;
  struct referee_site site = site_of(t, &r, t->d->index);
  uint32_t count = evidence_words(t->e, &r, t->d->index, c, words);
  bool own = referee_words(&site, c, words, count, &result, &deniable, NULL) && result == posted;
  if (!own && (!false_words(t, &r, t->d->index, c, words, &result) || result != posted))
    evidence_words(t->e, &r, t->d->index, c, words);
  move_begin(t->out, MOVE_13, MOVE_OPERANDS);
  move_put_bytes(t->out, words, (size_t)4 * count);
  return ANSWER_MOVE;
}

/* Its own leaf, made to show the posted word, under its own path. */
static enum evidence_answer false_proof(const struct turn *t) {
  const struct referee_operand *o = &t->d->operand;
  uint32_t leaves = dispute_leaves(t->d, t->f, o->space, o->number), word = move_word(t->d->posted, t->d->word);
  uint32_t height = dispute_height(t->d, t->f, o->space, o->number);
  const uint8_t *hashes = t->e->hashes(t->e->context, o->space, o->number);
  const uint8_t *mine = t->e->leaf(t->e->context, o->space, o->number, o->leaf);
  uint8_t leaf[TAPE_LEAF_BYTES], node[MERKLE_BYTES];
  if (!hashes || !mine) return ANSWER_NOTHING;
  memcpy(leaf, mine, sizeof leaf);
  for (uint32_t b = 0; b < tape_dtype_bytes(o->dtype); b++) leaf[o->offset + b] = (uint8_t)(word >> 8 * b);
  move_begin(t->out, MOVE_15, MOVE_PROOF);
  move_put_bytes(t->out, leaf, sizeof leaf);
  for (uint32_t level = 0; level < height; level++) {
    merkle_node(hashes, leaves, level, o->leaf >> level ^ 1, node);
    move_put_bytes(t->out, node, MERKLE_BYTES);
  }
  return ANSWER_MOVE;
}

static enum evidence_answer any_node(const struct turn *t) {
  const struct dispute *d = t->d;
  bool top = d->awaits == MOVE_5;
  uint8_t space = !top ? d->space : dispute_leaves(d, t->f, TAPE_TEMP, 0) ? TAPE_TEMP : TAPE_OUT;
  uint32_t level = top ? move_top_level(dispute_height(d, t->f, space, 0)) : d->level - 8;
  uint32_t first = top ? 0 : d->node * MOVE_SLAB_NODES, end = (dispute_leaves(d, t->f, space, 0) - 1) >> level;
  if (!top && end > first + MOVE_SLAB_NODES - 1) end = first + MOVE_SLAB_NODES - 1;
  move_begin(t->out, d->awaits, MOVE_NODE);
  if (top) move_put_u8(t->out, space);
  move_put_u32(t->out, first + (end - first) / 2);
  return ANSWER_MOVE;
}

enum evidence_answer stubborn_challenger(const struct dispute *d, const struct dispute_frame *f,
                                         const struct evidence *e, struct move *out, struct why *why) {
  const struct turn t = {d, f, e, out};
  if (d->awaits == MOVE_13 && e->enter(e->context, d->j, why)) return false_operands(&t);
  enum evidence_answer answer = challenger_next(d, f, e, NULL, out, why);
  if (answer != ANSWER_NOTHING) return answer;
  switch (d->awaits) {
  case MOVE_3:
    move_begin(out, MOVE_3, MOVE_STEP);
    move_put_u16(out, f->steps);
    return ANSWER_MOVE;
  case MOVE_5:
  case MOVE_7:
  case MOVE_9: return any_node(&t);
  case MOVE_11: return false_case(&t);
  case MOVE_15: return false_proof(&t);
  default: return ANSWER_NOTHING;
  }
}

static enum evidence_answer any_word(const struct turn *t) {
  struct tape_record r;
  struct referee_operand found;
  const struct dispute *d = t->d;
  if (!dispute_record(d, &r)) return ANSWER_NOTHING;
  struct referee_site site = site_of(t, &r, d->index);
  for (uint32_t i = 0; i < d->posted_count; i++) {
    uint32_t n = (d->posted_count / 2 + i) % d->posted_count;
    if (!referee_locate(&site, d->chunk, d->posted, d->posted_count, n, &found)) continue;
    move_begin(t->out, MOVE_14, MOVE_OPERAND);
    move_put_u16(t->out, (uint16_t)n);
    return ANSWER_MOVE;
  }
  return ANSWER_NOTHING;
}

enum evidence_answer stubborn_claimant(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                                       struct move *out, struct why *why) {
  const struct turn t = {d, f, e, out};
  if (d->awaits == MOVE_14) return any_word(&t);
  if (d->awaits == MOVE_12) {
    move_begin(out, MOVE_12, MOVE_CHUNK);
    move_put_u16(out, (uint16_t)(d->posted_count / 2));
    return ANSWER_MOVE;
  }
  enum evidence_answer answer = claimant_next(d, f, e, out, why);
  if (answer != ANSWER_NOTHING || d->awaits != MOVE_10) return answer;
  move_begin(out, MOVE_10, MOVE_LEAF);
  move_put_bytes(out, e->leaf(e->context, d->space, 0, d->node), TAPE_LEAF_BYTES);
  return ANSWER_MOVE;
}
