/* assert without a C library: WebAssembly stops at the instruction, and its host is told. */
#ifndef DISPUTE_JUDGE_WASM_ASSERT_H
#define DISPUTE_JUDGE_WASM_ASSERT_H
#define assert(condition) ((condition) ? (void)0 : __builtin_trap())
#endif
