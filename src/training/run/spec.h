/* spec: a job as resolved, as one canonical text: what is trained, on what, how, and under which roots. LEDGER 15.3.
 *
 * JSON with sorted keys, no blanks, only ASCII, no line end, and no fractions: floats are texts that read back to the
 * same f32, numbers that may pass 2^53 are texts too. So whoever reads the file and writes it again as canonical JSON
 * has the same bytes, and its SHA-256 names the job. What it costs, and who pays, is not in it. Uses: prepare, jansson.
 */
#ifndef TRAINING_SPEC_H
#define TRAINING_SPEC_H
#include "training/run/prepare.h"

/* spec_text makes the text (heap, the caller frees; a final 0 behind its length). ERR_SYSTEM: no memory, or a name in
 * the job that is not UTF-8. */
enum training_status spec_text(const struct prepared *p, char **text, size_t *length, struct why *why);

#endif
