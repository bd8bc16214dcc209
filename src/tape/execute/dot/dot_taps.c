#include "numeric/canon.h"
#include "tape/execute/dot/dot_plan.h"
#include "tape/execute/plan/axis.h"

enum { ROWS_LEAST = 8, LISTS_MAX = 1 << 20 };

/* Where the axis reads at these coordinates; false: out of range. */
static bool place_on(const struct tape_axis *y, const uint32_t *coord, int64_t *place) {
  int64_t number = y->offset;
  for (uint8_t t = 0; t < y->terms; t++) number += (int64_t)y->term[t].coef * coord[y->term[t].dim];
  if (number < 0 || number % y->div) return false;
  *place = number / y->div;
  return *place < (int64_t)y->extent;
}

/* Advances the coordinates of the dims in `bits`, last fastest; false after the last. */
static bool advance(const struct tape_record *r, uint32_t bits, uint32_t *coord) {
  for (uint32_t d = (uint32_t)r->out_rank + r->k_rank; d-- > 0;) {
    if (!(bits >> d & 1)) continue;
    if (++coord[d] < r->dim[d]) return true;
    coord[d] = 0;
  }
  return false;
}

static uint32_t dims_of(const struct tape_axis *y) {
  uint32_t bits = 0;
  for (uint8_t t = 0; t < y->terms; t++) bits |= 1u << y->term[t].dim;
  return bits;
}

static uint32_t inner_k(const struct tape_record *r) {
  uint32_t d = axis_inner(r, r->out_rank, axis_rank(r));
  return d < axis_rank(r) ? d : r->out_rank;
}

bool dot_taps_fit(const struct tape_record *r, const struct tape_operand *a, const struct tape_operand *b) {
  uint32_t seen = 0, outputs = (1u << r->out_rank) - 1;
  double share = 1, lists = record_k(r) / (double)r->dim[inner_k(r)];
  for (uint8_t x = 0; x < b->axes; x++)
    if (axis_leaves(r, &b->axis[x])) return false;
  for (uint8_t x = 0; x < a->axes; x++) {
    const struct tape_axis *y = &a->axis[x];
    if (!axis_leaves(r, y)) continue;
    uint32_t dims = dims_of(y), coord[PLAN_DIMS] = {0};
    if (dims == 0 || (dims & seen) || dims >> inner_k(r) & 1) return false;
    seen |= dims;
    double inside = 0, all = 1;
    for (uint32_t d = 0; d < PLAN_DIMS; d++)
      if (dims >> d & 1) all *= r->dim[d];
    for (uint32_t d = 0; d < r->out_rank; d++)
      if (dims & outputs & 1u << d) lists *= r->dim[d];
    if (all > LISTS_MAX) return false;
    int64_t place;
    do inside += place_on(y, coord, &place);
    while (advance(r, dims, coord));
    share *= inside / all;
  }
  if (share > 0.8 || lists > LISTS_MAX) return false;
  /* Columns and rows are laid out by the linear axes, as if nothing else moved with their dims. */
  for (uint32_t d = 0; d < r->out_rank; d++) {
    bool linear = false;
    for (uint8_t x = 0; x < a->axes; x++) linear |= !axis_leaves(r, &a->axis[x]) && (dims_of(&a->axis[x]) >> d & 1);
    for (uint8_t x = 0; x < b->axes; x++) linear |= dims_of(&b->axis[x]) >> d & 1;
    if (linear && r->dim[d] > 1 && (seen >> d & 1)) return false;
  }
  /* the last output dim that only a linear axis of a moves with must have rows enough */
  for (uint32_t d = r->out_rank; d-- > 0;) {
    bool of_a = false, of_b = false;
    for (uint8_t x = 0; x < a->axes; x++) of_a |= !axis_leaves(r, &a->axis[x]) && (dims_of(&a->axis[x]) >> d & 1);
    for (uint8_t x = 0; x < b->axes; x++) of_b |= dims_of(&b->axis[x]) >> d & 1;
    if (of_a && !of_b && r->dim[d] > 1 && !(seen >> d & 1)) return r->dim[d] >= ROWS_LEAST;
  }
  return false;
}

void dot_taps_linear(const struct tape_record *r, const struct tape_operand *a, int64_t *base, int64_t *coef) {
  int64_t stride = 1;
  *base = 0;
  for (uint32_t d = 0; d < PLAN_DIMS; d++) coef[d] = 0;
  for (uint8_t x = a->axes; x-- > 0; stride *= a->axis[x].extent) {
    const struct tape_axis *y = &a->axis[x];
    if (axis_leaves(r, y)) continue;
    *base += y->offset * stride;
    for (uint8_t t = 0; t < y->terms; t++)
      if (r->dim[y->term[t].dim] > 1) coef[y->term[t].dim] += y->term[t].coef * stride;
  }
}

/* Address of the deciding axes; false: some is out of range. */
static bool decided(const struct tape_record *r, const struct tape_operand *a, const uint32_t *coord,
                    int64_t *address) {
  int64_t stride = 1, place;
  *address = 0;
  for (uint8_t x = a->axes; x-- > 0; stride *= a->axis[x].extent) {
    if (!axis_leaves(r, &a->axis[x])) continue;
    if (!place_on(&a->axis[x], coord, &place)) return false;
    *address += place * stride;
  }
  return true;
}

/* The runs of one combination: k in order, those out of range left out, cut at chunks of the full k. */
static uint32_t list_runs(const struct execute *x, const struct dot *d, const struct tape_operand *a,
                          const int64_t *coef_a, const int64_t *coef_b, uint32_t *coord, struct dot_run *run,
                          uint32_t *chunk, uint32_t runs) {
  const struct tape_record *r = d->record;
  uint32_t inner = inner_k(r), outer = 0, next_chunk = 0;
  uint64_t k = 0, cut = dot_cut(x, d);
  for (uint32_t n = r->out_rank; n < (uint32_t)r->out_rank + r->k_rank; n++)
    if (n != inner) outer |= 1u << n, coord[n] = 0;
  do {
    int64_t from_a, from_b = 0;
    bool inside = decided(r, a, coord, &from_a);
    for (uint32_t n = r->out_rank; n < (uint32_t)r->out_rank + r->k_rank; n++)
      if (n != inner) from_a += (int64_t)coord[n] * coef_a[n], from_b += (int64_t)coord[n] * coef_b[n];
    for (uint64_t j = 0; j < r->dim[inner];) {
      uint64_t n = cut - k % cut < r->dim[inner] - j ? cut - k % cut : r->dim[inner] - j;
      if (k % cut == 0 && chunk) chunk[next_chunk++] = runs;
      if (inside && run)
        run[runs] = (struct dot_run){
            from_a + (int64_t)j * coef_a[inner],
            d->from_b == DOT_IN_PLACE ? from_b + (int64_t)j * coef_b[inner] : dot_packed_b(x, d, k), (uint32_t)n};
      runs += inside;
      j += n, k += n;
    }
  } while (advance(r, outer, coord));
  if (chunk) chunk[next_chunk] = runs;
  return runs;
}

bool dot_taps_cut(struct execute *x, struct dot *d, const struct tape_operand *a, const int64_t *coef_a,
                  const int64_t *coef_b) {
  const struct tape_record *r = d->record;
  uint32_t loops = 0, coord[PLAN_DIMS] = {0}, inner = inner_k(r), runs = 0;
  uint64_t combinations = 1, cut = dot_cut(x, d);
  for (uint8_t y = 0; y < a->axes; y++)
    if (axis_leaves(r, &a->axis[y])) loops |= dims_of(&a->axis[y]);
  loops &= (1u << r->out_rank) - 1;
  for (uint32_t l = d->loops; l-- > 0;)
    if (loops >> d->loop[l].of & 1) {
      d->combination[l] = combinations;
      combinations *= d->loop[l].extent;
    }
  d->a_k = coef_a[inner];
  d->b_k = d->from_b == DOT_IN_PLACE ? coef_b[inner] : (int64_t)d->panel_cols;
  d->chunks = (uint32_t)((d->k + cut - 1) / cut);
  do runs = list_runs(x, d, a, coef_a, coef_b, coord, NULL, NULL, runs);
  while (advance(r, loops, coord));
  d->run = arena_take(&x->notes, runs + 1u, sizeof *d->run);
  d->chunk = arena_take(&x->notes, combinations * (d->chunks + 1), sizeof *d->chunk);
  if (!d->run || !d->chunk) return false;
  uint64_t at = 0;
  runs = 0;
  do {
    runs = list_runs(x, d, a, coef_a, coef_b, coord, d->run, d->chunk + at * (d->chunks + 1), runs);
    at++;
  } while (advance(r, loops, coord));
  return true;
}
