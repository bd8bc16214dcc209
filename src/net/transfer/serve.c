#include "net/transfer/serve.h"

#include "base/bytes.h"
#include "crypto/address.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void serve_signed(const uint8_t genesis[32], const uint8_t storer[32], const uint8_t root[32], uint64_t leaves,
                  uint64_t time_s, uint8_t bytes[SERVE_SIGNED_BYTES]) {
  struct writer w = writer_over(bytes, SERVE_SIGNED_BYTES);
  put_bytes(&w, "assay/blob/1", 13);
  put_bytes(&w, genesis, 32);
  put_bytes(&w, storer, 32);
  put_bytes(&w, root, 32);
  put_u64(&w, leaves);
  put_u64(&w, time_s);
  assert(!w.full && w.at == w.end);
}

static const char *phrase(int code) {
  switch (code) {
  case 200: return "OK";
  case 206: return "Partial Content";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 411: return "Length Required";
  case 413: return "Content Too Large";
  case 416: return "Range Not Satisfiable";
  case 422: return "Unprocessable Content";
  case 507: return "Insufficient Storage";
  }
  return "Error";
}

static bool begin(struct exchange *e, int code, const char *type, uint64_t length, const char *more) {
  char text[512];
  int n = snprintf(text, sizeof text,
                   "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %" PRIu64 "\r\n%sConnection: close\r\n\r\n",
                   code, phrase(code), type, length, more);
  e->answers(e->context, length);
  return e->write(e->context, text, (size_t)n);
}

static void say(struct exchange *e, int code, const char *words) {
  char text[WHY_MAX + 2];
  int n = snprintf(text, sizeof text, "%s\n", words);
  if (begin(e, code, "text/plain; charset=us-ascii", (uint64_t)n, "") && strcmp(e->head.method, "HEAD") != 0)
    e->write(e->context, text, (size_t)n);
}

static void say_next(struct exchange *e, int code, uint32_t next, uint32_t pieces) {
  char text[80];
  int n = snprintf(text, sizeof text, "{\"next\":%" PRIu32 ",\"pieces\":%" PRIu32 "}\n", next, pieces);
  if (begin(e, code, "application/json", (uint64_t)n, "")) e->write(e->context, text, (size_t)n);
}

static void say_failure(struct exchange *e, enum shelf_status status, const struct why *why) {
  switch (status) {
  case SHELF_OK: assert(false && "no failure"); return;
  case SHELF_NONE: say(e, 404, why->text); return;
  case SHELF_WRONG: say(e, 422, why->text); return;
  case SHELF_ORDER: say(e, 409, why->text); return;
  case SHELF_QUOTA: say(e, 413, why->text); return;
  case SHELF_DISK: say(e, 507, "the storer's disk is full or fails"); return; /* its folders are its own business */
  }
}

/* TRANSFER 2.3 */
static void give(const struct serve *s, struct exchange *e, const struct head_target *t) {
  uint64_t first, length, a = 0, b = UINT64_MAX;
  int file = t->what == HEAD_PIECE ? -1 : shelf_file(s->shelf, t->root, t->what == HEAD_LIST, &first, &length);
  if (file < 0) {
    say(e, 404, "no such blob here, or not whole yet");
    return;
  }
  bool part = head_range(e->head.range, &a, &b);
  if (part && a >= length) {
    say(e, 416, "the range begins behind the end");
    close(file);
    return;
  }
  if (b >= length) b = length - 1;
  char range[96] = "Accept-Ranges: bytes\r\n";
  if (part) snprintf(range, sizeof range, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", a, b, length);
  bool more = begin(e, part ? 206 : 200, "application/octet-stream", b - a + 1, range);
  if (strcmp(e->head.method, "HEAD") == 0) more = false;
  uint8_t bytes[16384];
  for (uint64_t at = a; more && at <= b;) {
    uint64_t want = b - at + 1;
    ssize_t n = pread(file, bytes, want < sizeof bytes ? (size_t)want : sizeof bytes, (off_t)(first + at));
    more = n > 0 && e->write(e->context, bytes, (size_t)n);
    if (more) at += (uint64_t)n;
  }
  close(file);
}

/* TRANSFER 2.6, 2.7 */
static bool allowed(const struct serve *s, struct exchange *e, const uint8_t root[32], uint64_t leaves,
                    uint8_t account[32]) {
  struct head_signature by;
  struct sign_public key;
  uint8_t text[SERVE_SIGNED_BYTES], first[32];
  int64_t now = (int64_t)time(NULL);
  if (!head_signature(e->head.authorization, &by)) {
    say(e, 401, "no signature: Authorization: Assay ACCOUNT KEY TIME SIGNATURE");
    return false;
  }
  int64_t age = now - (int64_t)by.time_s;
  if (age > SERVE_FRESH_S || age < -SERVE_FRESH_S) {
    say(e, 401, "the signature is not fresh: is a clock wrong?");
    return false;
  }
  memcpy(key.bytes, by.key, 32);
  serve_signed(s->genesis, s->account, root, leaves, by.time_s, text);
  if (!sign_check(&key, text, sizeof text, by.signature)) {
    say(e, 401, "the signature does not check: is it for this storer, chain and blob?");
    return false;
  }
  address_of_key(by.key, first);
  bool may =
      s->may ? s->may(s->context, by.account, by.key, leaves * (BLOB_LEAF_BYTES + 32)) : !memcmp(first, by.account, 32);
  if (!may) say(e, 403, "this account may not store blobs here, or not with this key");
  memcpy(account, by.account, 32);
  return may;
}

/* TRANSFER 2.4: the list. */
static void take_list(const struct serve *s, struct exchange *e, const struct head_target *t) {
  struct why why = {""};
  struct shelf_list list;
  struct shelf_blob blob;
  uint8_t account[32], bytes[4096];
  uint64_t left = e->head.body_length, leaves = left / 32;
  if (left == 0 || left % 32 != 0 || leaves > BLOB_LEAVES_MAX) {
    say(e, 400, "a list is 32 bytes for each leaf");
    return;
  }
  if (!allowed(s, e, t->root, leaves, account)) return;
  enum shelf_status status = shelf_list_begin(s->shelf, t->root, leaves, account, &list, &why);
  if (status == SHELF_OK) {
    size_t n = 0;
    while (left > 0 && status == SHELF_OK) {
      n = e->read(e->context, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes);
      if (n == 0) break;
      status = shelf_list_add(&list, bytes, n, &why);
      left -= n;
    }
    if (status == SHELF_OK && left == 0)
      status = shelf_list_end(&list, &why);
    else
      shelf_list_drop(&list);
    if (status == SHELF_OK && left > 0) {
      say(e, 408, "the list did not come in time");
      return;
    }
  }
  if (status != SHELF_OK)
    say_failure(e, status, &why);
  else if (!shelf_find(s->shelf, t->root, &blob))
    say(e, 404, "the blob was erased meanwhile");
  else
    say_next(e, 200, blob.next, blob.pieces);
}

/* TRANSFER 2.5: ends at the first wrong leaf. */
static enum shelf_status read_piece(struct exchange *e, struct shelf_piece *piece, bool *late, struct why *why) {
  uint8_t bytes[BLOB_LEAF_BYTES];
  enum shelf_status status = SHELF_OK;
  while (piece->held < piece->length && status == SHELF_OK) {
    uint32_t want = piece->length - piece->held;
    size_t n = e->read(e->context, bytes, want < sizeof bytes ? want : sizeof bytes);
    *late = n == 0;
    if (*late) break;
    status = shelf_piece_add(piece, bytes, n, why);
  }
  return status;
}

static void take_piece(const struct serve *s, struct exchange *e, const struct head_target *t) {
  struct why why = {""};
  struct shelf_blob blob;
  uint8_t account[32];
  uint32_t next;
  bool late = false;
  if (!shelf_find(s->shelf, t->root, &blob)) {
    say(e, 404, "no list of this blob is here: put it first");
    return;
  }
  if (!allowed(s, e, t->root, blob.leaves, account)) return;
  struct shelf_piece *piece = malloc(sizeof *piece);
  assert(piece && "memory for a piece");
  enum shelf_status status = shelf_piece_begin(s->shelf, t->root, t->piece, piece, &why);
  if (status == SHELF_ORDER && shelf_find(s->shelf, t->root, &blob)) {
    say_next(e, 409, blob.next, blob.pieces);
  } else if (status == SHELF_OK && e->head.body_length != piece->length) {
    say(e, 400, "a piece of another length");
  } else {
    if (status == SHELF_OK) status = read_piece(e, piece, &late, &why);
    if (status == SHELF_OK && !late) status = shelf_piece_keep(piece, &next, &why);
    if (status != SHELF_OK)
      say_failure(e, status, &why);
    else if (late)
      say(e, 408, "the piece did not come in time");
    else
      say_next(e, 200, next, blob.pieces);
  }
  free(piece);
}

void serve_answer(const struct serve *s, struct exchange *e) {
  struct head_target t;
  const char *method = e->head.method;
  bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
  if (!head_target(e->head.path, &t))
    say(e, 404, "there are /blobs/ROOT, /blobs/ROOT/leaves and /blobs/ROOT/PIECE");
  else if (get)
    give(s, e, &t);
  else if (strcmp(method, "PUT") != 0 || t.what == HEAD_BLOB)
    say(e, 405, "GET, HEAD, or PUT of a list or a piece");
  else if (e->head.chunked || !e->head.has_length)
    say(e, 411, "a Content-Length is needed");
  else if (t.what == HEAD_LIST)
    take_list(s, e, &t);
  else
    take_piece(s, e, &t);
}
