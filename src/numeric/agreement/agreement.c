#include "numeric/agreement/agreement.h"

#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"

static const uint32_t magnitudes[] = {
    0x00000000, 0x00000001, 0x00000002, 0x00000003, 0x00000005, 0x00000007, 0x00000010, 0x0000001f, 0x00000020,
    0x00000021, 0x0000ffff, 0x00010000, 0x003fffff, 0x00400000, 0x00400001, 0x007fffff, 0x00800000, 0x00800001,
    0x00ffffff, 0x01000000, 0x20000000, 0x2aaaaaaa, 0x33000000, 0x33800000, 0x34000000, 0x3eaaaaab, 0x3effffff,
    0x3f000000, 0x3f000001, 0x3f200000, 0x3f3504f3, 0x3f6c0000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000,
    0x40000000, 0x40490fdb, 0x4a800001, 0x4affffff, 0x4b000000, 0x4b7fffff, 0x4b800000, 0x4effffff, 0x4f000000,
    0x4f800000, 0x42b17218, 0x42cff1b5, 0x5f800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff,
};
_Static_assert(2 * sizeof magnitudes / sizeof magnitudes[0] == BOUNDARY_COUNT, "each with both signs");

uint32_t boundary_word(uint32_t index) { return magnitudes[index / 2] | (index % 2) << 31; }

static uint64_t ask(uint8_t code, const uint32_t operand[3], struct disagreement *first, uint64_t before) {
  uint32_t soft = soft_apply(code, operand[0], operand[1], operand[2]);
  uint32_t reference = reference_apply(code, operand[0], operand[1], operand[2]);
  if (soft == reference) return 0;
  if (before == 0 && first) {
    struct disagreement d = {code, {operand[0], operand[1], operand[2]}, soft, reference};
    *first = d;
  }
  return 1;
}

uint64_t agreement_boundary(uint8_t code, struct disagreement *first) {
  uint32_t arity = canon_op(code)->arity;
  uint64_t differ = 0;
  for (uint32_t i = 0; i < BOUNDARY_COUNT; i++)
    for (uint32_t j = 0; j < (arity > 1 ? BOUNDARY_COUNT : 1); j++)
      for (uint32_t k = 0; k < (arity > 2 ? BOUNDARY_COUNT : 1); k++) {
        const uint32_t operand[3] = {boundary_word(i), boundary_word(j), boundary_word(k)};
        differ += ask(code, operand, first, differ);
      }
  return differ;
}

uint64_t agreement_random(uint8_t code, uint64_t seed, uint64_t start, uint64_t count, struct disagreement *first) {
  uint64_t differ = 0;
  for (uint64_t index = start; index < start + count; index++) {
    uint32_t operand[3];
    agreement_operands(code, seed, index, operand);
    differ += ask(code, operand, first, differ);
  }
  return differ;
}

/* The word with its exponent field moved to within 32 of another's. */
static uint32_t near_exponent(uint32_t word, uint32_t other, uint32_t choice) {
  uint32_t exponent = ((other >> 23) + choice % 64 - 32) & 0xff;
  return (word & 0x807fffffu) | exponent << 23;
}

void agreement_operands(uint8_t code, uint64_t seed, uint64_t index, uint32_t operand[3]) {
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), code, 0x61677265};
  uint32_t w[4];
  random_philox(counter, seed, w);
  uint32_t mode = w[3] % 8, choice = w[3] >> 3;
  switch (mode) {
  case 0:
  case 1: break; /* plain words */
  case 2:        /* near exponents: sums that overlap, quotients near 1 */
    w[1] = near_exponent(w[1], w[0], choice);
    w[2] = near_exponent(w[2], w[0], choice >> 6);
    break;
  case 3: /* subnormals, and one operand that may bring them back */
    w[choice % 3] &= 0x807fffffu;
    w[(choice >> 2) % 3] &= 0x80ffffffu;
    break;
  case 4: w[choice % 3] = boundary_word((choice >> 2) % BOUNDARY_COUNT); break;
  case 5: /* moderate values, what networks hold and functions care about */
    for (int i = 0; i < 3; i++) w[i] = (w[i] & 0x807fffffu) | (100 + (w[i] >> 23) % 40) << 23;
    break;
  case 6: /* short significands: ties and exact results */
    for (int i = 0; i < 3; i++) w[i] &= 0xffffffffu << (choice >> 5 * i & 31) % 24;
    w[1] = near_exponent(w[1], w[0], choice >> 16);
    break;
  case 7: /* c close to -a b, b close to -a */
    w[2] = soft_mul(w[0], w[1]) ^ 0x80000000u;
    w[2] += choice % 5 - 2;
    if (choice & 0x100) w[1] = (w[0] ^ 0x80000000u) + (choice >> 9) % 5 - 2;
    break;
  }
  for (int i = 0; i < 3; i++) operand[i] = w[i];
}
