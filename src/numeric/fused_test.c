/* Every fused kernel of every vector back end that this machine runs, against its own steps one element at a time by
 * the reference: odd lengths, words among the vectors, outputs that lie where inputs do, NaNs, infinities, subnormals
 * and zeros of both signs. A plain program: cross-compiled machines run it too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/canon.h"
#include "numeric/fused.h"
#include "numeric/reference/reference.h"

enum { INPUTS_MAX = 2 * FUSED_WORD, ROUNDS = 64, GUARD = 0x5a5a5a5a };

static uint64_t state = 1;
static uint32_t draw(void) {
  state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)(z >> 32);
}

static const uint32_t special[] = {0,           0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u,
                                   0x7fc00001u, 0xffc12345u, 1,           0x80000001u, 0x007fffffu,
                                   0x00800000u, 0x7f7fffffu, 0xff7fffffu, 0x3f800000u, 0xbf800000u,
                                   0x3f000000u, 2,           3,           0x7f800001u, 0xffbfffffu};

/* Mostly numbers near one, so that not everything ends as a NaN; small integers, for labels and taps. LOW: means that
 * decay, next to gradients that are 0 and weights of every size. SMALL: few so large that erf takes its longer way. */
enum content { TAME, WILD, LOW, SMALL, CONTENTS };
static uint32_t word(enum content content) {
  uint32_t kind = draw() % 8;
  if (content == LOW && kind < 6) {
    uint32_t sign = draw() & 0x80000000u;
    return sign | (kind < 2   ? 0
                   : kind < 4 ? draw() & (0x7fffffu >> draw() % 23)
                   : kind < 5 ? 0x14000000u + (draw() & 0xfffffff) /* around 2^-70 */
                              : draw() & 0x7fffffffu);
  }
  if (content == WILD && kind < 4) return special[draw() % (sizeof special / sizeof *special)];
  if (kind == 4) return draw() % 4;
  if (content == SMALL && draw() % 32) return (draw() & 0x80ffffffu) | 0x3d000000u;
  return (draw() & 0x80ffffffu) | 0x3f000000u;
}

/* Betas and the like, and an epsilon that is around 2^-30. */
static uint32_t factor(void) { return draw() % 3 ? word(TAME) : 0x2c000000u + (draw() & 0x7ffffff); }

static bool is_nan(uint32_t w) { return (w & 0x7fffffffu) > 0x7f800000u; }

static uint32_t value(const struct fused_body *b, uint8_t from, const uint32_t *input, const uint32_t *result) {
  if (from == FUSED_NONE) return 0;
  if (from >= FUSED_RESULT) return result[from - FUSED_RESULT];
  return input[from >= FUSED_WORD ? b->vectors + (from - FUSED_WORD) : from];
}

static void expected(const struct fused_body *b, const uint32_t *input, uint32_t *kept) {
  uint32_t result[FUSED_STEPS_MAX];
  for (uint8_t s = 0; s < b->steps; s++) {
    const struct fused_step *t = &b->step[s];
    result[s] = reference_apply(t->code, value(b, t->from[0], input, result), value(b, t->from[1], input, result),
                                value(b, t->from[2], input, result));
  }
  for (uint8_t k = 0; k < b->keeps; k++) kept[k] = is_nan(result[b->kept[k]]) ? CANON_NAN : result[b->kept[k]];
}

/* One call: which inputs are one word, and which output lies where an input does, is drawn. */
static bool decays; /* agrees: AdamW of means that decay, where a step is about to be too small for the weight */

static uint32_t decaying(uint32_t input) {
  uint32_t sign = draw() & 0x80000000u;
  switch (input) {
  case 1: return sign | (0x7fffffu - draw() % 0x400000);
  case 3: return sign | (0x12000000u + draw() % 0x10000000u); /* w: 2^-91 to 2^-59 */
  case 5: return 0x3f800000u - draw() % 0x400000;
  case 9: return 0x26000000u + draw() % 0xc000000u; /* epsilon: 2^-51 to 2^-27 */
  case 11: return sign | (0x3f800000u - draw() % 0x400000);
  default: return 0; /* g and v among them */
  }
}

static bool agrees(const struct backend *back, uint8_t code, uint32_t n, enum content content) {
  const struct fused_body *b = &fused_bodies[code];
  uint32_t inputs = b->vectors + b->words, *at[INPUTS_MAX], *out[FUSED_KEPT_MAX], *want[FUSED_KEPT_MAX];
  struct backend_in in[INPUTS_MAX];
  bool taken[INPUTS_MAX] = {false}, good = true;
  for (uint32_t v = 0; v < inputs; v++) {
    bool same = v >= b->vectors || draw() % 4 == 0;
    at[v] = malloc((same ? 1 : n) * sizeof *at[v]); /* the exact size, so that a sanitizer sees a read past it */
    if (!at[v]) exit(3);
    for (uint32_t i = 0; i < (same ? 1 : n); i++)
      at[v][i] = decays ? decaying(v) : v < b->vectors || content != LOW ? word(content) : factor();
    in[v] = (struct backend_in){at[v], same};
  }
  for (uint8_t k = 0; k < b->keeps; k++) {
    out[k] = malloc((n + 1) * sizeof *out[k]), want[k] = malloc(n * sizeof *want[k]);
    if (!out[k] || !want[k]) exit(3);
    out[k][n] = GUARD;
  }
  for (uint32_t i = 0; i < n; i++) {
    uint32_t input[INPUTS_MAX], kept[FUSED_KEPT_MAX];
    for (uint32_t v = 0; v < inputs; v++) input[v] = at[v][in[v].same ? 0 : i];
    expected(b, input, kept);
    for (uint8_t k = 0; k < b->keeps; k++) want[k][i] = kept[k];
  }
  uint32_t *to[FUSED_KEPT_MAX];
  for (uint8_t k = 0; k < b->keeps; k++) {
    uint32_t v = draw() % b->vectors;
    bool over = draw() % 2 && !in[v].same && !taken[v];
    to[k] = over ? at[v] : out[k];
    taken[v] |= over;
  }
  back->fused[code](n, to, in);
  for (uint8_t k = 0; k < b->keeps; k++) {
    for (uint32_t i = 0; i < n && good; i++)
      if (to[k][i] != want[k][i]) {
        printf("%s %s n %u output %u at %u: %08x, not %08x\n", back->name, b->name, n, k, i, to[k][i], want[k][i]);
        good = false;
      }
    if (out[k][n] != GUARD) printf("%s %s writes past its end\n", back->name, b->name), good = false;
    free(out[k]), free(want[k]);
  }
  for (uint32_t v = 0; v < inputs; v++) free(at[v]);
  return good;
}

/* Inputs that no step reads, or a last step that is not kept, would make a pattern that matches nothing or anything. */
static bool well_formed(const struct fused_body *b) {
  bool read[FUSED_RESULT + FUSED_STEPS_MAX] = {false};
  bool good = b->vectors >= 1 && b->vectors <= FUSED_WORD && b->words <= FUSED_WORD && b->steps <= FUSED_STEPS_MAX &&
              b->keeps >= 1 && b->keeps <= FUSED_KEPT_MAX && b->kept[b->keeps - 1] == b->steps - 1;
  for (uint8_t s = 0; s < b->steps && good; s++) {
    const struct canon_op *op = canon_op(b->step[s].code);
    for (uint8_t a = 0; a < 3; a++) {
      uint8_t from = b->step[s].from[a];
      good &= (a < op->arity) == (from != FUSED_NONE) && (from == FUSED_NONE || from < FUSED_RESULT + s);
      if (from != FUSED_NONE) read[from] = true;
    }
  }
  for (uint8_t v = 0; v < FUSED_WORD; v++)
    good &= read[v] == (v < b->vectors) && read[FUSED_WORD + v] == (v < b->words);
  for (uint8_t s = 0; s + 1 < b->steps; s++) good &= read[FUSED_RESULT + s];
  return good;
}

int main(void) {
  static const char *const names[] = {"avx2", "avx512", "neon"};
  static const uint32_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 100, 511, 512, 1023, 1024};
  int failed = 0, kernels = 0;
  for (uint8_t code = 0; code < BACKEND_FUSED; code++)
    if (!well_formed(&fused_bodies[code])) printf("%s is not well formed\n", fused_bodies[code].name), failed++;
  backend_thread_enter();
  for (uint32_t b = 0; b < sizeof names / sizeof *names; b++) {
    const struct backend *back = backend_named(names[b]);
    decays = true; /* AdamW is the first body */
    for (uint32_t round = 0; back && round < ROUNDS; round++) failed += !agrees(back, 0, 512, LOW);
    decays = false;
    for (uint8_t code = 0; back && code < BACKEND_FUSED; code++, kernels++)
      for (uint32_t round = 0; round < ROUNDS; round++)
        failed += !agrees(back, code, sizes[round % (sizeof sizes / sizeof *sizes)],
                          (enum content)((round + round / 16) % CONTENTS));
  }
  printf("%d kernels, %d failures\n", kernels, failed);
  return failed != 0;
}
