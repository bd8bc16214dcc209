/* keys: the key file of a person or a machine. ENGINE 9.
 *
 * One seed a file; the other keys of an owner follow from it (sign_secret_derive). A file is written whole, with mode
 * 0600, and never over another one; one that others may read is refused. Uses: keyfile, line, sign. */
#ifndef STORE_KEYS_KEYS_H
#define STORE_KEYS_KEYS_H
#include "store/keys/keyfile.h"

/* keys_create: ERR_INPUT when there is a file of that name. Call sign_open first. */
enum store_status keys_create(const char *path, const struct sign_secret *secret, const struct secret_line *password,
                              struct keyfile_cost cost, struct why *why);

/* keys_open: ERR_INPUT for what is no key file, one that others may read, and a wrong password. keys_public needs no
 * password: what it says is true if the file is whole, which only keys_open finds out. */
enum store_status keys_open(const char *path, const struct secret_line *password, struct sign_secret **out,
                            struct why *why);
enum store_status keys_public(const char *path, struct sign_public *out, struct why *why);

/* keys_change gives the file another password and cost. A crash leaves the file with the old one or the new one. */
enum store_status keys_change(const char *path, const struct secret_line *password, const struct secret_line *changed,
                              struct keyfile_cost cost, struct why *why);

#endif
