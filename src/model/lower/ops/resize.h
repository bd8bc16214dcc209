/* resize: what a node Resize asks for, and where the places of its result lie in x, in binary64 with + - * /. Private
 * to the operator. docs/lower.md 4.22. Uses: rule. */
#ifndef LOWER_OPS_RESIZE_H
#define LOWER_OPS_RESIZE_H
#include "model/lower/rule.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

struct resize {
  enum resize_mode mode;
  const char *coordinate, *nearest;
  bool antialias, exclude;
  double cubic, roi[TAPE_RANK_MAX][2], scale[TAPE_RANK_MAX];
  float outside; /* where tf_crop_and_resize reads beyond x */
  uint32_t in[TAPE_RANK_MAX], out[TAPE_RANK_MAX];
  bool moves[TAPE_RANK_MAX]; /* the axis is resized */
};

/* resize_read: false where the node was refused. */
bool resize_read(struct graph *g, struct application *a, const struct value *x, struct resize *r);

/* Where place p of the result lies along this axis of x. *outside: tf_crop_and_resize reads beyond x there. */
double resize_origin(const struct resize *r, uint32_t axis, double p, bool *outside);
/* The place of x that is nearest to x, a resize_origin. */
int64_t resize_nearest(const struct resize *r, uint32_t axis, double x);
/* Fills row, of in[axis] numbers: what of each place of x the result takes whose resize_origin is x. */
void resize_row(const struct resize *r, uint32_t axis, double x, double *row);

#endif
