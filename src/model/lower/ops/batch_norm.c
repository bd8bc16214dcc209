/* BatchNormalization: one mean and one variance a channel, of the batch while training and running ones elsewhere.
 * docs/lower.md 4.35. */
#include <inttypes.h>

#include "model/lower/ops/normalize.h"
#include "model/lower/ops/tables.h"

enum { SCALE = 1, BIAS, MEAN, VARIANCE };
enum { OUT_MEAN = 1, OUT_VARIANCE };
/* a->saved. CENTRED: x less its mean, where the batch gave the mean. FACTOR: scale over the deviation. */
enum { CENTRED, INVERSE, FACTOR, SAVED };

struct batch_norm {
  uint32_t mask, channels; /* all axes but 1 */
  uint64_t count;          /* elements of a channel */
  struct value scale, bias, mean, variance;
  float epsilon;
  bool of_batch; /* else the running statistics decide */
};

/* What the batch decides: training, unless the job freezes the running mean; and an inference whose graph hands out new
 * statistics. */
static bool of_batch(struct graph *g, const struct application *a) {
  if (g->mode == GRAPH_TRAIN) return !graph_frozen(g, a, MEAN);
  bool asked = false;
  for (uint32_t n = OUT_MEAN; n <= OUT_VARIANCE; n++) {
    const struct tensor *t = graph_output(g, a, n);
    asked |= t && t->uses;
  }
  return g->mode == GRAPH_INFER && asked && attribute_int(a->node, "training_mode", 0) == 1;
}

static bool batch_norm_read(struct graph *g, struct application *a, const struct value *x, struct batch_norm *c) {
  if (x->rank < 2) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "takes %s; it needs a batch and channels", shape_text(x->rank, x->dim).text);
    return false;
  }
  *c = (struct batch_norm){.mask = ((1u << x->rank) - 1) & ~2u,
                           .channels = x->dim[1],
                           .epsilon = attribute_float(a->node, "epsilon", 1e-5f),
                           .of_batch = of_batch(g, a)};
  c->count = normalize_count(x, c->mask);
  return normalize_channels(g, a, SCALE, c->channels, x->rank, &c->scale) &&
         normalize_channels(g, a, BIAS, c->channels, x->rank, &c->bias) &&
         normalize_channels(g, a, MEAN, c->channels, x->rank, &c->mean) &&
         normalize_channels(g, a, VARIANCE, c->channels, x->rank, &c->variance);
}

static struct value over_count(struct graph *g, struct value *sum, float count) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, sum);
  uint8_t s = build_use(&b, sum);
  uint8_t n = build_f32(&b, count);
  return build_end(&b, build_op2(&b, CANON_DIV, s, n));
}

/* One operation of x and y, in x's dims. */
static struct value joined(struct graph *g, uint8_t operation, struct value *x, struct value *y) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t p = build_use(&b, x);
  uint8_t q = build_use(&b, y);
  return build_end(&b, build_op2(&b, operation, p, q));
}

/* div(1, sqrt(add(variance, epsilon))) */
static struct value inverse_of(struct graph *g, struct value *variance, float epsilon) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, variance);
  uint8_t v = build_use(&b, variance);
  uint8_t least = build_f32(&b, epsilon);
  uint8_t one = build_f32(&b, 1);
  v = build_op2(&b, CANON_ADD, v, least);
  v = build_op1(&b, CANON_SQRT, v);
  return build_end(&b, build_op2(&b, CANON_DIV, one, v));
}

/* The statistic that input n holds, moved towards the batch's: fma(1 - momentum, batch's, mul(momentum, running)). */
static void move_statistic(struct graph *g, struct application *a, uint32_t n, uint32_t output, struct value *running,
                           struct value *batch, float momentum) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, running);
  uint8_t before = build_use(&b, running);
  uint8_t now = build_use(&b, batch);
  uint8_t keep = build_f32(&b, momentum);
  uint8_t take = build_f32(&b, (float)(1.0 - (double)momentum));
  before = build_op2(&b, CANON_MUL, before, keep);
  struct value moved = build_end(&b, build_op(&b, CANON_FMA, take, now, before));
  if (emit_failed(g->e)) return;
  moved = value_view(&moved, 1, graph_input(g, a, n)->v.dim);
  graph_write(g, a, n, moved);
  graph_result_at(g, a, output, moved);
}

/* The variance that runs on: over count - 1, as PyTorch has it, or over count, as ONNX has it. */
static struct value running_of(struct graph *g, const struct batch_norm *c, struct value *squares,
                               struct value *variance) {
  if (g->mode != GRAPH_TRAIN || g->biased_variance) return *variance;
  return over_count(g, squares, (float)(c->count - 1));
}

static bool statistics_stay(struct graph *g, struct application *a) {
  for (uint32_t n = MEAN; n <= VARIANCE && g->mode == GRAPH_TRAIN; n++) {
    const struct tensor *t = graph_input(g, a, n);
    if (!t || t->parameter == GRAPH_NONE || !g->parameter[t->parameter].trains) continue;
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                 "its running statistic '%s' is used as a weight before: freeze it, or give the node one of its own",
                 t->name);
    return false;
  }
  return true;
}

/* Mean and variance of the batch, and what they do to the running ones. Leaves the centred x and the inverse. */
static bool take_statistics(struct graph *g, struct application *a, struct value *x, struct batch_norm *c,
                            struct value *middle, struct value *inverse) {
  float momentum = attribute_float(a->node, "momentum", 0.9f);
  struct value rows = normalize_rows(x, c->mask);
  if (!statistics_stay(g, a)) return false;
  if (g->mode == GRAPH_TRAIN && !g->biased_variance && c->count == 1) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "has one value a channel in a batch, and no variance: use a larger batch");
    return false;
  }
  struct value sum = unbroadcast(g, x, &rows), mean = over_count(g, &sum, (float)c->count);
  *middle = joined(g, CANON_SUB, x, &mean);
  struct value squares = normalize_dot(g, middle, middle, c->mask);
  struct value variance = over_count(g, &squares, (float)c->count);
  *inverse = inverse_of(g, &variance, c->epsilon);
  struct value running = running_of(g, c, &squares, &variance);
  move_statistic(g, a, MEAN, OUT_MEAN, &c->mean, &mean, momentum);
  move_statistic(g, a, VARIANCE, OUT_VARIANCE, &c->variance, &running, momentum);
  return true;
}

static void batch_norm_lower(struct graph *g, struct application *a) {
  struct value *x = normalize_input(g, a, 0), middle, inverse;
  struct batch_norm c;
  struct build b;
  if (!x || !batch_norm_read(g, a, x, &c)) return;
  if (c.of_batch) {
    if (!take_statistics(g, a, x, &c, &middle, &inverse)) return;
  } else {
    inverse = inverse_of(g, &c.variance, c.epsilon);
    graph_result_at(g, a, OUT_MEAN, *graph_value(g, a, MEAN));
    graph_result_at(g, a, OUT_VARIANCE, *graph_value(g, a, VARIANCE));
  }
  struct value factor = joined(g, CANON_MUL, &c.scale, &inverse), *saved = graph_save(g, a, SAVED);
  if (!saved) return;
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t in = build_use(&b, c.of_batch ? &middle : x);
  if (!c.of_batch) {
    uint8_t m = build_use(&b, &c.mean);
    in = build_op2(&b, CANON_SUB, in, m);
  }
  uint8_t times = build_use(&b, &factor);
  uint8_t more = build_use(&b, &c.bias);
  graph_result(g, a, build_pending(&b, build_op(&b, CANON_FMA, in, times, more)));
  if (c.of_batch) saved[CENTRED] = middle;
  saved[INVERSE] = inverse;
  saved[FACTOR] = factor;
}

/* mul(neg(factor), div(x, count)), one number a channel; times inverse^2 where it is given. */
static struct value correction(struct graph *g, struct value *factor, struct value *x, struct value *inverse,
                               float count) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t s = build_use(&b, x);
  uint8_t f = build_use(&b, factor);
  uint8_t i = inverse ? build_use(&b, inverse) : 0;
  uint8_t n = build_f32(&b, count);
  s = build_op2(&b, CANON_DIV, s, n);
  f = build_op1(&b, CANON_NEG, f);
  if (inverse) {
    i = build_op2(&b, CANON_MUL, i, i);
    s = build_op2(&b, CANON_MUL, i, s);
  }
  return build_end(&b, build_op2(&b, CANON_MUL, f, s));
}

/* dx = factor (dy - mean dy - d inverse^2 mean(dy d)), as fma(dy, factor, fma(d, k3, k2)). */
static struct value batch_gradient(struct graph *g, struct application *a, const struct batch_norm *c, struct value *dy,
                                   struct value *sum, struct value *along) {
  struct value *d = &a->saved[CENTRED], *factor = &a->saved[FACTOR];
  struct value k2 = correction(g, factor, sum, NULL, (float)c->count);
  struct value k3 = correction(g, factor, along, &a->saved[INVERSE], (float)c->count);
  struct build b;
  build_map(&b, g->e, TAPE_F32, d);
  uint8_t up = build_use(&b, dy);
  uint8_t f = build_use(&b, factor);
  uint8_t at = build_use(&b, d);
  uint8_t third = build_use(&b, &k3);
  uint8_t second = build_use(&b, &k2);
  second = build_op(&b, CANON_FMA, at, third, second);
  return build_pending(&b, build_op(&b, CANON_FMA, up, f, second));
}

static struct value running_gradient(struct graph *g, struct application *a, const struct value *x, struct value *dy) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t up = build_use(&b, dy);
  uint8_t f = build_use(&b, &a->saved[FACTOR]);
  return build_pending(&b, build_op2(&b, CANON_MUL, up, f));
}

static void batch_norm_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, sum, along;
  struct batch_norm c;
  if (!batch_norm_read(g, a, x, &c)) return;
  for (uint32_t n = OUT_MEAN; n < a->outputs_count; n++)
    if (!dy[n].literal) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "the loss depends on its running statistics, which have no gradient");
      return;
    }
  if (dy[0].literal) return;
  value_settle(g->e, dy);
  if (emit_failed(g->e)) return;
  if (!c.of_batch && graph_wants(g, a, SCALE)) a->saved[CENTRED] = joined(g, CANON_SUB, x, &c.mean);
  struct value rows = normalize_rows(x, c.mask);
  if (c.of_batch || graph_wants(g, a, BIAS)) sum = unbroadcast(g, dy, &rows);
  if (c.of_batch || graph_wants(g, a, SCALE)) along = normalize_dot(g, &a->saved[CENTRED], dy, c.mask);
  if (emit_failed(g->e)) return;
  if (graph_wants(g, a, SCALE)) {
    struct value ds = joined(g, CANON_MUL, &along, &a->saved[INVERSE]);
    if (!emit_failed(g->e)) graph_gradient(g, a, SCALE, value_view(&ds, 1, &c.channels));
  }
  if (graph_wants(g, a, BIAS)) {
    value_settle(g->e, &sum);
    if (!emit_failed(g->e)) graph_gradient(g, a, BIAS, value_view(&sum, 1, &c.channels));
  }
  if (graph_wants(g, a, 0))
    graph_gradient(g, a, 0, c.of_batch ? batch_gradient(g, a, &c, dy, &sum, &along) : running_gradient(g, a, x, dy));
}

static void batch_norm_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n >= MEAN) role->kind = ROLE_STATISTIC;
}

const struct rule rules_batch_norm[] = {{.op = "BatchNormalization",
                                         .opset_first = 9,
                                         .inputs_min = 5,
                                         .inputs_max = 5,
                                         .outputs_max = 3,
                                         .lower = batch_norm_lower,
                                         .differentiate = batch_norm_differentiate,
                                         .keep_inputs = 3,
                                         .role = batch_norm_role},
                                        {0}};
