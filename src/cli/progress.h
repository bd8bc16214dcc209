/* progress: how far a long piece of work is, without flooding anyone.
 *
 * On a terminal one line is drawn again and again, a few times a second; elsewhere (a file, a pipe, CI) a plain line
 * appears now and then. Everything goes to standard error. Uses: output. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

struct progress {
  const char *unit;      /* of `total`: update, interval, step */
  uint64_t total, first; /* first: done before this program started (a resumed run) */
  double started, shown;
  bool quiet;
};

/* progress_start: quiet shows nothing at all. */
struct progress progress_start(const char *unit, uint64_t first, uint64_t total, bool quiet);

/* progress_show draws when it is time to, or always when done == total. `figures` is what else to say ("loss 0.412 ·
 * 9,800 samples/s"), may be "". */
void progress_show(struct progress *p, uint64_t done, const char *figures);

/* progress_due: would progress_show draw now? Saves the caller making figures. */
bool progress_due(const struct progress *p, uint64_t done);

/* progress_line draws one line of text in place of the one before, where there is a terminal; false where there is
 * none: then plain lines are for the caller. What is too long for the terminal is cut. */
bool progress_line(const char *text);

/* progress_leave ends the drawn line so that other text starts on a new one. */
void progress_leave(void);

#endif
