/* ledger_campaign walk --transactions N --seed S [--list FILE] [--quick]: a random walk through the whole ledger, and
 * what it reached. --quick takes signatures and proofs that the walk itself has just made for good.
 *
 * Exit status: 0 every row was reached, 1 one was not, 2 wrong arguments, 3 the list could not be written. What must
 * hold and does not ends the program with seed and height. */
#include "campaign/crypto.h"
#include "campaign/list.h"
#include "campaign/walk.h"

#include <inttypes.h>
#include <string.h>

static struct walk w;

static void act_on_any(struct walk *walk) {
  uint32_t from = walk_below(walk, WALK_JOBS);
  for (uint32_t i = 0; i < WALK_JOBS; i++) {
    struct walk_job *j = &walk->job[(from + i) % WALK_JOBS];
    if (!j->live || !j->posted || j->idle_height == walk->block.height) continue;
    if (walk_act(walk, j)) return;
    j->idle_height = walk->block.height; /* nothing is due that its own transactions would not bring about */
  }
}

static void act(struct walk *walk) {
  uint32_t most = 1 + walk_below(walk, 60);
  if (walk->block.height >= walk->idle_until && walk_one_in(walk, 600))
    walk->idle_until = (uint32_t)walk->block.height + 60 + walk_below(walk, 250);
  for (uint32_t n = 0; n < most && walk->sent < WALK_BLOCK_MAX; n++) {
    uint32_t what = walk_below(walk, 100);
    if (what < 8)
      walk_post(walk);
    else if (what < 18)
      walk_money(walk);
    else if (what < 20)
      walk_garbage(walk);
    else
      act_on_any(walk);
  }
}

/* Nothing new begins; what lives goes to its end, and what has ended is forgotten. */
static void finish(struct walk *walk) {
  for (uint32_t n = 0; n < 40; n++) act_on_any(walk);
}

static bool any_live(void) {
  for (uint32_t i = 0; i < WALK_JOBS; i++)
    if (w.job[i].live) return true;
  return false;
}

static void nothing(struct walk *walk) { (void)walk; }

static int walk(uint64_t transactions, uint64_t seed, const char *list) {
  if (list && !list_to(list)) return fprintf(stderr, "ledger_campaign: %s cannot be written\n", list), 3;
  crypto_of(&w);
  walk_open(&w, seed);
  while (w.count.delivered < transactions) walk_block(&w, act);
  w.idle_until = 0;
  while (any_live()) walk_block(&w, finish);
  const struct parameters *p = &walk_chain(&w)->parameters;
  uint64_t last = walk_chain(&w)->now.tick + p->keep_settled + 2 * p->keep_tapes + 2;
  while (walk_chain(&w)->now.tick <= last) walk_block(&w, nothing);
  walk_check_end(&w);
  uint32_t missing = walk_rows(&w, true);
  printf("seed %" PRIu64 ": %" PRIu64 " transactions (%" PRIu64 " more not admitted, %" PRIu64 " sponsored), %" PRIu64
         " jobs, %" PRIu64 " disputes, %" PRIu64 " blocks (%" PRIu64 " run twice), %" PRIu32
         " rows not reached, app hash ",
         seed, w.count.delivered, w.count.refused, w.count.sponsored, w.count.jobs, w.count.disputes, w.count.blocks,
         w.count.again, missing);
  for (uint32_t i = 0; i < 32; i++) printf("%02x", w.app_hash[i]);
  putchar('\n');
  walk_shut(&w);
  if (!list_end()) return fprintf(stderr, "ledger_campaign: the disk did not take %s\n", list), 3;
  return missing ? 1 : 0;
}

int main(int argc, char **argv) {
  uint64_t transactions = 0, seed = 0;
  const char *list = NULL;
  if (argc > 2 && strcmp(argv[argc - 1], "--quick") == 0) {
    crypto_quick = true;
    argc--;
  }
  for (int i = 2; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--transactions") == 0) transactions = strtoull(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--list") == 0) list = argv[i + 1];
  }
  if (argc < 4 || argc % 2 || strcmp(argv[1], "walk") != 0 || !transactions)
    return fprintf(stderr, "usage: ledger_campaign walk --transactions N --seed S [--list FILE] [--quick]\n"), 2;
  return walk(transactions, seed, list);
}
