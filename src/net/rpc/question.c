#include "net/rpc/question.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

void question_shut(struct question *q) {
  json_decref(q->id);
  json_decref(q->args);
  free(q->text);
  *q = (struct question){0};
}

static enum question_code fail(struct question *q, enum question_code code, const char *words, const char *what) {
  snprintf(q->data, sizeof q->data, "%s%.100s", words, what);
  return code;
}

static enum question_code wrong(struct question *q, const char *name, const char *what) {
  snprintf(q->data, sizeof q->data, "error converting %s params to arguments: %s: %s", q->from_uri ? "http" : "json",
           name, what);
  return QUESTION_PARAMS;
}

/* Arguments in a row get the method's names. */
static enum question_code name_row(struct question *q, json_t *row, const char *const *names) {
  size_t count = 0;
  while (names[count]) count++;
  if (json_array_size(row) > count) {
    snprintf(q->data, sizeof q->data, "expected %zu parameters, got %zu", count, json_array_size(row));
    return QUESTION_PARAMS;
  }
  for (size_t i = 0; i < json_array_size(row); i++) json_object_set(q->args, names[i], json_array_get(row, i));
  return QUESTION_OK;
}

enum question_code question_of_json(json_t *json, question_names *names, struct question *q) {
  memset(q, 0, sizeof *q);
  if (!json_is_object(json)) return fail(q, QUESTION_PARSE, "error unmarshaling request: ", "not an object");
  json_t *id = json_object_get(json, "id"), *params = json_object_get(json, "params");
  if (id && !json_is_null(id) && !json_is_string(id) && !json_is_integer(id))
    return fail(q, QUESTION_PARSE, "error unmarshaling request: ", "json-rpc ID is of unknown type");
  if (id && !json_is_null(id)) q->id = json_incref(id);
  const char *method = json_string_value(json_object_get(json, "method"));
  if (!method) method = "";
  const char *const *known = names(method);
  if (!known) return fail(q, QUESTION_METHOD, "", "");
  q->text = strdup(method);
  assert(q->text);
  q->method = q->text;
  if (json_is_object(params)) {
    q->args = json_incref(params);
    return QUESTION_OK;
  }
  q->args = json_object();
  assert(q->args);
  if (!params || json_is_null(params)) return QUESTION_OK;
  if (json_is_array(params)) return name_row(q, params, known);
  return fail(q, QUESTION_PARAMS, "error converting json params to arguments: ", "neither names and values nor a row");
}

json_t *question_result(json_t *id, json_t *result) {
  json_t *j = json_pack("{s:s, s:o?, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
  assert(j);
  return j;
}

static const char *message_of(enum question_code code) {
  switch (code) {
  case QUESTION_PARSE: return "Parse error. Invalid JSON";
  case QUESTION_REQUEST: return "Invalid Request";
  case QUESTION_METHOD: return "Method not found";
  case QUESTION_PARAMS: return "Invalid params";
  case QUESTION_INTERNAL: return "Internal error";
  case QUESTION_OK:
  case QUESTION_LATER: break;
  }
  assert(!"no error");
  return NULL;
}

json_t *question_error(json_t *id, enum question_code code, const char *data) {
  json_t *error = json_pack("{s:i, s:s}", "code", (int)code, "message", message_of(code));
  json_t *j = json_pack("{s:s}", "jsonrpc", "2.0");
  assert(error && j);
  json_t *text = data && *data ? json_string(data) : NULL;
  if (data && *data && !text) text = json_string("text that is not UTF-8");
  if (text) json_object_set_new(error, "data", text);
  if (id) json_object_set_new(j, "id", id);
  json_object_set_new(j, "error", error);
  return j;
}

/* A text as it stands in a URL may have quotes around it. */
static size_t unquote(const char **text, size_t length, bool *quoted) {
  *quoted = length >= 2 && (*text)[0] == '"' && (*text)[length - 1] == '"';
  if (!*quoted) return length;
  ++*text;
  return length - 2;
}

static const char *text_of(struct question *q, const char *name, size_t *length, bool *quoted,
                           enum question_code *code) {
  json_t *j = json_object_get(q->args, name);
  *code = QUESTION_OK;
  *quoted = false;
  if (!j || json_is_null(j)) return NULL;
  if (!json_is_string(j)) {
    *code = wrong(q, name, "expected string");
    return NULL;
  }
  const char *text = json_string_value(j);
  *length = json_string_length(j);
  if (q->from_uri) *length = unquote(&text, *length, quoted);
  return text;
}

enum question_code question_number(struct question *q, const char *name, uint64_t max, uint64_t *out, bool *given) {
  json_t *j = json_object_get(q->args, name);
  enum question_code code;
  bool quoted;
  size_t length;
  *given = false;
  if (json_is_number(j)) return wrong(q, name, "invalid 64-bit integer encoding, expected string");
  const char *text = text_of(q, name, &length, &quoted, &code);
  if (!text || (q->from_uri && !length)) return code;
  uint64_t x = 0;
  bool good = length > 0 && length <= 20;
  for (size_t i = 0; good && i < length; i++) {
    uint64_t digit = (uint64_t)(text[i] - '0');
    good = text[i] >= '0' && text[i] <= '9' && x <= (max - digit) / 10 && digit <= max;
    x = x * 10 + digit;
  }
  if (!good) return wrong(q, name, "not a whole number in its bounds");
  *out = x;
  *given = true;
  return QUESTION_OK;
}

enum question_code question_bool(struct question *q, const char *name, bool *out) {
  json_t *j = json_object_get(q->args, name);
  if (!j || json_is_null(j)) return QUESTION_OK;
  if (json_is_boolean(j) && !q->from_uri) {
    *out = json_is_true(j);
    return QUESTION_OK;
  }
  const char *text = q->from_uri ? json_string_value(j) : NULL;
  if (text && !*text) return QUESTION_OK;
  if (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
    *out = *text == 't';
    return QUESTION_OK;
  }
  return wrong(q, name, "neither true nor false");
}

enum question_code question_text(struct question *q, const char *name, const char **out) {
  enum question_code code;
  size_t length;
  bool quoted;
  const char *text = text_of(q, name, &length, &quoted, &code);
  if (!text) return code;
  if (!quoted) {
    *out = text;
    return QUESTION_OK;
  }
  /* Without its quotes it takes the argument's place, so that it lives as long. */
  json_t *bare = json_stringn(text, length);
  if (!bare) return wrong(q, name, "not UTF-8");
  json_object_set_new(q->args, name, bare);
  *out = json_string_value(bare);
  return QUESTION_OK;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static enum question_code digits(struct question *q, const char *name, const char *text, size_t length, uint8_t **bytes,
                                 size_t *bytes_length) {
  if (length % 2) return wrong(q, name, "an odd number of hexadecimal digits");
  uint8_t *out = malloc(length / 2 + 1);
  assert(out);
  for (size_t i = 0; i < length / 2; i++) {
    int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      free(out);
      return wrong(q, name, "not hexadecimal digits");
    }
    out[i] = (uint8_t)(high << 4 | low);
  }
  *bytes = out;
  *bytes_length = length / 2;
  return QUESTION_OK;
}

static bool is_0x(const char *text, size_t length) { return length >= 2 && text[0] == '0' && text[1] == 'x'; }

enum question_code question_bytes(struct question *q, const char *name, uint8_t **bytes, size_t *length) {
  enum question_code code;
  size_t letters;
  bool quoted;
  const char *text = text_of(q, name, &letters, &quoted, &code);
  if (!text) return code;
  if (q->from_uri && !quoted) {
    if (is_0x(text, letters)) return digits(q, name, text + 2, letters - 2, bytes, length);
    return wrong(q, name, "neither 0x and hexadecimal digits nor text in quotes");
  }
  uint8_t *out = malloc(letters + 1);
  assert(out);
  if (q->from_uri) {
    memcpy(out, text, letters);
    *length = letters;
  } else if (!base64_decode(text, letters, out, letters, length)) {
    free(out);
    return wrong(q, name, "illegal base64 data");
  }
  *bytes = out;
  return QUESTION_OK;
}

enum question_code question_hex(struct question *q, const char *name, uint8_t **bytes, size_t *length) {
  enum question_code code;
  size_t letters;
  bool quoted;
  const char *text = text_of(q, name, &letters, &quoted, &code);
  if (!text) return code;
  if (is_0x(text, letters)) text += 2, letters -= 2;
  return digits(q, name, text, letters, bytes, length);
}
