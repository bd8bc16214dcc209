#include "model/lower/ops/arrange.h"

struct value arrange_renamed(const struct value *v, const uint8_t *perm) {
  struct value w = *v;
  for (uint8_t n = 0; n < v->rank; n++) {
    w.dim[n] = v->dim[perm[n]];
    for (uint8_t p = 0; p < v->rank; p++)
      if (v->order[p] == perm[n]) w.order[p] = n;
  }
  return w;
}

struct index arrange_along(uint32_t extent, uint8_t dim) {
  return extent == 1 ? index_fixed(0) : index_dim(dim);
}

void arrange_dot(struct build *b, struct emit *e, const struct value *like, uint32_t k_rank, const uint32_t *k,
                 uint8_t *at) {
  uint32_t out[TAPE_RANK_MAX];
  for (uint8_t p = 0; p < like->rank; p++) {
    out[p] = like->dim[like->order[p]];
    at[like->order[p]] = p;
  }
  build_free(b, e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, like->rank, out, k_rank, k, like);
}
