/* command: the shape of one command of the program: its words for people, its options, its function.
 *
 * One table (main.c) holds them all; help texts, option parsing and the test of the man page come from it. Each command
 * is one file with one `const struct command`. Uses: nothing. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The program's exit status. */
enum outcome {
  OUTCOME_DONE = 0,         /* done; the answer is yes */
  OUTCOME_NO = 1,           /* the answer is no: differs, diverged, does not lower */
  OUTCOME_INPUT = 2,        /* bad input, a damaged file, words we do not know */
  OUTCOME_ENVIRONMENT = 3,  /* disk, memory, permissions */
  OUTCOME_INTERRUPTED = 130 /* stopped by Ctrl-C after saving */
};

enum { OPTIONS_MAX = 16, VALUES_MAX = 64, OPERANDS_MAX = 8 };

struct option_row {
  const char *name;     /* without the dashes */
  char letter;          /* 0: none */
  const char *argument; /* its name in the help, NULL: a switch */
  const char *text;
};

struct arguments;

struct command {
  const char *name, *usage; /* usage: what follows the name, as in "JOB -o DIR" */
  const char *summary;      /* one line for the list of commands */
  const char *text;         /* for its own help: what it does and gives, exit statuses included */
  struct option_row option[OPTIONS_MAX];
  uint32_t operands_min, operands_max;
  enum outcome (*run)(const struct arguments *a);
};

/* What the user wrote, sorted. Pointers are argv's. */
struct arguments {
  const struct command *command;
  uint32_t operands_count, values_count;
  const char *operand[OPERANDS_MAX];
  struct {
    uint8_t option; /* row in command->option */
    const char *text;
  } value[VALUES_MAX];
};

/* arguments_parse sorts argv (argv[0] is the command's name). On bad words it has said what is wrong and returns false.
 */
bool arguments_parse(const struct command *command, int argc, char **argv, struct arguments *out);

/* arguments_given: was the option written? arguments_text: its last value, or `otherwise`. arguments_nth: the nth value
 * of a repeated option, NULL past the last. An option the command lacks is a mistake of ours: assert. */
bool arguments_given(const struct arguments *a, const char *option);
const char *arguments_text(const struct arguments *a, const char *option, const char *otherwise);
const char *arguments_nth(const struct arguments *a, const char *option, uint32_t n);

/* arguments_number reads a whole number within min..max into *out, or leaves *out when the option is absent; false
 * after saying what is wrong. */
bool arguments_number(const struct arguments *a, const char *option, uint64_t min, uint64_t max, uint64_t *out);

/* A word this many edits away from a known one is taken for a typing error (base/nearest). */
enum { TYPO_EDITS = 2 };

extern const struct command command_train, command_verify, command_quote, command_check, command_inspect, command_infer,
    command_evaluate, command_export, command_bench, command_lower, command_dispute, command_referee, command_node,
    command_init, command_wallet, command_status, command_jobs, command_task, command_why;

#endif
