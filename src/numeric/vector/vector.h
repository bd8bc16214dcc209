/* vector: one template for all vector back ends, and the tables that come out of it.
 *
 * A back end is one C file: it defines the vector type and about fifty small operations (see avx512/avx512.c), then
 * includes map.inc, fused.inc, reduce.inc, window.inc and random.inc once and dot.inc once per tile shape. So the kernels are
 * written once,
 * and what a machine adds can be read in one sitting. Uses: backend. */
#ifndef NUMERIC_VECTOR_VECTOR_H
#define NUMERIC_VECTOR_VECTOR_H
#include "numeric/backend.h"

#define VECTOR_INLINE static inline __attribute__((always_inline, unused))

/* Each is linked only where the compiler can target it; backend.c asks the machine before it hands one out. */
extern const struct backend backend_avx2, backend_avx512, backend_neon;

#endif
