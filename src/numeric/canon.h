/* canon: the scalar operations of canon 1 by number: names, types, costs. NUMERICS 2.
 *
 * A word is 32 bits: the bits of an f32 or an i32. Three pieces of code give the operations their meaning and agree bit
 * for bit: numeric/reference (scalar, hardware), numeric/soft (integers only) and the vector back ends. Uses: nothing. */
#ifndef NUMERIC_CANON_H
#define NUMERIC_CANON_H
#include <stdint.h>

enum { CANON_VERSION = 1, CANON_CHUNK = 512, CANON_LANES = 32 };
#define CANON_NAN 0x7fc00000u

enum canon_code {
  CANON_ADD = 0x00, CANON_SUB, CANON_MUL, CANON_DIV, CANON_FMA, CANON_SQRT, CANON_NEG, CANON_ABS,
  CANON_MIN = 0x08, CANON_MAX, CANON_FLOOR, CANON_CEIL, CANON_RINT, CANON_TRUNC,
  CANON_EXP = 0x10, CANON_LOG, CANON_TANH, CANON_ERF, CANON_SINPI, CANON_COSPI,
  CANON_IADD = 0x20, CANON_ISUB, CANON_IMUL, CANON_UMULH, CANON_IAND, CANON_IOR, CANON_IXOR,
  CANON_SHL = 0x27, CANON_SHR, CANON_USHR, CANON_IMIN, CANON_IMAX, CANON_IDIV, CANON_IMOD,
  CANON_FLT = 0x30, CANON_FLE, CANON_FEQ, CANON_ILT, CANON_ULT, CANON_IEQ, CANON_SEL,
  CANON_ITOF = 0x40, CANON_FTOI, CANON_BITS, CANON_UNBITS,
  CANON_COORD = 0x50, CANON_KLIN, CANON_LIN, CANON_STEP,
  CANON_RAND = 0x60, CANON_PERM
};

/* What a body may say about an operation. `result` and `argument[]` are 'f', 'i', or 't' for sel's common type; unused
 * arguments are 0. coord's argument is a dimension number, not a register, and is not counted in arity. cost: TAPE 4.7. */
struct canon_op {
  const char *name;
  char result, argument[3];
  uint8_t arity;
  uint16_t cost; /* perm costs 256 */
};

/* canon_op returns the row of a code, or NULL if the canon has no such operation. */
const struct canon_op *canon_op(uint8_t code);

#endif
