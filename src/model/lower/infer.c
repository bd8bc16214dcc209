/* lower_infer: one tape from the graph's inputs to its outputs, weights read from a data tensor. docs/lower.md 11. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/batch.h"
#include "model/lower/parameter.h"

enum { INPUTS_MAX = LAYOUT_DATA_MAX - 1 };

static bool shape_matches(struct graph *g, const struct onnx_value *input, const struct infer_shape *s) {
  uint64_t n = 1;
  bool fits = input->rank == s->rank && s->rank <= TAPE_RANK_MAX && s->dtype <= TAPE_U8;
  for (uint32_t a = 0; fits && a < s->rank; a++) {
    n = n <= UINT32_MAX ? n * s->dim[a] : n;
    fits = (s->dim[a] >= 1 || s->content) && s->dim[a] <= INT32_MAX && n <= UINT32_MAX &&
           (input->dim[a] < 1 || input->dim[a] == s->dim[a]);
  }
  if (!fits)
    emit_fail(g->e, LOWER_ERR_SHAPE, "input '%s' cannot be %s: the model asks for rank %" PRIu32 " and other dims",
              input->name, shape_text(s->rank <= TAPE_RANK_MAX ? s->rank : 0, s->dim).text, input->rank);
  return fits;
}

/* The input as it is, or copied: floats where the model wants them, channels last where a window slides over it. */
static struct value input_value(struct graph *g, uint8_t number, const struct infer_shape *s) {
  const struct onnx_value *input = &g->model->input[number];
  uint8_t dtype = input->type == ONNX_FLOAT ? TAPE_F32 : TAPE_I32;
  struct value data = value_shaped(s->dtype, s->rank, s->dim, NULL), v;
  struct build b;
  data.space = TAPE_DATA;
  data.data_number = number;
  v = value_shaped(dtype, s->rank, s->dim, batch_input_order(g, input->name, s->rank));
  if (dtype == TAPE_I32 && s->dtype == TAPE_F32) {
    emit_fail(g->e, LOWER_ERR_SHAPE, "input '%s' takes integers, not floats", input->name);
    return data;
  }
  if (dtype == s->dtype && value_plain(&v)) return data;
  build_map(&b, g->e, dtype, &v);
  uint8_t x = build_use(&b, &data);
  if (dtype == TAPE_F32 && s->dtype != TAPE_F32) x = build_op1(&b, CANON_ITOF, x);
  return build_end(&b, x);
}

static void set_parameters(struct graph *g, uint8_t number) {
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    struct value v = parameter_value(&g->parameter[n]);
    v.space = TAPE_DATA;
    v.data_number = number;
    v.first_leaf = g->parameter[n].window;
    graph_set(g, g->parameter[n].tensor_id, v);
  }
}

/* State: diverged, then each output in ONNX's order. */
static void lay_out(struct graph *g, struct layout *l, const struct infer_shape *shape, uint64_t weights_bytes) {
  const struct onnx_model *m = g->model;
  uint32_t entries = m->outputs_count + m->inputs_count + 2;
  l->entry = arena_take(g->arena, entries, sizeof *l->entry);
  if (!l->entry) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  l->entry[l->state_count++] = (struct layout_entry){.name = "diverged", .dtype = TAPE_I32, .rank = 1, .dim = {1}};
  for (uint32_t n = 0; n < m->outputs_count && !emit_failed(g->e); n++) {
    uint32_t at = graph_find(g, m->output[n].name);
    const struct tensor *t = &g->tensor[at];
    if (!t->known) {
      emit_fail(g->e, LOWER_ERR_UNSUPPORTED, "output '%s' has no value at run time", m->output[n].name);
      return;
    }
    struct layout_entry *entry = &l->entry[l->state_count];
    *entry = (struct layout_entry){.dtype = t->v.dtype, .rank = t->v.rank ? t->v.rank : 1, .dim = {1}};
    memcpy(entry->dim, t->v.rank ? t->v.dim : entry->dim, entry->rank * sizeof entry->dim[0]);
    parameter_name(l, m->output[n].name, "", entry->name);
    l->state_count++;
  }
  struct layout all = *l; /* so that data names differ from state names too */
  for (uint32_t n = 0; n <= m->inputs_count; n++) {
    struct layout_entry *entry = &l->entry[l->state_count + l->data_count++];
    *entry = (struct layout_entry){.number = (uint8_t)n};
    if (n == m->inputs_count) {
      entry->dtype = TAPE_U8;
      entry->rank = 2;
      entry->dim[0] = (uint32_t)(weights_bytes / TAPE_LEAF_BYTES);
      entry->dim[1] = TAPE_LEAF_BYTES;
    } else {
      entry->dtype = shape[n].dtype;
      entry->rank = shape[n].rank ? (uint8_t)shape[n].rank : 1;
      entry->dim[0] = 1;
      memcpy(entry->dim, shape[n].rank ? shape[n].dim : entry->dim, entry->rank * sizeof entry->dim[0]);
      for (uint32_t a = 0; a < entry->rank; a++) entry->dim[a] += !entry->dim[a]; /* a dim of 0: nothing reads it */
    }
    parameter_name(&all, n == m->inputs_count ? "weights" : m->input[n].name, "", entry->name);
    all.state_count++;
  }
  layout_place(l);
}

static void store_output(struct graph *g, const struct layout_entry *entry, struct value *v) {
  struct build b;
  struct value shape = value_entry(entry);
  build_map(&b, g->e, entry->dtype, &shape);
  uint8_t x = build_use(&b, v);
  build_store(&b, x, entry);
}

/* The outputs as ONNX declares them; what is computed as floats cannot be declared as whole numbers, nor the reverse.
 */
static struct infer_output *describe_outputs(struct graph *g) {
  const struct onnx_model *m = g->model;
  struct infer_output *made = arena_take(g->arena, m->outputs_count, sizeof *made);
  if (!made) emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  for (uint32_t n = 0; n < m->outputs_count && made; n++) {
    const struct value *v = &g->tensor[graph_find(g, m->output[n].name)].v;
    if (!batch_single_precision(g, &m->output[n], "output")) return NULL;
    if ((m->output[n].type == ONNX_FLOAT) != (v->dtype == TAPE_F32)) {
      emit_fail(g->e, LOWER_ERR_SHAPE, "output '%s' is declared %s, and the graph computes %s for it",
                m->output[n].name, onnx_type_name((int32_t)m->output[n].type), onnx_type_name(v->type));
      return NULL;
    }
    made[n] = (struct infer_output){.type = m->output[n].type, .rank = v->rank};
    memcpy(made[n].dim, v->dim, v->rank * sizeof *v->dim);
  }
  return made;
}

static void lower_graph(struct graph *g, const struct infer_shape *input, struct lowered_infer *made) {
  const struct onnx_model *m = g->model;
  struct layout layout = {0};
  for (uint32_t n = 0; n < m->inputs_count; n++) {
    uint32_t at = graph_find(g, m->input[n].name);
    if (!batch_single_precision(g, &m->input[n], "input") || !shape_matches(g, &m->input[n], &input[n])) return;
    if (at == GRAPH_NONE) continue;
    g->tensor[at].peek = input[n].content;
    if (input[n].content && !input[n].content->count) continue; /* no element: nothing for a record to read */
    struct value v = input_value(g, (uint8_t)n, &input[n]);
    v.type = (uint8_t)m->input[n].type;
    graph_set(g, at, v);
  }
  graph_forward(g);
  for (uint32_t n = 0; n < m->outputs_count && !emit_failed(g->e); n++) {
    struct tensor *t = &g->tensor[graph_find(g, m->output[n].name)];
    if (!t->known && t->content) t->known = graph_constant(g, t->content, &t->v);
  }
  if (emit_failed(g->e)) return;
  made->weights = parameter_pack(g, g->arena, &made->weights_bytes);
  if (!made->weights) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
    return;
  }
  g->e->at = (struct lower_origin){.node = "", .op = "output", .part = "forward"};
  lay_out(g, &layout, input, made->weights_bytes);
  if (emit_failed(g->e)) return;
  emit_keep(g->e, &layout.entry[0]);
  for (uint32_t n = 0; n < m->outputs_count; n++)
    store_output(g, &layout.entry[1 + n], &g->tensor[graph_find(g, m->output[n].name)].v);
  made->output = describe_outputs(g);
  made->outputs_count = m->outputs_count;
  emit_tape(g->e, &layout, &made->tape, &made->origin);
}

enum lower_status lower_infer(const struct onnx_model *model, const struct infer_shape *input, struct arena *arena,
                              struct lowered_infer *out, struct why *why) {
  struct graph g;
  struct emit e;
  struct lowered_infer made = {0};
  if (model->inputs_count > INPUTS_MAX || model->outputs_count >= LAYOUT_ENTRIES_MAX) {
    why_set(why, "the model has %" PRIu32 " inputs and %" PRIu32 " outputs, at most %d and %d", model->inputs_count,
            model->outputs_count, INPUTS_MAX, LAYOUT_ENTRIES_MAX - 1);
    return LOWER_ERR_UNSUPPORTED;
  }
  enum lower_status status = graph_open(&g, model, true, NULL, 0, arena, why);
  if (status != LOWER_OK) return status;
  parameter_place(&g, (uint8_t)model->inputs_count);
  emit_begin(&e, arena, why);
  graph_begin(&g, &e, GRAPH_INFER);
  set_parameters(&g, (uint8_t)model->inputs_count);
  lower_graph(&g, input, &made);
  if (e.status == LOWER_OK) *out = made;
  return e.status;
}
