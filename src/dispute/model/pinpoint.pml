/* pinpoint: the game of PROTOCOL part P for small sizes, both seats, for spin. check.py runs it.
 *
 *   -DSEAT=0  an honest challenger against any claimant; the end root is not what the job gives
 *   -DSEAT=1  an honest claimant against any challenger
 *   -DSTEPS=1..3  -DLEAVES=3,4  leaves of V     -DTEMP_L=0,1,2  -DOUT_L=0,1  slab rounds for V and for S_j (P1.2)
 *   -DSTARTS=1..16  so many start states are tried     -DBROKEN=n  leaves one rule out: see check.py, all must fail
 *
 * What is shown: whoever is honest never loses, in any run (verdict()); every run ends in a verdict (no invalid end
 * state, and with -DNP no cycle); P6.1 to P6.5 hold after every move (check(), verdict()).
 *
 * As in the protocol: moves 2 to 15 with the numbers that fall away, EXPRESS, absent nodes, padding behind a value's
 * end, chunks of a record, index words that say where the next word is read, words out of range, clocks. `hear`
 * accepts a message or refuses it, and is written from the table in P2; the players are P4.
 *
 * What is smaller: an element is one bit, a leaf two elements, a slab one level instead of eight, so that L counts slab
 * rounds; S_j has two leaves, a data tensor one; a chunk has two words; no record has more than two chunks. The tape:
 *
 *   record  value          words of element i                    result
 *   1       temp leaf 0    in[i], data[that + i]                 the second; one chunk; data[2] is out of range
 *   2       temp leaf 1    c: temp[c], in[2 * that + 1 + c]      xor of both, and of both chunks; in[4] is out of
 *                                                                range; one element, so half the leaf is padding
 *   3       temp leaf 2..  none                                  step + i: nothing to deny; its last leaf may be padded
 *   4       out leaf 0     temp[2], in[i]                        xor
 *   5       out leaf 1     0: temp[4 + i], data[i]; 1: none      and; chunk 1 is all out of range; xor of both
 *
 * What is abstracted: a hash is a term, so no two things have the same one. A leaf's hash is its two bits; a pair of
 * hashes joins to one number; of each height there is one more term, a hash that nothing hashes to. One is enough: it
 * is only ever compared with an honest hash, and no honest tree contains it. Left out because injective terms leave
 * nothing of them: CHALLENGE against the frame, the record's path under the tape root, exact lengths.
 *
 * A liar's message is any that could pass, and enough of those that cannot so that a rule left out lets a bad one
 * through. A refused message changes nothing and time passes, just as in silence; so both are one step here. A
 * recalled answer (P3.3) is one that comes at once. The honest side moves within its window: that it can is P3.1.
 *
 * terms.pml: trees and their hashes. tape.pml: records, words, elements. referee.pml: the rules. players.pml: who plays
 * by them or not. */

#ifndef SEAT
#define SEAT 0
#endif
#ifndef STEPS
#define STEPS 1
#endif
#ifndef LEAVES
#define LEAVES 3
#endif
#ifndef TEMP_L
#define TEMP_L 0
#endif
#ifndef OUT_L
#define OUT_L 0
#endif
#ifndef STARTS
#define STARTS 16
#endif
#ifndef BROKEN
#define BROKEN 0
#endif
#define WINDOW 1
#define SLACK 1

#define HONEST SEAT
#define LIAR (1 - SEAT)
#define CHALLENGER 0
#define CLAIMANT 1
#define TEMP 0
#define OUT 1
#define IN 2
#define DATA 3
#define DECIDED 16
#define BY_PROOF 1
#define NOTHING_TO_DENY 2
#define BY_CLOCK 3

#include "terms.pml"

/* What everybody knows: the frame. */
byte start, data;       /* bits of S_0 and of the data tensor */
short end_root;
/* What has been said and still matters: the fields of struct dispute. */
byte awaits, elapsed, slack[2];
short roots[STEPS + 1]; /* until a step is named */
byte j;
short before, after, values;
byte space, level, node;
short node_hash, path[2];
short shown[6];         /* temp nodes in 0..3, out nodes in 4..5; then a slab in 0..1 */
byte leaf, element, record, index, results[2], chunk, words[2], word;
byte committed, recomputed;
bool padding;
byte loser, reason;
/* What the honest side has. */
byte own_state[STEPS + 1], own_before, own_temp[4], own_out[2];
/* The message, and what a step of the game works with: 0 between steps. */
short m_root, m_row[6];
byte m_space, m_index, m_record, m_words[2], m_leaf;
bool m_express, ok, silent;
byte i, n, at_space, at_index, w[2], x[2], count, result;
bool at_range;

#include "tape.pml"
#include "referee.pml"
#include "players.pml"

inline forget_shown() {
  shown[0] = 0; shown[1] = 0; shown[2] = 0; shown[3] = 0; shown[4] = 0; shown[5] = 0
}

/* After each move: what is not read again makes no two states out of one. So end_root,
 * roots and after go, too. */
inline forget() {
  d_step {
    if
    :: awaits == DECIDED ->
       start = 0; data = 0; slack[0] = 0; slack[1] = 0; elapsed = 0; j = 0;
       before = 0; after = 0; values = 0;
       space = 0; level = 0; node = 0; node_hash = 0; path[0] = 0; path[1] = 0; forget_shown();
       leaf = 0; element = 0; record = 0; index = 0; results[0] = 0; results[1] = 0; chunk = 0;
       words[0] = 0; words[1] = 0; word = 0; committed = 0; recomputed = 0; padding = false;
       own_before = 0; own_temp[0] = 0; own_temp[1] = 0; own_temp[2] = 0; own_temp[3] = 0;
       own_out[0] = 0; own_out[1] = 0; i = 0;
       do :: i > STEPS -> break :: else -> roots[i] = 0; own_state[i] = 0; i++ od
    :: else
    fi;
    m_root = 0; m_row[0] = 0; m_row[1] = 0; m_row[2] = 0; m_row[3] = 0; m_row[4] = 0; m_row[5] = 0;
    m_space = 0; m_index = 0; m_record = 0; m_words[0] = 0; m_words[1] = 0; m_leaf = 0; m_express = false;
    ok = false; silent = false; i = 0;
    scratch()
  }
}

inline open() {
  select(i : 0 .. STARTS - 1);
  start = (5 * i + 6) % 16;
  select(data : 1 .. 2);
  slack[0] = SLACK; slack[1] = SLACK; /* spin lets no loop end in front of a d_step */
  d_step {
    own_state[0] = start;
    do
    :: j == STEPS -> break
    :: else -> own_before = own_state[j]; j++; materialise(); own_state[j] = own_out[0] + 4 * own_out[1]
    od;
    own_temp[0] = 0; own_temp[1] = 0; own_temp[2] = 0; own_temp[3] = 0; own_out[0] = 0; own_out[1] = 0; own_before = 0;
    j = 0; i = 0;
    roots[0] = STATE_ROOT(start)
  };
#if SEAT == CHALLENGER
  select(m_index : 0 .. PAIR_TERMS - 1);
  end_root = (m_index == STATE_ROOT(own_state[STEPS]) -> 36 : m_index);
#else
  end_root = STATE_ROOT(own_state[STEPS]);
#endif
#if STEPS == 1
  d_step { j = 1; before = roots[0]; after = end_root; roots[0] = 0; own_before = own_state[0]; materialise() };
  end_root = 0;
  awaits = 4;
#else
  awaits = 2;
#endif
  forget()
}

/* What a run came to. spin lists the lines that no run reached, and check.py knows which must not be among them. */
inline mark() {
  if
  :: awaits == DECIDED && reason == BY_PROOF && space == TEMP -> printf("reached: proof in temp\n")
  :: awaits == DECIDED && reason == BY_PROOF && space == OUT -> printf("reached: proof in out\n")
  :: awaits == DECIDED && reason == NOTHING_TO_DENY && padding -> printf("reached: nothing behind the end\n")
  :: awaits == DECIDED && reason == NOTHING_TO_DENY && record == 3 && !padding -> printf("reached: nothing in a case\n")
  :: awaits == DECIDED && reason == NOTHING_TO_DENY && record == 5 -> printf("reached: nothing in operands\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 2 -> printf("reached: silence at 2\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 3 -> printf("reached: silence at 3\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 4 -> printf("reached: silence at 4\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 5 -> printf("reached: silence at 5\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 6 -> printf("reached: silence at 6\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 7 -> printf("reached: silence at 7\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 8 -> printf("reached: silence at 8\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 9 -> printf("reached: silence at 9\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 10 -> printf("reached: silence at 10\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 11 -> printf("reached: silence at 11\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 12 -> printf("reached: silence at 12\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 13 -> printf("reached: silence at 13\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 14 -> printf("reached: silence at 14\n")
  :: awaits == DECIDED && reason == BY_CLOCK && number == 15 -> printf("reached: silence at 15\n")
  :: number == 5 && awaits == 10 && m_express && space == TEMP -> printf("reached: express in temp\n")
  :: number == 5 && awaits == 10 && m_express && space == OUT -> printf("reached: express in out\n")
  :: number == 12 && awaits == 13 && chunk == 0 -> printf("reached: chunk 0\n")
  :: number == 12 && awaits == 13 && chunk == 1 -> printf("reached: chunk 1\n")
  :: number == 14 && awaits == 15 && word == INDEX -> printf("reached: first word\n")
  :: number == 14 && awaits == 15 && word == FOUND -> printf("reached: second word\n")
  :: else
  fi
}

active proctype pinpoint() {
  byte turn, number;
  atomic { open() };
  do
  :: awaits == DECIDED -> break
  :: else ->
     atomic {
       turn = TURN; number = awaits;
       if
       :: turn == HONEST ->
#if SEAT == CHALLENGER
          honest_challenger();
#else
          honest_claimant();
#endif
          if
          :: silent -> elapsed = WINDOW + slack[turn]; tick()
          :: else -> hear(); if :: ok :: else -> elapsed = WINDOW + slack[turn]; tick() fi
          fi
       :: turn == LIAR -> tick()
       :: turn == LIAR ->
#if SEAT == CHALLENGER
          any_claimant();
#else
          any_challenger();
#endif
          hear();
          if :: ok :: else -> tick() fi
       fi;
       if
       :: awaits == 4 && turn == CHALLENGER ->
          d_step { own_before = own_state[j - 1]; materialise() }
       :: else
       fi;
#if BROKEN == 0
       check(); /* so that the self-test has to show a defeat */
#endif
       mark();
       turn = 0; number = 0;
       forget()
     }
  od
}
