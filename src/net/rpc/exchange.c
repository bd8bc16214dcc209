/* Requests of one question or ten, each answered in its own time; the answer goes out when the last is there. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/rpc/inside.h"

static struct exchange *begin(struct connection *c, uint32_t count, bool batch) {
  struct exchange *e = calloc(1, sizeof *e + count * sizeof e->asked[0]);
  assert(e);
  e->rpc = c->rpc;
  e->connection = c;
  e->count = e->open = count;
  e->batch = batch;
  e->until_ms = server_clock_ms() + BROADCAST_COMMIT_MS;
  e->after = c->rpc->exchanges;
  if (e->after) e->after->before = e;
  c->rpc->exchanges = e;
  c->exchange = e;
  return e;
}

void exchange_free(struct exchange *e) {
  *(e->before ? &e->before->after : &e->rpc->exchanges) = e->after;
  if (e->after) e->after->before = e->before;
  for (uint32_t i = 0; i < e->count; i++) {
    json_decref(e->answer[i]);
    asked_shut(&e->asked[i]);
  }
  free(e);
}

/* GET tells an error by its status too, as CometBFT does; POST only one that is no question at all. */
static int status_of(const struct exchange *e, const json_t *answer) {
  json_t *error = json_object_get(answer, "error");
  if (!error) return 200;
  return e->uri || json_integer_value(json_object_get(error, "code")) == QUESTION_PARSE ? 500 : 200;
}

static void send_all(struct exchange *e) {
  struct connection *c = e->connection;
  json_t *whole = e->batch ? form_must(json_array()) : NULL;
  bool batch = e->batch;
  int status = 200;
  for (uint32_t i = 0; i < e->count; i++) {
    if (!e->answer[i]) continue; /* nobody waits for it */
    status = status_of(e, e->answer[i]);
    if (!e->batch) whole = json_incref(e->answer[i]);
    if (e->batch) json_array_append(whole, e->answer[i]);
  }
  bool any = whole && (!e->batch || json_array_size(whole));
  char *text = any ? json_dumps(whole, JSON_COMPACT) : NULL;
  assert(!any || text);
  json_decref(whole);
  if (text && e->batch && strlen(text) > RPC_ANSWER_BYTES_MAX) {
    free(text);
    json_t *error = question_error(NULL, QUESTION_REQUEST, "the answers to this batch are too long together");
    text = json_dumps(error, JSON_COMPACT);
    json_decref(error);
  }
  c->exchange = NULL;
  exchange_free(e);
  server_answer(c, batch ? 200 : status, "application/json", text);
}

static void settle(struct exchange *e) {
  if (!e->started || e->open) return;
  if (e->connection)
    send_all(e);
  else
    exchange_free(e);
}

static void park(struct rpc *r, struct asked *a) {
  a->next = r->parked;
  r->parked = a;
}

/* Runs in the engine's thread. */
static void engine_answers(struct loop_request *request) {
  struct asked *a = request->context;
  struct exchange *e = a->owner;
  struct rpc *r = e->rpc;
  pthread_mutex_lock(&r->lock);
  bool first = !r->done;
  a->next = NULL;
  *r->done_last = a;
  r->done_last = &a->next;
  pthread_mutex_unlock(&r->lock);
  if (first) server_wake(r);
}

/* What came of one question; the exchange may be gone afterwards. */
static void take(struct asked *a, enum question_code code) {
  struct exchange *e = a->owner;
  struct question *q = &a->question;
  if (code == QUESTION_LATER && a->waits) {
    park(e->rpc, a);
    return;
  }
  if (code == QUESTION_LATER) {
    a->request.done = engine_answers;
    a->request.context = a;
    if (loop_ask(e->rpc->loop, &a->request)) return;
    code = give_fail(a, QUESTION_INTERNAL, "too many requests wait: try again");
  }
  if (q->id) {
    json_t *id = json_incref(q->id);
    e->answer[a - e->asked] = code == QUESTION_OK ? question_result(id, a->result) : question_error(id, code, q->data);
    if (code == QUESTION_OK) a->result = NULL;
  } else if (!q->method && code != QUESTION_OK) { /* no question: the sender is told without a name */
    e->answer[a - e->asked] = question_error(NULL, code, q->data);
  }
  e->open--;
  settle(e);
}

static void run(struct connection *c, struct asked *a, enum question_code code) {
  if (code == QUESTION_OK) {
    a->method = method_find(a->question.method);
    if (a->method)
      code = a->method->run(&c->rpc->node, a);
    else if (c->websocket)
      code = watch_ask(c, &a->question, &a->result);
    else
      code = QUESTION_METHOD;
  }
  take(a, code);
}

static void refuse(struct connection *c, int status, enum question_code code, const char *words) {
  json_t *error = question_error(NULL, code, words);
  char *text = json_dumps(error, JSON_COMPACT);
  assert(text);
  json_decref(error);
  server_answer(c, status, "application/json", text);
}

void exchange_text(struct connection *c, const uint8_t *bytes, size_t length) {
  json_error_t fault;
  char words[256];
  json_t *json = json_loadb((const char *)bytes, length, 0, &fault);
  if (!json) {
    snprintf(words, sizeof words, "error unmarshaling request: %.160s", fault.text);
    return refuse(c, 500, QUESTION_PARSE, words);
  }
  bool batch = json_is_array(json);
  size_t count = batch ? json_array_size(json) : 1;
  if (count > QUESTIONS_MAX || !count) {
    json_decref(json);
    return refuse(c, 200, QUESTION_REQUEST,
                  count ? "batch request exceeds maximum (10) allowed number of requests" : "empty batch");
  }
  struct exchange *e = begin(c, (uint32_t)count, batch);
  for (uint32_t i = 0; i < e->count; i++) {
    struct asked *a = &e->asked[i];
    a->owner = e;
    run(c, a, question_of_json(batch ? json_array_get(json, i) : json, method_names, &a->question));
  }
  json_decref(json);
  e->started = true;
  settle(e);
}

void exchange_uri(struct connection *c, const char *method, json_t *args) {
  struct exchange *e = begin(c, 1, false);
  struct asked *a = &e->asked[0];
  a->owner = e;
  e->uri = true;
  a->question = (struct question){.id = form_must(json_integer(-1)), .args = args, .from_uri = true};
  a->question.text = strdup(method);
  assert(a->question.text);
  a->question.method = a->question.text;
  run(c, a, QUESTION_OK);
  e->started = true;
  settle(e);
}

void exchange_done(struct rpc *r) {
  pthread_mutex_lock(&r->lock);
  struct asked *a = r->done;
  r->done = NULL;
  r->done_last = &r->done;
  pthread_mutex_unlock(&r->lock);
  while (a) {
    struct asked *next = a->next;
    take(a, a->method->finish(&r->node, a));
    a = next;
  }
}

void exchange_blocks(struct rpc *r) {
  uint64_t now_ms = r->parked ? server_clock_ms() : 0;
  struct asked *a = r->parked;
  r->parked = NULL; /* those that wait on come back */
  while (a) {
    struct asked *next = a->next;
    const struct exchange *e = a->owner;
    enum question_code code = e->connection ? method_in_block(&r->node, a) : QUESTION_INTERNAL;
    if (code == QUESTION_LATER && now_ms >= e->until_ms)
      code = give_fail(a, QUESTION_INTERNAL, "timed out waiting for tx to be included in a block");
    take(a, code);
    a = next;
  }
}

void exchange_lost(struct exchange *e) { e->connection = NULL; }
