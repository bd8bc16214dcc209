/* Lists and pieces on their way to the shelf. */
#include "base/bytes.h"
#include "commit/state/state.h"
#include "net/transfer/shelf.h"
#include "net/transfer/shelf_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static void head_of(const struct shelf_list *list, uint8_t head[SHELF_HEAD_BYTES]) {
  memset(head, 0, SHELF_HEAD_BYTES);
  struct writer w = writer_over(head, SHELF_HEAD_BYTES);
  put_bytes(&w, "ASYBLOB1", 8);
  put_bytes(&w, list->account, 32);
  put_u64(&w, list->leaves);
}

/* TRANSFER 2.8. Under the mutex. */
static enum shelf_status room_for(const struct shelf *s, const struct shelf_list *list, struct why *why) {
  uint64_t cost = shelf_cost(list->leaves), all = cost, own = cost;
  for (uint32_t i = 0; i < s->count; i++) {
    const struct shelf_blob *b = &s->entries[i].blob;
    all += shelf_cost(b->leaves);
    if (memcmp(b->account, list->account, 32) == 0) own += shelf_cost(b->leaves);
  }
  for (uint32_t i = 0; i < s->coming_count; i++) {
    all += shelf_cost(s->coming[i]->leaves);
    if (memcmp(s->coming[i]->account, list->account, 32) == 0) own += shelf_cost(s->coming[i]->leaves);
  }
  bool mine = s->limits.account_bytes && own > s->limits.account_bytes;
  bool full = (s->limits.bytes && all > s->limits.bytes) || s->count + s->coming_count >= SHELF_BLOBS_MAX;
  if (!mine && !full) return SHELF_OK;
  why_set(why,
          "a blob of %" PRIu64 " bytes does not fit into the quota of %s: %" PRIu64 " of %" PRIu64 " bytes are used",
          cost, mine ? "the account" : "this store", (mine ? own : all) - cost,
          mine ? s->limits.account_bytes : s->limits.bytes);
  return SHELF_QUOTA;
}

/* A full disk is better said before than found out on the way. */
static bool disk_has(const struct shelf *s, uint64_t bytes, struct why *why) {
  struct statvfs is;
  if (statvfs(s->folder, &is) != 0) return true;
  uint64_t left = (uint64_t)is.f_bavail * is.f_frsize;
  if (left >= bytes) return true;
  why_set(why, "%s: the disk has %" PRIu64 " bytes left, the blob needs %" PRIu64, s->folder, left, bytes);
  return false;
}

static void announce(struct shelf *s, struct shelf_list *list) {
  if (s->coming_count == s->coming_room) {
    s->coming_room = s->coming_room ? 2 * s->coming_room : 16;
    s->coming = realloc(s->coming, s->coming_room * sizeof *s->coming);
    assert(s->coming && "memory for a shelf");
  }
  s->coming[s->coming_count++] = list;
}

static void unannounce(struct shelf *s, const struct shelf_list *list) {
  for (uint32_t i = 0; i < s->coming_count; i++)
    if (s->coming[i] == list) s->coming[i--] = s->coming[--s->coming_count];
}

enum shelf_status shelf_list_begin(struct shelf *s, const uint8_t root[32], uint64_t leaves, const uint8_t account[32],
                                   struct shelf_list *list, struct why *why) {
  if (leaves == 0 || leaves > BLOB_LEAVES_MAX) {
    why_set(why, "a blob has 1 to %d leaves, not %" PRIu64, BLOB_LEAVES_MAX, leaves);
    return SHELF_WRONG;
  }
  *list = (struct shelf_list){.shelf = s, .leaves = leaves, .file = -1};
  memcpy(list->root, root, 32);
  memcpy(list->account, account, 32);
  pthread_mutex_lock(&s->mutex);
  const struct shelf_entry *e = shelf_entry_of(s, root);
  bool known = e, other = e && e->blob.leaves != leaves;
  enum shelf_status status = known ? SHELF_OK : room_for(s, list, why);
  if (!known && status == SHELF_OK) {
    announce(s, list);
    snprintf(list->name, sizeof list->name, "/list.%" PRIu64, s->lists++);
  }
  pthread_mutex_unlock(&s->mutex);
  if (other) {
    why_set(why, "the root is that of a blob of another length");
    return SHELF_WRONG;
  }
  if (known || status != SHELF_OK) return status;
  char path[SHELF_PATH_MAX];
  uint8_t head[SHELF_HEAD_BYTES];
  head_of(list, head);
  snprintf(path, sizeof path, "%s%s", s->folder, list->name);
  if (disk_has(s, shelf_cost(leaves), why)) {
    list->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (list->file >= 0 && shelf_write(list->file, head, sizeof head, 0)) return SHELF_OK;
    why_set(why, "%s: %s", path, strerror(errno));
  }
  shelf_list_drop(list);
  return SHELF_DISK;
}

void shelf_list_drop(struct shelf_list *list) {
  char path[SHELF_PATH_MAX];
  if (!list->shelf) return;
  if (list->file >= 0) close(list->file);
  if (*list->name) {
    snprintf(path, sizeof path, "%s%s", list->shelf->folder, list->name);
    unlink(path);
  }
  pthread_mutex_lock(&list->shelf->mutex);
  unannounce(list->shelf, list);
  pthread_mutex_unlock(&list->shelf->mutex);
  list->shelf = NULL;
}

enum shelf_status shelf_list_add(struct shelf_list *list, const void *bytes, size_t length, struct why *why) {
  uint64_t written = list->builder.count * 32 + list->held;
  if (length > list->leaves * 32 - written) {
    why_set(why, "the list has more than %" PRIu64 " hashes", list->leaves);
    return SHELF_WRONG;
  }
  if (list->file >= 0 && !shelf_write(list->file, bytes, length, SHELF_HEAD_BYTES + written)) {
    why_set(why, "%s: %s", list->shelf->folder, strerror(errno));
    return SHELF_DISK;
  }
  for (const uint8_t *at = bytes; length > 0;) {
    size_t n = length < 32 - list->held ? length : 32 - list->held;
    memcpy(list->hash + list->held, at, n);
    list->held += (uint32_t)n;
    at += n;
    length -= n;
    if (list->held < 32) break;
    if (merkle_absent(list->hash)) {
      why_set(why, "hash %" PRIu64 " of the list is that of no leaf", list->builder.count);
      return SHELF_WRONG;
    }
    merkle_add(&list->builder, list->hash);
    list->held = 0;
  }
  return SHELF_OK;
}

/* Gives the list its name. Under the mutex, so that of two equal ones the first stays. */
static bool name_list(struct shelf_list *list) {
  struct shelf *s = list->shelf;
  char from[SHELF_PATH_MAX], to[SHELF_PATH_MAX];
  snprintf(from, sizeof from, "%s%s", s->folder, list->name);
  shelf_name(s, list->root, ".leaves", to);
  if (rename(from, to) != 0) return false;
  list->name[0] = 0;
  struct shelf_entry e = {
      .blob = {.leaves = list->leaves, .pieces = shelf_pieces(list->leaves), .grown_s = (int64_t)time(NULL)}};
  memcpy(e.blob.root, list->root, 32);
  memcpy(e.blob.account, list->account, 32);
  unannounce(s, list);
  shelf_entry_add(s, &e);
  return true;
}

enum shelf_status shelf_list_end(struct shelf_list *list, struct why *why) {
  struct shelf *s = list->shelf;
  uint8_t root[32];
  enum shelf_status status = SHELF_OK;
  if (list->builder.count < list->leaves || list->held) {
    why_set(why, "the list ends after %" PRIu64 " of %" PRIu64 " hashes", list->builder.count, list->leaves);
    status = SHELF_WRONG;
  } else {
    merkle_end(&list->builder, root);
    if (memcmp(root, list->root, 32) != 0) {
      why_set(why, "the list of leaf hashes is that of another blob");
      status = SHELF_WRONG;
    }
  }
  if (status == SHELF_OK && list->file >= 0) {
    bool lasting = fsync(list->file) == 0;
    pthread_mutex_lock(&s->mutex);
    bool good = lasting && (shelf_entry_of(s, list->root) || name_list(list));
    pthread_mutex_unlock(&s->mutex);
    if (!good || !shelf_sync(s)) {
      why_set(why, "%s: %s", s->folder, strerror(errno));
      status = SHELF_DISK;
    }
  }
  shelf_list_drop(list);
  return status;
}

static uint32_t leaves_of(const struct shelf_blob *b, uint32_t index) {
  uint64_t left = b->leaves - (uint64_t)index * BLOB_PIECE_LEAVES;
  return left < BLOB_PIECE_LEAVES ? (uint32_t)left : BLOB_PIECE_LEAVES;
}

/* How many pieces of the part that was there at start are right. piece is scratch. */
static uint32_t right_pieces(const struct shelf *s, const struct shelf_blob *b, struct shelf_piece *piece) {
  char path[SHELF_PATH_MAX];
  uint32_t i = 0;
  shelf_name(s, b->root, ".part", path);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  for (; file >= 0 && i < b->next; i++) {
    uint32_t leaves = leaves_of(b, i), k = 0;
    size_t length = (size_t)leaves * BLOB_LEAF_BYTES;
    uint8_t hash[32];
    if (!shelf_read_list(s, b->root, (uint64_t)i * BLOB_PIECE_LEAVES, leaves, piece->hashes)) break;
    if (pread(file, piece->bytes, length, (off_t)i * BLOB_PIECE_BYTES) != (ssize_t)length) break;
    for (; k < leaves; k++) {
      merkle_leaf(piece->bytes + (size_t)k * BLOB_LEAF_BYTES, BLOB_LEAF_BYTES, hash);
      if (memcmp(hash, piece->hashes + k * 32, 32) != 0) break;
    }
    if (k < leaves) break;
  }
  if (file >= 0) close(file);
  return i;
}

/* Under the mutex, which it lets go while it reads. */
static struct shelf_entry *make_sure(struct shelf *s, struct shelf_entry *e, struct shelf_piece *piece) {
  struct shelf_blob blob = e->blob;
  e->busy = true;
  pthread_mutex_unlock(&s->mutex);
  uint32_t next = right_pieces(s, &blob, piece);
  pthread_mutex_lock(&s->mutex);
  for (uint32_t i = 0; i < s->count; i++)
    if (memcmp(s->entries[i].blob.root, blob.root, 32) == 0) e = &s->entries[i];
  e->busy = e->unsure = false;
  e->blob.next = next;
  pthread_cond_broadcast(&s->idle);
  return e;
}

enum shelf_status shelf_piece_begin(struct shelf *s, const uint8_t root[32], uint32_t index, struct shelf_piece *piece,
                                    struct why *why) {
  piece->shelf = s;
  memcpy(piece->root, root, 32);
  piece->index = index;
  piece->held = 0;
  pthread_mutex_lock(&s->mutex);
  struct shelf_entry *e = shelf_entry_of(s, root);
  if (e && e->unsure) e = make_sure(s, e, piece);
  struct shelf_blob blob = e ? e->blob : (struct shelf_blob){0};
  pthread_mutex_unlock(&s->mutex);
  if (!e) {
    why_set(why, "no list of this blob is here: put it first");
    return SHELF_NONE;
  }
  if (index >= blob.pieces || index > blob.next) {
    why_set(why, "piece %" PRIu32 " of %" PRIu32 ", the next is %" PRIu32, index, blob.pieces, blob.next);
    return SHELF_ORDER;
  }
  uint32_t leaves = leaves_of(&blob, index);
  piece->known = index < blob.next;
  piece->length = leaves * BLOB_LEAF_BYTES;
  if (shelf_read_list(s, root, (uint64_t)index * BLOB_PIECE_LEAVES, leaves, piece->hashes)) return SHELF_OK;
  why_set(why, "%s: the list of a blob cannot be read: %s", s->folder, strerror(errno));
  return SHELF_DISK;
}

enum shelf_status shelf_piece_add(struct shelf_piece *piece, const void *bytes, size_t length, struct why *why) {
  if (length > piece->length - piece->held) {
    why_set(why, "the piece has more than %" PRIu32 " bytes", piece->length);
    return SHELF_WRONG;
  }
  uint32_t leaf = piece->held / BLOB_LEAF_BYTES;
  if (length) memcpy(piece->bytes + piece->held, bytes, length);
  piece->held += (uint32_t)length;
  for (; leaf < piece->held / BLOB_LEAF_BYTES; leaf++) {
    uint8_t hash[32];
    merkle_leaf(piece->bytes + (size_t)leaf * BLOB_LEAF_BYTES, BLOB_LEAF_BYTES, hash);
    if (memcmp(hash, piece->hashes + leaf * 32, 32) == 0) continue;
    why_set(why, "leaf %" PRIu64 " is not the one that the root names",
            (uint64_t)piece->index * BLOB_PIECE_LEAVES + leaf);
    return SHELF_WRONG;
  }
  return SHELF_OK;
}

/* Writes the piece, and gives the blob its name after the last one. */
static bool write_piece(const struct shelf_piece *piece, bool last) {
  const struct shelf *s = piece->shelf;
  char part[SHELF_PATH_MAX], whole[SHELF_PATH_MAX];
  shelf_name(s, piece->root, ".part", part);
  shelf_name(s, piece->root, "", whole);
  int file = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return false;
  uint64_t at = (uint64_t)piece->index * BLOB_PIECE_BYTES;
  bool good = shelf_write(file, piece->bytes, piece->length, at);
  /* What stands behind a part that was cut at start is not ours. */
  if (good && last) good = ftruncate(file, (off_t)(at + piece->length)) == 0 && fsync(file) == 0;
  int kept = errno;
  good = close(file) == 0 && good;
  if (good && last) return rename(part, whole) == 0 && shelf_sync(s);
  if (!good) errno = kept;
  return good;
}

enum shelf_status shelf_piece_keep(struct shelf_piece *piece, uint32_t *next, struct why *why) {
  struct shelf *s = piece->shelf;
  if (piece->held < piece->length) {
    why_set(why, "the piece ends after %" PRIu32 " of %" PRIu32 " bytes", piece->held, piece->length);
    return SHELF_WRONG;
  }
  enum shelf_status status = SHELF_OK;
  pthread_mutex_lock(&s->mutex);
  struct shelf_entry *e = shelf_entry_of(s, piece->root);
  if (!e) {
    why_set(why, "the blob was erased meanwhile");
    status = SHELF_NONE;
  } else if (e->blob.next == piece->index) {
    bool last = piece->index + 1 == e->blob.pieces;
    e->busy = true;
    pthread_mutex_unlock(&s->mutex);
    bool good = write_piece(piece, last);
    int fault = errno;
    pthread_mutex_lock(&s->mutex);
    uint32_t i = 0;
    while (memcmp(s->entries[i].blob.root, piece->root, 32) != 0) i++; /* busy: nobody removed it */
    e = &s->entries[i];
    e->busy = false;
    pthread_cond_broadcast(&s->idle);
    if (good) {
      e->blob.next++;
      e->blob.grown_s = (int64_t)time(NULL);
    } else {
      why_set(why, "%s: %s; what was there of the blob is removed, it needs %" PRIu64 " bytes", s->folder,
              strerror(fault), shelf_cost(e->blob.leaves));
      shelf_entry_remove(s, e);
      status = SHELF_DISK;
    }
  }
  if (status == SHELF_OK) *next = e->blob.next;
  pthread_mutex_unlock(&s->mutex);
  return status;
}

static enum shelf_status put_pieces(struct shelf *s, const uint8_t root[32], const uint8_t *bytes, uint64_t length,
                                    struct shelf_piece *piece, struct why *why) {
  static const uint8_t zeros[BLOB_LEAF_BYTES];
  struct shelf_blob blob;
  enum shelf_status status = SHELF_OK;
  while (status == SHELF_OK && shelf_find(s, root, &blob) && blob.next < blob.pieces) {
    uint32_t next;
    status = shelf_piece_begin(s, root, blob.next, piece, why);
    if (status == SHELF_ORDER)
      status = SHELF_OK; /* a part that was there at start is not all right */
    else if (status == SHELF_OK) {
      uint64_t at = (uint64_t)piece->index * BLOB_PIECE_BYTES;
      uint32_t n = length - at < piece->length ? (uint32_t)(length - at) : piece->length;
      status = shelf_piece_add(piece, bytes + at, n, why);
      if (status == SHELF_OK) status = shelf_piece_add(piece, zeros, piece->length - n, why);
      if (status == SHELF_OK) status = shelf_piece_keep(piece, &next, why);
    }
  }
  return status;
}

enum shelf_status shelf_put(struct shelf *s, const void *bytes, uint64_t length, const uint8_t account[32],
                            uint8_t root[32], struct why *why) {
  uint64_t leaves = length / BLOB_LEAF_BYTES + (length % BLOB_LEAF_BYTES != 0);
  struct merkle_builder builder = {0};
  struct shelf_list list;
  uint8_t name[32];
  if (leaves == 0 || leaves > BLOB_LEAVES_MAX) {
    why_set(why, "a blob has 1 to %d leaves, not %" PRIu64, BLOB_LEAVES_MAX, leaves);
    return SHELF_WRONG;
  }
  uint8_t *hashes = malloc(leaves * 32);
  struct shelf_piece *piece = malloc(sizeof *piece);
  assert(hashes && piece && "memory for a blob");
  state_leaf_hashes(bytes, length, 0, leaves, hashes);
  for (uint64_t i = 0; i < leaves; i++) merkle_add(&builder, hashes + i * 32);
  merkle_end(&builder, name);
  enum shelf_status status = shelf_list_begin(s, name, leaves, account, &list, why);
  if (status == SHELF_OK) {
    status = shelf_list_add(&list, hashes, leaves * 32, why);
    if (status == SHELF_OK)
      status = shelf_list_end(&list, why);
    else
      shelf_list_drop(&list);
  }
  free(hashes);
  if (status == SHELF_OK) status = put_pieces(s, name, bytes, length, piece, why);
  free(piece);
  if (status == SHELF_OK) memcpy(root, name, 32);
  return status;
}
