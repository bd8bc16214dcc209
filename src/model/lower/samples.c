/* Which data tensor holds what. docs/lower.md 3.9, 8.5. */
#include "model/lower/samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/lower/augment.h"
#include "model/lower/parameter.h"

struct sample_input samples_input(const struct sample_shape *s, uint32_t n) {
  struct sample_input in = {.dtype = s->input_dtype, .rank = s->input_rank, .scale = s->scale};
  bool windows = s->text.context != 0;
  if (n && !windows) in = s->more[n - 1];
  if (windows) in.targets = s->text.targets_input == n + 1;
  if (windows || !in.targets) {
    if (!n || windows) memcpy(in.dim, s->input_dim, sizeof in.dim);
    return in;
  }
  in.dtype = s->target_dtype;
  in.rank = s->target_rank;
  memcpy(in.dim, s->target_dim, sizeof in.dim);
  return in;
}

static bool targets_tensor(const struct sample_shape *s) {
  bool read = !s->no_targets;
  for (uint32_t n = 0; n < s->more_count; n++) read |= s->more[n].targets;
  return read && !s->text.context;
}

/* Windows of one text feed every input, and the targets' tensor is there already. */
static bool own_tensor(const struct sample_shape *s, uint32_t n) { return !s->text.context && !s->more[n - 1].targets; }

uint8_t lower_input_number(const struct lower_options *o, bool test, uint32_t n) {
  const struct sample_shape *sets[] = {&o->train, &o->test}, *s = sets[test];
  uint8_t first = test ? DATA_TEST_INPUTS : DATA_TRAIN_INPUTS;
  if (n == 0 || s->text.context) return first;
  if (!own_tensor(s, n)) return first + 1;
  uint8_t number = o->test.samples ? DATA_TEST_TARGETS + 1 : DATA_INITIAL + 1;
  for (uint32_t t = 0; t < test; t++)
    for (uint32_t k = 1; k <= sets[t]->more_count; k++) number += own_tensor(sets[t], k);
  for (uint32_t k = 1; k < n; k++) number += own_tensor(s, k);
  return number;
}

static bool refuse(struct why *why, const char *reason) {
  why_set(why, "%s", reason);
  return false;
}

static bool check_set(const struct sample_shape *s, uint32_t inputs, struct why *why) {
  if (s->more_count >= LOWER_INPUTS_MAX || s->more_count + 1 != inputs) {
    why_set(why, "the model has %" PRIu32 " inputs, and the data feed %" PRIu32, inputs, s->more_count + 1);
    return false;
  }
  for (uint32_t n = 0; n < inputs; n++) {
    struct sample_input in = samples_input(s, n);
    if (in.rank >= TAPE_RANK_MAX || in.dtype > TAPE_U8) return refuse(why, "samples have rank above 5");
  }
  if (s->target_rank >= TAPE_RANK_MAX) return refuse(why, "targets have rank above 5");
  const struct sample_text *t = &s->text;
  if (t->targets_input > inputs) return refuse(why, "no such input for the targets");
  if (t->context && (!t->stride || t->context >= t->tokens || t->tokens > INT32_MAX ||
                     (s->samples - 1) * (uint64_t)t->stride + t->context >= t->tokens))
    return refuse(why, "the text has fewer tokens than its windows");
  const struct sample_augment *a = &s->augment;
  if (t->context && (augment_any(a) || s->normalize.mean))
    return refuse(why, "augment and normalize are for pictures and tables, and the samples are text");
  if (a->crop > INT16_MAX || a->cutout > INT16_MAX) return refuse(why, "augment: crop and cutout are below 2^15");
  return true;
}

bool samples_check(const struct lower_options *o, uint32_t inputs, struct why *why) {
  return check_set(&o->train, inputs, why) && (!o->test.samples || check_set(&o->test, inputs, why));
}

static void add(struct layout *l, uint8_t number, const char *name, uint8_t dtype, uint32_t rank, const uint32_t *dim) {
  char unique[LAYOUT_NAME_MAX + 1];
  parameter_name(l, name, "", unique);
  struct layout_entry *entry = &l->entry[l->state_count + l->data_count++];
  *entry = (struct layout_entry){.number = number, .dtype = dtype, .rank = (uint8_t)rank};
  memcpy(entry->name, unique, sizeof unique);
  memcpy(entry->dim, dim, rank * sizeof dim[0]);
}

void samples_add_first(struct layout *l, const struct lower_options *o, bool test) {
  const struct sample_shape *s = test ? &o->test : &o->train;
  uint8_t number = test ? DATA_TEST_INPUTS : DATA_TRAIN_INPUTS;
  const char *inputs = test ? "test.inputs" : "train.inputs", *targets = test ? "test.targets" : "train.targets";
  uint32_t dim[TAPE_RANK_MAX] = {s->samples}, one = 1;
  if (s->text.context) {
    dim[0] = s->text.tokens;
    dim[1] = 2;
    add(l, number, inputs, s->input_dtype, s->text.pairs ? 2 : 1, dim);
  } else {
    memcpy(dim + 1, s->input_dim, s->input_rank * sizeof dim[0]);
    add(l, number, inputs, s->input_dtype, s->input_rank + 1, dim);
  }
  if (!targets_tensor(s)) {
    add(l, (uint8_t)(number + 1), targets, TAPE_U8, 1, &one);
    return;
  }
  memcpy(dim + 1, s->target_dim, s->target_rank * sizeof dim[0]);
  add(l, (uint8_t)(number + 1), targets, s->target_dtype, s->target_rank + 1, dim);
}

void samples_add_more(struct layout *l, const struct lower_options *o, const struct onnx_value *input) {
  for (uint32_t test = 0; test < 2; test++) {
    const struct sample_shape *s = test ? &o->test : &o->train;
    for (uint32_t n = 1; s->samples && n <= s->more_count; n++) {
      uint32_t dim[TAPE_RANK_MAX] = {s->samples};
      char name[LAYOUT_NAME_MAX + 1];
      if (!own_tensor(s, n)) continue;
      struct sample_input in = samples_input(s, n);
      memcpy(dim + 1, in.dim, in.rank * sizeof dim[0]);
      snprintf(name, sizeof name, "%s.%.50s", test ? "test" : "train", input[n].name);
      add(l, lower_input_number(o, test, n), name, in.dtype, in.rank + 1, dim);
    }
  }
}

const void *samples_stand_in(const struct lower_options *o, bool test, uint64_t *bytes) {
  static const uint8_t nothing[1];
  const struct sample_shape *s = test ? &o->test : &o->train;
  if (!s->samples || targets_tensor(s)) return NULL;
  *bytes = sizeof nothing;
  return nothing;
}
