#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/stage.h"
#include "agent/view.h"

#include <stdlib.h>
#include <string.h>

/* A node between the view and the network: it may spoil one answer of `get`, one row of a walk, or make blocks. */
static struct network *net;
static struct chain_port honest, port;
static struct view *view;
static uint32_t spoil_get;         /* the nth answer from now; 0: none */
static bool spoil_rows, cut, dear; /* dear: a gas price beyond any */

enum { GAS_PRICE_AT = 9 * 8 }; /* in the chain's record */
static enum client_status get(void *self, const struct map_key *key, uint8_t **value, size_t *length, uint64_t *height,
                              struct why *why) {
  enum client_status status = honest.get(self, key, value, length, height, why);
  if (status == CLIENT_OK && spoil_get && --spoil_get == 0) {
    if (dear)
      memset(*value + GAS_PRICE_AT, 0xff, 4);
    else if (cut)
      --*length;
    else
      memset(*value, 0xff, *length);
  }
  return status;
}

struct rows {
  client_show *show;
  void *context;
};
static bool show(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  const struct rows *r = context;
  return r->show(r->context, key, value, spoil_rows ? length - 1 : length);
}
static enum client_status walk(void *self, const struct map_key *prefix, const struct map_key *after, uint32_t most,
                               client_show *shown, void *context, uint64_t *height, struct why *why) {
  struct rows r = {.show = shown, .context = context};
  return honest.walk(self, prefix, after, most, show, &r, height, why);
}

static int begin(void **state) {
  (void)state;
  net = network_open();
  honest = port = network_port(net);
  port.get = get;
  port.walk = walk;
  spoil_get = 0;
  spoil_rows = cut = dear = false;
  network_blocks(net, 3);
  assert_true(view_open(&view, &port, NULL));
  return 0;
}
static int end(void **state) {
  (void)state;
  view_shut(view);
  network_shut(net);
  return 0;
}

static void it_sees_what_the_chain_has(void **state) {
  (void)state;
  const struct chain *real = ledger_chain(network_stage(net)->ledger), *seen = view_chain(view);
  struct account a, b;
  assert_int_equal(view_now(view, NULL), CLIENT_OK);
  assert_memory_equal(&seen->now, &real->now, sizeof seen->now);
  assert_memory_equal(&seen->parameters, &real->parameters, sizeof seen->parameters);
  assert_memory_equal(seen->genesis, real->genesis, 32);
  assert_int_equal(view_account(view, network_stage(net)->id[2], &a, NULL), CLIENT_OK);
  account_get(real->map, network_stage(net)->id[2], &b);
  assert_memory_equal(&a, &b, sizeof a);
  const uint8_t nobody[34] = {9};
  struct task_record t;
  struct why why;
  assert_int_equal(view_account(view, nobody, &a, &why), CLIENT_NONE);
  assert_int_equal(view_task(view, nobody, &t, &why), CLIENT_NONE);
  assert_int_equal(view_known(view, POSTED_TAPE, nobody, &why), CLIENT_NONE);
}

static bool count(void *context, const uint8_t account[32], const struct provider *p) {
  uint32_t *n = context;
  (void)account;
  assert_true(p->available);
  return ++*n < 3;
}

static void providers_are_shown_until_enough(void **state) {
  (void)state;
  uint32_t n = 0;
  assert_int_equal(view_providers(view, PROVIDER_VERIFIER, count, &n, NULL), CLIENT_OK);
  assert_int_equal(n, 3); /* there are 4 */
}

/* Bytes that are no record of their kind never get to the ledger's functions, which would stop the program. */
static void a_strange_node_is_told(void **state) {
  (void)state;
  struct account a;
  struct why why;
  uint32_t n = 0;
  for (int i = 0; i < 2; i++) {
    cut = i == 0;
    for (uint32_t nth = 1; nth <= 2; nth++) { /* the chain's record, the parameters */
      view_shut(view);
      assert_true(view_open(&view, &port, NULL));
      spoil_get = nth;
      assert_int_equal(view_now(view, &why), CLIENT_STRANGE);
      assert_non_null(strstr(why.text, "that is none"));
      assert_int_equal(view_now(view, &why), CLIENT_OK);
    }
    spoil_get = 1;
    assert_int_equal(view_account(view, network_stage(net)->id[2], &a, &why), CLIENT_STRANGE);
    assert_int_equal(view_account(view, network_stage(net)->id[2], &a, &why), CLIENT_OK);
  }
  dear = true;
  spoil_get = 1;
  assert_int_equal(view_now(view, &why), CLIENT_STRANGE);
  dear = false;
  assert_int_equal(view_now(view, &why), CLIENT_OK);
  spoil_rows = true;
  assert_int_equal(view_providers(view, PROVIDER_VERIFIER, count, &n, &why), CLIENT_STRANGE);
  assert_int_equal(n, 0);
}

static void a_node_that_is_gone_is_lost(void **state) {
  (void)state;
  struct account a;
  network_silent(net, true);
  assert_int_equal(view_now(view, NULL), CLIENT_LOST);
  assert_int_equal(view_account(view, network_stage(net)->id[2], &a, NULL), CLIENT_LOST);
  network_silent(net, false);
  assert_int_equal(view_now(view, NULL), CLIENT_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(it_sees_what_the_chain_has, begin, end),
      cmocka_unit_test_setup_teardown(providers_are_shown_until_enough, begin, end),
      cmocka_unit_test_setup_teardown(a_strange_node_is_told, begin, end),
      cmocka_unit_test_setup_teardown(a_node_that_is_gone_is_lost, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
