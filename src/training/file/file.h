/* file: whole files in, whole files out, never half of one.
 *
 * Reading maps a regular file after its size was compared with a limit; a directory, a pipe or a device is refused by
 * name. Writing goes to a temporary name in the same folder, is flushed to the disk and renamed, so that a reader or a
 * crash sees the old file or the new one. Uses: base, zlib, POSIX. */
#ifndef TRAINING_FILE_H
#define TRAINING_FILE_H
#include "base/arena.h"
#include "base/why.h"
#include "training/status.h"

enum { FILE_PATH_MAX = 4096 };

/* The bytes of a file, read-only, until file_unmap. An empty file has length 0 and bytes non-NULL. */
struct file_bytes {
  const uint8_t *bytes;
  size_t length;
  void *mapping;        /* private */
  size_t mapping_bytes; /* private */
};

/* file_map maps at most limit_bytes; TRAINING_ERR_INPUT when missing, not a regular file or larger, ERR_SYSTEM when the
 * system refuses. file_unmap forgets; a second call does nothing. */
enum training_status file_map(const char *path, uint64_t limit_bytes, struct file_bytes *out, struct why *why);
void file_unmap(struct file_bytes *f);

/* file_map_gzip is file_map, and where the content begins as gzip (RFC 1952) it is inflated into memory. `expect` sees
 * the first (up to 64) inflated bytes and says how long the whole must be, 0 if that is no file of its format: not a
 * byte more is inflated, so a small file cannot become a large one unannounced. The whole is at most limit_bytes. */
typedef uint64_t file_expect(const uint8_t *head, size_t length);
enum training_status file_map_gzip(const char *path, uint64_t limit_bytes, file_expect *expect, struct file_bytes *out,
                                   struct why *why);

/* file_replace writes `path` whole. ERR_SYSTEM names the file and the reason ("disk full: ..."); then the old
 * file is untouched and the temporary one is gone. */
enum training_status file_replace(const char *path, const void *bytes, size_t length, struct why *why);

/* file_replaceable: would file_replace get as far as writing? Asked before long work, so that its result is not lost to
 * a name that the system refuses or a folder that takes no files. Makes the temporary file, and removes it. */
enum training_status file_replaceable(const char *path, struct why *why);

/* file_replace_soon is file_replace without waiting for the disk: others see the old file or the new one, but after a
 * power failure it may be neither, so its reader must be able to tell. file_sync waits for all that was written on a
 * folder's file system. */
enum training_status file_replace_soon(const char *path, const void *bytes, size_t length, struct why *why);
enum training_status file_sync(const char *folder, struct why *why);

/* file_replace_past is file_replace (wait) or file_replace_soon for many pages: where bytes begin at a multiple of 4096
 * and length is one, the disk takes them past the system's cache, if the file system can; for a state of 6 MB a tenth
 * of the processor's time. file_settle waits until a file written so is on the disk (one that somebody
 * took away meanwhile is no error), file_settle_names until the names in its folder are. */
enum training_status file_replace_past(const char *path, const void *bytes, size_t length, bool wait, struct why *why);
enum training_status file_settle(const char *path, struct why *why);
void file_settle_names(const char *path);

/* file_append writes to the end of an open file; path only names it in messages. */
enum training_status file_append(int fd, const char *path, const void *bytes, size_t length, struct why *why);

/* file_folder makes one folder (its parent exists); fine if it is already one. */
enum training_status file_folder(const char *path, struct why *why);

/* file_join writes "folder/name", or name alone when it is absolute or folder is "" or "."; false when too long. */
bool file_join(char path[FILE_PATH_MAX], const char *folder, const char *name);

/* file_folder_of writes the folder part of a path ("." when it has none). */
void file_folder_of(const char *path, char folder[FILE_PATH_MAX]);

/* file_lock holds folder/.lock for this process (advisory, gone with the process); ERR_INPUT when another run has it.
 * *fd is closed by file_unlock. */
enum training_status file_lock(const char *folder, int *fd, struct why *why);
void file_unlock(int fd);

#endif
