/* dispute_text: the moves and the verdict of a dispute as lines for people, and as JSON for pages that draw it.
 *
 * Uses: output, dispute_words. */
#ifndef CLI_DISPUTE_TEXT_H
#define CLI_DISPUTE_TEXT_H
#include "cli/dispute/words.h"
#include "cli/output.h"

struct dispute_text {
  struct dispute_names names;
  bool json;
  double referee_seconds; /* the longest of one move; 0 or below: not measured */
};

/* dispute_text_side: "claimant". */
const char *dispute_text_side(uint8_t seat);

/* dispute_text_move prints a move that was heard: d is the game after it. */
void dispute_text_move(const struct dispute_text *t, const struct dispute *d, const struct move *m, uint64_t tick);

/* dispute_text_silence prints that the side to move makes none; d: before its clock has run out. */
void dispute_text_silence(const struct dispute_text *t, const struct dispute *d, const char *reason);

/* dispute_text_verdict prints how the game ended. claims: the folders of challenger and claimant, NULL where nobody
 * knows. */
void dispute_text_verdict(const struct dispute_text *t, const struct dispute *d, const char *const claims[2]);

#endif
