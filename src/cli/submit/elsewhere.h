/* elsewhere: what the same operations cost on rented machines: the rows of docs/prices.md, which says where each figure
 * comes from and from when it is; a test compares them. Uses: nothing. */
#ifndef CLI_ELSEWHERE_H
#define CLI_ELSEWHERE_H
#include <stdint.h>

/* usd_hour: dollars for an hour of one such machine. gflops: what it does in a second, in thousands of millions: of a
 * GPU the peak of its FP32 units. use_percent: how much of that training is taken to reach. date: of the price. */
struct elsewhere {
  const char *machine, *where, *date;
  double usd_hour, gflops;
  uint32_t use_percent;
};
enum { ELSEWHERE_ROWS = 5 };
extern const struct elsewhere elsewhere_row[ELSEWHERE_ROWS];

/* elsewhere_usd: dollars for so many operations there. */
double elsewhere_usd(const struct elsewhere *row, uint64_t operations);

#endif
