#include "model/lower/init.h"

#include <string.h>

#include "model/lower/rule.h"
#include "numeric/soft/soft.h"

static bool is(const struct application *a, const char *op) { return a->live && strcmp(a->node->op, op) == 0; }

static bool moves(const struct application *a) {
  static const char *const ops[] = {"Identity",  "Unsqueeze", "Squeeze", "Reshape",
                                    "Transpose", "Slice",     "Split",   "Concat"};
  for (size_t n = 0; n < sizeof ops / sizeof ops[0]; n++)
    if (is(a, ops[n])) return true;
  return false;
}

/* The parameters that a recurrent node's operand is put together from: exporters that leave weights as the module has
 * them write dozens of nodes that cut and join them. */
struct walk {
  bool *seen; /* by tensor */
  uint32_t *next, count;
};

static void visit(struct walk *w, uint32_t tensor) {
  if (tensor == GRAPH_NONE || w->seen[tensor]) return;
  w->seen[tensor] = true;
  w->next[w->count++] = tensor;
}

static void packed(struct graph *g, struct walk *w, uint32_t tensor, uint64_t hidden) {
  for (visit(w, tensor); w->count > 0;) {
    const struct tensor *t = &g->tensor[w->next[--w->count]];
    if (t->parameter != GRAPH_NONE) g->parameter[t->parameter].role.fan_in = hidden;
    if (t->producer == GRAPH_NONE || !moves(&g->application[t->producer])) continue;
    const struct application *a = &g->application[t->producer];
    uint32_t inputs = is(a, "Concat") ? a->inputs_count : a->inputs_count > 0;
    for (uint32_t n = 0; n < inputs; n++) visit(w, a->input[n]);
  }
}

/* An embedding's table, unless a layer's weight is what is looked up. */
static void embedding(struct graph *g, const struct application *a) {
  const struct tensor *t = graph_input(g, a, 0);
  if (!t || t->parameter == GRAPH_NONE || attribute_int(a->node, "axis", 0) != 0) return;
  struct parameter *p = &g->parameter[t->parameter];
  p->role.normal = p->tensor->rank == 2 && !p->role.fan_in;
}

static bool look_for_layers(struct graph *g) {
  struct walk w = {.seen = arena_take(g->arena, g->tensors_count + 1, sizeof *w.seen),
                   .next = arena_take(g->arena, g->tensors_count + 1, sizeof *w.next)};
  if (!w.seen || !w.next) return false;
  for (uint32_t n = 0; n < g->model->nodes_count; n++) {
    const struct application *a = &g->application[n];
    int64_t hidden = attribute_int(a->node, "hidden_size", 0);
    if (is(a, "Gather")) embedding(g, a);
    if ((!is(a, "LSTM") && !is(a, "GRU") && !is(a, "RNN")) || hidden < 1) continue;
    for (uint32_t i = 1; i < 4 && i < a->inputs_count; i++) packed(g, &w, a->input[i], (uint64_t)hidden);
  }
  return true;
}

bool init_choose(struct graph *g, enum init_name init) {
  if (init == INIT_SEED && !look_for_layers(g)) return false;
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    struct parameter *p = &g->parameter[n];
    p->seeded = init == INIT_SEED && p->trains && (p->role.fan_in || p->role.normal);
  }
  return true;
}

/* 1 / sqrt(fan_in) in the canon's own operations. */
static uint32_t bound(uint64_t fan_in) {
  float x = (float)fan_in, one = 1;
  uint32_t word, unit;
  memcpy(&word, &x, sizeof word);
  memcpy(&unit, &one, sizeof unit);
  return soft_apply(CANON_DIV, unit, soft_apply(CANON_SQRT, word, 0, 0), 0);
}

/* PyTorch's default for linear and convolution layers, weights and biases: uniform in [-b, b), b = 1 / sqrt(fan_in).
 * fma(u, 2 b, -b), u = 24 bits of a draw; the stream is the parameter's number. */
static uint8_t uniform(struct build *b, uint64_t fan_in, uint32_t stream) {
  uint32_t edge = bound(fan_in);
  uint8_t number = build_i32(b, (int32_t)stream);
  uint8_t shift = build_i32(b, 8);
  uint8_t unit = build_f32(b, 0x1p-24f);
  uint8_t width = build_word(b, soft_add(edge, edge));
  uint8_t low = build_word(b, edge ^ 0x80000000u);
  uint8_t place = build_op0(b, CANON_LIN);
  uint8_t draw = build_op2(b, CANON_RAND, place, number);
  draw = build_op2(b, CANON_USHR, draw, shift);
  draw = build_op1(b, CANON_ITOF, draw);
  draw = build_op2(b, CANON_MUL, draw, unit);
  return build_op(b, CANON_FMA, draw, width, low);
}

/* Box and Muller's normal numbers, as PyTorch's embeddings start: sqrt(-2 log u) cos(2 pi v), u in (0, 1], v in [0, 1).
 */
static uint8_t normal(struct build *b, uint32_t stream) {
  uint8_t number = build_i32(b, (int32_t)stream), second = build_i32(b, (int32_t)(stream | 0x80000000u));
  uint8_t shift = build_i32(b, 8), one = build_i32(b, 1);
  uint8_t unit = build_f32(b, 0x1p-24f), turn = build_f32(b, 0x1p-23f), minus = build_f32(b, -2);
  uint8_t place = build_op0(b, CANON_LIN);
  uint8_t u = build_op2(b, CANON_RAND, place, number);
  u = build_op2(b, CANON_USHR, u, shift);
  u = build_op2(b, CANON_IADD, u, one);
  u = build_op1(b, CANON_ITOF, u);
  u = build_op2(b, CANON_MUL, u, unit);
  u = build_op1(b, CANON_LOG, u);
  u = build_op2(b, CANON_MUL, minus, u);
  u = build_op1(b, CANON_SQRT, u);
  uint8_t v = build_op2(b, CANON_RAND, place, second);
  v = build_op2(b, CANON_USHR, v, shift);
  v = build_op1(b, CANON_ITOF, v);
  v = build_op2(b, CANON_MUL, v, turn);
  v = build_op1(b, CANON_COSPI, v);
  return build_op2(b, CANON_MUL, u, v);
}

/* The parameter that starts in this entry, as itself or as its moving average. */
static const struct parameter *parameter_of(const struct graph *g, const struct layout_entry *entry, uint32_t average) {
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    const struct parameter *p = &g->parameter[n];
    if (p->entry == entry || (average && p->trains && p->entry + average == entry)) return p;
  }
  return NULL;
}

void init_emit(struct emit *e, const struct graph *g, const struct layout *layout, uint8_t initial, uint32_t average) {
  e->at = (struct lower_origin){.node = "", .op = "init", .part = "init"};
  for (uint32_t n = 0; n < layout->state_count; n++) {
    const struct layout_entry *entry = &layout->entry[n];
    const struct parameter *p = parameter_of(g, entry, average);
    struct value shape = value_entry(entry);
    struct build b;
    if (!p) {
      emit_zero(e, entry);
    } else if (p->seeded) {
      build_map(&b, e, TAPE_F32, &shape);
      uint32_t stream = (uint32_t)(p - g->parameter);
      uint8_t first = p->role.fan_in ? uniform(&b, p->role.fan_in, stream) : normal(&b, stream);
      build_store(&b, first, entry);
    } else {
      struct value from = shape;
      from.space = TAPE_DATA;
      from.data_number = initial;
      from.first_leaf = p->window;
      emit_copy(e, entry, &from);
    }
  }
}
