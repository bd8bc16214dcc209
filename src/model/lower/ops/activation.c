#include "model/lower/ops/activation.h"

#include <inttypes.h>
#include <strings.h>

static const struct known {
  const char *name;
  bool takes_alpha, takes_beta;
  float alpha, beta; /* where the node gives none */
} known[] = {[ACTIVATION_SIGMOID] = {"Sigmoid", false, false, 0, 0},
             [ACTIVATION_TANH] = {"Tanh", false, false, 0, 0},
             [ACTIVATION_RELU] = {"Relu", false, false, 0, 0},
             [ACTIVATION_AFFINE] = {"Affine", true, true, 1, 0},
             [ACTIVATION_LEAKY_RELU] = {"LeakyRelu", true, false, 0.01f, 0},
             [ACTIVATION_THRESHOLDED_RELU] = {"ThresholdedRelu", true, false, 1, 0},
             [ACTIVATION_SCALED_TANH] = {"ScaledTanh", true, true, 1, 1},
             [ACTIVATION_HARD_SIGMOID] = {"HardSigmoid", true, true, 0.2f, 0.5f},
             [ACTIVATION_ELU] = {"Elu", true, false, 1, 0},
             [ACTIVATION_SOFTSIGN] = {"Softsign", false, false, 0, 0},
             [ACTIVATION_SOFTPLUS] = {"Softplus", false, false, 0, 0}};
enum { KNOWN = sizeof known / sizeof known[0] };

static bool named(struct graph *g, const struct application *a, const char *text, struct activation *out) {
  for (uint32_t n = 0; n < KNOWN; n++)
    if (strcasecmp(known[n].name, text) == 0) {
      *out = (struct activation){(enum activation_name)n, known[n].alpha, known[n].beta, 0};
      return true;
    }
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "uses the activation '%s', which lower 1 does not know", text);
  return false;
}

/* alpha and beta are taken in turn by the functions that have one. */
static float taken(const struct onnx_attribute *list, uint32_t *at, float absent) {
  return list && list->kind == ONNX_ATTR_FLOATS && *at < list->count ? list->floats[(*at)++] : absent;
}

/* The slope is read off the result, which these would not tell. */
static bool told_by_result(const struct activation *f) {
  bool bends = f->name == ACTIVATION_LEAKY_RELU || f->name == ACTIVATION_ELU || f->name == ACTIVATION_THRESHOLDED_RELU;
  return !(bends && f->alpha < 0) && !(f->name == ACTIVATION_SCALED_TANH && f->alpha == 0);
}

static bool same(const struct activation *x, const struct activation *y) {
  return x->name == y->name && x->alpha == y->alpha && x->beta == y->beta;
}

bool activation_read(struct graph *g, const struct application *a, uint32_t count, uint32_t directions,
                     const enum activation_name *absent, struct activation *out) {
  const struct onnx_attribute *names = attribute_find(a->node, "activations");
  const struct onnx_attribute *alpha = attribute_find(a->node, "activation_alpha");
  const struct onnx_attribute *beta = attribute_find(a->node, "activation_beta");
  float clip = attribute_float(a->node, "clip", 0);
  uint32_t alphas = 0, betas = 0;
  if (names && (names->kind != ONNX_ATTR_TEXTS || names->count != count * directions)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "names %" PRIu32 " activations, and %" PRIu32 " are needed", names->count,
                 count * directions);
    return false;
  }
  for (uint32_t d = 0; d < directions; d++)
    for (uint32_t n = 0; n < count; n++) {
      struct activation f = {absent[n], known[absent[n]].alpha, known[absent[n]].beta, 0};
      if (names && !named(g, a, names->texts[d * count + n], &f)) return false;
      if (known[f.name].takes_alpha) f.alpha = taken(alpha, &alphas, f.alpha);
      if (known[f.name].takes_beta) f.beta = taken(beta, &betas, f.beta);
      f.clip = clip;
      if (!told_by_result(&f)) {
        graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "gives %s an alpha of %g: it should be %s", known[f.name].name,
                     (double)f.alpha, f.alpha < 0 ? "0 or more" : "another number than 0");
        return false;
      }
      if (d && !same(&f, &out[n])) {
        graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                     "uses other activations backwards than forwards: make it two nodes of one direction each");
        return false;
      }
      out[n] = f;
    }
  return true;
}

static uint8_t function(struct build *b, const struct activation *f, uint8_t x) {
  uint8_t zero, one, r, s;
  switch (f->name) {
  case ACTIVATION_SIGMOID:
    one = build_f32(b, 1);
    r = build_op1(b, CANON_NEG, x);
    r = build_op1(b, CANON_EXP, r);
    r = build_op2(b, CANON_ADD, one, r);
    return build_op2(b, CANON_DIV, one, r);
  case ACTIVATION_TANH: return build_op1(b, CANON_TANH, x);
  case ACTIVATION_RELU:
    zero = build_f32(b, 0);
    r = build_op2(b, CANON_FLT, x, zero);
    return build_op(b, CANON_SEL, r, zero, x);
  case ACTIVATION_AFFINE:
    r = build_op2(b, CANON_MUL, x, build_f32(b, f->alpha));
    return build_op2(b, CANON_ADD, r, build_f32(b, f->beta));
  case ACTIVATION_LEAKY_RELU:
    r = build_op2(b, CANON_FLT, x, build_f32(b, 0));
    s = build_op2(b, CANON_MUL, x, build_f32(b, f->alpha));
    return build_op(b, CANON_SEL, r, s, x);
  case ACTIVATION_THRESHOLDED_RELU:
    r = build_op2(b, CANON_FLT, build_f32(b, f->alpha), x);
    return build_op(b, CANON_SEL, r, x, build_f32(b, 0));
  case ACTIVATION_SCALED_TANH:
    r = build_op2(b, CANON_MUL, x, build_f32(b, f->beta));
    r = build_op1(b, CANON_TANH, r);
    return build_op2(b, CANON_MUL, r, build_f32(b, f->alpha));
  case ACTIVATION_HARD_SIGMOID:
    r = build_op2(b, CANON_MUL, x, build_f32(b, f->alpha));
    r = build_op2(b, CANON_ADD, r, build_f32(b, f->beta));
    r = build_op2(b, CANON_MIN, r, build_f32(b, 1));
    return build_op2(b, CANON_MAX, r, build_f32(b, 0));
  case ACTIVATION_ELU:
    one = build_f32(b, 1);
    r = build_op1(b, CANON_EXP, x);
    r = build_op2(b, CANON_SUB, r, one);
    r = build_op2(b, CANON_MUL, r, build_f32(b, f->alpha));
    s = build_op2(b, CANON_FLT, x, build_f32(b, 0));
    return build_op(b, CANON_SEL, s, r, x);
  case ACTIVATION_SOFTSIGN:
    r = build_op1(b, CANON_ABS, x);
    r = build_op2(b, CANON_ADD, build_f32(b, 1), r);
    return build_op2(b, CANON_DIV, x, r);
  case ACTIVATION_SOFTPLUS:
    r = build_op1(b, CANON_EXP, x);
    r = build_op2(b, CANON_ADD, build_f32(b, 1), r);
    return build_op1(b, CANON_LOG, r);
  }
  return x;
}

uint8_t activation_apply(struct build *b, const struct activation *f, uint8_t x) {
  if (f->clip > 0) {
    uint8_t low = build_f32(b, -f->clip), high = build_f32(b, f->clip);
    x = build_op2(b, CANON_MAX, x, low);
    x = build_op2(b, CANON_MIN, x, high);
  }
  return function(b, f, x);
}

static uint8_t slope(struct build *b, const struct activation *f, uint8_t y) {
  uint8_t zero, one, r, s;
  switch (f->name) {
  case ACTIVATION_SIGMOID: r = build_op2(b, CANON_SUB, build_f32(b, 1), y); return build_op2(b, CANON_MUL, y, r);
  case ACTIVATION_TANH: r = build_op2(b, CANON_MUL, y, y); return build_op2(b, CANON_SUB, build_f32(b, 1), r);
  case ACTIVATION_RELU:
    zero = build_f32(b, 0);
    one = build_f32(b, 1);
    r = build_op2(b, CANON_FLE, y, zero);
    return build_op(b, CANON_SEL, r, zero, one);
  case ACTIVATION_AFFINE: return build_f32(b, f->alpha);
  case ACTIVATION_LEAKY_RELU:
    r = build_op2(b, CANON_FLT, y, build_f32(b, 0));
    s = build_f32(b, f->alpha);
    return build_op(b, CANON_SEL, r, s, build_f32(b, 1));
  case ACTIVATION_THRESHOLDED_RELU:
    zero = build_f32(b, 0);
    one = build_f32(b, 1);
    r = build_op2(b, CANON_FEQ, y, zero);
    return build_op(b, CANON_SEL, r, zero, one);
  case ACTIVATION_SCALED_TANH:
    r = build_op2(b, CANON_DIV, y, build_f32(b, f->alpha));
    r = build_op2(b, CANON_MUL, r, r);
    r = build_op2(b, CANON_SUB, build_f32(b, 1), r);
    return build_op2(b, CANON_MUL, r, build_f32(b, f->alpha * f->beta));
  case ACTIVATION_HARD_SIGMOID:
    zero = build_f32(b, 0);
    one = build_f32(b, 1);
    r = build_op2(b, CANON_FLT, zero, y);
    s = build_op2(b, CANON_FLT, y, one);
    r = build_op2(b, CANON_IAND, r, s);
    return build_op(b, CANON_SEL, r, build_f32(b, f->alpha), zero);
  case ACTIVATION_ELU:
    r = build_op2(b, CANON_FLT, y, build_f32(b, 0));
    s = build_op2(b, CANON_ADD, y, build_f32(b, f->alpha));
    return build_op(b, CANON_SEL, r, s, build_f32(b, 1));
  case ACTIVATION_SOFTSIGN:
    r = build_op1(b, CANON_ABS, y);
    r = build_op2(b, CANON_SUB, build_f32(b, 1), r);
    return build_op2(b, CANON_MUL, r, r);
  case ACTIVATION_SOFTPLUS:
    r = build_op1(b, CANON_NEG, y);
    r = build_op1(b, CANON_EXP, r);
    return build_op2(b, CANON_SUB, build_f32(b, 1), r);
  }
  return y;
}

/* What the clip cut off has the value of an edge there, and no slope. */
uint8_t activation_slope(struct build *b, const struct activation *f, uint8_t y) {
  uint8_t rise = slope(b, f, y);
  if (!(f->clip > 0)) return rise;
  uint8_t low = function(b, f, build_f32(b, -f->clip)), high = function(b, f, build_f32(b, f->clip));
  uint8_t cut = build_op2(b, CANON_FEQ, y, low);
  uint8_t more = build_op2(b, CANON_FEQ, y, high);
  cut = build_op2(b, CANON_IOR, cut, more);
  return build_op(b, CANON_SEL, cut, build_f32(b, 0), rise);
}
