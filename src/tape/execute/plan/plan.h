/* plan: what the parts of the fast executor share: where values lie, the state of a step, the items of a plan.
 *
 * Internal to tape/execute. An item is one record, or adjacent maps and folds of their rows that run as one pass. Uses:
 * execute, base/arena. */
#ifndef TAPE_PLAN_H
#define TAPE_PLAN_H
#include <string.h>

#include "base/arena.h"
#include "tape/execute/execute.h"

enum { PLAN_DIMS = 2 * TAPE_RANK_MAX };

/* Bases of addresses: `bulk` is all memory of the plan, `state` the caller's blob, `band` the buffer of the thread that
 * asks, then the data tensors. */
enum plan_base { BASE_BULK, BASE_STATE, BASE_BAND, BASE_DATA };
struct place {
  uint16_t base;
  uint64_t offset;     /* bytes */
  uint64_t band_bytes; /* BASE_BAND: of one band of the value; only the band that the thread is at is there */
};

/* Where a thread stands in a group of items: its buffer, and the band that lies in it. */
struct seat {
  uint8_t *buffer;
  uint64_t band;
  double *seconds;  /* one an item of the group */
  uint32_t next;    /* band to try */
  uint8_t line[36]; /* so that neighbours do not share a line */
};

enum item_kind {
  ITEM_NOTHING,
  ITEM_MAP,
  ITEM_DOT,
  ITEM_CONV,
  ITEM_FILTER,
  ITEM_FOLD,
  ITEM_COLUMN,
  ITEM_CHANNEL,
  ITEM_WINDOW,
  ITEM_WINDOW_BACK,
  ITEM_PUT
};
struct item {
  enum item_kind kind;
  uint32_t first, count; /* records */
  uint32_t group, bands; /* group: 1 + its number, 0: in none */
  bool apart;            /* a dot's bands do not lie side by side: nobody in the group reads its value */
  uint32_t unit;         /* the first item of its group, or itself: items of a group happen at the same time */
  void *plan;            /* struct of the kind, in execute.notes */
};

/* Items first .. first + count - 1, run band by band. */
struct group {
  uint32_t first, count, bands;
  uint64_t sums_bytes; /* of the workspace, for chunks that its bands fill */
};

/* A value in temp space, or a state entry as it is written. */
struct value {
  struct place place;
  uint64_t bytes;
  struct place here; /* BASE_BAND: its group reads a copy, since `place` is written past the caches for others */
  uint32_t item, born, dies; /* the item that makes it; units */
  bool read_outside;         /* of its item */
  bool stored;
  bool local;  /* nobody outside its group reads it: it lies in the buffer of the thread */
  bool over;   /* takes the place of an operand of its own pass: the same element, read before it is written */
  bool far;    /* somebody reads it much later, and nobody soon: it is written past the caches */
  bool shadow; /* a state entry that cannot be rewritten in place and is copied at the end of the step */
};

static inline bool value_lies_here(const struct value *v) { return v->here.base == BASE_BAND; }

/* A state entry that passes through unchanged. */
struct pass {
  uint64_t offset, words;
};

struct execute {
  const struct tape *tape;
  struct execute_options options;
  const struct backend *backend;
  uint8_t *base[BASE_DATA + 256];
  uint32_t step;
  uint64_t seed;
  struct arena notes;                   /* the plan itself */
  struct arena bulk;                    /* values, halos, tables, workspaces */
  uint64_t bulk_bytes, workspace_bytes; /* workspace: shared by the items, one at a time */
  uint32_t fused;                       /* bodies of numeric/fused in all programs */
  uint32_t moved;                       /* passes of values that are only moved */
  uint32_t by_row;                      /* operations over rows that take a word a row as it is, in all programs */
  uint32_t gathers;                     /* operands whose rows are asked for ahead, in all programs */
  uint64_t frames_slots, frames_nodes;  /* most block slots and nodes of any program */
  uint64_t accumulators_words;          /* per thread */
  uint64_t copies_bytes, copies_used;   /* most of any unit; of the unit that is being planned */
  uint32_t copies_unit;
  struct place workspace, frames, accumulators, temps, copies;
  struct seat *seat;                  /* one a thread */
  struct value *value;                /* one a record */
  uint32_t *temp_record, temps_count; /* records with a temp value, ascending */
  uint32_t items_count, passes_count;
  struct item *item;
  struct group *group;
  uint32_t groups_count;
  uint64_t buffer_bytes; /* a thread, for the local values of any group */
  struct place buffers;
  struct pass *pass;
  struct halo *halos;
  const struct item *planned; /* while it is, plan_operand_place answers for it */
  double *seconds;            /* one a record */
  uint32_t threads;
  const uint8_t *last_state; /* of the last step, with its number: passes are known to be canonical then */
  uint32_t last_step;
};

static inline uint8_t *place_at(const struct execute *x, struct place p) { return x->base[p.base] + p.offset; }

/* place_at_thread is the start of the whole value, so that every element keeps its index, though of a value in the
 * thread's buffer only the elements of its band are there. Anything that may run inside a group asks here, once a band.
 */
static inline uint8_t *place_at_thread(const struct execute *x, struct place p, uint32_t thread) {
  if (p.base != BASE_BAND) return place_at(x, p);
  const struct seat *s = &x->seat[thread];
  uintptr_t at = (uintptr_t)s->buffer + p.offset - p.band_bytes * s->band; /* may lie in front of the buffer */
  uint8_t *start;
  memcpy(&start, &at, sizeof start);
  return start;
}

/* Bytes rounded up to lines of the caches, and a line between, so that neighbours do not share one. */
static inline uint64_t plan_room(uint64_t bytes) {
  enum { LINE = 64 };
  return (bytes + LINE - 1) / LINE * LINE + LINE;
}

/* Planning: memory that lives for the whole plan, and the workspace's size. */
struct place plan_take(struct execute *x, uint64_t bytes);
static inline void plan_need_workspace(struct execute *x, uint64_t bytes) {
  if (bytes > x->workspace_bytes) x->workspace_bytes = bytes;
}

/* plan_take_copy takes room for a copy of an operand, which lasts while the item's unit (a group, or the item alone)
 * runs; the next unit's copies lie there too. plan_copy is where it lies. */
static inline uint64_t plan_take_copy(struct execute *x, const struct item *item, uint64_t bytes) {
  if (x->copies_unit != item->unit) x->copies_unit = item->unit, x->copies_used = 0;
  uint64_t at = x->copies_used;
  x->copies_used += plan_room(bytes);
  if (x->copies_used > x->copies_bytes) x->copies_bytes = x->copies_used;
  return at;
}
static inline uint8_t *plan_copy(const struct execute *x, uint64_t at) { return place_at(x, x->copies) + at; }

/* A few blocks a thread beside the program's frame. */
static inline void plan_need_accumulators(struct execute *x, uint64_t words) {
  if (words > x->accumulators_words) x->accumulators_words = words;
}
static inline uint32_t *plan_accumulators(const struct execute *x, uint32_t thread) {
  return (uint32_t *)(void *)(place_at(x, x->accumulators) + thread * x->accumulators_words * 4);
}

/* Wall clock, for profiles only. */
double plan_seconds(void);

/* plan_operand_place is where operand o of any record lies; plan_producer the temp record with this first leaf. */
struct place plan_operand_place(const struct execute *x, const struct tape_operand *o);
uint32_t plan_producer(const struct execute *x, uint64_t first_leaf);
uint32_t plan_entry(const struct execute *x, uint64_t first_leaf); /* index of the state entry */

/* plan_sums: does the item sum over what the bands of a group make, so that its value is there after all of them? */
static inline bool plan_sums(const struct item *item) { return item->kind == ITEM_COLUMN || item->kind == ITEM_FILTER; }

/* plan_others_write: while the item reads this operand, other threads may be writing further parts of its value. */
bool plan_others_write(const struct execute *x, const struct item *item, const struct tape_operand *o);

/* operand_is_identity: element i of the output reads element i of the operand, always in range, whatever k is.
 * operand_walks: element i of the first `dims` dims, of outputs and k, does, whatever the others are. */
bool operand_is_identity(const struct tape_record *r, const struct tape_operand *o);
bool operand_walks(const struct tape_record *r, const struct tape_operand *o, uint32_t dims);

/* plan_grain: how many of `count` units of this estimated cost make a task of about 0.1 ms, or all where it is not
 * worth waking anybody. */
uint64_t plan_grain(const struct execute *x, uint64_t count, uint64_t picoseconds);

#endif
