#include "training/data/part.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void data_part_shut(struct data_part *p) {
  file_unmap(&p->file);
  free(p->converted);
  *p = (struct data_part){0};
}

enum training_status part_room(struct data_part *p, uint64_t bytes, struct why *why) {
  if (bytes <= machine_memory_available() && (p->converted = malloc(bytes ? bytes : 1))) return TRAINING_OK;
  why_set(why, "not enough memory for its %" PRIu64 " bytes", bytes);
  return TRAINING_ERR_SYSTEM;
}

enum training_status part_settle(struct data_part *p, const struct tensor_source *s, struct why *why) {
  p->dtype = tensor_dtype(s->form);
  p->rank = s->rank;
  memcpy(p->dim, s->dim, sizeof s->dim);
  p->bytes = s->elements * tape_dtype_bytes(p->dtype);
  if (tape_leaves(p->dtype, s->elements) > TAPE_LEAVES_MAX) {
    why_set(why, "%" PRIu64 " bytes; a data tensor holds at most 32 GiB", p->bytes);
    return TRAINING_ERR_INPUT;
  }
  if (tensor_in_place(s) || !s->elements) {
    p->at = s->at;
    return TRAINING_OK;
  }
  enum training_status status = part_room(p, p->bytes, why);
  if (status != TRAINING_OK) return status;
  p->at = p->converted;
  return tensor_convert(s, p->converted, why);
}

enum training_status part_read(struct data_part *p, const char *path, enum data_format format, enum tensor_form *form,
                               struct why *why) {
  *p = (struct data_part){0};
  snprintf(p->path, sizeof p->path, "%s", path);
  struct tensor_source s = {0};
  enum training_status status = format == DATA_NPY
                                    ? file_map(path, data_file_bytes_max, &p->file, why)
                                    : file_map_gzip(path, data_file_bytes_max, idx_expect, &p->file, why);
  if (status != TRAINING_OK) return status;
  status = format == DATA_NPY ? npy_parse(p->file.bytes, p->file.length, &s, why)
                              : idx_parse(p->file.bytes, p->file.length, &s, why);
  if (status == TRAINING_OK) status = tensor_filled(&s, why);
  if (status == TRAINING_OK) status = part_settle(p, &s, why);
  if (status == TRAINING_OK && p->dtype == TAPE_F32) status = tensor_finite(p->at, p->rank, p->dim, why);
  if (status != TRAINING_OK) {
    why_before(why, "%s: ", path);
    data_part_shut(p);
    return status;
  }
  *form = s.form;
  if (p->converted) file_unmap(&p->file);
  return TRAINING_OK;
}

enum training_status data_load_npy(const char *path, struct data_part *out, struct why *why) {
  struct data_part p = {0};
  struct tensor_source s = {0};
  snprintf(p.path, sizeof p.path, "%s", path);
  enum training_status status = file_map(path, data_file_bytes_max, &p.file, why);
  if (status != TRAINING_OK) return status;
  status = npy_parse(p.file.bytes, p.file.length, &s, why);
  if (status == TRAINING_OK) status = part_settle(&p, &s, why);
  if (status != TRAINING_OK) {
    why_before(why, "%s: ", path);
    data_part_shut(&p);
    return status;
  }
  *out = p;
  return TRAINING_OK;
}

enum training_status data_save_npy(const char *path, uint8_t dtype, uint32_t rank, const uint32_t *dim, const void *at,
                                   struct why *why) {
  uint64_t bytes = tape_dtype_bytes(dtype);
  for (uint32_t d = 0; d < rank; d++) bytes *= dim[d];
  uint8_t *whole = malloc(bytes + 512);
  size_t head = whole ? npy_header(dtype, rank, dim, whole, 512) : 0;
  if (head == 0) {
    free(whole);
    why_set(why, "%s: not enough memory to write it", path);
    return TRAINING_ERR_SYSTEM;
  }
  memcpy(whole + head, at, bytes);
  enum training_status status = file_replace(path, whole, head + bytes, why);
  free(whole);
  return status;
}
