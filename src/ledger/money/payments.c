/* The list of an event's flows: row u8 | from | to | amount u64 each; a pocket is kind u8 | role u8 for a stake |
 * length u8 for a lock | id. */
#include "base/bytes.h"
#include "ledger/money/money.h"

static uint8_t id_length(uint8_t kind) {
  return kind == POCKET_BALANCE || kind == POCKET_STAKE || kind == POCKET_ESCROW ? 32 : 0;
}

static void put_pocket(struct writer *w, const struct pocket *p) {
  put_u8(w, p->kind);
  if (p->kind == POCKET_STAKE) put_u8(w, p->role);
  if (p->kind == POCKET_LOCK) put_u8(w, p->length);
  put_bytes(w, p->id, p->length);
}

static bool take_pocket(struct reader *r, struct pocket *p) {
  *p = (struct pocket){.kind = take_u8(r)};
  if (p->kind < POCKET_BALANCE || p->kind > POCKET_GAS) return false;
  if (p->kind == POCKET_STAKE) p->role = take_u8(r);
  p->length = p->kind == POCKET_LOCK ? take_u8(r) : id_length(p->kind);
  if (p->role >= ROLES || p->length > POCKET_ID_BYTES_MAX) return false;
  const uint8_t *id = take_bytes(r, p->length);
  if (id) memcpy(p->id, id, p->length);
  return !r->short_of;
}

void payments_begin(struct payments *list) {
  list->count = 0;
  list->used = 0;
  list->full = false;
}

void payments_add(struct payments *list, const struct payment *p) {
  struct writer w = writer_over(list->bytes + list->used, sizeof list->bytes - list->used);
  put_u8(&w, p->row);
  put_pocket(&w, &p->from);
  put_pocket(&w, &p->to);
  put_u64(&w, p->amount);
  if (w.full || list->full) { /* nothing after the first that did not fit, so that the list has no holes */
    list->full = true;
    return;
  }
  list->used += bytes_written(&w);
  list->count++;
}

bool payments_next(const uint8_t *bytes, size_t length, size_t *offset, struct payment *out) {
  struct payment p;
  if (*offset >= length) return false;
  struct reader r = reader_over(bytes + *offset, length - *offset);
  p.row = take_u8(&r);
  if (!take_pocket(&r, &p.from) || !take_pocket(&r, &p.to)) return false;
  p.amount = take_u64(&r);
  if (r.short_of || !p.amount) return false;
  *offset = length - bytes_left(&r);
  *out = p;
  return true;
}
