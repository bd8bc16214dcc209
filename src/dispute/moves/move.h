/* move: one message of a dispute: its number, its kind, its payload, and the one encoding of each. PROTOCOL P2.
 *
 * Payloads come from a stranger. Every move_take_* wants the exact length, reads fields within their bounds and lends
 * pointers into the move; what needs the game (does it hash up to that root?) is for dispute.h. Integers and bytes
 * only, no memory. Uses: base, crypto/merkle, tape/record. */
#ifndef DISPUTE_MOVE_H
#define DISPUTE_MOVE_H
#include "base/why.h"
#include "crypto/merkle.h"
#include "tape/record/record.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of PROTOCOL P2: a move's row in the table. Those that a game does not need fall away; they only rise. */
enum move_number {
  MOVE_OPEN = 1, /* challenger: CHALLENGE */
  MOVE_2 = 2,    /* claimant: STEPS */
  MOVE_3 = 3,    /* challenger: STEP */
  MOVE_4 = 4,    /* claimant: VALUES */
  MOVE_5 = 5,    /* challenger: NODE or EXPRESS */
  MOVE_6 = 6,    /* claimant: SLAB */
  MOVE_7 = 7,    /* challenger: NODE */
  MOVE_8 = 8,    /* claimant: SLAB */
  MOVE_9 = 9,    /* challenger: NODE */
  MOVE_10 = 10,  /* claimant: LEAF */
  MOVE_11 = 11,  /* challenger: CASE */
  MOVE_12 = 12,  /* claimant: CHUNK */
  MOVE_13 = 13,  /* challenger: OPERANDS */
  MOVE_14 = 14,  /* claimant: OPERAND */
  MOVE_15 = 15,  /* challenger: PROOF */
  MOVE_NUMBER_MAX = 15
};

/* Numbered by hand: they reach the wire. */
enum move_kind {
  MOVE_CHALLENGE = 1,
  MOVE_STEPS = 2,
  MOVE_STEP = 3,
  MOVE_VALUES = 4,
  MOVE_NODE = 5,
  MOVE_SLAB = 6,
  MOVE_LEAF = 7,
  MOVE_CASE = 8,
  MOVE_CHUNK = 9,
  MOVE_OPERANDS = 10,
  MOVE_OPERAND = 11,
  MOVE_PROOF = 12,
  MOVE_EXPRESS = 13,
  MOVE_KINDS_MAX = 13
};

enum {
  MOVE_STEPS_MAX = 256,         /* of an interval */
  MOVE_SLAB_NODES = 256,        /* eight levels */
  MOVE_TOP_NODES_MAX = 128,     /* nodes at level L(h), P1.2 */
  MOVE_TREE_HEIGHT_MAX = 23,    /* TAPE 1.3: 2^23 leaves */
  MOVE_TAPE_HEIGHT_MAX = 14,    /* TAPE 4.8 */
  MOVE_RESULTS_MAX = 2048,      /* chunks of K <= 2^20 */
  MOVE_WORDS_MAX = 4 + 4 * 512, /* fold: 4 operands that stay and 4 that walk over a chunk */
  MOVE_CHALLENGE_BYTES = 40,
  MOVE_CASE_BYTES_MAX = 2 + 2 + 2 + TAPE_RECORD_BYTES_MAX + MOVE_TAPE_HEIGHT_MAX * MERKLE_BYTES + 4 * MOVE_WORDS_MAX,
  MOVE_PAYLOAD_MAX = MOVE_CASE_BYTES_MAX, /* 10,710: the longest of all */
  MOVE_HEAD_BYTES = 4,
  MOVE_BYTES_MAX = MOVE_HEAD_BYTES + MOVE_PAYLOAD_MAX
};

struct move {
  uint8_t number, kind;
  uint16_t length;
  uint8_t payload[MOVE_PAYLOAD_MAX];
};

/* A move on the wire: number u8 | kind u8 | length u16 | payload. move_encode returns its length, 0 if it does not fit
 * or a field is out of its bounds; move_decode takes exactly one move of `length` bytes: false for a number
 * outside 1..15, a kind that this number does not have, a payload longer or shorter than the kind allows, bytes left
 * over. */
size_t move_encode(const struct move *m, uint8_t *bytes, size_t bytes_max);
bool move_decode(const uint8_t *bytes, size_t length, struct move *out, struct why *why);

/* move_kind_name: "STEPS". move_by_claimant: who makes the move of this number. */
const char *move_kind_name(uint8_t kind);
bool move_by_claimant(uint8_t number);

/* L(h) of P1.2: the level at which a tree of height h is shown first: 16, 8 or 0. */
uint32_t move_top_level(uint32_t height);

/* What a challenge is against: interval 1.. of a task of a job, or, with `inner` s >= 1, the state that somebody claims
 * after the first s steps of it. P1.1 */
struct move_challenge {
  uint8_t job_root[MERKLE_BYTES];
  uint32_t task;
  uint16_t interval, inner;
};

struct move_values {
  const uint8_t *root; /* V */
  const uint8_t *temp_nodes, *out_nodes;
  uint32_t temp_count, out_count; /* 2^(h - L(h)) */
};

struct move_node {
  uint8_t space; /* move 5 only: TAPE_TEMP or TAPE_OUT; else as it was */
  uint32_t index;
};

struct move_express {
  uint8_t space;
  uint32_t leaf;
  const uint8_t *hash, *path; /* height hashes, leaf upwards */
};

/* After the path: 4-byte words. Chunk results for K > 512, else operand words, and nothing for a padding element. */
struct move_case {
  uint16_t element, record; /* element in the leaf; record is its leaf in the tape tree, from 1 */
  const uint8_t *record_bytes;
  uint16_t record_length;
  const uint8_t *path;
  const uint8_t *words;
  uint32_t words_count;
};

struct move_proof {
  const uint8_t *leaf, *path;
};

/* move_take_*: false if the length is not exactly that of the kind. Heights and counts that the payload's length
 * depends on come from the caller, who knows them from tape, layout or job, never from the move. */
bool move_take_challenge(const struct move *m, struct move_challenge *out);
bool move_take_steps(const struct move *m, uint16_t steps, const uint8_t **roots);
bool move_take_step(const struct move *m, uint16_t *j);
bool move_take_values(const struct move *m, uint32_t temp_height, uint32_t out_height, struct move_values *out);
bool move_take_node(const struct move *m, struct move_node *out);
bool move_take_express(const struct move *m, uint32_t temp_height, uint32_t out_height, struct move_express *out);
bool move_take_slab(const struct move *m, const uint8_t **nodes);
bool move_take_leaf(const struct move *m, const uint8_t **leaf);
bool move_take_case(const struct move *m, uint32_t tape_height, struct move_case *out);
bool move_take_u16(const struct move *m, uint16_t *out);                            /* CHUNK, OPERAND */
bool move_take_words(const struct move *m, const uint8_t **words, uint32_t *count); /* OPERANDS */
bool move_take_proof(const struct move *m, uint32_t height, struct move_proof *out);

/* move_begin empties a move; move_put_* append to its payload. A payload that would grow over its bound is a mistake of
 * ours: assert. */
void move_begin(struct move *m, uint8_t number, uint8_t kind);
void move_put_u8(struct move *m, uint8_t x);
void move_put_u16(struct move *m, uint16_t x);
void move_put_u32(struct move *m, uint32_t x);
void move_put_bytes(struct move *m, const void *bytes, size_t length);

/* Word n of a row of 4-byte words. */
uint32_t move_word(const uint8_t *words, uint32_t n);

#endif
