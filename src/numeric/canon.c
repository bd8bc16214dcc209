/* The table behind canon_op: one row for each operation of NUMERICS 2. */
#include "numeric/canon.h"

#include <stddef.h>

static const struct canon_op ops[] = {
    [CANON_ADD] = {"add", 'f', "ff", 2, 1},      [CANON_SUB] = {"sub", 'f', "ff", 2, 1},
    [CANON_MUL] = {"mul", 'f', "ff", 2, 1},      [CANON_DIV] = {"div", 'f', "ff", 2, 4},
    [CANON_FMA] = {"fma", 'f', "fff", 3, 1},     [CANON_SQRT] = {"sqrt", 'f', "f", 1, 4},
    [CANON_NEG] = {"neg", 'f', "f", 1, 1},       [CANON_ABS] = {"abs", 'f', "f", 1, 1},
    [CANON_MIN] = {"min", 'f', "ff", 2, 1},      [CANON_MAX] = {"max", 'f', "ff", 2, 1},
    [CANON_FLOOR] = {"floor", 'f', "f", 1, 1},   [CANON_CEIL] = {"ceil", 'f', "f", 1, 1},
    [CANON_RINT] = {"rint", 'f', "f", 1, 1},     [CANON_TRUNC] = {"trunc", 'f', "f", 1, 1},
    [CANON_EXP] = {"exp", 'f', "f", 1, 32},      [CANON_LOG] = {"log", 'f', "f", 1, 32},
    [CANON_TANH] = {"tanh", 'f', "f", 1, 32},    [CANON_ERF] = {"erf", 'f', "f", 1, 32},
    [CANON_SINPI] = {"sinpi", 'f', "f", 1, 32},  [CANON_COSPI] = {"cospi", 'f', "f", 1, 32},
    [CANON_IADD] = {"iadd", 'i', "ii", 2, 1},    [CANON_ISUB] = {"isub", 'i', "ii", 2, 1},
    [CANON_IMUL] = {"imul", 'i', "ii", 2, 1},    [CANON_UMULH] = {"umulh", 'i', "ii", 2, 1},
    [CANON_IAND] = {"iand", 'i', "ii", 2, 1},    [CANON_IOR] = {"ior", 'i', "ii", 2, 1},
    [CANON_IXOR] = {"ixor", 'i', "ii", 2, 1},    [CANON_SHL] = {"shl", 'i', "ii", 2, 1},
    [CANON_SHR] = {"shr", 'i', "ii", 2, 1},      [CANON_USHR] = {"ushr", 'i', "ii", 2, 1},
    [CANON_IMIN] = {"imin", 'i', "ii", 2, 1},    [CANON_IMAX] = {"imax", 'i', "ii", 2, 1},
    [CANON_IDIV] = {"idiv", 'i', "ii", 2, 1},    [CANON_IMOD] = {"imod", 'i', "ii", 2, 1},
    [CANON_FLT] = {"flt", 'i', "ff", 2, 1},      [CANON_FLE] = {"fle", 'i', "ff", 2, 1},
    [CANON_FEQ] = {"feq", 'i', "ff", 2, 1},      [CANON_ILT] = {"ilt", 'i', "ii", 2, 1},
    [CANON_ULT] = {"ult", 'i', "ii", 2, 1},      [CANON_IEQ] = {"ieq", 'i', "ii", 2, 1},
    [CANON_SEL] = {"sel", 't', "itt", 3, 1},     [CANON_ITOF] = {"itof", 'f', "i", 1, 1},
    [CANON_FTOI] = {"ftoi", 'i', "f", 1, 1},     [CANON_BITS] = {"bits", 'i', "f", 1, 1},
    [CANON_UNBITS] = {"unbits", 'f', "i", 1, 1}, [CANON_COORD] = {"coord", 'i', "", 0, 1},
    [CANON_KLIN] = {"klin", 'i', "", 0, 1},      [CANON_LIN] = {"lin", 'i', "", 0, 1},
    [CANON_STEP] = {"step", 'i', "", 0, 1},      [CANON_RAND] = {"rand", 'i', "ii", 2, 32},
    [CANON_PERM] = {"perm", 'i', "iii", 3, 256},
};

const struct canon_op *canon_op(uint8_t code) {
  if (code >= sizeof ops / sizeof ops[0] || !ops[code].name) return NULL;
  return &ops[code];
}
