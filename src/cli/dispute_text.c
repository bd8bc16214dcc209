#include "cli/dispute_text.h"
#include "base/hex.h"
#include "cli/tape_text.h"
#include "tape/element/element.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line that grows, and is cut where it is full. */
struct line {
  char text[DISPUTE_TEXT_MAX];
  size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(l->text + l->used, sizeof l->text - l->used, format, args);
  va_end(args);
  if (n > 0) l->used += (size_t)n;
  if (l->used >= sizeof l->text) l->used = sizeof l->text - 1;
}

const char *dispute_text_side(uint8_t seat) { return seat == DISPUTE_CLAIMANT ? "claimant" : "challenger"; }

const char *dispute_text_opcode(uint8_t op) {
  static const char *const names[] = {"?", "map", "dot", "fold", "put"};
  return op <= TAPE_PUT ? names[op] : "?";
}

/* Names. */

static const struct layout_entry *entry_at(const struct prepared *p, uint64_t leaf) {
  const struct layout *l = &p->lowered.layout;
  for (uint32_t n = 0; n < l->state_count; n++)
    if (leaf >= l->entry[n].first_leaf && leaf - l->entry[n].first_leaf < layout_entry_leaves(&l->entry[n]))
      return &l->entry[n];
  return NULL;
}

static uint8_t tape_of(const struct dispute_text *t, const struct dispute *d) {
  return t->frame->step_tape[d->j ? d->j - 1 : 0];
}

/* Number from 1 of the record whose value has a leaf; 0: not known. */
static uint32_t record_at(const struct dispute_text *t, const struct dispute *d, uint8_t space, uint64_t leaf) {
  if (!t->p) return 0;
  const struct tape *tape = &t->p->lowered.tape[tape_of(t, d)];
  for (uint32_t n = 0; n < tape->records_count; n++) {
    const struct tape_record *r = &tape->record[n];
    if (r->space == space && leaf >= r->first_leaf && leaf - r->first_leaf < record_leaves(r)) return n + 1;
  }
  return 0;
}

/* The parameter whose update reads this value of the backward pass as it is: then the value is its gradient. */
static const char *gradient_of(const struct prepared *p, uint32_t tape, const struct tape_record *value) {
  const struct lowered *l = &p->lowered;
  for (uint32_t n = 0; n < l->tape[tape].records_count; n++) {
    const struct tape_record *r = &l->tape[tape].record[n];
    if (r->space != TAPE_OUT || record_elements(r) != record_elements(value)) continue;
    bool reads = false;
    for (uint32_t o = 0; o < r->operands; o++)
      reads = reads || (r->operand[o].space == TAPE_TEMP && r->operand[o].first_leaf == value->first_leaf);
    for (uint32_t i = 0; reads && i < l->parameters_count; i++)
      if (l->layout.entry[l->parameter[i].entry].first_leaf == r->first_leaf) return l->parameter[i].onnx_name;
  }
  return NULL;
}

static const struct lower_origin *origin_of(const struct dispute_text *t, const struct dispute *d, uint32_t record) {
  return t->p && record ? &t->p->lowered.origin[tape_of(t, d)][record - 1] : NULL;
}

static void put_origin(struct line *l, const struct lower_origin *o) {
  put(l, "%s%s%s, %s", o->op, *o->node ? " " : "", o->node, o->part);
}

/* What the value of a record is called: the state's tensor, the gradient of one, or node and part. "" without names. */
static void put_tensor(struct line *l, const struct dispute_text *t, const struct dispute *d, uint32_t record) {
  const struct lower_origin *o = origin_of(t, d, record);
  if (!o) return;
  const struct tape_record *r = &t->p->lowered.tape[tape_of(t, d)].record[record - 1];
  const struct layout_entry *e = r->space == TAPE_OUT ? entry_at(t->p, r->first_leaf) : NULL;
  const char *parameter = !e && strcmp(o->part, "backward") == 0 ? gradient_of(t->p, tape_of(t, d), r) : NULL;
  if (e)
    put(l, "%s", e->name);
  else if (parameter)
    put(l, "gradient of %s", parameter);
  else
    put(l, "%s %s", *o->node ? o->node : o->op, o->part);
}

static const char *space_words(uint8_t space) {
  switch ((enum tape_space)space) {
  case TAPE_TEMP: return "the step's values";
  case TAPE_OUT: return "the state after it";
  case TAPE_IN: return "the state before it";
  case TAPE_DATA: return "the data";
  }
  return "";
}

static void put_operand_place(struct line *l, const struct dispute_text *t, const struct dispute *d,
                              const struct referee_operand *o) {
  const struct layout_entry *e = NULL;
  put(l, "element %" PRIu64 " of ", o->index);
  if (t->p && o->space == TAPE_IN) e = entry_at(t->p, o->leaf);
  if (t->p && o->space == TAPE_DATA) e = layout_data(&t->p->lowered.layout, o->number);
  if (e)
    put(l, o->space == TAPE_IN ? "%s before the step" : "data %s", e->name);
  else if (o->space == TAPE_TEMP && t->p)
    put_tensor(l, t, d, record_at(t, d, TAPE_TEMP, o->leaf));
  else
    put(l, "%s", space_words(o->space));
}

/* Values. */

static void put_number(struct line *l, uint8_t dtype, uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  if (dtype == TAPE_F32)
    put(l, "%.9g", (double)f);
  else if (dtype == TAPE_I32)
    put(l, "%" PRId32, (int32_t)bits);
  else
    put(l, "%" PRIu32, bits);
}

static void put_value(struct line *l, uint8_t dtype, uint32_t bits) {
  put(l, "%08" PRIx32 " (", bits);
  put_number(l, dtype, bits);
  put(l, ")");
}

/* Row-major coordinates of an element; nothing for a scalar. */
static uint32_t coordinates(const struct tape_record *r, uint64_t index, uint32_t at[TAPE_RANK_MAX]) {
  for (uint32_t i = r->out_rank; i-- > 0;) {
    at[i] = (uint32_t)(index % r->dim[i]);
    index /= r->dim[i];
  }
  return r->out_rank;
}

static void put_coordinates(struct line *l, const struct tape_record *r, uint64_t index) {
  uint32_t at[TAPE_RANK_MAX], rank = coordinates(r, index, at);
  if (rank < 2) return;
  for (uint32_t i = 0; i < rank; i++) put(l, i ? ", %" PRIu32 : " (%" PRIu32, at[i]);
  put(l, ")");
}

/* Moves. */

static void put_update(struct line *l, const struct dispute_text *t, uint16_t j) {
  uint32_t step = t->frame->first_step + j - 1;
  if (step)
    put(l, "update %" PRIu32, step);
  else
    put(l, "the initial state");
}

static void say_challenge(struct line *l, const struct dispute_text *t) {
  const struct dispute_frame *f = t->frame;
  char root[2 * MERKLE_BYTES + 1];
  hex_encode(f->end_root, MERKLE_BYTES, root);
  put(l, "interval %u of task %" PRIu32 " does not end in %.8s..", f->target.interval, f->target.task, root);
  if (f->target.inner) put(l, " after %u steps", f->target.inner);
}

static void say_node(struct line *l, const struct dispute_text *t, const struct dispute *d) {
  put(l, "%s differ%s", space_words(d->space), d->space == TAPE_TEMP ? "" : "s");
  if (d->level)
    put(l, " below node %" PRIu32 " of level %" PRIu32, d->node, d->level);
  else
    put(l, " in leaf %" PRIu32, d->node);
  uint32_t record = d->level ? 0 : record_at(t, d, d->space, d->node);
  if (!record) return;
  put(l, " (");
  put_tensor(l, t, d, record);
  put(l, ")");
}

static void say_values(struct line *l, const struct dispute_text *t, const struct dispute *d) {
  uint32_t temp = dispute_height(d, t->frame, TAPE_TEMP, 0), out = dispute_height(d, t->frame, TAPE_OUT, 0);
  put(l, "%u + %u nodes: the step's values, and the state after it", 1u << (temp - move_top_level(temp)),
      1u << (out - move_top_level(out)));
}

static void say_case(struct line *l, const struct dispute_text *t, const struct dispute *d) {
  struct tape_record r;
  if (!dispute_record(d, &r)) return;
  bool padding = d->index >= record_elements(&r);
  put(l, "element %" PRIu64 "%s of record %u (%s", d->index, padding ? ", behind the end," : "", d->record,
      dispute_text_opcode(r.op));
  const struct lower_origin *o = origin_of(t, d, d->record);
  if (o) put(l, "; "), put_origin(l, o);
  put(l, "): I get ");
  put_value(l, r.dtype, d->recomputed);
  put(l, ", you have ");
  put_value(l, r.dtype, d->committed);
  if (padding) return;
  if (element_chunks(&r) > 1)
    put(l, ", from %" PRIu32 " chunks", element_chunks(&r));
  else
    put(l, ", from %" PRIu32 " words", d->posted_count);
}

static void say_operand(struct line *l, const struct dispute_text *t, const struct dispute *d) {
  uint32_t word = move_word(d->posted, d->word);
  put(l, "word %u is wrong: ", d->word);
  put_operand_place(l, t, d, &d->operand);
  put(l, " is not ");
  put_value(l, d->operand.dtype, word);
}

static void say(struct line *l, const struct dispute_text *t, const struct dispute *d, const struct move *m) {
  switch ((enum move_kind)m->kind) {
  case MOVE_CHALLENGE: say_challenge(l, t); break;
  case MOVE_STEPS: put(l, "%u state roots, one after each step", t->frame->steps); break;
  case MOVE_STEP:
    put(l, "step %u of the interval (", d->j);
    put_update(l, t, d->j);
    put(l, ") ends differently");
    break;
  case MOVE_VALUES: say_values(l, t, d); break;
  case MOVE_NODE: say_node(l, t, d); break;
  case MOVE_EXPRESS:
    say_node(l, t, d);
    put(l, ", straight from the leaf hashes");
    break;
  case MOVE_SLAB:
    put(l, d->level > 8 ? "256 nodes of level %" PRIu32 " below it" : "256 leaf hashes below it", d->level - 8);
    break;
  case MOVE_LEAF: put(l, "the 4096 bytes of leaf %" PRIu32, d->node); break;
  case MOVE_CASE: say_case(l, t, d); break;
  case MOVE_CHUNK: put(l, "the result of chunk %u is wrong", d->chunk); break;
  case MOVE_OPERANDS: put(l, "the %" PRIu32 " words of chunk %u", d->posted_count, d->chunk); break;
  case MOVE_OPERAND: say_operand(l, t, d); break;
  case MOVE_PROOF:
    put(l, "it is: leaf %" PRIu64 " of %s, under the agreed root", d->operand.leaf, space_words(d->operand.space));
    break;
  }
}

/* A line that was cut in the middle of a character is no UTF-8; JSON wants it all the same. */
static json_t *text_json(const char *text) {
  json_t *whole = json_string(text);
  if (whole) return whole;
  char plain[DISPUTE_TEXT_MAX];
  size_t n = 0;
  for (; text[n] && n + 1 < sizeof plain; n++) plain[n] = (char)((unsigned char)text[n] < 0x80 ? text[n] : '?');
  plain[n] = 0;
  return json_string(plain);
}

void dispute_text_move(const struct dispute_text *t, const struct dispute *d, const struct move *m, uint64_t tick) {
  struct line l = {.used = 0};
  const char *from = dispute_text_side(move_by_claimant(m->number) ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER);
  say(&l, t, d, m);
  if (t->json) {
    output_json(json_pack("{s:i, s:s, s:s, s:i, s:I, s:o}", "move", m->number, "from", from, "kind",
                          move_kind_name(m->kind), "bytes", m->length, "tick", (json_int_t)tick, "text",
                          text_json(l.text)));
    return;
  }
  printf("%2u  %-10s  %-9s %5u B  ", m->number, from, move_kind_name(m->kind), m->length);
  output_name(l.text);
  putchar('\n');
  fflush(stdout);
}

void dispute_text_silence(const struct dispute_text *t, const struct dispute *d, const char *reason) {
  const char *from = dispute_text_side((uint8_t)dispute_turn(d));
  if (t->json) {
    output_json(json_pack("{s:i, s:s, s:n, s:i, s:o}", "move", d->awaits, "from", from, "kind", "bytes", 0, "text",
                          text_json(*reason ? reason : "nothing")));
    return;
  }
  printf("%2u  %-10s  nothing            ", d->awaits, from);
  output_name(reason);
  putchar('\n');
  fflush(stdout);
}

/* The verdict. */

static const char *reason_words(const struct dispute_verdict *v) {
  switch ((enum dispute_reason)v->reason) {
  case DISPUTE_BY_PROOF: return "it denied a word that the agreed roots contain";
  case DISPUTE_NOTHING_TO_DENY: return "the rule alone gives another value, and there is no operand to deny";
  case DISPUTE_BY_CLOCK: return "it had no answer, and its clock ran out";
  }
  return "";
}

static const char *reason_name(const struct dispute_verdict *v) {
  switch ((enum dispute_reason)v->reason) {
  case DISPUTE_BY_PROOF: return "proof";
  case DISPUTE_NOTHING_TO_DENY: return "nothing to deny";
  case DISPUTE_BY_CLOCK: return "clock";
  }
  return "";
}

static json_t *number_json(uint8_t dtype, uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  if (dtype == TAPE_F32) return isfinite(f) ? json_real((double)f) : json_null();
  return json_integer(dtype == TAPE_I32 ? (json_int_t)(int32_t)bits : (json_int_t)bits);
}

static json_t *bits_json(uint32_t bits) {
  struct line l = {.used = 0};
  put(&l, "%08" PRIx32, bits);
  return json_string(l.text);
}

static json_t *or_null(bool there, json_int_t x) { return there ? json_integer(x) : json_null(); }

static void add_element(json_t *o, const struct dispute_text *t, const struct dispute *d) {
  const struct dispute_verdict *v = &d->verdict;
  struct tape_record r = {0};
  bool there = v->has_element && dispute_record(d, &r);
  uint32_t record = v->has_element ? v->record : v->has_leaf ? record_at(t, d, v->space, v->leaf) : 0;
  const struct lower_origin *origin = origin_of(t, d, record);
  struct line tensor = {.used = 0};
  put_tensor(&tensor, t, d, record);
  uint32_t at[TAPE_RANK_MAX], rank = there && !v->padding ? coordinates(&r, v->element, at) : 0;
  json_t *coordinate = json_array();
  for (uint32_t i = 0; i < rank; i++) json_array_append_new(coordinate, json_integer(at[i]));
  json_object_set_new(o, "record", or_null(record, record));
  json_object_set_new(o, "opcode", there ? json_string(dispute_text_opcode(r.op)) : json_null());
  json_object_set_new(o, "node", origin ? text_json(*origin->node ? origin->node : origin->op) : json_null());
  json_object_set_new(o, "part", origin ? text_json(origin->part) : json_null());
  json_object_set_new(o, "tensor", tensor.used ? text_json(tensor.text) : json_null());
  json_object_set_new(o, "index", or_null(v->has_element, (json_int_t)v->element));
  json_object_set_new(o, "coordinates", coordinate);
  json_object_set_new(o, "padding", json_boolean(v->padding));
  json_object_set_new(o, "dtype", there ? json_string(tape_text_dtype(r.dtype)) : json_null());
  json_object_set_new(o, "committed", there ? bits_json(v->committed) : json_null());
  json_object_set_new(o, "recomputed", there ? bits_json(v->recomputed) : json_null());
  json_object_set_new(o, "committed_value", there ? number_json(r.dtype, v->committed) : json_null());
  json_object_set_new(o, "recomputed_value", there ? number_json(r.dtype, v->recomputed) : json_null());
}

static void verdict_json(const struct dispute_text *t, const struct dispute *d, const char *const claims[2]) {
  const struct dispute_verdict *v = &d->verdict;
  const struct dispute_frame *f = t->frame;
  const char *loser = claims[v->loser];
  bool clock = v->reason == DISPUTE_BY_CLOCK;
  json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "outcome",
                        clock ? "silent" : "proven", "loser", dispute_text_side(v->loser), "reason", reason_name(v),
                        "awaited", or_null(clock, v->awaited), "folder", loser ? text_json(loser) : json_null(), "task",
                        (json_int_t)f->target.task, "interval", (json_int_t)f->target.interval, "update",
                        or_null(v->has_step, v->step), "step", or_null(v->has_step, v->j), "space",
                        v->has_leaf ? json_string(v->space == TAPE_OUT ? "out" : "temp") : json_null(), "leaf",
                        or_null(v->has_leaf, v->leaf));
  add_element(o, t, d);
  json_object_set_new(o, "moves", json_integer(d->moves));
  json_object_set_new(o, "bytes", json_integer(d->bytes));
  if (t->referee_seconds >= 0) json_object_set_new(o, "referee_ms_max", json_real(t->referee_seconds * 1e3));
  output_json(json_pack("{s:o}", "verdict", o));
}

static void show(const char *label, const struct line *l) {
  printf("%-11s ", label);
  output_name(l->text);
  putchar('\n');
}

static void show_element(const struct dispute_text *t, const struct dispute *d) {
  const struct dispute_verdict *v = &d->verdict;
  struct line record = {.used = 0}, element = {.used = 0}, committed = {.used = 0}, recomputed = {.used = 0};
  struct tape_record r;
  if (!v->has_element || !dispute_record(d, &r)) return;
  put(&record, "%u: %s", v->record, dispute_text_opcode(r.op));
  const struct lower_origin *o = origin_of(t, d, v->record);
  if (o) put(&record, "; "), put_origin(&record, o);
  put(&element, "%" PRIu64, v->element);
  if (v->padding)
    put(&element, ", behind the end");
  else
    put_coordinates(&element, &r, v->element);
  put(&element, " of ");
  size_t before = element.used;
  put_tensor(&element, t, d, v->record);
  if (element.used == before) put(&element, "the record's value, in %s", space_words(v->space));
  put_value(&committed, r.dtype, v->committed);
  put_value(&recomputed, r.dtype, v->recomputed);
  show("instruction", &record);
  show("element", &element);
  show("committed", &committed);
  show("recomputed", &recomputed);
}

void dispute_text_verdict(const struct dispute_text *t, const struct dispute *d, const char *const claims[2]) {
  const struct dispute_verdict *v = &d->verdict;
  if (t->json) {
    verdict_json(t, d, claims);
    return;
  }
  struct line verdict = {.used = 0}, step = {.used = 0}, leaf = {.used = 0}, cost = {.used = 0};
  char size[SHORT_TEXT], time[SHORT_TEXT];
  put(&verdict, "the %s loses", dispute_text_side(v->loser));
  if (claims[v->loser]) put(&verdict, " (%s)", claims[v->loser]);
  put(&verdict, ": %s", reason_words(v));
  show("verdict", &verdict);
  if (v->has_step) {
    put_update(&step, t, v->j);
    put(&step, ", step %u of interval %u of task %" PRIu32, v->j, t->frame->target.interval, t->frame->target.task);
    show("step", &step);
  }
  if (v->has_leaf && !v->has_element) {
    put(&leaf, "%" PRIu32 " of %s", v->leaf, space_words(v->space));
    size_t before = leaf.used;
    put(&leaf, ": ");
    put_tensor(&leaf, t, d, record_at(t, d, v->space, v->leaf));
    if (leaf.used == before + 2) leaf.text[before] = 0;
    show("leaf", &leaf);
  }
  show_element(t, d);
  put(&cost, "%u, %s", d->moves, text_bytes((double)d->bytes, size));
  if (t->referee_seconds >= 0)
    put(&cost, "; the referee took at most %s for one", text_seconds(t->referee_seconds, time));
  show("moves", &cost);
}
