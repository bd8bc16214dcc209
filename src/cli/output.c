#include "cli/output.h"
#include "cli/progress.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *command_name = "";

void output_command(const char *name) { command_name = name; }

static char tame(char c) { return (unsigned char)c < ' ' || c == 0x7f ? '?' : c; }

void output_name(const char *name) {
  for (; *name; name++) putchar(tame(*name));
}

static bool plain_in_shell(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
         strchr("/._-+,:@%=", c);
}

void output_word(const char *word) {
  bool plain = *word != 0;
  for (const char *c = word; *c; c++) plain = plain && plain_in_shell(*c);
  if (plain) {
    output_name(word);
    return;
  }
  putchar('\'');
  for (; *word; word++)
    if (*word == '\'')
      fputs("'\\''", stdout);
    else
      putchar(tame(*word));
  putchar('\'');
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args) {
  char line[2048];
  vsnprintf(line, sizeof line, format, args);
  for (char *c = line; *c; c++) *c = tame(*c);
  fprintf(stderr, "%s\n", line);
}

void complain(const char *format, ...) {
  va_list args;
  va_start(args, format);
  progress_leave();
  fflush(stdout);
  fprintf(stderr, *command_name ? "assay %s: " : "assay: ", command_name);
  say(format, args);
  va_end(args);
}

void note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  progress_leave();
  fflush(stdout);
  say(format, args);
  va_end(args);
}

json_t *output_text(const char *text) {
  json_t *whole = json_string(text);
  if (whole) return whole;
  char *copy = strdup(text);
  assert(copy && "memory for a text");
  for (char *c = copy; *c; c++)
    if ((unsigned char)*c >= 0x80) *c = '?';
  whole = json_string(copy);
  free(copy);
  assert(whole && "memory for a text");
  return whole;
}

void output_json(json_t *object) {
  assert(object && "a text that is no UTF-8 goes by output_text");
  json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
  putchar('\n');
  fflush(stdout);
  json_decref(object);
}

bool output_flush(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return true;
  complain("standard output took not all of it: %s", strerror(errno));
  return false;
}

static const char *scaled(double x, double unit, const char *const *name, uint32_t names, char text[SHORT_TEXT]) {
  uint32_t n = 0;
  while (x >= 999.5 && n + 1 < names) x /= unit, n++;
  int places = x >= 99.95 || (n == 0 && x == (double)(uint64_t)x) ? 0 : x >= 9.995 ? 1 : 2;
  snprintf(text, SHORT_TEXT, "%.*f%s", places, x, name[n]);
  return text;
}

const char *text_bytes(double bytes, char text[SHORT_TEXT]) {
  static const char *const name[] = {" B", " kB", " MB", " GB", " TB", " PB"};
  return scaled(bytes, 1000, name, 6, text);
}

const char *text_count(double count, char text[SHORT_TEXT]) {
  static const char *const name[] = {"", " k", " M", " G", " T", " P", " E"};
  return scaled(count, 1000, name, 7, text);
}

const char *text_seconds(double seconds, char text[SHORT_TEXT]) {
  uint64_t s = (uint64_t)(seconds + 0.5);
  if (seconds < 0.9995)
    snprintf(text, SHORT_TEXT, "%.3g ms", seconds * 1e3);
  else if (seconds < 99.5)
    snprintf(text, SHORT_TEXT, "%.3g s", seconds);
  else if (s < 3600)
    snprintf(text, SHORT_TEXT, "%d min %02d s", (int)(s / 60), (int)(s % 60));
  else
    snprintf(text, SHORT_TEXT, "%.0f h %02d min", (double)(s / 3600), (int)(s / 60 % 60));
  return text;
}
