/* plain: the definition of a step: every record, every element, by the element rule over memory. TAPE 4, NUMERICS 3. */
#ifndef TAPE_PLAIN_H
#define TAPE_PLAIN_H
#include "tape/element/element.h"
#include "tape/execute/execute.h"

/* A step's memory: `in` and `out` are state blobs, `temps` the temp leaf space, data[n] the content of data tensor n.
 */
struct plain_memory {
  const uint8_t *in;
  uint8_t *out, *temps;
  const void *const *data;
};

/* plain_load reads element `index` of operand o as the canon sees it: u8 zero-extended, NaN canonical. */
uint32_t plain_load(const struct plain_memory *m, const struct tape_operand *o, uint64_t index);

/* plain_record computes all elements of one record; `apply` is reference_apply or soft_apply. Same bits with either. */
void plain_record(const struct tape_record *r, const struct plain_memory *m, element_arithmetic *apply, uint32_t step,
                  uint64_t seed, struct pool *pool);

#endif
