/* move: what the operators that move elements share. Private to ops. docs/lower.md 4.15. Uses: rule. */
#ifndef LOWER_OPS_MOVE_H
#define LOWER_OPS_MOVE_H
#include "model/lower/rule.h"

/* The result of a node: rank at most TAPE_RANK_MAX, no axis of 0, fewer than 2^32 elements. False: refused. */
bool move_fits(struct graph *g, uint64_t rank, const uint64_t *dim);

/* move_index: input n as i32 positions below `extent`, negative ones counted from the end. What is known is checked
 * here; what depends on data is a record sel(ilt(i, 0), iadd(i, extent), i). False: refused. */
bool move_index(struct graph *g, struct application *a, uint32_t n, uint32_t extent, struct value *out);
/* A constant of whole numbers that a rule makes, as a value; a copy of the list is taken. */
bool move_constant(struct graph *g, uint32_t rank, const uint32_t *dim, const int64_t *list, struct value *out);

/* v with one more ONNX axis, of 1. */
struct value move_unsqueezed(struct graph *g, struct value *v, uint32_t axis);
/* A settled v without an axis of 1, wherever it lies in memory. */
struct value move_squeezed(const struct value *v, uint32_t axis);
/* A literal as a record. */
void move_stored(struct graph *g, struct value *v);

/* move_shifted: waiting map over `shape` that reads v at coordinate + shift along `axis`, `fill` outside. */
struct value move_shifted(struct graph *g, struct value *v, const struct value *shape, uint32_t axis, int64_t shift,
                          uint32_t fill);
/* move_joined: waiting map over `shape`: part n fills the next size[n] along `axis`. Parts may be scalar literals. */
struct value move_joined(struct graph *g, const struct value *shape, uint32_t axis, struct value *part,
                         const uint32_t *size, uint32_t count);

/* move_picked: waiting map: x with the axis replaced by index's dims, read at index. move_put is its adjoint: the sum,
 * by a put record, of dy's slices that have the same index, `extent` long along the axis. */
struct value move_picked(struct graph *g, struct value *x, uint32_t axis, struct value *index);
struct value move_put(struct graph *g, struct value *dy, uint32_t axis, struct value *index, uint32_t extent);

/* An index tensor [.., axes] of ONNX's ND operators. move_component: a record of its part t, negative ones from the
 * end. move_flat: a record [..] of the place among `batch` own axes and `named` ones in one number, -1 outside, from
 * those parts; *places: how many there are. */
struct value move_component(struct graph *g, struct value *index, uint32_t t, uint32_t extent);
bool move_flat(struct graph *g, const struct value *index, const uint32_t *dim, uint32_t batch, uint32_t named,
               struct value *part, struct value *flat, uint32_t *places);

/* Reads v at its own coordinates `shift` dims up: axis n at record dim first + n. */
void move_own(struct index *axis, uint32_t count, uint8_t first);

/* Role of operators whose input 0 is data and all else numbers. */
void move_first_only(const struct graph *g, const struct application *a, uint32_t n, struct role *role);

#endif
