/* What a job will cost and take on a network, on a page. */
#include "cli/amount.h"
#include "cli/output.h"
#include "cli/submit.h"
#include <inttypes.h>
#include <stdio.h>

static const char *ticks_text(const struct submitter_quote *q, uint64_t ticks, char text[SHORT_TEXT]) {
  return text_seconds((double)ticks * q->tick_ms / 1000, text);
}

void submit_quote_print(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach) {
  char a[AMOUNT_TEXT], b[AMOUNT_TEXT], x[SHORT_TEXT], y[SHORT_TEXT];
  const struct prepared *p = t->prepared;
  printf("job         %s on %s: %" PRIu32 " steps in %" PRIu32 " interval%s, %u task%s\n", p->job_name,
         reach->node.chain_id, p->steps, q->intervals, q->intervals == 1 ? "" : "s", q->tasks,
         q->tasks == 1 ? "" : "s");
  if (t->options.start)
    printf("start       %s\n", t->goes_on ? "goes on where the state's job ended" : "fine-tunes the state");
  printf("work        %s units, %" PRIu64 " MiB of memory: class %u, %" PRIu32 " solver%s of it available\n",
         text_count((double)q->work, x), q->mem_mib, q->class, q->solvers, q->solvers == 1 ? "" : "s");
  printf("solver      %s, at %" PRIu64 " grain for 10^9 units (they ask %" PRIu64
         " in the middle, the least is %" PRIu64 ")\n",
         amount_write(q->fee, a), q->price, q->ask_middle, q->price_least);
  printf("verifiers   %s: level %s, %u verifier%s, %u interval%s each of a task\n", amount_write(q->seat_fees, a),
         submit_level_word(q->level), q->seats, q->seats == 1 ? "" : "s", q->draws, q->draws == 1 ? "" : "s");
  printf("fees        %s protocol, %s posting", amount_write(q->protocol_fee, a), amount_write(q->posting_fee, b));
  printf(", up to %s gas\n", amount_write(q->gas, a));
  if (q->reserve) printf("reserve     %s, which comes back if it is not needed\n", amount_write(q->reserve, a));
  printf("total       %s; the account has %s\n", amount_write(q->total, a), amount_write(q->balance, b));
  printf("time        about %s when everybody does what is due at once", ticks_text(q, q->usual_ticks, x));
  printf("; the longest with honest parties %s\n", ticks_text(q, q->life_ticks, x));
  printf("dispute     at most %s longer, and the task may then go to another solver\n",
         ticks_text(q, q->dispute_ticks, y));
}

json_t *submit_quote_json(const struct submit_terms *t, const struct submitter_quote *q, const struct reach *reach) {
  json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:I}", "kind", "quote", "chain",
                        reach->node.chain_id, "tasks", (int)q->tasks, "intervals", (int)q->intervals, "seats",
                        (int)q->seats, "draws", (int)q->draws, "class", (int)q->class, "solvers",
                        (json_int_t)q->solvers, "work", reach_grain(q->work), "mem_mib", (json_int_t)q->mem_mib);
  json_t *money =
      json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "price", reach_grain(q->price), "ask_middle",
                reach_grain(q->ask_middle), "price_least", reach_grain(q->price_least), "fee", reach_grain(q->fee),
                "seat_fees", reach_grain(q->seat_fees), "protocol_fee", reach_grain(q->protocol_fee), "posting_fee",
                reach_grain(q->posting_fee), "reserve", reach_grain(q->reserve), "gas", reach_grain(q->gas), "total",
                reach_grain(q->total), "balance", reach_grain(q->balance));
  json_t *time = json_pack("{s:s, s:I, s:I, s:I, s:I, s:i, s:b}", "level", submit_level_word(q->level), "work_ticks",
                           (json_int_t)q->work_ticks, "usual_ticks", (json_int_t)q->usual_ticks, "life_ticks",
                           (json_int_t)q->life_ticks, "dispute_ticks", (json_int_t)q->dispute_ticks, "tick_ms",
                           (int)q->tick_ms, "goes_on", t->goes_on);
  json_object_update(o, money);
  json_object_update(o, time);
  json_decref(money);
  json_decref(time);
  return o;
}
