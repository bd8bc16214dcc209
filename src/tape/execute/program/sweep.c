#include "tape/execute/program/sweep.h"

#include <string.h>

#include "numeric/canon.h"

/* An operand axis with its terms spread over record dims. */
struct spread {
  int64_t offset, coef[PLAN_DIMS];
};

static struct spread spread_of(const struct tape_axis *a) {
  struct spread s = {.offset = a->offset};
  for (uint8_t t = 0; t < a->terms; t++) s.coef[a->term[t].dim] += a->term[t].coef;
  return s;
}

static void range_of(const struct spread *s, const uint32_t *dim, uint32_t dims, int64_t *low, int64_t *high) {
  *low = *high = s->offset;
  for (uint32_t d = 0; d < dims; d++) {
    int64_t far = s->coef[d] * ((int64_t)dim[d] - 1);
    *(far < 0 ? low : high) += far;
  }
}

/* A FLOOR axis floor((offset + x) / div) over a moving dim that div divides: x = div * hi + lo, and the axis is hi +
 * const. */
static bool floor_splits(const struct tape_axis *a, const struct tape_record *r, uint32_t first, uint32_t count,
                         const uint32_t *split) {
  if (a->mode != TAPE_FLOOR || a->indirect != TAPE_INDIRECT_NONE || a->terms != 1 || a->term[0].coef != 1) return false;
  uint32_t d = a->term[0].dim;
  return d >= first && d < first + count && r->dim[d] % a->div == 0 && a->offset % a->div == 0 &&
         (split[d] == 1 || split[d] == a->div);
}

void sweep_make(struct sweep *s, const struct tape_record *r, const struct tape_operand *o, struct place place,
                uint32_t first, uint32_t count, const int32_t *index, const uint32_t *index_dims) {
  uint32_t rank = (uint32_t)r->out_rank + r->k_rank;
  memset(s, 0, sizeof *s);
  s->place = place;
  s->dtype = o->dtype;
  s->fill = o->fill;
  uint32_t split[PLAN_DIMS];
  for (uint32_t d = 0; d < PLAN_DIMS; d++) split[d] = 1;
  for (uint8_t x = 0; x < o->axes; x++)
    if (floor_splits(&o->axis[x], r, first, count, split)) split[o->axis[x].term[0].dim] = o->axis[x].div;

  /* sub-dims of the sweep: dim of each, and how many coordinates of that dim one step is worth */
  uint32_t of[PLAN_DIMS], worth[PLAN_DIMS], extent[PLAN_DIMS], subs = 0;
  for (uint32_t d = first; d < first + count; d++) {
    if (split[d] > 1 && r->dim[d] > split[d])
      of[subs] = d, worth[subs] = split[d], extent[subs++] = r->dim[d] / split[d];
    uint32_t rest = split[d] > 1 ? split[d] : r->dim[d];
    if (rest > 1) of[subs] = d, worth[subs] = 1, extent[subs++] = rest;
  }

  int64_t flat[PLAN_DIMS] = {0}, stride = 1;
  uint32_t index_moves[TAPE_RANK_MAX] = {0};
  for (uint8_t x = o->axes; x-- > 0; stride *= o->axis[x].extent) {
    const struct tape_axis *a = &o->axis[x];
    struct spread q = spread_of(a);
    int64_t coef[PLAN_DIMS], low, high; /* by sub-dim */
    bool linear = a->div == 1 && a->indirect == TAPE_INDIRECT_NONE;
    range_of(&q, r->dim, rank, &low, &high);
    if (floor_splits(a, r, first, count, split) && split[a->term[0].dim] == a->div) {
      linear = true;
      q.offset = a->offset / a->div;
      low = q.offset, high = low + r->dim[a->term[0].dim] / a->div - 1;
      for (uint32_t i = 0; i < subs; i++) coef[i] = of[i] == a->term[0].dim && worth[i] == a->div;
      memset(q.coef, 0, sizeof q.coef);
    } else {
      for (uint32_t i = 0; i < subs; i++) coef[i] = q.coef[of[i]] * worth[i];
    }
    if (linear && low >= 0 && high < (int64_t)a->extent) {
      s->base += q.offset * stride;
      for (uint32_t d = 0; d < rank; d++)
        if ((d < first || d >= first + count) && r->dim[d] > 1) s->fixed[d] += q.coef[d] * stride;
      for (uint32_t i = 0; i < subs; i++) flat[i] += coef[i] * stride;
      continue;
    }
    struct sweep_axis *y = &s->axis[s->axes];
    *y = (struct sweep_axis){
        .offset = q.offset, .stride = stride, .extent = a->extent, .index = -1, .floor = a->mode == TAPE_FLOOR};
    y->div = linear ? 1 : a->div;
    if (a->indirect != TAPE_INDIRECT_NONE) y->index = index[x], index_moves[s->axes] = index_dims[x];
    for (uint32_t d = 0; d < rank; d++)
      if (d < first || d >= first + count) y->fixed[d] = q.coef[d];
    memcpy(y->coef, coef, subs * sizeof coef[0]);
    s->axes++;
  }

  /* Merge neighbours that every part of the address walks as one. */
  for (uint32_t i = 0; i < subs; i++) {
    uint32_t j = s->dims ? s->dims - 1 : 0;
    bool merges = s->dims > 0 && s->flat[j] == flat[i] * (int64_t)extent[i];
    for (uint32_t x = 0; x < s->axes && merges; x++)
      merges = s->axis[x].coef[j] == s->axis[x].coef[i] * (int64_t)extent[i] &&
               /* an index that depends on either of two dims keeps them apart: it may change between them */
               !(index_moves[x] >> of[i] & 1) && !(index_moves[x] >> of[i - 1] & 1);
    if (!merges) j = s->dims++;
    s->extent[j] = merges ? s->extent[j] * extent[i] : extent[i];
    s->flat[j] = flat[i];
    for (uint32_t x = 0; x < s->axes; x++) s->axis[x].coef[j] = s->axis[x].coef[i];
  }
  for (uint32_t x = 0; x < s->axes; x++)
    for (uint32_t i = 0; i < subs; i++)
      if (s->axis[x].index >= 0 && (index_moves[x] >> of[i] & 1)) {
        s->axis[x].moves = s->moves = true;
        if (i == subs - 1) s->inner_moves = true;
      }
  for (uint32_t x = 0; x < s->axes; x++)
    for (uint32_t j = 0; j < s->dims; j++)
      if (s->axis[x].coef[j]) {
        s->axis[x].moves = s->moves = true;
        if (j == s->dims - 1) s->inner_moves = true;
      }
  s->inner_straight = s->inner_moves;
  for (uint32_t x = 0; x < s->axes; x++) {
    bool follows = s->axis[x].index >= 0 && subs > 0 && (index_moves[x] >> of[subs - 1] & 1);
    bool bent = s->dims > 0 && s->axis[x].coef[s->dims - 1] != 0 && (s->axis[x].div != 1 || s->axis[x].index >= 0);
    if (follows || bent) s->inner_straight = false;
  }
  /* odometer: what the address gains when dim j advances and the dims inside it start again */
  for (uint32_t j = 0; j < s->dims; j++) {
    s->step[j] = s->flat[j];
    for (uint32_t i = j + 1; i < s->dims; i++) s->step[j] -= s->flat[i] * ((int64_t)s->extent[i] - 1);
  }
  for (uint32_t d = 0; d < rank; d++) {
    bool used = s->fixed[d] != 0;
    for (uint32_t x = 0; x < s->axes; x++) used |= s->axis[x].fixed[d] != 0;
    if (used) s->fixed_dims = d + 1;
  }
  s->plain = s->axes == 0 && s->fixed_dims == 0 && s->dims == 1 && s->flat[0] == 1 && s->dtype != TAPE_U8;
}

static inline uint32_t word_at(const uint8_t *at, uint8_t dtype, int64_t i) {
  if (dtype == TAPE_U8) return at[i];
  uint32_t word;
  memcpy(&word, at + 4 * i, 4);
  return word;
}

/* Rows this long are worth a call of the back end's: an integer operation, which keeps a NaN's bits. */
enum { LONG_ROW = 16 };
static const uint32_t no_bits = 0;

static inline void fill_words(const struct backend *b, uint32_t n, uint32_t *out, uint32_t word) {
  if (n >= LONG_ROW)
    b->map[CANON_IOR][3](n, out, &word, &no_bits, NULL);
  else
    for (uint32_t i = 0; i < n; i++) out[i] = word;
}

/* n words, at most a block, from a row with this stride. */
static inline void copy_row(const struct backend *b, const uint8_t *at, uint8_t dtype, int64_t from, int64_t stride,
                            uint32_t n, uint32_t *out) {
  if (stride == 0) {
    fill_words(b, n, out, word_at(at, dtype, from));
  } else if (dtype == TAPE_U8) {
    const uint8_t *in = at + from;
    if (stride == 1)
      b->widen_u8(n, out, in);
    else
      for (uint32_t i = 0; i < n; i++) out[i] = in[i * stride];
  } else {
    const uint32_t *in = (const uint32_t *)(const void *)at + from;
    if (stride == 1 && n >= LONG_ROW)
      b->map[CANON_IOR][2](n, out, in, &no_bits, NULL);
    else
      for (uint32_t i = 0; i < n; i++) out[i] = in[i * stride];
  }
}

static bool settle(const struct sweep_axis *y, int64_t number, int64_t *flat) {
  if (y->div != 1) {
    int64_t whole = number / y->div, rest = number % y->div;
    if (rest != 0) {
      if (!y->floor) return false;
      if (rest < 0) whole--;
    }
    number = whole;
  }
  if (number < 0 || number >= (int64_t)y->extent) return false;
  *flat += number * y->stride;
  return true;
}

static inline int64_t index_word(const struct frame *f, int32_t node, uint32_t j) {
  return (int32_t)f->at[node][f->uniform[node] ? 0 : j];
}

/* A row of at most 8 or 16 words as a copy of fixed size: reads and writes up to 60 bytes past it. Values of the plan
 * have a line behind them and blocks SWEEP_SLACK words; the next row, or nobody, comes to lie on what is written too
 * much. */
static inline void narrow_row(const uint8_t *at, uint8_t dtype, int64_t from, uint32_t width, uint32_t *out) {
  if (dtype != TAPE_U8) {
    memcpy(out, at + 4 * from, 32);
    if (width > 8) memcpy(out + 8, at + 4 * from + 32, 32);
  } else {
    uint8_t in[16];
    memcpy(in, at + from, 16);
    for (uint32_t i = 0; i < 8; i++) out[i] = in[i];
    for (uint32_t i = 8; i < 16 && width > 8; i++) out[i] = in[i];
  }
}

static void narrow_rows(const uint8_t *at, uint8_t dtype, int64_t flat, uint32_t planes, int64_t plane, uint32_t rows,
                        int64_t row_stride, uint32_t width, uint32_t *out) {
  for (uint32_t p = 0; p < planes; p++)
    for (uint32_t i = 0; i < rows; i++, out += width)
      narrow_row(at, dtype, flat + p * plane + i * row_stride, width, out);
}

/* The odometer at c[] leaves dim j for its next coordinate; the dims inside it start again. Returns the address's gain.
 */
static int64_t carry(const struct sweep *s, uint32_t *c, uint32_t j) {
  while (c[j] == s->extent[j] - 1) c[j--] = 0;
  c[j]++;
  return s->step[j];
}

/* Every address linear: an odometer over rows. */
static void read_rows(const struct sweep *s, const struct backend *b, const uint8_t *at, int64_t flat, uint64_t start,
                      uint32_t n, uint32_t *out, bool slack) {
  uint32_t last = s->dims - 1, width = s->extent[last], c[PLAN_DIMS];
  bool narrow = slack && s->dims > 1 && width <= 16 && s->flat[last] == 1;
  bool long_rows = !narrow && s->dims > 1 && width >= LONG_ROW && s->dtype != TAPE_U8;
  bool wide = long_rows && s->flat[last] == 1, turned = long_rows && !wide && s->flat[last - 1] == 1;
  for (uint32_t j = s->dims; j-- > 0; start /= s->extent[j]) {
    c[j] = (uint32_t)(start % s->extent[j]);
    flat += c[j] * s->flat[j];
  }
  for (;;) {
    if (narrow && c[last] == 0 && n > width) { /* whole rows along the two dims outside, but for the block's last */
      uint32_t rows = s->extent[last - 1] - c[last - 1], planes = 1;
      if (last > 1 && c[last - 1] == 0 && n > rows * width) {
        planes = s->extent[last - 2] - c[last - 2];
        if (planes > (n - 1) / (rows * width)) planes = (n - 1) / (rows * width);
      } else if (rows > (n - 1) / width) {
        rows = (n - 1) / width;
      }
      narrow_rows(at, s->dtype, flat, planes, planes > 1 ? s->flat[last - 2] : 0, rows, s->flat[last - 1], width, out);
      out += planes * rows * width;
      n -= planes * rows * width;
      if (planes > 1) flat += (int64_t)(planes - 1) * s->flat[last - 2], c[last - 2] += planes - 1;
      flat += (int64_t)(rows - 1) * s->flat[last - 1] + (int64_t)(width - 1) * s->flat[last];
      c[last - 1] += rows - 1;
      c[last] = width - 1;
      flat += carry(s, c, last);
      continue;
    }
    uint32_t rows = wide || turned ? s->extent[last - 1] - c[last - 1] : 0; /* whole ones along the dim outside */
    if (rows > n / width) rows = n / width;
    if (c[last] == 0 && rows >= (turned ? SWEEP_TURNED_ROWS / 2 : 1)) {
      b->dot_pack(rows, width, (const float *)(const void *)at + flat, (ptrdiff_t)s->flat[last - 1],
                  (ptrdiff_t)s->flat[last], (float *)(void *)out, width);
      if ((n -= rows * width) == 0) return;
      out += rows * width;
      flat += (int64_t)(rows - 1) * s->flat[last - 1] + (int64_t)(width - 1) * s->flat[last];
      c[last - 1] += rows - 1;
      c[last] = width - 1;
      flat += carry(s, c, last);
      continue;
    }
    uint32_t length = width - c[last];
    if (length > n) length = n;
    copy_row(b, at, s->dtype, flat, s->flat[last], length, out);
    if ((n -= length) == 0) return;
    out += length;
    flat += (int64_t)(length - 1) * s->flat[last]; /* now at the last of the row */
    c[last] = width - 1;
    flat += carry(s, c, last);
  }
}

/* Sets *low and *high to where number + i coef lies in [0, extent), of i in [*low, *high). */
static void clip(int64_t number, int64_t coef, int64_t extent, int64_t *low, int64_t *high) {
  int64_t first, end; /* rounded up: (a + b - 1) / b for what is not negative, 0 below */
  if (coef > 0) {
    first = number < 0 ? (-number + coef - 1) / coef : 0;
    end = number < extent ? (extent - number + coef - 1) / coef : 0;
  } else {
    first = number >= extent ? (number - extent) / -coef + 1 : 0;
    end = number >= 0 ? number / -coef + 1 : 0;
  }
  if (first > *low) *low = first;
  if (end < *high) *high = end;
  if (*low > *high) *low = *high;
}

/* A row along which numbers only count up or down: fill, what is in range, fill. */
static void read_straight(const struct sweep *s, const struct backend *b, const uint8_t *at, int64_t flat,
                          const int64_t *num, const struct frame *f, uint32_t done, uint32_t length, uint32_t *out) {
  uint32_t last = s->dims - 1;
  int64_t step = s->flat[last], low = 0, high = length;
  for (uint32_t x = 0; x < s->axes; x++) {
    const struct sweep_axis *y = &s->axis[x];
    if (!y->coef[last]) {
      int64_t by = y->index >= 0 ? index_word(f, y->index, done) : 0;
      if (!settle(y, num[x] + by, &flat)) high = low;
      continue;
    }
    clip(num[x], y->coef[last], y->extent, &low, &high);
    flat += num[x] * y->stride;
    step += y->coef[last] * y->stride;
  }
  fill_words(b, (uint32_t)low, out, s->fill);
  if (high > low) copy_row(b, at, s->dtype, flat + low * step, step, (uint32_t)(high - low), out + low);
  fill_words(b, (uint32_t)(length - high), out + high, s->fill);
}

/* Some axis moves: numbers and ranges once a row if they hold along it, else once an element. */
static void read_clipped(const struct sweep *s, const struct backend *b, const uint8_t *at, int64_t base,
                         const int64_t *number, uint64_t start, uint32_t n, const struct frame *f, uint32_t *out) {
  uint32_t last = s->dims - 1, c[PLAN_DIMS];
  for (uint32_t j = s->dims; j-- > 0; start /= s->extent[j]) c[j] = (uint32_t)(start % s->extent[j]);
  for (uint32_t done = 0; done < n;) {
    uint32_t length = s->extent[last] - c[last];
    if (length > n - done) length = n - done;
    int64_t flat = base, num[TAPE_RANK_MAX];
    for (uint32_t j = 0; j < s->dims; j++) flat += c[j] * s->flat[j];
    bool inside = true;
    for (uint32_t x = 0; x < s->axes; x++) {
      num[x] = number[x];
      for (uint32_t j = 0; j < s->dims; j++) num[x] += c[j] * s->axis[x].coef[j];
    }
    if (s->inner_straight) {
      read_straight(s, b, at, flat, num, f, done, length, out + done);
    } else if (!s->inner_moves) {
      for (uint32_t x = 0; x < s->axes && inside; x++) {
        int64_t i = s->axis[x].index >= 0 ? index_word(f, s->axis[x].index, done) : 0;
        inside = settle(&s->axis[x], num[x] + i, &flat);
      }
      if (inside)
        copy_row(b, at, s->dtype, flat, s->flat[last], length, out + done);
      else
        fill_words(b, length, out + done, s->fill);
    } else {
      for (uint32_t i = 0; i < length; i++) {
        int64_t here = flat + i * s->flat[last];
        inside = true;
        for (uint32_t x = 0; x < s->axes && inside; x++) {
          int64_t by = s->axis[x].index >= 0 ? index_word(f, s->axis[x].index, done + i) : 0;
          inside = settle(&s->axis[x], num[x] + i * s->axis[x].coef[last] + by, &here);
        }
        out[done + i] = inside ? word_at(at, s->dtype, here) : s->fill;
      }
    }
    done += length;
    c[last] = 0;
    for (uint32_t j = last; j-- > 0;) {
      if (++c[j] < s->extent[j]) break;
      c[j] = 0;
    }
  }
}

void sweep_ask(const struct sweep *s, const struct execute *x, const struct moment *m, const struct frame *f) {
  enum { LINE = 64 };
  const uint8_t *from = place_at_thread(x, s->place, f->thread);
  uint32_t last = s->dims - 1, c[PLAN_DIMS];
  uint64_t start = m->start, bytes = tape_dtype_bytes(s->dtype);
  for (uint32_t j = s->dims; j-- > 0; start /= s->extent[j]) c[j] = (uint32_t)(start % s->extent[j]);
  for (uint32_t done = 0, length; done < m->n; done += length) {
    int64_t flat = s->base;
    bool inside = true;
    length = s->extent[last] - c[last] < m->n - done ? s->extent[last] - c[last] : m->n - done;
    for (uint32_t d = 0; d < s->fixed_dims; d++) flat += s->fixed[d] * m->coord[d];
    for (uint32_t j = 0; j < s->dims; j++) flat += c[j] * s->flat[j];
    for (uint32_t a = 0; a < s->axes && inside; a++) {
      const struct sweep_axis *y = &s->axis[a];
      int64_t number = y->offset + (y->index >= 0 ? index_word(f, y->index, done) : 0);
      for (uint32_t d = 0; d < s->fixed_dims; d++) number += y->fixed[d] * m->coord[d];
      for (uint32_t j = 0; j < s->dims; j++) number += c[j] * y->coef[j];
      inside = settle(y, number, &flat);
    }
    for (uint64_t b = 0; inside && b < length * bytes + LINE; b += LINE)
      __builtin_prefetch(from + flat * (int64_t)bytes + b, 0, 2);
    c[last] = 0;
    for (uint32_t j = last; j-- > 0;) {
      if (++c[j] < s->extent[j]) break;
      c[j] = 0;
    }
  }
}

/* A block inside one row along which nothing moves and addresses follow each other needs no copy. 1: *at points at it,
 * 0: it is out of range, -1: no such block. */
static int read_row(const struct sweep *s, const uint8_t *from, int64_t flat, const int64_t *number,
                    const struct moment *m, const uint32_t **at) {
  uint32_t last = s->dims - 1, c[PLAN_DIMS];
  uint64_t start = m->start;
  if (s->dims < 2 || s->inner_moves || s->flat[last] != 1 || s->dtype == TAPE_U8) return -1;
  if (start % s->extent[last] + m->n > s->extent[last]) return -1;
  for (uint32_t x = 0; x < s->axes; x++)
    if (s->axis[x].index >= 0) return -1;
  for (uint32_t j = s->dims; j-- > 0; start /= s->extent[j]) {
    c[j] = (uint32_t)(start % s->extent[j]);
    flat += c[j] * s->flat[j];
  }
  for (uint32_t x = 0; x < s->axes; x++) {
    int64_t here = number[x];
    for (uint32_t j = 0; j < last; j++) here += c[j] * s->axis[x].coef[j];
    if (!settle(&s->axis[x], here, &flat)) return 0;
  }
  *at = (const uint32_t *)(const void *)from + flat;
  return 1;
}

bool sweep_read(const struct sweep *s, const struct execute *x, const struct moment *m, const struct frame *f,
                uint32_t *out, const uint32_t **at) {
  const uint8_t *from = place_at_thread(x, s->place, f->thread);
  int64_t flat = s->base, number[TAPE_RANK_MAX];
  for (uint32_t d = 0; d < s->fixed_dims; d++) flat += s->fixed[d] * m->coord[d];
  for (uint32_t i = 0; i < s->axes; i++) {
    const struct sweep_axis *y = &s->axis[i];
    number[i] = y->offset;
    for (uint32_t d = 0; d < s->fixed_dims; d++) number[i] += y->fixed[d] * m->coord[d];
  }
  int row = read_row(s, from, flat, number, m, at);
  if (row == 1) return false;
  if (row == 0) {
    *out = s->fill;
    *at = out;
    return true;
  }
  if (s->moves) {
    read_clipped(s, x->backend, from, flat, number, m->start, m->n, f, out);
    *at = out;
    return false;
  }
  for (uint32_t i = 0; i < s->axes; i++) {
    int64_t by = s->axis[i].index >= 0 ? index_word(f, s->axis[i].index, 0) : 0;
    if (!settle(&s->axis[i], number[i] + by, &flat)) {
      *out = s->fill;
      *at = out;
      return true;
    }
  }
  if (s->dims == 0 || (s->dims == 1 && s->flat[0] == 0)) {
    *out = word_at(from, s->dtype, flat);
    *at = out;
    return true;
  }
  if (s->dims == 1 && s->flat[0] == 1) {
    int64_t first = flat + (int64_t)m->start;
    if (s->dtype != TAPE_U8) {
      *at = (const uint32_t *)(const void *)from + first;
      return false;
    }
    x->backend->widen_u8(m->n, out, from + first);
  } else {
    read_rows(s, x->backend, from, flat, m->start, m->n, out,
              !s->tight && (s->place.base == BASE_BULK || s->place.base == BASE_BAND) && !x->options.materialise);
  }
  *at = out;
  return false;
}
