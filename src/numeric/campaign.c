/* numeric_campaign: the long checks of the canon, run by hand.
 *
 * soft [--count N] [--seed S] [--op NAME]: soft against reference on all boundary operands and N seeded ones (10^8).
 *
 * hash [--op NAME] [--with W] [--threads N]: over all 2^32 inputs of a unary operation, the SHA-256 of the results as
 * u32 little endian in ascending order of input. W: reference (default), soft, or a back end's name. The oracles also
 * print the worst error in ulp; a back end with the same hash has the same errors.
 *
 * vectors: writes the file of vectors/, both oracles agreeing.
 *
 * Exact values come from binary64 libm, whose own error is below 2^-28 of our ulp; they reach no result. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "numeric/agreement/agreement.h"
#include "numeric/backend.h"
#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"

enum { THREADS_MAX = 64, SLICE = 1 << 20 };

struct options {
  const char *op, *with;
  uint64_t count, seed;
  uint32_t threads;
};

static float value(uint32_t word) {
  float f;
  memcpy(&f, &word, sizeof f);
  return f;
}

/* sin and cos of pi x: the reduction is exact, so only the last step rounds. */
static double turn(double x, int quarter) {
  double y = fabs(x);
  y -= 2 * rint(y / 2); /* [-1, 1] */
  double q = rint(2 * y), r = (y - q / 2) * 0x1.921fb54442d18p+1;
  int k = ((int)q + quarter) & 3;
  double v = k & 1 ? cos(r) : sin(r);
  return k & 2 ? -v : v;
}

static double exact(uint8_t code, double x) {
  switch (code) {
  case CANON_SQRT: return sqrt(x);
  case CANON_EXP: return exp(x);
  case CANON_LOG: return log(x);
  case CANON_TANH: return tanh(x);
  case CANON_ERF: return erf(x);
  case CANON_SINPI: return x < 0 ? -turn(x, 0) : turn(x, 0);
  case CANON_COSPI: return turn(x, 1);
  default: return 0;
  }
}

/* |result - exact| in units of the last place of a binary32 at exact; an infinity counts as 2^128. */
static double error_in_ulp(uint32_t result, double want) {
  double got = value(result);
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
  if (isinf(want)) return got == want ? 0 : INFINITY;
  if (isinf(got)) got = copysign(0x1p128, got);
  if (fabs(got) >= 0x1p128 && fabs(want) >= 0x1.ffffffp127 && signbit(got) == signbit(want)) return 0;
  int exponent = -125;
  if (want != 0) frexp(want, &exponent);
  return fabs(got - want) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

/* One thread's slice of inputs, from first on. */
struct slice {
  pthread_t thread;
  uint8_t code;
  oracle *apply;                 /* or */
  const struct backend *backend; /* this */
  uint32_t first;
  bool measure;
  double worst;
  uint32_t worst_at, worst_result;
  uint32_t result[SLICE];
};

static void *work_slice(void *context) {
  struct slice *s = context;
  backend_thread_enter();
  if (s->backend) {
    for (uint32_t i = 0; i < SLICE; i += BACKEND_BLOCK) {
      uint32_t input[BACKEND_BLOCK];
      for (uint32_t j = 0; j < BACKEND_BLOCK; j++) input[j] = s->first + i + j;
      s->backend->map[s->code][0](BACKEND_BLOCK, s->result + i, input, NULL, NULL);
      if (canon_op(s->code)->result == 'f') s->backend->canonical(BACKEND_BLOCK, s->result + i);
    }
  } else {
    for (uint32_t i = 0; i < SLICE; i++) s->result[i] = s->apply(s->code, s->first + i, 0, 0);
  }
  for (uint32_t i = 0; s->measure && i < SLICE; i++) {
    float x = value(s->first + i);
    if (!isfinite(x)) continue;
    double want = exact(s->code, x);
    if (s->worst > 0.5 && (float)want == value(s->result[i])) continue; /* the nearest: at most 1/2 */
    double error = error_in_ulp(s->result[i], want);
    if (error > s->worst) {
      s->worst = error;
      s->worst_at = s->first + i;
      s->worst_result = s->result[i];
    }
  }
  return NULL;
}

static bool hash_one(uint8_t code, const struct options *o, oracle *apply, const struct backend *backend) {
  bool measure = !backend && (code == CANON_SQRT || (code >= CANON_EXP && code <= CANON_COSPI));
  struct slice *slice = calloc(o->threads, sizeof *slice);
  if (!slice) return false;
  struct sha256_stream sha;
  sha256_begin(&sha);
  for (uint32_t t = 0; t < o->threads; t++) {
    slice[t].code = code;
    slice[t].apply = apply;
    slice[t].backend = backend;
    slice[t].measure = measure;
  }
  for (uint64_t first = 0; first < UINT64_C(1) << 32;) {
    uint32_t started = 0;
    bool failed = false;
    for (; started < o->threads && first < UINT64_C(1) << 32; started++, first += SLICE) {
      slice[started].first = (uint32_t)first;
      if (pthread_create(&slice[started].thread, NULL, work_slice, &slice[started]) != 0) {
        failed = true;
        break;
      }
    }
    for (uint32_t t = 0; t < started; t++) {
      pthread_join(slice[t].thread, NULL);
      static uint8_t bytes[4 * SLICE];
      for (uint32_t i = 0; i < SLICE; i++)
        for (int b = 0; b < 4; b++) bytes[4 * i + b] = (uint8_t)(slice[t].result[i] >> 8 * b);
      sha256_add(&sha, bytes, sizeof bytes);
    }
    if (failed) {
      free(slice);
      return false;
    }
  }
  uint8_t digest[SHA256_BYTES];
  sha256_end(&sha, digest);
  uint32_t worst = 0;
  for (uint32_t t = 1; t < o->threads; t++)
    if (slice[t].worst > slice[worst].worst) worst = t;
  printf("%-6s ", canon_op(code)->name);
  for (int i = 0; i < SHA256_BYTES; i++) printf("%02x", digest[i]);
  if (measure)
    printf(" worst %.4f ulp, of %08" PRIx32 " gives %08" PRIx32, slice[worst].worst, slice[worst].worst_at,
           slice[worst].worst_result);
  printf("\n");
  fflush(stdout);
  free(slice);
  return true;
}

static bool wanted(uint8_t code, const struct options *o) {
  const struct canon_op *op = canon_op(code);
  return op && (!o->op || strcmp(o->op, op->name) == 0);
}

static int run_hash(const struct options *o) {
  oracle *apply = NULL;
  const struct backend *backend = NULL;
  if (!o->with || strcmp(o->with, "reference") == 0)
    apply = reference_apply;
  else if (strcmp(o->with, "soft") == 0)
    apply = soft_apply;
  else if (!(backend = backend_named(o->with))) {
    fprintf(stderr, "numeric_campaign: no back end %s on this machine\n", o->with);
    return 2;
  }
  for (int code = 0; code <= CANON_UNBITS; code++)
    if (wanted((uint8_t)code, o) && canon_op((uint8_t)code)->arity == 1 &&
        !hash_one((uint8_t)code, o, apply, backend)) {
      fprintf(stderr, "numeric_campaign: no memory or no thread\n");
      return 3;
    }
  return 0;
}

static int run_soft(const struct options *o) {
  uint64_t differ_all = 0;
  for (int code = 0; code <= CANON_UNBITS; code++) {
    if (!wanted((uint8_t)code, o)) continue;
    struct disagreement d;
    uint64_t differ = agreement_boundary((uint8_t)code, &d);
    if (differ == 0) differ = agreement_random((uint8_t)code, o->seed, 0, o->count, &d);
    printf("%-6s boundary and %" PRIu64 " seeded operands: %" PRIu64 " differ", canon_op((uint8_t)code)->name, o->count,
           differ);
    if (differ)
      printf(", first %08" PRIx32 " %08" PRIx32 " %08" PRIx32 ": soft %08" PRIx32 ", reference %08" PRIx32,
             d.operand[0], d.operand[1], d.operand[2], d.soft, d.reference);
    printf("\n");
    fflush(stdout);
    differ_all += differ;
  }
  return differ_all != 0;
}

static bool print_vector(uint8_t code, const uint32_t operand[3]) {
  const struct canon_op *op = canon_op(code);
  uint32_t b = op->arity > 1 ? operand[1] : 0, c = op->arity > 2 ? operand[2] : 0;
  uint32_t result = soft_apply(code, operand[0], b, c);
  if (reference_apply(code, operand[0], b, c) != result) return false;
  printf("%s", op->name);
  for (int i = 0; i < op->arity; i++) printf(" %08" PRIx32, operand[i]);
  printf(" %08" PRIx32 "\n", result);
  return true;
}

static bool print_reductions(void) {
  static const uint32_t counts[] = {1, 2, 31, 32, 33, 512, 513, 1025};
  for (uint32_t which = 0; which < REDUCTIONS_COUNT; which++)
    for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
      uint32_t word = reduction_word(which, counts[i], i, soft_apply);
      if (reduction_word(which, counts[i], i, reference_apply) != word) return false;
      printf("%s %08" PRIx32 " %016" PRIx64 " %08" PRIx32 "\n", reduction_name(which), counts[i], (uint64_t)i, word);
    }
  return true;
}

static int run_vectors(void) {
  enum { SEEDED = 48, SEEDED_FUNCTION = 512 };
  printf("# Known answers of canon 1: op, operands, result, as words. Computed by numeric/soft, confirmed by\n"
         "# numeric/reference: numeric_campaign vectors. rand x s step seed result; perm e n i seed result.\n"
         "# Reductions: name count seed result, NUMERICS 9.\n");
  for (int code = 0; code <= CANON_UNBITS; code++) {
    if (!canon_op((uint8_t)code)) continue;
    uint32_t operand[3];
    for (uint32_t i = 0; i < BOUNDARY_COUNT; i += canon_op((uint8_t)code)->arity == 1 ? 1 : 3) {
      operand[0] = boundary_word(i);
      operand[1] = boundary_word((i * 7 + 5) % BOUNDARY_COUNT);
      operand[2] = boundary_word((i * 11 + 3) % BOUNDARY_COUNT);
      if (!print_vector((uint8_t)code, operand)) return 1;
    }
    uint32_t seeded = code >= CANON_EXP && code <= CANON_COSPI ? SEEDED_FUNCTION : SEEDED;
    for (uint32_t i = 0; i < seeded; i++) {
      agreement_operands((uint8_t)code, 3, i, operand);
      if (i >= SEEDED) /* 1/8 to 32, where a function's program shows in its results */
        operand[0] = (operand[0] & 0x807fffffu) | (124 + i % 8) << 23;
      if (!print_vector((uint8_t)code, operand)) return 1;
    }
  }
  for (uint32_t i = 0; i < SEEDED; i++) {
    uint32_t x = i < 8 ? i : i * 0x9e3779b9u, s = i / 8, step = i * i;
    uint64_t seed = i * UINT64_C(0x0123456789abcdef);
    printf("rand %08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %016" PRIx64 " %08" PRIx32 "\n", x, s, step, seed,
           random_word(x, s, step, seed));
    static const int32_t sizes[] = {1, 2, 3, 10, 100, 60000, 1000003, INT32_MAX};
    int32_t n = sizes[i % 8], index = (int32_t)(x % (uint32_t)n);
    printf("perm %08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %016" PRIx64 " %08" PRIx32 "\n", s, (uint32_t)n,
           (uint32_t)index, seed, (uint32_t)random_perm(s, n, index, seed));
  }
  return !print_reductions();
}

static bool take_number(const char *text, uint64_t *number) {
  char *end;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 0);
  if (errno || end == text || *end || *text == '-') return false;
  *number = n;
  return true;
}

static bool take_options(int argc, char **argv, struct options *o) {
  for (int i = 2; i < argc; i += 2) {
    uint64_t threads;
    if (i + 1 == argc) return false;
    const char *text = argv[i + 1];
    if (strcmp(argv[i], "--op") == 0)
      o->op = text;
    else if (strcmp(argv[i], "--with") == 0)
      o->with = text;
    else if (strcmp(argv[i], "--count") == 0) {
      if (!take_number(text, &o->count)) return false;
    } else if (strcmp(argv[i], "--seed") == 0) {
      if (!take_number(text, &o->seed)) return false;
    } else if (strcmp(argv[i], "--threads") == 0) {
      if (!take_number(text, &threads) || threads < 1 || threads > THREADS_MAX) return false;
      o->threads = (uint32_t)threads;
    } else
      return false;
  }
  return true;
}

int main(int argc, char **argv) {
  struct options o = {NULL, NULL, 100000000, 1, 1};
  if (argc >= 2 && take_options(argc, argv, &o)) {
    backend_thread_enter();
    if (strcmp(argv[1], "soft") == 0) return run_soft(&o);
    if (strcmp(argv[1], "hash") == 0) return run_hash(&o);
    if (strcmp(argv[1], "vectors") == 0 && argc == 2) return run_vectors();
  }
  fprintf(stderr, "usage: numeric_campaign soft [--count N] [--seed S] [--op NAME]\n"
                  "       numeric_campaign hash [--op NAME] [--with W] [--threads N]\n"
                  "       numeric_campaign vectors\n");
  return 2;
}
