#include "cli/profile.h"
#include "cli/output.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_SHOWN = 24 };

/* Records first .. last, or all of an operator's part. */
struct line {
  uint32_t first, last;
  const struct lower_origin *origin;
  double seconds, dot_seconds, other_seconds; /* of lines with a dot, and without */
  double flops, ops, bytes,
      other_bytes; /* flops: of dots; ops: of all bodies too; other_bytes: of lines without a dot */
};

/* Which record makes a value. */
struct maker {
  uint8_t space;
  uint64_t leaf;
  uint32_t record;
};

struct profile {
  const struct profiled *p;
  struct line *line, *by_operator;
  uint32_t lines, operators;
  struct maker *maker; /* one a record, by space and leaf */
  uint32_t *line_of;   /* one a record */
  bool *read_outside;  /* of its line; one a record */
};

static int maker_order(const void *a, const void *b) {
  const struct maker *x = a, *y = b;
  if (x->space != y->space) return x->space < y->space ? -1 : 1;
  return (x->leaf > y->leaf) - (x->leaf < y->leaf);
}

/* The record that makes what an operand reads, UINT32_MAX: none of this tape. */
static uint32_t maker_of(const struct profile *f, const struct tape_operand *o) {
  struct maker wanted = {.space = o->space, .leaf = o->first_leaf};
  if (o->space != TAPE_TEMP && o->space != TAPE_OUT) return UINT32_MAX;
  const struct maker *found = bsearch(&wanted, f->maker, f->p->tape->records_count, sizeof *f->maker, maker_order);
  return found ? found->record : UINT32_MAX;
}

/* What a record reads of an operand: the whole tensor, but of one much larger than the record has use for, as of the
 * data that a batch is gathered from, no more than an element each time. */
static double operand_bytes(const struct tape_record *r, const struct tape_operand *o) {
  double elements = 1, uses = (double)record_elements(r) * record_k(r);
  for (uint8_t i = 0; i < o->axes; i++) elements *= o->axis[i].extent;
  return (elements < uses ? elements : uses) * tape_dtype_bytes(o->dtype);
}

static bool same_value(const struct tape_operand *a, const struct tape_operand *b) {
  return a->space == b->space && a->first_leaf == b->first_leaf &&
         (a->space != TAPE_DATA || a->data_number == b->data_number);
}

/* Was the operand counted already, at an earlier place of the same line? */
static bool seen(const struct profile *f, const struct line *l, uint32_t record, uint8_t operand) {
  const struct tape_record *r = &f->p->tape->record[record];
  for (uint32_t n = l->first; n <= record; n++) {
    const struct tape_record *s = &f->p->tape->record[n];
    uint8_t end = n < record ? s->operands : operand;
    for (uint8_t i = 0; i < end; i++)
      if (same_value(&s->operand[i], &r->operand[operand])) return true;
  }
  return false;
}

static void count_work(struct profile *f, struct line *l) {
  for (uint32_t n = l->first; n <= l->last; n++) {
    const struct tape_record *r = &f->p->tape->record[n];
    double terms = (double)record_elements(r) * record_k(r);
    if (r->op == TAPE_DOT) l->flops += 2 * terms;
    l->ops += r->op == TAPE_DOT ? 2 * terms : (r->body_ops + (r->op == TAPE_FOLD)) * terms;
    if (r->space == TAPE_OUT || f->read_outside[n]) l->bytes += (double)record_elements(r) * tape_dtype_bytes(r->dtype);
    for (uint8_t i = 0; i < r->operands; i++) {
      uint32_t maker = maker_of(f, &r->operand[i]);
      bool inside = maker >= l->first && maker <= l->last;
      if (!inside && !seen(f, l, n, i)) l->bytes += operand_bytes(r, &r->operand[i]);
    }
  }
  *(l->flops > 0 ? &l->dot_seconds : &l->other_seconds) = l->seconds;
  l->other_bytes = l->flops > 0 ? 0 : l->bytes;
}

/* Lines in the tape's order. */
static void make_lines(struct profile *f) {
  const struct profiled *p = f->p;
  uint32_t first = 0, records = p->tape->records_count;
  for (uint32_t n = 0; n < records; n++) {
    f->maker[n] = (struct maker){p->tape->record[n].space, p->tape->record[n].first_leaf, n};
    f->line_of[n] = f->lines;
    if (p->record_seconds[n] <= 0) continue;
    f->line[f->lines++] = (struct line){first, n, &p->origin[n], p->record_seconds[n], 0, 0, 0, 0, 0, 0};
    first = n + 1;
  }
  qsort(f->maker, records, sizeof *f->maker, maker_order);
  for (uint32_t n = 0; n < records; n++)
    for (uint8_t i = 0; i < p->tape->record[n].operands; i++) {
      uint32_t maker = maker_of(f, &p->tape->record[n].operand[i]);
      if (maker != UINT32_MAX && f->line_of[maker] != f->line_of[n]) f->read_outside[maker] = true;
    }
  for (uint32_t i = 0; i < f->lines; i++) count_work(f, &f->line[i]);
}

static const char *text_of(const char *s) { return s ? s : ""; }

static bool same_operator(const struct lower_origin *a, const struct lower_origin *b) {
  return strcmp(text_of(a->op), text_of(b->op)) == 0 && strcmp(text_of(a->part), text_of(b->part)) == 0;
}

static void sum_operators(struct profile *f) {
  for (uint32_t i = 0; i < f->lines; i++) {
    const struct line *l = &f->line[i];
    uint32_t n = 0;
    while (n < f->operators && !same_operator(f->by_operator[n].origin, l->origin)) n++;
    if (n == f->operators) f->by_operator[f->operators++] = (struct line){.origin = l->origin};
    struct line *sum = &f->by_operator[n];
    sum->last++; /* counts lines */
    sum->seconds += l->seconds;
    sum->dot_seconds += l->dot_seconds;
    sum->other_seconds += l->other_seconds;
    sum->flops += l->flops;
    sum->ops += l->ops;
    sum->bytes += l->bytes;
    sum->other_bytes += l->other_bytes;
  }
}

static int dearest_first(const void *a, const void *b) {
  const struct line *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
  return (x->first > y->first) - (x->first < y->first);
}

/* Work a second, from the flops or bytes of one step and the seconds of all. */
static double rate(const struct profiled *p, double work, double seconds) {
  return seconds > 0 ? work * p->steps / seconds * 1e-9 : 0;
}

static json_t *rate_or_null(const struct profiled *p, double work, double seconds) {
  return work > 0 && seconds > 0 ? json_real(rate(p, work, seconds)) : json_null();
}

static void tell_line(const struct profiled *p, const struct line *l, bool is_operator) {
  json_t *o =
      json_pack("{s:s, s:s, s:o, s:o, s:f, s:f, s:o, s:o, s:f, s:f, s:f}", "profile",
                is_operator ? "operator" : "records", "tape", p->name, "op", output_text(text_of(l->origin->op)),
                "part", output_text(text_of(l->origin->part)), "ms", l->seconds / p->steps * 1e3, "share",
                l->seconds / p->seconds, "gflops", rate_or_null(p, l->flops, l->dot_seconds), "gbytes_per_s",
                rate_or_null(p, l->other_bytes, l->other_seconds), "flop", l->flops, "ops", l->ops, "bytes", l->bytes);
  if (!is_operator && o) {
    json_object_set_new(o, "first", json_integer((json_int_t)l->first + 1));
    json_object_set_new(o, "last", json_integer((json_int_t)l->last + 1));
    json_object_set_new(o, "node", output_text(text_of(l->origin->node)));
  }
  output_json(o);
}

static void print_rates(const struct profiled *p, const struct line *l) {
  char dots[16] = "", others[16] = "";
  if (l->flops > 0) snprintf(dots, sizeof dots, "%.1f", rate(p, l->flops, l->dot_seconds));
  if (l->bytes > 0 && l->other_seconds > 0)
    snprintf(others, sizeof others, "%.1f", rate(p, l->bytes, l->other_seconds));
  printf("%10.3f %6.1f %% %8s %7s  ", l->seconds / p->steps * 1e3, 100 * l->seconds / p->seconds, dots, others);
}

static void print_rest(const struct profiled *p, const struct line *line, uint32_t from, uint32_t to) {
  double seconds = 0;
  for (uint32_t i = from; i < to; i++) seconds += line[i].seconds;
  if (to > from)
    printf("%10.3f %6.1f %% %8s %7s  %" PRIu32 " more\n", seconds / p->steps * 1e3, 100 * seconds / p->seconds, "", "",
           to - from);
}

static void print_lines(const struct profile *f) {
  const struct profiled *p = f->p;
  uint32_t shown = f->lines < LINES_SHOWN ? f->lines : LINES_SHOWN;
  printf("%10s %8s %8s %7s  %-11s %s\n", "ms a step", "share", "GFLOP/s", "GB/s", "records", "operator, node, part");
  for (uint32_t i = 0; i < shown; i++) {
    const struct line *l = &f->line[i];
    char records[32];
    snprintf(records, sizeof records, l->first == l->last ? "%" PRIu32 : "%" PRIu32 "-%" PRIu32, l->first + 1,
             l->last + 1);
    print_rates(p, l);
    printf("%-11s %s%s", records, text_of(l->origin->op), *text_of(l->origin->node) ? " " : "");
    output_name(text_of(l->origin->node));
    printf(", %s\n", text_of(l->origin->part));
  }
  print_rest(p, f->line, shown, f->lines);
}

static void print_operators(const struct profile *f) {
  printf("\n%10s %8s %8s %7s  %-11s %s\n", "ms a step", "share", "GFLOP/s", "GB/s", "lines", "operator, part");
  for (uint32_t i = 0; i < f->operators; i++) {
    const struct line *l = &f->by_operator[i];
    print_rates(f->p, l);
    printf("%-11" PRIu32 " %s, %s\n", l->last, text_of(l->origin->op), text_of(l->origin->part));
  }
}

static void print_all(const struct profile *f, bool json) {
  const struct profiled *p = f->p;
  double booked = 0;
  for (uint32_t i = 0; i < f->lines; i++) booked += f->line[i].seconds;
  double rest = p->seconds > booked ? p->seconds - booked : 0;
  if (json) {
    for (uint32_t i = 0; i < f->lines; i++) tell_line(p, &f->line[i], false);
    for (uint32_t i = 0; i < f->operators; i++) tell_line(p, &f->by_operator[i], true);
    output_json(json_pack("{s:s, s:s, s:I, s:f, s:f}", "profile", "tape", "tape", p->name, "steps",
                          (json_int_t)p->steps, "ms", p->seconds / p->steps * 1e3, "between_ms",
                          rest / p->steps * 1e3));
    return;
  }
  printf("profile     of the tape %s: %" PRIu32 " step%s of %.3f ms, %.1f %% of it between the records\n\n", p->name,
         p->steps, p->steps == 1 ? "" : "s", p->seconds / p->steps * 1e3, 100 * rest / p->seconds);
  print_lines(f);
  print_operators(f);
  putchar('\n');
}

bool profile_print(const struct profiled *p, bool json) {
  uint32_t records = p->tape->records_count;
  struct profile f = {.p = p,
                      .line = calloc(records, sizeof *f.line),
                      .by_operator = calloc(records, sizeof *f.by_operator),
                      .maker = calloc(records, sizeof *f.maker),
                      .line_of = calloc(records, sizeof *f.line_of),
                      .read_outside = calloc(records, sizeof *f.read_outside)};
  bool memory = f.line && f.by_operator && f.maker && f.line_of && f.read_outside;
  if (memory) {
    make_lines(&f);
    sum_operators(&f);
    qsort(f.line, f.lines, sizeof *f.line, dearest_first);
    qsort(f.by_operator, f.operators, sizeof *f.by_operator, dearest_first);
    print_all(&f, json);
  }
  free(f.line);
  free(f.by_operator);
  free(f.maker);
  free(f.line_of);
  free(f.read_outside);
  return memory;
}
