#include "dispute/world/duel.h"

#include <string.h>

#include "dispute/world/stubborn.h"

/* The claimant of the dispute that is played. */
static struct party *serving;

static enum evidence_answer express_challenger(const struct dispute *d, const struct dispute_frame *f,
                                               const struct evidence *e, struct move *out, struct why *why) {
  struct challenger_hints hints;
  const struct evidence *theirs = &serving->evidence;
  if (d->awaits != MOVE_5) return challenger_next(d, f, e, NULL, out, why);
  if (!theirs->enter(theirs->context, d->j, why)) return ANSWER_ERROR;
  hints.temp_hashes = theirs->hashes(theirs->context, TAPE_TEMP, 0);
  hints.out_hashes = theirs->hashes(theirs->context, TAPE_OUT, 0);
  return challenger_next(d, f, e, &hints, out, why);
}

static bool shows(const struct duel *d, uint16_t j) {
  return memcmp(party_roots(d->liar)[j], party_roots(d->honest)[j], MERKLE_BYTES) != 0;
}

bool duel_prepare(const struct duel *d, struct dispute_frame *frame, struct play *play) {
  const struct world *w = d->honest->world;
  bool claims = d->seat == DISPUTE_CLAIMANT;
  uint16_t end = w->steps, inner = 0;
  if (!shows(d, end)) {
    for (inner = 1; inner < w->steps && !shows(d, inner);) inner++;
    end = inner;
  }
  if (claims && !shows(d, end)) return false;
  serving = claims ? d->liar : d->honest;
  world_frame(w, inner, party_roots(serving)[end], frame);
  *play = (struct play){.frame = frame, .silent_at = d->silent_at};
  play->evidence[d->seat] = &d->liar->evidence;
  play->evidence[!d->seat] = &d->honest->evidence;
  if (!d->gives_in) play->player[d->seat] = claims ? stubborn_claimant : stubborn_challenger;
  if (claims && d->express) play->player[DISPUTE_CHALLENGER] = express_challenger;
  play->honest[!d->seat] = true;
  return true;
}

enum duel_outcome duel_play(const struct duel *d, struct play_result *result) {
  struct dispute_frame frame;
  struct play play;
  if (!duel_prepare(d, &frame, &play)) return DUEL_CANCELLED;
  play_whole(&play, result);
  return result->verdict.loser == d->seat ? DUEL_WON : DUEL_LOST;
}
