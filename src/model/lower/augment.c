/* Where each pixel comes from, in small tensors of integers; then one map that reads it. docs/lower.md 8.10 to 8.12. */
#include "model/lower/augment.h"

#include <inttypes.h>
#include <string.h>

#include "model/lower/batch.h"

/* Streams of random numbers, far from those of the Dropout nodes, which count from 0. */
enum stream {
  STREAM_FLIP_COLUMNS = -256,
  STREAM_FLIP_ROWS,
  STREAM_CROP_ROWS,
  STREAM_CROP_COLUMNS,
  STREAM_CUT_ROWS,
  STREAM_CUT_COLUMNS
};

static uint8_t draw(struct build *b, enum stream stream) {
  uint8_t j = build_op(b, CANON_COORD, 0, 0, 0);
  return build_op2(b, CANON_RAND, j, build_i32(b, stream));
}

/* A whole number from 0 to below n. */
static uint8_t draw_below(struct build *b, enum stream stream, uint32_t n) {
  uint8_t word = draw(b, stream);
  return build_op2(b, CANON_UMULH, word, build_i32(b, (int32_t)n));
}

/* Rows or columns: the place in the sample that each place of the result is read from, i32 [batch, extent]. */
static struct value places(struct graph *g, uint32_t batch, uint32_t extent, bool flip, enum stream flip_stream,
                           uint32_t crop, enum stream crop_stream) {
  uint32_t dim[2] = {batch, extent};
  struct value shape = value_shaped(TAPE_I32, 2, dim, NULL);
  struct build b;
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t at = build_op(&b, CANON_COORD, 1, 0, 0);
  if (flip) {
    uint8_t word = draw(&b, flip_stream);
    uint8_t half = build_i32(&b, INT32_MIN);
    uint8_t yes = build_op2(&b, CANON_ULT, word, half);
    uint8_t last = build_i32(&b, (int32_t)extent - 1);
    uint8_t mirrored = build_op2(&b, CANON_ISUB, last, at);
    at = build_op(&b, CANON_SEL, yes, mirrored, at);
  }
  if (crop) {
    uint8_t moved = draw_below(&b, crop_stream, 2 * crop + 1);
    uint8_t middle = build_i32(&b, (int32_t)crop);
    moved = build_op2(&b, CANON_ISUB, moved, middle);
    at = build_op2(&b, CANON_IADD, at, moved);
  }
  return build_end(&b, at);
}

/* First row or column of the square that is cut out, i32 [batch]; it may begin before the picture. */
static struct value cut_start(struct graph *g, uint32_t batch, uint32_t extent, uint32_t side, enum stream stream) {
  struct value shape = value_shaped(TAPE_I32, 1, &batch, NULL);
  struct build b;
  build_map(&b, g->e, TAPE_I32, &shape);
  uint8_t centre = draw_below(&b, stream, extent);
  uint8_t half = build_i32(&b, (int32_t)(side / 2));
  return build_end(&b, build_op2(&b, CANON_ISUB, centre, half));
}

static uint8_t below(struct build *b, uint8_t x, uint32_t n) {
  uint8_t limit = build_i32(b, (int32_t)n);
  return build_op2(b, CANON_ULT, x, limit);
}

/* 1 where this place lies in the stretch of `side` that begins at start[j]. */
static uint8_t in_stretch(struct build *b, struct value *start, uint8_t at, uint32_t side) {
  struct index j = index_dim(b->at[0]);
  uint8_t first = build_read(b, start, &j, 0);
  uint8_t here = build_op(b, CANON_COORD, at, 0, 0);
  here = build_op2(b, CANON_ISUB, here, first);
  return below(b, here, side);
}

static uint8_t zero(struct build *b) { return b->r.dtype == TAPE_F32 ? build_f32(b, 0) : build_i32(b, 0); }

static bool fits(struct graph *g, const struct sample_shape *s, bool change, const struct value *out) {
  const struct onnx_tensor *mean = s->normalize.mean, *std = s->normalize.std;
  if (change && out->rank < 3)
    emit_fail(g->e, LOWER_ERR_OPTION, "augment: samples have no rows and columns");
  else if (mean && out->dtype != TAPE_F32)
    emit_fail(g->e, LOWER_ERR_OPTION, "normalize: the model's first input takes integers");
  else if (mean && (mean->rank != 1 || std->rank != 1 || mean->count != std->count ||
                    (mean->count != 1 && (out->rank < 2 || mean->count != out->dim[1]))))
    emit_fail(g->e, LOWER_ERR_OPTION, "normalize: %" PRIu64 " and %" PRIu64 " numbers for %" PRIu32 " channels",
              mean->count, std->count, out->rank < 2 ? 1 : out->dim[1]);
  return !emit_failed(g->e);
}

/* One number of `content` for all, or that of the axis behind the sample's. */
static uint8_t of_channel(struct build *b, const struct onnx_tensor *content, struct value *v) {
  if (v->literal) return build_use(b, v);
  struct index channel = content->count == 1 ? index_fixed(0) : index_dim(b->at[1]);
  return build_read(b, v, &channel, 0);
}

struct value augment_read(struct graph *g, struct value *index, uint8_t number, const struct sample_shape *s,
                          bool change, const struct value *out) {
  const struct sample_augment none = {0}, *a = change ? &s->augment : &none;
  const struct sample_normalize *norm = &s->normalize;
  struct value rows, columns, cut[2], mean, std;
  if (!fits(g, s, change, out)) return *out;
  if (norm->mean && (!graph_constant(g, norm->mean, &mean) || !graph_constant(g, norm->std, &std))) return *out;
  uint32_t batch = out->dim[0], dim[TAPE_RANK_MAX] = {s->samples};
  uint8_t row = (uint8_t)(out->rank - 2), column = (uint8_t)(out->rank - 1); /* used with change only */
  bool move_rows = a->flip_rows || a->crop, move_columns = a->flip_columns || a->crop;
  if (move_rows) rows = places(g, batch, out->dim[row], a->flip_rows, STREAM_FLIP_ROWS, a->crop, STREAM_CROP_ROWS);
  if (move_columns)
    columns = places(g, batch, out->dim[column], a->flip_columns, STREAM_FLIP_COLUMNS, a->crop, STREAM_CROP_COLUMNS);
  if (a->cutout) {
    cut[0] = cut_start(g, batch, out->dim[row], a->cutout, STREAM_CUT_ROWS);
    cut[1] = cut_start(g, batch, out->dim[column], a->cutout, STREAM_CUT_COLUMNS);
  }
  for (uint32_t n = 1; n < out->rank; n++) dim[n] = out->dim[n];
  struct value data = batch_data(number, s->input_dtype, out->rank, dim);
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, out->dtype, out);
  struct index first = index_dim(b.at[0]);
  axis[0] = index_indirect(build_read(&b, index, &first, 0));
  for (uint8_t n = 1; n < out->rank; n++) axis[n] = out->dim[n] == 1 ? index_fixed(0) : index_dim(b.at[n]);
  uint8_t from_row = 0, from_column = 0;
  if (move_rows) {
    struct index place[2] = {first, index_dim(b.at[row])};
    axis[row] = index_indirect(from_row = build_read(&b, &rows, place, 0));
  }
  if (move_columns) {
    struct index place[2] = {first, index_dim(b.at[column])};
    axis[column] = index_indirect(from_column = build_read(&b, &columns, place, 0));
  }
  uint8_t x = build_read(&b, &data, axis, 0);
  x = batch_convert(&b, x, s->input_dtype, s->scale);
  if (norm->mean) {
    x = build_op2(&b, CANON_SUB, x, of_channel(&b, norm->mean, &mean));
    x = build_op2(&b, CANON_DIV, x, of_channel(&b, norm->std, &std));
  }
  if (norm->mean && a->crop) { /* what lies outside is zero as the model sees it, not a black pixel */
    uint8_t inside = below(&b, from_row, out->dim[row]);
    uint8_t inside_too = below(&b, from_column, out->dim[column]);
    inside = build_op2(&b, CANON_IAND, inside, inside_too);
    x = build_op(&b, CANON_SEL, inside, x, zero(&b));
  }
  if (a->cutout) {
    uint8_t inside = in_stretch(&b, &cut[0], b.at[row], a->cutout);
    uint8_t inside_too = in_stretch(&b, &cut[1], b.at[column], a->cutout);
    inside = build_op2(&b, CANON_IAND, inside, inside_too);
    x = build_op(&b, CANON_SEL, inside, zero(&b), x);
  }
  return build_end(&b, x);
}
