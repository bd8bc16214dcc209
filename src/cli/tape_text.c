#include "cli/tape_text.h"
#include "numeric/canon.h"
#include <inttypes.h>
#include <string.h>

static const char *const reducers[] = {"", " chain", " lanes", " fmin", " fmax", " isum", " imin", " imax"};
static const char *const ops[] = {"?", "map", "dot", "fold", "put"};

const char *tape_text_dtype(uint8_t dtype) {
  static const char *const names[] = {"f32", "i32", "u8"};
  return dtype < 3 ? names[dtype] : "?";
}

static void print_shape(FILE *out, const uint32_t *dim, uint32_t rank) {
  fputc('[', out);
  for (uint32_t d = 0; d < rank; d++) fprintf(out, d ? ", %" PRIu32 : "%" PRIu32, dim[d]);
  fputc(']', out);
}

static void print_coordinate(FILE *out, const struct tape_record *r, uint8_t dim) {
  if (dim < r->out_rank)
    fprintf(out, "i%d", dim);
  else
    fprintf(out, "k%d", dim - r->out_rank);
}

/* The temp record whose value starts at this leaf: values ascend with the records. */
static int64_t maker(const struct tape *t, uint64_t first_leaf) {
  for (uint32_t n = 0; n < t->records_count; n++)
    if (t->record[n].space == TAPE_TEMP && t->record[n].first_leaf == first_leaf) return n + 1;
  return -1;
}

static const struct layout_entry *state_entry(const struct layout *l, uint64_t first_leaf) {
  for (uint32_t n = 0; n < l->state_count; n++)
    if (l->entry[n].first_leaf == first_leaf) return &l->entry[n];
  return NULL;
}

static void print_place(FILE *out, uint8_t space, uint8_t data_number, uint64_t first_leaf) {
  static const char *const spaces[] = {"temp", "out", "in", "data"};
  fputs(space <= TAPE_DATA ? spaces[space] : "?", out);
  if (space == TAPE_DATA) fprintf(out, " number %d", data_number);
  if (space != TAPE_DATA || first_leaf) fprintf(out, " leaf %" PRIu64, first_leaf);
}

static void print_value(FILE *out, const struct tape *t, uint8_t space, uint8_t data_number, uint64_t first_leaf) {
  const struct layout_entry *e = NULL;
  if (!t) {
    print_place(out, space, data_number, first_leaf);
    return;
  }
  switch (space) {
  case TAPE_TEMP: fprintf(out, "%%%" PRId64, maker(t, first_leaf)); return;
  case TAPE_OUT:
  case TAPE_IN:
    e = state_entry(&t->layout, first_leaf);
    fprintf(out, "%s %s", space == TAPE_IN ? "in" : "out", e ? e->name : "?");
    return;
  case TAPE_DATA:
    e = layout_data(&t->layout, data_number);
    fprintf(out, "data %s", e ? e->name : "?");
    if (first_leaf) fprintf(out, " from leaf %" PRIu64, first_leaf);
    return;
  }
  fputc('?', out);
}

/* One axis of an index map: 2*i1 + k0 - 1, floor(i2 / 2), x0. */
static void print_axis(FILE *out, const struct tape_record *r, const struct tape_axis *a) {
  bool first = true, divided = a->div > 1;
  if (divided) fputs(a->mode == TAPE_FLOOR ? "floor((" : "exact((", out);
  for (uint32_t n = 0; n < a->terms; n++) {
    int64_t coef = a->term[n].coef;
    if (!first || coef < 0) fputs(first ? "-" : coef < 0 ? " - " : " + ", out);
    if (coef < 0) coef = -coef;
    if (coef != 1) fprintf(out, "%" PRId64 "*", coef);
    print_coordinate(out, r, a->term[n].dim);
    first = false;
  }
  if (a->indirect != TAPE_INDIRECT_NONE) {
    fprintf(out, first ? "x%d" : " + x%d", a->indirect);
    first = false;
  }
  if (first)
    fprintf(out, "%" PRId32, a->offset);
  else if (a->offset)
    fprintf(out, a->offset < 0 ? " - %" PRId64 : " + %" PRId64,
            a->offset < 0 ? -(int64_t)a->offset : (int64_t)a->offset);
  if (divided) fprintf(out, ") / %d)", a->div);
}

static void print_word(FILE *out, uint32_t word, bool is_i32) {
  float f;
  memcpy(&f, &word, sizeof f);
  if (is_i32)
    fprintf(out, "%" PRId32, (int32_t)word);
  else
    fprintf(out, "%.9g", (double)f);
}

static void print_register(FILE *out, const struct tape_record *r, uint8_t reg) {
  if (reg < TAPE_REGISTER_LITERAL)
    fprintf(out, "x%d", reg);
  else if (reg >= TAPE_REGISTER_BODY)
    fprintf(out, "r%d", reg - TAPE_REGISTER_BODY);
  else
    print_word(out, r->literal[reg - TAPE_REGISTER_LITERAL], r->literal_i32 >> (reg - TAPE_REGISTER_LITERAL) & 1);
}

static void print_operand(FILE *out, const struct tape *t, const struct tape_record *r, uint32_t o) {
  const struct tape_operand *p = &r->operand[o];
  uint32_t extent[TAPE_RANK_MAX];
  for (uint32_t d = 0; d < p->axes; d++) extent[d] = p->axis[d].extent;
  fprintf(out, "        x%" PRIu32 " = ", o);
  print_value(out, t, p->space, p->data_number, p->first_leaf);
  if (p->dtype != TAPE_F32) fprintf(out, " %s", tape_text_dtype(p->dtype));
  fputc(' ', out);
  print_shape(out, extent, p->axes);
  fputs(" (", out);
  for (uint32_t d = 0; d < p->axes; d++) {
    if (d) fputs(", ", out);
    print_axis(out, r, &p->axis[d]);
  }
  fputc(')', out);
  if (p->fill) {
    fputs(" fill ", out);
    print_word(out, p->fill, p->dtype != TAPE_F32);
  }
  fputc('\n', out);
}

static void print_body_op(FILE *out, const struct tape_record *r, uint32_t n) {
  const struct tape_body_op *b = &r->body[n];
  const struct canon_op *op = canon_op(b->code);
  fprintf(out, "        r%" PRIu32 " = %s", n, op ? op->name : "?");
  if (b->code == CANON_COORD) {
    fputc(' ', out);
    print_coordinate(out, r, b->a);
  } else if (op && op->arity) {
    const uint8_t reg[3] = {b->a, b->b, b->c};
    for (uint32_t a = 0; a < op->arity; a++) {
      fputs(a ? ", " : "(", out);
      print_register(out, r, reg[a]);
    }
    fputc(')', out);
  }
  fputc('\n', out);
}

/* t: NULL where the record stands alone. */
static void print_record(FILE *out, const struct tape *t, const struct tape_record *r, uint32_t index,
                         const char *remark) {
  fputs("  ", out);
  if (r->space == TAPE_TEMP)
    fprintf(out, "%%%" PRIu32, index + 1);
  else
    print_value(out, t, r->space, 0, r->first_leaf);
  fprintf(out, " = %s%s %s ", r->op <= TAPE_PUT ? ops[r->op] : "?", r->op == TAPE_FOLD ? reducers[r->reducer & 7] : "",
          tape_text_dtype(r->dtype));
  print_shape(out, r->dim, r->out_rank);
  if (r->k_rank) {
    fputs(" over k ", out);
    print_shape(out, r->dim + r->out_rank, r->k_rank);
  }
  if (r->space != TAPE_TEMP) fprintf(out, "   record %" PRIu32, index + 1);
  if (*remark) fprintf(out, "   ; %s", remark);
  fputc('\n', out);
  for (uint32_t o = 0; o < r->operands; o++) print_operand(out, t, r, o);
  for (uint32_t n = 0; n < r->body_ops; n++) print_body_op(out, r, n);
  if (r->body_ops == 0 && r->operands == 0 && r->literals) {
    fputs("        ", out);
    print_register(out, r, TAPE_REGISTER_LITERAL);
    fputc('\n', out);
  }
}

void tape_text_record(FILE *out, const struct tape *t, uint32_t index, const char *remark) {
  print_record(out, t, &t->record[index], index, remark);
}

void tape_text_lone(FILE *out, const struct tape_record *r, uint32_t index) { print_record(out, NULL, r, index, ""); }

void tape_text_layout(FILE *out, const struct layout *l) {
  for (uint32_t n = 0; n < (uint32_t)l->state_count + l->data_count; n++) {
    const struct layout_entry *e = &l->entry[n];
    if (n < l->state_count)
      fprintf(out, "  state  leaf %-6" PRIu64 " ", e->first_leaf);
    else
      fprintf(out, "  data   number %-4d ", e->number);
    fprintf(out, "%s ", tape_text_dtype(e->dtype));
    print_shape(out, e->dim, e->rank);
    fprintf(out, " %s\n", e->name);
  }
}
