#include "cli/devnet/found.h"

#include "cli/key/identity.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "engine/solo/folder.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };
static const char chain_id[] = "assay-devnet";

bool found_path(const struct found *f, const char *name, const char *inside, char out[PATH_BYTES]) {
  int n = snprintf(out, PATH_BYTES, "%s/%s%s%s", f->path, name, *inside ? "/" : "", inside);
  return n > 0 && n < PATH_BYTES;
}

static enum outcome environment(const char *path, const char *what) {
  complain("%s: cannot %s it: %s", path, what, strerror(errno));
  return OUTCOME_ENVIRONMENT;
}

static enum outcome make_folder(const char *path) {
  if (mkdir(path, 0700) == 0 || errno == EEXIST) return OUTCOME_DONE;
  bool wrong = errno == ENOENT || errno == ENOTDIR;
  environment(path, "make");
  return wrong ? OUTCOME_INPUT : OUTCOME_ENVIRONMENT;
}

/* Nothing in it but what a devnet that was killed while it began may have left. */
static bool is_empty(const char *path) {
  DIR *d = opendir(path);
  bool empty = true;
  if (!d) return false;
  for (struct dirent *e; (e = readdir(d));)
    empty = empty && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, "lock") ||
                      !strcmp(e->d_name, "devnet.json.part"));
  closedir(d);
  return empty;
}

static enum outcome take_lock(struct found *f) {
  char path[PATH_BYTES];
  found_path(f, "devnet.json", "", path);
  if (access(path, F_OK) != 0 && !is_empty(f->path)) { /* before anything is written into it */
    complain("%s: there is something else in it, and no devnet; take another folder, or an empty one", f->path);
    return OUTCOME_INPUT;
  }
  found_path(f, "lock", "", path);
  f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (f->lock < 0) return environment(path, "open");
  if (flock(f->lock, LOCK_EX | LOCK_NB) == 0) return OUTCOME_DONE;
  enum outcome outcome = errno == EWOULDBLOCK ? OUTCOME_INPUT : OUTCOME_ENVIRONMENT;
  if (outcome == OUTCOME_INPUT)
    complain("%s: a devnet runs in it; stop it with Ctrl-C where it runs, or take another folder", f->path);
  else
    environment(path, "lock");
  close(f->lock);
  f->lock = -1;
  return outcome;
}

/* Settings: the folder's, or, where there are none yet, those of the words. */
static enum outcome settle(const struct arguments *a, struct found *f) {
  char path[PATH_BYTES];
  struct why why = {""};
  struct plan said;
  bool none = false;
  found_path(f, "devnet.json", "", path);
  if (plan_read(path, &f->plan, &none, &why)) {
    if (plan_agrees(a, &f->plan, &why)) return OUTCOME_DONE;
    complain("%s is another devnet: %s; leave the words out, or take another folder", f->path, why.text);
    return OUTCOME_INPUT;
  }
  if (!none) {
    complain("%s", why.text);
    return OUTCOME_INPUT;
  }
  if (!plan_of_arguments(a, &said)) return OUTCOME_INPUT;
  if (!plan_write(&said, path, &why)) {
    complain("%s", why.text);
    return OUTCOME_ENVIRONMENT;
  }
  return plan_read(path, &f->plan, &none, &why) ? OUTCOME_DONE : OUTCOME_ENVIRONMENT;
}

/* Identities. */

static enum outcome identity(const struct found *f, const struct plan_process *p, struct sign_secret **out) {
  char folder[PATH_BYTES];
  struct why why = {""};
  if (!found_path(f, p->name, "", folder)) return OUTCOME_INPUT;
  enum store_status status =
      identity_there(folder) ? identity_open(folder, out, &why) : identity_make(folder, out, &why);
  if (status != STORE_OK)
    why_before(&why, "the devnet in %s was never finished; remove it and start it again: ", f->path);
  return unlock_outcome(status, &why);
}

struct people {
  struct genesis_account account[PLAN_PROCESSES_MAX + 1];
  struct genesis_provider provider[PLAN_PROCESSES_MAX];
  struct genesis_validator validator;
};

static uint16_t roles_of(enum plan_role role) {
  switch (role) {
  case PLAN_SOLVER: return PROVIDER_SOLVER;
  case PLAN_VERIFIER: return PROVIDER_VERIFIER;
  case PLAN_STORER: return PROVIDER_STORER;
  case PLAN_NODE:
  case PLAN_FAUCET: break;
  }
  return 0;
}

static int stake_of(enum plan_role role) {
  return role == PLAN_SOLVER ? ROLE_SOLVER : role == PLAN_VERIFIER ? ROLE_VERIFIER : ROLE_STORER;
}

/* Adds one process's account, and its offer of work. `rest` is the account that pays: what is left is the faucet's. */
static bool enter(struct genesis *g, struct people *people, const struct plan_process *p,
                  const struct sign_secret *key) {
  struct genesis_account *account = &people->account[g->accounts++];
  struct sign_secret *vrf = NULL;
  struct sign_public public = sign_secret_public(key);
  *account = (struct genesis_account){.balance = p->balance};
  memcpy(account->key, public.bytes, sizeof account->key);
  if (p->role == PLAN_FAUCET) return true;
  people->account[0].balance -= p->balance + p->stake; /* of the node's account, which had all */
  account->stake[stake_of(p->role)] = p->stake;
  if (sign_secret_derive(key, "vrf", 0, &vrf) != SIGN_OK) return false;
  struct genesis_provider *provider = &people->provider[g->providers++];
  *provider = (struct genesis_provider){.roles = roles_of(p->role),
                                        .class = PLAN_CLASS,
                                        .available = true,
                                        .mem_mib = p->role == PLAN_STORER ? 0 : PLAN_MEMORY_MIB};
  address_of_key(public.bytes, provider->account);
  struct sign_public draws = sign_secret_public(vrf);
  memcpy(provider->vrf, draws.bytes, sizeof provider->vrf);
  sign_secret_shut(&vrf);
  return true;
}

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static enum outcome fill(const struct found *f, struct genesis *g, struct people *people) {
  struct genesis_account *faucet = NULL;
  for (uint32_t i = 0; i < f->plan.processes; i++) {
    const struct plan_process *p = &f->plan.process[i];
    struct sign_secret *key = NULL;
    if (p->role == PLAN_NODE) continue;
    enum outcome outcome = identity(f, p, &key);
    if (outcome != OUTCOME_DONE) return outcome;
    bool entered = enter(g, people, p, key);
    sign_secret_shut(&key);
    if (!entered) {
      complain("no protected memory for keys");
      return OUTCOME_ENVIRONMENT;
    }
    if (p->role == PLAN_FAUCET) faucet = &people->account[g->accounts - 1];
  }
  assert(faucet && "a plan has a faucet");
  faucet->balance = people->account[0].balance;
  people->account[0].balance = 0;
  genesis_sort(g);
  return OUTCOME_DONE;
}

static enum outcome write_chain(const struct found *f, const struct genesis *g, const uint8_t seed[SIGN_SEED_BYTES]) {
  static uint8_t bytes[32768];
  char folder[PATH_BYTES], key[PATH_BYTES];
  struct why why = {""};
  size_t length = genesis_encode(g, bytes, sizeof bytes);
  if (!length || !found_path(f, "node", "", folder) || !found_path(f, "node", "node.key", key)) {
    complain("a genesis or a path that is too long");
    return OUTCOME_INPUT;
  }
  unlink(key); /* of one that was killed before its genesis was there */
  enum solo_status status = folder_make(folder, seed, bytes, length, &why);
  if (status == SOLO_OK) return OUTCOME_DONE;
  complain("%s", why.text);
  return status == SOLO_ERR_INPUT ? OUTCOME_INPUT : OUTCOME_ENVIRONMENT;
}

static enum outcome make_chain(const struct found *f) {
  static struct people people;
  struct genesis g;
  struct folder_keys keys;
  uint8_t seed[SIGN_SEED_BYTES];
  randombytes_buf(seed, sizeof seed);
  if (!folder_keys_of(seed, &keys)) {
    complain("no protected memory for keys");
    return OUTCOME_ENVIRONMENT;
  }
  enum outcome outcome = OUTCOME_INPUT;
  if (folder_genesis(&keys, f->plan.parameters, chain_id, now_ms(), people.account, &people.validator, &g)) {
    g.provider = people.provider;
    outcome = fill(f, &g, &people);
    if (outcome == OUTCOME_DONE) outcome = write_chain(f, &g, seed);
  }
  sodium_memzero(seed, sizeof seed);
  folder_keys_shut(&keys);
  return outcome;
}

/* Whose account is whose, from the key files. */
static enum outcome read_accounts(struct found *f) {
  for (uint32_t i = 0; i < f->plan.processes; i++) {
    char path[PATH_BYTES];
    struct sign_public key;
    uint8_t account[ADDRESS_ACCOUNT_BYTES];
    const struct plan_process *p = &f->plan.process[i];
    if (p->role == PLAN_NODE) continue;
    if (!found_path(f, p->name, "key", path)) return OUTCOME_INPUT;
    enum outcome outcome = unlock_public(path, &key);
    if (outcome != OUTCOME_DONE) return outcome;
    address_of_key(key.bytes, account);
    address_write(account, f->account[i]);
  }
  return OUTCOME_DONE;
}

static enum outcome prepare(const struct arguments *a, struct found *f) {
  char path[PATH_BYTES];
  enum outcome outcome = settle(a, f);
  if (outcome != OUTCOME_DONE) return outcome;
  found_path(f, "logs", "", path);
  outcome = make_folder(path);
  found_path(f, "node", "genesis", path);
  if (outcome == OUTCOME_DONE && access(path, F_OK) != 0) {
    f->fresh = true;
    outcome = make_chain(f);
  }
  return outcome == OUTCOME_DONE ? read_accounts(f) : outcome;
}

enum outcome found_open(const struct arguments *a, const char *path, struct found *out) {
  memset(out, 0, sizeof *out);
  out->lock = -1;
  struct plan said;
  if (!plan_of_arguments(a, &said)) return OUTCOME_INPUT; /* before anything is made */
  size_t length = strlen(path);
  if (!length || length > PATH_BYTES / 2) { /* names come behind it */
    complain("-o: a path that is empty or too long");
    return OUTCOME_INPUT;
  }
  memcpy(out->path, path, length + 1);
  enum outcome outcome = make_folder(path);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = take_lock(out);
  if (outcome == OUTCOME_DONE) outcome = prepare(a, out);
  if (outcome != OUTCOME_DONE) found_shut(out);
  return outcome;
}

void found_shut(struct found *f) {
  if (f->lock >= 0) close(f->lock);
  f->lock = -1;
}
