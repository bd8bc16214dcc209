#define _DEFAULT_SOURCE
#include "training/run/export.h"
#include "training/checkpoint/checkpoint.h"
#include "training/run/folder.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t elements_of(const struct lower_parameter *q) {
  uint64_t n = 1;
  for (uint32_t d = 0; d < q->rank; d++) n *= q->dim[d];
  return n;
}

/* A tensor of a Constant node may live in the state too; it stays where it is, and nobody asked for it by name. */
static bool leaves(const struct prepared *p, const struct lower_parameter *q) {
  const struct onnx_model *m = &p->onnx.model;
  for (uint32_t i = 0; i < m->initializers_count; i++)
    if (strcmp(m->initializer[i].name, q->onnx_name) == 0) return true;
  return false;
}

/* From the state entry's order of axes back to ONNX's. */
static void to_onnx_order(const struct prepared *p, const struct lower_parameter *q, const uint8_t *state, float *out) {
  const struct layout_entry *e = &p->lowered.layout.entry[q->delivered];
  const uint8_t *from = state + e->first_leaf * TAPE_LEAF_BYTES;
  uint64_t stride[TAPE_RANK_MAX], all = 1, elements = elements_of(q);
  uint32_t index[TAPE_RANK_MAX] = {0};
  for (uint32_t d = q->rank; d-- > 0; all *= q->dim[d]) stride[d] = all;
  uint64_t at = 0; /* in ONNX's order, of the state entry's element i */
  for (uint64_t i = 0; i < elements; i++) {
    memcpy(out + at, from + 4 * i, 4);
    for (uint32_t d = q->rank; d-- > 0;) {
      at += stride[q->from[d]];
      if (++index[d] < q->dim[q->from[d]]) break;
      at -= stride[q->from[d]] * q->dim[q->from[d]];
      index[d] = 0;
    }
  }
}

static enum training_status refuse_existing(const char *path, bool force, struct why *why) {
  if (force || access(path, F_OK) != 0) return TRAINING_OK;
  why_set(why, "%s is there already; nothing was changed (--force replaces it)", path);
  return TRAINING_ERR_INPUT;
}

/* What becomes of a file's bytes: they are written to it, or compared with it. */
struct target {
  const char *path;
  bool compare, same;
  uint64_t at;
};

static enum training_status reach(struct target *t, const uint8_t *bytes, size_t length, struct why *why) {
  if (!t->compare) return file_replace(t->path, bytes, length, why);
  struct file_bytes file = {0};
  bool there = file_map(t->path, UINT64_MAX, &file, NULL) == TRAINING_OK;
  size_t common = there ? (file.length < length ? file.length : length) : 0, at = 0;
  while (at < common && file.bytes[at] == bytes[at]) at++;
  t->at = at;
  t->same = there && at == length && file.length == length;
  if (there) file_unmap(&file);
  return TRAINING_OK;
}

static enum training_status onnx_to(struct target *t, const struct prepared *p, const uint8_t *state, struct why *why) {
  enum training_status status;
  const char *path = t->path;
  uint32_t count = p->lowered.parameters_count;
  struct arena arena;
  if (!arena_open(&arena, (size_t)8 << 30) && !arena_open(&arena, (size_t)1 << 30)) {
    why_set(why, "not enough address space to write %s", path);
    return TRAINING_ERR_SYSTEM;
  }
  struct onnx_replacement *r = arena_take(&arena, count + 1, sizeof *r);
  bool whole = r != NULL;
  uint32_t replaced_count = 0;
  for (uint32_t i = 0; i < count && whole; i++) {
    const struct lower_parameter *q = &p->lowered.parameter[i];
    if (!leaves(p, q)) continue;
    float *values = arena_take(&arena, elements_of(q), sizeof *values);
    whole = values != NULL;
    if (!whole) break;
    to_onnx_order(p, q, state, values);
    r[replaced_count++] = (struct onnx_replacement){.name = q->onnx_name, .values = values, .count = elements_of(q)};
  }
  const uint8_t *bytes = NULL;
  size_t length = 0;
  struct onnx_file *source =
      (struct onnx_file *)(uintptr_t)&p
          ->onnx; /* may open external files once more, which changes nothing seen from outside */
  enum onnx_status replaced = whole ? onnx_replace(p->onnx.file.bytes, p->onnx.file.length, onnx_file_external, source,
                                                   r, replaced_count, &arena, &bytes, &length, why)
                                    : ONNX_ERR_MEMORY;
  if (replaced == ONNX_OK) {
    status = reach(t, bytes, length, why);
  } else {
    status = replaced == ONNX_ERR_MEMORY ? TRAINING_ERR_SYSTEM : TRAINING_ERR_INPUT;
    if (!whole) why_set(why, "not enough memory to write %s", path);
    why_before(why, "%s: ", path);
  }
  arena_shut(&arena);
  return status;
}

/* The header of a safetensors file: JSON padded with spaces to 8 bytes. The caller frees it. */
static char *safetensors_header(const struct prepared *p, size_t *length, uint64_t *data_bytes) {
  json_t *header = json_object();
  uint64_t at = 0;
  json_object_set_new(header, "__metadata__", json_pack("{s:s}", "format", "pt"));
  for (uint32_t i = 0; i < p->lowered.parameters_count; i++) {
    const struct lower_parameter *q = &p->lowered.parameter[i];
    if (!leaves(p, q)) continue;
    json_t *shape = json_array();
    for (uint32_t d = 0; d < q->rank; d++) json_array_append_new(shape, json_integer(q->dim[d]));
    uint64_t end = at + 4 * elements_of(q);
    json_object_set_new(header, q->onnx_name,
                        json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                                  (json_int_t)at, (json_int_t)end));
    at = end;
  }
  char *text = json_dumps(header, JSON_COMPACT);
  json_decref(header);
  size_t n = text ? strlen(text) : 0;
  char *padded = text ? realloc(text, n + 8) : NULL;
  if (!padded) {
    free(text);
    return NULL;
  }
  while (n % 8) padded[n++] = ' ';
  *length = n;
  *data_bytes = at;
  return padded;
}

static enum training_status safetensors_to(struct target *t, const struct prepared *p, const uint8_t *state,
                                           struct why *why) {
  enum training_status status;
  size_t header_bytes = 0;
  uint64_t data_bytes = 0;
  char *header = safetensors_header(p, &header_bytes, &data_bytes);
  uint8_t *whole = header ? malloc(8 + header_bytes + data_bytes) : NULL;
  if (whole) {
    for (int i = 0; i < 8; i++) whole[i] = (uint8_t)((uint64_t)header_bytes >> 8 * i);
    memcpy(whole + 8, header, header_bytes);
    uint8_t *at = whole + 8 + header_bytes; /* a multiple of 8 */
    for (uint32_t i = 0; i < p->lowered.parameters_count; i++) {
      if (!leaves(p, &p->lowered.parameter[i])) continue;
      to_onnx_order(p, &p->lowered.parameter[i], state, (float *)(void *)at);
      at += 4 * elements_of(&p->lowered.parameter[i]);
    }
    status = reach(t, whole, 8 + header_bytes + data_bytes, why);
  } else {
    why_set(why, "not enough memory to write %s", t->path);
    status = TRAINING_ERR_SYSTEM;
  }
  free(header);
  free(whole);
  return status;
}

enum training_status export_onnx(const struct prepared *p, const uint8_t *state, const char *path, bool force,
                                 struct why *why) {
  struct target t = {.path = path};
  enum training_status status = refuse_existing(path, force, why);
  return status == TRAINING_OK ? onnx_to(&t, p, state, why) : status;
}

enum training_status export_safetensors(const struct prepared *p, const uint8_t *state, const char *path, bool force,
                                        struct why *why) {
  struct target t = {.path = path};
  enum training_status status = refuse_existing(path, force, why);
  return status == TRAINING_OK ? safetensors_to(&t, p, state, why) : status;
}

enum training_status export_same(const struct prepared *p, const uint8_t *state, enum export_form form,
                                 const char *path, bool *same, uint64_t *at, struct why *why) {
  struct target t = {.path = path, .compare = true};
  enum training_status status = form == EXPORT_ONNX ? onnx_to(&t, p, state, why) : safetensors_to(&t, p, state, why);
  if (status == TRAINING_OK) *same = t.same, *at = t.at;
  return status;
}

enum training_status export_folder(const char *folder, const struct prepare_options *options, const char *onnx_path,
                                   const char *safetensors_path, bool force, struct why *why) {
  struct prepared *p = calloc(1, sizeof *p);
  uint8_t *state = NULL;
  if (!p) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = folder_last_state(folder, options, p, &state, why);
  if (status == TRAINING_OK && onnx_path) status = export_onnx(p, state, onnx_path, force, why);
  if (status == TRAINING_OK && safetensors_path) status = export_safetensors(p, state, safetensors_path, force, why);
  free(state);
  prepare_shut(p);
  free(p);
  return status;
}
