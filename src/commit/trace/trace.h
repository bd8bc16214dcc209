/* trace: the salted Merkle tree over the state roots at interval ends. PROTOCOL M4.
 *
 * Uses: crypto. */
#ifndef COMMIT_TRACE_H
#define COMMIT_TRACE_H
#include "base/why.h"
#include "crypto/merkle.h"

enum { TRACE_INTERVALS_MAX = 256, TRACE_SALT_BYTES = 32 };
enum trace_outcome {
  TRACE_DONE = 0,
  TRACE_DIVERGED = 1,
  TRACE_OPEN = 2 /* a run that is not finished; never committed */
};

struct trace {
  uint32_t task, first_step, steps;   /* steps run so far */
  uint16_t interval_steps, intervals; /* intervals = N; roots has N + 1 */
  uint8_t outcome;
  uint8_t salt[TRACE_SALT_BYTES]; /* sigma */
  uint8_t roots[TRACE_INTERVALS_MAX + 1][MERKLE_BYTES];
};

/* trace_leaf is the leaf hash of roots[i]: what a single start opens (M4.3). */
void trace_leaf(const struct trace *t, uint32_t i, uint8_t leaf[MERKLE_BYTES]);
void trace_root(const struct trace *t, uint8_t root[MERKLE_BYTES]);

/* The file form, a magic, the fields in order, then the roots and at the end the trace root: trace_write returns its
 * length, 0 if it does not fit or a field is out of its bounds. trace_read takes exactly length bytes, checks bounds
 * and the trace root. */
enum { TRACE_FILE_BYTES_MAX = 16384 };
enum trace_status { TRACE_OK, TRACE_ERR_BYTES, TRACE_ERR_ROOT };
size_t trace_write(const struct trace *t, uint8_t *bytes, size_t bytes_max);
enum trace_status trace_read(const uint8_t *bytes, size_t length, struct trace *out, struct why *why);

#endif
