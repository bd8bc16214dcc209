#include "tape/execute/dot.h"

#include "tape/execute/halo.h"
bool dot_fits(const struct tape_record *r) {
  (void)r;
  return false;
}
bool dot_plan(struct execute *x, struct item *item) {
  (void)x, (void)item;
  return false;
}
void dot_run(struct execute *x, const struct item *item) { (void)x, (void)item; }
