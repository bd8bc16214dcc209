/* onnx_file: a model file opened, decoded, with external tensor data read only from its own folder. Uses: file,
 * model/onnx. */
#ifndef TRAINING_ONNX_FILE_H
#define TRAINING_ONNX_FILE_H
#include "model/onnx/onnx.h"
#include "training/file/file.h"

enum { ONNX_FILE_EXTERNALS_MAX = 64 };

struct onnx_file {
  struct file_bytes file;
  struct onnx_model model;
  char folder[FILE_PATH_MAX];
  uint32_t externals_count;
  struct {
    char name[256];
    struct file_bytes file;
  } external[ONNX_FILE_EXTERNALS_MAX];
  struct why external_why; /* why the last external file could not be opened */
};

/* onnx_file_open decodes into the arena; the file stays mapped until onnx_file_shut. Messages begin with the path. */
enum training_status onnx_file_open(const char *path, struct arena *arena, struct onnx_file *out, struct why *why);
void onnx_file_shut(struct onnx_file *f);

/* The onnx_external callback for a struct onnx_file (for onnx_replace). */
const uint8_t *onnx_file_external(void *onnx_file, const char *name, uint64_t *length);

#endif
