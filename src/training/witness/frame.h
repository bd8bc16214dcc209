/* frame: what a run's folder says of a dispute before anybody moves: the roots it committed to, and an interval's
 * frame.
 *
 * Uses: folder, checkpoint, dispute. */
#ifndef TRAINING_WITNESS_FRAME_H
#define TRAINING_WITNESS_FRAME_H
#include "dispute/dispute.h"
#include "training/run/folder.h"

/* The state roots that a finished run committed to, over all its tasks: root[0] is the start, root[i] the state after
 * interval i = 1 .. intervals. On the heap. */
struct frame_roots {
  uint32_t intervals;
  uint8_t (*root)[MERKLE_BYTES];
};

/* frame_roots_read reads all trace files and holds them against job.json: they rebuild its trace roots, begin with the
 * job's start, go on where the task before ended, and end in the final root. ERR_INPUT names the file that does not
 * fit, or says that the run is not finished. frame_roots_shut gives the memory back; a second call does nothing. */
enum training_status frame_roots_read(const char *folder, const struct folder_info *info, const struct prepared *p,
                                      struct frame_roots *out, struct why *why);
void frame_roots_shut(struct frame_roots *r);

/* Of interval i = 1 .. p->intervals: number in the job of its first step, and how many it has. */
uint32_t frame_first_step(const struct prepared *p, uint32_t interval);
uint16_t frame_steps(const struct prepared *p, uint32_t interval);

/* frame_fill writes the frame of a challenge of a whole interval, from one root to the other, with default clocks and
 * nothing added for execution. PROTOCOL P1.1 */
void frame_fill(const struct prepared *p, uint32_t interval, const uint8_t before[MERKLE_BYTES],
                const uint8_t after[MERKLE_BYTES], struct dispute_frame *out);

#endif
