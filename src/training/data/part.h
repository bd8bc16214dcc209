/* part: one array of a data set, from a file to what the tape reads. Uses: tensor, file. */
#ifndef TRAINING_DATA_PART_H
#define TRAINING_DATA_PART_H
#include "training/data/data.h"

static const uint64_t data_file_bytes_max = (uint64_t)TAPE_LEAVES_MAX * TAPE_LEAF_BYTES;

/* part_settle makes p what s describes: where it lies, or converted into memory. ERR_INPUT: more than TAPE 1.3 allows,
 * numbers that i32 does not hold; ERR_SYSTEM: memory. */
enum training_status part_settle(struct data_part *p, const struct tensor_source *s, struct why *why);

/* part_room is memory for `bytes` converted bytes of p, refused before the machine runs out of it. */
enum training_status part_room(struct data_part *p, uint64_t bytes, struct why *why);

/* part_read opens an IDX or .npy file whole; floats are finite. On error p is shut. */
enum training_status part_read(struct data_part *p, const char *path, enum data_format format, enum tensor_form *form,
                               struct why *why);

/* part_read_member opens one array of a .npz or safetensors file; part_read_table columns of a table, in the order in
 * which they are named, as i32 where all of them are whole numbers, else as f32. As part_read otherwise. `but` is the
 * field whose columns `*` leaves out, or NULL. */
enum training_status part_read_member(struct data_part *p, const char *path, enum data_format format, const char *name,
                                      enum tensor_form *form, struct why *why);
enum training_status part_read_table(struct data_part *p, const char *path, const struct data_field *field,
                                     const struct data_field *but, char separator, struct why *why);

/* text_open fills a set from one text or one array of tokens: data_open's part for these formats. */
enum training_status text_open(const struct data_spec *spec, const char *folder, struct data_set *out, struct why *why);

#endif
