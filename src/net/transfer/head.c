#include "net/transfer/head.h"

#include "base/hex.h"

#include <string.h>
#include <strings.h>

bool head_number(const char **text, uint64_t *out) {
  const char *at = *text;
  uint64_t x = 0;
  size_t n = 0;
  for (; at[n] >= '0' && at[n] <= '9'; n++) {
    if (n == 18 || (n == 1 && at[0] == '0')) return false;
    x = x * 10 + (uint64_t)(at[n] - '0');
  }
  if (n == 0) return false;
  *text = at + n;
  *out = x;
  return true;
}

static bool copy(const char *from, size_t length, char *to, size_t to_max) {
  if (length >= to_max) return false;
  memcpy(to, from, length);
  to[length] = 0;
  return true;
}

/* One field, without its line end. */
static bool read_field(const char *line, size_t length, struct head *h) {
  const char *colon = memchr(line, ':', length);
  size_t name = colon ? (size_t)(colon - line) : 0;
  if (name == 0 || memchr(line, ' ', name) || memchr(line, '\t', name)) return false;
  const char *value = colon + 1, *end = line + length;
  while (value < end && (*value == ' ' || *value == '\t')) value++;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
  size_t n = (size_t)(end - value);
  if (name == 14 && strncasecmp(line, "content-length", 14) == 0) {
    char digits[24];
    const char *at = digits;
    if (h->has_length || !copy(value, n, digits, sizeof digits) || !head_number(&at, &h->body_length) || *at)
      return false;
    h->has_length = true;
  } else if (name == 17 && strncasecmp(line, "transfer-encoding", 17) == 0) {
    h->chunked = true;
  } else if (name == 13 && strncasecmp(line, "authorization", 13) == 0) {
    return !*h->authorization && copy(value, n, h->authorization, sizeof h->authorization);
  } else if (name == 5 && strncasecmp(line, "range", 5) == 0) {
    return !*h->range && copy(value, n, h->range, sizeof h->range);
  }
  return true;
}

static bool read_line(const char *line, size_t length, struct head *h) {
  const char *space = memchr(line, ' ', length);
  if (!space || !copy(line, (size_t)(space - line), h->method, sizeof h->method)) return false;
  const char *path = space + 1, *end = line + length;
  const char *second = memchr(path, ' ', (size_t)(end - path));
  if (!second || end - second != 9 || memcmp(second, " HTTP/1.", 8) != 0) return false;
  return (second[8] == '0' || second[8] == '1') && copy(path, (size_t)(second - path), h->path, sizeof h->path);
}

bool head_read(const char *text, size_t length, struct head *out) {
  struct head h = {0};
  if (length < 4 || length > HEAD_BYTES_MAX || memcmp(text + length - 4, "\r\n\r\n", 4) != 0) return false;
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    bool line_end = (c == '\r' && i + 1 < length && text[i + 1] == '\n') || (c == '\n' && i && text[i - 1] == '\r');
    if (c > '~' || (c < ' ' && c != '\t' && !line_end)) return false;
  }
  bool first = true;
  for (size_t at = 0; at < length - 2; first = false) {
    const char *line = text + at, *end = memchr(line, '\r', length - at);
    size_t n = (size_t)(end - line);
    if (n == 0 || (first ? !read_line(line, n, &h) : !read_field(line, n, &h))) return false;
    at += n + 2;
  }
  *out = h;
  return true;
}

static bool take_hex(const char **text, uint8_t *bytes, size_t length) {
  char hex[129];
  if (strlen(*text) < 2 * length) return false;
  memcpy(hex, *text, 2 * length);
  hex[2 * length] = 0;
  if (!hex_decode(hex, bytes, length)) return false;
  *text += 2 * length;
  return true;
}

static bool take_word(const char **text, const char *word) {
  if (strncmp(*text, word, strlen(word)) != 0) return false;
  *text += strlen(word);
  return true;
}

bool head_target(const char *path, struct head_target *out) {
  struct head_target t = {.what = HEAD_BLOB};
  uint64_t piece;
  if (!take_word(&path, "/blobs/") || !take_hex(&path, t.root, 32)) return false;
  if (*path && !take_word(&path, "/"))
    return false;
  else if (path[-1] == '/') {
    if (strcmp(path, "leaves") == 0)
      t.what = HEAD_LIST;
    else if (head_number(&path, &piece) && !*path && piece <= UINT32_MAX) {
      t.what = HEAD_PIECE;
      t.piece = (uint32_t)piece;
    } else
      return false;
  }
  *out = t;
  return true;
}

bool head_range(const char *text, uint64_t *first, uint64_t *last) {
  uint64_t a, b = UINT64_MAX;
  if (!take_word(&text, "bytes=") || !head_number(&text, &a) || !take_word(&text, "-")) return false;
  if (*text && (!head_number(&text, &b) || *text || b < a)) return false;
  *first = a;
  *last = b;
  return true;
}

bool head_signature(const char *text, struct head_signature *out) {
  struct head_signature s;
  if (!take_word(&text, "Assay ") || !take_hex(&text, s.account, 32) || !take_word(&text, " ")) return false;
  if (!take_hex(&text, s.key, 32) || !take_word(&text, " ") || !head_number(&text, &s.time_s)) return false;
  if (!take_word(&text, " ") || !take_hex(&text, s.signature, 64) || *text) return false;
  *out = s;
  return true;
}
