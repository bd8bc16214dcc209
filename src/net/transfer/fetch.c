#include "net/transfer/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fetch {
  struct shelf *shelf;
  const uint8_t *root, *account;
  uint64_t leaves;
  const struct transfer_options *options;
  const char *server;
  struct wire wire;
  struct shelf_list list;
  struct shelf_piece *piece;
  bool open; /* the piece takes bytes */
  uint32_t next, pieces;
  enum shelf_status status; /* why taking ended */
  struct why *why;
};

static bool take_list(void *context, const void *bytes, size_t length) {
  struct fetch *f = context;
  f->status = shelf_list_add(&f->list, bytes, length, f->why);
  return f->status == SHELF_OK;
}

static void tell(const struct fetch *f) {
  if (!f->options->progress) return;
  uint64_t all = f->leaves * BLOB_LEAF_BYTES, done = (uint64_t)f->next * BLOB_PIECE_BYTES;
  f->options->progress(f->options->context, f->server, done < all ? done : all, all);
}

static bool take_bytes(void *context, const void *bytes, size_t length) {
  struct fetch *f = context;
  const uint8_t *at = bytes;
  while (length > 0) {
    if (f->next == f->pieces) {
      why_set(f->why, "more bytes than the blob has");
      f->status = SHELF_WRONG;
      return false;
    }
    if (!f->open && (f->status = shelf_piece_begin(f->shelf, f->root, f->next, f->piece, f->why)) != SHELF_OK)
      return false;
    f->open = true;
    uint32_t left = f->piece->length - f->piece->held;
    size_t n = length < left ? length : left;
    if ((f->status = shelf_piece_add(f->piece, at, n, f->why)) != SHELF_OK) return false;
    at += n;
    length -= n;
    if (f->piece->held < f->piece->length) continue;
    f->open = false;
    uint32_t next;
    if ((f->status = shelf_piece_keep(f->piece, &next, f->why)) != SHELF_OK) return false;
    f->next++; /* not `next`: somebody else may be ahead, and the bytes that come are those behind this piece */
    tell(f);
  }
  return true;
}

/* What a taking that ended is to the caller. */
static enum transfer_status outcome(const struct fetch *f, struct why *why) {
  switch (f->status) {
  case SHELF_OK: return TRANSFER_OK;
  case SHELF_WRONG: why_before(why, "%s is dishonest: ", f->server); return TRANSFER_WRONG;
  case SHELF_QUOTA: return TRANSFER_QUOTA;
  case SHELF_DISK: return TRANSFER_DISK;
  case SHELF_NONE:
  case SHELF_ORDER: return TRANSFER_LOST; /* erased or found damaged meanwhile: once more */
  }
  return TRANSFER_LOST;
}

/* An answer that is no success, or a connection that ended. */
static enum transfer_status no_answer(struct fetch *f, enum transfer_status status, struct why *why) {
  if (status == TRANSFER_WRONG && f->wire.refused) return outcome(f, why);
  if (status != TRANSFER_OK) return status;
  if (f->wire.http == f->wire.expect) return TRANSFER_OK;
  wire_says(&f->wire, why);
  return f->wire.http == 404 ? TRANSFER_NONE : TRANSFER_LOST;
}

static enum transfer_status fetch_list(struct fetch *f, struct why *why) {
  enum shelf_status begun = shelf_list_begin(f->shelf, f->root, f->leaves, f->account, &f->list, why);
  if (begun == SHELF_QUOTA) return TRANSFER_QUOTA;
  if (begun != SHELF_OK) return begun == SHELF_DISK ? TRANSFER_DISK : TRANSFER_REFUSED;
  f->status = SHELF_OK;
  f->wire.take = take_list;
  f->wire.expect = 200;
  f->wire.range = NULL;
  enum transfer_status status = TRANSFER_REFUSED;
  if (wire_url(&f->wire, f->server, f->root, "/leaves", why)) status = no_answer(f, wire_run(&f->wire, why), why);
  if (status != TRANSFER_OK) {
    shelf_list_drop(&f->list);
    return status;
  }
  f->status = shelf_list_end(&f->list, why);
  return outcome(f, why);
}

/* One connection for all that is lacking. */
static enum transfer_status fetch_bytes(struct fetch *f, struct why *why) {
  char range[40];
  struct shelf_blob blob;
  /* Before the range is asked for: what was there at start may be damaged. */
  if (!shelf_find(f->shelf, f->root, &blob)) return TRANSFER_LOST;
  f->pieces = blob.pieces;
  f->status = shelf_piece_begin(f->shelf, f->root, blob.next, f->piece, why);
  if (f->status != SHELF_OK && f->status != SHELF_ORDER) return outcome(f, why);
  if (!shelf_find(f->shelf, f->root, &blob)) return TRANSFER_LOST;
  f->next = blob.next;
  f->open = false;
  if (f->next == f->pieces) return TRANSFER_OK;
  f->status = SHELF_OK;
  snprintf(range, sizeof range, "%" PRIu64 "-", (uint64_t)f->next * BLOB_PIECE_BYTES);
  f->wire.take = take_bytes;
  f->wire.expect = 206;
  f->wire.range = range;
  if (!wire_url(&f->wire, f->server, f->root, "", why)) return TRANSFER_REFUSED;
  enum transfer_status status = no_answer(f, wire_run(&f->wire, why), why);
  f->wire.range = NULL;
  /* Once the blob has its name nothing that comes behind it matters. */
  if (shelf_find(f->shelf, f->root, &blob) && blob.next == blob.pieces) return TRANSFER_OK;
  if (status != TRANSFER_OK) return status;
  why_set(why, "%s: the bytes end too early", f->wire.url);
  return TRANSFER_LOST;
}

static uint32_t next_of(const struct fetch *f) {
  struct shelf_blob blob;
  return shelf_find(f->shelf, f->root, &blob) ? blob.next : 0;
}

/* Everything that one server gives. */
static enum transfer_status from_server(struct fetch *f, struct why *why) {
  struct shelf_blob blob;
  enum transfer_status status = TRANSFER_OK;
  if (!shelf_find(f->shelf, f->root, &blob)) status = fetch_list(f, why);
  while (status == TRANSFER_OK) {
    uint32_t before = next_of(f);
    status = fetch_bytes(f, why);
    if (status == TRANSFER_OK) return status;
    if (status == TRANSFER_LOST && next_of(f) > before && !wire_late(&f->wire)) status = TRANSFER_OK; /* TRANSFER 3.2 */
  }
  return status;
}

enum { SERVERS_MAX = 64 };

static enum transfer_status from_any(struct fetch *f, const struct transfer_server *servers, uint32_t count,
                                     struct why *why) {
  bool dishonest[SERVERS_MAX] = {false};
  uint32_t rounds = f->options->rounds ? f->options->rounds : 3, pause_ms = 250;
  struct why last = {""}, caught = {""};
  enum transfer_status answer = TRANSFER_LOST;
  for (uint32_t round = 0; round < rounds; round++, pause_ms *= 2) {
    uint32_t none = 0, wrong = 0;
    for (uint32_t i = 0; i < count; i++) {
      struct why now = {""};
      if (!dishonest[i]) {
        f->server = servers[i].url;
        f->why = &now;
        enum transfer_status status = from_server(f, &now);
        bool final = status == TRANSFER_DISK || status == TRANSFER_QUOTA || status == TRANSFER_STOPPED;
        if (status == TRANSFER_OK || final) {
          if (final) why_set(why, "%s", now.text);
          return status;
        }
        dishonest[i] = status == TRANSFER_WRONG;
        none += status == TRANSFER_NONE;
        if (dishonest[i])
          caught = now;
        else
          last = now;
      }
      wrong += dishonest[i];
    }
    answer = none + wrong < count ? TRANSFER_LOST : none ? TRANSFER_NONE : TRANSFER_WRONG;
    why_set(why, "%s", answer == TRANSFER_WRONG ? caught.text : last.text);
    if (answer != TRANSFER_LOST || round + 1 == rounds || wire_late(&f->wire)) break;
    if (!call_pause(f->options->stop, pause_ms)) return TRANSFER_STOPPED;
  }
  return answer;
}

enum transfer_status transfer_fetch(struct shelf *shelf, const uint8_t root[32], uint64_t leaves,
                                    const uint8_t account[32], const struct transfer_server *servers, uint32_t count,
                                    const struct transfer_options *options, struct why *why) {
  static const struct transfer_options usual = {0};
  struct shelf_blob blob;
  if (shelf_find(shelf, root, &blob) && blob.next == blob.pieces) return TRANSFER_OK;
  if (count == 0 || count > SERVERS_MAX) {
    why_set(why, "a blob is fetched from 1 to %d servers, not %" PRIu32, SERVERS_MAX, count);
    return TRANSFER_NONE;
  }
  struct fetch f = {.shelf = shelf, .root = root, .account = account, .leaves = leaves};
  f.options = options ? options : &usual;
  f.piece = malloc(sizeof *f.piece);
  assert(f.piece && "memory for a piece");
  enum transfer_status status = TRANSFER_LOST;
  bool open = wire_open(&f.wire, f.options);
  f.wire.context = &f;
  if (open)
    status = from_any(&f, servers, count, why);
  else
    why_set(why, "libcurl does not start");
  wire_shut(&f.wire);
  free(f.piece);
  return status;
}
