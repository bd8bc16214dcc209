/* What is happening, while it happens: one calm line on a terminal, plain lines elsewhere. */
#include "base/hex.h"
#include "cli/chain/why_words.h"
#include "cli/chain/words.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/submit/submit.h"
#include "crypto/address.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_SHOWN = 10, WHO_TEXT = 64 };

static void say_json(const char *kind, const uint8_t *task, const char *text) {
  char hex[2 * TASK_ID_BYTES + 1] = "";
  if (task) hex_encode(task, TASK_ID_BYTES, hex);
  output_json(json_pack("{s:s, s:o, s:o}", "kind", kind, "task", task ? json_string(hex) : json_null(), "text",
                        output_text(text)));
}

void submit_say(void *context, const char *kind, const uint8_t *task, const char *text) {
  struct submission *s = context;
  if (strcmp(kind, "task") == 0) return; /* submit_turn says it with words of its own */
  if (s->json)
    say_json(kind, task, text);
  else if (!s->quiet || strcmp(kind, "failed") == 0)
    note("%-8s %s", kind, text);
}

bool submit_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct submission *s = context;
  char text[WHY_WORDS];
  (void)payments, (void)length;
  why_receipt(r, NULL, NULL, text);
  if (s->json)
    say_json("receipt", r->task, text);
  else if (!s->quiet)
    note("%-8s %s", "receipt", text);
  return true;
}

/* Whom or what, in few words: the line on a terminal has to fit. */
static const char *who(const struct task_record *t, char text[WHO_TEXT]) {
  char address[ADDRESS_TEXT_LENGTH + 1];
  address_write(t->solver, address);
  switch ((enum task_state)t->state) {
  case TASK_WAIT:
  case TASK_DRAW:
  case TASK_SEALED: return "the beacon";
  case TASK_OPEN: return "offers of solvers";
  case TASK_WORK:
  case TASK_PUBLISH: snprintf(text, WHO_TEXT, "the solver %.*s..", ADDRESS_SHOWN, address); return text;
  case TASK_TAKE:
  case TASK_SEAL:
  case TASK_DELIVER: return "the verifiers";
  case TASK_STALLED: return "a verifier, there is none";
  case TASK_SHOW: return "solver and verifiers";
  case TASK_CLAIM:
  case TASK_DISCLOSE: return "claims";
  case TASK_JUDGE:
    snprintf(text, WHO_TEXT, "%u dispute%s", t->disputes_open, t->disputes_open == 1 ? "" : "s");
    return text;
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  return "nothing";
}

/* "task 1 of 2, attempt 2 · work: the solver asy1tagtcc.. · at most 12 s · end in 20 s" */
static bool draw(const struct submission *s, const struct chain *c, const struct task_record *t) {
  char line[256], text[WHO_TEXT], time[SHORT_TEXT];
  double tick_s = (double)c->parameters.tick_ms / 1000;
  uint64_t spent = c->now.tick - s->began_tick;
  int n = snprintf(line, sizeof line, "task %u of %u", chain_task_number(t->id) + 1, s->terms.prepared->job.tasks);
  if (t->attempt > 1) n += snprintf(line + n, sizeof line - (size_t)n, ", attempt %u", t->attempt);
  n += snprintf(line + n, sizeof line - (size_t)n, " · %s: %s", chain_task_state(t->state), who(t, text));
  if (t->wait)
    n += snprintf(line + n, sizeof line - (size_t)n, " of height %" PRIu64, t->armed);
  else if (t->armed >= c->now.tick && !chain_task_over(t))
    n += snprintf(line + n, sizeof line - (size_t)n, " · at most %s",
                  text_seconds((double)(t->armed - c->now.tick + 1) * tick_s, time));
  if (spent < s->usual_ticks)
    snprintf(line + n, sizeof line - (size_t)n, " · end in %s",
             text_seconds((double)(s->usual_ticks - spent) * tick_s, time));
  return progress_line(line);
}

/* Elsewhere once for each state: times that run down would be a line every second. */
static void print(struct submission *s, const struct chain *c, const struct task_record *t) {
  char text[CHAIN_WORDS], now[sizeof s->shown];
  snprintf(now, sizeof now, "task %u, attempt %u, %s, round %u", chain_task_number(t->id), t->attempt,
           chain_task_state(t->state), t->round);
  if (strcmp(now, s->shown) == 0) return;
  memcpy(s->shown, now, sizeof now);
  chain_wait(c, NULL, t, text);
  if (s->json)
    say_json("task", t->id, text);
  else
    note("task %u, attempt %u, %s: for %s", chain_task_number(t->id) + 1, t->attempt, chain_task_state(t->state), text);
}

/* What is left is reckoned from where an attempt begins. */
static void show(struct submission *s, const struct task_record *t) {
  const struct chain *c = view_chain(agent_view(s->agent));
  uint32_t attempt = (uint32_t)chain_task_number(t->id) << 8 | t->attempt;
  if (t->attempt > 1 && attempt != s->attempt) s->began_tick = c->now.tick;
  s->attempt = attempt;
  if (s->json || !draw(s, c, t)) print(s, c, t);
}

bool submit_turn(struct agent *a, void *submission, struct why *why) {
  struct submission *s = submission;
  struct task_record task;
  struct submitter_result r;
  bool more = submitter_turn(a, s->submitter, why);
  submitter_result(s->submitter, &r);
  if (!s->began_tick) s->began_tick = view_chain(agent_view(a))->now.tick;
  if (!s->quiet && r.stage == SUBMITTER_WATCH && submitter_task(s->submitter, &task)) show(s, &task);
  if (!s->quiet && !s->json && r.stage < SUBMITTER_WATCH) progress_line("posting tapes, data and the job");
  return more;
}
