#include "training/run/samples_json.h"

/* Takes `value` over, whatever happens. */
static bool set(json_t *map, const char *key, json_t *value) {
  return value && json_object_set_new(map, key, value) == 0;
}

static json_t *input_json(const struct lower_options *o, bool test, uint32_t n, const char *name,
                          recipe_number *number) {
  const struct sample_shape *s = test ? &o->test : &o->train;
  float scale = n && !s->text.context ? s->more[n - 1].scale : s->scale;
  return json_pack("{s:s, s:i, s:o}", "name", name, "data", (int)lower_input_number(o, test, n), "scale",
                   number(scale != 0 ? scale : 1));
}

static json_t *text_json(const struct sample_text *t) {
  return json_pack("{s:I, s:I, s:I, s:I}", "tokens", (json_int_t)t->tokens, "context", (json_int_t)t->context, "stride",
                   (json_int_t)t->stride, "targets_input", (json_int_t)t->targets_input);
}

static json_t *numbers_json(const struct onnx_tensor *t, recipe_number *number) {
  json_t *list = json_array();
  for (uint64_t i = 0; list && i < t->count; i++) json_array_append_new(list, number(t->f32[i]));
  return list;
}

static json_t *augment_json(const struct sample_augment *a) {
  return json_pack("{s:b, s:b, s:i, s:i}", "flip_columns", (int)a->flip_columns, "flip_rows", (int)a->flip_rows, "crop",
                   (int)a->crop, "cutout", (int)a->cutout);
}

static bool set_json(json_t *options, const char *key, const struct lower_options *o, bool test,
                     const struct onnx_value *input, recipe_number *number) {
  const struct sample_shape *s = test ? &o->test : &o->train;
  const struct sample_augment *a = &s->augment;
  bool changed = a->flip_columns || a->flip_rows || a->crop || a->cutout;
  if (!s->samples || !(s->more_count || s->text.context || s->normalize.mean || changed)) return true;
  json_t *map = json_object(), *inputs = json_array();
  bool good = map && inputs;
  for (uint32_t n = 0; good && n <= s->more_count; n++)
    good = json_array_append_new(inputs, input_json(o, test, n, input[n].name, number)) == 0;
  good = good && json_object_set(map, "inputs", inputs) == 0;
  json_decref(inputs);
  if (s->text.context) good = good && set(map, "text", text_json(&s->text));
  if (s->normalize.mean)
    good = good && set(map, "mean", numbers_json(s->normalize.mean, number)) &&
           set(map, "std", numbers_json(s->normalize.std, number));
  if (changed) good = good && set(map, "augment", augment_json(a));
  if (good) return set(options, key, map);
  json_decref(map);
  return false;
}

bool samples_more(json_t *options, const struct lower_options *o, const struct onnx_value *input,
                  recipe_number *number) {
  return set_json(options, "train", o, false, input, number) && set_json(options, "test", o, true, input, number);
}
