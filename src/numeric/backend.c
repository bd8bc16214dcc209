#include "numeric/backend.h"
#include "numeric/vector/vector.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* The builtin asks cpuid and XGETBV: a kernel that does not save the wide registers counts as a machine without them.
 */
static bool runs(const struct backend *backend) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (backend == &backend_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (backend == &backend_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
#endif
  return backend != NULL;
}

/* Fastest first; scalar runs everywhere, so a search always ends. */
static const struct backend *const backends[] = {
#if defined(__x86_64__)
    &backend_avx512, &backend_avx2,
#elif defined(__aarch64__)
    &backend_neon,
#endif
    &backend_scalar};
enum { BACKENDS = sizeof backends / sizeof *backends };

const struct backend *backend_named(const char *name) {
  for (int i = 0; i < BACKENDS; i++)
    if (strcmp(backends[i]->name, name) == 0) return runs(backends[i]) ? backends[i] : NULL;
  return NULL;
}

const struct backend *backend_best(void) {
  const char *name = getenv("ASSAY_BACKEND");
  const struct backend *asked = name ? backend_named(name) : NULL;
  if (asked) return asked;
  int i = 0;
  while (!runs(backends[i])) i++;
  return backends[i];
}

#if defined(__x86_64__)
enum { MXCSR_EXACT = 0x1f80, MXCSR_FLAGS = 0x3f }; /* the six low bits only remember what happened */
void backend_thread_enter(void) { _mm_setcsr(MXCSR_EXACT); }
bool backend_thread_check(void) { return (_mm_getcsr() & ~(unsigned)MXCSR_FLAGS) == MXCSR_EXACT; }
#elif defined(__aarch64__)
void backend_thread_enter(void) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0)); }
bool backend_thread_check(void) {
  uint64_t fpcr;
  __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
  return fpcr == 0;
}
#else
void backend_thread_enter(void) {}
bool backend_thread_check(void) { return true; }
#endif
