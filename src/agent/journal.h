/* journal: what an agent must not forget, in one append-only file: the last value written under each key of text.
 *
 *   "ASYJRNL1" | records: length u32 | first 8 bytes of SHA-256(the rest) | what u8 (1 put, 2 erase) | key length u8 |
 *   key | value
 *
 * journal_put returns when the record is on the disk, so what it promises may be sent after it. A process that is
 * killed, or a machine that loses power, leaves at most one record half written at the end: opening takes it away.
 * Damage anywhere else is refused, because an agent that has forgotten a seal or a nonce is worse than one that does
 * not start. A file that is mostly overwritten values is written anew when it is opened. One process at a time. Memory:
 * the live values. Uses: sha256, bytes, POSIX. */
#ifndef AGENT_JOURNAL_H
#define AGENT_JOURNAL_H
#include "base/why.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_KEY_MAX = 160, JOURNAL_VALUE_MAX = 2 << 20 };

enum journal_status {
  JOURNAL_OK = 0,
  JOURNAL_ERR_INPUT, /* not a journal, damaged, or another process has it; a key or value that is too long */
  JOURNAL_ERR_SYSTEM /* the disk is full or fails: nothing was promised */
};

struct journal;

/* journal_open makes the file if there is none, and locks it. journal_shut: NULL is fine. */
enum journal_status journal_open(struct journal **out, const char *path, struct why *why);
void journal_shut(struct journal *j);

/* journal_put replaces the value of a key (1 to JOURNAL_KEY_MAX bytes of text); journal_erase is fine without one.
 * After an ERR_SYSTEM what the file says is as before. */
enum journal_status journal_put(struct journal *j, const char *key, const void *value, size_t length, struct why *why);
enum journal_status journal_erase(struct journal *j, const char *key, struct why *why);

/* journal_get lends a value until the next put or erase; false: there is none. journal_next gives the first key that
 * begins with prefix and stands behind `after` (NULL: the first) in the order of bytes; lent likewise, NULL at the end.
 */
bool journal_get(const struct journal *j, const char *key, const uint8_t **value, size_t *length);
const char *journal_next(const struct journal *j, const char *prefix, const char *after);

#endif
