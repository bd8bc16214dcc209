#include "cli/chain/words.h"

#include "cli/output.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

bool chain_has_solver(const struct task_record *t) {
  static const uint8_t none[32];
  return memcmp(t->solver, none, sizeof none) != 0;
}

bool chain_dispute(const struct chain *c, const struct seat_record *s, struct docket_record *out) {
  return s->dispute && docket_find(c, s->dispute - 1, out) && out->deadline;
}

const uint8_t *chain_to_move(const struct docket_record *r) {
  return r->turn == DISPUTE_CLAIMANT ? r->claimant : r->challenger;
}

static struct seat_record seat; /* large, both */
static struct docket_record docket;

void chain_parties(const struct chain *c, const struct job_record *j, const struct task_record *t,
                   struct parties *names) {
  if (j) parties_add(names, j->submitter, "submitter");
  for (uint32_t n = 0; n + 1 < t->attempt && n < TASK_ATTEMPTS_MAX; n++) parties_add(names, t->tried[n], "solver");
  parties_add(names, t->solver, "solver");
  for (uint32_t n = 0; n <= t->seats; n++)
    if (audit_seat(c, t, (uint8_t)n, &seat)) parties_add(names, seat.account, seat.own ? "own seat" : "verifier");
}

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

/* A text that grows, and is cut where it is full. */
struct line {
  char *text;
  size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(l->text + l->used, CHAIN_WORDS - l->used, format, args);
  va_end(args);
  if (n > 0) l->used += (size_t)n;
  if (l->used >= CHAIN_WORDS) l->used = CHAIN_WORDS - 1;
}

/* Whose silence would end the state. */
struct awaited {
  uint32_t count;
  uint8_t account[SEATS_MAX + 2][32];
};

static void await(struct awaited *w, const uint8_t account[32]) {
  for (uint32_t i = 0; i < w->count; i++)
    if (memcmp(w->account[i], account, 32) == 0) return;
  if (w->count < SEATS_MAX + 2) memcpy(w->account[w->count++], account, 32);
}

/* Does this seat still owe what the state asks for? */
static bool owes(const struct task_record *t, const struct seat_record *s) {
  switch ((enum task_state)t->state) {
  case TASK_TAKE: return s->state == SEAT_DRAWN;
  case TASK_SEAL: return s->state == SEAT_TAKEN;
  case TASK_SHOW: return s->state == SEAT_SEALED;
  case TASK_DELIVER: return audit_good(s) && !s->vote;
  case TASK_WAIT:
  case TASK_OPEN:
  case TASK_WORK:
  case TASK_DRAW:
  case TASK_PUBLISH:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_JUDGE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  return false;
}

static void awaited_seats(const struct chain *c, const struct task_record *t, struct awaited *out) {
  for (uint32_t n = 0; n <= t->seats; n++) {
    if (!audit_seat(c, t, (uint8_t)n, &seat)) continue;
    if (owes(t, &seat)) await(out, seat.account);
    if (t->state == TASK_JUDGE && chain_dispute(c, &seat, &docket)) await(out, chain_to_move(&docket));
  }
}

static bool awaits_solver(const struct task_record *t) {
  return t->state == TASK_WORK || t->state == TASK_PUBLISH || (t->state == TASK_SHOW && !t->opened);
}

/* "the verifiers asy1.. and asy1.. ", or "the verifiers " where they are not known. */
static void put_verifiers(struct line *l, struct parties *names, const struct awaited *seats, const char *otherwise) {
  char who[PARTY_TEXT];
  if (!seats->count) put(l, "%s", otherwise);
  if (seats->count) put(l, "the verifier%s ", seats->count == 1 ? "" : "s");
  for (uint32_t i = 0; i < seats->count; i++)
    put(l, "%s%s", i == 0 ? "" : i + 1 == seats->count ? " and " : ", ", parties_name(names, seats->account[i], who));
}

static void put_disputes(struct line *l, const struct chain *c, struct parties *names, const struct task_record *t) {
  char who[PARTY_TEXT], until[CHAIN_WORDS];
  uint32_t shown = 0;
  for (uint32_t n = 0; n <= t->seats; n++) {
    if (!audit_seat(c, t, (uint8_t)n, &seat) || !chain_dispute(c, &seat, &docket)) continue;
    chain_until(c, docket.deadline, until);
    put(l, "%sthe %s %s to move in dispute %" PRIu64 " about interval %u, %s", shown++ ? "; for " : "",
        docket.turn == DISPUTE_CLAIMANT ? "solver" : "verifier", parties_name(names, chain_to_move(&docket), who),
        docket.id, docket.interval, until);
  }
  if (!shown) put(l, "%u open dispute%s, each on its own clock", t->disputes_open, t->disputes_open == 1 ? "" : "s");
}

/* Whom or what, without the time of the task's own timer. */
static void put_awaited(struct line *l, const struct chain *c, struct parties *names, const struct task_record *t) {
  char solver[PARTY_TEXT];
  struct awaited seats = {.count = 0};
  awaited_seats(c, t, &seats);
  parties_name(names, t->solver, solver);
  switch ((enum task_state)t->state) {
  case TASK_WAIT: put(l, "%s", t->wait ? "the beacon that says which solvers may offer" : "the task before it"); return;
  case TASK_OPEN:
    put(l, "solvers to offer themselves");
    if (t->offers) put(l, " (%u %s: the best of them is chosen then)", t->offers, t->offers == 1 ? "has" : "have");
    return;
  case TASK_WORK: put(l, "the solver %s to commit its run", solver); return;
  case TASK_DRAW: put(l, "the beacon that draws the verifiers"); return;
  case TASK_TAKE:
    put_verifiers(l, names, &seats, "the verifiers that were drawn");
    put(l, " to take %s", seats.count == 1 ? "its seat" : "their seats");
    return;
  case TASK_PUBLISH: put(l, "the solver %s to publish the starts that were drawn", solver); return;
  case TASK_SEAL:
    put_verifiers(l, names, &seats, "the verifiers");
    put(l, " to seal what %s computed", seats.count == 1 ? "it" : "they");
    return;
  case TASK_STALLED: put(l, "a verifier that can be drawn: there was none"); return;
  case TASK_SEALED: put(l, "the beacon that closes the sealing"); return;
  case TASK_SHOW:
    if (seats.count || t->opened) {
      put_verifiers(l, names, &seats, "the verifiers");
      put(l, " to show what was sealed");
    }
    if (!t->opened) put(l, "%sthe solver %s to open its trace", seats.count ? ", and " : "", solver);
    return;
  case TASK_CLAIM: put(l, "claims"); return;
  case TASK_DISCLOSE: put(l, "claims to be shown"); return;
  case TASK_JUDGE: put_disputes(l, c, names, t); return;
  case TASK_DELIVER:
    put_verifiers(l, names, &seats, "the verifiers");
    put(l, " to say that the final state can be had");
    return;
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  put(l, "nothing");
}

void chain_wait(const struct chain *c, struct parties *names, const struct task_record *t, char text[CHAIN_WORDS]) {
  struct line line = {.text = text};
  char until[CHAIN_WORDS];
  put_awaited(&line, c, names, t);
  if (chain_task_over(t) || !t->armed) return;
  if (t->wait) {
    put(&line, ", of height %" PRIu64, t->armed);
  } else {
    chain_until(c, t->armed, until);
    put(&line, ", %s", until);
  }
}

json_t *chain_wait_json(const struct chain *c, const struct task_record *t) {
  char text[CHAIN_WORDS] = "";
  struct line line = {.text = text};
  struct awaited who = {.count = 0};
  json_t *list = json_array();
  bool armed = !chain_task_over(t) && t->armed;
  put_awaited(&line, c, NULL, t);
  awaited_seats(c, t, &who);
  if (awaits_solver(t)) await(&who, t->solver);
  for (uint32_t i = 0; i < who.count; i++) json_array_append_new(list, reach_address(who.account[i]));
  json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:o}", "for", text, "who", list, "until_tick",
                        armed && !t->wait ? json_integer((json_int_t)t->armed) : json_null(), "until_height",
                        armed && t->wait ? json_integer((json_int_t)t->armed) : json_null(), "seconds",
                        armed && !t->wait ? json_real(seconds_to(c, t->armed)) : json_null());
  assert(o && "memory for an answer");
  return o;
}
