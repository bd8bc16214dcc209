#include "training/data/csv.h"
#include "training/data/archive.h"
#include "training/jobfile/literal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One field without its quotes, cut at CSV_FIELD_MAX; what is cut is no number and no name that is asked for. */
struct field {
  char text[CSV_FIELD_MAX + 1];
  size_t length; /* of the whole field */
  bool last, quoted;
};

/* A place in the text; line: that of the next field. */
struct cursor {
  const uint8_t *at, *end;
  uint32_t line;
};

static void put(struct field *f, uint8_t c) {
  if (f->length < CSV_FIELD_MAX) f->text[f->length] = (char)c;
  f->length++;
}

/* RFC 4180, 2.5 to 2.7. False: the quote does not end, or something follows it. */
static bool take_quoted(struct cursor *c, struct field *f) {
  f->quoted = true;
  for (c->at++; c->at < c->end; c->at++) {
    if (*c->at == '\n') c->line++;
    if (*c->at != '"') {
      put(f, *c->at);
    } else if (c->at + 1 < c->end && c->at[1] == '"') {
      put(f, '"');
      c->at++;
    } else {
      c->at++;
      return true;
    }
  }
  return false;
}

static bool at_line_end(const struct cursor *c) {
  return c->at == c->end || *c->at == '\n' || (*c->at == '\r' && (c->at + 1 == c->end || c->at[1] == '\n'));
}

static bool take_field(struct cursor *c, char separator, struct field *f) {
  f->length = 0;
  f->quoted = f->last = false;
  if (c->at < c->end && *c->at == '"') {
    if (!take_quoted(c, f)) return false;
    if (!at_line_end(c) && *c->at != (uint8_t)separator) return false;
  } else {
    for (; !at_line_end(c) && *c->at != (uint8_t)separator; c->at++) put(f, *c->at);
  }
  f->text[f->length < CSV_FIELD_MAX ? f->length : CSV_FIELD_MAX] = 0;
  f->last = at_line_end(c);
  if (!f->last) {
    c->at++;
    return true;
  }
  if (c->at < c->end && *c->at == '\r') c->at++;
  if (c->at < c->end) c->at++, c->line++;
  return true;
}

static enum training_status bad_quote(uint32_t line, struct why *why) {
  why_set(why, "line %" PRIu32 ": a quote that does not end, or text behind one; a quote inside a field is doubled",
          line);
  return TRAINING_ERR_INPUT;
}

/* Passes over one row. */
static enum training_status take_row(struct cursor *c, char separator, uint32_t *fields, struct why *why) {
  struct field f;
  uint32_t line = c->line;
  for (*fields = 0;;) {
    if (!take_field(c, separator, &f)) return bad_quote(line, why);
    if (++*fields > CSV_COLUMNS_MAX) {
      why_set(why, "line %" PRIu32 ": more than %d columns", line, CSV_COLUMNS_MAX);
      return TRAINING_ERR_INPUT;
    }
    if (f.last) return TRAINING_OK;
  }
}

enum training_status csv_open(const uint8_t *bytes, size_t length, char separator, struct csv *out, struct why *why) {
  struct cursor c = {bytes, bytes + length, 1};
  struct csv t = {.bytes = bytes, .length = length, .separator = separator};
  if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) t.bytes = c.at += 3;
  enum training_status status = take_row(&c, separator, &t.columns, why);
  if (status != TRAINING_OK) return status;
  t.rows = c.at;
  t.first_line = c.line;
  while (c.at < c.end) {
    uint32_t fields, line = c.line;
    status = take_row(&c, separator, &fields, why);
    if (status != TRAINING_OK) return status;
    if (fields != t.columns || t.rows_count == INT32_MAX) {
      why_set(why, "line %" PRIu32 ": %" PRIu32 " fields, the first line has %" PRIu32, line, fields, t.columns);
      return TRAINING_ERR_INPUT;
    }
    t.rows_count++;
  }
  t.length = (size_t)(bytes + length - t.bytes);
  *out = t;
  if (t.rows_count) return TRAINING_OK;
  why_set(why, "a table needs a line with the columns' names and rows below it");
  return TRAINING_ERR_INPUT;
}

static struct cursor header_of(const struct csv *c) { return (struct cursor){c->bytes, c->bytes + c->length, 1}; }

void csv_column_name(const struct csv *c, uint32_t index, char text[CSV_FIELD_MAX + 1]) {
  struct cursor at = header_of(c);
  struct field f = {.text = ""};
  for (uint32_t n = 0; n <= index; n++) (void)take_field(&at, c->separator, &f);
  memcpy(text, f.text, sizeof f.text);
}

enum training_status csv_column(const struct csv *c, const char *name, uint32_t *index, struct why *why) {
  struct cursor at = header_of(c);
  struct name_list names = {{0}, 0, 0};
  struct field f;
  uint32_t found = 0;
  for (uint32_t n = 0; n < c->columns; n++) {
    (void)take_field(&at, c->separator, &f);
    name_list_add(&names, f.text, strlen(f.text));
    if (f.length > CSV_FIELD_MAX || strcmp(f.text, name) != 0) continue;
    *index = n;
    found++;
  }
  if (found == 1) return TRAINING_OK;
  if (found)
    why_set(why, "two columns are called '%.60s'", name);
  else
    why_set(why, "no column is called '%.60s'; there %s %s", name, c->columns == 1 ? "is" : "are", names.text);
  return TRAINING_ERR_INPUT;
}

/* The field's number, spaces around it left out: NULL if it holds none. */
static const char *number_in(struct field *f) {
  if (f->length > CSV_FIELD_MAX || strlen(f->text) != f->length) return NULL;
  char *start = f->text, *end = f->text + f->length;
  while (*start == ' ' || *start == '\t') start++;
  while (end > start && (end[-1] == ' ' || end[-1] == '\t')) end--;
  *end = 0;
  return *start && !strchr(start, '/') ? start : NULL;
}

/* Whole numbers, also as "3.0", which programs write when a column had a gap once. */
static bool integer_of(const char *text, int32_t *out) {
  bool negative = *text == '-';
  int64_t x = 0;
  if (*text == '-' || *text == '+') text++;
  if (*text < '0' || *text > '9') return false;
  for (; *text >= '0' && *text <= '9'; text++)
    if ((x = 10 * x + (*text - '0')) > (int64_t)INT32_MAX + 1) return false;
  if (negative) x = -x;
  if (*text == '.') text += 1 + strspn(text + 1, "0");
  if (*text || x > INT32_MAX) return false;
  *out = (int32_t)x;
  return true;
}

/* The first 19 digits as a binary64, times or over a power of ten up to 22, which is exact: two roundings and what is
 * cut off make less than 4 ulp. So where the result lies further than 8 from the middle between two binary32, both
 * sides round to the same one; what lies nearer, or is no normal number, is left to literal_f32. */
static bool short_decimal(const char *text, float *out) {
  static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  bool negative = *text == '-';
  uint64_t digits = 0, bits;
  int count = 0, exponent = 0, written = 0;
  if (*text == '-' || *text == '+') text++;
  for (bool point = false;; text++) {
    if (*text == '.' && !point) {
      point = true;
      continue;
    }
    if (*text < '0' || *text > '9') break;
    if (++count > LITERAL_DIGITS_MAX) return false;
    exponent -= point;
    if (digits < UINT64_MAX / 20)
      digits = 10 * digits + (uint64_t)(*text - '0');
    else
      exponent++;
  }
  if (!count) return false;
  if (*text == 'e' || *text == 'E') {
    bool down = *++text == '-';
    if (*text == '-' || *text == '+') text++;
    if (*text < '0' || *text > '9') return false;
    for (; *text >= '0' && *text <= '9'; text++)
      if ((written = 10 * written + (*text - '0')) > LITERAL_EXPONENT_MAX) return false;
    exponent += down ? -written : written;
  }
  if (*text || exponent < -22 || exponent > 22) return false;
  double x = exponent < 0 ? (double)digits / ten[-exponent] : (double)digits * ten[exponent];
  memcpy(&bits, &x, sizeof bits);
  uint64_t low = bits & 0x1fffffff;
  if (digits && (x < 0x1p-125 || x > 0x1p127 || (low > 0x10000000 - 8 && low < 0x10000000 + 8))) return false;
  *out = negative ? -(float)x : (float)x;
  return true;
}

static bool float_of(const char *text, float *out) {
  uint32_t bits;
  if (short_decimal(text, out)) return true;
  if (!literal_f32(text, &bits)) return false;
  memcpy(out, &bits, sizeof bits);
  return true;
}

/* Which of the asked columns each column of the table is, from 1; one place for each, as two may be the same. */
struct wanted {
  uint32_t *first, *next; /* first[column], next[place]: 0 ends */
};

static bool want(const struct csv *c, const uint32_t *column, uint32_t columns, struct wanted *w) {
  w->first = calloc(c->columns, sizeof *w->first);
  w->next = calloc((size_t)columns + 1, sizeof *w->next);
  if (!w->first || !w->next) return false;
  for (uint32_t k = columns; k > 0; k--) {
    w->next[k] = w->first[column[k - 1]];
    w->first[column[k - 1]] = k;
  }
  return true;
}

static void want_no_more(struct wanted *w) {
  free(w->first);
  free(w->next);
}

static enum training_status no_number(const struct csv *c, uint32_t line, uint32_t column, const struct field *f,
                                      struct why *why) {
  char name[CSV_FIELD_MAX + 1];
  csv_column_name(c, column, name);
  if (f->length == strspn(f->text, " \t"))
    why_set(why, "line %" PRIu32 ", column '%.60s': the value is missing; fill it in, or leave the row out", line,
            name);
  else
    why_set(why,
            "line %" PRIu32 ", column '%.60s': '%.40s' is no number that is read here; write words as whole numbers 0, "
            "1, .. and fractions as decimals",
            line, name, f->text);
  return TRAINING_ERR_INPUT;
}

/* Calls for every field of the wanted columns; places are row-major in [rows, columns]. */
struct walk {
  const struct csv *csv;
  bool integers; /* looking, neither of the others: all were so far; the first that is none ends it */
  int32_t *words;
  float *floats;
};

static bool take_number(struct walk *w, const char *text, uint64_t place) {
  int32_t word;
  float x;
  if (w->words) return integer_of(text, &w->words[place]);
  if (w->floats) return float_of(text, &w->floats[place]);
  w->integers = integer_of(text, &word);
  return w->integers || float_of(text, &x);
}

static enum training_status walk(struct walk *w, const uint32_t *column, uint32_t columns, struct why *why) {
  const struct csv *c = w->csv;
  struct cursor at = {c->rows, c->bytes + c->length, c->first_line};
  struct wanted wanted = {NULL, NULL};
  struct field f;
  enum training_status status = TRAINING_OK;
  if (!want(c, column, columns, &wanted)) {
    why_set(why, "not enough memory for the columns");
    status = TRAINING_ERR_SYSTEM;
  }
  bool looking = !w->words && !w->floats;
  for (uint64_t row = 0; row < c->rows_count && status == TRAINING_OK && !(looking && !w->integers); row++)
    for (uint32_t n = 0; n < c->columns && status == TRAINING_OK && !(looking && !w->integers); n++) {
      uint32_t line = at.line;
      (void)take_field(&at, c->separator, &f);
      if (!wanted.first[n]) continue;
      struct field whole = f;
      const char *text = number_in(&f);
      for (uint32_t k = wanted.first[n]; k && status == TRAINING_OK; k = wanted.next[k])
        if (!text || !take_number(w, text, row * columns + k - 1)) status = no_number(c, line, n, &whole, why);
    }
  want_no_more(&wanted);
  return status;
}

enum training_status csv_integers(const struct csv *c, const uint32_t *column, uint32_t columns, bool *integers,
                                  struct why *why) {
  struct walk w = {.csv = c, .integers = true};
  enum training_status status = walk(&w, column, columns, why);
  if (status == TRAINING_OK) *integers = w.integers;
  return status;
}

enum training_status csv_read(const struct csv *c, const uint32_t *column, uint32_t columns, bool integers, void *out,
                              struct why *why) {
  struct walk w = {.csv = c, .words = integers ? out : NULL, .floats = integers ? NULL : out};
  return walk(&w, column, columns, why);
}
