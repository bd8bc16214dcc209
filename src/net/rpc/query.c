#include "net/rpc/query.h"

#include <stdio.h>
#include <string.h>

struct scan {
  const char *start, *at, *end;
  char *wrong;
  size_t wrong_max;
};

static bool fail(struct scan *s, const char *words) {
  snprintf(s->wrong, s->wrong_max, "offset %zu: %s", (size_t)(s->at - s->start), words);
  return false;
}

static void skip_space(struct scan *s) {
  while (s->at < s->end && (*s->at == ' ' || *s->at == '\t')) s->at++;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

/* A word as it is, up to what cannot be one. */
static size_t word(const struct scan *s) {
  const char *at = s->at;
  while (at < s->end && is_word(*at)) at++;
  return (size_t)(at - s->at);
}

static bool takes(struct scan *s, const char *what) {
  size_t length = strlen(what);
  if ((size_t)(s->end - s->at) < length || memcmp(s->at, what, length) != 0) return false;
  if (is_word(what[0]) && word(s) != length) return false;
  s->at += length;
  return true;
}

static bool read_operator(struct scan *s, struct query_condition *c) {
  static const struct {
    const char *text;
    enum query_operator operator;
  } known[] = {{"<=", QUERY_LESS_EQUAL}, {">=", QUERY_MORE_EQUAL},     {"=", QUERY_EQUAL},      {"<", QUERY_LESS},
               {">", QUERY_MORE},        {"CONTAINS", QUERY_CONTAINS}, {"EXISTS", QUERY_EXISTS}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (takes(s, known[i].text)) {
      c->operator= known[i].operator;
      return true;
    }
  return fail(s, "wanted an operator: = < <= > >= CONTAINS EXISTS");
}

static bool read_text(struct scan *s, struct query_condition *c) {
  const char *close = memchr(s->at + 1, '\'', (size_t)(s->end - s->at - 1));
  if (!close) return fail(s, "text without its closing quote");
  size_t length = (size_t)(close - s->at - 1);
  memcpy(c->text, s->at + 1, length); /* shorter than the whole query */
  c->text[length] = 0;
  s->at = close + 1;
  return true;
}

static bool number_of(const char *text, size_t length, uint64_t *out) {
  uint64_t x = 0;
  if (!length) return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (x > (UINT64_MAX - digit) / 10) return false;
    x = x * 10 + digit;
  }
  *out = x;
  return true;
}

static bool read_value(struct scan *s, struct query_condition *c) {
  if (s->at < s->end && *s->at == '\'') return read_text(s, c);
  size_t length = word(s);
  if (!number_of(s->at, length, &c->number)) return fail(s, "wanted a whole number or text in single quotes");
  if (c->operator== QUERY_CONTAINS) return fail(s, "CONTAINS wants text in single quotes");
  c->is_number = true;
  s->at += length;
  return true;
}

static bool read_condition(struct scan *s, struct query_condition *c) {
  skip_space(s);
  size_t length = word(s);
  if (!length || length > QUERY_NAME_MAX) return fail(s, "wanted a name");
  memcpy(c->name, s->at, length);
  c->name[length] = 0;
  s->at += length;
  skip_space(s);
  if (!read_operator(s, c)) return false;
  skip_space(s);
  if (c->operator== QUERY_EXISTS) return true;
  if (!read_value(s, c)) return false;
  bool order = c->operator!= QUERY_EQUAL && c->operator!= QUERY_CONTAINS;
  if (order && !c->is_number) return fail(s, "an order is of numbers");
  skip_space(s);
  return true;
}

bool query_read(const char *text, size_t length, struct query *out, char *wrong, size_t wrong_max) {
  struct scan s = {.start = text, .at = text, .end = text + length, .wrong = wrong, .wrong_max = wrong_max};
  struct query q = {0};
  if (length > QUERY_TEXT_MAX) return fail(&s, "maximum query length exceeded");
  if (memchr(text, 0, length)) return fail(&s, "a character that is none");
  do {
    if (q.count == QUERY_CONDITIONS_MAX) return fail(&s, "too many conditions");
    if (!read_condition(&s, &q.condition[q.count++])) return false;
  } while (takes(&s, "AND"));
  if (s.at != s.end) return fail(&s, "wanted AND or the end");
  *out = q;
  return true;
}

bool query_holds(const struct query_condition *c, const char *value) {
  uint64_t x;
  if (c->operator== QUERY_EXISTS) return true;
  if (c->operator== QUERY_CONTAINS) return strstr(value, c->text) != NULL;
  if (!c->is_number) return strcmp(value, c->text) == 0;
  if (!number_of(value, strlen(value), &x)) return false;
  switch (c->operator) {
  case QUERY_EQUAL: return x == c->number;
  case QUERY_LESS: return x < c->number;
  case QUERY_LESS_EQUAL: return x <= c->number;
  case QUERY_MORE: return x > c->number;
  case QUERY_MORE_EQUAL: return x >= c->number;
  case QUERY_CONTAINS:
  case QUERY_EXISTS: break;
  }
  return false;
}
