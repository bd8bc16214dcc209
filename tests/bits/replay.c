/* replay: runs a bundle and prints the state root after every interval: same bits on any machine?
 *
 *   replay BUNDLE [--threads N] [--backend NAME] [--plain]
 *
 * Needs nothing but a C library: no files beside the bundle, no decoder of models or data. The format stands in
 * src/training/run/bundle.h. Exit status: 0 every root is the one in the bundle (or it has none), 1 one differs, 2 the
 * bundle is damaged, 3 memory, 77 this machine lacks the back end. */
#include "base/arena.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "commit/state/state.h"
#include "tape/check/check.h"
#include "tape/execute/execute.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAPES_MAX = 8, SECTIONS_MAX = 8, ENTRIES_MAX = 8, DATA_MAX = 256, LACKS_BACKEND = 77 };

struct bundle {
  uint32_t steps, interval_steps, tapes, sections, intervals;
  uint64_t seed;
  struct tape tape[TAPES_MAX];
  const void *data[DATA_MAX];
  struct {
    uint32_t repeat, entries, tape[ENTRIES_MAX], times[ENTRIES_MAX];
  } section[SECTIONS_MAX];
  const uint8_t *roots;
};

static int damaged(const char *what) {
  fprintf(stderr, "replay: the bundle is damaged: %s\n", what);
  return 2;
}

static uint8_t *read_whole(const char *path, size_t *length) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  size_t room = 1 << 20, used = 0, n;
  uint8_t *bytes = malloc(room);
  while (bytes && (n = fread(bytes + used, 1, room - used, f)) > 0) {
    used += n;
    if (used < room) continue;
    uint8_t *larger = realloc(bytes, room *= 2);
    if (!larger) free(bytes);
    bytes = larger;
  }
  fclose(f);
  *length = used;
  return bytes;
}

static bool read_schedule(struct reader *r, struct bundle *b) {
  b->sections = take_u32(r);
  if (b->sections == 0 || b->sections > SECTIONS_MAX) return false;
  for (uint32_t s = 0; s < b->sections; s++) {
    b->section[s].repeat = take_u32(r);
    b->section[s].entries = take_u32(r);
    if (r->short_of || b->section[s].entries == 0 || b->section[s].entries > ENTRIES_MAX) return false;
    for (uint32_t e = 0; e < b->section[s].entries; e++) {
      b->section[s].tape[e] = take_u32(r);
      b->section[s].times[e] = take_u32(r);
      if (b->section[s].tape[e] >= b->tapes) return false;
    }
  }
  return true;
}

/* Which tape runs at a schedule position; TAPES_MAX behind its end. */
static uint32_t tape_at(const struct bundle *b, uint64_t position) {
  for (uint32_t s = 0; s < b->sections; s++) {
    uint64_t once = 0;
    for (uint32_t e = 0; e < b->section[s].entries; e++) once += b->section[s].times[e];
    if (once == 0 || position / once >= b->section[s].repeat) {
      position -= once * b->section[s].repeat;
      continue;
    }
    position %= once;
    for (uint32_t e = 0;; e++) {
      if (position < b->section[s].times[e]) return b->section[s].tape[e];
      position -= b->section[s].times[e];
    }
  }
  return TAPES_MAX;
}

static bool read_tapes(struct reader *r, struct bundle *b, struct arena *arena) {
  for (uint32_t t = 0; t < b->tapes; t++) {
    struct why why = {""};
    uint64_t length = take_u64(r);
    const uint8_t *bytes = length <= TAPE_FILE_BYTES_MAX ? take_bytes(r, length) : NULL;
    if (bytes && tape_read(bytes, length, arena, &b->tape[t], &why) == TAPE_OK &&
        tape_check(&b->tape[t], arena, &why) == TAPE_OK && b->tape[t].state_leaves == b->tape[0].state_leaves)
      continue;
    fprintf(stderr, "replay: tape %" PRIu32 ": %s\n", t, why.text);
    return false;
  }
  return true;
}

/* Each tensor must have the size that every tape that reads it says. */
static bool read_data(struct reader *r, struct bundle *b, uint32_t count, struct arena *arena) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t number = take_u32(r);
    uint64_t length = take_u64(r);
    const uint8_t *bytes = take_bytes(r, length);
    if (!bytes || number >= DATA_MAX) return false;
    uint8_t *copy = arena_take(arena, length + 64, 1); /* aligned, as an executor wants it */
    if (!copy) return false;
    memcpy(copy, bytes, length);
    b->data[number] = copy;
    for (uint32_t t = 0; t < b->tapes; t++) {
      const struct layout_entry *e = layout_data(&b->tape[t].layout, (uint8_t)number);
      if (e && layout_entry_elements(e) * tape_dtype_bytes(e->dtype) != length) return false;
    }
  }
  for (uint32_t t = 0; t < b->tapes; t++)
    for (uint32_t e = 0; e < b->tape[t].layout.data_count; e++)
      if (!b->data[b->tape[t].layout.entry[b->tape[t].layout.state_count + e].number]) return false;
  return true;
}

static int bundle_read(const uint8_t *bytes, size_t length, struct bundle *b, struct arena *arena) {
  struct reader r = reader_over(bytes, length);
  const uint8_t *magic = take_bytes(&r, 8);
  if (!magic || memcmp(magic, "ASBUNDL\1", 8) != 0) return damaged("it does not begin with ASBUNDL, 1");
  b->steps = take_u32(&r);
  b->interval_steps = take_u32(&r);
  b->seed = take_u64(&r);
  b->tapes = take_u8(&r);
  uint32_t data = take_u8(&r);
  if (take_u16(&r) != 0 || b->tapes == 0 || b->tapes > TAPES_MAX || b->interval_steps == 0) return damaged("its head");
  if (!read_schedule(&r, b)) return damaged("its schedule");
  if (!read_tapes(&r, b, arena)) return 2;
  if (!read_data(&r, b, data, arena)) return damaged("its data");
  b->intervals = take_u32(&r);
  b->roots = take_bytes(&r, (size_t)b->intervals * MERKLE_BYTES);
  uint64_t needed = ((uint64_t)b->steps + b->interval_steps - 1) / b->interval_steps;
  if (!bytes_done(&r) || b->intervals != needed || (b->steps && tape_at(b, b->steps - 1) == TAPES_MAX))
    return damaged("its end");
  return 0;
}

static int report(const struct bundle *b, uint32_t interval, const uint8_t root[MERKLE_BYTES]) {
  static const uint8_t unknown[MERKLE_BYTES];
  const uint8_t *wanted = b->roots + (size_t)(interval - 1) * MERKLE_BYTES;
  char text[2 * MERKLE_BYTES + 1];
  hex_encode(root, MERKLE_BYTES, text);
  bool known = memcmp(wanted, unknown, MERKLE_BYTES) != 0, same = memcmp(wanted, root, MERKLE_BYTES) == 0;
  printf("interval %" PRIu32 " %s%s\n", interval, text, !known ? "" : same ? " same" : " DIFFERS");
  if (interval == b->intervals) printf("final %s\n", text);
  return known && !same;
}

static int run(const struct bundle *b, const struct execute_options *options) {
  struct execute *x[TAPES_MAX] = {0};
  struct why why = {""};
  uint64_t leaves = b->tape[0].state_leaves;
  uint8_t *state = aligned_alloc(64, leaves * TAPE_LEAF_BYTES), *hashes = malloc(leaves * MERKLE_BYTES),
          root[MERKLE_BYTES];
  int status = state && hashes ? 0 : 3;
  if (state) memset(state, 0, leaves * TAPE_LEAF_BYTES);
  for (uint32_t step = 0; step < b->steps && status != 3; step++) {
    uint32_t t = tape_at(b, step);
    if (!x[t] && execute_open(&x[t], &b->tape[t], b->data, options, &why) != EXECUTE_OK) {
      fprintf(stderr, "replay: %s\n", why.text);
      status = 3;
      break;
    }
    execute_step(x[t], state, step, b->seed);
    if ((step + 1) % b->interval_steps != 0 && step + 1 != b->steps) continue;
    state_root(state, leaves * TAPE_LEAF_BYTES, hashes, root);
    status |= report(b, step / b->interval_steps + 1, root);
  }
  for (uint32_t t = 0; t < TAPES_MAX; t++)
    if (x[t]) execute_shut(x[t]);
  free(state);
  free(hashes);
  return status;
}

int main(int argc, char **argv) {
  static struct bundle b; /* large, and zero */
  struct execute_options options = {0};
  uint32_t threads = 1;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--plain") == 0) {
      options.plain = true;
    } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      threads = (uint32_t)atoi(argv[++i]);
    } else if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc) {
      if (!(options.backend = backend_named(argv[++i])))
        return printf("this machine has no %s\n", argv[i]), LACKS_BACKEND;
    } else {
      argc = 0;
    }
  }
  if (argc < 2) return fprintf(stderr, "usage: replay BUNDLE [--threads N] [--backend NAME] [--plain]\n"), 2;
  size_t length;
  struct arena arena;
  uint8_t *bytes = read_whole(argv[1], &length);
  if (!bytes) return fprintf(stderr, "replay: %s cannot be read\n", argv[1]), 2;
  if (!arena_open(&arena, (size_t)length + ((size_t)256 << 20))) return 3;
  int status = bundle_read(bytes, length, &b, &arena);
  options.pool = threads > 1 ? pool_open(threads) : NULL;
  if (status == 0) status = run(&b, &options);
  if (options.pool) pool_shut(options.pool);
  arena_shut(&arena);
  free(bytes);
  return status;
}
