/* assay audit: runs parts of others' training again. */
#include "agent/verifier.h"
#include "cli/key/unlock.h"
#include "cli/role/lie.h"
#include "cli/role/role.h"

enum { SLICE_MS = 200 };

static enum outcome run(const struct arguments *a) {
  struct role role;
  struct verifier *verifier;
  struct why why = {""};
  struct verifier_lie lie;
  if (!role_lie_verifier(arguments_text(a, "lie", NULL), &lie)) return OUTCOME_INPUT;
  enum outcome outcome = role_open(a, "verifier", ROLE_VERIFIER, true, &role);
  if (outcome != OUTCOME_DONE) return outcome;
  const struct verifier_options options = {
      .material = role.material, .disk_bytes = role.disk_bytes, .slice_ms = SLICE_MS, .lie = lie};
  outcome = role_outcome(verifier_open(&verifier, role.agent, &options, &why), &why);
  if (outcome == OUTCOME_DONE) {
    role.turn = verifier_turn;
    role.context = verifier;
    role_ready(&role, NULL, 0);
    outcome = role_run(&role);
    verifier_shut(verifier);
  }
  role_shut(&role);
  return outcome;
}

const struct command command_audit = {
    .name = "audit",
    .usage = "DIR [--node URL] [--stake ASY]",
    .summary = "checks others' training, for pay: the verifier",
    .text =
        "Works with the key in DIR (assay init DIR --machine). Takes the seats that are drawn for it, runs the "
        "intervals\n"
        "that its key drew, seals what it found before the solver shows its own, and disputes what differs. One that\n"
        "is silent or wrong loses stake. Killed at any moment, the same command goes on where it was. A folder is for\n"
        "one role: solver and verifier each want one of their own.\n"
        "Words of --lie, joined by commas: wrong, no-take, no-seal, no-show, no-vote, silent-move=N.\n"
        "Exit status: 0 stopped, 2 bad folder, key, words or node, 3 no node, memory or disk.",
    .option = {ROLE_OPTIONS},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
