/* tensor: an array read from a data file, as the tape's data spaces want it: dense, row major, little endian.
 *
 * idx_parse and npy_parse are the decoders: bytes in, a description out, no files, no floats. They say where the
 * elements lie and in which form; tensor_convert turns that form into f32, i32 or u8. Uses: base, tape/record. */
#ifndef TRAINING_TENSOR_H
#define TRAINING_TENSOR_H
#include "base/why.h"
#include "tape/record/record.h"
#include "training/status.h"

/* The first dim counts samples, so a file has one more than a sample. */
enum { TENSOR_RANK_MAX = TAPE_RANK_MAX + 1 };

enum tensor_form {
  TENSOR_U8,
  TENSOR_I8,
  TENSOR_U16,
  TENSOR_I16,
  TENSOR_U32,
  TENSOR_I32,
  TENSOR_U64,
  TENSOR_I64,
  TENSOR_F32,
  TENSOR_F64,
  TENSOR_F16,
  TENSOR_BF16
};

struct tensor_source {
  enum tensor_form form;
  bool big_endian;
  uint32_t rank, dim[TENSOR_RANK_MAX]; /* rank 0 reads as one element */
  uint64_t elements;
  const uint8_t *at; /* elements * width bytes inside the parsed span */
};

/* idx_parse: the format of MNIST's files: 00 00 type rank | dim u32 big endian x rank | elements, big endian. Types 08
 * (u8), 09 (i8), 0c (i32), 0d (f32), 0e (f64). Exactly length bytes; ERR_INPUT names what is wrong. */
enum training_status idx_parse(const uint8_t *bytes, size_t length, struct tensor_source *out, struct why *why);

/* idx_expect: how long a file must be that begins with these bytes (64 suffice for every head), 0 if it is not IDX. */
uint64_t idx_expect(const uint8_t *head, size_t length);

/* npy_parse: NumPy's .npy, versions 1 to 3 (NEP 1). C order; types |b1 |u1 |i1 <u2 <i2 <u4 <i4 <u8 <i8 <f2 <f4 <f8
 * (also
 * >). Fortran order, other types, object arrays are refused with the line of NumPy that mends it. */
enum training_status npy_parse(const uint8_t *bytes, size_t length, struct tensor_source *out, struct why *why);

/* tensor_filled: ERR_INPUT where an array has no elements (a dim of 0), which npy_parse reads. */
enum training_status tensor_filled(const struct tensor_source *s, struct why *why);

/* npy_header writes a version 1 header for f32, i32 or u8 (tape dtypes), padded to 64 bytes; returns its length, 0 if
 * bytes_max is too small. npy_header_of: for NumPy's name of the type, as in "<i8". */
size_t npy_header(uint8_t dtype, uint32_t rank, const uint32_t *dim, uint8_t *bytes, size_t bytes_max);
size_t npy_header_of(const char *descr, uint32_t rank, const uint32_t *dim, uint8_t *bytes, size_t bytes_max);

/* tensor_dtype: what a form becomes: u8 stays u8; other whole numbers become i32; floats become f32.
 * tensor_in_place says whether the source's bytes already are that (little endian u8, i32, f32 at an aligned address).
 */
uint8_t tensor_dtype(enum tensor_form form);
bool tensor_in_place(const struct tensor_source *s);

/* tensor_convert writes the elements as tensor_dtype. A number that i32 cannot hold is ERR_INPUT naming its index; f64
 * is rounded to nearest. */
enum training_status tensor_convert(const struct tensor_source *s, void *out, struct why *why);

/* tensor_finite: ERR_INPUT names the first element that is NaN or infinite, by its index in each dim. f32 only. */
enum training_status tensor_finite(const float *x, uint32_t rank, const uint32_t *dim, struct why *why);

#endif
