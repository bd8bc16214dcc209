/* play: two players and the game, from the challenge to the verdict, with the invariants asserted after every move.
 *
 * For tests. Uses: dispute, claimant, challenger. */
#ifndef DISPUTE_PLAY_H
#define DISPUTE_PLAY_H
#include "dispute/challenger/challenger.h"
#include "dispute/claimant/claimant.h"
#include "dispute/world/world.h"

/* A player's next move: claimant_next, challenger_next without hints, or somebody who will not give in. */
typedef enum evidence_answer play_player(const struct dispute *d, const struct dispute_frame *f,
                                         const struct evidence *e, struct move *out, struct why *why);

/* Sees every move that was heard, with the game before and after it. */
typedef void play_see(void *context, const struct dispute *before, const struct move *m, uint64_t tick,
                      const struct dispute *after);

/* Sees every move before it is heard, the last of a liar too, which may be none. */
typedef void play_offer(void *context, const struct dispute *d, const struct move *m, uint64_t tick);

struct play {
  const struct dispute_frame *frame;
  const struct evidence *evidence[2]; /* by seat; never asked for a side that does not answer */
  play_player *player[2];             /* NULL: the honest one */
  bool honest[2];                     /* of these P6.1, P6.2 and P6.5 are asserted */
  const struct challenger_hints *hints;
  const struct move *steps, *values; /* recalled where they are awaited; NULL: not */
  uint8_t silent_at;                 /* number of a move that is not made; 0: none */
  play_see *see;
  play_offer *offer;
  void *context;
};

struct play_result {
  struct dispute_verdict verdict;
  uint8_t moves;
  uint32_t bytes;
  uint64_t tick;
  enum evidence_answer
      gave_up;  /* what the loser said when its clock began to run out, ANSWER_MOVE: nothing of the kind */
  bool refused; /* it made a move that was none */
};

/* play_whole opens the dispute at tick 1,000 and plays; play_on goes on from a game that is under way. A side that has
 * no move to make, or makes one that is refused, is silent from then on. */
void play_whole(const struct play *p, struct play_result *result);
void play_on(const struct play *p, struct dispute *d, uint64_t tick, struct play_result *result);

#endif
