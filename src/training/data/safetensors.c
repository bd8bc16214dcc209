/* safetensors, the format of Hugging Face's library of that name. */
#include "base/bytes.h"
#include "base/checked.h"
#include "training/data/archive.h"
#include <inttypes.h>
#include <jansson.h>

enum { HEADER_MAX = 4 << 20 };

static bool form_of(const char *dtype, enum tensor_form *form, uint32_t *width) {
  static const struct {
    const char *name;
    enum tensor_form form;
    uint32_t width;
  } forms[] = {{"F32", TENSOR_F32, 4},  {"F64", TENSOR_F64, 8}, {"U8", TENSOR_U8, 1},   {"BOOL", TENSOR_U8, 1},
               {"I8", TENSOR_I8, 1},    {"U16", TENSOR_U16, 2}, {"I16", TENSOR_I16, 2}, {"U32", TENSOR_U32, 4},
               {"I32", TENSOR_I32, 4},  {"U64", TENSOR_U64, 8}, {"I64", TENSOR_I64, 8}, {"F16", TENSOR_F16, 2},
               {"BF16", TENSOR_BF16, 2}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (strcmp(forms[i].name, dtype) == 0) {
      *form = forms[i].form;
      *width = forms[i].width;
      return true;
    }
  return false;
}

static enum training_status shape_of(const json_t *shape, struct tensor_source *s, struct why *why) {
  if (!json_is_array(shape) || json_array_size(shape) > TENSOR_RANK_MAX) {
    why_set(why, "a shape of more than %d dims, or none", TENSOR_RANK_MAX);
    return TRAINING_ERR_INPUT;
  }
  s->rank = (uint32_t)json_array_size(shape);
  s->elements = 1;
  for (uint32_t d = 0; d < s->rank; d++) {
    const json_t *dim = json_array_get(shape, d);
    json_int_t x = json_is_integer(dim) ? json_integer_value(dim) : -1;
    if (x < 1 || x > INT32_MAX || !checked_mul_u64(s->elements, (uint64_t)x, &s->elements) ||
        s->elements > UINT32_MAX) {
      why_set(why, "dim %" PRIu32 " is %" JSON_INTEGER_FORMAT "; an array has 1 to below 2^32 elements here", d, x);
      return TRAINING_ERR_INPUT;
    }
    s->dim[d] = (uint32_t)x;
  }
  return TRAINING_OK;
}

/* One tensor's entry, held against the data behind the header. */
static enum training_status tensor_of(const json_t *entry, const uint8_t *data, uint64_t data_bytes,
                                      struct tensor_source *out, struct why *why) {
  struct tensor_source s = {0};
  uint32_t width = 0;
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (!dtype || !form_of(dtype, &s.form, &width)) {
    why_set(why, "type %.20s is not read here; save it as float32, as x.float(), or classes as int64",
            dtype ? dtype : "none");
    return TRAINING_ERR_INPUT;
  }
  enum training_status status = shape_of(json_object_get(entry, "shape"), &s, why);
  if (status != TRAINING_OK) return status;
  json_int_t from = json_is_integer(first) ? json_integer_value(first) : -1;
  json_int_t to = json_is_integer(end) ? json_integer_value(end) : -1;
  if (json_array_size(offsets) != 2 || from < 0 || to < from || (uint64_t)to > data_bytes ||
      (uint64_t)(to - from) != s.elements * width) {
    why_set(why, "its %" PRIu64 " bytes are not where the header says: the file is cut short or damaged",
            s.elements * width);
    return TRAINING_ERR_INPUT;
  }
  s.at = data + from;
  *out = s;
  return TRAINING_OK;
}

static enum training_status no_such(const json_t *header, const char *name, struct why *why) {
  struct name_list names = {{0}, 0, 0};
  const char *key;
  json_t *entry;
  json_object_foreach((json_t *)(uintptr_t)header, key, entry) {
    if (strcmp(key, "__metadata__") != 0) name_list_add(&names, key, strlen(key));
  }
  why_set(why, "no tensor is called '%.60s'; there %s %s", name, names.count == 1 ? "is" : "are",
          names.count ? names.text : "none");
  return TRAINING_ERR_INPUT;
}

enum training_status safetensors_find(const uint8_t *bytes, size_t length, const char *name, struct tensor_source *out,
                                      struct why *why) {
  struct reader r = reader_over(bytes, length);
  uint64_t header_bytes = take_u64(&r);
  if (r.short_of || header_bytes > HEADER_MAX || header_bytes > bytes_left(&r)) {
    why_set(why, "not a safetensors file: its header is cut short or longer than %d bytes", HEADER_MAX);
    return TRAINING_ERR_INPUT;
  }
  const char *text = (const char *)take_bytes(&r, header_bytes);
  json_error_t error;
  json_t *header = json_loadb(text, header_bytes, JSON_REJECT_DUPLICATES, &error);
  if (!json_is_object(header)) {
    bool memory = !header && json_error_code(&error) == json_error_out_of_memory;
    why_set(why,
            memory ? "not enough memory to read its header" : "not a safetensors file: its header is no JSON object");
    json_decref(header);
    return memory ? TRAINING_ERR_SYSTEM : TRAINING_ERR_INPUT;
  }
  const json_t *entry = strcmp(name, "__metadata__") != 0 ? json_object_get(header, name) : NULL;
  enum training_status status = entry ? tensor_of(entry, r.at, bytes_left(&r), out, why) : no_such(header, name, why);
  json_decref(header);
  return status;
}
