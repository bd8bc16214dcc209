/* Questions as JSON from a stranger, and the arguments of every method read in every way. Queries too. */
#include <stdlib.h>
#include <string.h>

#include "net/rpc/method.h"
#include "net/rpc/query.h"

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void arguments(struct question *q, const char *name) {
  uint64_t number = 7;
  const char *text = NULL;
  uint8_t *bytes = NULL;
  size_t count = 0;
  bool given, flag = false;
  if (question_number(q, name, 1000, &number, &given) == QUESTION_OK) CHECK(given ? number <= 1000 : number == 7);
  question_bool(q, name, &flag);
  if (question_bytes(q, name, &bytes, &count) == QUESTION_OK) free(bytes);
  bytes = NULL;
  if (question_hex(q, name, &bytes, &count) == QUESTION_OK) free(bytes);
  if (question_text(q, name, &text) == QUESTION_OK && text) CHECK(strlen(text) <= 65536);
}

static void one(json_t *json) {
  struct question q;
  enum question_code code = question_of_json(json, method_names, &q);
  CHECK(strlen(q.data) < sizeof q.data);
  if (code == QUESTION_OK) {
    CHECK(q.method && q.args && json_is_object(q.args));
    for (const char *const *name = method_names(q.method); *name; name++)
      for (int uri = 0; uri < 2; uri++) {
        q.from_uri = uri;
        arguments(&q, *name);
      }
  }
  json_t *answer = code == QUESTION_OK ? question_result(q.id ? json_incref(q.id) : NULL, json_object())
                                       : question_error(q.id ? json_incref(q.id) : NULL, code, q.data);
  char *text = json_dumps(answer, 0);
  CHECK(text);
  free(text);
  json_decref(answer);
  question_shut(&q);
}

/* What a query says may be written again and reads the same. */
static void queries(const uint8_t *data, size_t length) {
  static struct query q, again;
  char wrong[128];
  if (!query_read((const char *)data, length, &q, wrong, sizeof wrong)) {
    CHECK(strlen(wrong) < sizeof wrong);
    return;
  }
  CHECK(q.count >= 1 && q.count <= QUERY_CONDITIONS_MAX);
  for (uint32_t i = 0; i < q.count; i++) {
    CHECK(q.condition[i].name[0]);
    query_holds(&q.condition[i], "5");
    query_holds(&q.condition[i], "text");
  }
  CHECK(query_read((const char *)data, length, &again, wrong, sizeof wrong) && memcmp(&q, &again, sizeof q) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  if (length > 65536) return 0;
  queries(data, length);
  json_t *json = json_loadb((const char *)data, length, 0, NULL);
  if (!json) return 0;
  size_t i;
  json_t *member;
  if (json_is_array(json)) {
    json_array_foreach(json, i, member) one(member);
  } else {
    one(json);
  }
  json_decref(json);
  return 0;
}
