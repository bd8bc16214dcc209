#include "dispute/claimant/claimant.h"

#include <inttypes.h>
#include <string.h>

#include "tape/element/element.h"

/* One answer in the making. Each function below writes `out` last, when nothing can keep it from being a move. */
struct turn {
  const struct dispute *d;
  const struct dispute_frame *f;
  const struct evidence *e;
  struct move *out;
  struct why *why;
};

static enum evidence_answer show(const struct turn *t, uint8_t kind, const void *bytes, size_t length) {
  move_begin(t->out, t->d->awaits, kind);
  move_put_bytes(t->out, bytes, length);
  return ANSWER_MOVE;
}

static enum evidence_answer show_steps(const struct turn *t) {
  uint8_t roots[MOVE_STEPS_MAX][MERKLE_BYTES];
  uint16_t steps = t->f->steps;
  if (!t->e->steps(t->e->context, steps, roots, t->why)) return ANSWER_ERROR;
  if (!merkle_same(roots[steps - 1], t->f->end_root)) {
    why_set(t->why, "its %u steps do not end in the root that was committed", steps);
    return ANSWER_NOTHING;
  }
  return show(t, MOVE_STEPS, roots, (size_t)steps * MERKLE_BYTES);
}

/* The nodes of a tree at its level L(h), and the root that they hash up to; false if the evidence has no such tree. */
static bool top_nodes(const struct turn *t, uint8_t space, uint8_t *nodes, uint32_t *count,
                      uint8_t root[MERKLE_BYTES]) {
  uint32_t leaves = dispute_leaves(t->d, t->f, space, 0), height = dispute_height(t->d, t->f, space, 0);
  uint32_t level = move_top_level(height);
  uint8_t folded[MOVE_TOP_NODES_MAX * MERKLE_BYTES];
  const uint8_t *hashes = evidence_tree(t->e, space, 0, leaves, t->why);
  if (!hashes) return false;
  *count = 1u << (height - level);
  evidence_row(hashes, leaves, level, 0, *count, nodes);
  memcpy(folded, nodes, (size_t)*count * MERKLE_BYTES);
  merkle_fold(folded, *count, root);
  return true;
}

static enum evidence_answer show_values(const struct turn *t) {
  uint8_t nodes[2 * MOVE_TOP_NODES_MAX * MERKLE_BYTES], values[MERKLE_BYTES], after[MERKLE_BYTES];
  uint32_t temps, outs;
  if (!top_nodes(t, TAPE_TEMP, nodes, &temps, values) ||
      !top_nodes(t, TAPE_OUT, nodes + (size_t)temps * MERKLE_BYTES, &outs, after))
    return ANSWER_ERROR;
  if (!merkle_same(after, t->d->after)) {
    why_set(t->why, "its state after step %u of the interval does not have the root that it showed", t->d->j);
    return ANSWER_NOTHING;
  }
  show(t, MOVE_VALUES, values, MERKLE_BYTES);
  move_put_bytes(t->out, nodes, (size_t)(temps + outs) * MERKLE_BYTES);
  return ANSWER_MOVE;
}

static enum evidence_answer show_slab(const struct turn *t) {
  const struct dispute *d = t->d;
  uint32_t leaves = dispute_leaves(d, t->f, d->space, 0);
  uint8_t nodes[MOVE_SLAB_NODES * MERKLE_BYTES], folded[sizeof nodes], root[MERKLE_BYTES];
  const uint8_t *hashes = evidence_tree(t->e, d->space, 0, leaves, t->why);
  if (!hashes) return ANSWER_ERROR;
  evidence_row(hashes, leaves, d->level - 8, (uint64_t)d->node * MOVE_SLAB_NODES, MOVE_SLAB_NODES, nodes);
  memcpy(folded, nodes, sizeof nodes);
  merkle_fold(folded, MOVE_SLAB_NODES, root);
  if (!merkle_same(root, d->node_hash)) {
    why_set(t->why, "it has no nodes that hash up to node %u of level %u", d->node, d->level);
    return ANSWER_NOTHING;
  }
  return show(t, MOVE_SLAB, nodes, sizeof nodes);
}

static enum evidence_answer show_leaf(const struct turn *t) {
  uint8_t hash[MERKLE_BYTES];
  const uint8_t *leaf = t->e->leaf(t->e->context, t->d->space, 0, t->d->node);
  if (!leaf) {
    why_set(t->why, "leaf %u is not there", t->d->node);
    return ANSWER_ERROR;
  }
  merkle_leaf(leaf, TAPE_LEAF_BYTES, hash);
  if (!merkle_same(hash, t->d->node_hash)) {
    why_set(t->why, "leaf %u does not have the hash that was named", t->d->node);
    return ANSWER_NOTHING;
  }
  return show(t, MOVE_LEAF, leaf, TAPE_LEAF_BYTES);
}

static enum evidence_answer name_u16(const struct turn *t, uint8_t kind, uint32_t n) {
  move_begin(t->out, t->d->awaits, kind);
  move_put_u16(t->out, (uint16_t)n);
  return ANSWER_MOVE;
}

/* P4.2: a claimant that finds nothing wrong in a case denies all the same, the first chunk and the first word that it
 * may. It is lost if the challenger goes on, and wins if it does not; and a dispute ends with a proof instead of
 * silence. */
static enum evidence_answer name_chunk(const struct turn *t, const struct tape_record *r) {
  const struct dispute *d = t->d;
  uint32_t step = t->f->first_step + d->j - 1;
  for (uint32_t c = 0; c < d->posted_count; c++)
    if (evidence_chunk(t->e, r, step, t->f->seed, d->index, c) != move_word(d->posted, c))
      return name_u16(t, MOVE_CHUNK, c);
  return name_u16(t, MOVE_CHUNK, 0);
}

/* The posted words, compared one by one with its own at the places where the posted index words say they were read: up
 * to the first wrong word those places are its own too. */
struct comparing {
  const struct turn *turn;
  const struct tape_record *record;
  uint32_t wrong, deniable; /* the first of either, or posted_count */
};

static uint32_t compare(void *context, const struct element_word *at) {
  struct comparing *c = context;
  const struct dispute *d = c->turn->d;
  uint32_t posted = move_word(d->posted, at->n);
  if (at->in_range && c->deniable == d->posted_count) c->deniable = at->n;
  if (at->in_range && c->wrong == d->posted_count &&
      evidence_word(c->turn->e, &c->record->operand[at->o], at->index) != posted)
    c->wrong = at->n;
  return posted;
}

static enum evidence_answer name_word(const struct turn *t, const struct tape_record *r) {
  struct comparing c = {.turn = t, .record = r, .wrong = t->d->posted_count, .deniable = t->d->posted_count};
  element_visit(r, t->d->index, t->d->chunk, compare, &c);
  return name_u16(t, MOVE_OPERAND, c.wrong < t->d->posted_count ? c.wrong : c.deniable);
}

static enum evidence_answer name_wrong(const struct turn *t) {
  struct tape_record r;
  if (!dispute_record(t->d, &r)) {
    why_set(t->why, "the game has no record yet");
    return ANSWER_ERROR;
  }
  return t->d->awaits == MOVE_12 ? name_chunk(t, &r) : name_word(t, &r);
}

enum evidence_answer claimant_next(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                                   struct move *out, struct why *why) {
  const struct turn t = {d, f, e, out, why};
  dispute_check(d, f);
  if (d->awaits == DISPUTE_DECIDED || dispute_turn(d) != DISPUTE_CLAIMANT) return ANSWER_WAIT;
  if (d->awaits != MOVE_2 && !e->enter(e->context, d->j, why)) return ANSWER_ERROR;
  switch (d->awaits) {
  case MOVE_2: return show_steps(&t);
  case MOVE_4: return show_values(&t);
  case MOVE_6:
  case MOVE_8: return show_slab(&t);
  case MOVE_10: return show_leaf(&t);
  default: return name_wrong(&t);
  }
}
