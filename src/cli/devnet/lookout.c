#include "cli/devnet/lookout.h"

#include "base/hex.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookout {
  char url[64];
  const volatile int *stop;
  struct client *client;
  struct chain_port port;
  struct view *view; /* NULL: the node has not answered yet */
  uint64_t next;     /* receipt */
  uint64_t told;     /* receipts from this number on are new */
  struct lookout_now now;
  lookout_show *show;
  void *context;
};

struct lookout *lookout_open(const char *url, const volatile int *stop) {
  struct lookout *w = calloc(1, sizeof *w);
  assert(w && "memory for a view of the chain");
  snprintf(w->url, sizeof w->url, "%s", url);
  w->stop = stop;
  return w;
}

static void let_go(struct lookout *w) {
  if (w->view) view_shut(w->view);
  if (w->client) client_shut(w->client);
  w->view = NULL;
  w->client = NULL;
}

void lookout_shut(struct lookout *w) {
  if (w) let_go(w);
  free(w);
}

static void task_words(const uint8_t task[TASK_ID_BYTES], char text[LOOKOUT_TASK_TEXT]) {
  hex_encode(task, 32, text);
  snprintf(text + 64, LOOKOUT_TASK_TEXT - 64, "/%u", chain_task_number(task));
}

static bool reach_node(struct lookout *w) {
  struct client_node node;
  struct why why = {""};
  uint8_t genesis[32];
  if (w->view) return true;
  if (client_open(&w->client, w->url, w->stop, &why) != CLIENT_OK) return false;
  client_patience(w->client, (struct client_patience){.tries = 1, .connect_ms = 500, .answer_ms = 2000});
  if (client_node(w->client, &node, &why) == CLIENT_OK && client_genesis(w->client, genesis, &why) == CLIENT_OK) {
    w->port = chain_port_over(w->client, genesis);
    snprintf(w->now.chain_id, sizeof w->now.chain_id, "%s", node.chain_id);
    if (view_open(&w->view, &w->port, &why)) return true;
  }
  let_go(w);
  return false;
}

struct ids {
  uint32_t count, more;
  uint8_t id[LOOKOUT_TASKS][TASK_ID_BYTES];
};

static bool note_id(void *context, const struct task_record *t) {
  struct ids *ids = context;
  if (ids->count < LOOKOUT_TASKS)
    memcpy(ids->id[ids->count++], t->id, TASK_ID_BYTES);
  else
    ids->more++;
  return true;
}

static void note_seats(const struct chain *c, const struct task_record *t, struct lookout_task *x) {
  struct seat_record s;
  x->seats = 0;
  for (uint8_t n = 0; n <= t->seats && x->seats < LOOKOUT_SEATS; n++) {
    if (!audit_seat(c, t, n, &s)) continue;
    address_write(s.account, x->seat[x->seats].account);
    x->seat[x->seats++].state = chain_seat_state(s.state);
  }
}

/* Each task is looked at by itself; one that was over in between is left out. */
static bool look_at_tasks(struct lookout *w) {
  const uint32_t live = ~(UINT32_C(1) << TASK_SETTLED | UINT32_C(1) << TASK_CANCELLED);
  struct ids ids = {0};
  struct why why = {""};
  if (view_tasks(w->view, live, note_id, &ids, &why) != CLIENT_OK) return false;
  w->now.tasks = 0;
  w->now.tasks_more = ids.more;
  for (uint32_t i = 0; i < ids.count; i++) {
    struct task_record t;
    struct lookout_task *x = &w->now.task[w->now.tasks];
    enum client_status status = view_task(w->view, ids.id[i], &t, &why);
    if (status == CLIENT_NONE || (status == CLIENT_OK && chain_task_over(&t))) continue;
    if (status != CLIENT_OK) return false;
    task_words(t.id, x->id);
    x->number = t.state;
    x->state = chain_task_state(t.state);
    x->attempt = t.attempt;
    chain_wait(view_chain(w->view), NULL, &t, x->waits);
    x->solver[0] = 0;
    if (chain_has_solver(&t)) address_write(t.solver, x->solver);
    note_seats(view_chain(w->view), &t, x);
    w->now.tasks++;
  }
  return true;
}

static bool note_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct lookout *w = context;
  memmove(w->now.receipt + 1, w->now.receipt, (LOOKOUT_RECEIPTS - 1) * sizeof *w->now.receipt);
  struct lookout_receipt *x = w->now.receipt;
  x->number = r->number;
  task_words(r->task, x->task);
  why_receipt(r, NULL, NULL, x->text);
  if (w->now.receipts < LOOKOUT_RECEIPTS) w->now.receipts++;
  if (r->number >= w->told) w->show(w->context, r, payments, length, x);
  return true;
}

static bool look(struct lookout *w) {
  bool first = !w->view && !w->now.height;
  struct why why = {""};
  if (!reach_node(w) || view_now(w->view, &why) != CLIENT_OK) return false;
  const struct chain_record *now = &view_chain(w->view)->now;
  w->now.height = now->height;
  w->now.tick = now->tick;
  if (first) {
    w->told = now->next_receipt;
    w->next = w->told > LOOKOUT_RECEIPTS ? w->told - LOOKOUT_RECEIPTS : 0;
  }
  return look_at_tasks(w) && view_receipts(w->view, NULL, &w->next, note_receipt, w, &why) == CLIENT_OK;
}

const struct lookout_now *lookout_look(struct lookout *w, lookout_show *show, void *context) {
  w->show = show;
  w->context = context;
  w->now.answered = look(w);
  return &w->now;
}
