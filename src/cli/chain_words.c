#include "cli/chain_words.h"

#include "base/hex.h"
#include "cli/output.h"
#include "crypto/address.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_DIGITS = 64, TASK_DIGITS = 2 * TASK_ID_BYTES };

void chain_task_text(const uint8_t task[TASK_ID_BYTES], char text[CHAIN_ID_TEXT]) {
  hex_encode(task, TASK_ID_BYTES, text);
}

uint16_t chain_task_number(const uint8_t task[TASK_ID_BYTES]) { return (uint16_t)(task[32] | task[33] << 8); }

bool chain_task_read(const char *text, uint8_t task[TASK_ID_BYTES], bool *whole) {
  char job[JOB_DIGITS + 1] = {0};
  uint8_t id[TASK_ID_BYTES] = {0};
  size_t length = strlen(text);
  if (length == TASK_DIGITS && hex_decode(text, id, sizeof id)) {
    memcpy(task, id, sizeof id);
    *whole = false;
    return true;
  }
  if (length >= JOB_DIGITS) memcpy(job, text, JOB_DIGITS);
  const char *rest = length > JOB_DIGITS ? text + JOB_DIGITS : "";
  size_t digits = *rest ? strspn(rest + 1, "0123456789") : 0;
  bool numbered = *rest == '/' && digits >= 1 && digits <= 5 && !rest[1 + digits];
  unsigned long number = numbered ? strtoul(rest + 1, NULL, 10) : 0;
  if (!hex_decode(job, id, 32) || (*rest && !numbered) || number > UINT16_MAX) {
    complain("'%.100s' is no job or task: a job has 64 hexadecimal digits, a task 68, or JOB/N; assay jobs lists them",
             text);
    return false;
  }
  id[32] = (uint8_t)number;
  id[33] = (uint8_t)(number >> 8);
  memcpy(task, id, sizeof id);
  *whole = !numbered;
  return true;
}

const char *chain_task_state(uint8_t state) {
  static const char *const words[] = {
      [TASK_WAIT] = "wait",     [TASK_OPEN] = "open",       [TASK_WORK] = "work",       [TASK_DRAW] = "draw",
      [TASK_TAKE] = "take",     [TASK_PUBLISH] = "publish", [TASK_SEAL] = "seal",       [TASK_STALLED] = "stalled",
      [TASK_SEALED] = "sealed", [TASK_SHOW] = "show",       [TASK_CLAIM] = "claim",     [TASK_DISCLOSE] = "disclose",
      [TASK_JUDGE] = "judge",   [TASK_DELIVER] = "deliver", [TASK_SETTLED] = "settled", [TASK_CANCELLED] = "cancelled"};
  return state < sizeof words / sizeof *words && words[state] ? words[state] : "?";
}

const char *chain_seat_state(uint8_t state) {
  static const char *const words[] = {[SEAT_DRAWN] = "drawn",
                                      [SEAT_TAKEN] = "taken",
                                      [SEAT_SEALED] = "sealed",
                                      [SEAT_SHOWN] = "shown",
                                      [SEAT_VOID] = "void"};
  return state < sizeof words / sizeof *words && words[state] ? words[state] : "?";
}

const char *chain_job_state(uint8_t state) {
  static const char *const words[] = {[JOB_LIVE] = "live", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};
  return state < sizeof words / sizeof *words && words[state] ? words[state] : "?";
}

bool chain_task_over(const struct task_record *t) { return t->state == TASK_SETTLED || t->state == TASK_CANCELLED; }

/* A tick is no shorter than tick_ms; blocks that are slow make it longer. */
static double seconds_to(const struct chain *c, uint64_t tick) {
  uint64_t ticks = tick >= c->now.tick ? tick - c->now.tick + 1 : 0;
  return (double)ticks * c->parameters.tick_ms / 1000;
}

void chain_until(const struct chain *c, uint64_t tick, char text[CHAIN_WORDS]) {
  char time[SHORT_TEXT];
  if (tick < c->now.tick)
    snprintf(text, CHAIN_WORDS, "until tick %" PRIu64 ", which is past: the next block decides", tick);
  else
    snprintf(text, CHAIN_WORDS, "until tick %" PRIu64 ", about %s from now", tick,
             text_seconds(seconds_to(c, tick), time));
}

/* Whom or what, without the time. */
static void awaited(const struct task_record *t, char text[CHAIN_WORDS]) {
  char solver[ADDRESS_TEXT_LENGTH + 1];
  address_write(t->solver, solver);
  const char *words = "nothing";
  switch ((enum task_state)t->state) {
  case TASK_WAIT: words = t->wait ? "the beacon that says which solvers may offer" : "the task before it"; break;
  case TASK_OPEN: words = "solvers to offer themselves"; break;
  case TASK_WORK: snprintf(text, CHAIN_WORDS, "the solver %s to commit its run", solver); return;
  case TASK_DRAW: words = "the beacon that draws the verifiers"; break;
  case TASK_TAKE: words = "the verifiers that were drawn to take their seats"; break;
  case TASK_PUBLISH: snprintf(text, CHAIN_WORDS, "the solver %s to publish the starts that were drawn", solver); return;
  case TASK_SEAL: words = "the verifiers to seal what they computed"; break;
  case TASK_STALLED: words = "a verifier that can be drawn: there was none"; break;
  case TASK_SEALED: words = "the beacon that closes the sealing"; break;
  case TASK_SHOW: snprintf(text, CHAIN_WORDS, "the verifiers to show, and the solver %s to open", solver); return;
  case TASK_CLAIM: words = "claims"; break;
  case TASK_DISCLOSE: words = "claims to be shown"; break;
  case TASK_JUDGE:
    snprintf(text, CHAIN_WORDS, "%u open dispute%s, each on its own clock", t->disputes_open,
             t->disputes_open == 1 ? "" : "s");
    return;
  case TASK_DELIVER: words = "the verifiers to say that the final state can be had"; break;
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  snprintf(text, CHAIN_WORDS, "%s", words);
}

void chain_wait(const struct chain *c, const struct task_record *t, char text[CHAIN_WORDS]) {
  char until[CHAIN_WORDS] = "";
  awaited(t, text);
  size_t used = strlen(text);
  if (chain_task_over(t) || !t->armed) return;
  if (t->wait)
    snprintf(until, sizeof until, "of height %" PRIu64, t->armed);
  else
    chain_until(c, t->armed, until);
  snprintf(text + used, CHAIN_WORDS - used, ", %.200s", until);
}

json_t *chain_wait_json(const struct chain *c, const struct task_record *t) {
  char text[CHAIN_WORDS];
  bool armed = !chain_task_over(t) && t->armed;
  awaited(t, text);
  json_t *o = json_pack("{s:s, s:o, s:o, s:o}", "for", text, "until_tick",
                        armed && !t->wait ? json_integer((json_int_t)t->armed) : json_null(), "until_height",
                        armed && t->wait ? json_integer((json_int_t)t->armed) : json_null(), "seconds",
                        armed && !t->wait ? json_real(seconds_to(c, t->armed)) : json_null());
  assert(o && "memory for an answer");
  return o;
}
