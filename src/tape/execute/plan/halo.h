/* halo: a value copied into a buffer with zero borders, so that a convolution's taps never leave it. Made once a step.
 */
#ifndef TAPE_HALO_H
#define TAPE_HALO_H
#include "tape/execute/plan/plan.h"

/* Element j of axis a lies at coordinate j * div - low of the buffer's axis, which has `extent` coordinates; what lies
 * between and beyond is +0 for good. */
struct halo {
  struct halo *next;
  const struct tape_operand *of; /* whose value: places are used again within a step, values are not */
  struct place from, buffer;
  uint32_t axes, source[TAPE_RANK_MAX], extent[TAPE_RANK_MAX], div[TAPE_RANK_MAX];
  int64_t low[TAPE_RANK_MAX];
  bool fresh;
};

/* halo_operand gives the linear address of operand o of r in floats: base + sum of coef[d] * coordinate(d), in the
 * value itself
 * (*halo NULL) or in a buffer. false: out of memory. halo_affine says whether it can: no indirect axes, no FLOOR, and a
 * buffer that is not absurdly larger than the value. */
bool halo_operand(struct execute *x, const struct tape_record *r, const struct tape_operand *o, struct halo **halo,
                  int64_t *base, int64_t *coef);
bool halo_affine(const struct tape_record *r, const struct tape_operand *o);

/* halo_linear gives coef alone where the operand never leaves its value; false: it does. */
bool halo_linear(const struct tape_record *r, const struct tape_operand *o, int64_t *coef);

void halo_forget(struct execute *x); /* at a step's start: values are about to change */
void halo_fill(struct execute *x, struct halo *h);

#endif
