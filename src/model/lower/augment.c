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

/* What the map reads beside the data, and where it has it. row, column: axes of the sample, where it is changed. */
struct change {
  struct sample_augment how;
  uint8_t row, column, from_row, from_column; /* axes; registers */
  bool moves_rows, moves_columns;
  struct value rows, columns, top, left;
};

static void draw_change(struct graph *g, const struct sample_augment *how, const struct value *out, struct change *c) {
  uint32_t batch = out->dim[0];
  *c = (struct change){.how = *how, .row = (uint8_t)(out->rank - 2), .column = (uint8_t)(out->rank - 1)};
  c->moves_rows = how->flip_rows || how->crop;
  c->moves_columns = how->flip_columns || how->crop;
  if (c->moves_rows)
    c->rows = places(g, batch, out->dim[c->row], how->flip_rows, STREAM_FLIP_ROWS, how->crop, STREAM_CROP_ROWS);
  if (c->moves_columns)
    c->columns =
        places(g, batch, out->dim[c->column], how->flip_columns, STREAM_FLIP_COLUMNS, how->crop, STREAM_CROP_COLUMNS);
  if (!how->cutout) return;
  c->top = cut_start(g, batch, out->dim[c->row], how->cutout, STREAM_CUT_ROWS);
  c->left = cut_start(g, batch, out->dim[c->column], how->cutout, STREAM_CUT_COLUMNS);
}

/* The axes that are moved are read where rows and columns say. */
static void move_axes(struct build *b, struct change *c, struct index *axis) {
  struct index place[2] = {index_dim(b->at[0]), index_fixed(0)};
  if (c->moves_rows) {
    place[1] = index_dim(b->at[c->row]);
    c->from_row = build_read(b, &c->rows, place, 0);
    axis[c->row] = index_indirect(c->from_row);
  }
  if (!c->moves_columns) return;
  place[1] = index_dim(b->at[c->column]);
  c->from_column = build_read(b, &c->columns, place, 0);
  axis[c->column] = index_indirect(c->from_column);
}

/* What lies outside is zero as the model sees it, not a black pixel. */
static uint8_t keep_inside(struct build *b, const struct change *c, const struct value *out, uint8_t x) {
  uint8_t inside = below(b, c->from_row, out->dim[c->row]);
  uint8_t inside_too = below(b, c->from_column, out->dim[c->column]);
  inside = build_op2(b, CANON_IAND, inside, inside_too);
  return build_op(b, CANON_SEL, inside, x, zero(b));
}

static uint8_t cut_out(struct build *b, struct change *c, uint8_t x) {
  uint8_t inside = in_stretch(b, &c->top, b->at[c->row], c->how.cutout);
  uint8_t inside_too = in_stretch(b, &c->left, b->at[c->column], c->how.cutout);
  inside = build_op2(b, CANON_IAND, inside, inside_too);
  return build_op(b, CANON_SEL, inside, zero(b), x);
}

struct value augment_read(struct graph *g, struct value *index, uint8_t number, const struct sample_shape *s,
                          bool change, const struct value *out) {
  static const struct sample_augment none;
  const struct sample_normalize *norm = &s->normalize;
  struct value mean, std;
  struct change c;
  if (!fits(g, s, change, out)) return *out;
  if (norm->mean && (!graph_constant(g, norm->mean, &mean) || !graph_constant(g, norm->std, &std))) return *out;
  draw_change(g, change ? &s->augment : &none, out, &c);
  uint32_t dim[TAPE_RANK_MAX] = {s->samples};
  for (uint32_t n = 1; n < out->rank; n++) dim[n] = out->dim[n];
  struct value data = batch_data(number, s->input_dtype, out->rank, dim);
  struct index axis[TAPE_RANK_MAX];
  struct build b;
  build_map(&b, g->e, out->dtype, out);
  struct index first = index_dim(b.at[0]);
  axis[0] = index_indirect(build_read(&b, index, &first, 0));
  for (uint8_t n = 1; n < out->rank; n++) axis[n] = out->dim[n] == 1 ? index_fixed(0) : index_dim(b.at[n]);
  move_axes(&b, &c, axis);
  uint8_t x = build_read(&b, &data, axis, 0);
  x = batch_convert(&b, x, s->input_dtype, s->scale);
  if (norm->mean) {
    x = build_op2(&b, CANON_SUB, x, of_channel(&b, norm->mean, &mean));
    x = build_op2(&b, CANON_DIV, x, of_channel(&b, norm->std, &std));
  }
  if (norm->mean && c.how.crop) x = keep_inside(&b, &c, out, x);
  if (c.how.cutout) x = cut_out(&b, &c, x);
  return build_end(&b, x);
}
