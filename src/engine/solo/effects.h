/* effects: what a block gave, as the node keeps it beside the block: results, and what was told. ENGINE 7.5.
 *
 *   version u8 = 2 | another u8 | app hash 32 | state root 32 | log size u64 | count u32
 *   | count x { code u16 | gas wanted u32 | gas used u32 | length u16 | log }
 *   | events u32 | events x { length u8 | kind | task there u8 | task 34 if so | length u16 | text }
 *
 * Only app hash, codes and gas are consensus. Uses: bytes. */
#ifndef ENGINE_SOLO_EFFECTS_H
#define ENGINE_SOLO_EFFECTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/comet/block.h"

enum { EFFECTS_LOG_MAX = 512, EFFECTS_TEXT_MAX = 512, EFFECTS_KIND_MAX = 64 };

struct effects_result {
  uint16_t code;
  uint32_t gas_wanted, gas_used;
  struct comet_span log;
};
struct effects_event {
  struct comet_span kind, text;
  const uint8_t *task; /* 34 bytes, or NULL */
};

/* Being written: results and events each in a row of bytes that grows; without memory the program stops. */
struct effects_row {
  uint8_t *bytes;
  size_t used, size;
  uint32_t count;
};
struct effects_writer {
  struct effects_row results, events, whole;
};
void effects_clear(struct effects_writer *w);
void effects_free(struct effects_writer *w);
void effects_add_result(struct effects_writer *w, const struct effects_result *r);
void effects_add_event(struct effects_writer *w, const char *kind, const uint8_t *task, const char *text);

/* What the state was after the block, and what makes its app hash (LEDGER 17.2.2; the log's root follows from the
 * receipts). Certificates need it when the state has gone on. */
struct effects_state {
  uint8_t app_hash[32], state_root[32];
  uint64_t log_size;
};

/* effects_end lends the whole until the next effects_clear. another: LEDGER 1.5, one more block is due. */
struct comet_span effects_end(struct effects_writer *w, bool another, const struct effects_state *after);

/* Being read: effects_open takes exactly the effects of one block (our own store's; false if it is none); then results
 * and events one after the other, false behind the last. What they point to is in the bytes. */
struct effects_reader {
  bool another;
  struct effects_state after;
  uint32_t results_count, events_count;
  const uint8_t *result, *event, *end;
  uint32_t results_left, events_left;
};
bool effects_open(const uint8_t *bytes, size_t length, struct effects_reader *out);
bool effects_next_result(struct effects_reader *r, struct effects_result *out);
bool effects_next_event(struct effects_reader *r, struct effects_event *out);

#endif
