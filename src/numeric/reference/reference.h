/* reference: canon 1 in scalar C with the machine's own binary32 and fmaf, the definition that back ends are held to.
 *
 * Same meaning as soft, some hundred times faster. NUMERICS 2. Uses: canon. */
#ifndef NUMERIC_REFERENCE_H
#define NUMERIC_REFERENCE_H
#include <stdint.h>

/* reference_apply computes codes 00..43 on words, as soft_apply does. */
uint32_t reference_apply(uint8_t code, uint32_t a, uint32_t b, uint32_t c);

#endif
