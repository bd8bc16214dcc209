/* command: the shape of one command of the program: its words for people, its options, its function.
 *
 * One table (main.c) holds them all; help texts, option parsing and the manual page (man/assay.1
 * is what `assay man` prints) come from it. Each command
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

enum { OPTIONS_MAX = 24, VALUES_MAX = 64, OPERANDS_MAX = 8 };

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
  const char *more;         /* for the manual page alone, after the options; NULL: nothing. Layout: cli/manual.h */
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

/* arguments_unknown complains about a word that is none of those that stand in its place, and names the nearest or all
 * of them: "there is no role 'solvr'; did you mean 'solver'?". Returns INPUT. */
enum outcome arguments_unknown(const char *what, const char *word, const char *const *known, uint32_t count);

/* A word this many edits away from a known one is taken for a typing error (base/nearest). */
enum { TYPO_EDITS = 2 };

/* One a line, so that two people can add one each. */
extern const struct command command_audit;
extern const struct command command_bench;
extern const struct command command_certificate;
extern const struct command command_check;
extern const struct command command_devnet;
extern const struct command command_dispute;
extern const struct command command_evaluate;
extern const struct command command_export;
extern const struct command command_faucet;
extern const struct command command_infer;
extern const struct command command_init;
extern const struct command command_inspect;
extern const struct command command_jobs;
extern const struct command command_lower;
extern const struct command command_node;
extern const struct command command_quote;
extern const struct command command_referee;
extern const struct command command_solve;
extern const struct command command_status;
extern const struct command command_store;
extern const struct command command_submit;
extern const struct command command_task;
extern const struct command command_train;
extern const struct command command_verify;
extern const struct command command_wallet;
extern const struct command command_why;

#endif
