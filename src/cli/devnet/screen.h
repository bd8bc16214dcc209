/* screen: a few lines at the bottom of a terminal that are drawn again in place.
 *
 * No mode of the terminal is changed: the cursor waits below the lines, so that whoever dies in any way leaves a
 * terminal as it was, with the last picture in it. Lines are cut to the terminal's width, and there are never more than
 * it has rows. Uses: nothing. */
#ifndef CLI_DEVNET_SCREEN_H
#define CLI_DEVNET_SCREEN_H
#include <stdbool.h>
#include <stdint.h>

enum { SCREEN_ROWS = 64, SCREEN_LINE = 512 };
struct screen {
  int terminal; /* its open file */
  uint32_t rows, columns;
  uint32_t drawn, drawn_columns; /* lines of the picture that is there, and how wide the terminal was then */
  uint32_t count, shown;
  char line[SCREEN_ROWS][SCREEN_LINE], before[SCREEN_ROWS][SCREEN_LINE];
};

/* screen_begin starts a new picture, and looks how large the terminal is now. screen_line adds a line of UTF-8, whose
 * bytes below 32 are shown as '?'; one too many is dropped. screen_wrap adds words in as many lines as they need, at
 * most `most`, each after the first behind `indent` spaces. screen_room: how many lines still fit. */
void screen_begin(struct screen *s, int terminal);
__attribute__((format(printf, 2, 3))) void screen_line(struct screen *s, const char *format, ...);
void screen_wrap(struct screen *s, uint32_t most, uint32_t indent, const char *text);
uint32_t screen_room(const struct screen *s);

/* screen_draw puts the picture where the last one was, if it is another one. */
void screen_draw(struct screen *s);

#endif
