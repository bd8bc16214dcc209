/* Expand, Tile, DepthToSpace, SpaceToDepth, ReverseSequence: copies of a whole tensor under other dims.
 * docs/lower.md 4.14, 4.20. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

static void expand_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), want, shape;
  const struct onnx_tensor *to = x ? input_integers(g, a, 1, "shape") : NULL;
  uint32_t dim[TAPE_RANK_MAX];
  uint64_t wide[TAPE_RANK_MAX];
  struct build b;
  if (!x || !to) return;
  if (to->count > TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for rank %" PRIu64 ", the most is %d", to->count, TAPE_RANK_MAX);
    return;
  }
  for (uint32_t n = 0; n < to->count; n++) {
    if (to->i64[n] < 1 || to->i64[n] > INT32_MAX) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for a dimension of %" PRId64, to->i64[n]);
      return;
    }
    dim[n] = (uint32_t)to->i64[n];
  }
  want = value_shaped(x->dtype, (uint32_t)to->count, dim, NULL);
  if (!broadcast(g, a, x, &want, &shape)) return;
  for (uint32_t n = 0; n < shape.rank; n++) wide[n] = shape.dim[n];
  if (!move_fits(g, shape.rank, wide)) return;
  if (x->literal) { /* still one number, with other dims */
    shape.literal = true;
    shape.word = x->word;
    graph_result(g, a, shape);
    return;
  }
  build_map(&b, g->e, x->dtype, &shape);
  uint8_t in = build_use(&b, x);
  graph_result(g, a, build_pending(&b, in));
}

static void expand_differentiate(struct graph *g, struct application *a, struct value *dy) {
  graph_gradient(g, a, 0, unbroadcast(g, dy, &graph_input(g, a, 0)->v));
}

/* Repeats of each axis; false: refused. */
static bool tile_read(struct graph *g, struct application *a, const struct value *x, uint32_t *times) {
  const struct onnx_tensor *repeats = input_integers(g, a, 1, "repeats");
  uint64_t dim[TAPE_RANK_MAX];
  if (!repeats) return false;
  bool fits = repeats->count == x->rank;
  for (uint32_t n = 0; fits && n < x->rank; n++) {
    fits = repeats->i64[n] >= 1 && repeats->i64[n] <= INT32_MAX;
    times[n] = (uint32_t)repeats->i64[n];
    dim[n] = (uint64_t)x->dim[n] * times[n];
  }
  if (fits) return move_fits(g, x->rank, dim);
  graph_refuse(g, a, LOWER_ERR_SHAPE, "repeats that are below 1 or not one for each axis of %s",
               shape_text(x->rank, x->dim).text);
  return false;
}

/* One axis at a time, the first first: [n] -> [1, n] -> [times, n] -> [times n]. */
static void tile_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), y;
  uint32_t times[TAPE_RANK_MAX];
  if (!x || !tile_read(g, a, x, times)) return;
  y = *x;
  if (x->literal) {
    for (uint32_t n = 0; n < x->rank; n++) y.dim[n] *= times[n];
    graph_result(g, a, y);
    return;
  }
  y = straightened(g, x);
  for (uint32_t n = 0; n < x->rank && !emit_failed(g->e); n++) {
    if (times[n] == 1) continue;
    struct build b;
    struct value once = value_view(&y, y.rank, y.dim), shape = once; /* ONNX's order, dims of 1 too */
    if (x->rank == TAPE_RANK_MAX) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "tiles rank %d, at most %d lowers", TAPE_RANK_MAX, TAPE_RANK_MAX - 1);
      return;
    }
    once = value_split(&once, n, 1);
    shape = once;
    shape.dim[n] = times[n];
    build_map(&b, g->e, x->dtype, &shape);
    uint8_t v = build_use(&b, &once);
    struct value many = build_end(&b, v);
    y = value_merge(&many, n);
  }
  graph_result(g, a, y);
}

static void tile_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  uint32_t times[TAPE_RANK_MAX];
  if (!tile_read(g, a, x, times)) return;
  value_settle(g->e, dy);
  struct value d = *dy;
  for (uint32_t n = 0; n < x->rank && !emit_failed(g->e); n++) {
    if (times[n] == 1) continue;
    struct value many = value_split(&d, n, times[n]), one = many;
    one.dim[n] = 1;
    d = unbroadcast(g, &many, &one);
    d = move_squeezed(&d, n);
  }
  graph_gradient(g, a, 0, d);
}

/* A plain value's axes seen apart as `dim`, taken in the order perm, copied, and seen as `out`. */
static struct value rearranged(struct graph *g, struct value *x, const uint32_t dim[6], const uint8_t perm[6],
                               uint32_t rank, const uint32_t *out) {
  uint32_t turned[6];
  struct index at[6];
  struct build b;
  struct value plain = straightened(g, x);
  if (emit_failed(g->e)) return plain;
  move_stored(g, &plain);
  plain = value_view(&plain, 6, dim);
  for (uint32_t n = 0; n < 6; n++) {
    turned[n] = dim[perm[n]];
    at[perm[n]] = index_dim((uint8_t)n);
  }
  struct value shape = value_shaped(x->dtype, 6, turned, NULL);
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  uint8_t v = build_read(&b, &plain, at, 0);
  struct value y = build_end(&b, v);
  return emit_failed(g->e) ? y : value_view(&y, rank, out);
}

/* How a depth is cut: dims of the six axes, and in which order they come in the result. */
struct blocks {
  uint32_t dim[6], out[4];
  uint8_t perm[6];
};

static bool blocks_read(struct graph *g, struct application *a, const struct value *x, struct blocks *k) {
  bool deep = strcmp(a->node->op, "DepthToSpace") == 0;
  bool last = strcmp(attribute_text(a->node, "mode", "DCR"), "CRD") == 0;
  int64_t size = attribute_int(a->node, "blocksize", 0);
  uint32_t s = size >= 1 && size <= 1 << 15 ? (uint32_t)size : 0;
  uint64_t out[4];
  if (x->rank != 4 || !s || (deep ? x->dim[1] % (s * s) : (x->dim[2] % s) | (x->dim[3] % s))) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "blocks of %" PRId64 " on %s", size, shape_text(x->rank, x->dim).text);
    return false;
  }
  const uint32_t n = x->dim[0], c = x->dim[1], h = x->dim[2], w = x->dim[3];
  if (deep) {
    const uint32_t dim[6] = {n, last ? c / (s * s) : s, s, last ? s : c / (s * s), h, w};
    static const uint8_t first_perm[6] = {0, 3, 4, 1, 5, 2}, last_perm[6] = {0, 1, 4, 2, 5, 3};
    memcpy(k->dim, dim, sizeof dim);
    memcpy(k->perm, last ? last_perm : first_perm, 6);
    out[0] = n, out[1] = c / (s * s), out[2] = (uint64_t)h * s, out[3] = (uint64_t)w * s;
  } else {
    const uint32_t dim[6] = {n, c, h / s, s, w / s, s};
    static const uint8_t first_perm[6] = {0, 3, 5, 1, 2, 4}, last_perm[6] = {0, 1, 3, 5, 2, 4};
    memcpy(k->dim, dim, sizeof dim);
    memcpy(k->perm, last ? last_perm : first_perm, 6);
    out[0] = n, out[1] = (uint64_t)c * s * s, out[2] = h / s, out[3] = w / s;
  }
  if (!move_fits(g, 4, out)) return false;
  for (int d = 0; d < 4; d++) k->out[d] = (uint32_t)out[d];
  return true;
}

static void blocks_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  struct blocks k;
  if (x && blocks_read(g, a, x, &k)) graph_result(g, a, rearranged(g, x, k.dim, k.perm, 4, k.out));
}

static void blocks_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  struct blocks k;
  uint32_t dim[6];
  uint8_t back[6];
  if (!blocks_read(g, a, x, &k)) return;
  for (uint8_t n = 0; n < 6; n++) {
    dim[n] = k.dim[k.perm[n]];
    back[k.perm[n]] = n;
  }
  graph_gradient(g, a, 0, rearranged(g, dy, dim, back, 4, x->dim));
}

/* ReverseSequence: the first len places of an axis in reverse, len by batch. Its own adjoint. */
static void reversed(struct graph *g, struct application *a, struct value *x, struct value *place, struct value *out) {
  uint32_t time = (uint32_t)attribute_int(a->node, "time_axis", 0), batch = 1 - time;
  struct value shape = value_shaped(x->dtype, x->rank, x->dim, x->order);
  struct index at[TAPE_RANK_MAX], of[2];
  struct build b;
  shape.type = x->type;
  build_map(&b, g->e, x->dtype, &shape);
  for (uint8_t n = 0; n < x->rank; n++) at[n] = index_dim(b.at[n]);
  of[0] = index_dim(b.at[batch]);
  of[1] = index_dim(b.at[time]);
  at[time] = index_indirect(build_read(&b, place, of, 0));
  uint8_t y = build_read(&b, x, at, 0);
  *out = build_pending(&b, y);
}

static void reverse_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0), *lens = x ? graph_value(g, a, 1) : NULL, *saved, y;
  int64_t time = attribute_int(a->node, "time_axis", 0), batch = attribute_int(a->node, "batch_axis", 1);
  struct build b;
  if (!x || !lens || !(saved = graph_save(g, a, 1))) return;
  if (x->rank < 2 || time < 0 || time > 1 || batch != 1 - time || lens->rank != 1 || lens->dtype == TAPE_F32 ||
      lens->dim[0] != x->dim[batch]) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "axes %" PRId64 " and %" PRId64 ", lengths %s for %s", time, batch,
                 shape_text(lens->rank, lens->dim).text, shape_text(x->rank, x->dim).text);
    return;
  }
  uint32_t dim[2] = {x->dim[batch], x->dim[time]};
  struct value shape = value_shaped(TAPE_I32, 2, dim, NULL);
  struct index own = index_dim(0);
  move_stored(g, lens);
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t len = build_read(&b, lens, &own, 0), one = build_i32(&b, 1), t = build_op(&b, CANON_COORD, 1, 0, 0);
  uint8_t inside = build_op2(&b, CANON_ILT, t, len);
  uint8_t last = build_op2(&b, CANON_ISUB, len, one), back = build_op2(&b, CANON_ISUB, last, t);
  *saved = build_end(&b, build_op(&b, CANON_SEL, inside, back, t));
  move_stored(g, x);
  reversed(g, a, x, saved, &y);
  graph_result(g, a, y);
}

static void reverse_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value d;
  reversed(g, a, dy, a->saved, &d);
  graph_gradient(g, a, 0, d);
}

#define REPEAT(name, count, forward, backward, role_of)                                                                \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = count, .inputs_max = count, .outputs_max = 1, .lower = forward,       \
    .differentiate = backward, .role = role_of                                                                         \
  }
const struct rule rules_repeat[] = {REPEAT("Expand", 2, expand_lower, expand_differentiate, move_first_only),
                                    REPEAT("Tile", 2, tile_lower, tile_differentiate, move_first_only),
                                    REPEAT("DepthToSpace", 1, blocks_lower, blocks_differentiate, NULL),
                                    REPEAT("SpaceToDepth", 1, blocks_lower, blocks_differentiate, NULL),
                                    REPEAT("ReverseSequence", 2, reverse_lower, reverse_differentiate, NULL),
                                    {0}};
