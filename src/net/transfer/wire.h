/* wire: one HTTP request for a blob, streamed through a function, for fetch.c and give.c. Uses: client/call. */
#ifndef NET_TRANSFER_WIRE_H
#define NET_TRANSFER_WIRE_H
#include "net/client/call.h"
#include "net/transfer/transfer.h"

enum { WIRE_TEXT_MAX = 512, WIRE_LEFT_MS_MAX = 1 << 30 };

struct wire {
  CURL *easy;
  CURLM *multi;
  const struct transfer_options *options;
  char url[CALL_URL_MAX + 160];
  /* What the answer of status `expect` is given to; false ends the connection. Answers of other statuses go to text. */
  long expect;
  bool (*take)(void *context, const void *bytes, size_t length);
  /* What a PUT sends; NULL for GET. Gives up to length bytes; 0 is the end or a failure. */
  size_t (*give)(void *context, void *bytes, size_t length);
  uint64_t give_length;
  void *context;
  const char *range, *authorization; /* NULL: none */
  /* after wire_run: */
  long http; /* 0: no answer */
  char text[WIRE_TEXT_MAX];
  size_t text_length, header_length;
  bool refused; /* take said false */
};

bool wire_open(struct wire *w, const struct transfer_options *options);
void wire_shut(struct wire *w);

/* wire_run asks w->url. OK: an answer was read to its end, see http. LOST, STOPPED; WRONG: take said false. */
enum transfer_status wire_run(struct wire *w, struct why *why);

/* wire_late: is it past the options' until_ms? */
bool wire_late(const struct wire *w);

/* wire_says gives the server's line for a person, cleaned. */
void wire_says(const struct wire *w, struct why *why);

/* wire_url writes URL/blobs/ROOT and an ending; false if the address is none. */
bool wire_url(struct wire *w, const char *url, const uint8_t root[32], const char *ending, struct why *why);

#endif
