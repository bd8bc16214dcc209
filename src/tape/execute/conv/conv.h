/* conv: convolutions, image by image: forward and input gradients, with padding, strides, dilation and groups.
 * NUMERICS 3.8, TAPE 6.
 *
 * Along each axis of the image the places that meet the same taps are a class; every combination of classes has its
 * own list of runs of k, so that taps out of range are neither read nor multiplied, the value is read where it lies,
 * and strided input gradients fall into phases. A tile's rows are the places of a class in a row of the image, or,
 * where those are few, the same place of many images. A plain matrix product is dot's. Uses: numeric/backend. */
#ifndef TAPE_CONV_H
#define TAPE_CONV_H
#include "tape/execute/plan/plan.h"

/* conv_fits: is it a convolution that moves along the images of one operand? */
bool conv_fits(const struct tape_record *r);
bool conv_plan(struct execute *x, struct item *item);
void conv_run(struct execute *x, const struct item *item);

/* By parts of the images, as dot_parts, dot_inside, dot_begin and dot_part (dot.h). conv_parts_fit: are there so many
 * parts, and images enough in each? */
bool conv_parts_fit(const struct tape_record *r, uint64_t parts);
uint64_t conv_parts(const struct item *item);
bool conv_inside(const struct item *item, uint32_t operand);
void conv_begin(struct execute *x, const struct item *item);
void conv_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
               uint32_t thread);

#endif
