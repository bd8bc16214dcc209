/* Files and phrases from strangers. The first byte says as which. */
#include <assert.h>
#include <string.h>

#include "store/keys/keyfile.h"
#include "store/keys/phrase.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* Whatever is read has costs within their bounds. */
static void as_file(const uint8_t *bytes, size_t length) {
  struct keyfile_head head;
  struct why why;
  if (!keyfile_head_read(bytes, length, &head, &why)) return;
  assert(length == KEYFILE_BYTES && head.cost.passes >= 1 && head.cost.passes <= KEYFILE_PASSES_MAX &&
         head.cost.memory_kib >= KEYFILE_MEMORY_KIB_MIN && head.cost.memory_kib <= KEYFILE_MEMORY_KIB_MAX);
}

static int value(char c) {
  static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
  if (c == 'o') c = '0';
  if (c == 'i' || c == 'l') c = '1';
  const char *at = c ? strchr(alphabet, c) : NULL;
  return at ? (int)(at - alphabet) : -1;
}

/* What is read is written again with the same characters, apart from those that count for others and for nothing. */
static void as_phrase(const uint8_t *bytes, size_t length) {
  uint8_t seed[PHRASE_SEED_BYTES];
  struct why why;
  size_t at = 0;
  if (!phrase_read((const char *)bytes, length, seed, &why)) return;
  for (uint32_t line = 0; line < PHRASE_LINES; line++) {
    char text[PHRASE_LINE_LENGTH + 1];
    phrase_write(seed, line, text);
    for (const char *c = text; *c; c++) {
      if (*c == ' ') continue;
      while (at < length && value((char)bytes[at]) < 0) at++;
      assert(at < length && value((char)bytes[at]) == value(*c));
      at++;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  if (!length) return 0;
  if (data[0] == 'f')
    as_file(data + 1, length - 1);
  else
    as_phrase(data + 1, length - 1);
  return 0;
}
