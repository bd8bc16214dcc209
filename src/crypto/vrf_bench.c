/* vrf_bench: what proofs and signatures cost, in microseconds of one core: the fastest of BATCHES means over CALLS
 * inputs, in time that this process ran. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "crypto/vrf.h"

enum { BATCHES = 40, CALLS = 50 };

static struct sign_secret *secret;
static struct sign_public key;
static uint8_t proof[CALLS][VRF_PROOF_BYTES], signature[CALLS][SIGN_BYTES], output[VRF_OUTPUT_BYTES];
static bool all = true;

static void prove(uint32_t i) { vrf_prove(secret, &i, sizeof i, proof[i]); }
static void check(uint32_t i) { all &= vrf_check(&key, &i, sizeof i, proof[i], output); }
static void of_proof(uint32_t i) { all &= vrf_output(proof[i], output); }
static void make(uint32_t i) { sign_make(secret, &i, sizeof i, signature[i]); }
static void check_signature(uint32_t i) { all &= sign_check(&key, &i, sizeof i, signature[i]); }

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void measure(const char *what, void (*call)(uint32_t)) {
  uint64_t best_ns = UINT64_MAX;
  for (uint32_t batch = 0; batch < BATCHES; batch++) {
    uint64_t start_ns = now_ns();
    for (uint32_t i = 0; i < CALLS; i++) call(i);
    uint64_t taken_ns = (now_ns() - start_ns) / CALLS;
    if (taken_ns < best_ns) best_ns = taken_ns;
  }
  printf("%-10s %4" PRIu64 " us\n", what, best_ns / 1000);
}

int main(void) {
  if (sign_open(NULL) != SIGN_OK || sign_secret_random(&secret) != SIGN_OK) return 2;
  key = sign_secret_public(secret);
  measure("vrf prove", prove);
  measure("vrf check", check);
  measure("vrf output", of_proof);
  measure("sign make", make);
  measure("sign check", check_signature);
  sign_secret_shut(&secret);
  printf("%s\n", all ? "every answer right" : "an answer is wrong");
  return all ? 0 : 1;
}
