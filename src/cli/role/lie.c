#include "cli/role/lie.h"

#include "base/nearest.h"
#include "cli/command.h"
#include "cli/output.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIE_BYTES = 64, MOVES = 255 };

/* A word either switches something on, or sets a number that stands behind it: "interval=3". */
struct lie_word {
  const char *name;
  bool *on;
  uint16_t *number;   /* NULL: a switch */
  uint16_t most, set; /* set: what a word without a number writes there; 0: it needs one */
};

static bool complain_word(const char *text, const struct lie_word *words, uint32_t count) {
  const char *known[16];
  char all[256] = "";
  for (uint32_t i = 0; i < count; i++) {
    known[i] = words[i].name;
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s%s", i ? ", " : "", words[i].name,
             words[i].number && !words[i].set ? "=N" : "");
  }
  char name[LIE_BYTES];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
  const char *near = nearest_word(name, known, count, TYPO_EDITS);
  if (near)
    complain("there is no lie '%s'; did you mean %s?", text, near);
  else
    complain("there is no lie '%s'; there are %s", text, all);
  return false;
}

static bool take_word(const char *text, const struct lie_word *words, uint32_t count) {
  size_t length = strcspn(text, "=");
  const struct lie_word *w = NULL;
  for (uint32_t i = 0; i < count && !w; i++)
    if (strlen(words[i].name) == length && memcmp(words[i].name, text, length) == 0) w = &words[i];
  if (!w) return complain_word(text, words, count);
  bool wants = w->number && !w->set;
  if (!wants && text[length]) {
    complain("--lie %s: %s takes no number", text, w->name);
    return false;
  }
  if (w->on) *w->on = true;
  if (w->number && w->set) *w->number = w->set;
  if (!wants) return true;
  char *end = NULL;
  errno = 0;
  unsigned long n = text[length] ? strtoul(text + length + 1, &end, 10) : 0;
  if (!end || *end || errno || text[length + 1] < '0' || text[length + 1] > '9' || n < 1 || n > w->most) {
    complain("--lie %s: wanted %s=N, N from 1 to %u", text, w->name, w->most);
    return false;
  }
  *w->number = (uint16_t)n;
  return true;
}

static bool take_all(const char *text, const struct lie_word *words, uint32_t count) {
  char word[LIE_BYTES];
  while (text) {
    size_t length = strcspn(text, ",");
    snprintf(word, sizeof word, "%.*s", (int)length, text);
    if (!take_word(word, words, count)) return false;
    text = text[length] ? text + length + 1 : NULL;
  }
  return true;
}

bool role_lie_solver(const char *text, struct solver_lie *out) {
  struct solver_lie lie = {0};
  uint16_t silent = 0;
  const struct lie_word words[] = {{"interval", NULL, &lie.interval, TRACE_INTERVALS_MAX, 0},
                                   {"every", NULL, &lie.interval, 0, WORK_EVERY},
                                   {"no-commit", &lie.no_commit, NULL, 0, 0},
                                   {"no-publish", &lie.no_publish, NULL, 0, 0},
                                   {"no-open", &lie.no_open, NULL, 0, 0},
                                   {"no-deliver", &lie.no_deliver, NULL, 0, 0},
                                   {"no-starts", &lie.no_starts, NULL, 0, 0},
                                   {"silent-move", NULL, &silent, MOVES, 0}};
  if (!take_all(text, words, sizeof words / sizeof *words)) return false;
  lie.silent_move = (uint8_t)silent;
  *out = lie;
  return true;
}

bool role_lie_verifier(const char *text, struct verifier_lie *out) {
  struct verifier_lie lie = {0};
  uint16_t silent = 0;
  const struct lie_word words[] = {{"wrong", &lie.wrong, NULL, 0, 0},     {"no-take", &lie.no_take, NULL, 0, 0},
                                   {"no-seal", &lie.no_seal, NULL, 0, 0}, {"no-show", &lie.no_show, NULL, 0, 0},
                                   {"no-vote", &lie.no_vote, NULL, 0, 0}, {"silent-move", NULL, &silent, MOVES, 0}};
  if (!take_all(text, words, sizeof words / sizeof *words)) return false;
  lie.silent_move = (uint8_t)silent;
  *out = lie;
  return true;
}
