#include "agent/verifier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ability.h"
#include "base/bytes.h"
#include "crypto/vrf.h"
#include "training/file/file.h"

/* What a seat has computed: salt 32 | done u16 | (end 32 | probe 32) x done, in the journal under sheet/TASK/.. */
struct sheet {
  uint8_t salt[32];
  uint16_t done;
  uint8_t ends[SHOW_ENDS_MAX * 32], probes[SHOW_ENDS_MAX * 32];
};
enum { SHEET_BYTES_MAX = 32 + 2 + SHOW_ENDS_MAX * 64 };

/* An interval that is being run: which one, for which act, and how far it is. */
struct part {
  char name[BENCH_ONCE_BYTES]; /* of the sheet; empty: there is none */
  uint16_t k;
  uint32_t steps;
  uint8_t *state, probe[32];
};

struct verifier {
  struct bench bench;
  struct part part;
  struct verifier_options options;
  struct agent *a;
  uint8_t refused[SEAT_ID_BYTES]; /* the seat that it said no to last: once is enough */
  struct sheet sheet;
};

/* A task's attempt and the seat in it that is ours. */
struct post {
  const struct task_record *t;
  const struct seat_record *s;
  uint64_t n; /* names acts: seat, and how often the draw began anew (it may be drawn again after STALLED) */
};

static const struct chain *chain_of(const struct verifier *v) { return view_chain(agent_view(v->a)); }

/* The sheet. */

static void sheet_key(const struct post *p, char key[BENCH_ONCE_BYTES]) { bench_once(p->t, "sheet", p->n, key); }

static bool sheet_read(struct verifier *v, const struct post *p, struct sheet *out) {
  char key[BENCH_ONCE_BYTES];
  const uint8_t *value;
  size_t length;
  memset(out, 0, sizeof *out);
  sheet_key(p, key);
  if (!journal_get(agent_journal(v->a), key, &value, &length)) return false;
  struct reader r = reader_over(value, length);
  const uint8_t *salt = take_bytes(&r, 32);
  out->done = take_u16(&r);
  if (!salt || out->done > SHOW_ENDS_MAX) return false;
  memcpy(out->salt, salt, 32);
  for (uint32_t k = 0; k < out->done; k++) {
    const uint8_t *roots = take_bytes(&r, 64);
    if (!roots) return false;
    memcpy(out->ends + 32 * k, roots, 32);
    memcpy(out->probes + 32 * k, roots + 32, 32);
  }
  return bytes_done(&r);
}

static bool sheet_write(struct verifier *v, const struct post *p, const struct sheet *sheet, struct why *why) {
  static uint8_t bytes[SHEET_BYTES_MAX];
  char key[BENCH_ONCE_BYTES];
  struct writer w = writer_over(bytes, sizeof bytes);
  put_bytes(&w, sheet->salt, 32);
  put_u16(&w, sheet->done);
  for (uint32_t k = 0; k < sheet->done; k++) {
    put_bytes(&w, sheet->ends + 32 * k, 32);
    put_bytes(&w, sheet->probes + 32 * k, 32);
  }
  sheet_key(p, key);
  return journal_put(agent_journal(v->a), key, bytes, bytes_written(&w), why) == JOURNAL_OK;
}

/* The sheet of before, or a new one with a salt. */
static bool sheet_begin(struct verifier *v, const struct post *p, struct sheet *sheet, struct why *why) {
  struct sign_secret *random;
  if (sheet_read(v, p, sheet)) return true;
  memset(sheet, 0, sizeof *sheet);
  why_set(why, "no randomness");
  if (sign_secret_random(&random) != SIGN_OK) return false;
  memcpy(sheet->salt, sign_secret_seed(random), 32);
  sign_secret_shut(&random);
  return sheet_write(v, p, sheet, why);
}

/* TAKE. */

static struct body_attempt at_of(const struct post *p) {
  return (struct body_attempt){.task = p->t->id, .attempt = p->t->attempt, .seat = p->s->id[SEAT_ID_BYTES - 1]};
}

static void refuse(struct verifier *v, const struct post *p, const char *text) {
  if (memcmp(v->refused, p->s->id, SEAT_ID_BYTES) == 0) return;
  memcpy(v->refused, p->s->id, SEAT_ID_BYTES);
  agent_say(v->a, "refuse", p->t->id, "%s", text);
}

static void take(struct verifier *v, const struct post *p, struct why *why) {
  const struct chain *c = chain_of(v);
  struct attempt_record a;
  uint8_t input[AUDIT_TAKE_BYTES], proof[VRF_BYTES], body[256];
  if (v->options.lie.no_take || bench_sent(&v->bench, p->t, "take", p->n)) return;
  if (memcmp(v->refused, p->s->id, SEAT_ID_BYTES) == 0) return;
  if (!verifier_can(c, agent_account(v->a), p->t, why)) {
    refuse(v, p, why->text);
    return;
  }
  enum material_status status = bench_material(&v->bench, p->t, why);
  if (status == MATERIAL_OK) status = ability_check(&v->bench, p->t, true, p->t->draws, why);
  if (status == MATERIAL_NEVER)
    refuse(v, p, why->text);
  else
    bench_tell(&v->bench, p->t, "no take", status, why);
  if (status != MATERIAL_OK || !attempt_find(c, p->t, &a)) return;
  audit_take_input(c->genesis, p->s->id, a.set_beacon, input);
  vrf_prove(agent_options(v->a)->vrf_key, input, sizeof input, proof);
  struct body_take b = {.at = at_of(p), .proof = proof};
  bench_send(&v->bench, p->t, TRANSACTION_TAKE, body, body_take_put(&b, body, sizeof body), "take", p->n, why);
}

/* SEAL. */

static bool is_full(const struct post *p) { return p->t->level == AUDIT_LEVEL_FULL; }

static bool start_path(const struct verifier *v, const struct task_record *t, uint16_t interval,
                       char path[FILE_PATH_MAX]) {
  char folder[FILE_PATH_MAX], name[32];
  snprintf(name, sizeof name, "start-%u", interval);
  return bench_folder(&v->bench, t, folder, NULL) && file_join(path, folder, name);
}

/* The root that an interval starts from, as far as the chain tells it now. */
static bool start_root(const struct verifier *v, const struct task_record *t, uint16_t interval, uint8_t root[32]) {
  if (interval == 1) {
    memcpy(root, t->start_root, 32);
    return true;
  }
  return view_start(agent_view(v->a), t, interval, root) || audit_root(chain_of(v), t, (uint16_t)(interval - 1), root);
}

/* A start: from the folder if it is there and right, else from the blob stores. */
static enum material_status fetch_start(struct verifier *v, const struct task_record *t, uint16_t interval,
                                        uint8_t *state, struct why *why) {
  const struct material *m = v->bench.material;
  uint64_t bytes = m->state_leaves * TAPE_LEAF_BYTES;
  uint8_t root[32], found[32];
  char path[FILE_PATH_MAX];
  struct file_bytes f;
  if (!start_root(v, t, interval, root)) {
    why_set(why, "the start of interval %u is not published", interval);
    return MATERIAL_LATER;
  }
  if (!start_path(v, t, interval, path)) return MATERIAL_ERR_SYSTEM;
  if (file_map(path, bytes, &f, NULL) == TRAINING_OK) {
    bool good = f.length == bytes;
    if (good) memcpy(state, f.bytes, bytes);
    file_unmap(&f);
    if (good && material_root(m, state, found) && memcmp(root, found, 32) == 0) return MATERIAL_OK;
  }
  enum material_status status = material_start(m, v->a, root, state, why);
  if (status != MATERIAL_OK) return status;
  return material_of(file_replace_soon(path, state, bytes, why));
}

static void drop_part(struct verifier *v) {
  free(v->part.state);
  v->part = (struct part){.name = ""};
}

/* The interval that is open, or the next one at its start. */
static enum material_status have_part(struct verifier *v, const struct post *p, uint16_t k, struct why *why) {
  char name[BENCH_ONCE_BYTES];
  sheet_key(p, name);
  if (v->part.state && v->part.k == k && strcmp(name, v->part.name) == 0) return MATERIAL_OK;
  drop_part(v);
  uint8_t *state = material_state(v->bench.material);
  why_set(why, "no memory for a state");
  enum material_status status = state ? fetch_start(v, p->t, p->s->interval[k], state, why) : MATERIAL_ERR_SYSTEM;
  if (status != MATERIAL_OK) {
    free(state);
    return status;
  }
  v->part.k = k;
  v->part.state = state;
  memcpy(v->part.name, name, sizeof name);
  return status;
}

/* Steps up to `to`, as far as there is time. */
static enum material_status run_to(struct verifier *v, uint32_t first, uint32_t to, uint64_t until_ms,
                                   struct why *why) {
  struct part *part = &v->part;
  uint32_t did;
  if (part->steps >= to) return MATERIAL_OK;
  enum material_status status =
      slice_steps(v->bench.replay, first + part->steps, to - part->steps, until_ms, part->state, &did, why);
  part->steps += did;
  return status;
}

/* Inner steps and then the rest. LEDGER 9.6. *done when the end is reached: then end and probe are filled in. */
static enum material_status run(struct verifier *v, const struct post *p, uint16_t k, uint64_t until_ms, bool *done,
                                uint8_t end[32], uint8_t probe[32], struct why *why) {
  uint16_t interval = p->s->interval[k], inner = p->s->inner[k], steps = audit_steps(p->t, interval);
  uint32_t first = p->t->first_step + (uint32_t)(interval - 1) * p->t->interval_steps;
  struct part *part = &v->part;
  bool before = part->steps < inner;
  *done = false;
  enum material_status status = run_to(v, first, inner, until_ms, why);
  if (status != MATERIAL_OK || part->steps < inner) return status;
  if (before && !p->s->own) status = material_of(replay_root(v->bench.replay, part->state, part->probe, why));
  if (status == MATERIAL_OK && before && slice_ms() >= until_ms) return status;
  if (status == MATERIAL_OK) status = run_to(v, first, steps, until_ms, why);
  if (status != MATERIAL_OK || part->steps < steps) return status;
  if (v->options.lie.wrong && k == 0) work_alter(v->bench.material, part->state);
  *done = true;
  memcpy(probe, part->probe, 32);
  return material_of(replay_root(v->bench.replay, part->state, end, why));
}

/* A drawn interval further on; on the sheet when it is done. */
static enum material_status audit_one(struct verifier *v, const struct post *p, uint64_t until_ms, struct sheet *sheet,
                                      struct why *why) {
  uint16_t k = sheet->done;
  bool done = false;
  enum material_status status = bench_material(&v->bench, p->t, why);
  if (status == MATERIAL_OK) status = bench_replay(&v->bench, why);
  if (status == MATERIAL_OK) status = have_part(v, p, k, why);
  if (status == MATERIAL_OK) status = run(v, p, k, until_ms, &done, sheet->ends + 32 * k, sheet->probes + 32 * k, why);
  if (done || (status != MATERIAL_OK && status != MATERIAL_LATER)) drop_part(v);
  if (status != MATERIAL_OK || !done) return status;
  sheet->done++;
  return sheet_write(v, p, sheet, why) ? MATERIAL_OK : MATERIAL_ERR_SYSTEM;
}

/* `full`: everything from the task's start. Its plan is what the solver committed to. */
static bool at_work(struct verifier *v, const struct task_record *t, struct why *why) {
  struct work_plan plan = {.first_step = t->first_step,
                           .steps = t->steps_run,
                           .interval_steps = t->interval_steps,
                           .runs_on = true,
                           .lie = v->options.lie.wrong ? 1 : 0};
  memcpy(plan.start_root, t->start_root, 32);
  enum material_status status = bench_work(&v->bench, t, &plan, why);
  bench_tell(&v->bench, t, "work", status, why);
  return status == MATERIAL_OK;
}

static enum material_status probe_of(struct verifier *v, const struct post *p, uint16_t k, uint8_t *state,
                                     uint8_t probe[32], struct why *why) {
  uint16_t interval = p->s->interval[k];
  uint32_t first = p->t->first_step + (uint32_t)(interval - 1) * p->t->interval_steps;
  enum material_status status = work_state(v->bench.work, (uint16_t)(interval - 1), state, why);
  if (status == MATERIAL_OK)
    status = material_of(replay_steps(v->bench.replay, first, p->s->inner[k], state, NULL, NULL, why));
  return status == MATERIAL_OK ? material_of(replay_root(v->bench.replay, state, probe, why)) : status;
}

static enum material_status audit_full(struct verifier *v, const struct post *p, uint64_t until_ms, struct sheet *sheet,
                                       struct why *why) {
  bool done = false;
  if (!at_work(v, p->t, why)) return MATERIAL_LATER;
  enum material_status status = work_next(v->bench.work, until_ms, &done, why);
  if (status != MATERIAL_OK || !done) return status;
  status = bench_replay(&v->bench, why);
  uint8_t *state = material_state(v->bench.material);
  if (!state) return MATERIAL_ERR_SYSTEM;
  for (uint16_t k = 0; k < p->s->draws && status == MATERIAL_OK; k++) {
    memcpy(sheet->ends + 32 * k, work_trace(v->bench.work)->roots[p->s->interval[k]], 32);
    memset(sheet->probes + 32 * k, 0, 32);
    if (p->s->inner[k] && !p->s->own) status = probe_of(v, p, k, state, sheet->probes + 32 * k, why);
  }
  free(state);
  if (status != MATERIAL_OK) return status;
  sheet->done = p->s->draws;
  return sheet_write(v, p, sheet, why) ? MATERIAL_OK : MATERIAL_ERR_SYSTEM;
}

static void fetch_word(struct verifier *v, const struct post *p, uint8_t what, bool got, struct why *why) {
  uint8_t body[256];
  struct body_fetch b = {.at = at_of(p), .what = what, .got = got};
  bench_send(&v->bench, p->t, TRANSACTION_FETCH, body, body_fetch_put(&b, body, sizeof body),
             what == FETCH_START ? "no-start" : "vote", p->n, why);
}

static void seal_of(const struct verifier *v, const struct post *p, const struct sheet *sheet, uint8_t hash[32]) {
  audit_seal_hash(chain_of(v)->genesis, p->s->id, p->s->account, sheet->salt, sheet->ends, p->s->draws, hash);
}

static void seal(struct verifier *v, const struct post *p, struct why *why) {
  struct sheet *sheet = &v->sheet;
  uint64_t until = slice_ms() + v->options.slice_ms;
  enum material_status status = MATERIAL_OK;
  if (v->options.lie.no_seal || bench_sent(&v->bench, p->t, "seal", p->n) ||
      bench_sent(&v->bench, p->t, "no-start", p->n) || !sheet_begin(v, p, sheet, why))
    return;
  while (sheet->done < p->s->draws && status == MATERIAL_OK) {
    status = is_full(p) ? audit_full(v, p, until, sheet, why) : audit_one(v, p, until, sheet, why);
    if (slice_ms() >= until) break;
  }
  bench_tell(&v->bench, p->t, "audit", status, why);
  if (status == MATERIAL_LATER && verifier_late(chain_of(v), p->t)) fetch_word(v, p, FETCH_START, false, why);
  if (sheet->done < p->s->draws) {
    if (status == MATERIAL_OK) agent_busy(v->a);
    return;
  }
  uint8_t hash[32], body[256];
  seal_of(v, p, sheet, hash);
  struct body_seal b = {.at = at_of(p), .hash = hash};
  bench_send(&v->bench, p->t, TRANSACTION_SEAL, body, body_seal_put(&b, body, sizeof body), "seal", p->n, why);
}

/* SHOW, JUDGE, DELIVER. */

static void show(struct verifier *v, const struct post *p, struct why *why) {
  static uint8_t body[TRANSACTION_BYTES_MAX];
  uint8_t hash[32];
  if (v->options.lie.no_show || bench_sent(&v->bench, p->t, "show", p->n)) return;
  if (!sheet_read(v, p, &v->sheet) || v->sheet.done != p->s->draws) {
    agent_say(v->a, "lost", p->t->id, "the journal does not have what seat %u sealed", p->s->id[SEAT_ID_BYTES - 1]);
    return;
  }
  seal_of(v, p, &v->sheet, hash);
  if (memcmp(hash, p->s->seal, 32) != 0) {
    why_set(why,
            "the chain has another seal of this account: this key is in use on another machine too. That one has to "
            "go on; stop this one");
    bench_tell(&v->bench, p->t, "conflict", MATERIAL_NEVER, why);
    return;
  }
  struct body_show b = {.at = at_of(p),
                        .salt = v->sheet.salt,
                        .ends = v->sheet.ends,
                        .probes = v->sheet.probes,
                        .ends_count = p->s->draws};
  bench_send(&v->bench, p->t, TRANSACTION_SHOW, body, body_show_put(&b, body, sizeof body), "show", p->n, why);
}

static enum material_status start_of(void *context, const struct task_record *t, uint16_t interval, uint8_t *state,
                                     struct why *why) {
  struct verifier *v = context;
  if (t->level != AUDIT_LEVEL_FULL) return fetch_start(v, t, interval, state, why);
  if (!at_work(v, t, why)) return MATERIAL_LATER;
  return work_state(v->bench.work, (uint16_t)(interval - 1), state, why);
}

static void move(struct verifier *v, const struct post *p, struct why *why) {
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  if (!docket_find(chain_of(v), p->s->dispute - 1, &r) || !docket_dispute(chain_of(v), &r, &f, &d)) return;
  if (d.awaits == v->options.lie.silent_move) return;
  bool lies = v->options.lie.wrong && r.interval == p->s->interval[0];
  bench_move(&v->bench, p->t, r.id, lies, start_of, v, why);
}

/* LEDGER 9.11. Yes as soon as it is here; no when the time is up. */
static void vote(struct verifier *v, const struct post *p, struct why *why) {
  if (v->options.lie.no_vote || bench_sent(&v->bench, p->t, "vote", p->n)) return;
  if (bench_material(&v->bench, p->t, why) != MATERIAL_OK) return;
  uint8_t *state = material_state(v->bench.material);
  if (!state) return;
  enum material_status status = material_start(v->bench.material, v->a, p->t->final_root, state, why);
  free(state);
  if (status == MATERIAL_OK)
    fetch_word(v, p, FETCH_FINAL, true, why);
  else if (status == MATERIAL_LATER && verifier_late(chain_of(v), p->t))
    fetch_word(v, p, FETCH_FINAL, false, why);
}

/* A turn. */

enum { OF_VERIFIERS = 1 << TASK_TAKE | 1 << TASK_SEAL | 1 << TASK_SHOW | 1 << TASK_JUDGE | 1 << TASK_DELIVER };

static void act(struct verifier *v, const struct post *p, enum verifier_duty duty, struct why *why) {
  switch (duty) {
  case VERIFIER_TAKE: take(v, p, why); return;
  case VERIFIER_SEAL: seal(v, p, why); return;
  case VERIFIER_SHOW: show(v, p, why); return;
  case VERIFIER_MOVE: move(v, p, why); return;
  case VERIFIER_VOTE: vote(v, p, why); return;
  case VERIFIER_REST: return;
  }
}

/* Our seats of a task; `works`: those that are to run something, or all others. */
static void serve(struct verifier *v, const uint8_t task[TASK_ID_BYTES], bool works, struct why *why) {
  struct task_record t;
  struct seat_record s;
  if (view_task(agent_view(v->a), task, &t, why) != CLIENT_OK) return;
  for (uint8_t i = 0; i <= t.seats; i++) {
    if (!audit_seat(chain_of(v), &t, i, &s) || !agent_mine(v->a, s.account)) continue;
    struct post p = {.t = &t, .s = &s, .n = (uint64_t)t.stalled_epochs << 8 | i};
    enum verifier_duty duty = verifier_due(chain_of(v), &t, &s);
    if ((duty == VERIFIER_SEAL) == works) act(v, &p, duty, why);
  }
}

bool verifier_turn(struct agent *a, void *verifier, struct why *why) {
  struct verifier *v = verifier;
  struct bench_tasks *tasks = malloc(sizeof *tasks);
  struct why local = {""};
  (void)a;
  if (!why) why = &local;
  if (tasks && bench_list(&v->bench, OF_VERIFIERS, tasks, why))
    for (uint32_t pass = 0; pass < 2; pass++)
      for (uint32_t i = 0; i < tasks->count; i++) serve(v, tasks->id[i], pass == 1, why);
  free(tasks);
  bench_sweep(&v->bench);
  return true;
}

enum agent_status verifier_open(struct verifier **out, struct agent *a, const struct verifier_options *options,
                                struct why *why) {
  struct verifier *v = calloc(1, sizeof *v);
  *out = NULL;
  if (!agent_options(a)->vrf_key || !agent_options(a)->blobs) {
    why_set(why, "a verifier needs a draw key and blob stores");
    free(v);
    return AGENT_ERR_INPUT;
  }
  if (!v) {
    why_set(why, "no memory");
    return AGENT_ERR_SYSTEM;
  }
  v->a = a;
  v->options = *options;
  bench_begin(&v->bench, a, &options->material, options->disk_bytes);
  *out = v;
  return AGENT_OK;
}

void verifier_shut(struct verifier *v) {
  if (!v) return;
  drop_part(v);
  bench_end(&v->bench);
  free(v);
}
