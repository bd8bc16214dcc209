#include "cli/progress.h"
#include "cli/output.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Columns of UTF-8 text: bytes that do not continue a character. */
static int columns(const char *text) {
  int n = 0;
  for (; *text; text++) n += (*text & 0xc0) != 0x80;
  return n;
}

static int terminal_columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* How many bytes the first `most` columns of the text take. */
static int bytes_of_columns(const char *text, int most) {
  int n = 0;
  for (int seen = 0; text[n]; n++) {
    seen += (text[n] & 0xc0) != 0x80;
    if (seen > most) break;
  }
  return n;
}

/* The bar takes what the text leaves of the terminal's width, so that the line never wraps. */
static void draw(double share, const char *text) {
  int room = terminal_columns() - 1 - 7, cells = room - columns(text) - 1; /* 7: "100 %  " */
  cells = cells > BAR_CELLS ? BAR_CELLS : cells < 0 ? 0 : cells;
  fputs("\r", stderr);
  for (int i = 0; i < cells; i++) fputs(share * cells >= i + 1 ? "█" : share * cells > i ? "▌" : "░", stderr);
  fprintf(stderr, "%s%3.0f %%  %.*s\033[K", cells ? " " : "", share * 100, bytes_of_columns(text, room > 0 ? room : 0),
          text);
  line_open = true;
}

void progress_show(struct progress *p, uint64_t done, const char *figures) {
  if (!progress_due(p, done)) return;
  double now = machine_seconds(), spent = now - p->started, share = p->total ? (double)done / (double)p->total : 1;
  char time[SHORT_TEXT] = "?", text[256];
  bool ended = done == p->total;
  if (ended)
    text_seconds(spent, time);
  else if (done > p->first)
    text_seconds(spent * (double)(p->total - done) / (double)(done - p->first), time);
  p->shown = now;
  snprintf(text, sizeof text, "%s %" PRIu64 "/%" PRIu64 "%s%s · %s%s%s", p->unit, done, p->total, *figures ? " · " : "",
           figures, ended ? "in " : "", time, ended ? "" : " left");
  if (on_terminal())
    draw(share, text);
  else
    fprintf(stderr, "%s\n", text);
  if (ended) progress_leave();
  fflush(stderr);
}

bool progress_line(const char *text) {
  if (!on_terminal()) return false;
  fprintf(stderr, "\r%.*s\033[K", bytes_of_columns(text, terminal_columns() - 1), text);
  fflush(stderr);
  line_open = true;
  return true;
}

void progress_leave(void) {
  if (line_open) fputc('\n', stderr);
  line_open = false;
}
