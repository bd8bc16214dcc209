#include "numeric/fused.h"

#include "numeric/canon.h"

/* Names of bodies.inc as numbers: what a step reads. */
enum { V0, V1, V2, V3, V4, V5, V6 };
enum { W0 = FUSED_WORD, W1, W2, W3, W4, W5, W6, W7 };
enum { T0 = FUSED_RESULT, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10 };
enum { NONE = FUSED_NONE };

/* clang-format off */
#define BODY(name, vectors, words) static const struct fused_step step_##name[] = {
#define STEP(n, op, a, b, c) {CANON_##op, {a, b, c}},
#define WHEN(n, op, a, b) {CANON_##op, {a, b, NONE}},
#define PICK(n, m, b, c) {CANON_SEL, {FUSED_RESULT + (m), b, c}},
#define DECAY(n, b, m, c) {CANON_FMA, {b, m, c}},
#define MOVE(n, o, m, r, b, w) {CANON_DIV, {m, r, NONE}}, {CANON_FMA, {b, FUSED_RESULT + (n), w}},
#define DONE(name) };
#include "numeric/vector/bodies.inc"

#define BODY(name, vectors, words) static const uint8_t kept_##name[] = {
#define KEEP(k, n) n,
#define DONE(name) };
#include "numeric/vector/bodies.inc"
/* clang-format on */

#define BODY(name, vectors, words)                                                                                     \
  {#name, vectors, words, sizeof step_##name / sizeof step_##name[0], sizeof kept_##name, step_##name, kept_##name},
const struct fused_body fused_bodies[BACKEND_FUSED] = {
#include "numeric/vector/bodies.inc"
};
