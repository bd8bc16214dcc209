#include "model/onnx/tensor.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw data is little endian and is lent as it lies");

static const char *const type_names[] = {
    "UNDEFINED", "FLOAT",      "UINT8",      "INT8",         "UINT16",         "INT16",      "INT32",
    "INT64",     "STRING",     "BOOL",       "FLOAT16",      "DOUBLE",         "UINT32",     "UINT64",
    "COMPLEX64", "COMPLEX128", "BFLOAT16",   "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ",
    "UINT4",     "INT4",       "FLOAT4E2M1", "FLOAT8E8M0",   "UINT2",          "INT2"};

const char *onnx_type_name(int32_t type) {
  return type >= 0 && (size_t)type < sizeof type_names / sizeof *type_names ? type_names[type] : "an unknown type";
}

/* Bytes of one element in raw data; 0 for what Assay does not read. */
static uint32_t element_bytes(int32_t type) {
  switch (type) {
  case ONNX_UINT8:
  case ONNX_INT8:
  case ONNX_BOOL: return 1;
  case ONNX_UINT16:
  case ONNX_INT16: return 2;
  case ONNX_FLOAT:
  case ONNX_UINT32:
  case ONNX_INT32: return 4;
  case ONNX_INT64:
  case ONNX_UINT64:
  case ONNX_DOUBLE: return 8;
  default: return 0;
  }
}

bool onnx_type_range(int32_t type, int64_t *least, int64_t *most) {
  *least = 0;
  switch (type) {
  case ONNX_BOOL: *most = 1; return true;
  case ONNX_UINT8: *most = UINT8_MAX; return true;
  case ONNX_UINT16: *most = UINT16_MAX; return true;
  case ONNX_UINT32: *most = UINT32_MAX; return true;
  case ONNX_UINT64: *most = INT64_MAX; return true;
  case ONNX_INT8: *least = INT8_MIN, *most = INT8_MAX; return true;
  case ONNX_INT16: *least = INT16_MIN, *most = INT16_MAX; return true;
  case ONNX_INT32: *least = INT32_MIN, *most = INT32_MAX; return true;
  case ONNX_INT64: *least = INT64_MIN, *most = INT64_MAX; return true;
  default: return false;
  }
}

bool onnx_type_reads(int32_t type) { return element_bytes(type) != 0; }

static enum onnx_status shape(const Onnx__TensorProto *proto, const char *what, struct onnx_tensor *out,
                              struct why *why) {
  if (proto->n_dims > ONNX_RANK_MAX) {
    why_set(why, "%s has %zu dimensions; Assay reads up to %d", what, proto->n_dims, ONNX_RANK_MAX);
    return ONNX_ERR_LIMIT;
  }
  if (!onnx_type_reads(proto->data_type)) {
    why_set(why, "%s is %s; Assay reads " ONNX_TYPES_READ ": export the model in float32", what,
            onnx_type_name(proto->data_type));
    return ONNX_ERR_UNSUPPORTED;
  }
  *out = (struct onnx_tensor){.type = (enum onnx_type)proto->data_type, .rank = (uint32_t)proto->n_dims, .count = 1};
  bool fits = true, empty = false;
  for (uint32_t d = 0; d < out->rank; d++) {
    if (proto->dims[d] < 0) {
      why_set(why, "%s has %" PRId64 " as dimension %" PRIu32, what, proto->dims[d], d);
      return ONNX_ERR_BYTES;
    }
    out->dim[d] = proto->dims[d];
    empty |= out->dim[d] == 0;
    fits = fits && checked_mul_u64(out->count, (uint64_t)out->dim[d], &out->count);
  }
  if (empty) out->count = 0, fits = true;
  if (!fits || out->count > (uint64_t)ONNX_FILE_BYTES_MAX / element_bytes(proto->data_type)) {
    why_set(why, "%s has dimensions that multiply to more than %d bytes", what, ONNX_FILE_BYTES_MAX);
    return ONNX_ERR_LIMIT;
  }
  return ONNX_OK;
}

bool tensor_is_external(const Onnx__TensorProto *proto) { return proto->data_location == 1; }

/* A decimal without sign, spaces or leading zeros, as the exporters write offset and length. */
static bool decimal(const char *text, uint64_t *out) {
  uint64_t x = 0;
  if (!*text || (text[0] == '0' && text[1])) return false;
  for (; *text; text++)
    if (*text < '0' || *text > '9' || !checked_mul_u64(x, 10, &x) || !checked_add_u64(x, (uint64_t)(*text - '0'), &x))
      return false;
  *out = x;
  return true;
}

/* A path below the model's folder: no way up, no root, and nothing that another system reads as one. */
static bool location_stays(const char *path) {
  size_t length = strlen(path);
  if (length == 0 || length > ONNX_NAME_MAX || path[0] == '/' || strpbrk(path, "\\:")) return false;
  for (const char *part = path; part;) {
    const char *slash = strchr(part, '/');
    size_t bytes = slash ? (size_t)(slash - part) : strlen(part);
    if (bytes == 0 || (bytes == 1 && part[0] == '.') || (bytes == 2 && part[0] == '.' && part[1] == '.')) return false;
    part = slash ? slash + 1 : NULL;
  }
  return true;
}

static enum onnx_status external_bytes(const Onnx__TensorProto *proto, const char *what, uint64_t want,
                                       const struct tensor_source *source, const uint8_t **bytes, struct why *why) {
  const char *location = NULL;
  uint64_t offset = 0, length = want, file_bytes = 0;
  for (size_t i = 0; i < proto->n_external_data; i++) {
    const char *key = proto->external_data[i]->key, *value = proto->external_data[i]->value;
    if (!key || !value) continue;
    bool sound = true;
    if (!strcmp(key, "location")) sound = !location, location = value;
    if (!strcmp(key, "offset")) sound = decimal(value, &offset);
    if (!strcmp(key, "length")) sound = decimal(value, &length);
    if (!sound) {
      why_set(why, "%s: its external data entry \"%s\" is malformed", what, key);
      return ONNX_ERR_BYTES;
    }
  }
  if (!location || !location_stays(location)) {
    why_set(why, "%s: external data must name a file in or below the model's folder, without \"..\"", what);
    return ONNX_ERR_BYTES;
  }
  if (length != want) {
    why_set(why, "%s: external data has %" PRIu64 " bytes where its shape asks for %" PRIu64, what, length, want);
    return ONNX_ERR_BYTES;
  }
  const uint8_t *file = source->external ? source->external(source->context, location, &file_bytes) : NULL;
  if (!file) {
    why_set(why, "%s: its values lie in \"%s\", which cannot be read: put that file beside the model", what, location);
    return ONNX_ERR_BYTES;
  }
  if (offset > file_bytes || length > file_bytes - offset) {
    why_set(why, "%s: wants %" PRIu64 " bytes at offset %" PRIu64 " of \"%s\", which has %" PRIu64, what, length,
            offset, location, file_bytes);
    return ONNX_ERR_BYTES;
  }
  *bytes = file + offset;
  return ONNX_OK;
}

enum onnx_status tensor_external(const Onnx__TensorProto *proto, const char *what, const struct tensor_source *source,
                                 const uint8_t **bytes, uint64_t *length, struct why *why) {
  struct onnx_tensor t;
  enum onnx_status status = shape(proto, what, &t, why);
  if (status != ONNX_OK) return status;
  uint64_t want = t.count * element_bytes(proto->data_type);
  status = external_bytes(proto, what, want, source, bytes, why);
  if (status == ONNX_OK) *length = want;
  return status;
}

/* Little-endian raw bytes as the tensor's values. `lend` says that they are in the arena to stay. */
static bool from_raw(const uint8_t *raw, bool lend, struct arena *arena, struct onnx_tensor *t) {
  uint32_t size = element_bytes((int32_t)t->type);
  const void *values = raw;
  bool as_is = t->type == ONNX_FLOAT || t->type == ONNX_DOUBLE || t->type == ONNX_INT64;
  if (as_is && !(lend && (uintptr_t)raw % size == 0)) {
    void *copy = arena_take(arena, t->count, size);
    if (!copy) return false;
    if (t->count) memcpy(copy, raw, t->count * size);
    values = copy;
  }
  if (t->type == ONNX_FLOAT) t->f32 = values;
  if (t->type == ONNX_DOUBLE) t->f64 = values;
  if (t->type == ONNX_INT64) t->i64 = values;
  if (as_is) return true;
  int64_t *wide = arena_take(arena, t->count, sizeof *wide);
  if (!wide) return false;
  for (uint64_t i = 0; i < t->count; i++) {
    uint64_t word = 0; /* little endian, as the file */
    memcpy(&word, raw + size * i, size);
    switch (t->type) {
    case ONNX_INT32: wide[i] = (int32_t)word; break;
    case ONNX_INT16: wide[i] = (int16_t)word; break;
    case ONNX_INT8: wide[i] = (int8_t)word; break;
    default: wide[i] = (int64_t)word; break; /* a UINT64 beyond INT64_MAX becomes negative: in_range sees it */
    }
  }
  t->i64 = wide;
  return true;
}

/* The typed field of proto that holds values of t's type. */
static bool from_field(const Onnx__TensorProto *proto, struct arena *arena, struct onnx_tensor *t) {
  switch (t->type) {
  case ONNX_FLOAT: t->f32 = proto->float_data; return true;
  case ONNX_DOUBLE: t->f64 = proto->double_data; return true;
  case ONNX_INT64: t->i64 = proto->int64_data; return true;
  default: break;
  }
  bool words = t->type == ONNX_UINT32 || t->type == ONNX_UINT64;
  int64_t *wide = arena_take(arena, t->count, sizeof *wide);
  for (uint64_t i = 0; wide && i < t->count; i++)
    wide[i] = words ? (int64_t)proto->uint64_data[i] : proto->int32_data[i];
  t->i64 = wide;
  return wide != NULL;
}

static size_t field_count(const Onnx__TensorProto *proto, enum onnx_type type) {
  switch (type) {
  case ONNX_FLOAT: return proto->n_float_data;
  case ONNX_DOUBLE: return proto->n_double_data;
  case ONNX_INT64: return proto->n_int64_data;
  case ONNX_UINT32:
  case ONNX_UINT64: return proto->n_uint64_data;
  default: return proto->n_int32_data;
  }
}

static bool in_range(const struct onnx_tensor *t) {
  int64_t least, most;
  if (!onnx_type_range((int32_t)t->type, &least, &most)) return true;
  for (uint64_t i = 0; i < t->count; i++)
    if (t->i64[i] < least || t->i64[i] > most) return false;
  return true;
}

enum onnx_status tensor_decode(const Onnx__TensorProto *proto, const char *what, const struct tensor_source *source,
                               struct onnx_tensor *out, struct why *why) {
  struct onnx_tensor t;
  enum onnx_status status = shape(proto, what, &t, why);
  if (status != ONNX_OK) return status;
  if (proto->has_segment) {
    why_set(why, "%s is stored in segments, which Assay does not read", what);
    return ONNX_ERR_UNSUPPORTED;
  }
  size_t typed =
      proto->n_float_data + proto->n_int32_data + proto->n_int64_data + proto->n_double_data + proto->n_uint64_data;
  bool external = tensor_is_external(proto), raw = proto->has_raw_data && proto->raw_data.len > 0, stored;
  if ((proto->data_location != 0 && !external) || external + raw + (typed > 0) > 1 ||
      typed != field_count(proto, t.type)) {
    why_set(why, "%s gives its values in more than one place, or in one that is not for %s", what,
            onnx_type_name(proto->data_type));
    return ONNX_ERR_BYTES;
  }
  uint64_t want = t.count * element_bytes(proto->data_type);
  if (external) {
    const uint8_t *bytes;
    status = external_bytes(proto, what, want, source, &bytes, why);
    if (status != ONNX_OK) return status;
    stored = from_raw(bytes, false, source->arena, &t);
  } else if (typed > 0 ? typed != t.count : proto->raw_data.len != want) {
    why_set(why, "%s holds %zu %s where its shape asks for %" PRIu64, what, typed > 0 ? typed : proto->raw_data.len,
            typed > 0 ? "values" : "bytes", typed > 0 ? t.count : want);
    return ONNX_ERR_BYTES;
  } else {
    stored = typed > 0 ? from_field(proto, source->arena, &t) : from_raw(proto->raw_data.data, true, source->arena, &t);
  }
  if (!stored) {
    why_set(why, "not enough memory for %s: %" PRIu64 " values", what, t.count);
    return ONNX_ERR_MEMORY;
  }
  if (!in_range(&t)) {
    why_set(why, "%s holds a number that is no %s%s", what, onnx_type_name(proto->data_type),
            t.type == ONNX_UINT64 ? " below 2^63" : "");
    return ONNX_ERR_BYTES;
  }
  t.name = proto->name ? proto->name : "";
  *out = t;
  return ONNX_OK;
}
