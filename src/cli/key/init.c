/* assay init: a key file for a person or a machine, and the phrase that brings it back. ENGINE 9. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/key/identity.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "crypto/address.h"
#include "store/keys/phrase.h"
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In protected memory, because all of it is the seed. */
struct secrets {
  uint8_t seed[PHRASE_SEED_BYTES], values[PHRASE_LINES][PHRASE_VALUES];
  char line[PHRASE_LINES][PHRASE_LINE_LENGTH + 1];
};

/* One line of the phrase: from the terminal until it is right, from a pipe once. */
static enum outcome ask_line(int terminal, uint32_t n, struct secrets *s) {
  char prompt[64];
  snprintf(prompt, sizeof prompt, "Line %u of the phrase: ", n + 1);
  for (;;) {
    struct secret_line *line = NULL;
    struct why why = {""};
    enum store_status status = terminal >= 0 ? secret_line_ask(terminal, prompt, true, &line, &why)
                                             : secret_line_read(STDIN_FILENO, &line, &why);
    if (status != STORE_OK) {
      why_before(&why, "line %u of the phrase: ", n + 1);
      return unlock_outcome(status, &why);
    }
    bool read = phrase_read_line(secret_line_text(line), secret_line_length(line), n, s->values[n], &why);
    secret_line_shut(&line);
    if (read) return OUTCOME_DONE;
    if (terminal < 0) {
      complain("%s", why.text);
      return OUTCOME_INPUT;
    }
    note("%s", why.text);
  }
}

static enum outcome ask_phrase(struct secrets *s) {
  struct why why = {""};
  int terminal = -1;
  if (isatty(STDIN_FILENO) && secret_line_terminal(&terminal, &why) != STORE_OK)
    return unlock_outcome(STORE_ERR_INPUT, &why);
  enum outcome outcome = OUTCOME_DONE;
  for (uint32_t n = 0; n < PHRASE_LINES && outcome == OUTCOME_DONE; n++) outcome = ask_line(terminal, n, s);
  if (terminal >= 0) close(terminal);
  if (outcome == OUTCOME_DONE && !phrase_join((const uint8_t(*)[PHRASE_VALUES])s->values, s->seed, &why)) {
    complain("%s", why.text);
    outcome = OUTCOME_INPUT;
  }
  return outcome;
}

static void tell(const struct arguments *a, const char *path, const struct sign_secret *key, struct secrets *s) {
  struct sign_public public = sign_secret_public(key);
  uint8_t account[ADDRESS_ACCOUNT_BYTES];
  char address[ADDRESS_TEXT_LENGTH + 1], text[2 * SIGN_PUBLIC_BYTES + 1];
  bool phrase = !arguments_given(a, "machine") && !arguments_given(a, "phrase");
  address_of_key(public.bytes, account);
  address_write(account, address);
  hex_encode(public.bytes, SIGN_PUBLIC_BYTES, text);
  for (uint32_t n = 0; n < PHRASE_LINES; n++) phrase_write(s->seed, n, s->line[n]);
  if (arguments_given(a, "json")) {
    json_t *o = json_pack("{s:o, s:s, s:s}", "key", output_text(path), "address", address, "public_key", text);
    if (phrase) json_object_set_new(o, "phrase", json_pack("[ssss]", s->line[0], s->line[1], s->line[2], s->line[3]));
    output_json(o);
    return;
  }
  printf("address     %s\npublic key  %s\nkey file    ", address, text);
  output_word(path);
  printf("\n");
  if (!phrase) return;
  printf(
      "\nWrite these four lines down and keep them where nobody else reads them. They are the key: whoever has them\n"
      "has the money, and without them a lost file or password is lost for good. They are not shown again.\n\n");
  for (uint32_t n = 0; n < PHRASE_LINES; n++) printf("  %u  %s\n", n + 1, s->line[n]);
  printf("\nassay init DIR --phrase brings the key back from them.\n");
}

static enum outcome make(const struct arguments *a, const char *path, struct secrets *s) {
  struct sign_secret *key = NULL;
  struct secret_line *password = NULL;
  struct why why = {""};
  enum outcome outcome = OUTCOME_DONE;
  if (arguments_given(a, "phrase"))
    outcome = ask_phrase(s);
  else
    randombytes_buf(s->seed, sizeof s->seed);
  if (outcome == OUTCOME_DONE && sign_secret_open(s->seed, &key) != SIGN_OK) {
    complain("no protected memory for keys");
    outcome = OUTCOME_ENVIRONMENT;
  }
  if (outcome == OUTCOME_DONE && arguments_given(a, "machine")) {
    outcome = unlock_outcome(identity_seal(path, key, &why), &why);
  } else if (outcome == OUTCOME_DONE) {
    outcome = unlock_password(a, path, true, &password);
    if (outcome == OUTCOME_DONE)
      outcome = unlock_outcome(keys_create(path, key, password, KEYFILE_COST_PERSON, &why), &why);
  }
  if (outcome == OUTCOME_DONE) tell(a, path, key, s);
  secret_line_shut(&password);
  sign_secret_shut(&key);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  char path[UNLOCK_PATH];
  struct why why = {""};
  const char *folder = a->operand[0];
  int n = snprintf(path, sizeof path, "%s/key", folder);
  if (n < 0 || n >= UNLOCK_PATH) {
    complain("a path that is too long");
    return OUTCOME_INPUT;
  }
  if (sign_open(&why) != SIGN_OK) return unlock_outcome(STORE_ERR_SYSTEM, &why);
  if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
    complain("%s: cannot make it: %s", folder, strerror(errno));
    return errno == ENOENT || errno == ENOTDIR ? OUTCOME_INPUT : OUTCOME_ENVIRONMENT;
  }
  if (arguments_given(a, "machine") && (arguments_given(a, "password-file") || arguments_given(a, "password-fd"))) {
    complain("--machine makes a password of its own: leave the other one out");
    return OUTCOME_INPUT;
  }
  if (access(path, F_OK) == 0) { /* before anybody types a password for nothing */
    complain("%s: there is a key already, and it stays; take another folder", path);
    return OUTCOME_INPUT;
  }
  struct secrets *s = sodium_malloc(sizeof *s);
  if (!s) {
    complain("no protected memory for keys");
    return OUTCOME_ENVIRONMENT;
  }
  enum outcome outcome = make(a, path, s);
  sodium_free(s); /* clears it */
  return outcome;
}

const struct command command_init = {
    .name = "init",
    .usage = "DIR [--phrase] [--machine | --password-file FILE]",
    .summary = "makes a key: the account that owns, pays and works",
    .text =
        "Writes DIR/key, sealed with a password and for its owner alone to read, and prints the account's address and\n"
        "a phrase of four lines to write down: it brings the key back when file or password are lost. --phrase\n"
        "restores from it; a mistake is found in its line. --machine makes up a password and keeps it in\n"
        "DIR/password, for programs that start with nobody there; whoever reads that folder has the key.\n"
        "Exit status: 0 done, 2 there is a key already, or a wrong phrase or password, 3 disk, memory or permissions,\n"
        "130 stopped.",
    .option = {{"phrase", 0, NULL, "restores a key: asks for the four lines, or reads them from a pipe"},
               {"machine", 0, NULL, "keeps a random password in DIR/password"},
               UNLOCK_OPTIONS,
               {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
