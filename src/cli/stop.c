#include "cli/stop.h"
#include "cli/command.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_wanted;
static const char *words = "";

/* Only what POSIX 2.4.3 calls async-signal-safe. */
static void hear(int signal) {
  (void)signal;
  int saved = errno;
  if (stop_wanted) _exit(OUTCOME_INTERRUPTED);
  stop_wanted = 1;
  if (write(STDERR_FILENO, words, strlen(words)) < 0) stop_wanted = 1; /* nobody is listening: stop all the same */
  errno = saved;
}

const volatile sig_atomic_t *stop_listen(const char *said) {
  words = said;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = hear;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  /* A terminal that closes; not under nohup, which asks to live on without one. */
  struct sigaction before;
  if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
  return &stop_wanted;
}
