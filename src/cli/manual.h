/* manual: the program's manual page as roff, from the words that its commands have for their own help.
 *
 * There is one description of each command (struct command), and the page is made from it, so the two cannot differ.
 * A description is plain text with a little layout: an empty line, or one that begins with "Exit status:", starts a
 * paragraph; a line with two spaces or more after its first word or words is an item, and lines that begin with a space
 * belong to the item before; `so` is bold. Options stand out by their dashes, and names of arguments, such as DIR, by
 * being those of the command's usage. Uses: stdio. */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H
#include "cli/command.h"
#include <stdio.h>

/* One row of the program's list: a heading over the rows that follow, or a command. */
struct command_row {
  const char *heading; /* NULL: a command */
  const struct command *command;
};

/* manual_print writes the whole page. */
void manual_print(FILE *f, const struct command_row *rows, uint32_t rows_count);

#endif
