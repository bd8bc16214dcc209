#include "agent/bench.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "training/file/file.h"

enum { SWEEP_TURNS = 64 };

void bench_begin(struct bench *b, struct agent *a, const struct material_options *options, uint64_t disk_bytes) {
  *b = (struct bench){.a = a, .options = *options, .disk_bytes = disk_bytes};
}

static void drop_side(struct bench *b) {
  side_shut(b->side);
  b->side = NULL;
}

static void drop_work(struct bench *b) {
  work_shut(b->work);
  b->work = NULL;
}

void bench_end(struct bench *b) {
  drop_side(b);
  drop_work(b);
  if (b->replay) replay_shut(b->replay);
  b->replay = NULL;
  b->measured = false;
  material_shut(b->material);
  b->material = NULL;
}

static void attempt_id(const struct task_record *t, uint8_t id[TASK_ID_BYTES + 1]) {
  memcpy(id, t->id, TASK_ID_BYTES);
  id[TASK_ID_BYTES] = t->attempt;
}

enum material_status bench_material(struct bench *b, const struct task_record *t, struct why *why) {
  if (b->material && memcmp(b->material->job, t->id, 32) == 0 && b->interval_steps >= t->interval_steps)
    return MATERIAL_OK;
  bench_end(b);
  b->interval_steps = t->interval_steps;
  return material_open(&b->material, b->a, t->id, t->interval_steps, &b->options, why);
}

enum material_status bench_replay(struct bench *b, struct why *why) {
  if (b->replay) return MATERIAL_OK;
  return material_replay(b->material, &b->options, 0, &b->replay, why);
}

bool bench_folder(const struct bench *b, const struct task_record *t, char path[], struct why *why) {
  char name[2 * TASK_ID_BYTES + 8], hex[2 * TASK_ID_BYTES + 1];
  hex_encode(t->id, TASK_ID_BYTES, hex);
  snprintf(name, sizeof name, "%s-%u", hex, t->attempt);
  return file_join(path, agent_options(b->a)->folder, name) && file_folder(path, why) == TRAINING_OK;
}

static void remove_folder(const char *path) {
  char file[FILE_PATH_MAX];
  DIR *folder = opendir(path);
  for (const struct dirent *e; folder && (e = readdir(folder));)
    if (e->d_name[0] != '.' && file_join(file, path, e->d_name)) unlink(file);
  if (folder) closedir(folder);
  rmdir(path);
}

/* A folder's name is TASK-ATTEMPT; whatever has another name is not ours. */
static bool read_name(const char *name, uint8_t task[TASK_ID_BYTES], uint8_t *attempt) {
  char hex[2 * TASK_ID_BYTES + 1];
  if (strlen(name) != 2 * TASK_ID_BYTES + 2 || name[2 * TASK_ID_BYTES] != '-') return false;
  memcpy(hex, name, 2 * TASK_ID_BYTES);
  hex[2 * TASK_ID_BYTES] = 0;
  *attempt = (uint8_t)(name[2 * TASK_ID_BYTES + 1] - '0');
  return hex_decode(hex, task, TASK_ID_BYTES);
}

/* A node that is behind knows an attempt that is older, or no task at all: then nothing is over. */
static bool is_over(struct bench *b, const uint8_t task[TASK_ID_BYTES], uint8_t attempt) {
  struct task_record t;
  struct why why;
  return view_task(agent_view(b->a), task, &t, &why) == CLIENT_OK &&
         (t.attempt > attempt || t.state == TASK_SETTLED || t.state == TASK_CANCELLED);
}

/* The words of an attempt leave the journal, but for what may still come into a block: its nonce is needed. */
static void forget_words(struct bench *b, const uint8_t task[TASK_ID_BYTES], uint8_t attempt) {
  struct journal *j = agent_journal(b->a);
  char hex[2 * TASK_ID_BYTES + 1], words[2 * TASK_ID_BYTES + 8], key[JOURNAL_KEY_MAX + 1] = "";
  const char *next;
  hex_encode(task, TASK_ID_BYTES, hex);
  snprintf(words, sizeof words, "/%s/%u/", hex, attempt);
  while ((next = journal_next(j, "", *key ? key : NULL)) != NULL) {
    snprintf(key, sizeof key, "%s", next);
    if (!strstr(key, words)) continue;
    if (strncmp(key, "tx/", 3) != 0)
      journal_erase(j, key, NULL);
    else if (agent_sent(b->a, key + 3).where != SENT_WAITS)
      agent_forget(b->a, key + 3, NULL);
  }
}

void bench_sweep(struct bench *b) {
  char path[FILE_PATH_MAX];
  uint8_t task[TASK_ID_BYTES], attempt;
  if (b->turns++ % SWEEP_TURNS) return;
  DIR *folder = opendir(agent_options(b->a)->folder);
  for (const struct dirent *e; folder && (e = readdir(folder));)
    if (read_name(e->d_name, task, &attempt) && is_over(b, task, attempt) &&
        file_join(path, agent_options(b->a)->folder, e->d_name)) {
      forget_words(b, task, attempt);
      remove_folder(path);
    }
  if (folder) closedir(folder);
}

enum material_status bench_work(struct bench *b, const struct task_record *t, const struct work_plan *plan,
                                struct why *why) {
  uint8_t id[TASK_ID_BYTES + 1];
  char path[FILE_PATH_MAX];
  struct work_plan whole = *plan;
  enum material_status status = bench_material(b, t, why);
  if (status != MATERIAL_OK) return status;
  attempt_id(t, id);
  if (b->work && memcmp(id, b->work_id, sizeof id) == 0) return MATERIAL_OK;
  drop_work(b);
  if (!bench_folder(b, t, path, why)) return MATERIAL_ERR_SYSTEM;
  whole.folder = path;
  whole.disk_bytes = b->disk_bytes;
  memcpy(b->work_id, id, sizeof id);
  return work_open(&b->work, b->material, b->a, &b->options, &whole, why);
}

enum material_status bench_side(struct bench *b, const struct task_record *t, uint16_t interval, bool lies,
                                bench_start *start, void *context, struct why *why) {
  uint8_t id[TASK_ID_BYTES + 1 + 2];
  enum material_status status = bench_material(b, t, why);
  if (status != MATERIAL_OK) return status;
  attempt_id(t, id);
  id[TASK_ID_BYTES + 1] = (uint8_t)interval;
  id[TASK_ID_BYTES + 2] = (uint8_t)(interval >> 8);
  if (b->side && memcmp(id, b->side_id, sizeof id) == 0) return MATERIAL_OK;
  drop_side(b);
  uint8_t *state = material_state(b->material);
  why_set(why, "no memory for a state");
  if (!state) return MATERIAL_ERR_SYSTEM;
  status = start(context, t, interval, state, why);
  if (status == MATERIAL_OK) {
    uint32_t first = t->first_step + (uint32_t)(interval - 1) * t->interval_steps;
    memcpy(b->side_id, id, sizeof id);
    status = side_open(&b->side, b->material, &b->options, first, audit_steps(t, interval), state, lies, why);
  }
  free(state);
  return status;
}

void bench_once(const struct task_record *t, const char *verb, uint64_t n, char once[BENCH_ONCE_BYTES]) {
  char hex[2 * TASK_ID_BYTES + 1];
  hex_encode(t->id, TASK_ID_BYTES, hex);
  snprintf(once, BENCH_ONCE_BYTES, "%s/%s/%u/%" PRIu64, verb, hex, t->attempt, n);
}

bool bench_sent(const struct bench *b, const struct task_record *t, const char *verb, uint64_t n) {
  char once[BENCH_ONCE_BYTES];
  bench_once(t, verb, n, once);
  return agent_sent(b->a, once).where != 0;
}

bool bench_send(struct bench *b, const struct task_record *t, uint8_t type, const uint8_t *body, size_t length,
                const char *verb, uint64_t n, struct why *why) {
  char once[BENCH_ONCE_BYTES];
  struct agent_sent sent = {.where = 0};
  struct why reason = {""};
  bench_once(t, verb, n, once);
  bool first = agent_sent(b->a, once).where == 0;
  if (!length) {
    why_set(why, "no %s that the chain could read", verb);
    return false;
  }
  if (agent_send(b->a, type, body, length, once, &sent, &reason) != AGENT_OK) {
    why_set(why, "%s: %s", verb, reason.text);
    return false;
  }
  if (first) agent_say(b->a, "sent", t->id, "%s", verb);
  return true;
}

bool bench_move(struct bench *b, const struct task_record *t, uint64_t dispute, bool lies, bench_start *start,
                void *context, struct why *why) {
  static uint8_t bytes[MOVE_BYTES_MAX], body[MOVE_BYTES_MAX + 16];
  const struct chain *c = view_chain(agent_view(b->a));
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  struct move m;
  char verb[32];
  if (!docket_find(c, dispute, &r) || !docket_dispute(c, &r, &f, &d)) return false;
  bool claims = dispute_turn(&d) == DISPUTE_CLAIMANT;
  if (!agent_mine(b->a, claims ? r.claimant : r.challenger)) return false;
  snprintf(verb, sizeof verb, "move-%u", d.awaits);
  if (bench_sent(b, t, verb, dispute)) return true;
  enum material_status status = bench_side(b, t, r.interval, lies, start, context, why);
  if (status == MATERIAL_OK && side_move(b->side, &d, &f, &m, why) != ANSWER_MOVE) status = MATERIAL_NEVER;
  bench_tell(b, t, verb, status, why);
  if (status != MATERIAL_OK) return false;
  struct body_move put = {.dispute = dispute, .move = bytes, .move_length = move_encode(&m, bytes, sizeof bytes)};
  return bench_send(b, t, TRANSACTION_MOVE, body, body_move_put(&put, body, sizeof body), verb, dispute, why);
}

static bool take_task(void *context, const struct task_record *t) {
  struct bench_tasks *out = context;
  memcpy(out->id[out->count++], t->id, TASK_ID_BYTES);
  return out->count < BENCH_TASKS_MAX;
}

bool bench_list(struct bench *b, uint32_t states, struct bench_tasks *out, struct why *why) {
  struct view *v = agent_view(b->a);
  struct account account;
  struct provider provider;
  enum client_status self = view_account(v, agent_account(b->a), &account, why);
  enum client_status as = view_provider(v, agent_account(b->a), &provider, why);
  out->count = 0;
  if ((self != CLIENT_OK && self != CLIENT_NONE) || (as != CLIENT_OK && as != CLIENT_NONE)) return false;
  return view_tasks(agent_view(b->a), states, take_task, out, why) == CLIENT_OK;
}

void bench_tell(struct bench *b, const struct task_record *t, const char *what, enum material_status status,
                const struct why *why) {
  if (status == MATERIAL_OK || strcmp(why->text, b->told) == 0) return;
  memcpy(b->told, why->text, sizeof b->told);
  agent_say(b->a, "trouble", t->id, "%s: %s", what, why->text);
}
