#include "base/nearest.h"
#include "cli/command.h"
#include "cli/output.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t options_count(const struct command *c) {
  uint32_t n = 0;
  while (n < OPTIONS_MAX && c->option[n].name) n++;
  return n;
}

static int option_row(const struct command *c, const char *name) {
  for (uint32_t i = 0; i < OPTIONS_MAX && c->option[i].name; i++)
    if (strcmp(c->option[i].name, name) == 0) return (int)i;
  return -1;
}

static void complain_unknown(const struct command *c, const char *word) {
  const char *known[OPTIONS_MAX];
  uint32_t n = options_count(c);
  for (uint32_t i = 0; i < n; i++) known[i] = c->option[i].name;
  char name[64] = "";
  if (strncmp(word, "--", 2) == 0) snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const char *near = nearest_word(name, known, n, TYPO_EDITS);
  if (near)
    complain("there is no option %s; did you mean --%s?", word, near);
  else
    complain("there is no option %s; assay %s --help lists them", word, c->name);
}

bool arguments_parse(const struct command *command, int argc, char **argv, struct arguments *out) {
  enum { LONG_ONLY = 256 };
  struct option longs[OPTIONS_MAX + 1];
  char letters[2 * OPTIONS_MAX + 2], *at = letters;
  memset(longs, 0, sizeof longs);
  *at++ = ':'; /* report a missing value apart from an unknown option */
  uint32_t n = options_count(command);
  for (uint32_t i = 0; i < n; i++) {
    const struct option_row *row = &command->option[i];
    longs[i] = (struct option){row->name, row->argument ? required_argument : no_argument, NULL, LONG_ONLY + (int)i};
    if (!row->letter) continue;
    *at++ = row->letter;
    if (row->argument) *at++ = ':';
  }
  *at = 0;

  struct arguments a = {.command = command};
  opterr = 0;
  for (int code; (code = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
    if (code == '?' || code == ':') {
      if (code == ':')
        complain("option %s needs a value", argv[optind - 1]);
      else
        complain_unknown(command, argv[optind - 1]);
      return false;
    }
    uint32_t row = code >= LONG_ONLY ? (uint32_t)(code - LONG_ONLY) : 0;
    if (code < LONG_ONLY)
      while (command->option[row].letter != code) row++;
    if (a.values_count == VALUES_MAX) {
      complain("more than %d options", VALUES_MAX);
      return false;
    }
    a.value[a.values_count].option = (uint8_t)row;
    a.value[a.values_count++].text = optarg ? optarg : "";
  }
  for (; optind < argc; optind++) {
    if (a.operands_count == command->operands_max) {
      complain("one word too many: '%s'; usage: assay %s %s", argv[optind], command->name, command->usage);
      return false;
    }
    a.operand[a.operands_count++] = argv[optind];
  }
  if (a.operands_count < command->operands_min) {
    const char *what = command->usage; /* its first word is the operand, after switches */
    while (*what == '-' && strchr(what, ' ')) what = strchr(what, ' ') + 1;
    complain("%.*s is missing; usage: assay %s %s", (int)strcspn(what, " "), what, command->name, command->usage);
    return false;
  }
  *out = a;
  return true;
}

bool arguments_given(const struct arguments *a, const char *option) { return arguments_nth(a, option, 0) != NULL; }

const char *arguments_nth(const struct arguments *a, const char *option, uint32_t n) {
  int row = option_row(a->command, option);
  assert(row >= 0);
  for (uint32_t i = 0; i < a->values_count; i++)
    if (a->value[i].option == row && n-- == 0) return a->value[i].text;
  return NULL;
}

const char *arguments_text(const struct arguments *a, const char *option, const char *otherwise) {
  const char *text = otherwise, *next;
  for (uint32_t n = 0; (next = arguments_nth(a, option, n)); n++) text = next;
  return text;
}

bool arguments_number(const struct arguments *a, const char *option, uint64_t min, uint64_t max, uint64_t *out) {
  const char *text = arguments_text(a, option, NULL);
  if (!text) return true;
  char *end;
  errno = 0;
  uint64_t x = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno || x < min || x > max) {
    complain("--%s is '%s'; it must be a whole number from %" PRIu64 " to %" PRIu64, option, text, min, max);
    return false;
  }
  *out = x;
  return true;
}

enum outcome arguments_unknown(const char *what, const char *word, const char *const *known, uint32_t count) {
  char list[400] = "";
  size_t used = 0;
  const char *near = nearest_word(word, known, count, TYPO_EDITS);
  if (near) {
    complain("there is no %s '%.100s'; did you mean '%s'?", what, word, near);
    return OUTCOME_INPUT;
  }
  for (uint32_t i = 0; i < count && used < sizeof list; i++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                             i == 0           ? ""
                             : i + 1 == count ? " and "
                                              : ", ",
                             known[i]);
  complain("there is no %s '%.100s'; there are %s", what, word, list);
  return OUTCOME_INPUT;
}
