/* assay bench ledger: transfers a second through a node of ours, beside CometBFT with the kvstore inside it. */
#include "cli/bench/bench.h"
#include "cli/bench/sides.h"
#include "cli/stop.h"
#include "net/load/load.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Transfers to sign for each second of a run: more than any node takes here. */
enum { RATE_MAX = 40000, WARM_MS = 1000, ROUNDS_MAX = 99, CELLS = 6, SIDES = 3 };
enum side_kind { OURS = 0, PEER_FAST = 1, PEER_DEFAULT = 2 };

static const struct {
  const char *name;
  uint32_t connections, batch;
} cells[CELLS] = {{"8x1", 8, 1},     {"8x10", 8, 10},   {"64x1", 64, 1},
                  {"64x10", 64, 10}, {"200x1", 200, 1}, {"200x10", 200, 10}};

/* The rounds of one cell and side. */
struct rounds {
  double per_second[ROUNDS_MAX], median_ms[ROUNDS_MAX], p99_ms[ROUNDS_MAX], node_us[ROUNDS_MAX], own_us[ROUNDS_MAX];
  uint64_t blocks, committed, full;
};

static struct transfers transfers; /* large */

static enum outcome measure(const struct bench_options *o, uint32_t cell, enum side_kind kind, const char *program,
                            const volatile int *stop, struct load_figures *f, struct why *why) {
  struct side side;
  bool ours = kind == OURS;
  if (ours ? !side_ours(&side, o->folder, &transfers, why)
           : !side_peer(&side, o->folder, program, kind == PEER_FAST, why))
    return OUTCOME_ENVIRONMENT;
  struct load_options load = {.port = side.port,
                              .node = side.process,
                              .connections = cells[cell].connections,
                              .batch = cells[cell].batch,
                              .warm_ms = WARM_MS,
                              .measure_ms = o->seconds * 1000,
                              .stop = stop,
                              .give = ours ? transfers_give : pairs_give,
                              .which = ours ? transfers_which : pairs_which,
                              .context = ours ? &transfers : NULL};
  bool good = load_run(&load, f, why);
  side_stop(&side);
  if (*stop) return OUTCOME_INTERRUPTED;
  if (good && f->ran_out)
    good = (why_set(why, "faster than the transfers that were signed for it: fewer --seconds"), false);
  if (!good) why_before(why, "%s, %s: ", cells[cell].name, ours ? "our node" : "cometbft");
  return good ? OUTCOME_DONE : OUTCOME_ENVIRONMENT;
}

static void keep(struct rounds *r, uint32_t round, const struct load_figures *f) {
  r->per_second[round] = f->per_second;
  r->median_ms[round] = f->median_s * 1e3;
  r->p99_ms[round] = f->p99_s * 1e3;
  r->node_us[round] = f->node_cpu_us;
  r->own_us[round] = f->own_cpu_us;
  r->blocks += f->blocks;
  r->committed += f->committed;
  r->full += f->full;
}

static json_t *side_json(struct rounds *r, double per_second, uint32_t rounds) {
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "per_second", per_second, "finality_median_ms",
                   bench_median(r->median_ms, rounds), "finality_p99_ms", bench_median(r->p99_ms, rounds),
                   "node_cpu_us", bench_median(r->node_us, rounds), "generator_cpu_us", bench_median(r->own_us, rounds),
                   "transactions_a_block", (double)r->committed / (double)r->blocks, "mempool_full",
                   (json_int_t)r->full);
}

/* The line of a cell; returns its ratio, 0 without a peer. */
static double tell(const struct bench_options *o, uint32_t cell, struct rounds *r, bool peer) {
  static const char *const peer_names[SIDES] = {"", "cometbft fast", "cometbft default"};
  double median[SIDES] = {0};
  for (uint32_t k = 0; k < (peer ? SIDES : 1); k++) median[k] = bench_median(r[k].per_second, o->rounds);
  uint32_t best = median[PEER_FAST] >= median[PEER_DEFAULT] ? PEER_FAST : PEER_DEFAULT;
  double ratio = peer ? median[OURS] / median[best] : 0;
  if (o->json) {
    json_t *line = json_pack("{s:s, s:s, s:i, s:i, s:o}", "name", "ledger", "size", cells[cell].name, "connections",
                             (int)cells[cell].connections, "batch", (int)cells[cell].batch, "ours",
                             side_json(&r[OURS], median[OURS], o->rounds));
    if (peer)
      json_object_update_new(line, json_pack("{s:{s:o, s:o}, s:{s:f}}", "peer", "cometbft_fast",
                                             side_json(&r[PEER_FAST], median[PEER_FAST], o->rounds), "cometbft_default",
                                             side_json(&r[PEER_DEFAULT], median[PEER_DEFAULT], o->rounds), "ratio",
                                             "cometbft", ratio));
    else
      json_object_update_new(line, json_pack("{s:s, s:n}", "peer", "skipped", "ratio"));
    output_json(line);
    return ratio;
  }
  printf("ledger %3u connections, %s  %6.0f transfers/s, final after %4.0f ms (99 %%: %4.0f), %3.0f us CPU  ",
         cells[cell].connections, cells[cell].batch == 1 ? "singles      " : "batches of 10", median[OURS],
         bench_median(r[OURS].median_ms, o->rounds), bench_median(r[OURS].p99_ms, o->rounds),
         bench_median(r[OURS].node_us, o->rounds));
  if (peer)
    printf("%s %6.0f/s, %4.0f ms (%4.0f), %3.0f us  %.2fx; %s %.0f/s\n", peer_names[best], median[best],
           bench_median(r[best].median_ms, o->rounds), bench_median(r[best].p99_ms, o->rounds),
           bench_median(r[best].node_us, o->rounds), ratio, peer_names[PEER_FAST + PEER_DEFAULT - best],
           median[PEER_FAST + PEER_DEFAULT - best]);
  else
    printf("cometbft skipped\n");
  fflush(stdout);
  return ratio;
}

static enum outcome cell_of(const struct bench_options *o, uint32_t cell, const char *program, const volatile int *stop,
                            double *ratio, struct why *why) {
  static struct rounds r[SIDES];
  memset(r, 0, sizeof r);
  uint32_t seconds = o->seconds + WARM_MS / 1000, accounts = cells[cell].connections;
  if (!transfers_make(&transfers, accounts, RATE_MAX * seconds / accounts, why)) return OUTCOME_ENVIRONMENT;
  for (uint32_t round = 0; round < o->rounds; round++)
    for (uint32_t i = 0; i < (program ? SIDES : 1); i++) {
      uint32_t kind = program ? (i + round) % SIDES : OURS; /* who goes first changes too */
      struct load_figures f;
      enum outcome outcome = measure(o, cell, kind, program, stop, &f, why);
      if (outcome != OUTCOME_DONE) return outcome;
      keep(&r[kind], round, &f);
    }
  *ratio = tell(o, cell, r, program != NULL);
  return OUTCOME_DONE;
}

/* --only 64x1 is that one; --only 64 is two. */
static bool chosen(const struct bench_options *o, uint32_t cell) {
  if (!o->only) return true;
  for (uint32_t c = 0; c < CELLS; c++)
    if (strcmp(cells[c].name, o->only) == 0) return c == cell;
  return strstr(cells[cell].name, o->only) != NULL;
}

enum outcome bench_ledger(const struct bench_options *o, struct why *why) {
  char found[SIDES_PATH_BYTES];
  const char *program = side_find(o->peers, found) ? found : NULL;
  double least = 0;
  uint32_t measured = 0;
  const volatile int *stop = stop_listen("");
  for (uint32_t c = 0; c < CELLS; c++) measured += chosen(o, c);
  if (!measured)
    return why_set(why, "no size has '%s' in its name; there are 8x1, 8x10, 64x1 .. 200x10", o->only), OUTCOME_INPUT;
  if (!program && !o->json)
    note("no cometbft in %s: the peer is skipped; setup/peers installs it where Go is at hand",
         o->peers ? o->peers : "build/peers or PATH");
  if (!o->json)
    note("%ld processors, shared by node and generator; HTTP, connections kept open, one request in flight each; all "
         "figures are medians",
         sysconf(_SC_NPROCESSORS_ONLN));
  enum outcome outcome = transfers_open(&transfers, why);
  for (uint32_t c = 0; c < CELLS && outcome == OUTCOME_DONE; c++) {
    double ratio = 0;
    if (!chosen(o, c)) continue;
    outcome = cell_of(o, c, program, stop, &ratio, why);
    bool bound = cells[c].connections >= 64; /* what is promised: at least as fast */
    if (program && bound && (least == 0 || ratio < least)) least = ratio;
  }
  transfers_shut(&transfers);
  if (outcome != OUTCOME_DONE) return outcome;
  if (o->json)
    output_json(json_pack("{s:{s:o}}", "summary", "least_ratio", least > 0 ? json_real(least) : json_null()));
  if (least == 0 || least >= 1) return OUTCOME_DONE;
  why_set(why, "at 64 or 200 connections cometbft was faster: %.2fx", least);
  return OUTCOME_NO;
}
