#include "cli/devnet/screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void screen_begin(struct screen *s, int terminal) {
  struct winsize size;
  bool known = ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
  s->terminal = terminal;
  s->columns = known ? size.ws_col : 80;
  s->rows = known ? size.ws_row : 24;
  s->count = 0;
}

uint32_t screen_room(const struct screen *s) {
  uint32_t most = s->rows > SCREEN_ROWS ? SCREEN_ROWS : s->rows - 1; /* the cursor's own row */
  return most > s->count ? most - s->count : 0;
}

static bool continues(char c) { return (c & 0xc0) == 0x80; }

/* Cuts a line to so many columns, a character a column. */
static void cut(char *text, uint32_t columns) {
  uint32_t seen = 0;
  char *last = text;
  for (char *c = text; *c; c++) {
    if ((unsigned char)*c < 32 || *c == 0x7f) *c = '?';
    if (continues(*c)) continue;
    if (++seen == columns) last = c;
    if (seen > columns) {
      size_t room = SCREEN_LINE - (size_t)(last - text);
      snprintf(last, room, "…");
      return;
    }
  }
}

void screen_line(struct screen *s, const char *format, ...) {
  if (!screen_room(s)) return;
  char *line = s->line[s->count++];
  va_list args;
  va_start(args, format);
  vsnprintf(line, SCREEN_LINE, format, args);
  va_end(args);
  cut(line, s->columns - 1);
}

void screen_wrap(struct screen *s, uint32_t most, uint32_t indent, const char *text) {
  for (uint32_t n = 0; *text && n < most; n++) {
    uint32_t margin = n ? indent : 0, width = s->columns - 1 > margin + 8 ? s->columns - 1 - margin : 8, seen = 0;
    size_t end = 0, space = 0;
    for (; text[end] && seen <= width; end++) {
      if (!continues(text[end])) seen++;
      if (text[end] == ' ' && seen <= width + 1) space = end;
    }
    bool whole = !text[end] && seen <= width;
    if (whole || n + 1 == most || !space) { /* the last line is cut by screen_line */
      screen_line(s, "%*s%s", (int)margin, "", text);
      return;
    }
    screen_line(s, "%*s%.*s", (int)margin, "", (int)space, text);
    text += space + 1;
  }
}

static void put(const struct screen *s, const char *text, size_t length) {
  while (length) {
    ssize_t n = write(s->terminal, text, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text += n;
    length -= (size_t)n;
  }
}

void screen_draw(struct screen *s) {
  static char out[SCREEN_ROWS * (SCREEN_LINE + 8) + 64];
  bool same = s->drawn == s->count && s->drawn_columns == s->columns;
  for (uint32_t i = 0; same && i < s->count; i++) same = strcmp(s->line[i], s->before[i]) == 0;
  if (same) return;
  size_t length = 0;
  if (s->drawn && s->drawn_columns != s->columns) /* what was drawn stands elsewhere now */
    length += (size_t)snprintf(out, sizeof out, "\033[H\033[J");
  else if (s->drawn)
    length += (size_t)snprintf(out, sizeof out, "\r\033[%uA", s->drawn);
  for (uint32_t i = 0; i < s->count; i++)
    length += (size_t)snprintf(out + length, sizeof out - length, "%s\033[K\n", s->line[i]);
  length += (size_t)snprintf(out + length, sizeof out - length, "\033[J");
  put(s, out, length); /* in one piece, so that nothing flickers */
  memcpy(s->before, s->line, sizeof s->before);
  s->drawn = s->count;
  s->drawn_columns = s->columns;
}
