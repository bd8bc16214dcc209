#include "tape/execute/conv/conv_plan.h"

enum { ROWS_LEAST = 8 }; /* places in a row of the image that make a tile */

struct conv_call {
  struct execute *x;
  const struct conv *conv;
};

/* Addresses on this thread. */
struct conv_at {
  const float *a, *b;
  float *c;
};

/* One panel of the filters of one group, columns side by side for each k. */
static void pack_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct conv_call *call = context;
  const struct conv *c = call->conv;
  const struct tape_record *r = c->record;
  const float *b = (const float *)(const void *)place_at(call->x, c->b) + c->b_base;
  float *pack = (float *)(void *)place_at(call->x, c->pack);
  uint32_t last = (uint32_t)r->out_rank + r->k_rank - 1, depth = r->dim[last];
  uint64_t all = c->groups * c->panels, end = (i + 1) * c->pack_grain < all ? (i + 1) * c->pack_grain : all;
  for (uint64_t p = i * c->pack_grain; p < end; p++) {
    uint64_t col = p % c->panels * c->panel_cols, wide = c->cols - col < c->panel_cols ? c->cols - col : c->panel_cols;
    const float *from = b + (int64_t)col * c->coef_b[c->col];
    if (c->group != CONV_NO_DIM) from += (int64_t)(p / c->panels) * c->coef_b[c->group];
    float *to = pack + p * c->panel_cols * c->k;
    uint32_t coord[PLAN_DIMS] = {0};
    for (uint64_t k = 0; k < c->k; k += depth, to += depth * c->panel_cols) {
      int64_t at = 0;
      for (uint32_t d = r->out_rank; d < last; d++) at += (int64_t)coord[d] * c->coef_b[d];
      call->x->backend->dot_pack(depth, (uint32_t)wide, from + at, c->coef_b[last], c->coef_b[c->col], to,
                                 (ptrdiff_t)c->panel_cols);
      for (uint32_t d = last; d-- > r->out_rank;) {
        if (++coord[d] < r->dim[d]) break;
        coord[d] = 0;
      }
    }
  }
}

void conv_begin(struct execute *x, const struct item *item) {
  const struct conv *c = item->plan;
  struct conv_call call = {x, c};
  if (!c->packed) return;
  pool_run(x->options.pool, (uint32_t)((c->groups * c->panels + c->pack_grain - 1) / c->pack_grain), pack_task, &call);
}

/* How many rows a tile may have that goes along the image. */
static uint64_t rows_max(const struct execute *x, const struct dot_tile *t) {
  const struct backend *b = x->backend;
  bool slim = b->slim_rows > b->dot_rows && t->cols <= b->slim_cols &&
              (t->a_row == 1 || (t->a_k == 1 && (t->a_row == 6 || t->a_row == 16 || t->a_row == 32 || t->a_row == 64)));
  return slim ? b->slim_rows : b->dot_rows;
}

/* `count` rows as tiles of even height, all chunks of the list. */
static bool rows(const struct execute *x, const struct conv *c, struct dot_tile *t, const uint32_t *cut, uint64_t count,
                 uint64_t most) {
  uint64_t tiles = (count + most - 1) / most;
  const float *a = t->a;
  float *to = t->c;
  bool nan = false;
  for (uint64_t i = 0; i < tiles; i++) {
    uint64_t row = count * i / tiles;
    t->rows = (uint32_t)(count * (i + 1) / tiles - row);
    t->a = a + (int64_t)row * t->a_row;
    t->c = to + (int64_t)row * t->c_row;
    for (uint32_t k = 0; k < c->chunks; k++) {
      t->runs = c->run + cut[k];
      t->runs_count = cut[k + 1] - cut[k];
      t->store = k ? DOT_NEXT : DOT_FIRST;
      if (k && t->runs_count == 0) continue;
      nan |= x->backend->dot(t);
    }
  }
  return nan;
}

/* One row of places (all axes but the last fixed) of images first .. end - 1, one panel: at points at image 0. */
static bool one_line(const struct execute *x, const struct conv *c, struct conv_at at, uint64_t first, uint64_t end,
                     uint64_t list, uint32_t cols) {
  const struct conv_axis *y = &c->axis[c->axes - 1];
  const int64_t place_c = (int64_t)(c->groups * c->cols);
  bool nan = false;
  for (uint32_t n = 0; n < y->classes; n++) {
    const struct conv_class *of = &y->class[n];
    const uint32_t *cut = c->chunk + (list * y->classes + n) * (c->chunks + 1u);
    struct dot_tile t = {.cols = cols, .b = at.b, .a_k = c->a_k, .b_k = c->b_k};
    if (of->count >= ROWS_LEAST || of->count >= end - first) {
      t.a_row = of->slope;
      t.c_row = place_c * of->step;
      uint64_t most = rows_max(x, &t);
      for (uint64_t i = first; i < end; i++) {
        t.a = at.a + (int64_t)i * c->image_a;
        t.c = at.c + i * c->image_c + of->first * place_c;
        nan |= rows(x, c, &t, cut, of->count, most);
      }
    } else {
      t.a_row = c->image_a;
      t.c_row = (int64_t)c->image_c;
      for (uint32_t j = 0; j < of->count; j++) {
        t.a = at.a + (int64_t)first * c->image_a + j * of->slope;
        t.c = at.c + first * c->image_c + (of->first + j * of->step) * place_c;
        nan |= rows(x, c, &t, cut, end - first, x->backend->dot_rows);
      }
    }
  }
  return nan;
}

/* Outer places [low, high) of images first .. end - 1. */
static bool strip(const struct execute *x, const struct conv *c, const struct conv_at *at, uint64_t first, uint64_t end,
                  uint64_t low, uint64_t high) {
  const uint64_t line_c = c->axis[c->axes - 1].places * c->groups * c->cols;
  bool nan = false;
  for (uint64_t q = low; q < high; q++) {
    uint64_t rest = q, list = 0, lists = 1;
    int64_t from = 0;
    for (uint32_t i = c->axes - 1; i-- > 0; rest /= c->axis[i].places) {
      const struct conv_axis *y = &c->axis[i];
      uint64_t place = rest % y->places;
      list += y->class_of[place] * lists;
      lists *= y->classes;
      from += y->from[place];
    }
    for (uint64_t p = 0; p < c->groups * c->panels; p++) {
      uint64_t group = p / c->panels, col = p % c->panels * c->panel_cols;
      struct conv_at here = {at->a + from, at->b, at->c + q * line_c + group * c->cols + col};
      if (group) here.a += (int64_t)group * c->coef_a[c->group];
      if (c->packed)
        here.b += p * c->panel_cols * c->k;
      else if (group)
        here.b += (int64_t)group * c->coef_b[c->group];
      uint64_t wide = c->cols - col < c->panel_cols ? c->cols - col : c->panel_cols;
      for (uint64_t i = first; i < end && c->line; i++)
        nan |= conv_line_panel(x, c, here.a + (int64_t)i * c->image_a, here.b, here.c + i * c->image_c, list,
                               (uint32_t)wide);
      if (!c->line) nan |= one_line(x, c, here, first, end, list, (uint32_t)wide);
    }
  }
  if (nan && !x->options.free_order)
    for (uint64_t i = first; i < end; i++) {
      float *line = at->c + i * c->image_c + low * line_c;
      for (uint64_t n = 0, all = (high - low) * line_c; n < all; n += BACKEND_BLOCK)
        x->backend->canonical((uint32_t)(all - n < BACKEND_BLOCK ? all - n : BACKEND_BLOCK),
                              (uint32_t *)(void *)(line + n));
    }
  return nan;
}

static struct conv_at addresses(const struct execute *x, const struct conv *c, uint32_t thread) {
  struct conv_at at;
  at.a = (const float *)(const void *)place_at_thread(x, c->a, thread) + c->a_base;
  at.b = (const float *)(const void *)place_at(x, c->packed ? c->pack : c->b) + (c->packed ? 0 : c->b_base);
  at.c = (float *)(void *)place_at_thread(x, c->c, thread);
  return at;
}

static void conv_task(void *context, uint32_t i, uint32_t thread) {
  const struct conv_call *call = context;
  const struct conv *c = call->conv;
  struct conv_at at = addresses(call->x, c, thread);
  uint64_t block = i / c->strips, low = i % c->strips * c->strip;
  uint64_t first = c->images * block / c->blocks, end = c->images * (block + 1) / c->blocks;
  strip(call->x, c, &at, first, end, low, low + c->strip < c->outer ? low + c->strip : c->outer);
}

static void thin_task(void *context, uint32_t i, uint32_t thread) {
  const struct conv_call *call = context;
  const struct conv *c = call->conv;
  struct conv_at at = addresses(call->x, c, thread);
  uint64_t first = i * c->thin->grain, end = first + c->thin->grain < c->images ? first + c->thin->grain : c->images;
  conv_thin_images(call->x, c, at.a, at.b, at.c, first, end, thread);
}

void conv_run(struct execute *x, const struct item *item) {
  struct conv_call call = {x, item->plan};
  const struct conv_thin *n = call.conv->thin;
  if (n) {
    pool_run(x->options.pool, (uint32_t)((call.conv->images + n->grain - 1) / n->grain), thin_task, &call);
    return;
  }
  conv_begin(x, item);
  pool_run(x->options.pool, (uint32_t)(call.conv->blocks * call.conv->strips), conv_task, &call);
}

uint64_t conv_parts(const struct item *item) {
  const struct conv *c = item->plan;
  return c->images;
}

bool conv_inside(const struct item *item, uint32_t operand) {
  const struct conv *c = item->plan;
  return operand == c->operand_a;
}

void conv_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
               uint32_t thread) {
  const struct conv *c = item->plan;
  struct conv_at at = addresses(x, c, thread);
  uint64_t images = c->images / parts, first = low * images, end = high * images;
  if (c->thin) {
    conv_thin_images(x, c, at.a, at.b, at.c, first, end, thread);
    return;
  }
  for (; first < end; first += c->block)
    strip(x, c, &at, first, first + c->block < end ? first + c->block : end, 0, c->outer);
}
