#include "cli/role/role.h"

#include "base/hex.h"
#include "cli/amount.h"
#include "cli/chain/ids.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "crypto/address.h"
#include "ledger/task/task.h"
#include "tape/execute/pool/pool.h"
#include "training/file/file.h"
#include "training/file/machine.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, CONNECT_MS = 2000, SLOW_S = 10, ROUNDS = 1 };
static const uint64_t gib = UINT64_C(1) << 30;

enum outcome role_outcome(enum agent_status status, const struct why *why) {
  switch (status) {
  case AGENT_OK:
  case AGENT_STOPPED: return OUTCOME_DONE;
  case AGENT_ERR_INPUT: complain("%s", why->text); return OUTCOME_INPUT;
  case AGENT_ERR_SYSTEM:
  case AGENT_LOST: break;
  }
  complain("%s", why->text);
  return OUTCOME_ENVIRONMENT;
}

static void say(void *context, const char *kind, const uint8_t *task, const char *text) {
  const struct role *r = context;
  char hex[2 * TASK_ID_BYTES + 1] = "", clock[16];
  if (task) hex_encode(task, TASK_ID_BYTES, hex);
  if (arguments_given(r->arguments, "json")) {
    output_json(json_pack("{s:s, s:o, s:o}", "kind", kind, "task", task ? json_string(hex) : json_null(), "text",
                          output_text(text)));
    return;
  }
  time_t now = time(NULL);
  strftime(clock, sizeof clock, "%H:%M:%S", localtime(&now));
  if (task)
    note("%s  %-8s %.8s../%u  %s", clock, kind, hex, chain_task_number(task), text);
  else
    note("%s  %-8s %s", clock, kind, text);
}

/* Options. */

static uint64_t machine_mib(void) {
  long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / MIB : 1024;
}

static enum outcome read_options(const struct arguments *a, struct role *r, uint32_t *threads) {
  struct why why = {""};
  uint64_t memory = machine_mib() / 2, disk = ROLE_DISK_GIB, class = 0, ask = 0, count = machine_threads();
  bool works = r->account_role <= ROLE_VERIFIER;
  if (works &&
      (!arguments_number(a, "threads", 1, 256, &count) || !arguments_number(a, "memory", 1, UINT32_MAX, &memory) ||
       !arguments_number(a, "class", 0, 7, &class) || !arguments_number(a, "ask", 0, UINT64_MAX, &ask)))
    return OUTCOME_INPUT;
  if (r->account_role != ROLE_FAUCET && !arguments_number(a, "disk", 1, 1 << 20, &disk)) return OUTCOME_INPUT;
  if (r->account_role != ROLE_FAUCET && arguments_given(a, "stake") && !amount_read(arguments_text(a, "stake", ""), &r->offer.stake, &why)) {
    complain("--stake: %s", why.text);
    return OUTCOME_INPUT;
  }
  *threads = (uint32_t)count;
  r->disk_bytes = disk * gib;
  r->material.memory_bytes = memory * MIB;
  r->offer.role = r->account_role;
  r->offer.class = (uint8_t) class;
  r->offer.mem_mib = works ? (uint32_t)memory : 0;
  r->offer.ask = ask;
  r->offer.endpoint = "";
  return OUTCOME_DONE;
}

/* What is promised has to be there; figures, before anything is staked. */
static void look_at_machine(const struct role *r) {
  struct statvfs disk;
  uint64_t memory = machine_memory_available();
  if (r->account_role == ROLE_FAUCET) return;
  if (r->account_role != ROLE_STORER && memory < r->material.memory_bytes)
    note("memory   %" PRIu64 " MiB may be taken for a job, %" PRIu64
         " MiB are free now: jobs that need more are refused",
         r->material.memory_bytes / MIB, memory / MIB);
  if (statvfs(r->work, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < r->disk_bytes)
    note("disk     %" PRIu64 " GiB may be taken, %" PRIu64 " MiB are free at %s", r->disk_bytes / gib,
         (uint64_t)disk.f_bavail * disk.f_frsize / MIB, r->work);
}

/* Folder and key. */

static enum outcome open_folder(const struct arguments *a, struct role *r) {
  char key[ROLE_PATH];
  struct stat st;
  int n = snprintf(r->work, sizeof r->work, "%s/agent", r->folder);
  int m = snprintf(key, sizeof key, "%s/key", r->folder);
  if (n < 0 || n >= ROLE_PATH - 64 || m < 0 || m >= ROLE_PATH) {
    complain("a path that is too long");
    return OUTCOME_INPUT;
  }
  if (stat(key, &st) != 0) {
    complain("%s: there is no key in it (%s); assay init %s --machine makes one", r->folder, strerror(errno),
             r->folder);
    return OUTCOME_INPUT;
  }
  enum outcome outcome = unlock_key(a, r->folder, &r->key);
  if (outcome != OUTCOME_DONE) return outcome;
  if (sign_secret_derive(r->key, "vrf", 0, &r->vrf) != SIGN_OK) {
    complain("no protected memory for keys");
    return OUTCOME_ENVIRONMENT;
  }
  address_of_key(sign_secret_public(r->key).bytes, r->account);
  if (mkdir(r->work, 0700) == 0 || errno == EEXIST) return OUTCOME_DONE;
  complain("%s: cannot make it: %s", r->work, strerror(errno));
  return OUTCOME_ENVIRONMENT;
}

static enum outcome open_blobs(struct role *r) {
  char path[ROLE_PATH + 8];
  struct why why = {""};
  snprintf(path, sizeof path, "%s/blobs", r->work);
  struct blob_store_options options = {
      .folder = path,
      .limits = {.bytes = r->disk_bytes},
      .chain = &r->reach.port,
      .signer = {.secret = r->key},
      .transfer = {.stop = r->material.stop, .connect_ms = CONNECT_MS, .slow_s = SLOW_S, .rounds = ROUNDS}};
  memcpy(options.signer.account, r->account, 32);
  memcpy(options.signer.genesis, r->reach.port.genesis, 32);
  if (blob_store_open(&r->store, &options, &why) == TRANSFER_OK) {
    r->blobs = blob_store_port(r->store);
    return OUTCOME_DONE;
  }
  complain("%s", why.text);
  return OUTCOME_ENVIRONMENT;
}

/* What one role promised, another does not keep: a folder is for one of them, also when the first has ended. */
static enum agent_status same_role(struct role *r, struct why *why) {
  const uint8_t *was;
  size_t length;
  struct journal *j = agent_journal(r->agent);
  if (!journal_get(j, "role", &was, &length)) return AGENT_OK;
  if (length == strlen(r->name) && memcmp(was, r->name, length) == 0) return AGENT_OK;
  why_set(why, "%s: here a %.*s has worked, not a %s", r->work, (int)length, (const char *)was, r->name);
  return AGENT_ERR_INPUT;
}

static enum outcome open_agent(struct role *r, uint32_t threads) {
  struct why why = {""};
  const struct agent_options options = {.folder = r->work,
                                        .chain = &r->reach.port,
                                        .blobs = &r->blobs,
                                        .key = r->key,
                                        .vrf_key = r->vrf,
                                        .threads = threads,
                                        .stop = r->material.stop,
                                        .say = say,
                                        .context = r};
  enum agent_status status = agent_open(&r->agent, &options, &why);
  if (status == AGENT_OK) status = same_role(r, &why);
  if (status == AGENT_OK) enlist_begin(&r->enlist, r->agent, &r->offer);
  enum outcome outcome = role_outcome(status, &why);
  if (status == AGENT_ERR_INPUT)
    note("a folder is for one role on one chain: solver and verifier each want a folder of their own: assay init "
         "ANOTHER "
         "--machine");
  return outcome;
}

enum outcome role_open(const struct arguments *a, const char *name, uint8_t account_role, bool blobs,
                       struct role *out) {
  uint32_t threads = 1;
  struct role *r = out;
  *r = (struct role){.arguments = a, .name = name, .folder = a->operand[0], .account_role = account_role};
  r->material.stop = stop_listen("");
  if (account_role <= ROLE_VERIFIER) r->lie = arguments_text(a, "lie", NULL);
  enum outcome outcome = read_options(a, r, &threads);
  if (outcome == OUTCOME_DONE) outcome = open_folder(a, r);
  if (outcome == OUTCOME_DONE) outcome = reach_open(a, &r->reach);
  if (outcome == OUTCOME_DONE) outcome = open_agent(r, threads);
  if (outcome == OUTCOME_DONE && blobs) outcome = open_blobs(r);
  if (outcome == OUTCOME_DONE && blobs && threads > 1 && !(r->material.pool = pool_open(threads))) {
    complain("the system gives no %" PRIu32 " threads", threads);
    outcome = OUTCOME_ENVIRONMENT;
  }
  if (outcome == OUTCOME_DONE)
    look_at_machine(r);
  else
    role_shut(r);
  return outcome;
}

void role_shut(struct role *r) {
  agent_shut(r->agent);
  blob_store_shut(r->store);
  if (r->material.pool) pool_shut(r->material.pool);
  if (r->reach.client) reach_shut(&r->reach);
  sign_secret_shut(&r->vrf);
  sign_secret_shut(&r->key);
  *r = (struct role){.name = r->name};
}

void role_ready(const struct role *r, const char *address, uint16_t port) {
  char account[ADDRESS_TEXT_LENGTH + 1];
  address_write(r->account, account);
  if (r->lie) note("this %s lies: %s", r->name, r->lie);
  if (arguments_given(r->arguments, "json")) {
    output_json(json_pack("{s:b, s:s, s:s, s:s?, s:o, s:s, s:s, s:s?}", "ready", 1, "role", r->name, "account", account,
                          "address", address, "port", address ? json_integer(port) : json_null(), "node", r->reach.url,
                          "chain", r->reach.node.chain_id, "lie", r->lie));
    return;
  }
  if (address)
    note("%s %s of %s at %s, listens at http://%s:%u; Ctrl-C stops it", r->name, account, r->reach.node.chain_id,
         r->reach.url, address, port);
  else
    note("%s %s of %s at %s; Ctrl-C stops it", r->name, account, r->reach.node.chain_id, r->reach.url);
}

/* Without a provider record there is nothing that could be due. */
static bool both(struct agent *a, void *context, struct why *why) {
  struct role *r = context;
  struct why local = {""};
  if (r->account_role == ROLE_FAUCET) return r->turn(a, r->context, why);
  enlist_turn(&r->enlist, &local);
  return !r->enlist.known || r->turn(a, r->context, why);
}

enum outcome role_run(struct role *r) {
  struct why why = {""};
  enum agent_status status = AGENT_ERR_SYSTEM;
  if (journal_put(agent_journal(r->agent), "role", r->name, strlen(r->name), &why) == JOURNAL_OK)
    status = agent_run(r->agent, both, r, &why);
  if (status == AGENT_STOPPED && !arguments_given(r->arguments, "json"))
    note("stopped; the same command goes on where it was");
  return role_outcome(status, &why);
}
