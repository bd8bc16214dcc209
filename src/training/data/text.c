/* One text as training data: its bytes, or tokens that somebody made of it, as windows on one tensor.
 * docs/lower.md 8.6, 8.7; docs/job.md "Text". */
#include "training/data/part.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Tokens as the file holds them. */
struct tokens {
  enum tensor_form form;
  uint64_t count;
  const uint8_t *at;
};

static uint32_t width_of(enum tensor_form form) {
  switch (form) {
  case TENSOR_U8:
  case TENSOR_I8: return 1;
  case TENSOR_U16:
  case TENSOR_I16:
  case TENSOR_F16:
  case TENSOR_BF16: return 2;
  case TENSOR_U32:
  case TENSOR_I32:
  case TENSOR_F32: return 4;
  case TENSOR_U64:
  case TENSOR_I64:
  case TENSOR_F64: return 8;
  }
  return 8;
}

static const char *form_name(enum tensor_form form) {
  static const char *const names[] = {
      [TENSOR_U8] = "uint8",    [TENSOR_I8] = "int8",     [TENSOR_U16] = "uint16",  [TENSOR_I16] = "int16",
      [TENSOR_U32] = "uint32",  [TENSOR_I32] = "int32",   [TENSOR_U64] = "uint64",  [TENSOR_I64] = "int64",
      [TENSOR_F32] = "float32", [TENSOR_F64] = "float64", [TENSOR_F16] = "float16", [TENSOR_BF16] = "bfloat16"};
  return names[form];
}

/* A .npy file says what it holds; any other file holds numbers of the type that the job names, little endian. */
static enum training_status tokens_of(const struct data_spec *spec, const struct data_part *p, struct tokens *out,
                                      struct why *why) {
  if (p->file.length < 6 || memcmp(p->file.bytes, "\x93NUMPY", 6) != 0) {
    if (!spec->has_dtype) {
      why_set(why, "not a .npy file, so the job must say of which type its numbers are, as dtype: uint16");
      return TRAINING_ERR_INPUT;
    }
    *out = (struct tokens){spec->dtype, p->file.length / width_of(spec->dtype), p->file.bytes};
    if (p->file.length % width_of(spec->dtype) == 0) return TRAINING_OK;
    why_set(why, "%zu bytes are no whole number of %s", p->file.length, form_name(spec->dtype));
    return TRAINING_ERR_INPUT;
  }
  struct tensor_source s;
  enum training_status status = npy_parse(p->file.bytes, p->file.length, &s, why);
  if (status == TRAINING_OK) status = tensor_filled(&s, why);
  if (status != TRAINING_OK) return status;
  *out = (struct tokens){s.form, s.elements, s.at};
  bool good = s.form == TENSOR_U8 || s.form == TENSOR_U16 || s.form == TENSOR_U32 || s.form == TENSOR_I32 ||
              s.form == TENSOR_I64 || s.form == TENSOR_U64;
  if (s.rank != 1)
    why_set(why, "rank %" PRIu32 "; tokens are one long array: np.save(f, x.reshape(-1))", s.rank);
  else if (!good || s.big_endian)
    why_set(why, "tokens of type %s%s; np.save(f, x.astype('<u2')) (or '<u4') saves them as they are read here",
            form_name(s.form), s.big_endian ? " in big endian" : "");
  else if (spec->has_dtype && spec->dtype != s.form)
    why_set(why, "the job says dtype %s, the file holds %s", form_name(spec->dtype), form_name(s.form));
  else
    return TRAINING_OK;
  return TRAINING_ERR_INPUT;
}

/* The tokens that are used: floor(count * from) up to before floor(count * to), both in millionths. */
static enum training_status cut(const struct data_spec *spec, struct tokens *t, struct why *why) {
  if (t->count > INT64_MAX / 1000000) t->count = INT64_MAX / 1000000; /* refused below */
  uint64_t first = t->count * spec->range[0] / 1000000, end = t->count * spec->range[1] / 1000000;
  uint64_t all = t->count;
  t->count = end - first;
  t->at += first * width_of(t->form);
  if (t->count > INT32_MAX) {
    why_set(why, "%" PRIu64 " tokens; a text has fewer than 2^31 here: use a part of it, as range: [0, 0.5]", t->count);
    return TRAINING_ERR_INPUT;
  }
  if (t->count > spec->context) return TRAINING_OK;
  why_set(why, "%" PRIu64 " of its %" PRIu64 " tokens are used, and one window takes %" PRIu32 " and one more",
          t->count, all, spec->context);
  return TRAINING_ERR_INPUT;
}

/* What can be read where it lies is; a token beyond 31 bits is none. */
static enum training_status settle(const struct tokens *t, struct data_part *p, struct why *why) {
  struct tensor_source s = {.form = t->form, .rank = 1, .dim = {(uint32_t)t->count}, .elements = t->count, .at = t->at};
  if (t->form == TENSOR_U16) { /* two bytes, put together on the tape */
    s = (struct tensor_source){
        .form = TENSOR_U8, .rank = 2, .dim = {(uint32_t)t->count, 2}, .elements = 2 * t->count, .at = t->at};
    return part_settle(p, &s, why);
  }
  if (t->form == TENSOR_U32) {
    for (uint64_t i = 0; i < t->count; i++)
      if (t->at[4 * i + 3] & 0x80) {
        why_set(why, "token %" PRIu64 " is 2^31 or more", i);
        return TRAINING_ERR_INPUT;
      }
    s.form = TENSOR_I32;
  }
  return part_settle(p, &s, why);
}

static enum training_status read_tokens(const struct data_spec *spec, struct data_part *p, struct data_set *out,
                                        struct why *why) {
  struct tokens t = {TENSOR_U8, p->file.length, p->file.bytes};
  enum training_status status = spec->format == DATA_TEXT ? TRAINING_OK : tokens_of(spec, p, &t, why);
  if (status == TRAINING_OK) status = cut(spec, &t, why);
  if (status == TRAINING_OK) status = settle(&t, p, why);
  if (status != TRAINING_OK) {
    why_before(why, "%s: ", p->path);
    return status;
  }
  out->text = (struct sample_text){
      .tokens = (uint32_t)t.count, .context = spec->context, .stride = spec->stride, .pairs = t.form == TENSOR_U16};
  out->samples = (out->text.tokens - 1 - spec->context) / spec->stride + 1;
  if (p->converted && t.form != TENSOR_I32)
    snprintf(out->note, sizeof out->note, "%.180s: tokens of %s, converted to int32", p->path, form_name(t.form));
  if (p->converted) file_unmap(&p->file);
  return TRAINING_OK;
}

enum training_status text_open(const struct data_spec *spec, const char *folder, struct data_set *out,
                               struct why *why) {
  struct data_part *p = &out->input[0];
  if (!file_join(p->path, folder, spec->file)) {
    why_set(why, "line %" PRIu32 ": a data path is longer than %d bytes", spec->line, FILE_PATH_MAX);
    return TRAINING_ERR_INPUT;
  }
  out->inputs_count = 1;
  out->scale = 1;
  enum training_status status = file_map(p->path, data_file_bytes_max, &p->file, why);
  if (status == TRAINING_OK) status = read_tokens(spec, p, out, why);
  if (status != TRAINING_OK) data_shut(out);
  return status;
}
