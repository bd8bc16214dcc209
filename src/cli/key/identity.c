#include "cli/key/identity.h"

#include "cli/key/unlock.h"
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum store_status long_path(struct why *why) {
  why_set(why, "a path that is too long");
  return STORE_ERR_INPUT;
}

static bool key_of(const char *folder, char path[UNLOCK_PATH]) {
  int n = snprintf(path, UNLOCK_PATH, "%s/key", folder);
  return n > 0 && n < UNLOCK_PATH;
}

enum store_status identity_seal(const char *path, const struct sign_secret *key, struct why *why) {
  char beside[UNLOCK_PATH];
  struct secret_line *password = NULL;
  if (!unlock_beside(path, "password", beside)) return long_path(why);
  enum store_status status = secret_line_random(&password, why);
  if (status != STORE_OK) return status;
  status = secret_line_write(beside, password, why);
  if (status == STORE_OK) {
    status = keys_create(path, key, password, KEYFILE_COST_MACHINE, why);
    if (status != STORE_OK) unlink(beside); /* it opens nothing */
  }
  secret_line_shut(&password);
  return status;
}

bool identity_there(const char *folder) {
  char path[UNLOCK_PATH];
  return key_of(folder, path) && access(path, F_OK) == 0;
}

static enum store_status random_key(struct sign_secret **out, struct why *why) {
  uint8_t *seed = sodium_malloc(SIGN_SEED_BYTES);
  bool made = false;
  if (seed) {
    randombytes_buf(seed, SIGN_SEED_BYTES);
    made = sign_secret_open(seed, out) == SIGN_OK;
    sodium_free(seed);
  }
  if (made) return STORE_OK;
  why_set(why, "no protected memory for keys");
  return STORE_ERR_SYSTEM;
}

enum store_status identity_make(const char *folder, struct sign_secret **out, struct why *why) {
  char path[UNLOCK_PATH], beside[UNLOCK_PATH];
  struct sign_secret *key;
  if (!key_of(folder, path) || !unlock_beside(path, "password", beside)) return long_path(why);
  if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
    why_set(why, "%s: cannot make it: %s", folder, strerror(errno));
    return errno == ENOENT || errno == ENOTDIR ? STORE_ERR_INPUT : STORE_ERR_SYSTEM;
  }
  if (access(path, F_OK) != 0) unlink(beside);
  enum store_status status = random_key(&key, why);
  if (status != STORE_OK) return status;
  status = identity_seal(path, key, why);
  if (status == STORE_OK)
    *out = key;
  else
    sign_secret_shut(&key);
  return status;
}

enum store_status identity_open(const char *folder, struct sign_secret **out, struct why *why) {
  char path[UNLOCK_PATH], beside[UNLOCK_PATH];
  struct secret_line *password = NULL;
  if (!key_of(folder, path) || !unlock_beside(path, "password", beside)) return long_path(why);
  enum store_status status = secret_line_file(beside, &password, why);
  if (status == STORE_OK) status = keys_open(path, password, out, why);
  secret_line_shut(&password);
  return status;
}
