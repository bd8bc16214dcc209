#include "numeric/peers/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static float *numbers(int64_t count, uint64_t seed) {
  float *x = aligned_alloc(64, ((size_t)count * sizeof *x + 63) / 64 * 64);
  if (!x) exit(3);
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    x[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
  }
  return x;
}

int peer_main(int argc, char **argv, peer_multiply *multiply) {
  clockid_t clock = argc > 1 && atoi(argv[1]) == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  struct peer_shape s = {0};
  float *a = NULL, *b = NULL, *c = NULL;
  char line[256];
  while (fgets(line, sizeof line, stdin)) {
    int64_t start = now_ns(clock);
    if (strcmp(line, "time\n") == 0) {
      for (int64_t r = 0; r < s.runs; r++)
        for (int64_t x = 0; x < s.batch; x++) multiply(&s, a + x * s.m * s.k, b + x * s.k * s.n, c + x * s.m * s.n);
      printf("%" PRId64 "\n", now_ns(clock) - start);
    } else if (sscanf(line, "shape %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %d %" SCNd64 " %" SCNd64, &s.m, &s.n, &s.k,
                      &s.a_turned, &s.b_turned, &s.batch, &s.runs) == 7) {
      free(a), free(b), free(c);
      a = numbers(s.batch * s.m * s.k, 1), b = numbers(s.batch * s.k * s.n, 2), c = numbers(s.batch * s.m * s.n, 3);
      multiply(&s, a, b, c);
      printf("ready\n");
    } else {
      return 2;
    }
    fflush(stdout);
  }
  free(a), free(b), free(c);
  return 0;
}
