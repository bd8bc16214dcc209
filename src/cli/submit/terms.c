/* From the words of a command line and a job file to the terms of a job. */
#include "base/nearest.h"
#include "cli/amount.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/submit/submit.h"
#include "crypto/address.h"
#include "training/checkpoint/checkpoint.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const levels[] = {"own", "spot", "standard", "strong", "full"};
enum { LEVELS = sizeof levels / sizeof *levels, SEATS_GIVEN_MAX = 9, DRAWS_GIVEN_MAX = 16, STATE_ALIGN = 64 };

const char *submit_level_word(uint8_t level) { return level < LEVELS ? levels[level] : "?"; }

static bool read_level(const struct arguments *a, const struct jobfile *j, struct submitter_options *o) {
  const char *word = arguments_text(a, "level", NULL);
  uint64_t seats = 0, draws = 0;
  if (!arguments_number(a, "seats", 1, SEATS_GIVEN_MAX, &seats) ||
      !arguments_number(a, "draws", 1, DRAWS_GIVEN_MAX, &draws))
    return false;
  o->level = j->level;
  if (!seats != !draws || (seats && word)) {
    complain("--seats and --draws go together, and instead of --level");
    return false;
  }
  if (seats) o->level = 0, o->seats = (uint8_t)seats, o->draws = (uint8_t)draws;
  if (!word) return true;
  for (uint8_t n = 1; n < LEVELS; n++)
    if (strcmp(word, levels[n]) == 0) return o->level = n, true;
  const char *near = nearest_word(word, levels + 1, LEVELS - 1, TYPO_EDITS);
  complain("--level is '%s'; there are spot, standard, strong and full%s%s%s", word, near ? "; did you mean '" : "",
           near ? near : "", near ? "'?" : "");
  return false;
}

static bool read_numbers(const struct arguments *a, struct submitter_options *o) {
  uint64_t price = 0, ticks = 0, class = SUBMITTER_CLASS_FITS;
  const char *reserve = arguments_text(a, "reserve", NULL);
  struct why why = {""};
  if (!arguments_number(a, "price", 1, UINT64_C(1) << 60, &price) ||
      !arguments_number(a, "deadline", 1, UINT32_MAX, &ticks) || !arguments_number(a, "class", 0, 7, &class))
    return false;
  if (reserve && !amount_read(reserve, &o->reserve, &why)) {
    complain("--reserve: %s", why.text);
    return false;
  }
  o->price = price;
  o->deadline_ticks = (uint32_t)ticks;
  o->class = (uint8_t) class;
  return true;
}

/* The state to start from. */

struct parent {
  const uint8_t *root;
  uint8_t job[32];
  bool there;
};

static bool settled_there(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct parent *p = context;
  (void)payments, (void)length;
  if (r->kind != RECEIPT_SETTLED || r->outcome != TRACE_DONE || memcmp(r->final_root, p->root, 32) != 0) return true;
  memcpy(p->job, r->task, 32);
  p->there = true;
  return true; /* the last one counts */
}

/* The same training data and the same seed: then the state is where a shorter job ended, of which this one is a longer
 * one, and the steps are numbered on (LEDGER 7.10). */
static bool goes_on(const struct prepared *p, const struct job_record *j) {
  bool same = j->seeded && (!p->jobfile.seed_given || j->seed == p->jobfile.seed);
  for (uint32_t n = 0; n <= p->options.train.more_count + 1 && same; n++) { /* inputs, then targets */
    bool targets = n > p->options.train.more_count;
    uint8_t number = targets ? DATA_TRAIN_TARGETS : lower_input_number(&p->options, false, n);
    same = number < j->job.data && memcmp(j->job.data_root[number], p->job.data_root[number], MERKLE_BYTES) == 0;
  }
  return same;
}

static enum outcome find_parent(const struct reach *reach, struct submit_terms *t, const uint8_t root[32]) {
  static struct job_stored job; /* large */
  struct parent parent = {.root = root};
  struct why why = {""};
  uint64_t from = 0;
  t->from_step = 1;
  enum client_status status = view_receipts(reach->view, NULL, &from, settled_there, &parent, &why);
  t->certified = parent.there;
  if (status == CLIENT_OK && parent.there) status = view_job(reach->view, parent.job, &job, &why);
  if (status == CLIENT_NONE) return OUTCOME_DONE; /* settled, and the chain has forgotten its job */
  if (status != CLIENT_OK) return reach_outcome(reach, status, &why);
  if (!parent.there || !goes_on(t->prepared, &job.record)) return OUTCOME_DONE;
  t->goes_on = true;
  t->from_step = job.record.job.first_step;
  for (uint16_t i = 0; i < job.record.job.tasks; i++) t->from_step += job.record.job.task[i].steps;
  prepare_seed(t->prepared, 0, job.record.seed);
  return OUTCOME_DONE;
}

static enum outcome read_start(const char *path, const struct reach *reach, struct submit_terms *t) {
  struct prepared *p = t->prepared;
  struct file_bytes file = {0};
  struct why why = {""};
  uint8_t root[32];
  enum training_status status = file_map(path, UINT64_MAX, &file, &why);
  if (status == TRAINING_OK && file.length != p->state_bytes) {
    why_set(&why,
            "%s: %zu bytes, and a state of this model and optimizer has %" PRIu64
            ": --start takes the final.state of a job with the same model",
            path, file.length, p->state_bytes);
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK && !(t->start = aligned_alloc(STATE_ALIGN, p->state_bytes))) {
    why_set(&why, "%s: not enough memory for the state", path);
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK) {
    memcpy(t->start, file.bytes, p->state_bytes);
    status = checkpoint_root(NULL, t->start, p->state_bytes, root, &why);
  }
  file_unmap(&file);
  enum outcome outcome = (enum outcome)status;
  if (status == TRAINING_OK) outcome = find_parent(reach, t, root);
  if (outcome == OUTCOME_DONE && prepare_start(p, root, t->from_step, &why) != TRAINING_OK) {
    complain("%s; raise updates or epochs to go on, or change the data or the seed to fine-tune", why.text);
    return OUTCOME_INPUT;
  }
  if (status != TRAINING_OK) complain("--start: %s", why.text);
  t->options.start = t->start;
  return outcome;
}

static enum outcome read_own_seat(const struct arguments *a, struct submit_terms *t) {
  struct sign_public public;
  if (!arguments_given(a, "own-seat")) return OUTCOME_DONE;
  enum outcome outcome = unlock_public(arguments_text(a, "own-seat", ""), &public);
  if (outcome != OUTCOME_DONE) return outcome;
  address_of_key(public.bytes, t->own_seat);
  t->options.own_seat = t->own_seat;
  return OUTCOME_DONE;
}

enum outcome submit_terms(const struct arguments *a, const struct reach *reach, struct submit_terms *t) {
  uint64_t threads = 0;
  struct why why = {""};
  *t = (struct submit_terms){.prepared = calloc(1, sizeof *t->prepared)};
  if (!t->prepared) {
    complain("not enough memory");
    return OUTCOME_ENVIRONMENT;
  }
  if (!arguments_number(a, "threads", 1, 256, &threads) || !read_numbers(a, &t->options)) return OUTCOME_INPUT;
  struct prepare_options prepare = {.data_folder = arguments_text(a, "data", NULL), .threads = (uint32_t)threads};
  enum training_status status = prepare_open(t->prepared, a->operand[0], &prepare, &why);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
    return (enum outcome)status;
  }
  t->options.prepared = t->prepared;
  if (!read_level(a, &t->prepared->jobfile, &t->options)) return OUTCOME_INPUT;
  if (!t->prepared->jobfile.seed_given) prepare_seed(t->prepared, 1, 0); /* LEDGER 7.9: the chain draws it */
  enum outcome outcome = read_own_seat(a, t);
  if (outcome == OUTCOME_DONE && arguments_given(a, "start"))
    outcome = read_start(arguments_text(a, "start", ""), reach, t);
  return outcome;
}

void submit_terms_shut(struct submit_terms *t) {
  if (t->prepared) prepare_shut(t->prepared);
  free(t->prepared);
  free(t->start);
  *t = (struct submit_terms){.prepared = NULL};
}
