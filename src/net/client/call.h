/* call: one JSON-RPC question over HTTP, with every bound that a stranger's answer needs.
 *
 * No redirects, no compression, no proxy, no other protocol than http; bounds in bytes, header bytes, JSON values,
 * depth and time. Uses: libcurl, jansson. */
#ifndef NET_CLIENT_CALL_H
#define NET_CLIENT_CALL_H
#include "net/client/client.h"

#include <curl/curl.h>
#include <jansson.h>

enum {
  CALL_URL_MAX = CLIENT_URL_MAX,
  CALL_HEADER_BYTES_MAX = 32 << 10,
  CALL_VALUES_MAX = 65536, /* JSON values in one answer: memory is at most about 100 bytes for each, and the text */
  CALL_DEPTH_MAX = 32
};

struct call {
  CURL *easy;
  CURLM *multi;
  struct curl_slist *headers;
  const volatile int *stop;
  struct client_patience patience;
  char url[CALL_URL_MAX];
  uint8_t *body; /* of the answer, grows to CLIENT_ANSWER_BYTES_MAX */
  size_t length, room, header_length;
  bool long_answer; /* it was cut off at a bound */
  uint64_t number;  /* of the question */
};

/* What the node said no with: a JSON-RPC error. */
struct call_error {
  int64_t code;
  char text[200];
};

bool call_open(struct call *call, const char *url, const volatile int *stop, struct why *why);
void call_shut(struct call *call);

/* call_ask sends {method, params} and gives the result (the caller drops it with json_decref). params is borrowed.
 * REFUSED fills in error. Tries again on CLIENT_LOST as the client's patience says. */
enum client_status call_ask(struct call *call, const char *method, json_t *params, json_t **result,
                            struct call_error *error, struct why *why);

/* call_post sends a text once and gives the answer's status and bytes (call->body, call->length), whatever it is. */
enum client_status call_post(struct call *call, const char *text, long *http, struct why *why);

/* For whoever uses libcurl himself. call_start makes it ready, call_url says whether a text is "http://host:port",
 * call_modest forbids a handle redirects, proxies, other protocols and signals, call_run lets it run to its end or
 * until the stop flag is set. */
void call_start(void);
bool call_url(const char *url);
void call_modest(CURL *easy);
CURLcode call_run(CURLM *multi, CURL *easy, const volatile int *stop, bool *stopped);

/* call_pause waits, and says false when the stop flag was set. call_clock_ms is a clock that only goes forward. */
bool call_pause(const volatile int *stop, uint32_t ms);
uint64_t call_clock_ms(void);

/* call_scan says whether a text is modest enough to be parsed: values and depth as above. */
bool call_scan(const uint8_t *text, size_t length);

#endif
