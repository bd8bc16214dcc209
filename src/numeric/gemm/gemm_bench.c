#include "numeric/gemm/gemm_bench.h"
#include "numeric/canon.h"
#include "numeric/gemm/gemm.h"
#include "numeric/peers/ask.h"
#include "numeric/reference/reference.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef GEMM_BENCH_PEERS
#define GEMM_BENCH_PEERS "."
#endif

enum { PEERS = 2, REPETITIONS = 11, REPETITIONS_MAX = 1001 };
static const char *const peer_names[PEERS] = {"openblas", "onednn"};

/* Products of the forward and backward passes; T after N or T: the operand is stored transposed. The last five are
 * bound by memory, or leave lanes empty: shown, not counted. */
struct shape {
  const char *name;
  uint32_t m, n, k;
  bool a_turned, b_turned;
  uint32_t batch;
  bool counts;
};
static const struct shape shapes[] = {
    {"square 256", 256, 256, 256, false, false, 1, true},
    {"square 512", 512, 512, 512, false, false, 1, true},
    {"square 1024", 1024, 1024, 1024, false, false, 1, true},
    {"square 1024", 1024, 1024, 1024, false, true, 1, true},
    {"square 1024", 1024, 1024, 1024, true, false, 1, true},
    {"square 2048", 2048, 2048, 2048, false, false, 1, true},
    {"mlp forward", 64, 128, 784, false, true, 1, true},
    {"mlp forward", 512, 1024, 784, false, true, 1, true},
    {"mlp dX", 128, 512, 1024, false, false, 1, true},
    {"mlp dW", 128, 784, 512, true, false, 1, true},
    {"attention QK'", 128, 128, 64, false, true, 96, true},
    {"attention PV", 128, 64, 128, false, false, 96, true},
    {"transformer", 1024, 3072, 768, false, true, 1, true},
    {"transformer", 1024, 768, 3072, false, true, 1, true},
    {"convolution forward", 64, 50176, 288, false, false, 1, true},
    {"convolution dW", 64, 288, 50176, true, false, 1, true},
    {"convolution dX", 50176, 288, 64, false, false, 1, true},
    {"large dW", 512, 784, 60000, true, false, 1, true},
    {"classifier", 256, 10, 512, false, true, 1, false},
    {"classifier dW", 10, 128, 60000, true, false, 1, false},
    {"eight rows", 8, 1024, 1024, false, false, 1, false},
    {"eight rows", 8, 1024, 1024, false, true, 1, false},
    {"one row", 1, 1024, 1024, false, true, 1, false},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *room(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64); }

/* Threads that share tiles. Between timed sections they sleep; inside one they spin from product to product, as the
 * peers' do. The main thread works too and waits for tiles, not for threads: one that has not shown up holds up
 * nothing. */
struct crew {
  pthread_mutex_t lock;
  pthread_cond_t wake, idle;
  pthread_t thread[GEMM_BENCH_THREADS_MAX];
  void *scratch[GEMM_BENCH_THREADS_MAX];
  uint32_t helpers, inside; /* helpers that are in the section */
  uint64_t section;
  bool leave;
  const struct gemm_plan *plan;
  atomic_uint_fast64_t open, taken, done; /* tiles of the section, the products one after the other */
  atomic_bool running;
};
struct helper {
  struct crew *crew;
  uint32_t index;
};

static void crew_work(struct crew *crew, void *scratch) {
  for (;;) {
    uint_fast64_t tile = atomic_load(&crew->taken);
    if (tile >= atomic_load(&crew->open)) return;
    if (!atomic_compare_exchange_weak(&crew->taken, &tile, tile + 1)) continue;
    gemm_tile(crew->plan, tile % crew->plan->tiles_count, scratch);
    atomic_fetch_add(&crew->done, 1);
  }
}

static void *crew_help(void *argument) {
  struct crew *crew = ((struct helper *)argument)->crew;
  uint32_t index = ((struct helper *)argument)->index;
  uint64_t seen = 0;
  free(argument);
  backend_thread_enter();
  pthread_mutex_lock(&crew->lock);
  while (!crew->leave) {
    if (crew->section == seen) {
      pthread_cond_wait(&crew->wake, &crew->lock);
      continue;
    }
    seen = crew->section;
    crew->inside++;
    pthread_mutex_unlock(&crew->lock);
    while (atomic_load(&crew->running)) crew_work(crew, crew->scratch[index]);
    pthread_mutex_lock(&crew->lock);
    if (--crew->inside == 0) pthread_cond_signal(&crew->idle);
  }
  pthread_mutex_unlock(&crew->lock);
  return NULL;
}

/* The plan's product `runs` times by all threads; nanoseconds of it. */
static int64_t crew_time(struct crew *crew, const struct gemm_plan *plan, uint64_t runs) {
  clockid_t clock = crew->helpers ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
  pthread_mutex_lock(&crew->lock);
  crew->plan = plan;
  atomic_store(&crew->open, 0);
  atomic_store(&crew->taken, 0);
  atomic_store(&crew->done, 0);
  atomic_store(&crew->running, true);
  crew->section++;
  pthread_cond_broadcast(&crew->wake);
  pthread_mutex_unlock(&crew->lock);
  int64_t start = now_ns(clock);
  for (uint64_t run = 1; run <= runs; run++) {
    atomic_store(&crew->open, run * plan->tiles_count);
    crew_work(crew, crew->scratch[0]);
    while (atomic_load(&crew->done) != run * plan->tiles_count) {}
  }
  int64_t ns = now_ns(clock) - start;
  atomic_store(&crew->running, false);
  pthread_mutex_lock(&crew->lock);
  while (crew->inside) pthread_cond_wait(&crew->idle, &crew->lock);
  pthread_mutex_unlock(&crew->lock);
  return ns;
}

static void crew_stop(struct crew *crew) {
  pthread_mutex_lock(&crew->lock);
  crew->leave = true;
  pthread_cond_broadcast(&crew->wake);
  pthread_mutex_unlock(&crew->lock);
  for (uint32_t i = 0; i < crew->helpers; i++) pthread_join(crew->thread[i], NULL);
  pthread_mutex_destroy(&crew->lock);
  pthread_cond_destroy(&crew->wake);
  pthread_cond_destroy(&crew->idle);
}

static bool crew_start(struct crew *crew, uint32_t threads) {
  pthread_mutex_init(&crew->lock, NULL);
  pthread_cond_init(&crew->wake, NULL);
  pthread_cond_init(&crew->idle, NULL);
  while (crew->helpers + 1 < threads) {
    struct helper *helper = malloc(sizeof *helper);
    if (helper) *helper = (struct helper){crew, crew->helpers + 1};
    if (!helper || pthread_create(&crew->thread[crew->helpers], NULL, crew_help, helper)) {
      free(helper);
      crew_stop(crew);
      return false;
    }
    crew->helpers++;
  }
  return true;
}

static void fill(float *x, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    x[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
  }
}

/* Elements of c against the rule, corners first, then as many anywhere as CHECKS multiplications allow. */
static bool same_bits(const struct gemm *g) {
  enum { CHECKS = 1 << 23 };
  uint64_t elements = (uint64_t)g->batch * g->m * g->n, checks = CHECKS / g->k, seed = 1;
  for (uint64_t i = 0; i < elements && i < checks; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t at = elements <= checks ? i : i == 0 ? 0 : i == 1 ? elements - 1 : (seed >> 20) % elements;
    uint64_t x = at / g->n / g->m, row = at / g->n % g->m, col = at % g->n;
    uint32_t sum = 0, chain = 0, a, b, c;
    for (uint32_t p = 0; p < g->k; p++) {
      memcpy(&a, g->a + (ptrdiff_t)x * g->a_batch + (ptrdiff_t)row * g->a_row + (ptrdiff_t)p * g->a_k, sizeof a);
      memcpy(&b, g->b + (ptrdiff_t)x * g->b_batch + (ptrdiff_t)p * g->b_k + (ptrdiff_t)col * g->b_col, sizeof b);
      chain = reference_apply(CANON_FMA, a, b, chain);
      if (p % CANON_CHUNK == CANON_CHUNK - 1 || p == g->k - 1) {
        sum = reference_apply(CANON_ADD, sum, chain, 0);
        chain = 0;
      }
    }
    memcpy(&c, g->c + (ptrdiff_t)x * g->c_batch + (ptrdiff_t)row * g->c_row + (ptrdiff_t)col, sizeof c);
    if (c != sum) return false;
  }
  return true;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}
static double median(int64_t *ns, uint32_t count) {
  qsort(ns, count, sizeof *ns, ascending);
  return count % 2 ? (double)ns[count / 2] : 0.5 * (double)(ns[count / 2 - 1] + ns[count / 2]);
}

struct figures {
  double ours, peer[PEERS]; /* GFLOP/s; 0: no such peer */
  bool same_bits;
};

enum outcome { MEASURED, NO_MEMORY };
static enum outcome measure(const struct shape *s, const struct backend *backend, struct crew *crew, struct peer *peers,
                            uint32_t repetitions, struct figures *figures) {
  size_t a_count = (size_t)s->batch * s->m * s->k, b_count = (size_t)s->batch * s->k * s->n;
  size_t c_count = (size_t)s->batch * s->m * s->n;
  float *a = room(a_count * sizeof *a), *b = room(b_count * sizeof *b), *c = room(c_count * sizeof *c);
  enum outcome outcome = NO_MEMORY;
  uint32_t threads = crew->helpers + 1;
  struct gemm_plan plan;
  struct gemm g = {.m = s->m, .n = s->n, .k = s->k, .batch = s->batch, .a = a, .b = b, .c = c};
  g.a_row = s->a_turned ? 1 : (ptrdiff_t)s->k, g.a_k = s->a_turned ? (ptrdiff_t)s->m : 1;
  g.b_k = s->b_turned ? 1 : (ptrdiff_t)s->n, g.b_col = s->b_turned ? (ptrdiff_t)s->k : 1;
  g.c_row = (ptrdiff_t)s->n;
  g.a_batch = (ptrdiff_t)s->m * (ptrdiff_t)s->k, g.b_batch = (ptrdiff_t)s->k * (ptrdiff_t)s->n;
  g.c_batch = (ptrdiff_t)s->m * (ptrdiff_t)s->n;
  bool ready = a && b && c && gemm_plan(&plan, backend, &g, threads) == GEMM_OK;
  for (uint32_t i = 0; i < threads; i++) ready &= (crew->scratch[i] = room(ready ? plan.scratch_bytes : 0)) != NULL;
  if (ready) {
    fill(a, a_count, 1), fill(b, b_count, 2), fill(c, c_count, 3);
    double flops = 2.0 * s->batch * s->m * s->n * s->k;
    uint64_t runs = flops < 5e8 ? (uint64_t)(5e8 / flops) : 1; /* some milliseconds a turn */
    if (flops > 1e10 && repetitions > 7) repetitions = 7;
    char line[256], question[256];
    snprintf(question, sizeof question, "shape %u %u %u %d %d %u %" PRIu64 "\n", s->m, s->n, s->k, s->a_turned,
             s->b_turned, s->batch, runs);
    for (int p = 0; p < PEERS; p++)
      if (peers[p].pid) peer_ask(&peers[p], question, line, sizeof line);
    crew_time(crew, &plan, 1);
    figures->same_bits = same_bits(&g);
    int64_t ours[REPETITIONS_MAX], theirs[PEERS][REPETITIONS_MAX];
    for (uint32_t r = 0; r < repetitions; r++) {
      ours[r] = crew_time(crew, &plan, runs);
      for (int p = 0; p < PEERS; p++)
        if (peers[p].pid && peer_ask(&peers[p], "time\n", line, sizeof line)) theirs[p][r] = strtoll(line, NULL, 10);
    }
    figures->ours = flops * (double)runs / median(ours, repetitions);
    for (int p = 0; p < PEERS; p++)
      figures->peer[p] = peers[p].pid ? flops * (double)runs / median(theirs[p], repetitions) : 0.0;
    outcome = MEASURED;
  }
  for (uint32_t i = 0; i < threads; i++) free(crew->scratch[i]);
  free(a), free(b), free(c);
  return outcome;
}

static void print_line(const struct shape *s, const struct figures *f, uint32_t threads, bool json, FILE *out) {
  char size[96], times[16] = "";
  if (s->batch > 1) snprintf(times, sizeof times, " x%u", s->batch);
  snprintf(size, sizeof size, "%ux%ux%u %c%c%s", s->m, s->n, s->k, s->a_turned ? 'T' : 'N', s->b_turned ? 'T' : 'N',
           times);
  if (json) {
    fprintf(out, "{\"name\":\"gemm\",\"shape\":\"%s\",\"size\":\"%s\",\"threads\":%u,\"counts\":%s,\"gflops\":%.2f",
            s->name, size, threads, s->counts ? "true" : "false", f->ours);
    for (int section = 0; section < 2; section++) {
      const char *comma = "";
      fprintf(out, section ? ",\"ratio\":{" : ",\"peer\":{");
      for (int p = 0; p < PEERS; p++)
        if (f->peer[p] > 0) {
          fprintf(out, "%s\"%s\":%.*f", comma, peer_names[p], section ? 3 : 2,
                  section ? f->ours / f->peer[p] : f->peer[p]);
          comma = ",";
        }
      fputc('}', out);
    }
    fprintf(out, ",\"same_bits\":%s}\n", f->same_bits ? "true" : "false");
  } else {
    fprintf(out, "%-20s %-22s %8.1f GFLOP/s", s->name, size, f->ours);
    for (int p = 0; p < PEERS; p++)
      if (f->peer[p] > 0) fprintf(out, "   %s %7.1f (%.2fx)", peer_names[p], f->peer[p], f->ours / f->peer[p]);
    fprintf(out, "   %s%s\n", f->same_bits ? "same bits" : "BITS DIFFER", s->counts ? "" : ", not counted");
  }
  fflush(out);
}

int gemm_bench(const struct gemm_bench_options *options, FILE *out) {
  uint32_t threads = options->threads ? options->threads : 1;
  uint32_t repetitions = options->repetitions ? options->repetitions : REPETITIONS;
  const struct backend *backend = options->backend ? options->backend : backend_best();
  if (threads > GEMM_BENCH_THREADS_MAX || repetitions > REPETITIONS_MAX) return 2;
  struct crew crew = {0};
  struct peer peers[PEERS] = {{0}};
  if (!crew_start(&crew, threads)) return 3;
  void (*old)(int) = signal(SIGPIPE, SIG_IGN); /* a peer that died is an answer that does not come, not our end */
  for (int p = 0; p < PEERS; p++)
    peer_start(&peers[p], options->peers ? options->peers : GEMM_BENCH_PEERS, peer_names[p], threads);
  backend_thread_enter();

  double logs[PEERS] = {0};
  uint32_t measured = 0, counted[PEERS] = {0};
  bool same = true, memory = true;
  for (int i = 0; i < SHAPES && memory; i++) {
    if (options->only && !strstr(shapes[i].name, options->only)) continue;
    struct figures f = {0};
    memory = measure(&shapes[i], backend, &crew, peers, repetitions, &f) == MEASURED;
    if (!memory) break;
    measured++;
    same &= f.same_bits;
    print_line(&shapes[i], &f, threads, options->json, out);
    for (int p = 0; p < PEERS; p++)
      if (shapes[i].counts && f.peer[p] > 0) {
        logs[p] += log(f.ours / f.peer[p]);
        counted[p]++;
      }
  }
  const char *comma = "";
  bool compared = false;
  for (int p = 0; p < PEERS; p++) compared |= counted[p] > 0;
  fprintf(out, options->json ? "{\"summary\":{" : "geometric mean, %u thread%s, %s:", threads, threads > 1 ? "s" : "",
          backend->name);
  for (int p = 0; p < PEERS; p++)
    if (counted[p]) {
      fprintf(out, options->json ? "%s\"%s\":%.3f" : "%s %s %.3fx", comma, peer_names[p], exp(logs[p] / counted[p]));
      comma = ",";
    }
  if (options->json)
    fprintf(out, "},\"threads\":%u,\"backend\":\"%s\",\"same_bits\":%s}", threads, backend->name,
            same ? "true" : "false");
  if (!options->json && !compared) fputs(" none, as no peer measured these shapes", out);
  fputc('\n', out);
  for (int p = 0; p < PEERS; p++) peer_end(&peers[p]);
  signal(SIGPIPE, old);
  crew_stop(&crew);
  return !memory ? 3 : !same ? 1 : measured ? 0 : 2;
}
