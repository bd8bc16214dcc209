/* csv: tables as text (RFC 4180): a header line with the columns' names, then a row a line. Bytes in, numbers out; no
 * files. Uses: base, tensor, jobfile/literal. */
#ifndef TRAINING_DATA_CSV_H
#define TRAINING_DATA_CSV_H
#include "training/data/tensor.h"

enum { CSV_COLUMNS_MAX = 65535, CSV_FIELD_MAX = 255 };

/* What a table looks like: from csv_open, borrowed bytes. */
struct csv {
  const uint8_t *bytes, *rows; /* rows: behind the header line */
  size_t length;
  char separator;
  uint32_t columns, rows_count, first_line; /* the line that `rows` begins with, from 1 */
};

/* csv_open reads the whole text once and counts: every row has as many fields as the header. A byte order mark, CRLF
 * and a missing last line end are fine; a field in quotes may hold separators, line ends and doubled quotes. ERR_INPUT:
 * no rows, a row with another number of fields (its line), a quote that does not end, more than CSV_COLUMNS_MAX. */
enum training_status csv_open(const uint8_t *bytes, size_t length, char separator, struct csv *out, struct why *why);

/* csv_column finds a column by its name. ERR_INPUT: none (the reason lists those there are), or two of that name. */
enum training_status csv_column(const struct csv *c, const char *name, uint32_t *index, struct why *why);
/* The name of a column into text, for messages and for `*`; cut where it is longer. */
void csv_column_name(const struct csv *c, uint32_t index, char text[CSV_FIELD_MAX + 1]);

/* csv_integers: is every field of these columns a whole number that i32 holds? It looks no further than to the first
 * that is none. ERR_INPUT: that one is no number either; the reason names line and column. */
enum training_status csv_integers(const struct csv *c, const uint32_t *column, uint32_t columns, bool *integers,
                                  struct why *why);

/* csv_read writes [rows, columns] as i32, or as the f32 nearest to each decimal (rounded once, ties to even).
 * ERR_INPUT: a field is no number: missing, a word, beyond all floats, no i32 where those are asked for. */
enum training_status csv_read(const struct csv *c, const uint32_t *column, uint32_t columns, bool integers, void *out,
                              struct why *why);

#endif
