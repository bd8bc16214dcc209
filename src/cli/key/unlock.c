#include "cli/key/unlock.h"

#include "cli/output.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum outcome unlock_outcome(enum store_status status, const struct why *why) {
  switch (status) {
  case STORE_OK: return OUTCOME_DONE;
  case STORE_NONE: complain("stopped; nothing was done"); return OUTCOME_INTERRUPTED;
  case STORE_ERR_INPUT: complain("%s", why->text); return OUTCOME_INPUT;
  case STORE_ERR_SYSTEM:
  case STORE_ERR_FULL: break;
  }
  complain("%s", why->text);
  return OUTCOME_ENVIRONMENT;
}

bool unlock_beside(const char *key, const char *name, char path[UNLOCK_PATH]) {
  const char *slash = strrchr(key, '/');
  int folder = slash ? (int)(slash - key) + 1 : 0;
  int n = snprintf(path, UNLOCK_PATH, "%.*s%s", folder, key, name);
  return n > 0 && n < UNLOCK_PATH;
}

static enum store_status ask(const char *key, bool fresh, struct secret_line **out, struct why *why) {
  char prompt[256];
  int terminal;
  enum store_status status = secret_line_terminal(&terminal, why);
  if (status != STORE_OK) {
    why_set(why, "no terminal to ask for the password of %.200s; give --password-file FILE or --password-fd N", key);
    return STORE_ERR_INPUT;
  }
  snprintf(prompt, sizeof prompt, fresh ? "New password for %.200s: " : "Password of %.200s: ", key);
  status = fresh ? secret_line_ask_new(terminal, prompt, "The same again: ", out, why)
                 : secret_line_ask(terminal, prompt, false, out, why);
  close(terminal);
  return status;
}

enum outcome unlock_password(const struct arguments *a, const char *key, bool fresh, struct secret_line **out) {
  const char *file = arguments_text(a, "password-file", NULL);
  char beside[UNLOCK_PATH];
  uint64_t number = 0;
  struct why why = {""};
  if (file && arguments_given(a, "password-fd")) {
    complain("--password-file and --password-fd: one of them");
    return OUTCOME_INPUT;
  }
  if (!arguments_number(a, "password-fd", 0, 1023, &number)) return OUTCOME_INPUT;
  enum store_status status;
  if (file)
    status = secret_line_file(file, out, &why);
  else if (arguments_given(a, "password-fd"))
    status = secret_line_read((int)number, out, &why);
  else if (!fresh && unlock_beside(key, "password", beside) && access(beside, F_OK) == 0)
    status = secret_line_file(beside, out, &why);
  else
    status = ask(key, fresh, out, &why);
  if (status == STORE_OK && fresh && secret_line_length(*out) < SECRET_LINE_NEW_MIN) {
    secret_line_shut(out);
    complain("a new password has at least %d bytes", SECRET_LINE_NEW_MIN);
    return OUTCOME_INPUT;
  }
  return unlock_outcome(status, &why);
}

/* A folder stands for the key in it. */
static const char *file_of(const char *path, char inside[UNLOCK_PATH]) {
  struct stat st;
  if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return path;
  int n = snprintf(inside, UNLOCK_PATH, "%s/key", path);
  return n > 0 && n < UNLOCK_PATH ? inside : path;
}

enum outcome unlock_key(const struct arguments *a, const char *path, struct sign_secret **out) {
  char inside[UNLOCK_PATH];
  struct secret_line *password = NULL;
  struct sign_public public;
  const char *file = file_of(path, inside);
  enum outcome outcome = unlock_public(path, &public); /* before a person types for nothing */
  if (outcome == OUTCOME_DONE) outcome = unlock_password(a, file, false, &password);
  if (outcome != OUTCOME_DONE) return outcome;
  struct why why = {""};
  enum store_status status = keys_open(file, password, out, &why);
  secret_line_shut(&password);
  return unlock_outcome(status, &why);
}

enum outcome unlock_public(const char *path, struct sign_public *out) {
  char inside[UNLOCK_PATH];
  struct why why = {""};
  if (sign_open(&why) != SIGN_OK) return unlock_outcome(STORE_ERR_SYSTEM, &why);
  return unlock_outcome(keys_public(file_of(path, inside), out, &why), &why);
}
