#define _DEFAULT_SOURCE
#include "training/checkpoint/checkpoint.h"
#include "commit/state/state.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF_BYTES = 4096, LEAVES_PER_TASK = 256 };

uint64_t checkpoint_budget(uint64_t state_bytes) {
  const uint64_t most = (uint64_t)1 << 30;
  return state_bytes > most / 128 ? most : 128 * state_bytes;
}

uint32_t checkpoint_every(uint32_t intervals, uint64_t state_bytes, uint64_t budget_bytes) {
  uint64_t fit = state_bytes ? budget_bytes / state_bytes : intervals;
  fit = fit > 4 ? fit - 3 : 1; /* the first, the last, and the one before a divergence come on top */
  uint64_t every = (intervals + fit - 1) / fit;
  return every ? (uint32_t)every : 1;
}

bool checkpoint_kept(uint32_t interval, uint32_t intervals, uint32_t every) {
  return interval == 1 || interval == intervals || interval % every == 0;
}

bool checkpoint_path(char path[FILE_PATH_MAX], const char *folder, uint32_t interval) {
  char name[48];
  snprintf(name, sizeof name, "checkpoints/%06" PRIu32 ".state", interval);
  return file_join(path, folder, name);
}

struct hashing {
  const uint8_t *blob;
  uint64_t length, leaves;
  uint8_t *hashes;
};

static void hash_some(void *context, uint32_t i, uint32_t thread) {
  struct hashing *h = context;
  uint64_t first = (uint64_t)i * LEAVES_PER_TASK;
  uint64_t count = h->leaves - first < LEAVES_PER_TASK ? h->leaves - first : LEAVES_PER_TASK;
  (void)thread;
  state_leaf_hashes(h->blob, h->length, first, count, h->hashes + first * MERKLE_BYTES);
}

static uint64_t leaves_of(uint64_t length) { return length / LEAF_BYTES + (length % LEAF_BYTES != 0); }

void checkpoint_leaves(struct pool *pool, const uint8_t *blob, uint64_t length, uint8_t *hashes) {
  struct hashing h = {.blob = blob, .length = length, .leaves = leaves_of(length), .hashes = hashes};
  pool_run(pool, (uint32_t)((h.leaves + LEAVES_PER_TASK - 1) / LEAVES_PER_TASK), hash_some, &h);
}

enum training_status checkpoint_root(struct pool *pool, const uint8_t *blob, uint64_t length,
                                     uint8_t root[MERKLE_BYTES], struct why *why) {
  uint8_t *hashes = malloc(leaves_of(length) * MERKLE_BYTES + 1);
  if (!hashes) {
    why_set(why, "not enough memory to hash %" PRIu64 " bytes", length);
    return TRAINING_ERR_SYSTEM;
  }
  checkpoint_leaves(pool, blob, length, hashes);
  merkle_fold(hashes, leaves_of(length), root);
  free(hashes);
  return TRAINING_OK;
}

enum training_status checkpoint_read(const char *path, uint64_t state_bytes, uint8_t *state, struct why *why) {
  struct file_bytes file;
  enum training_status status = file_map(path, UINT64_MAX, &file, why);
  if (status != TRAINING_OK) return status;
  if (file.length == state_bytes) {
    memcpy(state, file.bytes, state_bytes);
  } else {
    why_set(why, "%s has %zu bytes, a state of this job has %" PRIu64 "; it is cut short or belongs to another job",
            path, file.length, state_bytes);
    status = TRAINING_ERR_INPUT;
  }
  file_unmap(&file);
  return status;
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* "000123.state" to 123; other names are none of ours. */
static bool number_of(const char *name, uint32_t *number) {
  char again[48];
  unsigned long n = strtoul(name, NULL, 10);
  if (name[0] < '0' || name[0] > '9' || n > UINT32_MAX) return false;
  snprintf(again, sizeof again, "%06lu.state", n);
  *number = (uint32_t)n;
  return strcmp(again, name) == 0;
}

enum training_status checkpoint_list(const char *folder, uint32_t **numbers, uint32_t *count, struct why *why) {
  char path[FILE_PATH_MAX];
  DIR *dir = file_join(path, folder, "checkpoints") ? opendir(path) : NULL;
  if (!dir) {
    why_set(why, "%s/checkpoints: %s", folder, strerror(errno));
    return TRAINING_ERR_INPUT;
  }
  uint32_t n = 0, room = 0, number, *list = NULL;
  for (struct dirent *e; (e = readdir(dir));) {
    if (!number_of(e->d_name, &number)) continue;
    if (n == room) {
      uint32_t *larger = realloc(list, (room = room ? 2 * room : 64) * sizeof *list);
      if (!larger) {
        free(list);
        closedir(dir);
        why_set(why, "%s: not enough memory for its list of checkpoints", path);
        return TRAINING_ERR_SYSTEM;
      }
      list = larger;
    }
    list[n++] = number;
  }
  closedir(dir);
  if (n) qsort(list, n, sizeof *list, ascending);
  *numbers = list;
  *count = n;
  return TRAINING_OK;
}
