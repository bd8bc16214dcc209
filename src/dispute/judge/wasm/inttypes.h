/* What our sources use of the C library's inttypes.h, for builds that have none. The letters are wasm32's. */
#ifndef DISPUTE_JUDGE_WASM_INTTYPES_H
#define DISPUTE_JUDGE_WASM_INTTYPES_H
#include <stdint.h>
#define PRIu32 "u"
#define PRIx32 "x"
#define PRIu64 "llu"
#define PRIx64 "llx"
#endif
