#include "tape/execute/dot/dot.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/dot/dot_blank.h"
#include "tape/execute/dot/dot_tail.h"
#include "tape/execute/plan/axis.h"

enum { A, B, PART_ROWS = 64, HEAD_ROWS = 32 }; /* fewer rows a part would not pay for reading b again */

static bool moves_with(const struct tape_operand *o, uint32_t d) {
  for (uint8_t a = 0; a < o->axes; a++)
    for (uint8_t t = 0; t < o->axis[a].terms; t++)
      if (o->axis[a].term[t].dim == d) return true;
  return false;
}

/* Its tile columns; out_rank if there are none. */
static uint32_t inner_dim(const struct tape_record *r) { return axis_inner(r, 0, r->out_rank); }

bool dot_fits(const struct tape_record *r) {
  uint32_t inner = inner_dim(r);
  if (inner == r->out_rank || !halo_affine(r, &r->operand[A]) || !halo_affine(r, &r->operand[B])) return false;
  return moves_with(&r->operand[A], inner) != moves_with(&r->operand[B], inner);
}

/* Output dims longer than 1, outermost first. */
static uint32_t output_dims(const struct tape_record *r, const int64_t *a, const int64_t *b, struct dot_dim *dim) {
  uint32_t count = 0;
  int64_t c = 1;
  for (uint32_t d = r->out_rank; d-- > 0; c *= r->dim[d])
    if (r->dim[d] > 1) dim[count++] = (struct dot_dim){r->dim[d], a[d], b[d], c, d};
  for (uint32_t i = 0; i < count / 2; i++) {
    struct dot_dim swap = dim[i];
    dim[i] = dim[count - 1 - i];
    dim[count - 1 - i] = swap;
  }
  return count;
}

static bool one_walk(const struct dot_dim *outer, const struct dot_dim *inner) {
  int64_t n = (int64_t)inner->extent;
  return outer->a == inner->a * n && outer->b == inner->b * n && outer->c == inner->c * n;
}

/* Takes dim[last] and what merges with it out of the list. */
static struct dot_dim take(struct dot_dim *dim, uint32_t *count, uint32_t last) {
  struct dot_dim t = dim[last];
  uint32_t first = last;
  while (first > 0 && one_walk(&dim[first - 1], &t)) t.extent *= dim[--first].extent;
  memmove(dim + first, dim + last + 1, (*count - last - 1) * sizeof *dim);
  *count -= last - first + 1;
  return t;
}

uint32_t dot_k_dims(const struct tape_record *r, const int64_t *a, const int64_t *b, struct dot_dim *dim) {
  uint32_t dims = 0;
  for (uint32_t n = r->out_rank; n < (uint32_t)r->out_rank + r->k_rank; n++) {
    int64_t extent = r->dim[n];
    if (extent == 1) continue;
    bool merges = dims > 0 && dim[dims - 1].a == a[n] * extent && dim[dims - 1].b == b[n] * extent;
    if (!merges) dim[dims++] = (struct dot_dim){.extent = 1};
    dim[dims - 1] = (struct dot_dim){dim[dims - 1].extent * (uint64_t)extent, a[n], b[n], 0, n};
  }
  if (dims == 0) dim[dims++] = (struct dot_dim){.extent = 1};
  return dims;
}

void dot_advance(const struct dot_dim *dim, uint32_t dims, uint64_t *at) {
  for (uint32_t i = dims; i-- > 0;) {
    if (++at[i] < dim[i].extent) return;
    at[i] = 0;
  }
}

static bool cut_runs(struct execute *x, struct dot *d, const int64_t *a, const int64_t *b) {
  static const int64_t nothing[PLAN_DIMS] = {0};
  struct dot_dim dim[TAPE_RANK_MAX];
  uint32_t dims =
      dot_k_dims(d->record, d->from_a == DOT_IN_PLACE ? a : nothing, d->from_b == DOT_IN_PLACE ? b : nothing, dim);
  const struct dot_dim *in = &dim[--dims];
  uint64_t length = in->extent, rows = d->k / length, at[TAPE_RANK_MAX] = {0}, cut = dot_cut(x, d);
  d->a_k = d->from_a == DOT_IN_PLACE ? in->a : (int64_t)x->backend->dot_rows;
  d->b_k = d->from_b == DOT_IN_PLACE ? in->b : (int64_t)d->panel_cols;
  d->run = arena_take(&x->notes, rows + d->k / cut + 1, sizeof *d->run);
  d->chunk = arena_take(&x->notes, d->k / cut + 2, sizeof *d->chunk);
  if (!d->run || !d->chunk) return false;
  uint32_t runs = 0;
  uint64_t k = 0;
  for (uint64_t row = 0; row < rows; row++) {
    int64_t from_a = 0, from_b = 0;
    for (uint32_t i = 0; i < dims; i++) from_a += (int64_t)at[i] * dim[i].a, from_b += (int64_t)at[i] * dim[i].b;
    for (uint64_t j = 0; j < length;) {
      uint64_t n = cut - k % cut < length - j ? cut - k % cut : length - j;
      if (k % cut == 0) d->chunk[d->chunks++] = runs;
      d->run[runs++] = (struct dot_run){d->from_a == DOT_IN_PLACE ? from_a + (int64_t)j * in->a : dot_packed_a(x, d, k),
                                        d->from_b == DOT_IN_PLACE ? from_b + (int64_t)j * in->b : dot_packed_b(x, d, k),
                                        (uint32_t)n};
      j += n, k += n;
    }
    dot_advance(dim, dims, at);
  }
  d->chunk[d->chunks] = runs;
  return true;
}

/* Is the dim the only one that moves the axis it moves, in each operand? Then no two of its coordinates read the same
 * place there. */
static bool alone(const struct tape_operand *o, uint32_t d) {
  uint32_t axes = 0;
  for (uint8_t a = 0; a < o->axes; a++)
    for (uint8_t t = 0; t < o->axis[a].terms; t++)
      if (o->axis[a].term[t].dim == d) {
        axes++;
        if (o->axis[a].terms > 1) return false;
      }
  return axes < 2;
}

/* Rows that are the leading dims: into how many parts of equally many they fall, or any divisor of that; 1: they are
 * not, or a part would read more than whole operands and pieces of its own. */
static uint64_t leading_rows(const struct dot *d, const struct dot_dim *lead) {
  const struct tape_record *r = d->record;
  uint64_t parts = 1;
  if ((uint64_t)d->row.c * d->row.extent != (uint64_t)lead->c * lead->extent || !lead->a || lead->b) return 1;
  for (uint32_t dim = lead->of; dim <= d->row.of; parts *= r->dim[dim++])
    if (r->dim[dim] > 1 && (!alone(&r->operand[A], dim) || !alone(&r->operand[B], dim))) break;
  return parts;
}

/* Combinations of the loops that stand in front of everything else, in the order of the outputs: heads of sequences. */
static uint64_t leading_loops(const struct dot *d) {
  const struct tape_record *r = d->record;
  uint64_t combinations = 1;
  uint32_t dim = 0;
  for (uint32_t l = 0; l < d->loops; l++, dim++) {
    while (r->dim[dim] == 1) dim++;
    if (d->loop[l].of != dim || !alone(&r->operand[A], dim) || !alone(&r->operand[B], dim)) break;
    if (d->from_b == DOT_SHARED && d->loop[l].b) break;
    combinations *= d->loop[l].extent;
  }
  return combinations;
}

/* Combinations of all loops, wherever they stand among the outputs; 1: a part would share more than whole operands. */
static uint64_t all_loops(const struct dot *d) {
  const struct tape_record *r = d->record;
  uint64_t combinations = 1;
  for (uint32_t l = 0; l < d->loops; l++) {
    if (!alone(&r->operand[A], d->loop[l].of) || !alone(&r->operand[B], d->loop[l].of)) return 1;
    if (d->from_b == DOT_SHARED && d->loop[l].b) return 1;
    combinations *= d->loop[l].extent;
  }
  return combinations;
}

static void find_parts(struct dot *d, struct dot_dim lead) {
  d->parts = 1;
  if (d->by_cols || d->phased) return;
  d->parts = d->apart ? all_loops(d) : leading_loops(d);
  if (d->parts > 1) return;
  d->parts = leading_rows(d, &lead);
  d->part_rows = d->parts > 1;
}

/* Columns, rows and loops, by how far each dim moves the operands. Returns the outermost dim. */
static struct dot_dim lay_out(struct dot *d, const int64_t *coef_a, const int64_t *coef_b) {
  struct dot_dim dim[TAPE_RANK_MAX];
  uint32_t dims = output_dims(d->record, coef_a, coef_b, dim);
  struct dot_dim lead = dim[0];
  d->col = take(dim, &dims, dims - 1);
  d->row = (struct dot_dim){.extent = 1, .c = (int64_t)d->col.extent};
  for (uint32_t i = dims; i-- > 0;)
    if (dim[i].a && !dim[i].b) {
      d->row = take(dim, &dims, i);
      break;
    }
  memcpy(d->loop, dim, sizeof d->loop);
  d->loops = dims;
  return lead;
}

/* What a plan would lay out, as far as parts go. */
static bool lay_out_alone(const struct tape_record *r, struct dot *d, struct dot_dim *lead) {
  if (!dot_fits(r)) return false;
  *d = (struct dot){.record = r};
  uint8_t of_a = moves_with(&r->operand[A], inner_dim(r)) ? B : A;
  int64_t coef_a[PLAN_DIMS], coef_b[PLAN_DIMS];
  if (!halo_linear(r, &r->operand[of_a], coef_a) || !halo_linear(r, &r->operand[1 - of_a], coef_b)) return false;
  *lead = lay_out(d, coef_a, coef_b);
  if (d->col.b != 1) d->from_b = dot_batches_outside(d) ? DOT_OWN : DOT_SHARED;
  return true;
}

bool dot_parts_fit(const struct tape_record *r, uint64_t parts) {
  struct dot d;
  struct dot_dim lead;
  if (!lay_out_alone(r, &d, &lead)) return false;
  uint64_t loops = leading_loops(&d);
  if (loops > 1) return loops % parts == 0 && d.row.extent >= HEAD_ROWS;
  return leading_rows(&d, &lead) % parts == 0 && d.row.extent / parts >= PART_ROWS;
}

uint32_t dot_parts_apart(const struct tape_record *r, uint64_t parts, uint8_t *dim) {
  struct dot d;
  struct dot_dim lead;
  if (!lay_out_alone(r, &d, &lead) || all_loops(&d) % parts != 0 || d.row.extent < HEAD_ROWS) return 0;
  for (uint32_t l = 0; l < d.loops; l++) dim[l] = (uint8_t)d.loop[l].of;
  return d.loops;
}

bool dot_plan(struct execute *x, struct item *item) {
  const struct tape_record *r = &x->tape->record[item->first];
  struct dot *d = arena_take(&x->notes, 1, sizeof *d);
  if (!d) return false;
  d->record = r;
  d->c = x->value[item->first].place;
  d->k = record_k(r);
  uint8_t of_a = d->operand_a = moves_with(&r->operand[A], inner_dim(r)) ? B : A;
  const struct tape_operand *a = &r->operand[of_a], *b = &r->operand[1 - of_a];
  int64_t coef_a[PLAN_DIMS], coef_b[PLAN_DIMS];
  bool taps = dot_taps_fit(r, a, b);
  if (taps)
    dot_taps_linear(r, a, &d->a_base, coef_a);
  else if (!halo_operand(x, r, a, &d->halo_a, &d->a_base, coef_a))
    return false;
  if (!halo_operand(x, r, b, &d->halo_b, &d->b_base, coef_b)) return false;
  d->a = d->halo_a ? d->halo_a->buffer : plan_operand_place(x, a);
  d->b = d->halo_b ? d->halo_b->buffer : plan_operand_place(x, b);

  struct dot_dim lead = lay_out(d, coef_a, coef_b);
  d->in_group = item->group > 0;
  d->made_here = a->space == TAPE_TEMP && x->value[plan_producer(x, a->first_leaf)].born == item->unit;
  d->apart = item->apart;
  if (!dot_choose(x, d, taps, coef_a, coef_b)) return false;
  if (!(taps ? dot_taps_cut(x, d, a, coef_a, coef_b) : cut_runs(x, d, coef_a, coef_b))) return false;
  dot_cut_tasks(x, d);
  find_parts(d, lead);
  if (dot_may_hide(d, taps)) {
    dot_tail_find(d);
    if (!dot_blank_find(x, item, d)) return false;
  }
  item->plan = d;
  return dot_take_memory(x, item, d);
}
