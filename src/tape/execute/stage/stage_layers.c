#include "tape/execute/stage/stage_layers.h"

#include "numeric/canon.h"
#include "tape/record/example.h"

uint32_t layer_out_h(const struct layer_shape *s) {
  return (s->h + 2 * s->pad - s->dilation * (s->kh - 1) - 1) / s->stride + 1;
}
uint32_t layer_out_w(const struct layer_shape *s) {
  return (s->w + 2 * s->pad - s->dilation * (s->kw - 1) - 1) / s->stride + 1;
}

static struct tape_record record_of(uint8_t op, uint8_t reducer, uint8_t dtype, uint8_t out_rank, uint8_t k_rank,
                                    const uint32_t *dim) {
  struct tape_record r = {.op = op, .reducer = reducer, .dtype = dtype, .out_rank = out_rank, .k_rank = k_rank};
  for (uint32_t d = 0; d < (uint32_t)out_rank + k_rank; d++) r.dim[d] = dim[d];
  return r;
}

static void whole(struct tape_operand *o, uint32_t count, const uint32_t *extent, const uint8_t *dim) {
  for (uint32_t a = 0; a < count; a++) stage_axis(o, extent[a], 0, dim[a], 1, 0, 0);
}

/* Channels that go by group and place in it: dims group and inner, in a record without groups inner alone. */
static void channels(struct tape_operand *o, uint32_t count, uint32_t groups, uint8_t group, uint8_t inner) {
  if (groups)
    stage_axis(o, count, 0, group, (int32_t)(count / groups), inner, 1);
  else
    stage_axis(o, count, 0, inner, 1, 0, 0);
}

/* A dot over n, two places, channels; the dim of groups is left out where there are none. */
static struct tape_record convolution(uint32_t groups, const uint32_t *out, uint32_t out_rank, const uint32_t *k) {
  uint32_t dim[8], rank = 0;
  for (uint32_t d = 0; d + 1 < out_rank; d++) dim[rank++] = out[d];
  if (groups) dim[rank++] = groups;
  dim[rank++] = out[out_rank - 1];
  for (uint32_t d = 0; d < 3; d++) dim[rank++] = k[d];
  return record_of(TAPE_DOT, TAPE_CHAIN, TAPE_F32, (uint8_t)(rank - 3), 3, dim);
}

struct stage_value layer_grouped_forward(struct stage *s, const struct layer_shape *l, uint32_t groups,
                                         struct stage_value x, struct stage_value f) {
  int32_t st = (int32_t)l->stride, di = (int32_t)l->dilation, pad = (int32_t)l->pad;
  uint32_t g = groups ? groups : 1;
  uint8_t co = groups ? 4 : 3, k = co + 1;
  struct tape_record y = convolution(groups, (uint32_t[]){l->n, layer_out_h(l), layer_out_w(l), l->co / g}, 4,
                                     (uint32_t[]){l->kh, l->kw, l->ci / g});
  struct tape_operand *o = stage_operand(&y, x);
  stage_axis(o, l->n, 0, 0, 1, 0, 0);
  stage_axis(o, l->h, -pad, 1, st, k, di);
  stage_axis(o, l->w, -pad, 2, st, k + 1, di);
  channels(o, l->ci, groups, 3, k + 2);
  o = stage_operand(&y, f);
  whole(o, 3, (uint32_t[]){l->kh, l->kw, l->ci / g}, (uint8_t[]){k, k + 1, k + 2});
  channels(o, l->co, groups, 3, co);
  return stage_add(s, &y, NULL);
}

struct stage_value layer_grouped_filter_gradient(struct stage *s, const struct layer_shape *l, uint32_t groups,
                                                 struct stage_value x, struct stage_value dy) {
  int32_t st = (int32_t)l->stride, di = (int32_t)l->dilation, pad = (int32_t)l->pad;
  uint32_t oh = layer_out_h(l), ow = layer_out_w(l), g = groups ? groups : 1;
  uint8_t co = groups ? 4 : 3, k = co + 1;
  struct tape_record dw =
      convolution(groups, (uint32_t[]){l->kh, l->kw, l->ci / g, l->co / g}, 4, (uint32_t[]){l->n, oh, ow});
  struct tape_operand *o = stage_operand(&dw, x);
  stage_axis(o, l->n, 0, k, 1, 0, 0);
  stage_axis(o, l->h, -pad, 0, di, k + 1, st);
  stage_axis(o, l->w, -pad, 1, di, k + 2, st);
  channels(o, l->ci, groups, 3, 2);
  o = stage_operand(&dw, dy);
  whole(o, 3, (uint32_t[]){l->n, oh, ow}, (uint8_t[]){k, k + 1, k + 2});
  channels(o, l->co, groups, 3, co);
  return stage_add(s, &dw, NULL);
}

struct stage_value layer_grouped_input_gradient(struct stage *s, const struct layer_shape *l, uint32_t groups,
                                                struct stage_value dy, struct stage_value f) {
  int32_t di = (int32_t)l->dilation, pad = (int32_t)l->pad;
  uint32_t g = groups ? groups : 1;
  uint8_t ci = groups ? 4 : 3, k = ci + 1;
  struct tape_record dx =
      convolution(groups, (uint32_t[]){l->n, l->h, l->w, l->ci / g}, 4, (uint32_t[]){l->kh, l->kw, l->co / g});
  struct tape_operand *o = stage_operand(&dx, dy);
  stage_axis(o, l->n, 0, 0, 1, 0, 0);
  stage_axis(o, layer_out_h(l), pad, 1, 1, k, -di)->div = (uint16_t)l->stride;
  stage_axis(o, layer_out_w(l), pad, 2, 1, k + 1, -di)->div = (uint16_t)l->stride;
  channels(o, l->co, groups, 3, k + 2);
  o = stage_operand(&dx, f);
  whole(o, 3, (uint32_t[]){l->kh, l->kw, l->ci / g}, (uint8_t[]){k, k + 1, ci});
  channels(o, l->co, groups, 3, k + 2);
  return stage_add(s, &dx, NULL);
}

struct stage_value layer_forward(struct stage *s, const struct layer_shape *l, struct stage_value x,
                                 struct stage_value f) {
  return layer_grouped_forward(s, l, 0, x, f);
}

struct stage_value layer_filter_gradient(struct stage *s, const struct layer_shape *l, struct stage_value x,
                                         struct stage_value dy) {
  return layer_grouped_filter_gradient(s, l, 0, x, dy);
}

struct stage_value layer_input_gradient(struct stage *s, const struct layer_shape *l, struct stage_value dy,
                                        struct stage_value f) {
  return layer_grouped_input_gradient(s, l, 0, dy, f);
}

static void tap_operand(struct tape_record *r, const struct layer_shape *l, struct stage_value x) {
  int32_t st = (int32_t)l->stride, pad = (int32_t)l->pad;
  struct tape_operand *o = stage_operand(r, x);
  o->fill = 0xff800000;
  stage_axis(o, l->n, 0, 0, 1, 0, 0);
  stage_axis(o, l->h, -pad, 1, st, 4, 1);
  stage_axis(o, l->w, -pad, 2, st, 5, 1);
  stage_axis(o, l->ci, 0, 3, 1, 0, 0);
}

struct stage_value layer_max(struct stage *s, const struct layer_shape *l, struct stage_value x) {
  struct tape_record max = record_of(TAPE_FOLD, TAPE_FMAX, TAPE_F32, 4, 2,
                                     (uint32_t[]){l->n, layer_out_h(l), layer_out_w(l), l->ci, l->kh, l->kw});
  tap_operand(&max, l, x);
  return stage_add(s, &max, NULL);
}

struct stage_value layer_first(struct stage *s, const struct layer_shape *l, struct stage_value x,
                               struct stage_value max, uint8_t dtype) {
  uint32_t out[] = {l->n, layer_out_h(l), layer_out_w(l), l->ci, l->kh, l->kw};
  struct tape_record arg = record_of(TAPE_FOLD, TAPE_IMIN, dtype, 4, 2, out);
  tap_operand(&arg, l, x);
  whole(stage_operand(&arg, max), 4, out, (uint8_t[]){0, 1, 2, 3});
  uint8_t none = example_literal(&arg, INT32_MAX, true);
  uint8_t hit = example_op(&arg, CANON_FEQ, 0, 1, 0), tap = example_op(&arg, CANON_KLIN, 0, 0, 0);
  example_op(&arg, CANON_SEL, hit, tap, none);
  return stage_add(s, &arg, NULL);
}

struct stage_value layer_max_gradient(struct stage *s, const struct layer_shape *l, struct stage_value first,
                                      struct stage_value dy, const struct stage_value *mask) {
  struct tape_record dx = record_of(TAPE_MAP, TAPE_NONE, TAPE_F32, 4, 0, (uint32_t[]){l->n, l->h, l->w, l->ci});
  for (int operand = 0; operand < 2; operand++) {
    struct tape_operand *o = stage_operand(&dx, operand ? dy : first);
    if (!operand) o->fill = UINT32_MAX;
    stage_axis(o, l->n, 0, 0, 1, 0, 0);
    for (uint8_t d = 1; d < 3; d++) {
      struct tape_axis *y = stage_axis(o, d == 1 ? layer_out_h(l) : layer_out_w(l), 0, d, 1, 0, 0);
      y->div = (uint16_t)l->stride;
      y->mode = TAPE_FLOOR;
    }
    stage_axis(o, l->ci, 0, 3, 1, 0, 0);
  }
  uint8_t size = example_literal(&dx, l->kw, true), zero = example_literal(&dx, 0, false);
  uint8_t y = example_op(&dx, CANON_COORD, 1, 0, 0), v = example_op(&dx, CANON_COORD, 2, 0, 0);
  y = example_op(&dx, CANON_IMOD, y, size, 0);
  v = example_op(&dx, CANON_IMOD, v, size, 0);
  y = example_op(&dx, CANON_IMUL, y, size, 0);
  y = example_op(&dx, CANON_IADD, y, v, 0);
  y = example_op(&dx, CANON_IEQ, 0, y, 0);
  y = example_op(&dx, CANON_SEL, y, 1, zero);
  if (mask) {
    struct tape_operand *o = stage_operand(&dx, *mask);
    const uint32_t dim[4] = {l->n, l->h, l->w, l->ci};
    for (uint8_t d = 0; d < 4; d++) stage_axis(o, dim[d], 0, d, 1, 0, 0);
    example_op(&dx, CANON_SEL, example_op(&dx, CANON_FLE, 2, zero, 0), zero, y);
  }
  return stage_add(s, &dx, NULL);
}

struct stage_value layer_product(struct stage *s, uint32_t batch, uint32_t m, uint32_t n, uint32_t k,
                                 struct stage_value a, bool a_turned, struct stage_value b, bool b_turned,
                                 bool b_first) {
  struct tape_record r = record_of(TAPE_DOT, TAPE_CHAIN, TAPE_F32, 3, 1, (uint32_t[]){batch, m, n, k});
  for (int i = 0; i < 2; i++) {
    bool is_b = (i == 0) == b_first;
    struct tape_operand *o = stage_operand(&r, is_b ? b : a);
    stage_axis(o, batch, 0, 0, 1, 0, 0);
    bool k_inside = is_b ? b_turned : !a_turned;
    if (!k_inside) stage_axis(o, k, 0, 3, 1, 0, 0);
    stage_axis(o, is_b ? n : m, 0, is_b ? 2 : 1, 1, 0, 0);
    if (k_inside) stage_axis(o, k, 0, 3, 1, 0, 0);
  }
  return stage_add(s, &r, NULL);
}

enum {
  BETA1 = 0x3f666666,
  REST1 = 0x3dccccd0,
  BETA2 = 0x3f7fbe77,
  REST2 = 0x3a831200,
  EPS = 0x322bcc77,
  DECAY = 0x3c23d70a
};

static struct tape_record adamw_record(uint32_t elements, struct stage_value m, struct stage_value v,
                                       struct stage_value g, uint8_t *m_new, uint8_t *v_new, bool both) {
  struct tape_record r = record_of(TAPE_MAP, TAPE_NONE, TAPE_F32, 1, 0, &elements);
  const struct stage_value from[] = {m, v, g};
  for (int i = 0; i < 3; i++) whole(stage_operand(&r, from[i]), 1, &elements, (uint8_t[]){0});
  uint8_t b1 = example_literal(&r, BETA1, false), c1 = example_literal(&r, REST1, false);
  uint8_t b2 = example_literal(&r, BETA2, false), c2 = example_literal(&r, REST2, false);
  if (m_new) {
    *m_new = example_op(&r, CANON_MUL, c1, 2, 0);
    *m_new = example_op(&r, CANON_FMA, b1, 0, *m_new);
  }
  if (!both) return r;
  *v_new = example_op(&r, CANON_MUL, 2, 2, 0);
  *v_new = example_op(&r, CANON_MUL, c2, *v_new, 0);
  *v_new = example_op(&r, CANON_FMA, b2, 1, *v_new);
  return r;
}

void layer_adamw(struct stage *s, uint32_t elements, struct stage_value w, struct stage_value m, struct stage_value v,
                 struct stage_value g, struct stage_value rates) {
  uint8_t m_new, v_new;
  struct tape_record r = adamw_record(elements, m, v, g, &m_new, &v_new, false);
  stage_add(s, &r, &m);
  r = adamw_record(elements, m, v, g, NULL, &v_new, true);
  stage_add(s, &r, &v);
  r = adamw_record(elements, m, v, g, &m_new, &v_new, true);
  whole(stage_operand(&r, w), 1, &elements, (uint8_t[]){0});
  for (int32_t i = 0; i < 3; i++)
    stage_axis(stage_operand(&r, rates), 3, i, 0, 0, 0, 0); /* lr, 1 / (1 - beta1^t), 1 / (1 - beta2^t) */
  uint8_t eps = example_literal(&r, EPS, false), decay = example_literal(&r, DECAY, false);
  uint8_t scale = example_op(&r, CANON_MUL, 4, decay, 0), root = example_op(&r, CANON_MUL, v_new, 6, 0);
  root = example_op(&r, CANON_SQRT, root, 0, 0);
  root = example_op(&r, CANON_ADD, root, eps, 0);
  uint8_t step = example_op(&r, CANON_MUL, m_new, 5, 0);
  step = example_op(&r, CANON_DIV, step, root, 0);
  step = example_op(&r, CANON_MUL, step, 4, 0);
  uint8_t kept = example_op(&r, CANON_MUL, 3, scale, 0);
  kept = example_op(&r, CANON_SUB, 3, kept, 0);
  example_op(&r, CANON_SUB, kept, step, 0);
  stage_add(s, &r, &w);
}
