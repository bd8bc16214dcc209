/* duel: one dispute between an honest party and a liar of the same world. For tests. Uses: play, party, stubborn. */
#ifndef DISPUTE_DUEL_H
#define DISPUTE_DUEL_H
#include "dispute/world/party.h"
#include "dispute/world/play.h"

struct duel {
  struct party *honest, *liar;
  enum dispute_seat seat; /* the liar's */
  bool gives_in;          /* the liar plays as an honest player does; else it is stubborn */
  bool express;           /* an honest challenger is served the claimant's leaf hashes (P2.2) */
  uint8_t silent_at;      /* see play.h */
};

enum duel_outcome { DUEL_WON, DUEL_LOST, DUEL_CANCELLED }; /* by the honest side */

/* duel_play plays it: about the whole interval if the lie shows in its end root, else about the state after the first
 * of its steps in which it shows. A liar that claims what shows in no root claims nothing wrong: CANCELLED, no result.
 */
enum duel_outcome duel_play(const struct duel *d, struct play_result *result);

/* duel_prepare fills frame and play for the same; false where it is CANCELLED. One at a time. */
bool duel_prepare(const struct duel *d, struct dispute_frame *frame, struct play *play);

#endif
