#include "store/keys/keeping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 4096 };

static enum store_status failed(const char *path, int error, struct why *why) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    why_set(why, "disk full: %s could not be written: %s; free some space", path, strerror(error));
    return STORE_ERR_FULL;
  }
  why_set(why, "%s could not be written: %s", path, strerror(error));
  return error == ENOENT || error == ENOTDIR ? STORE_ERR_INPUT : STORE_ERR_SYSTEM;
}

static int write_whole(int fd, const uint8_t *bytes, size_t length) {
  while (length) {
    ssize_t n = write(fd, bytes, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC;
    bytes += n;
    length -= (size_t)n;
  }
  return fchmod(fd, 0600) != 0 || fsync(fd) != 0 ? errno : 0;
}

/* A link refuses to take a name that is taken, which rename does not. Where a file system has no links, the moment
 * between looking and renaming has to do. */
static int name_new(const char *part, const char *path) {
  struct stat st;
  if (link(part, path) == 0) return unlink(part) == 0 ? 0 : errno;
  if (errno == EEXIST || (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)) return errno;
  if (lstat(path, &st) == 0) return EEXIST;
  return rename(part, path) == 0 ? 0 : errno;
}

static void sync_folder_of(const char *path) {
  char folder[PATH_MAX_BYTES] = ".";
  const char *slash = strrchr(path, '/');
  if (slash) snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd); /* some file systems refuse; that is theirs to know */
  close(fd);
}

enum store_status keeping_write(const char *path, const void *bytes, size_t length, bool replace, struct why *why) {
  char part[PATH_MAX_BYTES];
  if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part) {
    why_set(why, "%.200s...: the path is too long", path);
    return STORE_ERR_INPUT;
  }
  unlink(part); /* of one that was broken off */
  int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path, errno, why);
  int error = write_whole(fd, bytes, length);
  if (close(fd) != 0 && !error) error = errno;
  if (!error) error = replace ? (rename(part, path) == 0 ? 0 : errno) : name_new(part, path);
  if (!error) {
    sync_folder_of(path);
    return STORE_OK;
  }
  unlink(part);
  if (error != EEXIST) return failed(path, error, why);
  why_set(why, "%s is there already, and a key is never overwritten; choose another name", path);
  return STORE_ERR_INPUT;
}

enum store_status keeping_open(const char *path, bool pipe, int *out, struct why *why) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    why_set(why, "%s: %s", path, strerror(errno));
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? STORE_ERR_INPUT : STORE_ERR_SYSTEM;
  }
  enum store_status status = STORE_ERR_INPUT;
  if (fstat(fd, &st) != 0) {
    why_set(why, "%s: %s", path, strerror(errno));
    status = STORE_ERR_SYSTEM;
  } else if (pipe && S_ISFIFO(st.st_mode)) {
    status = STORE_OK;
  } else if (!S_ISREG(st.st_mode)) {
    why_set(why, "%s is not a regular file", path);
  } else if (st.st_mode & 077) {
    why_set(why, "%s may be read by others than its owner; chmod 600 %s", path, path);
  } else {
    status = STORE_OK;
  }
  if (status != STORE_OK)
    close(fd);
  else
    *out = fd;
  return status;
}
