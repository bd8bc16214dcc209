/* NumPy's .npy: magic "\x93NUMPY", version, header length, a Python dict literal, padding, elements. NEP 1; the
 * numpy.lib.format documentation. The dict is read as its own small grammar: exactly the three keys, each once. */
#include "base/bytes.h"
#include "base/checked.h"
#include "training/data/tensor.h"
#include <inttypes.h>
#include <stdio.h>

enum { NPY_HEADER_MAX = 65535 };

struct npy_dict {
  char descr[16];
  bool fortran, has_descr, has_order, has_shape;
  uint32_t rank;
  uint64_t dim[TENSOR_RANK_MAX];
};

static void skip_space(struct reader *r) {
  while (bytes_left(r) && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t')) r->at++;
}

static bool take_char(struct reader *r, char c) {
  skip_space(r);
  if (!bytes_left(r) || *r->at != (uint8_t)c) return false;
  r->at++;
  return true;
}

static bool take_word(struct reader *r, const char *word) {
  size_t n = strlen(word);
  skip_space(r);
  if (bytes_left(r) < n || memcmp(r->at, word, n) != 0) return false;
  r->at += n;
  return true;
}

static bool take_quoted(struct reader *r, char *text, size_t text_max) {
  skip_space(r);
  if (!bytes_left(r) || (*r->at != '\'' && *r->at != '"')) return false;
  uint8_t quote = *r->at++;
  size_t n = 0;
  while (bytes_left(r) && *r->at != quote) {
    if (*r->at < 0x20 || *r->at > 0x7e || *r->at == '\\' || n + 1 >= text_max) return false;
    text[n++] = (char)*r->at++;
  }
  text[n] = 0;
  return take_char(r, (char)quote);
}

static bool take_number(struct reader *r, uint64_t *out) {
  uint64_t x = 0;
  skip_space(r);
  const uint8_t *start = r->at;
  while (bytes_left(r) && *r->at >= '0' && *r->at <= '9') {
    if (!checked_mul_u64(x, 10, &x) || !checked_add_u64(x, *r->at - '0', &x)) return false;
    r->at++;
  }
  *out = x;
  return r->at != start;
}

/* "(60000, 28, 28)", "(5,)" or "()". */
static bool take_shape(struct reader *r, struct npy_dict *d, struct why *why) {
  if (!take_char(r, '(')) return false;
  while (!take_char(r, ')')) {
    if (d->rank == TENSOR_RANK_MAX) {
      why_set(why, "more than %d dims", TENSOR_RANK_MAX);
      return false;
    }
    if (!take_number(r, &d->dim[d->rank])) return false;
    d->rank++;
    if (take_char(r, ',')) continue;
    return d->rank > 1 && take_char(r, ')'); /* "(5)" is no tuple */
  }
  return true;
}

static bool take_entry(struct reader *r, struct npy_dict *d, struct why *why) {
  char key[24];
  if (!take_quoted(r, key, sizeof key) || !take_char(r, ':')) return false;
  if (strcmp(key, "descr") == 0 && !d->has_descr) {
    d->has_descr = true;
    skip_space(r);
    if (bytes_left(r) && *r->at == '[') {
      why_set(why, "a structured array; save its columns as one plain array: np.save(f, np.stack([...], axis=1))");
      return false;
    }
    return take_quoted(r, d->descr, sizeof d->descr);
  }
  if (strcmp(key, "fortran_order") == 0 && !d->has_order) {
    d->has_order = true;
    d->fortran = take_word(r, "True");
    return d->fortran || take_word(r, "False");
  }
  if (strcmp(key, "shape") == 0 && !d->has_shape) {
    d->has_shape = true;
    return take_shape(r, d, why);
  }
  why_set(why, "header key '%s' is unknown or given twice", key);
  return false;
}

static bool npy_dict_read(struct reader *r, struct npy_dict *d, struct why *why) {
  if (!take_char(r, '{')) return false;
  while (!take_char(r, '}')) {
    if (!take_entry(r, d, why)) return false;
    if (take_char(r, ',')) continue;
    if (!take_char(r, '}')) return false;
    break;
  }
  skip_space(r);
  return bytes_done(r) && d->has_descr && d->has_order && d->has_shape;
}

static bool npy_form(const char *descr, enum tensor_form *form, uint32_t *width, bool *big) {
  static const struct {
    const char *code;
    enum tensor_form form;
    uint32_t width;
  } forms[] = {{"u1", TENSOR_U8, 1},  {"i1", TENSOR_I8, 1},  {"b1", TENSOR_U8, 1},  {"i4", TENSOR_I32, 4},
               {"i8", TENSOR_I64, 8}, {"f4", TENSOR_F32, 4}, {"f8", TENSOR_F64, 8}, {"u2", TENSOR_U16, 2},
               {"i2", TENSOR_I16, 2}, {"u4", TENSOR_U32, 4}, {"u8", TENSOR_U64, 8}, {"f2", TENSOR_F16, 2}};
  char order = descr[0];
  if (order != '|' && order != '<' && order != '>') return false;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (strcmp(descr + 1, forms[i].code) == 0) {
      *form = forms[i].form;
      *width = forms[i].width;
      *big = order == '>' && forms[i].width > 1;
      return order != '|' || forms[i].width == 1;
    }
  return false;
}

static enum training_status npy_sizes(const struct npy_dict *d, struct tensor_source *s, struct why *why) {
  s->elements = 1;
  s->rank = d->rank;
  for (uint32_t i = 0; i < d->rank; i++) {
    if (d->dim[i] > INT32_MAX || !checked_mul_u64(s->elements, d->dim[i], &s->elements) || s->elements > UINT32_MAX) {
      why_set(why, "dim %" PRIu32 " is %" PRIu64 "; an array has fewer than 2^32 elements here", i, d->dim[i]);
      return TRAINING_ERR_INPUT;
    }
    s->dim[i] = (uint32_t)d->dim[i];
  }
  return TRAINING_OK;
}

enum training_status npy_parse(const uint8_t *bytes, size_t length, struct tensor_source *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  const uint8_t *magic = take_bytes(&r, 6);
  uint8_t major = take_u8(&r), minor = take_u8(&r);
  if (!magic || memcmp(magic, "\x93NUMPY", 6) != 0) {
    why_set(why, "not a .npy file (np.save writes one; a .npz archive is 'format: npz')");
    return TRAINING_ERR_INPUT;
  }
  if (major < 1 || major > 3 || minor != 0) {
    why_set(why, ".npy version %u.%u; versions 1 to 3 are read here", major, minor);
    return TRAINING_ERR_INPUT;
  }
  uint64_t header_length = major == 1 ? take_u16(&r) : take_u32(&r);
  const uint8_t *header = header_length <= NPY_HEADER_MAX ? take_bytes(&r, header_length) : NULL;
  if (!header) {
    why_set(why, "the .npy header is cut short or longer than %d bytes", NPY_HEADER_MAX);
    return TRAINING_ERR_INPUT;
  }
  struct reader text = reader_over(header, header_length);
  struct npy_dict d = {0};
  struct why reason = {""};
  if (!npy_dict_read(&text, &d, &reason)) {
    why_set(why, "the .npy header is not what NumPy writes%s%s", reason.text[0] ? ": " : "", reason.text);
    return TRAINING_ERR_INPUT;
  }
  struct tensor_source s = {0};
  uint32_t width;
  if (!npy_form(d.descr, &s.form, &width, &s.big_endian)) {
    why_set(why,
            "element type '%s' is not read here; b1, i1 to i8, u1 to u8, f2, f4 and f8 are: "
            "np.save(f, x.astype(np.float32)), np.int64 for classes",
            d.descr);
    return TRAINING_ERR_INPUT;
  }
  if (d.fortran && d.rank > 1) {
    why_set(why, "the array is in Fortran order; save it as np.save(f, np.ascontiguousarray(x))");
    return TRAINING_ERR_INPUT;
  }
  enum training_status status = npy_sizes(&d, &s, why);
  if (status != TRAINING_OK) return status;
  if (bytes_left(&r) != s.elements * width) {
    why_set(why, "the .npy header announces %" PRIu64 " bytes of elements, the file has %zu: it is %s",
            s.elements * width, bytes_left(&r),
            bytes_left(&r) < s.elements * width ? "cut short" : "longer than it says");
    return TRAINING_ERR_INPUT;
  }
  s.at = r.at;
  *out = s;
  return TRAINING_OK;
}

size_t npy_header(uint8_t dtype, uint32_t rank, const uint32_t *dim, uint8_t *bytes, size_t bytes_max) {
  return npy_header_of(dtype == TAPE_F32 ? "<f4" : dtype == TAPE_I32 ? "<i4" : "|u1", rank, dim, bytes, bytes_max);
}

size_t npy_header_of(const char *descr, uint32_t rank, const uint32_t *dim, uint8_t *bytes, size_t bytes_max) {
  char text[256];
  int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (uint32_t d = 0; d < rank; d++)
    n += snprintf(text + n, sizeof text - (size_t)n, d + 1 < rank ? "%" PRIu32 ", " : "%" PRIu32, dim[d]);
  n += snprintf(text + n, sizeof text - (size_t)n, rank == 1 ? ",), }" : "), }");
  size_t total = (10 + (size_t)n + 1 + 63) / 64 * 64;
  if (total > bytes_max) return 0;
  struct writer w = writer_over(bytes, bytes_max);
  put_bytes(&w, "\x93NUMPY\x01\x00", 8);
  put_u16(&w, (uint16_t)(total - 10));
  put_bytes(&w, text, (size_t)n);
  while (bytes_written(&w) + 1 < total) put_u8(&w, ' ');
  put_u8(&w, '\n');
  return total;
}
