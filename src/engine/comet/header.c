#include "engine/comet/header.h"

#include <assert.h>
#include <string.h>

#include "engine/comet/proto.h"
#include "ledger/log/log.h"

/* The fields' numbers in the message. ENGINE 2.1. */
enum {
  VERSION = 1,
  CHAIN_ID,
  HEIGHT,
  TIME,
  LAST_BLOCK,
  LAST_COMMIT,
  DATA,
  VALIDATORS,
  NEXT_VALIDATORS,
  PARAMS,
  APP,
  LAST_RESULTS,
  EVIDENCE,
  PROPOSER
};
_Static_assert((int)PROPOSER == (int)COMET_LEAVES, "fourteen fields");

static const uint8_t zeros[COMET_HASH_BYTES];

bool comet_block_id_equal(const struct comet_block_id *a, const struct comet_block_id *b) {
  return a->parts == b->parts && memcmp(a->hash, b->hash, COMET_HASH_BYTES) == 0 &&
         memcmp(a->parts_hash, b->parts_hash, COMET_HASH_BYTES) == 0;
}

static bool block_id_valid(const struct comet_block_id *id) {
  return id->parts || (memcmp(id->hash, zeros, sizeof zeros) == 0 && memcmp(id->parts_hash, zeros, sizeof zeros) == 0);
}

size_t comet_block_id_encode(const struct comet_block_id *id, uint8_t bytes[COMET_BLOCK_ID_BYTES_MAX]) {
  uint8_t inner[COMET_BLOCK_ID_BYTES_MAX];
  size_t hash_bytes = id->parts ? COMET_HASH_BYTES : 0;
  struct writer parts = writer_over(inner, sizeof inner), w = writer_over(bytes, COMET_BLOCK_ID_BYTES_MAX);
  proto_put_number(&parts, 1, id->parts);
  proto_put_bytes(&parts, 2, id->parts_hash, hash_bytes);
  proto_put_bytes(&w, 1, id->hash, hash_bytes);
  proto_put_message(&w, 2, inner, bytes_written(&parts));
  assert(!parts.full && !w.full && block_id_valid(id));
  return bytes_written(&w);
}

void comet_block_id_put(struct writer *w, uint8_t field, const struct comet_block_id *id) {
  uint8_t bytes[COMET_BLOCK_ID_BYTES_MAX];
  size_t length = comet_block_id_encode(id, bytes);
  proto_put_message(w, field, bytes, length);
}

static struct comet_block_id take_block_id(struct reader *r) {
  struct comet_block_id id = {0};
  bool there;
  struct reader hash = proto_take_span(r, 1, &there), parts = proto_take_message(r, 2);
  uint64_t count = proto_take_number(&parts, 1);
  id.parts = (uint32_t)count;
  if (count > UINT32_MAX || there != (count > 0) || bytes_left(&hash) != (there ? COMET_HASH_BYTES : 0)) {
    r->short_of = true;
    return (struct comet_block_id){0};
  }
  if (there) {
    memcpy(id.hash, hash.at, COMET_HASH_BYTES);
    proto_take_bytes(&parts, 2, id.parts_hash, COMET_HASH_BYTES);
  }
  proto_end(r, &parts);
  return id;
}

struct comet_block_id comet_block_id_take(struct reader *r, uint8_t field) {
  struct reader inner = proto_take_message(r, field);
  struct comet_block_id id = take_block_id(&inner);
  proto_end(r, &inner);
  return id;
}

static bool chain_id_valid(const char *bytes, size_t length) {
  if (length < 1 || length > COMET_CHAIN_ID_MAX) return false;
  for (size_t i = 0; i < length; i++)
    if (bytes[i] < '!' || bytes[i] > '~') return false;
  return true;
}

bool comet_header_valid(const struct comet_header *h) {
  const char *end = memchr(h->chain_id, 0, sizeof h->chain_id);
  return end && chain_id_valid(h->chain_id, (size_t)(end - h->chain_id)) && h->height >= 1 && h->height <= INT64_MAX &&
         comet_time_valid(&h->time) && block_id_valid(&h->last) && h->app_length <= COMET_HASH_BYTES;
}

/* The fields that are bytes: where they lie and how long they are. */
struct span {
  const uint8_t *bytes;
  size_t length;
};

static struct span bytes_field(const struct comet_header *h, int field) {
  switch (field) {
  case CHAIN_ID: return (struct span){(const uint8_t *)h->chain_id, strlen(h->chain_id)};
  case LAST_COMMIT: return (struct span){h->last_commit, COMET_HASH_BYTES};
  case DATA: return (struct span){h->data, COMET_HASH_BYTES};
  case VALIDATORS: return (struct span){h->validators, COMET_HASH_BYTES};
  case NEXT_VALIDATORS: return (struct span){h->next_validators, COMET_HASH_BYTES};
  case PARAMS: return (struct span){h->params, COMET_HASH_BYTES};
  case APP: return (struct span){h->app, h->app_length};
  case LAST_RESULTS: return (struct span){h->last_results, COMET_HASH_BYTES};
  case EVIDENCE: return (struct span){h->evidence, COMET_HASH_BYTES};
  case PROPOSER: return (struct span){h->proposer, COMET_ADDRESS_BYTES};
  }
  assert(!"a field of bytes");
  return (struct span){NULL, 0};
}

/* What a field has between tag and next tag: in the message for a message, wrapped for a hash. Only the height differs:
 * it is a bare number in the message, and wrapped like the others in the tree. */
static void put_version(struct writer *w, const struct comet_header *h) {
  proto_put_number(w, 1, h->version_block);
  proto_put_number(w, 2, h->version_app);
}

enum { LEAF_BYTES_MAX = COMET_BLOCK_ID_BYTES_MAX };

static size_t leaf_bytes(const struct comet_header *h, int field, uint8_t bytes[LEAF_BYTES_MAX]) {
  struct writer w = writer_over(bytes, LEAF_BYTES_MAX);
  switch (field) {
  case VERSION: put_version(&w, h); break;
  case HEIGHT: proto_put_number(&w, 1, h->height); break;
  case TIME: return comet_time_encode(&h->time, bytes);
  case LAST_BLOCK: return comet_block_id_encode(&h->last, bytes);
  default: {
    struct span s = bytes_field(h, field);
    proto_put_bytes(&w, 1, s.bytes, s.length);
  }
  }
  assert(!w.full);
  return bytes_written(&w);
}

size_t comet_header_encode(const struct comet_header *h, uint8_t bytes[COMET_HEADER_BYTES_MAX]) {
  uint8_t inner[LEAF_BYTES_MAX];
  struct writer w = writer_over(bytes, COMET_HEADER_BYTES_MAX);
  assert(comet_header_valid(h));
  for (uint8_t field = VERSION; field <= PROPOSER; field++) {
    if (field == HEIGHT) {
      proto_put_number(&w, field, h->height);
    } else if (field == VERSION || field == TIME || field == LAST_BLOCK) {
      size_t length = leaf_bytes(h, field, inner);
      proto_put_message(&w, field, inner, length);
    } else {
      struct span s = bytes_field(h, field);
      proto_put_bytes(&w, field, s.bytes, s.length);
    }
  }
  assert(!w.full);
  return bytes_written(&w);
}

static void take_version(struct reader *r, struct comet_header *h) {
  h->version_block = proto_take_number(r, 1);
  h->version_app = proto_take_number(r, 2);
}

static void take_chain_id(struct reader *r, uint8_t field, struct comet_header *h) {
  struct reader text = proto_take_message(r, field);
  size_t length = bytes_left(&text);
  if (r->short_of || !chain_id_valid((const char *)text.at, length)) {
    r->short_of = true;
    return;
  }
  memcpy(h->chain_id, text.at, length);
}

static void take_app(struct reader *r, uint8_t field, struct comet_header *h) {
  bool there;
  struct reader app = proto_take_span(r, field, &there);
  size_t length = bytes_left(&app);
  if (r->short_of || length > COMET_HASH_BYTES || there != (length > 0)) {
    r->short_of = true;
    return;
  }
  if (length) memcpy(h->app, app.at, length);
  h->app_length = (uint8_t)length;
}

/* field: the number in the message, or 1 where the leaf wraps it. */
static void take_bytes_field(struct reader *r, int which, uint8_t field, struct comet_header *h) {
  if (which == CHAIN_ID) {
    take_chain_id(r, field, h);
  } else if (which == APP) {
    take_app(r, field, h);
  } else {
    struct span s = bytes_field(h, which);
    proto_take_bytes(r, field, (uint8_t *)(uintptr_t)s.bytes, s.length); /* in h, which may be written */
  }
}

bool comet_header_decode(const uint8_t *bytes, size_t length, struct comet_header *out) {
  struct reader r = reader_over(bytes, length);
  struct comet_header h = {0};
  for (uint8_t field = VERSION; field <= PROPOSER; field++) {
    if (field == VERSION) {
      struct reader inner = proto_take_message(&r, field);
      take_version(&inner, &h);
      proto_end(&r, &inner);
    } else if (field == HEIGHT) {
      h.height = proto_take_number(&r, field);
    } else if (field == TIME) {
      h.time = comet_time_take(&r, field);
    } else if (field == LAST_BLOCK) {
      h.last = comet_block_id_take(&r, field);
    } else {
      take_bytes_field(&r, field, field, &h);
    }
  }
  if (!bytes_done(&r) || !comet_header_valid(&h)) return false;
  *out = h;
  return true;
}

void comet_header_hash(const struct comet_header *h, uint8_t hash[COMET_HASH_BYTES]) {
  uint8_t leaves[COMET_LEAVES][COMET_HASH_BYTES], bytes[LEAF_BYTES_MAX];
  assert(comet_header_valid(h));
  for (int field = VERSION; field <= PROPOSER; field++) {
    size_t length = leaf_bytes(h, field, bytes);
    comet_leaf(bytes, length, leaves[field - 1]);
  }
  comet_tree((const uint8_t(*)[COMET_HASH_BYTES])leaves, COMET_LEAVES, hash);
}

size_t comet_header_leaves(const struct comet_header *h, uint8_t bytes[COMET_LEAVES_BYTES_MAX]) {
  uint8_t leaf[LEAF_BYTES_MAX];
  struct writer w = writer_over(bytes, COMET_LEAVES_BYTES_MAX);
  assert(comet_header_valid(h));
  for (int field = VERSION; field <= PROPOSER; field++) {
    size_t length = leaf_bytes(h, field, leaf);
    put_u8(&w, (uint8_t)length);
    put_bytes(&w, leaf, length);
  }
  assert(!w.full);
  return bytes_written(&w);
}

bool comet_header_of_leaves(const uint8_t *bytes, size_t length, struct comet_header *out) {
  struct reader r = reader_over(bytes, length);
  struct comet_header h = {0};
  for (int field = VERSION; field <= PROPOSER; field++) {
    size_t leaf_length = take_u8(&r);
    const uint8_t *at = take_bytes(&r, leaf_length);
    if (!at) return false;
    struct reader leaf = reader_over(at, leaf_length);
    if (field == VERSION) {
      take_version(&leaf, &h);
    } else if (field == HEIGHT) {
      h.height = proto_take_number(&leaf, 1);
    } else if (field == TIME) {
      h.time = comet_time_fields(&leaf);
    } else if (field == LAST_BLOCK) {
      h.last = take_block_id(&leaf);
    } else {
      take_bytes_field(&leaf, field, 1, &h);
    }
    if (!bytes_done(&leaf)) return false;
  }
  if (!bytes_done(&r) || !comet_header_valid(&h)) return false;
  *out = h;
  return true;
}

void comet_leaf(const void *bytes, size_t length, uint8_t leaf[COMET_HASH_BYTES]) { log_leaf(bytes, length, leaf); }

void comet_tree(const uint8_t (*leaves)[COMET_HASH_BYTES], size_t count, uint8_t root[COMET_HASH_BYTES]) {
  struct log tree = {0};
  for (size_t i = 0; i < count; i++) log_add(&tree, leaves[i]);
  log_root(&tree, root);
}

static bool read_leaf(void *context, uint32_t level, uint64_t index, uint8_t hash[LOG_HASH_BYTES]) {
  const uint8_t(*leaves)[COMET_HASH_BYTES] = context;
  if (level) return false;
  memcpy(hash, leaves[index], COMET_HASH_BYTES);
  return true;
}

uint32_t comet_tree_path(const uint8_t (*leaves)[COMET_HASH_BYTES], size_t count, size_t index,
                         uint8_t path[64][COMET_HASH_BYTES]) {
  uint32_t steps = 0;
  bool found = log_path(count, index, read_leaf, (void *)(uintptr_t)leaves, path, &steps);
  assert(found);
  return steps;
}

void comet_parts(const uint8_t *block, size_t length, uint32_t *parts, uint8_t hash[COMET_HASH_BYTES]) {
  struct log tree = {0};
  for (size_t at = 0; at < length; at += COMET_PART_BYTES) {
    uint8_t leaf[COMET_HASH_BYTES];
    comet_leaf(block + at, length - at < COMET_PART_BYTES ? length - at : COMET_PART_BYTES, leaf);
    log_add(&tree, leaf);
  }
  *parts = (uint32_t)tree.size;
  log_root(&tree, hash);
}
