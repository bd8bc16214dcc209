#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/enlist.h"
#include "agent/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHO = 5, MIB = 512, TURNS_MAX = 40, BLOCKS_MAX = 400 };
static const uint64_t stake = UINT64_C(200) * 1000000000;

static char folder[64], last[256];
static struct network *net;
static struct chain_port port;

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/assay-enlist-XXXXXX");
  assert_non_null(mkdtemp(folder));
  net = network_open();
  port = network_port(net);
  network_still(net, true);
  network_block(net);
  return 0;
}
static int end(void **state) {
  (void)state;
  char name[128];
  snprintf(name, sizeof name, "%s/journal", folder);
  unlink(name);
  network_shut(net);
  return rmdir(folder);
}

static void say(void *context, const char *kind, const uint8_t *task, const char *text) {
  (void)context, (void)task, (void)text;
  snprintf(last, sizeof last, "%s", kind);
}

/* ENGINE 7.1: blocks are made while there is something to do or somebody waits for a tick. */
static void blocks(uint32_t most) {
  struct stage *s = network_stage(net);
  network_block(net);
  for (uint32_t i = 0; i < most && ledger_wants_block(s->ledger); i++) network_block(net);
}

static bool role(struct agent *a, void *context, struct why *why) {
  (void)a;
  enlist_turn(context, why);
  return true;
}

static bool enlisted(uint32_t blocks_between) {
  struct stage *s = network_stage(net);
  struct agent_options o = {.folder = folder, .chain = &port, .key = s->key[WHO], .vrf_key = s->vrf[WHO], .say = say};
  struct enlist_options wanted = {.role = ROLE_VERIFIER, .mem_mib = MIB, .endpoint = "", .stake = stake};
  struct agent *a;
  struct enlist e;
  struct why why = {""};
  bool more;
  if (agent_open(&a, &o, &why) != AGENT_OK) fail_msg("%s", why.text);
  enlist_begin(&e, a, &wanted);
  for (uint32_t i = 0; i < TURNS_MAX && !e.over; i++) {
    assert_int_equal(agent_turn(a, role, &e, &more, &why), AGENT_OK);
    blocks(blocks_between);
  }
  agent_shut(a);
  return e.over && strcmp(last, "enlisted") == 0;
}

static void test_enlisted(void **state) {
  (void)state;
  assert_true(enlisted(5));
  struct account a;
  account_get(ledger_chain(network_stage(net)->ledger)->map, network_stage(net)->id[WHO], &a);
  assert_int_equal(a.stake[ROLE_VERIFIER], stake);
}

/* Turns are rare where a machine is busy: the chain awaits two epochs (LEDGER 5.4), they end, and then it stands still
 * before anybody has looked. */
static void test_slow(void **state) {
  (void)state;
  assert_true(enlisted(25)); /* an epoch of the test windows is over between two turns */
}

static void test_very_slow(void **state) {
  (void)state;
  assert_true(enlisted(BLOCKS_MAX));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_enlisted, begin, end),
                                     cmocka_unit_test_setup_teardown(test_slow, begin, end),
                                     cmocka_unit_test_setup_teardown(test_very_slow, begin, end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
