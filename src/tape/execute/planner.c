#include "tape/execute/planner.h"

#include "tape/execute/band/band.h"
#include "tape/execute/conv/conv.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/filter/filter.h"
#include "tape/execute/fold/channel.h"
#include "tape/execute/fold/column.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/fold/put.h"
#include "tape/execute/lay.h"
#include "tape/execute/map/map.h"
#include "tape/execute/window/window.h"
#include "tape/execute/window/window_back.h"

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

enum execute_status planner_make(struct execute *x, struct why *why) {
  x->seat = arena_take(&x->notes, x->threads, sizeof *x->seat);
  if (!x->seat || !cut_into_items(x) || !band_cut(x) || !lay_lives(x) || !lay_far(x) || !lay_values(x) ||
      !band_place(x) || !plan_items(x)) {
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
