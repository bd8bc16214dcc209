/* keep: processes that are kept running: started, heard, started again when they die, and stopped.
 *
 * Each runs this same program with words of its own, in a session of its own, so that Ctrl-C reaches only who keeps
 * them; what it says goes into its log. When the keeper dies, however it dies, the system kills what it kept. Nothing
 * here waits: keep_look sees what has happened since the last time. One thread. Uses: jansson, Linux. */
#ifndef CLI_DEVNET_KEEP_H
#define CLI_DEVNET_KEEP_H
#include "base/why.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  KEEP_WORDS = 24,     /* arguments of one process, the last NULL */
  KEEP_WORD = 4096,    /* bytes of one */
  KEEP_TEXT = 256,     /* of what a process last said */
  KEEP_PAUSE_MS = 500, /* before the first new start; twice as long each time */
  KEEP_PAUSE_MAX_MS = 30000,
  KEEP_STEADY_MS = 3000,   /* who has run that long is no case for longer pauses: they begin anew */
  KEEP_LOG_BYTES = 8 << 20 /* a log longer than that at a start becomes NAME.log.old */
};

enum keep_state {
  KEEP_DOWN,     /* not running; started when its time has come */
  KEEP_STARTING, /* runs, and has not said that it is ready */
  KEEP_UP,
  KEEP_ENDED /* stopped on purpose */
};

struct kept {
  const char *name;
  char *words[KEEP_WORDS];  /* what it runs: "solve", DIR, ..; owned */
  const struct kept *after; /* NULL, or who has to be up before this one is started again */
  char log[KEEP_WORD];
  pid_t pid;
  enum keep_state state;
  bool was_up; /* it has been ready once */
  bool killed; /* its last end was SIGKILL: somebody else's doing, or the system's */
  uint32_t deaths;
  uint64_t started_ms, again_ms, pause_ms; /* of the clock that does not jump */
  int reading;                             /* its log, -1: none */
  uint64_t read;                           /* bytes of the log that were heard */
  char line[8192];                         /* the beginning of one that has no end yet */
  size_t line_length;
  json_t *ready;         /* its first object, NULL until it is there */
  char kind[16];         /* of its last line: "sent", "waits"; "" where it has none */
  char said[KEEP_TEXT];  /* the text of its last line */
  char ended[KEEP_TEXT]; /* how it ended last: "killed by signal 9", "exit status 3" */
};

/* What happened. DIED comes with the pause before the next start. */
enum keep_event { KEEP_STARTED, KEEP_READY, KEEP_DIED, KEEP_SAID };
typedef void keep_hear(void *context, enum keep_event event, struct kept *k);

/* keep_open prepares a process; keep_word adds a word to what it runs (a copy); keep_shut forgets it: it runs no more
 * then. */
void keep_open(struct kept *k, const char *name, const char *log);
__attribute__((format(printf, 2, 3))) void keep_word(struct kept *k, const char *format, ...);
void keep_shut(struct kept *k);

/* keep_start starts it now; false with why if the system has no process or no log for it. */
bool keep_start(struct kept *k, struct why *why);

/* keep_look hears what it said and whether it died, and starts it again when that is due and ->after is up: it would
 * die at once without it, and wait the longer. */
void keep_look(struct kept *k, keep_hear *hear, void *context);

/* keep_end asks a process to end (SIGTERM) and never starts it again; keep_gone looks whether it has: call it until
 * true. keep_kill does not ask. */
void keep_end(struct kept *k);
bool keep_gone(struct kept *k);
void keep_kill(struct kept *k);

uint64_t keep_now_ms(void);

#endif
