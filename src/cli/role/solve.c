/* assay solve: trains for others. */
#include "agent/solver.h"
#include "cli/key/unlock.h"
#include "cli/role/lie.h"
#include "cli/role/role.h"

enum { SLICE_MS = 200 };

static enum outcome run(const struct arguments *a) {
  struct role role;
  struct solver *solver;
  struct why why = {""};
  struct solver_lie lie;
  if (!role_lie_solver(arguments_text(a, "lie", NULL), &lie)) return OUTCOME_INPUT;
  enum outcome outcome = role_open(a, "solver", ROLE_SOLVER, true, &role);
  if (outcome != OUTCOME_DONE) return outcome;
  const struct solver_options options = {.material = role.material,
                                         .disk_bytes = role.disk_bytes,
                                         .slice_ms = SLICE_MS,
                                         .lie = lie,
                                         .enlist = &role.enlist};
  outcome = role_outcome(solver_open(&solver, role.agent, &options, &why), &why);
  if (outcome == OUTCOME_DONE) {
    role.turn = solver_turn;
    role.context = solver;
    role_ready(&role, NULL, 0);
    outcome = role_run(&role);
    solver_shut(solver);
  }
  role_shut(&role);
  return outcome;
}

const struct command command_solve = {
    .name = "solve",
    .usage = "DIR [--node URL] [--stake ASY]",
    .summary = "trains for others, for pay: the solver",
    .text =
        "Works with the key in DIR (assay init DIR --machine). Tells the chain what this machine offers, takes tasks\n"
        "that it can do, trains, commits to every interval, and answers when it is disputed; a solver that is caught\n"
        "lying or late loses stake. Killed at any moment, the same command goes on where it was. A folder is for one\n"
        "role: solver and verifier each want one of their own.\n"
        "Words of --lie, joined by commas: interval=N, every, no-commit, no-publish, no-open, no-deliver, no-starts,\n"
        "silent-move=N.\n"
        "Exit status: 0 stopped, 2 bad folder, key, words or node, 3 no node, memory or disk.",
    .option = {ROLE_OPTIONS},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
