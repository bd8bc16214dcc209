/* output: words to the person at the terminal, and one JSON object a line to scripts.
 *
 * Results go to standard output, everything else to standard error. Uses: jansson. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* complain prints "assay COMMAND: ..." and a line end to standard error, leaving a progress line first. note is the
 * same without the word before it. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);

/* Names out of files come from strangers: bytes that could move the cursor are shown as '?'. output_name prints one to
 * standard output; complain and note treat their whole line so. */
void output_name(const char *name);

/* output_word prints a path so that a person can type it again: in quotes where the shell would split or expand it. */
void output_word(const char *word);

void output_command(const char *name); /* the word that complain puts first */

/* output_text is a JSON string of what may not be UTF-8, a path say: then each byte that is not ASCII stands as '?'. */
json_t *output_text(const char *text);

/* output_json prints one object as a line, flushes, and lets go of it. */
void output_json(json_t *object);

/* output_flush: false, after complaining, if anything written to standard output was lost (a full disk). */
bool output_flush(void);

/* Numbers for people, into a caller's buffer that is also the result: 1.23 MB, 4.5 G, 3 min 20 s. */
enum { SHORT_TEXT = 32 };
const char *text_bytes(double bytes, char text[SHORT_TEXT]);
const char *text_count(double count, char text[SHORT_TEXT]);
const char *text_seconds(double seconds, char text[SHORT_TEXT]);

#endif
