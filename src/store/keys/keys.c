#include "store/keys/keys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/keys/keeping.h"

/* One byte more than a key file has, so that a longer one is seen. */
static enum store_status read_file(const char *path, uint8_t bytes[KEYFILE_BYTES + 1], size_t *length,
                                   struct why *why) {
  int fd;
  enum store_status status = keeping_open(path, false, &fd, why);
  if (status != STORE_OK) return status;
  for (*length = 0; *length < KEYFILE_BYTES + 1;) {
    ssize_t n = read(fd, bytes + *length, KEYFILE_BYTES + 1 - *length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      why_set(why, "%s: %s", path, strerror(errno));
      status = STORE_ERR_SYSTEM;
    }
    if (n <= 0) break;
    *length += (size_t)n;
  }
  close(fd);
  return status;
}

enum store_status keys_create(const char *path, const struct sign_secret *secret, const struct secret_line *password,
                              struct keyfile_cost cost, struct why *why) {
  uint8_t bytes[KEYFILE_BYTES];
  enum store_status status = keyfile_seal(secret, password, cost, bytes, why);
  return status == STORE_OK ? keeping_write(path, bytes, sizeof bytes, false, why) : status;
}

enum store_status keys_open(const char *path, const struct secret_line *password, struct sign_secret **out,
                            struct why *why) {
  uint8_t bytes[KEYFILE_BYTES + 1];
  size_t length;
  enum store_status status = read_file(path, bytes, &length, why);
  if (status != STORE_OK) return status;
  status = keyfile_unseal(bytes, length, password, out, why);
  if (status != STORE_OK) why_before(why, "%s: ", path);
  return status;
}

enum store_status keys_public(const char *path, struct sign_public *out, struct why *why) {
  uint8_t bytes[KEYFILE_BYTES + 1];
  size_t length;
  struct keyfile_head head;
  enum store_status status = read_file(path, bytes, &length, why);
  if (status != STORE_OK) return status;
  if (!keyfile_head_read(bytes, length, &head, why)) {
    why_before(why, "%s: ", path);
    return STORE_ERR_INPUT;
  }
  *out = head.key;
  return STORE_OK;
}

enum store_status keys_change(const char *path, const struct secret_line *password, const struct secret_line *changed,
                              struct keyfile_cost cost, struct why *why) {
  struct sign_secret *secret;
  uint8_t bytes[KEYFILE_BYTES];
  enum store_status status = keys_open(path, password, &secret, why);
  if (status != STORE_OK) return status;
  status = keyfile_seal(secret, changed, cost, bytes, why);
  sign_secret_shut(&secret);
  return status == STORE_OK ? keeping_write(path, bytes, sizeof bytes, true, why) : status;
}
