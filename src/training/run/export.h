/* export: a state blob as a trained model: ONNX (the submitted file with new weights), safetensors, a model card.
 *
 * Uses: prepare, model/onnx. */
#ifndef TRAINING_EXPORT_H
#define TRAINING_EXPORT_H
#include "training/run/prepare.h"
#include "training/run/run.h"

/* export_onnx and export_safetensors write PATH atomically; parameters go back to ONNX's axis order. force: overwrite.
 */
enum training_status export_onnx(const struct prepared *p, const uint8_t *state, const char *path, bool force,
                                 struct why *why);
enum training_status export_safetensors(const struct prepared *p, const uint8_t *state, const char *path, bool force,
                                        struct why *why);

/* export_same: is the file at `path`, byte for byte, what export_onnx or export_safetensors writes of this state? If
 * not, *at is the first byte that is other. A file that cannot be read is not the same. */
enum export_form { EXPORT_ONNX, EXPORT_SAFETENSORS };
enum training_status export_same(const struct prepared *p, const uint8_t *state, enum export_form form,
                                 const char *path, bool *same, uint64_t *at, struct why *why);

/* export_card writes README.md: figures, roots, the job as resolved. words: what is to be said otherwise than of a run
 * on one machine; NULL, or a NULL in it: as of such a run. seed: what stands for the seed; rows: Markdown rows behind
 * those of the roots; tail: the paragraph behind the job. */
struct export_words {
  const char *seed, *rows, *tail;
};
enum training_status export_card(const struct prepared *p, const struct run_result *result, const char *path,
                                 const struct export_words *words, struct why *why);

/* export_folder does both from the last checkpoint of a run's folder (NULL: leave that one out). */
enum training_status export_folder(const char *folder, const struct prepare_options *options, const char *onnx_path,
                                   const char *safetensors_path, bool force, struct why *why);

#endif
