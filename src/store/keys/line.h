/* line: one line of secret text, a password or a line of a phrase, in protected memory from the first byte on.
 *
 * It comes from a terminal that does not show it, from an open file or from a file by name; never from an argument or
 * the environment, which other processes can read. Uses: libsodium, POSIX terminals. */
#ifndef STORE_KEYS_LINE_H
#define STORE_KEYS_LINE_H
#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"
#include "store/status.h"

enum { SECRET_LINE_MAX = 1024, SECRET_LINE_NEW_MIN = 8 };

struct secret_line;

/* The text ends with a 0 behind its length, is lent until the line is shut, and has no other 0. Shutting clears it and
 * sets *line to NULL; NULL is fine. */
const char *secret_line_text(const struct secret_line *line);
size_t secret_line_length(const struct secret_line *line);
bool secret_line_equal(const struct secret_line *a, const struct secret_line *b);
void secret_line_shut(struct secret_line **line);

/* secret_line_terminal opens the terminal of this process; ERR_INPUT when it has none. The caller closes it.
 *
 * secret_line_ask writes the prompt and reads until Enter; backspace takes back a character, Ctrl-U all of them. With
 * `shown` what is typed appears. STORE_NONE: Ctrl-C, Ctrl-D on an empty line, or a signal (the terminal is put right
 * before the signal takes effect). secret_line_ask_new asks twice for something of at least SECRET_LINE_NEW_MIN bytes,
 * up to three times. An empty line is ERR_INPUT. */
enum store_status secret_line_terminal(int *terminal, struct why *why);
enum store_status secret_line_ask(int terminal, const char *prompt, bool shown, struct secret_line **out,
                                  struct why *why);
enum store_status secret_line_ask_new(int terminal, const char *prompt, const char *again, struct secret_line **out,
                                      struct why *why);

/* secret_line_read takes the bytes up to the first line end, or the end, and not one more. secret_line_file does so
 * with a file, which nobody but its owner may read, or a pipe. */
enum store_status secret_line_read(int fd, struct secret_line **out, struct why *why);
enum store_status secret_line_file(const char *path, struct secret_line **out, struct why *why);

/* secret_line_random makes 64 hexadecimal digits for a machine to keep; secret_line_write keeps a line in a new file of
 * mode 0600 for secret_line_file. ERR_INPUT when there is such a file. */
enum store_status secret_line_random(struct secret_line **out, struct why *why);
enum store_status secret_line_write(const char *path, const struct secret_line *line, struct why *why);

#endif
