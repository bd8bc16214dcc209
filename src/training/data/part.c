#include "training/data/part.h"
#include "base/pages.h"
#include "training/data/archive.h"
#include "training/data/csv.h"
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
  if (bytes <= machine_memory_available() && (p->converted = pages_take(bytes))) return TRAINING_OK;
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

/* What all files end with: only finite numbers, or the path in front of the reason and nothing left open. */
static enum training_status finish(struct data_part *p, enum training_status status, struct why *why) {
  if (status == TRAINING_OK && p->dtype == TAPE_F32) status = tensor_finite(p->at, p->rank, p->dim, why);
  if (status == TRAINING_OK) {
    if (p->converted) file_unmap(&p->file);
    return status;
  }
  why_before(why, "%s: ", p->path);
  data_part_shut(p);
  return status;
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
  *form = s.form;
  return finish(p, status, why);
}

/* A packed array is unpacked into memory, where it may have to be converted once more. */
static enum training_status settle_packed(struct data_part *p, const struct npz_member *m, struct tensor_source *s,
                                          struct why *why) {
  enum training_status status = m->length > data_file_bytes_max ? TRAINING_ERR_INPUT : TRAINING_OK;
  if (status != TRAINING_OK) why_set(why, "%" PRIu64 " bytes; a data tensor holds at most 32 GiB", m->length);
  if (status == TRAINING_OK) status = part_room(p, m->length, why);
  if (status != TRAINING_OK) return status;
  uint8_t *unpacked = p->converted;
  p->converted = NULL;
  status = npz_unpack(m, unpacked, why);
  if (status == TRAINING_OK) status = npy_parse(unpacked, m->length, s, why);
  if (status == TRAINING_OK) status = tensor_filled(s, why);
  if (status == TRAINING_OK) status = part_settle(p, s, why);
  if (status == TRAINING_OK && !p->converted)
    p->converted = unpacked;
  else
    free(unpacked);
  return status;
}

static enum training_status settle_member(struct data_part *p, enum data_format format, const char *name,
                                          struct tensor_source *s, struct why *why) {
  struct npz_member m;
  enum training_status status;
  if (format == DATA_SAFETENSORS) {
    status = safetensors_find(p->file.bytes, p->file.length, name, s, why);
    return status == TRAINING_OK ? part_settle(p, s, why) : status;
  }
  status = npz_find(p->file.bytes, p->file.length, name, &m, why);
  if (status == TRAINING_OK && m.deflated) return settle_packed(p, &m, s, why);
  if (status == TRAINING_OK) status = npz_sound(&m, why);
  if (status == TRAINING_OK) status = npy_parse(m.at, m.length, s, why);
  if (status == TRAINING_OK) status = tensor_filled(s, why);
  return status == TRAINING_OK ? part_settle(p, s, why) : status;
}

enum training_status part_read_member(struct data_part *p, const char *path, enum data_format format, const char *name,
                                      enum tensor_form *form, struct why *why) {
  *p = (struct data_part){0};
  snprintf(p->path, sizeof p->path, "%s", path);
  struct tensor_source s = {0};
  enum training_status status = file_map(path, data_file_bytes_max, &p->file, why);
  if (status != TRAINING_OK) return status;
  status = settle_member(p, format, name, &s, why);
  *form = s.form;
  snprintf(p->path + strlen(p->path), sizeof p->path - strlen(p->path), ": %.60s", name);
  return finish(p, status, why);
}

static bool named(const struct data_field *f, const char *name) {
  for (uint32_t k = 0; f && k < f->columns; k++)
    if (strcmp(f->column[k], name) == 0) return true;
  return false;
}

/* The columns that a field names, by number; column has room for all of the table, or of the field. */
static enum training_status find_columns(const struct csv *c, const struct data_field *field,
                                         const struct data_field *but, uint32_t *column, uint32_t *count,
                                         struct why *why) {
  char name[CSV_FIELD_MAX + 1];
  bool all = field->columns == 1 && strcmp(field->column[0], "*") == 0;
  *count = 0;
  for (uint32_t k = 0; k < (all ? c->columns : field->columns); k++) {
    if (all) {
      csv_column_name(c, k, name);
      if (!named(but, name)) column[(*count)++] = k;
      continue;
    }
    enum training_status status = csv_column(c, field->column[k], &column[(*count)++], why);
    if (status != TRAINING_OK) return status;
  }
  if (*count) return TRAINING_OK;
  why_set(why, "no column is left for the inputs");
  return TRAINING_ERR_INPUT;
}

static enum training_status settle_table(struct data_part *p, const struct csv *c, const struct data_field *field,
                                         const uint32_t *column, uint32_t columns, struct why *why) {
  bool integers = true;
  enum training_status status = csv_integers(c, column, columns, &integers, why);
  uint64_t elements = (uint64_t)c->rows_count * columns;
  p->dtype = integers ? TAPE_I32 : TAPE_F32;
  p->rank = field->single ? 1 : 2;
  p->dim[0] = c->rows_count;
  p->dim[1] = columns;
  p->bytes = elements * 4;
  if (status == TRAINING_OK && elements > UINT32_MAX) {
    why_set(why, "%" PRIu64 " numbers; a data tensor has fewer than 2^32", elements);
    return TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK) status = part_room(p, p->bytes, why);
  p->at = p->converted;
  return status == TRAINING_OK ? csv_read(c, column, columns, integers, p->converted, why) : status;
}

enum training_status part_read_table(struct data_part *p, const char *path, const struct data_field *field,
                                     const struct data_field *but, char separator, struct why *why) {
  *p = (struct data_part){0};
  snprintf(p->path, sizeof p->path, "%s", path);
  struct csv c;
  uint32_t *column = NULL, columns = 0;
  enum training_status status = file_map(path, data_file_bytes_max, &p->file, why);
  if (status != TRAINING_OK) return status;
  status = csv_open(p->file.bytes, p->file.length, separator, &c, why);
  if (status == TRAINING_OK) {
    column = malloc(sizeof *column * (c.columns > field->columns ? c.columns : field->columns));
    if (!column) why_set(why, "not enough memory for the columns");
    status = column ? find_columns(&c, field, but, column, &columns, why) : TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK) status = settle_table(p, &c, field, column, columns, why);
  free(column);
  return finish(p, status, why);
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
