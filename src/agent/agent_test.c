#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WHO = 5, TO = 6, ONE = 1000 };

static char folder[64];
static struct network *net;
static struct chain_port port;

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/assay-agent-XXXXXX");
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

static struct agent_options options_of(uint32_t who) {
  return (struct agent_options){.folder = folder, .chain = &port, .key = network_stage(net)->key[who]};
}

static struct agent *open_it(void) {
  struct agent_options o = options_of(WHO);
  struct agent *a;
  struct why why = {{0}};
  if (agent_open(&a, &o, &why) != AGENT_OK) fail_msg("%s", why.text);
  return a;
}

static struct agent_sent pay(struct agent *a, const char *once, uint64_t amount) {
  uint8_t body[128];
  struct body_transfer b = {.to = network_stage(net)->id[TO], .amount = amount};
  struct agent_sent sent = {.where = 0};
  struct why why = {{0}};
  if (agent_send(a, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body), once, &sent, &why) !=
      AGENT_OK)
    fail_msg("%s", why.text);
  return sent;
}

static bool nothing(struct agent *a, void *role, struct why *why) {
  (void)a, (void)role, (void)why;
  return true;
}

static void turn(struct agent *a) {
  bool more;
  struct why why = {{0}};
  if (agent_turn(a, nothing, NULL, &more, &why) != AGENT_OK) fail_msg("%s", why.text);
}

static uint64_t received(void) {
  struct account a;
  account_get(ledger_chain(network_stage(net)->ledger)->map, network_stage(net)->id[TO], &a);
  return a.balance - STAGE_BALANCE;
}

static void sent_once_however_often_asked(void **state) {
  (void)state;
  struct agent *a = open_it();
  turn(a);
  assert_int_equal(pay(a, "one", ONE).where, SENT_WAITS);
  assert_int_equal(pay(a, "one", 7 * ONE).where, SENT_WAITS);
  assert_int_equal(pay(a, "two", ONE).where, SENT_WAITS); /* the next nonce, before the first is in */
  network_block(net);
  assert_int_equal(pay(a, "one", ONE).where, SENT_WAITS); /* known at the next turn */
  turn(a);
  struct agent_sent one = pay(a, "one", ONE), two = agent_sent(a, "two");
  assert_int_equal(one.where, SENT_DONE);
  assert_int_equal(one.code, CHAIN_OK);
  assert_int_equal(one.nonce, 0);
  assert_int_equal(two.nonce, 1);
  for (int i = 0; i < 20; i++) {
    network_block(net);
    turn(a);
    pay(a, "one", ONE);
  }
  assert_int_equal(received(), 2 * ONE);
  agent_shut(a);
  a = open_it();
  turn(a);
  assert_int_equal(pay(a, "one", ONE).where, SENT_DONE);
  assert_int_equal(agent_forget(a, "one", NULL), AGENT_OK);
  assert_int_equal(pay(a, "one", ONE).where, SENT_WAITS);
  network_block(net);
  assert_int_equal(received(), 3 * ONE);
  agent_shut(a);
}

static void what_is_lost_goes_again(void **state) {
  (void)state;
  struct agent *a = open_it();
  turn(a);
  network_lose(net, 3);
  for (int i = 0; i < 3; i++) pay(a, (const char *[]){"a", "b", "c"}[i], ONE);
  for (int i = 0; i < 8; i++) {
    network_block(net);
    turn(a);
  }
  assert_int_equal(agent_sent(a, "c").where, SENT_DONE);
  assert_int_equal(received(), 3 * ONE);
  /* On a chain that stands still, too. */
  network_lose(net, 1);
  pay(a, "d", ONE);
  turn(a);
  turn(a);
  network_block(net);
  turn(a);
  assert_int_equal(agent_sent(a, "d").where, SENT_DONE);
  agent_shut(a);
}

/* Out of time and lost; out of time and not lost. */
static void what_is_out_of_time_is_signed_again(void **state) {
  (void)state;
  struct agent *a = open_it();
  turn(a);
  network_lose(net, 1);
  pay(a, "late", ONE);
  network_blocks(net, 300);
  turn(a);
  network_block(net);
  turn(a);
  struct agent_sent sent = agent_sent(a, "late");
  assert_int_equal(sent.where, SENT_DONE);
  assert_int_equal(sent.code, CHAIN_OK);
  assert_int_equal(sent.nonce, 0);
  assert_int_equal(received(), ONE);
  agent_shut(a);
}

static void a_silent_node_is_lost_and_found(void **state) {
  (void)state;
  struct agent *a = open_it();
  bool more = true;
  turn(a);
  network_silent(net, true);
  assert_int_equal(agent_turn(a, nothing, NULL, &more, NULL), AGENT_LOST);
  network_silent(net, false);
  turn(a);
  pay(a, "x", ONE);
  network_silent(net, true);
  assert_int_equal(agent_turn(a, nothing, NULL, &more, NULL), AGENT_LOST);
  network_silent(net, false);
  network_block(net);
  turn(a);
  assert_int_equal(agent_sent(a, "x").where, SENT_DONE);
  assert_int_equal(received(), ONE);
  agent_shut(a);
}

/* Somebody with the same key takes the number: what waited under it gets another, and happens once. */
static void a_number_that_another_took(void **state) {
  (void)state;
  struct agent *a = open_it();
  turn(a);
  network_lose(net, 1);
  pay(a, "mine", ONE);
  stage_begin(network_stage(net), 25);
  stage_transfer(network_stage(net), WHO, network_stage(net)->id[TO], 10 * ONE);
  stage_end(network_stage(net));
  for (int i = 0; i < 20; i++) {
    network_block(net);
    turn(a);
  }
  assert_int_equal(agent_sent(a, "mine").where, SENT_DONE);
  assert_int_equal(agent_sent(a, "mine").nonce, 1);
  assert_int_equal(received(), 11 * ONE);
  agent_shut(a);
}

static void failures_are_told(void **state) {
  (void)state;
  struct agent *a = open_it();
  turn(a);
  pay(a, "nothing", 0);
  pay(a, "too much", 2 * STAGE_BALANCE);
  network_block(net);
  turn(a);
  assert_int_equal(agent_sent(a, "nothing").where, SENT_DONE);
  assert_int_equal(agent_sent(a, "nothing").code, CHAIN_LIMIT);
  assert_int_equal(agent_sent(a, "too much").code, CHAIN_FUNDS);
  assert_int_equal(agent_sent(a, "never").where, 0);
  agent_shut(a);
}

/* LEDGER 2.2.1: an account that nobody has heard of, then one that was paid. */
static void a_new_account_says_its_key_first(void **state) {
  (void)state;
  struct stage *st = network_stage(net);
  struct agent_options o = {.folder = folder, .chain = &port};
  struct sign_secret *key;
  struct agent *a;
  uint8_t seed[32] = {77}, body[128];
  assert_int_equal(sign_secret_open(seed, &key), SIGN_OK);
  o.key = key;
  assert_int_equal(agent_open(&a, &o, NULL), AGENT_OK);
  struct body_transfer b = {.to = st->id[TO], .amount = ONE};
  size_t length = body_transfer_put(&b, body, sizeof body);
  struct agent_sent sent = {.where = 0};
  struct why why;
  turn(a);
  assert_int_equal(agent_send(a, TRANSACTION_TRANSFER, body, length, "p", &sent, &why), AGENT_ERR_INPUT);
  assert_non_null(strstr(why.text, "needs some balance first"));
  stage_begin(st, 25);
  assert_int_equal(stage_transfer(st, WHO, agent_account(a), 1000000).code, CHAIN_OK);
  stage_end(st);
  for (int i = 0; i < 6 && sent.where != SENT_DONE; i++) {
    turn(a);
    assert_int_equal(agent_send(a, TRANSACTION_TRANSFER, body, length, "p", &sent, &why), AGENT_OK);
    network_block(net);
  }
  turn(a);
  assert_int_equal(agent_sent(a, "p").where, SENT_DONE);
  assert_int_equal(agent_sent(a, "p").nonce, 1);
  assert_int_equal(received(), ONE);
  agent_shut(a);
  sign_secret_shut(&key);
}

static void a_journal_is_of_one_account(void **state) {
  (void)state;
  struct agent *a = open_it(), *other;
  struct agent_options o = options_of(TO);
  struct why why;
  agent_shut(a);
  assert_int_equal(agent_open(&other, &o, &why), AGENT_ERR_INPUT);
  assert_non_null(strstr(why.text, "another account"));
}

/* Killed before, in and after sending, any number of times: each payment is made once. The chain lives in this process,
 * so the child's signatures are repeated here: it dies with what it has written, and another takes over. */
static void killed_anywhere_it_pays_once(void **state) {
  (void)state;
  srand(11);
  char words[16];
  for (int i = 0; i < 25; i++) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
      /* Its copy of the network is not ours: what it sends is lost for us, or arrives late. */
      struct agent *a = open_it();
      turn(a);
      for (int k = 0; k < 200; k++) {
        snprintf(words, sizeof words, "pay/%d", k);
        pay(a, words, ONE);
        if (write(pipes[1], "x", 1) != 1) _exit(1);
      }
      _exit(0);
    }
    char one;
    for (int wait = rand() % 12; wait > 0; wait--) assert_int_equal(read(pipes[0], &one, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pipes[0]);
    close(pipes[1]);
    /* Some of it gets through. */
    struct agent *a = open_it();
    for (int k = rand() % 4; k > 0; k--) {
      turn(a);
      network_block(net);
    }
    agent_shut(a);
  }
  struct agent *a = open_it();
  for (int k = 0; k < 200; k++) {
    snprintf(words, sizeof words, "pay/%d", k);
    turn(a);
    pay(a, words, ONE);
    if (k % 16 == 15) network_block(net);
  }
  for (int k = 0; k < 10; k++) {
    network_block(net);
    turn(a);
  }
  for (int k = 0; k < 200; k++) {
    snprintf(words, sizeof words, "pay/%d", k);
    assert_int_equal(agent_sent(a, words).where, SENT_DONE);
    assert_int_equal(agent_sent(a, words).code, CHAIN_OK);
  }
  assert_int_equal(received(), 200 * ONE);
  agent_shut(a);
}

/* Six turns, in the first three of which there is something left to do. */
static bool six_turns(struct agent *a, void *role, struct why *why) {
  (void)why;
  int *turns = role;
  if (++*turns <= 3) agent_busy(a);
  return *turns < 6;
}

static void who_is_busy_waits_for_no_block(void **state) {
  (void)state;
  struct agent *a = open_it();
  int turns = 0;
  network_still(net, false); /* a wait makes a block */
  uint64_t height = ledger_chain(network_stage(net)->ledger)->now.height;
  assert_int_equal(agent_run(a, six_turns, &turns, NULL), AGENT_OK);
  assert_int_equal(turns, 6);
  assert_int_equal(ledger_chain(network_stage(net)->ledger)->now.height, height + 2);
  agent_shut(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(sent_once_however_often_asked, begin, end),
      cmocka_unit_test_setup_teardown(what_is_lost_goes_again, begin, end),
      cmocka_unit_test_setup_teardown(what_is_out_of_time_is_signed_again, begin, end),
      cmocka_unit_test_setup_teardown(a_silent_node_is_lost_and_found, begin, end),
      cmocka_unit_test_setup_teardown(a_number_that_another_took, begin, end),
      cmocka_unit_test_setup_teardown(failures_are_told, begin, end),
      cmocka_unit_test_setup_teardown(a_new_account_says_its_key_first, begin, end),
      cmocka_unit_test_setup_teardown(a_journal_is_of_one_account, begin, end),
      cmocka_unit_test_setup_teardown(killed_anywhere_it_pays_once, begin, end),
      cmocka_unit_test_setup_teardown(who_is_busy_waits_for_no_block, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
