/* conv_plan: a convolution as classes of places, lists of taps and tiles. Internal to conv*.c. Strides count floats. */
#ifndef TAPE_CONV_PLAN_H
#define TAPE_CONV_PLAN_H
#include "numeric/canon.h"
#include "tape/execute/conv/conv.h"
#include "tape/execute/plan/axis.h"

enum { CONV_AXES = 4, CONV_CLASSES = 64, CONV_TAPS = 64, CONV_NO_DIM = 255, CONV_RUNS_MAX = 1 << 20 /* in one plan */ };

/* Places first, first + step, .. of an axis, which all meet the same taps; each reads `slope` after the one before. */
struct conv_class {
  uint32_t first, step, count;
  uint64_t taps; /* bit t: tap t is in range */
  int64_t slope;
};

/* One axis of the image: a dim of places and a dim of taps, either of which may be missing. */
struct conv_axis {
  const struct tape_axis *of;
  uint8_t out, tap;
  uint32_t places, taps;
  int64_t stride; /* of a */
  uint32_t classes;
  struct conv_class class[CONV_CLASSES];
  uint32_t *class_of; /* of each place; only outer axes */
  int64_t *from;      /* what each place adds to where its class reads */
};

/* Few columns: the places of all lines, one behind the other, are the columns of tiles, the filters their rows, and
 * images are copied as planes. */
struct conv_thin {
  uint8_t channel; /* record dim of k; CONV_NO_DIM without */
  uint32_t depth, rows, wide, tiles, chunks;
  int64_t low[2], from[2], to[2]; /* of each axis: the lowest number that is met, and those that are in range */
  int64_t a_row, a_k, b_k;
  uint64_t line, plane, vectors, planes_floats, sums_floats;
  uint64_t grain;      /* images of a task */
  struct dot_run *run; /* lists, one a tile */
  uint32_t *chunk;
};

/* Tiles with the places of a line for rows. */
struct line_piece {
  uint32_t first, rows; /* of places `step` apart */
};
struct conv_line {
  uint32_t step, tiles;
  int64_t slope; /* of a, for `step` places */
  struct line_piece *tile;
  struct line_run *run; /* lists, by classes of the outer axes, one a tile */
  uint32_t *chunk;      /* as conv.chunk */
};

struct conv {
  const struct tape_record *record;
  uint8_t operand_a; /* the images; the other one is the filters */
  struct place a, b, c, pack;
  uint32_t images, axes; /* the last axis is the one that rows of tiles go along */
  struct conv_axis axis[CONV_AXES];
  uint8_t group, col;                           /* record dims; group: CONV_NO_DIM if there is one group */
  int64_t coef_a[PLAN_DIMS], coef_b[PLAN_DIMS]; /* of k, of the group and of the columns; axes of the image left out */
  int64_t a_base, b_base, image_a;
  uint64_t image_c, k, cols, groups, outer; /* outer: places of all axes but the last */
  int64_t a_k, b_k;                         /* inside a run */

  bool packed; /* the filters, as [group, panel, k, panel columns] */
  uint64_t panel_cols, panels, pack_grain;

  uint32_t chunks;
  struct dot_run *run;                   /* lists, by classes, the last axis fastest */
  uint32_t *chunk;                       /* chunk c of list l is runs chunk[l * (chunks + 1) + c] up to the next */
  uint64_t block, blocks, strip, strips; /* images and outer places of a task */
  struct conv_thin *thin;                /* NULL: tiles have channels for columns */
  struct conv_line *line;                /* NULL: rows are places of one class */
};

/* conv_meet: where place o and tap t meet on the axis; false: out of range. conv_locate: where position coord of k is
 * read by the classes of the first `axes` axes. */
bool conv_meet(const struct conv_axis *x, uint32_t o, uint32_t t, int64_t *at);
bool conv_locate(const struct conv *c, uint32_t axes, const uint32_t *class, const uint32_t *coord, int64_t *a);

/* The class of each of the first `axes` axes that a list is for, the last of them fastest. */
static inline void conv_list_classes(const struct conv *c, uint32_t axes, uint64_t list, uint32_t *class) {
  for (uint32_t i = axes; i-- > 0; list /= c->axis[i].classes) class[i] = (uint32_t)(list % c->axis[i].classes);
}
/* Where position k of a panel, at these coordinates, is read in the filters, or in their copy. */
static inline int64_t conv_filter_at(const struct conv *c, uint64_t k, const uint32_t *coord) {
  const struct tape_record *r = c->record;
  int64_t b = 0;
  if (c->packed) return (int64_t)(k * c->panel_cols);
  for (uint32_t d = r->out_rank; d < axis_rank(r); d++) b += (int64_t)coord[d] * c->coef_b[d];
  return b;
}
/* The coordinates of k, n positions of dim `inner` further on, which stay within it. */
static inline void conv_next_k(const struct tape_record *r, uint32_t inner, uint32_t n, uint32_t *coord) {
  coord[inner] += n;
  for (uint32_t d = inner; d > r->out_rank && coord[d] == r->dim[d]; d--) coord[d] = 0, coord[d - 1]++;
}

/* conv_line_plan takes the tiles over if lines fit the back end's; false: out of memory. conv_line_panel computes a
 * line of one image for one panel: a at the image's place of the outer axes, `list` their classes. Is there a NaN? */
bool conv_line_plan(struct execute *x, struct conv *c);
bool conv_line_panel(const struct execute *x, const struct conv *c, const float *a, const float *b, float *to,
                     uint64_t list, uint32_t cols);

/* conv_thin_plan takes the convolution over if its columns are few; false: out of memory. conv_thin_images computes
 * images first .. end - 1, a and to pointing at image 0, b at the filters. */
bool conv_thin_plan(struct execute *x, struct conv *c);
void conv_thin_images(struct execute *x, const struct conv *c, const float *a, const float *b, float *to,
                      uint64_t first, uint64_t end, uint32_t thread);

#endif
