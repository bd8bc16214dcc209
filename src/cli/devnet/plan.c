#include "cli/devnet/plan.h"

#include "cli/output.h"
#include "cli/role/lie.h"
#include "ledger/parameter/parameter.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASY UINT64_C(1000000000)

static const uint64_t stake_honest = 1000000 * ASY, stake_beside_liar = 400 * ASY, stake_storer = 1000 * ASY,
                      balance_role = 1000 * ASY;
enum { LIAR_TIMES = 1000000, LYING_VERIFIER_TIMES = 16 };

const char *plan_role_word(enum plan_role role) {
  static const char *const words[] = {[PLAN_NODE] = "node",
                                      [PLAN_FAUCET] = "faucet",
                                      [PLAN_STORER] = "storer",
                                      [PLAN_SOLVER] = "solver",
                                      [PLAN_VERIFIER] = "verifier"};
  return words[role];
}

const char *plan_role_command(enum plan_role role) {
  static const char *const words[] = {[PLAN_NODE] = "node",
                                      [PLAN_FAUCET] = "faucet",
                                      [PLAN_STORER] = "store",
                                      [PLAN_SOLVER] = "solve",
                                      [PLAN_VERIFIER] = "audit"};
  return words[role];
}

/* The list of processes, from the settings. */

static void add(struct plan *p, enum plan_role role, uint32_t number, const char *lie, uint64_t stake) {
  struct plan_process *x = &p->process[p->processes++];
  *x = (struct plan_process){.role = role, .lie = lie, .stake = stake, .balance = balance_role};
  if (number)
    snprintf(x->name, sizeof x->name, "%s-%u", plan_role_word(role), number);
  else
    snprintf(x->name, sizeof x->name, "%s", plan_role_word(role));
}

static void lay_out(struct plan *p) {
  bool solver_lies = *p->solver_lie, verifier_lies = *p->verifier_lie;
  uint64_t small = solver_lies ? stake_beside_liar : stake_honest;
  uint32_t others = p->verifiers > 1 ? p->verifiers - 1 : 1;
  p->processes = 0;
  add(p, PLAN_NODE, 0, "", 0);
  add(p, PLAN_FAUCET, 0, "", 0);
  add(p, PLAN_STORER, 0, "", stake_storer);
  for (uint32_t n = 1; n <= p->solvers; n++) {
    bool lies = n == 1 && solver_lies;
    add(p, PLAN_SOLVER, n, lies ? p->solver_lie : "", lies ? small * LIAR_TIMES : small);
  }
  for (uint32_t n = 1; n <= p->verifiers; n++) {
    bool lies = n == 1 && verifier_lies;
    add(p, PLAN_VERIFIER, n, lies ? p->verifier_lie : "",
        lies ? stake_honest * LYING_VERIFIER_TIMES * others : stake_honest);
  }
  p->process[0].balance = p->process[1].balance = 0;
}

/* What --liar, --vanish, --silent and --lie say. */

static bool known_lie(const char *role, const char *word) {
  struct solver_lie solver;
  struct verifier_lie verifier;
  return strcmp(role, "solver") == 0 ? role_lie_solver(word, &solver) : role_lie_verifier(word, &verifier);
}

static bool take_lie(char lie[PLAN_LIE], const char *role, const char *word) {
  if (*lie) {
    complain("one %s misbehaves, and by one --lie: %s or %s; --lie %s=%s,%s joins them", role, lie, word, role, lie,
             word);
    return false;
  }
  if (strlen(word) >= PLAN_LIE) {
    complain("--lie %s=WORD: more than %d bytes", role, PLAN_LIE - 1);
    return false;
  }
  if (!known_lie(role, word)) return false;
  snprintf(lie, PLAN_LIE, "%s", word);
  return true;
}

/* --OPTION ROLE stands for a word of that role. */
static bool take_short(const struct arguments *a, const char *option, const char *solver, const char *verifier,
                       struct plan *p) {
  const char *role;
  for (uint32_t n = 0; (role = arguments_nth(a, option, n)); n++) {
    bool good = true;
    if (solver && strcmp(role, "solver") == 0)
      good = take_lie(p->solver_lie, role, solver);
    else if (verifier && strcmp(role, "verifier") == 0)
      good = take_lie(p->verifier_lie, role, verifier);
    else
      good = (complain("--%s %s: wanted %s%s%s", option, role, solver ? "solver" : "", solver && verifier ? " or " : "",
                       verifier ? "verifier" : ""),
              false);
    if (!good) return false;
  }
  return true;
}

static bool take_lies(const struct arguments *a, struct plan *p) {
  if (!take_short(a, "liar", "every", "wrong", p) || !take_short(a, "vanish", "no-commit", NULL, p) ||
      !take_short(a, "silent", NULL, "no-seal", p))
    return false;
  const char *text;
  for (uint32_t n = 0; (text = arguments_nth(a, "lie", n)); n++) {
    bool good;
    if (strncmp(text, "solver=", 7) == 0)
      good = take_lie(p->solver_lie, "solver", text + 7);
    else if (strncmp(text, "verifier=", 9) == 0)
      good = take_lie(p->verifier_lie, "verifier", text + 9);
    else
      good = (complain("--lie %s: wanted solver=WORD or verifier=WORD", text), false);
    if (!good) return false;
  }
  return true;
}

bool plan_of_arguments(const struct arguments *a, struct plan *out) {
  const char *parameters = arguments_text(a, "parameters", "devnet");
  struct parameters known;
  uint64_t solvers = 3, verifiers = 5;
  *out = (struct plan){0};
  if (!parameters_named(parameters, &known)) {
    complain("there are no parameters '%s'; there are devnet, with short windows, test, with shorter ones, and main",
             parameters);
    return false;
  }
  snprintf(out->parameters, sizeof out->parameters, "%s", parameters);
  if (!arguments_number(a, "solvers", 1, PLAN_OF_A_ROLE_MAX, &solvers) ||
      !arguments_number(a, "verifiers", 1, PLAN_OF_A_ROLE_MAX, &verifiers) || !take_lies(a, out))
    return false;
  out->solvers = (uint32_t)solvers;
  out->verifiers = (uint32_t)verifiers;
  lay_out(out);
  return true;
}

static bool other_lie(const char *role, const char *said, const char *is, struct why *why) {
  if (!*said || strcmp(said, is) == 0) return false;
  if (*is)
    why_set(why, "its %s-1 misbehaves by '%s', not by '%s'", role, is, said);
  else
    why_set(why, "its %s-1 is honest, and does not misbehave by '%s'", role, said);
  return true;
}

bool plan_agrees(const struct arguments *a, const struct plan *f, struct why *why) {
  struct plan said;
  if (!plan_of_arguments(a, &said)) return why_set(why, "the words are wrong"), false;
  if (arguments_given(a, "parameters") && strcmp(said.parameters, f->parameters) != 0)
    return why_set(why, "its chain has the parameters %s, not %s", f->parameters, said.parameters), false;
  if (arguments_given(a, "solvers") && said.solvers != f->solvers)
    return why_set(why, "it has %u solvers, not %u", f->solvers, said.solvers), false;
  if (arguments_given(a, "verifiers") && said.verifiers != f->verifiers)
    return why_set(why, "it has %u verifiers, not %u", f->verifiers, said.verifiers), false;
  return !other_lie("solver", said.solver_lie, f->solver_lie, why) &&
         !other_lie("verifier", said.verifier_lie, f->verifier_lie, why);
}

/* The file. */

static bool trouble(const char *path, const char *what, struct why *why) {
  why_set(why, "%s: cannot %s it: %s", path, what, strerror(errno));
  return false;
}

static json_t *lie_json(const char *lie) { return *lie ? json_string(lie) : json_null(); }

/* A file that is there is whole: it gets its name when it is on the disk. */
bool plan_write(const struct plan *p, const char *path, struct why *why) {
  char part[4096];
  int n = snprintf(part, sizeof part, "%s.part", path);
  if (n < 0 || n >= (int)sizeof part) return why_set(why, "a path that is too long"), false;
  json_t *o = json_pack("{s:i, s:s, s:i, s:i, s:o, s:o}", "devnet", 1, "parameters", p->parameters, "solvers",
                        (int)p->solvers, "verifiers", (int)p->verifiers, "solver_lie", lie_json(p->solver_lie),
                        "verifier_lie", lie_json(p->verifier_lie));
  FILE *f = fopen(part, "we");
  bool good = f != NULL;
  if (good) {
    good = json_dumpf(o, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 && fputc('\n', f) != EOF && fflush(f) == 0 &&
           fsync(fileno(f)) == 0;
    good = fclose(f) == 0 && good;
  }
  json_decref(o);
  return (good && rename(part, path) == 0) || trouble(path, "write", why);
}

static bool lie_of(const json_t *o, const char *key, char lie[PLAN_LIE]) {
  const json_t *x = json_object_get(o, key);
  const char *text = json_is_null(x) ? "" : json_string_value(x);
  if (!text || strlen(text) >= PLAN_LIE) return false;
  snprintf(lie, PLAN_LIE, "%s", text);
  return true;
}

static bool number_of(const json_t *o, const char *key, uint32_t *out) {
  const json_t *x = json_object_get(o, key);
  json_int_t value = json_integer_value(x);
  if (!json_is_integer(x) || value < 1 || value > PLAN_OF_A_ROLE_MAX) return false;
  *out = (uint32_t)value;
  return true;
}

bool plan_read(const char *path, struct plan *out, bool *none, struct why *why) {
  struct plan p = {0};
  struct parameters known;
  *none = false;
  FILE *f = fopen(path, "re");
  if (!f) {
    *none = errno == ENOENT;
    return trouble(path, "read", why);
  }
  json_t *o = json_loadf(f, JSON_REJECT_DUPLICATES, NULL);
  fclose(f);
  const char *parameters = json_string_value(json_object_get(o, "parameters"));
  bool good = json_integer_value(json_object_get(o, "devnet")) == 1 && parameters &&
              strlen(parameters) < sizeof p.parameters && parameters_named(parameters, &known) &&
              number_of(o, "solvers", &p.solvers) && number_of(o, "verifiers", &p.verifiers) &&
              lie_of(o, "solver_lie", p.solver_lie) && lie_of(o, "verifier_lie", p.verifier_lie);
  if (good) snprintf(p.parameters, sizeof p.parameters, "%s", parameters);
  json_decref(o);
  if (!good) return why_set(why, "%s: not the settings of a devnet, or of another version", path), false;
  *out = p;
  lay_out(out);
  return true;
}
