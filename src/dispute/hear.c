#include "dispute/hear.h"
#include "base/bytes.h"
#include "tape/element/element.h"
#include <assert.h>

static bool refuse(struct why *why, const char *text) {
  why_set(why, "%s", text);
  return false;
}

const uint8_t *hear_root(const struct dispute *d, const struct dispute_frame *f, uint8_t space, uint8_t number) {
  switch ((enum tape_space)space) {
  case TAPE_TEMP: return d->values;
  case TAPE_OUT: return d->after;
  case TAPE_IN: return d->before;
  case TAPE_DATA: return number < f->data_count && f->data[number].leaves ? f->data[number].root : NULL;
  }
  return NULL;
}

/* PROTOCOL M1.2: `count` nodes of a level from node `first` on are absent exactly beyond the leaves, and `up` levels
 * above they meet in `root`. */
static bool row_holds(const uint8_t *nodes, uint32_t count, uint32_t level, uint64_t first, uint64_t leaves,
                      const uint8_t *root, struct why *why) {
  uint8_t scratch[MOVE_SLAB_NODES * MERKLE_BYTES], top[MERKLE_BYTES];
  for (uint32_t i = 0; i < count; i++)
    if (merkle_absent(nodes + i * MERKLE_BYTES) != ((first + i) << level >= leaves)) {
      why_set(why, "node %u of the row is absent where there are leaves, or there where there are none", i);
      return false;
    }
  memcpy(scratch, nodes, (size_t)count * MERKLE_BYTES);
  merkle_fold(scratch, count, top);
  return merkle_same(top, root) || refuse(why, "the nodes do not hash up to what they were asked for");
}

/* Names node `index` of a row that begins at node `first` of a level, and keeps its siblings up to the row's top. */
static void name_node(struct dispute *d, const uint8_t *row, uint32_t count, uint32_t level, uint32_t first,
                      uint32_t index) {
  uint8_t scratch[MOVE_SLAB_NODES * MERKLE_BYTES];
  d->level = level;
  d->node = index;
  memcpy(d->node_hash, row + (size_t)(index - first) * MERKLE_BYTES, MERKLE_BYTES);
  if (count > 1) merkle_path(row, count, index - first, scratch, d->path[level]);
}

/* 2: STEPS */
static bool hear_steps(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  const uint8_t *roots;
  if (!move_take_steps(m, f->steps, &roots)) return refuse(why, "STEPS has not one root for each step");
  if (!merkle_same(roots + (f->steps - 1u) * MERKLE_BYTES, f->end_root))
    return refuse(why, "the last root of STEPS is not the end root");
  memcpy(d->shown, roots, (size_t)f->steps * MERKLE_BYTES);
  d->awaits = MOVE_3;
  return true;
}

/* 3: STEP */
static bool hear_step(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  uint16_t j;
  if (!move_take_step(m, &j) || j < 1 || j > f->steps) return refuse(why, "STEP names no step of the interval");
  memcpy(d->before, j == 1 ? f->start_root : d->shown + (j - 2u) * MERKLE_BYTES, MERKLE_BYTES);
  memcpy(d->after, d->shown + (j - 1u) * MERKLE_BYTES, MERKLE_BYTES);
  d->j = j;
  d->awaits = MOVE_4;
  return true;
}

/* 4: VALUES */
static bool hear_values(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  uint32_t temp = dispute_height(d, f, TAPE_TEMP, 0), out = dispute_height(d, f, TAPE_OUT, 0);
  struct move_values v;
  if (!move_take_values(m, temp, out, &v)) return refuse(why, "VALUES has not the nodes that the tape asks for");
  if (!row_holds(v.temp_nodes, v.temp_count, move_top_level(temp), 0, dispute_leaves(d, f, TAPE_TEMP, 0), v.root,
                 why) ||
      !row_holds(v.out_nodes, v.out_count, move_top_level(out), 0, f->state_leaves, d->after, why))
    return false;
  memcpy(d->values, v.root, MERKLE_BYTES);
  memcpy(d->shown, v.temp_nodes, (size_t)(v.temp_count + v.out_count) * MERKLE_BYTES);
  d->awaits = MOVE_5;
  return true;
}

/* 5: NODE, or the express way past all slabs (P2.2) */
static bool hear_express(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  uint32_t temp = dispute_height(d, f, TAPE_TEMP, 0), out = dispute_height(d, f, TAPE_OUT, 0);
  struct move_express x;
  uint8_t root[MERKLE_BYTES];
  if (!move_take_express(m, temp, out, &x)) return refuse(why, "EXPRESS has not the path that the tape asks for");
  if (x.leaf >= dispute_leaves(d, f, x.space, 0)) return refuse(why, "EXPRESS names a leaf that is absent");
  uint32_t height = x.space == TAPE_TEMP ? temp : out;
  merkle_climb(x.hash, x.leaf, x.path, height, root);
  if (!merkle_same(root, hear_root(d, f, x.space, 0)))
    return refuse(why, "the path does not lead to the claimant's root");
  d->space = x.space;
  d->level = 0;
  d->node = x.leaf;
  memcpy(d->node_hash, x.hash, MERKLE_BYTES);
  memcpy(d->path, x.path, (size_t)height * MERKLE_BYTES);
  d->awaits = MOVE_10;
  return true;
}

static bool hear_top_node(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  struct move_node n;
  if (m->kind == MOVE_EXPRESS) return hear_express(d, f, m, why);
  if (!move_take_node(m, &n) || (n.space != TAPE_TEMP && n.space != TAPE_OUT))
    return refuse(why, "NODE names neither a value nor the state after the step");
  uint32_t height = dispute_height(d, f, n.space, 0), level = move_top_level(height), count = 1u << (height - level);
  if (n.index >= count || (uint64_t)n.index << level >= dispute_leaves(d, f, n.space, 0))
    return refuse(why, "NODE names a node that is absent");
  uint32_t temp_height = dispute_height(d, f, TAPE_TEMP, 0);
  uint32_t skip = n.space == TAPE_OUT ? 1u << (temp_height - move_top_level(temp_height)) : 0;
  d->space = n.space;
  name_node(d, d->shown + (size_t)skip * MERKLE_BYTES, count, level, 0, n.index);
  d->awaits = level ? MOVE_6 : MOVE_10;
  return true;
}

/* 6, 8: SLAB */
static bool hear_slab(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  const uint8_t *nodes;
  if (!move_take_slab(m, &nodes)) return refuse(why, "SLAB has not 256 nodes");
  if (!row_holds(nodes, MOVE_SLAB_NODES, d->level - 8, (uint64_t)d->node * MOVE_SLAB_NODES,
                 dispute_leaves(d, f, d->space, 0), d->node_hash, why))
    return false;
  memcpy(d->shown, nodes, MOVE_SLAB_NODES * MERKLE_BYTES);
  d->awaits++;
  return true;
}

/* 7, 9: NODE */
static bool hear_node(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  struct move_node n;
  uint32_t level = d->level - 8;
  if (!move_take_node(m, &n) || n.index / MOVE_SLAB_NODES != d->node)
    return refuse(why, "NODE names none of the slab's");
  if ((uint64_t)n.index << level >= dispute_leaves(d, f, d->space, 0))
    return refuse(why, "NODE names a node that is absent");
  name_node(d, d->shown, MOVE_SLAB_NODES, level, d->node * MOVE_SLAB_NODES, n.index);
  d->awaits = level ? MOVE_8 : MOVE_10;
  return true;
}

/* 10: LEAF */
static bool hear_leaf(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  const uint8_t *leaf;
  uint8_t hash[MERKLE_BYTES];
  (void)f;
  if (!move_take_leaf(m, &leaf)) return refuse(why, "LEAF has not 4096 bytes");
  merkle_leaf(leaf, TAPE_LEAF_BYTES, hash);
  if (!merkle_same(hash, d->node_hash)) return refuse(why, "LEAF has not the named hash");
  memcpy(d->shown, leaf, TAPE_LEAF_BYTES);
  d->awaits = MOVE_11;
  return true;
}

static void decide(struct dispute *d, const struct dispute_frame *f, enum dispute_reason reason);

static struct referee_site site_of(const struct dispute *d, const struct dispute_frame *f,
                                   const struct tape_record *record) {
  return (struct referee_site){.record = record, .index = d->index, .step = f->first_step + d->j - 1, .seed = f->seed};
}

/* The record that a case names, under the tape root of step j, with the named leaf in its value. */
static bool record_holds(const struct dispute *d, const struct dispute_frame *f, const struct move_case *c,
                         struct tape_record *record, struct why *why) {
  const struct dispute_tape *t = dispute_tape_now(d, f);
  uint8_t hash[MERKLE_BYTES], root[MERKLE_BYTES];
  if (c->record < 1 || c->record > t->records) return refuse(why, "CASE names no record of the tape");
  merkle_leaf(c->record_bytes, c->record_length, hash);
  merkle_climb(hash, c->record, c->path, merkle_height((uint64_t)t->records + 1), root);
  if (!merkle_same(root, t->root)) return refuse(why, "the record does not lie under the tape's root");
  if (record_decode(c->record_bytes, c->record_length, record, why) != RECORD_OK) return false;
  if (record->space != d->space || d->node < record->first_leaf ||
      d->node - record->first_leaf >= record_leaves(record))
    return refuse(why, "the record's value does not have the named leaf");
  return true;
}

/* 11: CASE. P2.3 to P2.6 */
static bool hear_case(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  struct move_case c;
  struct tape_record record;
  if (!move_take_case(m, merkle_height((uint64_t)dispute_tape_now(d, f)->records + 1), &c))
    return refuse(why, "CASE is not a record, its path and whole words");
  if (!record_holds(d, f, &c, &record, why)) return false;
  uint32_t bytes = tape_dtype_bytes(record.dtype), per_leaf = TAPE_LEAF_BYTES / bytes;
  if (c.element >= per_leaf) return refuse(why, "CASE names an element behind the leaf's end");
  uint64_t index = (d->node - record.first_leaf) * per_leaf + c.element;
  uint32_t committed = referee_stored(record.dtype, d->shown + c.element * bytes), recomputed = 0, deniable = 0;
  bool padding = index >= record_elements(&record), chunked = !padding && element_chunks(&record) > 1;
  struct referee_site site = {&record, index, f->first_step + d->j - 1, f->seed};
  if (padding && c.words_count) return refuse(why, "nothing is computed behind a value's end");
  if (chunked && !referee_results(&record, c.words, c.words_count, &recomputed, why)) return false;
  if (!padding && !chunked && !referee_words(&site, 0, c.words, c.words_count, &recomputed, &deniable, why))
    return false;
  if (recomputed == committed) return refuse(why, "what was posted gives just what the leaf holds");
  d->element = c.element;
  d->record = c.record;
  d->record_length = c.record_length;
  memcpy(d->record_bytes, c.record_bytes, c.record_length);
  d->index = index;
  d->committed = committed;
  d->recomputed = recomputed;
  d->chunk = 0;
  d->posted_count = c.words_count;
  memcpy(d->posted, c.words, 4 * (size_t)c.words_count);
  if (chunked)
    d->awaits = MOVE_12;
  else if (deniable)
    d->awaits = MOVE_14;
  else
    decide(d, f, DISPUTE_NOTHING_TO_DENY);
  return true;
}

/* 12: CHUNK */
static bool hear_chunk(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  uint16_t c;
  (void)f;
  if (!move_take_u16(m, &c) || c >= d->posted_count) return refuse(why, "CHUNK names no chunk");
  d->chunk = c;
  d->awaits = MOVE_13;
  return true;
}

/* 13: OPERANDS */
static bool hear_operands(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  const uint8_t *words;
  uint32_t count, result, deniable;
  struct tape_record record;
  bool there = dispute_record(d, &record);
  assert(there);
  struct referee_site site = site_of(d, f, &record);
  if (!move_take_words(m, &words, &count)) return refuse(why, "OPERANDS is not whole words");
  if (!referee_words(&site, d->chunk, words, count, &result, &deniable, why)) return false;
  if (result != move_word(d->posted, d->chunk)) return refuse(why, "the words do not give the chunk's posted result");
  d->posted_count = count;
  memcpy(d->posted, words, 4 * (size_t)count);
  if (deniable)
    d->awaits = MOVE_14;
  else
    decide(d, f, DISPUTE_NOTHING_TO_DENY);
  return true;
}

/* 14: OPERAND */
static bool hear_operand(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  uint16_t n;
  struct tape_record record;
  struct referee_operand operand;
  bool there = dispute_record(d, &record);
  assert(there);
  struct referee_site site = site_of(d, f, &record);
  if (!move_take_u16(m, &n) || !referee_locate(&site, d->chunk, d->posted, d->posted_count, n, &operand))
    return refuse(why, "OPERAND names no word that is in range");
  d->word = n;
  d->operand = operand;
  d->awaits = MOVE_15;
  return true;
}

/* 15: PROOF */
static bool hear_proof(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  const struct referee_operand *o = &d->operand;
  const uint8_t *root = hear_root(d, f, o->space, o->number);
  uint32_t height = dispute_height(d, f, o->space, o->number);
  struct move_proof p;
  uint8_t hash[MERKLE_BYTES], found[MERKLE_BYTES];
  if (!root || o->leaf >= dispute_leaves(d, f, o->space, o->number)) return refuse(why, "the job has no such operand");
  if (!move_take_proof(m, height, &p)) return refuse(why, "PROOF is not a leaf and the path of its tree");
  merkle_leaf(p.leaf, TAPE_LEAF_BYTES, hash);
  merkle_climb(hash, o->leaf, p.path, height, found);
  if (!merkle_same(found, root)) return refuse(why, "PROOF does not lead to the operand's root");
  if (referee_load(o->dtype, p.leaf + o->offset) != move_word(d->posted, d->word))
    return refuse(why, "PROOF shows another word than was posted");
  decide(d, f, DISPUTE_BY_PROOF);
  return true;
}

/* P2.8: both ways of deciding here are against the claimant. */
static void decide(struct dispute *d, const struct dispute_frame *f, enum dispute_reason reason) {
  struct tape_record record;
  bool there = dispute_record(d, &record);
  assert(there);
  d->verdict = (struct dispute_verdict){.loser = DISPUTE_CLAIMANT,
                                        .reason = (uint8_t)reason,
                                        .has_step = true,
                                        .has_leaf = true,
                                        .has_element = true,
                                        .j = d->j,
                                        .step = f->first_step + d->j - 1,
                                        .space = d->space,
                                        .leaf = d->node,
                                        .record = d->record,
                                        .padding = d->index >= record_elements(&record),
                                        .element = d->index,
                                        .committed = d->committed,
                                        .recomputed = d->recomputed};
  if (reason == DISPUTE_BY_PROOF) {
    d->verdict.operand = d->operand;
    d->verdict.word = move_word(d->posted, d->word);
  }
  d->awaits = DISPUTE_DECIDED;
}

typedef bool handler(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why);

bool hear_apply(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why) {
  static handler *const handlers[MOVE_NUMBER_MAX + 1] = {
      [MOVE_2] = hear_steps,    [MOVE_3] = hear_step,  [MOVE_4] = hear_values, [MOVE_5] = hear_top_node,
      [MOVE_6] = hear_slab,     [MOVE_7] = hear_node,  [MOVE_8] = hear_slab,   [MOVE_9] = hear_node,
      [MOVE_10] = hear_leaf,    [MOVE_11] = hear_case, [MOVE_12] = hear_chunk, [MOVE_13] = hear_operands,
      [MOVE_14] = hear_operand, [MOVE_15] = hear_proof};
  assert(d->awaits >= MOVE_2 && d->awaits <= MOVE_15);
  return handlers[d->awaits](d, f, m, why);
}
