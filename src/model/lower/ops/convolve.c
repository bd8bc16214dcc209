#include "model/lower/ops/convolve.h"

/* Which record dim each part of the iteration is. */
struct dims {
  uint8_t batch, place[WINDOW_AXES_MAX], tap[WINDOW_AXES_MAX], group, in, out;
};

/* The three operands at those dims. A group axis is split off the channels; without groups there is none. */
static void read_x(struct build *b, const struct convolution *c, struct value *x, const struct dims *d) {
  struct value v;
  struct index axis[TAPE_RANK_MAX];
  uint32_t n = 0;
  value_settle(b->e, x);
  if (emit_failed(b->e)) return;
  v = c->groups > 1 ? value_split(x, 1, c->groups) : *x;
  axis[n++] = index_dim(d->batch);
  if (c->groups > 1) axis[n++] = index_dim(d->group);
  axis[n++] = index_dim(d->in);
  for (uint32_t s = 0; s < c->w.axes; s++) axis[n++] = window_forward(&c->w, s, d->place[s], d->tap[s]);
  build_read(b, &v, axis, 0);
}

static void read_weight(struct build *b, const struct convolution *c, struct value *weight, const struct dims *d) {
  struct index axis[TAPE_RANK_MAX];
  uint32_t n = 0;
  struct value v = c->groups > 1 ? value_split(weight, 0, c->groups) : *weight;
  if (c->groups > 1) axis[n++] = index_dim(d->group);
  axis[n++] = index_dim(d->out);
  axis[n++] = index_dim(d->in);
  for (uint32_t s = 0; s < c->w.axes; s++) axis[n++] = index_dim(d->tap[s]);
  build_read(b, &v, axis, 0);
}

/* dy at output places: from the places themselves, or (to_input) from input places and taps. */
static void read_dy(struct build *b, const struct convolution *c, struct value *dy, const struct dims *d,
                    bool to_input) {
  struct index axis[TAPE_RANK_MAX];
  uint32_t n = 0;
  struct value v = c->groups > 1 ? value_split(dy, 1, c->groups) : *dy;
  axis[n++] = index_dim(d->batch);
  if (c->groups > 1) axis[n++] = index_dim(d->group);
  axis[n++] = index_dim(d->out);
  for (uint32_t s = 0; s < c->w.axes; s++)
    axis[n++] = to_input ? window_backward(&c->w, s, d->place[s], d->tap[s]) : index_dim(d->place[s]);
  build_read(b, &v, axis, 0);
}

/* Lists dims as they are numbered: out dims, then k dims. */
struct numbering {
  uint32_t dim[2 * TAPE_RANK_MAX], count;
};
static uint8_t next(struct numbering *n, uint32_t extent) {
  n->dim[n->count] = extent;
  return (uint8_t)n->count++;
}

/* [n, places.., (g), o] over (taps.., i) */
struct value convolve_forward(struct graph *g, const struct convolution *c, struct value *x, struct value *weight) {
  struct numbering all = {.count = 0};
  struct dims d = {0};
  struct build b;
  d.batch = next(&all, c->batch);
  for (uint32_t s = 0; s < c->w.axes; s++) d.place[s] = next(&all, c->w.out[s]);
  if (c->groups > 1) d.group = next(&all, c->groups);
  d.out = next(&all, c->out);
  uint32_t out_rank = all.count;
  for (uint32_t s = 0; s < c->w.axes; s++) d.tap[s] = next(&all, c->w.kernel[s]);
  d.in = next(&all, c->in);
  struct value y = window_result(&c->w, c->batch, c->groups * c->out);
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, all.dim, all.count - out_rank, all.dim + out_rank, &y);
  read_x(&b, c, x, &d);
  read_weight(&b, c, weight, &d);
  return build_end(&b, 0);
}

/* [taps.., i, (g), o] over (n, places..) */
struct value convolve_weight(struct graph *g, const struct convolution *c, struct value *x, const struct value *weight,
                             struct value *dy) {
  struct numbering all = {.count = 0};
  struct dims d = {0};
  struct build b;
  for (uint32_t s = 0; s < c->w.axes; s++) d.tap[s] = next(&all, c->w.kernel[s]);
  d.in = next(&all, c->in);
  if (c->groups > 1) d.group = next(&all, c->groups);
  d.out = next(&all, c->out);
  uint32_t out_rank = all.count;
  d.batch = next(&all, c->batch);
  for (uint32_t s = 0; s < c->w.axes; s++) d.place[s] = next(&all, c->w.out[s]);
  uint8_t order[TAPE_RANK_MAX];
  for (uint32_t s = 0; s < c->w.axes; s++) order[s] = (uint8_t)(s + 2);
  order[c->w.axes] = 1;
  order[c->w.axes + 1] = 0;
  struct value dw = value_shaped(TAPE_F32, weight->rank, weight->dim, order);
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, all.dim, all.count - out_rank, all.dim + out_rank,
             &dw);
  read_x(&b, c, x, &d);
  read_dy(&b, c, dy, &d, false);
  return build_end(&b, 0);
}

/* [n, input places.., (g), i] over (taps.., o) */
struct value convolve_input(struct graph *g, const struct convolution *c, const struct value *x, struct value *weight,
                            struct value *dy) {
  struct numbering all = {.count = 0};
  struct dims d = {0};
  struct build b;
  d.batch = next(&all, c->batch);
  for (uint32_t s = 0; s < c->w.axes; s++) d.place[s] = next(&all, c->w.in[s]);
  if (c->groups > 1) d.group = next(&all, c->groups);
  d.in = next(&all, c->in);
  uint32_t out_rank = all.count;
  for (uint32_t s = 0; s < c->w.axes; s++) d.tap[s] = next(&all, c->w.kernel[s]);
  d.out = next(&all, c->out);
  struct value dx = value_shaped(TAPE_F32, x->rank, x->dim, value_channels_last(x->rank));
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, all.dim, all.count - out_rank, all.dim + out_rank,
             &dx);
  read_dy(&b, c, dy, &d, true);
  read_weight(&b, c, weight, &d);
  return build_end(&b, 0);
}
