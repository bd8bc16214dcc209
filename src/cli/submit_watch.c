/* What is happening, while it happens: one calm line on a terminal, plain lines elsewhere. */
#include "base/hex.h"
#include "cli/chain_words.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/submit.h"
#include "cli/why_words.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_SHOWN = 12, ADDRESS_HEAD = 4 };

static void say_json(const char *kind, const uint8_t *task, const char *text) {
  char hex[2 * TASK_ID_BYTES + 1] = "";
  if (task) hex_encode(task, TASK_ID_BYTES, hex);
  output_json(json_pack("{s:s, s:o, s:s}", "kind", kind, "task", task ? json_string(hex) : json_null(), "text", text));
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

/* Addresses cut to what tells them apart, because the line has to fit. */
static void shorten(char *text) {
  char *at = text;
  while ((at = strstr(at, "asy1"))) {
    size_t length = strspn(at, "0123456789abcdefghijklmnopqrstuvwxyz");
    if (length > ADDRESS_SHOWN + 2) {
      memcpy(at + ADDRESS_SHOWN, "..", 2);
      memmove(at + ADDRESS_SHOWN + 2, at + length, strlen(at + length) + 1);
    }
    at += ADDRESS_HEAD;
  }
}

static void show(struct submission *s, const struct task_record *t) {
  const struct chain *c = view_chain(agent_view(s->agent));
  char text[CHAIN_WORDS], line[CHAIN_WORDS + 200], left[SHORT_TEXT], when[SHORT_TEXT + 40] = "", again[24] = "";
  uint64_t spent = c->now.tick - s->began_tick;
  if (spent < s->usual_ticks)
    snprintf(when, sizeof when, " · about %s to the end",
             text_seconds((double)(s->usual_ticks - spent) * c->parameters.tick_ms / 1000, left));
  chain_wait(c, NULL, t, text);
  if (t->attempt > 1) snprintf(again, sizeof again, ", attempt %u", t->attempt);
  snprintf(line, sizeof line, "task %u of %u%s · %s: for %s%s", chain_task_number(t->id) + 1,
           s->terms.prepared->job.tasks, again, chain_task_state(t->state), text, when);
  shorten(line);
  if (!s->json && progress_line(line)) return;
  /* Elsewhere once for each state: times that run down would be a line every second. */
  char now[sizeof s->shown];
  snprintf(now, sizeof now, "task %u, attempt %u, %s, round %u", chain_task_number(t->id), t->attempt,
           chain_task_state(t->state), t->round);
  if (strcmp(now, s->shown) == 0) return;
  memcpy(s->shown, now, sizeof now);
  if (s->json) {
    say_json("task", t->id, text);
    return;
  }
  snprintf(line, sizeof line, "task %u, attempt %u, %s: for %s", chain_task_number(t->id) + 1, t->attempt,
           chain_task_state(t->state), text);
  note("%s", line);
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
