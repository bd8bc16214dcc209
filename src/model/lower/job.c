/* lower_job: layout, init tape, training tape, evaluation tape. docs/lower.md 1, 10. */
#include <inttypes.h>
#include <string.h>

#include "model/grad/sweep.h"
#include "model/loss/loss.h"
#include "model/lower/batch.h"
#include "model/lower/init.h"
#include "model/lower/samples.h"
#include "model/optimizer/optimizer.h"

/* Fixed state entries; evaluation's three are there only with it. */
enum { ENTRY_DIVERGED, ENTRY_LOSS, ENTRY_NORM, ENTRY_EVAL_LOSS, ENTRY_EVAL_CORRECT, ENTRY_EVAL_COUNT };

struct job {
  const struct lower_options *o;
  struct graph g;
  struct arena *arena;
  struct why *why;
  struct lowered *out;
  uint32_t fixed; /* entries before the first parameter */
  struct emit e[LOWER_TAPES_MAX];
};

static enum lower_status no_memory(struct job *j) {
  why_set(j->why, "lowering needs more memory than it was given");
  return LOWER_ERR_MEMORY;
}

static struct layout_entry *add_entry(struct layout *l, uint8_t dtype, uint32_t rank, const uint32_t *dim) {
  struct layout_entry *entry = &l->entry[l->state_count++];
  *entry = (struct layout_entry){.dtype = dtype, .rank = (uint8_t)rank};
  memcpy(entry->dim, dim, rank * sizeof dim[0]);
  return entry;
}

static void add_scalar(struct layout *l, uint8_t dtype, const char *name) {
  uint32_t one = 1;
  struct layout_entry *entry = add_entry(l, dtype, 1, &one);
  memcpy(entry->name, name, strlen(name) + 1);
}

static void add_data(struct layout *l, uint8_t number, const char *name, uint8_t dtype, uint32_t rank,
                     const uint32_t *dim) {
  struct layout_entry *entry = &l->entry[l->state_count + l->data_count++];
  *entry = (struct layout_entry){.number = number, .dtype = dtype, .rank = (uint8_t)rank};
  memcpy(entry->name, name, strlen(name) + 1);
  memcpy(entry->dim, dim, rank * sizeof dim[0]);
}

/* diverged, loss, norm, (evaluation), then each parameter with its moments behind it; then the data. */
static enum lower_status lay_out(struct job *j) {
  struct lowered *out = j->out;
  struct layout *l = &out->layout;
  const struct lower_options *o = j->o;
  struct companions behind = optimizer_companions(o);
  uint32_t dim[TAPE_RANK_MAX];
  uint64_t entries = ENTRY_EVAL_COUNT + 1 + (uint64_t)j->g.parameters_count * (1 + behind.count);
  if (entries > LAYOUT_ENTRIES_MAX) {
    why_set(j->why, "the model has %" PRIu32 " parameters, more than a state can list", j->g.parameters_count);
    return LOWER_ERR_UNSUPPORTED;
  }
  l->entry = arena_take(j->arena, entries + DATA_COUNT, sizeof *l->entry);
  out->parameter = arena_take(j->arena, j->g.parameters_count + 1, sizeof *out->parameter);
  if (!l->entry || !out->parameter) return no_memory(j);
  add_scalar(l, TAPE_I32, "diverged");
  add_scalar(l, TAPE_F32, "loss");
  add_scalar(l, TAPE_F32, "norm");
  out->entry_loss = ENTRY_LOSS;
  out->entry_norm = ENTRY_NORM;
  if (o->test.samples) {
    add_scalar(l, TAPE_F32, "eval.loss");
    add_scalar(l, TAPE_I32, "eval.correct");
    add_scalar(l, TAPE_I32, "eval.count");
    out->entry_eval_loss = ENTRY_EVAL_LOSS;
    out->entry_eval_correct = ENTRY_EVAL_CORRECT;
    out->entry_eval_count = ENTRY_EVAL_COUNT;
  }
  j->fixed = l->state_count;
  for (uint32_t n = 0; n < j->g.parameters_count; n++) {
    struct parameter *p = &j->g.parameter[n];
    const char *name = j->g.tensor[p->tensor_id].name;
    struct lower_parameter *q = &out->parameter[out->parameters_count++];
    *q = (struct lower_parameter){
        .onnx_name = name, .entry = l->state_count, .rank = p->tensor->rank, .trains = p->trains};
    q->delivered = q->entry + (p->trains ? behind.average : 0);
    for (uint32_t a = 0; a < q->rank; a++) {
      q->dim[a] = (uint32_t)p->tensor->dim[a];
      q->from[a] = p->role.order[a];
    }
    uint32_t rank = parameter_dims(p, dim);
    for (uint32_t m = 0; m <= (p->trains ? behind.count : 0); m++) {
      char unique[LAYOUT_NAME_MAX + 1];
      parameter_name(l, name, m ? optimizer_suffix(o, m) : "", unique);
      struct layout_entry *entry = add_entry(l, TAPE_F32, rank, dim);
      memcpy(entry->name, unique, sizeof unique);
      if (!m) p->entry = entry;
    }
  }
  samples_add_first(l, o, false);
  uint32_t schedule[2] = {o->updates, optimizer_columns(&o->optimizer)};
  uint32_t initial[2] = {1, TAPE_LEAF_BYTES}; /* its first dim is known at the end: close_tapes */
  add_data(l, DATA_SCHEDULE, "schedule", TAPE_F32, 2, schedule);
  add_data(l, DATA_INITIAL, "initial", TAPE_U8, 2, initial);
  if (o->test.samples) samples_add_first(l, o, true);
  samples_add_more(l, o, j->g.model->input);
  layout_place(l);
  if (layout_state_leaves(l) <= TAPE_LEAVES_MAX) return LOWER_OK;
  why_set(j->why, "the state needs more than 2^23 leaves (32 GiB)");
  return LOWER_ERR_SHAPE;
}

/* Parameters as they are in the state. */
static void set_parameters(struct graph *g) {
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    struct tensor *t = &g->tensor[g->parameter[n].tensor_id];
    graph_set(g, g->parameter[n].tensor_id, parameter_value(&g->parameter[n]));
    t->wants = g->mode == GRAPH_TRAIN && g->parameter[n].trains;
  }
}

/* With a moving average, what is evaluated is that. */
static void set_averages(struct job *j) {
  struct graph *g = &j->g;
  uint32_t average = optimizer_companions(j->o).average;
  for (uint32_t n = 0; n < g->parameters_count && average; n++) {
    struct parameter *p = &g->parameter[n];
    struct value v = parameter_value(p);
    v.first_leaf = p->entry[average].first_leaf;
    if (p->trains) graph_set(g, p->tensor_id, v);
  }
}

static struct tensor *model_output(struct graph *g) {
  struct tensor *t = &g->tensor[graph_find(g, g->model->output[0].name)];
  if (!t->known) emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "the model's output '%s' is a constant", t->name);
  return emit_failed(g->e) ? NULL : t;
}

static void forward(struct job *j, struct emit *e, enum graph_mode mode, struct batch *batch) {
  struct graph *g = &j->g;
  graph_begin(g, e, mode);
  set_parameters(g);
  if (mode == GRAPH_EVALUATE) set_averages(j);
  if (mode == GRAPH_TRAIN)
    batch_train(g, j->o, batch);
  else
    batch_evaluate(g, j->o, batch);
  if (emit_failed(e)) return;
  for (uint32_t n = 0; n < g->model->inputs_count; n++) {
    uint32_t input = graph_find(g, g->model->input[n].name);
    if (input != GRAPH_NONE) graph_set(g, input, batch->input[n]);
  }
  graph_forward(g);
}

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
  struct value number = build_end(&b, build_op2(&b, CANON_ISUB, step, unit));
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

/* The entries of parameter n, whose gradient may be missing. */
static void update_parameter(struct job *j, struct emit *e, uint32_t n, struct value *gradient, struct value *row,
                             struct value *clip) {
  struct parameter *p = &j->g.parameter[n];
  const struct optimizer_options *all = &j->o->optimizer;
  const char *name = j->g.tensor[p->tensor_id].name;
  struct companions behind = optimizer_companions(j->o);
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
                     .clip_value = j->o->clip_value,
                     .ema = j->o->ema,
                     .column = group * optimizer_group_columns(all)};
  optimizer_update(e, &own, &u);
}

static void train_tail(struct job *j, struct emit *e, struct value *loss) {
  struct graph *g = &j->g;
  const struct layout *l = &j->out->layout;
  const struct lower_options *o = j->o;
  struct value *sum = arena_take(j->arena, g->parameters_count + 1, sizeof *sum), norm, row, clip;
  struct value **gradient = arena_take(j->arena, g->parameters_count + 1, sizeof *gradient);
  bool *has = arena_take(j->arena, g->parameters_count + 1, sizeof *has);
  uint32_t count = 0;
  if (!sum || !gradient || !has) {
    emit_fail(e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  e->at = (struct lower_origin){.node = "", .op = "optimizer", .part = "norm"};
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    if (!g->parameter[n].trains || !graph_gradient_take(g, g->parameter[n].tensor_id, &sum[n])) continue;
    has[n] = true;
    gradient[count++] = &sum[n];
  }
  if (!emit_failed(e) && !count)
    emit_fail(e, LOWER_ERR_OPTION, "nothing trains: no float initializer reaches the output, or all are frozen");
  if (emit_failed(e)) return;
  norm = gradient_norm(e, gradient, count);
  if (o->clip_norm > 0) clip = clip_factor(e, o->clip_norm, &norm);
  e->at = (struct lower_origin){.node = "", .op = "optimizer", .part = "update"};
  store_diverged(e, &l->entry[ENTRY_DIVERGED], loss, &norm);
  emit_copy(e, &l->entry[ENTRY_LOSS], loss);
  emit_copy(e, &l->entry[ENTRY_NORM], &norm);
  for (uint32_t n = ENTRY_EVAL_LOSS; n < j->fixed; n++) emit_keep(e, &l->entry[n]);
  row = schedule_row(e, o);
  for (uint32_t n = 0; n < g->parameters_count && !emit_failed(e); n++)
    update_parameter(j, e, n, has[n] ? &sum[n] : NULL, &row, o->clip_norm > 0 ? &clip : NULL);
}

static void lower_train(struct job *j, struct emit *e) {
  struct batch batch;
  struct loss_result loss = {0};
  forward(j, e, GRAPH_TRAIN, &batch);
  struct tensor *y = emit_failed(e) ? NULL : model_output(&j->g);
  if (y) {
    struct loss_batch b = {.output = &y->v, .target = &batch.target, .index = &batch.index};
    e->at = (struct lower_origin){.node = "", .op = "loss", .part = "forward"};
    loss_train(e, &j->o->loss, &b, &loss);
    graph_gradient_add(&j->g, graph_find(&j->g, j->g.model->output[0].name), loss.gradient);
    grad_sweep(&j->g);
  }
  if (!emit_failed(e)) train_tail(j, e, &loss.loss);
}

static void store_sum(struct emit *e, const struct layout_entry *entry, struct value *more) {
  struct build b;
  struct value before = value_entry(entry);
  build_map(&b, e, entry->dtype, &before);
  uint8_t x = build_use(&b, &before);
  uint8_t y = build_use(&b, more);
  build_store(&b, build_op2(&b, entry->dtype == TAPE_F32 ? CANON_ADD : CANON_IADD, x, y), entry);
}

static void lower_evaluate(struct job *j, struct emit *e) {
  struct batch batch;
  struct loss_tally tally = {0};
  const struct layout *l = &j->out->layout;
  forward(j, e, GRAPH_EVALUATE, &batch);
  struct tensor *y = emit_failed(e) ? NULL : model_output(&j->g);
  if (y) {
    struct loss_batch b = {.output = &y->v, .target = &batch.target, .index = &batch.index};
    e->at = (struct lower_origin){.node = "", .op = "loss", .part = "forward"};
    loss_evaluate(e, &j->o->loss, &b, &tally);
  }
  if (emit_failed(e)) return;
  e->at = (struct lower_origin){.node = "", .op = "loss", .part = "tally"};
  for (uint32_t n = 0; n < l->state_count; n++)
    if (n < ENTRY_EVAL_LOSS || n > ENTRY_EVAL_COUNT) emit_keep(e, &l->entry[n]);
  store_sum(e, &l->entry[ENTRY_EVAL_LOSS], &tally.sum);
  store_sum(e, &l->entry[ENTRY_EVAL_CORRECT], &tally.correct);
  store_sum(e, &l->entry[ENTRY_EVAL_COUNT], &tally.count);
}

/* The constants that the tapes found lie behind the initial values; how long that data tensor is stands in the layout,
 * and the layout in every tape: so tapes are closed when all have been emitted. */
static enum lower_status close_tapes(struct job *j) {
  struct lowered *out = j->out;
  out->data[DATA_INITIAL] = parameter_pack(&j->g, j->arena, &out->data_bytes[DATA_INITIAL]);
  if (!out->data[DATA_INITIAL]) return no_memory(j);
  for (uint32_t n = 0; n < out->layout.data_count; n++) {
    struct layout_entry *entry = &out->layout.entry[out->layout.state_count + n];
    if (entry->number == DATA_INITIAL) entry->dim[0] = (uint32_t)(out->data_bytes[DATA_INITIAL] / TAPE_LEAF_BYTES);
  }
  for (uint32_t t = 0; t < out->tapes_count; t++) {
    emit_tape(&j->e[t], &out->layout, &out->tape[t], &out->origin[t]);
    if (j->e[t].status != LOWER_OK) return j->e[t].status;
  }
  return LOWER_OK;
}

static enum lower_status lower_tapes(struct job *j) {
  for (uint32_t t = 0; t < j->out->tapes_count; t++) {
    struct emit *e = &j->e[t];
    emit_begin(e, j->arena, j->why);
    if (t == TAPE_OF_INIT) init_emit(e, &j->g, &j->out->layout, DATA_INITIAL, optimizer_companions(j->o).average);
    if (t == TAPE_OF_TRAIN) lower_train(j, e);
    if (t == TAPE_OF_EVALUATE) lower_evaluate(j, e);
    if (emit_failed(e)) return e->status;
  }
  return close_tapes(j);
}

/* A group that has no tensor is a slip of the pen: a pattern that matches nothing, or only what groups before it have.
 */
static enum lower_status groups_match(struct job *j) {
  const struct optimizer_options *o = &j->o->optimizer;
  for (uint32_t group = 1; group <= o->groups_count; group++) {
    const char *other = NULL;
    bool found = false;
    for (uint32_t n = 0; n < j->g.parameters_count && !found; n++) {
      const struct parameter *p = &j->g.parameter[n];
      if (!p->trains) continue;
      other = j->g.tensor[p->tensor_id].name;
      found = optimizer_group(o, other) == group;
    }
    if (found) continue;
    why_set(j->why,
            "optimizer: group %" PRIu32 " ('%.60s'%s) has no tensor: none that trains matches it and no group before "
            "it; the last that trains is '%.80s'",
            group, o->group[group - 1].match_count ? o->group[group - 1].match[0] : "",
            o->group[group - 1].match_count > 1 ? ", .." : "", other ? other : "");
    return LOWER_ERR_OPTION;
  }
  return LOWER_OK;
}

enum lower_status lower_job(const struct onnx_model *model, const struct lower_options *options, struct arena *arena,
                            struct lowered *out, struct why *why) {
  struct lowered made = {.tapes_count = options->test.samples ? 3 : 2};
  struct job j = {.o = options, .arena = arena, .why = why, .out = &made};
  enum lower_status status = optimizer_check(options, why);
  if (status != LOWER_OK) return status;
  if (options->updates < 1 || options->updates > INT32_MAX || !(options->dropout < 1) ||
      options->train.input_rank >= TAPE_RANK_MAX || options->train.target_rank >= TAPE_RANK_MAX ||
      options->test.input_rank >= TAPE_RANK_MAX || options->test.target_rank >= TAPE_RANK_MAX) {
    why_set(why, "there are no updates or 2^31 and more, dropout is 1 or more, or samples have rank above 5");
    return LOWER_ERR_OPTION;
  }
  status = graph_open(&j.g, model, false, options->freeze, options->freeze_count, arena, why);
  if (status != LOWER_OK) return status;
  if (!samples_check(options, model->inputs_count, why)) return LOWER_ERR_OPTION;
  for (uint8_t test = 0; test < 2; test++) {
    uint8_t targets = test ? DATA_TEST_TARGETS : DATA_TRAIN_TARGETS;
    made.data[targets] = samples_stand_in(options, test, &made.data_bytes[targets]);
  }
  j.g.dropout = options->dropout;
  j.g.biased_variance = options->biased_variance;
  status = groups_match(&j);
  if (status != LOWER_OK) return status;
  init_choose(&j.g, options->init);
  parameter_place(&j.g, DATA_INITIAL);
  made.data[DATA_SCHEDULE] = optimizer_schedule(options, arena);
  made.group_columns = optimizer_group_columns(&options->optimizer);
  made.rate_columns = optimizer_rate_columns(&options->optimizer);
  made.data_bytes[DATA_SCHEDULE] = (uint64_t)options->updates * optimizer_columns(&options->optimizer) * sizeof(float);
  if (!made.data[DATA_SCHEDULE]) return no_memory(&j);
  status = lay_out(&j);
  if (status == LOWER_OK) status = lower_tapes(&j);
  if (status == LOWER_OK) *out = made;
  return status;
}
