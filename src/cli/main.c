/* assay: trains neural networks so that anyone can check the work. This file: which command, and help. */
#include "base/nearest.h"
#include "cli/command.h"
#include "cli/manual.h"
#include "cli/output.h"
#include "model/lower/lower.h"
#include "numeric/backend.h"
#include "numeric/canon.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One a line, so that two people can add one each. */
static const struct command_row table[] = {
    {.heading = "train and check"},    {.command = &command_train},
    {.command = &command_verify},      {.command = &command_dispute},
    {.command = &command_referee},     {.command = &command_quote},
    {.heading = "networks and files"}, {.command = &command_check},
    {.command = &command_inspect},     {.command = &command_infer},
    {.command = &command_evaluate},    {.command = &command_export},
    {.heading = "train on a network"}, {.command = &command_submit},
    {.command = &command_certificate}, {.heading = "accounts and work for others"},
    {.command = &command_init},        {.command = &command_wallet},
    {.command = &command_solve},       {.command = &command_audit},
    {.command = &command_store},       {.command = &command_faucet},
    {.heading = "the chain"},          {.command = &command_devnet},
    {.command = &command_node},        {.command = &command_status},
    {.command = &command_jobs},        {.command = &command_task},
    {.command = &command_why},         {.heading = "development"},
    {.command = &command_bench},       {.command = &command_lower},
};
enum { ROWS = sizeof table / sizeof *table };

static void print_help(void) {
  puts("Trains neural networks so that anyone can check the work, bit for bit.\n\nusage: assay COMMAND ...");
  for (int i = 0; i < ROWS; i++) {
    if (table[i].heading)
      printf("\n%s\n", table[i].heading);
    else
      printf("  %-12s %s\n", table[i].command->name, table[i].command->summary);
  }
  puts("\n  assay COMMAND --help    tells more about one of them\n"
       "  assay man               prints the manual page: assay man | man -l -\n"
       "  assay --version         version, canon, and what this machine computes with\n\n"
       "Exit status: 0 done, 1 the answer is no, 2 bad input or a damaged file,\n"
       "3 disk, memory, permissions or nobody answers, 130 stopped by Ctrl-C after saving.");
}

static void print_command_help(const struct command *c) {
  printf("%s\n\nusage: assay %s %s\n\n%s\n", c->summary, c->name, c->usage, c->text);
  puts("\noptions:");
  for (uint32_t i = 0; i < OPTIONS_MAX && c->option[i].name; i++) {
    const struct option_row *o = &c->option[i];
    char left[64], letter[8] = "    ";
    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->argument ? " " : "", o->argument ? o->argument : "");
    printf("  %-24s %s\n", left, o->text);
  }
  printf("  %-24s %s\n", "-h, --help", "prints this");
  if (c->more) puts("\nThe manual page says more: assay man | man -l -");
}

static void print_version(void) {
  printf("assay %s · canon %d · lower %d · back end %s\n", ASSAY_VERSION, CANON_VERSION, LOWER_VERSION,
         backend_best()->name);
}

static enum outcome run(int argc, char **argv) {
  if (argc < 2) {
    print_help();
    return OUTCOME_INPUT;
  }
  const char *word = argv[1];
  bool help = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
  if (help && argc == 2) {
    print_help();
    return OUTCOME_DONE;
  }
  if (help) word = argv[2];
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
    print_version();
    return OUTCOME_DONE;
  }
  if (strcmp(word, "man") == 0 && argc == 2) {
    manual_print(stdout, table, ROWS);
    return OUTCOME_DONE;
  }
  const char *known[ROWS];
  uint32_t known_count = 0;
  for (int i = 0; i < ROWS; i++) {
    const struct command *c = table[i].command;
    if (!c) continue;
    known[known_count++] = c->name;
    if (strcmp(word, c->name) != 0) continue;
    if (help) {
      print_command_help(c);
      return OUTCOME_DONE;
    }
    output_command(word);
    for (int j = 2; j < argc && strcmp(argv[j], "--") != 0; j++)
      if (strcmp(argv[j], "--help") == 0 || strcmp(argv[j], "-h") == 0) {
        print_command_help(c);
        return OUTCOME_DONE;
      }
    struct arguments a;
    if (!arguments_parse(c, argc - 1, argv + 1, &a)) return OUTCOME_INPUT;
    return c->run(&a);
  }
  const char *near = nearest_word(word, known, known_count, TYPO_EDITS);
  if (near)
    complain("there is no command '%s'; did you mean '%s'?", word, near);
  else
    complain("there is no command '%s'; assay --help lists them", word);
  return OUTCOME_INPUT;
}

/* A file must not be opened as number 0, 1 or 2, or what we print would land in it. Closed output stays an error, since
 * nobody can write to what is opened for reading. */
static bool hold_standard_files(void) {
  int f;
  do f = open("/dev/null", O_RDONLY);
  while (f >= 0 && f <= STDERR_FILENO);
  return f >= 0 && close(f) == 0;
}

int main(int argc, char **argv) {
  if (!hold_standard_files()) return OUTCOME_ENVIRONMENT;
  signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error we report, not a death in mid-write */
  signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow any more (ulimit -f) */
  backend_thread_enter();
  enum outcome outcome = run(argc, argv);
  if (!output_flush() && outcome == OUTCOME_DONE) outcome = OUTCOME_ENVIRONMENT;
  return outcome;
}
