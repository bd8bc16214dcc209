#include "tape/execute/plan/axis.h"

uint32_t axis_inner(const struct tape_record *r, uint32_t first, uint32_t end) {
  for (uint32_t d = end; d-- > first;)
    if (r->dim[d] > 1) return d;
  return end;
}

uint32_t axis_dims(const struct tape_record *r, const struct tape_axis *y) {
  uint32_t bits = 0;
  for (uint8_t t = 0; t < y->terms; t++)
    if (r->dim[y->term[t].dim] > 1) bits |= 1u << y->term[t].dim;
  return bits;
}

int64_t axis_coef(const struct tape_axis *y, uint32_t dim) {
  int64_t coef = 0;
  for (uint8_t t = 0; t < y->terms; t++)
    if (y->term[t].dim == dim) coef += y->term[t].coef;
  return coef;
}

void axis_at(const struct tape_record *r, uint32_t first, uint32_t end, uint64_t index, uint32_t *coord) {
  for (uint32_t d = end; d-- > first; index /= r->dim[d]) coord[d] = (uint32_t)(index % r->dim[d]);
}

void axis_next(const struct tape_record *r, uint32_t first, uint32_t end, uint32_t *coord) {
  for (uint32_t d = end; d-- > first;) {
    if (++coord[d] < r->dim[d]) return;
    coord[d] = 0;
  }
}

void axis_range(const struct tape_record *r, const struct tape_axis *y, int64_t *low, int64_t *high) {
  *low = *high = y->offset;
  for (uint8_t t = 0; t < y->terms; t++) {
    int64_t far = (int64_t)y->term[t].coef * ((int64_t)r->dim[y->term[t].dim] - 1);
    *(far < 0 ? low : high) += far;
  }
}

bool axis_leaves(const struct tape_record *r, const struct tape_axis *y) {
  int64_t low, high;
  axis_range(r, y, &low, &high);
  return y->div != 1 || low < 0 || high >= (int64_t)y->extent;
}
