#include "cli/certificate/model.h"
#include "cli/inspect_tensors.h"
#include "cli/output.h"
#include "tape/record/layout.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t STATE_BYTES_MAX = (uint64_t)TAPE_LEAVES_MAX * TAPE_LEAF_BYTES;

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* A state file's root is its content's, so it is compared without anything else. */
static bool certified(const struct certificate *c, const struct file_bytes *state, struct why *why,
                      enum training_status *status) {
  uint8_t root[MERKLE_BYTES];
  if (!state->length) return false;
  struct pool *pool = pool_open(machine_threads());
  *status = checkpoint_root(pool, state->bytes, state->length, root, why);
  if (pool) pool_shut(pool);
  return *status == TRAINING_OK && memcmp(root, c->settled.final_root, sizeof root) == 0;
}

struct tensor {
  const uint8_t *bytes; /* elements of four bytes, row-major */
  uint32_t rank;
  uint64_t dim[TAPE_RANK_MAX], elements;
};

/* Are the state's elements the tensor's, when its axis d is the tensor's axis from[d]? */
static bool same_turned(const struct tensor *t, const uint8_t *state, const uint32_t *from) {
  uint64_t stride[TAPE_RANK_MAX], all = 1, index[TAPE_RANK_MAX] = {0}, at = 0;
  for (uint32_t d = t->rank; d-- > 0; all *= t->dim[d]) stride[d] = all;
  for (uint64_t i = 0; i < t->elements; i++) {
    if (memcmp(state + 4 * i, t->bytes + 4 * at, 4) != 0) return false;
    for (uint32_t d = t->rank; d-- > 0;) {
      at += stride[from[d]];
      if (++index[d] < t->dim[from[d]]) break;
      at -= stride[from[d]] * t->dim[from[d]];
      index[d] = 0;
    }
  }
  return true;
}

/* Every order of the axes behind the first `fixed`. */
static bool same_in_some_order(const struct tensor *t, const uint8_t *state, uint32_t *from, uint32_t fixed) {
  if (fixed == t->rank) return same_turned(t, state, from);
  for (uint32_t d = fixed; d < t->rank; d++) {
    uint32_t kept = from[fixed];
    from[fixed] = from[d], from[d] = kept;
    bool same = same_in_some_order(t, state, from, fixed + 1);
    from[d] = from[fixed], from[fixed] = kept;
    if (same) return true;
  }
  return false;
}

static bool read_tensor(const json_t *entry, const uint8_t *bytes, struct tensor *out) {
  const json_t *shape = json_object_get(entry, "shape"), *span = json_object_get(entry, "data_offsets");
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  *out = (struct tensor){.rank = (uint32_t)json_array_size(shape), .elements = 1};
  if (!dtype || strcmp(dtype, "F32") != 0 || json_array_size(shape) > TAPE_RANK_MAX) return false;
  for (uint32_t d = 0; d < out->rank; d++) {
    json_int_t n = json_integer_value(json_array_get(shape, d));
    if (n < 1 || n > UINT32_MAX || out->elements > UINT32_MAX) return false;
    out->dim[d] = (uint64_t)n;
    out->elements *= out->dim[d];
  }
  json_int_t first = json_integer_value(json_array_get(span, 0)), end = json_integer_value(json_array_get(span, 1));
  out->bytes = bytes + first; /* inspect_safetensors_open has seen that it is in the file */
  return (uint64_t)(end - first) == 4 * out->elements;
}

static const struct layout_entry *entry_named(const struct layout *l, const char *name) {
  for (uint32_t i = 0; i < l->state_count; i++)
    if (strcmp(l->entry[i].name, name) == 0) return &l->entry[i];
  return NULL;
}

static void compare_tensors(const struct layout *l, const uint8_t *state, json_t *tensors, const uint8_t *bytes,
                            struct certificate_finding *f) {
  const char *name;
  json_t *entry;
  struct why why = {""};
  json_object_foreach(tensors, name, entry) {
    struct tensor t;
    uint32_t from[TAPE_RANK_MAX] = {0, 1, 2, 3, 4, 5};
    const struct layout_entry *e = entry_named(l, name);
    if (!e)
      why_set(&why, "the certified state has no tensor '%.100s'", name);
    else if (!read_tensor(entry, bytes, &t) || e->dtype != TAPE_F32 || layout_entry_elements(e) != t.elements)
      why_set(&why, "tensor '%.100s' has another size or type than in the certified state", name);
    else if (!same_in_some_order(&t, state + e->first_leaf * TAPE_LEAF_BYTES, from, 0))
      why_set(&why, "tensor '%.100s' has other values than in the certified state", name);
    if (*why.text) break;
    f->model_tensors++;
  }
  f->model_same = !*why.text && f->model_tensors > 0;
  memcpy(f->model_why, why.text, sizeof f->model_why);
}

static enum training_status compare_safetensors(const struct certificate *c, const struct file_bytes *state,
                                                struct certificate_finding *f, struct why *why) {
  struct file_bytes file;
  struct layout l;
  uint64_t first;
  enum training_status status = file_map(f->model, UINT64_MAX, &file, why);
  if (status != TRAINING_OK) return status;
  struct layout_entry *entries = calloc(LAYOUT_ENTRIES_MAX + LAYOUT_DATA_MAX, sizeof *entries);
  json_t *tensors = inspect_safetensors_open(&file, &first, why);
  assert(entries && "memory for a layout");
  if (!tensors) {
    why_before(why, "%s: ", f->model);
    status = TRAINING_ERR_INPUT;
  } else if (layout_decode(c->layout.bytes, c->layout.length, entries, LAYOUT_ENTRIES_MAX + LAYOUT_DATA_MAX, &l, why) !=
                 RECORD_OK ||
             layout_state_leaves(&l) * TAPE_LEAF_BYTES != state->length) {
    why_set(why, "the certificate has no layout of this state, so names cannot be told: fetch it anew");
    status = TRAINING_ERR_INPUT;
  } else {
    compare_tensors(&l, state->bytes, tensors, file.bytes + first, f);
  }
  json_decref(tensors);
  free(entries);
  file_unmap(&file);
  return status;
}

bool certificate_model(const struct certificate *c, const char *state, struct certificate_finding *f,
                       enum outcome *outcome) {
  char folder[FILE_PATH_MAX], beside[FILE_PATH_MAX];
  struct file_bytes file;
  struct why why = {""};
  bool tensors = ends_with(f->model, ".safetensors");
  if (!tensors && !ends_with(f->model, ".state")) {
    complain("--model: %s is neither a state (.state) nor tensors (.safetensors)", f->model);
    return *outcome = OUTCOME_INPUT, false;
  }
  if (tensors && !state) {
    file_folder_of(f->model, folder);
    state = file_join(beside, folder, "final.state") ? beside : f->model;
  }
  enum training_status status = file_map(tensors ? state : f->model, STATE_BYTES_MAX, &file, &why);
  if (status != TRAINING_OK) {
    complain("--model: %s%s", why.text, tensors ? "; tensors are compared with the final state: --state FILE" : "");
    return *outcome = (enum outcome)status, false;
  }
  f->model_same = certified(c, &file, &why, &status);
  if (tensors && status == TRAINING_OK && !f->model_same) {
    complain("--state: %s is not the certified state, so tensors cannot be compared with it", state);
    *outcome = OUTCOME_NO;
    file_unmap(&file);
    return false;
  }
  if (tensors && status == TRAINING_OK) status = compare_safetensors(c, &file, f, &why);
  file_unmap(&file);
  if (status == TRAINING_OK) return true;
  complain("--model: %s", why.text);
  return *outcome = (enum outcome)status, false;
}
