/* inspect_tensors: files of tensors as text: safetensors and NumPy's .npy. Uses: training/data, jansson. */
#ifndef CLI_INSPECT_TENSORS_H
#define CLI_INSPECT_TENSORS_H
#include "base/why.h"
#include "cli/command.h"
#include "training/file/file.h"
#include <jansson.h>

/* inspect_safetensors_open gives the header's tensors, each with dtype, shape and data_offsets that lie in the file;
 * the caller drops them. *first: where in the file their bytes begin. NULL with why: cut or damaged. */
json_t *inspect_safetensors_open(const struct file_bytes *f, uint64_t *first, struct why *why);

/* inspect_safetensors prints names, element types and shapes, or one JSON object. INPUT: the header is cut or damaged.
 * Bounds: a header of at most 16 MiB. inspect_npy prints an array's type and shape as data would read it; INPUT: not an
 * array that Assay reads. */
enum outcome inspect_safetensors(const struct file_bytes *f, bool json, struct why *why);
enum outcome inspect_npy(const char *path, bool json, struct why *why);

#endif
