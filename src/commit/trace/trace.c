#include "commit/trace/trace.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/sha256.h"

/* The file form, PROTOCOL M4.8: magic | task (4) | first_step (4) | steps (4) | interval_steps (2) | intervals (2) |
 * outcome | salt (32) | roots (32 each, intervals + 1) | trace root (32) */
static const uint8_t magic[8] = {'A', 'S', 'T', 'R', 'A', 'C', 'E', 1};
enum { STEPS_MAX = 0x7fffffff, INTERVAL_STEPS_MAX = 256 };

/* PROTOCOL M4.2: leaf = SHA-256(00 || SHA-256(salt || i) || root). */
void trace_leaf(const struct trace *t, uint32_t i, uint8_t leaf[MERKLE_BYTES]) {
  const uint8_t number[4] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), (uint8_t)(i >> 24)};
  uint8_t message[SHA256_BYTES + MERKLE_BYTES];
  sha256_parts((struct sha256_part[]){{t->salt, TRACE_SALT_BYTES}, {number, sizeof number}}, 2, message);
  memcpy(message + SHA256_BYTES, t->roots[i], MERKLE_BYTES);
  merkle_leaf(message, sizeof message, leaf);
}

void trace_root(const struct trace *t, uint8_t root[MERKLE_BYTES]) {
  struct merkle_builder tree = {0};
  uint8_t leaf[MERKLE_BYTES];
  for (uint32_t i = 0; i <= t->intervals && i <= TRACE_INTERVALS_MAX; i++) {
    trace_leaf(t, i, leaf);
    merkle_add(&tree, leaf);
  }
  merkle_end(&tree, root);
}

static bool fields_hold(const struct trace *t, struct why *why) {
  if (t->interval_steps < 1 || t->interval_steps > INTERVAL_STEPS_MAX) {
    why_set(why, "interval_steps %u: 1 to %d", t->interval_steps, INTERVAL_STEPS_MAX);
    return false;
  }
  if (t->first_step > STEPS_MAX || t->steps > STEPS_MAX - t->first_step) {
    why_set(why, "%" PRIu32 " steps from step %" PRIu32 " pass 2^31 - 1", t->steps, t->first_step);
    return false;
  }
  uint32_t intervals = t->steps / t->interval_steps + (t->steps % t->interval_steps != 0);
  if (intervals > TRACE_INTERVALS_MAX || t->intervals != intervals) {
    why_set(why, "%u intervals for %" PRIu32 " steps in intervals of %u: %" PRIu32 ", at most %d", t->intervals,
            t->steps, t->interval_steps, intervals, TRACE_INTERVALS_MAX);
    return false;
  }
  if (t->outcome > TRACE_OPEN) {
    why_set(why, "outcome %u: done 0, diverged 1, open 2", t->outcome);
    return false;
  }
  if (t->outcome != TRACE_OPEN && !t->steps) {
    why_set(why, "a finished trace without a step");
    return false;
  }
  return true;
}

size_t trace_write(const struct trace *t, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  uint8_t root[MERKLE_BYTES];
  if (!fields_hold(t, NULL)) return 0;
  put_bytes(&w, magic, sizeof magic);
  put_u32(&w, t->task);
  put_u32(&w, t->first_step);
  put_u32(&w, t->steps);
  put_u16(&w, t->interval_steps);
  put_u16(&w, t->intervals);
  put_u8(&w, t->outcome);
  put_bytes(&w, t->salt, sizeof t->salt);
  put_bytes(&w, t->roots, ((size_t)t->intervals + 1) * MERKLE_BYTES);
  trace_root(t, root);
  put_bytes(&w, root, sizeof root);
  return w.full ? 0 : bytes_written(&w);
}

enum trace_status trace_read(const uint8_t *bytes, size_t length, struct trace *out, struct why *why) {
  struct reader in = reader_over(bytes, length);
  struct trace t = {0};
  const uint8_t *start = take_bytes(&in, sizeof magic);
  if (!start || memcmp(start, magic, sizeof magic) != 0) {
    why_set(why, "not a trace file: it begins with ASTRACE, 1");
    return TRACE_ERR_BYTES;
  }
  t.task = take_u32(&in);
  t.first_step = take_u32(&in);
  t.steps = take_u32(&in);
  t.interval_steps = take_u16(&in);
  t.intervals = take_u16(&in);
  t.outcome = take_u8(&in);
  const uint8_t *salt = take_bytes(&in, sizeof t.salt);
  if (!salt) {
    why_set(why, "the trace file is cut short");
    return TRACE_ERR_BYTES;
  }
  if (!fields_hold(&t, why)) return TRACE_ERR_BYTES;
  size_t roots_bytes = ((size_t)t.intervals + 1) * MERKLE_BYTES;
  const uint8_t *roots = take_bytes(&in, roots_bytes), *root = take_bytes(&in, MERKLE_BYTES);
  if (!bytes_done(&in)) {
    why_set(why, "a trace of %u intervals has %zu roots, the file is %s", t.intervals, roots_bytes / MERKLE_BYTES + 1,
            in.short_of ? "cut short" : "longer");
    return TRACE_ERR_BYTES;
  }
  memcpy(t.salt, salt, sizeof t.salt);
  memcpy(t.roots, roots, roots_bytes);
  uint8_t again[MERKLE_BYTES];
  trace_root(&t, again);
  if (memcmp(root, again, sizeof again) != 0) {
    why_set(why, "the roots do not give the trace root at the file's end: the file was changed or damaged");
    return TRACE_ERR_ROOT;
  }
  *out = t;
  return TRACE_OK;
}
