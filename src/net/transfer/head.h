/* head: the head of an HTTP/1.1 request, as little of it as blobs need. A stranger's bytes: bounded, and refused where
 * two readers could understand them differently. Uses: base. */
#ifndef NET_TRANSFER_HEAD_H
#define NET_TRANSFER_HEAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_BYTES_MAX = 4096, HEAD_PATH_MAX = 160, HEAD_VALUE_MAX = 320 };

struct head {
  char method[8], path[HEAD_PATH_MAX];
  bool has_length, chunked;
  uint64_t body_length;
  char authorization[HEAD_VALUE_MAX], range[HEAD_VALUE_MAX]; /* empty where there is none */
};

/* head_read takes everything up to and including the empty line. */
bool head_read(const char *text, size_t length, struct head *out);

/* What a path names. TRANSFER 2.3, 2.4. */
enum head_what { HEAD_BLOB, HEAD_LIST, HEAD_PIECE };
struct head_target {
  uint8_t root[32];
  enum head_what what;
  uint32_t piece;
};
bool head_target(const char *path, struct head_target *out);

/* head_range reads "bytes=A-" and "bytes=A-B", A <= B: the first byte and the last, UINT64_MAX for none. False for
 * every other range. */
bool head_range(const char *text, uint64_t *first, uint64_t *last);

/* TRANSFER 2.6. */
struct head_signature {
  uint8_t account[32], key[32], signature[64];
  uint64_t time_s;
};
bool head_signature(const char *text, struct head_signature *out);

/* head_number reads decimal digits without leading zeros up to the first other character. */
bool head_number(const char **text, uint64_t *out);

#endif
