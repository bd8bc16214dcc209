#include "net/transfer/wire.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

static size_t take(char *bytes, size_t size, size_t count, void *context) {
  struct wire *w = context;
  size_t length = size * count;
  curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &w->http);
  if (w->take && w->http == w->expect) {
    w->refused = !w->take(w->context, bytes, length);
    return w->refused ? 0 : length;
  }
  size_t room = WIRE_TEXT_MAX - 1 - w->text_length, n = length < room ? length : room;
  memcpy(w->text + w->text_length, bytes, n);
  w->text_length += n;
  w->text[w->text_length] = 0;
  return n == length ? length : 0; /* nobody honest says more */
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
  struct wire *w = context;
  (void)bytes;
  w->header_length += size * count;
  return w->header_length > CALL_HEADER_BYTES_MAX ? 0 : size * count;
}

static size_t give(char *bytes, size_t size, size_t count, void *context) {
  struct wire *w = context;
  return w->give(w->context, bytes, size * count);
}

bool wire_open(struct wire *w, const struct transfer_options *options) {
  call_start();
  *w = (struct wire){.options = options, .easy = curl_easy_init(), .multi = curl_multi_init()};
  if (w->easy && w->multi) return true;
  wire_shut(w);
  return false;
}

void wire_shut(struct wire *w) {
  if (w->easy) curl_easy_cleanup(w->easy);
  if (w->multi) curl_multi_cleanup(w->multi);
  w->easy = NULL;
  w->multi = NULL;
}

bool wire_url(struct wire *w, const char *url, const uint8_t root[32], const char *ending, struct why *why) {
  char hex[65];
  if (!call_url(url)) {
    why_set(why, "%.200s is no address of a storer: it should read http://HOST:PORT", url);
    return false;
  }
  size_t n = strlen(url);
  hex_encode(root, 32, hex);
  snprintf(w->url, sizeof w->url, "%.*s/blobs/%s%s", (int)(n - (url[n - 1] == '/')), url, hex, ending);
  return true;
}

static void prepare(struct wire *w, struct curl_slist *headers) {
  const struct transfer_options *o = w->options;
  curl_easy_reset(w->easy);
  call_modest(w->easy);
  curl_easy_setopt(w->easy, CURLOPT_URL, w->url);
  curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(w->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(o->connect_ms ? o->connect_ms : 3000));
  curl_easy_setopt(w->easy, CURLOPT_LOW_SPEED_LIMIT, 16384L);
  curl_easy_setopt(w->easy, CURLOPT_LOW_SPEED_TIME, (long)(o->slow_s ? o->slow_s : 10));
  curl_easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(w->easy, CURLOPT_WRITEDATA, w);
  curl_easy_setopt(w->easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(w->easy, CURLOPT_HEADERDATA, w);
  if (w->range) curl_easy_setopt(w->easy, CURLOPT_RANGE, w->range);
  if (!w->give) return;
  curl_easy_setopt(w->easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(w->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)w->give_length);
  curl_easy_setopt(w->easy, CURLOPT_READFUNCTION, give);
  curl_easy_setopt(w->easy, CURLOPT_READDATA, w);
}

enum transfer_status wire_run(struct wire *w, struct why *why) {
  bool stopped;
  struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
  if (w->authorization) curl_slist_append(headers, w->authorization);
  w->http = 0;
  w->text_length = w->header_length = 0;
  w->text[0] = 0;
  w->refused = false;
  prepare(w, headers);
  if (w->options->until_ms) {
    uint64_t now = call_clock_ms(), left = w->options->until_ms > now ? w->options->until_ms - now : 1;
    curl_easy_setopt(w->easy, CURLOPT_TIMEOUT_MS, (long)(left < WIRE_LEFT_MS_MAX ? left : WIRE_LEFT_MS_MAX));
  }
  CURLcode code = call_run(w->multi, w->easy, w->options->stop, &stopped);
  curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &w->http);
  curl_slist_free_all(headers);
  if (stopped) {
    why_set(why, "%s: stopped", w->url);
    return TRANSFER_STOPPED;
  }
  if (w->refused) return TRANSFER_WRONG;
  /* A storer that refuses a body answers before it has all of it. */
  if (code == CURLE_OK || (w->http >= 400 && w->text_length)) return TRANSFER_OK;
  why_set(why, "%s: %s", w->url, curl_easy_strerror(code));
  return TRANSFER_LOST;
}

bool wire_late(const struct wire *w) { return w->options->until_ms && call_clock_ms() >= w->options->until_ms; }

void wire_says(const struct wire *w, struct why *why) {
  char words[WIRE_TEXT_MAX];
  size_t n = strcspn(w->text, "\r\n");
  for (size_t i = 0; i < n; i++) words[i] = w->text[i] < ' ' || w->text[i] > '~' ? '?' : w->text[i];
  words[n] = 0;
  why_set(why, "%s: HTTP %ld%s%.200s", w->url, w->http, n ? ": " : "", words);
}
