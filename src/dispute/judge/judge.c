#include <assert.h>
#include <string.h>

#include "dispute/judge/assay_verify.h"
#include "dispute/judge/text.h"
#include "dispute/transcript/transcript.h"

/* The public numbers are ours: a caller may rely on either. */
_Static_assert((int)ASSAY_PROVEN == (int)TRANSCRIPT_PROVEN && (int)ASSAY_SILENT == (int)TRANSCRIPT_SILENT &&
                   (int)ASSAY_UNFINISHED == (int)TRANSCRIPT_UNFINISHED && (int)ASSAY_DAMAGED == (int)TRANSCRIPT_DAMAGED,
               "outcomes");
_Static_assert((int)ASSAY_CHALLENGER == (int)DISPUTE_CHALLENGER && (int)ASSAY_CLAIMANT == (int)DISPUTE_CLAIMANT,
               "seats");
_Static_assert((int)ASSAY_BY_PROOF == (int)DISPUTE_BY_PROOF &&
                   (int)ASSAY_NOTHING_TO_DENY == (int)DISPUTE_NOTHING_TO_DENY &&
                   (int)ASSAY_BY_CLOCK == (int)DISPUTE_BY_CLOCK,
               "reasons");

static void fill_element(const struct dispute *d, const struct dispute_verdict *from, struct assay_verdict *v) {
  struct tape_record record;
  bool there = dispute_record(d, &record);
  assert(there && "an element without its record");
  v->opcode = record.op;
  v->dtype = record.dtype;
  v->record = from->record;
  v->padding = from->padding;
  v->element = from->element;
  v->committed = from->committed;
  v->recomputed = from->recomputed;
  if (from->reason != DISPUTE_BY_PROOF) return;
  v->operand = from->operand.slot;
  v->operand_space = from->operand.space;
  v->operand_number = from->operand.number;
  v->operand_element = from->operand.index;
  v->operand_word = from->word;
}

static void fill_verdict(const struct dispute *d, const struct dispute_frame *f, struct assay_verdict *v) {
  const struct dispute_verdict *from = &d->verdict;
  memcpy(v->job_root, f->target.job_root, sizeof v->job_root);
  v->task = f->target.task;
  v->interval = f->target.interval;
  v->inner = f->target.inner;
  v->moves = d->moves;
  v->bytes = d->bytes;
  if (d->awaits != DISPUTE_DECIDED) {
    v->awaited = d->awaits;
    return;
  }
  v->loser = from->loser;
  v->reason = from->reason;
  v->awaited = from->awaited;
  v->has_step = from->has_step;
  v->has_leaf = from->has_leaf;
  v->has_element = from->has_element;
  if (from->has_step) {
    v->step = from->step;
    v->tape = f->step_tape[from->j - 1];
  }
  if (from->has_leaf) {
    v->space = from->space;
    v->leaf = from->leaf;
  }
  if (from->has_element) fill_element(d, from, v);
}

enum assay_outcome assay_judge(const uint8_t *transcript, size_t length, struct assay_verdict *verdict, char *reason,
                               size_t reason_bytes) {
  struct transcript t;
  struct dispute_frame frame;
  struct dispute d;
  struct why why = {""};
  enum transcript_outcome outcome = TRANSCRIPT_DAMAGED;
  memset(verdict, 0, sizeof *verdict);
  if (transcript_open(transcript, length, &t, &frame, &why)) outcome = transcript_play(&t, &frame, &d, &why);
  if (outcome != TRANSCRIPT_DAMAGED) fill_verdict(&d, &frame, verdict);
  if (reason) {
    struct text line = text_over(reason, reason_bytes);
    if (outcome == TRANSCRIPT_DAMAGED) text_put(&line, why.text);
  }
  return (enum assay_outcome)outcome;
}

/* A number from a caller's struct that has no word: it may have filled it itself. */
static const char *word_of(const char *const *words, uint32_t count, uint32_t n) { return n < count ? words[n] : "?"; }

static void put_number(struct text *t, const char *name, uint64_t x) {
  text_put(t, name);
  text_unsigned(t, x, 10, 1);
}

static void put_word(struct text *t, const char *name, uint32_t x) {
  text_put(t, name);
  text_unsigned(t, x, 16, 8);
}

static void put_element(struct text *t, const struct assay_verdict *v) {
  static const char *const opcodes[] = {"?", "map", "dot", "fold", "put"}, *const dtypes[] = {"f32", "i32", "u8"};
  static const char *const spaces[] = {"temp", "out", "in", "data"};
  put_number(t, " tape=", v->tape);
  put_number(t, " record=", v->record);
  text_put(t, " op=");
  text_put(t, word_of(opcodes, 5, v->opcode));
  text_put(t, " dtype=");
  text_put(t, word_of(dtypes, 3, v->dtype));
  put_number(t, v->padding ? " padding=" : " element=", v->element);
  put_word(t, " committed=", v->committed);
  put_word(t, " recomputed=", v->recomputed);
  if (v->reason != ASSAY_BY_PROOF) return;
  put_number(t, " operand=", v->operand);
  text_put(t, " from=");
  text_put(t, word_of(spaces, 4, v->operand_space));
  if (v->operand_space == TAPE_DATA) put_number(t, ".", v->operand_number);
  put_number(t, " at=", v->operand_element);
  put_word(t, " word=", v->operand_word);
}

size_t assay_verdict_line(enum assay_outcome outcome, const struct assay_verdict *v, char *line, size_t bytes) {
  static const char *const outcomes[] = {"proven", "silent", "unfinished", "damaged"};
  static const char *const seats[] = {"challenger", "claimant"};
  static const char *const reasons[] = {"?", "proof", "nothing-to-deny", "clock"};
  struct text t = text_over(line, bytes);
  text_put(&t, word_of(outcomes, 4, (uint32_t)outcome));
  if (outcome == ASSAY_DAMAGED) return t.used;
  if (outcome != ASSAY_UNFINISHED) {
    text_put(&t, " loser=");
    text_put(&t, word_of(seats, 2, v->loser));
    text_put(&t, " by=");
    text_put(&t, word_of(reasons, 4, v->reason));
  }
  if (v->awaited) put_number(&t, " awaited=", v->awaited);
  text_put(&t, " job=");
  text_bytes(&t, v->job_root, sizeof v->job_root);
  put_number(&t, " task=", v->task);
  put_number(&t, " interval=", v->interval);
  if (v->inner) put_number(&t, " inner=", v->inner);
  put_number(&t, " moves=", v->moves);
  put_number(&t, " bytes=", v->bytes);
  if (v->has_step) put_number(&t, " step=", v->step);
  if (v->has_leaf) {
    text_put(&t, v->space == TAPE_OUT ? " space=out" : " space=temp");
    put_number(&t, " leaf=", v->leaf);
  }
  if (v->has_element) put_element(&t, v);
  return t.used;
}
