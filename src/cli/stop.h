/* stop: Ctrl-C as a wish to stop well, not as an accident.
 *
 * The first SIGINT, SIGTERM or SIGHUP (a closed terminal; not under nohup) sets a flag that long work looks at between
 * steps; the second ends the program at once with status 130. Uses: nothing. */
#ifndef CLI_STOP_H
#define CLI_STOP_H
#include <signal.h>

/* stop_listen installs the handlers and returns the flag, valid for the program's life. `said` is printed when the
 * first signal comes, so that nobody wonders whether it was heard. */
const volatile sig_atomic_t *stop_listen(const char *said);

#endif
