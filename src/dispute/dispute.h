/* dispute: the pinpoint game. Two parties disagree about an interval of training; at most 15 moves later one element of
 * one tensor of one instruction of one step has been recomputed, and one of them is proven wrong. PROTOCOL part P.
 *
 * A pure state machine: moves and ticks in, a verdict out. The ledger, a transcript's judge and both players run the
 * same one. `struct dispute` holds everything that has been said and still matters, so a player needs nothing else but
 * its own values, and a crash loses nothing that the moves do not give back. No memory, no clock, no file, no float.
 *
 *   awaits            who         --hear-->  next
 *   2  STEPS          claimant               3
 *   3  STEP           challenger             4
 *   4  VALUES         claimant               5
 *   5  NODE           challenger             6 (L = 16, 8), 10 (L = 0)      EXPRESS: 10
 *   6  SLAB           claimant               7
 *   7  NODE           challenger             8 (L = 16), 10 (L = 8)
 *   8  SLAB           claimant               9
 *   9  NODE           challenger             10
 *   10 LEAF           claimant               11
 *   11 CASE           challenger             12 (K > 512), 14, decided: nothing to deny
 *   12 CHUNK          claimant               13
 *   13 OPERANDS       challenger             14, decided: nothing to deny
 *   14 OPERAND        claimant               15
 *   15 PROOF          challenger             decided: proof
 *   any                                      --dispute_expire, tick > deadline--> decided: clock
 *
 * 2 and 3 fall away when the interval has one step. A move that fails a check is no move: nothing changes, the clock
 * runs (P1.4). Uses: moves, referee, crypto/merkle, tape/record. */
#ifndef DISPUTE_DISPUTE_H
#define DISPUTE_DISPUTE_H
#include "dispute/moves/move.h"
#include "dispute/referee/referee.h"

enum dispute_seat { DISPUTE_CHALLENGER = 0, DISPUTE_CLAIMANT = 1 };
enum { DISPUTE_DECIDED = 16 }; /* `awaits` of a game that is over */
enum { DISPUTE_TAPES_MAX = 8, DISPUTE_DATA_MAX = 255 };
enum { DISPUTE_WINDOW_TICKS = 120, DISPUTE_SLACK_TICKS = 1800 }; /* P3: where a genesis says nothing else */

struct dispute_tape {
  uint8_t root[MERKLE_BYTES];
  uint32_t records, temp_leaves;
  uint32_t values_ticks; /* added to the clock of VALUES and of the first NODE: 4 x one materialised step (P3.1) */
};

struct dispute_data {
  uint8_t root[MERKLE_BYTES];
  uint32_t leaves; /* 0: the job has no tensor of this number */
};

/* What both sides and the chain know before the game: the same in every call of one dispute. */
struct dispute_frame {
  struct move_challenge target;
  uint8_t start_root[MERKLE_BYTES], end_root[MERKLE_BYTES]; /* S_0 and S_S */
  uint32_t first_step;                                      /* number in the job of the interval's first step */
  uint16_t steps;                                           /* S, 1..256 */
  uint64_t seed;
  uint32_t state_leaves;
  uint8_t tapes;
  struct dispute_tape tape[DISPUTE_TAPES_MAX];
  uint8_t step_tape[MOVE_STEPS_MAX]; /* tape of step j = 1.. at j - 1 */
  uint8_t data_count;                /* tensors 0 .. data_count - 1 */
  struct dispute_data data[DISPUTE_DATA_MAX];
  uint32_t window_ticks, slack_ticks, steps_ticks; /* P3.1, P3.2; steps_ticks: added to the clock of STEPS */
};

/* dispute_frame_check says whether a frame from elsewhere is within its bounds (steps, tapes named, leaves within
 * TAPE 1.3, records within TAPE 4.8, clocks below 2^31). */
bool dispute_frame_check(const struct dispute_frame *f, struct why *why);

enum dispute_reason { DISPUTE_BY_PROOF = 1, DISPUTE_NOTHING_TO_DENY = 2, DISPUTE_BY_CLOCK = 3 };

struct dispute_verdict {
  uint8_t loser;   /* enum dispute_seat */
  uint8_t reason;  /* enum dispute_reason */
  uint8_t awaited; /* BY_CLOCK: number of the move that did not come; else 0 */
  /* What was pinned down; a game that ended by the clock knows as much as the moves before said: */
  bool has_step, has_leaf, has_element;
  uint16_t j;    /* step of the interval, 1.. */
  uint32_t step; /* the same in the job */
  uint8_t space; /* TAPE_TEMP or TAPE_OUT */
  uint32_t leaf;
  uint16_t record;                /* has_element: from 1, leaf of the tape's tree */
  bool padding;                   /* the element lies behind the value's end, where all bytes are 0 */
  uint64_t element;               /* of the record's value, row-major */
  uint32_t committed, recomputed; /* bits, as stored: the claimant's, the rule's */
  /* BY_PROOF: the operand word that the claimant denied and the challenger proved */
  struct referee_operand operand;
  uint32_t word;
};

struct dispute {
  uint8_t awaits;          /* number of the next move, or DISPUTE_DECIDED */
  uint8_t moves;           /* made, the challenge included; recalled answers are none */
  uint32_t bytes;          /* of their payloads */
  uint64_t turn_tick;      /* when the side to move got its turn */
  uint32_t slack_ticks[2]; /* left, by seat */
  uint16_t j;              /* step named, 0: none yet */
  uint8_t before[MERKLE_BYTES], after[MERKLE_BYTES], values[MERKLE_BYTES]; /* S_(j-1), S_j, V */
  /* The named node: level, index, hash. path[l], from `level` up, is the sibling of its ancestor at level l. */
  uint8_t space;
  uint32_t level, node;
  uint8_t node_hash[MERKLE_BYTES];
  uint8_t path[MOVE_TREE_HEIGHT_MAX][MERKLE_BYTES];
  /* The claimant's last word: STEPS, then nodes of V and of S_j side by side, then a slab, then the leaf. */
  uint8_t shown[MOVE_TOP_NODES_MAX * 2 * MERKLE_BYTES];
  /* The case */
  uint16_t element, record, record_length;
  uint8_t record_bytes[TAPE_RECORD_BYTES_MAX];
  uint64_t index;                 /* of the element in the record's value */
  uint32_t committed, recomputed; /* y, y' */
  uint16_t chunk;                 /* named by CHUNK; 0 for a record of one chunk */
  uint32_t posted_count;
  uint8_t posted[4 * MOVE_WORDS_MAX]; /* chunk results, then operand words */
  uint16_t word;                      /* denied by OPERAND */
  struct referee_operand operand;     /* where it was read */
  struct dispute_verdict verdict;     /* awaits == DISPUTE_DECIDED */
};

enum dispute_status {
  DISPUTE_HEARD,   /* the game moved on, maybe to its verdict */
  DISPUTE_REFUSED, /* not a move: nothing changed; why */
  DISPUTE_LATE,    /* the mover's clock had run out: the verdict is in */
  DISPUTE_OVER     /* decided before */
};

/* dispute_open starts a game with its first move, a CHALLENGE of the frame's target: HEARD or REFUSED. The frame passed
 * dispute_frame_check. */
enum dispute_status dispute_open(struct dispute *d, const struct dispute_frame *f, const struct move *challenge,
                                 uint64_t tick, struct why *why);

/* dispute_hear takes the next move at a tick (never smaller than the last one). Who sent it is for the caller to check:
 * dispute_turn says who may. Cost: at most a millisecond. */
enum dispute_status dispute_hear(struct dispute *d, const struct dispute_frame *f, const struct move *m, uint64_t tick,
                                 struct why *why);

/* dispute_recall is dispute_hear for an answer of the claimant that another dispute has stored (STEPS, VALUES): no move
 * is made, and none that was there already takes time; where this dispute waited for it, its claimant's slack pays as
 * for a move (P3.3). It decides nothing: whoever recalls asks dispute_expire first. VALUES are recalled by claim and j:
 * nothing but the claimant's word binds V to the step, and steps that end in one root may have different values. */
enum dispute_status dispute_recall(struct dispute *d, const struct dispute_frame *f, const struct move *m,
                                   uint64_t tick, struct why *why);

/* dispute_turn: the seat to move; of a decided game the loser's. dispute_deadline: the last tick at which its move
 * counts. dispute_expire decides a game whose deadline lies before `tick` and returns whether it is decided. */
enum dispute_seat dispute_turn(const struct dispute *d);
uint64_t dispute_deadline(const struct dispute *d, const struct dispute_frame *f);
bool dispute_expire(struct dispute *d, const struct dispute_frame *f, uint64_t tick);

/* dispute_check asserts the invariants of P6 that one state shows; called after each call by tests and players. */
void dispute_check(const struct dispute *d, const struct dispute_frame *f);

/* What the frame says of the step in dispute: its tape; heights and leaves of the trees. number: of a data tensor.
 * Leaves are 0 for what the job does not have. */
const struct dispute_tape *dispute_tape_now(const struct dispute *d, const struct dispute_frame *f);
uint32_t dispute_leaves(const struct dispute *d, const struct dispute_frame *f, uint8_t space, uint8_t number);
uint32_t dispute_height(const struct dispute *d, const struct dispute_frame *f, uint8_t space, uint8_t number);

/* dispute_record decodes the record of the case; false before there is one. */
bool dispute_record(const struct dispute *d, struct tape_record *out);

#endif
