/* What assay-verify.wasm has beside the judge: memory for its callers, and the pieces of a C library that compilers
 * call by themselves. Compiled for wasm32 alone, freestanding, so that these loops are not turned into calls of
 * themselves.
 *
 * A host calls no allocator. It writes the transcript at assay_input(), at most assay_input_max() bytes, then
 *
 *   outcome = assay_judge(assay_input(), length, assay_verdict(), assay_text(), assay_text_max())
 *   length  = assay_verdict_line(outcome, assay_verdict(), assay_text(), assay_text_max())
 *
 * after each of which the sentence or the line stands at assay_text(). The module imports nothing. */
#include <string.h>

#include "base/why.h"
#include "dispute/judge/assay_verify.h"
#include "dispute/transcript/transcript.h"

/* One byte more than a transcript has: a host that cuts a longer file to this length is told that it is too long. */
static uint8_t input[TRANSCRIPT_BYTES_MAX + 1];
static struct assay_verdict verdict;
static char text[1024];
_Static_assert(sizeof text > WHY_MAX, "a whole reason");

uint8_t *assay_input(void);
uint32_t assay_input_max(void);
struct assay_verdict *assay_verdict(void);
char *assay_text(void);
uint32_t assay_text_max(void);

uint8_t *assay_input(void) { return input; }
uint32_t assay_input_max(void) { return sizeof input; }
struct assay_verdict *assay_verdict(void) {
  return &verdict;
}
char *assay_text(void) { return text; }
uint32_t assay_text_max(void) { return sizeof text; }

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  uint8_t *t = to;
  const uint8_t *f = from;
  for (size_t i = 0; i < length; i++) t[i] = f[i];
  return to;
}

void *memmove(void *to, const void *from, size_t length) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if (t <= f)
    for (size_t i = 0; i < length; i++) t[i] = f[i];
  else
    for (size_t i = length; i-- > 0;) t[i] = f[i];
  return to;
}

void *memset(void *to, int byte, size_t length) {
  uint8_t *t = to;
  for (size_t i = 0; i < length; i++) t[i] = (uint8_t)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t length) {
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < length; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}
