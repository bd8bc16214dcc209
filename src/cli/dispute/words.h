/* dispute_words: what a dispute is about, in words: values with their names, elements, bits and numbers.
 *
 * With the job at hand values have names: the ONNX node that they come from, the tensor of the state. A transcript
 * alone has only their numbers. Uses: dispute, training/run/prepare. */
#ifndef CLI_DISPUTE_WORDS_H
#define CLI_DISPUTE_WORDS_H
#include "dispute/dispute.h"
#include "training/run/prepare.h"

enum { DISPUTE_WORDS_MAX = 512 };

/* A line that grows, and is cut where it is full. Starts zeroed. */
struct words {
  char text[DISPUTE_WORDS_MAX];
  size_t used;
};
__attribute__((format(printf, 2, 3))) void words_put(struct words *w, const char *format, ...);

struct dispute_names {
  const struct dispute_frame *frame;
  const struct prepared *p; /* NULL: no names */
};

/* words_opcode: "dot". words_space: "the step's values", and the like. */
const char *words_opcode(uint8_t op);
const char *words_space(uint8_t space);

/* words_record_at is the number, from 1, of the record whose value has a leaf of the step in dispute, 0 if that is not
 * known; words_origin_of the node it comes from, NULL if that is not. */
uint32_t words_record_at(const struct dispute_names *n, const struct dispute *d, uint8_t space, uint64_t leaf);
const struct lower_origin *words_origin_of(const struct dispute_names *n, const struct dispute *d, uint32_t record);

/* Each appends to w. words_origin: "Gemm /fc1/Gemm, backward". words_tensor: what the value of a record is called: the
 * state's tensor, the gradient of one, or node and part; nothing without names. words_operand: where a word was read.
 * words_value: "3cb47ae0 (0.0220312476)". words_coordinates: " (665, 15)", nothing for a vector. words_update: "update
 * 13", with micro-batches "step 50 in update 13", of which without names only the step is known. */
void words_origin(struct words *w, const struct lower_origin *o);
void words_tensor(struct words *w, const struct dispute_names *n, const struct dispute *d, uint32_t record);
void words_operand(struct words *w, const struct dispute_names *n, const struct dispute *d,
                   const struct referee_operand *o);
void words_value(struct words *w, uint8_t dtype, uint32_t bits);
void words_coordinates(struct words *w, const struct tape_record *r, uint64_t index);
void words_update(struct words *w, const struct dispute_names *n, uint16_t j);

/* words_update_of: the update that a step belongs to, 0 for init; false where it is not known. */
bool words_update_of(const struct dispute_names *n, uint32_t step, uint32_t *update);

/* words_place: row-major coordinates of an element of a record's value; returns their number. */
uint32_t words_place(const struct tape_record *r, uint64_t index, uint32_t at[TAPE_RANK_MAX]);

#endif
