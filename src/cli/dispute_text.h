/* dispute_text: the moves and the verdict of a dispute in words for people, and as JSON for pages that draw it.
 *
 * With the job at hand values have names: the ONNX node that they come from, the tensor of the state. A transcript
 * alone has only their numbers. Uses: output, dispute, training/run/prepare. */
#ifndef CLI_DISPUTE_TEXT_H
#define CLI_DISPUTE_TEXT_H
#include "cli/output.h"
#include "dispute/dispute.h"
#include "training/run/prepare.h"

enum { DISPUTE_TEXT_MAX = 512 };

struct dispute_text {
  const struct dispute_frame *frame;
  const struct prepared *p; /* NULL: no names */
  bool json;
  double referee_seconds; /* the longest of one move; below 0: not measured */
};

/* dispute_text_side: "claimant". dispute_text_opcode: "dot". */
const char *dispute_text_side(uint8_t seat);
const char *dispute_text_opcode(uint8_t op);

/* dispute_text_move prints a move that was heard: d is the game after it. */
void dispute_text_move(const struct dispute_text *t, const struct dispute *d, const struct move *m, uint64_t tick);

/* dispute_text_silence prints that the side to move makes none; d: before its clock has run out. */
void dispute_text_silence(const struct dispute_text *t, const struct dispute *d, const char *reason);

/* dispute_text_verdict prints how the game ended. claims: the folders of challenger and claimant, NULL where nobody
 * knows. */
void dispute_text_verdict(const struct dispute_text *t, const struct dispute *d, const char *const claims[2]);

#endif
