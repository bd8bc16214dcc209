#include "cli/progress.h"
#include "cli/output.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_CELLS = 24 };
static const double EVERY_TERMINAL_S = 0.12, EVERY_FILE_S = 10;
static bool line_open; /* a drawn line without its end */

static bool on_terminal(void) {
  static int known = -1;
  if (known < 0) known = isatty(STDERR_FILENO);
  return known == 1;
}

struct progress progress_start(const char *unit, uint64_t first, uint64_t total, bool quiet) {
  return (struct progress){.unit = unit, .first = first, .total = total, .started = machine_seconds(), .quiet = quiet};
}

bool progress_due(const struct progress *p, uint64_t done) {
  if (p->quiet) return false;
  double since = machine_seconds() - (p->shown > 0 ? p->shown : p->started);
  return done == p->total || since >= (on_terminal() ? EVERY_TERMINAL_S : EVERY_FILE_S);
}

void progress_show(struct progress *p, uint64_t done, const char *figures) {
  if (!progress_due(p, done)) return;
  double now = machine_seconds(), spent = now - p->started, share = p->total ? (double)done / (double)p->total : 1;
  char left[SHORT_TEXT] = "?", bar[3 * BAR_CELLS + 1] = "";
  if (done > p->first) text_seconds(spent * (double)(p->total - done) / (double)(done - p->first), left);
  p->shown = now;
  const char *separator = *figures ? " · " : "";
  if (on_terminal()) {
    for (int i = 0; i < BAR_CELLS; i++)
      strcat(bar, share * BAR_CELLS >= i + 1 ? "█" : share * BAR_CELLS > i ? "▌" : "░");
    fprintf(stderr, "\r%s %3.0f %%  %s %" PRIu64 "/%" PRIu64 "%s%s · %s left\033[K", bar, share * 100, p->unit, done,
            p->total, separator, figures, left);
    line_open = true;
    if (done == p->total) progress_leave();
  } else {
    fprintf(stderr, "%s %" PRIu64 "/%" PRIu64 "%s%s · %s left\n", p->unit, done, p->total, separator, figures, left);
  }
  fflush(stderr);
}

void progress_leave(void) {
  if (line_open) fputc('\n', stderr);
  line_open = false;
}
