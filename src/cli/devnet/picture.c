#include "cli/devnet/picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BRIEF = 12, TASK_BRIEF = 8 };

static const char *name_of(const struct found *f, const char *address) {
  for (uint32_t i = 0; i < f->plan.processes; i++)
    if (*f->account[i] && strncmp(address, f->account[i], ADDRESS_TEXT_LENGTH) == 0) return f->plan.process[i].name;
  return NULL;
}

void picture_names(const struct found *f, const char *text, bool brief, char out[PICTURE_TEXT]) {
  size_t used = 0;
  const char *name;
  while (*text && used + 1 < PICTURE_TEXT) {
    bool address = strncmp(text, "asy1", 4) == 0 && strlen(text) >= ADDRESS_TEXT_LENGTH;
    if (!address || (!(name = name_of(f, text)) && !brief)) {
      out[used++] = *text++;
      continue;
    }
    int n = name ? snprintf(out + used, PICTURE_TEXT - used, "%s", name)
                 : snprintf(out + used, PICTURE_TEXT - used, "%.*s…", BRIEF, text);
    used += (size_t)n < PICTURE_TEXT - used ? (size_t)n : PICTURE_TEXT - used - 1;
    text += ADDRESS_TEXT_LENGTH;
  }
  out[used] = 0;
  /* "the solver solver-1" says it twice */
  static const char *const twice[] = {"solver solver-", "verifier verifier-"};
  for (int i = 0; i < 2; i++)
    for (char *at = out; (at = strstr(at, twice[i]));) {
      size_t word = strcspn(at, " ") + 1;
      size_t start = at - out >= 4 && strncmp(at - 4, "the ", 4) == 0 ? 4 : 0;
      memmove(at - start, at + word, strlen(at + word) + 1);
    }
}

/* What a solver does for its task. */
static const char *solver_words(uint8_t state) {
  switch ((enum task_state)state) {
  case TASK_WORK: return "trains";
  case TASK_PUBLISH: return "publishes states for the audit of";
  case TASK_SHOW: return "opens what it committed to of";
  case TASK_JUDGE: return "is disputed about";
  case TASK_DELIVER: return "delivers";
  case TASK_WAIT:
  case TASK_OPEN:
  case TASK_DRAW:
  case TASK_TAKE:
  case TASK_SEAL:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  return "is audited for";
}

/* What the chain says that an account has to do with the tasks that run; false: nothing. */
static bool duty(const struct picture *p, const char *account, char text[PICTURE_TEXT]) {
  size_t used = 0;
  if (!p->chain || !*account) return false;
  for (uint32_t i = 0; i < p->chain->tasks; i++) {
    const struct lookout_task *t = &p->chain->task[i];
    const char *words = strcmp(t->solver, account) == 0 ? solver_words(t->number) : NULL, *seat = NULL;
    for (uint32_t n = 0; n < t->seats; n++)
      if (strcmp(t->seat[n].account, account) == 0) seat = t->seat[n].state;
    if ((!words && !seat) || used + 80 > PICTURE_TEXT) continue;
    used += (size_t)snprintf(text + used, PICTURE_TEXT - used, "%s%s %.*s%s%s%s", used ? "; " : "",
                             words ? words : "has a seat of", TASK_BRIEF, t->id, t->id + 64, seat ? ": " : "",
                             seat ? seat : "");
  }
  return used > 0;
}

/* Lines that are news for a person: what was sent shows in the task, and what failed is an answer that another had
 * given already, or is tried again; the log has it. */
static bool is_news(const struct kept *k) {
  static const char *const kinds[] = {"enlisted", "sent", "failed", "found"};
  bool news = *k->said;
  for (int i = 0; i < 4; i++) news = news && strcmp(k->kind, kinds[i]) != 0;
  return news;
}

static void process_line(const struct picture *p, uint32_t i, struct screen *s) {
  const struct plan_process *x = &p->found->plan.process[i];
  const struct kept *k = &p->kept[i];
  char lie[PLAN_LIE + 16] = "", again[64] = "", said[PICTURE_TEXT], does[PICTURE_TEXT];
  char words[2 * PICTURE_TEXT + KEEP_TEXT + 64];
  uint64_t now = keep_now_ms();
  if (*x->lie) snprintf(lie, sizeof lie, "lies (%s)", x->lie);
  if (k->deaths)
    snprintf(again, sizeof again, "%s%u restart%s", *lie ? ", " : "", k->deaths, k->deaths == 1 ? "" : "s");
  picture_names(p->found, k->said, true, said);
  bool busy = duty(p, p->found->account[i], does);
  switch (k->state) {
  case KEEP_STARTING: snprintf(words, sizeof words, "starts"); break;
  case KEEP_UP: snprintf(words, sizeof words, "%s", busy ? does : is_news(k) ? said : "ready"); break;
  case KEEP_ENDED: snprintf(words, sizeof words, k->pid > 0 ? "stops" : "stopped"); break;
  case KEEP_DOWN:
    if (k->again_ms > now)
      snprintf(words, sizeof words, "%s; starts again in %" PRIu64 " s: %s", k->ended, (k->again_ms - now + 999) / 1000,
               said);
    else if (*k->ended && k->after && k->after->state != KEEP_UP)
      snprintf(words, sizeof words, "%s; starts again when the %s is up", k->ended, k->after->name);
    else
      snprintf(words, sizeof words, "%s", *k->ended ? k->ended : "not started");
    break;
  }
  screen_line(s, "  %-12s%s%s%s%s", x->name, lie, again, *lie || *again ? "; " : "", words);
}

static void tasks(const struct picture *p, struct screen *s) {
  const struct lookout_now *c = p->chain;
  char line[PICTURE_TEXT + 128], waits[PICTURE_TEXT];
  screen_line(s, "%s", "");
  if (!c->tasks) {
    snprintf(line, sizeof line, "no task runs; assay submit JOB.yaml --node %s -o OUT sends one", p->node);
    screen_wrap(s, 2, 2, line);
  }
  for (uint32_t i = 0; i < c->tasks && screen_room(s) > 4; i++) {
    const struct lookout_task *t = &c->task[i];
    picture_names(p->found, t->waits, true, waits);
    snprintf(line, sizeof line, "task %.*s%s %s, attempt %u: waits for %s", TASK_BRIEF, t->id, t->id + 64, t->state,
             t->attempt, waits);
    screen_wrap(s, screen_room(s) > 8 ? 3 : 2, 2, line);
  }
  if (c->tasks_more) screen_line(s, "  and %u more", c->tasks_more);
}

static void receipts(const struct picture *p, struct screen *s) {
  const struct lookout_now *c = p->chain;
  char line[PICTURE_TEXT + 128], text[PICTURE_TEXT];
  if (!c->receipts || screen_room(s) < 3) return;
  screen_line(s, "%s", "");
  for (uint32_t i = 0; i < c->receipts && screen_room(s) > 1; i++) {
    const struct lookout_receipt *r = &c->receipt[i];
    picture_names(p->found, r->text, true, text);
    snprintf(line, sizeof line, "%4" PRIu64 "  %.*s%s  %s", r->number, TASK_BRIEF, r->task, r->task + 64, text);
    screen_wrap(s, screen_room(s) > 3 ? 2 : 1, 6, line);
  }
}

void picture_draw(const struct picture *p, struct screen *s) {
  const struct lookout_now *c = p->chain;
  screen_begin(s, s->terminal);
  if (c && c->height)
    screen_line(s, "devnet at height %" PRIu64 ", tick %" PRIu64 "%s; %s", c->height, c->tick,
                c->answered ? "" : " (the node does not answer now)", p->state);
  else
    screen_line(s, "devnet; %s", p->state);
  screen_line(s, "node %s  faucet %s", p->node, p->faucet);
  for (uint32_t i = 0; i < p->found->plan.processes; i++) process_line(p, i, s);
  if (c && c->height) {
    tasks(p, s);
    receipts(p, s);
  }
  screen_draw(s);
}
