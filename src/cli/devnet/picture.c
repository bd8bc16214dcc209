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

static void process_line(const struct picture *p, uint32_t i, struct screen *s) {
  const struct plan_process *x = &p->found->plan.process[i];
  const struct kept *k = &p->kept[i];
  char lie[PLAN_LIE + 16] = "", again[64] = "", said[PICTURE_TEXT], words[PICTURE_TEXT + KEEP_TEXT + 64];
  uint64_t now = keep_now_ms();
  if (*x->lie) snprintf(lie, sizeof lie, "lies (%s)", x->lie);
  if (k->deaths)
    snprintf(again, sizeof again, "%s%u restart%s", *lie ? ", " : "", k->deaths, k->deaths == 1 ? "" : "s");
  picture_names(p->found, k->said, true, said);
  switch (k->state) {
  case KEEP_STARTING: snprintf(words, sizeof words, "starts"); break;
  case KEEP_UP: snprintf(words, sizeof words, "%s", *said && strcmp(k->kind, "enlisted") ? said : "ready"); break;
  case KEEP_ENDED: snprintf(words, sizeof words, k->pid > 0 ? "stops" : "stopped"); break;
  case KEEP_DOWN:
    if (k->again_ms > now)
      snprintf(words, sizeof words, "%s; starts again in %" PRIu64 " s: %s", k->ended, (k->again_ms - now + 999) / 1000,
               said);
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
    screen_wrap(s, 2, 2, line);
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
    screen_line(s, "devnet %s: height %" PRIu64 ", tick %" PRIu64 "%s", p->state, c->height, c->tick,
                c->answered ? "" : " (the node does not answer now)");
  else
    screen_line(s, "devnet %s", p->state);
  screen_line(s, "node %s  faucet %s", p->node, p->faucet);
  for (uint32_t i = 0; i < p->found->plan.processes; i++) process_line(p, i, s);
  if (c && c->height) {
    tasks(p, s);
    receipts(p, s);
  }
  screen_draw(s);
}
