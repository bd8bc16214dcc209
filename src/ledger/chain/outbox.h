/* outbox: what leaves a block besides the state: receipts (LEDGER 17.3), bodies kept by content, and events for people.
 *
 * It waits here until the block's end, because a transaction that fails takes back what it told, and a block may be
 * called twice. Memory comes from the heap and grows with what a block may hold. Uses: base. */
#ifndef LEDGER_OUTBOX_H
#define LEDGER_OUTBOX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where it goes: called by ledger_end, in order, once for each thing told. Tests count, the engine stores; who is told
 * a second time of a height that was not committed forgets the first. Bytes are lent during the call. A callback may be
 * NULL. task: 34 bytes, or NULL where it is about none. */
struct chain_sink {
  void *context;
  void (*receipt)(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                  size_t payments_length);
  void (*content)(void *context, const uint8_t hash[32], const uint8_t *bytes,
                  size_t length); /* tapes, layout tables */
  void (*event)(void *context, const char *kind, const uint8_t *task, const char *text);
};

struct outbox;
struct outbox *outbox_open(void);
void outbox_shut(struct outbox *o);

void outbox_receipt(struct outbox *o, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                    size_t payments_length);
void outbox_content(struct outbox *o, const uint8_t hash[32], const uint8_t *bytes, size_t length);
__attribute__((format(printf, 4, 5))) void outbox_event(struct outbox *o, const char *kind, const uint8_t *task,
                                                        const char *format, ...);

/* outbox_mark is where it stands; outbox_undo takes back what was told since (0: everything). outbox_tell gives all of
 * it to the sink and keeps it: ledger_begin forgets it. */
size_t outbox_mark(const struct outbox *o);
void outbox_undo(struct outbox *o, size_t mark);
void outbox_tell(const struct outbox *o, const struct chain_sink *sink);

#endif
