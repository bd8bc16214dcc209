#include "model/lower/init.h"

#include <string.h>

#include "numeric/soft/soft.h"

void init_choose(struct graph *g, enum init_name init) {
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    struct parameter *p = &g->parameter[n];
    p->seeded = init == INIT_SEED && p->trains && p->role.fan_in;
  }
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
      build_store(&b, uniform(&b, p->role.fan_in, (uint32_t)(p - g->parameter)), entry);
    } else {
      struct value from = shape;
      from.space = TAPE_DATA;
      from.data_number = initial;
      from.first_leaf = p->window;
      emit_copy(e, entry, &from);
    }
  }
}
