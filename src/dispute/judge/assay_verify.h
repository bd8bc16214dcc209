/* libassay-verify: judges a recorded dispute. One header, no allocation, no floating point, no files, no threads.
 *
 * For wallets, other chains and browsers: the whole of Assay's arithmetic of one element, in integers. Link
 * libassay-verify.a, or instantiate assay-verify.wasm, which exports the same functions. Uses: nothing but the C
 * headers below. About 96 KiB of stack. */
#ifndef ASSAY_VERIFY_H
#define ASSAY_VERIFY_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum assay_outcome {
  ASSAY_PROVEN = 0, /* whoever made the loser's moves was shown wrong by recomputing one element. A transcript is not
                     * signed: whose moves they are, and that the frame is the job's, the caller knows otherwise */
  ASSAY_SILENT = 1, /* by the record, the loser did not move in time: as true as whoever kept the clock */
  ASSAY_UNFINISHED = 2, /* nobody has lost yet */
  ASSAY_DAMAGED = 3     /* not a transcript, or something in it is not allowed */
};
enum assay_seat { ASSAY_CHALLENGER = 0, ASSAY_CLAIMANT = 1 };
enum assay_reason { ASSAY_BY_PROOF = 1, ASSAY_NOTHING_TO_DENY = 2, ASSAY_BY_CLOCK = 3 };

struct assay_verdict {
  uint8_t job_root[32];
  uint32_t task, interval, inner; /* inner: 0, or the challenge was of the state after so many steps */
  uint32_t moves, bytes;          /* made, and of their payloads */
  uint32_t loser, reason;         /* enum assay_seat, assay_reason */
  uint32_t awaited;               /* UNFINISHED, by the clock: number of the move that did not come, PROTOCOL P2 */
  uint32_t has_step, has_leaf, has_element;
  uint32_t step;  /* in the job */
  uint32_t space; /* 0 a value of the step, 1 the state after it */
  uint32_t leaf;
  uint32_t tape, record;                                         /* number of the tape in the job; record from 1 */
  uint32_t opcode, dtype;                                        /* 1 map 2 dot 3 fold 4 put; 0 f32 1 i32 2 u8 */
  uint32_t padding;                                              /* the element lies behind its value's end */
  uint64_t element;                                              /* of the record's value, row-major */
  uint32_t committed, recomputed;                                /* bits */
  uint32_t operand, operand_space, operand_number, operand_word; /* by proof: slot, where it lies, what it is */
  uint64_t operand_element;
};

/* assay_judge reads exactly `length` bytes. *verdict is all zero but for what is known; reason (at least 1 byte, may be
 * NULL) gets a sentence for DAMAGED. */
enum assay_outcome assay_judge(const uint8_t *transcript, size_t length, struct assay_verdict *verdict, char *reason,
                               size_t reason_bytes);

/* assay_verdict_line writes the verdict as one line of text that is the same from every build, without line end;
 * returns its length, cut to bytes - 1. Words and name=value, parted by spaces:
 *
 *   proven loser=claimant by=proof job=.. task=0 interval=3 moves=13 bytes=40961 step=26 space=temp leaf=70 tape=1
 *   record=9 op=dot dtype=f32 element=5 committed=3f800000 recomputed=3f7ffffe operand=1 from=in at=77 word=be99999a
 *
 * Integers are decimal, bits and hashes hex. A name is there when it is known; `padding` stands for `element` where the
 * element lies behind the value's end. */
size_t assay_verdict_line(enum assay_outcome outcome, const struct assay_verdict *verdict, char *line, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
