#include "net/client/call.h"

#include "net/client/answer.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t call_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool call_pause(const volatile int *stop, uint32_t ms) {
  uint64_t until = call_clock_ms() + ms;
  for (;;) {
    if (stop && *stop) return false;
    uint64_t now = call_clock_ms();
    if (now >= until) return true;
    uint64_t part = until - now < 50 ? until - now : 50;
    nanosleep(&(struct timespec){.tv_nsec = (long)part * 1000000}, NULL);
  }
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
  struct call *call = context;
  size_t more = size * count;
  if (more > CLIENT_ANSWER_BYTES_MAX - call->length) {
    call->long_answer = true;
    return 0;
  }
  if (call->length + more > call->room) {
    size_t room = call->room ? call->room : 16384;
    while (room < call->length + more) room *= 2;
    uint8_t *body = realloc(call->body, room);
    assert(body && "memory for an answer");
    call->body = body;
    call->room = room;
  }
  memcpy(call->body + call->length, bytes, more);
  call->length += more;
  return more;
}

/* libcurl keeps headers for whoever may ask, however many there are. */
static size_t count_header(char *bytes, size_t size, size_t count, void *context) {
  struct call *call = context;
  (void)bytes;
  call->header_length += size * count;
  if (call->header_length > CALL_HEADER_BYTES_MAX) {
    call->long_answer = true;
    return 0;
  }
  return size * count;
}

bool call_url(const char *url) {
  if (strncmp(url, "http://", 7) != 0 || strlen(url) >= CALL_URL_MAX) return false;
  size_t host = strcspn(url + 7, "/?#@ ");
  const char *rest = url + 7 + host;
  if (host == 0 || (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)) return false;
  for (const char *c = url; *c; c++)
    if (*c <= ' ' || *c > '~') return false;
  CURLU *parts = curl_url();
  bool good = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;
  curl_url_cleanup(parts);
  return good;
}

void call_modest(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP);
#endif
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void set_bounds(struct call *call) {
  CURL *easy = call->easy;
  call_modest(easy);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->patience.connect_ms);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->patience.answer_ms);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

static void start_curl(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

void call_start(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, start_curl);
}

bool call_open(struct call *call, const char *url, const volatile int *stop, struct why *why) {
  if (!call_url(url)) {
    why_set(why, "%.200s is no address of a node: it should read http://HOST:PORT", url);
    return false;
  }
  *call = (struct call){.stop = stop, .patience = {.tries = 3, .connect_ms = 3000, .answer_ms = 20000}};
  memcpy(call->url, url, strlen(url) + 1);
  call_start();
  call->easy = curl_easy_init();
  call->multi = curl_multi_init();
  call->headers = curl_slist_append(NULL, "Content-Type: application/json");
  if (call->headers) curl_slist_append(call->headers, "Expect:");
  if (!call->easy || !call->multi || !call->headers) {
    why_set(why, "libcurl does not start");
    call_shut(call);
    return false;
  }
  curl_easy_setopt(call->easy, CURLOPT_URL, call->url);
  curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
  return true;
}

void call_shut(struct call *call) {
  if (call->easy) curl_easy_cleanup(call->easy);
  if (call->multi) curl_multi_cleanup(call->multi);
  curl_slist_free_all(call->headers);
  free(call->body);
  *call = (struct call){0};
}

/* The multi interface, because only between its steps can a stop flag be looked at in time. */
CURLcode call_run(CURLM *multi, CURL *easy, const volatile int *stop, bool *stopped) {
  int running = 1, left;
  CURLcode code = CURLE_FAILED_INIT;
  *stopped = false;
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return code;
  while (running && !(*stopped = stop && *stop)) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) break;
    if (running && curl_multi_poll(multi, NULL, 0, 50, NULL) != CURLM_OK) break;
  }
  for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
    if (m->msg == CURLMSG_DONE) code = m->data.result;
  curl_multi_remove_handle(multi, easy);
  return code;
}

static enum client_status transfer(struct call *call, const char *text, struct why *why) {
  bool stopped;
  call->length = call->header_length = 0;
  call->long_answer = false;
  set_bounds(call);
  curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
  curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, text);
  CURLcode code = call_run(call->multi, call->easy, call->stop, &stopped);
  if (stopped) {
    why_set(why, "%s: stopped while waiting for an answer", call->url);
    return CLIENT_STOPPED;
  }
  if (call->long_answer) {
    why_set(why, "%s: an answer of more than %d bytes", call->url, CLIENT_ANSWER_BYTES_MAX);
    return CLIENT_STRANGE;
  }
  if (code == CURLE_OK) return CLIENT_OK;
  why_set(why, "%s: %s", call->url, curl_easy_strerror(code));
  bool foreign = code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY;
  return foreign ? CLIENT_STRANGE : CLIENT_LOST;
}

enum client_status call_post(struct call *call, const char *text, long *http, struct why *why) {
  enum client_status status = transfer(call, text, why);
  *http = 0;
  if (status == CLIENT_OK) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, http);
  return status;
}

/* Counts what the parser would make values of, without making them: a value is opened by a bracket or stands behind a
 * comma or a colon. */
bool call_scan(const uint8_t *text, size_t length) {
  uint32_t values = 0, depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < length; i++) {
    uint8_t c = text[i];
    if (quoted) {
      if (c == '\\')
        i++;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      values++;
      if (++depth > CALL_DEPTH_MAX) return false;
    } else if (c == '}' || c == ']') {
      if (depth-- == 0) return false;
    } else if (c == ',' || c == ':') {
      values++;
    }
    if (values > CALL_VALUES_MAX) return false;
  }
  return true;
}

static enum client_status strange(const struct call *call, const char *what, struct why *why) {
  why_set(why, "%s: %s; is it a node of an assay chain?", call->url, what);
  return CLIENT_STRANGE;
}

static enum client_status read_error(const struct call *call, const json_t *error, struct call_error *out,
                                     struct why *why) {
  struct call_error found;
  const json_t *code = json_object_get(error, "code"), *data = json_object_get(error, "data");
  const json_t *message = json_object_get(error, "message");
  if (!json_is_integer(code) || !json_is_string(message))
    return strange(call, "an error without code and message", why);
  answer_words(json_is_string(data) && json_string_length(data) ? data : message, found.text, sizeof found.text);
  found.code = json_integer_value(code);
  *out = found;
  why_set(why, "%s: %s (%" PRId64 ")", call->url, found.text, found.code);
  return CLIENT_REFUSED;
}

static enum client_status read_answer(const struct call *call, json_t **result, struct call_error *error,
                                      struct why *why) {
  long http = 0;
  curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &http);
  bool busy = http == 408 || http == 429 || http == 502 || http == 503 || http == 504;
  if (!call_scan(call->body, call->length)) return strange(call, "an answer of too many values", why);
  json_error_t fault;
  json_t *root = json_loadb((const char *)call->body, call->length, JSON_REJECT_DUPLICATES, &fault);
  if (!root) {
    bool cut = http == 200 && (!call->length || json_error_code(&fault) == json_error_premature_end_of_input);
    if (!busy && !cut) return strange(call, "an answer that is not JSON", why);
    why_set(why, "%s: %s (HTTP %ld)", call->url, busy ? "busy" : "the answer is cut", http);
    return CLIENT_LOST;
  }
  const json_t *id = json_object_get(root, "id"), *no = json_object_get(root, "error");
  const char *version = json_string_value(json_object_get(root, "jsonrpc"));
  json_t *yes = json_object_get(root, "result");
  bool ours = version && strcmp(version, "2.0") == 0;
  enum client_status status;
  /* A node that could not read the question does not know its number either. */
  bool answers = ours && json_is_integer(id) && json_integer_value(id) == (json_int_t)call->number;
  bool unread = ours && (!id || json_is_null(id) || (json_is_integer(id) && json_integer_value(id) == -1));
  if (no && !yes && (answers || unread))
    status = read_error(call, no, error, why);
  else if (answers && yes && !no && http == 200)
    status = CLIENT_OK;
  else if (busy)
    status = CLIENT_LOST;
  else
    status = strange(call, "an answer to another question", why);
  if (status == CLIENT_OK) *result = json_incref(yes);
  if (status == CLIENT_LOST) why_set(why, "%s: busy (HTTP %ld)", call->url, http);
  json_decref(root);
  return status;
}

/* The node has no room or no time now: CometBFT says so in words only. */
static bool passing(const struct call_error *error) {
  static const char *const words[] = {"mempool is full", "timed out", "too many requests", "try again"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strstr(error->text, words[i])) return true;
  return false;
}

enum client_status call_ask(struct call *call, const char *method, json_t *params, json_t **result,
                            struct call_error *error, struct why *why) {
  uint32_t wait_ms = 100;
  *error = (struct call_error){0};
  for (uint32_t tried = 1;; tried++) {
    json_t *question = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id", (json_int_t)++call->number, "method",
                                 method, "params", params);
    char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
    json_decref(question);
    assert(text && "memory for a question");
    enum client_status status = transfer(call, text, why);
    free(text);
    if (status == CLIENT_OK) status = read_answer(call, result, error, why);
    if (status == CLIENT_REFUSED && passing(error)) status = CLIENT_LOST;
    if (status != CLIENT_LOST || tried >= call->patience.tries) return status;
    if (!call_pause(call->stop, wait_ms)) {
      why_set(why, "%s: stopped while waiting for an answer", call->url);
      return CLIENT_STOPPED;
    }
    wait_ms = wait_ms < 1000 ? wait_ms * 2 : 2000;
  }
}
