#define _GNU_SOURCE /* syncfs, O_DIRECT */
#include "training/file/file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

static const uint8_t nothing[1];

enum training_status file_map(const char *path, uint64_t limit_bytes, struct file_bytes *out, struct why *why) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* NONBLOCK: opening a pipe must not wait for a writer */
  if (fd < 0) {
    int error = errno;
    bool refused =
        error == EACCES || error == EPERM || error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO;
    why_set(why, "%s: %s", path, strerror(error));
    return refused ? TRAINING_ERR_SYSTEM : TRAINING_ERR_INPUT;
  }
  enum training_status status = TRAINING_ERR_INPUT;
  void *mapping = NULL;
  if (fstat(fd, &st) != 0) {
    why_set(why, "%s: %s", path, strerror(errno));
    status = TRAINING_ERR_SYSTEM;
  } else if (S_ISDIR(st.st_mode)) {
    why_set(why, "%s is a folder; a file is needed here", path);
  } else if (!S_ISREG(st.st_mode)) {
    why_set(why, "%s is not a regular file (a pipe or a device); copy its content to a file", path);
  } else if ((uint64_t)st.st_size > limit_bytes) {
    why_set(why, "%s has %" PRIu64 " bytes; at most %" PRIu64 " are read here", path, (uint64_t)st.st_size,
            limit_bytes);
  } else if (st.st_size > 0 &&
             (mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
    why_set(why, "%s: could not be mapped: %s", path, strerror(errno));
    status = TRAINING_ERR_SYSTEM;
  } else {
    *out = (struct file_bytes){.bytes = mapping ? mapping : nothing,
                               .length = (size_t)st.st_size,
                               .mapping = mapping,
                               .mapping_bytes = (size_t)st.st_size};
    status = TRAINING_OK;
  }
  close(fd);
  return status;
}

void file_unmap(struct file_bytes *f) {
  if (f->mapping) munmap(f->mapping, f->mapping_bytes);
  *f = (struct file_bytes){0};
}

/* A failed write, in words that help: which file, how much, what to do. */
static enum training_status write_failed(const char *path, size_t length, int error, struct why *why) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    why_set(why, "disk full: %s (%zu bytes) could not be written: %s; free some space", path, length, strerror(error));
  else
    why_set(why, "%s could not be written: %s", path, strerror(error));
  return TRAINING_ERR_SYSTEM;
}

enum training_status file_append(int fd, const char *path, const void *bytes, size_t length, struct why *why) {
  const uint8_t *at = bytes;
  size_t left = length;
  while (left) {
    ssize_t n = write(fd, at, left < (1 << 30) ? left : 1 << 30);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return write_failed(path, length, n < 0 ? errno : ENOSPC, why);
    at += n;
    left -= (size_t)n;
  }
  return TRAINING_OK;
}

/* The rename itself must reach the disk, or a crash brings the old name back. Some file systems refuse to sync a
 * folder; that is theirs to know. */
static void sync_folder_of(const char *path) {
  char folder[FILE_PATH_MAX];
  file_folder_of(path, folder);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

/* The temporary name, and the file open under it; flags: O_DIRECT, or 0. */
static enum training_status open_part(const char *path, size_t length, int flags, char part[FILE_PATH_MAX], int *fd,
                                      struct why *why) {
  if (snprintf(part, FILE_PATH_MAX, "%s.part", path) >= FILE_PATH_MAX) {
    why_set(why, "%.200s...: the path is too long", path);
    return TRAINING_ERR_INPUT;
  }
  *fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
  if (*fd < 0 && flags && errno == EINVAL) /* a file system that has no way past its cache */
    *fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  return *fd < 0 ? write_failed(path, length, errno, why) : TRAINING_OK;
}

/* Some file systems say only now that they take nothing past their cache, or not from here. */
static enum training_status write_past(int fd, const char *path, const void *bytes, size_t length, struct why *why) {
  ssize_t n = write(fd, bytes, length < (1 << 30) ? length : 1 << 30);
  int flags = fcntl(fd, F_GETFL);
  size_t done = n > 0 ? (size_t)n : 0;
  if (done < length && flags >= 0) fcntl(fd, F_SETFL, flags & ~O_DIRECT); /* what is left goes the usual way */
  return file_append(fd, path, (const uint8_t *)bytes + done, length - done, why);
}

static enum training_status replace(const char *path, const void *bytes, size_t length, bool wait, bool past,
                                    struct why *why) {
  char part[FILE_PATH_MAX];
  int fd;
  past = past && (uintptr_t)bytes % PAGE_BYTES == 0 && length % PAGE_BYTES == 0;
  enum training_status status = open_part(path, length, past ? O_DIRECT : 0, part, &fd, why);
  if (status != TRAINING_OK) return status;
  status = past ? write_past(fd, path, bytes, length, why) : file_append(fd, path, bytes, length, why);
  if (status == TRAINING_OK && wait && fsync(fd) != 0) status = write_failed(path, length, errno, why);
  if (close(fd) != 0 && status == TRAINING_OK) status = write_failed(path, length, errno, why);
  if (status == TRAINING_OK && rename(part, path) != 0) status = write_failed(path, length, errno, why);
  if (status != TRAINING_OK)
    unlink(part);
  else if (wait)
    sync_folder_of(path);
  return status;
}

enum training_status file_replaceable(const char *path, struct why *why) {
  char part[FILE_PATH_MAX];
  int fd;
  enum training_status status = open_part(path, 0, 0, part, &fd, why);
  if (status != TRAINING_OK) return status;
  close(fd);
  unlink(part);
  return TRAINING_OK;
}

enum training_status file_replace(const char *path, const void *bytes, size_t length, struct why *why) {
  return replace(path, bytes, length, true, false, why);
}

enum training_status file_replace_soon(const char *path, const void *bytes, size_t length, struct why *why) {
  return replace(path, bytes, length, false, false, why);
}

enum training_status file_replace_past(const char *path, const void *bytes, size_t length, bool wait, struct why *why) {
  return replace(path, bytes, length, wait, true, why);
}

enum training_status file_settle(const char *path, struct why *why) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? TRAINING_OK : write_failed(path, 0, errno, why);
  enum training_status status = fsync(fd) == 0 ? TRAINING_OK : write_failed(path, 0, errno, why);
  close(fd);
  return status;
}

void file_settle_names(const char *path) { sync_folder_of(path); }

enum training_status file_sync(const char *folder, struct why *why) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enum training_status status = fd < 0 || syncfs(fd) != 0 ? write_failed(folder, 0, errno, why) : TRAINING_OK;
  if (fd >= 0) close(fd);
  return status;
}

enum training_status file_folder(const char *path, struct why *why) {
  struct stat st;
  if (mkdir(path, 0777) == 0) return TRAINING_OK;
  int error = errno;
  if (error == EEXIST && stat(path, &st) == 0) {
    if (S_ISDIR(st.st_mode)) return TRAINING_OK;
    why_set(why, "%s is a file; a folder is needed here", path);
    return TRAINING_ERR_INPUT;
  }
  if (error == EEXIST) {
    why_set(why, "%s is a link to what is not there; make the folder it names, or choose another", path);
    return TRAINING_ERR_INPUT;
  }
  why_set(why, "folder %s could not be made: %s%s", path, strerror(error),
          error == ENOENT ? "; the folder it lies in must be there" : "");
  return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG ? TRAINING_ERR_INPUT : TRAINING_ERR_SYSTEM;
}

bool file_join(char path[FILE_PATH_MAX], const char *folder, const char *name) {
  bool alone = name[0] == '/' || !folder[0] || strcmp(folder, ".") == 0;
  const char *slash = !alone && folder[strlen(folder) - 1] != '/' ? "/" : "";
  int n = snprintf(path, FILE_PATH_MAX, "%s%s%s", alone ? "" : folder, slash, name);
  return n >= 0 && n < FILE_PATH_MAX;
}

void file_folder_of(const char *path, char folder[FILE_PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) : 0;
  if (!slash || length >= FILE_PATH_MAX) {
    memcpy(folder, ".", 2);
    return;
  }
  if (length == 0) length = 1; /* "/name" */
  memcpy(folder, path, length);
  folder[length] = 0;
}

enum training_status file_lock(const char *folder, int *fd, struct why *why) {
  char path[FILE_PATH_MAX];
  if (!file_join(path, folder, ".lock")) {
    why_set(why, "%.200s...: the path is too long", folder);
    return TRAINING_ERR_INPUT;
  }
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (lock < 0) return write_failed(path, 0, errno, why);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    int error = errno;
    close(lock);
    if (error != EWOULDBLOCK) return write_failed(path, 0, error, why);
    why_set(why, "%s: another run is working in this folder; wait for it or choose another with -o", folder);
    return TRAINING_ERR_INPUT;
  }
  *fd = lock;
  return TRAINING_OK;
}

void file_unlock(int fd) {
  if (fd >= 0) close(fd);
}
