#include "base/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void why_set(struct why *why, const char *format, ...) {
  if (!why) return;
  va_list list;
  va_start(list, format);
  vsnprintf(why->text, sizeof why->text, format, list);
  va_end(list);
}

void why_before(struct why *why, const char *format, ...) {
  if (!why) return;
  struct why rest = *why;
  va_list list;
  va_start(list, format);
  vsnprintf(why->text, sizeof why->text, format, list);
  va_end(list);
  size_t used = strlen(why->text);
  snprintf(why->text + used, sizeof why->text - used, "%s", rest.text);
}
