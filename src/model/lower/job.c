/* lower_job: layout, init tape, training tape, evaluation tape. docs/lower.md 1, 10. */
#include <inttypes.h>
#include <string.h>

#include "model/grad/sweep.h"
#include "model/loss/loss.h"
#include "model/lower/batch.h"
#include "model/lower/init.h"
#include "model/lower/samples.h"
#include "model/lower/tail.h"
#include "model/optimizer/optimizer.h"

struct job {
  const struct lower_options *o;
  struct graph g;
  struct arena *arena;
  struct why *why;
  struct lowered *out;
  struct tail tail;
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
  uint64_t entries = ENTRY_EVAL_COUNT + 2 + (uint64_t)j->g.parameters_count * (1 + behind.count);
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
  j->tail = (struct tail){.o = o, .g = &j->g, .layout = l};
  if (lower_micro_batches(o) > 1) {
    j->tail.loss_sum = l->state_count;
    add_scalar(l, TAPE_F32, "loss.sum");
  }
  j->tail.fixed = l->state_count;
  for (uint32_t n = 0; n < j->g.parameters_count; n++) {
    struct parameter *p = &j->g.parameter[n];
    const char *name = j->g.tensor[p->tensor_id].name;
    struct lower_parameter *q = &out->parameter[out->parameters_count++];
    *q = (struct lower_parameter){
        .onnx_name = name, .entry = l->state_count, .rank = p->tensor->rank, .trains = p->trains};
    q->delivered = q->entry + (p->trains ? behind.average : 0);
    q->sum = p->trains && behind.sum ? q->entry + behind.sum : 0;
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

static void lower_train(struct job *j, struct emit *e, bool accumulate) {
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
  if (emit_failed(e)) return;
  if (accumulate)
    tail_accumulate(&j->tail, e, &loss.loss);
  else
    tail_train(&j->tail, e, &loss.loss);
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
  tail_store_sum(e, &l->entry[ENTRY_EVAL_LOSS], &tally.sum);
  tail_store_sum(e, &l->entry[ENTRY_EVAL_CORRECT], &tally.correct);
  tail_store_sum(e, &l->entry[ENTRY_EVAL_COUNT], &tally.count);
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
    if (t == TAPE_OF_INIT)
      init_emit(e, &j->g, &j->out->layout, DATA_INITIAL, optimizer_companions(j->o).average);
    else if (t == TAPE_OF_TRAIN || t == j->out->accumulate)
      lower_train(j, e, t == j->out->accumulate);
    else
      lower_evaluate(j, e);
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

/* A model whose own loss is another output than the first: the same one, with that output first. */
static enum lower_status choose_output(const struct onnx_model **model, const struct loss_options *loss,
                                       struct arena *arena, struct why *why) {
  const struct onnx_model *from = *model;
  uint32_t at = 0;
  if (loss->name != LOSS_OUTPUT) return LOWER_OK;
  while (at < from->outputs_count && strcmp(from->output[at].name, loss->output) != 0) at++;
  if (at == from->outputs_count) {
    why_set(why, "loss: the model has no output '%.80s'; its first is '%.80s'", loss->output,
            from->outputs_count ? from->output[0].name : "");
    return LOWER_ERR_OPTION;
  }
  struct onnx_model *chosen = arena_take(arena, 1, sizeof *chosen);
  struct onnx_value *output = arena_take(arena, from->outputs_count, sizeof *output);
  if (!chosen || !output) {
    why_set(why, "lowering needs more memory than it was given");
    return LOWER_ERR_MEMORY;
  }
  memcpy(output, from->output, from->outputs_count * sizeof *output);
  output[0] = from->output[at];
  output[at] = from->output[0];
  *chosen = *from;
  chosen->output = output;
  *model = chosen;
  return LOWER_OK;
}

enum lower_status lower_job(const struct onnx_model *model, const struct lower_options *options, struct arena *arena,
                            struct lowered *out, struct why *why) {
  struct lowered made = {.tapes_count = options->test.samples ? 3 : 2, .evaluates = options->test.samples};
  struct job j = {.o = options, .arena = arena, .why = why, .out = &made};
  enum lower_status status = optimizer_check(options, why);
  if (status != LOWER_OK) return status;
  if (options->batch % lower_micro_batches(options)) {
    why_set(why, "%" PRIu32 " micro-batches do not divide a batch of %" PRIu32, options->micro_batches, options->batch);
    return LOWER_ERR_OPTION;
  }
  if (lower_micro_batches(options) > 1) made.accumulate = made.tapes_count++;
  if (options->updates < 1 || options->updates > INT32_MAX || !(options->dropout < 1) ||
      options->train.input_rank >= TAPE_RANK_MAX || options->train.target_rank >= TAPE_RANK_MAX ||
      options->test.input_rank >= TAPE_RANK_MAX || options->test.target_rank >= TAPE_RANK_MAX) {
    why_set(why, "there are no updates or 2^31 and more, dropout is 1 or more, or samples have rank above 5");
    return LOWER_ERR_OPTION;
  }
  status = choose_output(&model, &options->loss, arena, why);
  if (status != LOWER_OK) return status;
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
  if (!init_choose(&j.g, options->init)) return no_memory(&j);
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
