/* pending: a map whose body waits for its reader. docs/lower.md 2.6. Uses: tape/record. */
#ifndef LOWER_PENDING_H
#define LOWER_PENDING_H
#include "model/lower/lower.h"

struct pending {
  struct tape_record r;
  uint8_t result;
  struct lower_origin at;
};

#endif
