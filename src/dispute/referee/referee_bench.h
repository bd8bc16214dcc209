/* referee_bench: what the dearest legal message of each kind costs whoever hears it. PROTOCOL P2, P3.
 *
 * A chain pays this for every move it takes, so each stays below a millisecond. The states are made, not played: a game
 * that awaits the move, and the move that asks for the most work. Clocks: for the command line only. Uses: dispute. */
#ifndef DISPUTE_REFEREE_REFEREE_BENCH_H
#define DISPUTE_REFEREE_REFEREE_BENCH_H
#include <stdbool.h>
#include <stdio.h>

enum { REFEREE_BENCH_BOUND_US = 1000, REFEREE_BENCH_REPETITIONS = 200 };

/* referee_bench prints a line for each message: microseconds of the thread's CPU time, median and largest of 200, and
 * the bound. only: messages whose name contains this, NULL all. Returns 0; 1 if a median is above the bound; 2 if no
 * message is left. */
int referee_bench(const char *only, bool json, FILE *out);

#endif
