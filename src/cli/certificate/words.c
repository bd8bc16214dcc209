#include "cli/certificate/words.h"
#include "base/hex.h"
#include "cli/amount.h"
#include "cli/chain/why_words.h"
#include "cli/output.h"
#include "crypto/address.h"
#include "tape/record/layout.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL_FULL = 4, FIGURE_NONE = 65535 };

static const char *level_word(uint8_t level) {
  static const char *const words[] = {"own", "spot", "standard", "strong", "full"};
  return level < sizeof words / sizeof *words ? words[level] : "?";
}

double certificate_unseen(const struct certificate *c) {
  uint16_t intervals = certificate_intervals(c);
  const struct receipt *r = &c->settled;
  if (!r->audited || !intervals) return 1;
  uint32_t set = (intervals + 2u) / 3;
  if (r->level == LEVEL_FULL || intervals == 1) return 0;
  uint32_t draws = r->draws < set ? r->draws : set;
  double missed = pow(1 - (double)draws / set, r->audited);
  return 1 - (double)set / intervals * (1 - missed);
}

/* The state entry that the figure is of; false where the certificate does not say. */
static bool figure_entry(const struct certificate *c, struct layout_entry *out) {
  struct layout l;
  struct layout_entry *entries = calloc(LAYOUT_ENTRIES_MAX + LAYOUT_DATA_MAX, sizeof *entries);
  assert(entries && "memory for a layout");
  bool there = layout_decode(c->layout.bytes, c->layout.length, entries, LAYOUT_ENTRIES_MAX + LAYOUT_DATA_MAX, &l,
                             NULL) == RECORD_OK &&
               c->posted.figure < l.state_count;
  if (there) *out = l.entry[c->posted.figure];
  free(entries);
  return there;
}

static double figure_of(const struct certificate *c) {
  float value;
  memcpy(&value, &c->settled.figure, sizeof value);
  return (double)value;
}

static void print_hash(const char *title, const uint8_t hash[32]) {
  char text[2 * 32 + 1];
  hex_encode(hash, 32, text);
  printf("%-12s%s\n", title, text);
}

static void print_figure(const struct certificate *c) {
  struct layout_entry e;
  bool named = figure_entry(c, &e);
  if (c->posted.figure == FIGURE_NONE) return;
  printf("%-12s", named && strcmp(e.name, "loss") != 0 ? "figure" : "loss");
  if (named && e.dtype == TAPE_I32)
    printf("%" PRId32, (int32_t)c->settled.figure);
  else
    printf("%.9g", figure_of(c));
  printf(" (bits %08" PRIx32 " of state entry %" PRIu32, c->settled.figure, c->posted.figure);
  if (named) {
    fputs(", ", stdout);
    output_name(e.name);
  }
  puts(")");
}

static void print_result(const struct certificate *c) {
  const struct receipt *r = &c->settled;
  uint16_t tasks = (uint16_t)(c->receipts - 1);
  if (r->reason == REASON_DIVERGED)
    printf("outcome     diverged in task %u after %" PRIu32
           " steps of it: a loss or a gradient was no number any more\n",
           tasks - 1, r->steps);
  else if (tasks < c->job.tasks)
    printf("outcome     %u of the job's %u tasks are done: this is not its end\n", tasks, c->job.tasks);
  else
    printf("outcome     done: all %" PRIu32 " steps in %u task%s\n", c->posted.steps, tasks, tasks == 1 ? "" : "s");
  print_hash("model root", r->final_root);
  print_figure(c);
  print_hash("from", c->posted.start_root);
}

static void print_job(const struct certificate *c) {
  const struct certificate_job *j = &c->job;
  char id[2 * 32 + 1], who[ADDRESS_TEXT_LENGTH + 1];
  hex_encode(c->posted.task, 32, id);
  address_write(c->posted.account, who);
  printf("job         %s\nposted by   %s\n", id, who);
  print_hash("job root", c->posted.final_root);
  for (uint8_t i = 0; i < j->tapes; i++) print_hash(i ? "" : "tapes", j->tape_root + (size_t)i * 32);
  for (uint8_t i = 0; i < j->data; i++) print_hash(i ? "" : "data", j->data_root + (size_t)i * 32);
  print_hash("layout", j->layout_hash);
  printf("seed        %" PRIu64 ", %s\n", c->settled.seed,
         j->seed_mode ? "drawn from the chain after the job was posted" : "fixed by the submitter beforehand");
  printf("canon       %u, lowered by rules %u\n", j->canon, j->lower);
  print_hash("spec hash", c->settled.spec_hash);
  if (c->spec.length) printf("spec        %zu bytes with this hash are in the file\n", c->spec.length);
}

/* A task whose seats did not audit is as weak as the job. */
static void print_audited_each(const struct certificate *c) {
  struct certificate_receipt row;
  struct receipt r;
  size_t offset = 0;
  if (c->receipts == 2) return;
  printf("by task    ");
  for (bool first = true; certificate_next(c, &offset, &row); first = false)
    if (!first && receipt_decode(row.receipt, RECEIPT_BYTES, &r)) printf(" %u", r.audited);
  puts(" seats audited");
}

static void print_audit(const struct certificate *c) {
  const struct receipt *r = &c->settled;
  char who[ADDRESS_TEXT_LENGTH + 1];
  uint16_t intervals = certificate_intervals(c);
  address_write(r->account, who);
  printf("solver      %s, attempt %u\n", who, r->attempt);
  printf("level       %s: %u seat%s, %u audited\n", level_word(r->level), r->seats, r->seats == 1 ? "" : "s",
         r->audited);
  print_audited_each(c);
  if (r->level == LEVEL_FULL)
    printf("audited     every seat computed all %u intervals of the last task again\n", intervals);
  else
    printf("audited     %u of %u intervals of the last task by each seat, drawn after the solver had committed\n",
           r->draws < intervals ? r->draws : intervals, intervals);
  if (r->audited)
    printf("unseen      one wrong interval would have been in nobody's draw with a chance of at most %.2f %%\n",
           100 * certificate_unseen(c));
  else
    printf("unseen      nobody audited it: a wrong interval would not have been seen\n");
  printf("disputes    %u that the solver won\n", r->disputes);
}

static void print_payments(const struct certificate *c) {
  struct payment p;
  size_t offset = 0;
  char text[WHY_WORDS];
  for (const char *title = "paid"; payments_next(c->payments.bytes, c->payments.length, &offset, &p); title = "") {
    why_payment(&p, NULL, text);
    printf("%-12s%s\n", title, text);
  }
}

static void print_chain(const struct certificate *c) {
  char when[COMET_TIME_TEXT_MAX + 1];
  comet_time_write(&c->header.time, when);
  printf("chain       %s\n", c->header.chain_id);
  print_hash("genesis", c->settled.genesis);
  printf("height      %" PRIu64 ", settled in %" PRIu64 ", %s\n", c->header.height, c->settled.height, when);
  if (c->settled.trust)
    printf("trust       BFT: more than a third of the power of %u validators would have to lie\n", c->validators);
  else
    printf("trust       operator: it is the word of one, who runs the chain alone\n");
  print_hash("validators", c->header.validators);
}

/* What nobody can read out of the bytes. */
static void print_not_shown(const struct certificate *c, const struct certificate_finding *f) {
  puts("\nNot shown by it:");
  if (!f->anchor)
    puts("- that these validators are those of the chain you mean: compare the hash with one that you know from\n"
         "  elsewhere, or give it: --validators HASH");
  puts("- intervals that nobody drew");
  puts("- that the spec describes the job: assay lower makes the tapes of a model again, to compare their roots");
  if (!f->model) puts("- which file is the model: --model FILE.state or FILE.safetensors compares one");
  if (c->receipts - 1 < c->job.tasks && c->settled.reason == REASON_DONE)
    puts("- anything of the tasks behind this one");
}

static void print_model(const struct certificate_finding *f) {
  fputs("model       ", stdout);
  output_word(f->model);
  if (f->model_same && f->model_tensors)
    printf(" is it: each of its %" PRIu32 " tensors stands in the certified state under its name\n", f->model_tensors);
  else if (f->model_same)
    puts(" is it: the state has the model root");
  else
    printf(" is ANOTHER one%s%s\n", *f->model_why ? ": " : "", f->model_why);
}

void certificate_print(const struct certificate *c, const struct certificate_finding *f) {
  if (f->check == CERTIFICATE_TRUE)
    puts("valid\n");
  else
    printf("NOT VALID: %s: %s\n\nWhat it claims:\n\n", certificate_check_text(f->check), f->why);
  print_result(c);
  if (f->model) print_model(f);
  putchar('\n');
  print_audit(c);
  putchar('\n');
  print_job(c);
  putchar('\n');
  print_payments(c);
  putchar('\n');
  print_chain(c);
  print_not_shown(c, f);
}

static json_t *hashes_json(const uint8_t *bytes, uint32_t count) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < count; i++) json_array_append_new(list, reach_hex(bytes + (size_t)i * 32, 32));
  return list;
}

static json_t *receipts_json(const struct certificate *c) {
  json_t *list = json_array();
  struct certificate_receipt row;
  size_t offset = 0;
  while (certificate_next(c, &offset, &row)) {
    struct receipt r;
    if (!receipt_decode(row.receipt, RECEIPT_BYTES, &r)) break;
    bool last = offset == c->receipt_rows.length;
    json_array_append_new(list, why_receipt_json(&r, NULL, c->payments.bytes, last ? c->payments.length : 0));
  }
  return list;
}

static json_t *audited_json(const struct certificate *c) {
  json_t *list = json_array();
  struct certificate_receipt row;
  struct receipt r;
  size_t offset = 0;
  for (bool first = true; certificate_next(c, &offset, &row); first = false)
    if (!first && receipt_decode(row.receipt, RECEIPT_BYTES, &r)) json_array_append_new(list, json_integer(r.audited));
  return list;
}

static json_t *tasks_json(const struct certificate *c) {
  json_t *list = json_array();
  for (uint16_t i = 0; i < c->job.tasks; i++) {
    struct certificate_task t = certificate_task(&c->job, i);
    json_array_append_new(list, json_pack("{s:I, s:i, s:i}", "steps", (json_int_t)t.steps, "interval",
                                          (int)t.interval_steps, "class", (int)t.time_class));
  }
  return list;
}

static json_t *signatures_json(const struct certificate *c) {
  static const char *const flags[] = {"", "absent", "for", "nil"};
  json_t *list = json_array();
  for (uint16_t i = 0; i < c->validators; i++) {
    char when[COMET_TIME_TEXT_MAX + 1] = "";
    bool there = c->signature[i].flag != COMET_ABSENT;
    if (there) comet_time_write(&c->signature[i].time, when);
    json_array_append_new(list, json_pack("{s:o, s:I, s:s, s:s?}", "key", reach_hex(c->validator[i].key.bytes, 32),
                                          "power", (json_int_t)c->validator[i].power, "vote",
                                          flags[c->signature[i].flag], "time", there ? when : NULL));
  }
  return list;
}

json_t *certificate_json(const struct certificate *c, const struct certificate_finding *f) {
  const struct receipt *r = &c->settled;
  char when[COMET_TIME_TEXT_MAX + 1], seed[24];
  struct layout_entry e;
  bool named = figure_entry(c, &e), real = !named || e.dtype == TAPE_F32;
  bool figure = real && c->posted.figure != FIGURE_NONE && isfinite(figure_of(c));
  comet_time_write(&c->header.time, when);
  snprintf(seed, sizeof seed, "%" PRIu64, r->seed);
  json_t *o =
      json_pack("{s:b, s:s?, s:s?, s:s, s:o, s:I, s:s, s:s, s:o, s:b, s:o}", "valid", f->check == CERTIFICATE_TRUE,
                "failed", f->check ? certificate_check_text(f->check) : NULL, "why", f->check ? f->why : NULL, "chain",
                c->header.chain_id, "genesis", reach_hex(r->genesis, 32), "height", (json_int_t)c->header.height,
                "time", when, "trust", r->trust ? "bft" : "operator", "validators", reach_hex(c->header.validators, 32),
                "anchored", f->anchor != NULL, "signatures", signatures_json(c));
  json_t *result = json_pack(
      "{s:s, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "outcome", r->reason == REASON_DIVERGED ? "diverged" : "done",
      "whole", r->reason == REASON_DIVERGED || c->receipts - 1 == c->job.tasks, "final_root",
      reach_hex(r->final_root, 32), "start_root", reach_hex(c->posted.start_root, 32), "loss",
      figure ? json_real(figure_of(c)) : json_null(), "figure_bits", (json_int_t)r->figure, "figure_entry",
      (json_int_t)c->posted.figure, "steps", (json_int_t)r->steps, "receipts", receipts_json(c));
  json_t *audit = json_pack("{s:s, s:i, s:i, s:i, s:i, s:f, s:o, s:i, s:o, s:i}", "level", level_word(r->level),
                            "seats", (int)r->seats, "audited", (int)r->audited, "draws", (int)r->draws, "intervals",
                            (int)certificate_intervals(c), "unseen_at_most", certificate_unseen(c), "audited_by_task",
                            audited_json(c), "disputes_survived", (int)r->disputes, "solver", reach_address(r->account),
                            "attempt", (int)r->attempt);
  json_t *job = json_pack(
      "{s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:I, s:s, s:b, s:o, s:o, s:b}", "job", reach_hex(c->posted.task, 32),
      "submitter", reach_address(c->posted.account), "job_root", reach_hex(c->posted.final_root, 32), "tape_roots",
      hashes_json(c->job.tape_root, c->job.tapes), "data_roots", hashes_json(c->job.data_root, c->job.data),
      "layout_hash", reach_hex(c->job.layout_hash, 32), "canon", (int)c->job.canon, "lower", (int)c->job.lower,
      "first_step", (json_int_t)c->job.first_step, "seed", seed, "seed_fixed", !c->job.seed_mode, "tasks",
      tasks_json(c), "spec_hash", reach_hex(r->spec_hash, 32), "spec", c->spec.length > 0);
  json_object_update(o, result);
  json_object_update(o, audit);
  json_object_update(o, job);
  json_decref(result);
  json_decref(audit);
  json_decref(job);
  json_object_set_new(o, "figure_name", named ? output_text(e.name) : json_null());
  if (f->model) json_object_set_new(o, "model_same", json_boolean(f->model_same));
  if (f->model && *f->model_why) json_object_set_new(o, "model_why", output_text(f->model_why));
  return o;
}
