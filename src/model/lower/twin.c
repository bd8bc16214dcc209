#include "model/lower/twin.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct twin_tensor *twin_find(struct twin *t, const char *name) {
  for (uint32_t n = 0; n < t->count; n++)
    if (strcmp(t->tensor[n].name, name) == 0) return &t->tensor[n];
  return NULL;
}

struct twin_tensor *twin_set(struct twin *t, const char *name, uint32_t rank, const int64_t *dim) {
  struct twin_tensor *x = twin_find(t, name);
  if (!x) x = &t->tensor[t->count++];
  assert(t->count <= TWIN_TENSORS);
  x->name = name;
  x->rank = rank;
  x->count = 1;
  for (uint32_t a = 0; a < rank; a++) x->count *= (uint64_t)(x->dim[a] = dim[a]);
  assert(x->count <= TWIN_ELEMENTS);
  return x;
}

void twin_open(struct twin *t, const struct onnx_model *model) {
  t->count = 0;
  for (uint32_t n = 0; n < model->initializers_count; n++) {
    const struct onnx_tensor *i = &model->initializer[n];
    struct twin_tensor *x = twin_set(t, i->name, i->rank, i->dim);
    for (uint64_t k = 0; k < i->count; k++) x->value[k] = i->f32 ? (double)i->f32[k] : (double)i->i64[k];
  }
}

static const struct onnx_attribute *find(const struct onnx_node *node, const char *name) {
  for (uint32_t n = 0; n < node->attributes_count; n++)
    if (strcmp(node->attribute[n].name, name) == 0) return &node->attribute[n];
  return NULL;
}
static int64_t whole(const struct onnx_node *node, const char *name, int64_t absent) {
  const struct onnx_attribute *a = find(node, name);
  return a ? a->i : absent;
}
static double real(const struct onnx_node *node, const char *name, double absent) {
  const struct onnx_attribute *a = find(node, name);
  return a ? (double)a->f : absent;
}
static bool is(const struct onnx_node *node, const char *op) { return strcmp(node->op, op) == 0; }

/* Coordinates of element n, and the element at coordinates clipped to dims of 1 (broadcasting, aligned at the end). */
static void unravel(uint64_t n, uint32_t rank, const int64_t *dim, int64_t *at) {
  for (uint32_t a = rank; a-- > 0; n /= (uint64_t)dim[a]) at[a] = (int64_t)(n % (uint64_t)dim[a]);
}
static double spread(const struct twin_tensor *x, uint32_t rank, const int64_t *at) {
  uint64_t n = 0;
  for (uint32_t a = 0; a < x->rank; a++)
    n = n * (uint64_t)x->dim[a] + (uint64_t)(x->dim[a] == 1 ? 0 : at[a + rank - x->rank]);
  return x->value[n];
}

static void broadcast_dims(const struct twin_tensor *x, const struct twin_tensor *y, uint32_t less, uint32_t *rank,
                           int64_t *dim) {
  *rank = x->rank > y->rank ? x->rank : y->rank;
  for (uint32_t a = 0; a + less < *rank; a++) {
    int64_t p = a + x->rank < *rank ? 1 : x->dim[a + x->rank - *rank];
    int64_t q = a + y->rank < *rank ? 1 : y->dim[a + y->rank - *rank];
    dim[a] = p == 1 ? q : p;
  }
}

static void binary(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]), *y = twin_find(t, node->input[1]);
  uint32_t rank;
  int64_t dim[ONNX_RANK_MAX], at[ONNX_RANK_MAX];
  broadcast_dims(x, y, 0, &rank, dim);
  struct twin_tensor *z = twin_set(t, node->output[0], rank, dim);
  for (uint64_t n = 0; n < z->count; n++) {
    unravel(n, rank, dim, at);
    double p = spread(x, rank, at), q = spread(y, rank, at);
    z->value[n] = is(node, "Add") ? p + q : is(node, "Sub") ? p - q : is(node, "Mul") ? p * q : p / q;
  }
}

static double unary_of(const struct onnx_node *node, double x) {
  const struct onnx_attribute *how = find(node, "approximate");
  if (is(node, "Relu")) return x > 0 ? x : 0;
  if (is(node, "LeakyRelu")) return x > 0 ? x : x * real(node, "alpha", 0.01);
  if (is(node, "Sigmoid")) return 1 / (1 + exp(-x));
  if (is(node, "Tanh")) return tanh(x);
  if (is(node, "Exp")) return exp(x);
  if (is(node, "Log")) return log(x);
  if (is(node, "Neg")) return -x;
  if (is(node, "Sqrt")) return sqrt(x);
  if (is(node, "Abs")) return fabs(x);
  if (is(node, "Erf")) return erf(x);
  if (is(node, "Softsign")) return x / (1 + fabs(x));
  if (is(node, "Softplus")) return log1p(exp(x));
  if (is(node, "Mish")) return x * tanh(log1p(exp(x)));
  if (is(node, "Elu")) return x < 0 ? real(node, "alpha", 1) * expm1(x) : x;
  if (is(node, "HardSigmoid")) return fmax(0, fmin(1, 0.2 * x + 0.5));
  if (is(node, "HardSwish")) return x * fmax(0, fmin(1, x / 6 + 0.5));
  if (is(node, "Sin")) return sin(x);
  if (is(node, "Cos")) return cos(x);
  if (is(node, "Tan")) return tan(x);
  if (is(node, "Atan")) return atan(x);
  if (is(node, "Sinh")) return sinh(x);
  if (is(node, "Cosh")) return cosh(x);
  if (is(node, "Asinh")) return asinh(x);
  if (how && strcmp(how->text, "tanh") == 0)
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
  return 0.5 * x * (1 + erf(x / sqrt(2.0)));
}

static void unary(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]);
  struct twin_tensor *y = twin_set(t, node->output[0], x->rank, x->dim);
  for (uint64_t n = 0; n < y->count; n++) y->value[n] = unary_of(node, x->value[n]);
}

static void matmul(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]), *y = twin_find(t, node->input[1]), *c = NULL;
  bool gemm = is(node, "Gemm"), turn = gemm && whole(node, "transB", 0);
  double alpha = gemm ? real(node, "alpha", 1) : 1, beta = gemm ? real(node, "beta", 1) : 0;
  uint32_t rank;
  int64_t dim[ONNX_RANK_MAX], at[ONNX_RANK_MAX];
  if (gemm && node->inputs_count > 2) c = twin_find(t, node->input[2]);
  broadcast_dims(x, y, 2, &rank, dim);
  dim[rank - 2] = x->dim[x->rank - 2];
  dim[rank - 1] = y->dim[y->rank - (turn ? 2 : 1)];
  struct twin_tensor *z = twin_set(t, node->output[0], rank, dim);
  for (uint64_t n = 0; n < z->count; n++) {
    double sum = 0;
    unravel(n, rank, dim, at);
    int64_t row = at[rank - 2], col = at[rank - 1];
    for (int64_t k = 0; k < x->dim[x->rank - 1]; k++) {
      int64_t p[ONNX_RANK_MAX], q[ONNX_RANK_MAX];
      memcpy(p, at, sizeof p);
      memcpy(q, at, sizeof q);
      p[rank - 2] = row;
      p[rank - 1] = k;
      q[rank - 2] = turn ? col : k;
      q[rank - 1] = turn ? k : col;
      sum += spread(x, rank, p) * spread(y, rank, q);
    }
    z->value[n] = alpha * sum + (c ? beta * spread(c, rank, at) : 0);
  }
}

/* Spatial parameters of Conv and the pools; out sizes by the specification. */
struct slide {
  uint32_t axes;
  int64_t kernel[3], stride[3], dilation[3], pad[3], out[3];
};

static struct slide slide_of(const struct onnx_node *node, const struct twin_tensor *x, const int64_t *kernel) {
  struct slide s = {.axes = x->rank - 2};
  const struct onnx_attribute *k = find(node, "kernel_shape"), *st = find(node, "strides"),
                              *d = find(node, "dilations"), *p = find(node, "pads"),
                              *automatic = find(node, "auto_pad");
  for (uint32_t a = 0; a < s.axes; a++) {
    s.kernel[a] = kernel ? kernel[a] : k->ints[a];
    s.stride[a] = st ? st->ints[a] : 1;
    s.dilation[a] = d ? d->ints[a] : 1;
    int64_t before = p ? p->ints[a] : 0, after = p ? p->ints[a + s.axes] : 0;
    int64_t in = x->dim[a + 2], reach = (s.kernel[a] - 1) * s.dilation[a] + 1;
    if (automatic && strncmp(automatic->text, "SAME", 4) == 0) {
      s.out[a] = (int64_t)ceil((double)in / (double)s.stride[a]);
      int64_t all = (s.out[a] - 1) * s.stride[a] + reach - in;
      if (all < 0) all = 0;
      before = strcmp(automatic->text, "SAME_LOWER") == 0 ? all - all / 2 : all / 2;
    } else if (whole(node, "ceil_mode", 0)) {
      s.out[a] = (int64_t)ceil((double)(in + before + after - reach) / (double)s.stride[a]) + 1;
      if ((s.out[a] - 1) * s.stride[a] >= in + before) s.out[a]--;
    } else {
      s.out[a] = (int64_t)floor((double)(in + before + after - reach) / (double)s.stride[a]) + 1;
    }
    s.pad[a] = before;
  }
  return s;
}

static void slide(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]), *w = NULL, *bias = NULL;
  bool conv = is(node, "Conv"), max = is(node, "MaxPool"), count_all = whole(node, "count_include_pad", 0) != 0;
  if (conv) w = twin_find(t, node->input[1]);
  if (conv && node->inputs_count > 2) bias = twin_find(t, node->input[2]);
  struct slide s = slide_of(node, x, conv ? w->dim + 2 : NULL);
  int64_t dim[ONNX_RANK_MAX] = {x->dim[0], conv ? w->dim[0] : x->dim[1]}, at[ONNX_RANK_MAX], taps = 1;
  for (uint32_t a = 0; a < s.axes; a++) {
    dim[a + 2] = s.out[a];
    taps *= s.kernel[a];
  }
  int64_t group_in = conv ? w->dim[1] : 1, group_out = conv ? w->dim[0] / whole(node, "group", 1) : 1;
  struct twin_tensor *y = twin_set(t, node->output[0], x->rank, dim);
  for (uint64_t n = 0; n < y->count; n++) {
    double sum = 0, most = -INFINITY;
    int64_t counted = 0;
    unravel(n, y->rank, dim, at);
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t k[3], from[ONNX_RANK_MAX] = {at[0], at[1]}, wt[ONNX_RANK_MAX] = {at[1]};
      bool inside = true;
      unravel((uint64_t)tap, s.axes, s.kernel, k);
      for (uint32_t a = 0; a < s.axes; a++) {
        wt[a + 2] = k[a];
        from[a + 2] = at[a + 2] * s.stride[a] + k[a] * s.dilation[a] - s.pad[a];
        inside = inside && from[a + 2] >= 0 && from[a + 2] < x->dim[a + 2];
      }
      if (!inside) continue;
      counted++;
      for (int64_t c = 0; conv && c < group_in; c++) {
        from[1] = at[1] / group_out * group_in + c;
        wt[1] = c;
        sum += spread(x, x->rank, from) * spread(w, w->rank, wt);
      }
      if (conv) continue;
      double v = spread(x, x->rank, from);
      sum += v;
      if (v > most) most = v;
    }
    y->value[n] = max    ? most
                  : conv ? sum + (bias ? bias->value[at[1]] : 0)
                         : sum / (double)(count_all ? taps : counted);
  }
}

static void softmax(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]);
  struct twin_tensor *y = twin_set(t, node->output[0], x->rank, x->dim);
  int64_t axis = whole(node, "axis", -1), at[ONNX_RANK_MAX];
  if (axis < 0) axis += x->rank;
  for (uint64_t n = 0; n < x->count; n++) {
    double sum = 0;
    unravel(n, x->rank, x->dim, at);
    for (at[axis] = 0; at[axis] < x->dim[axis]; at[axis]++) sum += exp(spread(x, x->rank, at));
    y->value[n] = is(node, "Softmax") ? exp(x->value[n]) / sum : x->value[n] - log(sum);
  }
}

static void reduce(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]);
  const struct twin_tensor *axes = node->inputs_count > 1 ? twin_find(t, node->input[1]) : NULL;
  bool global = is(node, "GlobalAveragePool"), out[ONNX_RANK_MAX], keep = global || whole(node, "keepdims", 1);
  int64_t dim[ONNX_RANK_MAX], at[ONNX_RANK_MAX];
  uint32_t rank = 0;
  for (uint32_t a = 0; a < x->rank; a++) out[a] = global ? a >= 2 : !axes;
  for (uint64_t n = 0; axes && n < axes->count; n++)
    out[(int64_t)axes->value[n] + (axes->value[n] < 0 ? (int64_t)x->rank : 0)] = true;
  double share = 1;
  for (uint32_t a = 0; a < x->rank; a++) {
    if (out[a] && !is(node, "ReduceSum")) share *= (double)x->dim[a];
    if (!out[a] || keep) dim[rank++] = out[a] ? 1 : x->dim[a];
  }
  struct twin_tensor *y = twin_set(t, node->output[0], rank, dim);
  memset(y->value, 0, y->count * sizeof *y->value);
  for (uint64_t n = 0; n < x->count; n++) {
    uint64_t to = 0;
    unravel(n, x->rank, x->dim, at);
    for (uint32_t a = 0; a < x->rank; a++)
      if (!out[a]) to = to * (uint64_t)x->dim[a] + (uint64_t)at[a];
    y->value[to] += x->value[n] / share;
  }
}

static void reshape(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]);
  const struct twin_tensor *to = node->inputs_count > 1 ? twin_find(t, node->input[1]) : NULL;
  int64_t dim[ONNX_RANK_MAX], rest = -1;
  uint32_t rank = 0;
  if (is(node, "Flatten")) {
    dim[0] = dim[1] = 1;
    rank = 2;
    for (uint32_t a = 0; a < x->rank; a++) dim[a >= whole(node, "axis", 1)] *= x->dim[a];
  } else if (is(node, "Reshape")) {
    uint64_t product = 1;
    for (; rank < to->count; rank++) {
      dim[rank] = (int64_t)to->value[rank] ? (int64_t)to->value[rank] : x->dim[rank];
      if (dim[rank] == -1)
        rest = rank;
      else
        product *= (uint64_t)dim[rank];
    }
    if (rest >= 0) dim[rest] = (int64_t)(x->count / product);
  } else {
    for (; rank < x->rank; rank++) dim[rank] = x->dim[rank];
  }
  struct twin_tensor *y = twin_set(t, node->output[0], rank, dim);
  memcpy(y->value, x->value, x->count * sizeof *x->value);
}

static void pad(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]), *p = twin_find(t, node->input[1]);
  int64_t dim[ONNX_RANK_MAX], at[ONNX_RANK_MAX];
  for (uint32_t a = 0; a < x->rank; a++) dim[a] = x->dim[a] + (int64_t)(p->value[a] + p->value[a + x->rank]);
  struct twin_tensor *y = twin_set(t, node->output[0], x->rank, dim);
  for (uint64_t n = 0; n < y->count; n++) {
    bool inside = true;
    unravel(n, y->rank, dim, at);
    for (uint32_t a = 0; a < x->rank; a++) {
      at[a] -= (int64_t)p->value[a];
      inside = inside && at[a] >= 0 && at[a] < x->dim[a];
    }
    y->value[n] = inside ? spread(x, x->rank, at) : twin_find(t, node->input[2])->value[0];
  }
}

static void expand(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]), *to = twin_find(t, node->input[1]);
  struct twin_tensor like = {.rank = (uint32_t)to->count};
  int64_t dim[ONNX_RANK_MAX], at[ONNX_RANK_MAX];
  uint32_t rank;
  for (uint32_t a = 0; a < like.rank; a++) like.dim[a] = (int64_t)to->value[a];
  broadcast_dims(x, &like, 0, &rank, dim);
  struct twin_tensor *y = twin_set(t, node->output[0], rank, dim);
  for (uint64_t n = 0; n < y->count; n++) {
    unravel(n, rank, dim, at);
    y->value[n] = spread(x, rank, at);
  }
}

static void transpose(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]);
  const struct onnx_attribute *perm = find(node, "perm");
  int64_t dim[ONNX_RANK_MAX], at[ONNX_RANK_MAX], from[ONNX_RANK_MAX];
  for (uint32_t a = 0; a < x->rank; a++) dim[a] = x->dim[perm->ints[a]];
  struct twin_tensor *y = twin_set(t, node->output[0], x->rank, dim);
  for (uint64_t n = 0; n < y->count; n++) {
    unravel(n, y->rank, dim, at);
    for (uint32_t a = 0; a < x->rank; a++) from[perm->ints[a]] = at[a];
    y->value[n] = spread(x, x->rank, from);
  }
}

/* Everything that is normalised together lies at the same coordinates along the axes that `among` leaves out. Groups of
 * channels are the one case where an axis is cut: `part` consecutive channels share a row. */
static void norm(struct twin *t, const struct onnx_node *node) {
  const struct twin_tensor *x = twin_find(t, node->input[0]);
  const struct onnx_attribute *axes = find(node, "axes");
  bool instance = is(node, "InstanceNormalization"), group = is(node, "GroupNormalization") || instance,
       lp = is(node, "LpNormalization"), mvn = is(node, "MeanVarianceNormalization"),
       batch = is(node, "BatchNormalization"), rms = is(node, "RMSNormalization"), among[ONNX_RANK_MAX] = {false};
  int64_t axis = whole(node, "axis", -1), at[ONNX_RANK_MAX], part = 1;
  if (axis < 0) axis += x->rank;
  for (uint32_t a = 0; a < x->rank; a++)
    among[a] = batch ? a != 1 : group ? a >= 2 : lp ? a == axis : mvn ? !axes && a != 1 : a >= axis;
  for (uint32_t n = 0; mvn && axes && n < axes->count; n++) among[axes->ints[n]] = true;
  if (group && !instance) part = x->dim[1] / whole(node, "num_groups", 1);
  double epsilon = real(node, "epsilon", 1e-5);
  struct twin_tensor *y = twin_set(t, node->output[0], x->rank, x->dim);
  static double count[TWIN_ELEMENTS], sum[TWIN_ELEMENTS], squares[TWIN_ELEMENTS], magnitude[TWIN_ELEMENTS];
  static uint64_t row[TWIN_ELEMENTS]; /* of each element: the place of its first */
  memset(count, 0, sizeof count);
  memset(sum, 0, sizeof sum);
  memset(squares, 0, sizeof squares);
  memset(magnitude, 0, sizeof magnitude);
  for (uint64_t n = 0; n < x->count; n++) {
    unravel(n, x->rank, x->dim, at);
    row[n] = 0;
    for (uint32_t a = 0; a < x->rank; a++)
      row[n] = row[n] * (uint64_t)x->dim[a] + (uint64_t)(among[a] ? 0 : a == 1 ? at[a] / part * part : at[a]);
    count[row[n]]++;
    sum[row[n]] += x->value[n];
    magnitude[row[n]] += fabs(x->value[n]);
  }
  for (uint64_t n = 0; n < x->count; n++) {
    uint64_t r = row[n];
    double d = x->value[n] - (lp || rms ? 0 : sum[r] / count[r]);
    squares[r] += d * d;
  }
  for (uint64_t n = 0; n < x->count; n++) {
    uint64_t r = row[n];
    unravel(n, x->rank, x->dim, at);
    double by = lp    ? whole(node, "p", 2) == 1 ? magnitude[r] : sqrt(squares[r])
                   : mvn ? sqrt(squares[r] / count[r]) + 1e-9
                      : sqrt(squares[r] / count[r] + epsilon);
    y->value[n] = (x->value[n] - (lp || rms ? 0 : sum[r] / count[r])) / by;
    for (uint32_t i = 1; i < node->inputs_count && i < 3; i++) {
      const struct twin_tensor *w = twin_find(t, node->input[i]);
      double v =
          batch || group ? w->value[w->count == (uint64_t)x->dim[1] ? at[1] : at[1] / part] : spread(w, x->rank, at);
      y->value[n] = i == 1 ? y->value[n] * v : y->value[n] + v;
    }
  }
}

static const struct {
  const char *op;
  void (*run)(struct twin *, const struct onnx_node *);
} operators[] = {{"Add", binary},
                 {"Sub", binary},
                 {"Mul", binary},
                 {"Div", binary},
                 {"Gemm", matmul},
                 {"MatMul", matmul},
                 {"Conv", slide},
                 {"MaxPool", slide},
                 {"AveragePool", slide},
                 {"GlobalAveragePool", reduce},
                 {"ReduceMean", reduce},
                 {"ReduceSum", reduce},
                 {"Softmax", softmax},
                 {"LogSoftmax", softmax},
                 {"Flatten", reshape},
                 {"Reshape", reshape},
                 {"Identity", reshape},
                 {"Dropout", reshape},
                 {"Transpose", transpose},
                 {"Pad", pad},
                 {"Expand", expand},
                 {"Relu", unary},
                 {"Abs", unary},
                 {"Erf", unary},
                 {"Softsign", unary},
                 {"Softplus", unary},
                 {"Mish", unary},
                 {"Elu", unary},
                 {"HardSigmoid", unary},
                 {"HardSwish", unary},
                 {"Sin", unary},
                 {"Cos", unary},
                 {"Tan", unary},
                 {"Atan", unary},
                 {"Sinh", unary},
                 {"Cosh", unary},
                 {"Asinh", unary},
                 {"LeakyRelu", unary},
                 {"Sigmoid", unary},
                 {"Tanh", unary},
                 {"Exp", unary},
                 {"Log", unary},
                 {"Neg", unary},
                 {"Sqrt", unary},
                 {"Gelu", unary},
                 {"BatchNormalization", norm},
                 {"LayerNormalization", norm},
                 {"RMSNormalization", norm},
                 {"GroupNormalization", norm},
                 {"InstanceNormalization", norm},
                 {"LpNormalization", norm},
                 {"MeanVarianceNormalization", norm}};

bool twin_run(struct twin *t, const struct onnx_model *model) {
  for (uint32_t n = 0; n < model->nodes_count; n++) {
    size_t o = 0;
    while (o < sizeof operators / sizeof operators[0] && !is(&model->node[n], operators[o].op)) o++;
    if (o == sizeof operators / sizeof operators[0]) return false;
    operators[o].run(t, &model->node[n]);
  }
  return true;
}
