#include "agent/slice.h"

#include <time.h>

uint64_t slice_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* How many steps next: as many as the last ones say that there is time for, but not many more than were measured. */
static uint32_t portion(uint32_t last, uint64_t took_ms, uint64_t left_ms) {
  uint64_t fit = took_ms ? left_ms * last / took_ms : 2 * (uint64_t)last;
  if (fit > 2 * (uint64_t)last) fit = 2 * (uint64_t)last;
  return fit ? (uint32_t)fit : 1;
}

enum material_status slice_steps(struct replay *r, uint32_t first, uint32_t count, uint64_t until_ms, uint8_t *state,
                                 uint32_t *done, struct why *why) {
  uint64_t now = slice_ms();
  uint32_t next = 1;
  *done = 0;
  while (*done < count) {
    uint32_t did, want = next < count - *done ? next : count - *done;
    enum training_status status = replay_steps(r, first + *done, want, state, NULL, &did, why);
    *done += did;
    if (status != TRAINING_OK) return material_of(status);
    uint64_t before = now;
    now = slice_ms();
    if (now >= until_ms) break;
    next = portion(want, now - before, until_ms - now);
  }
  return MATERIAL_OK;
}
