#include "numeric/agreement/agreement.h"

#include <string.h>

#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"

enum { WORDS_MAX = 6, NAME_MAX = 8, REDUCTION_COUNT_MAX = 1 << 20 };

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* Reads one hexadecimal word of 8 or 16 digits after one space; false if there is none. */
static bool take_word(const char **text, uint64_t *word) {
  const char *p = *text;
  if (*p++ != ' ') return false;
  *word = 0;
  int digits = 0;
  for (; digits < 17 && digit(*p) >= 0; p++, digits++) *word = *word << 4 | (uint64_t)digit(*p);
  if (digits != 8 && digits != 16) return false;
  *text = p;
  return true;
}

static bool find_code(const char *name, size_t length, uint8_t *code) {
  for (int c = 0; c <= CANON_PERM; c++) {
    const struct canon_op *op = canon_op((uint8_t)c);
    if (op && strlen(op->name) == length && memcmp(op->name, name, length) == 0) {
      *code = (uint8_t)c;
      return true;
    }
  }
  return false;
}

static enum vector_verdict check_reduction(uint32_t which, const char *text) {
  uint64_t count, seed, result;
  if (!take_word(&text, &count) || !take_word(&text, &seed) || !take_word(&text, &result) || *text != '\0' ||
      count < 1 || count > REDUCTION_COUNT_MAX || result > UINT32_MAX)
    return VECTOR_MALFORMED;
  if (reduction_word(which, (uint32_t)count, seed, soft_apply) != result) return VECTOR_SOFT_DIFFERS;
  if (reduction_word(which, (uint32_t)count, seed, reference_apply) != result) return VECTOR_REFERENCE_DIFFERS;
  return VECTOR_HOLDS;
}

enum vector_verdict vector_line(const char *text) {
  if (*text == '\0' || *text == '#') return VECTOR_COMMENT;
  size_t length = strcspn(text, " ");
  uint64_t word[WORDS_MAX];
  uint32_t count = 0;
  uint8_t code;
  for (uint32_t which = 0; which < REDUCTIONS_COUNT; which++)
    if (strlen(reduction_name(which)) == length && memcmp(reduction_name(which), text, length) == 0)
      return check_reduction(which, text + length);
  if (length > NAME_MAX || !find_code(text, length, &code)) return VECTOR_MALFORMED;
  text += length;
  while (count < WORDS_MAX && take_word(&text, &word[count])) count++;
  if (*text != '\0') return VECTOR_MALFORMED;

  uint32_t w[WORDS_MAX];
  for (uint32_t i = 0; i < count; i++) w[i] = (uint32_t)word[i];
  if (code == CANON_RAND) {
    if (count != 5) return VECTOR_MALFORMED;
    return random_word(w[0], w[1], w[2], word[3]) == w[4] ? VECTOR_HOLDS : VECTOR_SOFT_DIFFERS;
  }
  if (code == CANON_PERM) {
    if (count != 5) return VECTOR_MALFORMED;
    return (uint32_t)random_perm(w[0], (int32_t)w[1], (int32_t)w[2], word[3]) == w[4] ? VECTOR_HOLDS
                                                                                      : VECTOR_SOFT_DIFFERS;
  }
  uint32_t arity = canon_op(code)->arity;
  if (code > CANON_UNBITS || count != arity + 1) return VECTOR_MALFORMED;
  uint32_t b = arity > 1 ? w[1] : 0, c = arity > 2 ? w[2] : 0;
  if (soft_apply(code, w[0], b, c) != w[arity]) return VECTOR_SOFT_DIFFERS;
  if (reference_apply(code, w[0], b, c) != w[arity]) return VECTOR_REFERENCE_DIFFERS;
  return VECTOR_HOLDS;
}
