#include "cli/dispute/text.h"
#include "base/hex.h"
#include "cli/tape_text.h"
#include "tape/element/element.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *dispute_text_side(uint8_t seat) { return seat == DISPUTE_CLAIMANT ? "claimant" : "challenger"; }

/* Moves. */

static void say_challenge(struct words *w, const struct dispute_text *t) {
  const struct dispute_frame *f = t->names.frame;
  char root[2 * MERKLE_BYTES + 1];
  hex_encode(f->end_root, MERKLE_BYTES, root);
  words_put(w, "interval %u of task %" PRIu32 " does not end in %.8s..", f->target.interval, f->target.task, root);
  if (f->target.inner) words_put(w, " after %u steps", f->target.inner);
}

static void say_node(struct words *w, const struct dispute_text *t, const struct dispute *d) {
  words_put(w, "%s differ%s", words_space(d->space), d->space == TAPE_TEMP ? "" : "s");
  if (d->level)
    words_put(w, " below node %" PRIu32 " of level %" PRIu32, d->node, d->level);
  else
    words_put(w, " in leaf %" PRIu32, d->node);
  uint32_t record = d->level ? 0 : words_record_at(&t->names, d, d->space, d->node);
  if (!record) return;
  words_put(w, " (");
  words_tensor(w, &t->names, d, record);
  words_put(w, ")");
}

static void say_values(struct words *w, const struct dispute_text *t, const struct dispute *d) {
  uint32_t temp = dispute_height(d, t->names.frame, TAPE_TEMP, 0), out = dispute_height(d, t->names.frame, TAPE_OUT, 0);
  words_put(w, "%u + %u nodes: the step's values, and the state after it", 1u << (temp - move_top_level(temp)),
            1u << (out - move_top_level(out)));
}

static void say_case(struct words *w, const struct dispute_text *t, const struct dispute *d) {
  struct tape_record r;
  if (!dispute_record(d, &r)) return;
  bool padding = d->index >= record_elements(&r);
  words_put(w, "element %" PRIu64 "%s of record %u (%s", d->index, padding ? ", behind the end," : "", d->record,
            words_opcode(r.op));
  const struct lower_origin *o = words_origin_of(&t->names, d, d->record);
  if (o) words_put(w, "; "), words_origin(w, o);
  words_put(w, "): I get ");
  words_value(w, r.dtype, d->recomputed);
  words_put(w, ", you have ");
  words_value(w, r.dtype, d->committed);
  if (padding) return;
  if (element_chunks(&r) > 1)
    words_put(w, ", from %" PRIu32 " chunks", element_chunks(&r));
  else if (d->posted_count)
    words_put(w, d->posted_count == 1 ? ", from %" PRIu32 " word" : ", from %" PRIu32 " words", d->posted_count);
  else
    words_put(w, ", which reads nothing");
}

static void say_operand(struct words *w, const struct dispute_text *t, const struct dispute *d) {
  uint32_t word = move_word(d->posted, d->word);
  words_put(w, "word %u is wrong: ", d->word);
  words_operand(w, &t->names, d, &d->operand);
  words_put(w, " is not ");
  words_value(w, d->operand.dtype, word);
}

static void say(struct words *w, const struct dispute_text *t, const struct dispute *d, const struct move *m) {
  switch ((enum move_kind)m->kind) {
  case MOVE_CHALLENGE: say_challenge(w, t); break;
  case MOVE_STEPS: words_put(w, "%u state roots, one after each step", t->names.frame->steps); break;
  case MOVE_STEP:
    words_put(w, "step %u of the interval (", d->j);
    words_update(w, &t->names, d->j);
    words_put(w, ") ends differently");
    break;
  case MOVE_VALUES: say_values(w, t, d); break;
  case MOVE_NODE: say_node(w, t, d); break;
  case MOVE_EXPRESS:
    say_node(w, t, d);
    words_put(w, ", straight from the leaf hashes");
    break;
  case MOVE_SLAB:
    words_put(w, d->level > 8 ? "256 nodes of level %" PRIu32 " below it" : "256 leaf hashes below it", d->level - 8);
    break;
  case MOVE_LEAF: words_put(w, "the 4096 bytes of leaf %" PRIu32, d->node); break;
  case MOVE_CASE: say_case(w, t, d); break;
  case MOVE_CHUNK: words_put(w, "the result of chunk %u is wrong", d->chunk); break;
  case MOVE_OPERANDS: words_put(w, "the %" PRIu32 " words of chunk %u", d->posted_count, d->chunk); break;
  case MOVE_OPERAND: say_operand(w, t, d); break;
  case MOVE_PROOF:
    words_put(w, "it is there: leaf %" PRIu64 " of %s, with its path", d->operand.leaf, words_space(d->operand.space));
    break;
  }
}

/* A line that was cut in the middle of a character is no UTF-8; JSON wants it all the same. */
static json_t *text_json(const char *text) {
  json_t *whole = json_string(text);
  if (whole) return whole;
  char plain[DISPUTE_WORDS_MAX];
  size_t n = 0;
  for (; text[n] && n + 1 < sizeof plain; n++) plain[n] = (char)((unsigned char)text[n] < 0x80 ? text[n] : '?');
  plain[n] = 0;
  return json_string(plain);
}

void dispute_text_move(const struct dispute_text *t, const struct dispute *d, const struct move *m, uint64_t tick) {
  struct words l = {.used = 0};
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
  struct words l = {.used = 0};
  words_put(&l, "%08" PRIx32, bits);
  return json_string(l.text);
}

static json_t *or_null(bool there, json_int_t x) { return there ? json_integer(x) : json_null(); }

static void add_element(json_t *o, const struct dispute_text *t, const struct dispute *d) {
  const struct dispute_verdict *v = &d->verdict;
  struct tape_record r = {0};
  bool there = v->has_element && dispute_record(d, &r);
  uint32_t record = v->has_element ? v->record : v->has_leaf ? words_record_at(&t->names, d, v->space, v->leaf) : 0;
  const struct lower_origin *origin = words_origin_of(&t->names, d, record);
  struct words tensor = {.used = 0};
  words_tensor(&tensor, &t->names, d, record);
  uint32_t at[TAPE_RANK_MAX], rank = there && !v->padding ? words_place(&r, v->element, at) : 0;
  json_t *coordinate = json_array();
  for (uint32_t i = 0; i < rank; i++) json_array_append_new(coordinate, json_integer(at[i]));
  json_object_set_new(o, "record", or_null(record, record));
  json_object_set_new(o, "opcode", there ? json_string(words_opcode(r.op)) : json_null());
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
  const struct dispute_frame *f = t->names.frame;
  const char *loser = claims[v->loser];
  bool clock = v->reason == DISPUTE_BY_CLOCK;
  uint32_t update = 0;
  bool updated = v->has_step && words_update_of(&t->names, v->step, &update);
  json_t *o =
      json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "outcome", clock ? "silent" : "proven",
                "loser", dispute_text_side(v->loser), "reason", reason_name(v), "awaited", or_null(clock, v->awaited),
                "folder", loser ? text_json(loser) : json_null(), "task", (json_int_t)f->target.task, "interval",
                (json_int_t)f->target.interval, "update", or_null(updated, update), "step",
                or_null(v->has_step, v->step), "interval_step", or_null(v->has_step, v->j), "space",
                v->has_leaf ? json_string(v->space == TAPE_OUT ? "out" : "temp") : json_null(), "leaf",
                or_null(v->has_leaf, v->leaf));
  add_element(o, t, d);
  json_object_set_new(o, "moves", json_integer(d->moves));
  json_object_set_new(o, "bytes", json_integer(d->bytes));
  if (t->referee_seconds >= 0) json_object_set_new(o, "referee_ms_max", json_real(t->referee_seconds * 1e3));
  output_json(json_pack("{s:o}", "verdict", o));
}

static void show(const char *label, const struct words *w) {
  printf("%-11s ", label);
  output_name(w->text);
  putchar('\n');
}

static void show_element(const struct dispute_text *t, const struct dispute *d) {
  const struct dispute_verdict *v = &d->verdict;
  struct words record = {.used = 0}, element = {.used = 0}, committed = {.used = 0}, recomputed = {.used = 0};
  struct tape_record r;
  if (!v->has_element || !dispute_record(d, &r)) return;
  words_put(&record, "%u: %s", v->record, words_opcode(r.op));
  const struct lower_origin *o = words_origin_of(&t->names, d, v->record);
  if (o) words_put(&record, "; "), words_origin(&record, o);
  words_put(&element, "%" PRIu64, v->element);
  if (v->padding)
    words_put(&element, ", behind the end");
  else
    words_coordinates(&element, &r, v->element);
  words_put(&element, " of ");
  size_t before = element.used;
  words_tensor(&element, &t->names, d, v->record);
  if (element.used == before) words_put(&element, "the record's value, in %s", words_space(v->space));
  words_value(&committed, r.dtype, v->committed);
  words_value(&recomputed, r.dtype, v->recomputed);
  show("instruction", &record);
  show("element", &element);
  show("committed", &committed);
  show("recomputed", &recomputed);
}

/* A folder's name may be longer than a line of words. */
static void show_loser(const struct dispute_verdict *v, const char *folder) {
  printf("verdict     the %s loses", dispute_text_side(v->loser));
  if (folder) {
    fputs(" (", stdout);
    output_name(folder);
    putchar(')');
  }
  printf(": %s\n", reason_words(v));
}

void dispute_text_verdict(const struct dispute_text *t, const struct dispute *d, const char *const claims[2]) {
  const struct dispute_verdict *v = &d->verdict;
  if (t->json) {
    verdict_json(t, d, claims);
    return;
  }
  struct words step = {.used = 0}, leaf = {.used = 0}, cost = {.used = 0};
  char size[SHORT_TEXT], time[SHORT_TEXT];
  show_loser(v, claims[v->loser]);
  if (v->has_step) {
    words_update(&step, &t->names, v->j);
    words_put(&step, ", step %u of interval %u of task %" PRIu32, v->j, t->names.frame->target.interval,
              t->names.frame->target.task);
    show("step", &step);
  }
  if (v->has_leaf && !v->has_element) {
    words_put(&leaf, "%" PRIu32 " of %s", v->leaf, words_space(v->space));
    size_t before = leaf.used;
    words_put(&leaf, ": ");
    words_tensor(&leaf, &t->names, d, words_record_at(&t->names, d, v->space, v->leaf));
    if (leaf.used == before + 2) leaf.text[before] = 0;
    show("leaf", &leaf);
  }
  show_element(t, d);
  words_put(&cost, "%u, %s", d->moves, text_bytes((double)d->bytes, size));
  if (t->referee_seconds > 0)
    words_put(&cost, "; the referee took at most %s for one", text_seconds(t->referee_seconds, time));
  show("moves", &cost);
}
