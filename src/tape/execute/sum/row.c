#include "tape/execute/sum/row.h"

uint32_t row_reduce(const struct backend *b, uint8_t reducer, uint32_t n, const uint32_t *term) {
  uint32_t word = 0;
  switch ((enum tape_reducer)reducer) {
  case TAPE_LANES: return b->lanes(n, term);
  case TAPE_FMIN: return b->fmin(n, term);
  case TAPE_FMAX: return b->fmax(n, term);
  case TAPE_CHAIN: {
    float sum = 0;
    for (uint32_t i = 0; i < n; i++) {
      float t;
      memcpy(&t, term + i, 4);
      sum = sum + t;
    }
    memcpy(&word, &sum, 4);
    return word;
  }
  case TAPE_ISUM:
    for (uint32_t i = 0; i < n; i++) word += term[i];
    return word;
  case TAPE_IMIN:
    word = term[0];
    for (uint32_t i = 1; i < n; i++) word = (int32_t)term[i] < (int32_t)word ? term[i] : word;
    return word;
  case TAPE_IMAX:
    word = term[0];
    for (uint32_t i = 1; i < n; i++) word = (int32_t)term[i] > (int32_t)word ? term[i] : word;
    return word;
  case TAPE_NONE: break;
  }
  return 0;
}
