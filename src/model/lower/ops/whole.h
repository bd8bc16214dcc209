/* whole: whole numbers and truth values of ONNX's types, held as i32 words in the range of their type. docs/lower.md
 * 4.27. Uses: rule. */
#ifndef LOWER_OPS_WHOLE_H
#define LOWER_OPS_WHOLE_H
#include "model/lower/rule.h"

/* Register x, any i32, as the number of this type that is equal to it modulo 2^bits; itself for 32 and 64 bits. */
uint8_t whole_wrapped(struct build *b, uint8_t type, uint8_t x);
/* A register of a value of any dtype as f32: itof where it holds whole numbers. */
uint8_t whole_as_float(struct build *b, const struct value *v, uint8_t x);
/* Is it a type of whole numbers or truth values? Its bits on a tape: 8, 16, or 32 (64 too is held in 32). Has it
 * numbers below 0? */
bool whole_type(int64_t type);
uint32_t whole_bits(int64_t type);
bool whole_signed(int64_t type);

/* Floats, or whole numbers of one type: what ONNX asks of the operands of most operators. False: refused. */
bool whole_alike(struct graph *g, const struct application *a, struct value *const *v, uint32_t count);
/* whole_lower_xy lowers a node of two operands x and y, broadcast: one map by the text of their type (formula.h),
 * wrapped to the type's range. Refused where the operands do not fit. */
void whole_lower_xy(struct graph *g, struct application *a, const char *floats, const char *whole);

#endif
