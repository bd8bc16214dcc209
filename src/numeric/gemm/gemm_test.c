/* A planned product equals the rule for each element: random shapes, strides, batches and plans, tiles in any order.
 *
 * A plain program, like backend_test.   gemm_test [seed]      0 if all agree; else prints what differs */
#include "numeric/canon.h"
#include "numeric/gemm/gemm.h"
#include "numeric/reference/reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;
static uint32_t below(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 33) % n;
}

static float *take(size_t count) {
  float *x = aligned_alloc(64, (count * sizeof *x + 63) / 64 * 64);
  if (!x) exit(3);
  return x;
}

/* Numbers around one, or so small that products are subnormal, or zeros of both signs with an infinity now and then. */
static void fill(float *x, size_t count, uint32_t kind) {
  for (size_t i = 0; i < count; i++) {
    uint32_t w = below(1u << 23) | below(2) << 31;
    w |= kind == 0 ? 0x3f000000u : below(48) << 23;
    if (kind == 2 && below(3)) w &= 0x80000000u;
    if (kind == 2 && below(2000) == 0) w = 0x7f800000u;
    memcpy(x + i, &w, sizeof w);
  }
}

static uint32_t word(float x) {
  uint32_t w;
  memcpy(&w, &x, sizeof w);
  return (w & 0x7fffffffu) > 0x7f800000u ? CANON_NAN : w;
}

static bool agrees(const struct backend *backend, uint32_t m, uint32_t n, uint32_t k) {
  bool a_turned = below(2), b_turned = below(2), odd = below(8) == 0;
  uint32_t a_lead = (a_turned ? m : k) + below(4), b_lead = (b_turned ? k : n) + below(4), kind = below(3);
  struct gemm g = {.m = m, .n = n, .k = k, .batch = 1 + (below(5) == 0) * below(4), .c_row = (ptrdiff_t)(n + below(4))};
  ptrdiff_t step = 1 + odd; /* neither stride of b is one: no way to walk it */
  g.a_row = a_turned ? 1 : (ptrdiff_t)a_lead, g.a_k = a_turned ? (ptrdiff_t)a_lead : 1;
  g.b_k = b_turned ? step : (ptrdiff_t)b_lead * step, g.b_col = b_turned ? (ptrdiff_t)b_lead * step : step;
  g.a_batch = (ptrdiff_t)a_lead * (ptrdiff_t)(a_turned ? k : m);
  g.b_batch = (ptrdiff_t)b_lead * step * (ptrdiff_t)(b_turned ? n : k);
  g.c_batch = g.c_row * (ptrdiff_t)m;
  size_t a_count = (size_t)g.a_batch * g.batch, b_count = (size_t)g.b_batch * g.batch;
  size_t c_count = (size_t)g.c_batch * g.batch;
  float *a = take(a_count), *b = take(b_count), *c = take(c_count);
  fill(a, a_count, kind), fill(b, b_count, kind);
  memset(c, 0x5a, c_count * sizeof *c);
  g.a = a, g.b = b, g.c = c;

  struct gemm_plan plan;
  bool nan = false, want_nan = false, same = gemm_plan(&plan, backend, &g, 1 + below(4)) == GEMM_OK;
  void *scratch = take(plan.scratch_bytes / sizeof(float) + 1);
  uint64_t first = below((uint32_t)plan.tiles_count);
  for (uint64_t i = 0; i < plan.tiles_count; i++) nan |= gemm_tile(&plan, (first + i) % plan.tiles_count, scratch);

  for (size_t x = 0; x < g.batch && same; x++)
    for (size_t i = 0; i < m && same; i++)
      for (size_t j = 0; j < (size_t)g.c_row && same; j++) {
        uint32_t sum = j < n ? 0 : 0x5a5a5a5au, chain = 0;
        for (uint32_t p = 0; p < k && j < n; p++) {
          chain = reference_apply(CANON_FMA, word(a[x * (size_t)g.a_batch + i * (size_t)g.a_row + p * (size_t)g.a_k]),
                                  word(b[x * (size_t)g.b_batch + p * (size_t)g.b_k + j * (size_t)g.b_col]), chain);
          if (p % CANON_CHUNK == CANON_CHUNK - 1 || p == k - 1) {
            sum = reference_apply(CANON_ADD, sum, chain, 0);
            chain = 0;
          }
        }
        want_nan |= sum == CANON_NAN;
        same = word(c[x * (size_t)g.c_batch + i * (size_t)g.c_row + j]) == sum;
      }
  if (same) same = nan == want_nan;
  if (!same)
    fprintf(stderr, "%s: differs: m %u n %u k %u turned %d %d step %td kind %u\n", backend->name, m, n, k, a_turned,
            b_turned, step, kind);
  free(a), free(b), free(c), free(scratch);
  return same;
}

int main(int argc, char **argv) {
  if (argc > 1) state = strtoull(argv[1], NULL, 10) * 2 + 1;
  int failures = 0;
  static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct backend *b = backend_named(names[i]);
    if (!b) continue;
    struct gemm none = {.m = 1, .n = 1, .k = 0, .batch = 1};
    struct gemm_plan plan;
    failures += gemm_plan(&plan, b, &none, 1) != GEMM_ERR_SHAPE;
    for (int s = 0; s < 60; s++) failures += !agrees(b, 1 + below(70), 1 + below(90), 1 + below(60));
    for (int s = 0; s < 6; s++) failures += !agrees(b, 1 + below(16), 1 + below(40), 500 + below(600));
    failures += !agrees(b, 1 + below(9), 500 + below(800), 1 + below(20));
    failures += !agrees(b, 200 + below(300), 1 + below(9), 1 + below(20));
    failures += !agrees(b, 150 + below(90), 60 + below(90), 1 + below(20));
    printf("%s: %s\n", b->name, failures ? "DIFFERS" : "equal to the rule");
  }
  return failures != 0;
}
