/* odds: how likely it is that wrong intervals of a task go unseen. LEDGER 13.3, for quotes.
 *
 * The solver knows the rules and picks the pattern of wrong intervals that serves it best; the draw set and what each
 * seat draws from it are the chain's (6.8, 9.4). Draw sets are simulated, SETS of them, always the same ones; the rest
 * is exact: the chance that a seat misses, given the set, and that all do. Floating point: nothing here is consensus.
 * Uses: ledger/audit. */
#ifndef AGENT_ODDS_H
#define AGENT_ODDS_H
#include <stdbool.h>
#include <stdint.h>

struct odds_audit {
  uint16_t intervals, draws; /* N, m'; 1 <= draws <= ceil(N / 3), for full: any */
  uint8_t seats;             /* n */
  bool own, full;            /* own: one more seat that is the submitter's and honest */
  double cartel;             /* alpha: share of seats that say what the solver wants */
  double watched;            /* q: chance that such a seat is caught by a bait; 0 as long as there are none */
};

/* odds_unseen: the chance that `wrong` of the intervals (1 .. N) are wrong and nobody says so, for the worst of these
 * patterns: any at random, a run, every second one. Within about .01 of the truth. Costs a few million hash bytes. */
double odds_unseen(const struct odds_audit *a, uint16_t wrong);

/* odds_margin: row I1 of LEDGER 12.2: how many times what a cheat saves is what it has to fear, for the share of wrong
 * intervals that serves it best; above 1 it does not pay. fee: F; cost: C, what honest work costs the solver; bond: the
 * part (1 - r) B_s that no accomplice of it can get. odds_margin_cartel: row I2, everything wrong, a cartel of half. */
double odds_margin(const struct odds_audit *a, double fee, double cost, double bond);
double odds_margin_cartel(const struct odds_audit *a, double fee, double cost, double bond);

#endif
