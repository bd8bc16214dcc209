/* dispute_campaign: random worlds, random lies, random seats; the honest side has to win every dispute, also
 * those in which a byte of one of the liar's moves is another.
 *
 *   dispute_campaign worlds [--count N] [--seed S]
 *
 * World n is drawn from seed S + n alone, so that a lost one is played again with --count 1 --seed of what was printed.
 * Exit status 1 at the first dispute that the honest side loses. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispute/world/drawn.h"
#include "dispute/world/duel.h"

enum { DUELS_A_WORLD = 4, LIES_MOST = 4, CHANGES_A_MOVE = 4 };

static struct {
  uint64_t worlds, changes, accepted, by_outcome[3], by_reason[4], moves_most, bytes_most;
  volatile uint64_t seed; /* of the world that is played */
} tally;

/* An assertion names its line; whoever looks for the reason needs the world too. */
static void say_world(int signal_number) {
  (void)signal_number;
  fprintf(stderr, "in the world of seed %" PRIu64 "\n", tally.seed);
}

/* A dispute in which some of the liar's moves are changed at random, each played to its end beside the real game. */
struct changing {
  struct play play;
  enum dispute_seat liar;
  uint64_t seed;
  bool lost;
};

static void change(struct changing *c, struct move *m) {
  uint64_t x = example_next(&c->seed) >> 8;
  uint32_t field = (uint32_t)(x >> 8 & 3), at = (uint32_t)(x >> 10) % (m->length ? m->length : 1);
  if (field == 0 && m->length > 8) at %= 8;
  if (field == 1 && m->length > 600) at = m->length - 1 - at % 600;
  m->payload[at] = (uint8_t)(x & 1 ? m->payload[at] ^ 1u << (x >> 5 & 7) : x >> 32);
}

static void offer(void *context, const struct dispute *d, const struct move *m, uint64_t tick) {
  struct changing *c = context;
  if (dispute_turn(d) != c->liar) return;
  for (uint32_t i = 0; i < CHANGES_A_MOVE; i++) {
    static struct dispute other; /* compared as bytes */
    static struct move changed;
    struct play_result result;
    struct play p = c->play;
    changed = *m;
    memcpy(&other, d, sizeof other);
    change(c, &changed);
    tally.changes++;
    if (dispute_hear(&other, p.frame, &changed, tick, NULL) != DISPUTE_HEARD) {
      c->lost |= memcmp(&other, d, sizeof other) != 0;
      continue;
    }
    tally.accepted++;
    p.offer = NULL;
    play_on(&p, &other, tick, &result);
    c->lost |= result.verdict.loser != c->liar;
    if (c->lost) fprintf(stderr, "move %u, changed\n", m->number);
  }
}

static enum duel_outcome play_changed(const struct duel *d, uint64_t seed, struct play_result *result) {
  struct dispute_frame frame;
  struct changing c = {.liar = d->seat, .seed = seed};
  if (!duel_prepare(d, &frame, &c.play)) return DUEL_CANCELLED;
  struct play p = c.play;
  p.offer = offer;
  p.context = &c;
  play_whole(&p, result);
  return result->verdict.loser == d->seat && !c.lost ? DUEL_WON : DUEL_LOST;
}

static bool play_duel(const struct duel *d, uint64_t seed) {
  struct play_result result;
  enum duel_outcome outcome = play_changed(d, seed, &result);
  tally.by_outcome[outcome]++;
  if (outcome == DUEL_CANCELLED) return true;
  tally.by_reason[result.verdict.reason]++;
  if (result.moves > tally.moves_most) tally.moves_most = result.moves;
  if (result.bytes > tally.bytes_most) tally.bytes_most = result.bytes;
  if (outcome == DUEL_WON && result.moves <= MOVE_NUMBER_MAX && result.bytes <= 62 << 10) return true;
  fprintf(stderr, "seed %" PRIu64 ": the honest %s loses, reason %u, at move %u, after %u moves and %u bytes\n",
          tally.seed, d->seat == DISPUTE_CLAIMANT ? "challenger" : "claimant", result.verdict.reason,
          result.verdict.awaited, result.moves, result.bytes);
  for (uint32_t i = 0; i < d->liar->lies; i++) {
    char text[200];
    lie_text(&d->liar->lie[i], text, sizeof text);
    fprintf(stderr, "  lie: %s\n", text);
  }
  return false;
}

static bool play_world(uint64_t seed) {
  static struct built_tape tape[2];
  const struct tape *const tapes[2] = {&tape[0].tape, &tape[1].tape};
  struct world w;
  struct party honest, liar;
  bool won = true;
  tally.seed = seed;
  drawn_tape(&tape[0], &seed);
  uint8_t count = example_next(&seed) % 3 ? 1 : 2;
  if (count == 2) drawn_sibling(&tape[1], &tape[0], &seed);
  uint16_t steps = (uint16_t)(1 + example_next(&seed) % 5); /* before the seed, by whatever compiler */
  world_open(&w, tapes, count, steps, example_next(&seed));
  party_open(&honest, &w, NULL);
  party_open(&liar, &w, &honest);
  for (uint32_t i = 0; i < DUELS_A_WORLD && won; i++) {
    struct lie lies[LIES_MOST];
    uint32_t lies_count = drawn_lies(&w, lies, LIES_MOST, &seed);
    uint64_t coins = example_next(&seed) >> 40;
    if (coins & 16 && lies_count < LIES_MOST) /* beside lies that may show nowhere, one that does */
      lies[lies_count++] =
          (struct lie){.kind = LIE_BYTE, .space = TAPE_OUT, .j = lies[0].j, .offset = 1, .mask = 1, .follow = true};
    party_lie(&liar, lies, lies_count);
    struct duel d = {.honest = &honest, .liar = &liar};
    d.seat = coins & 1 ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER;
    d.express = coins & 2;
    d.gives_in = (coins & 12) == 0;
    won = play_duel(&d, coins);
  }
  party_shut(&liar);
  party_shut(&honest);
  world_shut(&w);
  tally.worlds++;
  return won;
}

static void report(void) {
  printf("%" PRIu64 " worlds: %" PRIu64 " disputes won, %" PRIu64 " lost, %" PRIu64 " lies that cancelled; %" PRIu64
         " by proof, %" PRIu64 " with nothing to deny, %" PRIu64 " by the clock; at most %" PRIu64 " moves, %" PRIu64
         " bytes; %" PRIu64 " changed moves, %" PRIu64 " of them accepted\n",
         tally.worlds, tally.by_outcome[DUEL_WON], tally.by_outcome[DUEL_LOST], tally.by_outcome[DUEL_CANCELLED],
         tally.by_reason[DISPUTE_BY_PROOF], tally.by_reason[DISPUTE_NOTHING_TO_DENY], tally.by_reason[DISPUTE_BY_CLOCK],
         tally.moves_most, tally.bytes_most, tally.changes, tally.accepted);
  fflush(stdout);
}

static bool number(const char *text, uint64_t *out) {
  char *end;
  errno = 0;
  unsigned long long x = strtoull(text, &end, 10);
  if (errno || *end || end == text || text[0] == '-') return false;
  *out = x;
  return true;
}

int main(int argc, char **argv) {
  uint64_t count = 1000, seed = 1;
  bool understood = argc >= 2 && argc % 2 == 0 && strcmp(argv[1], "worlds") == 0;
  for (int i = 2; understood && i + 1 < argc; i += 2)
    understood = strcmp(argv[i], "--count") == 0  ? number(argv[i + 1], &count)
                 : strcmp(argv[i], "--seed") == 0 ? number(argv[i + 1], &seed)
                                                  : false;
  if (!understood) {
    fprintf(stderr, "usage: dispute_campaign worlds [--count N] [--seed S]\n");
    return 2;
  }
  signal(SIGABRT, say_world);
  for (uint64_t n = 0; n < count; n++) {
    bool won = play_world(seed + n);
    if (!won || (n + 1) % 10000 == 0 || n + 1 == count) report();
    if (!won) return 1;
  }
  return 0;
}
