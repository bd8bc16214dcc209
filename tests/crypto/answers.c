/* answers: what src/crypto says to the questions on standard input, one line each, for the tests of this folder. Bytes
 * are hexadecimal, none of them is a dot.
 *
 *   prove SEED INPUT          key, proof, output       sign SEED MESSAGE            key, signature
 *   check KEY INPUT PROOF     the output, or no        signed KEY MESSAGE SIGNATURE yes or no
 *   point KEY                 yes or no                derive SEED LABEL INDEX      the key of the derived secret
 *   score OUTPUT              number                   below OUTPUT K COUNT         numbers
 *   before OUTPUT WEIGHT ACCOUNT OUTPUT WEIGHT ACCOUNT          yes or no
 *   eligible OUTPUT WEIGHT TOTAL PERMILLE                       yes or no
 *   address KEY               id, text */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/address.h"
#include "crypto/draw.h"
#include "crypto/vrf.h"

enum { WORDS_MAX = 8, LINE_MAX_BYTES = 4096 };

static char *word[WORDS_MAX];
static uint32_t words;

static _Noreturn void give_up(const char *what) {
  fprintf(stderr, "answers: %s\n", what);
  exit(2);
}

static size_t bytes_of(uint32_t i, uint8_t *bytes, size_t most) {
  if (i >= words) give_up("a word is missing");
  size_t length = strcmp(word[i], ".") == 0 ? 0 : strlen(word[i]) / 2;
  if (length > most || (length && !hex_decode(word[i], bytes, length))) give_up("not bytes");
  return length;
}

static void exactly(uint32_t i, uint8_t *bytes, size_t length) {
  if (bytes_of(i, bytes, length) != length) give_up("bytes of another length");
}

static uint64_t number_of(uint32_t i) {
  if (i >= words) give_up("a word is missing");
  return strtoull(word[i], NULL, 10);
}

static void say(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) printf("%02x", bytes[i]);
  putchar(' ');
}

static void say_whether(bool yes) { printf(yes ? "yes" : "no"); }

static void answer_prove(void) {
  uint8_t seed[SIGN_SEED_BYTES], input[LINE_MAX_BYTES], proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES];
  struct sign_secret *secret;
  exactly(1, seed, sizeof seed);
  size_t length = bytes_of(2, input, sizeof input);
  if (sign_secret_open(seed, &secret) != SIGN_OK) give_up("no memory");
  say(sign_secret_public(secret).bytes, SIGN_PUBLIC_BYTES);
  vrf_prove(secret, input, length, proof);
  say(proof, sizeof proof);
  if (!vrf_output(proof, output)) give_up("an own proof without output");
  say(output, sizeof output);
  sign_secret_shut(&secret);
}

static void answer_check(void) {
  struct sign_public key;
  uint8_t input[LINE_MAX_BYTES], proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES];
  exactly(1, key.bytes, sizeof key.bytes);
  size_t length = bytes_of(2, input, sizeof input);
  exactly(3, proof, sizeof proof);
  if (vrf_check(&key, input, length, proof, output))
    say(output, sizeof output);
  else
    say_whether(false);
}

static void answer_point(void) {
  struct sign_public key;
  exactly(1, key.bytes, sizeof key.bytes);
  say_whether(vrf_key(&key));
}

static void answer_sign(void) {
  uint8_t seed[SIGN_SEED_BYTES], message[LINE_MAX_BYTES], signature[SIGN_BYTES];
  struct sign_secret *secret;
  exactly(1, seed, sizeof seed);
  size_t length = bytes_of(2, message, sizeof message);
  if (sign_secret_open(seed, &secret) != SIGN_OK) give_up("no memory");
  say(sign_secret_public(secret).bytes, SIGN_PUBLIC_BYTES);
  sign_make(secret, message, length, signature);
  say(signature, sizeof signature);
  sign_secret_shut(&secret);
}

static void answer_signed(void) {
  struct sign_public key;
  uint8_t message[LINE_MAX_BYTES], signature[SIGN_BYTES];
  exactly(1, key.bytes, sizeof key.bytes);
  size_t length = bytes_of(2, message, sizeof message);
  exactly(3, signature, sizeof signature);
  say_whether(sign_check(&key, message, length, signature));
}

static void answer_derive(void) {
  uint8_t seed[SIGN_SEED_BYTES];
  struct sign_secret *parent, *child;
  exactly(1, seed, sizeof seed);
  uint32_t index = (uint32_t)number_of(3);
  if (sign_secret_open(seed, &parent) != SIGN_OK) give_up("no memory");
  if (sign_secret_derive(parent, word[2], index, &child) != SIGN_OK) give_up("no memory");
  say(sign_secret_public(child).bytes, SIGN_PUBLIC_BYTES);
  sign_secret_shut(&child);
  sign_secret_shut(&parent);
}

static void answer_score(void) {
  uint8_t output[DRAW_OUTPUT_BYTES];
  exactly(1, output, sizeof output);
  printf("%" PRIu64, draw_score(output));
}

static void answer_below(void) {
  uint8_t output[DRAW_OUTPUT_BYTES];
  struct draw_stream s;
  exactly(1, output, sizeof output);
  uint64_t k = number_of(2), count = number_of(3);
  draw_begin(&s, output);
  for (uint64_t i = 0; i < count; i++) printf("%" PRIu64 " ", draw_below(&s, k));
}

static void entry_of(uint32_t first, struct draw_entry *e) {
  exactly(first, e->output, sizeof e->output);
  e->weight = number_of(first + 1);
  exactly(first + 2, e->account, sizeof e->account);
}

static void answer_before(void) {
  struct draw_entry a, b;
  entry_of(1, &a);
  entry_of(4, &b);
  say_whether(draw_before(&a, &b));
}

static void answer_eligible(void) {
  uint8_t output[DRAW_OUTPUT_BYTES];
  exactly(1, output, sizeof output);
  say_whether(draw_eligible(output, number_of(2), number_of(3), (uint16_t)number_of(4)));
}

static void answer_address(void) {
  uint8_t key[32], account[ADDRESS_ACCOUNT_BYTES];
  char text[ADDRESS_TEXT_LENGTH + 1];
  exactly(1, key, sizeof key);
  address_of_key(key, account);
  address_write(account, text);
  say(account, sizeof account);
  printf("%s", text);
}

static const struct {
  const char *name;
  void (*answer)(void);
} questions[] = {
    {"prove", answer_prove},   {"check", answer_check},     {"point", answer_point},       {"sign", answer_sign},
    {"signed", answer_signed}, {"derive", answer_derive},   {"score", answer_score},       {"below", answer_below},
    {"before", answer_before}, {"address", answer_address}, {"eligible", answer_eligible},
};

int main(void) {
  static char line[LINE_MAX_BYTES];
  struct why why;
  if (sign_open(&why) != SIGN_OK) give_up(why.text);
  while (fgets(line, sizeof line, stdin)) {
    words = 0;
    for (char *at = strtok(line, " \n"); at && words < WORDS_MAX; at = strtok(NULL, " \n")) word[words++] = at;
    if (!words) continue;
    size_t i = 0, count = sizeof questions / sizeof questions[0];
    while (i < count && strcmp(questions[i].name, word[0]) != 0) i++;
    if (i == count) give_up("no such question");
    questions[i].answer();
    putchar('\n');
  }
  return 0;
}
