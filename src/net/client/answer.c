#include "net/client/answer.h"

#include "base/base64.h"
#include "base/hex.h"

#include <stdlib.h>
#include <string.h>

const json_t *answer_at(const json_t *root, const char *path) {
  char name[64];
  while (*path) {
    size_t n = strcspn(path, ".");
    if (n >= sizeof name) return NULL;
    memcpy(name, path, n);
    name[n] = 0;
    root = json_object_get(root, name);
    path += n + (path[n] == '.');
  }
  return root;
}

bool answer_height(const json_t *value, uint64_t *out) {
  const char *text = json_string_value(value);
  size_t length = text ? json_string_length(value) : 0;
  if (length == 0 || length > 19 || strlen(text) != length || (text[0] == '0' && length > 1)) return false;
  uint64_t x = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    x = x * 10 + (uint64_t)(text[i] - '0');
  }
  if (x > INT64_MAX) return false;
  *out = x;
  return true;
}

bool answer_code(const json_t *value, uint32_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT32_MAX) return false;
  *out = (uint32_t)json_integer_value(value);
  return true;
}

bool answer_hash(const json_t *value, uint8_t out[32]) {
  char small[65];
  uint8_t hash[32];
  if (!json_is_string(value) || json_string_length(value) != 64) return false;
  const char *text = json_string_value(value);
  for (size_t i = 0; i < 64; i++) {
    bool letter = text[i] >= 'A' && text[i] <= 'F';
    if (!letter && (text[i] < '0' || text[i] > '9')) return false;
    small[i] = letter ? (char)(text[i] - 'A' + 'a') : text[i];
  }
  small[64] = 0;
  if (!hex_decode(small, hash, 32)) return false;
  memcpy(out, hash, 32);
  return true;
}

bool answer_bytes(const json_t *value, size_t bytes_max, uint8_t **out, size_t *length) {
  if (!json_is_string(value) && !json_is_null(value)) return false;
  const char *text = json_is_string(value) ? json_string_value(value) : "";
  size_t text_length = json_string_length(value), room = text_length / 4 * 3;
  if (room > bytes_max + 2) return false;
  uint8_t *bytes = malloc(room + 1);
  if (!bytes || !base64_decode(text, text_length, bytes, bytes_max, length)) {
    free(bytes);
    return false;
  }
  *out = bytes;
  return true;
}

bool answer_text(const json_t *value, char *out, size_t text_max) {
  if (!json_is_string(value) || json_string_length(value) >= text_max) return false;
  const char *text = json_string_value(value);
  for (size_t i = 0; i < json_string_length(value); i++)
    if (text[i] < ' ' || text[i] > '~') return false;
  memcpy(out, text, json_string_length(value) + 1);
  return true;
}

void answer_words(const json_t *value, char *out, size_t text_max) {
  const char *text = json_is_string(value) ? json_string_value(value) : "";
  size_t n = strlen(text) < text_max ? strlen(text) : text_max - 1;
  for (size_t i = 0; i < n; i++) out[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
  out[n] = 0;
}
