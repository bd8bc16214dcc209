/* inspect_tensors: files of tensors as text: safetensors and NumPy's .npy. Uses: training/data, jansson. */
#ifndef CLI_INSPECT_TENSORS_H
#define CLI_INSPECT_TENSORS_H
#include "base/why.h"
#include "cli/command.h"
#include "training/file/file.h"

/* inspect_safetensors prints names, element types and shapes, or one JSON object. INPUT: the header is cut or damaged.
 * Bounds: a header of at most 16 MiB. inspect_npy prints an array's type and shape as data would read it; INPUT: not an
 * array that Assay reads. */
enum outcome inspect_safetensors(const struct file_bytes *f, bool json, struct why *why);
enum outcome inspect_npy(const char *path, bool json, struct why *why);

#endif
