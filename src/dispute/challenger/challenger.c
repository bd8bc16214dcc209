#include "dispute/challenger/challenger.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "numeric/soft/soft.h"
#include "tape/element/element.h"

/* One move in the making. Each function below writes `out` last, when nothing can keep it from being a move. */
struct turn {
  const struct dispute *d;
  const struct dispute_frame *f;
  const struct evidence *e;
  struct move *out;
  struct why *why;
};

/* The first of `count` hashes that differs, or count. */
static uint32_t first_difference(const uint8_t *a, const uint8_t *b, uint32_t count) {
  uint32_t i = 0;
  while (i < count && merkle_same(a + (size_t)i * MERKLE_BYTES, b + (size_t)i * MERKLE_BYTES)) i++;
  return i;
}

uint32_t challenger_interval(const uint8_t (*mine)[MERKLE_BYTES], const uint8_t (*theirs)[MERKLE_BYTES],
                             uint32_t count) {
  for (uint32_t i = 1; i <= count; i++)
    if (!merkle_same(mine[i], theirs[i])) return i;
  return 0;
}

void challenger_open(const struct dispute_frame *f, struct move *out) {
  move_begin(out, MOVE_OPEN, MOVE_CHALLENGE);
  move_put_bytes(out, f->target.job_root, MERKLE_BYTES);
  move_put_u32(out, f->target.task);
  move_put_u16(out, f->target.interval);
  move_put_u16(out, f->target.inner);
}

static enum evidence_answer name_step(const struct turn *t) {
  uint8_t roots[MOVE_STEPS_MAX][MERKLE_BYTES];
  uint16_t steps = t->f->steps;
  if (!t->e->steps(t->e->context, steps, roots, t->why)) return ANSWER_ERROR;
  uint32_t j = first_difference(roots[0], t->d->shown, steps);
  if (j == steps) {
    why_set(t->why, "all %u steps have the roots that it has itself", steps);
    return ANSWER_NOTHING;
  }
  move_begin(t->out, MOVE_3, MOVE_STEP);
  move_put_u16(t->out, (uint16_t)(j + 1));
  return ANSWER_MOVE;
}

/* Express (P2.2): the lowest leaf whose hash is not its own, by the leaf hashes that the claimant serves. false: they
 * are not there, do not hash up to what the claimant showed, or differ nowhere. */
static bool express(const struct turn *t, uint8_t space, const uint8_t *theirs, const uint8_t root[MERKLE_BYTES],
                    const uint8_t *mine) {
  uint32_t leaves = dispute_leaves(t->d, t->f, space, 0), height = dispute_height(t->d, t->f, space, 0);
  uint8_t node[MERKLE_BYTES];
  if (!theirs || !leaves) return false;
  merkle_node(theirs, leaves, height, 0, node);
  uint32_t leaf = first_difference(mine, theirs, leaves);
  if (!merkle_same(node, root) || leaf == leaves) return false;
  move_begin(t->out, MOVE_5, MOVE_EXPRESS);
  move_put_u8(t->out, space);
  move_put_u32(t->out, leaf);
  move_put_bytes(t->out, theirs + (size_t)leaf * MERKLE_BYTES, MERKLE_BYTES);
  for (uint32_t level = 0; level < height; level++) {
    merkle_node(theirs, leaves, level, leaf >> level ^ 1, node);
    move_put_bytes(t->out, node, MERKLE_BYTES);
  }
  return true;
}

/* P4.1: V before S_j. `shown` holds the top nodes of both trees, one row behind the other. */
static enum evidence_answer name_top(const struct turn *t, const struct challenger_hints *hints) {
  static const uint8_t spaces[2] = {TAPE_TEMP, TAPE_OUT};
  const uint8_t *shown = t->d->shown;
  for (uint32_t s = 0; s < 2; s++) {
    uint8_t nodes[MOVE_TOP_NODES_MAX * MERKLE_BYTES];
    uint32_t leaves = dispute_leaves(t->d, t->f, spaces[s], 0), height = dispute_height(t->d, t->f, spaces[s], 0);
    uint32_t level = move_top_level(height), count = 1u << (height - level);
    const uint8_t *hashes = evidence_tree(t->e, spaces[s], 0, leaves, t->why);
    if (!hashes) return ANSWER_ERROR;
    evidence_row(hashes, leaves, level, 0, count, nodes);
    uint32_t first = first_difference(nodes, shown, count);
    shown += (size_t)count * MERKLE_BYTES;
    if (first == count) continue;
    const uint8_t *theirs = !hints ? NULL : spaces[s] == TAPE_TEMP ? hints->temp_hashes : hints->out_hashes;
    if (express(t, spaces[s], theirs, spaces[s] == TAPE_TEMP ? t->d->values : t->d->after, hashes)) return ANSWER_MOVE;
    move_begin(t->out, MOVE_5, MOVE_NODE);
    move_put_u8(t->out, spaces[s]);
    move_put_u32(t->out, first);
    return ANSWER_MOVE;
  }
  why_set(t->why, "values and state of step %u are what it has itself", t->d->j);
  return ANSWER_NOTHING;
}

static enum evidence_answer name_node(const struct turn *t) {
  const struct dispute *d = t->d;
  uint8_t nodes[MOVE_SLAB_NODES * MERKLE_BYTES];
  uint32_t leaves = dispute_leaves(d, t->f, d->space, 0), first = d->node * MOVE_SLAB_NODES;
  const uint8_t *hashes = evidence_tree(t->e, d->space, 0, leaves, t->why);
  if (!hashes) return ANSWER_ERROR;
  evidence_row(hashes, leaves, d->level - 8, first, MOVE_SLAB_NODES, nodes);
  uint32_t i = first_difference(nodes, d->shown, MOVE_SLAB_NODES);
  if (i == MOVE_SLAB_NODES) {
    why_set(t->why, "below node %u of level %u there is nothing that it has otherwise", d->node, d->level);
    return ANSWER_NOTHING;
  }
  move_begin(t->out, d->awaits, MOVE_NODE);
  move_put_u32(t->out, first + i);
  return ANSWER_MOVE;
}

/* The record whose value holds a leaf of temp or out; NULL if none does. */
static const struct tape_record *record_of(const struct tape *tape, uint8_t space, uint64_t leaf) {
  for (uint32_t i = 0; i < tape->records_count; i++) {
    const struct tape_record *r = &tape->record[i];
    if (r->space == space && leaf >= r->first_leaf && leaf - r->first_leaf < record_leaves(r)) return r;
  }
  return NULL;
}

static uint32_t step_number(const struct turn *t) { return t->f->first_step + t->d->j - 1; }

/* What the case posts for one element, and y' that follows from it. */
struct posting {
  uint32_t value, count;
  uint8_t words[4 * MOVE_WORDS_MAX];
};

static void compute(const struct turn *t, const struct tape_record *r, uint64_t index, struct posting *p) {
  uint32_t results[MOVE_RESULTS_MAX], chunks = element_chunks(r);
  for (uint32_t c = 0; c < chunks; c++) results[c] = evidence_chunk(t->e, r, step_number(t), t->f->seed, index, c);
  if (chunks == 1) {
    p->value = results[0];
    p->count = evidence_words(t->e, r, index, 0, p->words);
    return;
  }
  p->value = element_combine(r, soft_apply, results, chunks);
  p->count = chunks;
  for (uint32_t i = 0; i < 4 * chunks; i++) p->words[i] = (uint8_t)(results[i / 4] >> 8 * (i % 4));
}

static void put_case(const struct turn *t, const struct tape *tape, const struct tape_record *r, uint32_t element,
                     const struct posting *p) {
  uint8_t bytes[TAPE_RECORD_BYTES_MAX], path[MOVE_TAPE_HEIGHT_MAX * MERKLE_BYTES];
  uint32_t number = (uint32_t)(r - tape->record) + 1;
  size_t length = record_encode(r, bytes, sizeof bytes);
  tape_path(tape, number, path);
  move_begin(t->out, MOVE_11, MOVE_CASE);
  move_put_u16(t->out, (uint16_t)element);
  move_put_u16(t->out, (uint16_t)number);
  move_put_u16(t->out, (uint16_t)length);
  move_put_bytes(t->out, bytes, length);
  move_put_bytes(t->out, path, (size_t)merkle_height((uint64_t)tape->records_count + 1) * MERKLE_BYTES);
  move_put_bytes(t->out, p->words, (size_t)4 * p->count);
}

/* P4.1: the lowest element that differs. P2.6: behind the value's end the rule is 0 and nothing is posted. */
static enum evidence_answer make_case(const struct turn *t) {
  const struct dispute *d = t->d;
  const struct tape *tape = t->e->tape[t->f->step_tape[d->j - 1]];
  const struct tape_record *r = tape ? record_of(tape, d->space, d->node) : NULL;
  const uint8_t *mine = t->e->leaf(t->e->context, d->space, 0, d->node);
  if (!r || !mine) {
    why_set(t->why, "leaf %u, or the record that makes it, is not there", d->node);
    return ANSWER_ERROR;
  }
  uint32_t size = tape_dtype_bytes(r->dtype), per_leaf = TAPE_LEAF_BYTES / size, i = 0;
  while (i < per_leaf && memcmp(mine + i * size, d->shown + i * size, size) == 0) i++;
  if (i == per_leaf) {
    why_set(t->why, "leaf %u is what it has itself", d->node);
    return ANSWER_NOTHING;
  }
  struct posting p = {.value = 0, .count = 0};
  uint64_t index = (d->node - r->first_leaf) * per_leaf + i;
  if (index < record_elements(r)) compute(t, r, index, &p);
  if (p.value == referee_stored(r->dtype, d->shown + i * size)) {
    why_set(t->why,
            "its own values give what the claimant has at element %" PRIu64 ", which is not what it has there itself",
            index);
    return ANSWER_NOTHING;
  }
  put_case(t, tape, r, i, &p);
  return ANSWER_MOVE;
}

static enum evidence_answer post_operands(const struct turn *t) {
  struct tape_record r;
  uint8_t words[4 * MOVE_WORDS_MAX];
  if (!dispute_record(t->d, &r)) {
    why_set(t->why, "the game has no record yet");
    return ANSWER_ERROR;
  }
  uint32_t count = evidence_words(t->e, &r, t->d->index, t->d->chunk, words);
  move_begin(t->out, MOVE_13, MOVE_OPERANDS);
  move_put_bytes(t->out, words, (size_t)4 * count);
  return ANSWER_MOVE;
}

/* P4.4: node (level, index) of V as the claimant has it, on the path of an operand that lies left of leaf d = d->node.
 * Left of d both trees are one; what contains d is an ancestor of the named node; what lies right of d is a sibling on
 * d's path: it is beside an ancestor of the operand that is d's ancestor too. */
static void their_node(const struct dispute *d, const uint8_t *mine, uint32_t leaves, uint32_t level, uint32_t index,
                       uint8_t node[MERKLE_BYTES]) {
  uint32_t on_path = d->node >> level;
  if (index < on_path)
    merkle_node(mine, leaves, level, index, node);
  else if (index == on_path)
    merkle_climb(d->node_hash, d->node, d->path[0], level, node);
  else {
    assert(index == (on_path ^ 1));
    memcpy(node, d->path[level], MERKLE_BYTES);
  }
}

static enum evidence_answer prove(const struct turn *t) {
  const struct dispute *d = t->d;
  const struct referee_operand *o = &d->operand;
  uint32_t leaves = dispute_leaves(d, t->f, o->space, o->number), at = (uint32_t)o->leaf;
  uint32_t height = dispute_height(d, t->f, o->space, o->number);
  uint8_t path[MOVE_TREE_HEIGHT_MAX * MERKLE_BYTES], root[MERKLE_BYTES];
  const uint8_t *mine = evidence_tree(t->e, o->space, o->number, leaves, t->why);
  const uint8_t *leaf = mine ? t->e->leaf(t->e->context, o->space, o->number, at) : NULL;
  if (!leaf) {
    why_set(t->why, "leaf %u of the operand is not there", at);
    return ANSWER_ERROR;
  }
  bool narrowed = o->space == TAPE_TEMP && d->space == TAPE_TEMP;
  assert(!narrowed || at < d->node); /* P6: operands of a temp value lie before it */
  for (uint32_t level = 0; level < height; level++) {
    uint8_t *node = path + (size_t)level * MERKLE_BYTES;
    if (narrowed)
      their_node(d, mine, leaves, level, at >> level ^ 1, node);
    else
      merkle_node(mine, leaves, level, at >> level ^ 1, node);
  }
  merkle_leaf(leaf, TAPE_LEAF_BYTES, root);
  merkle_climb(root, at, path, height, root);
  const uint8_t *committed = o->space == TAPE_TEMP ? d->values
                             : o->space == TAPE_IN ? d->before
                                                   : t->f->data[o->number].root;
  if (!merkle_same(root, committed) || referee_load(o->dtype, leaf + o->offset) != move_word(d->posted, d->word)) {
    why_set(t->why, "word %u that it posted is not under the root that the claimant committed to", d->word);
    return ANSWER_NOTHING;
  }
  move_begin(t->out, MOVE_15, MOVE_PROOF);
  move_put_bytes(t->out, leaf, TAPE_LEAF_BYTES);
  move_put_bytes(t->out, path, (size_t)height * MERKLE_BYTES);
  return ANSWER_MOVE;
}

enum evidence_answer challenger_next(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                                     const struct challenger_hints *hints, struct move *out, struct why *why) {
  const struct turn t = {d, f, e, out, why};
  dispute_check(d, f);
  if (d->awaits == DISPUTE_DECIDED || dispute_turn(d) != DISPUTE_CHALLENGER) return ANSWER_WAIT;
  if (d->awaits != MOVE_3 && !e->enter(e->context, d->j, why)) return ANSWER_ERROR;
  switch (d->awaits) {
  case MOVE_3: return name_step(&t);
  case MOVE_5: return name_top(&t, hints);
  case MOVE_7:
  case MOVE_9: return name_node(&t);
  case MOVE_11: return make_case(&t);
  case MOVE_13: return post_operands(&t);
  default: return prove(&t);
  }
}
