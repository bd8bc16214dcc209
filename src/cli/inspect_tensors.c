#include "cli/inspect_tensors.h"
#include "cli/output.h"
#include "cli/tape_text.h"
#include "training/data/data.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The safetensors format: 8 bytes of length, little-endian, a JSON object, the tensors' bytes. */
enum { HEADER_BYTES_MAX = 16 << 20, LENGTH_BYTES = 8 };

static json_t *read_header(const struct file_bytes *f, uint64_t *tensors_bytes) {
  uint64_t length = 0;
  if (f->length < LENGTH_BYTES) return NULL;
  for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)f->bytes[i] << 8 * i;
  if (length > HEADER_BYTES_MAX || length > f->length - LENGTH_BYTES) return NULL;
  *tensors_bytes = f->length - LENGTH_BYTES - length;
  json_t *header = json_loadb((const char *)f->bytes + LENGTH_BYTES, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
  if (header && json_is_object(header)) return header;
  json_decref(header);
  return NULL;
}

/* A tensor's entry, whole and within the file? */
static bool sound(const json_t *tensor, uint64_t bytes) {
  const json_t *span = json_object_get(tensor, "data_offsets"), *shape = json_object_get(tensor, "shape");
  json_int_t from = json_integer_value(json_array_get(span, 0)), to = json_integer_value(json_array_get(span, 1));
  if (!json_is_string(json_object_get(tensor, "dtype")) || !json_is_array(shape) || json_array_size(span) != 2)
    return false;
  for (size_t d = 0; d < json_array_size(shape); d++)
    if (!json_is_integer(json_array_get(shape, d))) return false;
  return from >= 0 && from <= to && (uint64_t)to <= bytes;
}

static void print_tensor(const char *name, const json_t *tensor) {
  const json_t *shape = json_object_get(tensor, "shape");
  fputs("  tensor ", stdout);
  output_name(name);
  putchar(' ');
  output_name(json_string_value(json_object_get(tensor, "dtype")));
  fputs(" [", stdout);
  for (size_t d = 0; d < json_array_size(shape); d++)
    printf("%s%" JSON_INTEGER_FORMAT, d ? ", " : "", json_integer_value(json_array_get(shape, d)));
  puts("]");
}

json_t *inspect_safetensors_open(const struct file_bytes *f, uint64_t *first, struct why *why) {
  static const char notes[] = "__metadata__";
  uint64_t bytes = 0;
  json_t *header = read_header(f, &bytes), *tensor;
  const char *name;
  if (!header) {
    why_set(why, "not a whole safetensors file: it does not begin with a length and a JSON header");
    return NULL;
  }
  json_object_del(header, notes);
  json_object_foreach(header, name, tensor) {
    if (sound(tensor, bytes)) continue;
    why_set(why, "tensor '%.200s' is damaged or lies beyond the end of the file", name);
    json_decref(header);
    return NULL;
  }
  *first = f->length - bytes;
  return header;
}

enum outcome inspect_safetensors(const struct file_bytes *f, bool json, struct why *why) {
  uint64_t first;
  json_t *tensors = inspect_safetensors_open(f, &first, why), *tensor;
  const char *name;
  if (!tensors) return OUTCOME_INPUT;
  if (json) {
    output_json(json_pack("{s:s, s:I, s:O}", "kind", "safetensors", "count", (json_int_t)json_object_size(tensors),
                          "tensors", tensors));
  } else {
    printf("tensors   %zu\n", json_object_size(tensors));
    json_object_foreach(tensors, name, tensor) print_tensor(name, tensor);
  }
  json_decref(tensors);
  return OUTCOME_DONE;
}

enum outcome inspect_npy(const char *path, bool json, struct why *why) {
  static struct data_part part; /* large */
  enum training_status s = data_load_npy(path, &part, why);
  if (s != TRAINING_OK) return (enum outcome)s;
  if (json) {
    json_t *shape = json_array();
    for (uint32_t d = 0; d < part.rank; d++) json_array_append_new(shape, json_integer(part.dim[d]));
    output_json(json_pack("{s:s, s:s, s:o}", "kind", "npy", "dtype", tape_text_dtype(part.dtype), "shape", shape));
  } else {
    printf("array     %s [", tape_text_dtype(part.dtype));
    for (uint32_t d = 0; d < part.rank; d++) printf("%s%" PRIu32, d ? ", " : "", part.dim[d]);
    puts("]");
  }
  data_part_shut(&part);
  return OUTCOME_DONE;
}
