#include "net/transfer/shelf.h"

#include "base/bytes.h"
#include "base/hex.h"
#include "net/transfer/shelf_state.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "ASYBLOB1";

uint32_t shelf_pieces(uint64_t leaves) { return (uint32_t)((leaves + BLOB_PIECE_LEAVES - 1) / BLOB_PIECE_LEAVES); }
uint64_t shelf_cost(uint64_t leaves) { return leaves * (BLOB_LEAF_BYTES + 32); }

void shelf_name(const struct shelf *s, const uint8_t root[32], const char *ending, char path[SHELF_PATH_MAX]) {
  char hex[65];
  hex_encode(root, 32, hex);
  int n = snprintf(path, SHELF_PATH_MAX, "%s/%s%s", s->folder, hex, ending);
  assert(n > 0 && n < SHELF_PATH_MAX);
}

void shelf_path(const struct shelf *s, const uint8_t root[32], char *path, size_t path_max) {
  char whole[SHELF_PATH_MAX];
  shelf_name(s, root, "", whole);
  assert(strlen(whole) < path_max);
  memcpy(path, whole, strlen(whole) + 1);
}

bool shelf_sync(const struct shelf *s) {
  int folder = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  bool good = fsync(folder) == 0;
  close(folder);
  return good;
}

bool shelf_write(int file, const void *bytes, size_t length, uint64_t at) {
  const uint8_t *from = bytes;
  while (length > 0) {
    ssize_t n = pwrite(file, from, length, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    from += n;
    at += (uint64_t)n;
    length -= (size_t)n;
  }
  return true;
}

static bool read_all(int file, void *bytes, size_t length, uint64_t at) {
  uint8_t *to = bytes;
  while (length > 0) {
    ssize_t n = pread(file, to, length, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    at += (uint64_t)n;
    length -= (size_t)n;
  }
  return true;
}

bool shelf_read_list(const struct shelf *s, const uint8_t root[32], uint64_t first, uint32_t count, uint8_t *hashes) {
  char path[SHELF_PATH_MAX];
  shelf_name(s, root, ".leaves", path);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool good = read_all(file, hashes, (size_t)count * 32, SHELF_HEAD_BYTES + first * 32);
  close(file);
  return good;
}

/* Where root stands or would stand. */
static uint32_t place(const struct shelf *s, const uint8_t root[32]) {
  uint32_t low = 0, high = s->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (memcmp(s->entries[middle].blob.root, root, 32) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct shelf_entry *find(const struct shelf *s, const uint8_t root[32]) {
  uint32_t i = place(s, root);
  return i < s->count && memcmp(s->entries[i].blob.root, root, 32) == 0 ? &s->entries[i] : NULL;
}

struct shelf_entry *shelf_entry_of(struct shelf *s, const uint8_t root[32]) {
  struct shelf_entry *e;
  while ((e = find(s, root)) && e->busy) pthread_cond_wait(&s->idle, &s->mutex);
  return e;
}

void shelf_entry_add(struct shelf *s, const struct shelf_entry *entry) {
  uint32_t i = place(s, entry->blob.root);
  if (s->count == s->room) {
    s->room = s->room ? 2 * s->room : 64;
    s->entries = realloc(s->entries, s->room * sizeof *s->entries);
    assert(s->entries && "memory for a shelf");
  }
  memmove(s->entries + i + 1, s->entries + i, (s->count - i) * sizeof *s->entries);
  s->entries[i] = *entry;
  s->count++;
}

void shelf_entry_remove(struct shelf *s, struct shelf_entry *e) {
  static const char *const endings[] = {"", ".part", ".leaves"};
  char path[SHELF_PATH_MAX];
  for (size_t i = 0; i < 3; i++) {
    shelf_name(s, e->blob.root, endings[i], path);
    unlink(path);
  }
  uint32_t i = (uint32_t)(e - s->entries);
  memmove(e, e + 1, (s->count - i - 1) * sizeof *e);
  s->count--;
}

/* The size of a file, -1 if there is none. */
static int64_t size_of(const char *path, int64_t *changed_s) {
  struct stat is;
  if (stat(path, &is) != 0 || !S_ISREG(is.st_mode)) return -1;
  *changed_s = (int64_t)is.st_mtime;
  return (int64_t)is.st_size;
}

/* Takes up a blob from its list's head. False: what is there is no blob. */
static bool take_up(struct shelf *s, const uint8_t root[32]) {
  uint8_t head[SHELF_HEAD_BYTES];
  char path[SHELF_PATH_MAX];
  struct shelf_entry e = {0};
  shelf_name(s, root, ".leaves", path);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  bool good = file >= 0 && read_all(file, head, sizeof head, 0);
  if (file >= 0) close(file);
  struct reader r = reader_over(head + 8, SHELF_HEAD_BYTES - 8);
  if (!good || memcmp(head, magic, 8) != 0) return false;
  memcpy(e.blob.root, root, 32);
  memcpy(e.blob.account, take_bytes(&r, 32), 32);
  e.blob.leaves = take_u64(&r);
  if (e.blob.leaves == 0 || e.blob.leaves > BLOB_LEAVES_MAX) return false;
  if (size_of(path, &e.blob.grown_s) != (int64_t)(SHELF_HEAD_BYTES + 32 * e.blob.leaves)) return false;
  e.blob.pieces = shelf_pieces(e.blob.leaves);
  shelf_name(s, root, "", path);
  int64_t whole = size_of(path, &e.blob.grown_s);
  if (whole >= 0) {
    e.blob.next = e.blob.pieces;
    if (whole != (int64_t)(e.blob.leaves * BLOB_LEAF_BYTES)) return false;
  } else {
    shelf_name(s, root, ".part", path);
    int64_t part = size_of(path, &e.blob.grown_s);
    uint64_t pieces = part < 0 ? 0 : (uint64_t)part / BLOB_PIECE_BYTES;
    /* The last piece is what gives the name, so it has to come again. */
    e.blob.next = pieces < e.blob.pieces ? (uint32_t)pieces : e.blob.pieces - 1;
    e.unsure = e.blob.next > 0;
  }
  if (s->count == SHELF_BLOBS_MAX) return false;
  shelf_entry_add(s, &e);
  return true;
}

/* Reads a name of ours into root and its ending; false for other files. */
static bool name_of(const char *name, uint8_t root[32], const char **ending) {
  char hex[65];
  if (strlen(name) < 64) return false;
  memcpy(hex, name, 64);
  hex[64] = 0;
  *ending = name + 64;
  bool ours = !**ending || strcmp(*ending, ".part") == 0 || strcmp(*ending, ".leaves") == 0;
  return ours && hex_decode(hex, root, 32);
}

static enum shelf_status read_folder(struct shelf *s, struct why *why) {
  for (int pass = 0; pass < 2; pass++) {
    DIR *folder = opendir(s->folder);
    if (!folder) {
      why_set(why, "%s: %s", s->folder, strerror(errno));
      return SHELF_DISK;
    }
    for (struct dirent *d; (d = readdir(folder));) {
      uint8_t root[32];
      const char *ending;
      char path[SHELF_PATH_MAX];
      bool stale = strncmp(d->d_name, "list.", 5) == 0;
      if (!stale && name_of(d->d_name, root, &ending))
        stale = pass == 0 ? strcmp(ending, ".leaves") == 0 && !find(s, root) && !take_up(s, root) : !find(s, root);
      int n = snprintf(path, sizeof path, "%s/%s", s->folder, d->d_name);
      if (stale && n < (int)sizeof path) unlink(path);
    }
    closedir(folder);
  }
  return SHELF_OK;
}

static enum shelf_status lock_folder(struct shelf *s, struct why *why) {
  char path[SHELF_PATH_MAX];
  if (mkdir(s->folder, 0700) != 0 && errno != EEXIST) {
    why_set(why, "%s: %s", s->folder, strerror(errno));
    return SHELF_DISK;
  }
  snprintf(path, sizeof path, "%s/lock", s->folder);
  s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (s->lock >= 0 && fcntl(s->lock, F_SETLK, &all) == 0) return SHELF_OK;
  bool taken = s->lock >= 0 && (errno == EACCES || errno == EAGAIN);
  why_set(why, "%s: %s", s->folder, taken ? "another process works in this folder" : strerror(errno));
  return SHELF_DISK;
}

enum shelf_status shelf_open(struct shelf **out, const char *folder, struct shelf_limits limits, struct why *why) {
  if (strlen(folder) >= SHELF_FOLDER_MAX) {
    why_set(why, "the name of the folder for blobs is longer than %d bytes", SHELF_FOLDER_MAX - 1);
    return SHELF_DISK;
  }
  struct shelf *s = calloc(1, sizeof *s);
  assert(s && "memory for a shelf");
  memcpy(s->folder, folder, strlen(folder) + 1);
  s->limits = limits;
  s->lock = -1;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->idle, NULL);
  enum shelf_status status = lock_folder(s, why);
  if (status == SHELF_OK) status = read_folder(s, why);
  if (status == SHELF_OK)
    *out = s;
  else
    shelf_shut(s);
  return status;
}

void shelf_shut(struct shelf *s) {
  if (!s) return;
  if (s->lock >= 0) close(s->lock);
  pthread_mutex_destroy(&s->mutex);
  pthread_cond_destroy(&s->idle);
  free(s->entries);
  free(s->coming);
  free(s);
}

bool shelf_find(struct shelf *s, const uint8_t root[32], struct shelf_blob *out) {
  pthread_mutex_lock(&s->mutex);
  const struct shelf_entry *e = find(s, root);
  if (e) *out = e->blob;
  pthread_mutex_unlock(&s->mutex);
  return e;
}

void shelf_walk(struct shelf *s, shelf_show *show, void *context) {
  uint8_t after[32] = {0};
  for (bool more = true, first = true; more; first = false) {
    struct shelf_blob blob;
    pthread_mutex_lock(&s->mutex);
    uint32_t i = place(s, after);
    if (!first && i < s->count && memcmp(s->entries[i].blob.root, after, 32) == 0) i++;
    more = i < s->count;
    if (more) blob = s->entries[i].blob;
    pthread_mutex_unlock(&s->mutex);
    if (!more || !show(context, &blob)) return;
    memcpy(after, blob.root, 32);
  }
}

uint64_t shelf_used(struct shelf *s) {
  uint64_t used = 0;
  pthread_mutex_lock(&s->mutex);
  for (uint32_t i = 0; i < s->count; i++) used += shelf_cost(s->entries[i].blob.leaves);
  for (uint32_t i = 0; i < s->coming_count; i++) used += shelf_cost(s->coming[i]->leaves);
  pthread_mutex_unlock(&s->mutex);
  return used;
}

enum shelf_status shelf_erase(struct shelf *s, const uint8_t root[32]) {
  pthread_mutex_lock(&s->mutex);
  struct shelf_entry *e = shelf_entry_of(s, root);
  if (e) shelf_entry_remove(s, e);
  pthread_mutex_unlock(&s->mutex);
  return e ? SHELF_OK : SHELF_NONE;
}

uint32_t shelf_expire(struct shelf *s, int64_t uploads_s, int64_t whole_s) {
  uint32_t erased = 0;
  pthread_mutex_lock(&s->mutex);
  for (uint32_t i = s->count; i-- > 0;) {
    struct shelf_entry *e = &s->entries[i];
    if (e->busy || e->blob.grown_s >= (e->blob.next == e->blob.pieces ? whole_s : uploads_s)) continue;
    shelf_entry_remove(s, e);
    erased++;
  }
  pthread_mutex_unlock(&s->mutex);
  return erased;
}

int shelf_file(struct shelf *s, const uint8_t root[32], bool list, uint64_t *first, uint64_t *length) {
  char path[SHELF_PATH_MAX];
  int file = -1;
  pthread_mutex_lock(&s->mutex);
  const struct shelf_entry *e = find(s, root);
  if (e && e->blob.next == e->blob.pieces) {
    shelf_name(s, root, list ? ".leaves" : "", path);
    file = open(path, O_RDONLY | O_CLOEXEC);
    *first = list ? SHELF_HEAD_BYTES : 0;
    *length = e->blob.leaves * (list ? 32 : BLOB_LEAF_BYTES);
  }
  pthread_mutex_unlock(&s->mutex);
  return file;
}
