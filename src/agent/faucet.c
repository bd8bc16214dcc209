#include "agent/faucet.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "crypto/address.h"

enum { REQUEST_BYTES_MAX = 1024, ANSWER_BYTES = 512, FORGET_TURNS = 256 };

/* NEW -> SENT -> ANSWERED by the role's turn; its thread takes it away. */
enum wish_state { WISH_NONE, WISH_NEW, WISH_SENT, WISH_ANSWERED };
struct wish {
  enum wish_state state;
  bool left; /* its thread waited long enough, and is gone */
  uint8_t account[32];
  uint64_t given_s;
  int http;
  char answer[ANSWER_BYTES];
};

struct faucet {
  struct agent *a;
  struct faucet_options options;
  struct listen *listen;
  pthread_mutex_t mutex;
  pthread_cond_t answered;
  struct wish wish[FAUCET_WAITING];
  uint32_t turns;
  bool over;
};

/* What a thread does with one request. */

static const char *phrase(int code) {
  switch (code) {
  case 200: return "OK";
  case 400: return "Bad Request";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 411: return "Length Required";
  case 429: return "Too Many Requests";
  case 503: return "Service Unavailable";
  }
  return "Error";
}

static void reply(struct exchange *e, int code, const char *json) {
  char text[ANSWER_BYTES + 200];
  int n =
      snprintf(text, sizeof text,
               "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
               code, phrase(code), strlen(json), json);
  e->answers(e->context, (uint64_t)n);
  e->write(e->context, text, (size_t)n);
}

static void write_error(char answer[ANSWER_BYTES], const char *words) {
  snprintf(answer, ANSWER_BYTES, "{\"error\":\"%s\"}\n", words); /* our words: no quotes in them */
}

static void refuse(struct exchange *e, int code, const char *words) {
  char answer[ANSWER_BYTES];
  write_error(answer, words);
  reply(e, code, answer);
}

static bool read_account(const char *text, size_t length, uint8_t account[32]) {
  json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
  const json_t *word = json_object_get(root, "account");
  bool good = json_object_size(root) == 1 && json_is_string(word) &&
              address_read(json_string_value(word), json_string_length(word), account, NULL);
  json_decref(root);
  return good;
}

/* The same account again waits for nothing of its own. Under the mutex. */
static struct wish *place_for(struct faucet *f, const uint8_t account[32], const char **no) {
  struct wish *found = NULL;
  for (uint32_t i = 0; i < FAUCET_WAITING; i++) {
    struct wish *w = &f->wish[i];
    if (w->state == WISH_NONE)
      found = w;
    else if (w->state != WISH_ANSWERED && memcmp(w->account, account, 32) == 0)
      *no = "this account is being served already";
  }
  return *no ? NULL : found;
}

static void wait_for(struct faucet *f, struct wish *w) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += FAUCET_BLOCK_S;
  int late = 0;
  while (w->state != WISH_ANSWERED && !f->over && !late) late = pthread_cond_timedwait(&f->answered, &f->mutex, &until);
}

static void serve(struct faucet *f, struct exchange *e, const uint8_t account[32]) {
  const char *no = NULL;
  struct wish answer = {.http = 503};
  write_error(answer.answer, "no block has come in time; look at the balance before you ask again");
  pthread_mutex_lock(&f->mutex);
  struct wish *w = place_for(f, account, &no);
  if (w) {
    *w = (struct wish){.state = WISH_NEW};
    memcpy(w->account, account, 32);
    wait_for(f, w);
    if (w->state == WISH_ANSWERED) answer = *w;
    w->left = w->state == WISH_SENT; /* its place is free when the chain has decided */
    if (!w->left) w->state = WISH_NONE;
  }
  pthread_mutex_unlock(&f->mutex);
  if (w)
    reply(e, answer.http, answer.answer);
  else
    refuse(e, no ? 429 : 503, no ? no : "too many ask at once; try again later");
}

static void hear(void *context, struct exchange *e) {
  char text[REQUEST_BYTES_MAX];
  uint8_t account[32];
  size_t got = 0, n;
  if (strcmp(e->head.path, "/") != 0) {
    refuse(e, 404, "ask with POST /");
    return;
  }
  if (strcmp(e->head.method, "POST") != 0) {
    refuse(e, 405, "ask with POST and the JSON object {account: address}");
    return;
  }
  if (e->head.chunked || !e->head.has_length) {
    refuse(e, 411, "a Content-Length is needed");
    return;
  }
  if (e->head.body_length <= sizeof text)
    while (got < e->head.body_length && (n = e->read(e->context, text + got, e->head.body_length - got)) > 0) got += n;
  if (got == 0 || got != e->head.body_length || !read_account(text, got, account)) {
    refuse(e, 400, "wanted the JSON object {account: address}, the address as assay init prints it");
    return;
  }
  serve(context, e, account);
}

/* What the role's turn does: all of it in the agent's thread. */

static void given_key(const uint8_t account[32], char key[JOURNAL_KEY_MAX]) {
  char hex[65];
  hex_encode(account, 32, hex);
  snprintf(key, JOURNAL_KEY_MAX, "given/%s", hex);
}

/* "given/ACCOUNT" -> second u64 | done u8 (0: promised, 1: in a block). */
struct given {
  uint64_t at_s; /* 0: never, as far as is known */
  bool done;
};
enum { GIVEN_BYTES = 8 + 1 };

static struct given given_at(const struct faucet *f, const uint8_t account[32]) {
  char key[JOURNAL_KEY_MAX];
  const uint8_t *value;
  size_t length;
  given_key(account, key);
  if (!journal_get(agent_journal(f->a), key, &value, &length)) return (struct given){.at_s = 0};
  struct reader r = reader_over(value, length);
  struct given g = {.at_s = take_u64(&r)};
  g.done = take_u8(&r) == 1;
  return g;
}

static bool keep_given(struct faucet *f, const struct wish *w, bool done, struct why *why) {
  uint8_t bytes[GIVEN_BYTES];
  char key[JOURNAL_KEY_MAX];
  struct writer o = writer_over(bytes, sizeof bytes);
  put_u64(&o, w->given_s);
  put_u8(&o, done);
  given_key(w->account, key);
  return journal_put(agent_journal(f->a), key, bytes, sizeof bytes, why) == JOURNAL_OK;
}

static void once_of(const uint8_t account[32], uint64_t given_s, char once[120]) {
  char hex[65];
  hex_encode(account, 32, hex);
  snprintf(once, 120, "faucet/%s/%" PRIu64, hex, given_s);
}

/* Promised in a life before, and signed then: it is on its way, and whoever asks again waits for it. */
static bool take_up(struct faucet *f, struct wish *w, struct given *given) {
  char once[120];
  *given = given_at(f, w->account);
  if (!given->at_s || given->done || given->at_s == w->given_s) return false;
  once_of(w->account, given->at_s, once);
  if (agent_sent(f->a, once).where) {
    w->given_s = given->at_s;
    w->state = WISH_SENT;
    return true;
  }
  given->at_s = 0; /* killed before it was signed: nothing was given, and never will be under that second */
  return false;
}

static void answer(struct wish *w, int http, const char *error) {
  w->http = http;
  if (error) write_error(w->answer, error);
  w->state = w->left ? WISH_NONE : WISH_ANSWERED;
}

/* May it have something? Answers where not; false also where that is not known now. */
static bool may_have(struct faucet *f, struct wish *w, uint64_t given_s, uint64_t now_s) {
  struct view *v = agent_view(f->a);
  struct account theirs = {0}, ours = {0};
  uint64_t amount = f->options.amount;
  enum client_status status = view_account(v, w->account, &theirs, NULL);
  if (status == CLIENT_OK || status == CLIENT_NONE) status = view_account(v, agent_account(f->a), &ours, NULL);
  if (status != CLIENT_OK && status != CLIENT_NONE) return false;
  uint64_t gas = (uint64_t)agent_gas(TRANSACTION_TRANSFER, NULL, 128) * view_chain(v)->now.gas_price;
  if (theirs.balance >= amount)
    answer(w, 403, "this account has as much as is given here");
  else if (given_s && given_s != w->given_s && now_s < given_s + FAUCET_HOUR_S)
    answer(w, 429, "this account was given something less than an hour ago");
  else if (ours.balance < amount || ours.balance - amount < gas) {
    answer(w, 503, "the faucet is empty");
    agent_say(f->a, "short", NULL, "the faucet has %" PRIu64 " grain and gives %" PRIu64 " at once", ours.balance,
              amount);
  } else
    return true;
  return false;
}

static void give(struct faucet *f, struct wish *w, struct why *why) {
  uint8_t body[256], memo[32] = {0};
  char once[120];
  struct agent_sent sent;
  struct given given;
  uint64_t now_s = (uint64_t)time(NULL);
  if (take_up(f, w, &given) || !may_have(f, w, given.at_s, now_s)) return;
  if (!w->given_s) w->given_s = now_s;
  once_of(w->account, w->given_s, once);
  struct body_transfer b = {.to = w->account, .amount = f->options.amount, .memo = memo};
  /* The promise first: who is killed in between finds it without a signature. */
  if (!keep_given(f, w, false, why) ||
      agent_send(f->a, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body), once, &sent, why) !=
          AGENT_OK) {
    agent_say(f->a, "trouble", NULL, "%s", why->text);
    answer(w, 503, "the faucet cannot send now");
    return;
  }
  /* Until the faucet's own key is in a block it has to be asked again. */
  if (agent_sent(f->a, once).where) w->state = WISH_SENT;
}

static void look(struct faucet *f, struct wish *w) {
  char once[120], id[65], address[ADDRESS_TEXT_LENGTH + 1];
  struct why why;
  once_of(w->account, w->given_s, once);
  struct agent_sent sent = agent_sent(f->a, once);
  if (sent.where == SENT_WAITS) return;
  /* In this order: without its words, a promise that is not done is one that was never signed. */
  if (!keep_given(f, w, true, &why)) agent_say(f->a, "trouble", NULL, "%s", why.text);
  agent_forget(f->a, once, NULL);
  if (sent.where != SENT_DONE || sent.code) {
    answer(w, 503, "the chain did not take it");
    return;
  }
  hex_encode(sent.id, 32, id);
  address_write(w->account, address);
  snprintf(w->answer, sizeof w->answer,
           "{\"account\":\"%s\",\"amount\":\"%" PRIu64 "\",\"transaction\":\"%s\",\"height\":\"%" PRIu64 "\"}\n",
           address, f->options.amount, id, sent.height);
  answer(w, 200, NULL);
  agent_say(f->a, "gave", NULL, "%" PRIu64 " grain to %s", f->options.amount, address);
}

/* Words of a life before: nobody waits for what became of them. */
static void forget_sent(struct faucet *f, uint64_t now_s) {
  char key[JOURNAL_KEY_MAX + 1] = "";
  const char *next;
  while ((next = journal_next(agent_journal(f->a), "tx/faucet/", *key ? key : NULL)) != NULL) {
    snprintf(key, sizeof key, "%s", next);
    uint64_t given_s = strtoull(strrchr(key, '/') + 1, NULL, 10);
    if (given_s + FAUCET_HOUR_S < now_s && agent_sent(f->a, key + 3).where != SENT_WAITS)
      agent_forget(f->a, key + 3, NULL);
  }
}

/* The journal lets go of who was given something more than an hour ago. */
static void forget(struct faucet *f, uint64_t now_s) {
  struct journal *j = agent_journal(f->a);
  char key[JOURNAL_KEY_MAX + 1] = "";
  const char *next;
  while ((next = journal_next(j, "given/", *key ? key : NULL)) != NULL) {
    const uint8_t *value;
    size_t length;
    snprintf(key, sizeof key, "%s", next);
    if (!journal_get(j, key, &value, &length)) continue;
    struct reader r = reader_over(value, length);
    if (take_u64(&r) + FAUCET_HOUR_S < now_s) journal_erase(j, key, NULL);
  }
  forget_sent(f, now_s);
}

bool faucet_turn(struct agent *a, void *faucet, struct why *why) {
  struct faucet *f = faucet;
  struct why local = {""};
  (void)a;
  pthread_mutex_lock(&f->mutex);
  for (uint32_t i = 0; i < FAUCET_WAITING; i++) {
    if (f->wish[i].state == WISH_SENT) look(f, &f->wish[i]);
    if (f->wish[i].state == WISH_NEW) give(f, &f->wish[i], why ? why : &local);
  }
  pthread_cond_broadcast(&f->answered);
  pthread_mutex_unlock(&f->mutex);
  if (f->turns++ % FORGET_TURNS == 0) forget(f, (uint64_t)time(NULL));
  return true;
}

enum agent_status faucet_open(struct faucet **out, struct agent *a, const struct faucet_options *options,
                              struct why *why) {
  struct faucet *f = calloc(1, sizeof *f);
  *out = NULL;
  if (!f) return why_set(why, "no memory for a faucet"), AGENT_ERR_SYSTEM;
  f->a = a;
  f->options = *options;
  pthread_mutex_init(&f->mutex, NULL);
  pthread_cond_init(&f->answered, NULL);
  if (listen_open_for(&f->listen, options->address, options->port, hear, f, why)) {
    *out = f;
    return AGENT_OK;
  }
  faucet_shut(f);
  return AGENT_ERR_SYSTEM;
}

void faucet_shut(struct faucet *f) {
  if (!f) return;
  pthread_mutex_lock(&f->mutex);
  f->over = true;
  pthread_cond_broadcast(&f->answered);
  pthread_mutex_unlock(&f->mutex);
  listen_shut(f->listen);
  pthread_cond_destroy(&f->answered);
  pthread_mutex_destroy(&f->mutex);
  free(f);
}

uint16_t faucet_port(const struct faucet *f) { return listen_port(f->listen); }
