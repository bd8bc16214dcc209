#include "engine/comet/time.h"

#include <assert.h>
#include <string.h>

#include "engine/comet/proto.h"

enum { NANOS = 1000000000, DAY_SECONDS = 86400 };
static const int64_t SECONDS_LAST = 253402300799; /* 9999-12-31T23:59:59Z */

bool comet_time_valid(const struct comet_time *t) {
  return t->seconds >= COMET_TIME_NONE.seconds && t->seconds <= SECONDS_LAST && t->nanos >= 0 && t->nanos < NANOS;
}

struct comet_time comet_time_of_ms(uint64_t unix_ms) {
  assert(unix_ms / 1000 <= (uint64_t)SECONDS_LAST);
  return (struct comet_time){.seconds = (int64_t)(unix_ms / 1000), .nanos = (int32_t)(unix_ms % 1000 * 1000000)};
}

/* Days from 0001-01-01 to the first day of a year, Gregorian. */
static int64_t days_before(int64_t year) {
  int64_t y = year - 1;
  return 365 * y + y / 4 - y / 100 + y / 400;
}

static bool leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int64_t month_days(int64_t year, int month) {
  static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && leap(year));
}

static void put_digits(char **at, int64_t x, int digits) {
  for (int i = digits; i-- > 0; x /= 10) (*at)[i] = (char)('0' + x % 10);
  *at += digits;
}

void comet_time_write(const struct comet_time *t, char text[COMET_TIME_TEXT_MAX + 1]) {
  assert(comet_time_valid(t));
  int64_t seconds = t->seconds - COMET_TIME_NONE.seconds, days = seconds / DAY_SECONDS, year = days * 400 / 146097 + 1;
  while (days_before(year) > days) year--;
  while (days_before(year + 1) <= days) year++;
  days -= days_before(year);
  int month = 1;
  for (; days >= month_days(year, month); month++) days -= month_days(year, month);
  seconds %= DAY_SECONDS;
  put_digits(&text, year, 4);
  *text++ = '-';
  put_digits(&text, month, 2);
  *text++ = '-';
  put_digits(&text, days + 1, 2);
  *text++ = 'T';
  put_digits(&text, seconds / 3600, 2);
  *text++ = ':';
  put_digits(&text, seconds / 60 % 60, 2);
  *text++ = ':';
  put_digits(&text, seconds % 60, 2);
  if (t->nanos) {
    *text++ = '.';
    put_digits(&text, t->nanos, 9);
    while (text[-1] == '0') text--;
  }
  *text++ = 'Z';
  *text = 0;
}

struct text {
  const char *at, *end;
  bool wrong;
};

static int64_t take_digits(struct text *t, int digits) {
  int64_t x = 0;
  for (int i = 0; i < digits; i++) {
    if (t->at == t->end || *t->at < '0' || *t->at > '9') {
      t->wrong = true;
      return 0;
    }
    x = 10 * x + (*t->at++ - '0');
  }
  return x;
}

static void take_mark(struct text *t, char mark) {
  if (t->at == t->end || *t->at != mark)
    t->wrong = true;
  else
    t->at++;
}

bool comet_time_read(const char *text, size_t length, struct comet_time *out) {
  struct text t = {.at = text, .end = text + length};
  int64_t year = take_digits(&t, 4);
  take_mark(&t, '-');
  int month = (int)take_digits(&t, 2);
  take_mark(&t, '-');
  int64_t day = take_digits(&t, 2);
  take_mark(&t, 'T');
  int64_t hour = take_digits(&t, 2);
  take_mark(&t, ':');
  int64_t minute = take_digits(&t, 2);
  take_mark(&t, ':');
  int64_t second = take_digits(&t, 2);
  if (t.wrong || year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 ||
      minute > 59 || second > 59)
    return false;
  int32_t nanos = 0;
  if (t.at < t.end && *t.at == '.') {
    t.at++;
    int32_t unit = NANOS / 10;
    for (; unit && t.at < t.end && *t.at != 'Z'; unit /= 10) nanos += unit * (int32_t)take_digits(&t, 1);
    if (t.at[-1] == '0' || t.at[-1] == '.') return false; /* a needless digit */
  }
  take_mark(&t, 'Z');
  if (t.wrong || t.at != t.end) return false;
  int64_t days = days_before(year) + day - 1;
  for (int m = 1; m < month; m++) days += month_days(year, m);
  *out = (struct comet_time){COMET_TIME_NONE.seconds + days * DAY_SECONDS + hour * 3600 + minute * 60 + second, nanos};
  return true;
}

size_t comet_time_encode(const struct comet_time *t, uint8_t bytes[COMET_TIME_BYTES_MAX]) {
  struct writer w = writer_over(bytes, COMET_TIME_BYTES_MAX);
  proto_put_number(&w, 1, (uint64_t)t->seconds);
  proto_put_number(&w, 2, (uint64_t)t->nanos);
  assert(!w.full && comet_time_valid(t));
  return bytes_written(&w);
}

void comet_time_put(struct writer *w, uint8_t field, const struct comet_time *t) {
  uint8_t bytes[COMET_TIME_BYTES_MAX];
  size_t length = comet_time_encode(t, bytes);
  proto_put_message(w, field, bytes, length);
}

struct comet_time comet_time_fields(struct reader *r) {
  struct comet_time t = {.seconds = (int64_t)proto_take_number(r, 1)};
  uint64_t nanos = proto_take_number(r, 2);
  t.nanos = nanos < NANOS ? (int32_t)nanos : -1;
  if (!comet_time_valid(&t)) r->short_of = true;
  return t;
}

struct comet_time comet_time_take(struct reader *r, uint8_t field) {
  struct reader inner = proto_take_message(r, field);
  struct comet_time t = comet_time_fields(&inner);
  proto_end(r, &inner);
  return t;
}
