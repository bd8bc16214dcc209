/* assay faucet: gives money away, for chains to try things out on. */
#include "agent/faucet.h"
#include "cli/amount.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/role/role.h"

enum { PORT = 26670 };
static const uint64_t amount_usual = 100 * UINT64_C(1000000000);

static enum outcome serve(const struct arguments *a, struct role *r, const struct faucet_options *options) {
  struct faucet *faucet;
  struct why why = {""};
  enum outcome outcome = role_outcome(faucet_open(&faucet, r->agent, options, &why), &why);
  if (outcome != OUTCOME_DONE) return outcome;
  r->turn = faucet_turn;
  r->context = faucet;
  role_ready(r, arguments_text(a, "listen", "127.0.0.1"), faucet_port(faucet));
  outcome = role_run(r);
  faucet_shut(faucet);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  struct role role;
  struct why why = {""};
  uint64_t port = PORT;
  struct faucet_options options = {.address = arguments_text(a, "listen", "127.0.0.1"), .amount = amount_usual};
  if (!arguments_number(a, "port", 0, 65535, &port)) return OUTCOME_INPUT;
  options.port = (uint16_t)port;
  if (arguments_given(a, "amount") && !amount_read(arguments_text(a, "amount", ""), &options.amount, &why)) {
    complain("--amount: %s", why.text);
    return OUTCOME_INPUT;
  }
  if (!options.amount) {
    complain("--amount 0 gives nothing");
    return OUTCOME_INPUT;
  }
  enum outcome outcome = role_open(a, "faucet", ROLE_FAUCET, false, &role);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = serve(a, &role, &options);
  role_shut(&role);
  return outcome;
}

const struct command command_faucet = {
    .name = "faucet",
    .usage = "DIR [--node URL] [--listen ADDRESS] [--port N] [--amount ASY]",
    .summary = "gives money away, on chains to try things out",
    .text =
        "Gives out of the account of the key in DIR (assay init DIR --machine; it has to have money). Whoever asks "
        "with\n"
        "POST / and {\"account\": \"asy1..\"} gets the amount, each account at most once an hour, and none that has "
        "as\n"
        "much already; assay wallet ask does that where the node was started with --faucet. Killed at any moment, the\n"
        "same command goes on and gives nothing twice.\n"
        "Exit status: 0 stopped, 2 bad folder, key, words or node, 3 no node, port or disk.",
    .option = {REACH_OPTION,
               {"listen", 0, "ADDRESS", "where to listen (127.0.0.1)"},
               {"port", 0, "N", "of the HTTP; 0 takes one that is free (26670)"},
               {"amount", 0, "ASY", "what an account gets (100)"},
               UNLOCK_OPTIONS,
               {"json", 0, NULL, "one JSON object a line"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
