#include <stdlib.h>

#include "tape/execute/conv/conv_plan.h"

enum { IMAGES_LEAST = 4 /* of a part: some tiles have rows over images */ };

/* The innermost dim of k longer than 1; the last if there is none. */
static uint32_t inner_k(const struct tape_record *r) {
  uint32_t d = axis_inner(r, r->out_rank, axis_rank(r));
  return d < axis_rank(r) ? d : axis_rank(r) - 1;
}

static uint32_t operand_dims(const struct tape_record *r, const struct tape_operand *o) {
  uint32_t bits = 0;
  for (uint8_t a = 0; a < o->axes; a++) bits |= axis_dims(r, &o->axis[a]);
  return bits;
}

bool conv_meet(const struct conv_axis *x, uint32_t o, uint32_t t, int64_t *at) {
  const struct tape_axis *y = x->of;
  int64_t number = y->offset;
  if (x->out != CONV_NO_DIM) number += axis_coef(y, x->out) * o;
  if (x->tap != CONV_NO_DIM) number += axis_coef(y, x->tap) * t;
  if (number < 0 || number % y->div) return false;
  *at = number / y->div;
  return *at < (int64_t)y->extent;
}

/* Fills the classes; false: too many. */
static bool classify(struct conv_axis *x) {
  int64_t at;
  for (uint32_t o = 0; o < x->places; o++) {
    uint64_t taps = 0;
    for (uint32_t t = 0; t < x->taps; t++) taps |= (uint64_t)conv_meet(x, o, t, &at) << t;
    uint32_t i = 0;
    for (; i < x->classes; i++) {
      struct conv_class *c = &x->class[i];
      if (c->taps != taps || (c->count > 1 && c->first + c->step * c->count != o)) continue;
      if (c->count == 1) {
        c->step = o - c->first;
        if (taps) c->slope = axis_coef(x->of, x->out) * (int64_t)c->step / x->of->div * x->stride;
      }
      c->count++;
      break;
    }
    if (i < x->classes) continue;
    if (x->classes == CONV_CLASSES) return false;
    x->class[x->classes++] = (struct conv_class){.first = o, .step = 1, .count = 1, .taps = taps};
  }
  return true;
}

/* Takes the axis of a into the plan: of the images, of the places and taps, or of channels. */
static bool take_axis(struct conv *c, const struct tape_axis *y, int64_t stride, uint32_t shared, bool *moves) {
  const struct tape_record *r = c->record;
  uint32_t dims = axis_dims(r, y), outputs = (1u << r->out_rank) - 1, out = dims & outputs, taps = dims & ~outputs;
  if (y->indirect != TAPE_INDIRECT_NONE || (y->mode != TAPE_EXACT && y->div != 1)) return false;
  if (out == 1 && r->dim[0] > 1) {
    if (taps || axis_coef(y, 0) != 1 || y->offset || y->div != 1 || y->extent < r->dim[0]) return false;
    c->image_a = stride;
    return true;
  }
  if (!(out & ~shared) && !axis_leaves(r, y)) {
    c->a_base += y->offset * stride;
    for (uint32_t d = 0; d < axis_rank(r); d++)
      if (dims >> d & 1) c->coef_a[d] += axis_coef(y, d) * stride;
    return true;
  }
  if ((out & shared) || (out & (out - 1)) || (taps & (taps - 1)) || c->axes == CONV_AXES) return false;
  struct conv_axis *x = &c->axis[c->axes++];
  *x = (struct conv_axis){.of = y, .out = CONV_NO_DIM, .tap = CONV_NO_DIM, .places = 1, .taps = 1, .stride = stride};
  for (uint8_t d = 0; d < axis_rank(r); d++) {
    if (!(dims >> d & 1)) continue;
    if (out >> d & 1)
      x->out = d, x->places = r->dim[d];
    else
      x->tap = d, x->taps = r->dim[d];
  }
  *moves |= (out && taps) || (out && axis_coef(y, x->out) != 1) || y->div != 1 || axis_leaves(r, y);
  return x->taps <= CONV_TAPS && classify(x);
}

/* Everything that needs no plan; false: not a convolution over images. */
static bool choose(struct conv *c, const struct tape_record *r) {
  uint32_t inner = axis_inner(r, 0, r->out_rank), outputs = (1u << r->out_rank) - 1, seen = 0;
  *c = (struct conv){.record = r, .images = r->dim[0], .k = record_k(r), .group = CONV_NO_DIM, .groups = 1};
  if (r->op != TAPE_DOT || inner == r->out_rank || inner == 0 || r->k_rank == 0) return false;
  uint32_t dims[2] = {operand_dims(r, &r->operand[0]), operand_dims(r, &r->operand[1])};
  if ((dims[0] >> inner & 1) == (dims[1] >> inner & 1)) return false;
  c->operand_a = dims[0] >> inner & 1;
  c->col = (uint8_t)inner;
  c->cols = r->dim[inner];
  const struct tape_operand *a = &r->operand[c->operand_a], *b = &r->operand[1 - c->operand_a];
  uint32_t of_a = dims[c->operand_a], of_b = dims[1 - c->operand_a], shared = of_a & of_b & outputs;
  if (a->dtype != TAPE_F32 || b->dtype != TAPE_F32 || (of_b & 1) || (shared & (shared - 1))) return false;
  if ((of_b & outputs) != (shared | 1u << inner)) return false;
  int64_t stride = 1;
  for (uint8_t x = b->axes; x-- > 0; stride *= b->axis[x].extent) {
    const struct tape_axis *y = &b->axis[x];
    if (y->indirect != TAPE_INDIRECT_NONE || axis_leaves(r, y)) return false;
    c->b_base += y->offset * stride;
    for (uint32_t d = 0; d < axis_rank(r); d++)
      if (axis_dims(r, y) >> d & 1) c->coef_b[d] += axis_coef(y, d) * stride;
  }
  bool moves = false;
  stride = 1;
  for (uint8_t x = a->axes; x-- > 0; stride *= a->axis[x].extent)
    if (!take_axis(c, &a->axis[x], stride, shared, &moves)) return false;
  if (!moves) return false;
  for (uint32_t i = 0; i < c->axes / 2; i++) { /* outermost first */
    struct conv_axis swap = c->axis[i];
    c->axis[i] = c->axis[c->axes - 1 - i];
    c->axis[c->axes - 1 - i] = swap;
  }
  /* outputs lie as images, places, group, columns; every dim of k moves a in one way */
  uint32_t next = 1;
  uint64_t lists = 1;
  for (uint32_t i = 0; i < c->axes; i++) {
    const struct conv_axis *x = &c->axis[i];
    uint32_t of = (x->out == CONV_NO_DIM ? 0 : 1u << x->out) | (x->tap == CONV_NO_DIM ? 0 : 1u << x->tap);
    if (seen & of) return false;
    seen |= of;
    lists *= x->classes;
    if (x->out == CONV_NO_DIM) continue;
    if (x->out < next) return false;
    next = x->out + 1u;
  }
  if (c->axis[c->axes - 1].out == CONV_NO_DIM) return false;
  for (uint32_t d = 0; d < axis_rank(r); d++)
    if ((seen >> d & 1) && c->coef_a[d]) return false;
  for (uint32_t d = 1; d < r->out_rank; d++) {
    if (r->dim[d] == 1 || d == inner) continue;
    if (shared >> d & 1) {
      if (d < next || d > inner) return false;
      c->group = (uint8_t)d, c->groups = r->dim[d];
    } else if (!(seen >> d & 1)) {
      return false;
    }
  }
  c->a_k = 0;
  uint64_t runs = lists * (c->k / r->dim[inner_k(r)] + c->k / CANON_CHUNK + 1);
  if (seen >> inner_k(r) & 1) runs = lists * (c->k + 1);
  return runs <= CONV_RUNS_MAX;
}

bool conv_fits(const struct tape_record *r) {
  static _Thread_local struct conv c;
  return choose(&c, r);
}

bool conv_parts_fit(const struct tape_record *r, uint64_t parts) {
  return conv_fits(r) && r->dim[0] % parts == 0 && r->dim[0] / parts >= IMAGES_LEAST;
}

/* What a dim of k adds to the address of a for each step, where no class decides otherwise. */
static int64_t k_step(const struct conv *c, uint32_t d) {
  for (uint32_t i = 0; i < c->axes; i++)
    if (c->axis[i].tap == d) return c->axis[i].of->div == 1 ? axis_coef(c->axis[i].of, d) * c->axis[i].stride : 0;
  return c->coef_a[d];
}

bool conv_locate(const struct conv *c, uint32_t axes, const uint32_t *class, const uint32_t *coord, int64_t *a) {
  const struct tape_record *r = c->record;
  int64_t at;
  *a = 0;
  for (uint32_t d = r->out_rank; d < axis_rank(r); d++) *a += (int64_t)coord[d] * c->coef_a[d];
  for (uint32_t i = 0; i < axes; i++) {
    const struct conv_axis *x = &c->axis[i];
    if (!conv_meet(x, x->class[class[i]].first, x->tap == CONV_NO_DIM ? 0 : coord[x->tap], &at)) return false;
    *a += at * x->stride;
  }
  return true;
}

/* The runs of one list: k in order, what is out of range left out, cut at chunks of the full k. run NULL: counts. */
static uint32_t list_runs(const struct conv *c, const uint32_t *class, uint64_t cut, struct dot_run *run,
                          uint32_t *chunk, uint32_t runs) {
  const struct tape_record *r = c->record;
  uint32_t inner = inner_k(r), coord[PLAN_DIMS] = {0}, next_chunk = 0, first = runs;
  bool taps = false; /* does the innermost dim go from tap to tap? */
  for (uint32_t i = 0; i < c->axes; i++) taps |= c->axis[i].tap == inner;
  struct dot_run last = {0};
  for (uint64_t k = 0; k < c->k;) {
    if (k % cut == 0) {
      chunk[next_chunk++] = runs;
      first = runs; /* nothing is added to a run of the chunk before */
    }
    uint64_t n = taps ? 1 : r->dim[inner] - coord[inner];
    if (n > cut - k % cut) n = cut - k % cut;
    int64_t a;
    if (conv_locate(c, c->axes, class, coord, &a)) {
      const int64_t b = conv_filter_at(c, k, coord);
      if (runs > first && last.a + (int64_t)last.length * c->a_k == a && last.b + (int64_t)last.length * c->b_k == b)
        last.length += (uint32_t)n;
      else
        last = (struct dot_run){a, b, (uint32_t)n}, runs++;
      if (run) run[runs - 1] = last;
    }
    k += n;
    conv_next_k(r, inner, (uint32_t)n, coord);
  }
  chunk[next_chunk] = runs;
  return runs;
}

static bool cut_lists(struct execute *x, struct conv *c) {
  uint64_t cut = x->options.free_order && c->k <= 4 * CANON_CHUNK ? c->k : CANON_CHUNK, lists = 1;
  uint32_t runs = 0, class[CONV_AXES] = {0};
  c->chunks = (uint32_t)((c->k + cut - 1) / cut);
  for (uint32_t i = 0; i < c->axes; i++) lists *= c->axis[i].classes;
  c->chunk = arena_take(&x->notes, lists * (c->chunks + 1), sizeof *c->chunk);
  if (!c->chunk) return false;
  for (int pass = 0; pass < 2; pass++) {
    if (pass && !(c->run = arena_take(&x->notes, runs + 1u, sizeof *c->run))) return false;
    runs = 0;
    for (uint64_t l = 0; l < lists; l++) {
      conv_list_classes(c, c->axes, l, class);
      runs = list_runs(c, class, cut, c->run, c->chunk + l * (c->chunks + 1), runs);
    }
  }
  return true;
}

static bool lay_places(struct execute *x, struct conv *c) {
  c->outer = 1;
  for (uint32_t i = 0; i + 1 < c->axes; i++) {
    struct conv_axis *y = &c->axis[i];
    c->outer *= y->places;
    y->class_of = arena_take(&x->notes, y->places, sizeof *y->class_of);
    y->from = arena_take(&x->notes, y->places, sizeof *y->from);
    if (!y->class_of || !y->from) return false;
    for (uint32_t n = 0; n < y->classes; n++)
      for (uint32_t j = 0; j < y->class[n].count; j++) {
        y->class_of[y->class[n].first + j * y->class[n].step] = n;
        y->from[y->class[n].first + j * y->class[n].step] = j * y->class[n].slope;
      }
  }
  return true;
}

static void cut_tasks(struct execute *x, struct conv *c) {
  uint64_t rows = x->backend->dot_rows, wide = c->cols < 16 ? 16 : c->cols;
  c->blocks = (c->images + rows - 1) / rows;
  c->block = (c->images + c->blocks - 1) / c->blocks;
  c->blocks = (c->images + c->block - 1) / c->block;
  /* picoseconds an outer place of a block, at 64 GFLOP/s */
  uint64_t place = c->block * c->axis[c->axes - 1].places * c->groups * (wide * c->k * 30 + 10000);
  c->strip = plan_grain(x, c->blocks * c->outer, place);
  if (c->strip > c->outer) c->strip = c->outer;
  c->strips = (c->outer + c->strip - 1) / c->strip;
  if (!x->options.small_tasks) c->strip = (c->outer + c->strips - 1) / c->strips; /* even tasks */
}

bool conv_plan(struct execute *x, struct item *item) {
  struct conv *c = arena_take(&x->notes, 1, sizeof *c);
  if (!c || !choose(c, &x->tape->record[item->first])) return false;
  const struct tape_record *r = c->record;
  c->a = plan_operand_place(x, &r->operand[c->operand_a]);
  c->b = plan_operand_place(x, &r->operand[1 - c->operand_a]);
  c->c = x->value[item->first].place;
  c->image_c = record_elements(r) / r->dim[0];
  uint64_t most = x->backend->dot_cols;
  c->panel_cols = c->cols < most ? (c->cols + 7) / 8 * 8 : most;
  c->panels = (c->cols + c->panel_cols - 1) / c->panel_cols;
  if (!conv_thin_plan(x, c)) return false;
  c->packed = !c->thin && (c->coef_b[c->col] != 1 || c->panels > 1);
  c->a_k = k_step(c, inner_k(r));
  c->b_k = c->packed ? (int64_t)c->panel_cols : c->coef_b[inner_k(r)];
  if (c->packed) {
    c->pack = plan_take(x, 4 * c->groups * c->panels * c->panel_cols * c->k);
    c->pack_grain = plan_grain(x, c->groups * c->panels, c->k * c->panel_cols * 200);
  }
  if (!lay_places(x, c) || !cut_lists(x, c) || !conv_line_plan(x, c)) return false;
  cut_tasks(x, c);
  item->plan = c;
  return true;
}
