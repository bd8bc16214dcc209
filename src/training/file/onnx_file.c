#define _XOPEN_SOURCE 700 /* realpath */
#include "training/file/onnx_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A link may lead anywhere: what counts is where it ends. A file that is not there is for the caller to name. */
static bool leads_outside(const char *folder, const char *path) {
  char *home = realpath(*folder ? folder : ".", NULL), *end = realpath(path, NULL);
  size_t n = home ? strlen(home) : 0;
  bool outside = home && end && strcmp(home, "/") != 0 && (strncmp(home, end, n) != 0 || end[n] != '/');
  free(home);
  free(end);
  return outside;
}

const uint8_t *onnx_file_external(void *context, const char *name, uint64_t *length) {
  struct onnx_file *f = context;
  for (uint32_t i = 0; i < f->externals_count; i++)
    if (strcmp(f->external[i].name, name) == 0) {
      *length = f->external[i].file.length;
      return f->external[i].file.bytes;
    }
  char path[FILE_PATH_MAX];
  if (f->externals_count == ONNX_FILE_EXTERNALS_MAX || strlen(name) >= sizeof f->external[0].name ||
      !file_join(path, f->folder, name)) {
    why_set(&f->external_why, "external tensor data: more than %d files, or a name too long", ONNX_FILE_EXTERNALS_MAX);
    return NULL;
  }
  if (leads_outside(f->folder, path)) {
    why_set(&f->external_why, "%s is a link that leaves the model's folder: copy the file there", path);
    return NULL;
  }
  struct file_bytes bytes;
  if (file_map(path, ONNX_FILE_BYTES_MAX, &bytes, &f->external_why) != TRAINING_OK) return NULL;
  uint32_t n = f->externals_count++;
  snprintf(f->external[n].name, sizeof f->external[n].name, "%s", name);
  f->external[n].file = bytes;
  *length = bytes.length;
  return bytes.bytes;
}

enum training_status onnx_file_open(const char *path, struct arena *arena, struct onnx_file *out, struct why *why) {
  memset(out, 0, sizeof *out);
  enum training_status status = file_map(path, ONNX_FILE_BYTES_MAX, &out->file, why);
  if (status != TRAINING_OK) return status;
  file_folder_of(path, out->folder);
  enum onnx_status decoded =
      onnx_decode(out->file.bytes, out->file.length, onnx_file_external, out, arena, &out->model, why);
  if (decoded == ONNX_OK) return TRAINING_OK;
  if (out->external_why.text[0]) why_before(why, "%s: ", out->external_why.text);
  why_before(why, "%s: ", path);
  onnx_file_shut(out);
  return decoded == ONNX_ERR_MEMORY ? TRAINING_ERR_SYSTEM : TRAINING_ERR_INPUT;
}

void onnx_file_shut(struct onnx_file *f) {
  for (uint32_t i = 0; i < f->externals_count; i++) file_unmap(&f->external[i].file);
  f->externals_count = 0;
  file_unmap(&f->file);
}
