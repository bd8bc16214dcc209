/* archive: files that hold several arrays by name: NumPy's .npz and safetensors. Bytes in, one array's description out;
 * no files. Uses: base, tensor, zlib, jansson. */
#ifndef TRAINING_DATA_ARCHIVE_H
#define TRAINING_DATA_ARCHIVE_H
#include "training/data/tensor.h"

/* A member of a .npz, a ZIP archive (APPNOTE 6.3): `packed` bytes at `at`, inside the parsed span, that are `length`
 * bytes once unpacked. */
struct npz_member {
  const uint8_t *at;
  uint64_t packed, length;
  uint32_t crc;
  bool deflated;
};

/* npz_find looks `name` or `name`.npy up in the central directory. ERR_INPUT: no ZIP archive, or one that is damaged,
 * encrypted, packed otherwise than by deflate, or announces more than its packed bytes can hold, or above 1 GiB more
 * than 200 times as many (a few MB must not ask for 4 GiB); no such member (the reason lists those there are), or two
 * of that name. */
enum training_status npz_find(const uint8_t *bytes, size_t length, const char *name, struct npz_member *out,
                              struct why *why);

/* npz_unpack writes m->length bytes; npz_sound reads a stored member once. ERR_INPUT: the data are damaged. */
enum training_status npz_unpack(const struct npz_member *m, uint8_t *out, struct why *why);
enum training_status npz_sound(const struct npz_member *m, struct why *why);

/* safetensors_find: length of the header u64 | header, JSON of {name: {dtype, shape, data_offsets}} | data. Types F16
 * BF16 F32 F64 U8 I8 U16 I16 U32 I32 U64 I64 BOOL. ERR_INPUT: damaged, a header above 4 MiB, no such tensor (the reason
 * lists those there are), a type of 8-bit floats; ERR_SYSTEM: memory. */
enum training_status safetensors_find(const uint8_t *bytes, size_t length, const char *name, struct tensor_source *out,
                                      struct why *why);

/* "a, b, c, ..": names for a reason, each at most 40 bytes, as many as fit. */
struct name_list {
  char text[200];
  size_t used;
  uint32_t count;
};
void name_list_add(struct name_list *l, const char *name, size_t length);

#endif
