/* What a job will cost and take on a network, and what a cheat risks there, on one page. */
#include "agent/odds.h"
#include "cli/amount.h"
#include "cli/output.h"
#include "cli/submit/elsewhere.h"
#include "cli/submit/submit.h"
#include <inttypes.h>
#include <stdio.h>

/* LEDGER 12.5: what honest work costs a solver, as a share of F; 13.3: the cartel that is assumed. */
static const double cost_share = 0.8, cartel = 0.1;

enum { UNSEEN = 4 };
struct risk {
  uint16_t wrong[UNSEEN]; /* one interval, a tenth of them, half, all */
  double unseen[UNSEEN], margin, margin_cartel;
};

static struct risk risk_of(const struct submitter_quote *q) {
  static const uint32_t tenths[UNSEEN] = {0, 1, 5, 10};
  const struct odds_audit a = {.intervals = q->task_intervals,
                               .draws = q->task_draws,
                               .seats = q->seats,
                               .own = q->own_seat,
                               .full = q->level == 4,
                               .cartel = cartel};
  double fee = (double)q->task_fee, bond = fee * q->fine_permille / 1000 * (1000 - q->finder_permille) / 1000;
  struct risk r = {.margin = odds_margin(&a, fee, cost_share * fee, bond),
                   .margin_cartel = odds_margin_cartel(&a, fee, cost_share * fee, bond)};
  for (int i = 0; i < UNSEEN; i++) {
    uint32_t wrong = (q->task_intervals * tenths[i] + 5) / 10;
    r.wrong[i] = (uint16_t)(wrong ? wrong : 1);
    r.unseen[i] = odds_unseen(&a, r.wrong[i]);
  }
  return r;
}

static const char *ticks_text(const struct submitter_quote *q, uint64_t ticks, char text[SHORT_TEXT]) {
  return text_seconds((double)ticks * q->tick_ms / 1000, text);
}

static const char *ending(uint64_t count) { return count == 1 ? "" : "s"; }

static void print_job(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach) {
  char a[SHORT_TEXT];
  printf("job         ");
  output_word(t->prepared->job_name);
  printf(" on %s: %" PRIu32 " steps in %" PRIu32 " interval%s, %u task%s; %s operations, %" PRIu64
         " MiB (machines of class %u)\n",
         reach->node.chain_id, t->prepared->steps, q->intervals, ending(q->intervals), q->tasks, ending(q->tasks),
         text_count((double)q->operations, a), q->mem_mib, q->class);
  if (t->options.start)
    printf("start       %s, at step %" PRIu32 "%s\n",
           t->goes_on ? "goes on where the state's job ended" : "fine-tunes the state, with its moments", t->from_step,
           t->certified ? "" : "; nobody settled that state on this chain");
  if (t->prepared->job.seed_mode)
    puts("seed        drawn by the chain when the job is posted, as the job file has none");
}

static void print_price(const struct submitter_quote *q) {
  char a[AMOUNT_TEXT], b[AMOUNT_TEXT], c[AMOUNT_TEXT];
  printf("solver      %-18s %" PRIu64 " grain for 10^9 units of work. ", amount_write(q->fee, a), q->price);
  if (q->solvers)
    printf("%" PRIu32 " solver%s available, the middle one asks %" PRIu64 "; the least is %" PRIu64 "\n", q->solvers,
           ending(q->solvers), q->ask_middle, q->price_least);
  else
    printf("No solver of this class is available now; the least is %" PRIu64 "\n", q->price_least);
  printf("verifiers   %-18s level %s: %u, and each computes %s\n", amount_write(q->seat_fees, a),
         submit_level_word(q->level), q->seats,
         q->level == 4 ? "everything again" : "a part again, unseen by the others");
  printf("protocol    %s\nposting     %s\ngas         up to %s\n", amount_write(q->protocol_fee, a),
         amount_write(q->posting_fee, b), amount_write(q->gas, c));
  if (q->reserve) printf("reserve     %s\n", amount_write(q->reserve, a));
  printf("total       %s; the account has %s\n", amount_write(q->total, a), amount_write(q->balance, b));
  printf(
      "back        %sgas that is not used. If the job is cancelled, all but posting and gas; a solver that is proven "
      "wrong pays\n            you half of its task's price besides, and the task goes to another one\n",
      q->reserve ? "the reserve, and " : "");
}

static void print_time(const struct submitter_quote *q) {
  char a[SHORT_TEXT], b[SHORT_TEXT], c[SHORT_TEXT];
  printf("time        about %s if everybody is there (computing at the class's rate: %s); at most %s without a fault\n",
         ticks_text(q, q->usual_ticks, a), ticks_text(q, q->work_ticks, b), ticks_text(q, q->life_ticks, c));
  printf("dispute     at most %s, and only where somebody differs\n", ticks_text(q, q->dispute_ticks, a));
}

static void print_risk(const struct submitter_quote *q) {
  static const char *const words[UNSEEN] = {"one", "a tenth", "half", "all"};
  char a[AMOUNT_TEXT], b[AMOUNT_TEXT];
  struct risk r = risk_of(q);
  printf("at stake    %s of a task's solver, %s of each verifier\n", amount_write(q->bond, a),
         amount_write(q->seat_bond, b));
  printf("unseen      of %u intervals of a task are wrong, and nobody says so (one verifier in ten in league with the "
         "solver):\n           ",
         q->task_intervals);
  for (int i = 0; i < UNSEEN; i++) printf(" %s %.3g %%%s", words[i], 100 * r.unseen[i], i + 1 < UNSEEN ? "," : "\n");
  printf("deterrence  a cheat fears at least %.1f times what it saves (I1); %.1f times with half of all verifiers in "
         "league (I2)\n",
         r.margin, r.margin_cartel);
}

static const char *dollars(double usd, char text[SHORT_TEXT]) {
  snprintf(text, SHORT_TEXT, usd < 1e-6 ? "less than $0.000001" : usd < 0.1 ? "about $%.6f" : "about $%.2f", usd);
  return text;
}

static void print_elsewhere(const struct submitter_quote *q) {
  char text[SHORT_TEXT];
  for (int i = 0; i < ELSEWHERE_ROWS; i++) {
    const struct elsewhere *e = &elsewhere_row[i];
    printf("%s%s, %s, at $%.4g an hour (%s) and %u %% use: %s\n",
           i ? "            " : "elsewhere   the same operations, not the same service:\n            ", e->machine,
           e->where, e->usd_hour, e->date, e->use_percent, dollars(elsewhere_usd(e, q->operations), text));
  }
  puts("            ASY has no market price, so nothing here converts it; sources are in docs/prices.md");
}

void submit_quote_print(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach) {
  print_job(t, q, reach);
  print_price(q);
  print_time(q);
  print_risk(q);
  print_elsewhere(q);
}

static json_t *risk_json(const struct submitter_quote *q) {
  static const char *const words[UNSEEN] = {"one", "tenth", "half", "all"};
  struct risk r = risk_of(q);
  json_t *unseen = json_object();
  for (int i = 0; i < UNSEEN; i++)
    json_object_set_new(unseen, words[i], json_pack("{s:i, s:f}", "intervals", (int)r.wrong[i], "chance", r.unseen[i]));
  return json_pack("{s:f, s:f, s:i, s:i, s:o, s:f, s:f, s:o, s:o}", "cartel", cartel, "watched", 0.0, "intervals",
                   (int)q->task_intervals, "draws", (int)q->task_draws, "unseen", unseen, "margin_solver", r.margin,
                   "margin_cartel", r.margin_cartel, "bond_solver", reach_grain(q->bond), "bond_verifier",
                   reach_grain(q->seat_bond));
}

static json_t *elsewhere_json(const struct submitter_quote *q) {
  json_t *list = json_array();
  for (int i = 0; i < ELSEWHERE_ROWS; i++) {
    const struct elsewhere *e = &elsewhere_row[i];
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:f}", "machine", e->machine, "where",
                                          e->where, "date", e->date, "usd_hour", e->usd_hour, "gflops", e->gflops,
                                          "use_percent", (int)e->use_percent, "usd", elsewhere_usd(e, q->operations)));
  }
  return list;
}

json_t *submit_quote_json(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach) {
  json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:o, s:I}", "kind", "quote", "chain",
                        reach->node.chain_id, "level", submit_level_word(q->level), "tasks", (int)q->tasks, "intervals",
                        (int)q->intervals, "seats", (int)q->seats, "draws", (int)q->draws, "class", (int)q->class,
                        "solvers", (json_int_t)q->solvers, "work", reach_grain(q->work), "operations",
                        reach_grain(q->operations), "mem_mib", (json_int_t)q->mem_mib);
  json_t *money =
      json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "price", reach_grain(q->price), "ask_middle",
                reach_grain(q->ask_middle), "price_least", reach_grain(q->price_least), "fee", reach_grain(q->fee),
                "seat_fees", reach_grain(q->seat_fees), "protocol_fee", reach_grain(q->protocol_fee), "posting_fee",
                reach_grain(q->posting_fee), "reserve", reach_grain(q->reserve), "gas", reach_grain(q->gas), "total",
                reach_grain(q->total), "balance", reach_grain(q->balance));
  json_t *time = json_pack(
      "{s:I, s:I, s:I, s:I, s:i, s:b, s:b, s:b, s:o, s:o}", "work_ticks", (json_int_t)q->work_ticks, "usual_ticks",
      (json_int_t)q->usual_ticks, "life_ticks", (json_int_t)q->life_ticks, "dispute_ticks",
      (json_int_t)q->dispute_ticks, "tick_ms", (int)q->tick_ms, "seed_drawn", (int)t->prepared->job.seed_mode, "starts",
      t->options.start != NULL, "goes_on", t->goes_on, "risk", risk_json(q), "elsewhere", elsewhere_json(q));
  json_object_update(o, money);
  json_object_update(o, time);
  json_decref(money);
  json_decref(time);
  return o;
}
