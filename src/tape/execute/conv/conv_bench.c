#include "tape/execute/conv/conv_bench.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "numeric/peers/ask.h"
#include "numeric/reference/reference.h"
#include "tape/element/element.h"
#include "tape/execute/stage/stage_layers.h"

#ifndef CONV_BENCH_PEERS
#define CONV_BENCH_PEERS "."
#endif

enum { REPETITIONS = 11, REPETITIONS_MAX = 1001, THREADS_MAX = 256, DIRECTIONS = 3, CHECKS = 1 << 21 };

/* The input of a network has no gradient. The last two are of other models: shown, not counted. */
struct layer {
  const char *name;
  struct layer_shape shape;
  uint32_t groups, directions;
  bool counts;
};
static const struct layer layers[] = {
    {"lenet 1", {128, 28, 28, 1, 6, 5, 5, 2, 1, 1}, 0, 2, true},
    {"lenet 2", {128, 14, 14, 6, 16, 5, 5, 0, 1, 1}, 0, 3, true},
    {"lenet32 1", {128, 28, 28, 1, 32, 3, 3, 1, 1, 1}, 0, 2, true},
    {"lenet32 2", {128, 14, 14, 32, 64, 3, 3, 1, 1, 1}, 0, 3, true},
    {"resnet stem", {128, 28, 28, 1, 16, 3, 3, 1, 1, 1}, 0, 2, true},
    {"resnet 16", {128, 28, 28, 16, 16, 3, 3, 1, 1, 1}, 0, 3, true},
    {"resnet 16 to 32", {128, 28, 28, 16, 32, 3, 3, 1, 2, 1}, 0, 3, true},
    {"resnet shortcut 32", {128, 28, 28, 16, 32, 1, 1, 0, 2, 1}, 0, 3, true},
    {"resnet 32", {128, 14, 14, 32, 32, 3, 3, 1, 1, 1}, 0, 3, true},
    {"resnet 32 to 64", {128, 14, 14, 32, 64, 3, 3, 1, 2, 1}, 0, 3, true},
    {"resnet shortcut 64", {128, 14, 14, 32, 64, 1, 1, 0, 2, 1}, 0, 3, true},
    {"resnet 64", {128, 7, 7, 64, 64, 3, 3, 1, 1, 1}, 0, 3, true},
    {"depthwise", {128, 14, 14, 64, 64, 3, 3, 1, 1, 1}, 64, 3, false},
    {"grouped", {128, 14, 14, 64, 64, 3, 3, 1, 1, 1}, 4, 3, false},
};
enum { LAYERS = sizeof layers / sizeof *layers };
static const char *const direction_names[DIRECTIONS] = {"forward", "filter gradient", "input gradient"};

static int64_t now_ns(uint32_t threads) {
  struct timespec t;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}
static double median(int64_t *ns, uint32_t count) {
  qsort(ns, count, sizeof *ns, ascending);
  return count % 2 ? (double)ns[count / 2] : 0.5 * (double)(ns[count / 2 - 1] + ns[count / 2]);
}

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  const struct stage *s = context;
  uint32_t word;
  memcpy(&word, (const uint8_t *)s->data[s->record[0].operand[o].data_number] + 4 * index, sizeof word);
  return word;
}

/* Elements against the rule, the first and the last, then as many anywhere as CHECKS multiplications allow. */
static bool same_bits(struct stage *s, const struct execute *x) {
  const struct tape_record *r = &s->record[0];
  const struct element_world world = {.apply = reference_apply, .load = load, .context = s};
  const uint8_t *value = execute_temps(x) + r->first_leaf * TAPE_LEAF_BYTES;
  uint64_t elements = record_elements(r), checks = CHECKS / record_k(r), seed = 1;
  for (uint64_t i = 0; i < checks + 2; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t at = i == 0 ? 0 : i == 1 ? elements - 1 : (seed >> 20) % elements;
    uint32_t word;
    memcpy(&word, value + 4 * at, sizeof word);
    if (word != element_value(r, &world, at)) return false;
  }
  return true;
}

struct figures {
  double ours, peer; /* ns a step; peer 0: none */
  bool same_bits;
};

static bool measure(const struct layer *layer, int direction, struct pool *pool, struct peer *peer,
                    uint32_t repetitions, double flops, struct figures *figures) {
  static struct stage s;
  const struct layer_shape *l = &layer->shape;
  stage_begin(&s, 1);
  uint32_t g = layer->groups ? layer->groups : 1, threads = pool_threads(pool);
  struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)l->n * l->h * l->w * l->ci, STAGE_PLAIN);
  struct stage_value f = stage_data(&s, TAPE_F32, (uint64_t)l->kh * l->kw * (l->ci / g) * l->co, STAGE_PLAIN);
  struct stage_value y =
      stage_data(&s, TAPE_F32, (uint64_t)l->n * layer_out_h(l) * layer_out_w(l) * l->co, STAGE_PLAIN);
  if (direction == 0) layer_grouped_forward(&s, l, layer->groups, x, f);
  if (direction == 1) layer_grouped_filter_gradient(&s, l, layer->groups, x, y);
  if (direction == 2) layer_grouped_input_gradient(&s, l, layer->groups, y, f);
  stage_seal(&s);
  struct execute *e;
  struct execute_options options = {.pool = pool, .materialise = true};
  if (execute_open(&e, &s.tape, (const void *const *)s.data, &options, NULL) != EXECUTE_OK) {
    stage_end(&s);
    return false;
  }
  uint8_t *state = stage_blob(&s, STAGE_PLAIN);
  uint64_t runs = flops < 2e9 ? (uint64_t)(2e9 / flops) : 1; /* ten to twenty milliseconds a turn */
  char line[256], question[256];
  snprintf(question, sizeof question, "shape %u %u %u %u %u %u %u %u %u %u %d %" PRIu64 "\n", l->n, l->h, l->w, l->ci,
           l->co, l->kh, l->kw, l->pad, l->stride, g, direction, runs);
  if (peer->pid) peer_ask(peer, question, line, sizeof line);
  execute_step(e, state, 0, 1);
  figures->same_bits = same_bits(&s, e);
  int64_t ours[REPETITIONS_MAX], theirs[REPETITIONS_MAX];
  for (uint32_t r = 0; r < repetitions; r++) {
    int64_t start = now_ns(threads);
    for (uint64_t i = 0; i < runs; i++) execute_step(e, state, 0, 1);
    ours[r] = now_ns(threads) - start;
    if (peer->pid && peer_ask(peer, "time\n", line, sizeof line)) theirs[r] = strtoll(line, NULL, 10);
  }
  figures->ours = median(ours, repetitions) / (double)runs;
  figures->peer = peer->pid ? median(theirs, repetitions) / (double)runs : 0;
  execute_shut(e);
  free(state);
  stage_end(&s);
  return true;
}

static void print_line(const struct layer *l, int direction, const struct figures *f, double flops, uint32_t threads,
                       bool json, FILE *out) {
  const struct layer_shape *s = &l->shape;
  char size[96], groups[24] = "";
  if (l->groups) snprintf(groups, sizeof groups, " groups %u", l->groups);
  snprintf(size, sizeof size, "%u>%u %ux%u %ux%u pad %u stride %u%s", s->ci, s->co, s->kh, s->kw, s->h, s->w, s->pad,
           s->stride, groups);
  if (json) {
    fprintf(out,
            "{\"name\":\"conv\",\"layer\":\"%s\",\"size\":\"%s\",\"direction\":\"%s\",\"threads\":%u,\"counts\":%s,"
            "\"ms\":%.4f,\"gflops\":%.2f,",
            l->name, size, direction_names[direction], threads, l->counts ? "true" : "false", f->ours * 1e-6,
            flops / f->ours);
    if (f->peer > 0)
      fprintf(out, "\"peer\":{\"onednn\":%.2f},\"ratio\":{\"onednn\":%.3f},", flops / f->peer, f->peer / f->ours);
    fprintf(out, "\"same_bits\":%s}\n", f->same_bits ? "true" : "false");
  } else {
    fprintf(out, "%-18s %-34s %-15s %7.3f ms %7.1f GFLOP/s", l->name, size, direction_names[direction], f->ours * 1e-6,
            flops / f->ours);
    if (f->peer > 0) fprintf(out, "   onednn %7.1f (%.2fx)", flops / f->peer, f->peer / f->ours);
    fprintf(out, "   %s%s\n", f->same_bits ? "same bits" : "BITS DIFFER", l->counts ? "" : ", not counted");
  }
  fflush(out);
}

static void print_summary(double logs, uint32_t counted, bool same, uint32_t threads, bool json, FILE *out) {
  const char *backend = backend_best()->name;
  if (json) {
    fputs("{\"summary\":{", out);
    if (counted) fprintf(out, "\"onednn\":%.3f", exp(logs / counted));
    fprintf(out, "},\"threads\":%u,\"backend\":\"%s\",\"same_bits\":%s}\n", threads, backend, same ? "true" : "false");
    return;
  }
  fprintf(out, "geometric mean, %u thread%s, %s:", threads, threads > 1 ? "s" : "", backend);
  if (counted)
    fprintf(out, " onednn %.3fx\n", exp(logs / counted));
  else
    fputs(" none, as no peer measured these layers\n", out);
}

int conv_bench(const struct conv_bench_options *options, FILE *out) {
  uint32_t threads = options->threads ? options->threads : 1;
  uint32_t repetitions = options->repetitions ? options->repetitions : REPETITIONS;
  if (threads > THREADS_MAX || repetitions > REPETITIONS_MAX) return 2;
  struct pool *pool = NULL;
  if (threads > 1 && !(pool = pool_open(threads))) return 3;
  void (*old)(int) = signal(SIGPIPE, SIG_IGN); /* a peer that died is an answer that does not come, not our end */
  struct peer peer = {0};
  peer_start(&peer, options->peers ? options->peers : CONV_BENCH_PEERS, "onednn_convolution", threads);
  double logs = 0;
  uint32_t measured = 0, counted = 0;
  bool same = true, memory = true;
  for (uint32_t i = 0; i < LAYERS && memory; i++) {
    const struct layer *l = &layers[i];
    const struct layer_shape *s = &l->shape;
    if (options->only && !strstr(l->name, options->only)) continue;
    double flops =
        2.0 * s->n * layer_out_h(s) * layer_out_w(s) * s->co * s->kh * s->kw * (s->ci / (l->groups ? l->groups : 1));
    for (int d = 0; d < (int)l->directions && memory; d++) {
      struct figures f;
      memory = measure(l, d, pool, &peer, repetitions, flops, &f);
      if (!memory) break;
      measured++;
      same &= f.same_bits;
      print_line(l, d, &f, flops, threads, options->json, out);
      if (!l->counts || f.peer <= 0) continue;
      logs += log(f.peer / f.ours);
      counted++;
    }
  }
  if (memory && measured) print_summary(logs, counted, same, threads, options->json, out);
  peer_end(&peer);
  signal(SIGPIPE, old);
  pool_shut(pool);
  return !memory ? 3 : !same ? 1 : measured ? 0 : 2;
}
