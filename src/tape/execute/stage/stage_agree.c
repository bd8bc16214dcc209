#include "tape/execute/stage/stage_agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/check/check.h"

static bool same(const struct stage *s, const char *what, const char *plan, const uint8_t *a, const uint8_t *b,
                 size_t bytes, uint64_t seed) {
  size_t i = 0;
  while (i < bytes && a[i] == b[i]) i++;
  if (i == bytes) return true;
  uint32_t words[2], record = 0;
  memcpy(&words[0], a + i / 4 * 4, 4);
  memcpy(&words[1], b + i / 4 * 4, 4);
  for (uint32_t n = 0; n < s->tape.records_count; n++) {
    const struct tape_record *r = &s->record[n];
    if ((r->space == TAPE_TEMP) == (what[0] == 't') && i / TAPE_LEAF_BYTES >= r->first_leaf &&
        i / TAPE_LEAF_BYTES < r->first_leaf + record_leaves(r))
      record = n + 1;
  }
  fprintf(stderr, "seed %llu, %s: %s differ in record %u at byte %zu: plain %08x, fast %08x\n",
          (unsigned long long)seed, plan, what, record, i, words[0], words[1]);
  return false;
}

bool stage_agrees(struct stage *s, uint64_t seed, uint32_t variants, struct pool *pool,
                  const struct execute_alteration *alter) {
  struct why why = {""};
  size_t bytes = (size_t)s->tape.state_leaves * TAPE_LEAF_BYTES, temps = (size_t)s->tape.temp_leaves * TAPE_LEAF_BYTES;
  struct arena scratch;
  bool good = arena_open(&scratch, 1 << 20) && tape_count(&s->tape, &s->tape.counts);
  if (!good || tape_check(&s->tape, &scratch, &why) != TAPE_OK) {
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, good ? why.text : "no memory");
    return false;
  }
  arena_shut(&scratch);
  uint8_t *before = stage_blob(s, STAGE_WILD), *plain = aligned_alloc(64, bytes), *fast = aligned_alloc(64, bytes);
  struct execute_options definition = {.plain = !STAGE_SANITIZED, .materialise = true, .alter = alter};
  struct execute *x, *y;
  if (execute_open(&x, &s->tape, (const void *const *)s->data, &definition, &why) != EXECUTE_OK) abort();
  memcpy(plain, before, bytes);
  for (uint32_t step = 0; step < 2; step++) execute_step(x, plain, 5 + step, seed);
  for (uint32_t v = 0; v < variants && good; v++) {
    const struct backend *backend = NULL;
    for (uint32_t tries = v; !backend; tries++) backend = stage_backend(tries);
    struct execute_options o = {.backend = backend,
                                .pool = v & 2 ? pool : NULL,
                                .materialise = alter || v % 3 == 1,
                                .alter = alter,
                                .small_tasks = v & 2,
                                .recognise_nothing = v % 5 == 4};
    char name[80];
    snprintf(name, sizeof name, "%s%s%s%s", backend->name, o.pool ? ", threads" : "",
             o.materialise ? ", materialise" : "", o.recognise_nothing ? ", recognise nothing" : "");
    if (execute_open(&y, &s->tape, (const void *const *)s->data, &o, &why) != EXECUTE_OK) abort();
    memcpy(fast, before, bytes);
    for (uint32_t step = 0; step < 2; step++) execute_step(y, fast, 5 + step, seed);
    if (o.materialise) good &= same(s, "temps", name, execute_temps(x), execute_temps(y), temps, seed);
    good &= same(s, "state", name, plain, fast, bytes, seed);
    execute_shut(y);
  }
  execute_shut(x);
  free(before), free(plain), free(fast);
  return good;
}
