/* What our sources use of the C library's string.h, for builds that have none; judge_wasm.c holds the functions. */
#ifndef DISPUTE_JUDGE_WASM_STRING_H
#define DISPUTE_JUDGE_WASM_STRING_H
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *s);
#endif
