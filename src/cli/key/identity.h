/* identity: a folder with a key that a program opens by itself: DIR/key, and the line that opens it in DIR/password.
 *
 * What `assay init --machine` makes. Whoever reads the folder has the key. Call sign_open first. Uses: store/keys. */
#ifndef CLI_IDENTITY_H
#define CLI_IDENTITY_H
#include "crypto/sign.h"
#include "store/keys/keys.h"

/* identity_seal writes the key file at `path` and a random password beside it, both 0600 and neither over another
 * (ERR_INPUT). A key that could not be written leaves no password. */
enum store_status identity_seal(const char *path, const struct sign_secret *key, struct why *why);

/* identity_make makes the folder, if it is missing, and a fresh key in it. A password without a key, left by one that
 * was killed in between, opens nothing and is replaced. identity_open opens what is there. The caller shuts *out. */
enum store_status identity_make(const char *folder, struct sign_secret **out, struct why *why);
enum store_status identity_open(const char *folder, struct sign_secret **out, struct why *why);

/* identity_there: is there a key file in the folder? */
bool identity_there(const char *folder);

#endif
