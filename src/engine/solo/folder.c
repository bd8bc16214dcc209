#include "engine/solo/folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/address.h"

#define SUPPLY (UINT64_C(1000000000) * 1000000000) /* grain: LEDGER 2.4 */
enum { PATH_BYTES = 4096, SEED_TEXT = 2 * SIGN_SEED_BYTES };

bool folder_keys_of(const uint8_t seed[SIGN_SEED_BYTES], struct folder_keys *out) {
  struct folder_keys k = {0};
  struct sign_secret *parent = NULL;
  bool made = sign_secret_open(seed, &parent) == SIGN_OK &&
              sign_secret_derive(parent, "consensus", 0, &k.consensus) == SIGN_OK &&
              sign_secret_derive(parent, "vrf", 0, &k.vrf) == SIGN_OK &&
              sign_secret_derive(parent, "account", 0, &k.account) == SIGN_OK;
  sign_secret_shut(&parent);
  if (!made) {
    folder_keys_shut(&k);
    return false;
  }
  *out = k;
  return true;
}

void folder_keys_shut(struct folder_keys *k) {
  sign_secret_shut(&k->consensus);
  sign_secret_shut(&k->vrf);
  sign_secret_shut(&k->account);
}

bool folder_genesis(const struct folder_keys *k, const char *parameters, const char *chain_id, uint64_t time_ms,
                    struct genesis_account *account, struct genesis_validator *validator, struct genesis *out) {
  struct genesis g = {.time_ms = time_ms, .accounts = 1, .validators = 1, .account = account, .validator = validator};
  if (strlen(chain_id) > GENESIS_ID_MAX || !parameters_named(parameters, &g.parameters)) return false;
  memcpy(g.chain_id, chain_id, strlen(chain_id) + 1);
  *account = (struct genesis_account){.balance = SUPPLY};
  struct sign_public key = sign_secret_public(k->account), consensus = sign_secret_public(k->consensus),
                     vrf = sign_secret_public(k->vrf);
  memcpy(account->key, key.bytes, 32);
  address_of_key(key.bytes, validator->account);
  memcpy(validator->key, consensus.bytes, 32);
  memcpy(validator->vrf, vrf.bytes, 32);
  *out = g;
  return true;
}

static enum solo_status trouble(struct why *why, const char *what, const char *path) {
  why_set(why, "%s: cannot %s it: %s", path, what, strerror(errno));
  return errno == EEXIST || errno == ENOENT || errno == ENOTDIR ? SOLO_ERR_INPUT : SOLO_ERR_STORE;
}

/* On the disk, and its name too, before the next thing is done. */
static enum solo_status write_new(const char *path, mode_t mode, const void *bytes, size_t length, struct why *why) {
  int f = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (f < 0) return trouble(why, "make", path);
  const uint8_t *at = bytes;
  while (length) {
    ssize_t n = write(f, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    at += n;
    length -= (size_t)n;
  }
  bool written = !length && fsync(f) == 0;
  enum solo_status status = written ? SOLO_OK : trouble(why, "write", path);
  close(f);
  return status;
}

static void name(char path[PATH_BYTES], const char *folder, const char *file) {
  int n = snprintf(path, PATH_BYTES, "%s/%s", folder, file);
  if (n < 0 || n >= PATH_BYTES) path[0] = 0; /* opening it fails */
}

static bool sync_folder(const char *path) {
  int f = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (f < 0) return false;
  bool synced = fsync(f) == 0;
  close(f);
  return synced;
}

/* The genesis comes last: a folder with one is whole. */
enum solo_status folder_make(const char *path, const uint8_t seed[SIGN_SEED_BYTES], const uint8_t *genesis,
                             size_t length, struct why *why) {
  char file[PATH_BYTES], text[SEED_TEXT + 2];
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return trouble(why, "make", path);
  name(file, path, "genesis");
  if (access(file, F_OK) == 0) return why_set(why, "%s: there is a chain in it already", path), SOLO_ERR_INPUT;
  hex_encode(seed, SIGN_SEED_BYTES, text);
  memcpy(text + SEED_TEXT, "\n", 2);
  name(file, path, "node.key");
  enum solo_status status = write_new(file, 0600, text, SEED_TEXT + 1, why);
  sodium_memzero(text, sizeof text);
  name(file, path, "genesis");
  if (status == SOLO_OK) status = write_new(file, 0644, genesis, length, why);
  if (status == SOLO_OK && !sync_folder(path)) status = trouble(why, "sync", path);
  return status;
}

/* The whole of a file of at most `most` bytes, in heap memory with a 0 behind it. */
static enum solo_status read_whole(const char *path, size_t most, uint8_t **bytes, size_t *length, struct why *why) {
  FILE *f = fopen(path, "rbe");
  if (!f) return trouble(why, "open", path);
  uint8_t *at = malloc(most + 2);
  assert(at);
  size_t n = fread(at, 1, most + 1, f);
  bool whole = !ferror(f) && n <= most;
  fclose(f);
  if (!whole) {
    free(at);
    return why_set(why, "%s: cannot be read, or is longer than %zu bytes", path, most), SOLO_ERR_INPUT;
  }
  at[n] = 0;
  *bytes = at;
  *length = n;
  return SOLO_OK;
}

static enum solo_status read_keys(const char *folder, struct folder_keys *out, struct why *why) {
  char path[PATH_BYTES];
  uint8_t *text, seed[SIGN_SEED_BYTES];
  size_t length;
  name(path, folder, "node.key");
  enum solo_status status = read_whole(path, SEED_TEXT + 1, &text, &length, why);
  if (status != SOLO_OK) return status;
  bool line = length == SEED_TEXT + 1 && text[SEED_TEXT] == '\n';
  text[SEED_TEXT < length ? SEED_TEXT : length] = 0;
  bool good = line && hex_decode((const char *)text, seed, sizeof seed);
  sodium_memzero(text, length);
  free(text);
  if (!good) return why_set(why, "%s: not a line of 64 hexadecimal digits", path), SOLO_ERR_INPUT;
  good = folder_keys_of(seed, out);
  sodium_memzero(seed, sizeof seed);
  return good ? SOLO_OK : (why_set(why, "no protected memory for keys"), SOLO_ERR_STORE);
}

enum solo_status folder_open(const char *path, struct folder *out, struct why *why) {
  struct folder f = {0};
  struct kv_options options = {0};
  char file[PATH_BYTES];
  name(file, path, "genesis");
  enum solo_status status = read_whole(file, GENESIS_BYTES_MAX, &f.genesis, &f.genesis_length, why);
  if (status == SOLO_OK) status = read_keys(path, &f.keys, why);
  if (status == SOLO_OK) {
    genesis_hash(f.genesis, f.genesis_length, options.chain);
    name(file, path, "chain");
    enum store_status opened = kv_open(file, &options, &f.kv, why);
    if (opened != STORE_OK) status = opened == STORE_ERR_INPUT ? SOLO_ERR_INPUT : SOLO_ERR_STORE;
  }
  if (status != SOLO_OK) {
    folder_shut(&f);
    return status;
  }
  *out = f;
  return SOLO_OK;
}

void folder_shut(struct folder *f) {
  if (f->kv) kv_shut(&f->kv);
  folder_keys_shut(&f->keys);
  free(f->genesis);
  *f = (struct folder){0};
}
