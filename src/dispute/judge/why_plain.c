/* base/why.h once more, without a C library: what libassay-verify links. judge_test holds the two equal. */
#include <string.h>

#include "base/why.h"
#include "dispute/judge/text.h"

void why_set(struct why *why, const char *format, ...) {
  if (!why) return;
  va_list list;
  struct text t = text_over(why->text, sizeof why->text);
  va_start(list, format);
  text_format(&t, format, list);
  va_end(list);
}

void why_before(struct why *why, const char *format, ...) {
  if (!why) return;
  struct why rest;
  va_list list;
  memcpy(&rest, why, sizeof rest);
  struct text t = text_over(why->text, sizeof why->text);
  va_start(list, format);
  text_format(&t, format, list);
  va_end(list);
  text_put(&t, rest.text);
}
