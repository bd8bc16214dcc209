#include "dispute/referee/referee.h"
#include "base/bytes.h"
#include "numeric/canon.h"
#include "numeric/soft/soft.h"
#include "tape/element/element.h"

static bool strange_nan(uint32_t word) { return (word & 0x7fffffff) > 0x7f800000 && word != CANON_NAN; }

static uint32_t word_at(const uint8_t *words, uint32_t n) {
  struct reader r = reader_over(words + 4 * (size_t)n, 4);
  return take_u32(&r);
}

/* NUMERICS 3.5: these reducers work on i32 words, all others on f32. */
static bool reduces_integers(const struct tape_record *r) {
  return r->reducer == TAPE_ISUM || r->reducer == TAPE_IMIN || r->reducer == TAPE_IMAX;
}

bool referee_results(const struct tape_record *r, const uint8_t *results, uint32_t count, uint32_t *value,
                     struct why *why) {
  uint32_t chunk[TAPE_K_MAX / REFEREE_CHUNK];
  if (count != element_chunks(r)) {
    why_set(why, "%u chunk results; the record has %u chunks", count, element_chunks(r));
    return false;
  }
  for (uint32_t c = 0; c < count; c++) {
    chunk[c] = word_at(results, c);
    if (!reduces_integers(r) && strange_nan(chunk[c])) {
      why_set(why, "the result of chunk %u is a NaN other than 7fc00000", c);
      return false;
    }
  }
  *value = element_combine(r, soft_apply, chunk, count);
  return true;
}

/* The posted words of one chunk, looked at by number or by slot and k. */
struct posted {
  const struct tape_record *record;
  const uint8_t *words;
  uint32_t count, first_k, still, walking;
  uint8_t rank[TAPE_OPERANDS_MAX]; /* of the slot among those that walk, or among those that stay */
  bool walks[TAPE_OPERANDS_MAX];
  /* what a walk over them found */
  uint32_t deniable, refused;
  const char *reason;
  /* what a walk looks for */
  uint32_t wanted;
  bool found;
  uint8_t slot;
  uint64_t index;
};

static struct posted posted_over(const struct tape_record *r, uint32_t c, const uint8_t *words, uint32_t count) {
  struct posted p = {.record = r, .words = words, .count = count, .first_k = c * REFEREE_CHUNK};
  for (uint8_t o = 0; o < r->operands; o++) {
    p.walks[o] = r->k_rank && record_depends_on_k(r, o);
    p.rank[o] = (uint8_t)(p.walks[o] ? p.walking++ : p.still++);
  }
  return p;
}

/* PROTOCOL P2.4, word for word. */
static uint32_t inspect(void *context, const struct element_word *at) {
  struct posted *p = context;
  uint32_t word = word_at(p->words, at->n);
  const struct tape_operand *x = &p->record->operand[at->o];
  const char *reason = NULL;
  if (!at->in_range)
    reason = word ? "is out of range and not 0" : NULL;
  else if (x->dtype == TAPE_U8 && word > 255)
    reason = "is a u8 above 255";
  else if (x->dtype == TAPE_F32 && strange_nan(word))
    reason = "is a NaN other than 7fc00000";
  if (reason && !p->reason) {
    p->reason = reason;
    p->refused = at->n;
  }
  p->deniable += at->in_range;
  return word;
}

static uint32_t load_posted(void *context, uint8_t o, uint32_t k, uint64_t index) {
  const struct posted *p = context;
  (void)index;
  uint32_t n = p->walks[o] ? p->still + (k - p->first_k) * p->walking + p->rank[o] : p->rank[o];
  return word_at(p->words, n);
}

bool referee_words(const struct referee_site *s, uint32_t c, const uint8_t *words, uint32_t count, uint32_t *result,
                   uint32_t *deniable, struct why *why) {
  if (count != element_words(s->record, c)) {
    why_set(why, "%u operand words; the chunk has %u", count, element_words(s->record, c));
    return false;
  }
  struct posted p = posted_over(s->record, c, words, count);
  element_visit(s->record, s->index, c, inspect, &p);
  if (p.reason) {
    why_set(why, "operand word %u %s", p.refused, p.reason);
    return false;
  }
  struct element_world w = {.apply = soft_apply, .load = load_posted, .context = &p, .step = s->step, .seed = s->seed};
  *result = element_chunks(s->record) == 1 ? element_value(s->record, &w, s->index)
                                           : element_chunk(s->record, &w, s->index, c);
  *deniable = p.deniable;
  return true;
}

static uint32_t seek(void *context, const struct element_word *at) {
  struct posted *p = context;
  if (at->n == p->wanted && at->in_range) {
    p->found = true;
    p->slot = at->o;
    p->index = at->index;
  }
  return word_at(p->words, at->n);
}

bool referee_locate(const struct referee_site *s, uint32_t c, const uint8_t *words, uint32_t count, uint32_t n,
                    struct referee_operand *out) {
  if (count != element_words(s->record, c) || n >= count) return false;
  struct posted p = posted_over(s->record, c, words, count);
  p.wanted = n;
  element_visit(s->record, s->index, c, seek, &p);
  if (!p.found) return false;
  const struct tape_operand *x = &s->record->operand[p.slot];
  uint64_t byte = p.index * tape_dtype_bytes(x->dtype);
  *out = (struct referee_operand){.slot = p.slot,
                                  .space = x->space,
                                  .dtype = x->dtype,
                                  .number = x->data_number,
                                  .index = p.index,
                                  .leaf = x->first_leaf + byte / TAPE_LEAF_BYTES,
                                  .offset = (uint32_t)(byte % TAPE_LEAF_BYTES)};
  return true;
}

uint32_t referee_stored(uint8_t dtype, const uint8_t *at) { return dtype == TAPE_U8 ? *at : word_at(at, 0); }

uint32_t referee_load(uint8_t dtype, const uint8_t *at) {
  uint32_t word = referee_stored(dtype, at);
  return dtype == TAPE_F32 && strange_nan(word) ? CANON_NAN : word;
}
