#include "agent/odds.h"

#include <math.h>
#include <string.h>

#include "ledger/audit/audit.h"

enum { SETS = 400, SHUFFLES = 4 };

/* Given a draw set of `size` of which `wrong` are wrong: a seat that draws `draws` of them misses. */
static double misses(uint32_t size, uint32_t wrong, uint32_t draws) {
  double chance = 1;
  for (uint32_t k = 0; k < draws && k < size; k++)
    chance *= wrong + k >= size ? 0 : (double)(size - wrong - k) / (size - k);
  return chance;
}

/* LEDGER 13.3: one seat misses with (1-alpha)(1-h) + alpha((1-h) + h(1-q)), given the set all n with that to the n. */
static double all_miss(const struct odds_audit *a, double miss) {
  double seat = (1 - a->cartel) * miss + a->cartel * (miss + (1 - miss) * (1 - a->watched));
  return pow(seat, a->seats) * (a->own ? miss : 1);
}

struct sums {
  double random, run, second;
};

/* A set is as likely as each of its rotations, so a pattern is tried at every place. */
static double over_places(const struct odds_audit *a, const bool *in, uint32_t size, const bool *wrong) {
  double sum = 0;
  for (uint32_t turn = 0; turn < a->intervals; turn++) {
    uint32_t hit = 0;
    for (uint32_t i = 0; i < a->intervals; i++) hit += wrong[i] && in[(i + turn) % a->intervals];
    sum += all_miss(a, misses(size, hit, a->draws));
  }
  return sum / a->intervals;
}

/* Any `wrong` of them: by a small generator whose seed is the set's number. */
static void choose(uint32_t n, uint16_t wrong, uint64_t *seed, bool *out) {
  memset(out, 0, TRACE_INTERVALS_MAX * sizeof *out);
  for (uint32_t left = n, want = wrong, i = 0; i < n; i++, left--) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    out[i] = (*seed >> 33) % left < want;
    want -= out[i];
  }
}

static void add_set(const struct odds_audit *a, uint16_t wrong, const bool *in, uint32_t size, uint64_t seed,
                    struct sums *sums) {
  bool run[TRACE_INTERVALS_MAX] = {false}, second[TRACE_INTERVALS_MAX] = {false}, any[TRACE_INTERVALS_MAX];
  for (uint32_t i = 0; i < wrong; i++) {
    run[i] = true;
    uint32_t at = 2 * i < a->intervals ? 2 * i : 2 * i - a->intervals + (a->intervals % 2 == 0);
    second[at] = true; /* evens, then odds */
  }
  sums->run += over_places(a, in, size, run);
  sums->second += over_places(a, in, size, second);
  for (int k = 0; k < SHUFFLES; k++) {
    choose(a->intervals, wrong, &seed, any);
    sums->random += over_places(a, in, size, any) / SHUFFLES;
  }
}

double odds_unseen(const struct odds_audit *a, uint16_t wrong) {
  if (a->full) return all_miss(a, 0);
  struct task_record t = {.attempt = 1, .intervals_run = a->intervals};
  struct sums sums = {0};
  for (uint32_t s = 0; s < SETS; s++) {
    uint8_t beacon[32] = {(uint8_t)s, (uint8_t)(s >> 8)};
    uint16_t set[TRACE_INTERVALS_MAX];
    bool in[TRACE_INTERVALS_MAX] = {false};
    uint16_t size = audit_draw_set(&t, beacon, set);
    for (uint16_t i = 0; i < size; i++) in[set[i] - 1] = true;
    add_set(a, wrong, in, size, s, &sums);
  }
  return fmax(sums.random, fmax(sums.run, sums.second)) / SETS;
}

/* (1 - P(x))(F + (1 - r) B_s) over x C. */
static double margin(const struct odds_audit *a, uint16_t wrong, double fee, double cost, double bond) {
  return (1 - odds_unseen(a, wrong)) * (fee + bond) / (cost * wrong / a->intervals);
}

double odds_margin(const struct odds_audit *a, double fee, double cost, double bond) {
  static const uint32_t tenths[] = {1, 2, 5, 10};
  double least = margin(a, 1, fee, cost, bond);
  for (int i = 0; i < 4; i++) {
    uint16_t wrong = (uint16_t)((a->intervals * tenths[i] + 5) / 10);
    if (wrong) least = fmin(least, margin(a, wrong, fee, cost, bond));
  }
  return least;
}

double odds_margin_cartel(const struct odds_audit *a, double fee, double cost, double bond) {
  struct odds_audit half = *a;
  half.cartel = 0.5;
  half.own = false;
  return (1 - all_miss(&half, 0)) * (fee + bond) / cost;
}
