#include "agent/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/sha256.h"

enum { HEAD = 8, SUM = 8, RECORD_HEAD = 4 + SUM, WHAT_PUT = 1, WHAT_ERASE = 2, PATH_BYTES = 4096 };
enum { RECORD_MAX = 2 + JOURNAL_KEY_MAX + JOURNAL_VALUE_MAX, COMPACT_BYTES = 4 << 20 };
static const uint8_t magic[HEAD] = {'A', 'S', 'Y', 'J', 'R', 'N', 'L', '1'};

struct entry {
  char key[JOURNAL_KEY_MAX + 1];
  uint8_t *value;
  size_t length;
};

struct journal {
  int file;
  uint64_t end; /* of the last whole record */
  char path[PATH_BYTES];
  struct entry *entry; /* ascending by key */
  size_t count, room;
};

/* The first entry that is not before the key. */
static size_t place(const struct journal *j, const char *key) {
  size_t low = 0, high = j->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(j->entry[middle].key, key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool there(const struct journal *j, size_t at, const char *key) {
  return at < j->count && strcmp(j->entry[at].key, key) == 0;
}

static void forget(struct journal *j, const char *key) {
  size_t at = place(j, key);
  if (!there(j, at, key)) return;
  free(j->entry[at].value);
  memmove(j->entry + at, j->entry + at + 1, (--j->count - at) * sizeof *j->entry);
}

static bool keep(struct journal *j, const char *key, const uint8_t *value, size_t length) {
  uint8_t *copy = malloc(length ? length : 1);
  if (!copy) return false;
  if (length) memcpy(copy, value, length);
  size_t at = place(j, key);
  if (there(j, at, key)) {
    free(j->entry[at].value);
  } else {
    if (j->count == j->room) {
      size_t room = j->room ? 2 * j->room : 64;
      struct entry *more = realloc(j->entry, room * sizeof *more);
      if (!more) return free(copy), false;
      j->entry = more;
      j->room = room;
    }
    memmove(j->entry + at + 1, j->entry + at, (j->count++ - at) * sizeof *j->entry);
    snprintf(j->entry[at].key, sizeof j->entry[at].key, "%s", key);
  }
  j->entry[at].value = copy;
  j->entry[at].length = length;
  return true;
}

/* Bytes. */

static void sum_of(const uint8_t *bytes, size_t length, uint8_t sum[SUM]) {
  uint8_t hash[32];
  sha256(bytes, length, hash);
  memcpy(sum, hash, SUM);
}

struct record {
  uint8_t what;
  char key[JOURNAL_KEY_MAX + 1];
  const uint8_t *value;
  size_t length, whole; /* whole: with its head */
};

/* The record that begins here, if a whole one does. */
static bool read_record(const uint8_t *at, size_t left, struct record *out) {
  struct reader r = reader_over(at, left);
  uint32_t length = take_u32(&r);
  const uint8_t *sum = take_bytes(&r, SUM), *body = take_bytes(&r, length);
  uint8_t wanted[SUM];
  if (!body || length < 3 || length > RECORD_MAX) return false;
  sum_of(body, length, wanted);
  if (memcmp(sum, wanted, SUM) != 0) return false;
  struct reader b = reader_over(body, length);
  out->what = take_u8(&b);
  uint8_t key_length = take_u8(&b);
  const uint8_t *key = take_bytes(&b, key_length);
  if (!key || !key_length || key_length > JOURNAL_KEY_MAX || memchr(key, 0, key_length)) return false;
  if (out->what != WHAT_PUT && (out->what != WHAT_ERASE || bytes_left(&b))) return false;
  memcpy(out->key, key, key_length);
  out->key[key_length] = 0;
  out->length = bytes_left(&b);
  out->value = b.at;
  out->whole = RECORD_HEAD + length;
  return true;
}

static size_t write_record(uint8_t *bytes, uint8_t what, const char *key, const void *value, size_t length) {
  size_t key_length = strlen(key), body = 2 + key_length + length;
  struct writer w = writer_over(bytes, RECORD_HEAD + body);
  uint8_t sum[SUM] = {0};
  put_u32(&w, (uint32_t)body);
  put_bytes(&w, sum, SUM);
  put_u8(&w, what);
  put_u8(&w, (uint8_t)key_length);
  put_bytes(&w, key, key_length);
  put_bytes(&w, value, length);
  sum_of(bytes + RECORD_HEAD, body, bytes + 4);
  return RECORD_HEAD + body;
}

/* The file. */

static enum journal_status trouble(struct why *why, const char *what, const char *path) {
  why_set(why, "%s: cannot %s it: %s", path, what, strerror(errno));
  return JOURNAL_ERR_SYSTEM;
}

static bool write_all(int file, const uint8_t *bytes, size_t length, uint64_t at) {
  while (length) {
    ssize_t n = pwrite(file, bytes, length, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes += n;
    at += (uint64_t)n;
    length -= (size_t)n;
  }
  return true;
}

static bool sync_folder(const char *path) {
  char folder[PATH_BYTES];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = 0;
  int f = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (f < 0) return false;
  bool synced = fsync(f) == 0;
  close(f);
  return synced;
}

/* Each record was on the disk before the next one was begun, so what is half written is the last one, and no whole
 * record can stand behind it. */
static bool torn(const uint8_t *at, size_t left) {
  struct record r;
  if (left > RECORD_HEAD + RECORD_MAX) return false;
  for (size_t i = 1; i < left; i++)
    if (read_record(at + i, left - i, &r)) return false;
  return true;
}

static enum journal_status take_records(struct journal *j, const uint8_t *bytes, size_t length, struct why *why) {
  size_t at = HEAD;
  struct record r;
  for (; at < length && read_record(bytes + at, length - at, &r); at += r.whole) {
    if (r.what == WHAT_ERASE)
      forget(j, r.key);
    else if (!keep(j, r.key, r.value, r.length))
      return why_set(why, "%s: no memory for what it holds", j->path), JOURNAL_ERR_SYSTEM;
  }
  if (at < length && !torn(bytes + at, length - at)) {
    why_set(why, "%s: damaged at byte %zu, with whole records behind it; take it from a copy, or use another folder",
            j->path, at);
    return JOURNAL_ERR_INPUT;
  }
  j->end = at;
  return JOURNAL_OK;
}

static enum journal_status read_file(struct journal *j, uint64_t length, struct why *why) {
  uint8_t *bytes = malloc(length ? length : 1);
  if (!bytes) return why_set(why, "%s: no memory to read it", j->path), JOURNAL_ERR_SYSTEM;
  size_t had = 0;
  while (had < length) {
    ssize_t n = pread(j->file, bytes + had, length - had, (off_t)had);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      free(bytes);
      return trouble(why, "read", j->path);
    }
    had += (size_t)n;
  }
  enum journal_status status = JOURNAL_OK;
  if (length < HEAD && memcmp(bytes, magic, length) == 0)
    j->end = 0; /* killed while it was made */
  else if (length < HEAD || memcmp(bytes, magic, HEAD) != 0)
    status = (why_set(why, "%s: not a journal", j->path), JOURNAL_ERR_INPUT);
  else
    status = take_records(j, bytes, length, why);
  free(bytes);
  return status;
}

static enum journal_status begin_file(struct journal *j, uint64_t length, struct why *why) {
  if (j->end == 0) {
    if (!write_all(j->file, magic, HEAD, 0) || ftruncate(j->file, HEAD) != 0 || fsync(j->file) != 0 ||
        !sync_folder(j->path))
      return trouble(why, "write", j->path);
    j->end = HEAD;
  } else if (j->end < length && (ftruncate(j->file, (off_t)j->end) != 0 || fsync(j->file) != 0)) {
    return trouble(why, "cut", j->path);
  }
  return JOURNAL_OK;
}

static bool write_entries(const struct journal *j, int file, uint64_t *end) {
  uint8_t *bytes = malloc(RECORD_HEAD + RECORD_MAX);
  bool good = bytes && write_all(file, magic, HEAD, 0);
  *end = HEAD;
  for (size_t i = 0; good && i < j->count; i++) {
    size_t n = write_record(bytes, WHAT_PUT, j->entry[i].key, j->entry[i].value, j->entry[i].length);
    good = write_all(file, bytes, n, *end);
    *end += n;
  }
  free(bytes);
  return good && fsync(file) == 0;
}

/* The new file has the lock before it has the name, so nobody comes between. */
static enum journal_status compact(struct journal *j, struct why *why) {
  uint64_t live = HEAD, end;
  char name[PATH_BYTES + 8];
  for (size_t i = 0; i < j->count; i++) live += RECORD_HEAD + 2 + strlen(j->entry[i].key) + j->entry[i].length;
  if (j->end < COMPACT_BYTES || j->end / 4 < live) return JOURNAL_OK;
  snprintf(name, sizeof name, "%s.new", j->path);
  int file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return trouble(why, "make", name);
  if (flock(file, LOCK_EX | LOCK_NB) != 0 || !write_entries(j, file, &end) || rename(name, j->path) != 0 ||
      !sync_folder(j->path)) {
    enum journal_status status = trouble(why, "write", name);
    close(file);
    return status;
  }
  close(j->file);
  j->file = file;
  j->end = end;
  return JOURNAL_OK;
}

/* Locked, and still what the name leads to: it may have been written anew in between. */
static enum journal_status lock(struct journal *j, struct stat *is, struct why *why) {
  struct stat named;
  for (;;) {
    j->file = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->file < 0) return trouble(why, "open", j->path);
    if (flock(j->file, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return trouble(why, "lock", j->path);
      why_set(why, "%s: another process works in this folder", j->path);
      return JOURNAL_ERR_INPUT;
    }
    if (fstat(j->file, is) != 0) return trouble(why, "look at", j->path);
    if (stat(j->path, &named) == 0 && named.st_ino == is->st_ino && named.st_dev == is->st_dev) break;
    close(j->file);
  }
  if (!S_ISREG(is->st_mode)) return why_set(why, "%s: not a file", j->path), JOURNAL_ERR_INPUT;
  return JOURNAL_OK;
}

enum journal_status journal_open(struct journal **out, const char *path, struct why *why) {
  struct journal *j = calloc(1, sizeof *j);
  struct stat is = {0};
  if (!j) return why_set(why, "no memory for a journal"), JOURNAL_ERR_SYSTEM;
  j->file = -1;
  int n = snprintf(j->path, sizeof j->path, "%s", path);
  enum journal_status status = JOURNAL_OK;
  if (n < 0 || (size_t)n >= sizeof j->path) status = (why_set(why, "a path that is too long"), JOURNAL_ERR_INPUT);
  if (status == JOURNAL_OK) status = lock(j, &is, why);
  if (status == JOURNAL_OK) status = read_file(j, (uint64_t)is.st_size, why);
  if (status == JOURNAL_OK) status = begin_file(j, (uint64_t)is.st_size, why);
  if (status == JOURNAL_OK) status = compact(j, why);
  if (status != JOURNAL_OK) {
    journal_shut(j);
    return status;
  }
  *out = j;
  return JOURNAL_OK;
}

void journal_shut(struct journal *j) {
  if (!j) return;
  for (size_t i = 0; i < j->count; i++) free(j->entry[i].value);
  free(j->entry);
  if (j->file >= 0) close(j->file);
  free(j);
}

/* What failed half way is cut off again; if that fails too, opening does it. */
static enum journal_status append(struct journal *j, uint8_t what, const char *key, const void *value, size_t length,
                                  struct why *why) {
  size_t key_length = strlen(key);
  if (!key_length || key_length > JOURNAL_KEY_MAX || length > JOURNAL_VALUE_MAX)
    return why_set(why, "a journal takes no key of %zu and value of %zu bytes", key_length, length), JOURNAL_ERR_INPUT;
  uint8_t *bytes = malloc(RECORD_HEAD + 2 + key_length + length);
  if (!bytes) return why_set(why, "%s: no memory to write it", j->path), JOURNAL_ERR_SYSTEM;
  size_t n = write_record(bytes, what, key, value, length);
  bool written = write_all(j->file, bytes, n, j->end) && fdatasync(j->file) == 0;
  free(bytes);
  if (!written) {
    enum journal_status status = trouble(why, "write", j->path);
    if (ftruncate(j->file, (off_t)j->end) != 0) return status;
    return status;
  }
  j->end += n;
  return JOURNAL_OK;
}

enum journal_status journal_put(struct journal *j, const char *key, const void *value, size_t length, struct why *why) {
  enum journal_status status = append(j, WHAT_PUT, key, value, length, why);
  if (status != JOURNAL_OK) return status;
  if (!keep(j, key, value, length)) return why_set(why, "%s: no memory", j->path), JOURNAL_ERR_SYSTEM;
  return JOURNAL_OK;
}

enum journal_status journal_erase(struct journal *j, const char *key, struct why *why) {
  if (!there(j, place(j, key), key)) return JOURNAL_OK;
  enum journal_status status = append(j, WHAT_ERASE, key, NULL, 0, why);
  if (status == JOURNAL_OK) forget(j, key);
  return status;
}

bool journal_get(const struct journal *j, const char *key, const uint8_t **value, size_t *length) {
  size_t at = place(j, key);
  if (!there(j, at, key)) return false;
  *value = j->entry[at].value;
  *length = j->entry[at].length;
  return true;
}

const char *journal_next(const struct journal *j, const char *prefix, const char *after) {
  size_t at = after ? place(j, after) : place(j, prefix);
  if (after && there(j, at, after)) at++;
  if (at == j->count || strncmp(j->entry[at].key, prefix, strlen(prefix)) != 0) return NULL;
  return j->entry[at].key;
}
