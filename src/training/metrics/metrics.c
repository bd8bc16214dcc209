#include "training/metrics/metrics.h"
#include "base/hex.h"
#include "commit/trace/trace.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Nine digits name a binary32 uniquely. A ".0" keeps -0 and whole numbers apart from JSON integers. */
void metrics_float(float x, char text[32]) {
  if (isnan(x)) {
    memcpy(text, "\"nan\"", 6);
  } else if (isinf(x)) {
    memcpy(text, x > 0 ? "\"inf\"" : "\"-inf\"", x > 0 ? 6 : 7);
  } else {
    int n = snprintf(text, 32, "%.9g", (double)x);
    if (!strpbrk(text, ".e")) memcpy(text + n, ".0", 3);
  }
}

static const char *outcome_name(uint8_t outcome) {
  return outcome == TRACE_DONE ? "done" : outcome == TRACE_DIVERGED ? "diverged" : "open";
}

size_t metrics_print(const struct metrics_line *line, char text[METRICS_LINE_MAX]) {
  char first[32], second[32], hex[2 * MERKLE_BYTES + 1];
  int n = 0;
  switch (line->kind) {
  case METRICS_UPDATE:
    metrics_float(line->loss, first);
    metrics_float(line->rate, second);
    n = snprintf(text, METRICS_LINE_MAX,
                 "{\"update\": %" PRIu32 ", \"step\": %" PRIu32
                 ", \"loss\": %s, \"lr\": %s, \"samples_per_s\": %.1f}\n",
                 line->update, line->step, first, second, line->samples_per_s);
    break;
  case METRICS_EVALUATION:
    metrics_float(line->loss, first);
    metrics_float(line->accuracy, second);
    n = snprintf(text, METRICS_LINE_MAX, "{\"update\": %" PRIu32 ", \"test_loss\": %s%s%s}\n", line->update, first,
                 line->has_accuracy ? ", \"test_accuracy\": " : "", line->has_accuracy ? second : "");
    break;
  case METRICS_DONE:
    hex_encode(line->final_root, MERKLE_BYTES, hex);
    n = snprintf(text, METRICS_LINE_MAX, "{\"done\": true, \"outcome\": \"%s\", \"final_root\": \"%s\"}\n",
                 outcome_name(line->outcome), hex);
    break;
  }
  return (size_t)n;
}

static bool get_float(const json_t *object, const char *key, float *out) {
  const json_t *value = json_object_get(object, key);
  const char *text = json_string_value(value);
  if (text) {
    if (strcmp(text, "nan") == 0) return *out = NAN, true;
    if (strcmp(text, "inf") == 0) return *out = INFINITY, true;
    if (strcmp(text, "-inf") == 0) return *out = -INFINITY, true;
    return false;
  }
  /* decimal to binary64 to binary32: nine digits lie far from where two roundings differ from one */
  if (!json_is_real(value)) return false;
  *out = (float)json_real_value(value);
  return true;
}

static bool get_u32(const json_t *object, const char *key, uint32_t *out) {
  const json_t *value = json_object_get(object, key);
  json_int_t x = json_integer_value(value);
  if (!json_is_integer(value) || x < 0 || x > UINT32_MAX) return false;
  *out = (uint32_t)x;
  return true;
}

static bool parse_done(const json_t *object, struct metrics_line *l) {
  const char *outcome = json_string_value(json_object_get(object, "outcome"));
  const char *root = json_string_value(json_object_get(object, "final_root"));
  if (!json_is_true(json_object_get(object, "done")) || !outcome || !root || json_object_size(object) != 3)
    return false;
  l->kind = METRICS_DONE;
  l->outcome = strcmp(outcome, "done") == 0 ? TRACE_DONE : TRACE_DIVERGED;
  return strcmp(outcome, outcome_name(l->outcome)) == 0 && hex_decode(root, l->final_root, MERKLE_BYTES);
}

static bool parse_evaluation(const json_t *object, struct metrics_line *l) {
  l->kind = METRICS_EVALUATION;
  l->has_accuracy = json_object_get(object, "test_accuracy") != NULL;
  return get_u32(object, "update", &l->update) && get_float(object, "test_loss", &l->loss) &&
         (!l->has_accuracy || get_float(object, "test_accuracy", &l->accuracy)) &&
         json_object_size(object) == (l->has_accuracy ? 3 : 2);
}

static bool parse_update(const json_t *object, struct metrics_line *l) {
  const json_t *speed = json_object_get(object, "samples_per_s");
  l->kind = METRICS_UPDATE;
  l->samples_per_s = json_real_value(speed);
  return get_u32(object, "update", &l->update) && get_u32(object, "step", &l->step) &&
         get_float(object, "loss", &l->loss) && get_float(object, "lr", &l->rate) && json_is_real(speed) &&
         json_object_size(object) == 5;
}

enum training_status metrics_parse(const char *text, size_t length, struct metrics_line *out, struct why *why) {
  json_error_t error;
  struct metrics_line l = {0};
  json_t *object = length < METRICS_LINE_MAX ? json_loadb(text, length, JSON_REJECT_DUPLICATES, &error) : NULL;
  bool good = json_is_object(object) && (json_object_get(object, "done")        ? parse_done(object, &l)
                                         : json_object_get(object, "test_loss") ? parse_evaluation(object, &l)
                                                                                : parse_update(object, &l));
  json_decref(object);
  if (!good) {
    why_set(why, "not a line that a run writes: %.*s", length < 200 ? (int)length : 200, text);
    return TRAINING_ERR_INPUT;
  }
  *out = l;
  return TRAINING_OK;
}
