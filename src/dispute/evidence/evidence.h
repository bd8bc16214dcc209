/* evidence: what a player can show of one interval: the states that it computed and, of one step, every value.
 *
 * The game knows nothing of files and executors: training supplies evidence from a run's folder, tests from small
 * worlds. Whoever lies brings evidence that does not follow from itself. Uses: moves, referee, tape/{record,element},
 * numeric/soft. */
#ifndef DISPUTE_EVIDENCE_H
#define DISPUTE_EVIDENCE_H
#include "dispute/moves/move.h"
#include "tape/record/tape.h"

struct evidence {
  void *context;
  const struct tape *tape[8]; /* the job's, by number; records decoded and checked */

  /* steps fills roots[0 .. steps - 1] with the roots of the states after steps 1, 2, .. of the interval. Computed once,
   * however many challengers ask. False with why: they cannot be computed. */
  bool (*steps)(void *context, uint16_t steps, uint8_t (*roots)[MERKLE_BYTES], struct why *why);

  /* enter makes all values of step j available to hashes and leaf; nothing when that is the step it stands in. */
  bool (*enter)(void *context, uint16_t j, struct why *why);

  /* hashes lends the leaf hashes, MERKLE_BYTES each, of a tree: TAPE_TEMP the step's values, TAPE_OUT the state after,
   * TAPE_IN the state before, TAPE_DATA tensor `number`; leaf lends one leaf, TAPE_LEAF_BYTES. NULL: not there. Both
   * live until the next call of enter, and leaf until the next call of leaf at least. */
  const uint8_t *(*hashes)(void *context, uint8_t space, uint8_t number);
  const uint8_t *(*leaf)(void *context, uint8_t space, uint8_t number, uint64_t index);
};

/* evidence_word reads element `index` of an operand of a record as a word. Any leaf that is missing reads as zeros. */
uint32_t evidence_word(const struct evidence *e, const struct tape_operand *o, uint64_t index);

/* evidence_chunk computes chunk c of output `index` of a record from the evidence, with the canon in integers; the
 * value as stored where the record has one chunk. Cost: 512 bodies. */
uint32_t evidence_chunk(const struct evidence *e, const struct tape_record *r, uint32_t step, uint64_t seed,
                        uint64_t index, uint32_t c);

/* evidence_words writes the operand words of chunk c of output `index`, 4 bytes each, as a case posts them (PROTOCOL
 * P2.4): a word out of range as 0. Returns their number, at most MOVE_WORDS_MAX. */
uint32_t evidence_words(const struct evidence *e, const struct tape_record *r, uint64_t index, uint32_t c,
                        uint8_t *words);

/* evidence_tree lends the leaf hashes of a tree of `leaves` leaves; NULL, with why, if they are not there. Of a tree
 * without leaves there are none to ask for, and the pointer is to nothing. */
const uint8_t *evidence_tree(const struct evidence *e, uint8_t space, uint8_t number, uint32_t leaves, struct why *why);

/* evidence_row writes nodes first .. first + count - 1 of a level of that tree. Cost: count * 2^level hashes. */
void evidence_row(const uint8_t *hashes, uint32_t leaves, uint32_t level, uint64_t first, uint32_t count,
                  uint8_t *nodes);

/* What a player has to say. */
enum evidence_answer {
  ANSWER_MOVE,    /* the move is in out */
  ANSWER_WAIT,    /* the other side is to move, or the game is over */
  ANSWER_NOTHING, /* it is this side's turn and its evidence holds nothing that would be a move: the clock will decide
                   */
  ANSWER_ERROR    /* the evidence could not be read: why */
};

#endif
