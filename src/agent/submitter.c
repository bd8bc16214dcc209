#include "agent/submitter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/submitter_inside.h"
#include "crypto/sha256.h"
#include "training/checkpoint/checkpoint.h"
#include "training/run/export.h"
#include "training/run/spec.h"

enum { ALIGN = 64, RENEW_TICKS = 2000 };

/* What may be submitted in this folder: this job with these terms. Another one needs another folder. */
static void fingerprint(const struct submitter *s, uint8_t hash[32]) {
  const struct submitter_options *o = &s->given;
  uint8_t bytes[3 + 1 + 8 + 8 + 4 + 32], own[32] = {0};
  struct writer w = writer_over(bytes, sizeof bytes);
  if (o->own_seat) memcpy(own, o->own_seat, sizeof own);
  put_u8(&w, o->level);
  put_u8(&w, o->seats);
  put_u8(&w, o->draws);
  put_u8(&w, o->class);
  put_u64(&w, o->price);
  put_u64(&w, o->reserve);
  put_u32(&w, o->deadline_ticks);
  put_bytes(&w, own, sizeof own);
  const struct sha256_part parts[] = {
      {o->prepared->job_root, 32}, {s->spec_hash, 32}, {s->start_root, 32}, {bytes, bytes_written(&w)}};
  sha256_parts(parts, 4, hash);
}

static enum agent_status same_job(struct submitter *s, struct why *why) {
  struct journal *j = agent_journal(s->agent);
  uint8_t mine[32];
  const uint8_t *was;
  size_t length;
  fingerprint(s, mine);
  if (journal_get(j, "submit/job", &was, &length)) {
    if (length == 32 && memcmp(was, mine, 32) == 0) return AGENT_OK;
    why_set(why, "%s: another job, or other terms, was submitted from this folder; use another one",
            agent_options(s->agent)->folder);
    return AGENT_ERR_INPUT;
  }
  return AGENT_OK;
}

static bool mark(struct submitter *s, const char *key, const void *bytes, size_t length, struct why *why) {
  return journal_put(agent_journal(s->agent), key, bytes, length, why) == JOURNAL_OK;
}

static bool marked(const struct submitter *s, const char *key, void *bytes, size_t length) {
  const uint8_t *was;
  size_t had;
  if (!journal_get(agent_journal(s->agent), key, &was, &had) || had != length) return false;
  if (length) memcpy(bytes, was, length);
  return true;
}

/* Before anything is sent: from here on this folder is this job's, at this price. */
static bool bind(struct submitter *s, struct why *why) {
  uint8_t mine[32], terms[1 + 8];
  struct writer w = writer_over(terms, sizeof terms);
  fingerprint(s, mine);
  put_u8(&w, s->options.class);
  put_u64(&w, s->options.price);
  return mark(s, "submit/terms", terms, sizeof terms, why) && mark(s, "submit/job", mine, sizeof mine, why);
}

static void read_terms(struct submitter *s) {
  uint8_t terms[1 + 8];
  if (!marked(s, "submit/terms", terms, sizeof terms)) return;
  struct reader r = reader_over(terms, sizeof terms);
  s->options.class = take_u8(&r);
  s->options.price = take_u64(&r);
}

/* What has come of it, once the receipts have said so. */
enum { RESULT_BYTES = 1 + 32 + 32 + 1 + 4 + 2 + 1 + 2 + 8 };

static bool keep_result(struct submitter *s, struct why *why) {
  const struct submitter_result *r = &s->result;
  uint8_t bytes[RESULT_BYTES];
  struct writer w = writer_over(bytes, sizeof bytes);
  put_u8(&w, r->stage);
  put_bytes(&w, r->job, 32);
  put_bytes(&w, r->final_root, 32);
  put_u8(&w, r->outcome);
  put_u32(&w, r->figure);
  put_u16(&w, r->task);
  put_u8(&w, r->attempt);
  put_u16(&w, r->reason);
  put_u64(&w, r->receipt);
  return mark(s, "submit/result", bytes, bytes_written(&w), why);
}

static bool read_result(struct submitter *s) {
  struct submitter_result r = {.stage = 0};
  uint8_t bytes[RESULT_BYTES];
  if (!marked(s, "submit/result", bytes, sizeof bytes)) return false;
  struct reader at = reader_over(bytes, sizeof bytes);
  r.stage = take_u8(&at);
  take_hash(&at, r.job);
  take_hash(&at, r.final_root);
  r.outcome = take_u8(&at);
  r.figure = take_u32(&at);
  r.task = take_u16(&at);
  r.attempt = take_u8(&at);
  r.reason = take_u16(&at);
  r.receipt = take_u64(&at);
  if (!bytes_done(&at) || r.stage < SUBMITTER_FETCH || r.stage > SUBMITTER_FAILED) return false;
  s->result = r;
  return true;
}

static void read_stage(struct submitter *s) {
  if (read_result(s)) return;
  s->result.stage = marked(s, "submit/id", s->result.job, 32) ? SUBMITTER_WATCH : SUBMITTER_TAPES;
}

/* LEDGER 15.3 */
static enum agent_status hash_spec(struct submitter *s, struct why *why) {
  char *text;
  size_t length;
  if (spec_text(s->options.prepared, &text, &length, why) != TRAINING_OK) return AGENT_ERR_SYSTEM;
  sha256(text, length, s->spec_hash);
  free(text);
  return AGENT_OK;
}

static enum agent_status begin(struct submitter **out, struct agent *a, struct view *view, const uint8_t account[32],
                               const struct submitter_options *options, struct why *why) {
  const struct prepared *p = options->prepared;
  struct submitter *s = calloc(1, sizeof *s);
  if (!s) return why_set(why, "no memory for a submitter"), AGENT_ERR_SYSTEM;
  s->agent = a;
  s->view = view;
  s->account = account;
  s->options = s->given = *options;
  memcpy(s->start_root, p->job.start_root, 32);
  enum agent_status status = hash_spec(s, why);
  if (status == AGENT_OK && options->level > POST_LEVEL_MAX) {
    why_set(why, "level %u: there are 0 to %d", options->level, POST_LEVEL_MAX);
    status = AGENT_ERR_INPUT;
  }
  if (status == AGENT_OK && options->start &&
      checkpoint_root(NULL, options->start, p->state_bytes, s->start_root, why) != TRAINING_OK)
    status = AGENT_ERR_SYSTEM;
  if (status == AGENT_OK) status = bodies_make_tapes(s, why);
  if (status == AGENT_OK && a) status = same_job(s, why);
  if (status != AGENT_OK) {
    submitter_shut(s);
    return status;
  }
  if (a) read_terms(s);
  if (a) read_stage(s);
  *out = s;
  return AGENT_OK;
}

enum agent_status submitter_open(struct submitter **out, struct agent *a, const struct submitter_options *options,
                                 struct why *why) {
  return begin(out, a, agent_view(a), agent_account(a), options, why);
}

enum agent_status submitter_open_quote(struct submitter **out, struct view *view, const uint8_t account[32],
                                       const struct submitter_options *options, struct why *why) {
  return begin(out, NULL, view, account, options, why);
}

void submitter_shut(struct submitter *s) {
  if (!s) return;
  free(s->tapes);
  free(s->post);
  free(s);
}

void submitter_result(const struct submitter *s, struct submitter_result *out) { *out = s->result; }

bool submitter_task(const struct submitter *s, struct task_record *out) {
  if (s->task_seen) *out = s->task;
  return s->task_seen;
}

bool submitter_first(const struct submitter *s, uint64_t *receipt) {
  uint8_t bytes[8];
  if (!marked(s, "submit/first", bytes, sizeof bytes)) return false;
  struct reader r = reader_over(bytes, sizeof bytes);
  *receipt = take_u64(&r);
  return true;
}

enum agent_status submitter_gas(const struct submitter *s, uint64_t *grain, struct why *why) {
  static const char *const sent[] = {"key", "tapes", "job"};
  const struct chain_port *port = agent_options(s->agent)->chain;
  uint64_t gas = 0;
  for (int i = 0; i < 3; i++) {
    struct agent_sent x = agent_sent(s->agent, sent[i]);
    struct client_result r;
    if (x.where != SENT_DONE) continue;
    enum client_status status = port->result(port->self, x.id, &r, why);
    if (status == CLIENT_OK) gas += r.gas_used;
    if (status == CLIENT_STOPPED) return AGENT_STOPPED;
    if (status != CLIENT_OK && status != CLIENT_NONE) return AGENT_LOST;
  }
  *grain = gas * view_chain(s->view)->now.gas_price;
  return AGENT_OK;
}

static void enter(struct submitter *s, enum submitter_stage stage) { s->result.stage = (uint8_t)stage; }

/* Nothing was paid for but gas, so the same command may try again. */
static void fail(struct submitter *s, const struct why *why) {
  agent_say(s->agent, "failed", NULL, "%s", why->text);
  agent_forget(s->agent, "tapes", NULL);
  agent_forget(s->agent, "job", NULL);
  enter(s, SUBMITTER_FAILED);
}

/* Each of these does what is due in its stage; false: nothing more can be done in this turn. */

/* 1: every tape known, and for a while yet. */
static bool known(struct submitter *s, bool *all, struct why *why) {
  const struct prepared *p = s->options.prepared;
  struct view *v = agent_view(s->agent);
  const struct chain *c = view_chain(v);
  struct posted_table table;
  struct posted_tape tape;
  *all = true;
  enum client_status status = view_known(v, POSTED_TABLE, p->job.layout_hash, why);
  if (status == CLIENT_OK && job_table_find(c, p->job.layout_hash, &table))
    *all = table.use.jobs || table.use.until_tick > c->now.tick + RENEW_TICKS;
  for (uint32_t k = 0; k < p->job.tapes && status == CLIENT_OK && *all; k++) {
    status = view_known(v, POSTED_TAPE, p->job.tape_root[k], why);
    if (status == CLIENT_OK && job_tape_find(c, p->job.tape_root[k], &tape))
      *all = tape.use.jobs || tape.use.until_tick > c->now.tick + RENEW_TICKS;
  }
  if (status == CLIENT_NONE) *all = false;
  return status == CLIENT_OK || status == CLIENT_NONE;
}

static bool post_tapes(struct submitter *s, struct why *why) {
  struct agent *a = s->agent;
  struct agent_sent sent = agent_sent(a, "tapes");
  bool all;
  if (sent.where == 0) {
    struct rehearsal *r;
    struct account account;
    if (!known(s, &all, why)) return false;
    /* Nothing is paid for a job that the chain will not take. */
    if (view_account(agent_view(a), agent_account(a), &account, why) != CLIENT_OK) return false;
    enum agent_status status = terms_find(s, NULL, why);
    if (status == AGENT_OK) status = rehearse(s, account.balance, &r, why);
    if (status == AGENT_ERR_INPUT) return fail(s, why), false;
    if (status != AGENT_OK) return false;
    rehearse_shut(r);
    if (!bind(s, why)) return false;
    if (all) return enter(s, SUBMITTER_BLOBS), true;
    if (agent_send(a, TRANSACTION_TAPE, s->tapes, s->tapes_length, "tapes", &sent, why) != AGENT_OK) return false;
    if (agent_sent(a, "tapes").where == 0) return false; /* the account's key goes first */
    agent_say(a, "tapes", NULL, "posting %u tapes, %zu bytes", s->options.prepared->job.tapes, s->tapes_length);
  }
  if (sent.where == SENT_WAITS) return false;
  if (sent.where == SENT_DONE && sent.code == CHAIN_OK) {
    if (!known(s, &all, why)) return false;
    if (all) return enter(s, SUBMITTER_BLOBS), true;
    return agent_forget(a, "tapes", why) == AGENT_OK; /* it was long ago, and the chain has forgotten them */
  }
  why_set(why, "the chain does not take the tapes: %s", chain_code_text((uint16_t)sent.code));
  return fail(s, why), false;
}

/* What it waits for, said when it begins to, and not in every turn. */
__attribute__((format(printf, 2, 3))) static void waits(struct submitter *s, const char *format, ...) {
  char text[WHY_MAX];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (strcmp(text, s->waits) == 0) return;
  memcpy(s->waits, text, sizeof text);
  agent_say(s->agent, "waits", NULL, "%s", text);
}

/* 2: data and start, at the storers. */
static bool put_blob(struct submitter *s, const char *what, const uint8_t root[32], const void *bytes, uint64_t length,
                     struct why *why) {
  const struct blob_port *b = agent_options(s->agent)->blobs;
  enum transfer_status status = b->put(b->self, root, bytes, length, why);
  if (status == TRANSFER_OK) return true;
  waits(s, "%s cannot be put to the stores yet: %s", what, why->text);
  return false;
}

static bool one_is_enough(void *context, const uint8_t account[32], const struct provider *p) {
  bool *found = context;
  (void)account, (void)p;
  *found = true;
  return false;
}

/* Data that only this machine has is nowhere for those who work: the job is not posted before somebody stores. */
static bool is_storer(struct submitter *s, struct why *why) {
  bool found = false;
  if (view_providers(s->view, PROVIDER_STORER, one_is_enough, &found, why) != CLIENT_OK) return false;
  if (!found) waits(s, "no storer is on this chain, and solvers could not have the data: for one to come");
  return found;
}

static bool put_blobs(struct submitter *s, struct why *why) {
  const struct prepared *p = s->options.prepared;
  if (marked(s, "submit/blobs", NULL, 0)) return enter(s, SUBMITTER_POST), true;
  if (!is_storer(s, why)) return false;
  for (uint32_t d = 0; d < p->job.data; d++)
    if (p->data[d] && !put_blob(s, "data", p->job.data_root[d], p->data[d], p->data_bytes[d], why)) return false;
  if (s->options.start && !put_blob(s, "the start", s->start_root, s->options.start, p->state_bytes, why)) return false;
  if (!mark(s, "submit/blobs", NULL, 0, why)) return false;
  enter(s, SUBMITTER_POST);
  return true;
}

/* 3: the job. Receipts about it can only come after this. */
static bool post_job(struct submitter *s, struct why *why) {
  struct agent *a = s->agent;
  const struct chain *c = view_chain(agent_view(a));
  struct agent_sent sent = agent_sent(a, "job");
  if (sent.where == 0) {
    if (bodies_make_post(s, why) != AGENT_OK) return fail(s, why), false;
    uint8_t first[8];
    struct writer w = writer_over(first, sizeof first);
    put_u64(&w, c->now.next_receipt);
    if (!mark(s, "submit/first", first, 8, why) || !mark(s, "submit/receipts", &c->now.next_receipt, 8, why))
      return false;
    if (agent_send(a, TRANSACTION_JOB_POST, s->post, s->post_length, "job", &sent, why) != AGENT_OK) return false;
  }
  if (sent.where == SENT_WAITS) return false;
  if (sent.where != SENT_DONE || sent.code != CHAIN_OK) {
    why_set(why, "the chain does not take the job: %s", chain_code_text((uint16_t)sent.code));
    return fail(s, why), false;
  }
  job_id(c, agent_account(a), agent_options(a)->key_index, sent.nonce, s->result.job);
  if (!mark(s, "submit/id", s->result.job, 32, why)) return false;
  agent_say(a, "posted", NULL, "the job is on the chain, in block %" PRIu64, sent.height);
  enter(s, SUBMITTER_WATCH);
  return true;
}

/* 4: what the receipts say. */

static uint16_t index_of(const struct receipt *r) { return (uint16_t)(r->task[32] | r->task[33] << 8); }

static bool take_receipt(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct submitter *s = context;
  if (s->options.receipt) s->options.receipt(s->options.context, r, payments, length);
  if (r->kind == RECEIPT_SETTLED) {
    memcpy(s->result.final_root, r->final_root, 32);
    s->result.outcome = r->outcome;
    s->result.figure = r->figure;
    s->result.task = index_of(r);
    s->result.receipt = r->number;
    bool last = index_of(r) + 1 == s->options.prepared->job.tasks || r->outcome == TRACE_DIVERGED;
    if (last) enter(s, SUBMITTER_FETCH);
  } else if (r->kind == RECEIPT_CANCELLED) {
    s->result.task = index_of(r);
    s->result.reason = r->reason;
    s->result.receipt = r->number;
    enter(s, SUBMITTER_FAILED);
  }
  return s->result.stage == SUBMITTER_WATCH;
}

static const char *const states[] = {
    [TASK_WAIT] = "WAIT: for the beacon that draws offers",
    [TASK_OPEN] = "OPEN: for solvers to offer",
    [TASK_WORK] = "WORK: for the solver",
    [TASK_DRAW] = "DRAW: for the beacon that draws seats",
    [TASK_TAKE] = "TAKE: for verifiers to take their seats",
    [TASK_PUBLISH] = "PUBLISH: for the solver to publish what the seats drew",
    [TASK_SEAL] = "SEAL: for the seats to recompute and seal",
    [TASK_STALLED] = "STALLED: for verifiers; there are none now",
    [TASK_SEALED] = "SEALED: for a beacon",
    [TASK_SHOW] = "SHOW: for the solver to open its trace and the seats to show theirs",
    [TASK_CLAIM] = "CLAIM: for claims",
    [TASK_DISCLOSE] = "DISCLOSE: for disclosures",
    [TASK_JUDGE] = "JUDGE: for disputes to end",
    [TASK_DELIVER] = "DELIVER: for the final state to be had",
    [TASK_SETTLED] = "SETTLED",
    [TASK_CANCELLED] = "CANCELLED",
};

struct latest {
  struct task_record task;
  bool there;
};

static bool take_task(void *context, const struct task_record *t) {
  struct latest *l = context;
  l->task = *t;
  l->there = true;
  return true;
}

/* Every wait names whom it is for and until when. */
static void tell(struct submitter *s, const struct task_record *t) {
  s->task = *t;
  s->task_seen = true;
  uint16_t state = (uint16_t)(t->id[32] << 12 ^ t->attempt << 8 ^ t->round << 5 ^ t->state);
  s->result.task = (uint16_t)(t->id[32] | t->id[33] << 8);
  s->result.task_state = t->state;
  s->result.attempt = t->attempt;
  if (state == s->seen_state) return;
  s->seen_state = state;
  agent_say(s->agent, "task", t->id, "task %u of %u, attempt %u, %s%s%" PRIu64, s->result.task + 1,
            s->options.prepared->job.tasks, t->attempt, states[t->state], t->wait ? ", at height " : ", until tick ",
            t->armed);
}

static bool watch(struct submitter *s, struct why *why) {
  struct view *v = agent_view(s->agent);
  struct latest latest = {.there = false};
  if (!s->receipts && marked(s, "submit/receipts", &s->receipts, 8)) s->receipts_kept = s->receipts;
  if (view_receipts(v, s->result.job, &s->receipts, take_receipt, s, why) != CLIENT_OK) return false;
  /* Receipts of tasks that are not the last change nothing; where they were read to is remembered, so that a long life
   * is not read again from its beginning. */
  if (s->result.stage == SUBMITTER_WATCH && s->receipts - s->receipts_kept >= 64 &&
      mark(s, "submit/receipts", &s->receipts, 8, why))
    s->receipts_kept = s->receipts;
  if (s->result.stage != SUBMITTER_WATCH) return keep_result(s, why);
  if (view_tasks_of(v, s->result.job, take_task, &latest, why) == CLIENT_OK && latest.there) tell(s, &latest.task);
  return false;
}

/* 5: the model. */

static bool write_model(struct submitter *s, const uint8_t *state, struct why *why) {
  const struct prepared *p = s->options.prepared;
  const char *folder = s->options.output;
  char path[FILE_PATH_MAX];
  if (!folder) return true;
  if (file_folder(folder, why) != TRAINING_OK) return false;
  if (!file_join(path, folder, "final.state") || file_replace(path, state, p->state_bytes, why) != TRAINING_OK)
    return false;
  if (s->result.outcome == TRACE_DIVERGED) return true; /* no numbers that anybody would want as weights */
  if (!file_join(path, folder, "model.onnx") || export_onnx(p, state, path, true, why) != TRAINING_OK) return false;
  if (!file_join(path, folder, "model.safetensors") || export_safetensors(p, state, path, true, why) != TRAINING_OK)
    return false;
  agent_say(s->agent, "model", NULL, "%s/model.onnx, model.safetensors", folder);
  return true;
}

static bool fetch(struct submitter *s, struct why *why) {
  const struct prepared *p = s->options.prepared;
  const struct blob_port *b = agent_options(s->agent)->blobs;
  uint8_t root[32];
  uint8_t *state = aligned_alloc(ALIGN, p->state_bytes);
  if (!state) return why_set(why, "no memory for the final state"), false;
  bool good = b->get(b->self, s->result.final_root, p->state_leaves, state, why) == TRANSFER_OK;
  if (!good) waits(s, "the final state is not to be had yet: %s", why->text);
  if (good) good = checkpoint_root(NULL, state, p->state_bytes, root, why) == TRAINING_OK;
  if (good && memcmp(root, s->result.final_root, 32) != 0) {
    why_set(why, "the store gives a state that is not the one settled");
    waits(s, "%s", why->text);
    good = false;
  }
  if (good && !write_model(s, state, why)) {
    waits(s, "the model cannot be written: %s", why->text);
    good = false;
  }
  free(state);
  if (!good) return false;
  enter(s, SUBMITTER_DONE);
  return keep_result(s, why);
}

bool submitter_turn(struct agent *a, void *submitter, struct why *why) {
  struct submitter *s = submitter;
  struct why own = {{0}};
  struct why *words = why ? why : &own;
  bool on = true;
  (void)a;
  while (on) {
    switch ((enum submitter_stage)s->result.stage) {
    case SUBMITTER_TAPES: on = post_tapes(s, words); break;
    case SUBMITTER_BLOBS: on = put_blobs(s, words); break;
    case SUBMITTER_POST: on = post_job(s, words); break;
    case SUBMITTER_WATCH: on = watch(s, words); break;
    case SUBMITTER_FETCH: on = fetch(s, words); break;
    case SUBMITTER_DONE:
    case SUBMITTER_FAILED: return false;
    }
  }
  return s->result.stage != SUBMITTER_FAILED && s->result.stage != SUBMITTER_DONE;
}
