/* The named sets, their one encoding, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/parameter/parameter.h"

static const char *const names[] = {"main", "devnet", "test"};

static void named(void **state) {
  (void)state;
  struct parameters p;
  struct why why;
  for (uint32_t i = 0; i < 3; i++) {
    assert_true(parameters_named(names[i], &p));
    assert_true(parameters_check(&p, &why));
  }
  assert_false(parameters_named("mainnet", &p));
  assert_true(parameters_named("main", &p));
  assert_int_equal(p.class[0].dot_flops, UINT64_C(20000000000)); /* LEDGER 7.4 */
  assert_int_equal(p.class[2].bytes, UINT64_C(64000000000));
  assert_int_equal(p.class[1].mem_mib, 16384);
  assert_int_equal(p.stake_min, UINT64_C(100000000000)); /* 100 ASY */
  assert_true(parameters_named("devnet", &p));
  assert_int_equal(p.class[0].dot_flops, UINT64_C(2000000000)); /* a tenth of a second */
  assert_int_equal(p.turn, 50);
  assert_true(parameters_named("test", &p));
  assert_int_equal(p.slack, 40);
}

static void one_encoding(void **state) {
  (void)state;
  uint8_t bytes[PARAMETERS_BYTES_MAX], again[PARAMETERS_BYTES_MAX + 1];
  struct parameters p, q;
  for (uint32_t i = 0; i < 3; i++) {
    assert_true(parameters_named(names[i], &p));
    size_t length = parameters_encode(&p, bytes);
    assert_int_equal(length, 278);
    assert_true(parameters_decode(bytes, length, &q, NULL));
    assert_memory_equal(&p, &q, sizeof p);
    for (size_t cut = 0; cut < length; cut++) assert_false(parameters_decode(bytes, cut, &q, NULL));
    memcpy(again, bytes, length);
    again[length] = 0;
    assert_false(parameters_decode(again, length + 1, &q, NULL));
  }
  p.classes = CLASSES_MAX;
  for (uint32_t i = 0; i < CLASSES_MAX; i++) p.class[i] = (struct parameter_class){1, 2, 3, 4};
  size_t length = parameters_encode(&p, bytes);
  assert_true(length > 0 && parameters_decode(bytes, length, &q, NULL));
  assert_int_equal(q.class[7].mem_mib, 4);
}

static void is_refused(const struct parameters *p, const char *word) {
  uint8_t bytes[PARAMETERS_BYTES_MAX];
  struct parameters q;
  struct why why = {.text = ""};
  assert_false(parameters_check(p, &why));
  if (!strstr(why.text, word)) fail_msg("'%s' does not say '%s'", why.text, word);
  assert_false(parameters_decode(bytes, parameters_encode(p, bytes), &q, NULL));
}

#define REFUSED(field, value, word)                                                                                    \
  do {                                                                                                                 \
    struct parameters p = good;                                                                                        \
    p.field = value;                                                                                                   \
    is_refused(&p, word);                                                                                              \
  } while (0)

static void bounds_and_inequalities(void **state) {
  (void)state;
  struct parameters good;
  assert_true(parameters_named("main", &good));
  REFUSED(version, 0, "version");
  REFUSED(epoch, 0, "epoch");
  REFUSED(tick_ms, 60001, "tick_ms");
  REFUSED(gas_floor, 0, "gas_floor");
  REFUSED(publish_rate, 0, "publish_rate");
  REFUSED(classes, 0, "classes");
  REFUSED(classes, CLASSES_MAX + 1, "classes");
  REFUSED(class[1].body_ops, 0, "class 1");
  REFUSED(class[2].mem_mib, UINT64_C(1) << 32, "class 2");
  REFUSED(slash_permille, 99, "slash_permille");
  REFUSED(window_claim, 1, "window_claim"); /* later */
  REFUSED(forced_permille, 250, "forced_permille");
  REFUSED(certificates_required, true, "certificates_required");
  REFUSED(solver_bond, 500, "I2"); /* (1 + .75 / 2) / 2 < .8 */
  REFUSED(seat_share, 999, "I5");
  REFUSED(claim_bond, 853, "I10"); /* 3/4 D = .853 * 3/4 phi; a seat's cost is .64 phi */
  REFUSED(compensation, 751, "I12");
  struct parameters p = good;
  p.work_dot = p.work_body = p.work_bytes_half = 0;
  is_refused(&p, "weight");
  p = good;
  p.seat_share = 1000;
  p.claim_bond = 1067;
  p.solver_bond = 801;
  assert_true(parameters_check(&p, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(named), cmocka_unit_test(one_encoding),
                                     cmocka_unit_test(bounds_and_inequalities)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
