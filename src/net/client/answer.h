/* answer: exact reading of the fields of an answer. A field of another type, another spelling of a number, hex of the
 * wrong case or length are refused, never repaired. Uses: jansson, base. */
#ifndef NET_CLIENT_ANSWER_H
#define NET_CLIENT_ANSWER_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* answer_at walks names separated by dots: "sync_info.latest_block_height"; NULL where there is none. */
const json_t *answer_at(const json_t *root, const char *path);

/* answer_height reads a decimal string of 0 .. 2^63 - 1 without leading zeros; answer_code a JSON number of 32 bits. */
bool answer_height(const json_t *value, uint64_t *out);
bool answer_code(const json_t *value, uint32_t *out);

/* answer_hash reads capital hex digits of exactly 32 bytes, as CometBFT writes hashes. */
bool answer_hash(const json_t *value, uint8_t out[32]);

/* answer_bytes gives base64 as heap bytes, never NULL when true; null means no bytes. */
bool answer_bytes(const json_t *value, size_t bytes_max, uint8_t **out, size_t *length);

/* answer_text copies a text of at most text_max - 1 printable characters; answer_words the same, but cut and cleaned,
 * for what only people read. */
bool answer_text(const json_t *value, char *out, size_t text_max);
void answer_words(const json_t *value, char *out, size_t text_max);

#endif
