/* tape_text: a tape as text for people: one record a paragraph, values named after the record that made them.
 *
 *   %12 = dot f32 [128, 256] over k [784]
 *         x0 = %5 [128, 784] (i0, k0)
 *         x1 = in fc1.weight [784, 256] (k0, i1)
 *
 * i0.. are output coordinates, k0.. those of the reduction, x0.. operands, r0.. results of body operations. The text is
 * for reading; the tape's encoding is the record of truth. Uses: tape/record, numeric/canon. */
#ifndef CLI_TAPE_TEXT_H
#define CLI_TAPE_TEXT_H
#include "tape/record/tape.h"
#include <stdio.h>

/* tape_text_record prints record `index` (from 0) of a tape that was decoded. remark: where it comes from, put at the
 * end of its first line, or "". */
void tape_text_record(FILE *out, const struct tape *t, uint32_t index, const char *remark);

/* tape_text_lone prints record `index` of a tape that is not at hand: values are named by space and leaf. */
void tape_text_lone(FILE *out, const struct tape_record *r, uint32_t index);

/* tape_text_layout prints the tensors of the table, one a line. */
void tape_text_layout(FILE *out, const struct layout *l);

/* "f32", "i32", "u8". */
const char *tape_text_dtype(uint8_t dtype);

#endif
