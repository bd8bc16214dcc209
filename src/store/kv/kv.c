#define _GNU_SOURCE /* a lock that prefers writers */
#include "store/kv/kv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "store/kv/inside.h"

/* ENGINE 6.1 */
static const char *const table_names[KV_TABLES] = {"meta",         "state",  "blocks",   "commits", "results", "hashes",
                                                   "transactions", "events", "receipts", "nodes",   "contents"};
enum { FORMAT = 2, FORMAT_BYTES = 4 + 32, READERS_MAX = 512 };
static const uint64_t MAP_BYTES_FIRST = 256 << 20;

bool kv_disk_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

/* What LMDB or the system said, in words that help. */
enum store_status kv_trouble(const struct kv *kv, const char *what, int error, struct why *why) {
  if (kv_disk_full(error)) {
    why_set(why, "disk full: %s could not be %s: %s; free some space, nothing that was kept is lost", kv->path, what,
            mdb_strerror(error));
    return STORE_ERR_FULL;
  }
  bool damaged = error == MDB_INVALID || error == MDB_VERSION_MISMATCH || error == MDB_CORRUPTED;
  why_set(why, "%s could not be %s: %s%s", kv->path, what, mdb_strerror(error),
          damaged ? "; it is no chain's file, or damaged: restore it, or begin with an empty folder" : "");
  return damaged ? STORE_ERR_INPUT : STORE_ERR_SYSTEM;
}

void kv_env_close(struct kv *kv) {
  if (kv->env) mdb_env_close(kv->env);
  kv->env = NULL;
}

int kv_env_open(struct kv *kv) {
  int error = mdb_env_create(&kv->env);
  if (error) {
    kv->env = NULL;
    return error;
  }
  MDB_envinfo info;
  error = mdb_env_set_maxdbs(kv->env, KV_TABLES);
  if (!error) error = mdb_env_set_maxreaders(kv->env, READERS_MAX);
  if (!error) error = mdb_env_set_mapsize(kv->env, kv->map_bytes);
  if (!error) error = mdb_env_open(kv->env, kv->path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
  if (!error) error = mdb_env_info(kv->env, &info);
  if (error)
    kv_env_close(kv);
  else
    kv->map_bytes = info.me_mapsize; /* a file that is larger than asked for brings its own */
  return error;
}

/* Opens the tables, and makes them in a new file. */
int kv_tables_open(struct kv *kv, bool *other_format, bool *other_chain) {
  MDB_txn *txn;
  uint8_t format[FORMAT_BYTES];
  struct writer w = writer_over(format, sizeof format);
  put_u32(&w, FORMAT);
  put_bytes(&w, kv->chain, sizeof kv->chain);
  int error = mdb_txn_begin(kv->env, NULL, 0, &txn);
  if (error) return error;
  for (int t = 0; !error && t < KV_TABLES; t++) error = mdb_dbi_open(txn, table_names[t], MDB_CREATE, &kv->table[t]);
  MDB_val key = {.mv_size = 6, .mv_data = "format"}, value;
  if (!error) error = mdb_get(txn, kv->table[KV_META], &key, &value);
  if (!error) {
    *other_format = value.mv_size != sizeof format || memcmp(value.mv_data, format, 4) != 0;
    *other_chain = !*other_format && memcmp(value.mv_data, format, sizeof format) != 0;
  } else if (error == MDB_NOTFOUND) {
    value = (MDB_val){.mv_size = sizeof format, .mv_data = format};
    error = mdb_put(txn, kv->table[KV_META], &key, &value, 0);
  }
  if (error) {
    mdb_txn_abort(txn);
    return error;
  }
  return mdb_txn_commit(txn);
}

/* The new file's name has to reach the disk too. Some file systems refuse to sync a folder; that is theirs to know. */
static void sync_folder(const char *folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

static enum store_status folder_lock(const char *folder, int *fd, struct why *why) {
  char path[4096];
  if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
    why_set(why, "folder %s could not be made: %s", folder, strerror(errno));
    return errno == ENOENT || errno == ENOTDIR ? STORE_ERR_INPUT : STORE_ERR_SYSTEM;
  }
  if (snprintf(path, sizeof path, "%s/chain.lock", folder) >= (int)sizeof path) {
    why_set(why, "%.200s...: the path is too long", folder);
    return STORE_ERR_INPUT;
  }
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) {
    why_set(why, "%s: %s", path, strerror(errno));
    return kv_disk_full(errno) ? STORE_ERR_FULL : errno == ENOTDIR ? STORE_ERR_INPUT : STORE_ERR_SYSTEM;
  }
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    why_set(why, "%s: another process keeps its chain in this folder; stop it or choose another folder", folder);
    close(lock);
    return STORE_ERR_INPUT;
  }
  *fd = lock;
  return STORE_OK;
}

static char *path_with(const char *path, const char *ending) {
  size_t length = strlen(path) + strlen(ending) + 1;
  char *whole = malloc(length);
  assert(whole && "memory for a path");
  snprintf(whole, length, "%s%s", path, ending);
  return whole;
}

/* A new file is made under another name and gets its own when it is whole. Whoever is killed in between leaves nothing
 * that would later look damaged. */
static int make_new(struct kv *kv) {
  struct stat st;
  bool other_format, other_chain;
  if (lstat(kv->path, &st) == 0) return 0;
  if (errno != ENOENT) return errno;
  char *path = kv->path, *new_path = path_with(path, ".new"), *new_lock = path_with(path, ".new-lock");
  unlink(new_path); /* of one that was broken off */
  kv->path = new_path;
  int error = kv_env_open(kv);
  if (!error) error = kv_tables_open(kv, &other_format, &other_chain);
  kv_env_close(kv);
  kv->path = path;
  if (!error && rename(new_path, path) != 0) error = errno;
  if (error) unlink(new_path);
  unlink(new_lock);
  free(new_path);
  free(new_lock);
  return error;
}

static enum store_status contents_open(struct kv *kv, struct why *why) {
  bool other_format = false, other_chain = false;
  int error = make_new(kv);
  if (!error) error = kv_env_open(kv);
  if (!error) error = kv_tables_open(kv, &other_format, &other_chain);
  if (error) {
    kv_env_close(kv);
    return kv_trouble(kv, "opened", error, why);
  }
  if (other_format || other_chain) {
    kv_env_close(kv);
    why_set(why, "%s %s; choose another folder", kv->path,
            other_chain ? "keeps another chain (its genesis differs)" : "was written by another version");
    return STORE_ERR_INPUT;
  }
  return STORE_OK;
}

static void kv_free(struct kv *kv) {
  kv_env_close(kv);
  if (kv->lock >= 0) close(kv->lock);
  pthread_rwlock_destroy(&kv->views);
  free(kv->path);
  free(kv);
}

enum store_status kv_open(const char *folder, const struct kv_options *options, struct kv **out, struct why *why) {
  struct kv *kv = calloc(1, sizeof *kv);
  pthread_rwlockattr_t writers_first;
  assert(kv && "memory for a store");
  kv->lock = -1;
  kv->map_bytes = options->map_bytes_first ? options->map_bytes_first : MAP_BYTES_FIRST;
  memcpy(kv->chain, options->chain, sizeof kv->chain);
  pthread_rwlockattr_init(&writers_first);
  pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init(&kv->views, &writers_first);
  pthread_rwlockattr_destroy(&writers_first);
  kv->path = path_with(folder, "/chain.mdb");
  enum store_status status = folder_lock(folder, &kv->lock, why);
  if (status == STORE_OK) status = contents_open(kv, why);
  if (status != STORE_OK) {
    kv_free(kv);
    return status;
  }
  sync_folder(folder);
  *out = kv;
  return STORE_OK;
}

void kv_shut(struct kv **kv) {
  if (*kv) kv_free(*kv);
  *kv = NULL;
}
