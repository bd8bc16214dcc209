/* Any bytes as a table. What is accepted reads twice alike: all columns that are numbers, and each of them alone. */
#include "training/data/csv.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void read_column(const struct csv *c, uint32_t n) {
  struct why why = {""};
  bool integers;
  if (csv_integers(c, &n, 1, &integers, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return;
  }
  uint32_t both[] = {n, n};
  uint32_t *one = malloc(4 * (size_t)c->rows_count), *two = malloc(8 * (size_t)c->rows_count);
  if (!one || !two) abort();
  bool good = csv_read(c, &n, 1, integers, one, &why) == TRAINING_OK;
  if (good != (csv_read(c, both, 2, integers, two, &why) == TRAINING_OK) || (integers && !good)) abort();
  for (uint32_t row = 0; good && row < c->rows_count; row++)
    if (two[2 * row] != one[row] || two[2 * row + 1] != one[row]) abort();
  free(one);
  free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct csv c;
  struct why why = {""};
  if (csv_open(data, length, length && data[length - 1] == ';' ? ';' : ',', &c, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  if (c.rows < data || c.rows > data + length || c.rows_count > length) abort();
  for (uint32_t n = 0; n < c.columns && n < 8; n++) read_column(&c, n);
  uint32_t index;
  (void)csv_column(&c, "a", &index, &why);
  return 0;
}
