/* ledger_bench [BLOCKS]: how long a block of 2,000 transfers takes, and of which part. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ledger/stage.h"

enum { TRANSFERS = 2000, STRANGERS = 20000, BYTES = 65 + 32 + 8 + 1 + 64 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void stranger(uint32_t i, uint8_t id[32]) {
  memset(id, 0, 32);
  memcpy(id, &i, sizeof i);
  id[31] = 1;
}

/* Signed before, so that the clock sees the ledger alone. */
static void sign_all(struct stage *s, uint32_t block, uint8_t (*signed_bytes)[BYTES]) {
  for (uint32_t i = 0; i < TRANSFERS; i++) {
    uint8_t body[64], to[32];
    uint32_t who = i % STAGE_ACCOUNTS;
    stranger((block * TRANSFERS + i * 7919) % STRANGERS, to);
    struct body_transfer b = {.to = to, .amount = 1 + i};
    struct transaction t = stage_draft(s, who, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body));
    s->nonce[who]++;
    if (stage_sign(s, who, &t, signed_bytes[i], BYTES) != BYTES) exit(1);
  }
}

int main(int argc, char **argv) {
  static struct stage s;
  static uint8_t signed_bytes[TRANSFERS][BYTES];
  uint32_t blocks = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10;
  double begin = 0, deliver = 0, end = 0;
  uint8_t hash[32];
  stage_open(&s);
  for (uint32_t block = 0; block < blocks; block++) {
    sign_all(&s, block, signed_bytes);
    struct ledger_block b = stage_next(&s, 25);
    double t0 = now();
    if (!ledger_begin(s.ledger, &b, NULL)) return 1;
    double t1 = now();
    for (uint32_t i = 0; i < TRANSFERS; i++) {
      struct ledger_result r;
      ledger_deliver(s.ledger, signed_bytes[i], BYTES, &r);
      if (r.code != CHAIN_OK) return fprintf(stderr, "%s\n", r.why.text), 1;
    }
    double t2 = now();
    ledger_end(s.ledger, hash);
    ledger_commit(s.ledger);
    begin += t1 - t0, deliver += t2 - t1, end += now() - t2;
  }
  printf("%u blocks of %u transfers: begin %.2f ms, a transfer %.1f us, end and commit %.1f ms; %zu records\n", blocks,
         (unsigned)TRANSFERS, begin * 1e3 / blocks, deliver * 1e6 / blocks / TRANSFERS, end * 1e3 / blocks,
         map_count(ledger_chain(s.ledger)->map));
  stage_shut(&s);
  return 0;
}
