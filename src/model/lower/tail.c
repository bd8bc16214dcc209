/* docs/lower.md 7.4, 7.5, 7.14 to 7.17. */
#include "model/lower/tail.h"

#include "model/lower/parameter.h"
#include "model/optimizer/optimizer.h"

/* Sticky: any x that is not finite makes sub(x, x) a NaN. */
static void store_diverged(struct emit *e, const struct layout_entry *entry, struct value *loss, struct value *norm) {
  struct build b;
  struct value before = value_entry(entry), *seen[2] = {loss, norm};
  build_map(&b, e, TAPE_I32, &before);
  uint8_t diverged = build_use(&b, &before);
  uint8_t zero = build_f32(&b, 0);
  uint8_t no = build_i32(&b, 0);
  for (int n = 0; n < 2; n++) {
    uint8_t x = build_use(&b, seen[n]);
    x = build_op2(&b, CANON_SUB, x, x);
    x = build_op2(&b, CANON_FEQ, x, zero);
    x = build_op2(&b, CANON_IEQ, x, no);
    diverged = build_op2(&b, CANON_IOR, diverged, x);
  }
  build_store(&b, diverged, entry);
}

/* The schedule's row of this update, f32 [columns]. */
static struct value schedule_row(struct emit *e, const struct lower_options *o) {
  struct build b;
  uint32_t one = 1, dim[2] = {o->updates, optimizer_columns(&o->optimizer)};
  struct value shape = value_shaped(TAPE_I32, 1, &one, NULL), row = value_shaped(TAPE_F32, 1, dim + 1, NULL);
  build_map(&b, e, TAPE_I32, &shape);
  uint8_t unit = build_i32(&b, 1);
  uint8_t step = build_op0(&b, CANON_STEP);
  uint8_t update = build_op2(&b, CANON_ISUB, step, unit);
  if (lower_micro_batches(o) > 1) {
    uint8_t each = build_i32(&b, (int32_t)o->micro_batches);
    update = build_op2(&b, CANON_IDIV, update, each);
  }
  struct value number = build_end(&b, update);
  struct value schedule = value_shaped(TAPE_F32, 2, dim, NULL);
  schedule.space = TAPE_DATA;
  schedule.data_number = DATA_SCHEDULE;
  build_map(&b, e, TAPE_F32, &row);
  struct index first = index_fixed(0);
  struct index axis[2] = {index_indirect(build_read(&b, &number, &first, 0)), index_dim(0)};
  return build_end(&b, build_read(&b, &schedule, axis, 0));
}

/* What a node wrote while training: a running statistic. */
static void store_written(struct emit *e, struct parameter *p) {
  struct value shape = parameter_value(p);
  struct build b;
  build_map(&b, e, TAPE_F32, &shape);
  uint8_t x = build_use(&b, p->written);
  build_store(&b, x, p->entry);
}

void tail_store_sum(struct emit *e, const struct layout_entry *entry, struct value *more) {
  struct build b;
  struct value before = value_entry(entry);
  build_map(&b, e, entry->dtype, &before);
  uint8_t x = build_use(&b, &before);
  uint8_t y = build_use(&b, more);
  build_store(&b, build_op2(&b, entry->dtype == TAPE_F32 ? CANON_ADD : CANON_IADD, x, y), entry);
}

/* The gradients of a step: of[n] is parameter n's where has[n]. */
struct gradients {
  struct value *of, **list;
  bool *has;
  uint32_t count; /* of list: those that came, in parameter order */
};

static bool take_gradients(struct graph *g, struct emit *e, struct gradients *out) {
  *out = (struct gradients){.of = arena_take(e->arena, g->parameters_count + 1, sizeof *out->of),
                            .list = arena_take(e->arena, g->parameters_count + 1, sizeof *out->list),
                            .has = arena_take(e->arena, g->parameters_count + 1, sizeof *out->has)};
  if (!out->of || !out->list || !out->has) {
    emit_fail(e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return false;
  }
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    if (!g->parameter[n].trains || !graph_gradient_take(g, g->parameter[n].tensor_id, &out->of[n])) continue;
    out->has[n] = true;
    out->list[out->count++] = &out->of[n];
  }
  if (!emit_failed(e) && !out->count)
    emit_fail(e, LOWER_ERR_OPTION, "nothing trains: no float initializer reaches the output, or all are frozen");
  return !emit_failed(e);
}

/* Register of the sum over the update's micro-batches so far and this one. */
static uint8_t summed(struct build *b, const struct parameter *p, uint32_t sum, struct value *gradient) {
  struct value before = parameter_value(p);
  before.first_leaf = p->entry[sum].first_leaf;
  uint8_t x = build_use(b, &before);
  uint8_t y = build_use(b, gradient);
  return build_op2(b, CANON_ADD, x, y);
}

/* With micro-batches, the last one's gradients and loss become the means over all of them. */
static void take_means(const struct tail *t, struct emit *e, struct gradients *gradients, struct value *loss) {
  uint32_t sum = optimizer_companions(t->o).sum;
  float share = (float)(1.0 / (double)lower_micro_batches(t->o));
  struct build b;
  if (!sum) return;
  for (uint32_t n = 0; n < gradients->count; n++) value_settle(e, gradients->list[n]);
  for (uint32_t n = 0; n < t->g->parameters_count; n++) {
    const struct parameter *p = &t->g->parameter[n];
    struct value weight = parameter_value(p);
    if (!gradients->has[n]) continue;
    build_map(&b, e, TAPE_F32, &weight);
    uint8_t x = summed(&b, p, sum, &gradients->of[n]);
    uint8_t m = build_f32(&b, share);
    gradients->of[n] = build_end(&b, build_op2(&b, CANON_MUL, x, m));
  }
  struct value before = value_entry(&t->layout->entry[t->loss_sum]);
  build_map(&b, e, TAPE_F32, &before);
  uint8_t x = build_use(&b, &before);
  uint8_t y = build_use(&b, loss);
  x = build_op2(&b, CANON_ADD, x, y);
  uint8_t m = build_f32(&b, share);
  *loss = build_end(&b, build_op2(&b, CANON_MUL, x, m));
}

/* The entries of parameter n, whose gradient may be missing. */
static void update_parameter(const struct tail *t, struct emit *e, uint32_t n, struct value *gradient,
                             struct value *row, struct value *clip) {
  struct parameter *p = &t->g->parameter[n];
  const struct optimizer_options *all = &t->o->optimizer;
  const char *name = t->g->tensor[p->tensor_id].name;
  struct companions behind = optimizer_companions(t->o);
  e->at.node = name;
  if (p->written) {
    store_written(e, p);
    return;
  }
  if (!gradient) {
    for (uint32_t m = 0; m <= (p->trains ? behind.count : 0); m++) emit_keep(e, &p->entry[m]);
    return;
  }
  uint32_t group = optimizer_group(all, name);
  struct optimizer_options own = optimizer_own(all, group, p->tensor->rank);
  struct update u = {.entry = p->entry,
                     .average = behind.average ? &p->entry[behind.average] : NULL,
                     .weight = parameter_value(p),
                     .gradient = gradient,
                     .row = row,
                     .clip = clip,
                     .clip_value = t->o->clip_value,
                     .ema = t->o->ema,
                     .column = group * optimizer_group_columns(all)};
  optimizer_update(e, &own, &u);
  if (behind.sum) emit_zero(e, &p->entry[behind.sum]);
}

void tail_train(const struct tail *t, struct emit *e, struct value *loss) {
  const struct layout *l = t->layout;
  const struct lower_options *o = t->o;
  struct gradients gradients;
  struct value norm, row, clip;
  e->at = (struct lower_origin){.node = "", .op = "optimizer", .part = "norm"};
  if (!take_gradients(t->g, e, &gradients)) return;
  take_means(t, e, &gradients, loss);
  norm = gradient_norm(e, gradients.list, gradients.count);
  if (o->clip_norm > 0) clip = clip_factor(e, o->clip_norm, &norm);
  e->at = (struct lower_origin){.node = "", .op = "optimizer", .part = "update"};
  store_diverged(e, &l->entry[ENTRY_DIVERGED], loss, &norm);
  emit_copy(e, &l->entry[ENTRY_LOSS], loss);
  emit_copy(e, &l->entry[ENTRY_NORM], &norm);
  for (uint32_t n = ENTRY_EVAL_LOSS; n < t->fixed; n++)
    if (n == t->loss_sum)
      emit_zero(e, &l->entry[n]);
    else
      emit_keep(e, &l->entry[n]);
  row = schedule_row(e, o);
  for (uint32_t n = 0; n < t->g->parameters_count && !emit_failed(e); n++)
    update_parameter(t, e, n, gradients.has[n] ? &gradients.of[n] : NULL, &row, o->clip_norm > 0 ? &clip : NULL);
}

static void add_parameter(const struct tail *t, struct emit *e, uint32_t n, struct value *gradient) {
  struct parameter *p = &t->g->parameter[n];
  struct companions behind = optimizer_companions(t->o);
  e->at.node = t->g->tensor[p->tensor_id].name;
  if (p->written) {
    store_written(e, p);
    return;
  }
  for (uint32_t m = 0; m <= (p->trains ? behind.count : 0); m++) {
    if (!gradient || m != behind.sum) {
      emit_keep(e, &p->entry[m]);
      continue;
    }
    struct build b;
    struct value weight = parameter_value(p);
    build_map(&b, e, TAPE_F32, &weight);
    uint8_t sum = summed(&b, p, m, gradient);
    build_store(&b, sum, &p->entry[m]);
  }
}

void tail_accumulate(const struct tail *t, struct emit *e, struct value *loss) {
  const struct layout *l = t->layout;
  struct gradients gradients;
  e->at = (struct lower_origin){.node = "", .op = "optimizer", .part = "accumulate"};
  if (!take_gradients(t->g, e, &gradients)) return;
  for (uint32_t n = 0; n < gradients.count; n++) value_settle(e, gradients.list[n]);
  for (uint32_t n = 0; n < t->fixed; n++)
    if (n == t->loss_sum)
      tail_store_sum(e, &l->entry[n], loss);
    else
      emit_keep(e, &l->entry[n]);
  for (uint32_t n = 0; n < t->g->parameters_count && !emit_failed(e); n++)
    add_parameter(t, e, n, gradients.has[n] ? &gradients.of[n] : NULL);
}
