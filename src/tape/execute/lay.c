#include "tape/execute/lay.h"

#include <string.h>

#include "tape/execute/plan/axis.h"

/* Does the item write each element no sooner than it has read the operands' elements with its index? */
static bool goes_along(const struct item *item) { return item->kind == ITEM_MAP || item->kind == ITEM_WINDOW_BACK; }

/* Who reads what last, and which state entries are still read as they were when their record runs. */
bool lay_lives(struct execute *x) {
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

/* First fit over the values alive, kept by address. `alive` has room for all records. */
static uint64_t fit(const struct execute *x, uint32_t *alive, uint32_t *alive_count, uint32_t n) {
  uint64_t need = plan_room(x->value[n].bytes), at = 0;
  uint32_t i = 0;
  for (; i < *alive_count; i++) {
    const struct value *v = &x->value[alive[i]];
    if (at + need <= v->place.offset) break;
    at = v->place.offset + plan_room(v->bytes);
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
bool lay_far(struct execute *x) {
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

bool lay_values(struct execute *x) {
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
  return true;
}
