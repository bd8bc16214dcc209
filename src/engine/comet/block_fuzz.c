/* Bytes from strangers as what blocks are made of. The first byte says as which; what is read is written again as the
 * same bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/comet/block.h"

enum { SPANS = 64, SIGNATURES = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void as_block(const uint8_t *bytes, size_t length) {
  struct comet_span spans[SPANS];
  struct comet_signature signatures[SIGNATURES];
  const struct comet_space space = {spans, SPANS, signatures, SIGNATURES};
  struct comet_block b;
  if (!comet_block_decode(bytes, length, &space, &b)) return;
  uint8_t *again = malloc(length);
  if (!again) abort();
  size_t whole = comet_block_bytes(&b), written = whole == length ? comet_block_encode(&b, again, length) : 0;
  assert(written == length && memcmp(again, bytes, length) == 0);
  comet_block_fill(&b);
  bool consistent = comet_block_consistent(&b);
  assert(consistent);
  free(again);
}

static void as_commit(const uint8_t *bytes, size_t length) {
  struct comet_signature signatures[SIGNATURES];
  struct comet_commit c;
  uint8_t again[4096];
  if (!comet_commit_decode(bytes, length, signatures, SIGNATURES, &c)) return;
  size_t written = comet_commit_encode(&c, again, sizeof again);
  assert(written == length && memcmp(again, bytes, length) == 0);
}

static void as_header(const uint8_t *bytes, size_t length) {
  struct comet_header h;
  uint8_t again[COMET_HEADER_BYTES_MAX];
  if (!comet_header_decode(bytes, length, &h)) return;
  size_t written = comet_header_encode(&h, again);
  assert(written == length && memcmp(again, bytes, length) == 0);
}

static void as_leaves(const uint8_t *bytes, size_t length) {
  struct comet_header h;
  uint8_t again[COMET_LEAVES_BYTES_MAX];
  if (!comet_header_of_leaves(bytes, length, &h)) return;
  size_t written = comet_header_leaves(&h, again);
  assert(written == length && memcmp(again, bytes, length) == 0);
}

static void as_time(const uint8_t *bytes, size_t length) {
  struct comet_time t;
  char again[COMET_TIME_TEXT_MAX + 1];
  if (!comet_time_read((const char *)bytes, length, &t)) return;
  comet_time_write(&t, again);
  assert(strlen(again) == length && memcmp(again, bytes, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  if (!length) return 0;
  switch (data[0]) {
  case 'b': as_block(data + 1, length - 1); break;
  case 'c': as_commit(data + 1, length - 1); break;
  case 'h': as_header(data + 1, length - 1); break;
  case 'l': as_leaves(data + 1, length - 1); break;
  case 't': as_time(data + 1, length - 1); break;
  }
  return 0;
}
