#include "model/onnx/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* What one field can cost beside its payload: protobuf-c's scan record (40 bytes, in slabs that double), its place in
 * an array or among the unknown fields, and rounding of two blocks. */
enum { FIELD_BYTES = 192, PATH_MAX_BYTES = 256 };

struct walk {
  const uint8_t *start;
  const char *name[WIRE_DEPTH_MAX]; /* the path from the outermost message, for messages to people */
  uint32_t index[WIRE_DEPTH_MAX];   /* UINT32_MAX: not repeated */
  uint32_t depth;
  uint64_t fields, memory_bytes;
  struct why *why;
};

static const char *path_of(const struct walk *w, const char *last, char text[PATH_MAX_BYTES]) {
  size_t used = 0;
  text[0] = 0;
  for (uint32_t d = 0; d < w->depth && used < PATH_MAX_BYTES; d++) {
    if (w->index[d] == UINT32_MAX)
      used += (size_t)snprintf(text + used, PATH_MAX_BYTES - used, "%s.", w->name[d]);
    else
      used += (size_t)snprintf(text + used, PATH_MAX_BYTES - used, "%s[%" PRIu32 "].", w->name[d], w->index[d]);
  }
  if (used < PATH_MAX_BYTES) snprintf(text + used, PATH_MAX_BYTES - used, "%s", last);
  return text;
}

static enum onnx_status bad(const struct walk *w, const uint8_t *at, const char *field, const char *what) {
  char path[PATH_MAX_BYTES];
  why_set(w->why, "not a sound ONNX file: byte %zu, %s: %s", (size_t)(at - w->start), path_of(w, field, path), what);
  return ONNX_ERR_BYTES;
}

/* A varint of at most bytes_max bytes; the tenth byte of a 64-bit one may only hold one bit. */
static bool take_varint(struct reader *r, unsigned bytes_max, uint64_t *out) {
  uint64_t x = 0;
  for (unsigned i = 0; i < bytes_max; i++) {
    uint8_t byte = take_u8(r);
    if (r->short_of || (i == 9 && byte > 1)) return false;
    x |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *out = x;
      return true;
    }
  }
  return false;
}

/* UTF-8 by RFC 3629 without NUL: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_text(const uint8_t *s, size_t length) {
  for (size_t i = 0; i < length;) {
    uint8_t first = s[i];
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (first == 0 || (first >= 0x80 && first < 0xc2) || first > 0xf4 || more >= length - i) return false;
    for (size_t n = 1; n <= more; n++)
      if ((s[i + n] & 0xc0) != 0x80) return false;
    if ((first == 0xe0 && s[i + 1] < 0xa0) || (first == 0xed && s[i + 1] > 0x9f) ||
        (first == 0xf0 && s[i + 1] < 0x90) || (first == 0xf4 && s[i + 1] > 0x8f))
      return false;
    i += more + 1;
  }
  return true;
}

static enum wire_type wire_type_of(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_FLOAT: return WIRE_FIXED32;
  case PROTOBUF_C_TYPE_DOUBLE: return WIRE_FIXED64;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
  default: return WIRE_VARINT; /* onnx.proto has no other fixed or zigzag type */
  }
}

/* A packed array: the number of elements it holds, or false if it ends inside one. */
static bool packed_elements(enum wire_type element, const uint8_t *bytes, uint64_t length, uint64_t *elements) {
  if (element != WIRE_VARINT) {
    uint64_t size = element == WIRE_FIXED32 ? 4 : 8;
    *elements = length / size;
    return length % size == 0;
  }
  struct reader r = reader_over(bytes, length);
  uint64_t unused;
  for (*elements = 0; bytes_left(&r); ++*elements)
    if (!take_varint(&r, 10, &unused)) return false;
  return true;
}

static enum onnx_status walk_message(struct walk *w, const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                                     size_t length);

static enum onnx_status walk_payload(struct walk *w, const ProtobufCFieldDescriptor *field, uint32_t index,
                                     const uint8_t *payload, uint64_t length) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_STRING:
    if (!is_text(payload, length)) return bad(w, payload, field->name, "text that is not UTF-8, or with a NUL in it");
    w->memory_bytes += length + 1;
    return ONNX_OK;
  case PROTOBUF_C_TYPE_BYTES: w->memory_bytes += length + 64; return ONNX_OK;
  case PROTOBUF_C_TYPE_MESSAGE: {
    if (w->depth == WIRE_DEPTH_MAX) return bad(w, payload, field->name, "nested too deep");
    w->name[w->depth] = field->name;
    w->index[w->depth++] = index;
    enum onnx_status status = walk_message(w, field->descriptor, payload, length);
    w->depth--;
    return status;
  }
  default: { /* numbers, packed */
    uint64_t elements;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) return bad(w, payload, field->name, "bytes where a number belongs");
    if (!packed_elements(wire_type_of(field->type), payload, length, &elements))
      return bad(w, payload, field->name, "an array that ends inside a number");
    w->memory_bytes += 8 * elements + 64;
    return ONNX_OK;
  }
  }
}

static enum onnx_status walk_message(struct walk *w, const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                                     size_t length) {
  struct reader r = reader_over(bytes, length);
  uint64_t seen = 0; /* bit n: field n of the descriptor */
  const ProtobufCFieldDescriptor *repeating =
      NULL;           /* repeated fields mostly come in a row, so counting a row is enough to */
  uint32_t index = 0; /* name an element; the index is for people only */
  w->memory_bytes += type->sizeof_message + 16;
  while (bytes_left(&r)) {
    const uint8_t *at = r.at;
    uint64_t tag, number;
    if (++w->fields > WIRE_FIELDS_MAX) {
      why_set(w->why, "more than %d protobuf fields: no model that Assay can train has so many", WIRE_FIELDS_MAX);
      return ONNX_ERR_LIMIT;
    }
    w->memory_bytes += FIELD_BYTES;
    if (!take_varint(&r, 5, &tag) || tag >> 32 || tag >> 3 == 0)
      return bad(w, at, "(field number)", "cut or malformed");
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
    const char *name = field ? field->name : "(a field unknown to Assay)";
    if (field) {
      uint64_t bit = UINT64_C(1) << (field - type->fields);
      if (field->label != PROTOBUF_C_LABEL_REPEATED && seen & bit) return bad(w, at, name, "given twice");
      seen |= bit;
      index = field == repeating ? index + 1 : 0;
      repeating = field;
    }
    enum wire_type wire = (enum wire_type)(tag & 7);
    if (field && wire != WIRE_BYTES && wire != wire_type_of(field->type)) return bad(w, at, name, "of another type");
    switch (wire) {
    case WIRE_VARINT:
      if (!take_varint(&r, 10, &number)) return bad(w, at, name, "a number cut or malformed");
      break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
      if (!take_bytes(&r, wire == WIRE_FIXED64 ? 8 : 4)) return bad(w, at, name, "a number cut");
      break;
    case WIRE_BYTES: {
      if (!take_varint(&r, 5, &number)) return bad(w, at, name, "a length cut or malformed");
      const uint8_t *payload = take_bytes(&r, number);
      if (!payload) {
        char what[96];
        snprintf(what, sizeof what, "cut: says %" PRIu64 " bytes, %zu are left", number, bytes_left(&r));
        return bad(w, at, name, what);
      }
      if (!field) {
        w->memory_bytes += number + 64;
        break;
      }
      enum onnx_status status =
          walk_payload(w, field, field->label == PROTOBUF_C_LABEL_REPEATED ? index : UINT32_MAX, payload, number);
      if (status != ONNX_OK) return status;
      break;
    }
    default: return bad(w, at, name, "a wire type that ONNX does not use");
    }
  }
  return ONNX_OK;
}

/* protobuf-c asks for many small blocks: they share pages of the arena at 16-byte steps; large ones get a line of their
 * own. */
enum { SMALL_BYTES = 1024, PAGE_BYTES = 16384 };
struct blocks {
  struct arena *arena;
  uint8_t *page;
  size_t left_bytes;
  bool full;
};

static void *blocks_take(void *data, size_t size) {
  struct blocks *b = data;
  size = size ? (size + 15) & ~(size_t)15 : 16;
  if (size < SMALL_BYTES && size > b->left_bytes) {
    b->page = arena_take(b->arena, 1, PAGE_BYTES);
    b->left_bytes = b->page ? PAGE_BYTES : 0;
  }
  if (size < SMALL_BYTES && b->page) {
    uint8_t *at = b->page;
    b->page += size;
    b->left_bytes -= size;
    return at;
  }
  void *at = size < SMALL_BYTES ? NULL : arena_take(b->arena, 1, size);
  b->full |= !at;
  return at;
}

static void blocks_forget(void *data, void *block) {
  (void)data, (void)block; /* all blocks go at once, with the arena */
}

enum onnx_status wire_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t length,
                             struct arena *arena, ProtobufCMessage **out, struct why *why) {
  struct walk w = {.start = bytes, .why = why};
  if (length > ONNX_FILE_BYTES_MAX) {
    why_set(why, "%zu bytes, and Assay reads ONNX files up to %d: keep the weights in an external data file", length,
            ONNX_FILE_BYTES_MAX);
    return ONNX_ERR_LIMIT;
  }
  enum onnx_status status = walk_message(&w, type, bytes, length);
  if (status != ONNX_OK) return status;
  /* Every page may end with a small block that did not fit. */
  uint64_t need_bytes = w.memory_bytes + w.memory_bytes / (PAGE_BYTES / SMALL_BYTES) + PAGE_BYTES;
  size_t left_bytes = arena->size_bytes - arena->used_bytes;
  if (need_bytes > left_bytes) {
    why_set(why, "reading it can take %" PRIu64 " KiB of memory, %zu KiB are given", need_bytes >> 10,
            left_bytes >> 10);
    return ONNX_ERR_MEMORY;
  }
  size_t mark = arena_mark(arena);
  struct blocks blocks = {.arena = arena};
  ProtobufCAllocator allocator = {.alloc = blocks_take, .free = blocks_forget, .allocator_data = &blocks};
  ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, length, bytes);
  if (!message) {
    arena_reset(arena, mark);
    why_set(why, blocks.full ? "not enough memory to read it" : "not a sound ONNX file: protobuf-c cannot decode it");
    return blocks.full ? ONNX_ERR_MEMORY : ONNX_ERR_BYTES;
  }
  *out = message;
  return ONNX_OK;
}
