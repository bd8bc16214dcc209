#include "tape/execute/plan/plan.h"

#include <string.h>

#include "tape/execute/band/band.h"
#include "tape/execute/conv/conv.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/filter/filter.h"
#include "tape/execute/fold/channel.h"
#include "tape/execute/fold/column.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/fold/put.h"
#include "tape/execute/map/map.h"
#include "tape/execute/plan/axis.h"
#include "tape/execute/window/window.h"
#include "tape/execute/window/window_back.h"

enum { LINE = 64 };

struct place plan_take(struct execute *x, uint64_t bytes) {
  struct place p = {.base = BASE_BULK, .offset = x->bulk_bytes};
  x->bulk_bytes += (bytes + LINE - 1) / LINE * LINE + LINE; /* a line between, so that neighbours do not share one */
  return p;
}

uint64_t plan_grain(const struct execute *x, uint64_t count, uint64_t picoseconds) {
  const uint64_t task_ps = 80000000, alone_ps = 15000000;
  if (x->options.small_tasks && count < UINT32_MAX) return 1;
  if (picoseconds == 0) picoseconds = 1;
  uint64_t grain = task_ps / picoseconds, threads = x->threads;
  if (count <= alone_ps / picoseconds) return count ? count : 1;
  uint64_t least = (count + 4 * threads - 1) / (4 * threads); /* some slack for a thread that is late */
  if (grain > least) grain = least;
  while (count / (grain ? grain : 1) >= UINT32_MAX) grain = grain * 2 + 1;
  return grain ? grain : 1;
}

/* Temp values lie in record order without gap (TAPE 5.3c), so the producer is found by halving. */
uint32_t plan_producer(const struct execute *x, uint64_t first_leaf) {
  uint32_t low = 0, high = x->temps_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (x->tape->record[x->temp_record[middle]].first_leaf <= first_leaf)
      low = middle;
    else
      high = middle;
  }
  return x->temp_record[low];
}

struct place plan_operand_place(const struct execute *x, const struct tape_operand *o) {
  switch ((enum tape_space)o->space) {
  case TAPE_TEMP: {
    const struct value *v = &x->value[plan_producer(x, o->first_leaf)];
    return x->planned && v->born == x->planned->unit && value_lies_here(v) ? v->here : v->place;
  }
  case TAPE_DATA:
    return (struct place){.base = (uint16_t)(BASE_DATA + o->data_number), .offset = o->first_leaf * TAPE_LEAF_BYTES};
  case TAPE_IN:
  case TAPE_OUT: break;
  }
  return (struct place){.base = BASE_STATE, .offset = o->first_leaf * TAPE_LEAF_BYTES};
}

bool plan_others_write(const struct execute *x, const struct item *item, const struct tape_operand *o) {
  if (x->threads == 1 || !item->group || o->space != TAPE_TEMP) return false;
  const struct value *v = &x->value[plan_producer(x, o->first_leaf)];
  return v->born == item->unit && !v->local && !value_lies_here(v);
}

/* How far each dim moves the operand's address; false: it has an offset or an index, or may leave the value. */
static bool affine_from_start(const struct tape_record *r, const struct tape_operand *o, int64_t *coef) {
  int64_t stride = 1, offset = 0;
  memset(coef, 0, PLAN_DIMS * sizeof *coef);
  for (uint8_t a = o->axes; a-- > 0; stride *= o->axis[a].extent) {
    const struct tape_axis *y = &o->axis[a];
    if (y->indirect != TAPE_INDIRECT_NONE || axis_leaves(r, y)) return false;
    for (uint8_t t = 0; t < y->terms; t++) /* along a dim of 1 a coef means nothing, and may be anything */
      if (r->dim[y->term[t].dim] > 1) coef[y->term[t].dim] += y->term[t].coef * stride;
    offset += y->offset * stride;
  }
  return offset == 0;
}

/* Are these the strides of the first `dims` dims, row major? */
static bool row_major(const struct tape_record *r, const int64_t *coef, uint32_t dims) {
  int64_t stride = 1;
  for (uint32_t d = dims; d-- > 0; stride *= r->dim[d])
    if (r->dim[d] > 1 && coef[d] != stride) return false;
  return true;
}

bool operand_is_identity(const struct tape_record *r, const struct tape_operand *o) {
  int64_t coef[PLAN_DIMS];
  return affine_from_start(r, o, coef) && row_major(r, coef, r->out_rank);
}

bool operand_walks(const struct tape_record *r, const struct tape_operand *o, uint32_t dims) {
  int64_t coef[PLAN_DIMS];
  if (!affine_from_start(r, o, coef)) return false;
  for (uint32_t d = dims; d < axis_rank(r); d++)
    if (coef[d] != 0) return false;
  return row_major(r, coef, dims);
}

/* A state entry that the tape hands on as it is. */
static bool passes_through(const struct tape_record *r) {
  return r->op == TAPE_MAP && r->space == TAPE_OUT && r->body_ops == 0 && r->operands == 1 &&
         r->operand[0].space == TAPE_IN && r->operand[0].first_leaf == r->first_leaf &&
         r->operand[0].dtype == r->dtype && operand_is_identity(r, &r->operand[0]);
}

static enum item_kind kind_of(const struct execute *x, uint32_t n) {
  const struct tape_record *r = &x->tape->record[n];
  bool plain = x->options.recognise_nothing;
  switch ((enum tape_op)r->op) {
  case TAPE_MAP:
    if (passes_through(r)) return ITEM_NOTHING;
    return !plain && window_back_fits(r) ? ITEM_WINDOW_BACK : ITEM_MAP;
  case TAPE_DOT:
    if (!plain && conv_fits(r)) return ITEM_CONV;
    if (!plain && filter_fits(x->backend, r)) return ITEM_FILTER;
    if (!plain && dot_fits(r)) return ITEM_DOT;
    if (!plain && column_fits(r)) return ITEM_COLUMN;
    return !plain && channel_fits(r) ? ITEM_CHANNEL : ITEM_FOLD;
  case TAPE_FOLD:
    if (!plain && column_fits(r)) return ITEM_COLUMN;
    return !plain && window_fits(r) && !fold_along_rows(r) ? ITEM_WINDOW : ITEM_FOLD;
  case TAPE_PUT: break;
  }
  return ITEM_PUT;
}

/* No item goes on behind a value that is altered: its readers would have seen it before. */
static bool ends_item(const struct execute *x, uint32_t n) { return x->options.alter && x->options.alter->record == n; }

static bool may_pass(enum item_kind kind) { return kind == ITEM_MAP || kind == ITEM_FOLD; }

static bool cut_into_items(struct execute *x) {
  const struct tape *t = x->tape;
  x->item = arena_take(&x->notes, t->records_count, sizeof *x->item);
  x->value = arena_take(&x->notes, t->records_count, sizeof *x->value);
  x->temp_record = arena_take(&x->notes, t->records_count, sizeof *x->temp_record);
  x->seconds = arena_take(&x->notes, t->records_count, sizeof *x->seconds);
  x->pass = arena_take(&x->notes, t->records_count, sizeof *x->pass);
  if (!x->item || !x->value || !x->temp_record || !x->seconds || !x->pass) return false;
  for (uint32_t n = 0; n < t->records_count; n++)
    if (t->record[n].space == TAPE_TEMP) x->temp_record[x->temps_count++] = n;
  for (uint32_t n = 0; n < t->records_count;) {
    struct item *i = &x->item[x->items_count++];
    *i = (struct item){.kind = kind_of(x, n), .first = n, .count = 1};
    while (may_pass(i->kind) && !x->options.recognise_nothing && n + i->count < t->records_count &&
           !ends_item(x, n + i->count - 1) && map_joins(x, n, n + i->count) && may_pass(kind_of(x, n + i->count)))
      i->count++;
    if (may_pass(i->kind) && i->count > 1) i->kind = ITEM_MAP;
    if (i->kind == ITEM_WINDOW && n + 1 < t->records_count && !ends_item(x, n) && window_joins(x, n)) i->count = 2;
    n += i->count;
  }
  return true;
}

/* Does the item write each element no sooner than it has read the operands' elements with its index? */
static bool goes_along(const struct item *item) { return item->kind == ITEM_MAP || item->kind == ITEM_WINDOW_BACK; }

/* Who reads what last, and which state entries are still read as they were when their record runs. */
static bool find_lives(struct execute *x) {
  const struct tape *t = x->tape;
  const struct layout *l = &t->layout;
  uint32_t *writer = arena_take(&x->notes, l->state_count, sizeof *writer); /* item of each state entry */
  if (!writer) return false;
  for (uint32_t i = 0; i < x->items_count; i++)
    for (uint32_t n = x->item[i].first; n < x->item[i].first + x->item[i].count; n++) {
      const struct tape_record *r = &t->record[n];
      struct value *v = &x->value[n];
      uint32_t unit = x->item[i].unit;
      *v = (struct value){
          .item = i, .born = unit, .dies = unit, .bytes = record_elements(r) * tape_dtype_bytes(r->dtype)};
      v->local = x->item[i].group && !x->options.materialise && !plan_sums(&x->item[i]) && !x->item[i].apart;
      v->read_outside = x->item[i].kind != ITEM_MAP || r->space == TAPE_OUT || x->options.materialise;
      if (r->space == TAPE_OUT) writer[plan_entry(x, r->first_leaf)] = n;
    }
  for (uint32_t i = 0; i < x->items_count; i++)
    for (uint32_t n = x->item[i].first; n < x->item[i].first + x->item[i].count; n++) {
      const struct tape_record *r = &t->record[n];
      uint32_t unit = x->item[i].unit;
      for (uint8_t o = 0; o < r->operands; o++) {
        if (r->operand[o].space == TAPE_TEMP) {
          struct value *v = &x->value[plan_producer(x, r->operand[o].first_leaf)];
          v->dies = unit;
          if (v->item != i) v->read_outside = true;
          if (v->born != v->dies || plan_sums(&x->item[i])) v->local = false; /* rows of a chunk may be others' */
        } else if (r->operand[o].space == TAPE_IN) {
          struct value *v = &x->value[writer[plan_entry(x, r->operand[o].first_leaf)]];
          bool with_its_own = goes_along(&x->item[i]) && operand_walks(r, &r->operand[o], axis_rank(r));
          if (unit > v->born || (unit == v->born && !with_its_own)) v->shadow = true;
        }
      }
    }
  return true;
}

uint32_t plan_entry(const struct execute *x, uint64_t first_leaf) {
  const struct layout_entry *e = x->tape->layout.entry;
  uint32_t low = 0, high = x->tape->layout.state_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (e[middle].first_leaf <= first_leaf)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* First fit over the values alive, kept by address. `alive` has room for all records. */
static uint64_t fit(const struct execute *x, uint32_t *alive, uint32_t *alive_count, uint32_t n) {
  uint64_t need = (x->value[n].bytes + LINE - 1) / LINE * LINE + LINE, at = 0;
  uint32_t i = 0;
  for (; i < *alive_count; i++) {
    const struct value *v = &x->value[alive[i]];
    if (at + need <= v->place.offset) break;
    at = v->place.offset + (v->bytes + LINE - 1) / LINE * LINE + LINE;
  }
  memmove(alive + i + 1, alive + i, (*alive_count - i) * sizeof *alive);
  alive[i] = n;
  ++*alive_count;
  return at;
}

/* Does item i read this value in another way than element by element, by maps; does it read it at all? */
static bool reads_otherwise(const struct execute *x, uint32_t i, const struct tape_record *producer, bool *reads) {
  const struct item *item = &x->item[i];
  for (uint32_t q = item->first; q < item->first + item->count; q++) {
    const struct tape_record *r = &x->tape->record[q];
    for (uint8_t o = 0; o < r->operands; o++) {
      if (r->operand[o].space != TAPE_TEMP || r->operand[o].first_leaf != producer->first_leaf) continue;
      *reads = true;
      if (!goes_along(item) || !operand_walks(r, &r->operand[o], axis_rank(r))) return true;
    }
  }
  return false;
}

/* A temp that only this pass still reads, element by element (a fold: along outputs and k), gives its place to the
 * value that takes over: half the memory that a long activation moves. In a group no other item may read it: bands run
 * at once, but an element is read and written by the same task. Returns its index in `alive`, or alive_count. */
static uint32_t successor_of(const struct execute *x, uint32_t i, uint32_t n, const uint32_t *alive,
                             uint32_t alive_count) {
  const struct tape_record *all = x->tape->record, *r = &all[n];
  if (!goes_along(&x->item[i]) || r->dtype == TAPE_U8) return alive_count;
  for (uint32_t a = 0; a < alive_count; a++) {
    const struct value *v = &x->value[alive[a]];
    const struct tape_record *producer = &all[alive[a]];
    bool fits = v->born < x->value[n].born && v->dies == x->value[n].born && v->bytes == x->value[n].bytes &&
                producer->dtype != TAPE_U8;
    bool read = false, elsewhere = false;
    for (uint32_t j = x->item[i].unit; j < x->items_count && x->item[j].unit == x->item[i].unit && fits; j++)
      if (reads_otherwise(x, j, producer, j == i ? &read : &elsewhere)) fits = false;
    if (fits && read && !elsewhere) return a;
  }
  return alive_count;
}

static uint64_t value_bytes(const struct execute *x, uint32_t n) { return x->value[n].local ? 0 : x->value[n].bytes; }

/* A value that nobody outside its unit reads before this much else has been touched has left the caches by then; what
 * stays in them is quicker to write. */
enum { FAR_BYTES = 32 << 20, FAR_LEAST_BYTES = 1 << 17 };

/* What a pass of maps makes for somebody much later is written past the caches, and if its own group reads it too,
 * into the thread's buffer besides, which is in the cache already. A store to a line that is not there fetches it first
 * and throws out another. */
static bool find_far(struct execute *x) {
  const struct tape *t = x->tape;
  struct readers {
    uint32_t next; /* unit that reads it after its own */
    bool here, otherwise;
  } *readers = arena_take(&x->notes, t->records_count, sizeof *readers);
  uint64_t *passed = arena_take(&x->notes, x->items_count + 1u, sizeof *passed), distance = 0;
  uint64_t *after = arena_take(&x->notes, x->items_count + 1u, sizeof *after); /* of each unit, its items included */
  if (!readers || !passed || !after) return false;
  for (uint32_t n = 0; n < t->records_count; n++) readers[n].next = UINT32_MAX;
  for (uint32_t i = 0; i < x->items_count; i++) {
    const struct item *item = &x->item[i];
    passed[i] = distance;
    for (uint32_t n = item->first; n < item->first + item->count; n++) {
      distance += value_bytes(x, n);
      for (uint8_t o = 0; o < t->record[n].operands; o++) {
        if (t->record[n].operand[o].space != TAPE_TEMP) continue;
        uint32_t of = plan_producer(x, t->record[n].operand[o].first_leaf);
        const struct value *v = &x->value[of];
        if (v->item == i) continue;
        distance += value_bytes(x, of);
        if (v->born != item->unit && item->unit < readers[of].next) readers[of].next = item->unit;
        if (v->born != item->unit) continue;
        readers[of].here = true;
        bool reads_here =
            item->kind == ITEM_MAP || item->kind == ITEM_FOLD || item->kind == ITEM_DOT || plan_sums(item);
        if (!reads_here) readers[of].otherwise = true;
      }
    }
    after[item->unit] = distance;
  }
  bool wanted = !x->options.materialise && !x->options.recognise_nothing;
  for (uint32_t n = 0; n < t->records_count && wanted; n++) {
    const struct readers *by = &readers[n];
    struct value *v = &x->value[n];
    bool fits = x->item[v->item].kind == ITEM_MAP && t->record[n].space == TAPE_TEMP && t->record[n].dtype != TAPE_U8;
    if (!fits || v->local || by->otherwise || by->next == UINT32_MAX) continue;
    uint64_t from = by->here ? passed[v->born] : after[v->born];
    bool far = v->bytes >= FAR_LEAST_BYTES && passed[by->next] - from >= FAR_BYTES;
    if (!far && !x->options.small_tasks) continue;
    if (by->here)
      v->here.base = BASE_BAND;
    else
      v->far = true;
  }
  return true;
}

static bool place_values(struct execute *x) {
  const struct tape *t = x->tape;
  uint32_t *alive = arena_take(&x->notes, t->records_count + 1u, sizeof *alive), alive_count = 0;
  if (!alive) return false;
  uint64_t high = x->options.materialise ? (uint64_t)t->temp_leaves * TAPE_LEAF_BYTES : 0;
  for (uint32_t i = 0; i < x->items_count; i++) {
    struct item *item = &x->item[i];
    for (uint32_t n = item->first; n < item->first + item->count; n++) {
      const struct tape_record *r = &t->record[n];
      struct value *v = &x->value[n];
      v->stored = v->read_outside;
      if (r->space == TAPE_OUT) {
        v->place = (struct place){.base = BASE_STATE, .offset = r->first_leaf * TAPE_LEAF_BYTES};
        if (item->kind == ITEM_NOTHING) v->shadow = false;
        v->over = !v->shadow;
        if (v->shadow) v->place = plan_take(x, v->bytes);
        if (item->kind == ITEM_NOTHING && r->dtype == TAPE_F32)
          x->pass[x->passes_count++] = (struct pass){v->place.offset, record_elements(r)};
      } else if (x->options.materialise) {
        v->place = (struct place){.base = BASE_BULK, .offset = r->first_leaf * TAPE_LEAF_BYTES};
      } else if (v->stored && !v->local) {
        uint32_t from = successor_of(x, i, n, alive, alive_count);
        if (from < alive_count) {
          v->over = true;
          v->here = (struct place){0}; /* what it takes over is near */
          v->far = false;
          v->place = x->value[alive[from]].place;
          alive[from] = n;
          continue;
        }
        v->place = (struct place){.base = BASE_BULK, .offset = fit(x, alive, &alive_count, n)};
        if (v->place.offset + v->bytes > high) high = v->place.offset + v->bytes;
      }
    }
    if (i + 1 < x->items_count && x->item[i + 1].unit == item->unit) continue;
    uint32_t kept = 0;
    for (uint32_t a = 0; a < alive_count; a++)
      if (x->value[alive[a]].dies > item->unit) alive[kept++] = alive[a];
    alive_count = kept;
  }
  /* Values' offsets count from the start of the temp region; what plan_take gave out moves behind it. */
  x->temps = (struct place){.base = BASE_BULK, .offset = x->bulk_bytes};
  for (uint32_t k = 0; k < x->temps_count; k++)
    if (!x->value[x->temp_record[k]].local) x->value[x->temp_record[k]].place.offset += x->bulk_bytes;
  plan_take(x, high);
  return band_place(x);
}

static bool plan_items(struct execute *x) {
  for (uint32_t i = 0; i < x->items_count; i++) {
    struct item *item = &x->item[i];
    bool made = true;
    x->planned = item;
    switch (item->kind) {
    case ITEM_NOTHING: break;
    case ITEM_MAP: made = map_plan(x, item); break;
    case ITEM_DOT: made = dot_plan(x, item); break;
    case ITEM_CONV: made = conv_plan(x, item); break;
    case ITEM_FILTER: made = filter_plan(x, item); break;
    case ITEM_FOLD: made = fold_plan(x, item); break;
    case ITEM_COLUMN: made = column_plan(x, item); break;
    case ITEM_CHANNEL: made = channel_plan(x, item); break;
    case ITEM_WINDOW: made = window_plan(x, item); break;
    case ITEM_WINDOW_BACK: made = window_back_plan(x, item); break;
    case ITEM_PUT: made = put_plan(x, item); break;
    }
    if (!made) return false;
  }
  x->planned = NULL;
  return true;
}

enum execute_status plan_make(struct execute *x, struct why *why) {
  x->seat = arena_take(&x->notes, x->threads, sizeof *x->seat);
  if (!x->seat || !cut_into_items(x) || !band_cut(x) || !find_lives(x) || !find_far(x) || !place_values(x) ||
      !plan_items(x)) {
    why_set(why, "the plan of a tape of %u records does not fit in memory", (unsigned)x->tape->records_count);
    return EXECUTE_ERR_MEMORY;
  }
  x->frames = plan_take(x, x->threads * program_frame_bytes(x));
  x->accumulators_words = (x->accumulators_words + 15) / 16 * 16;
  for (uint32_t i = 0; i < x->threads; i++)
    if (!(x->seat[i].seconds = arena_take(&x->notes, x->items_count + 1u, sizeof(double)))) return EXECUTE_ERR_MEMORY;
  x->accumulators = plan_take(x, x->threads * x->accumulators_words * 4);
  x->workspace = plan_take(x, x->workspace_bytes);
  x->copies = plan_take(x, x->copies_bytes);
  return EXECUTE_OK;
}
