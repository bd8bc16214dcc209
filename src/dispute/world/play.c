#include "dispute/world/play.h"

#include <assert.h>
#include <string.h>

#include "tape/element/element.h"

enum { TICKS_A_MOVE = 119 };

static enum evidence_answer ask(const struct play *p, const struct dispute *d, struct move *out) {
  enum dispute_seat seat = dispute_turn(d);
  const struct evidence *e = p->evidence[seat];
  if (d->awaits == p->silent_at) return ANSWER_NOTHING;
  if (p->player[seat]) return p->player[seat](d, p->frame, e, out, NULL);
  if (seat == DISPUTE_CLAIMANT) return claimant_next(d, p->frame, e, out, NULL);
  return challenger_next(d, p->frame, e, p->hints, out, NULL);
}

static bool own_node(const struct play *p, enum dispute_seat seat, const struct dispute *d) {
  uint8_t node[MERKLE_BYTES];
  const struct evidence *e = p->evidence[seat];
  bool entered = e->enter(e->context, d->j, NULL);
  assert(entered);
  uint32_t leaves = dispute_leaves(d, p->frame, d->space, 0);
  evidence_row(evidence_tree(e, d->space, 0, leaves, NULL), leaves, d->level, d->node, 1, node);
  return memcmp(node, d->node_hash, MERKLE_BYTES) == 0;
}

static uint32_t own_value(const struct evidence *e, const struct dispute *d, const struct tape_record *r) {
  uint32_t size = tape_dtype_bytes(r->dtype);
  bool entered = e->enter(e->context, d->j, NULL);
  const uint8_t *leaf = e->leaf(e->context, d->space, 0, d->node);
  assert(entered && leaf);
  return referee_stored(r->dtype, leaf + d->element * size);
}

/* PROTOCOL P6, the part that only somebody with an honest side's evidence can see. */
static void check_claimant(const struct play *p, const struct dispute *d) {
  const struct evidence *e = p->evidence[DISPUTE_CLAIMANT];
  struct tape_record r;
  if (!p->honest[DISPUTE_CLAIMANT] || d->j == 0 || d->awaits < MOVE_6 || d->awaits == DISPUTE_DECIDED) return;
  assert(own_node(p, DISPUTE_CLAIMANT, d));
  if (d->awaits < MOVE_13 || !dispute_record(d, &r)) return;
  if (d->awaits == MOVE_13)
    assert(evidence_chunk(e, &r, p->frame->first_step + d->j - 1, p->frame->seed, d->index, d->chunk) !=
           move_word(d->posted, d->chunk));
  if (d->awaits == MOVE_15)
    assert(evidence_word(e, &r.operand[d->operand.slot], d->operand.index) != move_word(d->posted, d->word));
}

static void check_challenger(const struct play *p, const struct dispute *d) {
  struct tape_record r;
  if (!p->honest[DISPUTE_CHALLENGER] || d->j == 0 || d->awaits < MOVE_6) return;
  if (d->awaits != DISPUTE_DECIDED) {
    assert(!own_node(p, DISPUTE_CHALLENGER, d));
    return;
  }
  if (d->verdict.reason == DISPUTE_BY_CLOCK || !dispute_record(d, &r)) return;
  assert(d->verdict.recomputed == own_value(p->evidence[DISPUTE_CHALLENGER], d, &r));
}

static void check(const struct play *p, const struct dispute *before, const struct dispute *d) {
  dispute_check(d, p->frame);
  check_claimant(p, d);
  check_challenger(p, d);
  assert(d->awaits > before->awaits); /* numbers rise strictly */
  for (uint32_t seat = 0; seat < 2; seat++) assert(d->slack_ticks[seat] <= before->slack_ticks[seat]);
  assert(d->awaits == DISPUTE_DECIDED || dispute_deadline(d, p->frame) > d->turn_tick);
}

/* An answer that another dispute has stored. */
static bool recall(const struct play *p, struct dispute *d, uint64_t tick) {
  const struct move *stored = d->awaits == MOVE_2 ? p->steps : d->awaits == MOVE_4 ? p->values : NULL;
  return stored && dispute_recall(d, p->frame, stored, tick, NULL) == DISPUTE_HEARD;
}

void play_on(const struct play *p, struct dispute *d, uint64_t tick, struct play_result *result) {
  enum evidence_answer answer = ANSWER_MOVE;
  bool refused = false;
  while (d->awaits != DISPUTE_DECIDED) {
    struct move m;
    struct dispute before;
    if (recall(p, d, tick)) continue;
    answer = ask(p, d, &m);
    if (answer == ANSWER_MOVE) {
      tick += TICKS_A_MOVE;
      if (p->offer) p->offer(p->context, d, &m, tick);
      memcpy(&before, d, sizeof before);
      enum dispute_status status = dispute_hear(d, p->frame, &m, tick, NULL);
      refused = status != DISPUTE_HEARD;
      if (!refused) check(p, &before, d);
      if (!refused && p->see) p->see(p->context, &before, &m, tick, d);
      if (!refused) continue;
    }
    uint64_t deadline = dispute_deadline(d, p->frame);
    assert(!dispute_expire(d, p->frame, deadline)); /* its last tick still counts */
    tick = deadline + 1;
    bool expired = dispute_expire(d, p->frame, tick);
    assert(expired);
    dispute_check(d, p->frame);
  }
  *result = (struct play_result){
      .verdict = d->verdict, .moves = d->moves, .bytes = d->bytes, .tick = tick, .gave_up = answer, .refused = refused};
}

void play_whole(const struct play *p, struct play_result *result) {
  struct dispute d;
  struct move m;
  struct dispute nothing = {.slack_ticks = {p->frame->slack_ticks, p->frame->slack_ticks}};
  challenger_open(p->frame, &m);
  enum dispute_status status = dispute_open(&d, p->frame, &m, 1000, NULL);
  assert(status == DISPUTE_HEARD);
  check(p, &nothing, &d);
  if (p->see) p->see(p->context, &nothing, &m, 1000, &d);
  play_on(p, &d, 1000, result);
}
