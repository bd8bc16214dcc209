/* unlock: a key file and the password that opens it: asked at the terminal, or read from where the user says. Complains
 * by itself. Uses: store/keys. */
#ifndef CLI_UNLOCK_H
#define CLI_UNLOCK_H
#include "cli/command.h"
#include "crypto/sign.h"
#include "store/keys/keys.h"

/* Options of a command that opens a key file. */
#define UNLOCK_OPTIONS                                                                                                 \
  {"password-file", 0, "FILE", "its first line is the password"}, {                                                    \
    "password-fd", 0, "N", "the password is the first line of open file N"                                             \
  }

/* unlock_password gives the line of --password-file or --password-fd, or that of the file `password` beside the key (a
 * machine's), or asks at the terminal: twice for a new one. The caller shuts it. */
enum outcome unlock_password(const struct arguments *a, const char *key, bool fresh, struct secret_line **out);

/* unlock_key opens a key file; the caller shuts the secret. unlock_public needs no password. Both begin with
 * sign_open. `path` may be a folder that `assay init` made. */
enum outcome unlock_key(const struct arguments *a, const char *path, struct sign_secret **out);
enum outcome unlock_public(const char *path, struct sign_public *out);

/* unlock_outcome says why and gives the exit status. unlock_beside writes the path of a file beside the key. */
enum outcome unlock_outcome(enum store_status status, const struct why *why);
enum { UNLOCK_PATH = 4096 };
bool unlock_beside(const char *key, const char *name, char path[UNLOCK_PATH]);

#endif
