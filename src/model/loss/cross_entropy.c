/* Cross-entropy of logits. docs/lower.md 6.1; TAPE 7 "softmax loss". */
#include <inttypes.h>
#include <string.h>

#include "model/loss/loss.h"
#include "model/lower/graph.h"

/* Logits x, labels seen with x's rank (1 along the class axis), row maximum m, row sum z of e^(x - m), and the sum s of
 * the row's logits where smoothing wants it. */
struct rows {
  struct value *x, label, m, z, s;
  uint32_t axis, classes;
  float smoothing;
  int32_t ignored;
};

static bool axis_fits(const struct value *x, const struct value *label, uint32_t axis) {
  uint64_t have = 1, want = 1;
  bool same = label->rank + 1u == x->rank;
  for (uint32_t n = 0, m = 0; n < x->rank; n++) {
    if (n == axis) continue;
    want *= x->dim[n];
    if (same && label->dim[m++] != x->dim[n]) same = false;
  }
  for (uint32_t n = 0; n < label->rank; n++) have *= label->dim[n];
  return same || (x->rank == 2 && have == want && label->dim[0] == x->dim[0]);
}

/* The axis that the job names. */
static bool named_axis(struct emit *e, const struct loss_options *o, const struct value *x, const struct value *label,
                       uint32_t *axis) {
  int64_t at = o->class_axis < 0 ? (int64_t)o->class_axis + x->rank : o->class_axis;
  if (x->rank >= 2 && x->dtype == TAPE_F32 && !x->literal && at >= 1 && at < x->rank) {
    *axis = (uint32_t)at;
    if (axis_fits(x, label, *axis)) return true;
  }
  emit_fail(e, LOWER_ERR_SHAPE,
            "cross_entropy: with class_axis %" PRId32 ", targets of %s do not go with outputs of %s: they have the "
            "outputs' other axes",
            o->class_axis, shape_text(label->rank, label->dim).text, shape_text(x->rank, x->dim).text);
  return false;
}

static bool class_axis(struct emit *e, const struct loss_options *o, struct loss_batch *batch, uint32_t *axis) {
  const struct value *x = batch->output, *label = batch->target;
  uint32_t last = x->rank - 1u, first = x->rank == 3 ? last : 1;
  if (emit_failed(e)) return false;
  if (o->class_axis) return named_axis(e, o, x, label, axis);
  if (x->rank >= 2 && x->dtype == TAPE_F32 && !x->literal) {
    *axis = axis_fits(x, label, first) ? first : first == 1 ? last : 1;
    if (axis_fits(x, label, *axis)) return true;
  }
  emit_fail(e, LOWER_ERR_SHAPE, "cross_entropy: targets of %s do not go with outputs of %s: one class axis more",
            shape_text(label->rank, label->dim).text, shape_text(x->rank, x->dim).text);
  return false;
}

static bool open_rows(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct rows *r) {
  struct build b;
  uint32_t dim[TAPE_RANK_MAX];
  *r = (struct rows){.x = batch->output, .smoothing = o->label_smoothing, .ignored = o->ignore_index};
  if (!class_axis(e, o, batch, &r->axis)) return false;
  if (!(o->label_smoothing >= 0 && o->label_smoothing < 1)) {
    emit_fail(e, LOWER_ERR_OPTION, "cross_entropy: label_smoothing lies in [0, 1)");
    return false;
  }
  r->classes = r->x->dim[r->axis];
  for (uint32_t n = 0; n < r->x->rank; n++) dim[n] = n == r->axis ? 1 : r->x->dim[n];
  value_settle(e, batch->target);
  value_settle(e, r->x);
  if (emit_failed(e)) return false;
  r->label = value_view(batch->target, r->x->rank, dim);
  build_fold(&b, e, TAPE_FMAX, TAPE_F32, r->x, 1u << r->axis);
  uint8_t x = build_use(&b, r->x);
  r->m = build_end(&b, x);
  build_fold(&b, e, TAPE_LANES, TAPE_F32, r->x, 1u << r->axis);
  x = build_use(&b, r->x);
  uint8_t m = build_use(&b, &r->m);
  x = build_op2(&b, CANON_SUB, x, m);
  r->z = build_end(&b, build_op1(&b, CANON_EXP, x));
  if (r->smoothing > 0) {
    build_fold(&b, e, TAPE_LANES, TAPE_F32, r->x, 1u << r->axis);
    x = build_use(&b, r->x);
    r->s = build_end(&b, x);
  }
  return !emit_failed(e);
}

/* Body of each row's loss; 0 where the label is ignored. */
static struct value row_losses(struct emit *e, struct rows *r) {
  struct value shape = value_shaped(TAPE_F32, r->m.rank, r->m.dim, r->m.order);
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, e, TAPE_F32, &shape);
  uint8_t label = build_use(&b, &r->label);
  for (uint8_t n = 0; n < r->x->rank; n++) axis[n] = n == r->axis ? index_indirect(label) : index_dim(b.at[n]);
  uint8_t chosen = build_read(&b, r->x, axis, 0);
  uint8_t m = build_use(&b, &r->m);
  uint8_t z = build_use(&b, &r->z);
  uint8_t ignored = build_i32(&b, r->ignored);
  uint8_t zero = build_f32(&b, 0);
  uint8_t all = build_op1(&b, CANON_LOG, z);
  all = build_op2(&b, CANON_ADD, all, m);
  uint8_t loss = build_op2(&b, CANON_SUB, all, chosen);
  if (r->smoothing > 0) { /* (1 - a) (lse - x_label) + a (lse - mean x) */
    uint8_t s = build_use(&b, &r->s);
    uint8_t classes = build_f32(&b, (float)r->classes);
    uint8_t keep = build_f32(&b, (float)(1.0 - (double)r->smoothing));
    uint8_t share = build_f32(&b, r->smoothing);
    uint8_t mean = build_op2(&b, CANON_DIV, s, classes);
    uint8_t flat = build_op2(&b, CANON_SUB, all, mean);
    flat = build_op2(&b, CANON_MUL, flat, share);
    loss = build_op2(&b, CANON_MUL, loss, keep);
    loss = build_op2(&b, CANON_ADD, loss, flat);
  }
  uint8_t skip = build_op2(&b, CANON_IEQ, label, ignored);
  return build_end(&b, build_op(&b, CANON_SEL, skip, zero, loss));
}

static uint8_t is_counted(struct build *b, struct rows *r) {
  uint8_t label = build_use(b, &r->label);
  uint8_t ignored = build_i32(b, r->ignored);
  uint8_t no = build_i32(b, 0);
  uint8_t skip = build_op2(b, CANON_IEQ, label, ignored);
  return build_op2(b, CANON_IEQ, skip, no);
}

static struct value as_one(struct emit *e, const struct value *v) {
  uint32_t one = 1;
  return emit_failed(e) ? *v : value_view(v, 1, &one);
}

static struct value counted(struct emit *e, struct rows *r) {
  struct build b;
  build_fold(&b, e, TAPE_ISUM, TAPE_I32, &r->label, (1u << r->label.rank) - 1);
  struct value n = build_end(&b, is_counted(&b, r));
  return as_one(e, &n);
}

/* max(1, itof(n)): no division by zero where every label is ignored. */
static uint8_t divisor(struct build *b, struct value *n) {
  uint8_t count = build_use(b, n);
  uint8_t one = build_f32(b, 1);
  count = build_op1(b, CANON_ITOF, count);
  return build_op2(b, CANON_MAX, one, count);
}

/* (e^(x - m) / z - target) scale, scale 0 in ignored rows. */
static struct value logits_gradient(struct emit *e, struct rows *r, struct value *scale) {
  struct build b;
  build_map(&b, e, TAPE_F32, r->x);
  uint8_t label = build_use(&b, &r->label);
  uint8_t x = build_use(&b, r->x);
  uint8_t m = build_use(&b, &r->m);
  uint8_t z = build_use(&b, &r->z);
  uint8_t by = build_use(&b, scale);
  x = build_op2(&b, CANON_SUB, x, m);
  x = build_op1(&b, CANON_EXP, x);
  x = build_op2(&b, CANON_DIV, x, z);
  uint8_t j = build_op(&b, CANON_COORD, b.at[r->axis], 0, 0);
  uint8_t target = build_op2(&b, CANON_IEQ, label, j);
  if (r->smoothing > 0) {
    double share = (double)r->smoothing / r->classes;
    uint8_t on = build_f32(&b, (float)(1.0 - (double)r->smoothing + share));
    uint8_t off = build_f32(&b, (float)share);
    target = build_op(&b, CANON_SEL, target, on, off);
  } else {
    target = build_op1(&b, CANON_ITOF, target);
  }
  x = build_op2(&b, CANON_SUB, x, target);
  return build_end(&b, build_op2(&b, CANON_MUL, x, by));
}

void cross_entropy_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch,
                         struct loss_result *out) {
  struct rows r;
  struct build b;
  uint32_t one = 1;
  struct value scalar = value_shaped(TAPE_F32, 1, &one, NULL);
  if (!open_rows(e, o, batch, &r)) return;
  struct value losses = row_losses(e, &r), n = counted(e, &r), sum = loss_sum(e, TAPE_LANES, TAPE_F32, &losses);
  build_map(&b, e, TAPE_F32, &scalar);
  uint8_t total = build_use(&b, &sum);
  uint8_t by = divisor(&b, &n);
  out->loss = build_end(&b, build_op2(&b, CANON_DIV, total, by));
  struct value shape = value_shaped(TAPE_F32, r.m.rank, r.m.dim, r.m.order);
  build_map(&b, e, TAPE_F32, &shape);
  by = divisor(&b, &n);
  uint8_t label = build_use(&b, &r.label);
  uint8_t ignored = build_i32(&b, r.ignored);
  uint8_t zero = build_f32(&b, 0);
  uint8_t unit = build_f32(&b, 1);
  by = build_op2(&b, CANON_DIV, unit, by);
  uint8_t skip = build_op2(&b, CANON_IEQ, label, ignored);
  struct value scale = build_end(&b, build_op(&b, CANON_SEL, skip, zero, by));
  out->gradient = logits_gradient(e, &r, &scale);
}

void cross_entropy_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch,
                            struct loss_tally *out) {
  struct rows r;
  struct build b;
  if (!open_rows(e, o, batch, &r)) return;
  struct value losses = row_losses(e, &r);
  build_fold(&b, e, TAPE_IMIN, TAPE_I32, r.x, 1u << r.axis);
  uint8_t x = build_use(&b, r.x);
  uint8_t m = build_use(&b, &r.m);
  uint8_t never = build_i32(&b, INT32_MAX);
  uint8_t equal = build_op2(&b, CANON_FEQ, x, m);
  uint8_t j = build_op(&b, CANON_COORD, b.at[r.axis], 0, 0);
  struct value greatest = build_end(&b, build_op(&b, CANON_SEL, equal, j, never));
  out->count = counted(e, &r);
  out->sum = loss_sum(e, TAPE_LANES, TAPE_F32, &losses);
  build_fold(&b, e, TAPE_ISUM, TAPE_I32, &r.label, (1u << r.label.rank) - 1);
  uint8_t valid = is_counted(&b, &r);
  uint8_t guess = build_use(&b, &greatest);
  uint8_t hit = build_op2(&b, CANON_IEQ, guess, build_use(&b, &r.label));
  struct value correct = build_end(&b, build_op2(&b, CANON_IAND, hit, valid));
  out->correct = as_one(e, &correct);
}
