#include "tape/execute/band/band.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/conv/conv.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/plan/axis.h"
#include "tape/execute/window/window_back.h"

/* Bands are at most BANDS_MAX, the largest value's is worth a task, and what an item touches of one stays in the second
 * cache. What all bands read (weights, the sequences whose heads are bands) streams past; more than SHARED_BYTES of it
 * would be read from far once a band. Behind MISSES items that do not join, nothing is likely to. */
enum { WINDOW = 96, MISSES = 6, TOUCHED_BYTES = 5 << 18, SHARED_BYTES = 8 << 20 };
enum { SUMS_BYTES = 64 << 20 /* of all chunks of what sums: each has workspace of its own */ };
enum { LEAST_BYTES = 1 << 14, GOOD_BYTES = 1 << 16, REGION_BYTES = 20000 };

/* SUMS, APART: joined, but only after all bands its value is there. What nobody in the group waits for runs last: what
 * it reads has come into the cache for others, who read it row by row. */
enum mark { UNSEEN, BEFORE, JOINED, SUMS, APART, BEHIND };

struct draft {
  struct execute *x;
  uint32_t start, end, bands; /* items [start, end) */
  uint8_t *mark;              /* one an item */
  const uint32_t *item_of;    /* of each record */
  const uint32_t *reader;     /* of each record the first that reads its value, of another item; UINT32_MAX: none */
  uint64_t shared, largest;   /* bytes: read by every band; of the largest value */
  uint64_t sums;              /* bytes of the chunks' sums */
  uint64_t saved;             /* bytes that need not be read from far */
  uint32_t joined;
};

/* Some dims of a record fall into parts, taken one by one, outermost first, and 1 / share of the one behind them. */
struct lead {
  uint8_t dim[PLAN_DIMS];
  uint32_t dims, share;
};

static bool falls(const struct tape_record *r, uint32_t count, uint32_t parts, struct lead *l) {
  for (l->dims = 0; l->dims < count && parts > 1 && parts % r->dim[l->dim[l->dims]] == 0; l->dims++)
    parts /= r->dim[l->dim[l->dims]];
  l->share = parts;
  return parts == 1 || (l->dims < count && r->dim[l->dim[l->dims]] % parts == 0);
}

/* The leading dims of its outputs, or those of k if it sums over all of them. */
static bool splits(const struct tape_record *r, bool along_k, uint32_t parts, struct lead *l) {
  uint32_t first = along_k ? r->out_rank : 0, end = along_k ? axis_rank(r) : r->out_rank;
  for (uint32_t d = first; d < end; d++) l->dim[d - first] = (uint8_t)d;
  return falls(r, end - first, parts, l);
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); }

/* The coordinates of one part. */
static void coordinates(const struct tape_record *r, const struct lead *l, uint32_t part, int64_t *low, int64_t *high) {
  for (uint32_t d = 0; d < axis_rank(r); d++) low[d] = 0, high[d] = (int64_t)r->dim[d] - 1;
  if (l->share > 1) {
    uint32_t d = l->dim[l->dims];
    int64_t length = r->dim[d] / l->share;
    low[d] = part % l->share * length;
    high[d] = low[d] + length - 1;
    part /= l->share;
  }
  for (uint32_t i = l->dims; i-- > 0; part /= r->dim[l->dim[i]])
    low[l->dim[i]] = high[l->dim[i]] = part % r->dim[l->dim[i]];
}

/* What one part reads of the operand: an interval of elements at least as large, and no more than so many of them; 0:
 * nothing. */
static int64_t reach(const struct tape_operand *o, const int64_t *low, const int64_t *high, int64_t *first,
                     int64_t *last) {
  int64_t stride = 1, count = 1;
  *first = *last = 0;
  for (uint8_t a = o->axes; a-- > 0; stride *= o->axis[a].extent) {
    const struct tape_axis *y = &o->axis[a];
    int64_t from = y->offset, to = from, end = (int64_t)y->extent - 1;
    for (uint8_t t = 0; t < y->terms; t++) {
      int64_t coef = y->term[t].coef;
      from += coef * (coef < 0 ? high : low)[y->term[t].dim];
      to += coef * (coef < 0 ? low : high)[y->term[t].dim];
    }
    from = floor_div(from, y->div);
    to = floor_div(to, y->div);
    if (y->indirect != TAPE_INDIRECT_NONE || from < 0) from = 0;
    if (y->indirect != TAPE_INDIRECT_NONE || to > end) to = end;
    if (from > to) return 0;
    *first += from * stride;
    *last += to * stride;
    count *= to - from + 1;
  }
  return count;
}

/* Does part s of the record read only part s of the operand's value? */
static bool stays(const struct tape_record *r, const struct lead *l, const struct tape_operand *o, uint32_t parts) {
  int64_t low[PLAN_DIMS], high[PLAN_DIMS], first, last, elements = 1;
  for (uint8_t a = 0; a < o->axes; a++) elements *= o->axis[a].extent;
  if (elements % parts != 0) return false;
  int64_t length = elements / parts;
  for (uint32_t s = 0; s < parts; s++) {
    coordinates(r, l, s, low, high);
    if (reach(o, low, high, &first, &last) > 0 && (first < s * length || last >= (s + 1) * length)) return false;
  }
  return true;
}

/* Bytes that a part in the middle reads of the operand. */
static uint64_t part_bytes(const struct tape_record *r, const struct lead *l, const struct tape_operand *o,
                           uint32_t parts) {
  int64_t low[PLAN_DIMS], high[PLAN_DIMS], first, last;
  coordinates(r, l, parts / 2, low, high);
  return (uint64_t)reach(o, low, high, &first, &last) * tape_dtype_bytes(o->dtype);
}

static uint64_t bytes_of(const struct tape_record *r) { return record_elements(r) * tape_dtype_bytes(r->dtype); }

static uint64_t operand_bytes(const struct tape_operand *o) {
  uint64_t bytes = tape_dtype_bytes(o->dtype);
  for (uint8_t a = 0; a < o->axes; a++) bytes *= o->axis[a].extent;
  return bytes;
}

static bool can_run_by_parts(const struct item *item, const struct tape_record *r, uint32_t parts) {
  switch (item->kind) {
  case ITEM_MAP:
  case ITEM_COLUMN:
  case ITEM_FILTER:
  case ITEM_WINDOW: return true;
  case ITEM_WINDOW_BACK: return window_back_parts_fit(r, parts);
  case ITEM_FOLD: return r->op == TAPE_FOLD;
  case ITEM_DOT: return dot_parts_fit(r, parts);
  case ITEM_CONV: return conv_parts_fit(r, parts);
  case ITEM_NOTHING:
  case ITEM_CHANNEL:
  case ITEM_PUT: break;
  }
  return false;
}

/* Item of the draft's window that makes operand o; UINT32_MAX: an earlier one, or none. */
static uint32_t maker(const struct draft *d, const struct tape_operand *o) {
  if (o->space != TAPE_TEMP) return UINT32_MAX;
  uint32_t item = d->item_of[plan_producer(d->x, o->first_leaf)];
  return item >= d->start ? item : UINT32_MAX;
}

/* Has the item read this value before, for an earlier operand? Then it is in the cache. */
static bool read_before(const struct execute *x, const struct item *item, uint32_t record, uint8_t operand) {
  const struct tape_operand *o = &x->tape->record[record].operand[operand];
  for (uint32_t q = item->first; q <= record; q++)
    for (uint8_t p = 0; p < (q < record ? x->tape->record[q].operands : operand); p++) {
      const struct tape_operand *before = &x->tape->record[q].operand[p];
      if (before->space == o->space && before->first_leaf == o->first_leaf && before->data_number == o->data_number)
        return true;
    }
  return false;
}

/* Does the record fall into the group's bands, along its leading dims or apart? */
static bool bands_of(const struct draft *d, const struct item *item, const struct tape_record *r, bool apart,
                     struct lead *lead) {
  if (r->space == TAPE_OUT) return false;
  if (!apart) return can_run_by_parts(item, r, d->bands) && splits(r, plan_sums(item), d->bands, lead);
  uint32_t dims = item->kind == ITEM_DOT ? dot_parts_apart(r, d->bands, lead->dim) : 0;
  return dims > 0 && falls(r, dims, d->bands, lead);
}

/* Does somebody who may join read what the item makes? */
static bool is_wanted(const struct draft *d, const struct item *item) {
  struct lead lead;
  for (uint32_t q = item->first; q < item->first + item->count; q++) {
    if (d->reader[q] == UINT32_MAX || d->item_of[d->reader[q]] >= d->start + WINDOW) continue;
    const struct item *by = &d->x->item[d->item_of[d->reader[q]]];
    const struct tape_record *r = &d->x->tape->record[d->reader[q]];
    if (bands_of(d, by, r, false, &lead) || bands_of(d, by, r, true, &lead)) return true;
  }
  return false;
}

/* Item n joins: its records fall into bands, and so does what they read of the group. One that reads nothing of the
 * group's own is as well alone if nobody waits for what it makes. */
static enum mark joins(struct draft *d, uint32_t n, bool apart) {
  const struct item *item = &d->x->item[n];
  uint64_t touched = 0, shared = 0, saved = 0, largest = 0, chunk_sums = 0;
  struct lead lead;
  bool reads_ours = false;
  for (uint32_t q = item->first; q < item->first + item->count; q++) {
    const struct tape_record *r = &d->x->tape->record[q];
    if (!bands_of(d, item, r, apart, &lead)) return UNSEEN;
    if (plan_sums(item)) chunk_sums += bytes_of(r) * (record_k(r) / CANON_CHUNK + 1);
    touched += plan_sums(item) ? bytes_of(r) : bytes_of(r) / d->bands;
    if (!plan_sums(item) && !apart && bytes_of(r) > largest) largest = bytes_of(r);
    for (uint8_t o = 0; o < r->operands; o++) {
      uint32_t m = maker(d, &r->operand[o]);
      uint64_t bytes = operand_bytes(&r->operand[o]);
      if (m == n) continue;
      bool inside = stays(r, &lead, &r->operand[o], d->bands), ours = m != UINT32_MAX && d->mark[m] == JOINED;
      if (ours && !inside) return UNSEEN;
      reads_ours |= ours;
      if (read_before(d->x, item, q, o)) continue;
      if (ours) saved += bytes;
      *(inside ? &touched : &shared) += inside ? bytes / d->bands : part_bytes(r, &lead, &r->operand[o], d->bands);
    }
  }
  bool behind = plan_sums(item) || apart;
  if (!reads_ours && (behind || !is_wanted(d, item))) return UNSEEN;
  if (touched > TOUCHED_BYTES || shared + d->shared > SHARED_BYTES || d->sums + chunk_sums > SUMS_BYTES) return UNSEEN;
  d->shared += shared;
  d->sums += chunk_sums;
  d->saved += saved + REGION_BYTES;
  if (largest > d->largest) d->largest = largest;
  return plan_sums(item) ? SUMS : apart ? APART : JOINED;
}

/* Marks the items of a group that begins with item `start`: what joins; what nothing of it needs can come before, the
 * rest behind. */
static void draft(struct draft *d) {
  const struct execute *x = d->x;
  d->end = d->start;
  d->shared = d->saved = d->largest = d->sums = 0;
  d->joined = 0;
  for (uint32_t n = d->start, misses = 0; n < x->items_count && n - d->start < WINDOW && misses <= MISSES; n++) {
    const struct item *item = &x->item[n];
    bool needs = false, late = false;
    d->mark[n] = UNSEEN;
    for (uint32_t q = item->first; q < item->first + item->count; q++)
      for (uint8_t o = 0; o < x->tape->record[q].operands; o++) {
        uint32_t m = maker(d, &x->tape->record[q].operand[o]);
        if (m == UINT32_MAX || m == n) continue;
        needs |= d->mark[m] == JOINED || d->mark[m] == SUMS || d->mark[m] == APART;
        late |= d->mark[m] == BEHIND || d->mark[m] == SUMS || d->mark[m] == APART;
      }
    if (!late) d->mark[n] = (uint8_t)joins(d, n, false);
    if (!late && d->mark[n] == UNSEEN) d->mark[n] = (uint8_t)joins(d, n, true);
    if (d->mark[n] != UNSEEN) {
      d->end = n + 1;
      d->joined++;
      misses = 0;
    } else if (n == d->start) {
      return;
    } else {
      bool state = x->tape->record[item->first].space == TAPE_OUT;
      d->mark[n] = needs || late || state ? BEHIND : BEFORE;
      misses++;
    }
  }
}

/* Numbers of bands worth a try, ascending: powers of two and the products of leading dims. */
static bool worth_a_try(const struct tape_record *r, uint32_t bands) {
  struct lead lead;
  if (!splits(r, false, bands, &lead)) return false;
  return (bands & (bands - 1)) == 0 || lead.share == 1;
}

static uint32_t best_bands(struct draft *d) {
  const struct execute *x = d->x;
  const struct tape_record *r = &x->tape->record[x->item[d->start].first];
  bool tests = x->options.small_tasks;
  uint32_t best = 0;
  uint64_t most = 0;
  for (d->bands = tests ? 2 : 4 * x->threads; d->bands <= BANDS_MAX; d->bands++) {
    if (!worth_a_try(r, d->bands)) continue;
    draft(d);
    if (d->joined < 2 || (!tests && d->largest / d->bands < LEAST_BYTES)) continue;
    if (d->saved > most || (d->saved == most && (tests || d->largest / d->bands >= GOOD_BYTES)))
      most = d->saved, best = d->bands;
  }
  return best;
}

/* Items [start, end) in their new order: before, joined, behind. Returns how many come before. */
static uint32_t reorder(struct draft *d, struct item *old) {
  struct execute *x = d->x;
  uint32_t at = d->start, before = 0;
  memcpy(old, x->item + d->start, (d->end - d->start) * sizeof *old);
  for (int turn = BEFORE; turn <= BEHIND; turn++)
    for (uint32_t n = d->start; n < d->end; n++) {
      if ((int)(d->mark[n] == SUMS ? JOINED : d->mark[n]) != turn) continue;
      x->item[at] = old[n - d->start];
      x->item[at++].apart = turn == APART;
      before += turn == BEFORE;
    }
  return before;
}

static uint32_t *first_readers(struct execute *x, const uint32_t *item_of) {
  const struct tape *t = x->tape;
  uint32_t *reader = arena_take(&x->notes, t->records_count + 1u, sizeof *reader);
  for (uint32_t q = 0; reader && q < t->records_count; q++) reader[q] = UINT32_MAX;
  for (uint32_t q = t->records_count; reader && q-- > 0;)
    for (uint8_t o = 0; o < t->record[q].operands; o++)
      if (t->record[q].operand[o].space == TAPE_TEMP) {
        uint32_t of = plan_producer(x, t->record[q].operand[o].first_leaf);
        if (item_of[of] != item_of[q]) reader[of] = q;
      }
  return reader;
}

bool band_cut(struct execute *x) {
  const struct tape *t = x->tape;
  uint32_t *item_of = arena_take(&x->notes, t->records_count + 1u, sizeof *item_of);
  struct item *old = arena_take(&x->notes, WINDOW, sizeof *old);
  struct draft d = {.x = x, .item_of = item_of};
  d.mark = arena_take(&x->notes, x->items_count + 1u, sizeof *d.mark);
  x->group = arena_take(&x->notes, x->items_count / 2 + 1u, sizeof *x->group);
  if (!item_of || !old || !d.mark || !x->group) return false;
  bool wanted = !x->options.recognise_nothing && !x->options.alter;
  for (uint32_t i = 0; i < x->items_count; i++)
    for (uint32_t n = 0; n < x->item[i].count; n++) item_of[x->item[i].first + n] = i;
  if (!(d.reader = first_readers(x, item_of))) return false;
  for (d.start = 0; wanted && d.start < x->items_count;) {
    d.bands = best_bands(&d);
    if (d.bands == 0) {
      d.start++;
      continue;
    }
    draft(&d);
    uint32_t first = d.start + reorder(&d, old);
    for (uint32_t i = d.start; i < d.end; i++)
      for (uint32_t n = 0; n < x->item[i].count; n++) item_of[x->item[i].first + n] = i;
    x->group[x->groups_count++] = (struct group){.first = first, .count = d.joined, .bands = d.bands};
    for (uint32_t i = first; i < first + d.joined; i++) x->item[i].group = x->groups_count, x->item[i].bands = d.bands;
    d.start = first + d.joined;
  }
  for (uint32_t i = 0; i < x->items_count; i++)
    x->item[i].unit = x->item[i].group ? x->group[x->item[i].group - 1].first : i;
  return true;
}

/* First fit over the values of the group that are alive in the buffer, by the items that read them last. */
bool band_place(struct execute *x) {
  const struct tape *t = x->tape;
  struct local {
    uint64_t offset, bytes;
    uint32_t last;
  } *local = arena_take(&x->notes, t->records_count + 1u, sizeof *local);
  uint32_t *last_reader = arena_take(&x->notes, t->records_count + 1u, sizeof *last_reader);
  if (!local || !last_reader) return false;
  for (uint32_t i = 0; i < x->items_count; i++)
    for (uint32_t q = x->item[i].first; q < x->item[i].first + x->item[i].count; q++) {
      last_reader[q] = i;
      for (uint8_t o = 0; o < t->record[q].operands; o++)
        if (t->record[q].operand[o].space == TAPE_TEMP) {
          uint32_t of = plan_producer(x, t->record[q].operand[o].first_leaf);
          if (x->value[of].born == x->item[i].unit) last_reader[of] = i; /* others read it where it lies for them */
        }
    }
  for (uint32_t g = 0; g < x->groups_count; g++) {
    uint32_t alive = 0;
    for (uint32_t i = x->group[g].first; i < x->group[g].first + x->group[g].count; i++) {
      for (uint32_t q = x->item[i].first; q < x->item[i].first + x->item[i].count; q++) {
        struct value *v = &x->value[q];
        bool here = value_lies_here(v);
        if ((!v->local && !here) || !v->stored) continue;
        uint64_t at = 0, bytes = v->bytes / x->group[g].bands, need = plan_room(bytes);
        uint32_t l = 0;
        for (; l < alive && at + need > local[l].offset; l++) at = local[l].offset + local[l].bytes;
        memmove(local + l + 1, local + l, (alive - l) * sizeof *local);
        local[l] = (struct local){at, need, last_reader[q]};
        alive++;
        *(here ? &v->here : &v->place) = (struct place){.base = BASE_BAND, .offset = at, .band_bytes = bytes};
        if (at + need > x->buffer_bytes) x->buffer_bytes = at + need;
      }
      uint32_t kept = 0;
      for (uint32_t l = 0; l < alive; l++)
        if (local[l].last > i) local[kept++] = local[l];
      alive = kept;
    }
  }
  x->buffers = plan_take(x, x->threads * x->buffer_bytes);
  return true;
}
