/* keeping: small files that only their owner may read, written whole or not at all. For keys.c and line.c. */
#ifndef STORE_KEYS_KEEPING_H
#define STORE_KEYS_KEEPING_H
#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"
#include "store/status.h"

/* keeping_write writes to path.part, flushes it to the disk and gives it its name: mode 0600. What is there already is
 * replaced if `replace`, else it is ERR_INPUT and stays untouched. */
enum store_status keeping_write(const char *path, const void *bytes, size_t length, bool replace, struct why *why);

/* keeping_open opens for reading a regular file that nobody but its owner may read, or, if `pipe`, a pipe. */
enum store_status keeping_open(const char *path, bool pipe, int *fd, struct why *why);

#endif
