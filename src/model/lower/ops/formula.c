#include "model/lower/ops/formula.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 24, WORD_MAX = 16 };

struct reader {
  struct build *b;
  const char *at;
  bool literals; /* this pass makes literals only */
  uint32_t names;
  struct formula_name name[NAMES_MAX];
  char own[NAMES_MAX][WORD_MAX];
};

static void skip(struct reader *r) {
  while (*r->at == ' ') r->at++;
}

static bool eat(struct reader *r, char c) {
  skip(r);
  if (*r->at != c) return false;
  r->at++;
  return true;
}

static void word_of(struct reader *r, char word[WORD_MAX]) {
  uint32_t n = 0;
  skip(r);
  for (; isalnum((unsigned char)*r->at) || *r->at == '_'; r->at++) {
    assert(n + 1 < WORD_MAX);
    word[n++] = *r->at;
  }
  assert(n);
  word[n] = 0;
}

static uint8_t code_of(const char *word) {
  for (uint32_t code = 0; code < 128; code++) {
    const struct canon_op *op = canon_op((uint8_t)code);
    if (op && strcmp(op->name, word) == 0) return (uint8_t)code;
  }
  assert(!"an operation of the canon");
  return 0;
}

static const struct formula_name *name_of(const struct reader *r, const char *word) {
  for (uint32_t n = r->names; n-- > 0;)
    if (strcmp(r->name[n].name, word) == 0) return &r->name[n];
  return NULL;
}

static uint8_t number(struct reader *r, char type) {
  char *end;
  uint8_t reg;
  if (type == 'i') {
    long long x = strtoll(r->at, &end, 0);
    assert(end != r->at && x >= INT32_MIN && x <= UINT32_MAX);
    reg = build_i32(r->b, (int32_t)(uint32_t)(uint64_t)x);
  } else {
    float x = strtof(r->at, &end);
    assert(end != r->at);
    reg = build_f32(r->b, x);
  }
  r->at = end;
  return reg;
}

static uint8_t term(struct reader *r, char type) {
  char word[WORD_MAX];
  uint8_t argument[3] = {0};
  skip(r);
  bool constant = strncmp(r->at, "inf", 3) == 0 || strncmp(r->at, "nan", 3) == 0;
  if (constant || *r->at == '-' || isdigit((unsigned char)*r->at)) return number(r, type);
  word_of(r, word);
  if (!eat(r, '(')) {
    const struct formula_name *n = name_of(r, word);
    assert(n);
    return n->number ? build_f32(r->b, n->f32) : n->reg;
  }
  uint8_t code = code_of(word);
  const struct canon_op *op = canon_op(code);
  for (uint8_t a = 0; a < op->arity; a++) {
    argument[a] = term(r, op->argument[a] == 't' ? type : op->argument[a]);
    bool closed = eat(r, a + 1 < op->arity ? ',' : ')');
    assert(closed);
    (void)closed;
  }
  if (!op->arity) eat(r, ')');
  return r->literals ? 0 : build_op(r->b, code, argument[0], argument[1], argument[2]);
}

static uint8_t parts(struct reader *r, const char *text, char type) {
  for (r->at = text;;) {
    const char *start = r->at;
    char word[WORD_MAX];
    skip(r);
    bool named = false;
    if (isalpha((unsigned char)*r->at)) {
      word_of(r, word);
      named = eat(r, '=');
    }
    if (!named) r->at = start;
    uint8_t reg = term(r, named ? 'f' : type);
    if (!named) {
      skip(r);
      assert(!*r->at);
      return reg;
    }
    bool more = eat(r, ';');
    assert(more && r->names < NAMES_MAX);
    (void)more;
    strcpy(r->own[r->names], word);
    r->name[r->names] = formula_register(r->own[r->names], reg);
    r->names++;
  }
}

uint8_t formula(struct build *b, const char *text, const struct formula_name *names, uint32_t count) {
  struct reader r = {.b = b, .names = count};
  char type = b->r.dtype == TAPE_F32 ? 'f' : 'i';
  assert(count <= 16);
  if (count) memcpy(r.name, names, count * sizeof *names);
  r.literals = true;
  parts(&r, text, type);
  r.names = count;
  r.literals = false;
  return parts(&r, text, type);
}

uint8_t formula_of_x(struct build *b, const char *text, uint8_t x) {
  struct formula_name name = formula_register("x", x);
  return formula(b, text, &name, 1);
}

uint8_t formula_of_xy(struct build *b, const char *text, uint8_t x, uint8_t y) {
  struct formula_name name[] = {formula_register("x", x), formula_register("y", y)};
  return formula(b, text, name, 2);
}

void formula_use_dxy(struct build *b, struct value *d, struct value *x, struct value *y, struct formula_name *name) {
  uint8_t reg = build_use(b, d);
  name[0] = formula_register("d", reg);
  reg = build_use(b, x);
  name[1] = formula_register("x", reg);
  reg = build_use(b, y);
  name[2] = formula_register("y", reg);
}
